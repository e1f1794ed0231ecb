#include "runtime/log_driver.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace leat {

LogDriver::LogDriver(Pipeline& pipeline, RecordReader& records, RecordReader* labels,
                     Position start)
    : pipeline_(pipeline), records_(records), labels_(labels), position_(start) {}

/// Fetches memory for the record that comes `ahead` after the next one.
void LogDriver::Prefetch(size_t ahead, FetchStage stage) const {
  if (filled_ - first_ <= ahead) return;
  const Slot& slot = slots_[(first_ + ahead) % slots_.size()];
  if (slot.outcome == ReadOutcome::kRecord) pipeline_.Prefetch(slot.record, stage);
}

/// The next record; it lives until the next call. Reads on as long as records are at hand, and has
/// the pipeline fetch the memory that it will need for them.
Result<const LogDriver::Slot*> LogDriver::Next() {
  if (first_ == filled_) {
    Slot& slot = slots_[filled_ % slots_.size()];
    LEAT_ASSIGN_OR_RETURN(slot.outcome, records_.Next(slot.record, slot.reject));
    ++filled_;
  }
  // One slot stays free: the record that is being worked on is still in use.
  const bool far = pipeline_.has_cold_keys();
  while (filled_ - first_ < (far ? Ahead::kFar : Ahead::kNear) - 1) {
    Slot& slot = slots_[filled_ % slots_.size()];
    const auto outcome = records_.NextAtHand(slot.record, slot.reject);
    if (!outcome) break;
    slot.outcome = *outcome;
    ++filled_;
    if (*outcome == ReadOutcome::kRecord) pipeline_.Prefetch(slot.record, FetchStage::kIndex);
  }
  if (far) {
    expected_ = std::max(expected_, first_);
    for (; expected_ + Ahead::kIndexed < filled_; ++expected_) {
      Prefetch(expected_ - first_, FetchStage::kStore);
    }
  }
  Prefetch(Ahead::kBlock, FetchStage::kBlock);
  Prefetch(Ahead::kEvents, FetchStage::kEvents);
  return &slots_[first_++ % slots_.size()];
}

/// Delivers every label known by `until` (all of them when empty).
Status LogDriver::DeliverLabels(std::optional<EventTime> until) {
  while (labels_ != nullptr) {
    if (!label_ready_) {
      Reject reject;
      LEAT_ASSIGN_OR_RETURN(const ReadOutcome outcome, labels_->Next(label_, reject));
      if (outcome == ReadOutcome::kEnd) {
        labels_ = nullptr;
        break;
      }
      if (outcome == ReadOutcome::kReject) {
        ++position_.labels;
        pipeline_.StepLabelReject(label_, reject, out_);
        continue;
      }
      label_ready_ = true;
    }
    if (until && label_.time > *until) break;
    label_ready_ = false;
    ++position_.labels;
    pipeline_.StepLabel(label_, out_);
  }
  return Status::Ok();
}

Status LogDriver::EndEpoch(EpochSink& sink, bool finished) {
  // What was computed without state that could not be read back must not leave the process.
  LEAT_RETURN_IF_ERROR(pipeline_.status());
  const Status committed = sink.Commit({position_, finished, tick_, {}}, out_);
  in_epoch_ = 0;
  tick_.reset();
  out_.clear();
  return committed;
}

Result<bool> LogDriver::Run(EpochSink& sink, const DriveOptions& options) {
  bool at_end = false;
  for (uint64_t taken = 0;; ++taken) {
    if (in_epoch_ == 0 && options.tick) {
      tick_ = options.tick();
      if (tick_) pipeline_.Tick(*tick_, out_);
    }
    if (taken >= options.max_records) break;
    LEAT_ASSIGN_OR_RETURN(const Slot* slot, Next());
    if (slot->outcome == ReadOutcome::kEnd) {
      at_end = true;
      break;
    }
    ++position_.records;
    ++in_epoch_;
    const Record& record = slot->record;
    if (slot->outcome == ReadOutcome::kReject) {
      pipeline_.StepReject(record, slot->reject, out_);
    } else if ((!options.from || record.time >= *options.from) &&
               (!options.to || record.time < *options.to)) {
      LEAT_RETURN_IF_ERROR(DeliverLabels(record.time));
      pipeline_.Step(record, out_);
    }
    if (in_epoch_ < options.epoch_records && out_.size() < options.epoch_bytes) continue;
    LEAT_RETURN_IF_ERROR(EndEpoch(sink, false));
    if (options.on_batch && !options.on_batch(position_.records)) break;
  }
  if (in_epoch_ > 0 || tick_) LEAT_RETURN_IF_ERROR(EndEpoch(sink, false));
  return at_end;
}

Status LogDriver::Finish(EpochSink& sink, const Epoch* before) {
  LEAT_RETURN_IF_ERROR(DeliverLabels(std::nullopt));
  if (before != nullptr && before->finished && before->position == position_) return Status::Ok();
  pipeline_.Finish(out_);
  return EndEpoch(sink, true);
}

Status LogDriver::Replay(const Epoch& epoch, EpochSink& sink) {
  if (epoch.finished) return Finish(sink);
  const uint64_t records = epoch.position.records - position_.records;
  DriveOptions options;
  options.max_records = options.epoch_records = records;
  options.epoch_bytes = SIZE_MAX;
  options.tick = [tick = epoch.tick]() mutable { return std::exchange(tick, std::nullopt); };
  LEAT_ASSIGN_OR_RETURN(const bool at_end, Run(sink, options));
  if (!at_end && position_.records == epoch.position.records) return Status::Ok();
  return Status::Corrupt(
      fmt::format("the input gave {} records where {} had been read: it was cut or replaced; "
                  "--fresh starts again",
                  position_.records, epoch.position.records));
}

Status LogDriver::Retake(const Epoch& until, EpochSink& sink) {
  DriveOptions options;
  options.max_records = until.position.records - position_.records;
  LEAT_ASSIGN_OR_RETURN(const bool at_end, Run(sink, options));
  return until.finished && at_end ? Finish(sink) : Status::Ok();
}

}  // namespace leat
