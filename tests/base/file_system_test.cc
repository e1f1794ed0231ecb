#include "base/file_system.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace leat {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class FileSystemTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() /
              ("leat-files-" + std::to_string(getpid()) + "-" +
               ::testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string Path(const std::string& name) const { return (folder_ / name).string(); }
  std::string Put(const std::string& name, std::string_view bytes) const {
    std::ofstream(Path(name), std::ios::binary) << bytes;
    return Path(name);
  }
  static std::string Get(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return std::move(text).str();
  }

  fs::path folder_;
  FileSystem& files_ = PosixFiles();
};

std::string Message(const Status& status) { return std::string(status.message()); }

TEST_F(FileSystemTest, CreateEmptiesAndAppendGrows) {
  const auto file = files_.Create(Put("a", "old"));
  ASSERT_TRUE(file.ok());
  EXPECT_EQ((*file)->path(), Path("a"));
  EXPECT_EQ((*file)->size(), 0u);
  EXPECT_EQ(Get(Path("a")), "");
  ASSERT_TRUE((*file)->Append("one").ok());
  ASSERT_TRUE((*file)->Append("").ok());
  ASSERT_TRUE((*file)->Append("two").ok());
  EXPECT_EQ((*file)->size(), 6u);
  ASSERT_TRUE((*file)->Sync().ok());
  EXPECT_EQ(Get(Path("a")), "onetwo");
}

TEST_F(FileSystemTest, OpenForAppendKeepsWhatIsThere) {
  const auto file = files_.OpenForAppend(Put("a", "kept,"), std::nullopt);
  ASSERT_TRUE(file.ok());
  EXPECT_EQ((*file)->size(), 5u);
  ASSERT_TRUE((*file)->Append("more").ok());
  EXPECT_EQ(Get(Path("a")), "kept,more");
  ASSERT_TRUE(files_.OpenForAppend(Path("new"), std::nullopt).ok());
  EXPECT_TRUE(fs::exists(Path("new")));
}

TEST_F(FileSystemTest, OpenForAppendCutsBackToALength) {
  const auto file = files_.OpenForAppend(Put("a", "kept,lost"), 5);
  ASSERT_TRUE(file.ok());
  EXPECT_EQ((*file)->size(), 5u);
  EXPECT_EQ(Get(Path("a")), "kept,");
  ASSERT_TRUE((*file)->Append("again").ok());
  EXPECT_EQ(Get(Path("a")), "kept,again");
}

TEST_F(FileSystemTest, OpenForAppendRefusesWhatItCannotCutBack) {
  const auto shorter = files_.OpenForAppend(Put("a", "short"), 6);
  EXPECT_EQ(shorter.status().code(), StatusCode::kCorrupt);
  EXPECT_THAT(Message(shorter.status()), HasSubstr("holds 5 bytes, but 6 had been written"));
  EXPECT_EQ(Get(Path("a")), "short") << "and leaves it alone";
  EXPECT_EQ(files_.OpenForAppend("/dev/null", 0).status().code(), StatusCode::kCorrupt);
}

TEST_F(FileSystemTest, TruncateCutsAndAppendGoesOnFromThere) {
  const auto file = files_.Create(Path("a"));
  ASSERT_TRUE((*file)->Append("abcdef").ok());
  ASSERT_TRUE((*file)->Truncate(2).ok());
  EXPECT_EQ((*file)->size(), 2u);
  ASSERT_TRUE((*file)->Append("XY").ok());
  EXPECT_EQ(Get(Path("a")), "abXY");
  EXPECT_EQ((*file)->Truncate(5).code(), StatusCode::kInvalid) << "it would grow";
  EXPECT_TRUE((*file)->Append("Z").ok()) << "a refusal does not stick";
  EXPECT_EQ(Get(Path("a")), "abXYZ");
}

TEST_F(FileSystemTest, CloseEndsAFile) {
  const auto file = files_.Create(Path("a"));
  ASSERT_TRUE((*file)->Append("all").ok());
  ASSERT_TRUE((*file)->Close().ok());
  EXPECT_TRUE((*file)->Close().ok()) << "closing twice is harmless";
  EXPECT_EQ((*file)->Append("more").code(), StatusCode::kIo);
  EXPECT_THAT(Message((*file)->Sync()), HasSubstr("closed"));
  EXPECT_EQ(Get(Path("a")), "all");
}

