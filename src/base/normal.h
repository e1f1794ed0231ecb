/// The normal distribution function as sums of rational functions.
///
/// Source: the coefficients of Moshier's Cephes library (ndtr), after Cody (1969): erf for small,
/// erfc for large arguments. The C library's erf differs in the last bits, and a tree's split may
/// fall one row later for it (a leaf's weight reaches the grace period at 49.999...), so the tree
/// keeps these. Accuracy: about 1e-15 relative. Pure functions.
#pragma once

#include <cmath>
#include <cstddef>

namespace leat {

namespace normal_internal {

inline constexpr double kErfNumerator[] = {9.60497373987051638749E0, 9.00260197203842689217E1,
                                           2.23200534594684319226E3, 7.00332514112805075473E3,
                                           5.55923013010394962768E4};
inline constexpr double kErfDenominator[] = {1.0,
                                             3.35617141647503099647E1,
                                             5.21357949780152679795E2,
                                             4.59432382970980127987E3,
                                             2.26290000613890934246E4,
                                             4.92673942608635921086E4};
inline constexpr double kErfcNumerator[] = {
    2.46196981473530512524E-10, 5.64189564831068821977E-1, 7.46321056442269912687E0,
    4.86371970985681366614E1,   1.96520832956077098242E2,  5.26445194995477358631E2,
    9.34528527171957607540E2,   1.02755188689515710272E3,  5.57535335369399327526E2};
inline constexpr double kErfcDenominator[] = {1.0,
                                              1.32281951154744992508E1,
                                              8.67072140885989742329E1,
                                              3.54937778887819891062E2,
                                              9.75708501743205489753E2,
                                              1.82390916687909736289E3,
                                              2.24633760818710981792E3,
                                              1.65666309194161350182E3,
                                              5.57535340817727675546E2};
inline constexpr double kTailNumerator[] = {5.64189583547755073984E-1, 1.27536670759978104416E0,
                                            5.01905042251180477414E0,  6.16021097993053585195E0,
                                            7.40974269950448939160E0,  2.97886665372100240670E0};
inline constexpr double kTailDenominator[] = {1.0,
                                              2.26052863220117276590E0,
                                              9.39603524938001434673E0,
                                              1.20489539808096656605E1,
                                              1.70814450747565897222E1,
                                              9.60896809063285878198E0,
                                              3.36907645100081516050E0};

/// Horner's rule, highest power first.
template <size_t N>
double Polynomial(double x, const double (&coefficients)[N]) {
  double sum = coefficients[0];
  for (size_t i = 1; i < N; ++i) sum = sum * x + coefficients[i];
  return sum;
}

/// erf for |x| <= 1.
inline double ErfSmall(double x) {
  const double z = x * x;
  return x * Polynomial(z, kErfNumerator) / Polynomial(z, kErfDenominator);
}

/// erfc for x >= 0.
inline double ErfcPositive(double x) {
  if (x < 1) return 1 - ErfSmall(x);
  if (x > 26.6) return 0;  // exp(-x^2) is below the smallest normal number.
  const double e = std::exp(-x * x);
  if (x < 8) return e * Polynomial(x, kErfcNumerator) / Polynomial(x, kErfcDenominator);
  return e * Polynomial(x, kTailNumerator) / Polynomial(x, kTailDenominator);
}

}  // namespace normal_internal

/// P(Z <= a) for a standard normal Z.
inline double NormalCdf(double a) {
  constexpr double kSqrtHalf = 7.07106781186547524401E-1;
  const double x = a * kSqrtHalf;
  const double z = std::fabs(x);
  if (z < kSqrtHalf) return 0.5 + 0.5 * normal_internal::ErfSmall(x);
  const double tail = 0.5 * normal_internal::ErfcPositive(z);
  return x > 0 ? 1 - tail : tail;
}

}  // namespace leat
