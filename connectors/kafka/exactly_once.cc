/// One transaction for the outputs of some epochs, the offsets of all inputs and the mark.
///
/// Outputs may come before their epoch has ended: the transaction is begun with them, so that at
/// the end of the epoch little is left to be waited for. Whatever becomes of it, Commit has them
/// too.
///
/// How far a transaction had come decides what follows an error. Before commit was asked for, it is
/// aborted and sent again by the same producer. After that nothing but asking again is safe: an
/// answer other than "committed" or "ask again" may be given for a transaction that was committed.
/// Then, and whenever the producer has become useless, a new one fences the old one, and the
/// group's offsets say what became of it.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <random>
#include <string_view>
#include <thread>
#include <utility>

#include "connectors/kafka/group.h"
#include "connectors/kafka/sink_base.h"
#include "runtime/crash_point.h"

namespace leat::kafka {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

/// Of a transaction, where it fails though brokers answer.
constexpr int kMostTries = 20;
/// The first call of a producer is answered at once, or, if the last one left a transaction open,
/// half a second after it could have been: a new producer asks again sooner than the old one does.
constexpr milliseconds kFirstInit{60}, kLongestInit{10'000};
/// For an abort before the run stops.
constexpr milliseconds kParting{2'000};
/// Offsets cannot be sent in slices: a call that has ended early must be followed by an abort.
constexpr int kFirstOffsetsMs = 2'000, kLongestOffsetsMs = 10'000;

enum class Outcome {
  kCommitted,
  kAborted,  ///< For certain; the producer is as good as before.
  kUseless,  ///< Not committed, but the producer must be replaced.
  kUnknown,
};

/// Lets a test kill the process while a commit is under way.
class CrashDuringCommit {
 public:
  CrashDuringCommit() {
    static const bool wanted = [] {
      const char* text = std::getenv("LEAT_CRASH");
      return text != nullptr && std::string_view(text).starts_with("during_commit");
    }();
    if (!wanted) return;
    thread_ = std::thread([] {
      std::random_device device;
      std::this_thread::sleep_for(std::chrono::microseconds(device() % 6000));
      CrashPoint("during_commit");
    });
  }
  ~CrashDuringCommit() {
    if (thread_.joinable()) thread_.join();
  }

 private:
  std::thread thread_;
};

class ExactlyOnce : public SinkBase {
 public:
  using SinkBase::SinkBase;
  ~ExactlyOnce() override;

  Result<std::optional<CommitMark>> Take() override;
  Status Claim(const CommitMark& mark, const Position& position) override;
  Status Commit(std::span<const Outputs* const> outputs, const CommitMark& mark,
                const Position& position) override;
  bool sends_ahead() const override { return true; }
  Status Send(const Outputs& outputs) override;

 private:
  /// What is committed as one.
  struct Work {
    std::span<const Outputs* const> outputs;
    std::vector<Loose> notes;
    CommitMark mark;
    const Position& position;
  };

  Status Transact(const Work& work);
  Result<Outcome> Attempt(const Work& work, Patience& patience);
  CallError Begin();
  Result<CallError> SendAll(const Work& work, Patience& patience);
  Result<Outcome> AskToCommit(Patience& patience);
  Result<Outcome> Abort(const CallError& error, Patience& patience);
  void Part();
  Result<bool> FindOut(const Work& work, bool unknown, Patience& patience);
  static bool Ours(const Work& work, const std::optional<CommitMark>& found);
  Result<bool> Judge(const Work& work, const std::optional<CommitMark>& found) const;
  Result<std::optional<CommitMark>> Renew(Patience& patience);
  Result<bool> Init(milliseconds budget, Patience& patience);

  std::unique_ptr<Producer> producer_;
  std::optional<CommitMark> last_, before_last_;  ///< Known to be committed.
  CallError error_;    ///< Of the last attempt, or of the transaction that is open.
  bool open_ = false;  ///< A transaction, before its commit;
  size_t sent_ = 0;    ///< outputs that were sent into it.
  int offsets_ms_ = kFirstOffsetsMs;
};

ExactlyOnce::~ExactlyOnce() {
  if (open_ && producer_) Part();
}

// ---- Producers ----

Result<std::optional<CommitMark>> ExactlyOnce::Take() {
  Patience patience(options_, fmt::format("taking over group {}", options_.group), kTakeOver);
  LEAT_ASSIGN_OR_RETURN(last_, Renew(patience));
  before_last_ = last_;
  return last_;
}

/// A new producer that fences every other, and what is committed now that nothing can be under way.
Result<std::optional<CommitMark>> ExactlyOnce::Renew(Patience& patience) {
  int refused = 0;
  for (milliseconds budget = kFirstInit;; budget = std::min(2 * budget, kLongestInit)) {
    producer_.reset();
    open_ = false;
    LEAT_ASSIGN_OR_RETURN(producer_, MakeProducer(true));
    error_ = {};
    LEAT_ASSIGN_OR_RETURN(const bool ready, Init(budget, patience));
    if (ready) break;
    if (error_ && ++refused == kMostTries) {
      return Status::Io(fmt::format("kafka: no transactions for {}: {}; nothing is lost: run again",
                                    options_.transactional_id, error_.text));
    }
  }
  patience.Progress();
  LEAT_RETURN_IF_ERROR(producer_->WarmUp(patience));
  LEAT_ASSIGN_OR_RETURN(const std::unique_ptr<Group> group, Group::Open(options_, true));
  return group->ReadMark(patience);
}

/// Whether the producer is ready; `error_` is set if it was refused.
Result<bool> ExactlyOnce::Init(milliseconds budget, Patience& patience) {
  const auto until = Clock::now() + budget;
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(until - Clock::now()).count();
    if (left <= 0) return false;
    const CallError error = kafka::Take(rd_kafka_init_transactions(
        producer_->client(), static_cast<int>(std::min<int64_t>(left, kSliceMs))));
    if (!error) return true;
    if (IsPermanent(error.code)) return producer_->Permanent(error);
    if (!error.retriable) {
      error_ = error;
      LEAT_RETURN_IF_ERROR(patience.Pause(error.text));
      return false;
    }
    LEAT_RETURN_IF_ERROR(patience.Check(error.text));
  }
}

// ---- Transactions ----

Status ExactlyOnce::Claim(const CommitMark& mark, const Position& position) {
  return Transact({{}, {}, mark, position});
}

Status ExactlyOnce::Commit(std::span<const Outputs* const> outputs, const CommitMark& mark,
                           const Position& position) {
  const auto start = Clock::now();
  LEAT_RETURN_IF_ERROR(Transact({outputs, TakeNotes(), mark, position}));
  AddTime(std::chrono::duration<double>(Clock::now() - start).count());
  CrashPoint("after_kafka_commit");
  return files_ == nullptr ? Status::Ok() : files_->Commit(outputs, mark, position);
}

Status ExactlyOnce::Send(const Outputs& outputs) {
  if (!producer_) return Status::Ok();
  if (!open_) error_ = Begin();
  // Commit looks after an error.
  if (error_) return Status::Ok();
  Patience patience(options_, "sending outputs", kDrain);
  Result<CallError> error = producer_->Send(outputs, true, patience);
  if (!error.ok()) return error.status();
  error_ = std::move(error).value();
  ++sent_;
  return Status::Ok();
}

Status ExactlyOnce::Transact(const Work& work) {
  LEAT_RETURN_IF_ERROR(CheckPosition(work.position));
  Patience patience(options_, fmt::format("committing epoch {}", work.mark.epoch), kDrain);
  // The last call may have ended between a producer that is gone and a new one.
  bool committed = false;
  if (!producer_) {
    LEAT_ASSIGN_OR_RETURN(committed, FindOut(work, false, patience));
  }
  for (int tries = 0; !committed;) {
    Result<Outcome> outcome = Attempt(work, patience);
    if (!outcome.ok()) {
      // Payloads are not ours beyond this call.
      producer_.reset();
      return outcome.status();
    }
    committed = *outcome == Outcome::kCommitted;
    if (*outcome == Outcome::kUseless || *outcome == Outcome::kUnknown) {
      LEAT_ASSIGN_OR_RETURN(committed, FindOut(work, *outcome == Outcome::kUnknown, patience));
    }
    if (committed) break;
    if (!IsAbsence(error_.code) && !IsUnknownTopic(error_.code) && ++tries == kMostTries) {
      producer_.reset();
      return Status::Io(
          fmt::format("kafka: gave up {} after {} tries: {}; nothing is lost: run again",
                      patience.doing(), tries, error_.text));
    }
    LEAT_RETURN_IF_ERROR(patience.Pause(error_.text));
  }
  ++transactions_;
  offsets_ms_ = kFirstOffsetsMs;
  before_last_ = std::exchange(last_, work.mark);
  return Status::Ok();
}

/// A transaction with nothing in it.
CallError ExactlyOnce::Begin() {
  producer_->Forget();
  open_ = true;
  sent_ = 0;
  return kafka::Take(rd_kafka_begin_transaction(producer_->client()));
}

Result<Outcome> ExactlyOnce::Attempt(const Work& work, Patience& patience) {
  if (!open_) error_ = Begin();
  // Whatever becomes of it, there is no more to be sent into this one after that.
  open_ = false;
  if (!error_) {
    LEAT_ASSIGN_OR_RETURN(error_, SendAll(work, patience));
  }
  if (error_) return Abort(error_, patience);
  CrashPoint("after_send_offsets");
  const CrashDuringCommit crash;
  return AskToCommit(patience);
}

/// All that the transaction holds besides the outputs that were sent into it before.
Result<CallError> ExactlyOnce::SendAll(const Work& work, Patience& patience) {
  CallError error;
  for (const Outputs* const outputs : work.outputs.subspan(std::min(sent_, work.outputs.size()))) {
    LEAT_ASSIGN_OR_RETURN(error, producer_->Send(*outputs, false, patience));
    if (error) return error;
  }
  for (const Loose& note : work.notes) {
    LEAT_ASSIGN_OR_RETURN(error, producer_->Send(note, patience));
    if (error) return error;
  }
  CrashPoint("after_produce");
  // The messages are on their way meanwhile.
  const auto offsets = MarkedOffsets(options_, work.mark, work.position);
  const Handle<rd_kafka_consumer_group_metadata_t> group(
      rd_kafka_consumer_group_metadata_new(options_.group.c_str()));
  error = kafka::Take(rd_kafka_send_offsets_to_transaction(producer_->client(), offsets.get(),
                                                           group.get(), offsets_ms_));
  if (error) {
    offsets_ms_ = std::min(2 * offsets_ms_, kLongestOffsetsMs);
    return error;
  }
  return producer_->Flush(patience);
}

Result<Outcome> ExactlyOnce::AskToCommit(Patience& patience) {
  // Once the coordinator has given the transaction up, asking again is of no use.
  const auto until = Clock::now() + milliseconds(options_.transaction_timeout_ms);
  for (;;) {
    error_ = kafka::Take(rd_kafka_commit_transaction(producer_->client(), kSliceMs));
    if (!error_) return Outcome::kCommitted;
    if (!error_.retriable || Clock::now() > until) return Outcome::kUnknown;
    LEAT_RETURN_IF_ERROR(error_.code == RD_KAFKA_RESP_ERR__TIMED_OUT ? patience.Check(error_.text)
                                                                     : patience.Pause(error_.text));
  }
}

/// After an error before commit was asked for.
Result<Outcome> ExactlyOnce::Abort(const CallError& error, Patience& patience) {
  // A call may tell what a message did to the transaction before the message's own report comes.
  if (!patience.Bears(error.code)) producer_->AwaitFailure();
  const CallError failure = producer_->failure(), fatal = producer_->Fatal();
  for (const CallError* const one : {&error, &failure, &fatal}) {
    if (patience.Bears(one->code)) continue;
    const Status why = producer_->Permanent(*one);
    Part();
    return why;
  }
  if (error.fatal || fatal) return Outcome::kUseless;
  for (;;) {
    const CallError again = kafka::Take(rd_kafka_abort_transaction(producer_->client(), kSliceMs));
    if (!again) {
      ++aborted_;
      // Where a topic is gone, messages only time out.
      LEAT_RETURN_IF_ERROR(producer_->WarmUp(patience));
      return Outcome::kAborted;
    }
    if (!again.retriable) return Outcome::kUseless;
    LEAT_RETURN_IF_ERROR(again.code == RD_KAFKA_RESP_ERR__TIMED_OUT ? patience.Check(again.text)
                                                                    : patience.Pause(again.text));
  }
}

/// Aborts before the run stops: readers would have to wait for the transaction until it times out;
/// but this is not worth waiting long for.
void ExactlyOnce::Part() {
  const auto until = Clock::now() + kParting;
  while (kafka::Take(rd_kafka_abort_transaction(producer_->client(), kSliceMs)).retriable &&
         Clock::now() < until) {
  }
}

// ---- What became of it ----

/// With a new producer: whether `work` is committed. Our own transaction that timed out at the
/// coordinator gives the same errors as somebody who has taken over, and he is not to be fenced.
Result<bool> ExactlyOnce::FindOut(const Work& work, bool unknown, Patience& patience) {
  producer_.reset();
  LEAT_ASSIGN_OR_RETURN(const std::unique_ptr<Group> group, Group::Open(options_, false));
  LEAT_ASSIGN_OR_RETURN(std::optional<CommitMark> found, group->ReadMark(patience));
  // What was committed last may not show yet, but then what was before it does.
  if (found != last_ && found != before_last_ && !Ours(work, found)) {
    return FencedBy(*found, work.mark);
  }
  LEAT_ASSIGN_OR_RETURN(found, Renew(patience));
  LEAT_ASSIGN_OR_RETURN(const bool committed, Judge(work, found));
  if (unknown) {
    ++(committed ? unknown_committed_ : unknown_lost_);
    Warn(fmt::format("group {}: what became of epoch {} was not told: it {}", options_.group,
                     work.mark.epoch,
                     committed ? "was committed" : "was not committed, and is sent again"));
  }
  return committed;
}

bool ExactlyOnce::Ours(const Work& work, const std::optional<CommitMark>& found) {
  return !found || (found->owner == work.mark.owner && found->state_id == work.mark.state_id);
}

/// Whether `work` is committed; Fenced if another process has gone on.
Result<bool> ExactlyOnce::Judge(const Work& work, const std::optional<CommitMark>& found) const {
  if (found == work.mark) return true;
  if (found == last_) return false;
  if (!Ours(work, found)) return FencedBy(*found, work.mark);
  const std::string text = found ? MarkText(*found) : "no mark";
  return Status::Corrupt(
      fmt::format("group {}: there is {} where \"{}\" or \"{}\" was expected: its offsets were "
                  "changed from outside; --fresh starts again",
                  options_.group, text, MarkText(work.mark), last_ ? MarkText(*last_) : "no mark"));
}

}  // namespace

std::unique_ptr<KafkaSinks> MakeExactlyOnce(const SinkOptions& options) {
  return std::make_unique<ExactlyOnce>(options);
}

}  // namespace leat::kafka
