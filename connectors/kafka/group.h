/// The offsets that a group has committed, with the mark that each of them carries.
///
/// Nothing here joins the group or disturbs who writes to it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "connectors/kafka/client.h"
#include "connectors/kafka/kafka_sinks.h"
#include "connectors/kafka/patience.h"
#include "runtime/sink_set.h"

namespace leat::kafka {

/// `v1 STATE OWNER EPOCH CHAIN`.
std::string MarkText(const CommitMark& mark);
std::optional<CommitMark> ParseMark(std::string_view text);

/// Where the inputs stand, each with the mark as metadata. REQUIRES as many inputs in `position`.
Handle<rd_kafka_topic_partition_list_t> MarkedOffsets(const SinkOptions& options,
                                                      const CommitMark& mark,
                                                      const Position& position);

class Group {
 public:
  /// `settled`: waits for transactions that are under way; otherwise reads what stands now.
  static Result<std::unique_ptr<Group>> Open(const SinkOptions& options, bool settled);
  ~Group();

  /// The mark that all inputs carry; none if nothing was ever committed. Inputs without an offset
  /// are new ones and say nothing. Corrupt if there is anything else.
  Result<std::optional<CommitMark>> ReadMark(Patience& patience);
  /// Commits offsets outside of any transaction.
  Status Commit(rd_kafka_topic_partition_list_t* offsets, Patience& patience);

 private:
  Group(const SinkOptions& options, Handle<rd_kafka_t> client)
      : options_(options), client_(std::move(client)) {}
  Status Check(const rd_kafka_topic_partition_t& input, rd_kafka_resp_err_t error,
               Patience& patience) const;
  Result<std::optional<CommitMark>> MarkOf(const rd_kafka_topic_partition_list_t& offsets) const;

  const SinkOptions& options_;
  Handle<rd_kafka_t> client_;
};

}  // namespace leat::kafka