TEST_F(FileSystemTest, AFullDiskIsAnErrorThatSticks) {
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "no /dev/full on this machine";
  const auto file = files_.Create("/dev/full");
  ASSERT_TRUE(file.ok());
  const Status failed = (*file)->Append("lost");
  EXPECT_EQ(failed.code(), StatusCode::kIo);
  EXPECT_EQ(Message(failed), "/dev/full: cannot write: No space left on device");
  EXPECT_EQ((*file)->size(), 0u);
  EXPECT_EQ(Message((*file)->Append("")), Message(failed));
  EXPECT_EQ(Message((*file)->Sync()), Message(failed)) << "nothing can be synced any more";
  EXPECT_EQ(Message((*file)->Truncate(0)), Message(failed));
  EXPECT_EQ(Message((*file)->Close()), Message(failed));
}

/// Fails at its second sync only.
class FailsOnce final : public OutputFile {
 public:
  FailsOnce() : OutputFile("disk", 0) {}
  int syncs = 0, appends = 0, closes = 0;

 private:
  Status DoAppend(std::string_view) override { return ++appends, Status::Ok(); }
  Status DoSync() override { return ++syncs == 2 ? Status::Io("first") : Status::Ok(); }
  Status DoTruncate(uint64_t) override { return Status::Ok(); }
  Status DoClose() override { return ++closes, Status::Io("second"); }
};

TEST_F(FileSystemTest, ASyncThatFailedIsNeverTriedAgain) {
  FailsOnce file;
  ASSERT_TRUE(file.Sync().ok());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Message(file.Sync()), "first");
  EXPECT_EQ(file.syncs, 2);
  EXPECT_EQ(Message(file.Append("x")), "first");
  EXPECT_EQ(file.appends, 0);
  EXPECT_EQ(file.size(), 0u);
  EXPECT_EQ(Message(file.Close()), "first");
  EXPECT_EQ(Message(file.Close()), "first");
  EXPECT_EQ(file.closes, 1) << "it is closed, whatever happened before";
}

/// A limit on the size of files makes the system write a part of what it is given.
TEST_F(FileSystemTest, AnAppendThatEndsInTheMiddleIsAnError) {
  const auto file = files_.Create(Path("a"));
  ASSERT_TRUE(file.ok());
  const auto old_action = std::signal(SIGXFSZ, SIG_IGN);
  rlimit old_limit{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &old_limit), 0);
  rlimit limit = old_limit;
  limit.rlim_cur = 1000;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  const Status failed = (*file)->Append(std::string(1500, 'x'));
  setrlimit(RLIMIT_FSIZE, &old_limit);
  std::signal(SIGXFSZ, old_action);
  EXPECT_THAT(Message(failed), HasSubstr("cannot write: File too large"));
  EXPECT_EQ(fs::file_size(Path("a")), 1000u) << "a part was written first";
  EXPECT_EQ((*file)->size(), 0u);
  EXPECT_FALSE((*file)->Append("y").ok());
}

/// A pipe whose writer is interrupted again and again takes a little at a time.
TEST_F(FileSystemTest, AppendGoesOnAfterShortWritesAndSignals) {
  const std::string path = Path("pipe");
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  std::string read;
  std::thread reader([&] {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGALRM);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // They are for the writer.
    const int pipe = open(path.c_str(), O_RDONLY);
    std::vector<char> buffer(20'000);
    for (ssize_t n; (n = ::read(pipe, buffer.data(), buffer.size())) > 0;) {
      read.append(buffer.data(), static_cast<size_t>(n));
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    close(pipe);
  });
  const auto file = files_.OpenForAppend(path, std::nullopt);
  ASSERT_TRUE(file.ok());
  static volatile std::sig_atomic_t interrupted;
  interrupted = 0;
  struct sigaction action {
  }, old_action{};
  action.sa_handler = [](int) { interrupted = interrupted + 1; };  // Without SA_RESTART.
  sigaction(SIGALRM, &action, &old_action);
  const itimerval every_ms = {{0, 1000}, {0, 1000}}, never = {};
  setitimer(ITIMER_REAL, &every_ms, nullptr);
  std::string bytes(1'000'000, '\0');
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 2654435761u >> 13);
  const Status written = (*file)->Append(bytes);
  const Status synced = (*file)->Sync();
  setitimer(ITIMER_REAL, &never, nullptr);
  sigaction(SIGALRM, &old_action, nullptr);
  const Status closed = (*file)->Close();
  reader.join();
  EXPECT_TRUE(closed.ok()) << closed.message();
  EXPECT_TRUE(written.ok()) << written.message();
  EXPECT_TRUE(synced.ok()) << "a pipe has nothing to sync: " << synced.message();
  EXPECT_GT(interrupted, 0);
  EXPECT_TRUE(read == bytes) << read.size();
}

