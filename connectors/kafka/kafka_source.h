/// Partitions of topics as a MessageSource: static assignment, batches, views without copies.
///
/// One consumer, which is given its partitions (rd_kafka_assign) and never subscribes. Every
/// partition keeps a queue of its own, for Read as for Poll: what is fetched ahead is bounded for
/// each, and none hides the others. Poll gives the messages of all inputs in the order of their
/// times, as far as they have come: an input that has more which has not come yet is waited for a
/// tenth of a second, and then no more until it gives something. Offsets are followed:
/// what comes again is dropped, a gap stops the run unless gaps are allowed (topics written by
/// transactions have them). An offset that is out of range is never reset: Io. A broker that does
/// not answer is waited for. Memory: what librdkafka fetches ahead, `queued_kilobytes` of payload
/// in all and some 300 bytes a message, and one batch. See runtime/message_source.h for the
/// contract.
#pragma once

#include <functional>
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
  bool traceparents = true;         ///< Message::traceparent is wanted, of what is no label.
  int64_t queued_kilobytes = 65'536;
  /// Asked now and then while Start or Read waits: whether to give up with Io "stopped while ...".
  std::function<bool()> give_up;
};

/// Asks the brokers: Io if none answers within 30 seconds, Invalid if an input is not there.
Result<std::unique_ptr<MessageSource>> OpenSource(const SourceOptions& options);

}  // namespace leat::kafka
