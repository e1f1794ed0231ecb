/// Generated streams to topics of Kafka, at a chosen rate.
#pragma once

#include <cstdint>
#include <string>

#include "base/time.h"
#include "connectors/generate/generate.h"
#include "connectors/kafka/client.h"
#include "leat/status.h"

namespace leat {

struct ProduceOptions {
  kafka::Cluster cluster;
  std::string topic;
  std::string labels_topic;  ///< Empty: labels stay in the records.
  Micros labels_after = 0;   ///< Of event time.
  std::string key;           ///< A column of the stream; empty: no key.
  double rate = 0;           ///< Records a second; 0: as fast as possible.
  bool live = false;         ///< Event time is the time of sending.
  bool stamped = false;      ///< Messages carry event times, not those of their sending.
  int64_t partitions = 4;    ///< Of topics that are missing.
  bool progress = true;
};

/// Runs to the stream's end, and live until its labels have come, or until SIGINT or SIGTERM.
/// Prints what was produced and acknowledged; Io if something was not.
Status ProduceStream(Generator& generator, uint64_t rows, const std::string& name,
                     const ProduceOptions& options);

}  // namespace leat
