/// Reading trees, and the way of a record through them.
#include "leat/explain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "models/model_test.h"

namespace leat {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

struct Example {
  std::vector<double> x;
  double target;
  Input input() const { return {x, {}}; }
};

/// The class, or the number, is 1 where the signal is above 0, but 0 for color 3.
Example Make(uint64_t i) {
  CounterRandom random(12, 2, i * 16);
  const double signal = random.Normal();
  const auto color = static_cast<double>(random.Below(4));
  return {{signal, 7, random.Normal(), random.Normal(), color},
          signal > 0 && color != 3 ? 1.0 : 0.0};
}

std::unique_ptr<Model> Trained(const std::string& text, uint64_t rows = 4000) {
  auto model = New(text, MixedInputs());
  for (uint64_t i = 0; i < rows; ++i) {
    const Example e = Make(i);
    model->Learn(e.input(), e.target, 1);
  }
  return model;
}

/// Whether a test of a path holds for a record of MixedInputs.
bool Holds(std::string test, const std::vector<double>& x) {
  if (test.ends_with(" (missing)")) return true;
  const InputSpec spec = MixedInputs();
  for (size_t a = 0; a < spec.dense.size(); ++a) {
    if (!test.starts_with(spec.dense[a].name + " ")) continue;
    test = test.substr(spec.dense[a].name.size() + 1);
    const size_t blank = test.find(' ');
    const std::string sign = test.substr(0, blank);
    const double value = std::stod(test.substr(blank)), v = x[a];
    const double close = 1e-5 * (1 + std::fabs(value));  // Tests show six digits.
    if (sign == "<=") return v <= value + close;
    if (sign == ">") return v > value - close;
    return (sign == "=") == (v == value);
  }
  return false;
}

class EveryTree : public testing::TestWithParam<std::string> {};

TEST_P(EveryTree, ShowsThePathThatARecordTakes) {
  const auto model = Trained(GetParam());
  size_t longest = 0;
  for (uint64_t i = 5000; i < 5200; ++i) {
    Example e = Make(i);
    if (i % 10 == 0) e.x[0] = kNaN;
    const auto paths = DecisionPaths(*model, e.input());
    ASSERT_FALSE(paths.empty());
    for (const DecisionPath& path : paths) {
      longest = std::max(longest, path.tests.size());
      for (const std::string& test : path.tests) EXPECT_TRUE(Holds(test, e.x)) << test;
      EXPECT_NE(path.weights.empty(), std::isnan(path.value));
    }
  }
  EXPECT_GT(longest, 0u);
  EXPECT_TRUE(DecisionPaths(*model, {std::vector<double>{1, 2}, {}}).empty());
}

TEST_P(EveryTree, IsWrittenInThreeForms) {
  const auto model = Trained(GetParam());
  const bool several = DecisionPaths(*model, Make(0).input()).size() > 1;
  const std::string text = DumpTrees(*model), json = DumpTrees(*model, TreeFormat::kJson),
                    dot = DumpTrees(*model, TreeFormat::kGraphviz);
  EXPECT_THAT(text, StartsWith(several ? "tree 0\nall" : "all\n"));
  EXPECT_THAT(text, HasSubstr("signal"));
  EXPECT_THAT(json, StartsWith(several ? "[{\"if\":\"all\"" : "{\"if\":\"all\""));
  EXPECT_EQ(std::count(json.begin(), json.end(), '{'), std::count(json.begin(), json.end(), '}'));
  EXPECT_EQ(std::count(json.begin(), json.end(), '['), std::count(json.begin(), json.end(), ']'));
  EXPECT_THAT(dot, StartsWith(several ? "digraph tree0 {" : "digraph tree {"));
}

INSTANTIATE_TEST_SUITE_P(
    Registry, EveryTree,
    testing::Values("hoeffding_tree", "hoeffding_tree numeric_observer=histogram calibrate=beta",
                    "hoeffding_adaptive_tree", "extremely_fast_tree coverage=0.9",
                    "hoeffding_regression_tree", "adaptive_random_forest trees=3 class_weights=1:2",
                    "streaming_random_patches trees=3", "online_bagging trees=3",
                    "forest_regressor trees=3", "gradient_boosted_trees trees=5",
                    "gradient_boosted_regressor trees=5", "stochastic_gradient_tree",
                    "stochastic_gradient_tree_regressor"),
    [](const auto& item) { return TestName(item.param); });

TEST(DecisionPaths, NamesTheTestsFromTheRootDown) {
  auto tree = New("hoeffding_tree grace_period=100 numeric_observer=exhaustive", Numbers(1));
  for (int i = 0; i < 100; ++i) {
    const std::vector<double> x = {static_cast<double>(i % 2 == 0 ? 1 : 4)};
    tree->Learn({x, {}}, i % 2, 1);
  }
  const auto paths = DecisionPaths(*tree, {std::vector<double>{9}, {}});
  ASSERT_EQ(paths.size(), 1u);
  EXPECT_THAT(paths[0].tests, ElementsAre("x0 > 2.5"));
  EXPECT_THAT(paths[0].weights, ElementsAre(0, 50));
  EXPECT_FALSE(paths[0].stopped);
  const auto missing = DecisionPaths(*tree, {std::vector<double>{kNaN}, {}});
  EXPECT_TRUE(missing.at(0).stopped);
  EXPECT_THAT(missing[0].weights, ElementsAre(50, 50));
}

TEST(WeightsOf, AreThoseThatThePredictionAddsUp) {
  InputSpec inputs = Numbers(2);
  inputs.sparse_size = 10;
  for (const std::string text : {"logistic_regression", "logistic_regression calibrate=beta",
                                 "logistic_regression optimizer=ftrl l1=0.001"}) {
    const auto model = New(text, inputs);
    for (int i = 0; i < 500; ++i) {
      CounterRandom random(3, static_cast<uint64_t>(i));
      const std::vector<double> x = {random.Normal(), random.Normal()};
      const std::vector<SparseEntry> sparse = {{static_cast<uint32_t>(i % 3), 1}};
      model->Learn({x, sparse}, x[0] + (i % 3) > 1 ? 1 : 0, 1);
    }
    const std::vector<LinearWeights> weights = WeightsOf(*model);
    ASSERT_EQ(weights.size(), 1u) << text;
    EXPECT_EQ(weights[0].of_class, 1);
    ASSERT_EQ(weights[0].dense.size(), 2u);
    ASSERT_EQ(weights[0].sparse.size(), 3u) << "the others are 0";
    if (text.find("calibrate") != std::string::npos) continue;
    double margin = weights[0].intercept + weights[0].dense[0] * 0.5 + weights[0].dense[1] * -2;
    for (const auto& [index, weight] : weights[0].sparse) margin += index == 2 ? weight : 0;
    std::vector<double> p;
    model->Predict({std::vector<double>{0.5, -2}, std::vector<SparseEntry>{{2, 1}}}, p);
    EXPECT_NEAR(p[1], 1 / (1 + std::exp(-margin)), 1e-12) << text;
  }
}

TEST(WeightsOf, AreOneSumAClassOfSeveral) {
  for (const std::string text : {"logistic_regression", "logistic_regression loss=hinge",
                                 "logistic_regression multiclass=softmax_full"}) {
    const auto model = New(text, Numbers(1));
    for (int i = 0; i < 30; ++i) model->Learn({std::vector<double>{i % 3 - 1.0}, {}}, i % 3, 1);
    const std::vector<LinearWeights> weights = WeightsOf(*model);
    ASSERT_EQ(weights.size(), 3u) << text;
    for (int64_t c = 0; c < 3; ++c) EXPECT_EQ(weights[static_cast<size_t>(c)].of_class, c);
    EXPECT_GT(weights[2].dense[0], weights[0].dense[0]) << text;
  }
}

TEST(WeightsOf, ThereAreNoneOfOtherModels) {
  EXPECT_TRUE(WeightsOf(*Trained("naive_bayes", 100)).empty());
  EXPECT_TRUE(WeightsOf(*Trained("hoeffding_tree", 100)).empty());
  EXPECT_TRUE(WeightsOf(*New("logistic_regression fourier_features=5", Numbers(2))).empty());
}

TEST(DecisionPaths, ThereAreNoneWithoutTrees) {
  const auto model = Trained("naive_bayes", 100);
  EXPECT_TRUE(DecisionPaths(*model, Make(1).input()).empty());
  EXPECT_EQ(DumpTrees(*model), "");
}

}  // namespace
}  // namespace leat
