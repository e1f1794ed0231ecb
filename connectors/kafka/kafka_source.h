/// Partitions of topics as a MessageSource: static assignment, batches, views without copies.
///
/// One consumer, which is given its partitions (rd_kafka_assign) and never subscribes. For Read
/// every partition has a queue of its own, taken before the assignment; Live forwards them to one
/// queue, with what they hold. Offsets are followed: what comes again is dropped, a gap stops the
/// run unless gaps are allowed (topics written by transactions have them). An offset that is out of
/// range is never reset: Io. Memory: what librdkafka fetches ahead, `queued_kilobytes` in all, and
/// one batch. See runtime/message_source.h for the contract.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "connectors/kafka/client.h"
#include "runtime/message_source.h"

namespace leat::kafka {

struct SourceOptions {
  Cluster cluster;
  std::string group;
  std::vector<InputPartition> inputs;
  enum class Start { kCommitted, kEarliest, kLatest, kTime };
  Start start = Start::kCommitted;  ///< kCommitted: the earliest where nothing was committed.
  int64_t start_time = 0;           ///< kTime: milliseconds since 1970.
  bool read_committed = true;       ///< Of input that is written in transactions.
  bool gaps = false;                ///< Allowed.
  int64_t queued_kilobytes = 65'536;
};

/// Asks the brokers; Io if none answers within 30 seconds.
Result<std::unique_ptr<MessageSource>> OpenSource(const SourceOptions& options);

}  // namespace leat::kafka
