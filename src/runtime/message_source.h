/// Input that goes on: partitions of topics, from which messages come as they are produced.
///
/// A source stands at an offset in each of its inputs. While a run recovers, Read takes exactly
/// what was taken before, input by input; after Live, Poll takes whatever has come. Offsets of an
/// input only grow; they may have gaps. Threads: the one that runs the pipeline, but for what
/// OnReady is given.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "leat/status.h"

namespace leat {

/// Where a source stands in one input, and what it read there last.
struct InputMark {
  int64_t next = 0;       ///< Offset of the next message, or of where it will be at the least.
  int64_t last = -1;      ///< Offset of the last message taken; -1: none yet.
  int64_t timestamp = 0;  ///< Its time by the broker, in milliseconds.
  uint64_t hash = 0;      ///< Hash64 of its payload.

  bool operator==(const InputMark&) const = default;
};

/// One partition that a shard reads.
struct InputPartition {
  std::string topic;
  int32_t number = 0;
  bool labels = false;  ///< What comes are labels.

  bool operator==(const InputPartition&) const = default;
};

/// Messages that were taken from one input, in a row.
struct InputRun {
  uint32_t input = 0;           ///< Index into inputs().
  int64_t first = 0, last = 0;  ///< Offsets.
  uint64_t count = 0;           ///< Fewer than last - first + 1 where there are gaps.

  bool operator==(const InputRun&) const = default;
};

struct Message {
  uint32_t input = 0;
  int64_t offset = 0;
  int64_t timestamp = -1;  ///< By the producer or the broker, milliseconds since 1970; -1: none.
  bool tombstone = false;  ///< There is no payload, not even an empty one.
  std::string_view key, payload;
  std::string_view traceparent;  ///< The header of that name; empty: none.
};

/// Messages with what they lie in.
struct MessageBatch {
  std::span<const Message> messages;
  std::shared_ptr<const void> held;  ///< The views live as long as this, which the source outlives.
};

class MessageSource {
 public:
  virtual ~MessageSource() = default;

  /// What this shard reads, in a fixed order: the same at every start.
  virtual const std::vector<InputPartition>& inputs() const = 0;
  /// Where a new state begins, as configured; one offset an input.
  virtual Result<std::vector<int64_t>> FirstOffsets() = 0;
  /// The offsets of the oldest messages that are kept.
  virtual Result<std::vector<int64_t>> OldestOffsets() = 0;
  /// Stands at these marks; the first call, and whenever returned() says so. Corrupt if what was
  /// read last is not there any more, or is not what it was: the topic was deleted and made again,
  /// or its messages have expired.
  virtual Status Start(std::span<const InputMark> marks) = 0;
  /// The next messages of one input, at least `least` (one or more) and at most `most`. Corrupt if
  /// there are fewer. Any thread, while nothing else is called.
  virtual Result<MessageBatch> Read(uint32_t input, size_t least, size_t most) = 0;
  /// From now on Poll is called and Read is not. Goes on at `next`, an offset an input.
  virtual Status Live(std::span<const int64_t> next) = 0;
  /// At most `most` messages that have come; none if none are at hand. The views live until the
  /// next call. Io when the input is broken for good, with what to do about it; Corrupt for a gap
  /// where there must be none.
  virtual Result<std::span<const Message>> Poll(size_t most) = 0;
  /// Whether an input was said to be gone and is there again: whether it is still the same must be
  /// seen by Start, and then Live.
  virtual bool returned() const { return false; }
  /// Calls `ready`, on a thread of its own, when messages come after Poll gave none.
  /// An empty one ends that: what was given before is not running any more when this returns.
  virtual void OnReady(std::function<void()> ready) = 0;
  /// The offsets at which the inputs end, as last heard; for lag. -1: not known yet.
  virtual std::vector<int64_t> Ends() const = 0;
  /// Where an input stands if all that Poll gave was all that there is, as last heard: the offset
  /// of its end, before which markers of transactions may lie. -1: there is more.
  virtual int64_t ReadTo(uint32_t input) const = 0;
  /// Whether all inputs have been read to their ends, as the brokers say now, for which they are
  /// waited for a little. False if they do not answer.
  virtual bool AtEnds() = 0;
};

}  // namespace leat
