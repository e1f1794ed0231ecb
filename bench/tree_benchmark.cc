/// Rows a second of the Hoeffding tree and the mixed naive Bayes, prequential and in memory, beside
/// a floor: the majority class over the same rows in the same loop.
///
/// Streams: electricity (of the folder LEAT_DATA; skipped with a message when absent),
/// all numeric, with the day as a nominal attribute, and a synthetic one. `correct` is the share of
/// rows predicted right, so that a fast wrong answer shows. `fused` descends once for both steps;
/// `interface` goes through Predict (probabilities) and Learn of leat::Model.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "bench/rows.h"
#include "leat/hoeffding_tree.h"
#include "models/trees/hoeffding_tree.h"
#include "models/trees/naive_bayes_mixed.h"

namespace leat {
namespace {

Rows ReadElectricity(bool nominal_day) {
  const std::string text = ReadData("electricity");
  Rows stream;
  constexpr size_t kColumns = 8;
  const char* p = text.c_str();
  while (*p != '\0' && *p != '\n') ++p;
  while (*p == '\n' && p[1] != '\0') {
    ++p;
    for (size_t c = 0; c < kColumns; ++c) {
      char* end = nullptr;
      const double value = std::strtod(p, &end);
      stream.values.push_back(nominal_day && c == 1 ? value - 1 : value);
      p = end + 1;
    }
    stream.targets.push_back(*p == 'U' ? 0 : 1);
    while (*p != '\0' && *p != '\n') ++p;
  }
  for (size_t c = 0; c < kColumns; ++c) {
    stream.spec.dense.push_back({"c" + std::to_string(c), nominal_day && c == 1, 0});
  }
  return stream;
}

/// Ten numbers, two nominal attributes and four classes by a rule with a tenth of noise.
Rows MakeSynthetic() {
  Rows stream;
  for (size_t c = 0; c < 12; ++c) {
    stream.spec.dense.push_back({"x" + std::to_string(c), c >= 10, 0});
  }
  CounterRandom random(7, 1);
  for (size_t r = 0; r < 100'000; ++r) {
    double x[12];
    for (size_t c = 0; c < 12; ++c) {
      x[c] = c < 10 ? random.Normal() : static_cast<double>(random.Below(5));
    }
    const bool first = x[0] + 0.5 * x[1] > 0, second = x[10] > 2 ? x[2] > 0.3 : x[3] < 0;
    double label = (first ? 2 : 0) + (second ? 1 : 0);
    if (random.Uniform() < 0.1) label = static_cast<double>(random.Below(4));
    stream.values.insert(stream.values.end(), x, x + 12);
    stream.targets.push_back(label);
  }
  return stream;
}

const Rows& Get(int which) {
  static const Rows streams[] = {ReadElectricity(false), ReadElectricity(true), MakeSynthetic()};
  return streams[which];
}

/// Runs `make()` over the stream once an iteration; `step` gives the class, then learns.
template <typename Make, typename StepFunction>
void Prequential(benchmark::State& state, const Make& make, const StepFunction& step) {
  const Rows& stream = Get(static_cast<int>(state.range(0)));
  if (stream.rows() == 0) {
    state.SkipWithError("electricity.csv.zst not found; set LEAT_DATA");
    return;
  }
  size_t correct = 0;
  for (auto _ : state) {
    auto learner = make(stream.spec);
    correct = 0;
    for (size_t r = 0; r < stream.rows(); ++r) {
      const size_t decision = step(*learner, stream.row(r), stream.targets[r]);
      correct += static_cast<double>(decision) == stream.targets[r] ? 1 : 0;
    }
    benchmark::DoNotOptimize(correct);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(stream.rows()));
  state.counters["correct"] = static_cast<double>(correct) / static_cast<double>(stream.rows());
}

struct MajorityClass {
  std::vector<double> counts;
};

void Floor(benchmark::State& state) {
  Prequential(
      state, [](const InputSpec&) { return std::make_unique<MajorityClass>(); },
      [](MajorityClass& m, const Input& input, double label) {
        benchmark::DoNotOptimize(input.dense.data());
        const size_t decision = trees::FirstMaximum(m.counts);
        const auto index = static_cast<size_t>(label);
        if (m.counts.size() <= index) m.counts.resize(index + 1);
        m.counts[index] += 1;
        return decision;
      });
}

auto TreeMaker(LeafPrediction leaf) {
  return [leaf](const InputSpec& spec) {
    HoeffdingTreeOptions options;
    options.leaf_prediction = leaf;
    return std::make_unique<trees::HoeffdingTree>(options, spec);
  };
}

void TreeFused(benchmark::State& state, LeafPrediction leaf) {
  Prequential(state, TreeMaker(leaf),
              [](trees::HoeffdingTree& tree, const Input& input, double label) {
                return tree.ClassifyAndLearn(input, label, 1);
              });
}

template <typename Learner>
size_t PredictThenLearn(Learner& learner, const Input& input, double label) {
  static std::vector<double> probabilities;
  learner.Predict(input, probabilities);
  learner.Learn(input, label, 1);
  return trees::FirstMaximum(probabilities);
}

void TreeInterface(benchmark::State& state, LeafPrediction leaf) {
  Prequential(state, TreeMaker(leaf), [](Model& tree, const Input& input, double label) {
    return PredictThenLearn(tree, input, label);
  });
}

void NaiveBayesInterface(benchmark::State& state) {
  Prequential(
      state,
      [](const InputSpec& spec) {
        return std::make_unique<trees::NaiveBayesMixed>(NaiveBayesOptions{}, spec);
      },
      [](Model& model, const Input& input, double label) {
        return PredictThenLearn(model, input, label);
      });
}

#define LEAT_STREAMS ->ArgName("stream")->DenseRange(0, 2)->Unit(benchmark::kMillisecond)
BENCHMARK(Floor) LEAT_STREAMS;
BENCHMARK_CAPTURE(TreeFused, nba, LeafPrediction::kNaiveBayesAdaptive) LEAT_STREAMS;
BENCHMARK_CAPTURE(TreeInterface, nba, LeafPrediction::kNaiveBayesAdaptive) LEAT_STREAMS;
BENCHMARK_CAPTURE(TreeFused, mc, LeafPrediction::kMajorityClass) LEAT_STREAMS;
BENCHMARK(NaiveBayesInterface) LEAT_STREAMS;

}  // namespace
}  // namespace leat
