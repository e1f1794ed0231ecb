/// Epochs: the steps in which a run becomes durable.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "runtime/message_source.h"
#include "state/proto/state.pb.h"

namespace leat {

/// How far a run has come in its inputs: counts of records consumed, rejected ones included.
struct Position {
  uint64_t records = 0;
  uint64_t labels = 0;
  std::vector<InputMark> inputs = {};  ///< Of a MessageSource; empty for a log.

  bool operator==(const Position&) const = default;
};

/// Bytes of the predictions, events, metrics and rejects written so far.
using SinkLengths = std::array<uint64_t, 4>;

/// Where they are written to.
using SinkNames = std::array<std::string, 4>;

/// A run of input that was committed as one, as of its end.
struct Epoch {
  uint64_t number = 0;
  Position position;
  SinkLengths lengths{};
  uint64_t chain = 0;               ///< Hash over all outputs and learning steps so far.
  bool finished = false;            ///< The input had ended, and the pipeline was told so.
  std::optional<EventTime> tick;    ///< Time had gone on to here before its first record.
  std::vector<InputRun> runs = {};  ///< What it took from topics, in order.

  bool operator==(const Epoch&) const = default;
};

/// The journal holds the runs of an epoch, a manifest where its inputs stand after it.
enum class EpochForm { kJournal, kManifest };
state::Epoch ToMessage(const Epoch& epoch, EpochForm form);
Epoch FromMessage(const state::Epoch& message);

}  // namespace leat
