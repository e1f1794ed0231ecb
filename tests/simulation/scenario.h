/// What a seed stands for: a stream, a pipeline, and how a run over them is driven.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/time.h"
#include "pipeline/config.h"

namespace leat {

struct Scenario {
  const Config* config = nullptr;
  std::string records;           ///< CSV.
  std::string labels;            ///< CSV of a second reader; empty: labels are in the records.
  std::vector<EventTime> times;  ///< Of each record, those that cannot be read included.
  bool topics = false;           ///< Outputs go to topics, whose group keeps marks; or to files.
  uint64_t epoch_records = 4096;
  uint64_t memory = 0;  ///< ShardOptions::memory.
  uint64_t items_at_once = 64;
  // Chances, of 1000.
  uint64_t tick = 0;                             ///< At the start of an epoch.
  uint64_t commit = 0, snapshot = 0, flush = 0;  ///< At the end of one.
  uint64_t snapshot_after = 0;                   ///< ShardOptions::snapshot_after.
  bool slow_clock = false;                       ///< A snapshot is filled over many epochs.
  uint64_t disasters = 0;                        ///< At most, until nothing more goes wrong.
};

/// Configurations are kept for the life of the process: few are different.
Scenario DrawScenario(uint64_t seed);

}  // namespace leat
