/// Anomaly detectors: they find what is odd, follow what is usual, and stand any numbers.
#include "leat/anomaly.h"

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
#include "models/registry.h"

namespace leat {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

std::unique_ptr<Model> New(const std::string& type) { return New(type, Numbers(5)); }

/// Two clusters of five numbers: plain, 1e9 times as large, constant, plain, with gaps. One record
/// in a hundred is far from both.
struct Example {
  std::vector<double> x;
  bool odd = false;
  Input input() const { return {x, {}}; }
};
Example Make(uint64_t i, double shift = 0) {
  CounterRandom random(5, 7, i * 32);
  Example e;
  e.odd = random.Uniform() < 0.01;
  const double centre = (random.Uniform() < 0.5 ? -3 : 3) + shift;
  const double far = e.odd ? (random.Uniform() < 0.5 ? 12 : -12) : 0;
  e.x = {centre + far + random.Normal(), 1e9 * (random.Normal() - far), 7,
         centre + random.Normal() + far, i % 3 == 0 ? kNaN : random.Normal() + far};
  return e;
}

void Learn(Model& model, uint64_t from, uint64_t to, double shift = 0) {
  for (uint64_t i = from; i < to; ++i) model.Learn(Make(i, shift).input(), 0, 1);
}

double Score(const Model& model, const std::vector<double>& x) {
  std::vector<double> out;
  model.Predict({x, {}}, out);
  EXPECT_EQ(out.size(), 1u);
  return out.empty() ? kNaN : out[0];
}

/// The chance that an odd record scores above a usual one; each is scored before it is learnt.
double Auc(Model& model, uint64_t from, uint64_t to) {
  std::vector<double> odd, usual;
  for (uint64_t i = from; i < to; ++i) {
    const Example e = Make(i);
    (e.odd ? odd : usual).push_back(Score(model, e.x));
    model.Learn(e.input(), 0, 1);
  }
  double wins = 0;
  for (const double o : odd) {
    for (const double u : usual) wins += o > u ? 1 : o == u ? 0.5 : 0;
  }
  return wins / static_cast<double>(odd.size() * usual.size());
}

class EveryDetector : public testing::TestWithParam<std::string> {};

TEST_P(EveryDetector, SaysNothingBeforeThereIsAnythingToCompareWith) {
  const auto model = New(GetParam());
  std::vector<double> out = {1, 2};
  model->Predict(Make(0).input(), out);
  EXPECT_TRUE(out.empty());
  EXPECT_EQ(model->task(), Task::kAnomaly);
}

TEST_P(EveryDetector, RanksWhatIsFarAwayAboveTheRest) {
  auto model = New(GetParam());
  Learn(*model, 0, 3000);
  EXPECT_GT(Auc(*model, 3000, 9000), 0.97);
}

TEST_P(EveryDetector, FollowsAStreamThatMoves) {
  auto model = New(GetParam());
  Learn(*model, 0, 3000);
  const auto mean = [&](uint64_t from, double shift) {
    double sum = 0;
    for (uint64_t i = from; i < from + 500; ++i) sum += Score(*model, Make(i, shift).x);
    return sum / 500;
  };
  const double usual = mean(3000, 0), moved = mean(3000, 40);
  EXPECT_GT(moved, usual);
  Learn(*model, 4000, 9000, 40);
  EXPECT_LT(mean(9000, 40), usual + 0.2 * (moved - usual));
}

TEST_P(EveryDetector, ContinuesBitEqualAfterLoading) {
  for (const uint64_t cut : {0u, 1u, 400u, 2100u, 5003u}) {
    auto whole = New(GetParam());
    Learn(*whole, 0, cut);
    const auto loaded = Reloaded(*whole);
    std::vector<double> a, b;
    for (uint64_t i = cut; i < cut + 3000; ++i) {
      const Example e = Make(i, 0.001 * static_cast<double>(i));
      whole->Predict(e.input(), a);
      loaded->Predict(e.input(), b);
      ASSERT_EQ(a, b) << i;
      whole->Learn(e.input(), 0, 1);
      loaded->Learn(e.input(), 0, 1);
    }
    ASSERT_TRUE(Saved(*whole) == Saved(*loaded));
  }
}

TEST_P(EveryDetector, RefusesDamagedStateAndStaysAsItWas) {
  auto model = New(GetParam());
  Learn(*model, 0, 2600);
  const std::string bytes = Saved(*model);
  const size_t step = DamageStep(bytes);
  ExpectRefusesCutState(*model, bytes);
  // Any flipped byte is refused or gives a detector that still works.
  for (size_t at = 0; at < bytes.size(); at += step) {
    std::string flipped = bytes;
    flipped[at] = static_cast<char>(flipped[at] ^ 0xff);
    auto victim = model->Fresh();
    StateReader in(flipped);
    if (!victim->Load(in).ok()) continue;
    std::vector<double> out;
    for (uint64_t i = 5000; i < 5020; ++i) {
      victim->Predict(Make(i).input(), out);
      for (const double score : out) ASSERT_TRUE(std::isfinite(score)) << at;
      victim->Learn(Make(i).input(), 0, 1);
    }
  }
}

TEST_P(EveryDetector, NeverGivesNaNWhateverTheNumbers) {
  auto model = New(GetParam());
  const double inf = std::numeric_limits<double>::infinity();
  const double extremes[] = {0,      -0.0, 1e308, -1e308, 1e139,     -1e139,  5e-324, inf,
                             1e-300, kNaN, 1e9,   1,      1 + 1e-16, -1e-200, 1e10,   -inf};
  CounterRandom random(9, 9);
  std::vector<double> out;
  for (int i = 0; i < 6000; ++i) {
    std::vector<double> x(5);
    for (double& v : x) v = extremes[random.Below(16)];
    model->Predict({x, {}}, out);
    for (const double score : out) ASSERT_TRUE(std::isfinite(score)) << i;
    model->Learn({x, {}}, 0, random.Below(10) == 0 ? 1e12 : random.Below(10) == 0 ? 1e-300 : 1);
  }
  const std::string bytes = Saved(*model);
  StateReader in(bytes);
  EXPECT_TRUE(model->Fresh()->Load(in).ok()) << in.status().message();
}

TEST_P(EveryDetector, DoesNotLearnWhatHasNoValueOrNoWeight) {
  auto model = New(GetParam());
  const std::vector<double> nothing(5, kNaN), narrow = {1, 2};
  const std::string before = Saved(*model);
  model->Learn({nothing, {}}, 0, 1);
  model->Learn({narrow, {}}, 0, 1);
  for (const double weight : {0.0, -1.0, kNaN}) model->Learn(Make(0).input(), 0, weight);
  EXPECT_EQ(model->Summary().at(0).second, "0");
  EXPECT_EQ(model->Summary().at(1), (std::pair<std::string, std::string>("skipped", "5")));
  EXPECT_EQ(Saved(*model).size(), before.size());
}

TEST_P(EveryDetector, SaysWhatMemoryItHolds) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the sanitizer's allocator rounds otherwise";
#endif
  Auc(*New(GetParam()), 0, 0);
  Learn(*New(GetParam()), 0, 3000);
  const size_t before = HeapBytes();
  auto model = New(GetParam());
  Learn(*model, 0, 5000);
  const size_t held = HeapBytes() - before;
  EXPECT_NEAR(static_cast<double>(model->MemoryBytes()) / static_cast<double>(held), 1, 0.1);
}

