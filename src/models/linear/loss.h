/// Losses of a linear model: the derivative by the margin; the logistic function.
#pragma once

#include <algorithm>
#include <cmath>

#include "leat/linear.h"

namespace leat::linear {

/// No derivative is larger than this, whatever clip_gradient says (see row.h for the bounds).
inline constexpr double kLargestGradient = 1e50;

inline double Logistic(double margin) { return 1.0 / (1.0 + std::exp(-margin)); }

/// Derivative of a classification loss by the margin; `sign` is +1 or -1.
inline double SignedGradient(LinearLoss loss, double margin, double sign) {
  const double agreement = margin * sign;
  if (loss == LinearLoss::kHinge) return agreement <= 1 ? -sign : 0.0;
  if (agreement > 18) return -sign * std::exp(-agreement);
  if (agreement < -18) return -sign;
  return -sign / (std::exp(agreement) + 1.0);
}

/// Derivative of a regression loss by the prediction.
inline double TargetGradient(const LinearOptions& options, double prediction, double target) {
  const double error = prediction - target;
  switch (options.loss) {
    case LinearLoss::kAbsolute:
      return error > 0 ? 1.0 : error < 0 ? -1.0 : 0.0;
    case LinearLoss::kHuber:
      return std::clamp(error, -options.huber_delta, options.huber_delta);
    case LinearLoss::kQuantile:
      return error < 0 ? -options.quantile : error > 0 ? 1.0 - options.quantile : 0.0;
    default:
      return 2.0 * error;
  }
}

}  // namespace leat::linear
