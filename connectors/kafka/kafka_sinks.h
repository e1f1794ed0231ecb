/// Outputs to topics of Kafka, and the mark of each commit to a consumer group's offsets.
///
/// Exactly once: one transaction holds the outputs of some epochs and the offsets of all inputs,
/// each with the mark as metadata (`v1 STATE OWNER EPOCH CHAIN`, numbers but the epoch in 16
/// hexadecimal digits). What to do after an error is told by the error's own flags and by how far
/// the transaction was (exactly_once.cc); a transaction whose outcome is not known is never sent
/// again by the same producer: a new one fences it and reads what is committed. At least once: an
/// idempotent producer, and offsets committed with the same mark. See runtime/sink_set.h.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "connectors/kafka/client.h"
#include "runtime/message_source.h"
#include "runtime/sink_set.h"

namespace leat::kafka {

struct SinkOptions {
  Cluster cluster;
  std::string group;                   ///< Whose offsets carry the mark.
  std::string transactional_id;        ///< One for each shard of a pipeline.
  std::vector<InputPartition> inputs;  ///< Whose offsets are committed, all with each commit.
  std::array<std::string, 4> topics;   ///< Of predictions, events, metrics, rejects; empty: none.
  bool exactly_once = true;
  /// Offsets of the group without a mark of ours are no reason to stop: they count as none.
  bool any_offsets = false;
  bool headers = true;        ///< leat-event-id, leat-model-version, traceparent.
  std::string model_version;  ///< Of leat-model-version.
  int64_t transaction_timeout_ms = 15'000;
  int64_t linger_ms = 0;
  /// Most bytes of a message of each topic, by its topic's max.message.bytes; 0: not known.
  std::array<int64_t, 4> max_message_bytes{};
  /// How long a broker that is gone is waited for until the run stops (3); 0: for ever.
  int64_t patience_ms = 0;
  /// Asked now and then while waiting: whether the run is to stop. Then a start ends with Io
  /// "stopped while ...", and a commit after five seconds without an answer.
  std::function<bool()> give_up;
};

/// For the status line, and for people; read on any thread.
struct SinkFigures {
  uint64_t transactions = 0, aborted = 0;
  uint64_t unknown_committed = 0, unknown_lost = 0;  ///< Outcomes that had to be looked up.
  uint64_t producers = 0;                            ///< Made.
  double commit_p50 = 0, commit_p99 = 0;             ///< Seconds, of the last transactions.
};

class KafkaSinks : public SinkSet {
 public:
  /// SinkOptions::any_offsets from now on; before anything else is asked.
  virtual void TakeAnyOffsets() = 0;
  /// Begins what Look will be asked for, so that the brokers answer meanwhile.
  virtual void LookAhead() = 0;
  /// Writes the outputs whose topic is empty, after each commit; outlives this.
  virtual void UseFiles(SinkSet* files) = 0;
  virtual SinkFigures figures() const = 0;
  /// A message to topic `sink` (0 to 3) beside the commits, such as the status: sent with the next
  /// one, lost with a crash. Any thread.
  virtual void Note(size_t sink, std::string payload) = 0;
};

/// Outputs whose topic is empty go nowhere unless UseFiles is called.
Result<std::unique_ptr<KafkaSinks>> OpenSinks(const SinkOptions& options);

}  // namespace leat::kafka
