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

/// The odds, with those of a margin that is wrong by more than 18 as if it were wrong by any
/// amount: the derivative of log loss is then exactly 1 in size instead of 1.5e-8 below. River does
/// so; the rules with memory, which carry such a difference on, repeat its weights only with it.
inline double Saturated(double margin, double positive, double odds) {
  constexpr double kFar = 18;
  if (positive > 0) return margin < -kFar ? 0.0 : odds;
  return margin > kFar ? 1e300 : odds;
}

/// Derivative of a classification loss by the margin, times `scale`; `positive` is 1 or 0, `odds`
/// Odds(margin). Nothing is chosen by the label or the margin's sign: such branches would be
/// mispredicted. The odds come last, as they are known last.
inline double ClassGradient(LinearLoss loss, double margin, double positive, double odds,
                            double scale) {
  if (loss != LinearLoss::kLog) {
    const double sign = 2 * positive - 1;
    return margin * sign <= (loss == LinearLoss::kHinge ? 1 : 0) ? -sign * scale : 0.0;
  }
  // odds / (1 + odds) for the negative class, -1 / (1 + odds) for the positive one.
  return ((1 - positive) * odds - positive) / (1.0 + odds) * scale;
}

/// What a regression predicts for a margin: the margin, or its exponential under Poisson.
inline double Link(LinearLoss loss, double margin) {
  constexpr double kFarthest = 50;
  return loss == LinearLoss::kPoisson ? Exp(std::min(margin, kFarthest)) : margin;
}

/// Derivative of a regression loss by the margin, called the prediction where they are the same.
inline double TargetGradient(const LinearOptions& options, double prediction, double target) {
  const double error = prediction - target;
  switch (options.loss) {
    case LinearLoss::kAbsolute:
      return error > 0 ? 1.0 : error < 0 ? -1.0 : 0.0;
    case LinearLoss::kHuber:
      return std::clamp(error, -options.huber_delta, options.huber_delta);
    case LinearLoss::kQuantile:
      return error < 0 ? -options.quantile : error > 0 ? 1.0 - options.quantile : 0.0;
    case LinearLoss::kEpsilonInsensitive:
      return std::fabs(error) > options.insensitivity ? std::copysign(1.0, error) : 0.0;
    case LinearLoss::kPoisson:
      return Link(options.loss, prediction) - target;
    default:
      return 2.0 * error;
  }
}

/// A squared length of the inputs below this counts as no inputs: steps must stay finite.
inline constexpr double kSmallestNorm = 1e-100;

/// The size of a passive-aggressive step (Crammer et al., figures 1 to 3): `loss` over the squared
/// length of the inputs, bounded or softened by C. 0 without a loss; without inputs too, but for
/// PA-II, whose intercept moves.
inline double PassiveAggressiveStep(const LinearOptions& options, double loss, double norm,
                                    double weight) {
  loss = std::min(loss, kLargestGradient);
  const double c = options.aggressiveness * weight;
  if (!(loss > 0)) return 0;
  if (options.aggression == LinearAggression::kPa2) {
    return std::min(loss / (norm + 0.5 / c), kLargestGradient / std::max(norm, 1.0));
  }
  if (!(norm > kSmallestNorm)) return 0;
  return options.aggression == LinearAggression::kPa ? loss / norm : std::min(c, loss / norm);
}

/// What AROW takes for the variance of a record's margin beyond that of the weights: r, less for a
/// record that counts more. Within bounds that keep its inverse and all steps finite.
inline double ArowNoise(const LinearOptions& options, double weight) {
  return std::clamp(options.noise / weight, 1e-60, 1e300);
}

/// The size of AROW's step (Crammer, Kulesza and Dredze, figure 1). With loss at most 1e50 and
/// noise at least 1e-60, a weight moves by at most loss * sqrt(variance / noise) / 2, or 1e80.
inline double ArowStep(double loss, double spread, double noise) {
  return loss > 0 ? std::min(loss, kLargestGradient) / (spread + noise) : 0;
}

}  // namespace leat::linear
