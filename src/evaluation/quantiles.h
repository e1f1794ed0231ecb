/// Quantiles: exact ones of a sample, and running estimates in constant memory.
///
/// Sources: P2 is Jain and Chlamtac, The P-Square Algorithm, CACM 28(10), 1985. Sample quantiles
/// interpolate linearly at q (n - 1) (type 7 of Hyndman and Fan 1996). Values that are not finite
/// are ignored. Thread safety: const methods may run concurrently. Determinism: depends on the
/// sequence of Add calls only.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "leat/state.h"
#include "leat/status.h"

namespace leat::statistics {

/// The q-quantile of values in ascending order; NaN for none. REQUIRES 0 <= q <= 1.
double SortedQuantile(std::span<const double> ascending, double q);

/// Running estimate of one quantile: five markers, O(1) an update. Exact up to five values.
class P2Quantile {
 public:
  /// REQUIRES 0 < q < 1.
  explicit P2Quantile(double q);
  void Add(double x);
  uint64_t count() const { return count_; }
  double value() const;  ///< 0 before the first value.
  void Save(StateWriter& out) const;
  Status Load(StateReader& in);

 private:
  double q_;
  uint64_t count_ = 0;
  std::array<double, 5> heights_{};
  std::array<double, 5> positions_{};  ///< Of the markers, counted from 1.
  std::array<double, 5> desired_{};
};

/// Running distance between two quantiles, by default the quartiles.
class P2Range {
 public:
  explicit P2Range(double lower = 0.25, double upper = 0.75) : lower_(lower), upper_(upper) {}
  void Add(double x) {
    lower_.Add(x);
    upper_.Add(x);
  }
  double value() const { return upper_.value() - lower_.value(); }
  void Save(StateWriter& out) const;
  Status Load(StateReader& in);

 private:
  P2Quantile lower_;
  P2Quantile upper_;
};

/// Running median of absolute deviations from the running median. Deviations are taken from the
/// median as it is when the value arrives, so early ones are less exact than later ones.
class MedianAbsoluteDeviation {
 public:
  MedianAbsoluteDeviation() : median_(0.5), deviation_(0.5) {}
  void Add(double x);
  double median() const { return median_.value(); }
  double value() const { return deviation_.value(); }
  void Save(StateWriter& out) const;
  Status Load(StateReader& in);

 private:
  P2Quantile median_;
  P2Quantile deviation_;
};

}  // namespace leat::statistics
