/// Rows a second of the anomaly detectors, each row scored and then learnt, as a pipeline does.
///
///   anomaly_benchmark --benchmark_repetitions=5 --benchmark_report_aggregates_only=true
///
/// Rows: ten normal numbers around two centres; the first pass over 2^16 rows is a warm-up.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "models/registry.h"

namespace leat {
namespace {

constexpr size_t kRows = size_t{1} << 16, kWidth = 10;

const std::vector<double>& Rows() {
  static const std::vector<double> rows = [] {
    CounterRandom random(1, 1);
    std::vector<double> values;
    for (size_t r = 0; r < kRows; ++r) {
      const double centre = random.Below(2) == 0 ? -2 : 2;
      for (size_t i = 0; i < kWidth; ++i) values.push_back(centre + random.Normal());
    }
    return values;
  }();
  return rows;
}

void Detector(benchmark::State& state, const std::string& type) {
  InputSpec spec;
  for (size_t i = 0; i < kWidth; ++i) spec.dense.push_back({"x", false, 0});
  auto model = std::move(*NewModelFactory(type)->Make(spec));
  std::vector<double> out;
  double sum = 0;
  const auto pass = [&] {
    for (size_t r = 0; r < kRows; ++r) {
      const Input input{{Rows().data() + r * kWidth, kWidth}, {}};
      model->Predict(input, out);
      model->Learn(input, 0, 1);
      sum += out.empty() ? 0 : out[0];
    }
  };
  pass();
  for (auto _ : state) pass();
  benchmark::DoNotOptimize(sum);
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kRows));
  state.counters["bytes"] = static_cast<double>(model->MemoryBytes());
}

BENCHMARK_CAPTURE(Detector, half_space_trees, "half_space_trees");
BENCHMARK_CAPTURE(Detector, isolation_forest, "isolation_forest");
BENCHMARK_CAPTURE(Detector, loda, "loda");
BENCHMARK_CAPTURE(Detector, robust_zscore, "robust_zscore");

}  // namespace
}  // namespace leat
