#include "evaluation/rolling.h"

#include <algorithm>
#include <cmath>

#include "evaluation/quantiles.h"

namespace leat::statistics {
namespace {

double LoadFinite(StateReader& in) {
  const double v = in.F64();
  if (!std::isfinite(v)) in.Fail("a rolling statistic whose state is not finite");
  return v;
}

}  // namespace

void Ring::Save(StateWriter& out) const {
  out.U64(size_);
  for (size_t i = 0; i < size_; ++i) out.F64((*this)[i]);
}

void Ring::Load(StateReader& in) {
  const uint64_t size = in.Count(sizeof(double));
  first_ = size_ = 0;
  if (size > items_.size()) {
    in.Fail("a window longer than the one configured");
    return;
  }
  for (uint64_t i = 0; i < size && in.ok(); ++i) Push(LoadFinite(in));
}

void RollingMoments::Add(double x) {
  if (!std::isfinite(x)) return;
  if (ring_.full()) {
    const double n = static_cast<double>(ring_.size());
    const double old = ring_.Pop();
    if (n > 1) {
      const double mean = mean_ - (old - mean_) / (n - 1);
      m2_ -= (old - mean_) * (old - mean);
      mean_ = mean;
    } else {
      mean_ = m2_ = 0;
    }
  }
  ring_.Push(x);
  if (++since_fresh_ >= ring_.window()) {
    since_fresh_ = 0;
    const size_t n = ring_.size();
    double sum = 0;
    for (size_t i = 0; i < n; ++i) sum += ring_[i] - x;  // Shifted, so that large means cancel.
    mean_ = x + sum / static_cast<double>(n);
    m2_ = 0;
    for (size_t i = 0; i < n; ++i) m2_ += (ring_[i] - mean_) * (ring_[i] - mean_);
    return;
  }
  const double delta = x - mean_;
  mean_ += delta / static_cast<double>(ring_.size());
  m2_ += delta * (x - mean_);
}

double RollingMoments::variance(double ddof) const {
  const double n = static_cast<double>(ring_.size());
  return n > ddof ? std::max(0.0, m2_) / (n - ddof) : 0;
}

void RollingMoments::Save(StateWriter& out) const {
  out.Section("rolling moments", 1);
  ring_.Save(out);
  out.F64(mean_);
  out.F64(m2_);
  out.U64(since_fresh_);
}

Status RollingMoments::Load(StateReader& in) {
  in.Section("rolling moments", 1);
  ring_.Load(in);
  mean_ = LoadFinite(in);
  m2_ = LoadFinite(in);
  since_fresh_ = in.U64();
  return in.status();
}

void RollingComoments::Include(double x, double y, double n) {
  const double dx = x - mean_x_;
  const double dy = y - mean_y_;
  mean_x_ += dx / n;
  mean_y_ += dy / n;
  m2_x_ += dx * (x - mean_x_);
  m2_y_ += dy * (y - mean_y_);
  c_ += dx * (y - mean_y_);
}

void RollingComoments::Add(double x, double y) {
  if (!std::isfinite(x) || !std::isfinite(y)) return;
  if (x_.full()) {
    const double n = static_cast<double>(x_.size());
    const double old_x = x_.Pop();
    const double old_y = y_.Pop();
    if (n > 1) {
      const double mean_x = mean_x_ - (old_x - mean_x_) / (n - 1);
      const double mean_y = mean_y_ - (old_y - mean_y_) / (n - 1);
      m2_x_ -= (old_x - mean_x_) * (old_x - mean_x);
      m2_y_ -= (old_y - mean_y_) * (old_y - mean_y);
      c_ -= (old_x - mean_x) * (old_y - mean_y_);
      mean_x_ = mean_x;
      mean_y_ = mean_y;
    } else {
      mean_x_ = mean_y_ = m2_x_ = m2_y_ = c_ = 0;
    }
  }
  x_.Push(x);
  y_.Push(y);
  if (++since_fresh_ >= x_.window()) {
    since_fresh_ = 0;
    mean_x_ = mean_y_ = m2_x_ = m2_y_ = c_ = 0;
    for (size_t i = 0; i < x_.size(); ++i) Include(x_[i], y_[i], static_cast<double>(i + 1));
    return;
  }
  Include(x, y, static_cast<double>(x_.size()));
}

double RollingComoments::covariance(double ddof) const {
  const double n = static_cast<double>(x_.size());
  return n > ddof ? c_ / (n - ddof) : 0;
}

double RollingComoments::correlation() const {
  if (!(m2_x_ > 0) || !(m2_y_ > 0)) return 0;
  return std::clamp(c_ / (std::sqrt(m2_x_) * std::sqrt(m2_y_)), -1.0, 1.0);
}

void RollingComoments::Save(StateWriter& out) const {
  out.Section("rolling comoments", 1);
  x_.Save(out);
  y_.Save(out);
  for (const double v : {mean_x_, mean_y_, m2_x_, m2_y_, c_}) out.F64(v);
  out.U64(since_fresh_);
}

Status RollingComoments::Load(StateReader& in) {
  in.Section("rolling comoments", 1);
  x_.Load(in);
  y_.Load(in);
  for (double* v : {&mean_x_, &mean_y_, &m2_x_, &m2_y_, &c_}) *v = LoadFinite(in);
  since_fresh_ = in.U64();
  if (x_.size() != y_.size()) in.Fail("pairs with a half missing");
  return in.status();
}

RollingQuantile::RollingQuantile(size_t window) : ring_(window) { ascending_.reserve(window); }

void RollingQuantile::Add(double x) {
  if (!std::isfinite(x)) return;
  x += 0.0;  // Negative zero becomes zero: the two compare equal, so their order would be chance.
  if (ring_.full()) {
    const double old = ring_.Pop();
    ascending_.erase(std::lower_bound(ascending_.begin(), ascending_.end(), old));
  }
  ring_.Push(x);
  ascending_.insert(std::upper_bound(ascending_.begin(), ascending_.end(), x), x);
}

double RollingQuantile::value(double q) const {
  return ascending_.empty() ? 0 : SortedQuantile(ascending_, q);
}

void RollingQuantile::Save(StateWriter& out) const {
  out.Section("rolling quantile", 1);
  ring_.Save(out);
}

Status RollingQuantile::Load(StateReader& in) {
  in.Section("rolling quantile", 1);
  ring_.Load(in);
  ascending_.clear();
  for (size_t i = 0; i < ring_.size(); ++i) ascending_.push_back(ring_[i]);
  std::sort(ascending_.begin(), ascending_.end());
  return in.status();
}

template <typename Beats>
void RollingExtremes::Enter(Queue& queue, double x, Beats beats) {
  if (queue.size > 0 && queue.Front().index + window_ <= next_) {
    if (++queue.first == queue.entries.size()) queue.first = 0;
    --queue.size;
  }
  while (queue.size > 0 && !beats(queue.At(queue.size - 1).value, x)) --queue.size;
  queue.At(queue.size++) = {next_, x};
}

void RollingExtremes::Add(double x) {
  if (!std::isfinite(x)) return;
  Enter(low_, x, [](double a, double b) { return a < b; });
  Enter(high_, x, [](double a, double b) { return a > b; });
  ++next_;
}

void RollingExtremes::Save(StateWriter& out) const {
  out.Section("rolling extremes", 1);
  out.U64(next_);
  for (const Queue* queue : {&low_, &high_}) {
    out.U64(queue->size);
    for (size_t i = 0; i < queue->size; ++i) {
      out.U64(queue->At(i).index);
      out.F64(queue->At(i).value);
    }
  }
}

Status RollingExtremes::Load(StateReader& in) {
  in.Section("rolling extremes", 1);
  next_ = in.U64();
  for (Queue* queue : {&low_, &high_}) {
    const uint64_t size = in.Count(sizeof(Entry));
    if (size > window_) in.Fail("a window longer than the one configured");
    queue->first = queue->size = 0;
    for (uint64_t i = 0; i < size && in.ok(); ++i) {
      const uint64_t index = in.U64();
      queue->At(queue->size++) = {index, LoadFinite(in)};
    }
  }
  return in.status();
}

}  // namespace leat::statistics
