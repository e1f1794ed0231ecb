/// Points whose coordinates may be missing (NaN, infinite, or beyond 1e100 in size), and how far
/// they are from each other. Pure functions; the order of sums is fixed.
#pragma once

#include <cmath>
#include <cstddef>

namespace leat::points {

inline constexpr double kLargestValue = 1e100;
/// False for NaN.
inline bool Usable(double x) { return std::fabs(x) <= kLargestValue; }

/// The squared distance over the coordinates that both have, scaled up to all; 0 if there are none.
inline double SquaredDistance(const double* a, const double* b, size_t size) {
  double sum = 0;
  size_t present = 0;
  for (size_t i = 0; i < size; ++i) {
    const double difference = a[i] - b[i];
    if (!Usable(a[i]) || !Usable(b[i])) continue;
    sum += difference * difference;
    ++present;
  }
  if (present == size || present == 0) return sum;
  return sum * (static_cast<double>(size) / static_cast<double>(present));
}

}  // namespace leat::points
