#include "experiments/off_policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <vector>

#include "base/points.h"
#include "evaluation/special.h"

namespace leat::experiments {

void OffPolicy::Add(const LoggedReward& step) {
  const double w = step.weight, r = step.reward;
  const double off = w * (r - step.predicted);
  const double score = step.direct + off;
  // One step that is not finite, or whose squares are not, would stay in the sums for good.
  const double all[] = {w, r, w * r, step.direct, step.predicted, off, score};
  if (w < 0 || !std::all_of(std::begin(all), std::end(all), points::Usable)) return;
  n_ += 1;
  w_ += w;
  w2_ += w * w;
  wr_ += w * r;
  w2r_ += w * w * r;
  w2r2_ += w * w * r * r;
  max_ = std::max(max_, w);
  direct_ += step.direct;
  correction_ += off;
  scores2_ += score * score;
  direct2_ += step.direct * step.direct;
  const double kept = w <= options_.switch_at ? off : 0;
  switched_ += kept;
  switched2_ += (step.direct + kept) * (step.direct + kept);
  const double l = options_.shrink;
  shrunk_ += l * off / (w * w + l);
  const double s = options_.subgaussian;
  subgaussian_ += w * r / (1 - s + s * w);
}

Inference OffPolicy::MeanInterval(double sum, double squares, double alpha) const {
  Effect mean;
  mean.units = n_;
  if (n_ > 1) {
    mean.estimate = sum / n_;
    // Rounding may leave a variance of 0 a little below it; not a number stays that.
    const double spread = squares - sum * sum / n_;
    mean.standard_error = std::sqrt((spread < 0 ? 0 : spread) / (n_ * (n_ - 1)));
  }
  return FixedHorizon(mean, alpha);
}

Inference OffPolicy::IpsInterval(double alpha) const { return MeanInterval(wr_, w2r2_, alpha); }

Inference OffPolicy::DirectInterval(double alpha) const {
  return MeanInterval(direct_, direct2_, alpha);
}

Inference OffPolicy::SwitchInterval(double alpha) const {
  return MeanInterval(direct_ + switched_, switched2_, alpha);
}

Inference OffPolicy::SnipsInterval(double alpha) const {
  const double v = snips();
  const double squares = std::max(0.0, w2r2_ - 2 * v * w2r_ + v * v * w2_);
  return FixedHorizon(
      {v, w_ > 0 ? std::sqrt(squares) / w_ : 0, std::numeric_limits<double>::infinity(), n_},
      alpha);
}

Effect OffPolicy::DoublyRobustEffect() const {
  Effect effect;
  effect.units = n_;
  effect.estimate = doubly_robust();
  if (n_ > 1) {
    const double sum = direct_ + correction_;
    effect.standard_error = std::sqrt(std::max(0.0, scores2_ - sum * sum / n_) / (n_ * (n_ - 1)));
  }
  return effect;
}

std::string OffPolicy::Refusal() const {
  if (effective_size() < 100) {
    return fmt::format("the effective sample size is {:.1f}, below 100", effective_size());
  }
  if (std::abs(mean_weight() - 1) > 0.1) {
    return fmt::format("the mean weight is {:.3f}, off 1 by more than 0.1", mean_weight());
  }
  return {};
}

void OffPolicy::Save(StateWriter& out) const {
  out.Section("off_policy", 2);
  for (const double v : {n_, w_, w2_, wr_, w2r_, w2r2_, max_, direct_, correction_, scores2_,
                         switched_, shrunk_, subgaussian_, direct2_, switched2_}) {
    out.F64(v);
  }
}

Status OffPolicy::Load(StateReader& in) {
  const uint32_t version = in.Section("off_policy", 2);
  for (double* v : {&n_, &w_, &w2_, &wr_, &w2r_, &w2r2_, &max_, &direct_, &correction_, &scores2_,
                    &switched_, &shrunk_, &subgaussian_}) {
    *v = in.F64();
  }
  direct2_ = switched2_ = std::numeric_limits<double>::quiet_NaN();
  if (version >= 2) {
    direct2_ = in.F64();
    switched2_ = in.F64();
  }
  return in.status();
}

namespace {

constexpr double kBase = 1.5;     ///< Of the histogram of large errors.
constexpr double kMost = 0.5;     ///< The largest bet.
constexpr double kSpacing = 1.6;  ///< Bets fall by this factor.
/// The share of the prior that the mixture's bets hold; the rest is for the changing mean.
/// 1/2 (1 + Li_2(0.95) / (0.95 zeta(2))).
constexpr double kShare = 0.5 * (1 + 1.4406337969700393 / (0.95 * 1.6449340668482264));

}  // namespace

void RobustLower::Add(double x) {
  if (!std::isfinite(x) || x < 0) return;
  const double mean = std::min(1.0, (sum_ + 0.5) / (n_ + 1));
  const double error = x - mean;
  if (error <= 0) {
    low_ += error * error;
  } else if (error <= 1) {
    mid_ += error * error;
  } else {
    const auto power = static_cast<int32_t>(std::floor(std::log(error) / std::log(kBase)));
    const double below = std::pow(kBase, power);
    const double share = (kBase * below - error) / ((kBase - 1) * below);
    large_[power].first += share;
    large_[power + 1].first += 1 - share;
    large_[power].second -= 0.5 * share * (1 - share);
  }
  sum_ += x;
  n_ += 1;
}

double RobustLower::Penalty(double lambda) const {
  double out = 0.5 * lambda * lambda * (low_ / (1 - lambda) + mid_);
  for (const auto& [power, weights] : large_) {
    const double x = lambda * std::pow(kBase, power);
    const double bend = (kBase - 1) * x / (1 + kBase * x);
    out += weights.first * (x - std::log1p(x)) + weights.second * bend * bend;
  }
  return out;
}

double RobustLower::Bound(double alpha) const {
  if (n_ == 0) return 0;
  const double threshold = std::log(1 / alpha);
  // A bet far below 1/n gains nothing: what is left of the prior counts as not betting.
  std::vector<std::pair<double, double>> bets;  // lambda, ln weight - penalty
  double lambda = kMost / std::sqrt(kSpacing);
  double weight = std::log(kShare) + std::log(kSpacing - 1) - std::log(kSpacing);
  while (bets.size() < 400 && lambda * (n_ + sum_) > 1e-9) {
    bets.emplace_back(lambda, weight - Penalty(lambda));
    lambda /= kSpacing;
    weight -= std::log(kSpacing);
  }
  const auto wealth = [&](double mean) {
    const double gain = sum_ - n_ * mean;
    double most = -std::numeric_limits<double>::infinity();
    for (const auto& [l, rest] : bets) most = std::max(most, l * gain + rest);
    double sum = 0;
    for (const auto& [l, rest] : bets) sum += std::exp(l * gain + rest - most);
    return most + std::log(sum);
  };
  if (wealth(0) <= threshold) return 0;
  if (wealth(1) >= threshold) return 1;
  double lo = 0, hi = 1;
  for (int i = 0; i < 60; ++i) {
    const double mid = (lo + hi) / 2;
    (wealth(mid) > threshold ? lo : hi) = mid;
  }
  return lo;
}

void RobustLower::Save(StateWriter& out) const {
  out.Section("robust_lower", 1);
  for (const double v : {n_, sum_, low_, mid_}) out.F64(v);
  out.U64(large_.size());
  for (const auto& [power, weights] : large_) {
    out.I32(power);
    out.F64(weights.first);
    out.F64(weights.second);
  }
}

Status RobustLower::Load(StateReader& in) {
  in.Section("robust_lower", 1);
  for (double* v : {&n_, &sum_, &low_, &mid_}) *v = in.F64();
  large_.clear();
  for (uint64_t left = in.Count(20); left > 0 && in.ok(); --left) {
    const auto power = static_cast<int32_t>(in.U32());
    auto& weights = large_[power];
    weights.first = in.F64();
    weights.second = in.F64();
  }
  return in.status();
}

void RobustValue::Add(double weight, double reward) {
  const double r = std::clamp(reward, 0.0, 1.0);
  lower_.Add(weight * r);
  upper_.Add(weight * (1 - r));
}

Interval RobustValue::interval(double alpha) const {
  return {lower_.Bound(alpha / 2), 1 - upper_.Bound(alpha / 2)};
}

void RobustValue::Save(StateWriter& out) const {
  lower_.Save(out);
  upper_.Save(out);
}

Status RobustValue::Load(StateReader& in) {
  LEAT_RETURN_IF_ERROR(lower_.Load(in));
  return upper_.Load(in);
}

}  // namespace leat::experiments
