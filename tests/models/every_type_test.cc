/// What every type of the configuration must stand, whatever it reads and says: the registry itself
/// is gone through, so that a new type is tested too. Types with suites of their own (the trees
/// over mixed inputs, anomaly detectors, clusterers) are held to more there.
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

std::string TextOf(std::string_view type) {
  const std::string text(type);
  if (type == "committee") return text + " members=gaussian_nb,logistic_regression";
  if (type == "committee_regressor") return text + " members=linear_regression,knn_regressor";
  return text;
}

/// What a type reads: numbers and a category, numbers alone, or two ids.
InputSpec InputsOf(const std::string& text) {
  const auto reads = [&](const InputSpec& inputs) {
    const auto spec = ParseTextSpec(text);
    const auto factory = NewModelFactory(spec->name);
    TextParams params(spec->options);
    factory->Describe(params);
    return factory->Make(inputs).ok();
  };
  if (reads(MixedInputs())) return MixedInputs();
  if (reads(Numbers(5))) return Numbers(5);
  return {{{"user", true, 0}, {"item", true, 0}}, 0};
}

struct Example {
  std::vector<double> x;
  double target;
  Input input() const { return {x, {}}; }
};

class EveryType : public testing::TestWithParam<std::string> {
 protected:
  std::unique_ptr<Model> Fresh() const { return New(text_, inputs_); }
  bool classifies() const { return task_ == Task::kClassification; }
  bool supervised() const { return !NeedsNoLabel(task_); }

  /// The signal, a constant, a number with gaps, and what every third row lacks; `size` is that of
  /// the second number. The target is the class, or follows the signal. One label in ten is noise.
  Example Make(uint64_t i, uint64_t classes, double size = 1) const {
    CounterRandom random(91, 6, i * 16);
    const auto label = static_cast<double>(random.Below(classes));
    const double shown = std::fabs(3 * label + random.Normal());  // Counts are not negative.
    const double second = size * std::fabs(3 * label + random.Normal());
    const double gappy = i % 3 == 0 ? kNaN : std::fabs(label + random.Normal());
    const bool wrong = random.Uniform() < 0.1;
    double target = wrong ? static_cast<double>(random.Below(classes)) : label;
    if (!classifies()) target += 0.1 * random.Normal();
    if (inputs_.dense.size() == 2) {
      const auto user = static_cast<double>(random.Below(40));
      return {{user, label * 50 + static_cast<double>(random.Below(20))}, target};
    }
    return {{shown, 7, second, gappy, label}, target};
  }

  void ExpectAnswer(const std::vector<double>& out) const {
    double sum = 0;
    for (const double v : out) {
      ASSERT_TRUE(std::isfinite(v));
      if (classifies()) {
        ASSERT_TRUE(v >= 0 && v <= 1);
      }
      sum += v;
    }
    if (classifies() && !out.empty()) {
      ASSERT_NEAR(sum, 1, 1e-9);
    }
  }

  const std::string text_ = TextOf(GetParam());
  const InputSpec inputs_ = InputsOf(text_);
  const Task task_ = NewModelFactory(GetParam())->task();
};

TEST_P(EveryType, ContinuesBitEqualAfterLoading) {
  for (const uint64_t cut : {0u, 1u, 300u, 2000u}) {
    auto whole = Fresh();
    for (uint64_t i = 0; i < cut; ++i) {
      const Example e = Make(i, 3);
      whole->Learn(e.input(), e.target, 1 + static_cast<double>(i % 2));
    }
    const std::string bytes = Saved(*whole);
    const auto loaded = whole->Fresh();
    StateReader in(bytes);
    ASSERT_TRUE(loaded->Load(in).ok()) << in.status().message();
    EXPECT_TRUE(in.AtEnd());
    ASSERT_TRUE(Saved(*loaded) == bytes) << cut;
    // Clusterers hold as much more than they need as has come about.
    const bool exact = task_ != Task::kClustering;
    if (exact) {
      EXPECT_EQ(loaded->MemoryBytes(), whole->MemoryBytes()) << cut;
    }
    std::vector<double> a, b;
    for (uint64_t i = cut; i < cut + 1000; ++i) {
      const Example e = Make(i, 4);  // A class, and ids, are new.
      whole->Predict(e.input(), a);
      loaded->Predict(e.input(), b);
      ASSERT_EQ(a, b) << i;
      whole->Learn(e.input(), e.target, 1);
      loaded->Learn(e.input(), e.target, 1);
    }
    ASSERT_TRUE(Saved(*whole) == Saved(*loaded)) << cut;
    if (exact) {
      EXPECT_EQ(loaded->MemoryBytes(), whole->MemoryBytes()) << cut;
    }
  }
}

