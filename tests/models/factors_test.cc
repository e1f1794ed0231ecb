/// Factorization machines and matrix factorization: what they are for, by hand, awkward inputs,
/// saving, and what is forgotten.
#include "leat/factors.h"

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

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

InputSpec NumbersAndIds() {
  InputSpec spec = Numbers(2);
  spec.sparse_size = 1 << 10;
  return spec;
}

struct Example {
  std::vector<double> x;
  std::vector<SparseEntry> ids;
  double label;
  Input input() const { return {x, ids}; }
};

/// The class is whether the two numbers are of one sign, in three of four places turned round: what
/// no weighted sum knows. Ten places come often, many come once.
Example Make(uint64_t i, uint64_t classes = 2) {
  CounterRandom random(91, 1, i * 16);
  const double a = random.Normal(), b = random.Normal();
  const auto place =
      static_cast<uint32_t>(i % 20 == 0 ? 100 + random.Below(900) : random.Below(10));
  double label = a * b > 0 ? 1 : 0;
  if (random.Uniform() < 0.05) label = static_cast<double>(random.Below(2));
  if (classes > 2 && place < 3) label = 2;
  return {{a, b}, {{place, 1}}, label};
}

template <typename Options>
std::unique_ptr<Model> Made(Result<std::unique_ptr<Model>> (*make)(const Options&,
                                                                   const InputSpec&),
                            const Options& options, const InputSpec& spec) {
  auto made = make(options, spec);
  EXPECT_TRUE(made.ok()) << made.status().message();
  return std::move(*made);
}

std::unique_ptr<Model> Machine(FactorOptimizer optimizer = FactorOptimizer::kAdaGrad,
                               int64_t factors = 8) {
  FactorizationMachineOptions options;
  options.optimizer = optimizer;
  options.factors = factors;
  return Made(MakeFactorizationMachine, options, NumbersAndIds());
}

double Accuracy(Model& model, uint64_t from, uint64_t to, uint64_t classes = 2) {
  std::vector<double> out;
  double right = 0;
  for (uint64_t i = from; i < to; ++i) {
    const Example e = Make(i, classes);
    model.Predict(e.input(), out);
    const auto best = std::max_element(out.begin(), out.end()) - out.begin();
    right += !out.empty() && static_cast<double>(best) == e.label ? 1 : 0;
    model.Learn(e.input(), e.label, 1);
  }
  return right / static_cast<double>(to - from);
}

class EveryMachine : public testing::TestWithParam<FactorOptimizer> {};

TEST_P(EveryMachine, LearnsAProductThatNoWeightedSumKnows) {
  auto machine = Machine(GetParam());
  auto linear = Machine(GetParam(), 0);
  Accuracy(*machine, 0, 6000);
  Accuracy(*linear, 0, 6000);
  EXPECT_GT(Accuracy(*machine, 6000, 8000), 0.9);
  EXPECT_LT(Accuracy(*linear, 6000, 8000), 0.6);
}

