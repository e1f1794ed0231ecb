#include "runtime/drive.h"

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

}  // namespace

Result<DriveResult> Drive(Pipeline& pipeline, RecordReader& records, RecordReader* labels,
                          SinkSet& sinks, Position start, const DriveOptions& options) {
  Outputs out;
  Record record;
  Reject reject;
  DriveResult result;
  result.position = start;
  LabelFeed feed(labels, start.labels);
  for (uint64_t taken = 0; taken < options.max_records;) {
    LEAT_ASSIGN_OR_RETURN(const ReadOutcome outcome, records.Next(record, reject));
    if (outcome == ReadOutcome::kEnd) {
      result.at_end = true;
      break;
    }
    ++taken;
    ++result.position.records;
    if (outcome == ReadOutcome::kReject) {
      pipeline.StepReject(record, reject, out);
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
