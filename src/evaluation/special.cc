#include "evaluation/special.h"

#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <boost/math/special_functions/beta.hpp>
#include <boost/math/special_functions/erf.hpp>
#include <boost/math/special_functions/gamma.hpp>
#include <boost/math/special_functions/lambert_w.hpp>
#include <boost/math/special_functions/zeta.hpp>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

namespace leat::statistics {
namespace {

namespace bm = boost::math;
/// Errors come back as values: nothing here may throw.
using Quiet = bm::policies::policy<bm::policies::domain_error<bm::policies::ignore_error>,
                                   bm::policies::pole_error<bm::policies::ignore_error>,
                                   bm::policies::overflow_error<bm::policies::ignore_error>,
                                   bm::policies::evaluation_error<bm::policies::ignore_error>>;

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr double kPi = std::numbers::pi;

using Matrix = std::vector<double>;  ///< Square, by rows.

Matrix Multiply(const Matrix& a, const Matrix& b, size_t m) {
  Matrix c(m * m, 0.0);
  for (size_t i = 0; i < m; ++i) {
    for (size_t k = 0; k < m; ++k) {
      const double factor = a[i * m + k];
      for (size_t j = 0; j < m; ++j) c[i * m + j] += factor * b[k * m + j];
    }
  }
  return c;
}

/// A matrix times a power of ten that is kept apart, so that powers neither overflow nor vanish.
struct Scaled {
  Matrix matrix;
  int exponent = 0;

