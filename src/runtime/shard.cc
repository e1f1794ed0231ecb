#include "runtime/shard.h"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <limits>
#include <random>
#include <utility>

#include "base/clock.h"
#include "base/hash.h"
#include "leat/version.h"
#include "pipeline/shape.h"
#include "runtime/crash_point.h"

namespace leat {
namespace {

/// What waits to be committed or is being committed, and what a message of it takes beside its text
/// while it is sent.
constexpr size_t kMostQueuedBytes = size_t{32} << 20;
constexpr size_t kMessageBytes = 512;
/// How long the pipeline stands still at a time while a snapshot is filled.
constexpr auto kShare = std::chrono::milliseconds(3);
/// A snapshot is made early if the last one took at most one of so many parts of the time since.
constexpr double kRarity = 25;
/// Appends to the journal whose times are kept.
constexpr size_t kKeptTimes = 1 << 16;
/// A start begins a file, and so does a snapshot.
constexpr size_t kMostJournalFiles = 4;
/// Of the memory: changes that wait to be saved (as much again is a snapshot on its way); all
/// state; and of that the windows at most (memory that they once had is not given back when the
/// rest grows) and at least.
constexpr uint64_t kChangedShare = 16, kStateShare = 2, kMostWindowsEighths = 2;
constexpr uint64_t kLeastWindowsShare = 16;

uint64_t RandomId() {
  std::random_device device;
  return device() | uint64_t{device()} << 32;
}

bool Never() { return false; }

size_t QueuedBytes(const Epoch& epoch, const Outputs& outputs) {
  return outputs.size() + outputs.frames.size() * kMessageBytes +
         epoch.runs.size() * sizeof(InputRun);
}

/// Where an epoch ended, without what it took.
Epoch EndOf(const Epoch& epoch) {
  return {epoch.number, epoch.position, epoch.lengths, epoch.chain, epoch.finished, epoch.tick};
}

/// What `outputs` holds beyond what was handed on.
Outputs Rest(const Outputs& outputs, const SinkLengths& from, size_t frames, size_t envelopes) {
  Outputs rest;
  rest.predictions = outputs.predictions.substr(from[0]);
  rest.events = outputs.events.substr(from[1]);
  rest.metrics = outputs.metrics.substr(from[2]);
  rest.rejects = outputs.rejects.substr(from[3]);
  rest.frames.assign(outputs.frames.begin() + static_cast<ptrdiff_t>(frames), outputs.frames.end());
  rest.envelopes = outputs.envelopes.substr(envelopes);
  return rest;
}

}  // namespace

Shard::Shard(const ShardOptions& options, const Config& config, Pipeline& pipeline,
             FileSystem& files)
    : options_(options),
      config_(config),
      pipeline_(pipeline),
      owner_(RandomId()),
      journal_(options.folder, files),
      window_bytes_(options.memory / 8 * kMostWindowsEighths) {}

Shard::~Shard() { Stop(); }

Result<std::unique_ptr<Shard>> Shard::Open(const ShardOptions& options, const Config& config,
                                           Pipeline& pipeline, StateStorage& storage,
                                           FileSystem& files) {
  std::unique_ptr<Shard> shard(new Shard(options, config, pipeline, files));
  if (options.rebuild) LEAT_RETURN_IF_ERROR(shard->FindRebuildPoint(storage));
  if (options.fresh || options.rebuild) {
    // The journal goes first: without it, nothing says that there was more than the snapshot.
    LEAT_RETURN_IF_ERROR(shard->journal_.Remove());
    LEAT_RETURN_IF_ERROR(storage.Remove());
  }
  LEAT_RETURN_IF_ERROR(shard->Load(storage));
  return shard;
}

/// How far the log had been taken, if the state can still say so. With the same configuration the
/// same comes out again, and the sinks are simply written anew; with another one, what had been put
/// out stays.
Status Shard::FindRebuildPoint(StateStorage& storage) {
  if (options_.retake) {
    rebuild_.emplace();
    rebuild_->position = *options_.retake;
    rebuild_->lengths = options_.kept;
    old_sinks_ = options_.sinks;
    return Status::Ok();
  }
  LEAT_ASSIGN_OR_RETURN(const bool exists, storage.Exists());
  if (!exists) return Status::Ok();
  Result<std::unique_ptr<StateStore>> store = storage.Open();
  if (!store.ok()) return store.status().code() == StatusCode::kIo ? store.status() : Status::Ok();
  const Result<std::optional<SnapshotInfo>> info = Snapshots(**store).Read();
  if (!info.ok() || !*info || (*info)->fingerprint == config_.fingerprint) return Status::Ok();
  rebuild_ = (*info)->epoch;
  old_sinks_ = (*info)->sinks;
  const Result<std::vector<Epoch>> epochs = journal_.Read((*info)->state_id, rebuild_->number);
  if (!epochs.ok()) return Status::Ok();
  // An epoch in the journal may lack its outputs.
  for (const Epoch& epoch : *epochs) {
    if (options_.written && !options_.written(epoch.lengths)) break;
    rebuild_ = epoch;
  }
  return Status::Ok();
}

Status Shard::Load(StateStorage& storage) {
  const auto damaged = [&](std::string_view why) {
    return Status::Corrupt(fmt::format(
        "{}: {}; start afresh with --fresh, take the log again with --rebuild, or restore the "
        "folder from a copy",
        options_.folder, why));
  };
  const auto without_snapshot = [&] {
    return damaged("there is a journal but no snapshot: files are missing");
  };
  LEAT_ASSIGN_OR_RETURN(const bool exists, storage.Exists());
  LEAT_ASSIGN_OR_RETURN(journal_files_, journal_.CountFiles());
  if (!exists && journal_files_ > 0) return without_snapshot();
  LEAT_ASSIGN_OR_RETURN(store_, storage.Open());
  snapshots_ = std::make_unique<Snapshots>(*store_, options_.items_at_once);
  LEAT_ASSIGN_OR_RETURN(const std::optional<SnapshotInfo> info, snapshots_->Read());
  if (!info) {
    if (journal_files_ > 0) return without_snapshot();
    loaded_.state_id = RandomId();
    if (options_.begin) {
      LEAT_ASSIGN_OR_RETURN(loaded_.epoch.position, options_.begin());
      last_ = loaded_.epoch;
    }
    if (options_.on_start) options_.on_start(loaded_.epoch.position);
  } else {
    loaded_ = *info;
    old_sinks_ = info->sinks;
    LEAT_ASSIGN_OR_RETURN(const std::vector<Epoch> epochs,
                          journal_.Read(loaded_.state_id, loaded_.epoch.number));
    journalled_.assign(epochs.begin(), epochs.end());
    if (loaded_.fingerprint != config_.fingerprint) {
      Result<std::vector<std::string>> changes = CompareShapes(loaded_.shape, config_.shape);
      if (!changes.ok()) {
        return Status::Corrupt(
            fmt::format("{}: {}\nuse the configuration that made it, start afresh with --fresh, or "
                        "take the log "
                        "again with --rebuild",
                        options_.folder, changes.status().message()));
      }
      if (!journalled_.empty() && !options_.accept_divergence) {
        return Status::Corrupt(fmt::format(
            "{}: the configuration has changed, but the last run did not end: let it recover once "
            "with the configuration that made it, or go on from the last snapshot with "
            "--accept-divergence",
            options_.folder));
      }
      changes_ = std::move(changes).value();
    }
    LEAT_RETURN_IF_ERROR(CheckInputs());
    if (options_.on_start) options_.on_start(loaded_.epoch.position);
    const Status loaded = snapshots_->Load(pipeline_, window_bytes_);
    if (!loaded.ok()) {
      return Status(loaded.code(), fmt::format("{}: {}", options_.folder, loaded.message()));
    }
    resumed_ = true;
    last_ = loaded_.epoch;
  }
  ++loaded_.incarnation;
  pipeline_.Track(*store_);
  return Status::Ok();
}

/// The inputs are part of what a state is: an offset means nothing in another partition.
Status Shard::CheckInputs() const {
  if (loaded_.partitions == options_.partitions && loaded_.instance == options_.instance &&
      loaded_.group == options_.group) {
    return Status::Ok();
  }
  const auto describe = [](const std::vector<InputPartition>& partitions,
                           const std::string& instance, const std::string& group) {
    if (partitions.empty()) return std::string("a log");
    std::string text;
    for (const InputPartition& p : partitions) {
      text += fmt::format("{}{}/{}", text.empty() ? "" : ", ", p.topic, p.number);
    }
    return fmt::format("{} as instance {} of group {}", text, instance, group);
  };
  return Status::Corrupt(fmt::format(
      "{}: the state has taken {}, and now it is to take {}: a state cannot be moved to other "
      "partitions. Use the topics, the instance and the group that made it, or take the topics "
      "again with --rebuild, or start afresh with --fresh",
      options_.folder, describe(loaded_.partitions, loaded_.instance, loaded_.group),
      describe(options_.partitions, options_.instance, options_.group)));
}

/// Whether the state in the folder can be the one that last committed `mark`; one that is not
/// `certain` may be older than what is committed.
Status Shard::CheckMark(const std::optional<CommitMark>& mark, bool certain,
                        const std::deque<Epoch>& journalled) const {
  const auto refuse = [&](std::string_view what) {
    return Status::Corrupt(fmt::format(
        "{}: {}. --rebuild makes the state from the topics, --fresh starts again without it",
        options_.folder, what));
  };
  if (options_.fresh || options_.rebuild) return Status::Ok();
  const uint64_t last = journalled.empty() ? loaded_.epoch.number : journalled.back().number;
  if (!mark) {
    if (!certain) return Status::Ok();
    // Only a state that has never committed anything can be without one.
    if (!resumed_ || last == 0) return Status::Ok();
    // From the snapshot, which was committed, somebody who knows that the state is the right one
    // may go on.
    if (options_.accept_divergence) return Status::Ok();
    return refuse(fmt::format(
        "group {} holds no offsets, but the state is at epoch {}: the group was deleted or reset, "
        "or its offsets have expired, and nothing says what was put out: all of it would be once "
        "more. --accept-divergence goes on from the snapshot, if no other process has gone on from "
        "it: after a clean stop nothing comes again, after a crash what was put out since then",
        options_.group, last));
  }
  if (!resumed_) {
    return refuse(fmt::format(
        "there is no state, but group {} is at epoch {} of state {:016x}: the folder was lost, or "
        "is another one",
        options_.group, mark->epoch, mark->state_id));
  }
  if (mark->state_id != loaded_.state_id) {
    return refuse(fmt::format("group {} is at epoch {} of another state, {:016x}; this is {:016x}",
                              options_.group, mark->epoch, mark->state_id, loaded_.state_id));
  }
  if (mark->epoch < loaded_.epoch.number) {
    // A transaction that has just been committed may not be seen yet.
    if (!certain) return Status::Ok();
    return refuse(fmt::format(
        "the state is ahead: it holds epoch {}, and group {} only epoch {}: the brokers lost what "
        "they had acknowledged, or the group was reset",
        loaded_.epoch.number, options_.group, mark->epoch));
  }
  if (mark->epoch > last) {
    return refuse(fmt::format(
        "the state is behind: it holds epoch {}, and group {} is at epoch {}: this is an old copy, "
        "and another process has gone on",
        last, options_.group, mark->epoch));
  }
  const Epoch& at = mark->epoch == loaded_.epoch.number
                        ? loaded_.epoch
                        : journalled[mark->epoch - loaded_.epoch.number - 1];
  if (at.chain == mark->chain) return Status::Ok();
  return refuse(fmt::format(
      "epoch {} in the folder is not the one that was committed to group {}: this is a copy, and "
      "another process has gone on from it",
      mark->epoch, options_.group));
}

/// Where marks are kept, they say what is committed; journalled epochs after that never were.
Status Shard::SettleMarks(Driver& driver) {
  if (!sinks_->keeps_marks()) return Status::Ok();
  // First a look: a state that does not fit must be refused before a healthy owner is disturbed.
  const std::deque<Epoch> journalled = journalled_;
  Clock::time_point start = Clock::now();
  LEAT_ASSIGN_OR_RETURN(const std::optional<CommitMark> seen, sinks_->Look());
  LEAT_RETURN_IF_ERROR(CheckMark(seen, false, journalled));
  recovery_.group = Seconds(Clock::now() - start);
  // To take over may mean to wait until an open transaction is given up. What is committed already
  // is taken again meanwhile.
  auto taking = std::async(options_.commit_now ? std::launch::deferred : std::launch::async,
                           [this] { return sinks_->Take(); });
  const bool again = seen && resumed_ && !options_.accept_divergence;
  const Status replayed = Replay(driver, again ? seen->epoch : 0);
  start = Clock::now();
  LEAT_ASSIGN_OR_RETURN(const std::optional<CommitMark> mark, taking.get());
  LEAT_RETURN_IF_ERROR(CheckMark(mark, true, journalled));
  recovery_.group += Seconds(Clock::now() - start);
  const uint64_t committed = mark && resumed_ ? mark->epoch : 0;
  while (!journalled_.empty() && journalled_.back().number > committed) journalled_.pop_back();
  return replayed;
}

/// Takes the journalled epochs up to `last` again.
Status Shard::Replay(Driver& driver, uint64_t last) {
  const Clock::time_point start = Clock::now();
  std::vector<Epoch> again;
  for (const Epoch& epoch : journalled_) {
    if (epoch.number <= last) again.push_back(epoch);
  }
  if (!again.empty()) driver.Expect(std::move(again));
  while (!journalled_.empty() && journalled_.front().number <= last) {
    const Status done = driver.Replay(Epoch(journalled_.front()), *this);
    if (!done.ok()) {
      if (done.message().starts_with(options_.folder)) return done;
      return Status(done.code(), fmt::format("{}: {}", options_.folder, done.message()));
    }
    ++recovery_.epochs;
    CrashPoint("during_replay");
  }
  recovery_.replay += Seconds(Clock::now() - start);
  return Status::Ok();
}

CommitMark Shard::MarkOf(const Epoch& epoch) const {
  return {loaded_.state_id, owner_, epoch.number, epoch.chain};
}

SnapshotInfo Shard::Info() const {
  SnapshotInfo info = loaded_;
  info.program = kVersion;
  info.pipeline = config_.name;
  info.fingerprint = config_.fingerprint;
  info.shape = config_.shape;
  info.configuration = config_.text;
  info.epoch = last_;
  info.sinks = options_.sinks;
  info.partitions = options_.partitions;
  info.group = options_.group;
  info.instance = options_.instance;
  info.written_at = WallTime().micros;
  return info;
}

Epoch Shard::Next(const EpochEnd& end, const Outputs& outputs) const {
  Epoch epoch;
  epoch.number = last_.number + 1;
  epoch.position = end.position;
  epoch.finished = end.finished;
  epoch.tick = end.tick;
  epoch.runs = end.runs;
  epoch.lengths = last_.lengths;
  epoch.chain = last_.chain;
  const auto parts = outputs.parts();
  const std::array<bool, 4> in_files = sinks_->in_files();
  for (size_t i = 0; i < parts.size(); ++i) {
    if (in_files[i]) epoch.lengths[i] += parts[i].size();
    epoch.chain = Hash64(parts[i], epoch.chain);
  }
  epoch.chain = Mix64(epoch.chain ^ pipeline_.Chain());
  return epoch;
}

Status Shard::Check(const Epoch& epoch, const Epoch& journalled) const {
  // The journal does not say where the inputs stood; what was taken from them says so.
  Epoch wanted = journalled;
  wanted.position.inputs = epoch.position.inputs;
  if (epoch == wanted) return Status::Ok();
  return Status::Corrupt(fmt::format(
      "{}: epoch {} was taken again and gave something else (records {} and {}, chain {:016x} and "
      "{:016x}): the input or the program has changed. --accept-divergence goes on with what it "
      "gives now, --fresh starts again",
      options_.folder, epoch.number, journalled.position.records, epoch.position.records,
      journalled.chain, epoch.chain));
}

Status Shard::Recover(Driver& driver, SinkSet& sinks) {
  sinks_ = &sinks;
  last_.lengths = sinks.lengths();
  LEAT_RETURN_IF_ERROR(SettleMarks(driver));
  if (options_.accept_divergence) {
    // The sinks are cut back already: what follows the snapshot is simply taken anew.
    journalled_.clear();
    LEAT_RETURN_IF_ERROR(journal_.Remove());
  } else if (journal_files_ > 0) {
    const uint64_t last = journalled_.empty() ? last_.number : journalled_.back().number;
    LEAT_RETURN_IF_ERROR(journal_.Keep(loaded_.state_id, last));
  }
  if (rebuild_) {
    suppress_ = true;
    LEAT_RETURN_IF_ERROR(driver.Retake(*rebuild_, *this));
    suppress_ = false;
    last_.lengths = sinks.lengths();
  }
  LEAT_RETURN_IF_ERROR(Replay(driver, std::numeric_limits<uint64_t>::max()));
  CrashPoint("genesis");
  if (CanSaveLater()) {
    LEAT_RETURN_IF_ERROR(journal_.Begin(loaded_.state_id, last_.number));
    ShareMemory();
    save_soon_ = true;
  } else {
    LEAT_RETURN_IF_ERROR(SaveNow());
  }
  // Before any input is taken, the group says that it is ours, and from where.
  LEAT_RETURN_IF_ERROR(sinks.Claim(MarkOf(last_), last_.position));
  CrashPoint("after_claim");
  if (!options_.commit_now) committer_ = std::thread([this] { CommitAll(); });
  return Status::Ok();
}

/// After a recovery a snapshot is due, so that the next one takes less again. It may be made while
/// the run goes on, if the old one is of the same pipeline and sinks; but not where one life after
/// another ends before it is finished.
bool Shard::CanSaveLater() const {
  return resumed_ && !rebuild_ && !options_.accept_divergence &&
         loaded_.fingerprint == config_.fingerprint && old_sinks_ == options_.sinks &&
         journal_files_ <= kMostJournalFiles;
}

/// At least once, outputs need not wait for the end of their epoch; nor need those that nobody sees
/// until they are committed.
Status Shard::Flow(const Outputs& outputs) {
  if (suppress_ || !journalled_.empty()) return Status::Ok();
  if (options_.exactly_once && !sinks_->sends_ahead()) return Status::Ok();
  Outputs rest = Rest(outputs, flowed_, flowed_frames_, flowed_envelopes_);
  if (rest.size() == 0) return Status::Ok();
  const auto parts = outputs.parts();
  for (size_t i = 0; i < parts.size(); ++i) flowed_[i] = parts[i].size();
  flowed_frames_ = outputs.frames.size();
  flowed_envelopes_ = outputs.envelopes.size();
  return Submit({Job::Kind::kOutputs, {}, std::move(rest)});
}

Status Shard::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

Status Shard::Commit(const EpochEnd& end, Outputs& outputs) {
  Epoch epoch = Next(end, outputs);
  if (suppress_) {
    last_ = EndOf(epoch);
    return pipeline_.status();
  }
  if (!journalled_.empty()) {
    // It is committed already: only its outputs may be missing.
    LEAT_RETURN_IF_ERROR(Check(epoch, journalled_.front()));
    journalled_.pop_front();
    last_ = EndOf(epoch);
    return sinks_->WriteFiles(outputs);
  }
  last_ = EndOf(epoch);
  Job job{Job::Kind::kEpoch, std::move(epoch), {}};
  if (flowed_ == SinkLengths{}) {
    job.outputs = std::exchange(outputs, {});
  } else {
    job.outputs = Rest(outputs, flowed_, flowed_frames_, flowed_envelopes_);
    flowed_ = {};
    flowed_frames_ = flowed_envelopes_ = 0;
  }
  LEAT_RETURN_IF_ERROR(Submit(std::move(job)));
  return Save();
}

// ---- Snapshots ----

/// At the end of an epoch: begins a snapshot if one is due, or goes on with the one that is being
/// made.
Status Shard::Save() {
  const auto now = options_.clock();
  if (saving_ == Saving::kWriting && saved_.exchange(false)) {
    snapshots_->End();
    saving_ = Saving::kNo;
    save_seconds_ += writing_seconds_;
    ShareMemory();
  }
  const uint64_t most = options_.memory / kChangedShare;
  uint64_t changed = Snapshots::ChangedBytes(pipeline_);
  if (saving_ == Saving::kNo) {
    const bool due = options_.snapshot_due && options_.snapshot_due();
    if (due || save_soon_ || changed > most || SaveEarly(now)) {
      save_soon_ = false;
      filling_ = last_;
      begun_ = now;
      save_seconds_ = 0;
      snapshots_->Begin(pipeline_, Info());
      LEAT_RETURN_IF_ERROR(Submit({Job::Kind::kRotate, last_, {}}));
      saving_ = Saving::kFilling;
      changed = 0;
    }
  }
  pipeline_.EvictWindows(window_bytes_);
  const bool filling = saving_ == Saving::kFilling;
  if (filling) {
    // Filling keeps ahead of what changes meanwhile: the more that is, the larger the share. Past
    // what memory allows, all the rest is filled in at once.
    const auto until = now + (changed > most / 2 ? 3 * kShare : kShare);
    if (snapshots_->More([&] { return changed <= most && options_.clock() >= until; })) {
      saving_ = Saving::kWriting;
      LEAT_RETURN_IF_ERROR(Submit({Job::Kind::kSnapshot, filling_, {}}));
    }
  } else if (saving_ == Saving::kWriting && changed > 2 * most) {
    if (!committer_.joinable()) return CommitQueued();
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return saved_.load() || !status_.ok(); });
  }
  const double paused = Seconds(options_.clock() - now);
  if (filling) save_seconds_ += paused;
  longest_pause_ = std::max(longest_pause_, paused);
  return Status::Ok();
}

