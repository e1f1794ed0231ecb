/// Reads a topic for people and scripts: all partitions, in no group, from one end or the other.
///
/// A pipeline's input goes by kafka_source.h. Order: of each partition. What is committed only,
/// unless said. Thread safety: none.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "connectors/kafka/client.h"
#include "leat/status.h"

namespace leat::kafka {

struct TopicReaderOptions {
  Cluster cluster;
  std::string topic;
  bool from_end = false;  ///< Only what comes from now on.
  bool read_committed = true;
};

struct TopicMessage {
  int32_t partition = 0;
  int64_t offset = 0;
  int64_t timestamp_ms = -1;
  std::string_view key, payload;
};

class TopicReader {
 public:
  /// Asks the brokers; Io if none answers within 30 seconds, or there is no such topic.
  static Result<std::unique_ptr<TopicReader>> Open(const TopicReaderOptions& options);
  ~TopicReader();
  TopicReader(const TopicReader&) = delete;
  TopicReader& operator=(const TopicReader&) = delete;

  /// The next message, waiting so long at most: false if there is none. The views live until the
  /// next call. A broker that is gone is waited for; Io when the topic is.
  Result<bool> Next(int timeout_ms, TopicMessage& message);
  /// Every partition has been read to its end, as it was when it was last looked at.
  bool at_end() const { return at_end_ == ended_.size(); }

 private:
  TopicReader() = default;

  std::string topic_;
  std::map<int32_t, bool> ended_;
  size_t at_end_ = 0;  ///< How many have ended.
  Handle<rd_kafka_t> client_;
  Handle<rd_kafka_message_t> held_;  ///< Goes before the client.
};

}  // namespace leat::kafka
