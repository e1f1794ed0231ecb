// A shard over the real store and disks that fail: whatever operation fails, and however, the run
// stops with exit 3, commits nothing more, and goes on after a restart as if nothing had been.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rocksdb/env.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <memory>

#include "runtime/log_driver.h"
#include "simulation/pieces.h"
#include "simulation/scenario.h"
#include "state/rocksdb/rocksdb_store.h"
#include "support/faulty_files.h"
#include "support/power_files.h"
#include "support/rocksdb_files.h"

namespace leat {
namespace {

namespace fs = std::filesystem;

/// What a run that came to its end leaves.
struct Left {
  std::array<std::string, 4> files;
  std::string digest;
  bool operator==(const Left&) const = default;
};

/// A machine: a disk in memory for the journal and the sinks, files for the store.
class Machine {
 public:
  explicit Machine(const Scenario& scenario) : scenario_(scenario) {
    static int machines = 0;
    folder_ =
        fs::temp_directory_path() / fmt::format("leat-rocksdb-faults-{}-{}", getpid(), ++machines);
    fs::create_directories(folder_);
    store_files_ = std::make_shared<RocksdbFiles>(plan, (folder_ / "side").string());
    env_ = rocksdb::NewCompositeEnv(store_files_);
    static_cast<void>(disk.MakeFolders("journal"));
    static_cast<void>(disk.MakeFolders("out"));
  }
  ~Machine() {
    env_.reset();
    store_files_.reset();
    fs::remove_all(folder_);
  }

  /// Life of a process, to the end of the input.
  Status Run() {
    FaultyFiles files(disk, plan);
    const Config& config = *scenario_.config;
    LEAT_ASSIGN_OR_RETURN(const std::unique_ptr<Pipeline> pipeline, Pipeline::Create(config));
    RocksStoreOptions store;
    store.folder = (folder_ / "store").string();
    store.memory = 8 << 20;
    store.env = env_.get();
    RocksStorage storage(store);
    ShardOptions options;
    options.folder = "journal";
    options.memory = scenario_.memory;
    options.commit_now = [] { return true; };
    options.snapshot_due = [epochs = 0]() mutable { return ++epochs % 4 == 0; };
    DiskSinks sinks([] { return true; });
    Inputs inputs(scenario_);
    LEAT_ASSIGN_OR_RETURN(const std::unique_ptr<Shard> shard,
                          Shard::Open(options, config, *pipeline, storage, files));
    LEAT_RETURN_IF_ERROR(inputs.Open(scenario_, shard->start()));
    LEAT_RETURN_IF_ERROR(sinks.Open(files, shard->kept()));
    if (!shard->kept()) LEAT_RETURN_IF_ERROR(sinks.WriteHeader(pipeline->PredictionsHeader()));
    LogDriver driver(*pipeline, inputs.records(), inputs.labels(), shard->start());
    LEAT_RETURN_IF_ERROR(shard->Recover(driver, sinks));
    const Status done = Drive(*shard, driver);
    if (!done.ok() && plan.faults() > 0) ExpectNothingMore(*shard, driver);
    LEAT_RETURN_IF_ERROR(done);
    digest_ = pipeline->Digest();
    return sinks.Close();
  }

  /// The power goes, and comes back.
  void LosePower(uint64_t seed) {
    plan.Heal();
    disk.LosePower(PowerLoss{.seed = seed, .holes = true, .late_names = seed % 2 == 0});
    const Status lost = store_files_->LosePower(PowerLoss{.seed = seed});
    ASSERT_TRUE(lost.ok()) << lost.message();
  }
  /// The process ends; the machine goes on, and the disk is mended.
  void Mend() {
    plan.Heal();
    disk.Kill();
    store_files_->Kill();
  }
  /// Nothing can be written any more, until one of these.
  void Crash() {
    disk.Crash();
    store_files_->Crash();
  }
  Left What() {
    Left left;
    for (size_t i = 0; i < kSinks.size(); ++i) left.files[i] = *disk.Read(kSinks[i]);
    left.digest = digest_;
    return left;
  }

  FaultPlan plan;
  PowerFiles disk;