/// Whether a crash would make much be taken again, and a snapshot costs little.
bool Shard::SaveEarly(Clock::time_point now) const {
  const Position& position = last_.position;
  const uint64_t taken = position.records + position.labels;
  const uint64_t saved = filling_.position.records + filling_.position.labels;
  return taken - saved >= options_.snapshot_after &&
         Seconds(now - begun_) >= kRarity * save_seconds_;
}

/// What windows may take is what all else leaves.
void Shard::ShareMemory() {
  const uint64_t rest = pipeline_.MemoryBytes() - pipeline_.ReservedWindowBytes();
  const uint64_t state = options_.memory / kStateShare;
  window_bytes_ = std::clamp(state > rest ? state - rest : 0, options_.memory / kLeastWindowsShare,
                             options_.memory / 8 * kMostWindowsEighths);
}

/// Makes a snapshot of committed state durable.
Status Shard::WriteSnapshot(const Epoch& epoch) {
  LEAT_RETURN_IF_ERROR(sinks_->Sync());
  CrashPoint("before_snapshot");
  LEAT_RETURN_IF_ERROR(snapshots_->Write());
  return FinishSnapshot(epoch);
}

/// The journal before a snapshot that is durable is needed no more.
Status Shard::FinishSnapshot(const Epoch& epoch) {
  CrashPoint("after_snapshot");
  ++written_;
  LEAT_RETURN_IF_ERROR(journal_.Drop(epoch.number));
  CrashPoint("after_drop");
  return Status::Ok();
}

