#include "experiments/decisions.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <numeric>

#include "evaluation/special.h"
#include "experiments/sequential.h"

namespace leat::experiments {
namespace {

using statistics::BetaInc;
using statistics::LogBeta;
using statistics::NormalCdf;
using statistics::NormalQuantile;
using statistics::NormalSf;

double Density(double x) { return std::exp(-0.5 * x * x) / std::sqrt(2 * std::numbers::pi); }

double Spent(Spending spending, double alpha, int sides, double t) {
  switch (spending) {
    case Spending::kPower:
      return alpha * t * t;
    case Spending::kObrienFleming: {
      const double each = alpha / sides;
      return sides * 2 * NormalSf(NormalQuantile(1 - each / 2) / std::sqrt(t));
    }
    case Spending::kPocock:
      return alpha * std::log1p((std::numbers::e - 1) * t);
  }
  return 0;
}

/// Nodes and weights of Gauss and Legendre on [-1, 1].
constexpr size_t kNodes = 16;
struct Rule {
  std::array<double, kNodes> x{}, w{};
  Rule() {
    for (size_t i = 0; i < kNodes; ++i) {
      double z = std::cos(std::numbers::pi * (static_cast<double>(i) + 0.75) / (kNodes + 0.5));
      double slope = 1;
      for (int step = 0; step < 100; ++step) {
        double p0 = 1, p1 = z;
        for (size_t k = 2; k <= kNodes; ++k) {
          const double kk = static_cast<double>(k);
          const double p2 = ((2 * kk - 1) * z * p1 - (kk - 1) * p0) / kk;
          p0 = p1, p1 = p2;
        }
        slope = kNodes * (z * p1 - p0) / (z * z - 1);
        const double next = z - p1 / slope;
        if (next == z) break;
        z = next;
      }
      x[i] = z;
      w[i] = 2 / ((1 - z * z) * slope * slope);
    }
  }
};
const Rule& Legendre() {
  static const Rule rule;
  return rule;
}

/// Ascending places between which densities of these centres and spreads are smooth.
std::vector<double> Breaks(std::span<const GaussArm> arms, double lo, double hi) {
  std::vector<double> out = {lo, hi};
  double narrow = std::numeric_limits<double>::infinity();
  for (const GaussArm& arm : arms) {
    narrow = std::min(narrow, arm.sd);
    for (const double z : {-9.0, -6.0, -4.5, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.5, 6.0, 9.0}) {
      out.push_back(std::clamp(arm.mean + z * arm.sd, lo, hi));
    }
  }
  std::sort(out.begin(), out.end());
  // Places nearer than half of the narrowest spread add nothing.
  std::vector<double> kept = {out.front()};
  for (const double place : out) {
    if (place - kept.back() > 0.5 * narrow) kept.push_back(place);
  }
  if (kept.back() < out.back()) kept.push_back(out.back());
  return kept;
}

/// Nodes of Gauss and Legendre between breaks.
struct Pieces {
  const std::vector<double>& breaks;
  template <typename Visit>
  void operator()(Visit&& visit) const {
    for (size_t s = 0; s + 1 < breaks.size(); ++s) {
      const double half = (breaks[s + 1] - breaks[s]) / 2, mid = (breaks[s + 1] + breaks[s]) / 2;
      for (size_t i = 0; i < kNodes; ++i) {
        visit(mid + half * Legendre().x[i], half * Legendre().w[i]);
      }
    }
  }
};

/// Nodes that are evenly spread: the trapezoidal rule, for what vanishes at both ends.
struct EvenNodes {
  double from, step;
  size_t nodes;
  template <typename Visit>
  void operator()(Visit&& visit) const {
    for (size_t i = 0; i < nodes; ++i) visit(from + static_cast<double>(i) * step, step);
  }
};

/// The chance of each arm to be the best: the integral of f_k times the others' F over `nodes`,
/// which calls its argument with each node and weight.
template <typename Nodes, typename Pdf, typename Cdf>
std::vector<double> ChanceBest(size_t arms, const Nodes& nodes, Pdf&& pdf, Cdf&& cdf) {
  std::vector<double> chance(arms, 0.0), below(arms), before(arms + 1);
  nodes([&](double x, double w) {
    before[0] = 1;
    for (size_t k = 0; k < arms; ++k) {
      below[k] = cdf(k, x);
      before[k + 1] = before[k] * below[k];
    }
    double after = 1;
    for (size_t k = arms; k-- > 0;) {
      const double others = before[k] * after;
      if (others > 0) chance[k] += w * pdf(k, x) * others;
      after *= below[k];
    }
  });
  const double total = std::accumulate(chance.begin(), chance.end(), 0.0);
  for (double& c : chance) c = total > 0 ? c / total : 1 / static_cast<double>(arms);
  return chance;
}

GaussArm MomentsOf(const BetaArm& arm) {
  const double sum = arm.a + arm.b;
  return {arm.a / sum, std::sqrt(arm.a * arm.b / (sum * sum * (sum + 1)))};
}

/// The same on [0, 1]; `steep`: with places that bunch at the ends.
std::vector<double> UnitBreaks(std::span<const GaussArm> moments, bool steep) {
  std::vector<double> breaks = Breaks(moments, 0, 1);
  if (!steep) return breaks;
  for (double edge = 0.1; edge > 1e-13; edge *= 0.25) {
    breaks.push_back(edge);
    breaks.push_back(1 - edge);
  }
  std::sort(breaks.begin(), breaks.end());
  breaks.erase(std::unique(breaks.begin(), breaks.end()), breaks.end());
  return breaks;
}

}  // namespace

std::vector<Look> GroupSequential(std::span<const double> information, double alpha, int sides,
                                  Spending spending) {
  std::vector<Look> looks;
  // The density of the score B(t) = Z sqrt(t) among paths that have not stopped, on a grid.
  constexpr int kGrid = 400;  // Simpson: even.
  std::vector<double> at, density;
  double spent = 0, last = 0;
  const double reach = 8;
  for (const double share : information) {
    const double t = std::min(share, 1.0);
    if (!(t > last)) return {};
    const double dt = t - last;
    const double target = Spent(spending, alpha, sides, t);
    const double spend = std::max(0.0, target - spent);
    /// The chance to pass z now, not having stopped before.
    const auto chance = [&](double z) {
      const double edge = z * std::sqrt(t);
      if (at.empty()) return sides * NormalSf(z);
      const double step = at[1] - at[0];
      double sum = 0;
      for (int i = 0; i <= kGrid; ++i) {
        double p = NormalSf((edge - at[i]) / std::sqrt(dt));
        if (sides == 2) p += NormalCdf((-edge - at[i]) / std::sqrt(dt));
        const double weight = i == 0 || i == kGrid ? 1 : i % 2 == 1 ? 4 : 2;
        sum += weight * density[i] * p;
      }
      return sum * step / 3;
    };
    double lo = -reach, hi = 40;
    if (sides == 2) lo = 0;
    for (int i = 0; i < 200; ++i) {
      const double mid = (lo + hi) / 2;
      if (mid <= lo || mid >= hi) break;
      (chance(mid) > spend ? lo : hi) = mid;
    }
    const double z = (lo + hi) / 2;
    looks.push_back({z, sides * NormalSf(z)});
    // The density of what goes on.
    const double top = z * std::sqrt(t);
    const double bottom = sides == 2 ? -top : -reach * std::sqrt(t);
    std::vector<double> next_at(kGrid + 1), next(kGrid + 1);
    for (int i = 0; i <= kGrid; ++i) {
      const double x = bottom + (top - bottom) * i / kGrid;
      next_at[i] = x;
      if (at.empty()) {
        next[i] = Density(x / std::sqrt(t)) / std::sqrt(t);
        continue;
      }
      const double step = at[1] - at[0];
      double sum = 0;
      for (int k = 0; k <= kGrid; ++k) {
        const double weight = k == 0 || k == kGrid ? 1 : k % 2 == 1 ? 4 : 2;
        sum += weight * density[k] * Density((x - at[k]) / std::sqrt(dt));
      }
      next[i] = sum * step / 3 / std::sqrt(dt);
    }
    at = std::move(next_at);
    density = std::move(next);
    spent = target;
    last = t;
  }
  return looks;
}

double GroupSequentialP(std::span<const double> information, double z, double most, int sides,
                        Spending spending) {
  constexpr double kLeast = 1e-9;  // Of what the integration can tell.
  const auto rejects = [&](double alpha) {
    const std::vector<Look> looks = GroupSequential(information, alpha, sides, spending);
    return !looks.empty() && z >= looks.back().z;
  };
  if (!rejects(most)) return 1;
  double lo = std::log(kLeast), hi = std::log(most);
  for (int i = 0; i < 26; ++i) {  // Within a millionth of it.
    const double mid = (lo + hi) / 2;
    (rejects(std::exp(mid)) ? hi : lo) = mid;
  }
  return std::exp(hi);
}

Posterior GaussianPosterior(const Effect& effect, double alpha, double prior_mean,
                            double prior_variance) {
  Posterior out;
  if (!effect.ok()) {
    out.mean = out.sd = out.chance_to_win = std::numeric_limits<double>::quiet_NaN();
    out.loss_if_keep = out.loss_if_ship = out.mean;
    return out;
  }
  const double data = 1 / (effect.standard_error * effect.standard_error);
  const double prior = 1 / prior_variance;
  out.mean = (effect.estimate * data + (prior > 0 ? prior_mean * prior : 0)) / (data + prior);
  out.sd = std::sqrt(1 / (data + prior));
  const double z = out.mean / out.sd;
  out.chance_to_win = NormalCdf(z);
  out.loss_if_keep = out.mean * NormalCdf(z) + out.sd * Density(z);
  out.loss_if_ship = -out.mean * NormalCdf(-z) + out.sd * Density(z);
  const double reach = NormalQuantile(1 - alpha / 2) * out.sd;
  out.interval = {out.mean - reach, out.mean + reach};
  return out;
}

double BetaChance(const BetaArm& a, const BetaArm& b) {
  // The integral of B's density times A's distribution function, where B may be at all.
  const std::array<GaussArm, 2> moments = {MomentsOf(a), MomentsOf(b)};
  const bool steep = a.a < 1 || a.b < 1 || b.a < 1 || b.b < 1;
  const std::vector<double> breaks = UnitBreaks(moments, steep);
  const double norm = LogBeta(b.a, b.b);
  double above = 0, all = 0;
  Pieces{breaks}([&](double x, double w) {
    const double mass = w * std::exp((b.a - 1) * std::log(x) + (b.b - 1) * std::log1p(-x) - norm);
    if (!(mass > 1e-20)) return;
    all += mass;
    above += mass * BetaInc(a.a, a.b, x);
  });
  return all > 0 ? above / all : 0.5;
}

double BetaExpectedLoss(const BetaArm& a, const BetaArm& b) {
  const double mean_a = a.a / (a.a + a.b), mean_b = b.a / (b.a + b.b);
  // E p_A 1[A > B]: weighting by p_A raises A's first shape by one.
  return mean_a * (1 - BetaChance({a.a + 1, a.b}, b)) -
         mean_b * (1 - BetaChance(a, {b.a + 1, b.b}));
}

std::vector<double> ChanceBestBeta(std::span<const BetaArm> arms) {
  std::vector<GaussArm> moments;
  std::vector<double> norm;
  bool steep = false;  // A density without a bound at an end.
  for (const BetaArm& arm : arms) {
    steep = steep || arm.a < 1 || arm.b < 1;
    moments.push_back(MomentsOf(arm));
    norm.push_back(LogBeta(arm.a, arm.b));
  }
  const std::vector<double> breaks = UnitBreaks(moments, steep);
  return ChanceBest(
      arms.size(), Pieces{breaks},
      [&](size_t k, double x) {
        return std::exp((arms[k].a - 1) * std::log(x) + (arms[k].b - 1) * std::log1p(-x) - norm[k]);
      },
      [&](size_t k, double x) { return BetaInc(arms[k].a, arms[k].b, x); });
}

std::vector<double> ChanceBestGauss(std::span<const GaussArm> arms) {
  // Below `lo` the best is as good as never, since one arm is above; so an arm that is as good as
  // never above it has no chance.
  constexpr double kReach = 9;
  double lo = -std::numeric_limits<double>::infinity(), hi = lo, precision = 0;
  for (const GaussArm& arm : arms) {
    lo = std::max(lo, arm.mean - kReach * arm.sd);
    hi = std::max(hi, arm.mean + kReach * arm.sd);
  }
  std::vector<GaussArm> in;
  std::vector<size_t> which;
  for (size_t k = 0; k < arms.size(); ++k) {
    if (arms[k].mean + kReach * arms[k].sd <= lo) continue;
    in.push_back(arms[k]);
    which.push_back(k);
    precision += 1 / (arms[k].sd * arms[k].sd);
  }
  const auto pdf = [&](size_t k, double x) {
    return Density((x - in[k].mean) / in[k].sd) / in[k].sd;
  };
  const auto cdf = [&](size_t k, double x) { return NormalCdf((x - in[k].mean) / in[k].sd); };
  // The error of the trapezoidal rule is exp(-2 pi^2 / (step^2 sum of 1 / sd^2)): 1e-15. Where one
  // arm is far narrower than others, nodes that follow it are fewer.
  const double step = 0.75 / std::sqrt(precision);
  const double even = std::ceil((hi - lo) / step) + 1;
  std::vector<double> best;
  if (in.size() == 1) {
    best = {1.0};
  } else if (const std::vector<double> breaks =
                 even <= 4 * kNodes ? std::vector<double>() : Breaks(in, lo, hi);
             breaks.empty() || even <= static_cast<double>((breaks.size() - 1) * kNodes)) {
    best = ChanceBest(in.size(), EvenNodes{lo, step, static_cast<size_t>(even)}, pdf, cdf);
  } else {
    best = ChanceBest(in.size(), Pieces{breaks}, pdf, cdf);
  }
  std::vector<double> chance(arms.size(), 0.0);
  for (size_t i = 0; i < in.size(); ++i) chance[which[i]] = best[i];
  return chance;
}

double SrmChiSquared(std::span<const double> counts, std::span<const double> weights) {
  double units = 0, weight = 0;
  size_t arms = 0;
  for (size_t i = 0; i < std::min(counts.size(), weights.size()); ++i) {
    if (weights[i] > 0) units += counts[i], weight += weights[i], ++arms;
  }
  if (arms < 2 || !(units > 0)) return 1;
  double chi = 0;
  for (size_t i = 0; i < std::min(counts.size(), weights.size()); ++i) {
    if (!(weights[i] > 0)) continue;
    const double expected = units * weights[i] / weight;
    chi += (counts[i] - expected) * (counts[i] - expected) / expected;
  }
  return statistics::ChiSquaredSf(chi, static_cast<double>(arms - 1));
}

double SrmLogE(std::span<const double> counts, std::span<const double> weights, double k) {
  double weight = 0, units = 0, out = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    if (weights[i] > 0) weight += weights[i], units += counts[i];
  }
  for (size_t i = 0; i < counts.size(); ++i) {
    if (!(weights[i] > 0)) continue;
    const double p = weights[i] / weight;
    out += statistics::LogGamma(k * p + counts[i]) - statistics::LogGamma(k * p) -
           counts[i] * std::log(p);
  }
  return out - statistics::LogGamma(k + units) + statistics::LogGamma(k);
}

