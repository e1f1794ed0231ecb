#include "runtime/shard.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <filesystem>
#include <utility>

#include "base/file_system.h"
#include "base/hash.h"
#include "runtime/crash_point.h"
#include "runtime/snapshot.h"

namespace leat {
namespace {

constexpr size_t kMostQueuedBytes = size_t{64} << 20;

std::string PathIn(const std::string& folder, std::string_view name) {
  return (std::filesystem::path(folder) / name).string();
}

}  // namespace

Shard::Shard(const ShardOptions& options, Pipeline& pipeline)
    : options_(options), pipeline_(pipeline), journal_(PathIn(options.folder, "journal")) {}

Shard::~Shard() {
  Stop();
  if (lock_ >= 0) ::close(lock_);
}

Result<std::unique_ptr<Shard>> Shard::Open(const ShardOptions& options, Pipeline& pipeline) {
  std::unique_ptr<Shard> shard(new Shard(options, pipeline));
  std::error_code error;
  std::filesystem::create_directories(options.folder, error);
  if (error) return Status::Io(fmt::format("{}: {}", options.folder, error.message()));
  LEAT_RETURN_IF_ERROR(shard->Lock());
  if (options.fresh) {
    std::filesystem::remove(PathIn(options.folder, "snapshot"), error);
    if (!error) std::filesystem::remove(PathIn(options.folder, "journal"), error);
    if (error) return Status::Io(fmt::format("{}: {}", options.folder, error.message()));
  } else {
    LEAT_RETURN_IF_ERROR(shard->LoadSnapshot());
  }
  return shard;
}

Status Shard::Lock() {
  const std::string path = PathIn(options_.folder, "lock");
  lock_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (lock_ < 0) return FileError("open", path);
  // One that was just killed holds it until its last write has ended.
  const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(3);
  bool locked = ::flock(lock_, LOCK_EX | LOCK_NB) == 0;
  while (!locked && std::chrono::steady_clock::now() < patience) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    locked = ::flock(lock_, LOCK_EX | LOCK_NB) == 0;
  }
  if (!locked) {
    return Status::Corrupt(fmt::format(
        "{}: another process uses this state; stop it, or name another folder with --state",
        options_.folder));
  }
  return Status::Ok();
}

Status Shard::LoadSnapshot() {
  const std::string path = PathIn(options_.folder, "snapshot");
  if (!SnapshotExists(path)) {
    if (!journal_.Exists()) return Status::Ok();
    return Status::Corrupt(fmt::format(
        "{}: there is a journal but no snapshot: a file is missing; start afresh with --fresh, or "
        "restore the folder from a copy",
        options_.folder));
  }
  LEAT_ASSIGN_OR_RETURN(const std::string payload, ReadSnapshot(path));
  StateReader in(payload);
  in.Section("shard", 1);
  snapshot_.Load(in);
  const Status loaded = in.ok() ? pipeline_.Load(in) : in.status();
  if (!loaded.ok()) return Status(loaded.code(), fmt::format("{}: {}", path, loaded.message()));
  if (!in.AtEnd()) return Status::Corrupt(fmt::format("{}: bytes follow the state", path));
  resumed_ = true;
  last_ = snapshot_;
  LEAT_ASSIGN_OR_RETURN(const std::vector<Epoch> epochs, journal_.Read());
  for (const Epoch& epoch : epochs) {
    // A crash may have come between the snapshot and the journal's restart.
    if (epoch.number > snapshot_.number) journalled_.push_back(epoch);
  }
  if (!journalled_.empty() && journalled_.front().number != snapshot_.number + 1) {
    return Status::Corrupt(fmt::format(
        "{}: the journal begins at epoch {}, the snapshot is of epoch {}: they do not belong "
        "together; start afresh with --fresh, or restore the folder from a copy",
        options_.folder, journalled_.front().number, snapshot_.number));
  }
  return Status::Ok();
}

std::string Shard::State() const {
  StateWriter out;
  out.Section("shard", 1);
  last_.Save(out);
  pipeline_.Save(out);
  return out.Take();
}

/// Makes a snapshot of committed state durable; the journal before it is needed no more.
Status Shard::Save(const std::string& state) {
  LEAT_RETURN_IF_ERROR(sinks_->Sync());
  CrashPoint("before_snapshot");
  LEAT_RETURN_IF_ERROR(WriteSnapshot(PathIn(options_.folder, "snapshot"), state));
  CrashPoint("after_snapshot");
  LEAT_RETURN_IF_ERROR(journal_.Restart());
  CrashPoint("after_restart");
  return Status::Ok();
}

