#include "features/scalers.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "base/processor.h"
#include "base/random.h"
#include "features/bins.h"

namespace leat {
namespace {

TEST(StandardScaler, UsesThePopulationVariance) {
  StandardScaler scaler;
  EXPECT_EQ(scaler.Transform(3), 0);
  for (double x : {1.0, 2.0, 3.0, 6.0}) scaler.Learn(x);
  EXPECT_DOUBLE_EQ(scaler.moments().variance(), 3.5);
  EXPECT_DOUBLE_EQ(scaler.Transform(5), 2 / std::sqrt(3.5));
  StandardScaler constant;
  constant.Learn(7);
  constant.Learn(7);
  EXPECT_EQ(constant.Transform(9), 0);
}

TEST(MinMaxScaler, MapsTheExtremesToZeroAndOne) {
  MinMaxScaler scaler;
  scaler.Learn(2);
  EXPECT_EQ(scaler.Transform(2), 0);
  scaler.Learn(6);
  EXPECT_EQ(scaler.Transform(3), 0.25);
  EXPECT_EQ(scaler.Transform(10), 2);
}

TEST(Scalers, PassMissingThroughAndNeverLearnIt) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto check = [&](auto scaler) {
    for (double x : {1.0, nan, 5.0, std::numeric_limits<double>::infinity(), 2.0}) scaler.Learn(x);
    EXPECT_TRUE(std::isnan(scaler.Transform(nan)));
    EXPECT_TRUE(std::isfinite(scaler.Transform(3)));
  };
  check(StandardScaler());
  check(MinMaxScaler());
  check(MaxAbsScaler());
  check(RobustScaler());
  check(AdaptiveStandardScaler());
}

TEST(P2Quantile, FollowsThePaper) {
  // The worked example of Jain and Chlamtac 1985, table I: the median of 20 observations.
  P2Quantile median(0.5);
  for (double x : {0.02,  0.15,  0.74, 3.39, 0.83, 22.37, 10.15, 15.43, 38.62, 15.92,
                   34.60, 10.28, 1.47, 0.40, 0.05, 11.39, 0.27,  0.42,  0.09,  11.37}) {
    median.Learn(x);
  }
  EXPECT_NEAR(median.Get(), 4.44, 0.01);
}

TEST(P2Quantile, ComesCloseOnManyValues) {
  for (double q : {0.25, 0.5, 0.9}) {
    P2Quantile p(q);
    CounterRandom random(1, 1);
    for (int i = 0; i < 50'000; ++i) p.Learn(random.Uniform());
    EXPECT_NEAR(p.Get(), q, 0.01);
  }
}

TEST(QuantileBins, HoldEqualSharesAndHalveTheTail) {
  features::QuantileBins bins(4, 2, 1000);
  for (int i = 1; i <= 1000; ++i) bins.Learn(i);
  // Edges 250, 500, 750, then 875 and 937.5 inside the top quarter.
  EXPECT_EQ(bins.Find(-5), 0u);
  EXPECT_EQ(bins.Find(250), 0u);
  EXPECT_EQ(bins.Find(250.5), 1u);
  EXPECT_EQ(bins.Find(750), 2u);
  EXPECT_EQ(bins.Find(875), 3u);
  EXPECT_EQ(bins.Find(876), 4u);
  EXPECT_EQ(bins.Find(938), 4u);  // The smallest value with a share of 0.9375 is the 938th.
  EXPECT_EQ(bins.Find(939), 5u);
  EXPECT_EQ(bins.Find(1e9), 5u);
  for (int i = 0; i < 5000; ++i) bins.Learn(1e6);  // Fixed by now.
  EXPECT_EQ(bins.Find(876), 4u);
}

TEST(QuantileBins, MergeTiesAndStartInOneBin) {
  features::QuantileBins bins(32, 6, 1000);
  EXPECT_EQ(bins.Find(5), 0u);
  for (int i = 0; i < 499; ++i) bins.Learn(i < 400 ? 0 : i);
  EXPECT_EQ(bins.Find(450), 0u);  // No fit before 500 values.
  bins.Learn(499);
  EXPECT_EQ(bins.Find(0), 0u);
  EXPECT_EQ(bins.Find(1), 1u);
  EXPECT_GT(bins.Find(450), 1u);
  EXPECT_LT(bins.Find(499), 16u);  // Four fifths of the edges were one.
}

LEAT_WIDE uint32_t FindWide(const features::QuantileBins& bins, double x) {
  return features::QuantileBins::FindWide(bins.table(), x);
}

TEST(QuantileBins, FindsWhatALinearSearchFinds) {
  for (const int count : {2, 3, 31, 32, 33, 61, 64, 100, 600, 1024}) {
    features::QuantileBins bins(count, 3, 2000);
    CounterRandom random(static_cast<uint64_t>(count), 4);
    for (int i = 0; i < 2000; ++i) bins.Learn(random.Exponential());
    for (int i = 0; i < 2000; ++i) {
      const double x = random.Exponential();
      const uint32_t bin = bins.Find(x);
      ASSERT_LT(bin, bins.count());
      ASSERT_GT(x, bins.Low(bin));
      ASSERT_LE(x, bins.High(bin));
      if (kWideRegisters) {
        ASSERT_EQ(FindWide(bins, x), bin);
      }
    }
    ASSERT_EQ(bins.Find(std::numeric_limits<double>::quiet_NaN()), 0u);
  }
}

TEST(QuantileBins, EdgesAreThoseThatASortGives) {
  // The last is so wide that its range is infinite, the one before so narrow that it has no
  // inverse.
  for (const auto& [distinct, unit] : {std::pair{1, 1.0},
                                       {2, 1.0},
                                       {7, 1.0},
                                       {300, 1.0},
                                       {1'000'000, 1.0},
                                       {7, 5e-324},
                                       {7, 5e307}}) {
    CounterRandom random(static_cast<uint64_t>(distinct), 5);
    features::QuantileBins bins(20, 4, 1500);
    std::vector<double> values;
    for (int i = 0; i < 1500; ++i) {
      const auto whole = static_cast<int>(random.Below(static_cast<uint64_t>(distinct)));
      values.push_back((whole - distinct / 2) * unit);
      bins.Learn(values.back());
    }
    std::sort(values.begin(), values.end());
    std::vector<double> shares, edges;
    for (int i = 1; i < 20; ++i) shares.push_back(i / 20.0);
    for (int j = 1; j <= 4; ++j) shares.push_back(1 - 1 / (20 * std::pow(2, j)));
    for (const double q : shares) {
      const double edge = values[static_cast<size_t>(std::ceil(1500 * q - 1e-9)) - 1];
      if (edge < values.back() && (edges.empty() || edge > edges.back())) edges.push_back(edge);
    }
    for (size_t i = 0; i < edges.size(); ++i) {
      ASSERT_EQ(bins.High(static_cast<uint32_t>(i)), edges[i]);
    }
    ASSERT_TRUE(std::isinf(bins.High(static_cast<uint32_t>(edges.size()))));
  }
}

}  // namespace
}  // namespace leat