double SrmLogE(std::span<const double> counts, std::span<const double> weights) {
  std::array<double, 4> parts{};
  double k = 100;
  for (double& part : parts) part = SrmLogE(counts, weights, k), k *= 10;
  const double most = *std::max_element(parts.begin(), parts.end());
  double sum = 0;
  for (const double part : parts) sum += std::exp(part - most);
  return most + std::log(sum / parts.size());
}

namespace {

std::vector<size_t> Ascending(std::span<const double> values) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return values[a] < values[b]; });
  return order;
}

}  // namespace

std::vector<double> Holm(std::span<const double> p) {
  std::vector<double> out(p.size());
  double most = 0;
  size_t left = p.size();
  for (const size_t i : Ascending(p)) {
    most = std::max(most, std::min(1.0, p[i] * static_cast<double>(left--)));
    out[i] = most;
  }
  return out;
}

std::vector<double> BenjaminiHochberg(std::span<const double> p) {
  std::vector<double> out(p.size());
  const std::vector<size_t> order = Ascending(p);
  double least = 1;
  for (size_t rank = order.size(); rank > 0; --rank) {
    const size_t i = order[rank - 1];
    least = std::min(least, p[i] * static_cast<double>(p.size()) / static_cast<double>(rank));
    out[i] = least;
  }
  return out;
}