 private:
  Status Drive(Shard& shard, LogDriver& driver) const {
    DriveOptions drive;
    drive.epoch_records = scenario_.epoch_records;
    LEAT_RETURN_IF_ERROR(driver.Run(shard, drive).status());
    LEAT_RETURN_IF_ERROR(driver.Finish(shard));
    return shard.Close();
  }
  /// After an error nothing is tried again, healed or not: neither in the journal and the sinks nor
  /// in what snapshots are written to. What RocksDB had begun in the background may still end.
  void ExpectNothingMore(Shard& shard, LogDriver& driver) {
    plan.Heal();
    for (const char* path : {"journal", "out/", ".log", "/incoming-"}) {
      plan.Add({.path = path, .times = kForever});
    }
    const uint64_t faults = plan.faults();
    Outputs outputs;
    outputs.predictions = "doubled\n";
    EXPECT_EQ(shard.Commit({driver.position(), false, {}, {}}, outputs).code(), StatusCode::kIo);
    EXPECT_EQ(shard.Close().code(), StatusCode::kIo);
    EXPECT_EQ(plan.faults(), faults);
  }

  const Scenario& scenario_;
  fs::path folder_;
  std::shared_ptr<RocksdbFiles> store_files_;
  std::unique_ptr<rocksdb::Env> env_;
  std::string digest_;
};

struct FaultKind {
  const char* name;
  std::optional<FileOp> op;
  int error;
  uint64_t written;
};

constexpr FaultKind kKinds[] = {{"a full disk", std::nullopt, ENOSPC, 0},
                                {"a broken disk", std::nullopt, EIO, 0},
                                {"a sync that fails", FileOp::kSync, EIO, 0},
                                {"a write that is cut short", FileOp::kAppend, ENOSPC, 7}};

class RocksdbFaults : public ::testing::Test {
 protected:
  void SetUp() override {
    // A small stream with windows, delayed labels, and windows that go cold.
    scenario_ = DrawScenario(5);
    scenario_.memory = 64 << 10;
    scenario_.epoch_records = 1 + scenario_.times.size() / 12;
    Machine machine(scenario_);
    const Status whole = machine.Run();
    ASSERT_TRUE(whole.ok()) << whole.message();
    whole_ = machine.What();
    operations_ = machine.plan.operations();
    ASSERT_GT(whole_.files[0].size(), 1000u);
  }

  /// Lets each of the first `most` operations on `path` fail in each way, for a moment or for good.
  void FailEach(const std::string& path, uint64_t most, uint64_t step, bool always_stops) {
    uint64_t stopped = 0, ran = 0;
    for (const FaultKind& kind : kKinds) {
      for (uint64_t at = 1; at <= most; at += step) {
        SCOPED_TRACE(fmt::format("{}: {} at operation {}", path, kind.name, at));
        Machine machine(scenario_);
        machine.plan.Add({.op = kind.op,
                          .path = path,
                          .at = at,
                          .times = at % 3 == 0 ? 1 : kForever,
                          .error = kind.error,
                          .written = kind.written});
        const Status status = machine.Run();
        if (machine.plan.faults() == 0) break;  // There are not so many.
        ++ran;
        if (!status.ok()) {
          ++stopped;
          ASSERT_EQ(ExitCode(status.code()), 3) << status.message();
        } else {
          ASSERT_FALSE(always_stops);
        }
        machine.Mend();
        const Status again = machine.Run();
        ASSERT_TRUE(again.ok()) << again.message();
        ASSERT_EQ(machine.What(), whole_);
      }
    }
    EXPECT_GT(stopped, ran / 2);
    RecordProperty("runs", static_cast<int>(ran));
  }

  Scenario scenario_;
  Left whole_;
  uint64_t operations_ = 0;
};

TEST_F(RocksdbFaults, OfTheJournalStopTheRun) { FailEach("journal", 30, 2, true); }

TEST_F(RocksdbFaults, OfTheSinksStopTheRun) { FailEach("out/", 40, 3, true); }

TEST_F(RocksdbFaults, OfTheStoreLoseNothing) { FailEach("/store/", 60, 2, false); }

TEST_F(RocksdbFaults, PowerLostAtAnyOperationChangesNothing) {
  for (uint64_t at = 1; at < operations_; at += 1 + at / 12) {
    SCOPED_TRACE(fmt::format("at operation {}", at));
    Machine machine(scenario_);
    // From there on nothing comes to the disks.
    machine.plan.Add({.at = at, .times = kForever});
    static_cast<void>(machine.Run().ok());
    machine.Crash();
    machine.LosePower(at);
    Status again = machine.Run();
    ASSERT_TRUE(again.ok()) << again.message();
    ASSERT_EQ(machine.What(), whole_);
    // What has been closed is there for good.
    machine.Crash();
    machine.LosePower(at + 1);
    again = machine.Run();
    ASSERT_TRUE(again.ok()) << again.message();
    ASSERT_EQ(machine.What(), whole_);
  }
}

}  // namespace
}  // namespace leat
