#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "base/random.h"
#include "models/ensembles/ensemble.h"
#include "models/ensembles/fast_math.h"
#include "models/ensembles/members.h"
#include "models/ensembles/regression_tree.h"
#include "models/model_test.h"

namespace leat {
namespace {

using ensembles::Ensemble;
using testing::HasSubstr;

struct Example {
  std::vector<double> x;
  double label;
};

/// The class is the sign of x0 (before `change`) or its reverse (from there on).
Example Turning(uint64_t i, uint64_t change, size_t width = 4) {
  CounterRandom random(5, 1, i * 64);
  Example e{std::vector<double>(width), 0};
  for (double& v : e.x) v = random.Normal();
  e.label = (e.x[0] > 0) != (i >= change) ? 1 : 0;
  return e;
}

template <typename Options>
std::unique_ptr<Ensemble> Made(Result<std::unique_ptr<Model>> (*make)(const Options&,
                                                                      const InputSpec&),
                               const Options& options, const InputSpec& spec) {
  auto made = make(options, spec);
  EXPECT_TRUE(made.ok()) << made.status().message();
  return std::unique_ptr<Ensemble>(dynamic_cast<Ensemble*>(made->release()));
}

double Accuracy(Ensemble& model, uint64_t from, uint64_t to, uint64_t change) {
  std::vector<double> out;
  double right = 0;
  for (uint64_t i = from; i < to; ++i) {
    const Example e = Turning(i, change);
    model.PredictAndLearn({e.x, {}}, e.label, 1, out);
    right += !out.empty() && (out.size() > 1 && out[1] > out[0]) == (e.label == 1) ? 1 : 0;
  }
  return right / static_cast<double>(to - from);
}

TEST(Votes, AreProbabilitiesOrOneForTheBestClass) {
  auto soft = New("online_bagging trees=4", Numbers(1));
  auto hard = New("online_bagging trees=4 soft_vote=false", Numbers(1));
  CounterRandom random(3, 1);
  std::vector<double> a, b;
  size_t between = 0;
  for (int i = 0; i < 500; ++i) {
    const std::vector<double> x = {random.Normal()};
    const double label = x[0] + random.Normal() > 0 ? 1 : 0;
    soft->PredictAndLearn({x, {}}, label, 1, a);
    hard->PredictAndLearn({x, {}}, label, 1, b);
    if (i < 30) continue;  // Some tree may have learnt nothing yet, and says nothing.
    for (const double p : b) EXPECT_NEAR(4 * p, std::round(4 * p), 1e-9);  // Trees, of four.
    for (const double p : a) between += std::fabs(4 * p - std::round(4 * p)) > 1e-6 ? 1 : 0;
  }
  EXPECT_GT(between, 400u);
}

TEST(Votes, CountByTheAccuracyOfATreeWhereWeightsAreAsked) {
  // Three classes that three trees do not agree on: weights tell their votes apart.
  auto plain = New("online_bagging trees=3 soft_vote=false", Numbers(1));
  auto weighted = New("online_bagging trees=3 soft_vote=false weighted_vote=true", Numbers(1));
  CounterRandom random(3, 2);
  std::vector<double> a, b;
  size_t differ = 0;
  for (int i = 0; i < 500; ++i) {
    const std::vector<double> x = {random.Normal()};
    const double label = std::floor(3 * random.Uniform());
    plain->PredictAndLearn({x, {}}, label, 1, a);
    weighted->PredictAndLearn({x, {}}, label, 1, b);
    differ += a != b ? 1 : 0;
  }
  EXPECT_GT(differ, 100u);
}

TEST(FastMath, LogarithmsAgreeWithTheLibrary) {
  CounterRandom random(1, 1);
  for (int i = 0; i < 20'000; ++i) {
    const double x = std::exp(random.Uniform(-200, 200));
    ASSERT_NEAR(ensembles::Log2(x), std::log2(x), 1e-8) << x;
    const auto f = static_cast<float>(std::exp(random.Uniform(-60, 60)));
    const ensembles::Four four = ensembles::Log2Four(ensembles::Four{f, 1.0F, 2.0F, f});
    ASSERT_NEAR(four[0], std::log2(static_cast<double>(f)), 1e-5) << f;
    ASSERT_EQ(four[1], 0);
    ASSERT_EQ(four[2], 1);
    ASSERT_EQ(four[3], four[0]);
  }
  EXPECT_EQ(ensembles::EntropyTerm(ensembles::Four{0, 0, 0, 0})[0], 0);
}

TEST(FastMath, TheTableIsTheNormalDistribution) {
  const auto& normal = ensembles::Normal();
  for (float z = -8; z <= 8; z += 0.0137F) {
    const double expected = 0.5 * std::erfc(-static_cast<double>(z) / std::sqrt(2.0));
    ASSERT_NEAR(static_cast<double>(normal(z)), expected, 5e-6) << z;
  }
  EXPECT_EQ(normal(0), 0.5F);
}

TEST(PoissonTable, HasThePoissonDistribution) {
  for (const double mean : {0.1, 1.0, 6.0, 30.0}) {
    const ensembles::PoissonTable table(mean);
    CounterRandom random(3, 3);
    double sum = 0, squares = 0;
    constexpr int kDraws = 200'000;
    for (int i = 0; i < kDraws; ++i) {
      const double k = table(random.Next());
      sum += k;
      squares += k * k;
    }
    const double average = sum / kDraws, variance = squares / kDraws - average * average;
    EXPECT_NEAR(average, mean, 5 * std::sqrt(mean / kDraws));
    EXPECT_NEAR(variance, mean, 0.03 * mean + 0.01);
  }
  const ensembles::PoissonTable one(1);
  EXPECT_EQ(one(0), 0u);
  EXPECT_EQ(one(static_cast<uint64_t>(0.36 * 0x1p64)), 0u);
  EXPECT_EQ(one(static_cast<uint64_t>(0.37 * 0x1p64)), 1u);
  EXPECT_EQ(one(static_cast<uint64_t>(0.73 * 0x1p64)), 1u);
  EXPECT_EQ(one(static_cast<uint64_t>(0.74 * 0x1p64)), 2u);
}

TEST(Ensemble, TheFusedStepEqualsTheTwoCalls) {
  AdaptiveRandomForestOptions options;
  options.trees = 5;
  auto two = Made(MakeAdaptiveRandomForest, options, Numbers(4));
  auto fused = Made(MakeAdaptiveRandomForest, options, Numbers(4));
  std::vector<double> a, b;
  for (uint64_t i = 0; i < 4000; ++i) {
    const Example e = Turning(i, 2000);
    two->Predict({e.x, {}}, a);
    two->Learn({e.x, {}}, e.label, 1);
    fused->PredictAndLearn({e.x, {}}, e.label, 1, b);
    ASSERT_EQ(a, b) << i;
  }
  EXPECT_TRUE(Saved(*two) == Saved(*fused));
}

TEST(Ensemble, SeedsGiveOtherTreesAndOneSeedTheSame) {
  AdaptiveRandomForestOptions options;
  auto one = Made(MakeAdaptiveRandomForest, options, Numbers(4));
  auto same = Made(MakeAdaptiveRandomForest, options, Numbers(4));
  options.seed = 2;
  auto other = Made(MakeAdaptiveRandomForest, options, Numbers(4));
  for (auto* model : {&one, &same, &other}) Accuracy(**model, 0, 2000, 5000);
  EXPECT_TRUE(Saved(*one) == Saved(*same));
  EXPECT_FALSE(Saved(*one) == Saved(*other));
}

TEST(Ensemble, RecoversFromAReversal) {
  constexpr uint64_t kChange = 6000;
  const auto after = [&](auto& model) {
    EXPECT_GT(Accuracy(*model, 2000, kChange, kChange), 0.9);
    Accuracy(*model, kChange, kChange + 1500, kChange);
    return Accuracy(*model, kChange + 1500, kChange + 4000, kChange);
  };
  auto forest = Made(MakeAdaptiveRandomForest, AdaptiveRandomForestOptions(), Numbers(4));
  EXPECT_GT(after(forest), 0.9);
  EXPECT_GT(forest->drifts(), 5u);
  EXPECT_GT(forest->warnings(), 5u);
  auto patches = Made(MakeStreamingRandomPatches, StreamingRandomPatchesOptions(), Numbers(4));
  Accuracy(*patches, 0, kChange, kChange);
  Accuracy(*patches, kChange, kChange + 1500, kChange);
  EXPECT_GT(Accuracy(*patches, kChange + 1500, kChange + 4000, kChange), 0.8);
  auto leveraging = Made(MakeLeveragingBagging, LeveragingBaggingOptions(), Numbers(4));
  EXPECT_GT(after(leveraging), 0.85);
  auto adwin = Made(MakeAdwinBagging, AdwinBaggingOptions(), Numbers(4));
  EXPECT_GT(after(adwin), 0.85);
  // Without detectors the old trees stay in the way.
  auto plain = Made(MakeOnlineBagging, OnlineBaggingOptions(), Numbers(4));
  EXPECT_LT(after(plain), 0.85);
}

TEST(Ensemble, StaysWithinItsBytesAndStillLearns) {
  for (const LeafPrediction leaf :
       {LeafPrediction::kNaiveBayesAdaptive, LeafPrediction::kMajorityClass}) {
    AdaptiveRandomForestOptions options;
    options.trees = 5;
    options.tree.grace_period = 10;
    options.tree.tie_threshold = 0.5;
    options.tree.leaf_prediction = leaf;
    options.max_bytes = 100 << 10;
    auto model = Made(MakeAdaptiveRandomForest, options, Numbers(6));
    std::vector<double> out;
    size_t right = 0;
    for (uint64_t i = 0; i < 20'000; ++i) {
      const Example e = Turning(i, 100'000, 6);
      model->PredictAndLearn({e.x, {}}, e.label, 1, out);
      ASSERT_LE(model->MemoryBytes(), static_cast<size_t>(options.max_bytes)) << i;
      if (i >= 10'000) right += (out[1] > out[0]) == (e.label == 1) ? 1 : 0;
    }
    EXPECT_GT(right, 8'500u);
    auto facts = CountsOf(*model);
    EXPECT_LT(facts["active leaves"], facts["leaves"]);
    auto loaded = model->Fresh();
    const std::string bytes = Saved(*model);
    StateReader in(bytes);
    ASSERT_TRUE(loaded->Load(in).ok()) << in.status().message();
    EXPECT_EQ(loaded->MemoryBytes(), model->MemoryBytes());
    for (uint64_t i = 20'000; i < 22'000; ++i) {
      const Example e = Turning(i, 21'000, 6);
      model->Learn({e.x, {}}, e.label, 1);
      loaded->Learn({e.x, {}}, e.label, 1);
    }
    EXPECT_TRUE(Saved(*model) == Saved(*loaded));
  }
}

TEST(Ensemble, ATreeStopsGrowingAtItsBytesAndKeepsWhatItHas) {
  // Every leaf has all of forty classes, whose weights outweigh the nodes.
  OnlineBaggingOptions options;
  options.trees = 1;
  options.tree.grace_period = 200;
  options.tree.delta = 0.5;
  options.tree.tie_threshold = 1;
  options.tree.split_criterion = SplitCriterion::kGini;
  options.tree.leaf_prediction = LeafPrediction::kMajorityClass;
  options.max_bytes = 100 << 10;
  auto model = Made(MakeOnlineBagging, options, Numbers(2));
  ExpectToStopGrowing(*model, 100'000, static_cast<size_t>(options.max_bytes), [&](uint64_t i) {
    CounterRandom random(4, 4, i * 8);
    const std::vector<double> x = {random.Uniform(), random.Uniform()};
    const double label =
        random.Uniform() < 0.5 ? std::floor(40 * x[0]) : static_cast<double>(random.Below(40));
    model->Learn({x, {}}, label, 1);
  });
}

/// Puts all leaves of a tree to sleep, learns on, wakes them and learns on: only then it splits.
template <typename Tree, typename Learn>
void ExpectSleepersToWakeAndSplit(Tree& tree, const Learn& learn) {
  learn(0, 3000);
  const size_t leaves = tree.leaves();
  ASSERT_GT(leaves, 1u);
  const size_t full = tree.MemoryBytes();
  std::vector<Tree*> trees = {&tree};
  ensembles::EaseLeaves(trees, full, 0);
  EXPECT_EQ(tree.active_leaves(), 0u);
  EXPECT_LT(tree.MemoryBytes(), full);
  EXPECT_EQ(tree.MemoryBytes(), sizeof(Tree) + tree.LastingBytes());
  learn(3000, 6000);
  EXPECT_EQ(tree.leaves(), leaves);
  // Where nearly all is taken nobody wakes.
  ensembles::WakeLeaves(trees, 80, 100);
  EXPECT_EQ(tree.active_leaves(), 0u);
  // The most promising wakes first, and no more when the rest is taken.
  size_t promising = 0;
  for (size_t leaf = 1; leaf < leaves; ++leaf) {
    if (tree.Promise(leaf) >= tree.Promise(promising)) promising = leaf;
  }
  ensembles::WakeLeaves(trees, 74, 100);
  EXPECT_EQ(tree.active_leaves(), 1u);
  EXPECT_TRUE(tree.IsActive(promising));
  ensembles::WakeLeaves(trees, 0, 1 << 30);
  EXPECT_EQ(tree.active_leaves(), leaves);
  learn(6000, 20'000);
  EXPECT_GT(tree.leaves(), leaves);
}

TEST(WakeLeaves, LetsTreesOfClassesGrowAgain) {
  const ensembles::AttributeSpace space(Numbers(4), 256);
  ensembles::TreePlan plan{{}, 4, false, 1};
  plan.options.delta = 0.01;
  ensembles::MemberTree tree(plan, space, 0);
  ExpectSleepersToWakeAndSplit(tree, [&](uint64_t from, uint64_t to) {
    for (uint64_t i = from; i < to; ++i) {
      const Example e = Turning(i, 1'000'000);
      // Beside the sign of x0 a stripe of x1, which takes longer to find.
      const bool stripe = e.x[1] > 0.2 && e.x[1] < 0.7;
      const ensembles::SharedRow row{e.x.data(), true};
      ensembles::Opinion opinion;
      tree.Ask(row, true, opinion, 1, nullptr);
      tree.Learn(row, opinion, static_cast<uint32_t>(e.label) ^ (stripe ? 1 : 0), 1, 1 << 30);
    }
  });
}

TEST(WakeLeaves, LetsTreesOfNumbersGrowAgain) {
  const ensembles::AttributeSpace space(Numbers(4), 256);
  const ensembles::RegressionPlan plan{{}, 4, 0, 1};
  ensembles::RegressionTree tree(plan, space, 0);
  ExpectSleepersToWakeAndSplit(tree, [&](uint64_t from, uint64_t to) {
    for (uint64_t i = from; i < to; ++i) {
      const Example e = Turning(i, 1'000'000);
      const double target = std::floor(2 * e.x[0]) + std::floor(3 * e.x[1]);
      const ensembles::RegressionRow row{e.x.data(), nullptr};
      tree.Learn(tree.Find(row.x), row, target, 1, 1 << 30);
    }
  });
}

TEST(RegressionTree, SplitsWhereWhatLastsHasRoomAndKeepsThatAsleep) {
  const ensembles::AttributeSpace space(Numbers(4), 256);
  const ensembles::RegressionPlan plan{{}, 4, 4, 1};  // Leaves keep linear models of four numbers.
  const auto learn = [&](ensembles::RegressionTree& tree, uint64_t rows, size_t room) {
    for (uint64_t i = 0; i < rows; ++i) {
      const Example e = Turning(i, 1'000'000);
      std::vector<double> z = e.x;
      z.push_back(1);
      const ensembles::RegressionRow row{e.x.data(), z.data()};
      tree.Learn(tree.Find(row.x), row, std::floor(2 * e.x[0]) + std::floor(3 * e.x[1]), 1, room);
    }
  };
  ensembles::RegressionTree tree(plan, space, 0);
  const size_t before = tree.LastingBytes();
  uint64_t rows = 0;
  for (; tree.leaves() == 1; rows += 200) learn(tree, 200, 1 << 30);
  const size_t growth = tree.LastingBytes() - before;
  EXPECT_GE(growth, (5 + 25) * sizeof(double));
  for (const size_t room : {size_t{0}, growth - 1, growth}) {
    ensembles::RegressionTree other(plan, space, 0);
    for (uint64_t i = 0; i < rows; i += 200) learn(other, 200, room);
    EXPECT_EQ(other.leaves(), room == growth ? 2u : 1u) << room;
    EXPECT_EQ(other.refused_splits(), room == growth ? 0u : 1u) << room;
  }
  learn(tree, 6000, 1 << 30);
  std::vector<ensembles::RegressionTree*> trees = {&tree};
  ensembles::EaseLeaves(trees, tree.MemoryBytes(), 0);
  EXPECT_GT(tree.leaves(), 2u);
  EXPECT_EQ(tree.MemoryBytes(), sizeof(tree) + tree.LastingBytes());
}

TEST(Ensemble, NominalValuesMaySplitAndGrow) {
  InputSpec spec;
  spec.dense = {{"color", true, 0}, {"noise", false, 0}};
  auto model = Made(MakeLeveragingBagging, LeveragingBaggingOptions(), spec);
  CounterRandom random(8, 8);
  std::vector<double> out;
  size_t right = 0;
  for (int i = 0; i < 12'000; ++i) {
    // Colors come one after the other; every second one is class 1.
    const auto color = static_cast<double>(random.Below(2 + static_cast<uint64_t>(i) / 300));
    const std::vector<double> x = {color, random.Normal()};
    const double label = std::fmod(color, 2);
    model->PredictAndLearn({x, {}}, label, 1, out);
    if (i > 10'000) right += static_cast<double>(out[1] > out[0]) == label ? 1 : 0;
  }
  EXPECT_GT(right, 1'800u);
}

TEST(Ensemble, SplitsByGiniToo) {
  AdaptiveRandomForestOptions options;
  options.tree.split_criterion = SplitCriterion::kGini;
  options.tree.leaf_prediction = LeafPrediction::kMajorityClass;  // Only splits can tell.
  auto model = Made(MakeAdaptiveRandomForest, options, Numbers(4));
  Accuracy(*model, 0, 3000, 100'000);
  EXPECT_GT(Accuracy(*model, 3000, 6000, 100'000), 0.9);
}

TEST(Ensemble, RefusesWhatMakesNoSense) {
  LeveragingBaggingOptions options;
  options.lambda = 0;
  EXPECT_THAT(std::string(MakeLeveragingBagging(options, Numbers(2)).status().message()),
              HasSubstr("lambda"));
  options = {};
  options.max_bytes = 64 << 10;
  EXPECT_THAT(std::string(MakeLeveragingBagging(options, Numbers(5000)).status().message()),
              HasSubstr("need at least"));
  options = {};
  options.trees = 0;
  EXPECT_FALSE(MakeLeveragingBagging(options, Numbers(2)).ok());
}

}  // namespace
}  // namespace leat
