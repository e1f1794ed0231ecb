/// One pipeline with its state folder: what was committed survives the process.
///
/// The input log is the truth. An epoch (a run of input and what it put out) is committed when its
/// entry in the journal is on disk; only then are its outputs written. Now and then all state is
/// saved as of the end of a committed epoch (a snapshot), and the journal starts anew. Recovery is
/// one path, whatever happened: load the snapshot, cut the sinks back to the lengths it names, take
/// the input again epoch by epoch as the journal says, compare each with its entry, write the
/// outputs again. See docs/durability.md.
///
/// The folder: `lock` (held while a process uses it), `snapshot` (snapshot.h), `journal`
/// (journal.h). Errors: Corrupt for a folder that is in use, damaged, of another configuration, or
/// whose replay gives something else; Io when a disk fails, after which nothing more is committed.
/// Threads: the caller's, which runs the pipeline, and one that commits; the caller waits only when
/// more than 64 MiB of outputs are not committed yet.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "leat/status.h"
#include "pipeline/pipeline.h"
#include "runtime/drive.h"
#include "runtime/journal.h"

namespace leat {

/// Where the outputs of a shard are written. Used by one thread at a time.
class SinkSet {
 public:
  virtual ~SinkSet() = default;
  /// Writes out everything in `outputs`, in order.
  virtual Status Write(const Outputs& outputs) = 0;
  /// Waits until what was written is on disk.
  virtual Status Sync() = 0;
  virtual SinkLengths lengths() const = 0;
};

struct ShardOptions {
  std::string folder;
  bool fresh = false;              ///< Forget what the folder holds.
  bool accept_divergence = false;  ///< Go on although a replay gives something else.
  std::chrono::milliseconds snapshot_every{10'000};
};

class Shard final : public EpochSink {
 public:
  /// Takes the folder and loads its snapshot into the pipeline. `pipeline` outlives the shard.
  static Result<std::unique_ptr<Shard>> Open(const ShardOptions& options, Pipeline& pipeline);
  ~Shard() override;

  /// Whether the folder held state; then the inputs are read on from start(), and the sinks are cut
  /// back to start_lengths().
  bool resumed() const { return resumed_; }
  const Position& start() const { return snapshot_.position; }
  const SinkLengths& start_lengths() const { return snapshot_.lengths; }

  /// Takes again what was committed after the snapshot, then begins to commit. `driver` stands at
  /// start(); `sinks` outlive the shard.
  Status Recover(Driver& driver, SinkSet& sinks);
  uint64_t replayed() const { return replayed_; }  ///< Epochs taken again by Recover.

  Status Commit(const Position& position, Outputs& outputs, bool finished) override;
  /// Waits until everything is committed and saves the state. REQUIRES that an epoch just ended.
  Status Close();

 private:
  struct Job {
    Epoch epoch;
    Outputs outputs;
    std::string snapshot;  ///< Not empty: the state as of `epoch`, to be saved.
  };

  Shard(const ShardOptions& options, Pipeline& pipeline);
  Status Lock();
  Status LoadSnapshot();
  Epoch Next(const Position& position, const Outputs& outputs, bool finished) const;
  Status Check(const Epoch& epoch, const Epoch& journalled) const;
  std::string State() const;
  Status Save(const std::string& state);
  Status Submit(Job job);
  void Stop();
  void CommitAll();
  Status Work(std::deque<Job>& jobs);

  const ShardOptions options_;
  Pipeline& pipeline_;
  SinkSet* sinks_ = nullptr;
  Journal journal_;
  int lock_ = -1;
  bool resumed_ = false;
  Epoch snapshot_;                ///< Of the snapshot that was loaded.
  std::deque<Epoch> journalled_;  ///< After it; emptied by Recover.
  uint64_t replayed_ = 0;
  Epoch last_;  ///< The epoch that ended last.
  std::chrono::steady_clock::time_point saved_at_;

  // Shared with the committing thread.
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> queue_;
  size_t queued_bytes_ = 0;
  bool saving_ = false;  ///< A snapshot waits or is being written.
  bool closing_ = false;
  Status status_;
  std::thread committer_;
};

}  // namespace leat
