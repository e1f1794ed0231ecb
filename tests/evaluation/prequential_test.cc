#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <deque>
#include <limits>
#include <random>

#include "evaluation/evaluation.h"

namespace leat {
namespace {

using ::testing::DoubleEq;
using ::testing::ElementsAre;

double Named(const MetricValues& values, std::string_view name) {
  for (const auto& [n, v] : values) {
    if (n == name) return v;
  }
  ADD_FAILURE() << "no metric is called " << name;
  return 0;
}

struct Label {
  EventTime time;
  std::vector<double> prediction;
  double target;
  double weight = 1;
};

/// A stream with drift, some weights, some missing predictions.
std::vector<Label> Stream(EvaluationTask task, int n) {
  std::mt19937_64 random(3);
  const auto uniform = [&] { return static_cast<double>(random() >> 11) * 0x1p-53; };
  std::vector<Label> labels;
  for (int i = 0; i < n; ++i) {
    Label l{{i * kHour}, {}, 0, i % 5 == 0 ? 0.5 : 1.0};
    if (task == EvaluationTask::kRegression) {
      l.target = 10 * uniform() - 3;
      l.prediction = {l.target + uniform() - (i > n / 2 ? 0.2 : 0.5)};
    } else if (task == EvaluationTask::kBinary) {
      const double score = uniform();
      l.target = uniform() < score * (i > n / 2 ? 0.9 : 0.4);
      l.prediction = {1 - score, score};
    } else {
      for (int c = 0; c < 4; ++c) l.prediction.push_back(uniform());
      const double sum = l.prediction[0] + l.prediction[1] + l.prediction[2] + l.prediction[3];
      for (double& p : l.prediction) p /= sum;
      l.target = static_cast<double>(random() % 4);
    }
    if (i % 11 == 3) l.prediction.clear();
    labels.push_back(std::move(l));
  }
  return labels;
}

void AddTo(PrequentialEvaluator& evaluator, const Label& l) {
  evaluator.Add({l.time, l.prediction, l.target, l.weight});
}

std::string Bytes(const PrequentialEvaluator& evaluator) {
  StateWriter out;
  evaluator.Save(out);
  return out.Take();
}

/// Equal to the last bit, two NaNs included.
void ExpectSame(const MetricValues& a, const MetricValues& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].first, b[i].first);
    EXPECT_EQ(std::isnan(a[i].second), std::isnan(b[i].second)) << a[i].first;
    if (!std::isnan(a[i].second)) {
      EXPECT_EQ(a[i].second, b[i].second) << a[i].first;
    }
  }
}

class AllTasks : public ::testing::TestWithParam<EvaluationTask> {
 protected:
  static EvaluationOptions Options() {
    EvaluationOptions options;
    options.window = 100;
    options.fading = 0.9;
    options.top = 3;
    return options;
  }
};

INSTANTIATE_TEST_SUITE_P(Tasks, AllTasks,
                         ::testing::Values(EvaluationTask::kBinary, EvaluationTask::kMulticlass,
                                           EvaluationTask::kRegression));

TEST_P(AllTasks, EveryMetricHasARegisteredName) {
  const auto evaluator = MakeEvaluator(GetParam(), Options());
  const auto names = MetricNames();
  for (const View view : {View::kCumulative, View::kWindow, View::kFading}) {
    for (const auto& [name, value] : evaluator->Values(view)) {
      EXPECT_TRUE(std::find(names.begin(), names.end(), name) != names.end()) << name;
      EXPECT_TRUE(name == "count" || std::isnan(value)) << name << " without a label";
    }
  }
}

TEST_P(AllTasks, AFullWindowEqualsTheCumulativeView) {
  EvaluationOptions options = Options();
  options.window = 1000;
  const auto evaluator = MakeEvaluator(GetParam(), options);
  for (const Label& l : Stream(GetParam(), 700)) AddTo(*evaluator, l);
  const MetricValues window = evaluator->Values(View::kWindow);
  const MetricValues all = evaluator->Values(View::kCumulative);
  for (size_t i = 0; i < window.size(); ++i) {
    const bool order = window[i].first == "roc_auc" || window[i].first == "average_precision";
    EXPECT_NEAR(window[i].second, all[i].second, order ? 1e-3 : 0) << window[i].first;
  }
}

