/// Streaming k-means: predict then learn on one record, against the floor of the plain squared
/// distances to as many centres.
#include <benchmark/benchmark.h>

#include <memory>
#include <utility>
#include <vector>

#include "base/random.h"
#include "leat/kmeans.h"

namespace leat {
namespace {

constexpr size_t kRecords = 1024;
constexpr size_t kDense = 10;
constexpr size_t kClusters = 8;

std::vector<double> Values() {
  CounterRandom random(1, 4);
  std::vector<double> values(kRecords * kDense);
  for (double& x : values) x = random.Normal();
  return values;
}

void PlainDistances(benchmark::State& state) {
  const std::vector<double> values = Values();
  const std::vector<double> centres(kClusters * kDense, 0.5);
  size_t i = 0;
  for (auto _ : state) {
    const double* x = values.data() + (i++ % kRecords) * kDense;
    for (size_t c = 0; c < kClusters; ++c) {
      double sum = 0;
      for (size_t j = 0; j < kDense; ++j) {
        const double difference = x[j] - centres[c * kDense + j];
        sum += difference * difference;
      }
      benchmark::DoNotOptimize(sum);
    }
  }
}
BENCHMARK(PlainDistances);

void PredictThenLearn(benchmark::State& state) {
  KMeansOptions options;
  options.half_life = 10'000;
  InputSpec inputs;
  inputs.dense.resize(kDense);
  const std::unique_ptr<Model> model = std::move(MakeKMeans(options, inputs)).value();
  const std::vector<double> values = Values();
  for (size_t r = 0; r < kRecords; ++r) {
    model->Learn({{values.data() + r * kDense, kDense}, {}}, 0, 1);
  }
  std::vector<double> out;
  size_t i = 0;
  for (auto _ : state) {
    const Input input{{values.data() + (i++ % kRecords) * kDense, kDense}, {}};
    model->Predict(input, out);
    benchmark::DoNotOptimize(out.data());
    model->Learn(input, 0, 1);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(PredictThenLearn);

}  // namespace
}  // namespace leat
