#include "models/trees/hoeffding_tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "base/normal.h"
#include "base/random.h"
#include "leat/explain.h"
#include "models/model_test.h"
#include "models/trees/split.h"

namespace leat {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::HasSubstr;
using trees::HoeffdingTree;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

InputSpec OneNominal() { return {{{"color", true, 0}}, 0}; }

/// Three numbers and two nominal attributes.
InputSpec Mixed() {
  return {
      {{"a", false, 0}, {"color", true, 0}, {"b", false, 0}, {"c", false, 0}, {"shop", true, 0}},
      0};
}

struct Example {
  std::vector<double> x;
  double label;

  Input input() const { return {x, {}}; }
};

/// A learnable stream over Mixed() with `classes` classes; some values are missing.
Example MixedExample(uint64_t index, uint64_t classes, double missing = 0.02) {
  CounterRandom random(11, 3, index * 64);
  Example example{{random.Normal(), static_cast<double>(random.Below(4)), random.Normal(),
                   random.Normal(), static_cast<double>(random.Below(6))},
                  0};
  uint64_t label = (example.x[0] > 0.2 ? 1u : 0u) + (example.x[1] > 1 ? 1u : 0u) +
                   (example.x[2] > 1 ? 2u : 0u) + (example.x[4] > 4 ? 1u : 0u);
  if (random.Uniform() < 0.1) label = random.Below(classes);
  example.label = static_cast<double>(label % classes);
  for (double& v : example.x) {
    if (random.Uniform() < missing) v = kNaN;
  }
  return example;
}

Status LoadFrom(Model& model, const std::string& bytes) {
  StateReader in(bytes);
  return model.Load(in);
}

HoeffdingTreeOptions Eager() {
  HoeffdingTreeOptions options;
  options.grace_period = 4;
  return options;
}

void LearnAll(Model& model, const std::vector<Example>& examples) {
  for (const Example& e : examples) model.Learn(e.input(), e.label, 1);
}

std::vector<double> Votes(const HoeffdingTree& tree, const std::vector<double>& x) {
  std::vector<double> votes;
  tree.Votes({x, {}}, votes);
  return votes;
}

TEST(NormalCdf, AgreesWithTheErrorFunction) {
  for (double a = -9; a <= 9; a += 0.0625) {
    const double expected = 0.5 * std::erfc(-a / std::sqrt(2.0));
    EXPECT_NEAR(NormalCdf(a), expected, 4e-14 * std::max(expected, 1e-3)) << a;
  }
  EXPECT_EQ(NormalCdf(0), 0.5);
  EXPECT_EQ(NormalCdf(-60), 0);
  EXPECT_EQ(NormalCdf(60), 1);
  // The tail keeps its relative accuracy: Phi(-20) = 2.7536241186062337e-89.
  EXPECT_NEAR(NormalCdf(-20) / 2.7536241186062337e-89, 1, 1e-12);
}

TEST(HoeffdingBound, FollowsEquationOne) {
  // sqrt(ln(1e7) / 400) = sqrt(16.118095651 / 400)
  EXPECT_NEAR(trees::HoeffdingBound(1, 1e-7, 200), 0.2007367, 1e-7);
  EXPECT_NEAR(trees::HoeffdingBound(2, 1e-7, 800), 0.2007367, 1e-7);
  EXPECT_EQ(trees::MeritRange(SplitCriterion::kInfoGain, 1), 1);
  EXPECT_EQ(trees::MeritRange(SplitCriterion::kInfoGain, 8), 3);
  EXPECT_EQ(trees::MeritRange(SplitCriterion::kGini, 8), 1);
}

TEST(Merit, IsInformationGainInBitsOrOneMinusGini) {
  HoeffdingTreeOptions options;
  EXPECT_DOUBLE_EQ(trees::Entropy(std::vector<double>{4, 4}), 1);
  EXPECT_NEAR(trees::Entropy(std::vector<double>{3, 0, 1}), 0.8112781244591328, 1e-15);
  const double before = 1;
  EXPECT_DOUBLE_EQ(trees::Merit(options, before, std::vector<double>{4, 0, 0, 4}, 2), 1);
  // 1 - H(3/4) = 1 - 0.8112781244591328
  EXPECT_NEAR(trees::Merit(options, before, std::vector<double>{3, 1, 1, 3}, 2), 0.1887218755408672,
              1e-15);
  // One branch holds half a percent: not a split.
  EXPECT_EQ(trees::Merit(options, before, std::vector<double>{1, 0, 99, 100}, 2), -kInfinity);
  options.split_criterion = SplitCriterion::kGini;
  EXPECT_DOUBLE_EQ(trees::Merit(options, before, std::vector<double>{3, 1, 1, 3}, 2), 0.625);
  EXPECT_DOUBLE_EQ(trees::Merit(options, before, std::vector<double>{4, 0, 0, 0, 0, 4}, 2), 1);
}

TEST(SplitFinder, EstimatesTheSidesFromTheNormalDistribution) {
  HoeffdingTreeOptions options;
  const InputSpec spec = Numbers(1);
  const trees::AttributeLayout layout(spec, 10);
  trees::Observers observers;
  for (const double v : {0.0, 4.0}) {
    observers.Learn(layout, trees::Row(layout, std::vector<double>{v}), 0, 1, true);
  }
  for (const double v : {3.5, 9.0}) {
    observers.Learn(layout, trees::Row(layout, std::vector<double>{v}), 1, 1, true);
  }
  trees::SplitFinder finder(options, layout);
  const trees::Suggestion at_three{0, trees::TestKind::kNumeric, 0, 3};
  const auto sides = finder.Branches(observers, at_three);
  ASSERT_EQ(sides.size(), 2u);
  // Class 0: mean 2, variance 8: 2 * Phi(1 / sqrt(8)) of it lies below 3. Class 1 starts at 3.5.
  const double below = 2 * 0.5 * std::erfc(-1 / std::sqrt(8.0) / std::sqrt(2.0));
  EXPECT_THAT(sides[0], ElementsAre(DoubleNear(below, 1e-14)));
  EXPECT_THAT(sides[1], ElementsAre(DoubleNear(2 - below, 1e-14), 2.0));
}

TEST(HoeffdingTree, SplitsANumberAtTheFirstBestThreshold) {
  HoeffdingTree tree(Eager(), Numbers(1));
  // Thresholds tried are 1, 2, ..., 10; all from 1 to 9 part the classes, and the first is kept.
  LearnAll(tree, {{{0}, 0}, {{11}, 1}, {{1}, 0}});
  EXPECT_EQ(tree.shape().nodes, 1u);
  LearnAll(tree, {{{10}, 1}});
  EXPECT_EQ(DumpTrees(tree),
            "all\n"
            "  x0 <= 1: class 0 [2]\n"
            "  x0 > 1: class 1 [0 2]\n");
  EXPECT_EQ(tree.shape().depth, 1u);
  EXPECT_EQ(tree.Classify({std::vector<double>{1.0}, {}}), 0u);
  EXPECT_EQ(tree.Classify({std::vector<double>{1.5}, {}}), 1u);
}

TEST(HoeffdingTree, SplitsANominalAttributeIntoAllItsValues) {
  HoeffdingTree tree(Eager(), OneNominal());
  LearnAll(tree, {{{0}, 0}, {{1}, 1}, {{2}, 0}, {{1}, 1}});
  EXPECT_EQ(DumpTrees(tree),
            "all\n"
            "  color = 0: class 0 [1 0]\n"
            "  color = 1: class 1 [0 2]\n"
            "  color = 2: class 0 [1]\n");
}

TEST(HoeffdingTree, SplitsOffOneValueWhenSplitsAreBinary) {
  HoeffdingTreeOptions options = Eager();
  options.binary_splits = true;
  HoeffdingTree tree(options, OneNominal());
  LearnAll(tree, {{{0}, 0}, {{1}, 1}, {{2}, 0}, {{1}, 1}});
  EXPECT_EQ(DumpTrees(tree),
            "all\n"
            "  color = 1: class 1 [0 2]\n"
            "  color != 1: class 0 [2 0]\n");
}

TEST(HoeffdingTree, WaitsWhileTwoAttributesAreEquallyGood) {
  const std::vector<Example> examples = {{{0, 0}, 0}, {{11, 11}, 1}, {{1, 1}, 0}, {{10, 10}, 1}};
  HoeffdingTree waits(Eager(), Numbers(2));
  LearnAll(waits, examples);
  EXPECT_EQ(waits.shape().nodes, 1u);
  HoeffdingTreeOptions options = Eager();
  options.tie_threshold = 2;  // The bound at 4 rows is 1.42.
  HoeffdingTree decides(options, Numbers(2));
  LearnAll(decides, examples);
  EXPECT_THAT(DumpTrees(decides), HasSubstr("x1 <= 1"));
}

TEST(HoeffdingTree, DoesNotSplitAPureLeaf) {
  HoeffdingTreeOptions options = Eager();
  options.tie_threshold = 10;
  HoeffdingTree tree(options, Numbers(1));
  for (int i = 0; i < 100; ++i) LearnAll(tree, {{{i * 1.0}, 1}});
  EXPECT_EQ(tree.shape().nodes, 1u);
}

TEST(HoeffdingTree, BeginsObserversAnewWhenNothingCanSplit) {
  HoeffdingTree tree(Eager(), Numbers(1));
  LearnAll(tree, {{{5}, 0}, {{5}, 1}, {{5}, 1}});
  EXPECT_EQ(Votes(tree, {7}), (std::vector<double>{0, 0}));  // Point masses at 5.
  LearnAll(tree, {{{5}, 1}});
  EXPECT_EQ(Votes(tree, {7}), (std::vector<double>{0.25, 0.75}));  // Counts kept, observers empty.
  EXPECT_EQ(tree.shape().nodes, 1u);
}

TEST(HoeffdingTree, StopsAtAMissingValueAndLearnsNothingThere) {
  HoeffdingTreeOptions options = Eager();
  HoeffdingTree tree(options, Numbers(1));
  LearnAll(tree, {{{0}, 0}, {{11}, 1}, {{1}, 0}, {{10}, 1}});
  const std::string before = DumpTrees(tree);
  for (const double missing : {kNaN, kInfinity, -kInfinity, 1e200}) {
    EXPECT_EQ(Votes(tree, {missing}), (std::vector<double>{2, 2}));
    tree.Learn({std::vector<double>{missing}, {}}, 1, 1);
  }
  EXPECT_EQ(DumpTrees(tree), before);
}

TEST(HoeffdingTree, GrowsABranchForAValueFirstSeenAfterTheSplit) {
  HoeffdingTree tree(Eager(), OneNominal());
  LearnAll(tree, {{{0}, 0}, {{1}, 1}, {{0}, 0}, {{1}, 1}});
  EXPECT_EQ(Votes(tree, {4}), (std::vector<double>{2, 2}));  // The split's counts.
  EXPECT_EQ(tree.shape().leaves, 2u);
  LearnAll(tree, {{{4}, 1}});
  EXPECT_EQ(tree.shape().leaves, 3u);
  EXPECT_THAT(DumpTrees(tree), HasSubstr("color = 4: class 1 [0 1]"));
  EXPECT_EQ(tree.Classify({std::vector<double>{4.0}, {}}), 1u);
  EXPECT_EQ(Votes(tree, {3}), (std::vector<double>{2, 2}));
  ASSERT_TRUE(LoadFrom(*tree.Fresh(), Saved(tree)).ok());
}

TEST(HoeffdingTree, LeavesBeyondTheNominalLimitCountAsMissing) {
  HoeffdingTreeOptions options = Eager();
  options.max_nominal_values = 3;
  HoeffdingTree tree(options, OneNominal());
  LearnAll(tree, {{{0}, 0}, {{1}, 1}, {{0}, 0}, {{1}, 1}});
  LearnAll(tree, {{{3}, 1}, {{1e18}, 1}, {{-1}, 1}});
  EXPECT_EQ(tree.shape().leaves, 2u);
}

TEST(HoeffdingTree, TakesANewClassInTheMiddleOfTheStream) {
  HoeffdingTreeOptions options;
  options.grace_period = 50;
  HoeffdingTree tree(options, Mixed());
  std::vector<double> out;
  tree.Predict(MixedExample(0, 2).input(), out);
  EXPECT_TRUE(out.empty());
  for (uint64_t i = 0; i < 2000; ++i) {
    const Example e = MixedExample(i, 2);
    tree.Learn(e.input(), e.label, 1);
  }
  tree.Predict(MixedExample(1, 2).input(), out);
  EXPECT_EQ(out.size(), 2u);
  // From here on a third of the rows lies elsewhere and belongs to class 6.
  const auto with_stranger = [](uint64_t i) {
    Example e = MixedExample(i, 2, 0);
    if (i % 3 == 0) e = {{e.x[0], e.x[1], e.x[2] + 10, e.x[3], e.x[4]}, 6};
    return e;
  };
  for (uint64_t i = 2000; i < 4000; ++i) {
    const Example e = with_stranger(i);
    tree.Learn(e.input(), e.label, 1);
  }
  size_t right = 0;
  for (uint64_t i = 4002; i < 4602; i += 3) {
    const Example e = with_stranger(i);
    ASSERT_EQ(e.label, 6);
    tree.Predict(e.input(), out);
    ASSERT_EQ(out.size(), 7u);
    EXPECT_NEAR(std::accumulate(out.begin(), out.end(), 0.0), 1, 1e-12);
    right += std::max_element(out.begin(), out.end()) - out.begin() == 6 ? 1 : 0;
  }
  EXPECT_GT(right, 180u);
}

TEST(HoeffdingTree, AdaptiveLeavesVoteWithWhicheverWasRightMoreOften) {
  HoeffdingTreeOptions options;
  options.grace_period = 1'000'000'000;  // One leaf.
  HoeffdingTree adaptive(options, Numbers(2));
  options.leaf_prediction = LeafPrediction::kMajorityClass;
  HoeffdingTree majority(options, Numbers(2));
  options.leaf_prediction = LeafPrediction::kNaiveBayes;
  HoeffdingTree bayes(options, Numbers(2));
  double majority_right = 0, bayes_right = 0;
  size_t by_majority = 0, by_bayes = 0;
  CounterRandom random(5, 5);
  for (int i = 0; i < 3000; ++i) {
    // At first the label has nothing to do with the inputs, and naive Bayes reads patterns into
    // noise; then it follows x0.
    const double x0 = random.Normal();
    const bool noise = random.Uniform() < 0.7;
    const Example e{{x0, random.Normal()}, (i < 300 ? noise : x0 > 0) ? 1.0 : 0.0};
    const size_t m = majority.Classify(e.input()), b = bayes.Classify(e.input());
    const bool use_majority = majority_right > bayes_right;
    EXPECT_EQ(adaptive.Classify(e.input()), use_majority ? m : b) << i;
    if (m != b) ++(use_majority ? by_majority : by_bayes);
    if (i > 0 && static_cast<double>(m) == e.label) ++majority_right;
    if (static_cast<double>(b) == e.label) ++bayes_right;
    for (HoeffdingTree* tree : {&adaptive, &majority, &bayes}) tree->Learn(e.input(), e.label, 1);
  }
  EXPECT_GT(by_majority, 0u);
  EXPECT_GT(by_bayes, 0u);
}

TEST(HoeffdingTree, StaysWithinItsMemoryLimitAndKeepsLearning) {
  HoeffdingTreeOptions options;
  options.grace_period = 20;
  options.delta = 0.05;
  options.tie_threshold = 0.5;
  options.max_bytes = 128 << 10;
  HoeffdingTree tree(options, Mixed());
  HoeffdingTree free_tree(
      [&] {
        HoeffdingTreeOptions o = options;
        o.max_bytes = 64 << 20;
        return o;
      }(),
      Mixed());
  size_t most_inactive = 0, right = 0, first_class = 0;
  const auto limit = static_cast<size_t>(options.max_bytes);
  for (uint64_t i = 0; i < 40'000; ++i) {
    Example e = MixedExample(i, i < 30'000 ? 3 : 9);
    if (i % 1000 == 999) e.x[4] = static_cast<double>(i % 4000);  // Codes keep growing.
    const size_t decision = tree.ClassifyAndLearn(e.input(), e.label, 1);
    if (i > 20'000 && i < 30'000) {
      right += static_cast<double>(decision) == e.label ? 1 : 0;
      first_class += e.label == 0 ? 1 : 0;
    }
    free_tree.Learn(e.input(), e.label, 1);
    ASSERT_LE(tree.MemoryBytes(), limit) << "row " << i;
    if (i % 500 == 0) {
      most_inactive = std::max(most_inactive, tree.shape().leaves - tree.shape().active_leaves);
    }
  }
  EXPECT_GT(free_tree.MemoryBytes(), 4 * limit);
  EXPECT_GT(most_inactive, 10u);
  EXPECT_GT(tree.shape().active_leaves, 0u);
  EXPECT_THAT(DumpTrees(tree), HasSubstr("] inactive"));
  EXPECT_GT(tree.refused_splits(), 0u);
  EXPECT_GT(right, first_class + 2000);

  // At the limit as elsewhere: what was saved goes on as the original does.
  auto copy = tree.Fresh();
  ASSERT_TRUE(LoadFrom(*copy, Saved(tree)).ok());
  EXPECT_EQ(copy->MemoryBytes(), tree.MemoryBytes());
  for (uint64_t i = 40'000; i < 45'000; ++i) {
    const Example e = MixedExample(i, 9);
    tree.Learn(e.input(), e.label, 1);
    copy->Learn(e.input(), e.label, 1);
  }
  EXPECT_EQ(Saved(tree), Saved(*copy));
}

TEST(HoeffdingTree, ContinuesBitEqualAfterLoading) {
  for (const auto leaf : {LeafPrediction::kMajorityClass, LeafPrediction::kNaiveBayes,
                          LeafPrediction::kNaiveBayesAdaptive}) {
    HoeffdingTreeOptions options;
    options.grace_period = 50;
    options.delta = 0.01;
    options.leaf_prediction = leaf;
    options.remove_poor_attributes = true;
    HoeffdingTree original(options, Mixed());
    for (uint64_t i = 0; i < 3000; ++i) {
      const Example e = MixedExample(i, 3);
      original.Learn(e.input(), e.label, 1 + static_cast<double>(i % 3) / 4);
    }
    EXPECT_GT(original.shape().depth, 1u);
    auto loaded = original.Fresh();
    ASSERT_TRUE(LoadFrom(*loaded, Saved(original)).ok());
    EXPECT_EQ(Saved(*loaded), Saved(original));
    EXPECT_EQ(loaded->MemoryBytes(), original.MemoryBytes());
    std::vector<double> a, b;
    for (uint64_t i = 3000; i < 5000; ++i) {
      const Example e = MixedExample(i, 4);
      original.Predict(e.input(), a);
      loaded->Predict(e.input(), b);
      ASSERT_EQ(a, b);
      original.Learn(e.input(), e.label, 1);
      loaded->Learn(e.input(), e.label, 1);
    }
    EXPECT_EQ(Saved(*loaded), Saved(original));
  }
}

TEST(HoeffdingTree, RefusesDamagedStateAndStaysAsItWas) {
  HoeffdingTreeOptions options;
  options.grace_period = 50;
  options.tie_threshold = 0.5;
  HoeffdingTree tree(options, Mixed());
  for (uint64_t i = 0; i < 1000; ++i) {
    const Example e = MixedExample(i, 3);
    tree.Learn(e.input(), e.label, 1);
  }
  const std::string bytes = Saved(tree);
  HoeffdingTree other(options, Mixed());
  const std::string untouched = Saved(other);
  for (size_t cut = 0; cut < bytes.size(); cut += 7) {
    ASSERT_EQ(LoadFrom(other, bytes.substr(0, cut)).code(), StatusCode::kCorrupt) << cut;
  }
  EXPECT_EQ(Saved(other), untouched);
  // Any flipped byte is refused or gives a tree that still works.
  for (size_t at = 0; at < bytes.size(); at += 11) {
    std::string flipped = bytes;
    flipped[at] = static_cast<char>(flipped[at] ^ 0xff);
    HoeffdingTree victim(options, Mixed());
    if (!LoadFrom(victim, flipped).ok()) continue;
    std::vector<double> out;
    victim.Predict(MixedExample(5000, 3).input(), out);
    for (const double p : out) ASSERT_TRUE(p >= 0 && p <= 1) << at;
  }
  HoeffdingTree narrow(options, Numbers(5));
  EXPECT_THAT(std::string(LoadFrom(narrow, bytes).message()), HasSubstr("other attributes"));
}

TEST(HoeffdingTree, IsDeterministicAndTheFusedStepEqualsTheTwoCalls) {
  HoeffdingTreeOptions options;
  options.grace_period = 50;
  options.delta = 0.01;
  HoeffdingTree two(options, Mixed()), fused(options, Mixed()), both(options, Mixed());
  std::vector<double> out, also;
  for (uint64_t i = 0; i < 5000; ++i) {
    const Example e = MixedExample(i, 3);
    const size_t decision = two.Classify(e.input());
    two.Predict(e.input(), out);
    if (!out.empty()) {
      ASSERT_EQ(static_cast<size_t>(std::max_element(out.begin(), out.end()) - out.begin()),
                decision);
    }
    two.Learn(e.input(), e.label, 1);
    ASSERT_EQ(fused.ClassifyAndLearn(e.input(), e.label, 1), decision) << i;
    both.PredictAndLearn(e.input(), e.label, 1, also);
    ASSERT_EQ(also, out) << i;
  }
  EXPECT_EQ(Saved(two), Saved(fused));
  EXPECT_EQ(Saved(two), Saved(both));
}

TEST(HoeffdingTree, IgnoresWhatCannotBeLearnt) {
  HoeffdingTree tree(Eager(), Numbers(1));
  const std::vector<double> x = {1};
  for (const double target : {kNaN, kInfinity, -1.0, 0.5, 65'536.0}) tree.Learn({x, {}}, target, 1);
  for (const double weight : {0.0, -1.0, kNaN, kInfinity}) tree.Learn({x, {}}, 0, weight);
  tree.Learn({std::vector<double>{1, 2}, {}}, 0, 1);
  EXPECT_EQ(tree.ignored(), 10u);
  std::vector<double> out;
  tree.Predict({x, {}}, out);
  EXPECT_TRUE(out.empty());
}

TEST(HoeffdingTree, NeverGivesNaNWhateverTheNumbers) {
  HoeffdingTreeOptions options;
  options.grace_period = 20;
  options.tie_threshold = 1;
  HoeffdingTree tree(options, Numbers(3));
  const double extremes[] = {0,      -0.0, 1e308,     -1e308, 1e139,     -1e139,  5e-324,
                             1e-300, kNaN, kInfinity, 1,      1 + 1e-16, -1e-200, 1e10};
  CounterRandom random(9, 9);
  std::vector<double> out;
  for (int i = 0; i < 5000; ++i) {
    const std::vector<double> x = {extremes[random.Below(14)], extremes[random.Below(14)],
                                   random.Normal()};
    tree.Predict({x, {}}, out);
    double sum = 0;
    for (const double p : out) {
      ASSERT_TRUE(p >= 0 && p <= 1) << i;
      sum += p;
    }
    if (!out.empty()) {
      ASSERT_NEAR(sum, 1, 1e-12);
    }
    const double weight = random.Below(10) == 0 ? 1e12 : random.Below(10) == 0 ? 1e-300 : 1;
    tree.Learn({x, {}}, static_cast<double>(random.Below(3)), weight);
  }
  ASSERT_TRUE(LoadFrom(*tree.Fresh(), Saved(tree)).ok());  // Load refuses what is not finite.
}

TEST(HoeffdingTree, WeightsCountAsRepetitions) {
  HoeffdingTreeOptions options = Eager();
  options.leaf_prediction = LeafPrediction::kMajorityClass;
  HoeffdingTree tree(options, Numbers(1));
  tree.Learn({std::vector<double>{0}, {}}, 0, 2.5);
  tree.Learn({std::vector<double>{1}, {}}, 1, 1);
  EXPECT_EQ(Votes(tree, {0}), (std::vector<double>{2.5, 1}));
  EXPECT_EQ(tree.shape().nodes, 1u);
  tree.Learn({std::vector<double>{11}, {}}, 1, 1);  // 4.5 reaches the grace period.
  EXPECT_EQ(tree.shape().nodes, 3u);
}

TEST(HoeffdingTree, MajorityLeavesDropPoorAttributesOnRequest) {
  HoeffdingTreeOptions options;
  options.grace_period = 200;
  options.leaf_prediction = LeafPrediction::kMajorityClass;
  options.remove_poor_attributes = true;
  options.tie_threshold = 0;
  HoeffdingTree keeps(options, Numbers(3));
  // Two equally good attributes hold up the split; the third is noise and gets left out.
  CounterRandom random(2, 2);
  for (int i = 0; i < 200; ++i) {
    const double label = i % 2;
    keeps.Learn({std::vector<double>{label, label, random.Normal()}, {}}, label, 1);
  }
  EXPECT_EQ(keeps.shape().nodes, 1u);
  EXPECT_NE(Saved(keeps).find(std::string("\0\0\1", 3)), std::string::npos);
}

TEST(MakeHoeffdingTree, RefusesWhatMakesNoSense) {
  HoeffdingTreeOptions options;
  EXPECT_TRUE(MakeHoeffdingTree(options, Mixed()).ok());
  InputSpec sparse;
  sparse.sparse_size = 100;
  EXPECT_THAT(std::string(MakeHoeffdingTree(options, sparse).status().message()),
              HasSubstr("dense"));
  options.max_bytes = 16 << 10;
  EXPECT_THAT(std::string(MakeHoeffdingTree(options, Numbers(5000)).status().message()),
              HasSubstr("need at least"));
  options = {};
  options.delta = 1;
  EXPECT_THAT(std::string(MakeHoeffdingTree(options, Mixed()).status().message()),
              HasSubstr("delta"));
  options = {};
  options.numeric_candidates = 0;
  EXPECT_FALSE(MakeHoeffdingTree(options, Mixed()).ok());
}

TEST(MakeHoeffdingTree, AcceptsTheLeastMemoryItAsksFor) {
  HoeffdingTreeOptions options;
  options.max_bytes = static_cast<int64_t>(
      std::max<size_t>(16 << 10, HoeffdingTree::MinimumBytes(options, Numbers(200))));
  auto model = MakeHoeffdingTree(options, Numbers(200));
  ASSERT_TRUE(model.ok());
  CounterRandom random(4, 4);
  std::vector<double> x(200), out;
  for (int i = 0; i < 2000; ++i) {
    for (double& v : x) v = random.Normal();
    (*model)->Learn({x, {}}, static_cast<double>(i % 4), 1);
    ASSERT_LE((*model)->MemoryBytes(), static_cast<size_t>(options.max_bytes));
  }
  (*model)->Predict({x, {}}, out);
  EXPECT_EQ(out.size(), 4u);
  EXPECT_FALSE(DumpTrees(**model).empty());
}

}  // namespace
}  // namespace leat
