/// Time per value of the drift detectors, against the floor: a running mean and nothing else.
///
///   drift_benchmark --benchmark_repetitions=7 --benchmark_report_aggregates_only=true
///
/// Streams: error bits at rate 0.15, standard normal numbers, and bits whose rate changes every
/// 5,000 items. "time" is per pass over 2^18 values; the counter time_per_value is per value.
#include <benchmark/benchmark.h>

#include <memory>
#include <vector>

#include "base/random.h"
#include "leat/detectors.h"

namespace leat {
namespace {

constexpr size_t kValues = size_t{1} << 18;

std::vector<double> Bits() {
  CounterRandom random(1, 1);
  std::vector<double> values(kValues);
  for (double& v : values) v = random.Uniform() < 0.15 ? 1 : 0;
  return values;
}

std::vector<double> Reals() {
  CounterRandom random(1, 2);
  std::vector<double> values(kValues);
  for (double& v : values) v = random.Normal();
  return values;
}

std::vector<double> Drifting() {
  CounterRandom random(1, 3);
  std::vector<double> values(kValues);
  for (size_t i = 0; i < kValues; ++i) {
    values[i] = random.Uniform() < (i / 5000 % 2 == 0 ? 0.1 : 0.4) ? 1 : 0;
  }
  return values;
}

void PerValue(benchmark::State& state) {
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kValues));
  state.counters["time_per_value"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * kValues,
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void Floor(benchmark::State& state, std::vector<double> (*make)()) {
  const std::vector<double> values = make();
  for (auto _ : state) {
    double mean = 0, n = 0;
    for (const double v : values) {
      n += 1;
      mean += (v - mean) / n;
      benchmark::DoNotOptimize(mean);
    }
  }
  PerValue(state);
}

void Run(benchmark::State& state, const DriftDetector& prototype, std::vector<double> (*make)()) {
  const std::vector<double> values = make();
  int64_t detections = 0;
  for (auto _ : state) {
    const std::unique_ptr<DriftDetector> detector = prototype.Fresh();
    detections = 0;
    for (const double v : values) detections += detector->Update(v) == DriftState::kDrift ? 1 : 0;
    benchmark::DoNotOptimize(detections);
  }
  PerValue(state);
  state.counters["detections"] = static_cast<double>(detections);
}

void AdwinRun(benchmark::State& state, std::vector<double> (*make)(), int64_t clock, bool reset) {
  AdwinOptions options;
  options.clock = clock;
  options.reset_on_detection = reset;
  Run(state, **MakeAdwin(options), make);
}

void DdmRun(benchmark::State& state, std::vector<double> (*make)()) {
  Run(state, **MakeDdm({}), make);
}

BENCHMARK_CAPTURE(Floor, bits, &Bits);
BENCHMARK_CAPTURE(Floor, reals, &Reals);
BENCHMARK_CAPTURE(AdwinRun, bits, &Bits, 32, false);
BENCHMARK_CAPTURE(AdwinRun, reals, &Reals, 32, false);
BENCHMARK_CAPTURE(AdwinRun, drifting, &Drifting, 32, false);
BENCHMARK_CAPTURE(AdwinRun, drifting_reset, &Drifting, 32, true);
BENCHMARK_CAPTURE(AdwinRun, bits_clock_1, &Bits, 1, false);
BENCHMARK_CAPTURE(DdmRun, bits, &Bits);
BENCHMARK_CAPTURE(DdmRun, drifting, &Drifting);

}  // namespace
}  // namespace leat