/// Writes a snapshot while epochs are committed; once it is durable, the committing thread learns
/// of it.
void Shard::WriteMeanwhile(const Epoch& epoch) {
  writing_ = true;
  writer_ = std::async(std::launch::async, [this, epoch] {
    const auto before = options_.clock();
    const Status written = snapshots_->Write();
    writing_seconds_ = Seconds(options_.clock() - before);
    const std::lock_guard lock(mutex_);
    writing_ = false;
    if (written.ok()) {
      queue_.push_back({Job::Kind::kSaved, epoch, {}});
    } else if (status_.ok()) {
      status_ = written;
    }
    changed_.notify_all();
  });
}

/// A snapshot of the state as it is, while nothing else is committed.
Status Shard::SaveNow() {
  if (saving_ != Saving::kNo) {
    // One is on its way; what it lacks is filled in, so that the next one can follow it.
    if (saving_ == Saving::kFilling) {
      snapshots_->More(Never);
      LEAT_RETURN_IF_ERROR(WriteSnapshot(filling_));
    }
    snapshots_->End();
    saving_ = Saving::kNo;
  }
  filling_ = last_;
  begun_ = options_.clock();
  snapshots_->Begin(pipeline_, Info());
  snapshots_->More(Never);
  LEAT_RETURN_IF_ERROR(WriteSnapshot(last_));
  save_seconds_ = Seconds(options_.clock() - begun_);
  LEAT_RETURN_IF_ERROR(journal_.Begin(loaded_.state_id, last_.number));
  LEAT_RETURN_IF_ERROR(journal_.Drop(last_.number));
  snapshots_->End();
  ShareMemory();
  return Status::Ok();
}

