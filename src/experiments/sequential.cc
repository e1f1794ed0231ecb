#include "experiments/sequential.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "evaluation/special.h"

namespace leat::experiments {

double SequenceRho2(double planned, double alpha, RhoForm form) {
  if (form == RhoForm::kExact) {
    return (-statistics::LambertWm1(-alpha * alpha / std::numbers::e) - 1) / planned;
  }
  return 1 / NormalMixtureRho(planned, alpha);
}

double SequenceMultiplier(double n, double rho2, double alpha, Alternative alternative) {
  const double m = n * rho2 + 1;
  const double l = alternative == Alternative::kTwoSided ? std::log(std::sqrt(m) / alpha)
                                                         : std::log1p(std::sqrt(m) / (2 * alpha));
  return std::sqrt(2 * m / (n * rho2) * l);
}

double SequenceLogE(double z, double n, double rho2) {
  const double m = n * rho2 + 1;
  return rho2 * n * z * z / (2 * m) - 0.5 * std::log(m);
}

double SequenceLogEOneSided(double z, double n, double rho2) {
  // The inverse of the one-sided multiplier, an e-value of which only the good side counts.
  if (!(z > 0)) return -std::numeric_limits<double>::infinity();
  const double m = n * rho2 + 1;
  const double power = n * rho2 * z * z / (2 * m);
  // alpha with z = multiplier(alpha): exp(power) = 1 + sqrt(m) / (2 alpha).
  const double grown = power > 40 ? power : std::log(std::expm1(power));
  return grown + std::numbers::ln2 - 0.5 * std::log(m);
}

namespace {

/// The normal mixture: rho2 is its precision at each of `n` units.
Inference NormalSequence(const Effect& effect, double n, double rho2, double alpha,
                         Alternative alternative) {
  Inference out;
  const double z = effect.estimate / effect.standard_error;
  const double reach = SequenceMultiplier(n, rho2, alpha, alternative) * effect.standard_error;
  double log_e = 0;
  switch (alternative) {
    case Alternative::kTwoSided:
      out.interval = {effect.estimate - reach, effect.estimate + reach};
      log_e = SequenceLogE(z, n, rho2);
      break;
    case Alternative::kGreater:
      out.interval.lo = effect.estimate - reach;
      log_e = SequenceLogEOneSided(z, n, rho2);
      break;
    case Alternative::kLess:
      out.interval.hi = effect.estimate + reach;
      log_e = SequenceLogEOneSided(-z, n, rho2);
      break;
  }
  out.p = std::min(1.0, std::exp(-log_e));
  return out;
}

}  // namespace

Inference AsymptoticSequence(const Effect& effect, const SequenceOptions& options) {
  if (!effect.ok() || !(effect.units > 0)) return {};
  const bool two_sided = options.alternative == Alternative::kTwoSided;
  const double rho2 = SequenceRho2(options.planned, two_sided ? options.alpha : 2 * options.alpha);
  return NormalSequence(effect, effect.units, rho2, options.alpha, options.alternative);
}

Inference MixtureSequence(const Effect& effect, double tau2, double alpha,
                          Alternative alternative) {
  if (!effect.ok()) return {};
  const double rho2 = tau2 / (effect.standard_error * effect.standard_error);
  return NormalSequence(effect, 1, rho2, alpha, alternative);
}

Inference AnytimeTSequence(const Effect& effect, double coefficients,
                           const SequenceOptions& options) {
  if (!effect.ok() || !(effect.units > coefficients)) return {};
  const double t = effect.estimate / effect.standard_error;
  // The mixture of the asymptotic sequence: g units of weight.
  const AnytimeT now = AnytimeValidT(1 / SequenceRho2(options.planned, options.alpha), effect.units,
                                     coefficients, t * t, options.alpha);
  Inference out;
  const double reach = now.radius * effect.standard_error;
  if (options.alternative != Alternative::kLess) out.interval.lo = effect.estimate - reach;
  if (options.alternative != Alternative::kGreater) out.interval.hi = effect.estimate + reach;
  const bool other_side = (options.alternative == Alternative::kGreater && t < 0) ||
                          (options.alternative == Alternative::kLess && t > 0);
  out.p = other_side ? 1 : std::min(1.0, std::exp(-now.log_e));
  return out;
}

void RunningInference::Add(const Inference& now) {
  p = std::min(p, now.p);
  const double lo = std::max(intersection.lo, now.interval.lo);
  const double hi = std::min(intersection.hi, now.interval.hi);
  if (lo <= hi) {
    intersection = {lo, hi};
  } else {
    moved = true;
  }
}

void RunningInference::Save(StateWriter& out) const {
  out.F64(p);
  out.F64(intersection.lo);
  out.F64(intersection.hi);
  out.Bool(moved);
}

void RunningInference::Load(StateReader& in) {
  p = in.F64();
  intersection.lo = in.F64();
  intersection.hi = in.F64();
  moved = in.Bool();
}

AnytimeT AnytimeValidT(double g, double n, double k, double t2, double alpha) {
  AnytimeT out;
  const double nu = n - k, r = g / (g + n);
  out.log_e = 0.5 * std::log(r) + 0.5 * (nu + 1) * (std::log1p(t2 / nu) - std::log1p(r * t2 / nu));
  const double a = std::pow(r * alpha * alpha, 1 / (nu + 1));
  out.radius = a > r ? std::sqrt(nu * (1 - a) / (a - r)) : std::numeric_limits<double>::infinity();
  return out;
}

BoundedEffect::BoundedEffect(const Options& options)
    : options_(options),
      mixture_(
          MixtureKind::kGammaExponential, options.v_opt, options.alpha / 2,
          2 * (options.hi - options.lo) / std::min(options.propensity, 1 - options.propensity)) {}

double BoundedEffect::Prediction(size_t arm) const {
  return n_ == 0 ? (options_.lo + options_.hi) / 2 : total_[arm] / std::max(1.0, count_[arm]);
}

void BoundedEffect::Add(bool treated, double outcome) {
  const double y = std::clamp(outcome, options_.lo, options_.hi);
  const size_t arm = treated ? 1 : 0;
  const double tau = Prediction(1) - Prediction(0);
  const double p = options_.propensity;
  const double weight = ((treated ? 1 : 0) - p) / (p * (1 - p));
  const double x = tau + weight * (y - Prediction(arm));
  sum_ += x;
  v_ += (x - tau) * (x - tau);
  n_ += 1;
  count_[arm] += 1;
  total_[arm] += y;
}

Interval BoundedEffect::interval() const {
  const double range = options_.hi - options_.lo;
  if (n_ == 0) return {-range, range};
  const double radius = mixture_.Bound(v_, options_.alpha / 2) / n_;
  return {std::max(-range, estimate() - radius), std::min(range, estimate() + radius)};
}

double BoundedEffect::p() const { return std::min(1.0, std::exp(-mixture_.LogE(sum_, v_))); }

double BoundedEffect::LogE() const {
  // The mean of the e-values of both sides is at least half of the larger.
  return n_ == 0 ? 0 : mixture_.LogE(std::abs(sum_), v_) - std::numbers::ln2;
}

void BoundedEffect::Save(StateWriter& out) const {
  out.Section("bounded_effect", 1);
  for (const double v : {n_, sum_, v_, count_[0], count_[1], total_[0], total_[1]}) out.F64(v);
}

Status BoundedEffect::Load(StateReader& in) {
  in.Section("bounded_effect", 1);
  for (double* v : {&n_, &sum_, &v_, &count_[0], &count_[1], &total_[0], &total_[1]}) *v = in.F64();
  return in.status();
}

void BettingMean::Add(double value) {
  const double x = value >= 0 ? std::min(value, 1.0) : 0.0;  // Not a number: 0.
  // What is bet on x rests on what came before it only.
  const double mean = (0.5 + sum_) / (n_ + 1);
  const double variance = (0.25 + squares_) / (n_ + 1);
  const double t = n_ + 1;
  const double bet =
      std::min(0.75, std::sqrt(2 * std::log(2 / alpha_) / (variance * t * std::log1p(t))));
  const double spread = (x - mean) * (x - mean);
  weighted_ += bet * x;
  weight_ += bet;
  penalty_ += spread * (-std::log1p(-bet) - bet);
  n_ = t;
  sum_ += x;
  const double after = (0.5 + sum_) / (n_ + 1);
  squares_ += (x - after) * (x - after);
}

Interval BettingMean::interval() const {
  if (!(weight_ > 0)) return {0, 1};
  const double radius = (std::log(2 / alpha_) + penalty_) / weight_;
  return {std::max(0.0, estimate() - radius), std::min(1.0, estimate() + radius)};
}

double BettingMean::LogEAbove(const BettingMean& control, double ratio) const {
  if (!(weight_ > 0) || !(control.weight_ > 0)) return 0;
  // With the control's mean at m: this arm's e-value falls with m, that of the control grows, and
  // both logarithms are straight lines. Their mean is smallest where its slope is 0.
  const double above = weighted_ - penalty_, fall = ratio * weight_;
  const double below = -control.weighted_ - control.penalty_, rise = control.weight_;
  const double m = std::clamp((std::log(fall / rise) + above - below) / (fall + rise), 0.0,
                              std::min(1.0, 1 / ratio));
  const double a = above - m * fall, b = below + m * rise;
  const double most = std::max(a, b);
  return most + std::log(std::exp(a - most) + std::exp(b - most)) - std::numbers::ln2;
}

void BettingMean::Save(StateWriter& out) const {
  out.Section("betting_mean", 1);
  for (const double v : {n_, sum_, squares_, weighted_, weight_, penalty_}) out.F64(v);
}

Status BettingMean::Load(StateReader& in) {
  in.Section("betting_mean", 1);
  for (double* v : {&n_, &sum_, &squares_, &weighted_, &weight_, &penalty_}) *v = in.F64();
  return in.status();
}

}  // namespace leat::experiments
