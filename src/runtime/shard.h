/// One pipeline with its state: what was committed survives the process.
///
/// The input log is the truth. An epoch (a run of input and what it put out) is committed when its
/// entry in the journal is on disk; only then are its outputs written, or, where they were sent
/// ahead into a transaction that shows nothing yet, is that committed. Now and then all state is
/// saved as of the end of a committed epoch (a snapshot), while the pipeline goes on; the journal
/// before it is dropped. Recovery is one path, whatever happened: load the snapshot, cut the sinks
/// back to the lengths it names, take the input again epoch by epoch as the journal says, compare
/// each with its entry, write the outputs again. See docs/durability.md.
///
/// The shard knows neither where the input comes from nor where the outputs go nor what the state
/// is kept in: a Driver, a SinkSet, a StateStorage. Errors: Corrupt for a state that is damaged, of
/// another configuration, or whose replay gives something else; Io when a disk fails, after which
/// nothing more is committed. Threads: the caller's, which runs the pipeline, one that commits, and
/// one that writes a snapshot meanwhile; the caller waits only when outputs that are not committed
/// yet take more than 32 MiB, or when more state has changed than memory allows while a snapshot is
/// being written.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>

#include "base/file_system.h"
#include "leat/status.h"
#include "pipeline/pipeline.h"
#include "runtime/driver.h"
#include "runtime/journal.h"
#include "runtime/sink_set.h"
#include "runtime/snapshot.h"

namespace leat {

struct ShardOptions {
  std::string folder;  ///< Of the journal.
  bool fresh = false;  ///< Forget what there is.
  /// Forget the state and take the log again from its start. If the configuration has changed, what
  /// had been put out stays and nothing is put out again; if not, the same comes out again.
  bool rebuild = false;
  SinkNames sinks;  ///< For people and for sinks() of a later run.
  // Of input from topics; a state is refused that was made with others.
  std::vector<InputPartition> partitions;
  std::string group, instance;
  /// Where a new state begins; asked only then. None: at the start of a log.
  std::function<Result<Position>()> begin;
  /// Called when it is known where the inputs are to be taken from, before the state is loaded:
  /// what takes its time may begin.
  std::function<void(const Position&)> on_start;
  /// For `rebuild`: where the inputs had been taken to. None: the old state says so, if it can.
  std::optional<Position> retake;
  SinkLengths kept{};        ///< With `retake`: what the files keep.
  bool exactly_once = true;  ///< The journal before the outputs; or else after them.
  /// For `rebuild`: whether the sinks hold so much.
  std::function<bool(const SinkLengths&)> written;
  bool accept_divergence = false;       ///< Go on although a replay gives something else.
  uint64_t memory = uint64_t{1} << 30;  ///< Bound of the state in memory, in bytes.
  /// Asked at the end of each epoch: whether a snapshot is due. None: only at the end, and early.
  std::function<bool()> snapshot_due;
  /// Records and labels from which on a snapshot is made early, if that costs little: so many and
  /// not many more are taken again after a crash. Whatever this says, one is made when much has
  /// changed.
  uint64_t snapshot_after = 20'000;
  /// Commits on the caller's thread, whenever this says so (and when it must), instead of on a
  /// thread of its own: for simulations.
  std::function<bool()> commit_now;
  std::function<std::chrono::steady_clock::time_point()> clock = std::chrono::steady_clock::now;
  size_t items_at_once = 64;  ///< Saved between two looks at the clock.
};

class Shard final : public EpochSink {
 public:
  /// Loads what `storage` holds into the pipeline. All but the options outlive the shard.
  static Result<std::unique_ptr<Shard>> Open(const ShardOptions& options, const Config& config,
                                             Pipeline& pipeline, StateStorage& storage,
                                             FileSystem& files = PosixFiles());
  ~Shard() override;

  /// Whether there was state; then the inputs are read on from start(), and the sinks are cut back
  /// to start_lengths().
  bool resumed() const { return resumed_; }
  const Position& start() const { return loaded_.epoch.position; }
  /// What the sinks keep: of a state that was found, or that is rebuilt.
  std::optional<SinkLengths> kept() const {
    if (rebuild_) return rebuild_->lengths;
    return resumed_ ? std::optional(loaded_.epoch.lengths) : std::nullopt;
  }
  /// What the lengths in kept() are of.
  const SinkNames& sinks() const { return old_sinks_; }
  /// What changed in the configuration since the state was made and is fine; for people.
  const std::vector<std::string>& changes() const { return changes_; }

  /// Takes again what was committed after the snapshot, then begins to commit. `driver` stands at
  /// start(); `sinks` outlive the shard.
  Status Recover(Driver& driver, SinkSet& sinks);
  /// What Recover did, and seconds of it. The group is asked while epochs are taken again: what is
  /// said here is what was waited for beyond that.
  struct Recovery {
    uint64_t epochs = 0;  ///< Taken again.
    double group = 0, replay = 0;
  };
  const Recovery& recovery() const { return recovery_; }
  const Epoch& last() const { return last_; }  ///< That ended; not all may be committed yet.

