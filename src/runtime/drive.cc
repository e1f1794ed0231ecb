#include "runtime/drive.h"

#include <array>

namespace leat {
namespace {

constexpr size_t kFlushBytes = size_t{1} << 18;
constexpr uint64_t kBatchRecords = 4096;

/// The next label that could be read, held until its time has come.
class LabelFeed {
 public:
  LabelFeed(RecordReader* reader, uint64_t consumed) : reader_(reader), consumed_(consumed) {}

  /// Delivers every label known by `time` (all of them when `time` is empty).
  Status DeliverUntil(std::optional<EventTime> time, Pipeline& pipeline, Outputs& out) {
    while (reader_ != nullptr) {
      if (!ready_) {
        Reject reject;
        LEAT_ASSIGN_OR_RETURN(const ReadOutcome outcome, reader_->Next(label_, reject));
        if (outcome == ReadOutcome::kEnd) {
          reader_ = nullptr;
          break;
        }
        if (outcome == ReadOutcome::kReject) {
          ++consumed_;
          pipeline.StepLabelReject(label_, reject, out);
          continue;
        }
        ready_ = true;
      }
      if (time && label_.time > *time) break;
      ready_ = false;
      ++consumed_;
      pipeline.StepLabel(label_, out);
    }
    return Status::Ok();
  }
  uint64_t consumed() const { return consumed_; }

 private:
  RecordReader* reader_;
  uint64_t consumed_;
  Record label_;
  bool ready_ = false;
};

/// Reads records a few ahead, as long as they are at hand, and has the pipeline fetch the memory
/// that it will need for them.
class ReadAhead {
 public:
  ReadAhead(RecordReader& reader, const Pipeline& pipeline)
      : reader_(reader), pipeline_(pipeline) {}

  struct Slot {
    Record record;
    Reject reject;
    ReadOutcome outcome = ReadOutcome::kEnd;
  };

  /// The next record; it lives until the next call.
  Result<Slot*> Next() {
    if (first_ == filled_) {
      // Nothing read before is alive beyond this.
      Slot& slot = slots_[filled_ % kAhead];
      LEAT_ASSIGN_OR_RETURN(slot.outcome, reader_.Next(slot.record, slot.reject));
      ++filled_;
    }
    // One slot stays free: the record that is being worked on is still in use.
    while (filled_ - first_ < kAhead - 1) {
      Slot& slot = slots_[filled_ % kAhead];
      const auto outcome = reader_.NextAtHand(slot.record, slot.reject);
      if (!outcome) break;
      slot.outcome = *outcome;
      ++filled_;
      if (*outcome == ReadOutcome::kRecord) pipeline_.Prefetch(slot.record, FetchStage::kIndex);
    }
    Prefetch(kBlockAhead, FetchStage::kBlock);
    Prefetch(kEventsAhead, FetchStage::kEvents);
    return &slots_[first_++ % kAhead];
  }

 private:
  /// For the record that comes `ahead` after the next one.
  void Prefetch(size_t ahead, FetchStage stage) const {
    if (filled_ - first_ <= ahead) return;
    const Slot& slot = slots_[(first_ + ahead) % kAhead];
    if (slot.outcome == ReadOutcome::kRecord) pipeline_.Prefetch(slot.record, stage);
  }

  static constexpr size_t kAhead = 8;
  static constexpr size_t kBlockAhead = 4, kEventsAhead = 1;
  RecordReader& reader_;
  const Pipeline& pipeline_;
  std::array<Slot, kAhead> slots_;
  size_t first_ = 0, filled_ = 0;
};

}  // namespace

Result<DriveResult> Drive(Pipeline& pipeline, RecordReader& records, RecordReader* labels,
                          SinkSet& sinks, Position start, const DriveOptions& options) {
  Outputs out;
  ReadAhead ahead(records, pipeline);
  DriveResult result;
  result.position = start;
  LabelFeed feed(labels, start.labels);
  for (uint64_t taken = 0; taken < options.max_records;) {
    LEAT_ASSIGN_OR_RETURN(const ReadAhead::Slot* slot, ahead.Next());
    const Record& record = slot->record;
    if (slot->outcome == ReadOutcome::kEnd) {
      result.at_end = true;
      break;
    }
    ++taken;
    ++result.position.records;
    if (slot->outcome == ReadOutcome::kReject) {
      pipeline.StepReject(record, slot->reject, out);
    } else if ((!options.from || record.time >= *options.from) &&
               (!options.to || record.time < *options.to)) {
      LEAT_RETURN_IF_ERROR(feed.DeliverUntil(record.time, pipeline, out));
      pipeline.Step(record, out);
    }
    if (out.size() >= kFlushBytes) {
      LEAT_RETURN_IF_ERROR(sinks.Write(out));
      out.clear();
    }
    if (taken % kBatchRecords == 0 && options.on_batch &&
        !options.on_batch(result.position.records)) {
      break;
    }
  }
  if (result.at_end) {
    LEAT_RETURN_IF_ERROR(feed.DeliverUntil(std::nullopt, pipeline, out));
    pipeline.Finish(out);
  }
  result.position.labels = feed.consumed();
  LEAT_RETURN_IF_ERROR(sinks.Write(out));
  return result;
}

}  // namespace leat
