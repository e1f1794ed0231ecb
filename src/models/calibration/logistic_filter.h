/// One step of an extended Kalman filter for logistic or linear regression with exponential
/// forgetting.
///
/// The state is the mean and covariance of n coefficients; a label with features x moves them by
/// the gain of the linearised model. Forgetting divides the covariance by `keep`, but never beyond
/// the doubt there was at the start, so that directions without news do not blow up. Cost: 3 n^2
/// operations. Determinism: plain arithmetic and Exp; alike on every processor.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include "base/exp.h"
#include "models/ensembles/fast_math.h"

namespace leat {

inline constexpr double kLeastProbability = 1e-6;  ///< Of what enters as log-odds.

/// Alike on every processor.
inline double Ln(double x) { return 0.6931471805599453 * ensembles::Log2(x); }
inline double LogisticShare(double log_odds) {
  return 1 / (1 + Exp(-std::clamp(log_odds, -40.0, 40.0)));
}

inline double LogisticSum(std::span<const double> value, std::span<const double> x) {
  double sum = 0;
  for (size_t i = 0; i < x.size(); ++i) sum += value[i] * x[i];
  return sum;
}

/// `value` and the symmetric `spread` (n * n) learn one label: `error` is the slope of its
/// log-likelihood at what they said of it, `curvature` minus the slope of that.
inline void FilterStep(std::span<double> value, std::span<double> spread,
                       std::span<const double> doubt, std::span<const double> x, double error,
                       double curvature, double keep) {
  const size_t n = value.size();
  thread_local std::vector<double> scale, along;
  scale.resize(n);
  along.assign(n, 0.0);
  for (size_t i = 0; i < n; ++i) {
    const double grown = spread[i * n + i] / keep;
    scale[i] = grown > doubt[i] ? std::sqrt(doubt[i] / grown) : 1;
  }
  double variance = 0;
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < n; ++j) {
      double& s = spread[i * n + j];
      s *= scale[i] * scale[j] / keep;
      along[i] += s * x[j];
    }
    variance += along[i] * x[i];
  }
  const double shrink = 1 / (1 + curvature * std::max(variance, 0.0));
  for (size_t i = 0; i < n; ++i) {
    value[i] += along[i] * shrink * error;
    for (size_t j = 0; j < n; ++j) {
      spread[i * n + j] -= along[i] * along[j] * (curvature * shrink);
    }
    spread[i * n + i] = std::max(spread[i * n + i], 0.0);
  }
}

/// The same of a probability. `q`: what they said of it.
inline void LogisticStep(std::span<double> value, std::span<double> spread,
                         std::span<const double> doubt, std::span<const double> x, double q,
                         bool happened, double weight, double keep) {
  constexpr double kLeastCurvature = 1e-2;  // So that a label far off cannot throw them about.
  constexpr double kHighestWeight = 10;
  weight = std::min(weight, kHighestWeight);
  FilterStep(value, spread, doubt, x, weight * ((happened ? 1.0 : 0.0) - q),
             weight * std::max(q * (1 - q), kLeastCurvature), keep);
}

}  // namespace leat
