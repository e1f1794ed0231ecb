/// Outputs that are sent as they come, and offsets that follow them.
///
/// A message is waited for as long as the brokers are gone. Those that a producer gave back because
/// it has become useless are sent again by the next one, so that some may arrive twice.
#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "connectors/kafka/group.h"
#include "connectors/kafka/sink_base.h"
#include "runtime/crash_point.h"

namespace leat::kafka {
namespace {

using Clock = std::chrono::steady_clock;

/// Producers that may fail in a row though brokers answer.
constexpr int kMostTries = 20;
/// How often it is seen whether another process has committed offsets for the group.
constexpr auto kLookEvery = std::chrono::seconds(10);

class AtLeastOnce : public SinkBase {
 public:
  using SinkBase::SinkBase;

  Result<std::optional<CommitMark>> Take() override;
  Status Claim(const CommitMark& mark, const Position& position) override;
  Status Commit(std::span<const Outputs* const> outputs, const CommitMark& mark,
                const Position& position) override;
  Status Send(const Outputs& outputs) override;
  Status Flush() override;

 private:
  Status Ready(Patience& patience);
  Status CheckOwner(const CommitMark& mark, Patience& patience);
  Status Arrive(Patience& patience);
  Status Repair(CallError error, Patience& patience);

  std::unique_ptr<Group> group_;
  std::unique_ptr<Producer> producer_;
  Clock::time_point looked_;  ///< For another owner; at the first claim there is none yet.
};

Result<std::optional<CommitMark>> AtLeastOnce::Take() {
  Patience patience(options_, fmt::format("reading the offsets of group {}", options_.group),
                    kTakeOver);
  LEAT_RETURN_IF_ERROR(Ready(patience));
  return group_->ReadMark(patience);
}

Status AtLeastOnce::Ready(Patience& patience) {
  if (!group_) {
    LEAT_ASSIGN_OR_RETURN(group_, Group::Open(options_, true));
  }
  if (producer_) return Status::Ok();
  LEAT_ASSIGN_OR_RETURN(producer_, MakeProducer(false));
  return producer_->WarmUp(patience);
}

Status AtLeastOnce::Claim(const CommitMark& mark, const Position& position) {
  LEAT_RETURN_IF_ERROR(CheckPosition(position));
  Patience patience(options_, fmt::format("committing epoch {}", mark.epoch), kDrain);
  LEAT_RETURN_IF_ERROR(Ready(patience));
  LEAT_RETURN_IF_ERROR(CheckOwner(mark, patience));
  const auto start = Clock::now();
  LEAT_RETURN_IF_ERROR(group_->Commit(MarkedOffsets(options_, mark, position).get(), patience));
  AddTime(std::chrono::duration<double>(Clock::now() - start).count());
  ++transactions_;
  CrashPoint("after_kafka_commit");
  return Status::Ok();
}

/// Nobody fences who does not write in transactions: of two processes on copies of a state, one is
/// the first to see the mark of the other.
Status AtLeastOnce::CheckOwner(const CommitMark& mark, Patience& patience) {
  const auto now = Clock::now();
  const bool first = looked_ == Clock::time_point();
  if (!first && now - looked_ < kLookEvery) return Status::Ok();
  looked_ = now;
  if (first) return Status::Ok();
  const Result<std::optional<CommitMark>> found = group_->ReadMark(patience);
  // Offsets that were reset by a tool are put right by what is committed next.
  if (found.status().code() == StatusCode::kCorrupt) return Status::Ok();
  LEAT_RETURN_IF_ERROR(found.status());
  if (!*found || (*found)->owner == mark.owner) return Status::Ok();
  return FencedBy(**found, mark);
}

Status AtLeastOnce::Commit(std::span<const Outputs* const> outputs, const CommitMark& mark,
                           const Position& position) {
  for (const Outputs* const one : outputs) LEAT_RETURN_IF_ERROR(Send(*one));
  LEAT_RETURN_IF_ERROR(Flush());
  return Claim(mark, position);
}

Status AtLeastOnce::Send(const Outputs& outputs) {
  Patience patience(options_, "sending outputs", kDrain);
  LEAT_RETURN_IF_ERROR(Ready(patience));
  for (const Loose& note : TakeNotes()) {
    LEAT_ASSIGN_OR_RETURN(CallError error, producer_->Send(note, patience));
    if (error) LEAT_RETURN_IF_ERROR(Repair(std::move(error), patience));
  }
  for (;;) {
    LEAT_ASSIGN_OR_RETURN(CallError error, producer_->Send(outputs, true, patience));
    if (!error) break;
    // What had been taken of these outputs is given back as well: it arrives twice.
    LEAT_RETURN_IF_ERROR(Repair(std::move(error), patience));
  }
  producer_->Poll();
  CrashPoint("after_produce");
  return WriteFiles(outputs);
}

Status AtLeastOnce::Flush() {
  Patience patience(options_, "sending outputs", kDrain);
  LEAT_RETURN_IF_ERROR(Ready(patience));
  return Arrive(patience);
}

Status AtLeastOnce::Arrive(Patience& patience) {
  LEAT_ASSIGN_OR_RETURN(CallError error, producer_->Flush(patience));
  return error ? Repair(std::move(error), patience) : Status::Ok();
}

/// Sends again what did not arrive, by a new producer if need be.
Status AtLeastOnce::Repair(CallError error, Patience& patience) {
  for (int tries = 0; error;) {
    const CallError broken = producer_->Fatal();
    if (!patience.Bears(error.code)) return producer_->Permanent(error);
    if (!patience.Bears(broken.code)) return producer_->Permanent(broken);
    const bool fatal = error.fatal || broken;
    if (!IsAbsence(error.code) && !IsUnknownTopic(error.code) && ++tries == kMostTries) {
      return Status::Io(fmt::format("kafka: gave up {} after {} tries: {}; run again",
                                    patience.doing(), tries, error.text));
    }
    if (fatal) producer_->Drop();
    std::vector<Loose> failed = producer_->TakeFailed();
    LEAT_RETURN_IF_ERROR(patience.Pause(error.text));
    if (fatal) {
      producer_.reset();
      LEAT_RETURN_IF_ERROR(Ready(patience));
    } else if (IsUnknownTopic(error.code)) {
      LEAT_RETURN_IF_ERROR(producer_->WarmUp(patience));
    }
    producer_->Forget();
    ++aborted_;
    error = {};
    for (Loose& message : failed) {
      if (error) {
        producer_->Keep(std::move(message));
        continue;
      }
      LEAT_ASSIGN_OR_RETURN(error, producer_->Send(message, patience));
      if (error) producer_->Keep(std::move(message));
    }
    if (!error) {
      LEAT_ASSIGN_OR_RETURN(error, producer_->Flush(patience));
    }
  }
  return Status::Ok();
}

}  // namespace

std::unique_ptr<KafkaSinks> MakeAtLeastOnce(const SinkOptions& options) {
  return std::make_unique<AtLeastOnce>(options);
}

}  // namespace leat::kafka
