// When a shard makes snapshots, and what it does meanwhile. What it recovers is tests/simulation's.
#include "runtime/shard.h"

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <future>
#include <memory>
#include <mutex>

#include "runtime/log_driver.h"
#include "simulation/pieces.h"
#include "simulation/scenario.h"
#include "state/memory/memory_store.h"
#include "support/power_files.h"

namespace leat {
namespace {

using Clock = std::chrono::steady_clock;

/// Counts the epochs that are committed.
class CountingSinks final : public SinkSet {
 public:
  Status WriteFiles(const Outputs&) override {
    const std::lock_guard lock(mutex_);
    ++epochs_;
    changed_.notify_all();
    return Status::Ok();
  }
  Status Sync() override { return Status::Ok(); }
  SinkLengths lengths() const override { return {}; }
  /// Whether `more` epochs come within some seconds.
  bool Wait(uint64_t more) {
    std::unique_lock lock(mutex_);
    const uint64_t wanted = epochs_ + more;
    return changed_.wait_for(lock, std::chrono::seconds(20), [&] { return epochs_ >= wanted; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  uint64_t epochs_ = 0;
};

/// One empty store in memory; `before(n)` is called before its nth write.
class Storage final : public StateStorage {
 public:
  explicit Storage(std::function<void(int)> before = {}) : before_(std::move(before)) {}
  Result<bool> Exists() override { return false; }
  Result<std::unique_ptr<StateStore>> Open() override {
    return std::unique_ptr<StateStore>(std::make_unique<Store>(before_));
  }
  Status Remove() override { return Status::Ok(); }

 private:
  class Store final : public MemoryStore {
   public:
    explicit Store(std::function<void(int)> before) : before_(std::move(before)) {}
    Status Write(StateBatch& batch) override {
      ++writes_;
      if (before_) before_(writes_);
      return MemoryStore::Write(batch);
    }

   private:
    const std::function<void(int)> before_;
    int writes_ = 0;
  };
  const std::function<void(int)> before_;
};

class ShardTest : public ::testing::Test {
 protected:
  void SetUp() override {
    scenario_ = DrawScenario(5);
    scenario_.epoch_records = 1 + scenario_.times.size() / 100;
    ASSERT_GT(scenario_.times.size(), 200u);
    ASSERT_TRUE(disk_.MakeFolders("journal").ok());
    options_.folder = "journal";
    options_.fresh = true;
  }
  /// From the beginning of the input to its end; `on_epoch` is called after each epoch.
  Shard::Figures Run(Storage& storage, const std::function<void()>& on_epoch = {}) {
    const Config& config = *scenario_.config;
    auto pipeline = Pipeline::Create(config);
    EXPECT_TRUE(pipeline.ok());
    auto shard = Shard::Open(options_, config, **pipeline, storage, disk_);
    EXPECT_TRUE(shard.ok());
    Inputs inputs(scenario_);
    EXPECT_TRUE(inputs.Open(scenario_, {}).ok());
    LogDriver driver(**pipeline, inputs.records(), inputs.labels(), {});
    EXPECT_TRUE((*shard)->Recover(driver, sinks_).ok());
    DriveOptions drive;
    drive.epoch_records = scenario_.epoch_records;
    drive.on_batch = [&](uint64_t) {
      if (on_epoch) on_epoch();
      return true;
    };
    EXPECT_TRUE(driver.Run(**shard, drive).ok());
    EXPECT_TRUE((*shard)->Close().ok());
    return (*shard)->figures();
  }

  Scenario scenario_;
  ShardOptions options_;
  PowerFiles disk_;
  CountingSinks sinks_;
};

TEST_F(ShardTest, ASnapshotComesEarlyIfMuchHasComeAndTheLastOneCostLittle) {
  options_.commit_now = [] { return true; };
  Clock::time_point now;
  options_.clock = [&] { return now += std::chrono::milliseconds(1); };
  const auto snapshots = [&](uint64_t after, std::chrono::seconds an_epoch) {
    options_.snapshot_after = after;
    Storage storage;
    const Shard::Figures figures = Run(storage, [&] { now += an_epoch; });
    EXPECT_GT(figures.epochs, 50u);
    return static_cast<double>(figures.snapshots) / static_cast<double>(figures.epochs);
  };
  // Each takes some milliseconds: of seconds that is little, but not of as many milliseconds.
  EXPECT_GT(snapshots(1, std::chrono::seconds(1)), 0.5);
  EXPECT_LT(snapshots(1, std::chrono::seconds(0)), 0.2);
  EXPECT_LT(snapshots(1'000'000, std::chrono::seconds(1)), 0.05);
}

TEST_F(ShardTest, EpochsAreCommittedWhileASnapshotIsWritten) {
  options_.snapshot_due = [epoch = 0]() mutable { return ++epoch == 5; };
  options_.clock = [] { return Clock::time_point(); };  // All is filled in at once.
  std::promise<void> writing;
  bool committed = false;
  // The first snapshot is that of the beginning.
  Storage storage([&](int write) {
    if (write != 2) return;
    writing.set_value();
    committed = sinks_.Wait(3);
  });
  const auto on_epoch = [&, epoch = 0]() mutable {
    if (++epoch == 5) writing.get_future().wait();  // Many follow.
  };
  EXPECT_GE(Run(storage, on_epoch).snapshots, 3u);
  EXPECT_TRUE(committed);
}

}  // namespace
}  // namespace leat
