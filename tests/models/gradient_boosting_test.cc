/// Boosted trees: what a leaf predicts by hand, drift and false alarms, the budget, and the bins
/// that trees share. What every learner must stand is in every_learner_test and
/// regression_trees_test.
#include "leat/gradient_boosting.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "models/ensembles/gradient_boosting.h"
#include "models/ensembles/gradient_tree.h"
#include "models/ensembles/row_bins.h"
#include "models/model_test.h"

namespace leat {
namespace {

using ensembles::GradientBoosting;
using testing::HasSubstr;

struct Example {
  std::vector<double> x;
  double target;
};

/// Steps and a product over x0 to x2 before `change`, over x3 to x5 from there on; and noise.
Example Turning(uint64_t i, uint64_t change, double noise = 0.5) {
  CounterRandom random(15, 2, i * 64);
  std::vector<double> x(6);
  for (double& v : x) v = random.Uniform();
  const double* const a = x.data() + (i < change ? 0 : 3);
  const double target = 10 * std::sin(3 * a[0] * a[1]) + (a[2] > 0.5 ? 8 : 0);
  return {std::move(x), target + noise * random.Normal()};
}

template <typename Options>
std::unique_ptr<GradientBoosting> Made(Result<std::unique_ptr<Model>> (*make)(const Options&,
                                                                              const InputSpec&),
                                       const Options& options, const InputSpec& spec) {
  auto made = make(options, spec);
  EXPECT_TRUE(made.ok()) << made.status().message();
  return std::unique_ptr<GradientBoosting>(dynamic_cast<GradientBoosting*>(made->release()));
}

double Predicted(const Model& model, const std::vector<double>& x) {
  std::vector<double> out;
  model.Predict({x, {}}, out);
  return out.at(0);
}

double Rmse(Model& model, uint64_t from, uint64_t to, uint64_t change, double noise = 0.5) {
  double squares = 0;
  for (uint64_t i = from; i < to; ++i) {
    const Example e = Turning(i, change, noise);
    const double error = Predicted(model, e.x) - e.target;
    squares += error * error;
    model.Learn({e.x, {}}, e.target, 1);
  }
  return std::sqrt(squares / static_cast<double>(to - from));
}

constexpr uint64_t kNever = 1'000'000;

GradientBoostedRegressorOptions OneTree() {
  GradientBoostedRegressorOptions options;
  options.trees = 1;
  options.learning_rate = 1;
  options.subsample = 1;
  options.window = 1e15;
  return options;
}

TEST(GradientBoostedRegressor, ALeafPredictsTheShrunkMeanOfWhatIsLeftOver) {
  auto model = Made(MakeGradientBoostedRegressor, OneTree(), Numbers(1));
  model->Learn({std::vector<double>{5}, {}}, 1, 1);
  EXPECT_EQ(Predicted(*model, {5}), 1);
  model->Learn({std::vector<double>{5}, {}}, 3, 1);
  // The mean is 2, so the second row leaves 1; the first left 0. Two rows and a ridge of 1.
  EXPECT_DOUBLE_EQ(Predicted(*model, {5}), 2 + 1.0 / 3);
}

TEST(GradientBoostedTrees, ALeafMakesANewtonStep) {
  GradientBoostedTreesOptions options;
  options.trees = 1;
  options.learning_rate = 1;
  options.subsample = 1;
  options.window = 1e15;
  auto model = Made(MakeGradientBoostedTrees, options, Numbers(1));
  const std::vector<double> x = {5};
  model->Learn({x, {}}, 1, 1);
  std::vector<double> out;
  model->Predict({x, {}}, out);
  EXPECT_EQ(out, (std::vector<double>{0, 1}));
  model->Learn({x, {}}, 0, 1);
  // Class 1 came first and has no chain. At the second row class 0 starts from odds of (0 + 1) to
  // (1 + 1): p = 1/3, g = 2/3, h = 2/9, so the leaf predicts (2/3) / (2/9 + 1); then the odds of
  // the counts are even.
  model->Predict({x, {}}, out);
  EXPECT_NEAR(out[0], 1 / (1 + std::exp(-6.0 / 11)), 1e-12);
  EXPECT_NEAR(out[0] + out[1], 1, 1e-15);
}

TEST(GradientBoostedRegressor, DoesNotSplitWhereNothingIsToBeLearnt) {
  GradientBoostedRegressorOptions options;
  options.delta = 1e-4;
  auto model = Made(MakeGradientBoostedRegressor, options, Numbers(5));
  CounterRandom random(3, 3);
  for (int i = 0; i < 4000; ++i) {
    std::vector<double> x(5);
    for (double& v : x) v = random.Normal();
    model->Learn({x, {}}, random.Normal(), 1);
  }
  size_t leaves = 0;
  for (const auto& [name, text] : model->Summary()) {
    if (name == "leaves") leaves = std::stoul(text);
  }
  EXPECT_LT(leaves, 125u);  // Of 100 trees.
}

TEST(GradientBoostedRegressor, IsTheSameForInputsScaledByAPowerOfTwo) {
  auto plain = Made(MakeGradientBoostedRegressor, {}, Numbers(6));
  auto scaled = Made(MakeGradientBoostedRegressor, {}, Numbers(6));
  for (uint64_t i = 0; i < 3000; ++i) {
    const Example e = Turning(i, kNever);
    std::vector<double> x = e.x;
    for (double& v : x) v *= 0x1p30;
    ASSERT_EQ(Predicted(*plain, e.x), Predicted(*scaled, x)) << i;
    plain->Learn({e.x, {}}, e.target, 1);
    scaled->Learn({x, {}}, e.target, 1);
  }
}

TEST(GradientBoostedRegressor, BeginsAnewWhenNewTreesDoBetter) {
  auto model = Made(MakeGradientBoostedRegressor, {}, Numbers(6));
  Rmse(*model, 0, 5000, 5000);
  EXPECT_EQ(model->renewals(), 0u);
  Rmse(*model, 5000, 9000, 5000);
  EXPECT_GE(model->renewals(), 1u);
  // Without that the old tests stay in the way.
  GradientBoostedRegressorOptions options;
  options.drift_delta = 0;
  auto stays = Made(MakeGradientBoostedRegressor, options, Numbers(6));
  Rmse(*stays, 0, 9000, 5000);
  EXPECT_LT(Rmse(*model, 9000, 11'000, 5000), 0.85 * Rmse(*stays, 9000, 11'000, 5000));
}

TEST(GradientBoostedRegressor, KeepsItsTreesWhereErrorsRiseByNoiseAlone) {
  auto model = Made(MakeGradientBoostedRegressor, {}, Numbers(6));
  Rmse(*model, 0, 4000, kNever);
  Rmse(*model, 4000, 8000, kNever, 4);
  size_t alarms = 0;
  for (const auto& [name, text] : model->Summary()) {
    if (name == "alarms") alarms = std::stoul(text);
  }
  EXPECT_GE(alarms, 1u);
  EXPECT_EQ(model->renewals(), 0u);
}

TEST(GradientBoostedRegressor, ContinuesBitEqualAfterLoadingWhileItBeginsAnew) {
  GradientBoostedRegressorOptions options;
  options.trees = 30;
  auto whole = Made(MakeGradientBoostedRegressor, options, Numbers(6));
  Rmse(*whole, 0, 3000, 3000);
  bool scouts = false, renews = false;
  for (uint64_t i = 3000; i < 5000; ++i) {
    const Example e = Turning(i, 3000);
    whole->Learn({e.x, {}}, e.target, 1);
    if (i % 50 != 0) continue;
    scouts |= whole->scouting();
    renews |= whole->renewing();
    const std::string bytes = Saved(*whole);
    auto loaded = whole->Fresh();
    StateReader in(bytes);
    ASSERT_TRUE(loaded->Load(in).ok()) << in.status().message();
    ASSERT_TRUE(Saved(*loaded) == bytes);
    whole.reset(dynamic_cast<GradientBoosting*>(loaded.release()));
  }
  EXPECT_TRUE(scouts);
  EXPECT_TRUE(renews);
  // The same rows in one piece give the same bytes.
  auto other = Made(MakeGradientBoostedRegressor, options, Numbers(6));
  Rmse(*other, 0, 5000, 3000);
  EXPECT_TRUE(Saved(*other) == Saved(*whole));
}

TEST(GradientBoostedRegressor, StaysWithinItsBytesAndStillLearns) {
  GradientBoostedRegressorOptions options;
  options.trees = 30;
  options.max_bytes = 400 << 10;
  auto model = Made(MakeGradientBoostedRegressor, options, Numbers(6));
  size_t most = 0;
  for (uint64_t i = 0; i < 6000; ++i) {
    const Example e = Turning(i, 4000);
    model->Learn({e.x, {}}, e.target, 1);
    most = std::max(most, model->MemoryBytes());
  }
  EXPECT_LE(most, static_cast<size_t>(options.max_bytes));
  EXPECT_GT(most, static_cast<size_t>(options.max_bytes) * 8 / 10);
  EXPECT_LT(Rmse(*model, 6000, 7000, 4000), 3.5);  // The targets deviate by 5.
}

TEST(GradientBoostedTrees, RefusesClassesForWhichThereIsNoRoom) {
  GradientBoostedTreesOptions options;
  options.max_bytes = 1 << 20;
  auto model = Made(MakeGradientBoostedTrees, options, Numbers(2));
  std::vector<double> out;
  for (uint64_t i = 0; i < 300; ++i) {
    const std::vector<double> x = {static_cast<double>(i % 60), 1};
    model->Learn({x, {}}, static_cast<double>(i % 60), 1);
    ASSERT_LE(model->MemoryBytes(), static_cast<size_t>(options.max_bytes)) << i;
    model->Predict({x, {}}, out);
    double sum = 0;
    for (const double p : out) sum += p;
    ASSERT_NEAR(sum, 1, 1e-9);
  }
  EXPECT_GT(out.size(), 3u);
  EXPECT_LT(out.size(), 60u);
}

TEST(GradientBoostedTrees, GivesAClassBetweenSeenOnesNoProbability) {
  auto model = Made(MakeGradientBoostedTrees, {}, Numbers(1));
  std::vector<double> out;
  for (const double label : {4.0, 0.0, 2.0}) {
    const std::vector<double> x = {label};
    for (int i = 0; i < 50; ++i) model->Learn({x, {}}, label, 1);
  }
  model->Predict({std::vector<double>{4}, {}}, out);
  ASSERT_EQ(out.size(), 5u);
  EXPECT_EQ(out[1], 0);
  EXPECT_EQ(out[3], 0);
  EXPECT_GT(out[0], 0);
}

TEST(MakeGradientBoosting, RefusesWhatMakesNoSense) {
  GradientBoostedTreesOptions options;
  options.learning_rate = 0;
  EXPECT_THAT(std::string(MakeGradientBoostedTrees(options, Numbers(3)).status().message()),
              HasSubstr("learning_rate"));
  options = {};
  options.max_bytes = 64 << 10;
  EXPECT_THAT(std::string(MakeGradientBoostedTrees(options, Numbers(3)).status().message()),
              HasSubstr("need at least"));
  InputSpec sparse;
  sparse.sparse_size = 5;
  EXPECT_FALSE(MakeGradientBoostedRegressor({}, sparse).ok());
}

// ---- A tree of its own ----

TEST(StochasticGradientTree, ALeafMakesANewtonStepAfterItsGracePeriodAndThenBeginsAnew) {
  StochasticGradientTreeOptions options;
  options.grace_period = 10;
  options.delta = 0.9;
  options.ridge = 0.5;
  auto model = Made(MakeStochasticGradientTree, options, Numbers(1));
  const std::vector<double> x = {5};
  std::vector<double> out;
  model->Learn({x, {}}, 0, 1);
  // All rows are alike, so the tree cannot split. Class 1 starts from odds of (n + 1) to 2.
  double gradient = 0, hessian = 0;
  for (int n = 0; n < 10; ++n) {
    const double p = (n + 1.0) / (n + 3.0);
    gradient += 1 - p;
    hessian += std::max(p * (1 - p), (1 - p) / 2);
    model->Learn({x, {}}, 1, 1);
  }
  const double step = gradient / (hessian + 0.5);
  model->Predict({x, {}}, out);
  EXPECT_NEAR(std::log(out.at(1) / out.at(0)), std::log(11.0 / 2) + step, 1e-12);
  // The next ten learn the gradient at what the leaf now says.
  gradient = hessian = 0;
  for (int n = 10; n < 20; ++n) {
    const double p = 1 / (1 + std::exp(-(std::log((n + 1.0) / 2) + step)));
    gradient += 1 - p;
    hessian += p * (1 - p);
    model->Learn({x, {}}, 1, 1);
  }
  model->Predict({x, {}}, out);
  EXPECT_NEAR(std::log(out.at(1) / out.at(0)),
              std::log(21.0 / 2) + step + gradient / (hessian + 0.5), 1e-12);
}

TEST(StochasticGradientTree, FollowsAMeanThatMovesAndSplitsWhereItDiffers) {
  auto model = Made(MakeStochasticGradientTreeRegressor, {}, Numbers(2));
  const auto learn = [&](uint64_t from, uint64_t to, double shift) {
    for (uint64_t i = from; i < to; ++i) {
      CounterRandom random(15, 7, i * 8);
      const std::vector<double> x = {random.Uniform(), random.Uniform()};
      model->Learn({x, {}}, (x[0] > 0.5 ? 10 : 0) + shift + random.Normal(), 1);
    }
  };
  learn(0, 5000, 0);
  EXPECT_NEAR(Predicted(*model, {0.25, 0.5}), 0, 0.5);
  EXPECT_NEAR(Predicted(*model, {0.75, 0.5}), 10, 0.5);
  learn(5000, 10'000, 30);
  EXPECT_NEAR(Predicted(*model, {0.25, 0.5}), 30, 0.7);
  EXPECT_NEAR(Predicted(*model, {0.75, 0.5}), 40, 0.7);
}

// ---- Bins ----

using ensembles::AttributeSpace;
using ensembles::kNoBin;
using ensembles::RowBins;

struct Binned {
  explicit Binned(const InputSpec& spec) : space(spec, 256), bins(space, 1), codes(space.size()) {}
  bool Meet(const std::vector<double>& x) {
    bins.Codes(x.data(), codes.data());
    return bins.Meet(x.data(), codes.data());
  }
  uint8_t CodeOf(double v) {
    std::vector<double> x(space.size(), v);
    bins.Codes(x.data(), codes.data());
    return codes[0];
  }
  AttributeSpace space;
  RowBins bins;
  std::vector<uint8_t> codes;
};

TEST(RowBins, GiveEachOfAFewValuesItsOwnBin) {
  Binned b(Numbers(1));
  EXPECT_EQ(b.CodeOf(3), kNoBin);  // Nothing is known yet.
  for (int i = 0; i < 64; ++i) b.Meet({static_cast<double>(i % 4)});
  for (int v = 0; v < 4; ++v) EXPECT_EQ(b.CodeOf(v), v);
  EXPECT_EQ(b.bins.Edge(0, 1), 1.5);
  EXPECT_EQ(b.CodeOf(1.5), 1);  // An edge belongs to the bin below it.
  EXPECT_EQ(b.CodeOf(-100), 0);
  EXPECT_EQ(b.CodeOf(100), 3);
}

TEST(RowBins, HoldEqualSharesOfManyValues) {
  Binned b(Numbers(1));
  CounterRandom random(2, 2);
  for (int i = 0; i < 4000; ++i) b.Meet({std::exp(3 * random.Normal())});
  std::vector<int> rows(ensembles::kBins);
  for (int i = 0; i < 32'000; ++i) ++rows[b.CodeOf(std::exp(3 * random.Normal()))];
  for (const int n : rows) {
    EXPECT_GT(n, 300);
    EXPECT_LT(n, 2500);
  }
}

TEST(RowBins, FollowValuesThatWanderOffAndSayWhereOldBinsGo) {
  Binned b(Numbers(1));
  CounterRandom random(2, 2);
  for (int i = 0; i < 4096; ++i) b.Meet({random.Normal()});
  EXPECT_EQ(b.CodeOf(100), 31);
  const double top = b.bins.Edge(0, 30);
  bool moved = false;
  for (int i = 0; i < 6000 && !moved; ++i) {
    moved = b.Meet({100 + random.Normal()});
    if (!moved) continue;
    const ensembles::Rebinning& change = b.bins.changes().at(0);
    for (size_t bin = 1; bin < ensembles::kBins; ++bin) {
      EXPECT_GE(change.to[bin], change.to[bin - 1]);
    }
    EXPECT_LT(change.to[31], 31);  // What lay just above the old edges lies below the new values.
  }
  EXPECT_TRUE(moved);
  EXPECT_GT(b.bins.Edge(0, 30), top);
}

TEST(RowBins, ForgetWhatWasGatheredBeforeANumberVariesAgain) {
  Binned b(Numbers(1));
  for (int i = 0; i < 200; ++i) b.Meet({static_cast<double>(i % 4)});
  EXPECT_EQ(b.CodeOf(3), 3);
  // Until the whole sample is one value, which is none of the lowest.
  for (int i = 0; i < 400'000 && b.CodeOf(3) != kNoBin; ++i) b.Meet({3});
  ASSERT_EQ(b.CodeOf(3), kNoBin);
  bool again = false;
  for (int i = 0; i < 10'000 && !again; ++i) again = b.Meet({static_cast<double>(i % 4)});
  ASSERT_TRUE(again);
  EXPECT_THAT(b.bins.changes().at(0).to, testing::Each(kNoBin));
}

TEST(GradientTree, ForgetsWhatGoesToNoBinAndKeepsTheRest) {
  AttributeSpace space(Numbers(20), 256);  // Wide enough that rows wait.
  const RowBins bins(space, 1);
  for (const size_t attributes : {1u, 20u}) {
    ensembles::GradientPlan plan;
    plan.attributes = attributes;
    plan.options.grace_period = 1000;
    const auto saved = [](const ensembles::GradientTree& tree) {
      StateWriter out;
      tree.Save(out);
      return out.Take();
    };
    ensembles::GradientTree moved(plan, space, 1), expected(plan, space, 1);
    const auto learn = [&](ensembles::GradientTree& tree, uint8_t code) {
      const std::vector<uint8_t> codes(space.size(), code);
      tree.Learn(0, codes.data(), bins, 0.5, 1, 1, true);
    };
    for (int i = 0; i < 100; ++i) {
      learn(moved, static_cast<uint8_t>(i % 3));
      learn(expected, i % 3 == 0 ? kNoBin : static_cast<uint8_t>(i % 3 + 4));
    }
    ensembles::Rebinning change;
    for (size_t b = 0; b < ensembles::kBins; ++b) {
      change.to[b] = b == 0 ? kNoBin : static_cast<uint8_t>(std::min(b + 4, ensembles::kBins - 1));
    }
    moved.Move(std::vector<const ensembles::Rebinning*>(space.size(), &change));
    EXPECT_TRUE(saved(moved) == saved(expected)) << attributes;
  }
}

TEST(RowBins, TakeNominalValuesAsTheyAre) {
  Binned b({{{"color", true, 0}}, 0});
  EXPECT_EQ(b.CodeOf(0), 0);
  EXPECT_EQ(b.CodeOf(30), 30);
  EXPECT_EQ(b.CodeOf(31), 31);
  EXPECT_EQ(b.CodeOf(200), 31);
  EXPECT_EQ(b.CodeOf(std::nan("")), kNoBin);
}

}  // namespace
}  // namespace leat
