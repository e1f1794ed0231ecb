#include "state/rocksdb/read_ahead.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>

#include "base/random.h"
#include "state/rocksdb/rocksdb_store.h"

namespace leat {
namespace {

/// Reads "value of KEY N", where N counts the readings; each waits to be allowed.
class ReadAheadTest : public ::testing::Test {
 protected:
  void Allow(int readings) {
    const std::lock_guard lock(mutex_);
    allowed_ += readings;
    allow_.notify_all();
  }
  void AwaitReadings(int count) {
    while (readings_ < count) std::this_thread::yield();
  }
  std::string Taken(std::string_view key) {
    std::string value = "none";
    return ahead_.Take(key, value) ? value : "none";
  }
  ~ReadAheadTest() override { Allow(1000); }

  void AwaitPermission() {
    std::unique_lock lock(mutex_);
    allow_.wait(lock, [this] { return allowed_ > 0; });
    --allowed_;
  }

  std::mutex mutex_;
  std::condition_variable allow_;
  int allowed_ = 0;
  std::atomic<int> begun_ = 0, readings_ = 0;
  ReadAhead ahead_{[this](std::string_view key, std::string& value) {
    ++begun_;
    AwaitPermission();
    if (key == "missing") {
      ++readings_;
      return false;
    }
    value = "value of " + std::string(key) + " " + std::to_string(++readings_);
    return true;
  }};
};

TEST_F(ReadAheadTest, WhatWasExpectedIsTakenOnce) {
  Allow(1);
  ahead_.Expect("a");
  AwaitReadings(1);
  EXPECT_EQ(Taken("b"), "none");
  EXPECT_EQ(Taken("a"), "value of a 1");
  EXPECT_EQ(Taken("a"), "none");
}

TEST_F(ReadAheadTest, WhatIsBeingReadIsWaitedForAndTheRestIsNot) {
  ahead_.Expect("a");
  ahead_.Expect("b");
  while (begun_ < 1) std::this_thread::yield();
  EXPECT_EQ(Taken("b"), "none");
  Allow(1);
  EXPECT_EQ(Taken("a"), "value of a 1");
}

TEST_F(ReadAheadTest, NothingFromBeforeAWriteIsTaken) {
  Allow(2);
  ahead_.Expect("a");
  AwaitReadings(1);
  ahead_.Written();
  EXPECT_EQ(Taken("a"), "none");
  ahead_.Expect("a");
  AwaitReadings(2);
  EXPECT_EQ(Taken("a"), "value of a 2");
}

TEST_F(ReadAheadTest, WhatIsExpectedAgainAfterAWriteIsReadAgain) {
  Allow(2);
  ahead_.Expect("a");
  AwaitReadings(1);
  ahead_.Expect("a");  // At hand: not read a second time.
  ahead_.Written();
  // While the first reading has not come to its end, that it is out of date is not seen.
  while (readings_ < 2) ahead_.Expect("a");
  EXPECT_EQ(Taken("a"), "value of a 2");
}

TEST_F(ReadAheadTest, TheOldestIsForgottenWhenTheRingHasComeRound) {
  const int count = 3 * static_cast<int>(ReadAhead::kSlots);
  ahead_.Expect("0");
  while (begun_ < 1) std::this_thread::yield();
  for (int i = 1; i < count; ++i) ahead_.Expect(std::to_string(i));
  EXPECT_EQ(Taken("1"), "none");
  Allow(count);
  AwaitReadings(2);
  const std::string last = std::to_string(count - 1);
  EXPECT_TRUE(Taken(last).starts_with("value of " + last + " ") || Taken(last) == "none");
}

TEST_F(ReadAheadTest, WhatCannotBeReadIsLeftToWhoeverAsks) {
  Allow(1);
  ahead_.Expect("missing");
  AwaitReadings(1);
  EXPECT_EQ(Taken("missing"), "none");
}

TEST(RocksStore, GivesWhatWasWrittenLastWhateverWasExpected) {
  const std::string folder = ::testing::TempDir() + "leat-read-ahead";
  std::filesystem::remove_all(folder);
  RocksStoreOptions options;
  options.folder = folder;
  RocksStorage storage(options);
  auto store = storage.Open();
  ASSERT_TRUE(store.ok()) << store.status().message();
  std::map<std::string, std::string> truth;
  int found = 0;
  for (uint64_t round = 0; round < 200; ++round) {
    CounterRandom random(1, round);
    const auto batch = (*store)->NewBatch();
    for (int i = 0; i < 20; ++i) {
      const std::string key = "key " + std::to_string(random.Below(50));
      if (random.Below(4) == 0) {
        batch->Delete(Family::kWindows, key);
        truth.erase(key);
      } else {
        const std::string value = std::to_string(round) + " " + std::to_string(i);
        batch->Put(Family::kWindows, key, value);
        truth[key] = value;
      }
    }
    ASSERT_TRUE((*store)->Write(*batch).ok());
    for (int i = 0; i < 50; ++i) {
      (*store)->Expect(Family::kWindows, "key " + std::to_string(random.Below(50)));
      const std::string key = "key " + std::to_string(random.Below(50));
      std::string value;
      const Result<bool> got = (*store)->Get(Family::kWindows, key, value);
      ASSERT_TRUE(got.ok());
      ASSERT_EQ(*got, truth.contains(key)) << key;
      if (!*got) continue;
      ASSERT_EQ(value, truth[key]) << key;
      ++found;
    }
  }
  EXPECT_GT(found, 1000);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace leat
