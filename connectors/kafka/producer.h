/// A producer of librdkafka with the topics of the outputs: sends them, and keeps what went wrong.
///
/// One thread, but for what librdkafka does on its own.
#pragma once

#include <array>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "connectors/kafka/client.h"
#include "connectors/kafka/errors.h"
#include "connectors/kafka/kafka_sinks.h"
#include "connectors/kafka/patience.h"
#include "pipeline/pipeline.h"

namespace leat::kafka {

/// A message beside the outputs.
struct Loose {
  size_t sink = 0;
  bool has_key = false;
  std::string key, payload;
  std::vector<std::pair<std::string, std::string>> headers;
};

class Producer {
 public:
  /// `transactional`: with the transactional id; otherwise it waits for ever for each message, and
  /// those that fail all the same are kept (see TakeFailed). `options` outlives it.
  static Result<std::unique_ptr<Producer>> Make(const SinkOptions& options, bool transactional);
  /// Drops what was not sent; quick.
  ~Producer();

  rd_kafka_t* client() const { return client_.get(); }
  bool has_topic(size_t sink) const { return topics_[sink].handle != nullptr; }

  /// Learns of the topics, which the first message of each would else wait for. Io if one is
  /// missing, or may not be written to.
  Status WarmUp(Patience& patience);
  /// Hands over the outputs whose topic is known. Payloads stay where they are unless `copy`, and
  /// must live until the last delivery was reported or this is destroyed.
  Result<CallError> Send(const Outputs& outputs, bool copy, Patience& patience);
  Result<CallError> Send(const Loose& message, Patience& patience);
  /// Waits until all has arrived, or something failed.
  Result<CallError> Flush(Patience& patience);
  /// Serves what librdkafka has to report.
  void Poll() { rd_kafka_poll(client_.get(), 0); }
  /// Drops all that has not arrived.
  void Drop();

  /// The error that made this producer useless; none if it is not.
  CallError Fatal() const;
  /// The first delivery that failed since the last Forget, permanent ones before others.
  const CallError& failure() const { return failure_; }
  /// Waits a moment for the report of one that failed, if none has come yet.
  void AwaitFailure();
  void Forget() { failure_ = {}, failed_sink_.reset(), failed_bytes_ = 0; }
  /// Messages that did not arrive; only without transactions.
  std::vector<Loose> TakeFailed() { return std::exchange(failed_, {}); }
  void Keep(Loose message) { failed_.push_back(std::move(message)); }
  /// Says what is to be done about an error that stays.
  Status Permanent(const CallError& error) const;

 private:
  struct Topic {
    std::string name;
    rd_kafka_topic_t* handle = nullptr;
  };
  /// What one message is made of; views.
  struct Parts {
    size_t sink = 0;
    std::string_view payload, key;
    bool has_key = false, copy = false;
    std::array<std::pair<std::string_view, std::string_view>, 3> headers{};
    size_t header_count = 0;
  };

  Producer(const SinkOptions& options, bool transactional)
      : options_(options), transactional_(transactional) {}
  static void OnDelivery(rd_kafka_t* client, const rd_kafka_message_t* message, void* self);
  void Failed(const rd_kafka_message_t& message);
  Result<CallError> SendLines(size_t sink, std::string_view text, bool copy, Patience& patience);
  Result<CallError> SendPredictions(const Outputs& outputs, bool copy, Patience& patience);
  Result<CallError> SendOne(const Parts& parts, Patience& patience);
  CallError Enqueue(const Parts& parts);

  const SinkOptions& options_;
  const bool transactional_;
  bool compressed_ = false;  ///< What is too large as it is may yet be taken.
  std::array<Topic, 4> topics_;
  CallError failure_;
  std::optional<size_t> failed_sink_;  ///< None: no topic of ours was at fault.
  size_t failed_bytes_ = 0;
  std::vector<Loose> failed_;
  Handle<rd_kafka_t> client_;
};

}  // namespace leat::kafka