TEST_P(EveryDetector, RefusesLayoutsItCannotRead) { ExpectReadsNumbersOnly(GetParam()); }

INSTANTIATE_TEST_SUITE_P(Anomaly, EveryDetector,
                         testing::Values("half_space_trees", "isolation_forest", "loda",
                                         "robust_zscore"),
                         [](const auto& item) { return item.param; });

TEST(IsolationForest, SaysNothingBeforeTwoLeavesOfRecords) {
  IsolationForestOptions options;
  options.leaf = 20;
  auto model = std::move(*MakeIsolationForest(options, Numbers(5)));
  std::vector<double> out;
  for (uint64_t i = 0; i < 60; ++i) {
    model->Predict(Make(i).input(), out);
    ASSERT_EQ(out.size(), i < 40 ? 0u : 1u) << i;
    model->Learn(Make(i).input(), 0, 1);
  }
}

/// Half-space trees as the paper has them, with all nodes and all counts: one tree over one
/// feature.
TEST(HalfSpaceTrees, MassIsThatOfTheFullTree) {
  HalfSpaceTreesOptions options;
  options.trees = 1;
  options.levels = 6;
  options.window = 200;
  auto model = std::move(*MakeHalfSpaceTrees(options, Numbers(1)));
  CounterRandom random(3, 4);
  std::vector<double> values;
  for (int i = 0; i < 200; ++i) {
    values.push_back(random.Normal());
    model->Learn({{&values.back(), 1}, {}}, 0, 1);
  }
  // The work range, from the same draw and quantiles.
  std::vector<double> sorted = values;
  std::sort(sorted.begin(), sorted.end());
  const double q05 = sorted[static_cast<size_t>(0.05 * 199)];
  const double q95 = sorted[static_cast<size_t>(0.95 * 199)];
  const double place = CounterRandom(1, 0x68737472616e, 0).Uniform();
  const double reach = 2 * std::max(place, 1 - place);
  const double low = q05 - 0.5 * (q95 - q05), span = 2 * (q95 - q05);
  for (double x = -6; x < 6; x += 0.37) {
    double a = low + (place - reach) * span, b = low + (place + reach) * span;
    bool first = true, last = true;  // The outermost halves have no outer border.
    double mass = 200;
    int depth = 0;
    while (depth < 6 && mass > 20) {
      const double middle = a + 0.5 * (b - a);
      if (x < middle) {
        b = middle;
        last = false;
      } else {
        a = middle;
        first = false;
      }
      ++depth;
      mass = 0;
      for (const double v : values) mass += (first || v >= a) && (last || v < b) ? 1 : 0;
    }
    EXPECT_DOUBLE_EQ(Score(*model, {x}), 1 / (1 + mass / 200 * std::exp2(depth))) << x;
  }
}

