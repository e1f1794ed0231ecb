#include "features/bins.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace leat::features {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

}  // namespace

QuantileBins::QuantileBins(int64_t bins, int64_t tail_bins, int64_t warmup)
    : bins_(static_cast<uint32_t>(bins)),
      tail_(static_cast<uint32_t>(tail_bins)),
      warmup_(static_cast<uint64_t>(warmup)) {
  edges_.assign(std::max(kTogether, std::bit_ceil(size_t{bins_} + tail_)), kInfinity);
}

void QuantileBins::Collect(double x) {
  if (!std::isfinite(x)) return;
  values_.push_back(x);
  const uint64_t n = values_.size();
  if (n == warmup_) {
    Fit();
    fitted_ = true;
    values_ = {};
  } else if (n == 500 || n == 1000 || n == 2000 || n == 5000) {
    Fit();
  }
}

void QuantileBins::Fit() {
  std::vector<double> sorted = values_;
  std::sort(sorted.begin(), sorted.end());
  const double n = static_cast<double>(sorted.size());
  size_t used = 0;
  const auto add = [&](double q) {
    // The small amount taken off keeps n q = k from becoming k + 1 by rounding.
    const double rank = std::ceil(n * q - 1e-9);
    const double edge = sorted[static_cast<size_t>(std::clamp(rank, 1.0, n)) - 1];
    // Nothing lies above the maximum: such an edge would only make an empty bin.
    if (edge < sorted.back() && (used == 0 || edge > edges_[used - 1])) edges_[used++] = edge;
  };
  for (uint32_t i = 1; i < bins_; ++i) add(static_cast<double>(i) / bins_);
  for (uint32_t j = 1; j <= tail_; ++j) add(1 - std::ldexp(1.0 / bins_, -static_cast<int>(j)));
  std::fill(edges_.begin() + static_cast<ptrdiff_t>(used), edges_.end(), kInfinity);
}

double QuantileBins::Low(uint32_t bin) const {
  return bin == 0 ? -kInfinity : bin <= edges_.size() ? edges_[bin - 1] : kInfinity;
}
double QuantileBins::High(uint32_t bin) const {
  return bin < edges_.size() ? edges_[bin] : kInfinity;
}

void QuantileBins::Save(StateWriter& out) const {
  out.Bool(fitted_);
  out.Array(edges_);
  out.Array(values_);
}

void QuantileBins::Load(StateReader& in) {
  const size_t size = edges_.size();
  fitted_ = in.Bool();
  in.Array(edges_);
  in.Array(values_);
  if (edges_.size() != size || values_.size() >= warmup_ ||
      !std::is_sorted(edges_.begin(), edges_.end())) {
    in.Fail("stored bins do not fit");
    edges_.assign(size, kInfinity);
    values_.clear();
  }
}

}  // namespace leat::features
