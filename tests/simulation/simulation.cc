#include "simulation/simulation.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "base/random.h"
#include "runtime/log_driver.h"
#include "runtime/shard.h"
#include "simulation/pieces.h"
#include "simulation/scenario.h"
#include "simulation/simulated_store.h"
#include "support/faulty_files.h"
#include "support/power_files.h"

namespace leat {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kState = "state";
/// Which draws are whose; each process has its own.
enum Component : uint64_t {
  kDisaster = 100,
  kTicks,
  kCommits,
  kSnapshots,
  kFlushes,
  kClock,
  kBrokers,
  kFlows,
  kEnd
};

/// Gathers the outputs of the run without disasters.
class Gathered final : public EpochSink {
 public:
  Status Commit(const EpochEnd&, Outputs& outputs) override {
    const auto parts = outputs.parts();
    for (size_t i = 0; i < parts.size(); ++i) bytes[i] += parts[i];
    return Status::Ok();
  }
  std::array<std::string, 4> bytes;
};

/// Counts that must not depend on how often a run was interrupted.
std::string CountsOf(const Pipeline& pipeline) {
  const Report report = pipeline.MakeReport();
  std::string text = fmt::format("first {} last {}", report.first.micros, report.last.micros);
  for (const auto* counts : {&report.records, &report.labels, &report.rejects}) {
    for (const auto& [name, count] : *counts) text += fmt::format(" {} {}", name, count);
  }
  return text;
}

/// Hashes of all state, and of its parts by name.
std::vector<std::pair<std::string, std::string>> DigestsOf(const Pipeline& pipeline) {
  std::vector<std::pair<std::string, std::string>> digests = {{"all", pipeline.Digest()}};
  for (const StatePart& part : pipeline.SaveParts()) {
    digests.emplace_back(part.name, DigestHex(part.bytes));
  }
  return digests;
}

class Simulation {
 public:
  Simulation(uint64_t seed, bool verbose)
      : seed_(seed), verbose_(verbose), scenario_(DrawScenario(seed)) {}

  SimulationResult Run() {
    static_cast<void>(disk_.MakeFolders(kState));
    static_cast<void>(disk_.MakeFolders("out"));
    Tell(fmt::format("{} records, epochs of {}, memory {}, {} labels; {}", scenario_.times.size(),
                     scenario_.epoch_records, scenario_.memory,
                     scenario_.labels.empty() ? "held" : "delivered", scenario_.config->text));
    bool finished = false;
    while (!finished && result_.failure.empty()) {
      finished = RunOnce(result_.runs < scenario_.disasters);
    }
    // What has been closed is there for good.
    if (result_.failure.empty()) {
      disk_.LosePower(Loss(CounterRandom(seed_, kEnd)));
      closed_ = true;
      if (!RunOnce(false) && result_.failure.empty()) Fail("the run did not end");
    }
    if (result_.failure.empty()) Compare();
    return result_;
  }

 private:
  CounterRandom Random(Component component) const {
    return CounterRandom(Mix64(seed_), component + kEnd * result_.runs);
  }
  static std::function<bool()> Chance(CounterRandom random, uint64_t of_1000) {
    return [=]() mutable { return random.Below(1000) < of_1000; };
  }
  static PowerLoss Loss(CounterRandom random) {
    return {.seed = random.Next(),
            .torn = random.Below(4) > 0,
            .holes = random.Below(4) == 0,
            .late_names = random.Below(2) == 0};
  }
  void Tell(const std::string& what) const {
    if (verbose_) fmt::print(stderr, "{}: {}\n", result_.runs, what);
  }
  void Fail(std::string what) {
    Tell("FAILED: " + what);
    if (result_.failure.empty()) result_.failure = std::move(what);
  }