// What a baseline saw before the window differs from what a fresh evaluator saw, so metrics against
// earlier labels, and labels without a prediction, are left out here (see the tests below).
TEST_P(AllTasks, TheWindowEqualsAComputationFromScratch) {
  const auto evaluator = MakeEvaluator(GetParam(), Options());
  std::vector<Label> stream = Stream(GetParam(), 777);
  std::erase_if(stream, [](const Label& l) { return l.prediction.empty(); });
  for (const Label& l : stream) AddTo(*evaluator, l);
  const auto fresh = MakeEvaluator(GetParam(), Options());
  for (size_t i = stream.size() - 100; i < stream.size(); ++i) AddTo(*fresh, stream[i]);
  MetricValues a = evaluator->Values(View::kWindow), b = fresh->Values(View::kWindow);
  const auto earlier = [](const auto& named) {
    const std::string& name = named.first;
    return name == "kappa_t" || name == "kappa_m" || name == "no_change_accuracy" ||
           name == "majority_accuracy" || name == "precision_at_k";
  };
  std::erase_if(a, earlier);
  std::erase_if(b, earlier);
  ExpectSame(a, b);
}

TEST_P(AllTasks, SaveLoadContinueIsBitEqual) {
  const std::vector<Label> stream = Stream(GetParam(), 900);
  for (const size_t cut : {size_t{0}, size_t{40}, size_t{555}}) {
    const auto straight = MakeEvaluator(GetParam(), Options());
    for (size_t i = 0; i < cut; ++i) AddTo(*straight, stream[i]);
    const std::string saved = Bytes(*straight);
    const auto loaded = MakeEvaluator(GetParam(), Options());
    for (size_t i = 0; i < 30; ++i) AddTo(*loaded, stream[i]);  // Load must forget these.
    StateReader in(saved);
    ASSERT_TRUE(loaded->Load(in).ok());
    EXPECT_TRUE(in.AtEnd());
    EXPECT_EQ(Bytes(*loaded), saved);
    for (size_t i = cut; i < stream.size(); ++i) {
      AddTo(*straight, stream[i]);
      AddTo(*loaded, stream[i]);
    }
    EXPECT_EQ(Bytes(*loaded), Bytes(*straight));
    for (const View view : {View::kCumulative, View::kWindow, View::kFading}) {
      ExpectSame(loaded->Values(view), straight->Values(view));
    }
  }
}

TEST_P(AllTasks, RefusesStatesThatAreCutShortOrOfAnotherWindow) {
  const auto evaluator = MakeEvaluator(GetParam(), Options());
  for (const Label& l : Stream(GetParam(), 200)) AddTo(*evaluator, l);
  const std::string saved = Bytes(*evaluator);
  for (size_t size = 0; size < saved.size(); size += 97) {
    StateReader in(std::string_view(saved).substr(0, size));
    EXPECT_EQ(MakeEvaluator(GetParam(), Options())->Load(in).code(), StatusCode::kCorrupt);
  }
  EvaluationOptions wider = Options();
  wider.window = 101;
  StateReader in(saved);
  EXPECT_EQ(MakeEvaluator(GetParam(), wider)->Load(in).code(), StatusCode::kCorrupt);
}

TEST_P(AllTasks, BadNumbersReachNoMetric) {
  const double nan = std::nan("");
  const auto evaluator = MakeEvaluator(GetParam(), Options());
  const std::vector<Label> stream = Stream(GetParam(), 50);
  for (const Label& l : stream) AddTo(*evaluator, l);
  const int64_t before = evaluator->count();
  evaluator->Add({{0}, stream[0].prediction, nan, 1});  // No label: ignored.
  EXPECT_EQ(evaluator->count(), before);
  const std::vector<double> broken(4, nan);
  evaluator->Add({{0}, broken, 1, 1});                  // No usable prediction: counted as none.
  evaluator->Add({{0}, stream[0].prediction, 1, nan});  // No usable weight: weighs nothing.
  EXPECT_EQ(evaluator->count(), before + 2);
  for (const View view : {View::kCumulative, View::kWindow, View::kFading}) {
    for (const auto& [name, value] : evaluator->Values(view)) {
      const bool faded_maximum = name == "max_error" && view == View::kFading;
      EXPECT_EQ(std::isfinite(value), !faded_maximum) << name;
    }
  }
}

