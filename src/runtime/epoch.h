/// Epochs: the steps in which a run becomes durable.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "base/time.h"
#include "runtime/drive.h"
#include "state/proto/state.pb.h"

namespace leat {

/// Bytes of the predictions, events, metrics and rejects written so far.
using SinkLengths = std::array<uint64_t, 4>;

/// Where they are written to.
using SinkNames = std::array<std::string, 4>;

/// A run of input that was committed as one, as of its end.
struct Epoch {
  uint64_t number = 0;
  Position position;
  SinkLengths lengths{};
  uint64_t chain = 0;             ///< Hash over all outputs and learning steps so far.
  bool finished = false;          ///< The input had ended, and the pipeline was told so.
  std::optional<EventTime> tick;  ///< Time had gone on to here before its first record.

  bool operator==(const Epoch&) const = default;
};

state::Epoch ToMessage(const Epoch& epoch);
Epoch FromMessage(const state::Epoch& message);

}  // namespace leat
