#include "experiments/boundary.h"

#include <algorithm>
#include <numbers>

#include "evaluation/special.h"

namespace leat::experiments {
namespace {

using statistics::BetaInc;
using statistics::GammaP;
using statistics::GammaQ;
using statistics::LogBeta;
using statistics::LogGamma;
using statistics::Zeta;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// ln of the normal distribution function, by the asymptotic series in the far tail.
double LogNormalCdf(double x) {
  if (x > -30) return std::log(statistics::NormalCdf(x));
  const double y = 1 / (x * x);
  return -0.5 * x * x - std::log(-x) - 0.5 * std::log(2 * std::numbers::pi) +
         std::log1p(-y + 3 * y * y);
}

double LogIncompleteBeta(double a, double b, double x) {
  return LogBeta(a, b) + (x < 1 ? std::log(BetaInc(a, b, x)) : 0);
}

/// The place between lo and hi where `above` turns true, to full precision.
template <typename Predicate>
double Bisect(double lo, double hi, Predicate&& above) {
  for (int i = 0; i < 200; ++i) {
    const double mid = 0.5 * (lo + hi);
    if (mid <= lo || mid >= hi) break;
    (above(mid) ? hi : lo) = mid;
  }
  return 0.5 * (lo + hi);
}

}  // namespace

double NormalMixtureRho(double v_opt, double alpha) {
  const double l = std::log(1 / alpha);
  return v_opt / (2 * l + std::log1p(2 * l));
}

double NormalMixture::LogE(double s, double v) const {
  return 0.5 * std::log(rho / (v + rho)) + s * s / (2 * (v + rho));
}

double NormalMixture::Bound(double v, double alpha) const {
  return std::sqrt((v + rho) * (std::log1p(v / rho) + 2 * std::log(1 / alpha)));
}

Mixture::Mixture(MixtureKind kind, double v_opt, double alpha_opt, double c, double g, double h)
    : kind_(kind), c_(c), g_(g), h_(h) {
  const bool two_sided =
      kind == MixtureKind::kNormalTwoSided || kind == MixtureKind::kBetaBinomialTwoSided;
  rho_ = NormalMixtureRho(v_opt, two_sided ? alpha_opt : 2 * alpha_opt);
  const double q = rho_ / (c * c);
  switch (kind) {
    case MixtureKind::kGammaExponential:
      leading_ = q * std::log(q) - LogGamma(q) - std::log(GammaP(q, q));
      break;
    case MixtureKind::kGammaPoisson:
      leading_ = q * std::log(q) - LogGamma(q) - std::log(GammaQ(q, q));
      break;
    case MixtureKind::kBetaBinomialTwoSided:
    case MixtureKind::kBetaBinomialOneSided:
      r_ = std::max(rho_ - g * h, 1e-3 * g * h);
      leading_ =
          -LogIncompleteBeta(r_ / (g * (g + h)), r_ / (h * (g + h)), two_sided ? 1 : h / (g + h));
      break;
    default:
      break;
  }
}

double Mixture::LogE(double s, double v) const {
  const double square = c_ * c_;
  switch (kind_) {
    case MixtureKind::kNormalTwoSided:
      return NormalMixture{rho_}.LogE(s, v);
    case MixtureKind::kNormalOneSided:
      return 0.5 * std::log(4 * rho_ / (v + rho_)) + s * s / (2 * (v + rho_)) +
             LogNormalCdf(s / std::sqrt(v + rho_));
    case MixtureKind::kGammaExponential: {
      const double a = (c_ * s + v) / square, b = (v + rho_) / square, q = rho_ / square;
      if (a + q <= 0) return -kInfinity;
      const double p = GammaP(b, a + q);
      if (!(p > 0)) return -kInfinity;
      return leading_ + LogGamma(b) + std::log(p) - b * std::log(a + q) + a;
    }
    case MixtureKind::kGammaPoisson: {
      const double b = (v + rho_) / square, a = s / c_ + b;
      if (a <= 0) return -kInfinity;
      const double p = GammaQ(a, b);
      if (!(p > 0)) return -kInfinity;
      return leading_ + LogGamma(a) + std::log(p) - a * std::log(b) + v / square;
    }
    case MixtureKind::kBetaBinomialTwoSided:
    case MixtureKind::kBetaBinomialOneSided: {
      const double sum = g_ + h_;
      const double x = kind_ == MixtureKind::kBetaBinomialOneSided ? h_ / sum : 1;
      const double below = v - g_ * s, above = v + h_ * s;
      return v / (g_ * h_) * std::log(sum) - above / (h_ * sum) * std::log(g_) -
             below / (g_ * sum) * std::log(h_) +
             LogIncompleteBeta((r_ + below) / (g_ * sum), (r_ + above) / (h_ * sum), x) + leading_;
    }
  }
  return 0;
}

double Mixture::Bound(double v, double alpha) const {
  const double threshold = std::log(1 / alpha);
  if (kind_ == MixtureKind::kNormalTwoSided) return NormalMixture{rho_}.Bound(v, alpha);
  const auto above = [&](double s) { return LogE(s, v) >= threshold; };
  double hi = std::max(v, rho_);
  if (kind_ == MixtureKind::kBetaBinomialTwoSided || kind_ == MixtureKind::kBetaBinomialOneSided) {
    hi = v / g_;  // The sum cannot be larger.
    if (!above(hi)) return hi;
  } else {
    for (int i = 0; i < 60 && !above(hi); ++i) hi *= 2;
    if (!above(hi)) return kInfinity;
  }
  return Bisect(0, hi, above);
}

double PolyStitchingBound(double v, double alpha, double v_min, double c, double s, double eta) {
  const double time = std::max(v, v_min);
  const double k1 = (std::pow(eta, 0.25) + std::pow(eta, -0.25)) / std::numbers::sqrt2;
  const double k2 = (std::sqrt(eta) + 1) / 2;
  const double l = s * std::log(std::log(eta * time / v_min)) +
                   std::log(Zeta(s) / (alpha * std::pow(std::log(eta), s)));
  const double linear = k2 * c * l;
  return std::sqrt(k1 * k1 * time * l + linear * linear) + linear;
}

double DoubleStitchingBound(double p, double t, double alpha, double t_opt, double delta, double s,
                            double eta) {
  const double time = std::max(t, t_opt);
  const double logit = std::log(p / (1 - p));
  double r = p;
  if (p < 0.5) {
    const double moved = logit + 2 * delta * std::sqrt(t_opt * eta / time);
    r = std::min(0.5, 1 / (1 + std::exp(-moved)));
  }
  const double variance = r * (1 - r);
  const double j = std::sqrt(time / t_opt) * std::abs(logit) / (2 * delta) + 1;
  const double zeta = Zeta(s);
  const double l = s * std::log(std::log(eta * time / t_opt)) + s * std::log(j) +
                   std::log(2 * zeta * (2 * zeta + 1) / (alpha * std::pow(std::log(eta), s)));
  const double k1 = (std::pow(eta, 0.25) + std::pow(eta, -0.25)) / std::numbers::sqrt2;
  const double k2 = (std::sqrt(eta) + 1) / 2;
  const double linear = k2 * (1 - 2 * p) / 3 * l;
  return delta * std::sqrt(eta * time * variance / t_opt) +
         std::sqrt(k1 * k1 * variance * time * l + linear * linear) + linear;
}

double EmpiricalProcessBound(double t, double alpha, double t_min, double a) {
  if (t < t_min) return kInfinity;
  // The chance of leaving the bound with constant c, at its best eta, falls with c.
  const auto chance = [a](double c) {
    double best = kInfinity;
    const auto at = [&](double eta) {
      const double reach = a - std::sqrt(2 * (eta - 1) / c);
      const double gamma = 2 / eta * reach * reach;
      if (reach <= 0 || gamma <= 1) return kInfinity;
      return 4 * std::exp(-gamma * c) * (1 + 1 / ((gamma - 1) * std::log(eta)));
    };
    double centre = 1, width = (2 * a * a - 1) / 2;
    centre += width;
    for (int round = 0; round < 12; ++round) {
      double found = centre;
      for (int i = -40; i <= 40; ++i) {
        const double eta = centre + width * i / 40;
        const double value = eta > 1 ? at(eta) : kInfinity;
        if (value < best) best = value, found = eta;
      }
      centre = found;
      width /= 10;
    }
    return best;
  };
  double hi = 1;
  for (int i = 0; i < 40 && !(chance(hi) <= alpha); ++i) hi *= 2;
  const double c = Bisect(0, hi, [&](double x) { return chance(x) <= alpha; });
  return a * std::sqrt((std::log1p(std::log(t / t_min)) + c) / t);
}

Interval BernoulliSequence(double k, double n, double alpha, double t_opt, double alpha_opt) {
  if (!(n > 0)) return {0, 1};
  const double rate = k / n;
  const double threshold = std::log(1 / alpha);
  const auto refuted = [&](double p) {
    const double spread = p * (1 - p);
    if (!(spread > 0)) return true;
    const Mixture mixture(MixtureKind::kBetaBinomialTwoSided, t_opt * spread, alpha_opt, 1, p,
                          1 - p);
    return mixture.LogE(k - n * p, n * spread) >= threshold;
  };
  Interval out{0, 1};
  // The e-value grows with the distance from the rate, on both sides.
  constexpr double kEdge = 1e-12;
  if (rate > 0 && refuted(kEdge)) {
    out.lo = Bisect(kEdge, rate, [&](double p) { return !refuted(p); });
  }
  if (rate < 1 && refuted(1 - kEdge)) out.hi = Bisect(rate, 1 - kEdge, refuted);
  return out;
}

}  // namespace leat::experiments