TEST_F(FileSystemTest, ReadGivesTheWholeFile) {
  std::string bytes(100'000, 'b');
  bytes[500] = '\0';
  for (const size_t size : {0, 1, 4095, 4096, 4097, 100'000}) {
    const auto read = files_.Read(Put("a", bytes.substr(0, size)));
    ASSERT_TRUE(read.ok());
    EXPECT_TRUE(*read == bytes.substr(0, size)) << size;
  }
  EXPECT_FALSE(files_.Read("/proc/self/status")->empty()) << "its size is said to be 0";
}

TEST_F(FileSystemTest, ErrorsSayWhereWhatAndWhy) {
  const std::string none = Path("none");
  const std::string because = ": No such file or directory";
  EXPECT_EQ(Message(files_.Read(none).status()), none + ": cannot open" + because);
  EXPECT_EQ(files_.Read(none).status().code(), StatusCode::kIo);
  EXPECT_THAT(Message(files_.Read(folder_).status()), HasSubstr("cannot read: Is a directory"));
  EXPECT_EQ(Message(files_.Create(none + "/a").status()), none + "/a: cannot create" + because);
  EXPECT_EQ(Message(files_.OpenForAppend(none + "/a", 0).status()),
            none + "/a: cannot open" + because);
  EXPECT_EQ(Message(files_.Rename(none, Path("b"))), none + ": cannot rename" + because);
  EXPECT_EQ(Message(files_.List(none).status()), none + ": cannot list" + because);
  EXPECT_EQ(Message(files_.SyncFolder(none)), none + ": cannot open" + because);
  EXPECT_THAT(Message(files_.Remove(folder_)), StartsWith(folder_.string() + ": cannot remove: "));
  EXPECT_THAT(Message(files_.MakeFolders(Put("file", "") + "/below")),
              HasSubstr("file: cannot make the folder: File exists"));
}

TEST_F(FileSystemTest, NamesCanBeMovedRemovedAndListed) {
  Put("b", "1");
  Put("a", "2");
  ASSERT_TRUE(files_.MakeFolders(Path("c/d/e")).ok());
  ASSERT_TRUE(files_.MakeFolders(Path("c/d/e")).ok()) << "it is there";
  ASSERT_TRUE(files_.MakeFolders(Path("c/f/")).ok());
  EXPECT_TRUE(fs::is_directory(Path("c/d/e")));
  EXPECT_THAT(*files_.List(folder_), ElementsAre("a", "b", "c"));
  EXPECT_THAT(*files_.List(Path("c")), ElementsAre("d", "f"));
  EXPECT_TRUE(*files_.Exists(Path("a")));
  EXPECT_TRUE(*files_.Exists(Path("c")));
  ASSERT_TRUE(files_.Rename(Path("a"), Path("b")).ok());
  EXPECT_FALSE(*files_.Exists(Path("a")));
  EXPECT_FALSE(*files_.Exists(Path("b/x"))) << "a file has nothing below it";
  EXPECT_EQ(Get(Path("b")), "2");
  ASSERT_TRUE(files_.Remove(Path("b")).ok());
  ASSERT_TRUE(files_.Remove(Path("b")).ok()) << "there is none";
  EXPECT_THAT(*files_.List(folder_), ElementsAre("c"));
  EXPECT_TRUE(files_.SyncFolder(folder_).ok());
}

TEST_F(FileSystemTest, ReplaceLeavesTheWholeNewFileAndNothingBeside) {
  ASSERT_TRUE(files_.Replace(Path("a"), {"first"}).ok());
  EXPECT_EQ(Get(Path("a")), "first");
  ASSERT_TRUE(files_.Replace(Path("a"), {"sec", "", "ond"}).ok());
  EXPECT_EQ(Get(Path("a")), "second");
  EXPECT_THAT(*files_.List(folder_), ElementsAre("a"));
  EXPECT_FALSE(files_.Replace(Path("none/a"), {"x"}).ok());
}

TEST_F(FileSystemTest, FolderOfIsNeverEmpty) {
  EXPECT_EQ(FolderOf("a/b/c"), "a/b");
  EXPECT_EQ(FolderOf("c"), ".");
  EXPECT_EQ(FolderOf("/c"), "/");
}

}  // namespace
}  // namespace leat