Epoch Shard::Next(const Position& position, const Outputs& outputs, bool finished) const {
  Epoch epoch;
  epoch.number = last_.number + 1;
  epoch.position = position;
  epoch.finished = finished;
  epoch.lengths = last_.lengths;
  epoch.chain = last_.chain;
  const auto parts = outputs.parts();
  for (size_t i = 0; i < parts.size(); ++i) {
    epoch.lengths[i] += parts[i].size();
    epoch.chain = Hash64(parts[i], epoch.chain);
  }
  epoch.chain = Mix64(epoch.chain ^ pipeline_.Chain());
  return epoch;
}

Status Shard::Check(const Epoch& epoch, const Epoch& journalled) const {
  if (epoch == journalled) return Status::Ok();
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
  // The sinks are cut back already: what follows the snapshot is simply taken anew.
  if (options_.accept_divergence) journalled_.clear();
  while (!journalled_.empty()) {
    const Epoch wanted = journalled_.front();
    if (wanted.finished) {
      LEAT_RETURN_IF_ERROR(driver.Finish(*this));
    } else {
      DriveOptions options;
      options.max_records = wanted.position.records - last_.position.records;
      LEAT_ASSIGN_OR_RETURN(const bool at_end, driver.Run(*this, options));
      if (at_end || last_.number != wanted.number) {
        return Status::Corrupt(fmt::format(
            "{}: the input gave {} records where {} had been read: it was cut or replaced; "
            "--fresh starts again",
            options_.folder, driver.position().records, wanted.position.records));
      }
    }
    ++replayed_;
    CrashPoint("during_replay");
  }
  CrashPoint("genesis");
  if (!resumed_ || replayed_ > 0) {
    LEAT_RETURN_IF_ERROR(Save(State()));
  } else {
    LEAT_RETURN_IF_ERROR(journal_.Restart());
  }
  saved_at_ = std::chrono::steady_clock::now();
  committer_ = std::thread([this] { CommitAll(); });
  return Status::Ok();
}

Status Shard::Commit(const Position& position, Outputs& outputs, bool finished) {
  Epoch epoch = Next(position, outputs, finished);
  if (!journalled_.empty()) {
    // It is committed already: only its outputs may be missing.
    LEAT_RETURN_IF_ERROR(Check(epoch, journalled_.front()));
    journalled_.pop_front();
    last_ = epoch;
    return sinks_->Write(outputs);
  }
  last_ = epoch;
  LEAT_RETURN_IF_ERROR(Submit({epoch, std::exchange(outputs, {}), {}}));
  const auto now = std::chrono::steady_clock::now();
  if (now - saved_at_ < options_.snapshot_every) return Status::Ok();
  {
    const std::lock_guard lock(mutex_);
    if (saving_) return Status::Ok();
    saving_ = true;
  }
  saved_at_ = now;
  return Submit({epoch, {}, State()});
}

Status Shard::Submit(Job job) {
  const size_t bytes = job.outputs.size();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return queued_bytes_ < kMostQueuedBytes || !status_.ok(); });
  LEAT_RETURN_IF_ERROR(status_);
  queued_bytes_ += bytes;
  queue_.push_back(std::move(job));
  changed_.notify_all();
  return Status::Ok();
}

/// The committing thread: takes all that waits at once, so that one sync serves many epochs.
void Shard::CommitAll() {
  for (;;) {
    std::deque<Job> jobs;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return !queue_.empty() || closing_; });
      if (queue_.empty()) return;
      jobs.swap(queue_);
      queued_bytes_ = 0;
      changed_.notify_all();
    }
    const bool saves =
        std::any_of(jobs.begin(), jobs.end(), [](const Job& job) { return !job.snapshot.empty(); });
    const Status done = Work(jobs);
    const std::lock_guard lock(mutex_);
    if (saves) saving_ = false;
    if (done.ok()) continue;
    status_ = done;
    changed_.notify_all();
    return;
  }
}

Status Shard::Work(std::deque<Job>& jobs) {
  while (!jobs.empty()) {
    std::vector<Epoch> epochs;
    size_t count = 0;
    for (; count < jobs.size() && jobs[count].snapshot.empty(); ++count) {
      epochs.push_back(jobs[count].epoch);
    }
    if (count == 0) {
      LEAT_RETURN_IF_ERROR(Save(jobs.front().snapshot));
      jobs.pop_front();
      continue;
    }
    CrashPoint("before_journal");
    LEAT_RETURN_IF_ERROR(journal_.Append(epochs));
    CrashPoint("after_journal");
    for (; count > 0; --count) {
      LEAT_RETURN_IF_ERROR(sinks_->Write(jobs.front().outputs));
      jobs.pop_front();
      CrashPoint("after_output");
    }
  }
  return Status::Ok();
}

Status Shard::Close() {
  Stop();
  if (status_.ok()) status_ = Save(State());
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
}

}  // namespace leat
