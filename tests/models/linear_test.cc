#include "leat/linear.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"

namespace leat {
namespace {

using testing::DoubleEq;
using testing::DoubleNear;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

InputSpec Layout(size_t dense, uint32_t sparse = 0) {
  InputSpec inputs;
  inputs.dense.resize(dense);
  inputs.sparse_size = sparse;
  return inputs;
}

std::unique_ptr<LinearModel> Cast(Result<std::unique_ptr<Model>> made) {
  EXPECT_TRUE(made.ok()) << made.status().message();
  return std::unique_ptr<LinearModel>(static_cast<LinearModel*>(std::move(made).value().release()));
}
std::unique_ptr<LinearModel> Classifier(const LinearOptions& options, const InputSpec& inputs) {
  return Cast(MakeLogisticRegression(options, inputs));
}
std::unique_ptr<LinearModel> Regressor(LinearOptions options, const InputSpec& inputs) {
  if (options.loss == LinearLoss::kLog) options.loss = LinearLoss::kSquared;
  if (options.loss == LinearLoss::kHinge) options.loss = LinearLoss::kEpsilonInsensitive;
  return Cast(MakeLinearRegression(options, inputs));
}

LinearOptions Sgd(double rate) {
  LinearOptions options;
  options.optimizer = LinearOptimizer::kSgd;
  options.learning_rate = rate;
  return options;
}
bool MendsErrors(LinearOptimizer optimizer) {
  return optimizer == LinearOptimizer::kPassiveAggressive || optimizer == LinearOptimizer::kArow;
}
bool TakesL1(LinearOptimizer optimizer) {
  return !MendsErrors(optimizer) && optimizer != LinearOptimizer::kAveragedSgd;
}
LinearOptions With(LinearOptimizer optimizer) {
  LinearOptions options;
  options.optimizer = optimizer;
  if (MendsErrors(optimizer)) options.loss = LinearLoss::kHinge;
  return options;
}
constexpr LinearOptimizer kEveryOptimizer[] = {LinearOptimizer::kSgd,
                                               LinearOptimizer::kAdaGrad,
                                               LinearOptimizer::kFtrl,
                                               LinearOptimizer::kMomentum,
                                               LinearOptimizer::kNesterov,
                                               LinearOptimizer::kRmsProp,
                                               LinearOptimizer::kAdaDelta,
                                               LinearOptimizer::kAdam,
                                               LinearOptimizer::kAmsGrad,
                                               LinearOptimizer::kAdaMax,
                                               LinearOptimizer::kNadam,
                                               LinearOptimizer::kFtrlDelayed,
                                               LinearOptimizer::kPassiveAggressive,
                                               LinearOptimizer::kArow,
                                               LinearOptimizer::kAveragedSgd};

std::vector<double> Predicted(const Model& model, const Input& input) {
  std::vector<double> out;
  model.Predict(input, out);
  return out;
}
std::string Bytes(const Model& model) {
  StateWriter out;
  model.Save(out);
  return out.Take();
}

/// A record of a seeded stream with dense and sparse parts and a class out of `classes`.
struct Record {
  std::vector<double> dense;
  std::vector<SparseEntry> sparse;
  double target;
  Input input() const { return {dense, sparse}; }
};
std::vector<Record> Stream(size_t n, size_t dense, uint32_t sparse, uint64_t classes) {
  CounterRandom random(7, 7);
  std::vector<Record> records(n);
  for (Record& r : records) {
    r.target = static_cast<double>(random.Below(classes));
    for (size_t i = 0; i < dense; ++i) {
      r.dense.push_back(random.Normal() + (i % classes == static_cast<size_t>(r.target) ? 1 : 0));
    }
    if (sparse > 0) {
      for (int i = 0; i < 5; ++i) {
        r.sparse.push_back({static_cast<uint32_t>(random.Below(sparse)),
                            static_cast<float>(random.Uniform(0, 2))});
      }
    }
  }
  return records;
}

TEST(LogisticRegression, TakesTheStepWorkedByHand) {
  auto model = Classifier(Sgd(0.5), Layout(2));
  EXPECT_THAT(Predicted(*model, {std::vector<double>{1, 1}, {}}), SizeIs(0));
  // Margin 0, so p = 1/2 and the derivative is -1/2: w += 0.5 * 0.5 * x, b += 0.01 * 0.5.
  const std::vector<double> x{2, -4};
  model->Learn({x, {}}, 1, 1);
  EXPECT_DOUBLE_EQ(model->DenseWeight(0, 0), 0.5);
  EXPECT_DOUBLE_EQ(model->DenseWeight(0, 1), -1.0);
  EXPECT_DOUBLE_EQ(model->Intercept(0), 0.005);
  // Margin of the same record is now 1 + 4 + 0.005.
  const double p = 1 / (1 + std::exp(-5.005));
  EXPECT_THAT(Predicted(*model, {x, {}}), ElementsAre(DoubleNear(1 - p, 1e-15), DoubleEq(p)));
}

TEST(LogisticRegression, WeighsARecordByScalingItsGradient) {
  auto model = Classifier(Sgd(0.5), Layout(1));
  const std::vector<double> x{1};
  model->Learn({x, {}}, 1, 3);
  EXPECT_DOUBLE_EQ(model->DenseWeight(0, 0), 0.75);
}

TEST(LogisticRegression, SaysOneForTheOnlyClassSeen) {
  auto model = Classifier(Sgd(0.5), Layout(1));
  const std::vector<double> x{1};
  model->Learn({x, {}}, 0, 1);
  EXPECT_THAT(Predicted(*model, {x, {}}), ElementsAre(1.0));
}

TEST(LogisticRegression, HingeStopsOnceTheMarginIsWide) {
  LinearOptions options = Sgd(1);
  options.loss = LinearLoss::kHinge;
  options.intercept = false;
  auto model = Classifier(options, Layout(1));
  const std::vector<double> x{2};
  model->Learn({x, {}}, 1, 1);  // margin 0 <= 1: w = 2
  EXPECT_DOUBLE_EQ(model->DenseWeight(0, 0), 2);
  model->Learn({x, {}}, 1, 1);  // margin 4 > 1: stays
  EXPECT_DOUBLE_EQ(model->DenseWeight(0, 0), 2);
}

TEST(LinearRegression, AdaGradTakesTheStepWorkedByHand) {
  LinearOptions options = With(LinearOptimizer::kAdaGrad);
  options.learning_rate = 0.1;
  options.intercept = false;
  auto model = Regressor(options, Layout(1));
  // Derivative 2 (0 - 3) = -6, gradient -12: n = 144, w = 0.1 * 12 / sqrt(144 + 1e-8).
  const std::vector<double> x{2};
  model->Learn({x, {}}, 3, 1);
  EXPECT_DOUBLE_EQ(model->OptimizerState(0, 0, 0), 144);
  EXPECT_DOUBLE_EQ(model->DenseWeight(0, 0), 1.2 / std::sqrt(144 + 1e-8));
}

TEST(LogisticRegression, FtrlTakesTheStepsWorkedByHand) {
  LinearOptions options = With(LinearOptimizer::kFtrl);
  options.learning_rate = 0.5;
  options.beta = 1;
  options.l1 = 0.25;
  options.l2 = 2;
  options.intercept = false;
  auto model = Classifier(options, Layout(0, 4));
  const std::vector<SparseEntry> x{{2, 1}};
  // g = -1/2: n = 1/4, sigma = (1/2) / (1/2) = 1, z = -1/2 - 1 * 0; |z| - l1 = 1/4;
  // w = (1/4) / ((1 + 1/2) / (1/2) + 2) = 0.05.
  model->Learn({{}, x}, 1, 1);
  EXPECT_DOUBLE_EQ(model->SparseWeight(0, 2), 0.05);
  const double g = 1 / (1 + std::exp(-0.05)) - 1;
  const double n = 0.25 + g * g;
  const double z = -0.5 + g - (std::sqrt(n) - 0.5) / 0.5 * 0.05;
  model->Learn({{}, x}, 1, 1);
  EXPECT_NEAR(model->SparseWeight(0, 2), (-z - 0.25) / ((1 + std::sqrt(n)) / 0.5 + 2), 1e-15);
  EXPECT_EQ(model->SparseWeight(0, 1), 0);
}

TEST(LinearRegression, RegressionLossesHaveTheirDerivatives) {
  struct Case {
    LinearLoss loss;
    double target, step;  // of the weight, from 0, for x = 1 and rate 1
  };
  for (const Case& c : {Case{LinearLoss::kSquared, 3, 6}, Case{LinearLoss::kAbsolute, 3, 1},
                        Case{LinearLoss::kAbsolute, 0, 0}, Case{LinearLoss::kHuber, 0.5, 0.5},
                        Case{LinearLoss::kHuber, -9, -2}, Case{LinearLoss::kQuantile, 3, 0.9},
                        Case{LinearLoss::kQuantile, -3, -0.1}}) {
    LinearOptions options = Sgd(1);
    options.loss = c.loss;
    options.huber_delta = 2;
    options.quantile = 0.9;
    auto model = Regressor(options, Layout(1));
    model->Learn({std::vector<double>{1}, {}}, c.target, 1);
    EXPECT_NEAR(model->DenseWeight(0, 0), c.step, 1e-15) << static_cast<int>(c.loss);
  }
}

TEST(LinearRegression, PoissonPredictsTheExponentialAndLearnsCounts) {
  LinearOptions options = Sgd(0.1);
  options.loss = LinearLoss::kPoisson;
  options.intercept = false;
  auto model = Regressor(options, Layout(1));
  const std::vector<double> one{1}, two{2};
  EXPECT_EQ(Predicted(*model, {one, {}}).at(0), 1);
  // The derivative of exp(r) - y r at r = 0 is 1 - y.
  model->Learn({one, {}}, 3, 1);
  EXPECT_NEAR(model->DenseWeight(0, 0), 0.2, 1e-15);
  EXPECT_NEAR(Predicted(*model, {two, {}}).at(0), std::exp(0.4), 1e-14);
  std::vector<double> out;
  model->PredictAndLearn({two, {}}, 1, 1, out);
  EXPECT_NEAR(out.at(0), std::exp(0.4), 1e-14);
  EXPECT_NEAR(model->DenseWeight(0, 0), 0.2 - 0.1 * 2 * (std::exp(0.4) - 1), 1e-14);
  const uint64_t before = model->skipped();
  model->Learn({one, {}}, -1, 1);
  EXPECT_EQ(model->skipped(), before + 1);
}

TEST(LinearRegression, PoissonFindsTheRateOfCounts) {
  LinearOptions options;
  options.loss = LinearLoss::kPoisson;
  auto model = Regressor(options, Layout(1));
  CounterRandom random(4, 4);
  for (int i = 0; i < 30'000; ++i) {
    const std::vector<double> x{random.Normal()};
    model->Learn({x, {}}, static_cast<double>(random.Poisson(std::exp(0.5 + 0.7 * x[0]))), 1);
  }
  EXPECT_NEAR(model->DenseWeight(0, 0), 0.7, 0.05);
  EXPECT_NEAR(model->Intercept(0), 0.5, 0.15);
  const std::vector<double> far{1e40};
  EXPECT_TRUE(std::isfinite(Predicted(*model, {far, {}}).at(0)));
}

TEST(LinearRegression, ClipsTheDerivative) {
  LinearOptions options = Sgd(1);
  options.clip_gradient = 10;
  auto model = Regressor(options, Layout(1));
  model->Learn({std::vector<double>{1}, {}}, 1e9, 1);
  EXPECT_DOUBLE_EQ(model->DenseWeight(0, 0), 10);
}

TEST(LinearRegression, SchedulesLowerTheRate) {
  const std::vector<std::pair<LinearSchedule, double>> second_rates{
      {LinearSchedule::kConstant, 0.5},
      {LinearSchedule::kInverseScaling, 0.5 / std::sqrt(2.0)},
      {LinearSchedule::kInverseTime, 0.25},
      {LinearSchedule::kExponential, 0.25}};
  for (const auto& [schedule, rate] : second_rates) {
    LinearOptions options = Sgd(0.5);
    options.loss = LinearLoss::kAbsolute;
    options.schedule = schedule;
    options.half_life = 1;
    options.intercept = false;
    auto model = Regressor(options, Layout(1));
    const std::vector<double> x{1};
    model->Learn({x, {}}, 100, 1);
    EXPECT_DOUBLE_EQ(model->DenseWeight(0, 0), 0.5);
    model->Learn({x, {}}, 100, 1);
    EXPECT_DOUBLE_EQ(model->DenseWeight(0, 0), 0.5 + rate);
  }
}

TEST(LinearRegression, L2ShrinksTowardsZero) {
  LinearOptions options = Sgd(0.5);
  options.l2 = 1;
  options.loss = LinearLoss::kAbsolute;
  options.intercept = false;
  auto model = Regressor(options, Layout(1));
  model->Learn({std::vector<double>{1}, {}}, 1, 1);  // w = 0.5
  model->Learn({std::vector<double>{0}, {}}, 0, 1);  // no error: only the penalty, w *= 1 - 0.5
  EXPECT_DOUBLE_EQ(model->DenseWeight(0, 0), 0.25);
}

TEST(LogisticRegression, L1MakesExactZerosOfUselessFeatures) {
  for (const LinearOptimizer optimizer :
       {LinearOptimizer::kSgd, LinearOptimizer::kAdaGrad, LinearOptimizer::kFtrl}) {
    LinearOptions options = With(optimizer);
    options.learning_rate = 0.05;
    // The penalty that suits each: AdaGrad's steps shrink while its penalty does not.
    options.l1 = optimizer == LinearOptimizer::kSgd       ? 0.1
                 : optimizer == LinearOptimizer::kAdaGrad ? 0.01
                                                          : 60;
    auto model = Classifier(options, Layout(6, 50));
    auto plain = Classifier(With(optimizer), Layout(6, 50));
    CounterRandom random(3, 3);
    for (int i = 0; i < 3000; ++i) {
      std::vector<double> x;
      for (int j = 0; j < 6; ++j) x.push_back(random.Normal());
      const std::vector<SparseEntry> s{{static_cast<uint32_t>(random.Below(50)), 1}};
      const double target = x[0] > 0;
      model->Learn({x, s}, target, 1);
      plain->Learn({x, s}, target, 1);
    }
    EXPECT_GT(model->DenseWeight(0, 0), 0.1);
    int zeros = 0, plain_zeros = 0;
    for (size_t j = 1; j < 6; ++j) {
      zeros += model->DenseWeight(0, j) == 0;
      plain_zeros += plain->DenseWeight(0, j) == 0;
    }
    for (uint32_t j = 0; j < 50; ++j) {
      zeros += model->SparseWeight(0, j) == 0;
      plain_zeros += plain->SparseWeight(0, j) == 0;
    }
    EXPECT_GE(zeros, 45) << static_cast<int>(optimizer);
    EXPECT_EQ(plain_zeros, 0) << static_cast<int>(optimizer);
  }
}

TEST(LogisticRegression, DenseAndSparsePartsAreTheSameModel) {
  for (const LinearOptimizer optimizer :
       {LinearOptimizer::kSgd, LinearOptimizer::kAdaGrad, LinearOptimizer::kFtrl}) {
    auto dense = Classifier(With(optimizer), Layout(5));
    auto sparse = Classifier(With(optimizer), Layout(0, 5));
    CounterRandom random(5, 5);
    for (int i = 0; i < 200; ++i) {
      std::vector<double> x;
      std::vector<SparseEntry> s;
      for (uint32_t j = 0; j < 5; ++j) {
        const float v = static_cast<float>(random.Below(4)) / 2;
        x.push_back(static_cast<double>(v));
        if (v != 0) s.push_back({j, v});
      }
      const double target = static_cast<double>(random.Below(2));
      dense->Learn({x, {}}, target, 1);
      sparse->Learn({{}, s}, target, 1);
    }
    for (uint32_t j = 0; j < 5; ++j) {
      EXPECT_NEAR(dense->DenseWeight(0, j), sparse->SparseWeight(0, j), 1e-12);
    }
  }
}

TEST(LogisticRegression, ARepeatedSparseIndexIsLearntTwice) {
  // Two entries of one index must not overwrite each other: n of FTRL and AdaGrad grows by both.
  LinearOptions options = With(LinearOptimizer::kFtrl);
  options.intercept = false;
  auto model = Classifier(options, Layout(0, 2));
  model->Learn({{}, std::vector<SparseEntry>{{1, 1}, {1, 1}}}, 1, 1);
  auto once = Classifier(options, Layout(0, 2));
  once->Learn({{}, std::vector<SparseEntry>{{1, 1}}}, 1, 1);
  EXPECT_GT(model->SparseWeight(0, 1), once->SparseWeight(0, 1));
}

TEST(LogisticRegression, AThirdClassKeepsTheRatioOfTheOthers) {
  for (const LinearOptimizer optimizer :
       {LinearOptimizer::kSgd, LinearOptimizer::kAdaGrad, LinearOptimizer::kFtrl}) {
    LinearOptions options = With(optimizer);
    options.l1 = optimizer == LinearOptimizer::kFtrl ? 0.5 : 0;
    auto model = Classifier(options, Layout(4, 9));
    for (const Record& r : Stream(300, 4, 9, 2)) model->Learn(r.input(), r.target, 1);
    const std::vector<double> x{0.3, -0.2, 0.9, 0.1};
    const std::vector<SparseEntry> s{{3, 1}};
    const std::vector<double> before = Predicted(*model, {x, s});
    // A record of value 0 everywhere moves the intercepts alone, and those by very little.
    model->Learn({std::vector<double>(4, 0.0), {}}, 2, 1e-12);
    ASSERT_EQ(model->rows(), 3u);
    const std::vector<double> after = Predicted(*model, {x, s});
    ASSERT_THAT(after, SizeIs(3));
    EXPECT_NEAR(after[1] / after[0], before[1] / before[0], 1e-9);
    EXPECT_NEAR(after[0] + after[1] + after[2], 1, 1e-12);
  }
}

TEST(LogisticRegression, LearnsThreeClasses) {
  for (const LinearMulticlass multiclass :
       {LinearMulticlass::kSoftmax, LinearMulticlass::kOneVsRest, LinearMulticlass::kSoftmaxFull}) {
    LinearOptions options;
    options.multiclass = multiclass;
    auto model = Classifier(options, Layout(6));
    int correct = 0, counted = 0;
    std::vector<double> p;
    for (const Record& r : Stream(4000, 6, 0, 3)) {
      model->Predict(r.input(), p);
      if (++counted > 2000) {
        correct +=
            std::max_element(p.begin(), p.end()) - p.begin() == static_cast<ptrdiff_t>(r.target);
      }
      model->Learn(r.input(), r.target, 1);
    }
    EXPECT_GT(correct, 1200) << static_cast<int>(multiclass);  // chance is 667
  }
}

TEST(LogisticRegression, AClassNeverSeenHasNoProbability) {
  auto model = Classifier({}, Layout(1));
  const std::vector<double> x{1};
  for (const double c : {0.0, 4.0, 1.0}) model->Learn({x, {}}, c, 1);
  const std::vector<double> p = Predicted(*model, {x, {}});
  ASSERT_THAT(p, SizeIs(5));
  EXPECT_EQ(p[2], 0);
  EXPECT_EQ(p[3], 0);
  EXPECT_NEAR(p[0] + p[1] + p[4], 1, 1e-12);
}

TEST(LogisticRegression, ClassWeightsScaleTheirClass) {
  LinearOptions options = Sgd(0.5);
  options.class_weights = {{"1", 4}};
  auto model = Classifier(options, Layout(1));
  const std::vector<double> x{1};
  model->Learn({x, {}}, 1, 1);
  EXPECT_DOUBLE_EQ(model->DenseWeight(0, 0), 0.5 * 0.5 * 4);
}

TEST(LogisticRegression, BalancedWeighsByTheShareSoFar) {
  LinearOptions options = Sgd(1);
  options.class_weight = LinearClassWeight::kBalanced;
  options.intercept = false;
  auto model = Classifier(options, Layout(2));
  // Three records of class 0 that do not touch the second feature, then one of class 1 that does:
  // its weight is 4 / (2 * 1), its derivative -1/2.
  for (int i = 0; i < 3; ++i) model->Learn({std::vector<double>{1, 0}, {}}, 0, 1);
  model->Learn({std::vector<double>{0, 1}, {}}, 1, 1);
  EXPECT_DOUBLE_EQ(model->DenseWeight(0, 1), 1.0);
}

TEST(LogisticRegression, SavedAndLoadedGoesOnBitForBit) {
  for (const LinearOptimizer optimizer : kEveryOptimizer) {
    for (const uint64_t classes : {2u, 4u}) {
      LinearOptions options = With(optimizer);
      options.l1 = TakesL1(optimizer) ? 0.001 : 0;
      options.l2 = 10 * options.l1;
      options.class_weight = LinearClassWeight::kBalanced;
      auto model = Classifier(options, Layout(5, 30));
      const std::vector<Record> records = Stream(400, 5, 30, classes);
      for (size_t i = 0; i < 200; ++i) model->Learn(records[i].input(), records[i].target, 1);
      std::unique_ptr<Model> copy = model->Fresh();
      const std::string state = Bytes(*model);
      StateReader reader(state);
      ASSERT_TRUE(copy->Load(reader).ok());
      EXPECT_TRUE(reader.AtEnd());
      EXPECT_EQ(Bytes(*copy), state);
      for (size_t i = 200; i < 400; ++i) {
        ASSERT_EQ(Predicted(*model, records[i].input()), Predicted(*copy, records[i].input()));
        model->Learn(records[i].input(), records[i].target, 1);
        copy->Learn(records[i].input(), records[i].target, 1);
      }
      EXPECT_EQ(Bytes(*copy), Bytes(*model));
    }
  }
}

TEST(LinearRegression, SavedAndLoadedGoesOnBitForBit) {
  LinearOptions options;
  options.schedule = LinearSchedule::kInverseScaling;
  auto model = Regressor(options, Layout(3));
  const std::vector<Record> records = Stream(100, 3, 0, 5);
  for (size_t i = 0; i < 50; ++i) model->Learn(records[i].input(), records[i].target, 1);
  std::unique_ptr<Model> copy = model->Fresh();
  const std::string state = Bytes(*model);
  StateReader reader(state);
  ASSERT_TRUE(copy->Load(reader).ok());
  for (size_t i = 50; i < 100; ++i) {
    model->Learn(records[i].input(), records[i].target, 1);
    copy->Learn(records[i].input(), records[i].target, 1);
  }
  EXPECT_EQ(Bytes(*copy), Bytes(*model));
}

TEST(LogisticRegression, RefusesTheStateOfAnotherModel) {
  auto model = Classifier({}, Layout(3));
  for (const Record& r : Stream(20, 3, 0, 3)) model->Learn(r.input(), r.target, 1);
  const std::string state = Bytes(*model);
  auto wider = Classifier({}, Layout(4));
  auto other = Classifier(With(LinearOptimizer::kFtrl), Layout(3));
  for (LinearModel* wrong : {wider.get(), other.get()}) {
    const std::string before = Bytes(*wrong);
    StateReader reader(state);
    EXPECT_EQ(wrong->Load(reader).code(), StatusCode::kCorrupt);
    EXPECT_EQ(Bytes(*wrong), before);
  }
  for (size_t cut = 0; cut < state.size(); cut += 7) {
    auto fresh = Classifier({}, Layout(3));
    StateReader reader(std::string_view(state).substr(0, cut));
    EXPECT_FALSE(fresh->Load(reader).ok());
  }
}

TEST(LogisticRegression, PredictAndLearnIsPredictThenLearn) {
  for (const LinearOptimizer optimizer : kEveryOptimizer)
    for (const uint64_t classes : {2u, 3u}) {
      for (const LinearMulticlass multiclass :
           {LinearMulticlass::kSoftmax, LinearMulticlass::kOneVsRest}) {
        LinearOptions options = With(optimizer);
        options.multiclass = multiclass;
        auto one = Classifier(options, Layout(5, 20));
        auto two = Classifier(options, Layout(5, 20));
        std::vector<double> p;
        for (Record& r : Stream(200, 5, 20, classes)) {
          if (r.sparse[0].index == 3) r.dense[2] = kNan;
          const std::vector<double> expected = Predicted(*two, r.input());
          two->Learn(r.input(), r.target, 1);
          one->PredictAndLearn(r.input(), r.target, 1, p);
          ASSERT_EQ(p, expected);
        }
        EXPECT_EQ(Bytes(*one), Bytes(*two));
      }
    }
}

TEST(LinearModels, MissingAndInfiniteInputsCountAsZero) {
  for (const LinearOptimizer optimizer : kEveryOptimizer) {
    auto holes = Classifier(With(optimizer), Layout(3, 2));
    auto zeros = Classifier(With(optimizer), Layout(3, 2));
    const float inf = std::numeric_limits<float>::infinity();
    for (int i = 0; i < 20; ++i) {
      const double target = i % 2;
      const Record a{{kNan, 1.0 + i, kInf}, {{0, inf}, {1, 1}}, target};
      const Record b{{0, 1.0 + i, 0}, {{0, 0}, {1, 1}}, target};
      EXPECT_EQ(Predicted(*holes, a.input()), Predicted(*zeros, b.input()));
      holes->Learn(a.input(), target, 1);
      zeros->Learn(b.input(), target, 1);
    }
    EXPECT_EQ(Bytes(*holes), Bytes(*zeros));
    EXPECT_EQ(holes->skipped(), 0u);
  }
}

TEST(LinearModels, NothingThatComesInMakesANan) {
  const std::vector<double> values{0, 1, -1, kNan, kInf, -kInf, 1e308, -1e308, 1e49, -1e49, 5e-324};
  for (const LinearOptimizer optimizer : kEveryOptimizer) {
    LinearOptions options = With(optimizer);
    options.learning_rate = optimizer == LinearOptimizer::kSgd ? 1e6 : 1;
    options.l1 = TakesL1(optimizer) ? 0.1 : 0;
    options.aggression = LinearAggression::kPa;
    options.clip_gradient = 1e300;
    for (const bool classify : {true, false}) {
      auto model = classify ? Classifier(options, Layout(3, 4)) : Regressor(options, Layout(3, 4));
      CounterRandom random(9, 9);
      for (int i = 0; i < 5000; ++i) {
        std::vector<double> x;
        for (int j = 0; j < 3; ++j) x.push_back(values[random.Below(values.size())]);
        const std::vector<SparseEntry> s{
            {static_cast<uint32_t>(random.Below(6)),  // two indices are out of range
             static_cast<float>(values[random.Below(values.size())])}};
        const double target =
            classify ? static_cast<double>(random.Below(3)) : values[random.Below(values.size())];
        const double weight = values[random.Below(values.size())];
        model->Learn({x, s}, target, weight);
        for (const double p : Predicted(*model, {x, s})) ASSERT_TRUE(std::isfinite(p));
      }
      for (size_t row = 0; row < model->rows(); ++row) {
        for (size_t j = 0; j < 3; ++j) ASSERT_TRUE(std::isfinite(model->DenseWeight(row, j)));
        ASSERT_TRUE(std::isfinite(model->Intercept(row)));
      }
      EXPECT_GT(model->skipped(), 0u);
      // What Save writes must be what Load accepts, whatever was learnt.
      std::unique_ptr<Model> copy = model->Fresh();
      const std::string state = Bytes(*model);
      StateReader reader(state);
      EXPECT_TRUE(copy->Load(reader).ok());
    }
  }
}

TEST(LinearModels, BadTargetsAreIgnoredAndCounted) {
  auto model = Classifier({}, Layout(1));
  const std::vector<double> x{1};
  const std::string before = Bytes(*Classifier({}, Layout(1)));
  for (const double target : {kNan, kInf, -1.0, 0.5, 256.0}) model->Learn({x, {}}, target, 1);
  for (const double weight : {0.0, -1.0, kNan, kInf}) model->Learn({x, {}}, 1, weight);
  EXPECT_EQ(model->skipped(), 9u);
  EXPECT_EQ(model->DenseWeight(0, 0), 0);
  EXPECT_THAT(Predicted(*model, {x, {}}), SizeIs(0));
}

TEST(LinearModels, RefuseOptionsThatMakeNoSense) {
  const auto message = [](Result<std::unique_ptr<Model>> made) {
    return made.ok() ? std::string() : std::string(made.status().message());
  };
  LinearOptions options;
  options.loss = LinearLoss::kSquared;
  EXPECT_THAT(message(MakeLogisticRegression(options, Layout(1))), HasSubstr("log or hinge"));
  EXPECT_THAT(message(MakeLinearRegression({}, Layout(1))), HasSubstr("squared"));
  options = {};
  options.class_weights = {{"yes", 2}};
  EXPECT_THAT(message(MakeLogisticRegression(options, Layout(1))), HasSubstr("'yes'"));
  options = With(LinearOptimizer::kFtrl);
  options.schedule = LinearSchedule::kExponential;
  EXPECT_THAT(message(MakeLogisticRegression(options, Layout(1))), HasSubstr("schedule"));
  options = Sgd(1);
  options.l2 = 2;
  EXPECT_THAT(message(MakeLogisticRegression(options, Layout(1))), HasSubstr("l2"));
  InputSpec nominal = Layout(1);
  nominal.dense[0] = {"colour", true, 3};
  EXPECT_THAT(message(MakeLogisticRegression({}, nominal)), HasSubstr("'colour'"));
}

TEST(LinearModels, EveryOptimizerLearns) {
  for (const LinearOptimizer optimizer : kEveryOptimizer) {
    LinearOptions options = With(optimizer);
    options.learning_rate = 0.05;
    options.aggressiveness = 0.05;
    options.epsilon = optimizer == LinearOptimizer::kAdaDelta ? 1e-6 : 1e-8;
    for (const uint64_t classes : {2u, 3u}) {
      auto model = Classifier(options, Layout(6));
      int correct = 0, counted = 0;
      for (const Record& r : Stream(4000, 6, 0, classes)) {
        const std::vector<double> p = Predicted(*model, r.input());
        if (++counted > 2000) {
          correct +=
              std::max_element(p.begin(), p.end()) - p.begin() == static_cast<ptrdiff_t>(r.target);
        }
        model->Learn(r.input(), r.target, 1);
      }
      // Chance is 1000 and 667.
      EXPECT_GT(correct, classes == 2 ? 1600 : 1150) << static_cast<int>(optimizer);
    }
  }
}

TEST(LogisticRegression, MomentumTakesTheStepsWorkedByHand) {
  LinearOptions options = With(LinearOptimizer::kMomentum);
  options.learning_rate = 1;
  options.momentum = 0.5;
  options.loss = LinearLoss::kHinge;
  options.intercept = false;
  auto model = Classifier(options, Layout(1));
  model->Learn({std::vector<double>{2}, {}}, 1, 1);  // step 2
  EXPECT_DOUBLE_EQ(model->DenseWeight(0, 0), 2);
  model->Learn({std::vector<double>{2}, {}}, 1, 1);  // margin 4: no loss, half of the last step
  EXPECT_DOUBLE_EQ(model->DenseWeight(0, 0), 3);
  EXPECT_DOUBLE_EQ(model->OptimizerState(0, 0, 0), -1);
}

TEST(LogisticRegression, NesterovTakesTheGradientWhereTheLastStepLeads) {
  LinearOptions options = With(LinearOptimizer::kNesterov);
  options.learning_rate = 1;
  options.momentum = 0.5;
  options.loss = LinearLoss::kHinge;
  options.intercept = false;
  auto model = Classifier(options, Layout(1, 1));
  const std::vector<double> x{0.75};
  model->Learn({x, std::vector<SparseEntry>{{0, 0}}}, 1, 1);
  EXPECT_DOUBLE_EQ(model->DenseWeight(0, 0), 0.75);
  // The margin is 0.5625, but 0.84375 where half of the step leads: still a loss, so a gradient.
  model->Learn({x, {}}, 1, 1);
  EXPECT_DOUBLE_EQ(model->DenseWeight(0, 0), 0.75 + 0.375 + 0.75);
  // Now 1.40625 at the weights, and further ahead: none.
  model->Learn({x, {}}, 1, 1);
  EXPECT_DOUBLE_EQ(model->DenseWeight(0, 0), 1.875 + 0.5625);
}

TEST(LogisticRegression, PassiveAggressiveStepsByTheLossOverTheLength) {
  LinearOptions options = With(LinearOptimizer::kPassiveAggressive);
  options.intercept = false;
  const std::vector<double> dense{1};
  const std::vector<SparseEntry> sparse{{1, 1}};
  const struct {
    LinearAggression aggression;
    double c, weight, expected;
  } cases[] = {{LinearAggression::kPa, 0.1, 1, 0.5},      // 1 / 2, whatever C is
               {LinearAggression::kPa1, 0.1, 1, 0.1},     // at most C
               {LinearAggression::kPa1, 0.1, 3, 0.3},     // ... times the record's weight
               {LinearAggression::kPa1, 9, 1, 0.5},       //
               {LinearAggression::kPa2, 0.25, 1, 0.25}};  // 1 / (2 + 2)
  for (const auto& c : cases) {
    options.aggression = c.aggression;
    options.aggressiveness = c.c;
    auto model = Classifier(options, Layout(1, 2));
    model->Learn({dense, sparse}, 1, c.weight);
    EXPECT_DOUBLE_EQ(model->DenseWeight(0, 0), c.expected);
    EXPECT_DOUBLE_EQ(model->SparseWeight(0, 1), c.expected);
    EXPECT_EQ(model->Intercept(0), 0);
  }
}

TEST(LinearRegression, PassiveAggressiveLeavesSmallErrorsAlone) {
  LinearOptions options = With(LinearOptimizer::kPassiveAggressive);
  options.insensitivity = 0.5;
  options.aggression = LinearAggression::kPa;
  auto model = Regressor(options, Layout(1));
  const std::vector<double> x{2};
  model->Learn({x, {}}, 0.5, 1);
  EXPECT_EQ(model->DenseWeight(0, 0), 0);
  model->Learn({x, {}}, -4.5, 1);  // loss 4 over a squared length of 4
  EXPECT_DOUBLE_EQ(model->DenseWeight(0, 0), -2);
  EXPECT_DOUBLE_EQ(model->Intercept(0), -1);
}

TEST(LinearRegression, EpsilonInsensitiveStepsByTheSignOfALargeError) {
  LinearOptions options = Sgd(0.5);
  options.loss = LinearLoss::kEpsilonInsensitive;
  options.insensitivity = 1;
  options.intercept = false;
  auto model = Regressor(options, Layout(1));
  const std::vector<double> x{1};
  model->Learn({x, {}}, 1, 1);
  EXPECT_EQ(model->DenseWeight(0, 0), 0);
  model->Learn({x, {}}, 1.5, 1);
  EXPECT_DOUBLE_EQ(model->DenseWeight(0, 0), 0.5);
}

TEST(LogisticRegression, ThePerceptronStepsOnlyWhenTheSideIsWrong) {
  LinearOptions options = Sgd(1);
  options.loss = LinearLoss::kPerceptron;
  options.intercept = false;
  auto model = Classifier(options, Layout(1));
  const std::vector<double> x{0.5};
  model->Learn({x, {}}, 1, 1);  // margin 0 is on no side
  EXPECT_DOUBLE_EQ(model->DenseWeight(0, 0), 0.5);
  model->Learn({x, {}}, 1, 1);  // margin 0.25, right
  EXPECT_DOUBLE_EQ(model->DenseWeight(0, 0), 0.5);
  model->Learn({x, {}}, 0, 1);
  EXPECT_DOUBLE_EQ(model->DenseWeight(0, 0), 0);
}

TEST(LogisticRegression, ArowStepsByItsConfidenceAsWorkedByHand) {
  auto model = Classifier(With(LinearOptimizer::kArow), Layout(2));
  // Variances 1, 1 and 1: the margin's is 4 + 0 + 1, and the step 1 / (5 + 1).
  model->Learn({std::vector<double>{2, 0}, {}}, 1, 1);
  EXPECT_DOUBLE_EQ(model->DenseWeight(0, 0), 2.0 / 6);
  EXPECT_DOUBLE_EQ(model->DenseWeight(0, 1), 0);
  EXPECT_DOUBLE_EQ(model->Intercept(0), 1.0 / 6);
  EXPECT_DOUBLE_EQ(1 / (1 + model->OptimizerState(0, 0, 0)), 1 - 4.0 / 6);
  EXPECT_DOUBLE_EQ(1 / (1 + model->OptimizerState(0, 1, 0)), 1);
  EXPECT_DOUBLE_EQ(1 / (1 + model->OptimizerState(0, 2, 0)), 1 - 1.0 / 6);
  // Margin 1/2 for the wrong side: loss 3/2; variances 1/3 and 5/6, the record's weight halves r.
  model->Learn({std::vector<double>{1, 0}, {}}, 0, 2);
  const double step = 1.5 / (1.0 / 3 + 5.0 / 6 + 0.5);
  EXPECT_NEAR(model->DenseWeight(0, 0), 2.0 / 6 - step / 3, 1e-15);
  EXPECT_NEAR(model->Intercept(0), 1.0 / 6 - step * 5 / 6, 1e-15);
  // A margin of 1 asks for no step.
  const std::string before = Bytes(*model);
  model->Learn({std::vector<double>{0, 0}, {}}, 0, 1);
  EXPECT_NE(Bytes(*model), before);
  auto sure = Classifier(With(LinearOptimizer::kArow), Layout(1));
  for (int i = 0; i < 50; ++i) sure->Learn({std::vector<double>{1e6}, {}}, 1, 1e6);
  EXPECT_NEAR(sure->DenseWeight(0, 0) * 1e6, 1, 1e-3);
}

TEST(LogisticRegression, ArowStandsWrongLabelsThatThrowThePassiveAggressiveAbout) {
  const auto wrong = [](LinearOptimizer optimizer) {
    LinearOptions options = With(optimizer);
    auto model = Classifier(options, Layout(20));
    CounterRandom random(5, 5);
    int errors = 0;
    for (int i = 0; i < 6000; ++i) {
      std::vector<double> x;
      double sum = 0;
      for (int j = 0; j < 20; ++j) {
        x.push_back(random.Normal());
        sum += j % 2 == 0 ? x.back() : -x.back();
      }
      const bool truth = sum > 0;
      if (i >= 3000) errors += (Predicted(*model, {x, {}})[1] > 0.5) != truth;
      model->Learn({x, {}}, truth != (random.Uniform() < 0.2), 1);
    }
    return errors;
  };
  const int arow = wrong(LinearOptimizer::kArow);
  EXPECT_LT(arow, 300);
  EXPECT_LT(2 * arow, wrong(LinearOptimizer::kPassiveAggressive));
}

TEST(LinearRegression, AveragedSgdPredictsByTheMeanOfTheWeightsOfSgd) {
  LinearOptions options = Sgd(0.05);
  options.l2 = 0.01;
  auto plain = Regressor(options, Layout(2));
  options.optimizer = LinearOptimizer::kAveragedSgd;
  options.average_over = 40;
  auto averaged = Regressor(options, Layout(2));
  double mean = 0, intercept = 0;
  const std::vector<Record> records = Stream(100, 2, 0, 2);
  for (size_t i = 0; i < records.size(); ++i) {
    plain->Learn(records[i].input(), records[i].target, 1);
    averaged->Learn(records[i].input(), records[i].target, 1);
    const double share = 1.0 / static_cast<double>(std::min<size_t>(i + 1, 40));
    mean += (plain->DenseWeight(0, 1) - mean) * share;
    intercept += (plain->Intercept(0) - intercept) * share;
    ASSERT_NEAR(averaged->DenseWeight(0, 1), mean, 1e-12) << i;
    ASSERT_NEAR(averaged->Intercept(0), intercept, 1e-12) << i;
  }
  EXPECT_GT(std::fabs(plain->DenseWeight(0, 1) - mean), 1e-4);
}

TEST(LinearRegression, AveragedSgdIsCloserToTheTruthThanItsLastStep) {
  const auto distance = [](LinearOptimizer optimizer) {
    LinearOptions options = With(optimizer);
    options.learning_rate = 0.02;
    auto model = Regressor(options, Layout(3));
    CounterRandom random(4, 4);
    for (int i = 0; i < 5000; ++i) {
      const std::vector<double> x{random.Normal(), random.Normal(), random.Normal()};
      model->Learn({x, {}}, x[0] - 2 * x[1] + 3 * x[2] + random.Normal(), 1);
    }
    return std::fabs(model->DenseWeight(0, 0) - 1) + std::fabs(model->DenseWeight(0, 1) + 2) +
           std::fabs(model->DenseWeight(0, 2) - 3);
  };
  EXPECT_LT(2 * distance(LinearOptimizer::kAveragedSgd), distance(LinearOptimizer::kSgd));
}

TEST(LinearModels, RefuseOptionsOfOptimizersThatMakeNoSense) {
  const auto message = [](const LinearOptions& options) {
    const auto made = MakeLogisticRegression(options, Layout(1));
    return made.ok() ? std::string() : std::string(made.status().message());
  };
  LinearOptions options = With(LinearOptimizer::kPassiveAggressive);
  options.l2 = 0.1;
  EXPECT_THAT(message(options), HasSubstr("no l1 or l2"));
  options = With(LinearOptimizer::kPassiveAggressive);
  options.loss = LinearLoss::kLog;
  EXPECT_THAT(message(options), HasSubstr("hinge"));
  options = With(LinearOptimizer::kArow);
  options.loss = LinearLoss::kLog;
  EXPECT_THAT(message(options), HasSubstr("arow needs the loss hinge"));
  options = With(LinearOptimizer::kArow);
  options.noise = 0;
  EXPECT_THAT(message(options), HasSubstr("range"));
  options = With(LinearOptimizer::kAveragedSgd);
  options.l1 = 0.1;
  EXPECT_THAT(message(options), HasSubstr("no l1"));
  options = With(LinearOptimizer::kAdam);
  options.beta_1 = options.beta_2 = 0.9;
  EXPECT_THAT(message(options), HasSubstr("beta_1"));
  options = With(LinearOptimizer::kMomentum);
  options.momentum = 1;
  EXPECT_THAT(message(options), HasSubstr("range"));
  options = With(LinearOptimizer::kNesterov);
  options.learning_rate = 10;
  options.l2 = 1;
  EXPECT_THAT(message(options), HasSubstr("nesterov"));
  options = With(LinearOptimizer::kFtrlDelayed);
  options.schedule = LinearSchedule::kExponential;
  EXPECT_THAT(message(options), HasSubstr("ftrl_delayed"));
}

TEST(LinearModels, MemoryIsWhatTheHeaderSays) {
  auto model = Classifier(With(LinearOptimizer::kFtrl), Layout(0, 100'000));
  EXPECT_NEAR(static_cast<double>(model->MemoryBytes()), 32.0 * 100'000, 0.05 * 32.0 * 100'000);
}

}  // namespace
}  // namespace leat
