#include "experiments/effect.h"

#include <algorithm>

#include "evaluation/special.h"

namespace leat::experiments {
namespace {

using statistics::NormalQuantile;
using statistics::NormalSf;
using statistics::StudentTQuantile;
using statistics::StudentTSf;

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

double Covariance(double sum_ab, double sum_a, double sum_b, double n) {
  return n < 2 ? kNone : (sum_ab - sum_a * sum_b / n) / (n - 1);
}
double Variance(double sum_squares, double sum, double n) {
  return Covariance(sum_squares, sum, sum, n);
}

double RatioVariance(const RatioSums& s) {
  const double mean_den = s.den / s.n;
  const double ratio = s.num / s.den;
  return (Variance(s.num_squares, s.num, s.n) +
          ratio * ratio * Variance(s.den_squares, s.den, s.n) -
          2 * ratio * Covariance(s.num_den, s.num, s.den, s.n)) /
         (mean_den * mean_den);
}

/// An arm of which theta times the covariate is taken off. `toward` is the mean whose change the
/// relative effect feels through its denominator: -d(effect)/d(control mean) * base^2.
Arm Adjusted(double n, double theta, double y, double x, double vy, double vx, double c,
             double toward) {
  Arm arm;
  arm.n = n;
  arm.base = y;
  arm.covariate = theta * x;
  arm.mean = y - theta * x;
  arm.variance = vy + theta * theta * vx - 2 * theta * c;
  arm.base_variance = vy;
  arm.base_covariance = vy - theta * c;
  // Of the control only: the unadjusted mean stands in numerator and denominator.
  arm.gradient = vy * toward * toward - 2 * theta * toward * y * c + theta * theta * y * y * vx;
  return arm;
}

/// Without adjustment.
Arm Plain(double n, double mean, double variance) {
  Arm arm;
  arm.n = n;
  arm.mean = arm.base = mean;
  arm.variance = arm.base_variance = arm.base_covariance = variance;
  return arm;
}

/// The squared error of (treatment - control) - lift * |base|: constant, linear and square in lift.
struct LiftError {
  LiftError(const Arm& a, const Arm& b)
      : constant(a.variance / a.n + b.variance / b.n),
        linear(std::copysign(2, a.base) * a.base_covariance / a.n),
        square(a.base_variance / a.n) {}
  double constant, linear, square;
};

double WelchDf(const Arm& a, const Arm& b) {
  const double va = a.variance / a.n, vb = b.variance / b.n;
  return (va + vb) * (va + vb) / (va * va / (a.n - 1) + vb * vb / (b.n - 1));
}

}  // namespace

Arm MeanArm(const MeanSums& s) {
  return Plain(s.n, s.n > 0 ? s.sum / s.n : kNone, Variance(s.sum_squares, s.sum, s.n));
}

Arm ProportionArm(double n, double x) {
  const double share = n > 0 ? x / n : kNone;
  return Plain(n, share, share * (1 - share));
}

Arm RatioArm(const RatioSums& s) {
  return Plain(s.n, s.den != 0 ? s.num / s.den : kNone,
               s.den != 0 && s.n >= 2 ? RatioVariance(s) : kNone);
}

CupedArms Cuped(const CupedSums& a, const CupedSums& b) {
  const auto variance = [](const CupedSums& s, double squares, double sum) {
    const double mean = sum / s.n;
    return s.proportion ? mean * (1 - mean) : Variance(squares, sum, s.n);
  };
  const auto covariance = [](const CupedSums& s) {
    return Covariance(s.xy, s.x, s.y, s.n) * (s.proportion ? (s.n - 1) / s.n : 1);
  };
  const CupedSums pool{a.n + b.n,
                       a.y + b.y,
                       a.y_squares + b.y_squares,
                       a.x + b.x,
                       a.x_squares + b.x_squares,
                       a.xy + b.xy,
                       a.proportion && b.proportion};
  CupedArms out;
  const double spread = variance(pool, pool.x_squares, pool.x);
  out.theta = spread > 0 ? covariance(pool) / spread : 0;
  const auto make = [&](const CupedSums& s, double toward) {
    return Adjusted(s.n, out.theta, s.y / s.n, s.x / s.n, variance(s, s.y_squares, s.y),
                    variance(s, s.x_squares, s.x), covariance(s), toward);
  };
  out.control = make(a, b.y / b.n);
  out.treatment = make(b, b.y / b.n);
  return out;
}

CupedArms CupedRatio(const CupedRatioSums& a, const CupedRatioSums& b) {
  const auto covariance = [](const CupedRatioSums& s) {
    const double n = s.after.n;
    const double r = s.after.num / s.after.den, rx = s.before.num / s.before.den;
    return (Covariance(s.num_num, s.after.num, s.before.num, n) -
            rx * Covariance(s.num_after_den_before, s.after.num, s.before.den, n) -
            r * Covariance(s.num_before_den_after, s.before.num, s.after.den, n) +
            r * rx * Covariance(s.den_den, s.after.den, s.before.den, n)) /
           (s.after.den / n * (s.before.den / n));
  };
  CupedArms out;
  const double va = RatioVariance(a.before), vb = RatioVariance(b.before);
  out.theta = va + vb > 0 ? (covariance(a) + covariance(b)) / (va + vb) : 0;
  const auto ratio = [](const RatioSums& s) { return s.num / s.den; };
  // The exact gradient: what the treatment differs by includes the covariates' difference.
  const double toward = ratio(b.after) - out.theta * (ratio(b.before) - ratio(a.before));
  const auto make = [&](const CupedRatioSums& s, double before_variance) {
    return Adjusted(s.after.n, out.theta, ratio(s.after), ratio(s.before), RatioVariance(s.after),
                    before_variance, covariance(s), toward);
  };
  out.control = make(a, va);
  out.treatment = make(b, vb);
  return out;
}

Effect AbsoluteEffect(const Arm& a, const Arm& b) {
  Effect effect;
  effect.units = a.n + b.n;
  effect.estimate = b.mean - a.mean;
  effect.standard_error = std::sqrt(a.variance / a.n + b.variance / b.n);
  effect.df = WelchDf(a, b);
  return effect;
}

Effect RelativeEffect(const Arm& a, const Arm& b) {
  Effect effect = AbsoluteEffect(a, b);
  // Over the size of the control's mean: where that is a loss, a smaller one is still better.
  const double base = std::abs(a.base);
  if (base == 0) {
    effect.estimate = effect.standard_error = kNone;
    return effect;
  }
  effect.estimate /= base;
  const double control = a.gradient != 0 ? a.gradient : a.variance * b.mean * b.mean;
  const double square = base * base;
  effect.standard_error =
      std::sqrt(b.variance / (b.n * square) + control / (a.n * square * square));
  return effect;
}

Effect RelativeEffectIf(const Arm& a, const Arm& b, double lift) {
  Effect effect = RelativeEffect(a, b);
  const LiftError error(a, b);
  effect.standard_error =
      std::sqrt(error.constant + lift * (error.linear + lift * error.square)) / std::abs(a.base);
  return effect;
}

Interval LiftsWithin(const Arm& a, const Arm& b, double reach) {
  const LiftError error(a, b);
  const double difference = b.mean - a.mean, base = std::abs(a.base), k = reach * reach;
  // (difference - lift |base|)^2 = k error(lift), a parabola in lift.
  const double square = base * base - k * error.square;
  const double half = difference * base + k * error.linear / 2;
  const double disc = half * half - square * (difference * difference - k * error.constant);
  if (!(square > 0) || !(disc >= 0)) return {};
  const double root = std::sqrt(disc);
  return {(half - root) / square, (half + root) / square};
}

Inference FixedHorizon(const Effect& effect, double alpha, Alternative alternative) {
  Inference out;
  if (!effect.ok() || !(effect.df > 0)) return out;
  const double t = effect.estimate / effect.standard_error;
  const double tail = alternative == Alternative::kTwoSided ? alpha / 2 : alpha;
  const double reach = StudentTQuantile(1 - tail, effect.df) * effect.standard_error;
  switch (alternative) {
    case Alternative::kTwoSided:
      out.interval = {effect.estimate - reach, effect.estimate + reach};
      out.p = 2 * StudentTSf(std::abs(t), effect.df);
      break;
    case Alternative::kGreater:
      out.interval.lo = effect.estimate - reach;
      out.p = StudentTSf(t, effect.df);
      break;
    case Alternative::kLess:
      out.interval.hi = effect.estimate + reach;
      out.p = StudentTSf(-t, effect.df);
      break;
  }
  return out;
}

ProportionTest TwoProportionZ(double na, double xa, double nb, double xb, double alpha) {
  ProportionTest out;
  const double pa = xa / na, pb = xb / nb;
  out.difference = pb - pa;
  const double reach =
      NormalQuantile(1 - alpha / 2) * std::sqrt(pa * (1 - pa) / na + pb * (1 - pb) / nb);
  out.interval = {out.difference - reach, out.difference + reach};
  const double pooled = (xa + xb) / (na + nb);
  const double se = std::sqrt(pooled * (1 - pooled) * (1 / na + 1 / nb));
  out.p = se > 0 ? 2 * NormalSf(std::abs(out.difference) / se) : 1;
  out.relative = out.difference / pa;
  out.relative_interval = {out.interval.lo / pa, out.interval.hi / pa};
  return out;
}

FiellerResult Fieller(const Arm& a, const Arm& b, double alpha) {
  const double z = NormalQuantile(1 - alpha / 2);
  const double sa = a.variance / a.n, sb = b.variance / b.n;
  FiellerResult out;
  out.g = z * z * sa / (a.mean * a.mean);
  const double qa = a.mean * a.mean - z * z * sa;
  const double qb = -2 * a.mean * b.mean;
  const double qc = b.mean * b.mean - z * z * sb;
  const double disc = qb * qb - 4 * qa * qc;
  if (!(qa > 0) || !(disc >= 0)) {
    out.interval = {kNone, kNone};
    return out;
  }
  const double root = std::sqrt(disc);
  out.interval = {(-qb - root) / (2 * qa) - 1, (-qb + root) / (2 * qa) - 1};
  if (a.mean < 0) out.interval = {-out.interval.hi, -out.interval.lo};
  return out;
}

PostStratified PostStratify(std::span<const Stratum> strata) {
  double units = 0;
  for (const Stratum& s : strata) units += s.control.n + s.treatment.n;
  // Moments of the pair (control mean, treatment mean), over strata of random sizes.
  double ma = 0, mb = 0;
  for (const Stratum& s : strata) {
    const double share = (s.control.n + s.treatment.n) / units;
    ma += share * s.control.mean;
    mb += share * s.treatment.mean;
  }
  double va = 0, vb = 0, caa = 0, cbb = 0, cab = 0;
  for (const Stratum& s : strata) {
    const double share = (s.control.n + s.treatment.n) / units;
    va += share * share * s.control.variance / s.control.n;
    vb += share * share * s.treatment.variance / s.treatment.n;
    caa += share * (s.control.mean - ma) * (s.control.mean - ma);
    cbb += share * (s.treatment.mean - mb) * (s.treatment.mean - mb);
    cab += share * (s.control.mean - ma) * (s.treatment.mean - mb);
  }
  va += caa / units;
  vb += cbb / units;
  const double c = cab / units;
  PostStratified out;
  out.absolute.units = out.relative.units = units;
  out.absolute.estimate = mb - ma;
  out.absolute.standard_error = std::sqrt(va + vb - 2 * c);
  if (ma != 0) {
    const double ratio = mb / ma;
    out.relative.estimate = (mb - ma) / std::abs(ma);
    out.relative.standard_error = std::sqrt((vb + ratio * ratio * va - 2 * ratio * c) / (ma * ma));
  }
  return out;
}

Arm QuantileToArm(const QuantileArm& q) {
  const double se = (q.hi - q.lo) / (2 * NormalQuantile(0.975));
  return Plain(q.n, q.value, se * se * (q.n - 1));  // As gbstats has it: the interval's was with n.
}

}  // namespace leat::experiments
