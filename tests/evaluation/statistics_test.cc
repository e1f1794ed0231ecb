#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "base/random.h"
#include "evaluation/moments.h"
#include "evaluation/quantiles.h"
#include "evaluation/rolling.h"
#include "evaluation/special.h"
#include "evaluation/two_sample.h"

namespace leat::statistics {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

std::vector<double> Normals(uint64_t seed, size_t n, double mean = 0, double sd = 1) {
  CounterRandom random(seed, 5);
  std::vector<double> values(n);
  for (double& v : values) v = mean + sd * random.Normal();
  return values;
}

template <typename Statistic>
std::string Saved(const Statistic& statistic) {
  StateWriter out;
  statistic.Save(out);
  return out.Take();
}

/// Saves in the middle, goes on in a fresh object, and requires equal bytes; refuses prefixes.
template <typename Make>
void ExpectResumes(Make make) {
  const std::vector<double> values = Normals(1, 300, 3);
  for (const size_t cut : {size_t{0}, size_t{1}, size_t{4}, size_t{5}, size_t{9}, size_t{150}}) {
    auto whole = make();
    const auto add = [&](auto& statistic, size_t i) {
      if constexpr (requires { statistic.Add(1.0); }) {
        statistic.Add(values[i]);
      } else {
        statistic.Add(values[i], values[values.size() - 1 - i]);
      }
    };
    for (size_t i = 0; i < cut; ++i) add(whole, i);
    const std::string bytes = Saved(whole);
    auto resumed = make();
    StateReader in(bytes);
    ASSERT_TRUE(resumed.Load(in).ok()) << in.status().message();
    EXPECT_TRUE(in.AtEnd());
    ASSERT_EQ(Saved(resumed), bytes);
    for (size_t i = cut; i < values.size(); ++i) {
      add(whole, i);
      add(resumed, i);
      ASSERT_EQ(Saved(whole), Saved(resumed)) << "item " << i << ", cut " << cut;
    }
    for (size_t n = 0; n < bytes.size(); ++n) {
      auto other = make();
      StateReader prefix(std::string_view(bytes).substr(0, n));
      ASSERT_FALSE(other.Load(prefix).ok()) << "prefix of " << n;
    }
  }
}

TEST(Statistics, ResumeBitForBit) {
  ExpectResumes([] { return Moments(); });
  ExpectResumes([] { return EwMoments(0.1); });
  ExpectResumes([] { return Comoments(); });
  ExpectResumes([] { return EwCovariance(0.1); });
  ExpectResumes([] { return Autocorrelation(7); });
  ExpectResumes([] { return P2Range(); });
  ExpectResumes([] { return MedianAbsoluteDeviation(); });
  ExpectResumes([] { return RollingMoments(10); });
  ExpectResumes([] { return RollingComoments(10); });
  ExpectResumes([] { return RollingQuantile(10); });
  ExpectResumes([] { return RollingExtremes(10); });
}

TEST(Statistics, IgnoreWhatIsNotFinite) {
  const auto check = [](auto make) {
    auto with = make(), without = make();
    for (const double x : Normals(2, 50)) {
      for (const double bad : {kNan, kInf, -kInf}) with.Add(bad);
      with.Add(x);
      without.Add(x);
    }
    EXPECT_EQ(Saved(with), Saved(without));
  };
  check([] { return Moments(); });
  check([] { return EwMoments(0.1); });
  check([] { return Autocorrelation(2); });
  check([] { return MedianAbsoluteDeviation(); });
  check([] { return RollingMoments(7); });
  check([] { return RollingQuantile(7); });
  check([] { return RollingExtremes(7); });
  Comoments with, without;
  RollingComoments rolling_with(5), rolling_without(5);
  EwCovariance ew_with(0.5), ew_without(0.5);
  for (const double x : Normals(3, 20)) {
    with.Add(x, kNan), with.Add(kInf, x), with.Add(x, x * x), without.Add(x, x * x);
    rolling_with.Add(x, kNan), rolling_with.Add(x, x * x), rolling_without.Add(x, x * x);
    ew_with.Add(kNan, x), ew_with.Add(x, x * x), ew_without.Add(x, x * x);
  }
  EXPECT_EQ(Saved(with), Saved(without));
  EXPECT_EQ(Saved(rolling_with), Saved(rolling_without));
  EXPECT_EQ(Saved(ew_with), Saved(ew_without));
}

TEST(Moments, OfTwoFourFourFourFiveFiveSevenNine) {
  Moments m;
  for (const double x : {2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0}) m.Add(x);
  EXPECT_EQ(m.mean(), 5);
  EXPECT_NEAR(m.variance(0), 4, 1e-14);  // Deviations -3 -1 -1 -1 0 0 2 4: squares sum to 32.
  EXPECT_NEAR(m.variance(1), 32.0 / 7, 1e-14);
  EXPECT_NEAR(m.sem(0), std::sqrt(0.5), 1e-14);
  EXPECT_NEAR(m.skewness(true), 42.0 / 8 / 8, 1e-14);        // Cubes sum to 42.
  EXPECT_NEAR(m.kurtosis(true), 356.0 / 8 / 16 - 3, 1e-14);  // Fourth powers sum to 356.
  EXPECT_EQ(m.range(), 7);
}

TEST(Moments, AWeightIsARepetition) {
  Moments weighted, repeated;
  for (const double x : {1.0, 7.0, -2.0, 7.5}) {
    for (int i = 0; i < 3; ++i) repeated.Add(x);
    weighted.Add(x, 3);
  }
  EXPECT_EQ(weighted.weight(), repeated.weight());
  EXPECT_NEAR(weighted.mean(), repeated.mean(), 1e-14);
  EXPECT_NEAR(weighted.variance(), repeated.variance(), 1e-13);
  EXPECT_NEAR(weighted.skewness(), repeated.skewness(), 1e-13);
  EXPECT_NEAR(weighted.kurtosis(), repeated.kurtosis(), 1e-13);
  const std::string before = Saved(weighted);
  for (const double bad : {0.0, -1.0, kNan, kInf}) weighted.Add(1, bad);
  EXPECT_EQ(Saved(weighted), before);
}

TEST(Moments, KeepTheirAccuracyFarFromZero) {
  Moments near, far;
  for (int i = 0; i < 1000; ++i) {
    const double x = (i * 37) % 101;  // Whole numbers, so that the shift is exact.
    near.Add(x);
    far.Add(x + 1e9);
  }
  EXPECT_NEAR(far.variance() / near.variance(), 1, 1e-9);
  EXPECT_NEAR(far.kurtosis(), near.kurtosis(), 1e-8);
}

TEST(EwMoments, VarianceIsTheWeightedMeanOfSquaredDeviations) {
  const double fading = 0.05;
  const std::vector<double> values = Normals(4, 200, 1e5, 10);
  EwMoments ew(fading);
  for (const double x : values) ew.Add(x);
  // Weights by age, the first value taking what is left; in long doubles, two passes.
  std::vector<long double> weights(values.size());
  long double left = 1;
  for (size_t i = values.size(); i-- > 0;) {
    weights[i] = i == 0 ? left : left * fading;
    left *= 1 - static_cast<long double>(fading);
  }
  long double mean = 0, variance = 0;
  for (size_t i = 0; i < values.size(); ++i) mean += weights[i] * values[i];
  for (size_t i = 0; i < values.size(); ++i) {
    variance += weights[i] * (values[i] - mean) * (values[i] - mean);
  }
  EXPECT_NEAR(ew.mean(), static_cast<double>(mean), 1e-9);
  EXPECT_NEAR(ew.variance() / static_cast<double>(variance), 1, 1e-11);
}

TEST(Comoments, OfPairsOnALine) {
  Comoments up, down, flat;
  for (const double x : {1.0, 2.0, 4.0}) {
    up.Add(x, 3 * x + 1);
    down.Add(x, -x);
    flat.Add(x, 5);
  }
  EXPECT_NEAR(up.correlation(), 1, 1e-15);
  EXPECT_NEAR(up.covariance(), 7, 1e-14);  // Variance of 1 2 4 is 7/3.
  EXPECT_NEAR(down.correlation(), -1, 1e-15);
  EXPECT_EQ(flat.correlation(), 0);
}

TEST(Autocorrelation, OfAPeriodIsOneAtItsLength) {
  Autocorrelation whole(4), half(2);
  for (int i = 0; i < 100; ++i) {
    const double x = std::array<double, 4>{0, 1, 0, -1}[static_cast<size_t>(i % 4)];
    whole.Add(x);
    half.Add(x);
  }
  EXPECT_NEAR(whole.value(), 1, 1e-12);
  EXPECT_NEAR(half.value(), -1, 1e-12);
}

TEST(SortedQuantile, InterpolatesLinearly) {
  const std::vector<double> x = {10, 20, 40, 80};
  EXPECT_EQ(SortedQuantile(x, 0), 10);
  EXPECT_EQ(SortedQuantile(x, 1), 80);
  EXPECT_EQ(SortedQuantile(x, 0.5), 30);
  EXPECT_NEAR(SortedQuantile(x, 0.25), 17.5, 1e-12);  // Place 0.75.
  EXPECT_TRUE(std::isnan(SortedQuantile({}, 0.5)));
}

/// Compares with the statistic computed from the window's values alone.
TEST(Rolling, EqualsTheStatisticOfTheWindow) {
  for (const size_t window : {size_t{1}, size_t{2}, size_t{13}}) {
    RollingMoments moments(window);
    RollingComoments pairs(window);
    RollingQuantile quantile(window);
    RollingExtremes extremes(window);
    std::vector<double> x = Normals(6, 500, 1e4, 3), y = Normals(7, 500);
    for (size_t i = 0; i < x.size(); ++i) {
      if (i % 5 == 0) x[i] = std::round(x[i]);  // Ties.
      y[i] += x[i] / 4;
      moments.Add(x[i]);
      pairs.Add(x[i], y[i]);
      quantile.Add(x[i]);
      extremes.Add(x[i]);
      const size_t first = i + 1 > window ? i + 1 - window : 0;
      Moments expected;
      Comoments expected_pairs;
      std::vector<double> sorted;
      for (size_t k = first; k <= i; ++k) {
        expected.Add(x[k]);
        expected_pairs.Add(x[k], y[k]);
        sorted.push_back(x[k]);
      }
      std::sort(sorted.begin(), sorted.end());
      ASSERT_NEAR(moments.mean(), expected.mean(), 1e-9);
      ASSERT_NEAR(moments.variance(), expected.variance(), 1e-8);
      ASSERT_NEAR(pairs.covariance(), expected_pairs.covariance(), 1e-8);
      ASSERT_NEAR(pairs.correlation(), expected_pairs.correlation(), 1e-6);
      for (const double q : {0.0, 0.3, 0.5, 1.0}) {
        ASSERT_EQ(quantile.value(q), SortedQuantile(sorted, q));
      }
      ASSERT_EQ(extremes.min(), sorted.front());
      ASSERT_EQ(extremes.max(), sorted.back());
    }
  }
}

TEST(Rolling, RecoversFromAnEnormousValue) {
  RollingMoments moments(50);
  moments.Add(1e15);
  for (int i = 0; i < 200; ++i) moments.Add(i % 2);
  EXPECT_NEAR(moments.mean(), 0.5, 1e-12);
  EXPECT_NEAR(moments.variance(0), 0.25, 1e-12);
}

TEST(Special, KnownValues) {
  EXPECT_NEAR(NormalCdf(1.959963984540054), 0.975, 1e-14);
  EXPECT_EQ(NormalSf(40), 0);  // Underflows to 0.
  EXPECT_NEAR(NormalQuantile(0.975), 1.959963984540054, 1e-14);
  EXPECT_EQ(NormalQuantile(0), -kInf);
  EXPECT_EQ(NormalQuantile(1), kInf);
  EXPECT_NEAR(ChiSquaredSf(2, 2), std::exp(-1.0), 1e-15);
  EXPECT_NEAR(StudentTSf(1, 1), 0.25, 1e-15);  // Cauchy: arctan(1) / pi from the middle.
  EXPECT_NEAR(BetaInc(1, 1, 0.3), 0.3, 1e-15);
  EXPECT_NEAR(BetaInc(2, 1, 0.3), 0.09, 1e-15);
}

TEST(Special, OutsideTheDomainIsNaN) {
  for (const double p : {-0.1, 1.1, kNan}) EXPECT_TRUE(std::isnan(NormalQuantile(p)));
  EXPECT_TRUE(std::isnan(ChiSquaredSf(1, 0)));
  EXPECT_TRUE(std::isnan(StudentTSf(1, -1)));
  EXPECT_TRUE(std::isnan(StudentTSf(kNan, 3)));
  EXPECT_TRUE(std::isnan(BetaInc(0, 1, 0.5)));
  EXPECT_TRUE(std::isnan(BetaInc(1, 1, 1.5)));
  EXPECT_TRUE(std::isnan(KolmogorovSf(kNan)));
  EXPECT_TRUE(std::isnan(KolmogorovFiniteSf(0, 0.5)));
  EXPECT_EQ(ChiSquaredSf(-1, 2), 1);
  EXPECT_EQ(ChiSquaredSf(kInf, 2), 0);
  EXPECT_EQ(StudentTSf(kInf, 2), 0);
}

TEST(Special, KolmogorovSeriesMeetAtTheirBorder) {
  EXPECT_NEAR(KolmogorovSf(1 - 1e-12), KolmogorovSf(1), 1e-11);
  EXPECT_EQ(KolmogorovSf(-1), 1);
  EXPECT_EQ(KolmogorovSf(0.01), 1);
}

TEST(Special, FiniteKolmogorovForOneAndTwoValues) {
  // One value u: D = max(u, 1 - u), so P(D >= d) = 2 - 2 d for d >= 1/2.
  for (const double d : {0.5, 0.6, 0.9}) {
    EXPECT_NEAR(KolmogorovFiniteSf(1, d), 2 - 2 * d, 1e-14);
    EXPECT_NEAR(SmirnovSf(1, d), 1 - d, 1e-14);
  }
  // Two values, 1/4 <= d <= 1/2: P(D < d) = 2 (2 d - 1/2)^2; beyond, 1 - 2 (1 - d)^2.
  EXPECT_NEAR(KolmogorovFiniteSf(2, 0.4), 1 - 2 * 0.3 * 0.3, 1e-14);
  EXPECT_NEAR(KolmogorovFiniteSf(2, 0.7), 2 * 0.3 * 0.3, 1e-14);
  EXPECT_EQ(KolmogorovFiniteSf(2, 0.2), 1);
  EXPECT_EQ(KolmogorovFiniteSf(2, 1), 0);
}

TEST(Special, FiniteKolmogorovMethodsAgreeWhereTheyMeet) {
  // The exact method at 140 and the expansion at 141 differ by the step in n and by its error.
  for (const double z : {0.5, 0.8, 1.0, 1.3}) {
    const double exact = KolmogorovFiniteSf(140, z / std::sqrt(140.0));
    const double expansion = KolmogorovFiniteSf(141, z / std::sqrt(141.0));
    EXPECT_NEAR(expansion / exact, 1, 3e-4) << z;
  }
  // And on either side of the step to the one-sided tail.
  const double below = KolmogorovFiniteSf(100, 0.2 - 1e-9);
  EXPECT_NEAR(KolmogorovFiniteSf(100, 0.2 + 1e-9) / below, 1, 1e-6);
  EXPECT_NEAR(KolmogorovFiniteSf(100'000, 1 / std::sqrt(1e5)) / KolmogorovSf(1), 1, 0.01);
}

TEST(KolmogorovSmirnov, OfTwoSmallSamplesWithoutOverlap) {
  const std::vector<double> a = {1, 2, 3}, b = {4, 5, 6};
  const TestResult result = KolmogorovSmirnov(a, b, KsMethod::kExact);
  EXPECT_EQ(result.statistic, 1);
  EXPECT_NEAR(result.p_value, 0.1, 1e-15);  // 2 of the 20 orders.
}

TEST(KolmogorovSmirnov, ExactTailCountsOrders) {
  // Two against two: of the 6 orders, D is 1 for aabb, bbaa; 1/2 for all others.
  const std::vector<double> a = {1, 3}, b = {2, 4};
  const TestResult result = KolmogorovSmirnov(a, b, KsMethod::kExact);
  EXPECT_EQ(result.statistic, 0.5);
  EXPECT_NEAR(result.p_value, 1, 1e-15);
  // Four against two: statistic 3/4 for a b b after three a's: orders with D >= 3/4 are
  // aaaabb, aaabab, aaabba and their mirrors: 6 of 15.
  const std::vector<double> c = {1, 2, 3, 5}, d = {4, 6};
  EXPECT_EQ(KolmogorovSmirnov(c, d, KsMethod::kExact).statistic, 0.75);
  EXPECT_NEAR(KolmogorovSmirnov(c, d, KsMethod::kExact).p_value, 6.0 / 15, 1e-14);
}

TEST(MannWhitney, CountsPairsAndHalvesTies) {
  const std::vector<double> a = {1, 3, 3}, b = {2, 3};
  // Pairs with a above b: 3 > 2 twice; ties: 3 = 3 twice, half each.
  EXPECT_EQ(MannWhitney(a, b).statistic, 3);
  EXPECT_EQ(MannWhitney(a, a).p_value, 1);
  const std::vector<double> same = {5, 5, 5};
  EXPECT_EQ(MannWhitney(same, same).p_value, 1);
}

TEST(WelchT, OfTwoSmallSamples) {
  const std::vector<double> a = {1, 2, 3}, b = {2, 4, 6};
  const TestResult result = WelchT(a, b);
  EXPECT_NEAR(result.statistic, -2 / std::sqrt(5.0 / 3), 1e-14);  // 1/3 + 4/3.
  EXPECT_NEAR(result.df, (25.0 / 9) / ((1.0 / 9 + 16.0 / 9) / 2), 1e-13);
  EXPECT_TRUE(std::isnan(WelchT(a, std::vector<double>{1}).p_value));
  EXPECT_TRUE(std::isnan(WelchT(std::vector<double>{1, 1}, std::vector<double>{2, 2}).p_value));
}

TEST(Bins, EdgesBelongToTheBinBelow) {
  const std::vector<double> x = {0, 1, 2, 3, 4};
  const std::vector<double> edges = QuantileEdges(x, 4);
  EXPECT_EQ(edges, (std::vector<double>{1, 2, 3}));
  EXPECT_EQ(BinCounts(x, edges), (std::vector<int64_t>{2, 1, 1, 1}));
}

TEST(Distances, OfTwoBins) {
  const std::vector<int64_t> even = {50, 50}, skew = {90, 10}, left = {7, 0}, right = {0, 3};
  EXPECT_NEAR(PopulationStabilityIndex(even, skew),
              -0.4 * std::log(0.5 / 0.9) + 0.4 * std::log(0.5 / 0.1), 1e-14);
  EXPECT_NEAR(KullbackLeibler(even, skew), 0.5 * std::log(0.25 / 0.09), 1e-14);
  EXPECT_EQ(KullbackLeibler(left, right), kInf);
  EXPECT_NEAR(JensenShannonDistance(left, right), 1, 1e-15);
  EXPECT_NEAR(HellingerDistance(left, right), 1, 1e-15);
  EXPECT_EQ(JensenShannonDistance(even, even), 0);
  EXPECT_NEAR(PopulationStabilityIndex(left, right), 2 * (1 - 1e-4) * std::log(1e4), 1e-9);
}

TEST(ChiSquared, OfTwoBins) {
  const std::vector<int64_t> a = {10, 20}, b = {20, 10};
  const TestResult table = ChiSquaredContingency(a, b);  // All expectations are 15.
  EXPECT_NEAR(table.statistic, 4 * 25.0 / 15, 1e-14);
  EXPECT_EQ(table.df, 1);
  const TestResult fit = ChiSquaredGoodnessOfFit(a, b);
  EXPECT_NEAR(fit.statistic, 100.0 / 20 + 100.0 / 10, 1e-14);
  const std::vector<int64_t> a0 = {10, 0, 20}, b0 = {20, 0, 10};
  EXPECT_EQ(ChiSquaredContingency(a0, b0).df, 1);
  const std::vector<int64_t> hole = {30, 0};
  EXPECT_EQ(ChiSquaredGoodnessOfFit(a, hole).statistic, kInf);
  EXPECT_EQ(ChiSquaredGoodnessOfFit(a, hole).p_value, 0);
}

TEST(Distances, OfSamplesOnALine) {
  const std::vector<double> a = {0, 1}, b = {2, 3};
  EXPECT_NEAR(WassersteinDistance(a, b), 2, 1e-15);
  // F - G is 1/2 on [0,1), 1 on [1,2), 1/2 on [2,3): area of squares 1.5.
  EXPECT_NEAR(EnergyDistance(a, b), std::sqrt(3.0), 1e-15);
  EXPECT_EQ(WassersteinDistance(a, a), 0);
}

TEST(TwoSample, AnEmptySampleIsNaN) {
  const std::vector<double> a = {1, 2, 3}, none;
  const std::vector<int64_t> counts = {1, 2}, zero = {0, 0}, other = {1, 2, 3};
  EXPECT_TRUE(std::isnan(KolmogorovSmirnov(a, none, KsMethod::kAsymptotic).p_value));
  EXPECT_TRUE(std::isnan(MannWhitney(none, a).p_value));
  EXPECT_TRUE(std::isnan(AndersonDarling(a, none)));
  EXPECT_TRUE(std::isnan(WassersteinDistance(none, a)));
  EXPECT_TRUE(std::isnan(EnergyDistance(none, a)));
  EXPECT_TRUE(std::isnan(PopulationStabilityIndex(counts, zero)));
  EXPECT_TRUE(std::isnan(ChiSquaredContingency(counts, other).p_value));
}

TEST(TwoSample, LevelsHoldOnEqualSamples) {
  // 400 pairs of normal samples: each test at 5 % rejects 20, five standard errors are 22.
  int ks = 0, u = 0, t = 0, ad = 0;
  for (uint64_t seed = 0; seed < 400; ++seed) {
    const std::vector<double> a = Normals(1000 + seed, 60), b = Normals(5000 + seed, 40);
    ks += KolmogorovSmirnov(a, b, KsMethod::kExact).p_value < 0.05;
    u += MannWhitney(a, b).p_value < 0.05;
    t += WelchT(a, b).p_value < 0.05;
    ad += AndersonDarling(a, b) > 1.961;
  }
  for (const int rejected : {ks, u, t, ad}) {
    EXPECT_GT(rejected, 3);
    EXPECT_LT(rejected, 42);
  }
}

}  // namespace
}  // namespace leat::statistics