TEST_P(EveryMachine, TakesANewClassInTheMiddle) {
  auto machine = Machine(GetParam());
  Accuracy(*machine, 0, 3000);
  Accuracy(*machine, 3000, 9000, 3);
  EXPECT_GT(Accuracy(*machine, 9000, 11'000, 3), 0.85);
}

TEST_P(EveryMachine, ContinuesBitEqualAfterLoadingAndSaysItsMemory) {
  for (const uint64_t cut : {0u, 1u, 700u, 2500u}) {
    auto whole = Machine(GetParam());
    Accuracy(*whole, 0, cut);
    auto loaded = Reloaded(*whole);
    EXPECT_EQ(Accuracy(*whole, cut, cut + 800, 3), Accuracy(*loaded, cut, cut + 800, 3));
    ASSERT_TRUE(Saved(*loaded) == Saved(*whole));
  }
#ifndef __SANITIZE_ADDRESS__
  Accuracy(*Machine(GetParam()), 0, 100, 3);
  const size_t before = HeapBytes();
  auto model = Machine(GetParam());
  Accuracy(*model, 0, 8000, 3);
  const auto held = static_cast<double>(HeapBytes() - before);
  EXPECT_NEAR(static_cast<double>(model->MemoryBytes()) / held, 1, 0.1);
#endif
}

TEST_P(EveryMachine, GivesProbabilitiesWhateverComes) {
  auto model = Machine(GetParam());
  std::vector<double> out;
  model->Predict(Make(0).input(), out);
  EXPECT_TRUE(out.empty());
  CounterRandom random(9, 9);
  const double extremes[] = {0, 1e308, -1e139, kNaN, 1e9, 1, kInfinity, -1e49, 1e-300};
  const float values[] = {1, -1, 0, 3e38f, std::numeric_limits<float>::quiet_NaN()};
  for (int i = 0; i < 4000; ++i) {
    const std::vector<double> x = {extremes[random.Below(9)], extremes[random.Below(9)]};
    const std::vector<SparseEntry> ids = {
        {static_cast<uint32_t>(random.Below(2000)), values[random.Below(5)]}};
    model->Predict({x, ids}, out);
    double sum = 0;
    for (const double p : out) {
      ASSERT_TRUE(p >= 0 && p <= 1) << i;
      sum += p;
    }
    if (!out.empty()) {
      ASSERT_NEAR(sum, 1, 1e-9);
    }
    const double labels[] = {0, 1, static_cast<double>(i / 1000), kNaN, -1, 0.5, 1e9};
    model->Learn({x, ids}, labels[random.Below(7)], random.Below(9) == 0 ? 1e12 : 1);
  }
  Reloaded(*model);
}

INSTANTIATE_TEST_SUITE_P(Optimizers, EveryMachine,
                         testing::Values(FactorOptimizer::kSgd, FactorOptimizer::kAdaGrad));

TEST(FactorizationMachine, IsTheSumOverPairsOfItsEquation) {
  FactorizationMachineOptions options;
  options.factors = 1;
  options.optimizer = FactorOptimizer::kSgd;
  options.learning_rate = 0.5;
  options.l2 = options.factor_l2 = 0;
  options.spread = 1e-12;  // Next to nothing.
  auto model = Made(MakeFactorizationMachine, options, Numbers(2));
  std::vector<double> out;
  const std::vector<double> x = {2, 3};
  model->Learn({x, {}}, 0, 1);
  model->Learn({x, {}}, 1, 1);
  // The score was 0: the derivative is -1/2, the intercept 1/4, the weights 1/4 of the inputs.
  model->Predict({x, {}}, out);
  EXPECT_NEAR(std::log(out.at(1) / out.at(0)), 0.25 + 0.25 * (4 + 9), 1e-6);
  model->Predict({std::vector<double>{kNaN, 1}, {}}, out);
  EXPECT_NEAR(std::log(out.at(1) / out.at(0)), 0.25 + 0.25 * 3, 1e-6);
}

TEST(FactorizationMachineRegressor, LearnsAProductOfAnyScaleAndKeepsWithinTheTargets) {
  auto model = Made(MakeFactorizationMachineRegressor, {}, NumbersAndIds());
  std::vector<double> out;
  model->Predict(Make(0).input(), out);
  EXPECT_EQ(out, std::vector<double>{0});
  double squares = 0, all = 0, highest = 0;
  for (uint64_t i = 0; i < 12'000; ++i) {
    const Example e = Make(i);
    const double target = 5e9 + 1e6 * e.x[0] * e.x[1];
    model->Predict(e.input(), out);
    if (i >= 10'000) {
      squares += (out[0] - target) * (out[0] - target);
      all += (target - 5e9) * (target - 5e9);
    }
    highest = std::max(highest, target);
    model->Learn(e.input(), target, 1);
  }
  EXPECT_LT(squares, 0.05 * all);
  model->Predict({std::vector<double>{1e40, 1e40}, {}}, out);
  EXPECT_GT(out[0], highest);
  EXPECT_LT(out[0], highest + 5e6);
  for (const double target : {kNaN, kInfinity, 1e101}) model->Learn(Make(1).input(), target, 1);
  ExpectRefusesCutState(*model, Saved(*model));
  auto loaded = Reloaded(*model);
  model->Learn(Make(2).input(), 5e9, 2);
  loaded->Learn(Make(2).input(), 5e9, 2);
  EXPECT_TRUE(Saved(*loaded) == Saved(*model));
}

TEST(FactorizationMachine, RefusesNominalInputsAndOptionsOutOfRange) {
  EXPECT_FALSE(MakeFactorizationMachine({}, MixedInputs()).ok());
  FactorizationMachineOptions options;
  options.factors = 1000;
  EXPECT_FALSE(MakeFactorizationMachine(options, Numbers(2)).ok());
  EXPECT_FALSE(MakeFactorizationMachineRegressor(options, Numbers(2)).ok());
}

// ---- Matrix factorization ----

InputSpec TwoIds() {
  InputSpec spec;
  spec.sparse_size = 1 << 20;
  return spec;
}

/// A user likes an item by what both are, more or less.
struct Rating {
  std::vector<SparseEntry> ids;
  double stars;
  Input input() const { return {{}, ids}; }
};
Rating Rate(uint64_t i, uint64_t users = 40) {
  CounterRandom random(92, 1, i * 8);
  const auto user = static_cast<uint32_t>(random.Below(users));
  const auto item = static_cast<uint32_t>(random.Below(50));
  const double taste = user % 2 == item % 2 ? 2 : -2;
  return {{{user, 1}, {(1u << 19) + item, -1}},
          3 + taste + 0.1 * (item % 5) + 0.2 * random.Normal()};
}

double Rmse(Model& model, uint64_t from, uint64_t to, uint64_t users = 40) {
  std::vector<double> out;
  double squares = 0;
  for (uint64_t i = from; i < to; ++i) {
    const Rating r = Rate(i, users);
    model.Predict(r.input(), out);
    squares += (out.at(0) - r.stars) * (out.at(0) - r.stars);
    model.Learn(r.input(), r.stars, 1);
  }
  return std::sqrt(squares / static_cast<double>(to - from));
}

std::string Fact(const Model& model, const std::string& wanted) {
  for (const auto& [name, value] : model.Summary()) {
    if (name == wanted) return value;
  }
  return "";
}

TEST(MatrixFactorization, LearnsWhatUsersMakeOfItems) {
  auto model = Made(MakeMatrixFactorization, {}, TwoIds());
  MatrixFactorizationOptions biases;
  biases.factors = 0;
  auto plain = Made(MakeMatrixFactorization, biases, TwoIds());
  Rmse(*model, 0, 20'000);
  Rmse(*plain, 0, 20'000);
  EXPECT_LT(Rmse(*model, 20'000, 24'000), 0.4);
  EXPECT_GT(Rmse(*plain, 20'000, 24'000), 1.8);
}

TEST(MatrixFactorization, PredictsAnItemsMeanForANewUserAndTheMeanForNobody) {
  MatrixFactorizationOptions options;
  options.factors = 0;
  options.l2 = 0;
  auto model = Made(MakeMatrixFactorization, options, TwoIds());
  for (int i = 0; i < 4000; ++i) {
    const auto user = static_cast<uint32_t>(i % 7), item = static_cast<uint32_t>(i % 2);
    const std::vector<SparseEntry> ids = {{user, 1}, {100 + item, 1}};
    model->Learn({{}, ids}, item == 0 ? 1 : 5, 1);
  }
  std::vector<double> out;
  const std::vector<SparseEntry> fresh = {{50, 1}, {101, 1}};
  model->Predict({{}, fresh}, out);
  EXPECT_NEAR(out[0], 5, 0.1);
  const std::vector<SparseEntry> nobody = {{50, 1}, {70, 1}};
  model->Predict({{}, nobody}, out);
  EXPECT_NEAR(out[0], 3, 0.01);
}

TEST(MatrixFactorization, ForgetsTheOneLearntLongestAgoAndStaysBounded) {
  MatrixFactorizationOptions options;
  options.max_ids = 3;
  auto model = Made(MakeMatrixFactorization, options, TwoIds());
  const auto learn = [&](uint32_t user) {
    const std::vector<SparseEntry> ids = {{user, 1}, {1000, 1}};
    model->Learn({{}, ids}, user, 1);
  };
  const auto said = [&](uint32_t user) {
    std::vector<double> out;
    const std::vector<SparseEntry> ids = {{user, 1}, {1000, 1}};
    model->Predict({{}, ids}, out);
    return out[0];
  };
  for (const uint32_t user : {1u, 2u, 3u}) learn(user);
  learn(1);  // Now 2 is the one learnt longest ago.
  EXPECT_NE(said(2), said(77));
  learn(4);
  EXPECT_EQ(said(2), said(77));
  EXPECT_NE(said(1), said(77));
  EXPECT_EQ(Fact(*model, "users"), "3");
  EXPECT_EQ(Fact(*model, "users forgotten"), "1");
  const size_t bytes = model->MemoryBytes();
  for (uint32_t user = 0; user < 5000; ++user) learn(user);
  EXPECT_EQ(Fact(*model, "users"), "3");
  EXPECT_LT(model->MemoryBytes(), bytes + 1000);
}

TEST(MatrixFactorization, ContinuesBitEqualAfterLoadingAndSaysItsMemory) {
  MatrixFactorizationOptions options;
  options.max_ids = 300;
  for (const uint64_t cut : {0u, 1u, 500u, 3000u}) {
    auto whole = Made(MakeMatrixFactorization, options, TwoIds());
    Rmse(*whole, 0, cut, 1000);
    auto loaded = Reloaded(*whole);
    if (cut > 0) ExpectRefusesCutState(*whole, Saved(*whole));
    EXPECT_EQ(Rmse(*whole, cut, cut + 1500, 1000), Rmse(*loaded, cut, cut + 1500, 1000));
    ASSERT_TRUE(Saved(*loaded) == Saved(*whole));
  }
#ifndef __SANITIZE_ADDRESS__
  const size_t before = HeapBytes();
  options.max_ids = 1 << 20;
  auto model = Made(MakeMatrixFactorization, options, TwoIds());
  Rmse(*model, 0, 50'000, 20'000);
  const auto held = static_cast<double>(HeapBytes() - before);
  EXPECT_NEAR(static_cast<double>(model->MemoryBytes()) / held, 1, 0.1);
#endif
}

TEST(MatrixFactorization, StandsMissingIdsNoiseAndTargetsOfAnySize) {
  InputSpec spec;
  spec.dense = {{"user", true, 0}, {"item", true, 0}};
  MatrixFactorizationOptions options;
  options.learning_rate = 1;
  auto model = Made(MakeMatrixFactorization, options, spec);
  CounterRandom random(9, 9);
  const double ids[] = {0, 1, 2, kNaN, -1, kInfinity, 1e300, 5e9};
  const double targets[] = {0, 1e99, -1e99, 3, kNaN, kInfinity, 1e-300};
  std::vector<double> out;
  for (int i = 0; i < 5000; ++i) {
    const std::vector<double> x = {ids[random.Below(8)], ids[random.Below(8)]};
    model->Predict({x, {}}, out);
    ASSERT_TRUE(std::isfinite(out.at(0))) << i;
    model->Learn({x, {}}, targets[random.Below(7)], random.Below(9) == 0 ? 1e12 : 1);
  }
}

TEST(MatrixFactorization, RefusesWhatAreNotTwoIds) {
  EXPECT_FALSE(MakeMatrixFactorization({}, Numbers(2)).ok());
  EXPECT_FALSE(MakeMatrixFactorization({}, MixedInputs()).ok());
  EXPECT_FALSE(MakeMatrixFactorization({}, InputSpec()).ok());
  InputSpec three;
  three.dense = {{"a", true, 0}, {"b", true, 0}, {"c", true, 0}};
  EXPECT_FALSE(MakeMatrixFactorization({}, three).ok());
}

}  // namespace
}  // namespace leat
