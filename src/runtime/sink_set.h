/// Where the outputs of a shard go, and where it is written down how far they have been committed.
///
/// Files keep no marks: what they hold is cut back to what the journal says and written again. A
/// group of Kafka keeps one with its offsets, in the same transaction as the outputs: there the
/// mark decides what is committed. One thread at a time.
#pragma once

#include <array>
#include <optional>
#include <span>

#include "leat/status.h"
#include "pipeline/pipeline.h"
#include "runtime/epoch.h"

namespace leat {

/// What is written down with each commit: whose it is, and how far it goes.
struct CommitMark {
  uint64_t state_id = 0;
  uint64_t owner = 0;  ///< Drawn at random by each process that takes the state over.
  uint64_t epoch = 0;
  uint64_t chain = 0;  ///< Epoch::chain.

  bool operator==(const CommitMark&) const = default;
};

class SinkSet {
 public:
  virtual ~SinkSet() = default;

  // ---- Before the first commit; only sinks that keep marks do anything ----
  virtual bool keeps_marks() const { return false; }
  /// The last mark, as it stands, without disturbing whoever writes them; none if there never was
  /// one. Corrupt if what is there is no mark of ours.
  virtual Result<std::optional<CommitMark>> Look() { return std::optional<CommitMark>(); }
  /// Keeps every other process from committing from now on, and gives the last mark for certain.
  virtual Result<std::optional<CommitMark>> Take() { return std::optional<CommitMark>(); }
  /// Commits a mark and where the inputs stand, without outputs.
  virtual Status Claim(const CommitMark& mark, const Position& position) {
    (void)mark, (void)position;
    return Status::Ok();
  }

  // ---- Exactly once: the journal holds the epochs already ----
  /// Whether outputs may be sent before the journal has their epoch, as nobody sees them before
  /// their commit. Then Commit is given what Send was, first of all, and sends it again if need be.
  virtual bool sends_ahead() const { return false; }
  /// Writes the outputs of some epochs, and the mark of the last of them, as one: retries, waits
  /// for what comes back, and finds out what became of it until that is certain. Fenced if another
  /// process has taken over; Io for what cannot heal, with what to do about it. By default all goes
  /// to files.
  virtual Status Commit(std::span<const Outputs* const> outputs, const CommitMark& mark,
                        const Position& position);
  /// Writes what goes to files only: outputs of an epoch that is committed, where files were cut
  /// back.
  virtual Status WriteFiles(const Outputs& outputs) = 0;

  // ---- At least once: the journal follows what was sent, and the mark follows the journal ----
  /// Sends outputs on, some of an epoch or all.
  virtual Status Send(const Outputs& outputs) { return WriteFiles(outputs); }
  /// Waits until all that was sent has arrived.
  virtual Status Flush() { return Status::Ok(); }

  /// Waits until what was written to files is on disk.
  virtual Status Sync() = 0;
  /// Which of predictions, events, metrics and rejects go to files.
  virtual std::array<bool, 4> in_files() const { return {true, true, true, true}; }
  /// Of the files; what goes elsewhere counts nothing.
  virtual SinkLengths lengths() const = 0;
};

}  // namespace leat
