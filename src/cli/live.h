/// A run over topics: shards, each with its partitions, until it is told to stop.
#pragma once

#include <vector>

#include "cli/session.h"
#include "leat/status.h"
#include "pipeline/config.h"

namespace leat {

/// Runs every shard of this process, each on threads of its own and with its own folder, until
/// SIGINT or SIGTERM, or to the end of what is in the topics if `options.to_end`. Commits, saves
/// and returns a result for each shard. If one fails, all stop, and its error is returned.
Result<std::vector<SessionResult>> RunLive(const Config& config, const SessionOptions& options);

}  // namespace leat