  Status Commit(const EpochEnd& end, Outputs& outputs) override;
  Status Flow(const Outputs& outputs) override;
  Status status() const override;
  /// Waits until everything is committed and saves the state. REQUIRES that an epoch just ended.
  Status Close();

  struct Figures {
    uint64_t epochs = 0, snapshots = 0;       ///< Committed, and written, by this process.
    double journal_p50 = 0, journal_p99 = 0;  ///< Seconds of an append with its sync.
    double longest_pause = 0;  ///< Seconds that the pipeline stood still for a snapshot, at most.
  };
  /// Any thread; the times are those of the last appends.
  Figures figures() const;

 private:
  /// What the committing thread does, in order.
  struct Job {
    enum class Kind { kOutputs, kEpoch, kRotate, kSnapshot, kSaved } kind = Kind::kEpoch;
    Epoch epoch;
    Outputs outputs;
  };
  enum class Saving { kNo, kFilling, kWriting };
  using Clock = std::chrono::steady_clock;

  Shard(const ShardOptions& options, const Config& config, Pipeline& pipeline, FileSystem& files);
  Status FindRebuildPoint(StateStorage& storage);
  Status Load(StateStorage& storage);
  Status CheckInputs() const;
  Status CheckMark(const std::optional<CommitMark>& mark, bool certain,
                   const std::deque<Epoch>& journalled) const;
  Status SettleMarks(Driver& driver);
  Status Replay(Driver& driver, uint64_t last);
  CommitMark MarkOf(const Epoch& epoch) const;
  Epoch Next(const EpochEnd& end, const Outputs& outputs) const;
  Status Check(const Epoch& epoch, const Epoch& journalled) const;
  SnapshotInfo Info() const;
  void ShareMemory();
  bool CanSaveLater() const;
  Status SaveNow();
  Status Save();
  bool SaveEarly(Clock::time_point now) const;
  Status WriteSnapshot(const Epoch& epoch);
  Status FinishSnapshot(const Epoch& epoch);
  void WriteMeanwhile(const Epoch& epoch);
  Status Submit(Job job);
  void Stop();
  void CommitAll();
  Status CommitQueued();
  Status Work(std::deque<Job>& jobs);
  Status SendOn(Outputs outputs);
  Status CommitEpochs(std::span<const Epoch> epochs, std::span<const Outputs* const> outputs);

  const ShardOptions options_;
  const Config& config_;
  Pipeline& pipeline_;
  std::unique_ptr<StateStore> store_;
  std::unique_ptr<Snapshots> snapshots_;
  SinkSet* sinks_ = nullptr;
  const uint64_t owner_;  ///< Of the marks of this process.
  Journal journal_;
  bool resumed_ = false;
  SnapshotInfo loaded_;  ///< Of the snapshot that was loaded, or of a new state.
  SinkNames old_sinks_;
  std::vector<std::string> changes_;
  size_t journal_files_ = 0;      ///< Found at the start.
  std::deque<Epoch> journalled_;  ///< After it; emptied by Recover.
  Recovery recovery_;
  std::optional<Epoch> rebuild_;  ///< How far the log is taken again without putting out.
  bool suppress_ = false;
  SinkLengths flowed_{};  ///< Bytes of the epoch's outputs that were handed on early,
  size_t flowed_frames_ = 0, flowed_envelopes_ = 0;
  Epoch last_;  ///< The epoch that ended last.

  // Snapshots, on the caller's thread.
  Saving saving_ = Saving::kNo;
  bool save_soon_ = false;           ///< A recovery wants one.
  Epoch filling_;                    ///< What the snapshot that is being made is as of.
  size_t window_bytes_;              ///< What windows may take in memory.
  double writing_seconds_ = 0;       ///< What writing it took;
  std::atomic<bool> saved_ = false;  ///< now it is durable.
  Clock::time_point begun_;          ///< When the last one was,
  double save_seconds_ = 0;          ///< and what it has taken of all threads.
  double longest_pause_ = 0;

  // Shared with the committing thread.
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> queue_;
  size_t queued_bytes_ = 0;
  bool closing_ = false;
  Status status_;
  std::thread committer_;
  std::deque<Outputs> ahead_;  ///< Sent, of an epoch that has not ended; the committing thread's.
  bool writing_ = false;       ///< A snapshot, on a thread of its own.
  std::future<void> writer_;
  uint64_t epochs_ = 0;
  std::atomic<uint64_t> written_ = 0;
  std::vector<float> journal_seconds_;  ///< Of the last appends.
};

}  // namespace leat