TEST_P(EveryType, PredictsAndLearnsInOneCallAsInTwo) {
  auto two = Fresh(), one = Fresh();
  std::vector<double> a, b;
  for (uint64_t i = 0; i < 1500; ++i) {
    Example e = Make(i, i < 700 ? 2 : 3);
    if (i % 90 == 5) e.target = kNaN;
    two->Predict(e.input(), a);
    two->Learn(e.input(), e.target, 1);
    one->PredictAndLearn(e.input(), e.target, 1, b);
    ASSERT_EQ(a, b) << i;
  }
  EXPECT_TRUE(Saved(*two) == Saved(*one));
}

TEST_P(EveryType, RefusesACutState) {
  auto model = Fresh();
  for (uint64_t i = 0; i < 600; ++i) {
    const Example e = Make(i, 3);
    model->Learn(e.input(), e.target, 1);
  }
  ExpectRefusesCutState(*model, Saved(*model));
}

TEST_P(EveryType, SaysWhatMemoryItHolds) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the sanitizer's allocator rounds otherwise";
#endif
  const auto train = [&](Model& model, uint64_t rows) {
    std::vector<double> out;
    for (uint64_t i = 0; i < rows; ++i) {
      const Example e = Make(i, 4);
      model.Predict(e.input(), out);
      model.Learn(e.input(), e.target, 1);
    }
  };
  train(*Fresh(), 1000);  // Fills the thread's buffers.
  const size_t before = HeapBytes();
  auto model = Fresh();
  train(*model, 5000);
  const auto held = static_cast<double>(HeapBytes() - before);
  // Of some hundred bytes a tenth is less than what the allocator takes for itself.
  EXPECT_NEAR(static_cast<double>(model->MemoryBytes()), held, std::max(0.1 * held, 100.0));
}

TEST_P(EveryType, LearnsThroughNoiseGapsAndConstants) {
  if (!supervised()) GTEST_SKIP() << "it learns no targets; see the tests of its kind";
  auto model = Fresh();
  std::vector<double> out;
  double right = 0, error = 0, plain = 0, rows = 0;
  for (uint64_t i = 0; i < 6000; ++i) {
    const Example e = Make(i, 3);
    model->Predict(e.input(), out);
    if (i >= 3000) {
      rows += 1;
      if (classifies()) {
        const auto best = std::max_element(out.begin(), out.end()) - out.begin();
        right += static_cast<double>(best) == e.target ? 1 : 0;
      } else {
        error += (out.at(0) - e.target) * (out[0] - e.target);
        plain += (1 - e.target) * (1 - e.target);
      }
    }
    model->Learn(e.input(), e.target, 1);
  }
  if (classifies()) {
    EXPECT_GT(right / rows, 0.5);  // A third is chance.
  } else {
    EXPECT_LT(error, 0.7 * plain);  // 1 is the mean.
  }
}

TEST_P(EveryType, StandsANumberABillionTimesAsLarge) {
  auto model = Fresh();
  std::vector<double> out;
  double low = 0, high = 0;
  for (uint64_t i = 0; i < 3000; ++i) {
    const Example e = Make(i, 3, 1e9);
    model->Predict(e.input(), out);
    ExpectAnswer(out);
    if (task_ == Task::kRegression && i > 0) {
      // Within the targets seen and a tenth of their range.
      ASSERT_GE(out.at(0), low - 0.1 * (high - low) - 1e-9) << i;
      ASSERT_LE(out.at(0), high + 0.1 * (high - low) + 1e-9) << i;
    }
    low = i == 0 ? e.target : std::min(low, e.target);
    high = i == 0 ? e.target : std::max(high, e.target);
    model->Learn(e.input(), e.target, 1);
  }
  const std::string bytes = Saved(*model);
  StateReader in(bytes);
  EXPECT_TRUE(model->Fresh()->Load(in).ok()) << in.status().message();
}

TEST_P(EveryType, StandsWhatItHasNotSeenAndWhatIsNoNumber) {
  auto model = Fresh();
  const double inf = std::numeric_limits<double>::infinity();
  const double values[] = {kNaN, inf, -inf, 1e300, -1e300, 0, 200, -1, 0.5, 1e12};
  std::vector<double> out;
  CounterRandom random(17, 1);
  for (uint64_t i = 0; i < 1500; ++i) {
    Example e = Make(i, 3);
    if (i > 500 && i % 2 == 0) {
      for (double& v : e.x) v = values[random.Below(10)];
    }
    model->Predict(e.input(), out);
    ExpectAnswer(out);
    model->Learn(e.input(), e.target, 1);
    if (i % 50 == 0) model->Learn(e.input(), values[random.Below(5)], 1);
  }
  const std::string bytes = Saved(*model);
  StateReader in(bytes);
  EXPECT_TRUE(model->Fresh()->Load(in).ok()) << in.status().message();
}

INSTANTIATE_TEST_SUITE_P(Registry, EveryType, testing::ValuesIn([] {
                           std::vector<std::string> types;
                           for (const auto type : ModelTypes()) types.emplace_back(type);
                           return types;
                         }()),
                         [](const auto& item) { return item.param; });

}  // namespace
}  // namespace leat