TEST(BinaryEvaluatorTest, MatchesValuesWorkedByHand) {
  EvaluationOptions options;
  options.fading = 0.5;
  const auto evaluator = MakeEvaluator(EvaluationTask::kBinary, options);
  const std::vector<std::pair<double, int>> labels = {{0.8, 1}, {0.6, 0}, {0.4, 1}, {0.1, 0}};
  for (const auto& [score, y] : labels) {
    const std::vector<double> p = {1 - score, score};
    evaluator->Add({{0}, p, static_cast<double>(y)});
  }
  const MetricValues all = evaluator->Values(View::kCumulative);
  EXPECT_EQ(Named(all, "count"), 4);
  EXPECT_DOUBLE_EQ(Named(all, "accuracy"), 0.5);
  // Previous labels 0 1 0 1 against 1 0 1 0: never right. Majorities 0 1 0 1: the same.
  EXPECT_EQ(Named(all, "no_change_accuracy"), 0);
  EXPECT_EQ(Named(all, "majority_accuracy"), 0);
  EXPECT_DOUBLE_EQ(Named(all, "kappa_t"), 0.5);
  EXPECT_DOUBLE_EQ(Named(all, "brier"), (0.04 + 0.36 + 0.36 + 0.01) / 4);
  EXPECT_NEAR(Named(all, "log_loss"),
              -(std::log(0.8) + std::log(0.4) + std::log(0.4) + std::log(0.9)) / 4, 1e-15);
  EXPECT_DOUBLE_EQ(Named(all, "roc_auc"), 0.75);
  EXPECT_DOUBLE_EQ(Named(all, "average_precision"), (1 + 2.0 / 3) / 2);
  EXPECT_THAT(evaluator->Confusion(), ElementsAre(ElementsAre(1, 1), ElementsAre(1, 1)));
  // Right, wrong, wrong, right with weights 1/8, 1/4, 1/2, 1.
  const MetricValues fading = evaluator->Values(View::kFading);
  EXPECT_DOUBLE_EQ(Named(fading, "accuracy"), 1.125 / 1.875);
  EXPECT_DOUBLE_EQ(Named(fading, "count"), 1.875);
  // Pairs: (0.8, 0.6) 1/32, (0.8, 0.1) 1/8, (0.4, 0.1) 1/2 right; (0.4, 0.6) 1/8 wrong.
  EXPECT_DOUBLE_EQ(Named(fading, "roc_auc"), (1.0 / 32 + 1.0 / 8 + 0.5) / (0.625 * 1.25));
}

TEST(BinaryEvaluatorTest, NoPredictionIsClassZeroAtTheShareOfEarlierPositives) {
  const auto evaluator = MakeEvaluator(EvaluationTask::kBinary, {});
  evaluator->Add({{0}, {}, 1});  // Nothing known yet: 1/2, and yet class 0.
  EXPECT_DOUBLE_EQ(Named(evaluator->Values(View::kCumulative), "log_loss"), std::log(2));
  EXPECT_EQ(evaluator->Confusion()[1][0], 1);
  evaluator->Add({{0}, {}, 1});  // (1 + 1) / (1 + 2).
  EXPECT_DOUBLE_EQ(Named(evaluator->Values(View::kCumulative), "log_loss"),
                   (std::log(2) + std::log(1.5)) / 2);
  EXPECT_EQ(evaluator->Confusion()[1][0], 2);
}

/// Long runs of the same score and label, as a baseline gives, with breaks of every kind.
std::vector<Label> Runs(std::mt19937_64& random, bool weights) {
  std::vector<Label> labels;
  EventTime time{0};
  while (labels.size() < 6000) {
    const double score = std::array{0.0, 1.0, 0.25, 0.5}[random() % 4];
    Label l{time, {1 - score, score}, static_cast<double>(random() % 8 == 0)};
    if (random() % 16 == 0) l.prediction.clear();
    if (random() % 32 == 0) l.target = std::numeric_limits<double>::quiet_NaN();
    if (weights && random() % 64 == 0) l.weight = 0.3;
    for (size_t n = random() % 90; n > 0; --n) {
      l.time = time = time + static_cast<Micros>(random() % static_cast<uint64_t>(kHour));
      if (random() % 256 == 0) l.time = time - 40 * kDay;  // Too late for its period.
      labels.push_back(l);
    }
  }
  return labels;
}