std::vector<bool> EBenjaminiHochberg(std::span<const double> log_e, double alpha) {
  std::vector<bool> out(log_e.size(), false);
  const std::vector<size_t> order = Ascending(log_e);
  const double m = static_cast<double>(log_e.size());
  size_t reject = 0;
  for (size_t k = 1; k <= order.size(); ++k) {
    const double kth = log_e[order[order.size() - k]];
    if (kth >= std::log(m / (alpha * static_cast<double>(k)))) reject = k;
  }
  for (size_t k = 1; k <= reject; ++k) out[order[order.size() - k]] = true;
  return out;
}

double UnitsForMean(double difference, double variance, double alpha, double power, int sides) {
  const double z = NormalQuantile(1 - alpha / sides) + NormalQuantile(power);
  return 4 * variance * z * z / (difference * difference);
}

double UnitsForShare(double share, double difference, double alpha, double power, int sides) {
  const double other = share + difference, mean = (share + other) / 2;
  const double root = NormalQuantile(1 - alpha / sides) * std::sqrt(2 * mean * (1 - mean)) +
                      NormalQuantile(power) * std::sqrt(share * (1 - share) + other * (1 - other));
  return 2 * root * root / (difference * difference);
}

double PowerForMean(double difference, double variance, double alpha, double units, int sides) {
  const double z = std::abs(difference) / std::sqrt(4 * variance / units);
  const double edge = NormalQuantile(1 - alpha / sides);
  return NormalSf(edge - z) + (sides == 2 ? NormalCdf(-edge - z) : 0);
}

double UnitsForSequence(double difference, double variance, double alpha, double power) {
  double lo = 1, hi = 1;
  const auto enough = [&](double units) {
    const double z = std::abs(difference) / std::sqrt(4 * variance / units);
    return NormalCdf(z - SequenceMultiplier(units, SequenceRho2(units, alpha), alpha)) >= power;
  };
  for (int i = 0; i < 200 && !enough(hi); ++i) hi *= 2;
  for (int i = 0; i < 200; ++i) {
    const double mid = (lo + hi) / 2;
    if (mid <= lo || mid >= hi) break;
    (enough(mid) ? hi : lo) = mid;
  }
  return hi;
}

}  // namespace leat::experiments
