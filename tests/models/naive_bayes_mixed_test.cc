#include "models/trees/naive_bayes_mixed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "base/random.h"
#include "models/model_test.h"

namespace leat {
namespace {

using testing::HasSubstr;
using trees::NaiveBayesMixed;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kPi = 3.14159265358979323846;

/// A number and a nominal attribute.
InputSpec Both() { return {{{"x", false, 0}, {"color", true, 0}}, 0}; }

void Learn(Model& model, std::vector<double> x, double label, double weight = 1) {
  model.Learn({x, {}}, label, weight);
}

std::vector<double> Votes(const NaiveBayesMixed& model, std::vector<double> x) {
  std::vector<double> votes;
  model.Votes({x, {}}, votes);
  return votes;
}

std::vector<double> Predict(const Model& model, std::vector<double> x) {
  std::vector<double> out;
  model.Predict({x, {}}, out);
  return out;
}

/// Class 0: x 1 and 3 (mean 2, variance 2), colors 0 and 2. Class 1: x 5 and 5, color 1 twice.
NaiveBayesMixed Small() {
  NaiveBayesMixed model({}, Both());
  Learn(model, {1, 0}, 0);
  Learn(model, {5, 1}, 1);
  Learn(model, {3, 2}, 0);
  Learn(model, {5, 1}, 1);
  return model;
}

TEST(NaiveBayesMixed, MultipliesShareDensityAndLaplaceShares) {
  const NaiveBayesMixed model = Small();
  // Class 0 at (2, 2): 1/2 * 1/sqrt(2 pi 2) * (1 + 1)/(2 + 3). Class 1: nothing but 5 is possible.
  const auto at_two = Votes(model, {2, 2});
  ASSERT_EQ(at_two.size(), 2u);
  EXPECT_NEAR(at_two[0], 0.5 / std::sqrt(4 * kPi) * 0.4, 1e-16);
  EXPECT_EQ(at_two[1], 0);
  // At (5, 1): class 0 exp(-9/4) with color (0 + 1)/(2 + 3); class 1 a point mass of 1 and
  // (2 + 1)/(2 + 2): two color indices, 0 and 1, count as known to it.
  const auto at_five = Votes(model, {5, 1});
  EXPECT_NEAR(at_five[0], 0.5 / std::sqrt(4 * kPi) * std::exp(-2.25) * 0.2, 1e-16);
  EXPECT_DOUBLE_EQ(at_five[1], 0.5 * 1 * 0.75);
  const auto probabilities = Predict(model, {5, 1});
  EXPECT_NEAR(probabilities[0], at_five[0] / (at_five[0] + at_five[1]), 1e-14);
  EXPECT_EQ(model.Classify({std::vector<double>{5, 1}, {}}), 1u);
}

TEST(NaiveBayesMixed, LeavesOutWhatIsMissing) {
  const NaiveBayesMixed model = Small();
  EXPECT_EQ(Votes(model, {kNaN, kNaN}), (std::vector<double>{0.5, 0.5}));
  const auto votes = Votes(model, {kNaN, 2});
  EXPECT_DOUBLE_EQ(votes[0], 0.5 * 0.4);
  EXPECT_DOUBLE_EQ(votes[1], 0.5 * 0.25);  // A color that class 1 never had: (0 + 1)/(2 + 2).
}

TEST(NaiveBayesMixed, GivesNothingToAClassThatNeverHadTheAttribute) {
  NaiveBayesMixed model({}, Both());
  Learn(model, {1, 0}, 0);
  Learn(model, {2, 0}, 0);
  Learn(model, {kNaN, 0}, 1);
  EXPECT_EQ(Votes(model, {1.5, 0})[1], 0);
  EXPECT_GT(Votes(model, {kNaN, 0})[1], 0);
  EXPECT_EQ(model.Classify({std::vector<double>{1.5, 0}, {}}), 0u);
}

TEST(NaiveBayesMixed, IsUniformWhenNoClassIsPossible) {
  NaiveBayesMixed model({}, Both());
  EXPECT_TRUE(Predict(model, {1, 0}).empty());
  Learn(model, {1, 0}, 0);
  Learn(model, {5, 0}, 1);
  EXPECT_EQ(Votes(model, {3, 0}), (std::vector<double>{0, 0}));
  EXPECT_EQ(Predict(model, {3, 0}), (std::vector<double>{0.5, 0.5}));
  EXPECT_EQ(model.Classify({std::vector<double>{3, 0}, {}}), 0u);
}

/// Log-space scores must decide as the product does, far out and close together alike.
TEST(NaiveBayesMixed, DecidesAsTheProductDoes) {
  CounterRandom random(3, 1);
  for (const double scale : {1.0, 1e-3, 1e6, 1e40}) {
    InputSpec spec;
    for (size_t i = 0; i < 9; ++i) spec.dense.push_back({"x", i % 4 == 3, 0});
    NaiveBayesMixed model({}, spec);
    std::vector<double> x(9);
    size_t clear = 0;
    for (int i = 0; i < 4000; ++i) {
      const auto label = random.Below(4);
      const double reach =
          random.Below(8) == 0 ? 40 : 1;  // Some rows lie where products underflow.
      for (size_t a = 0; a < x.size(); ++a) {
        x[a] = spec.dense[a].nominal ? static_cast<double>(random.Below(3 + label))
                                     : scale * reach * (random.Normal() + (a == label ? 2.0 : 0.0));
      }
      const Input input{x, {}};
      std::vector<double> votes, probabilities;
      model.Votes(input, votes);
      const size_t decision = model.Classify(input);
      ASSERT_EQ(decision, trees::FirstMaximum(votes)) << i;
      model.Predict(input, probabilities);
      const double sum = std::accumulate(votes.begin(), votes.end(), 0.0);
      if (sum > 1e-250) {
        ++clear;
        for (size_t c = 0; c < votes.size(); ++c) {
          ASSERT_NEAR(probabilities[c], votes[c] / sum, 1e-10) << i;
        }
      }
      if (reach == 1) model.Learn(input, static_cast<double>(label), 1);
    }
    // At 1e40 all products are too small to compare, and only the decision is checked.
    EXPECT_GE(clear, scale > 1e30 ? 0u : 1000u);
  }
}

TEST(NaiveBayesMixed, TakesTheFirstOfTwinClasses) {
  NaiveBayesMixed model({}, Both());
  for (const double v : {1.0, 2.0, 4.0}) {
    Learn(model, {v, 0}, 1);
    Learn(model, {v, 0}, 2);
  }
  EXPECT_EQ(model.Classify({std::vector<double>{2.5, 0}, {}}), 1u);
}

TEST(NaiveBayesMixed, HandlesWideLayoutsAndManyClasses) {
  InputSpec spec;
  for (size_t i = 0; i < 150; ++i) spec.dense.push_back({"x", i % 2 == 1, 0});
  NaiveBayesMixed model({}, spec);
  const auto row = [](size_t label, size_t shift) {
    std::vector<double> x(150);
    for (size_t i = 0; i < x.size(); ++i) {
      x[i] = static_cast<double>(i % 2 == 1 ? (label + i) % 3 : (label * i + shift) % 101);
    }
    return x;
  };
  for (size_t shift = 0; shift < 3; ++shift) {
    for (size_t label = 0; label < 50; ++label) {
      Learn(model, row(label, shift), static_cast<double>(label));
    }
  }
  for (size_t label = 0; label < 50; ++label) {
    EXPECT_EQ(model.Classify({row(label, 1), {}}), label);
    EXPECT_GT(Predict(model, row(label, 1)).at(label), 0.9);
  }
}

TEST(NaiveBayesMixed, CountsWeights) {
  NaiveBayesMixed heavy({}, Both()), twice({}, Both());
  Learn(heavy, {1, 0}, 0, 2);
  Learn(heavy, {4, 1}, 0, 1);
  Learn(twice, {1, 0}, 0);
  Learn(twice, {1, 0}, 0);
  Learn(twice, {4, 1}, 0);
  EXPECT_NEAR(Votes(heavy, {2, 1})[0], Votes(twice, {2, 1})[0], 1e-15);
}

TEST(NaiveBayesMixed, ContinuesBitEqualAfterLoading) {
  NaiveBayesMixed original({}, Both());
  CounterRandom random(1, 1);
  const auto next = [&](Model& a, Model* b) {
    std::vector<double> x = {random.Normal(), static_cast<double>(random.Below(5))};
    if (random.Below(20) == 0) x[random.Below(2)] = kNaN;
    const auto label = static_cast<double>(random.Below(3));
    const double weight = 0.5 + random.Uniform();
    a.Learn({x, {}}, label, weight);
    if (b == nullptr) return;
    b->Learn({x, {}}, label, weight);
    ASSERT_EQ(Predict(a, x), Predict(*b, x));
  };
  for (int i = 0; i < 500; ++i) next(original, nullptr);
  auto loaded = original.Fresh();
  const std::string bytes = Saved(original);
  StateReader in(bytes);
  ASSERT_TRUE(loaded->Load(in).ok());
  EXPECT_EQ(loaded->MemoryBytes(), original.MemoryBytes());
  for (int i = 0; i < 500; ++i) next(original, loaded.get());
  EXPECT_EQ(Saved(*loaded), Saved(original));
  for (size_t cut = 0; cut < bytes.size(); cut += 3) {
    StateReader damaged(std::string_view(bytes).substr(0, cut));
    ASSERT_EQ(loaded->Load(damaged).code(), StatusCode::kCorrupt);
  }
  EXPECT_EQ(Saved(*loaded), Saved(original));
}

TEST(NaiveBayesMixed, StaysWithinItsMemoryLimit) {
  NaiveBayesOptions options;
  options.max_bytes = 8 << 10;
  auto model = MakeNaiveBayes(options, Both());
  ASSERT_TRUE(model.ok());
  const auto& bayes = dynamic_cast<const NaiveBayesMixed&>(**model);
  for (int i = 0; i < 3000; ++i) {
    Learn(**model, {static_cast<double>(i), static_cast<double>(i)}, i % 2);
    ASSERT_LE((*model)->MemoryBytes(), 8u << 10);
  }
  EXPECT_GT(bayes.ignored(), 1000u);
  const uint64_t before = bayes.ignored();
  Learn(**model, {1, 1}, 1);  // Nothing new: still learnt.
  EXPECT_EQ(bayes.ignored(), before);
  Learn(**model, {1, 1}, 60'000);
  EXPECT_EQ(bayes.ignored(), before + 1);
}

TEST(MakeNaiveBayes, RefusesLayoutsWithoutDenseInputs) {
  InputSpec sparse;
  sparse.sparse_size = 10;
  EXPECT_THAT(std::string(MakeNaiveBayes({}, sparse).status().message()), HasSubstr("dense"));
  NaiveBayesOptions options;
  options.max_nominal_values = 0;
  EXPECT_FALSE(MakeNaiveBayes(options, Both()).ok());
}

}  // namespace
}  // namespace leat