  void Rescale(double pivot) {
    if (pivot <= 1e140) return;
    for (double& v : matrix) v *= 1e-140;
    exponent += 140;
  }
};

/// P(D < d): n! / n^n times the middle element of the n-th power of H, with d = (k - h) / n.
double MarsagliaCdf(int64_t n, double d) {
  const double nd = static_cast<double>(n) * d;
  const size_t k = static_cast<size_t>(nd) + 1;
  const size_t m = 2 * k - 1;
  const double h = static_cast<double>(k) - nd;
  Scaled base{Matrix(m * m, 0.0)};
  Matrix& rows = base.matrix;
  for (size_t i = 0; i < m; ++i) {
    for (size_t j = 0; j < std::min(m, i + 2); ++j) rows[i * m + j] = 1;
  }
  for (size_t i = 0; i < m; ++i) {
    rows[i * m] -= std::pow(h, static_cast<double>(i + 1));
    rows[(m - 1) * m + i] -= std::pow(h, static_cast<double>(m - i));
  }
  if (2 * h > 1) rows[(m - 1) * m] += std::pow(2 * h - 1, static_cast<double>(m));
  for (size_t i = 0; i < m; ++i) {
    double factorial = 1;
    for (size_t j = i + 1; j-- > 0;) {
      factorial *= static_cast<double>(i - j + 1);
      rows[i * m + j] /= factorial;
    }
  }
  const size_t middle = (k - 1) * m + (k - 1);
  Scaled power{Matrix(m * m, 0.0)};
  for (size_t i = 0; i < m; ++i) power.matrix[i * m + i] = 1;
  for (int64_t bits = n; bits > 0; bits >>= 1) {
    if (bits & 1) {
      power.matrix = Multiply(power.matrix, base.matrix, m);
      power.exponent += base.exponent;
      power.Rescale(power.matrix[middle]);
    }
    base.matrix = Multiply(base.matrix, base.matrix, m);
    base.exponent *= 2;
    base.Rescale(base.matrix[middle]);
  }
  double p = power.matrix[middle];
  int exponent = power.exponent;
  for (int64_t i = 1; i <= n; ++i) {
    p *= static_cast<double>(i) / static_cast<double>(n);
    if (p < 1e-140) {
      p *= 1e140;
      exponent -= 140;
    }
  }
  return p * std::pow(10.0, exponent);
}

/// The four terms of Pelz and Good's expansion; their sums over half-integers and over integers.
double PelzGoodCdf(int64_t n, double d) {
  const double root_n = std::sqrt(static_cast<double>(n));
  const double z = root_n * d;
  if (z < 0.04) return 0;
  const double pi2 = kPi * kPi;
  const double z2 = z * z, z4 = z2 * z2, z6 = z4 * z2, z8 = z4 * z4;
  double k0 = 0, k1 = 0, k2 = 0, k3 = 0, k2_whole = 0, k3_whole = 0;
  const int terms = static_cast<int>(std::ceil(16 * z / kPi)) + 1;
  for (int k = terms; k >= 1; --k) {  // Small terms first.
    const double a = (k - 0.5) * (k - 0.5) * pi2;
    const double e = std::exp(-a / (2 * z2));
    k0 += e;
    k1 += (a - z2) * e;
    k2 += (6 * z6 + 2 * z4 + a * (2 * z4 - 5 * z2) + a * a * (1 - 2 * z2)) * e;
    k3 += (a * a * a * (5 - 30 * z2) + a * a * (212 * z4 - 60 * z2) + a * (135 * z4 - 96 * z6) -
           30 * z6 - 90 * z8) *
          e;
    const double b = static_cast<double>(k) * k * pi2;
    const double f = std::exp(-b / (2 * z2));
    k2_whole += b * f;
    k3_whole += b * (3 * z2 - b) * f;
  }
  const double root = std::sqrt(2 * kPi);
  k0 *= root / z;
  k1 *= root / (6 * z4);
  k2 = root * (k2 / (72 * z6 * z) - k2_whole / (36 * z2 * z));
  k3 = root * (k3 / (6480 * z8 * z2) + k3_whole / (216 * z6));
  const double nn = static_cast<double>(n);
  return k0 + k1 / root_n + k2 / nn + k3 / (nn * root_n);
}

}  // namespace

double NormalCdf(double x) { return 0.5 * std::erfc(-x / std::numbers::sqrt2); }

double NormalSf(double x) { return 0.5 * std::erfc(x / std::numbers::sqrt2); }

double NormalQuantile(double p) {
  if (!(p >= 0 && p <= 1)) return kNone;
  if (p == 0) return -std::numeric_limits<double>::infinity();
  if (p == 1) return std::numeric_limits<double>::infinity();
  return -std::numbers::sqrt2 * bm::erfc_inv(2 * p, Quiet());
}

double ChiSquaredSf(double x, double df) {
  if (!(df > 0) || std::isnan(x)) return kNone;
  if (x <= 0) return 1;
  if (std::isinf(x)) return 0;
  return bm::gamma_q(df / 2, x / 2, Quiet());
}

double StudentTSf(double t, double df) {
  if (!(df > 0) || std::isnan(t)) return kNone;
  if (std::isinf(df)) return NormalSf(t);
  if (std::isinf(t)) return t > 0 ? 0 : 1;
  const bm::students_t_distribution<double, Quiet> distribution(df);
  return bm::cdf(bm::complement(distribution, t));
}

double StudentTQuantile(double p, double df) {
  if (std::isnan(p) || !(p > 0 && p < 1)) return kNone;
  if (std::isinf(df) && df > 0) return NormalQuantile(p);
  if (!(df > 0)) return kNone;
  return bm::quantile(bm::students_t_distribution<double, Quiet>(df), p);
}

double BetaInc(double a, double b, double x) {
  if (!(a > 0 && b > 0 && x >= 0 && x <= 1)) return kNone;
  return bm::ibeta(a, b, x, Quiet());
}

double LogGamma(double x) { return x > 0 ? bm::lgamma(x, Quiet()) : kNone; }

double LogBeta(double a, double b) {
  if (!(a > 0 && b > 0)) return kNone;
  return LogGamma(a) + LogGamma(b) - LogGamma(a + b);
}

double GammaP(double a, double x) { return a > 0 && x >= 0 ? bm::gamma_p(a, x, Quiet()) : kNone; }

double GammaQ(double a, double x) { return a > 0 && x >= 0 ? bm::gamma_q(a, x, Quiet()) : kNone; }

double Zeta(double s) { return s > 1 ? bm::zeta(s, Quiet()) : kNone; }

double LambertWm1(double x) {
  return x < 0 && x >= -1 / std::numbers::e ? bm::lambert_wm1(x, Quiet()) : kNone;
}

double KolmogorovSf(double x) {
  if (std::isnan(x)) return kNone;
  if (x <= 0.04) return 1;  // The cumulative probability is below 1e-300.
  if (x < 1) {
    double sum = 0;
    for (int k = 8; k >= 1; --k) {
      const double odd = 2 * k - 1;
      sum += std::exp(-odd * odd * kPi * kPi / (8 * x * x));
    }
    return 1 - std::sqrt(2 * kPi) / x * sum;
  }
  double sum = 0;
  for (int k = 10; k >= 1; --k) {
    const double term = std::exp(-2.0 * k * k * x * x);
    sum += k % 2 == 1 ? term : -term;
  }
  return 2 * sum;
}

double SmirnovSf(int64_t n, double d) {
  if (n < 1 || std::isnan(d)) return kNone;
  if (d <= 0) return 1;
  if (d >= 1) return 0;
  const double nn = static_cast<double>(n);
  const int64_t last = static_cast<int64_t>(std::floor(nn * (1 - d)));
  // Terms are products of large and small factors, so they are formed as logarithms.
  double log_choose = 0;
  double sum = 0;
  for (int64_t j = 0; j <= last; ++j) {
    const double jj = static_cast<double>(j);
    if (j > 0) log_choose += std::log((nn - jj + 1) / jj);
    const double up = d + jj / nn;
    const double down = 1 - up;
    if (down <= 0) break;  // The factor's exponent is positive, unless j = n, which d > 0 excludes.
    sum += std::exp(log_choose + (jj - 1) * std::log(up) + (nn - jj) * std::log(down));
  }
  return std::clamp(d * sum, 0.0, 1.0);
}

double KolmogorovFiniteSf(int64_t n, double d) {
  if (n < 1 || std::isnan(d)) return kNone;
  if (d >= 1) return 0;
  const double nn = static_cast<double>(n);
  if (d * nn <= 0.5) return 1;
  const double square = nn * d * d;
  if (square >= (n <= 140 ? 4 : 2.2)) return std::min(1.0, 2 * SmirnovSf(n, d));
  return std::clamp(1 - (n <= 140 ? MarsagliaCdf(n, d) : PelzGoodCdf(n, d)), 0.0, 1.0);
}

}  // namespace leat::statistics
