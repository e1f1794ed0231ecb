/// What the drift detectors find: delay, missed changes and false alarms, by kind of change and by
/// each detector's parameters.
///
///   drift_detection [runs=100]            a table in Markdown
///
/// Streams are error bits of 20,000 items whose rate is 0.2 until item 10,000. sudden: 0.35 from
/// there on; gradual: an item is of the new rate with a probability that follows a sigmoid over
/// the 2,000 after the change; incremental: the rate itself goes up by a line over 2,000 items;
/// recurring: 0.35 and 0.2 in turn, 2,000 items each, and a change counts only if the rate rose.
/// The same streams for every detector, from counter-based random numbers. Delay: items from the
/// beginning of a change to the first signal within its horizon (5,000 items; recurring 2,000), the
/// mean over the changes that were found. Missed: share of the changes without one. False alarms:
/// signals in the first 10,000 items, per 10,000.
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/text_params.h"
#include "drift/registry.h"

namespace leat {
namespace {

constexpr size_t kItems = 20'000, kChange = 10'000, kPeriod = 2'000;
constexpr double kBefore = 0.2, kAfter = 0.35;
constexpr std::array<const char*, 4> kKinds = {"sudden", "gradual", "incremental", "recurring"};

double RateAt(size_t kind, size_t item, CounterRandom& random) {
  const double past = static_cast<double>(item) - static_cast<double>(kChange);
  const double mix = random.Uniform();
  if (past < 0) return kBefore;
  switch (kind) {
    case 0:
      return kAfter;
    case 1:
      return mix < 1 / (1 + std::exp(-4 * (past - 1000) / 1000)) ? kAfter : kBefore;
    case 2:
      return kBefore + (kAfter - kBefore) * std::min(1.0, past / 2000);
    default:
      return (item - kChange) / kPeriod % 2 == 0 ? kAfter : kBefore;
  }
}

std::vector<double> Bits(size_t kind, uint64_t run) {
  CounterRandom random(1, 100 + kind, run << 32);
  std::vector<double> bits(kItems);
  for (size_t i = 0; i < kItems; ++i) {
    const double rate = RateAt(kind, i, random);
    bits[i] = random.Uniform() < rate ? 1 : 0;
  }
  return bits;
}

struct Count {
  double changes = 0, found = 0, delay = 0, alarms = 0, runs = 0;
};

void Run(DriftDetector& detector, size_t kind, const std::vector<double>& bits, Count& count) {
  std::vector<size_t> signals;
  for (size_t i = 0; i < bits.size(); ++i) {
    if (detector.Update(bits[i]) != DriftState::kDrift) continue;
    signals.push_back(i);
    count.alarms += i < kChange ? 1 : 0;
  }
  count.runs += 1;
  const size_t step = kind == 3 ? 2 * kPeriod : kItems, horizon = kind == 3 ? kPeriod : 5'000;
  for (size_t at = kChange; at + horizon <= kItems; at += step) {
    count.changes += 1;
    for (const size_t signal : signals) {
      if (signal < at || signal >= at + horizon) continue;
      count.found += 1;
      count.delay += static_cast<double>(signal - at);
      break;
    }
  }
}

int Main(int argc, char** argv) {
  const std::string argument = argc > 1 ? argv[1] : "";
  const int runs = argument.starts_with("runs=") ? std::atoi(argument.c_str() + 5) : 100;
  const std::vector<std::string> specs = {"adwin",
                                          "adwin delta=0.05",
                                          "adwin delta=0.00001",
                                          "cusum",
                                          "cusum threshold=20",
                                          "ddm",
                                          "ddm drift_threshold=2.5",
                                          "eddm",
                                          "eddm beta=0.8",
                                          "ewma_chart",
                                          "fhddm",
                                          "fhddm window=300",
                                          "hddm_a",
                                          "hddm_a drift_confidence=0.00001",
                                          "hddm_w",
                                          "hddm_w lambda=0.01",
                                          "kswin",
                                          "kswin alpha=0.0001",
                                          "page_hinkley",
                                          "page_hinkley threshold=20",
                                          "rddm",
                                          "seed",
                                          "stepd",
                                          "stepd drift_level=0.0001"};
  std::printf("| detector | false alarms per 10,000 |");
  for (const char* kind : kKinds) std::printf(" %s: delay | missed |", kind);
  std::printf("\n|---|---|");
  for (size_t k = 0; k < kKinds.size(); ++k) std::printf("---|---|");
  std::printf("\n");
  for (const std::string& text : specs) {
    const auto spec = ParseTextSpec(text);
    const auto factory = spec.ok() ? NewDetectorFactory(spec->name) : nullptr;
    if (factory == nullptr) {
      std::fprintf(stderr, "%s: no such detector\n", text.c_str());
      return 2;
    }
    TextParams params(spec->options);
    factory->Describe(params);
    const auto made = factory->Make();
    if (!params.status().ok() || !made.ok()) {
      const Status& wrong = params.status().ok() ? made.status() : params.status();
      std::fprintf(stderr, "%s: %s\n", text.c_str(), std::string(wrong.message()).c_str());
      return 2;
    }
    std::array<Count, kKinds.size()> counts;
    double alarms = 0, all = 0;
    for (size_t kind = 0; kind < kKinds.size(); ++kind) {
      for (int run = 0; run < runs; ++run) {
        const auto detector = (*made)->Fresh();
        Run(*detector, kind, Bits(kind, static_cast<uint64_t>(run)), counts[kind]);
      }
      alarms += counts[kind].alarms;
      all += counts[kind].runs;
    }
    std::printf("| `%s` | %.2f |", text.c_str(), alarms / all);
    for (const Count& c : counts) {
      if (c.found > 0) {
        std::printf(" %.0f |", c.delay / c.found);
      } else {
        std::printf(" - |");
      }
      std::printf(" %.0f %% |", 100 * (1 - c.found / c.changes));
    }
    std::printf("\n");
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace
}  // namespace leat

int main(int argc, char** argv) { return leat::Main(argc, argv); }
