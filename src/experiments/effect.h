/// How two arms differ at a fixed sample size: effects, their standard errors, intervals, p-values.
///
/// Sources: Welch (1947); the delta method for relative lift and for ratios; Fieller (1954); CUPED
/// is Deng, Xu, Kohavi and Walker (2013); post-stratification is Miratrix, Sekhon and Yu (2013).
/// Each summary is of *units*: y is a unit's total, never an event's, since events of one unit are
/// correlated. Sums are of the exact aggregates (aggregate.h) or any other.
/// What cannot be computed (fewer than 2 units, a control mean of 0 in a relative effect) is NaN
/// and Effect::ok() is false. Cost O(1). Thread safety and determinism: pure functions.
#pragma once

#include <cmath>
#include <limits>
#include <span>

namespace leat::experiments {

/// An arm reduced to what tests need. `mean` and `variance` (of one unit) may be adjusted by CUPED;
/// the relative effect divides by `base`, which is not.
struct Arm {
  double n = 0;
  double mean = 0;
  double variance = 0;
  double base = 0;       ///< The mean before adjustment.
  double gradient = 0;   ///< What CUPED adds to n * the variance of the relative effect as control.
  double covariate = 0;  ///< theta * (the covariate's mean) that was taken off; 0 without CUPED.
  /// Of one unit before adjustment, and its covariance with what it is after; both are `variance`
  /// without CUPED.
  double base_variance = 0, base_covariance = 0;
};

struct MeanSums {
  double n = 0, sum = 0, sum_squares = 0;
};
/// Variance with n - 1.
Arm MeanArm(const MeanSums& sums);
/// `x` of `n` units did it; variance p (1 - p).
Arm ProportionArm(double n, double x);

struct RatioSums {
  double n = 0;
  double num = 0, num_squares = 0;  ///< Numerator: sum, sum of squares.
  double den = 0, den_squares = 0;
  double num_den = 0;
};
/// Sum of numerators over sum of denominators; `variance` by the delta method.
Arm RatioArm(const RatioSums& sums);

/// Sums of the metric y and of its covariate x from before exposure.
struct CupedSums {
  double n = 0;
  double y = 0, y_squares = 0;
  double x = 0, x_squares = 0;
  double xy = 0;
  bool proportion = false;  ///< Both are 0 or 1: variances p (1 - p) and covariance with n.
};
struct CupedRatioSums {
  RatioSums after, before;
  double num_num = 0;  ///< num * earlier num
  double den_den = 0;  ///< den * earlier den
  double num_after_den_before = 0;
  double num_before_den_after = 0;
};
struct CupedArms {
  double theta = 0;
  Arm control, treatment;
};
/// theta is pooled over both arms; 0 when the covariate does not vary.
CupedArms Cuped(const CupedSums& control, const CupedSums& treatment);
/// The same on the linearised ratios; theta is the sum of the arms' covariances over that of their
/// variances.
CupedArms CupedRatio(const CupedRatioSums& control, const CupedRatioSums& treatment);

struct Effect {
  double estimate = std::numeric_limits<double>::quiet_NaN();
  double standard_error = std::numeric_limits<double>::quiet_NaN();
  double df = std::numeric_limits<double>::infinity();  ///< Of Student's t; infinite: normal.
  double units = 0;                                     ///< Of both arms.
  bool ok() const { return std::isfinite(estimate) && standard_error > 0; }
};
/// treatment - control.
Effect AbsoluteEffect(const Arm& control, const Arm& treatment);
/// (treatment - control) / |control|, so that more is above 0 also where the control's mean is
/// below it; degrees of freedom those of the absolute effect.
Effect RelativeEffect(const Arm& control, const Arm& treatment);

/// The relative effect of these arms with the standard error that it has if it is `lift`, for a
/// test of that: the control's share of the error does not follow the treatment's mean. Where few
/// units are in, the error above is too small whenever the treatment's mean is small by chance, so
/// that a test on it rejects too often: with shares of some hundredths twice and three times too
/// often.
Effect RelativeEffectIf(const Arm& control, const Arm& treatment, double lift);

struct Interval {
  double lo = -std::numeric_limits<double>::infinity();
  double hi = std::numeric_limits<double>::infinity();
};
enum class Alternative { kTwoSided, kGreater, kLess };

/// An interval and the p-value of "no effect". One-sided ones have an infinite end.
struct Inference {
  Interval interval;
  double p = 1;
};
/// Student's t (or the normal where df is infinite). Holds at ONE sample size fixed in advance.
Inference FixedHorizon(const Effect& effect, double alpha,
                       Alternative alternative = Alternative::kTwoSided);

struct ProportionTest {
  double difference = 0;
  Interval interval;  ///< Unpooled.
  double p = 1;       ///< Pooled.
  double relative = 0;
  Interval relative_interval;  ///< The interval over the control's share.
};
ProportionTest TwoProportionZ(double control_n, double control_x, double treatment_n,
                              double treatment_x, double alpha);

struct FiellerResult {
  Interval interval;  ///< Of the lift; of NaN when it is not an interval (g >= 1).
  double g = 0;       ///< z^2 of the control mean's squared error over its square.
};
/// The interval of the lift when the control's mean is uncertain. Use it when g > 0.05.
FiellerResult Fieller(const Arm& control, const Arm& treatment, double alpha);

/// All lifts that are within `reach` of those standard errors: Fieller's set with any critical
/// value, so that of a confidence sequence it is one. Without ends where the control's mean may be
/// 0.
Interval LiftsWithin(const Arm& control, const Arm& treatment, double reach);

struct PostStratified {
  Effect absolute, relative;
};
/// Strata (control, treatment), weighted by their share of all units. Library only: an experiment
/// has no strata.
struct Stratum {
  Arm control, treatment;
};
PostStratified PostStratify(std::span<const Stratum> strata);

/// A quantile with the interval of its arm, as two numbers around it at level 0.95.
struct QuantileArm {
  double n = 0, value = 0, lo = 0, hi = 0;
};
/// The arm whose variance is that of the quantile.
Arm QuantileToArm(const QuantileArm& arm);

}  // namespace leat::experiments
