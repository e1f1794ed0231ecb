/// Distribution functions that the tests and intervals of the evaluation need.
///
/// Sources: normal, beta, gamma and Student functions are those of the C++ library and Boost.Math;
/// the Kolmogorov limit is the theta series (Kolmogorov 1933); the finite-sample distribution is
/// described at its function. Accuracy: tails are computed as tails, so small probabilities keep
/// their relative accuracy (1e-11 or better, where nothing else is said). Arguments outside the
/// domain, and NaN, give NaN. Thread safety and determinism: pure functions.
#pragma once

#include <cstdint>

namespace leat::statistics {

/// P(X <= x) and P(X > x) of a standard normal X.
double NormalCdf(double x);
double NormalSf(double x);
/// The x with NormalCdf(x) = p; infinite at 0 and 1.
double NormalQuantile(double p);

/// P(X > x) of chi-squared with `df` > 0 degrees of freedom.
double ChiSquaredSf(double x, double df);

/// P(T > t) of Student's t with `df` > 0 degrees of freedom.
double StudentTSf(double t, double df);

/// The t with StudentTSf(t) = 1 - p, for 0 < p < 1; the normal's where `df` is infinite.
double StudentTQuantile(double p, double df);

/// The regularised incomplete beta function I_x(a, b).
double BetaInc(double a, double b, double x);
/// ln of the beta function; a, b > 0.
double LogBeta(double a, double b);
/// ln of the gamma function; x > 0.
double LogGamma(double x);
/// The regularised incomplete gamma functions, lower and upper; a > 0, x >= 0.
double GammaP(double a, double x);
double GammaQ(double a, double x);
/// Riemann's zeta function; s > 1.
double Zeta(double s);
/// The branch of Lambert's W below -1; -1/e <= x < 0.
double LambertWm1(double x);

// ---- Library only: for two_sample.h ----

/// P(K > x) of Kolmogorov's limiting distribution.
double KolmogorovSf(double x);

/// P(D+ >= d) of the one-sided statistic for n values (Smirnov 1944; Birnbaum and Tingey 1951).
/// Cost O(n).
double SmirnovSf(int64_t n, double d);

/// P(D >= d) of the two-sided one-sample statistic for n values. Up to n = 140 exact: the matrix
/// power of Marsaglia, Tsang and Wang (2003), or twice the one-sided tail where n d^2 >= 4 (both
/// sides at once are then rarer by a factor below 1e-10). Above 140 the expansion of Pelz and Good
/// (1976) to n^(-3/2), relative error of the tail below 3e-5 at n = 141 and falling as n^-2, or
/// twice the one-sided tail where n d^2 >= 2.2, relative error below 2e-6. The same division as
/// in Simard and L'Ecuyer (2011), whose third method is left out.
double KolmogorovFiniteSf(int64_t n, double d);

}  // namespace leat::statistics