TEST(RobustZScore, CountsDeviationsFromTheMedian) {
  RobustZScoreOptions options;
  options.window = 11;
  auto model = std::move(*MakeRobustZScore(options, Numbers(2)));
  // Median 5, median absolute deviation 3; the other feature is constant but for one record.
  for (int i = 0; i <= 10; ++i) {
    const std::vector<double> x = {static_cast<double>(i), i == 3 ? 11.0 : 0.0};
    model->Learn({x, {}}, 0, 1);
  }
  EXPECT_NEAR(Score(*model, {5 + 3 * 1.4826022185056018 * 4, 0}), 4, 1e-12);
  // Mean absolute deviation 1.
  EXPECT_NEAR(Score(*model, {5, 1.2533141373155001 * 7}), 7, 1e-12);
  EXPECT_NEAR(Score(*model, {kNaN, 1.2533141373155001 * 2}), 2, 1e-12);
  options.combine = RobustZScoreOptions::Combine::kMean;
  model = std::move(*MakeRobustZScore(options, Numbers(1)));
  for (int i = 0; i <= 10; ++i) {
    const std::vector<double> x = {7};
    model->Learn({x, {}}, 0, 1);
  }
  EXPECT_EQ(Score(*model, {7}), 0);
  EXPECT_GT(Score(*model, {7.1}), 1000);
}

TEST(Loda, ScoresWhatIsUsualAroundZero) {
  auto model = New("loda");
  Learn(*model, 0, 4096);
  double sum = 0;
  for (uint64_t i = 5000; i < 6000; ++i) sum += Score(*model, Make(i).x);
  EXPECT_NEAR(sum / 1000, 0, 0.15);
  EXPECT_EQ(Score(*model, std::vector<double>(5, kNaN)), 0);
}

TEST(IsolationForest, ScoresWhatIsUsualSomewhatBelowOneHalf) {
  auto model = New("isolation_forest");
  Learn(*model, 0, 6000);
  double sum = 0;
  for (uint64_t i = 7000; i < 8000; ++i) sum += Score(*model, Make(i).x);
  EXPECT_NEAR(sum / 1000, 0.45, 0.07);
}

}  // namespace
}  // namespace leat
