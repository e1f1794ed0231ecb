// The cost of evaluation: one label (all three views), and one row of the metrics sink.
//
// Scores are spread over many buckets (a logistic model on a 1 % stream), or constant as a
// baseline's.
#include <benchmark/benchmark.h>

#include <cmath>
#include <random>

#include "evaluation/evaluation.h"

namespace leat {
namespace {

struct Item {
  double p[2];
  double target;
};

std::vector<Item> Fraud(size_t n) {
  std::mt19937_64 random(1);
  std::normal_distribution<double> noise;
  std::vector<Item> items;
  for (size_t i = 0; i < n; ++i) {
    const bool positive = random() % 100 == 0;
    const double s = 1 / (1 + std::exp(-(-5 + (positive ? 4 : 0) + 1.5 * noise(random))));
    items.push_back({{1 - s, s}, positive ? 1.0 : 0.0});
  }
  return items;
}

void AddBinary(benchmark::State& state) {
  const std::vector<Item> items = Fraud(1 << 18);
  const auto evaluator = MakeEvaluator(EvaluationTask::kBinary, {});
  int64_t i = 0;
  for (auto _ : state) {
    const Item& item = items[static_cast<size_t>(i) & (items.size() - 1)];
    evaluator->Add({{i * 9 * kSecond}, item.p, item.target});
    ++i;
  }
  state.SetItemsProcessed(i);
}
BENCHMARK(AddBinary);

void AddBaseline(benchmark::State& state) {
  const std::vector<Item> items = Fraud(1 << 18);
  const auto evaluator = MakeEvaluator(EvaluationTask::kBinary, {});
  Baselines baselines(EvaluationTask::kBinary);
  std::vector<double> p;
  int64_t i = 0;
  for (auto _ : state) {
    const Item& item = items[static_cast<size_t>(i) & (items.size() - 1)];
    baselines.Predict(static_cast<int>(state.range(0)), p);
    evaluator->Add({{i * 9 * kSecond}, p, item.target});
    baselines.Learn(item.target);
    ++i;
  }
  state.SetItemsProcessed(i);
}
BENCHMARK(AddBaseline)->Arg(0)->Arg(2);

void AddMulticlass(benchmark::State& state) {
  std::mt19937_64 random(1);
  const auto evaluator = MakeEvaluator(EvaluationTask::kMulticlass, {});
  std::vector<double> p = {0.1, 0.2, 0.05, 0.3, 0.15, 0.1, 0.1};
  int64_t i = 0;
  for (auto _ : state) {
    std::swap(p[static_cast<size_t>(i) % 7], p[3]);
    evaluator->Add({{i * kSecond}, p, static_cast<double>(i % 7)});
    ++i;
  }
  state.SetItemsProcessed(i);
}
BENCHMARK(AddMulticlass);

void AddRegression(benchmark::State& state) {
  const auto evaluator = MakeEvaluator(EvaluationTask::kRegression, {});
  double p = 0;
  int64_t i = 0;
  for (auto _ : state) {
    p = 0.5 * p + static_cast<double>(i % 17);
    evaluator->Add({{i * kSecond}, std::span(&p, 1), static_cast<double>(i % 17)});
    ++i;
  }
  state.SetItemsProcessed(i);
}
BENCHMARK(AddRegression);

/// range(0): -1 for a model's scores, else a baseline; range(1): the view.
void Values(benchmark::State& state) {
  const std::vector<Item> items = Fraud(200'000);
  const auto evaluator = MakeEvaluator(EvaluationTask::kBinary, {});
  Baselines baselines(EvaluationTask::kBinary);
  std::vector<double> p;
  int64_t i = 0;
  for (const Item& item : items) {
    p.assign(item.p, item.p + 2);
    if (state.range(0) >= 0) baselines.Predict(static_cast<int>(state.range(0)), p);
    evaluator->Add({{i++ * 9 * kSecond}, p, item.target});
    baselines.Learn(item.target);
  }
  for (auto _ : state) {  // Every time after one more label: what a view keeps does not count.
    evaluator->Add({{i++ * 9 * kSecond}, p, 0});
    benchmark::DoNotOptimize(evaluator->Values(static_cast<View>(state.range(1))));
  }
}
BENCHMARK(Values)->ArgsProduct({{-1, 0, 2}, {0, 1, 2}})->Unit(benchmark::kMicrosecond);

/// A row of the metrics sink with few metrics chosen; range(0) as above.
void ChosenRow(benchmark::State& state) {
  const std::vector<Item> items = Fraud(200'000);
  EvaluationOptions options;
  options.metrics = {"average_precision", "roc_auc", "precision_at_k", "log_loss"};
  const auto evaluator = MakeEvaluator(EvaluationTask::kBinary, options);
  Baselines baselines(EvaluationTask::kBinary);
  std::vector<double> p;
  int64_t i = 0;
  for (auto _ : state) {
    state.PauseTiming();
    for (int n = i == 0 ? 190'000 : 100; n > 0; --n) {
      const Item& item = items[static_cast<size_t>(i) % items.size()];
      p.assign(item.p, item.p + 2);
      if (state.range(0) >= 0) baselines.Predict(static_cast<int>(state.range(0)), p);
      evaluator->Add({{i++ * 9 * kSecond}, p, item.target});
      baselines.Learn(item.target);
    }
    state.ResumeTiming();
    for (const View view : {View::kCumulative, View::kWindow, View::kFading}) {
      benchmark::DoNotOptimize(evaluator->ChosenValues(view));
    }
  }
}
BENCHMARK(ChosenRow)->Arg(-1)->Arg(0)->Arg(2)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace leat