TEST(BinaryEvaluatorTest, AllAtOnceIsOneByOneToTheLastBit) {
  std::mt19937_64 random(8);
  for (const int64_t window : {1, 2, 10, 50, 1000, 100'000}) {
    for (const bool few : {false, true}) {
      EvaluationOptions options;
      options.window = window;
      options.fading = window < 100 ? 0.9 : 0.999;  // Scaled every 1,300 labels, or not at all.
      options.top = 1 + static_cast<int64_t>(random() % 40);
      if (few) options.metrics = {"log_loss", "roc_auc", "precision_at_k"};
      const auto single = MakeEvaluator(EvaluationTask::kBinary, options);
      const auto batch = MakeEvaluator(EvaluationTask::kBinary, options);
      const std::vector<Label> labels = Runs(random, window == 10);
      std::vector<Scored> scored;
      for (const Label& l : labels) {
        AddTo(*single, l);
        scored.push_back({l.time, l.prediction, l.target, l.weight});
        if (random() % 100 != 0) continue;
        batch->AddAll(scored);
        scored.clear();
        ASSERT_EQ(Bytes(*batch), Bytes(*single))
            << "window " << window << ", label " << single->count();
      }
    }
  }
}

TEST(BinaryEvaluatorTest, KappaBaselinesSeeEarlierLabelsOnly) {
  // Alternating labels: the previous label is never right. A majority that counted the present
  // label would be right on every second one; one of earlier labels never is.
  const auto evaluator = MakeEvaluator(EvaluationTask::kBinary, {});
  const std::vector<double> p = {0.3, 0.7};
  for (int i = 0; i < 100; ++i) evaluator->Add({{0}, p, i % 2 == 0 ? 1.0 : 0.0});
  const MetricValues all = evaluator->Values(View::kCumulative);
  EXPECT_EQ(Named(all, "no_change_accuracy"), 0);
  EXPECT_EQ(Named(all, "majority_accuracy"), 0);
}

TEST(BinaryEvaluatorTest, ChosenValuesAreThoseOfAllValues) {
  for (const bool weighted : {false, true}) {
    EvaluationOptions options;
    options.window = 100;
    const auto all = MakeEvaluator(EvaluationTask::kBinary, options);
    std::vector<Label> stream = Stream(EvaluationTask::kBinary, 300);
    for (Label& l : stream) {
      if (!weighted) l.weight = 1;
      AddTo(*all, l);
    }
    for (const std::vector<std::string>& metrics : {std::vector<std::string>{"log_loss", "count"},
                                                    {"roc_auc"},
                                                    {"precision_at_k"},
                                                    {"average_precision", "brier"},
                                                    {"kappa_t", "kappa_m", "ece"}}) {
      options.metrics = metrics;
      const auto chosen = MakeEvaluator(EvaluationTask::kBinary, options);
      for (const Label& l : stream) AddTo(*chosen, l);
      for (const View view : {View::kCumulative, View::kWindow, View::kFading}) {
        const MetricValues some = chosen->ChosenValues(view), every = all->Values(view);
        for (const std::string& name : metrics) EXPECT_EQ(Named(some, name), Named(every, name));
      }
    }
  }
}

TEST(BinaryEvaluatorTest, DecidesAtTheThresholdInclusive) {
  EvaluationOptions options;
  options.threshold = 0.25;
  const auto evaluator = MakeEvaluator(EvaluationTask::kBinary, options);
  evaluator->Add({{0}, std::vector<double>{0.75, 0.25}, 1});
  evaluator->Add({{0}, std::vector<double>{0.76, 0.24}, 1});
  EXPECT_THAT(evaluator->Confusion()[1], ElementsAre(1, 1));
}

TEST(BinaryEvaluatorTest, MemoryIsBoundedByTheWindow) {
  EvaluationOptions options;
  options.window = 1000;
  const auto evaluator = MakeEvaluator(EvaluationTask::kBinary, options);
  for (const Label& l : Stream(EvaluationTask::kBinary, 20000)) AddTo(*evaluator, l);
  EXPECT_LT(evaluator->MemoryBytes(), size_t{1000 * 32 + (2 << 20) + (200 << 10)});
  EXPECT_EQ(Named(evaluator->Values(View::kWindow), "count") < 1000, true);
}

TEST(MulticlassEvaluatorTest, MatchesValuesWorkedByHand) {
  const auto evaluator = MakeEvaluator(EvaluationTask::kMulticlass, {});
  evaluator->Add({{0}, std::vector<double>{0.5, 0.25, 0.25}, 0});
  evaluator->Add({{0}, std::vector<double>{0.5, 0.25, 0.25}, 2});
  evaluator->Add({{0}, std::vector<double>{0.25, 0.25, 0.5}, 2});
  evaluator->Add({{0}, std::vector<double>{0.4, 0.4, 0.2}, 1});  // A tie goes to class 0.
  const MetricValues all = evaluator->Values(View::kCumulative);
  EXPECT_DOUBLE_EQ(Named(all, "accuracy"), 0.5);
  EXPECT_NEAR(Named(all, "log_loss"),
              -(std::log(0.5) + std::log(0.25) + std::log(0.5) + std::log(0.4)) / 4, 1e-15);
  EXPECT_NEAR(Named(all, "brier"), (0.375 + 0.875 + 0.375 + 0.56) / 4, 1e-15);
  // Previous: 0 0 2 2 against 0 2 2 1. Majority so far: 0 0 0 2 against the same.
  EXPECT_DOUBLE_EQ(Named(all, "no_change_accuracy"), 0.5);
  EXPECT_DOUBLE_EQ(Named(all, "majority_accuracy"), 0.25);
  EXPECT_THAT(evaluator->Confusion(),
              ElementsAre(ElementsAre(1, 0, 0), ElementsAre(1, 0, 0), ElementsAre(1, 0, 1)));
}

TEST(MulticlassEvaluatorTest, AClassTheModelHasNeverHeardOfIsAnErrorOnly) {
  const auto evaluator = MakeEvaluator(EvaluationTask::kMulticlass, {});
  evaluator->Add({{0}, std::vector<double>{0.5, 0.5}, 3});
  const MetricValues all = evaluator->Values(View::kCumulative);
  EXPECT_DOUBLE_EQ(Named(all, "log_loss"), -std::log(1e-15));
  EXPECT_DOUBLE_EQ(Named(all, "brier"), 1.5);
  evaluator->Add({{0}, std::vector<double>{0.5, 0.5}, 1e9});  // Beyond any schema: ignored.
  EXPECT_EQ(evaluator->count(), 1);
}

TEST(MulticlassEvaluatorTest, NoPredictionDoesNotKnowThePresentLabel) {
  const auto evaluator = MakeEvaluator(EvaluationTask::kMulticlass, {});
  evaluator->Add({{0}, {}, 1});  // Two classes are assumed at first: 1/2 each.
  EXPECT_DOUBLE_EQ(Named(evaluator->Values(View::kCumulative), "log_loss"), std::log(2));
  evaluator->Add({{0}, {}, 2});  // Class 2 has not been seen.
  EXPECT_DOUBLE_EQ(Named(evaluator->Values(View::kCumulative), "log_loss"),
                   (std::log(2) - std::log(1e-15)) / 2);
}

TEST(RegressionEvaluatorTest, FollowsTheFadingRecurrence) {
  EvaluationOptions options;
  options.fading = 0.8;
  const auto evaluator = MakeEvaluator(EvaluationTask::kRegression, options);
  double error = 0, weight = 0;
  for (const Label& l : Stream(EvaluationTask::kRegression, 2000)) {
    if (l.prediction.empty()) continue;
    AddTo(*evaluator, l);
    error = 0.8 * error + l.weight * std::abs(l.target - l.prediction[0]);
    weight = 0.8 * weight + l.weight;
    ASSERT_NEAR(Named(evaluator->Values(View::kFading), "mae"), error / weight, 1e-12);
    ASSERT_NEAR(Named(evaluator->Values(View::kFading), "count"), weight, 1e-12);
  }
}

TEST(RegressionEvaluatorTest, NoPredictionIsTheMeanOfEarlierLabels) {
  const auto evaluator = MakeEvaluator(EvaluationTask::kRegression, {});
  for (const double y : {4.0, 8.0, 3.0}) evaluator->Add({{0}, {}, y});  // 0, 4, 6.
  EXPECT_DOUBLE_EQ(Named(evaluator->Values(View::kCumulative), "mae"), (4 + 4 + 3) / 3.0);
}

TEST(BaselinesTest, PredictFromEarlierLabelsOnly) {
  Baselines baselines(EvaluationTask::kBinary);
  ASSERT_EQ(Baselines::Names(EvaluationTask::kBinary).size(), 3u);
  std::vector<double> out;
  baselines.Predict(0, out);
  EXPECT_THAT(out, ElementsAre(1, 0));
  baselines.Predict(1, out);
  EXPECT_THAT(out, ElementsAre(1, 0));
  baselines.Predict(2, out);
  EXPECT_THAT(out, ElementsAre(0.5, 0.5));
  for (const double y : {1.0, 1.0, 0.0}) baselines.Learn(y);
  baselines.Predict(0, out);
  EXPECT_THAT(out, ElementsAre(1, 0));
  baselines.Predict(1, out);
  EXPECT_THAT(out, ElementsAre(0, 1));
  baselines.Predict(2, out);
  EXPECT_THAT(out, ElementsAre(DoubleEq(2.0 / 5), DoubleEq(3.0 / 5)));
  baselines.Learn(0);
  baselines.Predict(1, out);
  EXPECT_THAT(out, ElementsAre(1, 0));  // A tie goes to the lowest class.
}

TEST(BaselinesTest, AgreeWithTheEvaluatorsOwnKappaBaselines) {
  Baselines baselines(EvaluationTask::kMulticlass);
  const auto no_change = MakeEvaluator(EvaluationTask::kMulticlass, {});
  const auto majority = MakeEvaluator(EvaluationTask::kMulticlass, {});
  std::vector<double> p;
  for (const Label& l : Stream(EvaluationTask::kMulticlass, 500)) {
    baselines.Predict(0, p);
    no_change->Add({l.time, p, l.target});
    baselines.Predict(1, p);
    majority->Add({l.time, p, l.target});
    baselines.Learn(l.target);
  }
  const MetricValues a = no_change->Values(View::kCumulative);
  EXPECT_EQ(Named(a, "accuracy"), Named(a, "no_change_accuracy"));
  EXPECT_EQ(Named(a, "kappa_t"), 0);
  const MetricValues b = majority->Values(View::kCumulative);
  EXPECT_EQ(Named(b, "accuracy"), Named(b, "majority_accuracy"));
  EXPECT_EQ(Named(b, "kappa_m"), 0);
}

TEST(BaselinesTest, RegressionHasLastAndMean) {
  Baselines baselines(EvaluationTask::kRegression);
  ASSERT_EQ(Baselines::Names(EvaluationTask::kRegression).size(), 2u);
  std::vector<double> out;
  baselines.Learn(2);
  baselines.Learn(6);
  baselines.Predict(0, out);
  EXPECT_THAT(out, ElementsAre(6));
  baselines.Predict(1, out);
  EXPECT_THAT(out, ElementsAre(4));
}

TEST(BaselinesTest, SaveLoadContinueIsBitEqual) {
  for (const auto task : {EvaluationTask::kMulticlass, EvaluationTask::kRegression}) {
    Baselines a(task), b(task);
    for (int i = 0; i < 20; ++i) a.Learn(i % 3);
    StateWriter out;
    a.Save(out);
    StateReader in(out.bytes());
    ASSERT_TRUE(b.Load(in).ok());
    a.Learn(2);
    b.Learn(2);
    StateWriter x, y;
    a.Save(x);
    b.Save(y);
    EXPECT_EQ(x.bytes(), y.bytes());
  }
}

/// Collects the names that Describe gives and leaves every value alone.
class NameCollector : public Params {
 public:
  std::vector<std::string> names;
  void Number(std::string_view n, double& v, Range r, std::string_view) override {
    names.emplace_back(n);
    EXPECT_TRUE(v >= r.min && v <= r.max) << n;
  }
  void Integer(std::string_view n, int64_t& v, Range r, std::string_view) override {
    names.emplace_back(n);
    EXPECT_TRUE(static_cast<double>(v) >= r.min && static_cast<double>(v) <= r.max) << n;
  }
  void Boolean(std::string_view n, bool&, std::string_view) override { names.emplace_back(n); }
  void Text(std::string_view n, std::string&, std::string_view) override { names.emplace_back(n); }
  void Choice(std::string_view n, int&, std::span<const std::string_view>,
              std::string_view) override {
    names.emplace_back(n);
  }
  void Duration(std::string_view n, int64_t& v, Range r, std::string_view) override {
    names.emplace_back(n);
    EXPECT_TRUE(static_cast<double>(v) >= r.min && static_cast<double>(v) <= r.max) << n;
  }
  void Bytes(std::string_view n, int64_t&, Range, std::string_view) override {
    names.emplace_back(n);
  }
  void TextList(std::string_view n, std::vector<std::string>&, std::string_view) override {
    names.emplace_back(n);
  }
  void NumberMap(std::string_view n, std::map<std::string, double>&, Range,
                 std::string_view) override {
    names.emplace_back(n);
  }
};

TEST(EvaluationOptionsTest, DescribesEveryMemberWithADefaultInRange) {
  NameCollector collector;
  EvaluationOptions options;
  Describe(collector, options);
  EXPECT_THAT(collector.names, ElementsAre("every", "window", "fading", "threshold", "beta", "top",
                                           "period", "metrics"));
}

}  // namespace
}  // namespace leat
