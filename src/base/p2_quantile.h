/// A running estimate of one quantile from five markers: P-square, Jain and Chlamtac, CACM 28(10),
/// 1985, box 1. With fewer than five values: the value at index floor(n q) of those seen, sorted; 0
/// with none. Values that are not finite are ignored. Cost: O(1). Thread safety: none.
#pragma once

#include <array>
#include <cstdint>

#include "leat/state.h"

namespace leat {

class P2Quantile {
 public:
  explicit P2Quantile(double q = 0.5) : q_(q) {}
  void Learn(double x);
  double Get() const;
  uint64_t count() const { return n_; }

  void Save(StateWriter& out) const;
  void Load(StateReader& in);

 private:
  double q_;
  uint64_t n_ = 0;
  std::array<double, 5> heights_{};
  std::array<double, 5> positions_{1, 2, 3, 4, 5};
  std::array<double, 5> desired_{};
};

}  // namespace leat
