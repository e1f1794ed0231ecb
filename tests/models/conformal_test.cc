/// Conformal regions: they hold the share of targets that was asked for, while the stream changes.
#include "leat/conformal.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/text_params.h"
#include "models/heap.h"
#include "models/model_test.h"
#include "models/parrot.h"

namespace leat {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

std::unique_ptr<Model> New(Task task, double coverage, double rate = 0.005, int64_t window = 500) {
  ConformalOptions options;
  options.coverage = coverage;
  options.rate = rate;
  options.window = window;
  auto made = MakeConformal(std::make_unique<Parrot>(task), options);
  EXPECT_TRUE(made.ok()) << made.status().message();
  return std::move(*made);
}

/// Share of the rows [from, to) whose target lies in its interval: the prediction is 0, the target
/// normal with a deviation by row. Each is learnt afterwards.
template <typename Deviation>
double Held(Model& model, uint64_t from, uint64_t to, const Deviation& deviation) {
  const std::vector<double> said = {0};
  size_t held = 0;
  for (uint64_t i = from; i < to; ++i) {
    const double target = deviation(i) * CounterRandom(3, 1, i * 4).Normal();
    held += std::fabs(target) <= model.Radius() ? 1 : 0;
    model.Learn({said, {}}, target, 1);
  }
  return static_cast<double>(held) / static_cast<double>(to - from);
}

TEST(Conformal, RadiusIsTheQuantileOfTheLastScores) {
  auto model = New(Task::kRegression, 0.9, 0, 20);
  const std::vector<double> said = {100};
  for (const int score : {3, 1, 4, 2, 6, 5, 8}) model->Learn({said, {}}, 100 + score, 1);
  EXPECT_EQ(model->Radius(), kInf);  // 8 * 0.9 is beyond the 7th.
  for (const int score : {7, 9}) model->Learn({said, {}}, 100 - score, 1);
  EXPECT_EQ(model->Radius(), 9);  // 10 * 0.9: the 9th of 9.
  for (int score = 10; score <= 20; ++score) model->Learn({said, {}}, 100 + score, 1);
  EXPECT_EQ(model->Radius(), 19);  // 21 * 0.9 is 18.9: the 19th of 20.
  for (int i = 0; i < 20; ++i) model->Learn({said, {}}, 100.5, 1);
  EXPECT_EQ(model->Radius(), 0.5);
}

TEST(Conformal, AMissWidensByTheRateAndAHitNarrows) {
  auto model = New(Task::kRegression, 0.5, 0.25, 100);
  const std::vector<double> said = {0};
  // The level a: 0.5, held by an infinite radius: 0.625; ceil(2 * 0.375) is 1, the score 1.
  model->Learn({said, {}}, 1, 1);
  EXPECT_EQ(model->Radius(), 1);
  // Missed: a = 0.5, ceil(3 * 0.5) = 2. Missed again: a = 0.375, ceil(4 * 0.625) = 3.
  model->Learn({said, {}}, 2, 1);
  EXPECT_EQ(model->Radius(), 2);
  model->Learn({said, {}}, 3, 1);
  EXPECT_EQ(model->Radius(), 3);
  // Held: a = 0.5, ceil(5 * 0.5) = 3 of 1, 1, 2, 3.
  model->Learn({said, {}}, 1, 1);
  EXPECT_EQ(model->Radius(), 2);
}

TEST(Conformal, IntervalsHoldTheirShareWhileTheNoiseDrifts) {
  for (const double coverage : {0.8, 0.9, 0.95}) {
    auto model = New(Task::kRegression, coverage);
    const auto drifting = [](uint64_t i) {
      // Steady; then five times as wide at once; then growing by half a percent a row, back, again.
      if (i < 3000) return 1.0;
      if (i < 6000) return 5.0;
      return std::exp(std::fabs(std::fmod(static_cast<double>(i), 1000) - 500) / 200);
    };
    Held(*model, 0, 500, drifting);
    EXPECT_NEAR(Held(*model, 500, 3000, drifting), coverage, 0.015);
    EXPECT_NEAR(Held(*model, 3000, 6000, drifting), coverage, 0.025);
    EXPECT_NEAR(Held(*model, 6000, 12'000, drifting), coverage, 0.015);
  }
}

TEST(Conformal, HoldsMoreThanAFixedLevelDoesWhenErrorsKeepGrowing) {
  const auto growing = [](uint64_t i) { return std::exp(static_cast<double>(i) / 300); };
  auto adaptive = New(Task::kRegression, 0.9), fixed = New(Task::kRegression, 0.9, 0);
  Held(*adaptive, 0, 1000, growing);
  Held(*fixed, 0, 1000, growing);
  EXPECT_NEAR(Held(*adaptive, 1000, 5000, growing), 0.9, 0.02);
  EXPECT_LT(Held(*fixed, 1000, 5000, growing), 0.8);
}

/// A record of three classes: what is said of it by one who takes the classes for as far apart as
/// they were at first, and its class.
struct Example {
  std::vector<double> said;
  size_t label;
};
Example Make(uint64_t i, double apart) {
  CounterRandom random(6, 2, i * 8);
  const size_t label = random.Below(3);
  const double x = apart * static_cast<double>(label) + random.Normal();
  Example e{{}, label};
  double sum = 0;
  for (int c = 0; c < 3; ++c) {
    const double z = x - 3 * c;
    e.said.push_back(std::exp(-z * z / 2));
    sum += e.said.back();
  }
  for (double& p : e.said) p /= sum;
  return e;
}

TEST(Conformal, SetsOfClassesHoldTheirShareWhenTheClassifierGoesStale) {
  auto model = New(Task::kClassification, 0.97);
  double held = 0, size = 0, first_size = 0;
  for (uint64_t i = 0; i < 9000; ++i) {
    const Example e = Make(i, i < 3000 ? 3 : 2);
    const double radius = model->Radius();
    if (i == 3000 || i == 4000) held = 0;
    if (i == 3000) first_size = size;
    if (i == 4000) size = 0;
    held += 1 - e.said[e.label] <= radius ? 1 : 0;
    if (i >= 500) {
      for (const double p : e.said) size += 1 - p <= radius ? 1 : 0;
    }
    model->Learn({e.said, {}}, static_cast<double>(e.label), 1);
    if (i == 2999) {
      EXPECT_NEAR(held / 3000, 0.97, 0.012);
    }
  }
  EXPECT_NEAR(held / 5000, 0.97, 0.012);
  EXPECT_LT(first_size / 2500, 1.3);
  EXPECT_GT(size / 5000, first_size / 2500 + 0.1);  // Honest: it has become harder.
}

TEST(Conformal, ContinuesBitEqualAfterLoading) {
  const std::vector<double> said = {0};
  for (const int cut : {0, 5, 60, 137}) {
    auto whole = New(Task::kRegression, 0.9, 0.01, 50);
    CounterRandom random(8, 8);
    for (int i = 0; i < cut; ++i) whole->Learn({said, {}}, random.Normal(), 1);
    const std::string bytes = Saved(*whole);
    auto loaded = whole->Fresh();
    StateReader in(bytes);
    ASSERT_TRUE(loaded->Load(in).ok()) << in.status().message();
    EXPECT_TRUE(in.AtEnd());
    EXPECT_TRUE(Saved(*loaded) == bytes);
    EXPECT_EQ(loaded->MemoryBytes(), whole->MemoryBytes());
    for (int i = 0; i < 120; ++i) {
      const double target = random.Normal();
      ASSERT_EQ(loaded->Radius(), whole->Radius()) << cut << " " << i;
      whole->Learn({said, {}}, target, 1);
      loaded->Learn({said, {}}, target, 1);
    }
    EXPECT_TRUE(Saved(*loaded) == Saved(*whole));
  }
}

TEST(Conformal, RefusesDamagedStateAndStaysAsItWas) {
  auto model = New(Task::kRegression, 0.9, 0.01, 30);
  const std::vector<double> said = {0};
  for (int i = 0; i < 40; ++i) model->Learn({said, {}}, i, 1);
  const std::string bytes = Saved(*model);
  auto other = model->Fresh();
  const std::string untouched = Saved(*other);
  for (size_t cut = 0; cut < bytes.size(); ++cut) {
    StateReader in(std::string_view(bytes).substr(0, cut));
    ASSERT_EQ(other->Load(in).code(), StatusCode::kCorrupt) << cut;
  }
  auto narrower = New(Task::kRegression, 0.9, 0.01, 25);
  StateReader in(bytes);
  EXPECT_EQ(narrower->Load(in).code(), StatusCode::kCorrupt);
  EXPECT_TRUE(Saved(*other) == untouched);
}

TEST(Conformal, IgnoresWhatCannotBeLearnt) {
  auto numbers = New(Task::kRegression, 0.9);
  auto classes = New(Task::kClassification, 0.9);
  const std::vector<double> number = {1}, shares = {0.25, 0.75}, none;
  const std::string before = Saved(*numbers), empty = Saved(*classes);
  for (const double target : {kNaN, kInf, -kInf}) numbers->Learn({number, {}}, target, 1);
  for (const double weight : {0.0, -1.0, kNaN}) numbers->Learn({number, {}}, 1, weight);
  for (const double label : {kNaN, kInf, -1.0, 0.5, 1e300}) classes->Learn({shares, {}}, label, 1);
  classes->Learn({none, {}}, 1, 1);
  EXPECT_TRUE(Saved(*numbers) == before);
  EXPECT_TRUE(Saved(*classes) == empty);
  // A class that the model has not seen counts as a miss of probability 0.
  for (int i = 0; i < 30; ++i) classes->Learn({shares, {}}, 7, 1);
  EXPECT_GE(classes->Radius(), 1);
}

TEST(Conformal, SaysWhatMemoryItHolds) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the sanitizer's allocator rounds otherwise";
#endif
  const std::vector<double> said = {0};
  New(Task::kRegression, 0.9)->Learn({said, {}}, 1, 1);
  const size_t before = HeapBytes();
  auto model = New(Task::kRegression, 0.9);
  for (int i = 0; i < 2000; ++i) model->Learn({said, {}}, i % 7, 1);
  const auto held = static_cast<double>(HeapBytes() - before);
  EXPECT_NEAR(static_cast<double>(model->MemoryBytes()) / held, 1, 0.1);
}

TEST(Conformal, EveryTypeThatLearnsFromLabelsTakesIt) {
  size_t with = 0;
  for (const std::string_view type : ModelTypes()) {
    auto factory = NewModelFactory(type);
    TextParams params({{"coverage", "0.9"}, {"coverage_window", "50"}});
    factory->Describe(params);
    EXPECT_EQ(params.status().ok(), !NeedsNoLabel(factory->task())) << type;
    if (NeedsNoLabel(factory->task()) || type.starts_with("committee")) continue;
    InputSpec inputs = Numbers(3);
    if (type == "matrix_factorization") inputs.dense = {{"user", true, 0}, {"item", true, 0}};
    const auto made = factory->Make(inputs);
    ASSERT_TRUE(made.ok()) << type << ": " << made.status().message();
    EXPECT_EQ((*made)->Radius(), kInf) << type;
    ++with;
  }
  EXPECT_GT(with, 15u);
}

TEST(Conformal, RefusesWhatItCannotDo) {
  ConformalOptions options;
  options.coverage = 1;
  EXPECT_FALSE(MakeConformal(std::make_unique<Parrot>(Task::kRegression), options).ok());
  options.coverage = 0.9;
  EXPECT_FALSE(MakeConformal(std::make_unique<Parrot>(Task::kClustering), options).ok());
  options.window = 5;
  EXPECT_FALSE(MakeConformal(std::make_unique<Parrot>(Task::kRegression), options).ok());
  options.coverage = 0;
  auto plain = MakeConformal(std::make_unique<Parrot>(Task::kRegression), options);
  ASSERT_TRUE(plain.ok());
  EXPECT_TRUE(std::isnan((*plain)->Radius()));
}

}  // namespace
}  // namespace leat
