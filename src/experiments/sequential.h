/// Inference that stays right when watched: confidence sequences and always-valid p-values.
///
/// Sources: asymptotic confidence sequences, Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas (2024);
/// mSPRT, Johari, Koomen, Pekelis, Walsh (2022) with a mixing variance that is fixed in advance;
/// anytime-valid t, Lindon, Ham, Tingley, Bojinov (2022); bounded outcomes, Howard et al. (2021),
/// corollary 2. The chance that an interval ever leaves out the truth, however often it is looked
/// at, is at most alpha: asymptotically (from kMinimumUnits units an arm) for the first and the
/// third, exactly under normal outcomes for mSPRT, without any assumption but the range for the
/// last. All need units that enter once and in order; totals that keep growing are not such.
/// Cost: O(1), the bounded one O(60) an interval. Thread safety: const methods may run
/// concurrently. Determinism: pure functions, and the order of Add calls.
#pragma once

#include <array>

#include "experiments/boundary.h"
#include "experiments/effect.h"
#include "leat/state.h"
#include "leat/status.h"

namespace leat::experiments {

/// Units an arm below which asymptotic sequences are not to be trusted.
inline constexpr double kMinimumUnits = 100;

enum class RhoForm { kClosed, kExact };
/// rho^2 that makes the sequence narrowest at `planned` units in all.
double SequenceRho2(double planned, double alpha, RhoForm form = RhoForm::kClosed);
/// Half of the width over the standard error, at n units.
double SequenceMultiplier(double n, double rho2, double alpha,
                          Alternative alternative = Alternative::kTwoSided);
/// ln of the e-value against "no effect", from z = estimate / standard error.
double SequenceLogE(double z, double n, double rho2);
/// The same against "no effect, or one the other way".
double SequenceLogEOneSided(double z, double n, double rho2);

struct SequenceOptions {
  double alpha = 0.05;
  double planned = 10'000;  ///< Units of both arms at which the interval is to be narrowest.
  Alternative alternative = Alternative::kTwoSided;
};
/// The interval at this moment, and a p-value of which the smallest so far is valid.
Inference AsymptoticSequence(const Effect& effect, const SequenceOptions& options);

/// The same with a normal mixture of variance tau2 that is fixed in advance (mSPRT), on the scale
/// of the effect; arms may be of any size.
Inference MixtureSequence(const Effect& effect, double tau2, double alpha, Alternative alternative);
/// The same with Student's tails: `coefficients` of the regression (2: arms; 3: and a covariate).
/// Its one-sided forms are those sides of the two-sided one.
Inference AnytimeTSequence(const Effect& effect, double coefficients,
                           const SequenceOptions& options);

/// What is kept of a sequence while time goes on: the smallest p and the intersection of intervals.
struct RunningInference {
  double p = 1;
  Interval intersection;
  /// Intervals that no longer meet (the effect has moved): the intersection is kept as it was.
  bool moved = false;
  void Add(const Inference& now);
  void Save(StateWriter& out) const;
  void Load(StateReader& in);
};

struct AnytimeT {
  double radius = 0;  ///< In standard errors.
  double log_e = 0;
};
/// Regression with k coefficients on n rows; t2 is the squared t statistic; g > 0 is fixed.
AnytimeT AnytimeValidT(double g, double n, double k, double t2, double alpha);

/// The average effect on an outcome in [lo, hi], by inverse propensity with predicted means; every
/// unit is one step, in order.
class BoundedEffect {
 public:
  struct Options {
    double propensity = 0.5;  ///< Of treatment, fixed.
    double lo = 0, hi = 1;    ///< Of outcomes.
    double v_opt = 32;        ///< Intrinsic time at which the interval is narrowest.
    double alpha = 0.05;
  };
  explicit BoundedEffect(const Options& options);
  void Add(bool treated, double outcome);
  double n() const { return n_; }
  double estimate() const { return n_ > 0 ? sum_ / n_ : 0; }
  Interval interval() const;
  /// One-sided, against "no better".
  double p() const;
  /// ln of the e-value against "no effect", either way.
  double LogE() const;
  void Save(StateWriter& out) const;
  Status Load(StateReader& in);

 private:
  double Prediction(size_t arm) const;

  Options options_;
  Mixture mixture_;
  double n_ = 0, sum_ = 0, v_ = 0;
  std::array<double, 2> count_{}, total_{};
};

/// A bounded mean by betting (Waudby-Smith and Ramdas 2024, the predictable plug-in of empirical
/// Bernstein, equations 13 to 15): no assumption but the range [0, 1] and an unchanged mean.
class BettingMean {
 public:
  explicit BettingMean(double alpha) : alpha_(alpha) {}
  void Add(double x);  ///< 0 <= x <= 1; others are clamped.
  double n() const { return n_; }
  double estimate() const { return weight_ > 0 ? weighted_ / weight_ : 0.5; }
  Interval interval() const;
  /// ln of the e-value against "the mean is at most (or at least) that of the control, times
  /// `ratio`", `ratio` > 0: the mean of the two arms' e-values, at the pair of means under that
  /// hypothesis that makes it smallest. Both arms have bet from their first unit on.
  double LogEAbove(const BettingMean& control, double ratio) const;
  double LogEBelow(const BettingMean& control, double ratio) const {
    return control.LogEAbove(*this, 1 / ratio);
  }
  void Save(StateWriter& out) const;
  Status Load(StateReader& in);

 private:
  double alpha_;
  double n_ = 0, sum_ = 0, squares_ = 0;  ///< Squares of deviations from the mean at each time.
  double weighted_ = 0, weight_ = 0, penalty_ = 0;
};

}  // namespace leat::experiments
