/// What a cluster says of its topics, before anything is read from or written to them.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "connectors/kafka/client.h"
#include "leat/status.h"

namespace leat::kafka {

struct TopicFacts {
  int32_t partitions = 0;
  bool compacted = false;         ///< cleanup.policy holds `compact`.
  int64_t max_message_bytes = 0;  ///< 0: not known (no permission to describe).
};

/// Facts of each topic that exists, by name; those that are missing are absent. Waits up to
/// `timeout_ms` for a broker; Io if none answers.
Result<std::map<std::string, TopicFacts>> DescribeTopics(const Cluster& cluster,
                                                         const std::vector<std::string>& topics,
                                                         int timeout_ms = 30'000);
/// How many partitions a topic has; 0: there is no such topic. Asks over `client`, which knows
/// where the topic's leaders are from then on: it would wait a second to find out by itself.
Result<int32_t> CountPartitions(rd_kafka_t* client, const std::string& topic, int timeout_ms);
/// Makes topics that are missing, with so many partitions and the broker's default replication;
/// one that exists by now is fine.
Status CreateTopics(const Cluster& cluster,
                    const std::vector<std::pair<std::string, int32_t>>& topics);

}  // namespace leat::kafka
