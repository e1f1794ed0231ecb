#include "leat/bayesian_linear.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"

namespace leat {
namespace {

using testing::HasSubstr;

InputSpec Layout(size_t dense) {
  InputSpec inputs;
  inputs.dense.resize(dense);
  return inputs;
}
std::unique_ptr<BayesianLinear> Make(const BayesianLinearOptions& options, size_t dense) {
  auto made = MakeBayesianLinear(options, Layout(dense));
  EXPECT_TRUE(made.ok());
  return std::unique_ptr<BayesianLinear>(
      static_cast<BayesianLinear*>(std::move(made).value().release()));
}
double Predicted(const Model& model, const std::vector<double>& x) {
  std::vector<double> out;
  model.Predict({x, {}}, out);
  return out.at(0);
}
std::string Bytes(const Model& model) {
  StateWriter out;
  model.Save(out);
  return out.Take();
}

TEST(BayesianLinear, IsThePosteriorWorkedByHand) {
  BayesianLinearOptions options;
  options.alpha = 2;
  options.beta = 4;
  options.intercept = false;
  auto model = Make(options, 1);
  EXPECT_DOUBLE_EQ(model->Variance({std::vector<double>{1}, {}}), 0.25 + 0.5);
  model->Learn({std::vector<double>{1}, {}}, 3, 1);
  model->Learn({std::vector<double>{2}, {}}, 1, 1);
  // Precision 2 + 4 * (1 + 4) = 22; mean 4 * (3 + 2) / 22.
  EXPECT_NEAR(Predicted(*model, {1}), 20.0 / 22, 1e-14);
  EXPECT_NEAR(model->Variance({std::vector<double>{1}, {}}), 0.25 + 1.0 / 22, 1e-14);
}

TEST(BayesianLinear, AWeightIsThatManyRecords) {
  auto once = Make({}, 2), thrice = Make({}, 2);
  const std::vector<double> x{0.5, -2}, other{1, 1};
  once->Learn({x, {}}, 4, 3);
  for (int i = 0; i < 3; ++i) thrice->Learn({x, {}}, 4, 1);
  EXPECT_NEAR(Predicted(*once, other), Predicted(*thrice, other), 1e-12);
}

TEST(BayesianLinear, FindsTheWeightsAndTheIntercept) {
  auto model = Make({}, 3);
  CounterRandom random(3, 1);
  for (int i = 0; i < 5000; ++i) {
    const std::vector<double> x{random.Normal(), random.Normal(), random.Normal()};
    model->Learn({x, {}}, 2 * x[0] - x[1] + 5 + random.Normal(), 1);
  }
  EXPECT_NEAR(Predicted(*model, {0, 0, 0}), 5, 0.1);
  EXPECT_NEAR(Predicted(*model, {1, 1, 1}), 6, 0.15);
}

TEST(BayesianLinear, SavedAndLoadedGoesOnBitForBit) {
  auto model = Make({}, 3);
  CounterRandom random(3, 2);
  std::unique_ptr<Model> copy;
  for (int i = 0; i < 200; ++i) {
    const std::vector<double> x{random.Normal(), random.Normal(), random.Normal()};
    const double y = random.Normal();
    if (i == 100) {
      copy = model->Fresh();
      const std::string state = Bytes(*model);
      StateReader reader(state);
      ASSERT_TRUE(copy->Load(reader).ok());
      EXPECT_TRUE(reader.AtEnd());
    }
    if (copy != nullptr) {
      ASSERT_EQ(Predicted(*model, x), Predicted(*copy, x));
      copy->Learn({x, {}}, y, 1);
    }
    model->Learn({x, {}}, y, 1);
  }
  EXPECT_EQ(Bytes(*copy), Bytes(*model));
  const std::string state = Bytes(*model);
  auto wider = Make({}, 4);
  StateReader reader(state);
  EXPECT_EQ(wider->Load(reader).code(), StatusCode::kCorrupt);
}

TEST(BayesianLinear, NothingThatComesInMakesANan) {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  const std::vector<double> values{0,     1,      -1,   std::nan(""), kInf,   -kInf,
                                   1e308, -1e308, 1e49, -1e49,        5e-324, 1e9};
  auto model = Make({}, 3);
  CounterRandom random(9, 9);
  for (int i = 0; i < 5000; ++i) {
    std::vector<double> x;
    for (int j = 0; j < 3; ++j) x.push_back(values[random.Below(values.size())]);
    model->Learn({x, {}}, values[random.Below(values.size())], values[random.Below(values.size())]);
    ASSERT_TRUE(std::isfinite(Predicted(*model, x)));
  }
  std::unique_ptr<Model> copy = model->Fresh();
  const std::string state = Bytes(*model);
  StateReader reader(state);
  EXPECT_TRUE(copy->Load(reader).ok());
}

TEST(BayesianLinear, RefusesWhatItCannotRead) {
  InputSpec inputs = Layout(1);
  inputs.sparse_size = 4;
  EXPECT_THAT(std::string(MakeBayesianLinear({}, inputs).status().message()), HasSubstr("sparse"));
  inputs = Layout(1);
  inputs.dense[0] = {"colour", true, 3};
  EXPECT_THAT(std::string(MakeBayesianLinear({}, inputs).status().message()),
              HasSubstr("'colour'"));
  BayesianLinearOptions options;
  options.alpha = 0;
  EXPECT_FALSE(MakeBayesianLinear(options, Layout(1)).ok());
}

}  // namespace
}  // namespace leat
