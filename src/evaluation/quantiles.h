/// Quantiles: exact ones of a sample, and what running estimates (base/p2_quantile.h) make of one.
///
/// Sample quantiles interpolate linearly at q (n - 1) (type 7 of Hyndman and Fan 1996). Values that
/// are not finite are ignored. Library only: no setting asks for them. Thread safety: const methods
/// may run concurrently. Determinism: depends on the sequence of Add calls only.
#pragma once

#include <span>

#include "base/p2_quantile.h"
#include "leat/state.h"
#include "leat/status.h"

namespace leat::statistics {

/// The q-quantile of values in ascending order; NaN for none. REQUIRES 0 <= q <= 1.
double SortedQuantile(std::span<const double> ascending, double q);

/// Running distance between two quantiles, by default the quartiles.
class P2Range {
 public:
  explicit P2Range(double lower = 0.25, double upper = 0.75) : lower_(lower), upper_(upper) {}
  void Add(double x) {
    lower_.Learn(x);
    upper_.Learn(x);
  }
  double value() const { return upper_.Get() - lower_.Get(); }
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
  double median() const { return median_.Get(); }
  double value() const { return deviation_.Get(); }
  void Save(StateWriter& out) const;
  Status Load(StateReader& in);

 private:
  P2Quantile median_;
  P2Quantile deviation_;
};

}  // namespace leat::statistics
