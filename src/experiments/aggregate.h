/// Exact sums over the units of an arm, and what tests make of them.
///
/// Values are fixed point, 1e-6, and sums have 128 bits: the same whatever the order in which units
/// come, and a unit that is taken out again leaves nothing behind. A unit's total is kept within
/// +-1e9, so that the squares of 10^8 units fit. Cost: O(1) a unit. Thread safety: none.
/// Determinism: independent of order. Errors: none.
#pragma once

#include <array>
#include <cstdint>
#include <map>

#include "experiments/effect.h"
#include "leat/state.h"
#include "leat/status.h"

namespace leat::experiments {

inline constexpr int64_t kFixedOne = 1'000'000;
inline constexpr int64_t kFixedMost = 1'000'000'000 * kFixedOne;
/// The nearest fixed-point number, within +-1e9; not a number: 0.
int64_t ToFixed(double value);

__extension__ using Int128 = __int128;

/// What a unit contributes to a metric: numerator, denominator, and both from before exposure.
struct Contribution {
  int64_t y = 0, d = 0, x = 0, w = 0;
  friend bool operator==(const Contribution&, const Contribution&) = default;
};

class Aggregate {
 public:
  /// `sign` is 1 to add and -1 to take out what was added.
  void Add(const Contribution& c, int sign = 1);
  void Merge(const Aggregate& other);

  int64_t n() const { return n_; }
  MeanSums Mean() const;
  CupedSums CupedMean() const;
  RatioSums Ratio() const;
  CupedRatioSums CupedOfRatio() const;

  void Save(StateWriter& out) const;
  void Load(StateReader& in);
  friend bool operator==(const Aggregate&, const Aggregate&) = default;

 private:
  enum Sum { kY, kD, kX, kW, kYY, kDD, kXX, kWW, kYD, kYX, kYW, kDX, kDW, kXW, kSums };
  double One(Sum sum) const { return static_cast<double>(sums_[sum]) * 1e-6; }
  double Two(Sum sum) const { return static_cast<double>(sums_[sum]) * 1e-12; }

  int64_t n_ = 0;
  std::array<Int128, kSums> sums_{};
};

/// Units by the size of their total, in buckets of a 64th of a power of two: quantiles within 0.8 %
/// and means under a cap at any bucket's edge, without another look at the units.
class UnitHistogram {
 public:
  void Add(int64_t y, int sign = 1);
  int64_t n() const { return n_; }
  /// The bucket (its middle) at which the share q of units is reached; 0 without units.
  double Quantile(double q) const;
  /// A quantile with the normal interval of its rank, level 0.95.
  QuantileArm QuantileWithInterval(double q) const;
  /// Sums with every total above `cap`, the upper edge of a bucket, set to it.
  MeanSums CappedAt(double cap) const;
  /// The upper edge of the bucket of the q-quantile.
  double UpperEdge(double q) const;
  void Merge(const UnitHistogram& other);
  void Save(StateWriter& out) const;
  void Load(StateReader& in);
  friend bool operator==(const UnitHistogram&, const UnitHistogram&) = default;

 private:
  struct Bucket {
    int64_t n = 0;
    Int128 sum = 0, squares = 0;
    friend bool operator==(const Bucket&, const Bucket&) = default;
  };
  std::map<int32_t, Bucket>::const_iterator At(double q) const;

  int64_t n_ = 0;
  std::map<int32_t, Bucket> buckets_;
};

}  // namespace leat::experiments
