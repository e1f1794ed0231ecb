#include "evaluation/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "evaluation/metrics_ranking.h"

namespace leat {
namespace {

using ::testing::ElementsAre;

// Truth 0: 50 right, 10 called 1. Truth 1: 5 missed, 35 found.
ConfusionMatrix TwoClasses() {
  ConfusionMatrix m;
  m.Add(0, 0, 50);
  m.Add(0, 1, 10);
  m.Add(1, 0, 5);
  m.Add(1, 1, 35);
  return m;
}

TEST(ConfusionMatrixTest, TwoClassMetricsAreThoseWorkedByHand) {
  const ConfusionMatrix m = TwoClasses();
  EXPECT_DOUBLE_EQ(m.Accuracy(), 0.85);
  EXPECT_DOUBLE_EQ(m.Precision(1), 35.0 / 45);
  EXPECT_DOUBLE_EQ(m.Recall(1), 35.0 / 40);
  EXPECT_DOUBLE_EQ(m.Recall(0), 50.0 / 60);
  EXPECT_DOUBLE_EQ(m.FBeta(1, 1), 2 * 35.0 / (2 * 35 + 10 + 5));
  EXPECT_DOUBLE_EQ(m.FBeta(1, 2), 5 * 35.0 / (5 * 35 + 10 + 4 * 5));
  EXPECT_DOUBLE_EQ(m.BalancedAccuracy(), (35.0 / 40 + 50.0 / 60) / 2);
  EXPECT_DOUBLE_EQ(m.GMean(), std::sqrt(35.0 / 40 * 50.0 / 60));
  // Chance agreement: 0.6 * 0.55 + 0.4 * 0.45 = 0.51.
  EXPECT_NEAR(m.Kappa(), (0.85 - 0.51) / 0.49, 1e-15);
  EXPECT_NEAR(m.Mcc(), (35.0 * 50 - 10.0 * 5) / std::sqrt(45.0 * 40 * 60 * 55), 1e-15);
}

TEST(ConfusionMatrixTest, AveragesCoverTheClassesSeenAndCountZeroDivisionsAsZero) {
  ConfusionMatrix m(5);  // Classes 3 and 4 never occur.
  m.Add(0, 0, 3);
  m.Add(0, 1, 1);
  m.Add(1, 0, 2);
  m.Add(2, 0, 2);  // Class 2 is never predicted.
  // Precision: 3/7, 0/1, 0/0 -> 0. Recall: 3/4, 0, 0.
  EXPECT_DOUBLE_EQ(m.Precision(Average::kMacro), (3.0 / 7) / 3);
  EXPECT_DOUBLE_EQ(m.Recall(Average::kMacro), 0.75 / 3);
  EXPECT_DOUBLE_EQ(m.Precision(Average::kWeighted), 4 * (3.0 / 7) / 8);
  EXPECT_DOUBLE_EQ(m.Recall(Average::kWeighted), 3.0 / 8);
  EXPECT_DOUBLE_EQ(m.FBeta(Average::kMicro, 1), 3.0 / 8);
  EXPECT_TRUE(std::isnan(m.Precision(4)));
  EXPECT_TRUE(std::isnan(m.Recall(4)));
  EXPECT_EQ(m.Precision(2), 0);
}

TEST(ConfusionMatrixTest, GrowsWithoutLosingCounts) {
  ConfusionMatrix m = TwoClasses();
  m.Add(3, 2, 7);
  EXPECT_EQ(m.classes(), 4);
  EXPECT_EQ(m.Cell(1, 1), 35);
  EXPECT_EQ(m.Cell(0, 1), 10);
  EXPECT_EQ(m.Cell(3, 2), 7);
  EXPECT_EQ(m.Total(), 107);
  EXPECT_EQ(m.Rows(5).size(), 5u);
}

TEST(ConfusionMatrixTest, ASingleClassLeavesBalancedMetricsUndefined) {
  ConfusionMatrix m;
  m.Add(1, 1, 3);
  m.Add(1, 0, 1);
  EXPECT_TRUE(std::isnan(m.BalancedAccuracy()));
  EXPECT_TRUE(std::isnan(m.GMean()));
  EXPECT_EQ(m.Kappa(), 0);
  EXPECT_EQ(m.Mcc(), 0);
  EXPECT_TRUE(std::isnan(ConfusionMatrix().Accuracy()));
}

TEST(ConfusionMatrixTest, RefusesAStateOfTheWrongShape) {
  StateWriter out;
  out.U32(3);
  out.Array(std::vector<double>(4));
  StateReader in(out.bytes());
  ConfusionMatrix m;
  m.Load(in);
  EXPECT_EQ(in.status().code(), StatusCode::kCorrupt);
  EXPECT_EQ(m.classes(), 0);
}

TEST(LogLossTest, ClipsCertainErrors) {
  EXPECT_DOUBLE_EQ(ClippedLogLoss(0), -std::log(1e-15));
  EXPECT_DOUBLE_EQ(ClippedLogLoss(0.25), std::log(4));
  EXPECT_EQ(ClippedLogLoss(1), 0);
}

TEST(KappaAgainstTest, MeasuresTheRoomLeftByTheBaseline) {
  EXPECT_NEAR(KappaAgainst(0.9, 0.8), 0.5, 1e-14);
  EXPECT_NEAR(KappaAgainst(0.7, 0.8), -0.5, 1e-14);
  EXPECT_TRUE(std::isnan(KappaAgainst(1, 1)));
}

TEST(CalibrationBinsTest, WeighsTheGapOfEachBin) {
  CalibrationBins bins(10);
  bins.Add(0.05, false, 1);  // Gap 0.05, one of four.
  bins.Add(0.92, true, 1);   // With the next two: mean 0.96, share 2/3.
  bins.Add(0.96, false, 1);
  bins.Add(1.0, true, 1);  // The last bin is closed.
  EXPECT_NEAR(bins.ExpectedError(), 0.25 * 0.05 + 0.75 * (0.96 - 2.0 / 3), 1e-15);
}

TEST(RegressionSumsTest, MatchesTheErrorsWorkedByHand) {
  RegressionSums s;
  s.Add(2, 1, 1);
  s.Add(4, 6, 1);
  s.Add(0, 0, 1);
  EXPECT_DOUBLE_EQ(s.Mae(), 1);
  EXPECT_DOUBLE_EQ(s.Mse(), 5.0 / 3);
  EXPECT_DOUBLE_EQ(s.Bias(), -1.0 / 3);
  EXPECT_DOUBLE_EQ(s.Mape(), 50);  // The target of 0 is left out.
  EXPECT_DOUBLE_EQ(s.Smape(), 200 * (1.0 / 3 + 2.0 / 10) / 3);
  EXPECT_EQ(s.MaxError(), 2);
  EXPECT_NEAR(s.R2(), 1 - 5.0 / 8, 1e-15);  // Squared deviations of 2, 4, 0 from 2: 8.
}

TEST(RegressionSumsTest, R2IsUndefinedForOneLabelAndZeroForConstantTargets) {
  RegressionSums s;
  s.Add(3, 3, 1);
  EXPECT_TRUE(std::isnan(s.R2()));
  s.Add(3, 2, 1);
  EXPECT_EQ(s.R2(), 0);
}

TEST(FadingWeightTest, FollowsTheRecurrenceAcrossRescaling) {
  // At 0.5 the common factor is divided out every 200 labels; the sums must not notice.
  FadingWeight fade(0.5);
  double sum = 0, expected = 0;
  for (int i = 0; i < 1000; ++i) {
    const double x = i % 7;
    sum += x * fade.current();
    expected = 0.5 * expected + x;
    if (double factor = 1; fade.Step(&factor)) sum *= factor;
    ASSERT_NEAR(sum / fade.last(), expected, 1e-12 * expected);
  }
}

TEST(ScoreBucketTest, RisesWithTheScoreAndIsFineAtBothEnds) {
  std::mt19937_64 random(7);
  std::vector<double> scores = {0, 1, 0.5, std::nextafter(0.5, 1), 1e-9, 1 - 1e-9, 5e-324};
  for (int i = 0; i < 20000; ++i) {
    const double u = static_cast<double>(random() >> 11) * 0x1p-53;
    scores.push_back(i % 2 ? u : 1 / (1 + std::exp(40 * (u - 0.5))));
  }
  std::sort(scores.begin(), scores.end());
  for (size_t i = 1; i < scores.size(); ++i) {
    const uint32_t low = ScoreBucket(scores[i - 1]), high = ScoreBucket(scores[i]);
    ASSERT_LE(low, high);
    ASSERT_LT(high, kScoreBuckets);
    if (low == high && scores[i] > 0x1p-31 && scores[i] < 1 - 0x1p-31) {
      const double side = std::min(scores[i], 1 - scores[i]);
      ASSERT_LE(scores[i] - scores[i - 1], side / 1024 + 1e-16);
    }
    const double middle = BucketScore(high);
    ASSERT_NEAR(middle, scores[i], std::min(scores[i], 1 - scores[i]) / 1000 + 0x1p-31);
  }
  EXPECT_NE(ScoreBucket(0.999999), ScoreBucket(0.9999991));
}

TEST(RankExactlyTest, CountsTiesAsHalfAndSumsSteps) {
  // Falling: 0.9 (+), 0.8 (+ -), 0.3 (-), 0.1 (+). Pairs in order: 2 + 1.5 + 0 of 6.
  std::vector<RankedLabel> labels = {
      {0.1, 1, true}, {0.8, 1, false}, {0.9, 1, true}, {0.3, 1, false}, {0.8, 1, true}};
  const RankingMetrics m = RankExactly(labels);
  EXPECT_DOUBLE_EQ(m.roc_auc, 3.5 / 6);
  EXPECT_DOUBLE_EQ(m.average_precision, (1 + 2.0 / 3 + 3.0 / 5) / 3);
}

TEST(RankExactlyTest, IsUndefinedWithASingleClass) {
  std::vector<RankedLabel> labels = {{0.1, 1, true}, {0.8, 1, true}};
  EXPECT_TRUE(std::isnan(RankExactly(labels).roc_auc));
  EXPECT_TRUE(std::isnan(RankExactly({}).average_precision));
}

// The definition: every pair, ties half.
double AreaByPairs(const std::vector<RankedLabel>& labels) {
  double right = 0, pairs = 0;
  for (const RankedLabel& p : labels) {
    if (!p.positive) continue;
    for (const RankedLabel& n : labels) {
      if (n.positive) continue;
      const double w = p.weight * n.weight;
      right += p.score > n.score ? w : p.score == n.score ? w / 2 : 0;
      pairs += w;
    }
  }
  return right / pairs;
}

TEST(RankExactlyTest, LargeBatchesAgreeWithTheDefinition) {
  // Large enough for the path by buckets, and for the radix sort within one bucket: a third of the
  // scores lie within 1e-11 of 0.3, with ties.
  for (const double odd_weight : {1.0, 2.0}) {
    std::mt19937_64 random(11);
    std::vector<RankedLabel> labels;
    ScoreHistogram spread;
    for (int i = 0; i < 6000; ++i) {
      const double u = static_cast<double>(random() >> 11) * 0x1p-53;
      const bool positive = random() % 20 == 0;
      const double score = i % 3 == 0   ? 0.3 + 1e-14 * std::floor(u * 900)
                           : i % 3 == 1 ? 0.75
                           : positive   ? std::sqrt(u)
                                        : u * u;
      labels.push_back({score, i % 5 == 0 ? odd_weight : 1.0, positive});
    }
    const double expected = AreaByPairs(labels);
    std::vector<RankedLabel> copy = labels;
    EXPECT_NEAR(RankExactly(copy).roc_auc, expected, 1e-12);
    // Without the crowd at 0.3, the buckets come close too.
    std::erase_if(labels, [](const RankedLabel& l) { return std::abs(l.score - 0.3) < 1e-10; });
    for (const RankedLabel& l : labels) spread.Add(ScoreBucket(l.score), l.positive, l.weight, 1);
    EXPECT_NEAR(spread.Cumulative().roc_auc, AreaByPairs(labels), 1e-4);
  }
}

TEST(ScoreHistogramTest, CurvesAreWorkedByHand) {
  ScoreHistogram histogram;
  histogram.Add(ScoreBucket(0.9), true, 1, 1);
  histogram.Add(ScoreBucket(0.6), false, 1, 1);
  histogram.Add(ScoreBucket(0.4), true, 1, 1);
  histogram.Add(ScoreBucket(0.2), false, 1, 1);
  const auto curve = histogram.PrecisionRecall(100);
  ASSERT_EQ(curve.size(), 2u);
  EXPECT_DOUBLE_EQ(curve[0].x, 0.5);
  EXPECT_DOUBLE_EQ(curve[0].y, 1);
  EXPECT_DOUBLE_EQ(curve[1].x, 1);
  EXPECT_DOUBLE_EQ(curve[1].y, 2.0 / 3);
  const auto groups = histogram.Calibration(2);
  ASSERT_EQ(groups.size(), 2u);
  EXPECT_NEAR(groups[0].x, 0.3, 1e-3);
  EXPECT_DOUBLE_EQ(groups[0].y, 0.5);
  EXPECT_EQ(groups[0].weight, 2);
  EXPECT_NEAR(groups[1].x, 0.75, 1e-3);
  histogram.ScaleFading(0);
  EXPECT_TRUE(std::isnan(histogram.Fading().roc_auc));
  EXPECT_DOUBLE_EQ(histogram.Cumulative().roc_auc, 0.75);
}

EventTime Day(int day, int hour = 0) { return {day * kDay + hour * kHour}; }

TEST(PrecisionAtKTest, AveragesTheTopOfEachDay) {
  PrecisionAtK top(2, kDay);
  int64_t order = 0;
  // Day 0: highest two are + -, so 0.5; the third does not count.
  top.Add(Day(0), 0.9, true, order++, 1);
  EXPECT_EQ(top.Cumulative(), 1);  // The newest period counts while it is alone.
  top.Add(Day(0), 0.1, true, order++, 1);
  top.Add(Day(0), 0.5, false, order++, 1);
  EXPECT_EQ(top.Cumulative(), 0.5);
  // Day 1: + + is 1. It only counts once day 2 begins.
  top.Add(Day(1), 0.3, true, order++, 1);
  top.Add(Day(1), 0.2, true, order++, 1);
  top.Add(Day(1), 0.1, false, order++, 1);
  EXPECT_EQ(top.Cumulative(), 0.5);
  top.Add(Day(2), 0.3, false, order++, 1);
  EXPECT_EQ(top.Cumulative(), 0.75);
  EXPECT_EQ(top.Since(3), 1);  // Day 0 began before the window.
  // A label of day 0 comes late and takes the second place.
  top.Add(Day(0, 23), 0.6, true, order++, 1);
  EXPECT_EQ(top.Cumulative(), 1);
}

TEST(PrecisionAtKTest, TiesCountByTheirShareWhateverTheOrder) {
  std::vector<std::pair<double, bool>> day = {{0.9, true},  {0.5, true},  {0.5, false},
                                              {0.5, false}, {0.5, false}, {0.2, true}};
  std::sort(day.begin(), day.end());
  do {
    PrecisionAtK top(3, kDay);
    int64_t order = 0;
    for (const auto& [score, positive] : day) top.Add(Day(4), score, positive, order++, 1);
    // First place right, two places shared by four labels of which one is positive.
    ASSERT_DOUBLE_EQ(top.Cumulative(), (1 + 2 * 0.25) / 3);
  } while (std::next_permutation(day.begin(), day.end()));
}

TEST(PrecisionAtKTest, ClosesOldPeriodsAndKeepsTheirShare) {
  PrecisionAtK top(1, kDay);
  for (int day = 0; day < 200; ++day) top.Add(Day(day), 0.5, day % 4 == 0, day, 1);
  EXPECT_DOUBLE_EQ(top.Cumulative(), 50.0 / 199);
  EXPECT_LT(top.MemoryBytes(), 20'000u);
  top.Add(Day(3), 0.9, true, 200, 1);
  EXPECT_EQ(top.too_late(), 1);
  EXPECT_DOUBLE_EQ(top.Cumulative(), 50.0 / 199);
}

TEST(PrecisionAtKTest, SurvivesTimesBeforeAllTime) {
  PrecisionAtK top(1, kDay);
  top.Add(EventTime{}, 0.5, true, 0, 1);
  top.Add(EventTime{-1}, 0.5, false, 1, 1);
  top.Add(EventTime{0}, 0.5, true, 2, 1);
  EXPECT_DOUBLE_EQ(top.Cumulative(), 0.5);
}

}  // namespace
}  // namespace leat
