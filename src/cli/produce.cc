#include "cli/produce.h"

#include <fmt/format.h>

#include <chrono>
#include <iostream>
#include <thread>

#include "base/clock.h"
#include "cli/progress.h"
#include "connectors/generate/messages.h"
#include "connectors/kafka/feeder.h"
#include "runtime/event_loop.h"

namespace leat {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kTick = std::chrono::milliseconds(2);
constexpr uint64_t kAtOnce = 1'000;  ///< Rows between two looks at everything else.
constexpr int kFlushMs = 10'000;
/// A sender that was held up for longer does not make up for it in one burst.
constexpr double kMostArrears = 1;
constexpr size_t kRecords = 0, kLabels = 1;

class Sender {
 public:
  Sender(Generator& generator, const ProduceOptions& options, kafka::Feeder& feeder)
      : generator_(generator),
        options_(options),
        feeder_(feeder),
        messages_({.key = options.key,
                   .separate_labels = !options.labels_topic.empty(),
                   .labels_after = options.labels_after}) {}

  Status Run(EventLoop& loop, Progress& progress, uint64_t total) {
    const Clock::time_point started = Clock::now();
    Clock::time_point origin = started;
    uint64_t since_origin = 0;
    bool more = generator_.Next(row_);
    while (!loop.stop_requested() && (more || messages_.waiting() > 0)) {
      uint64_t due = kAtOnce;
      const Clock::time_point now = Clock::now();
      if (options_.rate > 0) {
        const double behind =
            options_.rate * Seconds(now - origin) - static_cast<double>(since_origin);
        if (behind > options_.rate * kMostArrears + static_cast<double>(kAtOnce)) {
          origin = now;
          since_origin = 0;
        }
        due = behind > 0 ? std::min(kAtOnce, static_cast<uint64_t>(behind) + 1) : 0;
      }
      const uint64_t before = rows_;
      for (uint64_t i = 0; more && i < due; ++i) {
        LEAT_RETURN_IF_ERROR(SendRow());
        ++rows_;
        ++since_origin;
        more = generator_.Next(row_);
      }
      if (rows_ > before) seconds_ = Seconds(Clock::now() - started);
      // At the end of a stream in event time its last labels are due, for time goes on.
      LEAT_RETURN_IF_ERROR(
          SendLabels(options_.live ? WallTime() : (more ? EventTime() : EventTime{INT64_MAX})));
      LEAT_RETURN_IF_ERROR(feeder_.Poll());
      progress.Update(rows_, rows_, total);
      if (due < kAtOnce || !more) std::this_thread::sleep_until(now + kTick);
    }
    return Status::Ok();
  }

  size_t waiting() const { return messages_.waiting(); }
  uint64_t rows() const { return rows_; }
  /// Until the last row was sent.
  double seconds() const { return seconds_; }

 private:
  Status SendRow() {
    EventTime now;
    if (options_.live) {
      // A clock that is set back does not take the stream with it.
      now = last_ = std::max(last_, WallTime());
    }
    LEAT_ASSIGN_OR_RETURN(const GeneratedMessage record, messages_.Record(row_, now));
    LEAT_RETURN_IF_ERROR(SendLabels(record.time - 1));
    return feeder_.Send(kRecords, record.key, record.payload, StampOf(record));
  }

  Status SendLabels(EventTime until) {
    GeneratedMessage label;
    while (messages_.Label(until, label)) {
      LEAT_RETURN_IF_ERROR(feeder_.Send(kLabels, label.key, label.payload, StampOf(label)));
    }
    return Status::Ok();
  }

  /// 0: the time of sending.
  int64_t StampOf(const GeneratedMessage& message) const {
    return options_.stamped ? message.time.micros / kMillisecond : 0;
  }

  Generator& generator_;
  const ProduceOptions& options_;
  kafka::Feeder& feeder_;
  GeneratedMessages messages_;
  std::string row_;
  EventTime last_;
  uint64_t rows_ = 0;
  double seconds_ = 0;
};

}  // namespace

Status ProduceStream(Generator& generator, uint64_t rows, const std::string& name,
                     const ProduceOptions& options) {
  EventLoop loop;
  kafka::FeederOptions to;
  to.cluster = options.cluster;
  to.topics = {options.topic};
  if (!options.labels_topic.empty()) to.topics.push_back(options.labels_topic);
  to.partitions = options.partitions;
  to.give_up = [&loop] { return loop.stop_requested(); };
  LEAT_ASSIGN_OR_RETURN(const auto feeder, kafka::Feeder::Open(to));
  Sender sender(generator, options, *feeder);
  Status status;
  {
    Progress progress("generate " + name, options.progress);
    status = sender.Run(loop, progress, rows);
  }
  const Status flushed = feeder->Flush(kFlushMs);
  if (status.ok()) status = flushed;
  std::string line;
  for (size_t i = 0; i < to.topics.size(); ++i) {
    line += fmt::format("{}: {} produced, {} acknowledged; ", to.topics[i], feeder->sent(i),
                        feeder->acknowledged(i));
  }
  if (sender.waiting() > 0) line += fmt::format("{} labels not yet known; ", sender.waiting());
  std::cout << line
            << fmt::format("{:.1f} s, {:.0f} records a second\n", sender.seconds(),
                           static_cast<double>(sender.rows()) / std::max(sender.seconds(), 1e-9));
  return status;
}

}  // namespace leat
