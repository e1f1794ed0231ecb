#include "leat/bayes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <memory>
#include <numbers>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"

namespace leat {
namespace {

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
std::unique_ptr<Model> Must(Result<std::unique_ptr<Model>> made) {
  EXPECT_TRUE(made.ok()) << made.status().message();
  return std::move(made).value();
}
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
std::vector<std::unique_ptr<Model>> AllThree(size_t dense) {
  std::vector<std::unique_ptr<Model>> models;
  models.push_back(Must(MakeGaussianNb({}, Layout(dense))));
  models.push_back(Must(MakeMultinomialNb({}, Layout(dense, 20))));
  models.push_back(Must(MakeBernoulliNb({}, Layout(dense, 20))));
  return models;
}

TEST(GaussianNb, GivesThePosteriorWorkedByHand) {
  auto model = Must(MakeGaussianNb({}, Layout(1)));
  for (const double x : {0.0, 2.0}) model->Learn({std::vector<double>{x}, {}}, 0, 1);
  for (const double x : {3.0, 7.0}) model->Learn({std::vector<double>{x}, {}}, 1, 1);
  // Class 0: mean 1, population variance 1; class 1: mean 5, variance 4; priors 1/2.
  const auto density = [](double x, double mean, double variance) {
    return 1e-9 + std::exp(-(x - mean) * (x - mean) / (2 * variance)) /
                      std::sqrt(2 * std::numbers::pi * variance);
  };
  const double a = density(2.5, 1, 1), b = density(2.5, 5, 4);
  EXPECT_THAT(Predicted(*model, {std::vector<double>{2.5}, {}}),
              ElementsAre(DoubleNear(a / (a + b), 1e-14), DoubleNear(b / (a + b), 1e-14)));
}

TEST(GaussianNb, AMissingValueIsLeftOut) {
  auto model = Must(MakeGaussianNb({}, Layout(2)));
  auto narrow = Must(MakeGaussianNb({}, Layout(1)));
  CounterRandom random(1, 2);
  for (int i = 0; i < 50; ++i) {
    const double c = i % 2, x = random.Normal() + c, y = random.Normal();
    model->Learn({std::vector<double>{x, y}, {}}, c, 1);
    narrow->Learn({std::vector<double>{x}, {}}, c, 1);
  }
  EXPECT_EQ(Predicted(*model, {std::vector<double>{0.4, kNan}, {}}),
            Predicted(*narrow, {std::vector<double>{0.4}, {}}));
}

TEST(GaussianNb, AWeightOfTwoIsTwoRecords) {
  auto once = Must(MakeGaussianNb({}, Layout(1)));
  auto twice = Must(MakeGaussianNb({}, Layout(1)));
  for (const auto& [x, c] : {std::pair{1.0, 0.0}, {2.0, 0.0}, {4.0, 1.0}, {7.0, 1.0}}) {
    once->Learn({std::vector<double>{x}, {}}, c, 2);
    for (int i = 0; i < 2; ++i) twice->Learn({std::vector<double>{x}, {}}, c, 1);
  }
  const std::vector<double> x{3};
  EXPECT_NEAR(Predicted(*once, {x, {}})[0], Predicted(*twice, {x, {}})[0], 1e-12);
}

TEST(MultinomialNb, GivesThePosteriorWorkedByHand) {
  // McCallum and Nigam's estimate with alpha 1 and 3 words: class 0 saw (2, 1, 0), class 1 (0, 1,
  // 3).
  auto model = Must(MakeMultinomialNb({}, Layout(1, 2)));
  model->Learn({std::vector<double>{2}, std::vector<SparseEntry>{{0, 1}}}, 0, 1);
  model->Learn({std::vector<double>{0}, std::vector<SparseEntry>{{0, 1}, {1, 3}}}, 1, 1);
  const double a = 0.5 * (3.0 / 6) * std::pow(1.0 / 6, 2),
               b = 0.5 * (1.0 / 7) * std::pow(4.0 / 7, 2);
  EXPECT_THAT(Predicted(*model, {std::vector<double>{1}, std::vector<SparseEntry>{{1, 2}}}),
              ElementsAre(DoubleNear(a / (a + b), 1e-14), DoubleNear(b / (a + b), 1e-14)));
}

TEST(MultinomialNb, NegativeCountsAreLeftOut) {
  auto model = Must(MakeMultinomialNb({}, Layout(1, 1)));
  model->Learn({std::vector<double>{1}, {}}, 0, 1);
  model->Learn({std::vector<double>{1}, std::vector<SparseEntry>{{0, 1}}}, 1, 1);
  const auto without = Predicted(*model, {std::vector<double>{0}, {}});
  EXPECT_EQ(Predicted(*model, {std::vector<double>{-5}, std::vector<SparseEntry>{{0, -1}}}),
            without);
}

TEST(BernoulliNb, GivesThePosteriorWorkedByHand) {
  BernoulliNbOptions options;
  options.threshold = 0.5;
  auto model = Must(MakeBernoulliNb(options, Layout(2)));
  // Class 0: first present 2 of 2, second 0 of 2. Class 1: 0 of 1 and 1 of 1.
  model->Learn({std::vector<double>{1, 0}, {}}, 0, 1);
  model->Learn({std::vector<double>{9, 0.5}, {}}, 0, 1);
  model->Learn({std::vector<double>{0, 1}, {}}, 1, 1);
  const double a = 2.0 / 3 * (3.0 / 4) * (1.0 / 4), b = 1.0 / 3 * (1.0 / 3) * (2.0 / 3);
  EXPECT_THAT(Predicted(*model, {std::vector<double>{1, 1}, {}}),
              ElementsAre(DoubleNear(a / (a + b), 1e-14), DoubleNear(b / (a + b), 1e-14)));
}

TEST(BernoulliNb, PresenceOfASparseFeatureIsEvidence) {
  auto model = Must(MakeBernoulliNb({}, Layout(0, 4)));
  model->Learn({{}, std::vector<SparseEntry>{{1, 1}}}, 0, 1);
  model->Learn({{}, std::vector<SparseEntry>{{2, 1}}}, 1, 1);
  const auto p = Predicted(*model, {{}, std::vector<SparseEntry>{{2, 1}}});
  // (1/3) against (2/3).
  EXPECT_THAT(p, ElementsAre(DoubleNear(1.0 / 3, 1e-14), DoubleNear(2.0 / 3, 1e-14)));
  EXPECT_THAT(Predicted(*model, {{}, {}}), ElementsAre(0.5, 0.5));
}

TEST(NaiveBayes, PriorsFollowTheSharesUnlessUniform) {
  for (const bool uniform : {false, true}) {
    BernoulliNbOptions options;
    options.uniform_prior = uniform;
    auto model = Must(MakeBernoulliNb(options, Layout(0, 1)));
    for (const double c : {0.0, 0.0, 0.0, 1.0}) model->Learn({{}, {}}, c, 1);
    EXPECT_NEAR(Predicted(*model, {{}, {}})[0], uniform ? 0.5 : 0.75, 1e-14);
  }
}

TEST(NaiveBayes, ClassesMayAppearAtAnyTime) {
  for (const auto& model : AllThree(2)) {
    const std::vector<double> x{1, 2};
    EXPECT_THAT(Predicted(*model, {x, {}}), SizeIs(0));
    model->Learn({x, {}}, 0, 1);
    EXPECT_THAT(Predicted(*model, {x, {}}), ElementsAre(1.0));
    model->Learn({x, {}}, 3, 1);
    const std::vector<double> p = Predicted(*model, {x, {}});
    ASSERT_THAT(p, SizeIs(4));
    EXPECT_EQ(p[1], 0);
    EXPECT_EQ(p[2], 0);
    EXPECT_NEAR(p[0] + p[3], 1, 1e-12);
  }
}

TEST(NaiveBayes, SavedAndLoadedGoesOnBitForBit) {
  for (const auto& model : AllThree(3)) {
    CounterRandom random(4, 4);
    std::unique_ptr<Model> copy;
    for (int i = 0; i < 300; ++i) {
      std::vector<double> x;
      for (int j = 0; j < 3; ++j) x.push_back(random.Uniform(-1, 3));
      const std::vector<SparseEntry> s{{static_cast<uint32_t>(random.Below(20)), 1.5f}};
      const double c = static_cast<double>(random.Below(3)), weight = random.Uniform(0.5, 2);
      if (i == 150) {
        copy = model->Fresh();
        const std::string state = Bytes(*model);
        StateReader reader(state);
        ASSERT_TRUE(copy->Load(reader).ok());
        EXPECT_TRUE(reader.AtEnd());
        EXPECT_EQ(Bytes(*copy), state);
      }
      if (copy) {
        ASSERT_EQ(Predicted(*model, {x, s}), Predicted(*copy, {x, s}));
        copy->Learn({x, s}, c, weight);
      }
      model->Learn({x, s}, c, weight);
    }
    EXPECT_EQ(Bytes(*copy), Bytes(*model));
  }
}

TEST(NaiveBayes, RefusesStateThatIsCutShortOrForeign) {
  auto models = AllThree(2);
  for (const auto& model : models) {
    model->Learn({std::vector<double>{1, 2}, std::vector<SparseEntry>{}}, 1, 1);
    const std::string state = Bytes(*model);
    for (size_t cut = 0; cut < state.size(); ++cut) {
      StateReader reader(std::string_view(state).substr(0, cut));
      EXPECT_FALSE(model->Fresh()->Load(reader).ok());
    }
    for (const auto& other : models) {
      if (other == model) continue;
      StateReader reader(state);
      EXPECT_EQ(other->Load(reader).code(), StatusCode::kCorrupt);
    }
  }
}

TEST(NaiveBayes, NothingThatComesInMakesANan) {
  const std::vector<double> values{0, 1, -1, kNan, kInf, -kInf, 1e308, 1e99, -1e99, 5e-324};
  for (const auto& model : AllThree(3)) {
    CounterRandom random(6, 6);
    for (int i = 0; i < 3000; ++i) {
      std::vector<double> x;
      for (int j = 0; j < 3; ++j) x.push_back(values[random.Below(values.size())]);
      const std::vector<SparseEntry> s{{static_cast<uint32_t>(random.Below(30)),
                                        static_cast<float>(values[random.Below(values.size())])}};
      model->Learn({x, s}, static_cast<double>(random.Below(3)),
                   values[random.Below(values.size())]);
      model->Learn({x, s}, values[random.Below(values.size())], 1);
      double sum = 0;
      for (const double p : Predicted(*model, {x, s})) {
        ASSERT_TRUE(p >= 0 && p <= 1);
        sum += p;
      }
      if (sum != 0) {
        ASSERT_NEAR(sum, 1, 1e-9);
      }
    }
  }
}

TEST(NaiveBayes, RefusesLayoutsItCannotRead) {
  InputSpec nominal = Layout(1);
  nominal.dense[0] = {"colour", true, 3};
  const auto made = MakeMultinomialNb({}, nominal);
  ASSERT_FALSE(made.ok());
  EXPECT_THAT(std::string(made.status().message()), HasSubstr("'colour'"));
  EXPECT_FALSE(MakeGaussianNb({}, nominal).ok());
  EXPECT_FALSE(MakeBernoulliNb({}, nominal).ok());
  EXPECT_FALSE(MakeGaussianNb({}, Layout(1, 8)).ok());
  MultinomialNbOptions options;
  options.alpha = 0;
  EXPECT_FALSE(MakeMultinomialNb(options, Layout(1)).ok());
}

}  // namespace
}  // namespace leat
