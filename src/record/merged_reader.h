/// Several logs as one: their records in the order of event time.
///
/// Each log is read in its own order; the next record is the earliest of those that stand first (of
/// the same time: that of the log named first), so the merge depends on the logs only. A rejected
/// record, whose time is not known, comes as soon as it stands first. Numbers count the records of
/// the merge. Memory: one record ahead of each log. Thread safety: none.
#pragma once

#include <memory>
#include <vector>

#include "record/reader.h"

namespace leat {

/// REQUIRES at least one reader, and schemas with an id column.
std::unique_ptr<RecordReader> MergeReaders(std::vector<std::unique_ptr<RecordReader>> readers);

}  // namespace leat
