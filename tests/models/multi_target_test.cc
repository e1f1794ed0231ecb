#include "leat/multi_target.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "models/heap.h"
#include "models/model_test.h"

namespace leat {
namespace {

using testing::HasSubstr;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// A class, and a number that follows from the class alone once that is known.
struct Example {
  std::vector<double> x, known;
  Input input() const { return {x, {}}; }
};
Example Make(uint64_t i) {
  CounterRandom random(5, 9, i * 8);
  const double a = random.Normal(), b = random.Normal();
  const double label = a > 0 ? 1 : 0;
  return {{a, b}, {label, 10 * label + 0.1 * random.Normal()}};
}

MultiTargetOptions Options(bool chain) {
  MultiTargetOptions options;
  options.chain = chain;
  options.targets = {{"kind", Task::kClassification, "hoeffding_tree grace_period=50"},
                     {"price", Task::kRegression, "forest_regressor trees=3"}};
  return options;
}
std::unique_ptr<MultiTargetModel> New(const MultiTargetOptions& options) {
  auto made = MakeMultiTarget(options, Numbers(2));
  EXPECT_TRUE(made.ok()) << made.status().message();
  return std::move(*made);
}
std::string Saved(const MultiTargetModel& model) {
  StateWriter out;
  model.Save(out);
  return out.Take();
}

/// Share of classes that are right, and mean absolute error of the number.
std::pair<double, double> Errors(MultiTargetModel& model, uint64_t from, uint64_t to) {
  std::vector<std::vector<double>> out;
  double right = 0, error = 0;
  for (uint64_t i = from; i < to; ++i) {
    const Example e = Make(i);
    model.Predict(e.input(), out);
    EXPECT_EQ(out.size(), 2u);
    const double best = out[0].size() > 1 && out[0][1] > out[0][0] ? 1 : 0;
    right += best == e.known[0] ? 1 : 0;
    error += std::fabs(out[1].at(0) - e.known[1]);
    model.Learn(e.input(), e.known, 1);
  }
  const auto rows = static_cast<double>(to - from);
  return {right / rows, error / rows};
}

TEST(MultiTarget, LearnsClassesAndNumbersAtOnce) {
  for (const bool chain : {false, true}) {
    auto model = New(Options(chain));
    Errors(*model, 0, 2000);
    const auto [right, error] = Errors(*model, 2000, 3000);
    EXPECT_GT(right, 0.9) << chain;
    EXPECT_LT(error, 1.5) << chain;
  }
}

TEST(MultiTarget, AChainShowsEachTheTargetsBefore) {
  // The class cannot be told from the inputs, and the number is known once the class is.
  MultiTargetOptions options = Options(true);
  options.targets[0].model = "naive_bayes";
  options.targets[1].model = "hoeffding_regression_tree grace_period=50 leaf_prediction=mean";
  auto chain = New(options);
  for (uint64_t i = 0; i < 1000; ++i) {
    const std::vector<double> x = {0, 0};
    const std::vector<double> known = {static_cast<double>(i % 2),
                                       10.0 * static_cast<double>(i % 2)};
    chain->Learn({x, {}}, known, 1);
  }
  std::vector<double> out;
  for (const double label : {0.0, 1.0}) {
    const std::vector<double> x = {0, 0, label};
    chain->member(1).Predict({x, {}}, out);
    EXPECT_NEAR(out[0], 10 * label, 0.5);
  }
}

TEST(MultiTarget, LearnsWhatIsKnownAndIgnoresTheRest) {
  auto model = New(Options(false));
  const Example e = Make(0);
  model->Learn(e.input(), std::vector<double>{kNaN, 4}, 1);
  model->Learn(e.input(), std::vector<double>{1}, 1);
  model->Learn({std::vector<double>{1}, {}}, e.known, 1);
  std::vector<std::vector<double>> out;
  model->Predict(e.input(), out);
  EXPECT_TRUE(out[0].empty());
  EXPECT_NEAR(out[1].at(0), 4, 1e-9);
}

TEST(MultiTarget, ContinuesBitEqualAfterLoadingAndSaysItsMemory) {
  for (const bool chain : {false, true}) {
    [[maybe_unused]] const size_t before = HeapBytes();
    auto whole = New(Options(chain));
    Errors(*whole, 0, 1500);
#ifndef __SANITIZE_ADDRESS__
    const auto held = static_cast<double>(HeapBytes() - before);
    EXPECT_NEAR(static_cast<double>(whole->MemoryBytes()) / held, 1, 0.1);
#endif
    const std::string bytes = Saved(*whole);
    auto loaded = whole->Fresh();
    StateReader in(bytes);
    ASSERT_TRUE(loaded->Load(in).ok());
    EXPECT_TRUE(in.AtEnd());
    EXPECT_EQ(Errors(*whole, 1500, 2500), Errors(*loaded, 1500, 2500));
    EXPECT_TRUE(Saved(*whole) == Saved(*loaded));
    const std::string untouched = Saved(*loaded);
    for (size_t cut = 0; cut < bytes.size(); cut += DamageStep(bytes)) {
      StateReader part(std::string_view(bytes).substr(0, cut));
      ASSERT_EQ(loaded->Load(part).code(), StatusCode::kCorrupt) << cut;
    }
    EXPECT_TRUE(Saved(*loaded) == untouched);
  }
}

TEST(MultiTarget, RefusesWhatCannotBeMade) {
  EXPECT_FALSE(MakeMultiTarget({}, Numbers(2)).ok());
  MultiTargetOptions options = Options(true);
  options.targets[1].model = "linear_regression";  // Reads no category.
  const auto made = MakeMultiTarget(options, Numbers(2));
  ASSERT_FALSE(made.ok());
  EXPECT_THAT(std::string(made.status().message()), HasSubstr("target price"));
  options.targets[1].model = "hoeffding_tree";
  EXPECT_THAT(std::string(MakeMultiTarget(options, Numbers(2)).status().message()),
              HasSubstr("does not predict a number"));
}

}  // namespace
}  // namespace leat
