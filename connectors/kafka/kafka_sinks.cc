#include "connectors/kafka/kafka_sinks.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "connectors/kafka/group.h"
#include "connectors/kafka/sink_base.h"

namespace leat::kafka {
namespace {

/// Notes that wait for a commit; the oldest are dropped first.
constexpr size_t kMostNotes = 1000;
/// Commits whose times are kept.
constexpr size_t kKeptTimes = 1024;

}  // namespace

void SinkBase::LookAhead() {
  look_ = std::async(std::launch::async, [this] { return ReadMark(); });
}

Result<std::optional<CommitMark>> SinkBase::Look() {
  return look_.valid() ? look_.get() : ReadMark();
}

Result<std::optional<CommitMark>> SinkBase::ReadMark() {
  Patience patience(options_, fmt::format("reading the offsets of group {}", options_.group),
                    kTakeOver);
  LEAT_ASSIGN_OR_RETURN(const std::unique_ptr<Group> group, Group::Open(options_, false));
  return group->ReadMark(patience);
}

Status SinkBase::WriteFiles(const Outputs& outputs) {
  return files_ == nullptr ? Status::Ok() : files_->WriteFiles(outputs);
}

Status SinkBase::Sync() { return files_ == nullptr ? Status::Ok() : files_->Sync(); }

std::array<bool, 4> SinkBase::in_files() const {
  std::array<bool, 4> files{};
  for (size_t i = 0; i < files.size(); ++i) files[i] = options_.topics[i].empty();
  return files;
}

SinkLengths SinkBase::lengths() const {
  return files_ == nullptr ? SinkLengths{} : files_->lengths();
}

SinkFigures SinkBase::figures() const {
  SinkFigures figures;
  figures.transactions = transactions_;
  figures.aborted = aborted_;
  figures.unknown_committed = unknown_committed_;
  figures.unknown_lost = unknown_lost_;
  figures.producers = producers_;
  std::vector<double> times;
  {
    const std::lock_guard lock(mutex_);
    times = times_;
  }
  std::sort(times.begin(), times.end());
  if (!times.empty()) {
    figures.commit_p50 = times[times.size() / 2];
    figures.commit_p99 = times[times.size() * 99 / 100];
  }
  return figures;
}

void SinkBase::AddTime(double seconds) {
  const std::lock_guard lock(mutex_);
  if (times_.size() < kKeptTimes) {
    times_.push_back(seconds);
  } else {
    times_[next_time_++ % kKeptTimes] = seconds;
  }
}

void SinkBase::Note(size_t sink, std::string payload) {
  if (sink >= options_.topics.size() || options_.topics[sink].empty()) return;
  Loose note;
  note.sink = sink;
  note.payload = std::move(payload);
  const std::lock_guard lock(mutex_);
  if (notes_.size() == kMostNotes) notes_.erase(notes_.begin());
  notes_.push_back(std::move(note));
}

std::vector<Loose> SinkBase::TakeNotes() {
  const std::lock_guard lock(mutex_);
  return std::exchange(notes_, {});
}

Status SinkBase::CheckPosition(const Position& position) const {
  if (position.inputs.size() == options_.inputs.size()) return Status::Ok();
  return Status::Invalid(fmt::format("kafka: a position of {} inputs where there are {}",
                                     position.inputs.size(), options_.inputs.size()));
}

Status SinkBase::FencedBy(const CommitMark& found, const CommitMark& mark) const {
  return Status(StatusCode::kFenced,
                fmt::format("group {}: another instance has taken over (its mark is \"{}\", ours "
                            "would be \"{}\")",
                            options_.group, MarkText(found), MarkText(mark)));
}

Result<std::unique_ptr<Producer>> SinkBase::MakeProducer(bool transactional) {
  LEAT_ASSIGN_OR_RETURN(std::unique_ptr<Producer> producer,
                        Producer::Make(options_, transactional));
  ++producers_;
  return producer;
}

Result<std::unique_ptr<KafkaSinks>> OpenSinks(const SinkOptions& options) {
  if (options.group.empty() || options.inputs.empty()) {
    return Status::Invalid("kafka: a group and inputs are needed to commit offsets");
  }
  if (options.exactly_once && options.transactional_id.empty()) {
    return Status::Invalid("kafka: exactly once needs a transactional id");
  }
  return options.exactly_once ? MakeExactlyOnce(options) : MakeAtLeastOnce(options);
}

}  // namespace leat::kafka