  /// Draws what goes wrong in the next process. How far it gets is as likely to be a few operations
  /// as many.
  struct Disaster {
    enum class Kind { kNone, kPower, kKill, kFaults, kStop } kind = Kind::kNone;
    uint64_t stop_after = 0;  ///< Epochs.
  };
  Disaster Draw(CounterRandom& random) {
    using Kind = Disaster::Kind;
    constexpr uint64_t kScales[] = {8, 30, 60, 200, 800};
    const auto moment = [&] { return 1 + random.Below(kScales[random.Below(5)]); };
    constexpr Kind kKinds[] = {Kind::kPower, Kind::kPower,  Kind::kKill,
                               Kind::kKill,  Kind::kFaults, Kind::kStop};
    Disaster disaster;
    disaster.kind = kKinds[random.Below(6)];
    switch (disaster.kind) {
      case Kind::kPower:
      case Kind::kKill: {
        const uint64_t at = moment();
        Tell(fmt::format("{} at operation {}", disaster.kind == Kind::kPower ? "power" : "kill",
                         at));
        disk_.CrashAt(at);
        break;
      }
      case Kind::kFaults: {
        constexpr std::optional<FileOp> kOps[] = {
            std::nullopt,    std::nullopt,        FileOp::kSync,     FileOp::kSync,
            FileOp::kAppend, FileOp::kSyncFolder, FileOp::kTruncate, FileOp::kRename};
        constexpr const char* kPaths[] = {"", "", "journal-", "store", "out/", "out/predictions"};
        constexpr int kErrors[] = {EIO, ENOSPC};
        for (uint64_t n = 1 + random.Below(2); n > 0; --n) {
          Fault fault;
          fault.op = kOps[random.Below(std::size(kOps))];
          fault.path = kPaths[random.Below(std::size(kPaths))];
          fault.at = fault.op ? 1 + random.Below(random.Below(2) == 0 ? 4 : 40) : moment();
          fault.times = random.Below(2) == 0 ? 1 : 1 + random.Below(20);
          fault.error = kErrors[random.Below(2)];
          fault.written = random.Below(2) == 0 ? 0 : random.Below(200);
          Tell(fmt::format("fault: operation kind {} on '{}', number {}, {} times, {}",
                           fault.op ? static_cast<int>(*fault.op) : -1, fault.path, fault.at,
                           fault.times, std::strerror(fault.error)));
          plan_.Add(fault);
        }
        break;
      }
      case Kind::kStop:
        disaster.stop_after = 1 + random.Below(20);
        Tell(fmt::format("stopped after {} epochs", disaster.stop_after));
        break;
      case Kind::kNone:
        break;
    }
    return disaster;
  }

  /// Life of one process, and what becomes of the disk. True when it has come to its end.
  bool RunOnce(bool disasters) {
    ++result_.runs;
    CounterRandom random = Random(kDisaster);
    Disaster disaster;
    // Faults stay for as long as they were planned, or until somebody mends the disk.
    if (!disasters || random.Below(2) == 0) plan_.Heal();
    if (disasters) disaster = Draw(random);
    const uint64_t faults = plan_.faults();
    files_open_ = false;
    ended_ = false;
    const Status status = Live(disaster);
    const bool crashed = disk_.crashed();
    disk_.Kill();
    Tell(fmt::format("{} with {} epochs{}", status.ok() ? "ended" : status.message(),
                     history_.size(), crashed ? ", crashed" : ""));
    if (status.ok()) {
      if (!ended_) ++result_.stops;
    } else if (status.code() != StatusCode::kIo) {
      Fail(fmt::format("run {} ended with exit {}: {}", result_.runs, ExitCode(status.code()),
                       status.message()));
    } else if (!crashed && plan_.faults() == faults) {
      Fail(
          fmt::format("run {} ended though nothing was wrong: {}", result_.runs, status.message()));
    }
    if (files_open_ || scenario_.topics) Look();
    const bool power = disaster.kind == Disaster::Kind::kPower;
    if (crashed) ++(power ? result_.power : result_.kills);
    if (!crashed && !status.ok()) ++result_.faults;
    // Power may also be lost while nothing runs.
    if (crashed ? power : random.Below(4) == 0) {
      disk_.LosePower(Loss(CounterRandom(random.Next(), 0)));
    }
    return status.ok() && ended_;
  }

