#include "support/rocksdb_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <sstream>
#include <string>

namespace leat {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr PowerLoss kNothingUnsynced = {.torn = false};

class RocksdbFilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() /
              ("leat-rocksdb-" + std::to_string(getpid()) + "-" +
               ::testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::create_directories(folder_ / "plain");
    files_ = std::make_shared<RocksdbFiles>(plan_, (folder_ / "side").string());
    env_ = rocksdb::NewCompositeEnv(files_);
    options_.env = env_.get();
    options_.create_if_missing = true;
    options_.max_background_jobs = 1;
  }
  void TearDown() override {
    db_.reset();
    env_.reset();
    files_.reset();
    fs::remove_all(folder_);
  }

  rocksdb::Status Open() {
    rocksdb::DB* db = nullptr;
    const rocksdb::Status opened = rocksdb::DB::Open(options_, (folder_ / "db").string(), &db);
    db_.reset(db);
    return opened;
  }
  rocksdb::Status Put(const std::string& key, const std::string& value, bool sync) {
    rocksdb::WriteOptions options;
    options.sync = sync;
    return db_->Put(options, key, value);
  }
  std::string Get(const std::string& key) {
    std::string value;
    const rocksdb::Status got = db_->Get({}, key, &value);
    return got.ok() ? value : got.ToString();
  }
  /// Power goes and comes back.
  void LosePower(const PowerLoss& loss) {
    files_->Crash();
    db_.reset();
    const Status lost = files_->LosePower(loss);
    ASSERT_TRUE(lost.ok()) << lost.message();
  }

  std::string Path(const std::string& name) const { return (folder_ / "plain" / name).string(); }
  std::unique_ptr<rocksdb::FSWritableFile> Make(const std::string& name) {
    std::unique_ptr<rocksdb::FSWritableFile> file;
    EXPECT_TRUE(files_->NewWritableFile(Path(name), {}, &file, nullptr).ok());
    return file;
  }
  void SyncFolder() {
    std::unique_ptr<rocksdb::FSDirectory> folder;
    ASSERT_TRUE(files_->NewDirectory((folder_ / "plain").string(), {}, &folder, nullptr).ok());
    ASSERT_TRUE(folder->Fsync({}, nullptr).ok());
  }
  std::string Slurp(const std::string& name) const {
    std::ifstream file(Path(name), std::ios::binary);
    if (!file) return "(none)";
    std::ostringstream text;
    text << file.rdbuf();
    return std::move(text).str();
  }

  fs::path folder_;
  FaultPlan plan_;
  std::shared_ptr<RocksdbFiles> files_;
  std::unique_ptr<rocksdb::Env> env_;
  rocksdb::Options options_;
  std::unique_ptr<rocksdb::DB> db_;
};

TEST_F(RocksdbFilesTest, ASyncedWriteSurvivesAndAnUnsyncedOneIsLost) {
  ASSERT_TRUE(Open().ok());
  ASSERT_TRUE(Put("synced", "1", true).ok());
  ASSERT_TRUE(Put("unsynced", "2", false).ok());
  EXPECT_EQ(Get("unsynced"), "2");
  LosePower(kNothingUnsynced);
  const rocksdb::Status opened = Open();
  ASSERT_TRUE(opened.ok()) << opened.ToString();
  EXPECT_EQ(Get("synced"), "1");
  EXPECT_THAT(Get("unsynced"), HasSubstr("NotFound"));
}

TEST_F(RocksdbFilesTest, AKillLosesNothing) {
  ASSERT_TRUE(Open().ok());
  ASSERT_TRUE(Put("unsynced", "2", false).ok());
  files_->Crash();
  EXPECT_FALSE(Put("late", "3", false).ok());
  db_.reset();
  files_->Kill();
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(Get("unsynced"), "2");
  EXPECT_THAT(Get("late"), HasSubstr("NotFound"));
}

TEST_F(RocksdbFilesTest, ADatabaseSurvivesManyPowerCuts) {
  int durable = -1, kept_unsynced = 0;
  options_.write_buffer_size = 64 << 10;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const rocksdb::Status opened = Open();
    ASSERT_TRUE(opened.ok()) << seed << ": " << opened.ToString();
    for (int key = 0; key <= durable; ++key) {
      ASSERT_EQ(Get(std::to_string(key)).size(), 1000u) << key << " of life " << seed;
    }
    // Of what was not synced, a prefix is there.
    int next = durable + 1;
    while (Get(std::to_string(next)).size() == 1000u) ++next, ++kept_unsynced;
    for (int i = 0; i < 50; ++i, ++next) {
      ASSERT_TRUE(Put(std::to_string(next), std::string(1000, 'v'), i == 30).ok());
      if (i == 30) durable = next;
      if (i == 10 && seed % 3 == 0) {
        ASSERT_TRUE(db_->Flush({}).ok());
      }
    }
    if (seed % 3 == 0) {
      ASSERT_TRUE(db_->CompactRange({}, nullptr, nullptr).ok());
      durable = next - 1;
    }
    LosePower({.seed = seed, .late_names = seed % 2 == 1});
  }
  EXPECT_GT(kept_unsynced, 0) << "a disk may keep more than it must";
}

