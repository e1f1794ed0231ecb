/// Linear models: predict then learn on one record, against the floor of a plain dot product over
/// inputs of the same length (what no predictor can be faster than).
#include <benchmark/benchmark.h>

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "base/random.h"
#include "leat/linear.h"

namespace leat {
namespace {

constexpr size_t kRecords = 1024;  // cycled through, so that branches cannot be learnt by heart

struct Stream {
  std::vector<double> dense;        // kRecords rows
  std::vector<SparseEntry> sparse;  // kRecords rows
  std::vector<double> targets;
  size_t dense_size = 0, sparse_count = 0;

  Input Row(size_t i) const {
    return {{dense.data() + i * dense_size, dense_size},
            {sparse.data() + i * sparse_count, sparse_count}};
  }
};

Stream MakeStream(size_t dense, size_t sparse_count, uint32_t sparse_size, bool classify) {
  Stream stream;
  stream.dense_size = dense;
  stream.sparse_count = sparse_count;
  CounterRandom random(1, 1);
  for (size_t i = 0; i < kRecords; ++i) {
    double margin = 0;
    for (size_t j = 0; j < dense; ++j) {
      stream.dense.push_back(random.Normal());
      margin += j % 3 == 0 ? stream.dense.back() : 0;
    }
    for (size_t j = 0; j < sparse_count; ++j) {
      const auto index = static_cast<uint32_t>(random.Below(sparse_size));
      stream.sparse.push_back({index, 1});
      margin += index % 7 == 0 ? 1 : 0;
    }
    margin += random.Normal();
    stream.targets.push_back(classify ? static_cast<double>(margin > 0) : margin);
  }
  return stream;
}

std::unique_ptr<LinearModel> Make(LinearOptimizer optimizer, bool classify, size_t dense,
                                  uint32_t sparse) {
  LinearOptions options;
  options.optimizer = optimizer;
  options.learning_rate = 0.05;
  if (!classify) options.loss = LinearLoss::kSquared;
  InputSpec inputs;
  inputs.dense.resize(dense);
  inputs.sparse_size = sparse;
  auto made =
      classify ? MakeLogisticRegression(options, inputs) : MakeLinearRegression(options, inputs);
  return std::unique_ptr<LinearModel>(static_cast<LinearModel*>(std::move(made).value().release()));
}

void PlainDot(benchmark::State& state) {
  const size_t n = static_cast<size_t>(state.range(0));
  const Stream stream = MakeStream(n, 0, 1, true);
  const std::vector<double> weights(n, 0.5);
  size_t i = 0;
  for (auto _ : state) {
    const double* x = stream.dense.data() + (i++ % kRecords) * n;
    double sum = 0;
    for (size_t j = 0; j < n; ++j) sum += weights[j] * x[j];
    benchmark::DoNotOptimize(sum);
  }
}
BENCHMARK(PlainDot)->Arg(8)->Arg(54);

template <LinearOptimizer kOptimizer, bool kClassify>
void PredictThenLearn(benchmark::State& state) {
  const size_t n = static_cast<size_t>(state.range(0));
  const Stream stream = MakeStream(n, 0, 1, kClassify);
  auto model = Make(kOptimizer, kClassify, n, 0);
  std::vector<double> out;
  size_t i = 0;
  for (auto _ : state) {
    const size_t row = i++ % kRecords;
    const Input input = stream.Row(row);
    model->Predict(input, out);
    benchmark::DoNotOptimize(out.data());
    model->Learn(input, stream.targets[row], 1);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(PredictThenLearn<LinearOptimizer::kSgd, true>)->Arg(8)->Arg(54);
BENCHMARK(PredictThenLearn<LinearOptimizer::kAdaGrad, true>)->Arg(8)->Arg(54);
BENCHMARK(PredictThenLearn<LinearOptimizer::kFtrl, true>)->Arg(8)->Arg(54);
BENCHMARK(PredictThenLearn<LinearOptimizer::kSgd, false>)->Arg(8)->Arg(54);

template <LinearOptimizer kOptimizer>
void Fused(benchmark::State& state) {
  const size_t n = static_cast<size_t>(state.range(0));
  const Stream stream = MakeStream(n, 0, 1, true);
  auto model = Make(kOptimizer, true, n, 0);
  std::vector<double> out;
  size_t i = 0;
  for (auto _ : state) {
    const size_t row = i++ % kRecords;
    model->PredictAndLearn(stream.Row(row), stream.targets[row], 1, out);
    benchmark::DoNotOptimize(out.data());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(Fused<LinearOptimizer::kSgd>)->Arg(8)->Arg(54);
BENCHMARK(Fused<LinearOptimizer::kAdaGrad>)->Arg(8)->Arg(54);
BENCHMARK(Fused<LinearOptimizer::kFtrl>)->Arg(8)->Arg(54);

/// 57 features of value 1 out of 2^range.
template <LinearOptimizer kOptimizer>
void SparsePredict(benchmark::State& state) {
  const uint32_t size = uint32_t{1} << state.range(0);
  const Stream stream = MakeStream(0, 57, size, true);
  auto model = Make(kOptimizer, true, 0, size);
  for (size_t r = 0; r < kRecords; ++r) model->Learn(stream.Row(r), stream.targets[r], 1);
  std::vector<double> out;
  size_t i = 0;
  for (auto _ : state) {
    model->Predict(stream.Row(i++ % kRecords), out);
    benchmark::DoNotOptimize(out.data());
  }
}
template <LinearOptimizer kOptimizer>
void SparseLearn(benchmark::State& state) {
  const uint32_t size = uint32_t{1} << state.range(0);
  const Stream stream = MakeStream(0, 57, size, true);
  auto model = Make(kOptimizer, true, 0, size);
  size_t i = 0;
  for (auto _ : state) {
    const size_t row = i++ % kRecords;
    model->Learn(stream.Row(row), stream.targets[row], 1);
  }
}
BENCHMARK(SparsePredict<LinearOptimizer::kFtrl>)->Arg(10)->Arg(14)->Arg(20);
BENCHMARK(SparseLearn<LinearOptimizer::kFtrl>)->Arg(10)->Arg(14)->Arg(20);
BENCHMARK(SparseLearn<LinearOptimizer::kAdaGrad>)->Arg(14);
BENCHMARK(SparseLearn<LinearOptimizer::kSgd>)->Arg(14);

}  // namespace
}  // namespace leat
