// Batches that are larger than what is held of them: files are written while they are filled, and
// all of them are taken in as one, or none.
#include "state/rocksdb/rocksdb_store.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rocksdb/env.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "support/faulty_files.h"
#include "support/rocksdb_files.h"

namespace leat {
namespace {

namespace fs = std::filesystem;

using Items = std::map<std::string, std::string>;

std::string KeyOf(uint64_t number) {
  std::string key;
  AppendOrdered(key, number);
  return key;
}

class RocksdbStore : public ::testing::Test {
 protected:
  static constexpr uint64_t kItems =
      20'000;  ///< With a kilobyte each: files of more than one part.

  void SetUp() override {
    folder_ = fs::temp_directory_path() / fmt::format("leat-rocksdb-store-{}", getpid());
    fs::create_directories(folder_);
    files_ = std::make_shared<RocksdbFiles>(plan_, (folder_ / "side").string());
    env_ = rocksdb::NewCompositeEnv(files_);
    Open();
  }
  void TearDown() override {
    store_.reset();
    env_.reset();
    files_.reset();
    fs::remove_all(folder_);
  }
  void Open() {
    store_.reset();
    RocksStoreOptions options;
    options.folder = (folder_ / "store").string();
    options.memory = 8 << 20;
    options.env = env_.get();
    auto store = RocksStorage(options).Open();
    ASSERT_TRUE(store.ok()) << store.status().message();
    store_ = std::move(store).value();
  }
  Items All(Family family) const {
    Items items;
    EXPECT_TRUE(store_
                    ->Scan(family, {},
                           [&](std::string_view key, std::string_view value) {
                             items.emplace(key, value);
                             return Status::Ok();
                           })
                    .ok());
    return items;
  }
  size_t FilesUnderWay() const {
    return static_cast<size_t>(
        std::count_if(fs::directory_iterator(folder_ / "store"), {}, [](const auto& entry) {
          return entry.path().filename().string().starts_with("incoming-");
        }));
  }
  /// Puts `text` and filling into items `from` to `to - 1`; some are not in their place, and some
  /// are put twice.
  void Fill(StateBatch& batch, const std::string& text, uint64_t from, uint64_t to, Items& wanted) {
    const auto put = [&](Family family, uint64_t n, const std::string& value) {
      batch.Put(family, KeyOf(n), value);
      if (family == Family::kPending) wanted[KeyOf(n)] = value;
    };
    for (uint64_t n = from; n < to; ++n) {
      const std::string value = fmt::format("{} {} {}", text, n, std::string(1000, 'x'));
      if (n % 1000 == 0 && to - n > 900) put(Family::kPending, n + 900, "early");
      put(Family::kPending, n, value);
      if (n % 10 == 0) put(Family::kWindows, n, value);
    }
  }

  FaultPlan plan_;
  fs::path folder_;
  std::shared_ptr<RocksdbFiles> files_;
  std::unique_ptr<rocksdb::Env> env_;
  std::unique_ptr<StateStore> store_;
};

TEST_F(RocksdbStore, ALargeBatchIsWrittenWhileItIsFilledAndShowsAsOne) {
  Items wanted;
  auto batch = store_->NewBatch();
  Fill(*batch, "first", 0, kItems, wanted);
  EXPECT_GE(FilesUnderWay(), 2u);
  EXPECT_TRUE(All(Family::kPending).empty());
  ASSERT_TRUE(store_->Write(*batch).ok());
  batch.reset();
  EXPECT_EQ(FilesUnderWay(), 0u);
  EXPECT_EQ(All(Family::kPending), wanted);
  EXPECT_EQ(All(Family::kWindows).size(), kItems / 10);

  // Some go, as a range and one by one, and others come; what is put in the same batch stays.
  batch = store_->NewBatch();
  batch->DeleteRange(Family::kPending, KeyOf(0), KeyOf(kItems / 2));
  for (uint64_t n = 0; n < kItems / 2; ++n) wanted.erase(KeyOf(n));
  for (uint64_t n = kItems / 2; n < kItems / 2 + 100; n += 2) {
    batch->Delete(Family::kPending, KeyOf(n));
    wanted.erase(KeyOf(n));
  }
  Fill(*batch, "second", kItems, 2 * kItems, wanted);
  batch->DeleteRange(Family::kPending, KeyOf(kItems - 100), KeyOf(kItems));
  for (uint64_t n = kItems - 100; n < kItems; ++n) wanted.erase(KeyOf(n));
  ASSERT_TRUE(store_->Write(*batch).ok());
  batch.reset();
  EXPECT_EQ(All(Family::kPending), wanted);
  files_->Kill();
  Open();
  EXPECT_EQ(All(Family::kPending), wanted);
}

TEST_F(RocksdbStore, ABatchThatIsGivenUpLeavesNothing) {
  Items wanted, lost;
  auto batch = store_->NewBatch();
  Fill(*batch, "first", 0, 10, wanted);
  ASSERT_TRUE(store_->Write(*batch).ok());
  batch = store_->NewBatch();
  Fill(*batch, "lost", 0, kItems, lost);
  batch.reset();
  EXPECT_EQ(All(Family::kPending), wanted);
  Open();
  EXPECT_EQ(FilesUnderWay(), 0u);
  EXPECT_EQ(All(Family::kPending), wanted);
}

TEST_F(RocksdbStore, AFileThatCannotBeWrittenLosesNothingAndStopsAll) {
  Items wanted;
  {
    auto batch = store_->NewBatch();
    Fill(*batch, "first", 0, kItems, wanted);
    ASSERT_TRUE(store_->Write(*batch).ok());
  }
  uint64_t failed = 0;
  for (uint64_t at = 1; at < 200; at += 1 + at / 3) {
    SCOPED_TRACE(at);
    plan_.Add({.path = "/incoming-", .at = at, .error = ENOSPC});
    const uint64_t faults = plan_.faults();
    auto batch = store_->NewBatch();
    Items second = wanted;
    Fill(*batch, fmt::format("at {}", at), 0, kItems, second);
    const Status status = store_->Write(*batch);
    if (plan_.faults() == faults) {
      ASSERT_TRUE(status.ok()) << status.message();
      wanted = second;
    } else if (!status.ok()) {
      ++failed;
      EXPECT_EQ(status.code(), StatusCode::kIo);
      auto more = store_->NewBatch();
      more->Put(Family::kPending, KeyOf(1), "more");
      EXPECT_EQ(store_->Write(*more).code(), StatusCode::kIo);
    } else {
      wanted = second;
    }
    batch.reset();
    plan_.Heal();
    store_.reset();
    files_->Kill();
    Open();
    EXPECT_EQ(FilesUnderWay(), 0u);
    ASSERT_EQ(All(Family::kPending), wanted);
  }
  EXPECT_GE(failed, 5u);
}

}  // namespace
}  // namespace leat