TEST_F(RocksdbFilesTest, PowerMayGoWhileADatabaseIsMade) {
  for (uint64_t at = 1; at < 60; ++at) {
    plan_.Heal();
    plan_.Add({.at = at, .times = kForever});
    const bool opened = Open().ok();
    if (opened) Put("key", "value", true).PermitUncheckedError();
    LosePower({.seed = at, .late_names = true});
    plan_.Heal();
    const rocksdb::Status again = Open();
    ASSERT_TRUE(again.ok()) << at << ": " << again.ToString();
    ASSERT_TRUE(Put("key", "value", true).ok()) << at;
    LosePower(kNothingUnsynced);
    ASSERT_TRUE(Open().ok()) << at;
    EXPECT_EQ(Get("key"), "value") << at;
    db_.reset();
    ASSERT_TRUE(rocksdb::DestroyDB((folder_ / "db").string(), options_).ok());
  }
}

TEST_F(RocksdbFilesTest, AFailedSyncIsSeenAndItsWriteIsNotTakenForDurable) {
  ASSERT_TRUE(Open().ok());
  ASSERT_TRUE(Put("a", "1", true).ok());
  plan_.Add({.op = FileOp::kSync, .path = ".log", .error = EIO});
  EXPECT_FALSE(Put("b", "2", true).ok());
  EXPECT_EQ(plan_.faults(), 1u);
  EXPECT_FALSE(Put("c", "3", true).ok()) << "the database stops until it is opened again";
  LosePower(kNothingUnsynced);
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(Get("a"), "1");
  EXPECT_THAT(Get("b"), HasSubstr("NotFound"));
}

TEST_F(RocksdbFilesTest, AFullDiskIsNoSpace) {
  ASSERT_TRUE(Open().ok());
  plan_.Add({.op = FileOp::kAppend, .path = ".log", .error = ENOSPC});
  const rocksdb::Status full = Put("a", "1", true);
  EXPECT_TRUE(full.IsNoSpace()) << full.ToString();
}

TEST_F(RocksdbFilesTest, ThePlanIsAskedForEachKind) {
  const auto fails = [&](FileOp op, auto operation) {
    plan_.Heal();
    plan_.Add({.op = op, .path = "file"});
    const uint64_t before = plan_.faults();
    EXPECT_TRUE(operation().IsIOError()) << static_cast<int>(op);
    EXPECT_EQ(plan_.faults(), before + 1) << static_cast<int>(op);
  };
  const rocksdb::IOOptions none;
  std::unique_ptr<rocksdb::FSWritableFile> other;
  std::unique_ptr<rocksdb::FSDirectory> folder;
  ASSERT_TRUE(files_->CreateDir(Path("files"), none, nullptr).ok());
  ASSERT_TRUE(files_->NewDirectory(Path("files"), none, &folder, nullptr).ok());
  const auto file = Make("file");
  ASSERT_TRUE(file->Append("ab", none, nullptr).ok());
  fails(FileOp::kCreate,
        [&] { return files_->NewWritableFile(Path("file"), {}, &other, nullptr); });
  fails(FileOp::kOpen,
        [&] { return files_->ReopenWritableFile(Path("file"), {}, &other, nullptr); });
  fails(FileOp::kAppend, [&] { return file->Append("x", none, nullptr); });
  fails(FileOp::kSync, [&] { return file->Sync(none, nullptr); });
  fails(FileOp::kSync, [&] { return file->Fsync(none, nullptr); });
  fails(FileOp::kRename,
        [&] { return files_->RenameFile(Path("file"), Path("b"), none, nullptr); });
  fails(FileOp::kRemove, [&] { return files_->DeleteFile(Path("file"), none, nullptr); });
  fails(FileOp::kTruncate, [&] { return files_->Truncate(Path("file"), 0, none, nullptr); });
  fails(FileOp::kSyncFolder, [&] { return folder->Fsync(none, nullptr); });
  fails(FileOp::kMakeFolders, [&] { return files_->CreateDir(Path("file2"), none, nullptr); });
  EXPECT_EQ(Slurp("file"), "ab") << "nothing was done";
  plan_.Heal();
  plan_.Add({.op = FileOp::kAppend, .written = 2});
  EXPECT_FALSE(file->Append("xyz", none, nullptr).ok());
  EXPECT_EQ(Slurp("file"), "abxy") << "a part may be written first";
}

