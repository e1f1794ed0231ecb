/// One run over a log: configuration, readers, pipeline and sinks, opened and closed together.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "leat/status.h"
#include "pipeline/config.h"
#include "pipeline/pipeline.h"
#include "runtime/shard.h"

namespace leat {

struct SessionOptions {
  std::string input;     ///< Instead of source.file; empty: as configured.
  std::string labels;    ///< Instead of label.file.
  std::string output;    ///< A folder for the sinks; empty: sinks as configured.
  std::string state;     ///< Folder to go on from and to save to; empty: throw-away state.
  bool fresh = false;    ///< Ignore (and replace) what the folder holds.
  bool rebuild = false;  ///< Take the log again from its start (see ShardOptions).
  bool accept_divergence = false;  ///< Go on although a replay of the journal gives something else.
  uint64_t max_records = UINT64_MAX;
  std::optional<EventTime> from, to;
  bool to_end = false;   ///< Topics: stop when all that is in them has been taken.
  bool progress = true;  ///< A progress line on a terminal.
};

struct SessionResult {
  Report report;
  int64_t shard = 0;     ///< Which of several, from 1; 0: all of the pipeline.
  uint64_t records = 0;  ///< Of this session.
  bool at_end = false;
  double ready = 0;                       ///< Seconds until the first record could be taken.
  std::optional<Shard::Figures> durable;  ///< Of a run with a state folder.
};

/// Runs to the end of the input, to `max_records`, or until SIGINT or SIGTERM. With a state folder
/// everything that was committed survives a crash at any moment.
Result<SessionResult> RunSession(const Config& config, const SessionOptions& options);

}  // namespace leat
