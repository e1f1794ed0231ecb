/// The two regression learners, each test over both.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "base/random.h"
#include "leat/explain.h"
#include "models/ensembles/regression_forest.h"
#include "models/heap.h"
#include "models/model_test.h"

namespace leat {
namespace {

using testing::HasSubstr;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

struct Example {
  std::vector<double> x;
  double target;
  Input input() const { return {x, {}}; }
};

/// A step of 10 at a > 0, a slope over "huge", 5 for the odd colors, and noise of 1.
Example Make(uint64_t i, double sign = 1) {
  CounterRandom random(81, 4, i * 16);
  const double a = random.Normal(), h = random.Normal();
  const auto color = static_cast<double>(random.Below(4));
  const double gappy = i % 3 == 0 ? kNaN : random.Normal();
  const double target = (a > 0 ? 10 : 0) + 2 * h + 5 * std::fmod(color, 2) + random.Normal();
  return {{a, 7, 1e9 * h, gappy, color}, sign * target};
}

std::unique_ptr<Model> New(const std::string& type) { return New(type, MixedInputs()); }

double Predicted(const Model& model, const Example& e) {
  std::vector<double> out;
  model.Predict(e.input(), out);
  EXPECT_EQ(out.size(), 1u);
  return out[0];
}

/// Root of the mean squared error over rows [from, to), each predicted before it is learnt.
double Rmse(Model& model, uint64_t from, uint64_t to, double sign = 1) {
  double squares = 0;
  for (uint64_t i = from; i < to; ++i) {
    const Example e = Make(i, sign);
    const double error = Predicted(model, e) - e.target;
    squares += error * error;
    model.Learn(e.input(), e.target, 1);
  }
  return std::sqrt(squares / static_cast<double>(to - from));
}

class EveryRegressionTree : public testing::TestWithParam<std::string> {};

TEST_P(EveryRegressionTree, FindsStepsSlopesAndColors) {
  auto model = New(GetParam());
  Rmse(*model, 0, 6000);
  // The targets deviate by 6; 1 is noise.
  EXPECT_LT(Rmse(*model, 6000, 9000), 1.7);
}

TEST_P(EveryRegressionTree, ContinuesBitEqualAfterLoading) {
  for (const uint64_t cut : {0u, 1u, 500u, 3000u}) {
    auto whole = New(GetParam());
    for (uint64_t i = 0; i < cut; ++i) {
      const Example e = Make(i);
      whole->Learn(e.input(), e.target, 1 + static_cast<double>(i % 2) / 2);
    }
    const auto loaded = Reloaded(*whole);
    for (uint64_t i = cut; i < cut + 1500; ++i) {
      Example e = Make(i, -1);  // Turned round, so that detectors have something to find.
      e.x[4] = static_cast<double>(i % 9);
      ASSERT_EQ(Predicted(*whole, e), Predicted(*loaded, e)) << i;
      whole->Learn(e.input(), e.target, 1);
      loaded->Learn(e.input(), e.target, 1);
    }
    ASSERT_TRUE(Saved(*whole) == Saved(*loaded)) << cut;
    EXPECT_EQ(loaded->MemoryBytes(), whole->MemoryBytes()) << cut;
  }
}

TEST_P(EveryRegressionTree, RefusesDamagedStateAndStaysAsItWas) {
  auto model = New(GetParam());
  Rmse(*model, 0, 600);
  const std::string bytes = Saved(*model);
  const size_t step = DamageStep(bytes);
  ExpectRefusesCutState(*model, bytes);
  for (size_t at = 0; at < bytes.size(); at += step) {
    std::string flipped = bytes;
    flipped[at] = static_cast<char>(flipped[at] ^ 0xff);
    auto victim = model->Fresh();
    StateReader in(flipped);
    if (!victim->Load(in).ok()) continue;
    for (uint64_t i = 5000; i < 5050; ++i) {
      const Example e = Make(i);
      ASSERT_FALSE(std::isnan(Predicted(*victim, e))) << at;
      victim->Learn(e.input(), e.target, 1);
    }
  }
}

TEST_P(EveryRegressionTree, KeepsWithinTheTargetsSeen) {
  auto model = New(GetParam());
  double low = 0, high = 0;
  std::vector<double> out;
  for (uint64_t i = 0; i < 3000; ++i) {
    const Example e = Make(i);
    model->Learn(e.input(), e.target, 1);
    low = i == 0 ? e.target : std::min(low, e.target);
    high = i == 0 ? e.target : std::max(high, e.target);
  }
  for (const double far : {1e12, -1e12, 1e130}) {
    const std::vector<double> x = {far, far, far, far, 0};
    model->Predict({x, {}}, out);
    EXPECT_GE(out[0], low - 0.1 * (high - low));
    EXPECT_LE(out[0], high + 0.1 * (high - low));
  }
}

TEST_P(EveryRegressionTree, NeverGivesNaNWhateverTheNumbers) {
  auto model = New(GetParam());
  const double extremes[] = {0,      -0.0, 1e308, -1e308, 1e139,     -1e139,  5e-324,
                             1e-300, kNaN, 1e9,   1,      1 + 1e-16, -1e-200, 1e10};
  CounterRandom random(9, 9);
  std::vector<double> out;
  for (int i = 0; i < 4000; ++i) {
    std::vector<double> x(5);
    for (double& v : x) v = extremes[random.Below(14)];
    model->Predict({x, {}}, out);
    ASSERT_TRUE(std::isfinite(out[0])) << i;
    const double weight = random.Below(10) == 0 ? 1e12 : random.Below(10) == 0 ? 1e-300 : 1;
    const double target = random.Below(50) == 0 ? extremes[random.Below(14)] : random.Normal();
    model->Learn({x, {}}, target, weight);
  }
  const std::string bytes = Saved(*model);
  StateReader in(bytes);
  EXPECT_TRUE(model->Fresh()->Load(in).ok()) << in.status().message();
}

TEST_P(EveryRegressionTree, IgnoresWhatCannotBeLearnt) {
  auto model = New(GetParam());
  const Example e = Make(1);
  for (const double target : {kNaN, std::numeric_limits<double>::infinity(), 1e200}) {
    model->Learn(e.input(), target, 1);
  }
  for (const double weight : {0.0, -1.0, kNaN}) model->Learn(e.input(), 5, weight);
  const std::vector<double> narrow = {1, 2};
  model->Learn({narrow, {}}, 5, 1);
  EXPECT_EQ(Predicted(*model, e), 0);
}

TEST_P(EveryRegressionTree, SaysWhatMemoryItHolds) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the sanitizer's allocator rounds otherwise";
#endif
  Rmse(*New(GetParam()), 0, 1000);
  const size_t before = HeapBytes();
  auto model = New(GetParam());
  Rmse(*model, 0, 6000);
  const size_t held = HeapBytes() - before;
  EXPECT_NEAR(static_cast<double>(model->MemoryBytes()) / static_cast<double>(held), 1, 0.1);
}

INSTANTIATE_TEST_SUITE_P(Registry, EveryRegressionTree,
                         testing::Values("forest_regressor", "gradient_boosted_regressor",
                                         "hoeffding_regression_tree",
                                         "hoeffding_regression_tree split_criterion=deviation "
                                         "drift_threshold=20",
                                         "stochastic_gradient_tree_regressor"),
                         [](const auto& item) { return TestName(item.param); });

TEST(ForestRegressor, RecoversFromAReversal) {
  auto model = New("forest_regressor");
  Rmse(*model, 0, 5000);
  Rmse(*model, 5000, 8000, -1);
  EXPECT_LT(Rmse(*model, 8000, 10'000, -1), 2.2);
  EXPECT_GT(dynamic_cast<ensembles::RegressionForest&>(*model).drifts(), 3u);
}

TEST(ForestRegressor, StaysWithinItsBytesAndStillLearns) {
  ForestRegressorOptions options;
  options.trees = 4;
  options.max_bytes = 300 << 10;
  auto model = MakeForestRegressor(options, MixedInputs());
  ASSERT_TRUE(model.ok()) << model.status().message();
  for (uint64_t i = 0; i < 12'000; ++i) {
    const Example e = Make(i);
    (*model)->Learn(e.input(), e.target, 1);
    ASSERT_LE((*model)->MemoryBytes(), static_cast<size_t>(options.max_bytes)) << i;
  }
  EXPECT_LT(Rmse(**model, 12'000, 14'000), 2.5);
  const std::string bytes = Saved(**model);
  auto loaded = (*model)->Fresh();
  StateReader in(bytes);
  ASSERT_TRUE(loaded->Load(in).ok()) << in.status().message();
  EXPECT_EQ(loaded->MemoryBytes(), (*model)->MemoryBytes());
}

TEST(HoeffdingRegressionTree, ReplacesSplitsThatErr) {
  const std::string watched = "hoeffding_regression_tree leaf_prediction=mean drift_threshold=50";
  auto fixed = New("hoeffding_regression_tree leaf_prediction=mean", MixedInputs());
  auto model = New(watched, MixedInputs());
  for (Model* each : {fixed.get(), model.get()}) Rmse(*each, 0, 6000);
  EXPECT_THAT(model->Summary(), testing::Contains(testing::Pair("drifts", "0")));
  for (Model* each : {fixed.get(), model.get()}) Rmse(*each, 6000, 10'000, -1);
  EXPECT_THAT(model->Summary(), testing::Not(testing::Contains(testing::Pair("drifts", "0"))));
  EXPECT_LT(Rmse(*model, 10'000, 13'000, -1), 0.9 * Rmse(*fixed, 10'000, 13'000, -1));
}

TEST(HoeffdingRegressionTree, IsTheSameAfterLoadingWhileATreeGrowsBesideASplit) {
  const std::string text = "hoeffding_regression_tree drift_threshold=2 drift_tolerance=0";
  auto whole = New(text, MixedInputs());
  size_t growing = 0;
  for (uint64_t cut = 2000; cut < 6000; cut += 400) {
    Rmse(*whole, cut - 400, cut, cut % 1200 == 0 ? -1 : 1);
    const auto loaded = Reloaded(*whole);
    const std::string bytes = Saved(*whole);
    growing += bytes.find("regression_tree_watched", bytes.find("regression_tree_watched") + 1) !=
                       std::string::npos
                   ? 1
                   : 0;
    const auto twin = Reloaded(*whole);
    EXPECT_EQ(Rmse(*loaded, cut, cut + 300, -1), Rmse(*twin, cut, cut + 300, -1));
    EXPECT_TRUE(Saved(*loaded) == Saved(*twin));
    EXPECT_EQ(loaded->MemoryBytes(), Reloaded(*loaded)->MemoryBytes());
  }
  EXPECT_GT(growing, 0u);
}

TEST(HoeffdingRegressionTree, StaysWithinItsBytesWithTreesBesideSplits) {
  auto model = New("hoeffding_regression_tree drift_threshold=2 max_bytes=120000", MixedInputs());
  for (uint64_t i = 0; i < 12'000; ++i) {
    const Example e = Make(i, i / 1500 % 2 == 0 ? 1 : -1);
    model->Learn(e.input(), e.target, 1);
    ASSERT_LE(model->MemoryBytes(), 120'000u) << i;
  }
}

TEST(HoeffdingRegressionTree, StopsGrowingAtItsBytesAndKeepsWhatItHas) {
  // Leaves keep their linear models when they sleep, and those outweigh the nodes.
  auto model =
      New("hoeffding_regression_tree grace_period=20 delta=0.5 tie_threshold=1 "
          "max_bytes=120000",
          MixedInputs());
  ExpectToStopGrowing(*model, 40'000, 120'000, [&](uint64_t i) {
    CounterRandom random(4, 4, i * 8);
    const std::vector<double> x = {random.Uniform(), 7, random.Uniform(), random.Uniform(),
                                   static_cast<double>(random.Below(3))};
    model->Learn({x, {}}, std::sin(20 * x[0]) + std::sin(20 * x[2]), 1);
  });
}

TEST(HoeffdingRegressionTree, SplitsWhereTheDeviationFallsMost) {
  // 10 at x = 3 and 0 at 0 to 2: parting the last leaves no deviation at all.
  InputSpec spec = Numbers(1);
  HoeffdingRegressionTreeOptions options;
  options.leaf_prediction = RegressionLeaf::kMean;
  options.split_criterion = RegressionCriterion::kDeviation;
  options.grace_period = 400;
  options.delta = 0.5;
  options.tie_threshold = 1;
  auto model = MakeHoeffdingRegressionTree(options, spec);
  ASSERT_TRUE(model.ok());
  for (int i = 0; i < 400; ++i) {
    const std::vector<double> x = {static_cast<double>(i % 4)};
    (*model)->Learn({x, {}}, i % 4 == 3 ? 10 : 0, 1);
  }
  const std::string tree = DumpTrees(**model);
  EXPECT_THAT(tree, HasSubstr("x0 <= 2"));
  EXPECT_THAT(tree, HasSubstr(": 10"));
}

TEST(HoeffdingRegressionTree, ALinearLeafFitsALineAtOnce) {
  InputSpec spec;
  spec.dense = {{"x", false, 0}};
  HoeffdingRegressionTreeOptions options;
  options.leaf_prediction = RegressionLeaf::kLinear;
  auto model = MakeHoeffdingRegressionTree(options, spec);
  CounterRandom random(4, 4);
  for (int i = 0; i < 190; ++i) {  // Before the first split.
    const std::vector<double> x = {random.Normal()};
    (*model)->Learn({x, {}}, 3 * x[0] - 2, 1);
  }
  std::vector<double> out;
  const std::vector<double> at = {0.5};
  (*model)->Predict({at, {}}, out);
  // The first rows were standardised by what little was known then, and still count.
  EXPECT_NEAR(out[0], -0.5, 0.4);
}

TEST(HoeffdingRegressionTree, AMeanLeafSplitsAtAStep) {
  InputSpec spec;
  spec.dense = {{"x", false, 0}, {"noise", false, 0}};
  HoeffdingRegressionTreeOptions options;
  options.leaf_prediction = RegressionLeaf::kMean;
  auto model = MakeHoeffdingRegressionTree(options, spec);
  CounterRandom random(5, 5);
  for (int i = 0; i < 3000; ++i) {
    const std::vector<double> x = {random.Uniform(), random.Uniform()};
    (*model)->Learn({x, {}}, x[0] > 0.5 ? 100 : 200, 1);
  }
  std::vector<double> out;
  for (const double x : {0.1, 0.4, 0.6, 0.9}) {
    const std::vector<double> row = {x, 0.5};
    (*model)->Predict({row, {}}, out);
    EXPECT_NEAR(out[0], x > 0.5 ? 100 : 200, 10) << x;
  }
}

TEST(MakeForestRegressor, RefusesWhatMakesNoSense) {
  ForestRegressorOptions options;
  options.lambda = 31;
  EXPECT_THAT(std::string(MakeForestRegressor(options, MixedInputs()).status().message()),
              HasSubstr("lambda"));
  options = {};
  options.max_bytes = 64 << 10;
  EXPECT_THAT(std::string(MakeForestRegressor(options, MixedInputs()).status().message()),
              HasSubstr("need at least"));
  InputSpec sparse;
  sparse.sparse_size = 5;
  EXPECT_FALSE(MakeForestRegressor({}, sparse).ok());
}

}  // namespace
}  // namespace leat
