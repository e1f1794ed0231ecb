/// What every classifier over mixed inputs must stand: saving and loading, missing values, values
/// and classes that come late, constant and huge features, noise; over the registry.
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

/// Those that read numbers, categories and gaps as they are, and options that change how.
std::vector<std::string> Types() {
  return {
      "adaptive_random_forest",
      "adaptive_random_forest split_criterion=hellinger",
      "adwin_bagging",
      "extremely_fast_tree",
      "extremely_fast_tree numeric_observer=exhaustive",
      "gradient_boosted_trees",
      "hoeffding_adaptive_tree",
      "hoeffding_adaptive_tree numeric_observer=histogram",
      "hoeffding_tree",
      "hoeffding_tree numeric_observer=exhaustive",
      "hoeffding_tree numeric_observer=histogram split_criterion=hellinger",
      "knn",
      "leveraging_bagging",
      "leveraging_bagging soft_vote=false weighted_vote=true",
      "mondrian_forest",
      "naive_bayes",
      "one_vs_rest",
      "online_bagging",
      "stochastic_gradient_tree",
      "streaming_random_patches",
  };
}

struct Example {
  std::vector<double> x;
  double label;
  Input input() const { return {x, {}}; }
};

/// The class follows the signal; "huge" repeats it 1e9 times as large; every third "gappy" is
/// missing; the color hints at the class.
Example Make(uint64_t i, uint64_t classes, double noise = 0.05) {
  CounterRandom random(71, 3, i * 16);
  const uint64_t label = random.Below(classes);
  const double at = 2.5 * static_cast<double>(label);
  const double signal = at + random.Normal();
  const double huge = 1e9 * (at + random.Normal());
  const double gappy = i % 3 == 0 ? kNaN : at + 2 * random.Normal();
  const auto color = static_cast<double>(random.Uniform() < 0.7 ? label : random.Below(classes));
  const bool wrong = random.Uniform() < noise;
  return {{signal, 7, huge, gappy, color},
          static_cast<double>(wrong ? random.Below(classes) : label)};
}

std::unique_ptr<Model> New(const std::string& type) { return New(type, MixedInputs()); }

void ExpectProbabilities(const std::vector<double>& out, size_t classes) {
  ASSERT_EQ(out.size(), classes);
  double sum = 0;
  for (const double p : out) {
    ASSERT_TRUE(p >= 0 && p <= 1);
    sum += p;
  }
  if (classes > 0) {
    ASSERT_NEAR(sum, 1, 1e-9);
  }
}

size_t Best(const std::vector<double>& out) {
  return static_cast<size_t>(std::max_element(out.begin(), out.end()) - out.begin());
}

/// Share of rows [from, to) that are predicted right, each before it is learnt.
double Accuracy(Model& model, uint64_t from, uint64_t to, uint64_t classes, double noise = 0.05) {
  std::vector<double> out;
  size_t right = 0;
  for (uint64_t i = from; i < to; ++i) {
    const Example e = Make(i, classes, noise);
    model.Predict(e.input(), out);
    right += !out.empty() && static_cast<double>(Best(out)) == e.label ? 1 : 0;
    model.Learn(e.input(), e.label, 1);
  }
  return static_cast<double>(right) / static_cast<double>(to - from);
}

class EveryLearner : public testing::TestWithParam<std::string> {};

