/// The Mondrian forest: the aggregation by hand, scales, and the budget. What every classifier must
/// stand is in every_learner_test.
#include "leat/mondrian_forest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "models/model_test.h"

namespace leat {
namespace {

using testing::HasSubstr;

struct Example {
  std::vector<double> x;
  double label;
};

/// Four classes by the quarters of two numbers; a third says nothing. A tenth is noise.
Example Quarters(uint64_t i) {
  CounterRandom random(25, 2, i * 64);
  std::vector<double> x = {random.Normal(), random.Normal(), random.Normal()};
  double label = (x[0] > 0 ? 2 : 0) + (x[1] > 0.3 ? 1 : 0);
  if (random.Uniform() < 0.1) label = static_cast<double>(random.Below(4));
  return {std::move(x), label};
}

std::unique_ptr<Model> Made(const MondrianForestOptions& options, size_t inputs) {
  auto made = MakeMondrianForest(options, Numbers(inputs));
  EXPECT_TRUE(made.ok()) << made.status().message();
  return std::move(*made);
}

std::vector<double> Predicted(const Model& model, const std::vector<double>& x) {
  std::vector<double> out;
  model.Predict({x, {}}, out);
  return out;
}

double Fact(const Model& model, const std::string& name) {
  for (const auto& [fact, text] : model.Summary()) {
    if (fact == name) return std::stod(text);
  }
  return -1;
}

double Accuracy(Model& model, uint64_t from, uint64_t to) {
  double right = 0;
  for (uint64_t i = from; i < to; ++i) {
    const Example e = Quarters(i);
    const std::vector<double> out = Predicted(model, e.x);
    const auto best = std::max_element(out.begin(), out.end()) - out.begin();
    right += !out.empty() && static_cast<double>(best) == e.label ? 1 : 0;
    model.Learn({e.x, {}}, e.label, 1);
  }
  return right / static_cast<double>(to - from);
}

TEST(MondrianForest, WeighsPruningsByHowWellTheyPredicted) {
  auto model = Made({}, 1);
  model->Learn({std::vector<double>{0}, {}}, 0, 1);
  model->Learn({std::vector<double>{1}, {}}, 1, 1);
  // Every tree has split between 0 and 1. The root gave the second row (0 + 0.5) / (1 + 1) = 1/4,
  // and weighs 1/4; the two leaves have yet to predict, and weigh 1. So the root alone has
  // (1/4 / 2) / ((1/4 + 1) / 2) = 1/5 and says 1/2; the leaves have 4/5 and say 3/4.
  EXPECT_NEAR(Predicted(*model, {0}).at(0), 0.7, 1e-9);
  EXPECT_NEAR(Predicted(*model, {1}).at(1), 0.7, 1e-9);
  EXPECT_NEAR(Predicted(*model, {-100}).at(0), 0.7, 1e-9);
}

TEST(MondrianForest, DoesNotSplitWhatIsOfOneClassUnlessAsked) {
  for (const bool split_pure : {false, true}) {
    MondrianForestOptions options;
    options.split_pure = split_pure;
    auto model = Made(options, 3);
    for (uint64_t i = 0; i < 100; ++i) model->Learn({Quarters(i).x, {}}, 0, 1);
    if (split_pure) {
      EXPECT_GT(Fact(*model, "nodes"), 500);
    } else {
      EXPECT_EQ(Fact(*model, "nodes"), 10);  // A root for each tree.
    }
  }
}

TEST(MondrianForest, LearnsQuarters) {
  auto model = Made({}, 3);
  Accuracy(*model, 0, 3000);
  EXPECT_GT(Accuracy(*model, 3000, 5000), 0.87);  // 0.925 is the best there is.
}

TEST(MondrianForest, IsTheSameForInputsScaledByPowersOfTwo) {
  auto plain = Made({}, 3);
  auto scaled = Made({}, 3);
  for (uint64_t i = 0; i < 1500; ++i) {
    const Example e = Quarters(i);
    const std::vector<double> x = {e.x[0] * 0x1p30, e.x[1], e.x[2] * 0x1p-20};
    ASSERT_EQ(Predicted(*plain, e.x), Predicted(*scaled, x)) << i;
    plain->Learn({e.x, {}}, e.label, 1);
    scaled->Learn({x, {}}, e.label, 1);
  }
}

TEST(MondrianForest, AWeightCountsAsThatManyRowsInALeaf) {
  auto model = Made({}, 1);
  model->Learn({std::vector<double>{0}, {}}, 0, 3);
  model->Learn({std::vector<double>{0}, {}}, 1, 1);
  // One node: (3 + 0.5) of (4 + 1).
  EXPECT_NEAR(Predicted(*model, {0}).at(0), 0.7, 1e-12);
}

TEST(MondrianForest, StaysWithinItsBytesAndStillLearns) {
  MondrianForestOptions options;
  options.max_bytes = 300 << 10;
  auto model = Made(options, 3);
  size_t most = 0;
  for (uint64_t i = 0; i < 10'000; ++i) {
    const Example e = Quarters(i);
    model->Learn({e.x, {}}, e.label, 1);
    most = std::max(most, model->MemoryBytes());
  }
  EXPECT_LE(most, static_cast<size_t>(options.max_bytes));
  EXPECT_GT(most, static_cast<size_t>(options.max_bytes) * 8 / 10);
  EXPECT_GT(Fact(*model, "trees begun anew"), 10);
  EXPECT_GT(Accuracy(*model, 10'000, 12'000), 0.8);
  const std::string bytes = Saved(*model);
  auto loaded = model->Fresh();
  StateReader in(bytes);
  ASSERT_TRUE(loaded->Load(in).ok()) << in.status().message();
  EXPECT_EQ(loaded->MemoryBytes(), model->MemoryBytes());
}

TEST(MondrianForest, ASingleTreeAtItsBytesKeepsWhatItHas) {
  MondrianForestOptions options;
  options.trees = 1;
  options.max_bytes = 64 << 10;
  auto model = Made(options, 3);
  Accuracy(*model, 0, 5000);
  EXPECT_EQ(Fact(*model, "trees begun anew"), 0);
  EXPECT_GT(Fact(*model, "splits refused by max_bytes"), 0);
  EXPECT_LE(model->MemoryBytes(), static_cast<size_t>(options.max_bytes));
  EXPECT_GT(Accuracy(*model, 5000, 6000), 0.7);
}

TEST(MondrianForest, FollowsAChangeOnceItIsAtItsBytes) {
  MondrianForestOptions options;
  options.max_bytes = 600 << 10;
  auto model = Made(options, 3);
  Accuracy(*model, 0, 6000);
  std::vector<double> out;
  double right = 0;
  for (uint64_t i = 6000; i < 16'000; ++i) {
    Example e = Quarters(i);
    e.label = 3 - e.label;
    model->Predict({e.x, {}}, out);
    const auto best = std::max_element(out.begin(), out.end()) - out.begin();
    if (i >= 14'000) right += static_cast<double>(best) == e.label ? 1 : 0;
    model->Learn({e.x, {}}, e.label, 1);
  }
  EXPECT_GT(right / 2000, 0.8);
}

TEST(MondrianForest, RefusesClassesForWhichThereIsNoRoom) {
  MondrianForestOptions options;
  options.max_bytes = 300 << 10;
  auto model = Made(options, 3);
  Accuracy(*model, 0, 200);
  model->Learn({Quarters(0).x, {}}, 60'000, 1);
  EXPECT_EQ(Fact(*model, "rows of classes refused by max_bytes"), 1);
  EXPECT_LE(model->MemoryBytes(), static_cast<size_t>(options.max_bytes));
  EXPECT_EQ(Predicted(*model, Quarters(0).x).size(), 4u);
}

TEST(MakeMondrianForest, RefusesWhatMakesNoSense) {
  MondrianForestOptions options;
  options.step = 0;
  EXPECT_THAT(std::string(MakeMondrianForest(options, Numbers(3)).status().message()),
              HasSubstr("step"));
  options = {};
  options.trees = 1000;
  options.max_bytes = 64 << 10;
  EXPECT_THAT(std::string(MakeMondrianForest(options, Numbers(3)).status().message()),
              HasSubstr("need at least"));
}

}  // namespace
}  // namespace leat
