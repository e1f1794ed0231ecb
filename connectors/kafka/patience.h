/// How long a broker that does not answer is waited for.
///
/// Calls of librdkafka are made with kSliceMs at most, and Check stands between them, so that a
/// request to stop is heard soon however long the broker is gone.
#pragma once

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "connectors/kafka/kafka_sinks.h"

namespace leat::kafka {

inline constexpr int kSliceMs = 200;

class Patience {
 public:
  /// `doing` is for people, as in "committing epoch 7". `options` outlives it.
  Patience(const SinkOptions& options, std::string doing)
      : options_(options), doing_(std::move(doing)) {}

  /// Io once the run is to stop, or nothing has gone on for too long; `why` is the last error.
  Status Check(std::string_view why) const {
    if (options_.give_up && options_.give_up()) return Status::Io("stopped while " + doing_);
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
  Clock::time_point start_ = Clock::now();
  std::chrono::milliseconds pause_ = kFirstPause;
};

}  // namespace leat::kafka
