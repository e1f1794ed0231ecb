/// Are two samples from the same distribution, and how far apart are they?
///
/// Tests return a statistic and a two-sided p-value; distances return one number, 0 for equal
/// samples. Samples are numbers in any order; counts are of the same bins on both sides. Samples
/// must be finite; an empty one (or counts that sum to 0) gives NaN everywhere. Cost: O(n log n)
/// for sorting, unless a comment says more. Thread safety and determinism: pure functions.
/// Library only: no setting asks for them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace leat::statistics {

using Sample = std::span<const double>;
using Counts = std::span<const int64_t>;

struct TestResult {
  double statistic;
  double p_value;
  double df = 0;  ///< Degrees of freedom, where the test has them.
};

enum class KsMethod {
  kAsymptotic,  ///< One-sample distribution at the effective size n m / (n + m), rounded.
  kExact,       ///< Counts lattice paths: O(n m) time; ties make it conservative.
};

/// Kolmogorov and Smirnov: the largest difference of the two distribution functions. Exact tail:
/// the chance that a random path from (0, 0) to (n, m) strays as far (Hodges 1957).
TestResult KolmogorovSmirnov(Sample a, Sample b, KsMethod method);

/// Mann and Whitney (1947): U of `a`; normal approximation with correction for ties and continuity.
TestResult MannWhitney(Sample a, Sample b);

/// Welch (1947): difference of means with unequal variances. NaN if either has fewer than 2 values
/// or neither varies.
TestResult WelchT(Sample a, Sample b);

/// Anderson and Darling for two samples, standardised: Scholz and Stephens (1987), equation 7
/// (midranks) and the variance of section 3. Above about 1.96 at the 5 % level.
double AndersonDarling(Sample a, Sample b);

/// The chi-squared test that two rows of counts have the same shares; bins empty in both are left
/// out. No continuity correction.
TestResult ChiSquaredContingency(Counts a, Counts b);

/// The chi-squared test of counts against expected shares; `expected` is scaled to their total.
/// Infinite if a bin without expectation holds anything.
TestResult ChiSquaredGoodnessOfFit(Counts observed, Counts expected);

/// The inner edges that cut a sample into `bins` parts of equal share: its quantiles 1/bins, ...
std::vector<double> QuantileEdges(Sample sample, int bins);
/// How many values x fall in each of edges.size() + 1 bins: bin j holds edges[j-1] < x <= edges[j].
std::vector<int64_t> BinCounts(Sample sample, std::span<const double> edges);

/// Population stability index: the sum of (p - q) ln(p / q), shares raised to `floor` if less.
double PopulationStabilityIndex(Counts a, Counts b, double floor = 1e-4);
/// Square root of Jensen and Shannon's divergence in bits: 0 to 1.
double JensenShannonDistance(Counts a, Counts b);
/// Kullback and Leibler's divergence of `a` from `b` in nats; infinite if `b` lacks a bin of `a`.
double KullbackLeibler(Counts a, Counts b);
/// Hellinger's distance: 0 to 1.
double HellingerDistance(Counts a, Counts b);

/// The area between the two distribution functions (earth mover's distance on the line).
double WassersteinDistance(Sample a, Sample b);
/// Square root of twice the area under their squared difference (Szekely and Rizzo 2013).
double EnergyDistance(Sample a, Sample b);

}  // namespace leat::statistics
