/// How long a broker that does not answer is waited for.
///
/// Calls of librdkafka are made with kSliceMs at most, and Check stands between them, so that a
/// request to stop is heard soon however long the broker is gone.
#pragma once

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "connectors/kafka/errors.h"
#include "connectors/kafka/kafka_sinks.h"

namespace leat::kafka {

inline constexpr int kSliceMs = 200;
/// A run that is to stop still commits what it has, if the brokers answer.
inline constexpr std::chrono::seconds kDrain{5};
/// One that is only about to begin waits until a transaction that another left open is given up.
inline constexpr std::chrono::seconds kTakeOver{1};

class Patience {
 public:
  /// `doing` is for people, as in "committing epoch 7". `options` outlives it. A run that is to
  /// stop waits for `parting` without an answer.
  Patience(const SinkOptions& options, std::string doing, std::chrono::milliseconds parting = {})
      : options_(options), doing_(std::move(doing)), parting_(parting) {}

  /// Io once nothing has gone on for too long, which is soon when the run is to stop; `why` is the
  /// last error.
  Status Check(std::string_view why) const {
    if (Waited() >= parting_ && options_.give_up && options_.give_up()) {
      return Status::Io("stopped while " + doing_ + ": no answer from " + options_.cluster.brokers +
                        " (" + std::string(why) +
                        "); nothing is lost: run again when the brokers answer");
    }
    if (options_.patience_ms <= 0 || Waited() < std::chrono::milliseconds(options_.patience_ms)) {
      return Status::Ok();
    }
    return Status::Io("kafka " + options_.cluster.brokers + ": gave up " + doing_ + " after " +
                      std::to_string(options_.patience_ms) + " ms without an answer (" +
                      std::string(why) + "); nothing is lost: run again when the brokers answer");
  }

  /// Check, and then a pause before another try; pauses grow.
  Status Pause(std::string_view why) {
    LEAT_RETURN_IF_ERROR(Check(why));
    std::this_thread::sleep_for(pause_);
    pause_ = std::min(2 * pause_, std::chrono::milliseconds(kSliceMs));
    return Status::Ok();
  }

  /// Whether trying again may help: topics that are new, or brokers that have just come up, may be
  /// said to be unknown for some seconds.
  bool Bears(rd_kafka_resp_err_t error) {
    if (!IsUnknownTopic(error)) return !IsPermanent(error);
    if (!unknown_since_) unknown_since_ = Clock::now();
    return Clock::now() - *unknown_since_ <
           2 * std::chrono::milliseconds(options_.transaction_timeout_ms);
  }

  /// Something was answered.
  void Progress() {
    start_ = Clock::now();
    pause_ = kFirstPause;
  }

  const std::string& doing() const { return doing_; }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds kFirstPause{5};

  Clock::duration Waited() const { return Clock::now() - start_; }

  const SinkOptions& options_;
  std::string doing_;
  std::chrono::milliseconds parting_;
  Clock::time_point start_ = Clock::now();
  std::chrono::milliseconds pause_ = kFirstPause;
  std::optional<Clock::time_point> unknown_since_;
};

}  // namespace leat::kafka