TEST_P(EveryLearner, ContinuesBitEqualAfterLoading) {
  auto model = New(GetParam());
  for (const uint64_t cut : {0u, 1u, 700u, 3000u}) {
    auto whole = New(GetParam());
    for (uint64_t i = 0; i < cut; ++i) {
      const Example e = Make(i, 3);
      whole->Learn(e.input(), e.label, 1 + static_cast<double>(i % 2) / 2);
    }
    const std::string bytes = Saved(*whole);
    auto loaded = whole->Fresh();
    StateReader in(bytes);
    ASSERT_TRUE(loaded->Load(in).ok()) << in.status().message();
    EXPECT_TRUE(in.AtEnd());
    ASSERT_EQ(Saved(*loaded), bytes);
    EXPECT_EQ(loaded->MemoryBytes(), whole->MemoryBytes()) << cut;
    std::vector<double> a, b;
    for (uint64_t i = cut; i < cut + 1500; ++i) {
      // Classes turn round, so that detectors have something to find; a class and colors are new.
      Example e = Make(i, 4);
      e.label = std::fmod(e.label + 1, 4);
      whole->Predict(e.input(), a);
      loaded->Predict(e.input(), b);
      ASSERT_EQ(a, b) << i;
      whole->Learn(e.input(), e.label, 1);
      loaded->Learn(e.input(), e.label, 1);
    }
    ASSERT_TRUE(Saved(*whole) == Saved(*loaded)) << cut;
    EXPECT_EQ(loaded->MemoryBytes(), whole->MemoryBytes()) << cut;
  }
}

TEST_P(EveryLearner, RefusesDamagedStateAndStaysAsItWas) {
  auto model = New(GetParam());
  for (uint64_t i = 0; i < 600; ++i) {
    const Example e = Make(i, 3);
    model->Learn(e.input(), e.label, 1);
  }
  const std::string bytes = Saved(*model);
  auto other = model->Fresh();
  const std::string untouched = Saved(*other);
  const size_t step = std::max<size_t>(1, bytes.size() / 300);
  for (size_t cut = 0; cut < bytes.size(); cut += step) {
    StateReader in(std::string_view(bytes).substr(0, cut));
    ASSERT_EQ(other->Load(in).code(), StatusCode::kCorrupt) << cut;
  }
  EXPECT_TRUE(Saved(*other) == untouched);
  // Any flipped byte is refused or gives a model that still works.
  std::vector<double> out;
  for (size_t at = 0; at < bytes.size(); at += step) {
    std::string flipped = bytes;
    flipped[at] = static_cast<char>(flipped[at] ^ 0xff);
    auto victim = model->Fresh();
    StateReader in(flipped);
    if (!victim->Load(in).ok()) continue;
    for (uint64_t i = 5000; i < 5050; ++i) {
      const Example e = Make(i, 3);
      victim->Predict(e.input(), out);
      for (const double p : out) ASSERT_TRUE(p >= 0 && p <= 1) << at;
      victim->Learn(e.input(), e.label, 1);
    }
  }
}

TEST_P(EveryLearner, LearnsThroughGapsConstantsHugeNumbersAndNoise) {
  auto model = New(GetParam());
  Accuracy(*model, 0, 2000, 3);
  // The signals place nine of ten rows; one label in thirty is wrong beyond that.
  EXPECT_GT(Accuracy(*model, 2000, 4000, 3), 0.82);
}

TEST_P(EveryLearner, LearnsSomethingFromLabelsThatAreMostlyNoise) {
  auto model = New(GetParam());
  Accuracy(*model, 0, 4000, 2, 0.6);
  EXPECT_GT(Accuracy(*model, 4000, 8000, 2, 0.6), 0.6);  // 0.5 is chance, 0.7 the best there is.
}

TEST_P(EveryLearner, TakesANewClassInTheMiddle) {
  auto model = New(GetParam());
  std::vector<double> out;
  model->Predict(Make(0, 2).input(), out);
  EXPECT_TRUE(out.empty());
  Accuracy(*model, 0, 1500, 2);
  model->Predict(Make(1, 2).input(), out);
  ExpectProbabilities(out, 2);
  Accuracy(*model, 1500, 6000, 4);
  size_t right = 0, rows = 0;
  for (uint64_t i = 6000; i < 7000; ++i) {
    const Example e = Make(i, 4, 0);
    model->Predict(e.input(), out);
    ExpectProbabilities(out, 4);
    if (e.label != 3) continue;
    right += Best(out) == 3 ? 1 : 0;
    ++rows;
  }
  EXPECT_GT(static_cast<double>(right), 0.7 * static_cast<double>(rows));
}

