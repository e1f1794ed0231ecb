/// Calibration: what a classifier says becomes what happens, whatever it said before.
#include "leat/calibration.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "models/heap.h"
#include "models/model_test.h"
#include "models/parrot.h"
#include "models/registry.h"

namespace leat {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

std::unique_ptr<Model> New(Calibrate method, double half_life = 1000) {
  CalibrationOptions options;
  options.calibrate = method;
  options.half_life = half_life;
  auto made = MakeCalibrated(std::make_unique<Parrot>(), options);
  EXPECT_TRUE(made.ok()) << made.status().message();
  return std::move(*made);
}

double Share(double x) { return 1 / (1 + std::exp(-x)); }

/// The truth has log-odds x; the parrot says 3 x + 1: too sure, and biased.
struct Example {
  double truth;
  std::vector<double> said;
  double label;
  Input input() const { return {said, {}}; }
};
Example Make(uint64_t i, double bias = 1) {
  CounterRandom random(2, 3, i * 8);
  const double x = 1.5 * random.Normal();
  const double p = Share(3 * x + bias);
  return {Share(x), {1 - p, p}, random.Uniform() < Share(x) ? 1.0 : 0.0};
}

/// Mean distance from the truth of what is said of rows [from, to); each is learnt afterwards.
double Distance(Model& model, uint64_t from, uint64_t to, double bias = 1) {
  std::vector<double> out;
  double sum = 0;
  for (uint64_t i = from; i < to; ++i) {
    const Example e = Make(i, bias);
    model.Predict(e.input(), out);
    sum += std::fabs(out.at(1) - e.truth);
    model.Learn(e.input(), e.label, 1);
  }
  return sum / static_cast<double>(to - from);
}

TEST(Calibrated, FindsTheTruthBehindWhatIsSaid) {
  const double uncorrected = Distance(*std::make_unique<Parrot>(), 0, 3000);
  EXPECT_GT(uncorrected, 0.15);
  for (const Calibrate method : {Calibrate::kPlatt, Calibrate::kBeta}) {
    auto model = New(method);
    Distance(*model, 0, 3000);
    EXPECT_LT(Distance(*model, 3000, 6000), 0.035);
  }
  auto slope_only = New(Calibrate::kTemperature);
  Distance(*slope_only, 0, 3000);
  EXPECT_LT(Distance(*slope_only, 3000, 6000), 0.11);  // It cannot take the bias away.
}

TEST(Calibrated, ChangesLittleWhereThereIsNothingToCorrect) {
  auto model = New(Calibrate::kBeta);
  std::vector<double> out;
  double sum = 0;
  for (uint64_t i = 0; i < 5000; ++i) {
    Example e = Make(i);
    e.said = {1 - e.truth, e.truth};
    model->Predict(e.input(), out);
    if (i == 0) {
      EXPECT_NEAR(out[1], e.truth, 0.001);  // The floor, and nothing else.
    }
    sum += std::fabs(out[1] - e.truth);
    model->Learn(e.input(), e.label, 1);
  }
  EXPECT_LT(sum / 5000, 0.03);
}

TEST(Calibrated, FollowsAClassifierThatChanges) {
  auto model = New(Calibrate::kPlatt, 200);
  Distance(*model, 0, 3000, 1);
  EXPECT_GT(Distance(*model, 3000, 3020, -4), 0.1);
  Distance(*model, 3020, 5000, -4);
  EXPECT_LT(Distance(*model, 5000, 7000, -4), 0.06);
}

TEST(Calibrated, KeepsTheOrderOfTwoClasses) {
  for (const Calibrate method : {Calibrate::kPlatt, Calibrate::kBeta, Calibrate::kTemperature}) {
    auto model = New(method);
    Distance(*model, 0, 2000);
    std::vector<double> out;
    double last = 0;
    for (double p = 0.001; p < 1; p += 0.001) {
      const std::vector<double> said = {1 - p, p};
      model->Predict({said, {}}, out);
      EXPECT_GE(out[1], last);
      last = out[1];
    }
  }
}

TEST(Calibrated, CorrectsEachOfSeveralClasses) {
  // Truth by softmax of three numbers; the parrot sharpens them and prefers the first class.
  const auto softmax = [](std::vector<double> v) {
    double sum = 0;
    for (double& x : v) sum += x = std::exp(x);
    for (double& x : v) x /= sum;
    return v;
  };
  for (const Calibrate method : {Calibrate::kPlatt, Calibrate::kBeta}) {
    auto model = New(method);
    std::vector<double> out;
    double plain = 0, corrected = 0;
    for (uint64_t i = 0; i < 6000; ++i) {
      CounterRandom random(4, 5, i * 16);
      const std::vector<double> x = {random.Normal(), random.Normal(), random.Normal()};
      const auto truth = softmax(x), said = softmax({4 * x[0] + 3, 4 * x[1], 4 * x[2]});
      double left = random.Uniform();
      size_t label = 0;
      while (label < 2 && left >= truth[label]) left -= truth[label++];
      model->Predict({said, {}}, out);
      ASSERT_NEAR(out[0] + out[1] + out[2], 1, 1e-12);
      if (i >= 2000) {
        plain -= std::log(std::max(said[label], 1e-15));
        corrected -= std::log(out[label]);
      }
      model->Learn({said, {}}, static_cast<double>(label), 1);
    }
    EXPECT_GT(plain / 4000, 1.5);
    EXPECT_LT(corrected / 4000, 0.92);  // The truth itself has 0.87.
  }
}

TEST(Calibrated, KeepsTheFloorAndNeverGivesNaN) {
  auto model = New(Calibrate::kBeta);
  CounterRandom random(1, 1);
  std::vector<double> out;
  for (int i = 0; i < 5000; ++i) {
    const double extremes[] = {0, 1, 1e-300, 0.5, 1 - 1e-16};
    const double p = extremes[random.Below(5)];
    const std::vector<double> said = {1 - p, p};
    model->Predict({said, {}}, out);
    for (const double q : out) ASSERT_TRUE(q >= 0.001 && q <= 0.999) << i;
    const double weight = random.Below(10) == 0 ? 1e300 : random.Below(10) == 0 ? 1e-300 : 1;
    model->Learn({said, {}}, static_cast<double>(random.Below(2)), weight);
  }
  // Labels that none of its business are.
  const std::string before = Saved(*model);
  const std::vector<double> said = {0.5, 0.5};
  for (const double label : {kNaN, -1.0, 0.5, 2.0, 1e300}) model->Learn({said, {}}, label, 1);
  for (const double weight : {0.0, -1.0, kNaN}) model->Learn({said, {}}, 1, weight);
  EXPECT_TRUE(Saved(*model) == before);
}

TEST(Calibrated, TakesClassesThatComeLater) {
  auto model = New(Calibrate::kBeta);
  std::vector<double> out;
  for (int i = 0; i < 300; ++i) {
    const size_t classes = i < 20 ? 0 : i < 40 ? 1 : i < 100 ? 2 : 4;
    const std::vector<double> said(classes, classes == 0 ? 0 : 1.0 / static_cast<double>(classes));
    model->Predict({said, {}}, out);
    ASSERT_EQ(out.size(), classes);
    if (classes == 1) {
      EXPECT_EQ(out[0], 1);
    }
    model->Learn({said, {}}, 0, 1);
  }
  EXPECT_GT(out[0], 0.9);
}

class CalibratedLearner : public testing::TestWithParam<std::string> {
 protected:
  static std::unique_ptr<Model> Learner(Calibrate method) {
    const InputSpec spec{{{"x", false, 0}, {"again", false, 0}, {"color", true, 0}}, 0};
    auto plain = NewModelFactory(GetParam())->Make(spec);
    EXPECT_TRUE(plain.ok());
    CalibrationOptions options;
    options.calibrate = method;
    auto made = MakeCalibrated(std::move(*plain), options);
    EXPECT_TRUE(made.ok());
    return std::move(*made);
  }
  static std::vector<double> Row(uint64_t i, double& label) {
    CounterRandom random(6, 6, i * 8);
    label = static_cast<double>(random.Below(3));
    const double x = label + 1.2 * random.Normal();
    // The same number twice: whoever takes them for two is too sure.
    return {x, x, static_cast<double>(random.Below(4))};
  }
};

TEST_P(CalibratedLearner, ContinuesBitEqualAfterLoadingAndSaysItsMemory) {
  auto whole = Learner(Calibrate::kBeta);
  double label = 0;
  for (uint64_t i = 0; i < 3000; ++i) {
    const auto x = Row(i, label);
    whole->Learn({x, {}}, label, 1);
  }
  const std::string bytes = Saved(*whole);
  auto loaded = whole->Fresh();
  StateReader in(bytes);
  ASSERT_TRUE(loaded->Load(in).ok()) << in.status().message();
  EXPECT_TRUE(in.AtEnd());
  EXPECT_EQ(loaded->MemoryBytes(), whole->MemoryBytes());
  std::vector<double> a, b;
  for (uint64_t i = 3000; i < 5000; ++i) {
    const auto x = Row(i, label);
    whole->Predict({x, {}}, a);
    loaded->Predict({x, {}}, b);
    ASSERT_EQ(a, b) << i;
    whole->Learn({x, {}}, label, 1);
    loaded->Learn({x, {}}, label, 1);
  }
  EXPECT_TRUE(Saved(*whole) == Saved(*loaded));
  auto victim = whole->Fresh();
  for (size_t cut = 0; cut < 400; cut += 7) {
    StateReader part(std::string_view(bytes).substr(0, cut));
    EXPECT_EQ(victim->Load(part).code(), StatusCode::kCorrupt);
  }
#ifndef __SANITIZE_ADDRESS__
  whole.reset();
  const size_t before = HeapBytes();
  auto model = Learner(Calibrate::kBeta);
  for (uint64_t i = 0; i < 3000; ++i) {
    const auto x = Row(i, label);
    model->Learn({x, {}}, label, 1);
  }
  const auto held = static_cast<double>(HeapBytes() - before);
  EXPECT_NEAR(static_cast<double>(model->MemoryBytes()) / held, 1, 0.1);
#endif
}

TEST_P(CalibratedLearner, HasALowerLogLossThanWithout) {
  std::map<Calibrate, double> loss;
  for (const Calibrate method : {Calibrate::kNone, Calibrate::kPlatt, Calibrate::kBeta}) {
    auto model = Learner(method);
    std::vector<double> out;
    double label = 0;
    for (uint64_t i = 0; i < 6000; ++i) {
      const auto x = Row(i, label);
      model->Predict({x, {}}, out);
      const auto c = static_cast<size_t>(label);
      if (i >= 500) loss[method] -= std::log(std::max(c < out.size() ? out[c] : 0, 1e-15));
      model->Learn({x, {}}, label, 1);
    }
  }
  EXPECT_LT(loss[Calibrate::kPlatt], loss[Calibrate::kNone]);
  EXPECT_LT(loss[Calibrate::kBeta], loss[Calibrate::kNone]);
}

INSTANTIATE_TEST_SUITE_P(Calibrated, CalibratedLearner,
                         testing::Values("naive_bayes", "hoeffding_tree"),
                         [](const auto& item) { return item.param; });

TEST(MakeCalibrated, LeavesTheModelAloneWithoutAMethodAndRefusesWhatMakesNoSense) {
  CalibrationOptions options;
  auto parrot = std::make_unique<Parrot>();
  const Model* same = parrot.get();
  auto made = MakeCalibrated(std::move(parrot), options);
  ASSERT_TRUE(made.ok());
  EXPECT_EQ(made->get(), same);
  options.calibrate = Calibrate::kBeta;
  options.half_life = 5;
  EXPECT_FALSE(MakeCalibrated(std::make_unique<Parrot>(), options).ok());
  options.half_life = 100;
  auto regressor = NewModelFactory("linear_regression")->Make({{{"x", false, 0}}, 0});
  EXPECT_FALSE(MakeCalibrated(std::move(*regressor), options).ok());
}

}  // namespace
}  // namespace leat