TEST_F(RocksdbFilesTest, BytesAndNamesThatWereNotSyncedAreUndone) {
  std::ofstream(Path("old")) << "was there before";
  for (const std::string name : {"kept", "moved", "removed", "over", "again"}) {
    const auto file = Make(name);
    ASSERT_TRUE(file->Append(name, {}, nullptr).ok());
    ASSERT_TRUE(file->Sync({}, nullptr).ok());
    if (name == "kept") {
      ASSERT_TRUE(file->Append(" unsynced", {}, nullptr).ok());
    }
  }
  SyncFolder();
  const auto made = Make("made");
  ASSERT_TRUE(made->Append("x", {}, nullptr).ok());
  ASSERT_TRUE(made->Sync({}, nullptr).ok());
  ASSERT_TRUE(files_->RenameFile(Path("made"), Path("over"), {}, nullptr).ok());
  ASSERT_TRUE(files_->RenameFile(Path("moved"), Path("new"), {}, nullptr).ok());
  ASSERT_TRUE(files_->DeleteFile(Path("removed"), {}, nullptr).ok());
  ASSERT_TRUE(files_->DeleteFile(Path("old"), {}, nullptr).ok());
  const auto again = Make("again");
  ASSERT_TRUE(again->Append("other", {}, nullptr).ok());
  ASSERT_TRUE(again->Sync({}, nullptr).ok());
  uint64_t links = 0;
  ASSERT_TRUE(files_->NumFileLinks(Path("kept"), {}, &links, nullptr).ok());
  EXPECT_EQ(links, 1u) << "its second name does not show";
  EXPECT_EQ(Slurp("kept"), "kept unsynced");
  EXPECT_EQ(Slurp("over"), "x");
  ASSERT_TRUE(files_->LosePower(kNothingUnsynced).ok());
  for (const std::string name : {"kept", "moved", "removed", "over", "again"}) {
    EXPECT_EQ(Slurp(name), name);
  }
  EXPECT_EQ(Slurp("new"), "(none)");
  EXPECT_EQ(Slurp("made"), "(none)");
  EXPECT_EQ(Slurp("old"), "was there before");
  EXPECT_FALSE(made->Append("dead", {}, nullptr).ok());
  EXPECT_FALSE(made->Sync({}, nullptr).ok());

  ASSERT_TRUE(files_->RenameFile(Path("moved"), Path("new"), {}, nullptr).ok());
  ASSERT_TRUE(files_->DeleteFile(Path("removed"), {}, nullptr).ok());
  SyncFolder();
  ASSERT_TRUE(files_->LosePower(kNothingUnsynced).ok());
  EXPECT_EQ(Slurp("new"), "moved");
  EXPECT_EQ(Slurp("moved"), "(none)");
  EXPECT_EQ(Slurp("removed"), "(none)");
}

TEST_F(RocksdbFilesTest, AnUnsyncedTailMayStayTorn) {
  std::set<std::string> left;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    const auto file = Make("a");
    SyncFolder();
    ASSERT_TRUE(file->Append("s-", {}, nullptr).ok());
    ASSERT_TRUE(file->Sync({}, nullptr).ok());
    ASSERT_TRUE(file->Append("abc", {}, nullptr).ok());
    ASSERT_TRUE(files_->LosePower(seed).ok());
    left.insert(Slurp("a"));
  }
  EXPECT_THAT(left, ::testing::ElementsAre("s-", "s-a", "s-ab", "s-abc"));
}

TEST_F(RocksdbFilesTest, TheSideFolderHoldsOnlyWhatMayStillBeNeeded) {
  ASSERT_TRUE(Make("a") != nullptr);
  SyncFolder();
  ASSERT_TRUE(files_->DeleteFile(Path("a"), {}, nullptr).ok());
  const auto held = [&] {
    return std::distance(fs::directory_iterator(folder_ / "side"), fs::directory_iterator());
  };
  EXPECT_EQ(held(), 1);
  SyncFolder();
  EXPECT_EQ(held(), 0);
}

}  // namespace
}  // namespace leat
