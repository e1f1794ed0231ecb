/// What every drift detector is: feed it numbers in order, ask what it concluded from the last one.
///
/// Cost, ranges and sources are stated with each detector's options. Determinism: state depends on
/// the sequence of Update calls only. Thread safety: none for Update.
#pragma once

#include <cstddef>
#include <memory>

#include "leat/state.h"
#include "leat/status.h"

namespace leat {

enum class DriftState { kStable, kWarning, kDrift };

class DriftDetector {
 public:
  virtual ~DriftDetector() = default;

  /// Feeds one value (0/1 error, loss, or any number) and returns what holds after it. After kDrift
  /// the detector starts again by itself as its definition says.
  virtual DriftState Update(double value) = 0;

  /// The statistic that was compared, its threshold, and the means on both sides of the last
  /// detection or of the present window (NaN where a detector has no such notion).
  struct Evidence {
    double statistic;
    double threshold;
    double mean_before;
    double mean_after;
  };
  virtual Evidence evidence() const = 0;

  virtual void Reset() = 0;
  virtual void Save(StateWriter& out) const = 0;
  virtual Status Load(StateReader& in) = 0;
  virtual std::unique_ptr<DriftDetector> Fresh() const = 0;
  virtual size_t MemoryBytes() const = 0;
};

}  // namespace leat