// ---- Committing ----

Status Shard::Submit(Job job) {
  const size_t bytes = QueuedBytes(job.epoch, job.outputs);
  std::unique_lock lock(mutex_);
  if (committer_.joinable()) {
    changed_.wait(lock, [&] { return queued_bytes_ < kMostQueuedBytes || !status_.ok(); });
  }
  LEAT_RETURN_IF_ERROR(status_);
  queued_bytes_ += bytes;
  queue_.push_back(std::move(job));
  changed_.notify_all();
  if (committer_.joinable() || !options_.commit_now()) return Status::Ok();
  lock.unlock();
  return CommitQueued();
}

/// Commits all that waits at once, so that one sync serves many epochs.
Status Shard::CommitQueued() {
  std::deque<Job> jobs;
  size_t bytes = 0;
  {
    const std::lock_guard lock(mutex_);
    LEAT_RETURN_IF_ERROR(status_);
    jobs.swap(queue_);
    bytes = queued_bytes_;
  }
  const Status done = Work(jobs);
  const std::lock_guard lock(mutex_);
  queued_bytes_ -= bytes;
  if (!done.ok()) status_ = done;
  changed_.notify_all();
  return done;
}

/// The committing thread.
void Shard::CommitAll() {
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return !queue_.empty() || (closing_ && !writing_); });
      if (queue_.empty()) return;
    }
    if (!CommitQueued().ok()) return;
  }
}

