/// k nearest neighbors in a sliding window; what every learner must stand is in
/// every_learner_test.cc.
#include "leat/knn.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

using testing::ElementsAre;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

auto Is(double value) { return testing::DoubleNear(value, 1e-12); }

KnnOptions Of(int64_t neighbors, int64_t window, bool weighted) {
  KnnOptions options;
  options.neighbors = neighbors;
  options.window = window;
  options.weighted = weighted;
  return options;
}
std::unique_ptr<Model> Classifier(const KnnOptions& options, const InputSpec& spec) {
  auto made = MakeKnnClassifier(options, spec);
  EXPECT_TRUE(made.ok()) << made.status().message();
  return std::move(*made);
}
std::unique_ptr<Model> Regressor(const KnnOptions& options, const InputSpec& spec) {
  auto made = MakeKnnRegressor(options, spec);
  EXPECT_TRUE(made.ok()) << made.status().message();
  return std::move(*made);
}
void Learn(Model& model, std::vector<double> x, double target, double weight = 1) {
  model.Learn({x, {}}, target, weight);
}
std::vector<double> Predict(const Model& model, std::vector<double> x) {
  std::vector<double> out;
  model.Predict({x, {}}, out);
  return out;
}

TEST(Knn, TheNearestVoteByTheirWeights) {
  auto model = Classifier(Of(3, 100, false), Numbers(1));
  EXPECT_TRUE(Predict(*model, {0}).empty());
  Learn(*model, {0}, 0);
  Learn(*model, {1}, 1, 3);
  Learn(*model, {2}, 1);
  Learn(*model, {10}, 2);
  EXPECT_THAT(Predict(*model, {0.1}), ElementsAre(Is(0.2), Is(0.8), Is(0)));
  EXPECT_THAT(Predict(*model, {9}), ElementsAre(Is(0), Is(0.8), Is(0.2)));
}

TEST(Knn, NearerNeighborsCountMore) {
  auto model = Regressor(Of(2, 100, true), Numbers(1));
  for (const double x : {0.0, 1.0, 5.0, 6.0}) Learn(*model, {x}, 10 * x);
  // At distances of 0.25 and 0.75 the votes are 1 / (0.1 + 1/3) and 1 / (0.1 + 1).
  const double near = 1 / (0.1 + 1.0 / 3), far = 1 / 1.1;
  EXPECT_NEAR(Predict(*model, {0.25})[0], 10 * far / (near + far), 1e-12);
  EXPECT_NEAR(Predict(*model, {5.5})[0], 55, 1e-12);
}

TEST(Knn, ForgetsWhatIsBehindTheWindow) {
  auto model = Regressor(Of(1, 10, false), Numbers(1));
  for (int i = 0; i < 10; ++i) Learn(*model, {static_cast<double>(i)}, 1);
  Learn(*model, {0}, 5);  // The record at 0 is gone; so is nothing else.
  EXPECT_EQ(Predict(*model, {0.2})[0], 5);
  EXPECT_EQ(Predict(*model, {1.2})[0], 1);
  for (int i = 0; i < 10; ++i) Learn(*model, {static_cast<double>(i)}, 7);
  EXPECT_EQ(Predict(*model, {0.2})[0], 7);
}

TEST(Knn, ScalesOfInputsDoNotMatterAndConstantsDoNotCount) {
  auto small = Classifier(Of(5, 200, true), Numbers(3)), large = small->Fresh();
  CounterRandom random(3, 3);
  double right = 0;
  for (int i = 0; i < 1000; ++i) {
    const double a = random.Normal(), b = random.Normal();
    const double label = a + b > 0 ? 1 : 0;
    const auto said = Predict(*small, {a, b, 4});
    EXPECT_EQ(said, Predict(*large, {a, std::ldexp(b, 30), 4e9})) << i;
    if (i >= 200) right += (said[1] > 0.5) == (label == 1) ? 1 : 0;
    Learn(*small, {a, b, 4}, label);
    Learn(*large, {a, std::ldexp(b, 30), 4e9}, label);
  }
  EXPECT_GT(right / 800, 0.9);
}

TEST(Knn, CodesAndMissingValuesAreEqualOrApart) {
  const InputSpec spec = {{{"color", true, 0}, {"x", false, 0}}, 0};
  auto model = Classifier(Of(1, 100, false), spec);
  Learn(*model, {0, 1}, 0);
  Learn(*model, {5, -1}, 1);
  // Deviation sqrt(2): a difference of 2 counts 2, as another code does.
  EXPECT_THAT(Predict(*model, {5, 0.9}), ElementsAre(0, 1));
  EXPECT_THAT(Predict(*model, {0, -0.9}), ElementsAre(1, 0));
  EXPECT_THAT(Predict(*model, {kNaN, -0.9}), ElementsAre(0, 1));
  EXPECT_THAT(Predict(*model, {5, kNaN}), ElementsAre(0, 1));
}

TEST(Knn, FollowsAFunctionThatChanges) {
  auto model = NewModelFactory("knn_regressor")->Make(Numbers(2));
  ASSERT_TRUE(model.ok());
  CounterRandom random(5, 5);
  double error = 0, last = 0;
  for (int i = 0; i < 6000; ++i) {
    const double a = random.Uniform(-3, 3), b = random.Uniform(-3, 3);
    const double target = (i < 3000 ? 1 : -1) * std::sin(a) * b;
    if (i % 3000 >= 2000) {
      const double off = Predict(**model, {a, b})[0] - target;
      (i < 3000 ? error : last) += off * off;
    }
    Learn(**model, {a, b}, target);
  }
  // The target's variance is 1.6.
  EXPECT_LT(error / 1000, 0.1);
  EXPECT_LT(last / 1000, 0.1);
}

TEST(KnnRegressor, ContinuesBitEqualAfterLoading) {
  auto whole = Regressor(Of(7, 60, true), Numbers(2));
  CounterRandom random(9, 1);
  const auto step = [&](Model& a, Model& b) {
    const double x = random.Normal(), y = random.Uniform() < 0.2 ? kNaN : 1e9 * random.Normal();
    ASSERT_EQ(Predict(a, {x, y}), Predict(b, {x, y}));
    const double target = random.Normal();
    Learn(a, {x, y}, target);
    if (&a != &b) Learn(b, {x, y}, target);
  };
  for (int i = 0; i < 137; ++i) step(*whole, *whole);
  const std::string bytes = Saved(*whole);
  auto loaded = whole->Fresh();
  StateReader in(bytes);
  ASSERT_TRUE(loaded->Load(in).ok()) << in.status().message();
  EXPECT_TRUE(Saved(*loaded) == bytes);
  EXPECT_EQ(loaded->MemoryBytes(), whole->MemoryBytes());
  for (int i = 0; i < 200; ++i) step(*whole, *loaded);
  EXPECT_TRUE(Saved(*loaded) == Saved(*whole));
  for (size_t cut = 0; cut < bytes.size(); cut += 13) {
    StateReader part(std::string_view(bytes).substr(0, cut));
    ASSERT_EQ(loaded->Load(part).code(), StatusCode::kCorrupt) << cut;
  }
}

TEST(Knn, RefusesWhatItCannotRead) {
  InputSpec sparse = Numbers(2);
  sparse.sparse_size = 10;
  EXPECT_FALSE(MakeKnnClassifier({}, sparse).ok());
  EXPECT_FALSE(MakeKnnClassifier(Of(0, 100, true), Numbers(2)).ok());
  EXPECT_FALSE(MakeKnnClassifier(Of(5, 5, true), Numbers(2)).ok());
}

}  // namespace
}  // namespace leat
