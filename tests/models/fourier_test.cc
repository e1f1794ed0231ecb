/// Random Fourier features: dots approach the kernel, and linear models learn curves.
#include "leat/fourier.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/text_params.h"
#include "leat/linear.h"
#include "models/heap.h"
#include "models/model_test.h"
#include "models/parrot.h"

namespace leat {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

FourierOptions Of(int64_t features, double width = 1, int64_t seed = 1) {
  FourierOptions options;
  options.features = features;
  options.width = width;
  options.seed = seed;
  return options;
}
std::vector<double> Mapped(const FourierOptions& options, std::vector<double> x,
                           std::vector<SparseEntry> sparse = {}) {
  auto made = MakeFourier(options, Numbers(x.size()),
                          [](const InputSpec&) -> Result<std::unique_ptr<Model>> {
                            return std::unique_ptr<Model>(std::make_unique<Parrot>());
                          });
  EXPECT_TRUE(made.ok()) << made.status().message();
  std::vector<double> out;
  (*made)->Predict({x, sparse}, out);
  return out;
}

/// A learner of a type with Fourier features.
std::unique_ptr<Model> New(const std::string& type, const std::string& features,
                           const InputSpec& spec = Numbers(2)) {
  auto factory = NewModelFactory(type);
  TextParams params({{"fourier_features", features}, {"learning_rate", "0.3"}});
  factory->Describe(params);
  EXPECT_TRUE(params.status().ok()) << params.status().message();
  auto made = factory->Make(spec);
  EXPECT_TRUE(made.ok()) << made.status().message();
  return std::move(*made);
}

TEST(Fourier, DotsApproachTheGaussianKernel) {
  const std::vector<double> x = {0.3, -1, 2};
  for (const double width : {0.5, 1.0, 2.0}) {
    const auto a = Mapped(Of(20'000, width), x);
    ASSERT_EQ(a.size(), 20'000u);
    for (const std::vector<double>& y :
         {x, std::vector<double>{0.5, -1, 2}, {1, 0, 1}, {-2, 1, 0}, {9, 9, 9}}) {
      const auto b = Mapped(Of(20'000, width), y);
      double dot = 0, square = 0;
      for (size_t i = 0; i < a.size(); ++i) dot += a[i] * b[i];
      for (size_t i = 0; i < x.size(); ++i) square += (x[i] - y[i]) * (x[i] - y[i]);
      EXPECT_NEAR(dot, std::exp(-square / (2 * width * width * 3)), 0.03);
    }
  }
}

TEST(Fourier, AreCosinesOfOneHeight) {
  // One input: z(x + t) + z(x - t) = 2 cos(w t) z(x), whatever w and b are.
  const double height = std::sqrt(2.0 / 50);
  const auto at = [](double x) { return Mapped(Of(50), {x}); };
  const auto a = at(1), b = at(1.25), c = at(0.75), far = at(1e5);
  const auto d = at(7), e = at(7.25), f = at(6.75);
  for (size_t j = 0; j < 50; ++j) {
    EXPECT_LE(std::fabs(far[j]), height * (1 + 1e-12));
    EXPECT_NEAR((b[j] + c[j]) * d[j], (e[j] + f[j]) * a[j], 1e-14);
  }
}

TEST(Fourier, SparseInputsPassAndBadValuesCountAsZero) {
  const auto plain = Mapped(Of(10), {0, 2}, {{3, 0.5}});
  ASSERT_EQ(plain.size(), 11u);
  EXPECT_EQ(plain[10], 0.5);
  for (const double bad : {kNaN, kInf, -kInf}) {
    EXPECT_EQ(Mapped(Of(10), {bad, 2}, {{3, 0.5}}), plain);
  }
  for (const double v : Mapped(Of(10), {1e300, -1e300})) EXPECT_TRUE(std::isfinite(v));
  EXPECT_NE(Mapped(Of(10, 1, 2), {0, 2}), Mapped(Of(10, 1, 1), {0, 2}));
}

TEST(Fourier, LogisticRegressionLearnsACircleWithThem) {
  const auto accuracy = [](const std::string& features) {
    auto model = New("logistic_regression", features);
    CounterRandom random(2, 2);
    std::vector<double> out;
    int right = 0;
    for (int i = 0; i < 6000; ++i) {
      const std::vector<double> x = {random.Normal(), random.Normal()};
      const bool outside = x[0] * x[0] + x[1] * x[1] > 1.386;  // Half of them.
      model->Predict({x, {}}, out);
      if (i >= 3000) right += (out[1] > 0.5) == outside ? 1 : 0;
      model->Learn({x, {}}, outside ? 1 : 0, 1);
    }
    return right / 3000.0;
  };
  EXPECT_LT(accuracy("0"), 0.6);
  EXPECT_GT(accuracy("200"), 0.93);
}

TEST(Fourier, LinearRegressionLearnsAWaveWithThem) {
  auto model = New("linear_regression", "200", Numbers(1));
  CounterRandom random(3, 2);
  std::vector<double> out;
  double squares = 0;
  for (int i = 0; i < 8000; ++i) {
    const std::vector<double> x = {random.Normal()};
    const double target = std::sin(2 * x[0]);
    model->Predict({x, {}}, out);
    if (i >= 6000) squares += (out[0] - target) * (out[0] - target);
    model->Learn({x, {}}, target, 1);
  }
  EXPECT_LT(squares / 2000, 0.02);  // The target's own variance is 0.5.
}

TEST(Fourier, ContinuesBitEqualAfterLoading) {
  auto whole = New("logistic_regression", "30");
  CounterRandom random(4, 4);
  std::vector<double> a, b;
  const auto learn = [&](Model& model, const std::vector<double>& x) {
    model.Learn({x, {}}, x[0] * x[1] > 0 ? 1 : x[0] > 0 ? 2 : 0, 1);
  };
  for (int i = 0; i < 200; ++i) learn(*whole, {random.Normal(), random.Normal()});
  const std::string bytes = Saved(*whole);
  for (auto& loaded : {whole->Fresh(), New("logistic_regression", "30")}) {
    StateReader in(bytes);
    ASSERT_TRUE(loaded->Load(in).ok()) << in.status().message();
    for (int i = 0; i < 100; ++i) {
      const std::vector<double> x = {random.Normal(), random.Normal()};
      whole->Predict({x, {}}, a);
      loaded->Predict({x, {}}, b);
      ASSERT_EQ(a, b);
    }
    EXPECT_TRUE(Saved(*loaded) == bytes);
  }
  auto other = New("logistic_regression", "31");
  StateReader in(bytes);
  EXPECT_EQ(other->Load(in).code(), StatusCode::kCorrupt);
}

TEST(Fourier, SaysWhatMemoryItHolds) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the sanitizer's allocator rounds otherwise";
#endif
  New("logistic_regression", "300");
  const size_t before = HeapBytes();
  auto model = New("logistic_regression", "300", Numbers(5));
  const auto held = static_cast<double>(HeapBytes() - before);
  EXPECT_GT(held, 8 * 300 * 6);
  EXPECT_LT(static_cast<double>(model->MemoryBytes()), 1.1 * held);
}

TEST(Fourier, RefusesWhatItCannotMap) {
  const std::map<std::string, std::string> ten = {{"fourier_features", "10"}};
  auto factory = NewModelFactory("linear_regression");
  TextParams params(ten);
  factory->Describe(params);
  InputSpec sparse;
  sparse.sparse_size = 10;
  EXPECT_FALSE(factory->Make(sparse).ok());
  InputSpec nominal = Numbers(1);
  nominal.dense.push_back({"color", true, 3});
  EXPECT_FALSE(factory->Make(nominal).ok());
  TextParams tree(ten);
  NewModelFactory("hoeffding_tree")->Describe(tree);
  EXPECT_FALSE(tree.status().ok());
}

}  // namespace
}  // namespace leat
