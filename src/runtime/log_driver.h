/// Drives a pipeline over a bounded log: records and labels merged by event time, outputs handed on
/// epoch by epoch.
///
/// A label is delivered before the first record whose time is not before it, so the merge depends
/// on the two inputs only. An epoch ends after 4096 records or with 256 KiB of output, whichever
/// comes first (unless the options say otherwise), and when Run ends. Thread safety: none.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "base/time.h"
#include "leat/status.h"
#include "pipeline/pipeline.h"
#include "record/reader.h"
#include "runtime/driver.h"

namespace leat {

struct DriveOptions {
  uint64_t max_records = UINT64_MAX;       ///< Stop after so many more records.
  std::optional<EventTime> from, to;       ///< Records outside [from, to) are passed over.
  uint64_t epoch_records = 4096;           ///< An epoch ends after so many records
  size_t epoch_bytes = size_t{1} << 18;    ///< or with so many bytes of output.
  std::function<bool(uint64_t)> on_batch;  ///< Called with records so far; false stops the run.
  /// Asked at the start of each epoch whether time has gone on without a record, and to when.
  std::function<std::optional<EventTime>()> tick;
};

class LogDriver final : public Driver {
 public:
  /// Reads on from where the readers stand, which is `start`. `labels` may be null. All outlive it.
  LogDriver(Pipeline& pipeline, RecordReader& records, RecordReader* labels, Position start);

  /// Takes records until the input ends (true), `max_records` were taken or `on_batch` says so.
  Result<bool> Run(EpochSink& sink, const DriveOptions& options);
  /// Delivers the labels that are left and tells the pipeline that the input has ended; unless
  /// `before`, the last epoch, said so, and nothing has come since.
  Status Finish(EpochSink& sink, const Epoch* before = nullptr);
  const Position& position() const override { return position_; }
  Status Replay(const Epoch& epoch, EpochSink& sink) override;
  Status Retake(const Epoch& until, EpochSink& sink) override;

 private:
  struct Slot {
    Record record;
    Reject reject;
    ReadOutcome outcome = ReadOutcome::kEnd;
  };
  Result<const Slot*> Next();
  void Prefetch(size_t ahead, FetchStage stage) const;
  Status DeliverLabels(std::optional<EventTime> until);
  Status EndEpoch(EpochSink& sink, bool finished);

  Pipeline& pipeline_;
  RecordReader& records_;
  RecordReader* labels_;
  Position position_;
  Outputs out_;
  uint64_t in_epoch_ = 0;
  std::optional<EventTime> tick_;  ///< Of this epoch.

  std::array<Slot, Ahead::kFar> slots_;
  size_t first_ = 0, filled_ = 0;
  size_t expected_ = 0;  ///< Records whose keys the store was told of.
  Record label_;         ///< Read, and held until its time has come.
  bool label_ready_ = false;
};

}  // namespace leat