TEST_P(EveryLearner, StandsValuesItHasNotSeenAndWhatIsNoNumber) {
  auto model = New(GetParam());
  Accuracy(*model, 0, 1000, 3);
  std::vector<double> out;
  const double inf = std::numeric_limits<double>::infinity();
  for (const double color : {50.0, 200.0, 1e12, -1.0, 0.5, kNaN}) {
    for (const double x : {kNaN, inf, -inf, 1e300, -1e300, 0.0}) {
      const std::vector<double> row = {x, x, x, x, color};
      model->Predict({row, {}}, out);
      ExpectProbabilities(out, 3);
      model->Learn({row, {}}, 1, 1);
    }
  }
  EXPECT_GT(Accuracy(*model, 1000, 3000, 3), 0.75);
  StateReader in(Saved(*model));
  const std::string bytes = Saved(*model);
  StateReader again(bytes);
  EXPECT_TRUE(model->Fresh()->Load(again).ok());
}

TEST_P(EveryLearner, NeverGivesNaNWhateverTheNumbers) {
  auto model = New(GetParam());
  const double extremes[] = {0,      -0.0, 1e308, -1e308, 1e139,     -1e139,  5e-324,
                             1e-300, kNaN, 1e9,   1,      1 + 1e-16, -1e-200, 1e10};
  CounterRandom random(9, 9);
  std::vector<double> out;
  for (int i = 0; i < 4000; ++i) {
    std::vector<double> x(5);
    for (double& v : x) v = extremes[random.Below(14)];
    model->Predict({x, {}}, out);
    for (const double p : out) ASSERT_TRUE(p >= 0 && p <= 1) << i;
    const double weight = random.Below(10) == 0 ? 1e12 : random.Below(10) == 0 ? 1e-300 : 1;
    model->Learn({x, {}}, static_cast<double>(random.Below(3)), weight);
  }
  const std::string bytes = Saved(*model);
  StateReader in(bytes);
  EXPECT_TRUE(model->Fresh()->Load(in).ok()) << in.status().message();
}

TEST_P(EveryLearner, IgnoresWhatCannotBeLearnt) {
  auto model = New(GetParam());
  const Example e = Make(1, 2);
  for (const double target : {kNaN, -1.0, 0.5, 65'536.0}) model->Learn(e.input(), target, 1);
  for (const double weight : {0.0, -1.0, kNaN}) model->Learn(e.input(), 0, weight);
  const std::vector<double> narrow = {1, 2};
  model->Learn({narrow, {}}, 0, 1);
  std::vector<double> out;
  model->Predict(e.input(), out);
  EXPECT_TRUE(out.empty());
}

TEST_P(EveryLearner, SaysWhatMemoryItHolds) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the sanitizer's allocator rounds otherwise";
#endif
  // What stays after a first model has filled the thread's buffers.
  Accuracy(*New(GetParam()), 0, 1000, 4);
  const size_t before = HeapBytes();
  auto model = New(GetParam());
  Accuracy(*model, 0, 12'000, 4);
  const size_t held = HeapBytes() - before;
  const auto said = static_cast<double>(model->MemoryBytes());
  EXPECT_NEAR(said / static_cast<double>(held), 1, 0.1) << held;
}

TEST_P(EveryLearner, RefusesLayoutsItCannotRead) {
  InputSpec sparse;
  sparse.sparse_size = 100;
  const std::string type = GetParam().substr(0, GetParam().find(' '));
  EXPECT_FALSE(NewModelFactory(type)->Make(sparse).ok());
}

TEST(HeapBytes, CountsWhatIsHeld) {
  const size_t before = HeapBytes();
  {
    const std::vector<double> numbers(1000);
    EXPECT_GE(HeapBytes(), before + 8000);
    EXPECT_LE(HeapBytes(), before + 8100);
  }
  EXPECT_EQ(HeapBytes(), before);
}

INSTANTIATE_TEST_SUITE_P(Registry, EveryLearner, testing::ValuesIn(Types()),
                         [](const auto& item) { return TestName(item.param); });

}  // namespace
}  // namespace leat
