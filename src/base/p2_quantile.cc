#include "base/p2_quantile.h"

#include <algorithm>
#include <cmath>

namespace leat {

void P2Quantile::Learn(double x) {
  if (!std::isfinite(x)) return;
  if (n_ < 5) {
    heights_[n_++] = x;
    std::sort(heights_.begin(), heights_.begin() + static_cast<ptrdiff_t>(n_));
    if (n_ == 5) desired_ = {1, 1 + 2 * q_, 1 + 4 * q_, 3 + 2 * q_, 5};
    return;
  }
  ++n_;
  size_t cell = 0;
  if (x < heights_[0]) {
    heights_[0] = x;
  } else if (x >= heights_[4]) {
    heights_[4] = x;
    cell = 3;
  } else {
    while (x >= heights_[cell + 1]) ++cell;
  }
  for (size_t i = cell + 1; i < 5; ++i) positions_[i] += 1;
  const std::array<double, 5> step = {0, q_ / 2, q_, (1 + q_) / 2, 1};
  for (size_t i = 0; i < 5; ++i) desired_[i] += step[i];

  for (size_t i = 1; i < 4; ++i) {
    const double gap = desired_[i] - positions_[i];
    const double above = positions_[i + 1] - positions_[i];
    const double below = positions_[i - 1] - positions_[i];
    if (!((gap >= 1 && above > 1) || (gap <= -1 && below < -1))) continue;
    const double d = gap > 0 ? 1 : -1;
    const double up = (heights_[i + 1] - heights_[i]) / above;
    const double down = (heights_[i] - heights_[i - 1]) / -below;
    const double parabolic =
        heights_[i] + d / (above - below) * ((d - below) * up + (above - d) * down);
    if (heights_[i - 1] < parabolic && parabolic < heights_[i + 1]) {
      heights_[i] = parabolic;
    } else {
      const size_t j = gap > 0 ? i + 1 : i - 1;
      heights_[i] += d * (heights_[j] - heights_[i]) / (positions_[j] - positions_[i]);
    }
    positions_[i] += d;
  }
}

double P2Quantile::Get() const {
  if (n_ == 0) return 0;
  if (n_ >= 5) return heights_[2];
  return heights_[static_cast<size_t>(
      std::min(static_cast<double>(n_) * q_, static_cast<double>(n_ - 1)))];
}

void P2Quantile::Save(StateWriter& out) const {
  out.U64(n_);
  for (double x : heights_) out.F64(x);
  for (double x : positions_) out.F64(x);
  for (double x : desired_) out.F64(x);
}

void P2Quantile::Load(StateReader& in) {
  n_ = in.U64();
  for (double& x : heights_) x = in.F64();
  for (double& x : positions_) x = in.F64();
  for (double& x : desired_) x = in.F64();
}

}  // namespace leat
