/// What takes input and drives a pipeline with it, epoch by epoch.
///
/// An epoch is a run of input that becomes durable as one. How the input is found again is the
/// driver's: a log is read by its position (log_driver.h), topics by the runs that were taken from
/// them (live_driver.h).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/time.h"
#include "leat/status.h"
#include "pipeline/pipeline.h"
#include "runtime/epoch.h"

namespace leat {

/// How an epoch ended.
struct EpochEnd {
  Position position;
  bool finished = false;          ///< The input had ended, and the pipeline was told so.
  std::optional<EventTime> tick;  ///< Time went on to here before its first record.
  std::vector<InputRun> runs;     ///< What it took from topics, in order.
};

/// Where the epochs of a run go, in order.
class EpochSink {
 public:
  virtual ~EpochSink() = default;
  /// Takes what the pipeline put out since the last call; `outputs` may be emptied.
  virtual Status Commit(const EpochEnd& end, Outputs& outputs) = 0;
  /// Not Ok once something could not be committed: nothing more will be.
  virtual Status status() const { return Status::Ok(); }
  /// The outputs of the epoch so far; more may follow before it is committed. They stay.
  virtual Status Flow(const Outputs& outputs) {
    (void)outputs;
    return Status::Ok();
  }
};

/// How far before it is worked on a record is taken from the input, so that the memory that it
/// will need is fetched meanwhile; and how long before that each stage begins.
struct Ahead {
  static constexpr size_t kNear = 8, kBlock = 4, kEvents = 1;
  /// How long before the first stage messages are decoded, for their ids to be looked for.
  static constexpr size_t kId = 4;
  /// When keys are to be read back from the store. Their places in the index are fetched first.
  static constexpr size_t kFar = 64, kIndexed = 8;
};

class Driver {
 public:
  virtual ~Driver() = default;
  /// How far it has come.
  virtual const Position& position() const = 0;
  /// Says which epochs Replay will be asked for next, in order, so that they can be prepared.
  virtual void Expect(std::vector<Epoch> epochs) { static_cast<void>(epochs); }
  /// Takes the input of an epoch again that was committed once, and nothing more. Corrupt if the
  /// input has not got it any more.
  virtual Status Replay(const Epoch& epoch, EpochSink& sink) = 0;
  /// Takes the input again from where it is to where it had been taken, `until`, in epochs of the
  /// driver's own making.
  virtual Status Retake(const Epoch& until, EpochSink& sink) = 0;
};

}  // namespace leat
