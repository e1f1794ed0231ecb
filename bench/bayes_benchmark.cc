/// Naive Bayes: predict then learn on one record, against the floor of the exponentials that the
/// Gaussian one cannot do without (one for each class and input).
#include <benchmark/benchmark.h>

#include <cmath>
#include <memory>
#include <utility>
#include <vector>

#include "base/random.h"
#include "leat/bayes.h"

namespace leat {
namespace {

constexpr size_t kRecords = 1024;
constexpr size_t kDense = 10;
constexpr uint64_t kClasses = 7;

std::vector<double> Values() {
  CounterRandom random(1, 2);
  std::vector<double> values(kRecords * kDense);
  for (double& x : values) x = random.Normal();
  return values;
}

void Exponentials(benchmark::State& state) {
  const std::vector<double> values = Values();
  size_t i = 0;
  for (auto _ : state) {
    const double* x = values.data() + (i++ % kRecords) * kDense;
    for (uint64_t c = 0; c < kClasses; ++c) {
      for (size_t j = 0; j < kDense; ++j) benchmark::DoNotOptimize(std::exp(-x[j] * x[j]));
    }
  }
}
BENCHMARK(Exponentials);

void Run(benchmark::State& state, Result<std::unique_ptr<Model>> made, uint32_t sparse) {
  const std::unique_ptr<Model> model = std::move(made).value();
  const std::vector<double> values = Values();
  CounterRandom random(1, 3);
  std::vector<SparseEntry> words(kRecords * 20);
  for (SparseEntry& word : words) {
    word = {static_cast<uint32_t>(random.Below(sparse == 0 ? 1 : sparse)), 1};
  }
  std::vector<double> out;
  size_t i = 0;
  for (auto _ : state) {
    const size_t row = i++ % kRecords;
    const Input input{{values.data() + row * kDense, kDense},
                      {words.data() + row * 20, sparse == 0 ? size_t{0} : size_t{20}}};
    model->Predict(input, out);
    benchmark::DoNotOptimize(out.data());
    model->Learn(input, static_cast<double>(row % kClasses), 1);
  }
  state.SetItemsProcessed(state.iterations());
}

InputSpec Layout(uint32_t sparse) {
  InputSpec inputs;
  inputs.dense.resize(kDense);
  inputs.sparse_size = sparse;
  return inputs;
}

void Gaussian(benchmark::State& state) { Run(state, MakeGaussianNb({}, Layout(0)), 0); }
void Multinomial(benchmark::State& state) {
  Run(state, MakeMultinomialNb({}, Layout(1 << 14)), 1 << 14);
}
void Bernoulli(benchmark::State& state) {
  Run(state, MakeBernoulliNb({}, Layout(1 << 14)), 1 << 14);
}
BENCHMARK(Gaussian);
BENCHMARK(Multinomial);
BENCHMARK(Bernoulli);

}  // namespace
}  // namespace leat
