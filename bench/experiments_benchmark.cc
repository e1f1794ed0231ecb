/// Experiments: assignment, the ledger of units with up to 10 million units, intervals, decisions
/// of bandits. The floor of the ledger is its hash map alone.
#include <benchmark/benchmark.h>

#include <boost/unordered/unordered_flat_map.hpp>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/random.h"
#include "experiments/assignment.h"
#include "experiments/bandit.h"
#include "experiments/experiment.h"
#include "experiments/ledger.h"

namespace leat::experiments {
namespace {

void Assign(benchmark::State& state) {
  AssignmentOptions options;
  options.salt = "checkout";
  options.variants = {{"control", 1}, {"treatment", 1}};
  options.traffic = 0.5;
  options.layer = "page";
  options.layer_to = 0.7;
  options.holdout_salt = "2026";
  options.holdout = 0.05;
  const Assigner assigner = std::move(Assigner::Create(options)).value();
  std::vector<std::string> units;
  for (int i = 0; i < 4096; ++i) units.push_back("user-" + std::to_string(Mix64(i)));
  size_t i = 0;
  for (auto _ : state) benchmark::DoNotOptimize(assigner.Assign(units[i++ & 4095], {}));
}
BENCHMARK(Assign);

/// Events of `range` units: a tenth exposures, the rest outcomes of units at random.
LedgerOptions Options() {
  LedgerOptions options;
  options.lateness = kMinute;
  options.metrics = {{"converted", MetricKind::kProportion, 0, 7 * kDay, 0, false, false},
                     {"revenue", MetricKind::kSum, 0, 7 * kDay, 0, true, false}};
  options.max_units = 20'000'000;
  return options;
}

void LedgerEvents(benchmark::State& state) {
  const auto units = static_cast<uint64_t>(state.range(0));
  Ledger ledger(Options());
  int64_t time = 20'000 * kDay;
  for (uint64_t u = 0; u < units; ++u) {
    time += 1000;
    ledger.Advance({time});
    ledger.Exposure(Mix64(u), u & 1, {time});
  }
  CounterRandom random(1, 1);
  uint64_t fresh = units;
  for (auto _ : state) {
    time += 1000;
    ledger.Advance({time});
    const uint64_t bits = random.Next();
    if (bits % 10 == 0) {
      ledger.Exposure(Mix64(fresh), fresh & 1, {time}, fresh + 1);
      ++fresh;
    } else {
      ledger.Outcome(Mix64(random.Below(units)), bits >> 8 & 1, 1.5, 0, {time}, bits | 1);
    }
  }
  state.SetItemsProcessed(state.iterations());
  state.counters["bytes_a_unit"] =
      static_cast<double>(ledger.MemoryBytes()) / static_cast<double>(ledger.units());
}
BENCHMARK(LedgerEvents)->Arg(1'000'000)->Arg(10'000'000)->Unit(benchmark::kNanosecond);

void MapFloor(benchmark::State& state) {
  const auto units = static_cast<uint64_t>(state.range(0));
  boost::unordered_flat_map<uint64_t, uint64_t> map;
  for (uint64_t u = 0; u < units; ++u) map[Mix64(u)] = u;
  CounterRandom random(1, 1);
  for (auto _ : state) benchmark::DoNotOptimize(++map[Mix64(random.Below(units))]);
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(MapFloor)->Arg(10'000'000);

/// What a look computes of one arm and metric that is watched.
void SequenceUpdate(benchmark::State& state) {
  Aggregate a, b;
  CounterRandom random(1, 1);
  for (int i = 0; i < 10'000; ++i) {
    a.Add({ToFixed(random.Uniform()), 0, ToFixed(random.Uniform()), 0});
    b.Add({ToFixed(random.Uniform()), 0, ToFixed(random.Uniform()), 0});
  }
  RunningInference running;
  for (auto _ : state) {
    a.Add({kFixedOne / 2, 0, 0, 0});
    const CupedArms arms = Cuped(a.CupedMean(), b.CupedMean());
    const Effect effect = RelativeEffect(arms.control, arms.treatment);
    running.Add(AsymptoticSequence(effect, {0.05, 20'000, Alternative::kTwoSided}));
    benchmark::DoNotOptimize(running);
  }
}
BENCHMARK(SequenceUpdate);

/// All that a look says, of three variants and ten metrics each: an item is an arm and metric.
void Look(benchmark::State& state) {
  ExperimentOptions options;
  options.name = "page";
  options.assignment.variants = {{"control", 1}, {"a", 1}, {"b", 1}, {"c", 1}};
  for (int m = 0; m < 10; ++m) {
    AnalysedMetric metric;
    metric.data = {.name = "m" + std::to_string(m), .kind = MetricKind::kSum, .window = kMinute};
    options.metrics.push_back(metric);
  }
  auto experiment = std::move(Experiment::Create(options)).value();
  CounterRandom random(1, 1);
  EventTime now{kDay};
  for (uint64_t u = 1; u <= 4000; ++u, now = now + kSecond) {
    experiment->Advance(now);
    experiment->Expose(std::to_string(u), u, now, 0, {});
    for (size_t m = 0; m < 10; ++m) experiment->Outcome(u, m, random.Uniform(), 0, now, 0);
  }
  for (auto _ : state) benchmark::DoNotOptimize(experiment->Look(now).comparisons.data());
  state.SetItemsProcessed(state.iterations() * 30);
}
BENCHMARK(Look);

void Decide(benchmark::State& state) {
  BanditOptions options;
  options.actions = {"a", "b", "c", "d", "e"};
  options.context = 8;
  options.policy.kind = static_cast<PolicyKind>(state.range(0));
  options.reward_window = kMinute;
  auto bandit = std::move(Bandit::Create(options)).value();
  CounterRandom random(1, 1);
  std::vector<double> x(8);
  uint64_t id = 0;
  for (auto _ : state) {
    const EventTime now{static_cast<int64_t>(id) * kSecond};
    bandit->Advance(now);
    for (double& v : x) v = random.Uniform();
    const auto* decision = bandit->Decide(Mix64(++id), x, now);
    if (random.Uniform() < 0.1) bandit->Reward(decision->id, 1, now);
  }
  state.SetLabel(std::string(PolicyNames()[static_cast<size_t>(state.range(0))]));
}
BENCHMARK(Decide)
    ->Arg(static_cast<int>(PolicyKind::kEpsilonGreedy))
    ->Arg(static_cast<int>(PolicyKind::kThompsonBeta))
    ->Arg(static_cast<int>(PolicyKind::kLinUcb))
    ->Arg(static_cast<int>(PolicyKind::kSquareCb));

}  // namespace
}  // namespace leat::experiments
