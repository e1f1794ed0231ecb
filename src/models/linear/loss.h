/// Losses of a linear model: the derivative by the margin; the logistic function.
#pragma once

#include <algorithm>
#include <cmath>

#include "base/exp.h"
#include "leat/linear.h"

namespace leat::linear {

/// No derivative is larger than this, whatever clip_gradient says (see row.h for the bounds).
inline constexpr double kLargestGradient = 1e50;

/// exp(margin), kept finite: what the probability and the derivative of log loss share.
inline double Odds(double margin) { return std::min(Exp(margin), 1e300); }

/// The logistic function of the margin; neither tail loses digits.
inline double Probability(double odds) { return odds / (1.0 + odds); }

/// Derivative of a classification loss by the margin, times `scale`; `positive` is 1 or 0, `odds`
/// Odds(margin). Nothing is chosen by the label or the margin's sign: such branches would be
/// mispredicted. The odds come last, as they are known last.
inline double ClassGradient(LinearLoss loss, double margin, double positive, double odds,
                            double scale) {
  if (loss == LinearLoss::kHinge) {
    const double sign = 2 * positive - 1;
    return margin * sign <= 1 ? -sign * scale : 0.0;
  }
  // odds / (1 + odds) for the negative class, -1 / (1 + odds) for the positive one.
  return ((1 - positive) * odds - positive) / (1.0 + odds) * scale;
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