  /// Remembers how much of the files can be seen.
  void Look() {
    for (size_t i = 0; i < kSinks.size(); ++i) {
      Result<std::string> bytes = PutOut(i);
      if (bytes.ok()) seen_[i].push_back({result_.runs, std::move(*bytes)});
    }
  }

  /// What can be read of a sink.
  Result<std::string> PutOut(size_t sink) {
    return scenario_.topics ? topics_.bytes[sink] : disk_.Read(kSinks[sink]);
  }

  Status Live(const Disaster& disaster) {
    FaultyFiles files(disk_, plan_);
    const Config& config = *scenario_.config;
    LEAT_ASSIGN_OR_RETURN(std::unique_ptr<Pipeline> pipeline, Pipeline::Create(config));
    SimulatedStorage storage(files, kState);
    DiskSinks disk(Chance(Random(kFlushes), scenario_.flush));
    TopicSinks topics(topics_, Chance(Random(kBrokers), 300));
    Sinks& sinks = scenario_.topics ? static_cast<Sinks&>(topics) : disk;
    Inputs inputs(scenario_);
    std::unique_ptr<Shard> shard;
    const Status status = Live(disaster, files, *pipeline, storage, sinks, inputs, shard);
    if (shard) {
      const Shard::Figures figures = shard->figures();
      // While it recovers, an epoch that is taken again is put out again: it must be there for
      // good.
      const uint64_t put_out = recovered_ ? base_ + figures.epochs : shard->last().number;
      committed_ = std::max(committed_, put_out);
      result_.replayed += shard->recovery().epochs;
      result_.snapshots += figures.snapshots;
      result_.epochs += figures.epochs;
      if (!recovered_ && shard->recovery().epochs > 0) ++result_.recovering;
    }
    for (const auto& group : pipeline->Windows()) result_.cold += group.cold;
    return status;
  }

  Status Live(const Disaster& disaster, FileSystem& files, Pipeline& pipeline,
              StateStorage& storage, Sinks& sinks, Inputs& inputs, std::unique_ptr<Shard>& shard) {
    const Config& config = *scenario_.config;
    ShardOptions options;
    options.folder = kState;
    options.memory = scenario_.memory;
    options.items_at_once = scenario_.items_at_once;
    options.snapshot_after = scenario_.snapshot_after;
    options.snapshot_due = Chance(Random(kSnapshots), scenario_.snapshot);
    options.commit_now = Chance(Random(kCommits), scenario_.commit);
    options.clock = [random = Random(kClock), now = Clock::time_point(),
                     slow = scenario_.slow_clock]() mutable {
      return now += std::chrono::milliseconds(slow ? random.Below(10) : 0);
    };
    base_ = 0;
    recovered_ = false;
    LEAT_ASSIGN_OR_RETURN(shard, Shard::Open(options, config, pipeline, storage, files));
    if (closed_) {
      closed_digests_ = DigestsOf(pipeline);
      closed_counts_ = CountsOf(pipeline);
    }
    LEAT_RETURN_IF_ERROR(inputs.Open(scenario_, shard->start()));
    LEAT_RETURN_IF_ERROR(sinks.Open(files, shard->kept()));
    files_open_ = true;
    if (!shard->kept()) LEAT_RETURN_IF_ERROR(sinks.WriteHeader(pipeline.PredictionsHeader()));
    LogDriver driver(pipeline, inputs.records(), inputs.labels(), shard->start());
    const std::optional<CommitMark> mark = topics_.mark;
    LEAT_RETURN_IF_ERROR(shard->Recover(driver, sinks));
    if (scenario_.topics && shard->last().number != (mark ? mark->epoch : 0)) {
      Fail(fmt::format("run {}: goes on after epoch {}, the mark is of epoch {}", result_.runs,
                       shard->last().number, mark ? mark->epoch : 0));
    }
    LEAT_RETURN_IF_ERROR(NoteRecovered(*shard, driver));

    Noted noted(*this, *shard);
    DriveOptions drive;
    drive.epoch_records = scenario_.epoch_records;
    drive.tick = [&, random = Random(kTicks)]() mutable { return Tick(random, driver); };
    drive.on_batch = [&, epochs = disaster.stop_after](uint64_t) mutable {
      return epochs == 0 || --epochs > 0;
    };
    LEAT_ASSIGN_OR_RETURN(const bool at_end, driver.Run(noted, drive));
    if (at_end) LEAT_RETURN_IF_ERROR(driver.Finish(noted, &shard->last()));
    LEAT_RETURN_IF_ERROR(shard->Close());
    LEAT_RETURN_IF_ERROR(sinks.Close());
    if (closed_) last_digests_ = DigestsOf(pipeline);
    ended_ = at_end;
    return Status::Ok();
  }

