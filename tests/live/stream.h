/// A stream of payments for the live tests: in one partition, whose order decides everything, or in
/// several; good and bad records, labels in them or in a topic of their own.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <vector>

#include "support/kafka_broker.h"

namespace leat {

/// Event times begin some hours ago, so that a broker that drops old messages keeps them.
int64_t StreamStart();

struct StreamOptions {
  int first = 0;         ///< Those before it are there already, with the topics.
  int records = 20'000;  ///< In all.
  int partitions = 1;
  int keys = 199;
  bool bad = true;            ///< One in 500 is no JSON, empty, a tombstone or not UTF-8.
  bool labels_apart = false;  ///< To the topic `labels`, 500 records later; else in the record.
};

/// Makes the topics IN-payments and, with labels apart, IN-labels, and fills them.
Status ProduceStream(const std::string& brokers, const std::string& prefix,
                     const StreamOptions& options);

/// A pipeline over it with windows, two models, a detector and metrics. `extra` is put behind the
/// section kafka's brokers and group.
std::string StreamPipeline(bool labels_apart, const std::string& extra = "");

}  // namespace leat
