#include "evaluation/moments.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>

namespace leat::statistics {
namespace {

void SaveAll(StateWriter& out, std::initializer_list<double> values) {
  for (const double v : values) out.F64(v);
}

/// Reads numbers that must be finite.
void LoadAll(StateReader& in, std::initializer_list<double*> values) {
  for (double* v : values) {
    *v = in.F64();
    if (!std::isfinite(*v)) in.Fail("a statistic whose state is not finite");
  }
}

}  // namespace

void Moments::Add(double x, double weight) {
  if (!std::isfinite(x) || !(weight > 0) || !std::isfinite(weight)) return;
  if (weight_ == 0) {
    min_ = max_ = x;
  } else {
    min_ = std::min(min_, x);
    max_ = std::max(max_, x);
  }
  // Merging a sample of `weight` equal values into one of `before` values.
  const double before = weight_;
  weight_ += weight;
  const double delta = x - mean_;
  const double share = delta / weight_;
  const double term = delta * share * before * weight;
  m4_ += term * share * share * (before * before - before * weight + weight * weight) +
         6 * share * share * weight * weight * m2_ - 4 * share * weight * m3_;
  m3_ += term * share * (before - weight) - 3 * share * weight * m2_;
  m2_ += term;
  mean_ += share * weight;
}

double Moments::variance(double ddof) const { return weight_ > ddof ? m2_ / (weight_ - ddof) : 0; }

double Moments::sem(double ddof) const {
  return weight_ > 0 ? std::sqrt(variance(ddof) / weight_) : 0;
}

double Moments::skewness(bool bias) const {
  if (!(m2_ > 0)) return 0;
  const double n = weight_;
  const double g = std::sqrt(n) * m3_ / std::pow(m2_, 1.5);
  return !bias && n > 2 ? std::sqrt(n * (n - 1)) / (n - 2) * g : g;
}

double Moments::kurtosis(bool bias) const {
  if (!(m2_ > 0)) return -3;
  const double n = weight_;
  const double g = n * m4_ / (m2_ * m2_) - 3;
  return !bias && n > 3 ? (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * g + 6) : g;
}

void Moments::Save(StateWriter& out) const {
  out.Section("moments", 1);
  SaveAll(out, {weight_, mean_, m2_, m3_, m4_, min_, max_});
}

Status Moments::Load(StateReader& in) {
  in.Section("moments", 1);
  LoadAll(in, {&weight_, &mean_, &m2_, &m3_, &m4_, &min_, &max_});
  return in.status();
}

void EwMoments::Add(double x) {
  if (!std::isfinite(x)) return;
  if (!started_) {
    started_ = true;
    mean_ = x;
    return;
  }
  const double delta = x - mean_;
  mean_ += fading_ * delta;
  variance_ = (1 - fading_) * (variance_ + fading_ * delta * delta);
}

void EwMoments::Save(StateWriter& out) const {
  out.Section("ew moments", 1);
  out.Bool(started_);
  SaveAll(out, {mean_, variance_});
}

Status EwMoments::Load(StateReader& in) {
  in.Section("ew moments", 1);
  started_ = in.Bool();
  LoadAll(in, {&mean_, &variance_});
  return in.status();
}

void Comoments::Add(double x, double y) {
  if (!std::isfinite(x) || !std::isfinite(y)) return;
  count_ += 1;
  const double dx = x - mean_x_;
  const double dy = y - mean_y_;
  mean_x_ += dx / count_;
  mean_y_ += dy / count_;
  m2_x_ += dx * (x - mean_x_);
  m2_y_ += dy * (y - mean_y_);
  c_ += dx * (y - mean_y_);
}

double Comoments::covariance(double ddof) const { return count_ > ddof ? c_ / (count_ - ddof) : 0; }

double Comoments::correlation() const {
  const double scale = std::sqrt(m2_x_) * std::sqrt(m2_y_);
  return scale > 0 ? c_ / scale : 0;
}

void Comoments::Save(StateWriter& out) const {
  out.Section("comoments", 1);
  SaveAll(out, {count_, mean_x_, mean_y_, m2_x_, m2_y_, c_});
}

Status Comoments::Load(StateReader& in) {
  in.Section("comoments", 1);
  LoadAll(in, {&count_, &mean_x_, &mean_y_, &m2_x_, &m2_y_, &c_});
  return in.status();
}

void EwCovariance::Add(double x, double y) {
  if (!std::isfinite(x) || !std::isfinite(y)) return;
  if (!started_) {
    started_ = true;
    mean_x_ = x;
    mean_y_ = y;
    return;
  }
  const double dx = x - mean_x_;
  const double dy = y - mean_y_;
  mean_x_ += fading_ * dx;
  mean_y_ += fading_ * dy;
  covariance_ = (1 - fading_) * (covariance_ + fading_ * dx * dy);
}

void EwCovariance::Save(StateWriter& out) const {
  out.Section("ew covariance", 1);
  out.Bool(started_);
  SaveAll(out, {mean_x_, mean_y_, covariance_});
}

Status EwCovariance::Load(StateReader& in) {
  in.Section("ew covariance", 1);
  started_ = in.Bool();
  LoadAll(in, {&mean_x_, &mean_y_, &covariance_});
  return in.status();
}

void Autocorrelation::Add(double x) {
  if (!std::isfinite(x)) return;
  double& slot = past_[seen_ % past_.size()];
  if (seen_ >= past_.size()) pairs_.Add(x, slot);
  slot = x;
  ++seen_;
}

void Autocorrelation::Save(StateWriter& out) const {
  out.Section("autocorrelation", 1);
  out.U64(seen_);
  out.Array(past_);
  pairs_.Save(out);
}

Status Autocorrelation::Load(StateReader& in) {
  const size_t lag = past_.size();
  in.Section("autocorrelation", 1);
  seen_ = in.U64();
  in.Array(past_);
  if (past_.size() != lag) {
    in.Fail("an autocorrelation of another lag");
    past_.assign(lag, 0);
  }
  return pairs_.Load(in);
}

}  // namespace leat::statistics