  /// Forgets the epochs that were lost.
  Status NoteRecovered(const Shard& shard, const LogDriver& driver) {
    base_ = shard.last().number;
    recovered_ = true;
    if (base_ < committed_) {
      Fail(fmt::format("run {}: {} epochs had been committed, {} are left", result_.runs,
                       committed_, base_));
    }
    if (base_ > history_.size()) {
      Fail(fmt::format("run {}: {} epochs, but there have been {}", result_.runs, base_,
                       history_.size()));
      return Status::Io("cannot go on");
    }
    history_.resize(base_);
    const Position position = base_ == 0 ? Position{} : history_.back().position;
    if (driver.position() != position) {
      Fail(fmt::format("run {}: stands at {} records and {} labels after epoch {}, not {} and {}",
                       result_.runs, driver.position().records, driver.position().labels, base_,
                       position.records, position.labels));
    }
    Tell(
        fmt::format("recovered {} epochs, {} of them taken again", base_, shard.recovery().epochs));
    return Status::Ok();
  }

  /// Notes epochs on their way to the shard.
  class Noted final : public EpochSink {
   public:
    Noted(Simulation& simulation, EpochSink& target)
        : simulation_(simulation), target_(target), random_(simulation.Random(kFlows)) {}
    Status Commit(const EpochEnd& end, Outputs& outputs) override {
      simulation_.history_.push_back(end);
      LEAT_RETURN_IF_ERROR(FlowSome(outputs));
      return target_.Commit(end, outputs);
    }

   private:
    /// Hands on some of the outputs, or two times some, before the end of the epoch.
    Status FlowSome(const Outputs& outputs) {
      Outputs some;
      for (uint64_t n = random_.Below(3); n > 0; --n) {
        const auto more = [&](std::string& part, const std::string& whole) {
          part = whole.substr(0, part.size() + random_.Below(whole.size() - part.size() + 1));
        };
        more(some.predictions, outputs.predictions);
        more(some.events, outputs.events);
        more(some.metrics, outputs.metrics);
        more(some.rejects, outputs.rejects);
        LEAT_RETURN_IF_ERROR(target_.Flow(some));
      }
      return Status::Ok();
    }

    Simulation& simulation_;
    EpochSink& target_;
    CounterRandom random_;
  };

  /// What the clock says: about the time of the record that comes next.
  std::optional<EventTime> Tick(CounterRandom& random, const LogDriver& driver) const {
    if (closed_ || random.Below(1000) >= scenario_.tick) return std::nullopt;
    constexpr uint64_t kAhead[] = {5, 60, 400, 2000};
    const size_t next = std::min(driver.position().records, scenario_.times.size() - 1);
    const auto ahead = static_cast<int64_t>(random.Below(kAhead[random.Below(4)]));
    return scenario_.times[next] + ahead * kSecond;
  }