Status Shard::Work(std::deque<Job>& jobs) {
  while (!jobs.empty()) {
    const Job& first = jobs.front();
    if (first.kind == Job::Kind::kRotate) {
      LEAT_RETURN_IF_ERROR(journal_.Begin(loaded_.state_id, first.epoch.number));
      jobs.pop_front();
      continue;
    }
    if (first.kind == Job::Kind::kSnapshot && !options_.commit_now) {
      LEAT_RETURN_IF_ERROR(sinks_->Sync());
      CrashPoint("before_snapshot");
      const std::lock_guard lock(mutex_);
      WriteMeanwhile(first.epoch);
      jobs.pop_front();
      continue;
    }
    if (first.kind == Job::Kind::kSnapshot || first.kind == Job::Kind::kSaved) {
      LEAT_RETURN_IF_ERROR(first.kind == Job::Kind::kSaved ? FinishSnapshot(first.epoch)
                                                           : WriteSnapshot(first.epoch));
      jobs.pop_front();
      const std::lock_guard lock(mutex_);
      saved_ = true;
      changed_.notify_all();
      continue;
    }
    size_t count = 0;  // Jobs up to the last epoch that can be committed together with the first.
    for (size_t i = 0; i < jobs.size(); ++i) {
      if (jobs[i].kind == Job::Kind::kEpoch) {
        count = i + 1;
      } else if (jobs[i].kind != Job::Kind::kOutputs) {
        break;
      }
    }
    if (count == 0) {
      LEAT_RETURN_IF_ERROR(SendOn(std::move(jobs.front().outputs)));
      jobs.pop_front();
      continue;
    }
    std::vector<Epoch> epochs;
    std::vector<const Outputs*> outputs;
    for (const Outputs& sent : ahead_) outputs.push_back(&sent);
    for (size_t i = 0; i < count; ++i) {
      if (jobs[i].kind == Job::Kind::kEpoch) epochs.push_back(std::move(jobs[i].epoch));
      outputs.push_back(&jobs[i].outputs);
    }
    LEAT_RETURN_IF_ERROR(CommitEpochs(epochs, outputs));
    ahead_.clear();
    jobs.erase(jobs.begin(), jobs.begin() + static_cast<ptrdiff_t>(count));
  }
  return Status::Ok();
}

