/// Messages to topics for whoever only feeds them: generated streams, examples, tests.
///
/// An idempotent producer: in order in each partition, once each as long as the process lives,
/// through restarts of a broker too. Partitions follow the key as in Kafka's own clients, so that
/// what has the same key in two topics of as many partitions has the same number. Outputs of a
/// pipeline go by kafka_sinks.h. Memory: up to 256 MB of messages that are not acknowledged yet.
/// Thread safety: one thread calls.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/kafka/client.h"
#include "leat/status.h"

namespace leat::kafka {

struct FeederOptions {
  Cluster cluster;
  std::vector<std::string> topics;
  int64_t partitions = 4;  ///< Of topics that are missing, which are made; 0: Io for those.
  int64_t linger_ms = 2;
  /// Asked now and then while Send or Flush waits: whether to give up.
  std::function<bool()> give_up;
};

class Feeder {
 public:
  /// Asks the brokers; Io if none answers within 30 seconds.
  static Result<std::unique_ptr<Feeder>> Open(const FeederOptions& options);
  /// What is not acknowledged is given up.
  ~Feeder();
  Feeder(const Feeder&) = delete;
  Feeder& operator=(const Feeder&) = delete;

  /// Takes a copy; `topic` is an index into the options' topics. Waits while too much is not
  /// acknowledged. Io if the producer is broken, or something before was refused for good.
  Status Send(size_t topic, std::string_view key, std::string_view payload, int64_t timestamp_ms);
  /// Takes reports of what was acknowledged; to be called while nothing is sent, too.
  Status Poll(int timeout_ms = 0);
  /// Until everything is acknowledged, at most so long. Io if something is not.
  Status Flush(int timeout_ms);

  uint64_t sent(size_t topic) const { return counts_[topic].sent; }
  uint64_t acknowledged(size_t topic) const { return counts_[topic].acknowledged; }

 private:
  struct Counts {
    uint64_t sent = 0, acknowledged = 0;
    Feeder* owner = nullptr;
  };
  Feeder() = default;
  static void OnDelivery(rd_kafka_t* client, const rd_kafka_message_t* message, void* opaque);
  bool GivenUp() const { return give_up_ && give_up_(); }

  std::vector<Counts> counts_;  ///< A topic each; does not grow, reports point into it.
  std::function<bool()> give_up_;
  Status failed_ = Status::Ok();  ///< The first that was refused.
  std::vector<std::string> names_;
  // Topics go before the client.
  Handle<rd_kafka_t> client_;
  std::vector<Handle<rd_kafka_topic_t>> topics_;
};

}  // namespace leat::kafka
