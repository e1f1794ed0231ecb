#include "runtime/sink_set.h"

#include "runtime/crash_point.h"

namespace leat {

Status SinkSet::Commit(std::span<const Outputs* const> outputs, const CommitMark& mark,
                       const Position& position) {
  (void)mark, (void)position;
  for (const Outputs* const epoch : outputs) {
    LEAT_RETURN_IF_ERROR(WriteFiles(*epoch));
    CrashPoint("after_output");
  }
  return Status::Ok();
}

}  // namespace leat