/// Outputs of an epoch that has not ended; what may have to be sent again is kept until it is
/// committed.
Status Shard::SendOn(Outputs outputs) {
  if (!options_.exactly_once) return sinks_->Send(outputs);
  ahead_.push_back(std::move(outputs));
  LEAT_RETURN_IF_ERROR(sinks_->Send(ahead_.back()));
  CrashPoint("after_ahead");
  return Status::Ok();
}

Status Shard::CommitEpochs(std::span<const Epoch> epochs, std::span<const Outputs* const> outputs) {
  const Epoch& last = epochs.back();
  if (!options_.exactly_once) {
    for (const Outputs* const epoch : outputs) LEAT_RETURN_IF_ERROR(sinks_->Send(*epoch));
    LEAT_RETURN_IF_ERROR(sinks_->Flush());
  }
  CrashPoint("before_journal");
  const auto before = Clock::now();
  LEAT_RETURN_IF_ERROR(journal_.Append(epochs));
  const double seconds = Seconds(Clock::now() - before);
  CrashPoint("after_journal");
  if (options_.exactly_once) {
    LEAT_RETURN_IF_ERROR(sinks_->Commit(outputs, MarkOf(last), last.position));
  } else {
    LEAT_RETURN_IF_ERROR(sinks_->Claim(MarkOf(last), last.position));
  }
  const std::lock_guard lock(mutex_);
  if (journal_seconds_.size() == kKeptTimes) journal_seconds_.clear();
  journal_seconds_.push_back(static_cast<float>(seconds));
  epochs_ += epochs.size();
  return Status::Ok();
}

Status Shard::Close() {
  Stop();
  if (status_.ok()) status_ = CommitQueued();
  if (status_.ok()) status_ = SaveNow();
  return status_;
}

/// Commits what waits, and ends the thread.
void Shard::Stop() {
  if (!committer_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    changed_.notify_all();
  }
  committer_.join();
  if (writer_.valid()) writer_.wait();  // After an error the committing thread did not wait for it.
}

Shard::Figures Shard::figures() const {
  Figures figures;
  const std::lock_guard lock(mutex_);
  figures.epochs = epochs_;
  figures.snapshots = written_;
  figures.longest_pause = longest_pause_;
  std::vector<float> times = journal_seconds_;
  std::sort(times.begin(), times.end());
  if (!times.empty()) {
    figures.journal_p50 = times[times.size() / 2];
    figures.journal_p99 = times[times.size() * 99 / 100];
  }
  return figures;
}

}  // namespace leat
