#include "evaluation/quantiles.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace leat::statistics {

double SortedQuantile(std::span<const double> ascending, double q) {
  if (ascending.empty()) return std::numeric_limits<double>::quiet_NaN();
  const double place = q * static_cast<double>(ascending.size() - 1);
  const size_t below = std::min(static_cast<size_t>(place), ascending.size() - 1);
  const double part = place - static_cast<double>(below);
  if (part == 0 || below + 1 == ascending.size()) return ascending[below];
  return ascending[below] + part * (ascending[below + 1] - ascending[below]);
}

P2Quantile::P2Quantile(double q) : q_(q) {}

void P2Quantile::Add(double x) {
  if (!std::isfinite(x)) return;
  if (count_ < 5) {
    const auto end = heights_.begin() + static_cast<std::ptrdiff_t>(count_);
    const auto place = std::upper_bound(heights_.begin(), end, x);
    std::copy_backward(place, end, end + 1);
    *place = x;
    if (++count_ == 5) {
      positions_ = {1, 2, 3, 4, 5};
      desired_ = {1, 1 + 2 * q_, 1 + 4 * q_, 3 + 2 * q_, 5};
    }
    return;
  }
  ++count_;
  // Box B.1: the cell of x; the ends follow the extremes.
  size_t cell = 3;
  if (x < heights_[0]) {
    heights_[0] = x;
    cell = 0;
  } else if (x >= heights_[4]) {
    heights_[4] = x;
  } else {
    cell = 0;
    while (x >= heights_[cell + 1]) ++cell;
  }
  // Box B.2: markers to the right move by one, desired places by their share.
  for (size_t i = cell + 1; i < 5; ++i) positions_[i] += 1;
  const std::array<double, 5> increments = {0, q_ / 2, q_, (1 + q_) / 2, 1};
  for (size_t i = 0; i < 5; ++i) desired_[i] += increments[i];
  // Box B.3: middle markers that are off by one or more move by one, along a parabola where that
  // keeps the heights in order, along a line otherwise.
  for (size_t i = 1; i < 4; ++i) {
    const double off = desired_[i] - positions_[i];
    const double right = positions_[i + 1] - positions_[i];
    const double left = positions_[i - 1] - positions_[i];
    if (!((off >= 1 && right > 1) || (off <= -1 && left < -1))) continue;
    const double step = off > 0 ? 1 : -1;
    const double up = (heights_[i + 1] - heights_[i]) / right;
    const double down = (heights_[i - 1] - heights_[i]) / left;
    const double parabolic =
        heights_[i] + step / (right - left) * ((step - left) * up + (right - step) * down);
    if (heights_[i - 1] < parabolic && parabolic < heights_[i + 1]) {
      heights_[i] = parabolic;
    } else {
      heights_[i] += step * (step > 0 ? up : down);
    }
    positions_[i] += step;
  }
}

double P2Quantile::value() const {
  if (count_ == 0) return 0;
  if (count_ <= 5) return SortedQuantile({heights_.data(), static_cast<size_t>(count_)}, q_);
  return heights_[2];
}

void P2Quantile::Save(StateWriter& out) const {
  out.Section("p2 quantile", 1);
  out.U64(count_);
  for (size_t i = 0; i < 5; ++i) {
    out.F64(heights_[i]);
    out.F64(positions_[i]);
    out.F64(desired_[i]);
  }
}

Status P2Quantile::Load(StateReader& in) {
  in.Section("p2 quantile", 1);
  count_ = in.U64();
  for (size_t i = 0; i < 5; ++i) {
    heights_[i] = in.F64();
    positions_[i] = in.F64();
    desired_[i] = in.F64();
    if (!std::isfinite(heights_[i]) || !std::isfinite(positions_[i]) ||
        !std::isfinite(desired_[i])) {
      in.Fail("a quantile whose markers are not finite");
    }
  }
  return in.status();
}

void P2Range::Save(StateWriter& out) const {
  lower_.Save(out);
  upper_.Save(out);
}

Status P2Range::Load(StateReader& in) {
  LEAT_RETURN_IF_ERROR(lower_.Load(in));
  return upper_.Load(in);
}

void MedianAbsoluteDeviation::Add(double x) {
  if (!std::isfinite(x)) return;
  median_.Add(x);
  deviation_.Add(std::abs(x - median_.value()));
}

void MedianAbsoluteDeviation::Save(StateWriter& out) const {
  median_.Save(out);
  deviation_.Save(out);
}

Status MedianAbsoluteDeviation::Load(StateReader& in) {
  LEAT_RETURN_IF_ERROR(median_.Load(in));
  return deviation_.Load(in);
}

}  // namespace leat::statistics
