/// Drives a pipeline over a bounded log: records and labels merged by event time, outputs written out.
///
/// A label is delivered before the first record whose time is not before it, so the merge depends on
/// the two inputs only. Thread safety: none.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"
#include "leat/status.h"
#include "pipeline/pipeline.h"
#include "record/reader.h"

namespace leat {

/// Where outputs go: the four sinks of a pipeline. Implemented over connectors.
class SinkSet {
 public:
  virtual ~SinkSet() = default;
  /// Writes out everything in `outputs`, in order.
  virtual Status Write(const Outputs& outputs) = 0;
};

/// How far a run has come in its inputs: counts of records consumed, rejected ones included.
struct Position {
  uint64_t records = 0;
  uint64_t labels = 0;
};

struct DriveOptions {
  uint64_t max_records = UINT64_MAX;        ///< Stop after so many more records.
  std::optional<EventTime> from, to;        ///< Records outside [from, to) are passed over.
  std::function<bool(uint64_t)> on_batch;   ///< Called with records so far; false stops the run.
};

struct DriveResult {
  Position position;
  bool at_end = false;  ///< The input is exhausted (and Finish was called).
};

/// Reads on from where the readers stand. `labels` may be null. `start` is the position they have
/// been skipped to.
Result<DriveResult> Drive(Pipeline& pipeline, RecordReader& records, RecordReader* labels,
                          SinkSet& sinks, Position start, const DriveOptions& options);

}  // namespace leat