  /// The run without disasters, along the history that was committed.
  void Compare() {
    const Config& config = *scenario_.config;
    Result<std::unique_ptr<Pipeline>> pipeline = Pipeline::Create(config);
    Inputs inputs(scenario_);
    if (!pipeline.ok() || !inputs.Open(scenario_, {}).ok()) return Fail("no reference");
    Gathered reference;
    if (!scenario_.topics) reference.bytes[0] = (*pipeline)->PredictionsHeader();
    LogDriver driver(**pipeline, inputs.records(), inputs.labels(), {});
    const EpochEnd* before = nullptr;
    for (const EpochEnd& end : history_) {
      if (end.finished) {
        if (before == nullptr || !before->finished) {
          static_cast<void>(driver.Finish(reference));
        }
      } else {
        DriveOptions drive;
        drive.max_records = drive.epoch_records = end.position.records - driver.position().records;
        drive.epoch_bytes = SIZE_MAX;
        drive.tick = [tick = end.tick]() mutable { return std::exchange(tick, std::nullopt); };
        static_cast<void>(driver.Run(reference, drive));
      }
      if (driver.position() != end.position) return Fail("the history has gaps");
      before = &end;
    }
    for (size_t i = 0; i < kSinks.size(); ++i) {
      const std::string& wanted = reference.bytes[i];
      const Result<std::string> found = PutOut(i);
      CompareBytes(fmt::format("{} at the end", kSinks[i]), found.ok() ? *found : "", wanted,
                   false);
      for (const auto& [run, bytes] : seen_[i]) {
        CompareBytes(fmt::format("{} as seen after run {}", kSinks[i], run), bytes, wanted, true);
      }
    }
    const auto digests = DigestsOf(**pipeline);
    const std::string counts = CountsOf(**pipeline);
    for (size_t i = 0; i < digests.size(); ++i) {
      const auto& [part, digest] = digests[i];
      if (last_digests_[i].second != digest) Fail(fmt::format("the digest of {} differs", part));
      if (closed_digests_[i].second != digest) {
        Fail(fmt::format("the digest of {} as it was saved differs", part));
      }
    }
    if (closed_counts_ != counts) {
      Fail(fmt::format("counts differ: {} instead of {}", closed_counts_, counts));
    }
  }

  void CompareBytes(const std::string& what, std::string_view found, std::string_view wanted,
                    bool prefix) {
    if (found == wanted || (prefix && wanted.starts_with(found))) return;
    const auto at = static_cast<size_t>(
        std::mismatch(found.begin(), found.end(), wanted.begin(), wanted.end()).first -
        found.begin());
    const auto line = [&](std::string_view text) {
      const size_t from = at == 0 ? 0 : text.rfind('\n', at - 1) + 1;
      return text.substr(from, std::min<size_t>(200, text.find('\n', at) - from));
    };
    Fail(fmt::format("{}: {} bytes, {} in the reference; from byte {} on\n  found  {}\n  wanted {}",
                     what, found.size(), wanted.size(), at, line(found), line(wanted)));
  }

  const uint64_t seed_;
  const bool verbose_;
  const Scenario scenario_;
  SimulationResult result_;
  PowerFiles disk_;
  Topics topics_;
  FaultPlan plan_;

  std::vector<EpochEnd> history_;  ///< Epoch n at n - 1.
  uint64_t committed_ = 0;         ///< Epochs that were committed, by what the shard did.
  struct Seen {
    uint64_t run;
    std::string bytes;
  };
  std::array<std::vector<Seen>, 4> seen_;

  // Of the process that runs.
  uint64_t base_ = 0;  ///< Epochs that it has recovered.
  bool recovered_ = false, files_open_ = false, ended_ = false;
  bool closed_ = false;  ///< A run has come to its end.
  std::vector<std::pair<std::string, std::string>> last_digests_, closed_digests_;
  std::string closed_counts_;
};

}  // namespace

SimulationResult& SimulationResult::operator+=(const SimulationResult& other) {
  runs += other.runs;
  power += other.power;
  kills += other.kills;
  faults += other.faults;
  stops += other.stops;
  epochs += other.epochs;
  replayed += other.replayed;
  snapshots += other.snapshots;
  recovering += other.recovering;
  cold += other.cold;
  return *this;
}

SimulationResult Simulate(uint64_t seed, bool verbose) { return Simulation(seed, verbose).Run(); }

}  // namespace leat
