#include "support/faulty_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <string>

#include "support/power_files.h"

namespace leat {
namespace {

using ::testing::HasSubstr;

std::string Message(const Status& status) { return std::string(status.message()); }

class FaultyFilesTest : public ::testing::Test {
 protected:
  std::unique_ptr<OutputFile> Make(const std::string& path) {
    auto file = files_.Create(path);
    EXPECT_TRUE(file.ok()) << file.status().message();
    return std::move(file).value();
  }

  PowerFiles disk_;
  FaultPlan plan_;
  FaultyFiles files_{disk_, plan_};
};

TEST_F(FaultyFilesTest, WithoutAPlanEverythingWorksAndIsCounted) {
  const auto file = Make("a");
  ASSERT_TRUE(file->Append("abc").ok());
  ASSERT_TRUE(file->Append("def").ok());
  ASSERT_TRUE(file->Sync().ok());
  ASSERT_TRUE(file->Truncate(4).ok());
  ASSERT_TRUE(file->Close().ok());
  ASSERT_TRUE(files_.MakeFolders("f").ok());
  ASSERT_TRUE(files_.Rename("a", "f/b").ok());
  ASSERT_TRUE(files_.SyncFolder("f").ok());
  EXPECT_EQ(*files_.Read("f/b"), "abcd");
  EXPECT_EQ(files_.OpenForAppend("f/b", 2).value()->size(), 2u);
  EXPECT_EQ(files_.List("f")->size(), 1u);
  EXPECT_FALSE(*files_.Exists("a"));
  ASSERT_TRUE(files_.Remove("f/b").ok());
  EXPECT_EQ(plan_.operations(FileOp::kAppend), 2u);
  EXPECT_EQ(plan_.operations(FileOp::kTruncate), 2u);
  EXPECT_EQ(plan_.operations(FileOp::kLook), 2u);
  EXPECT_EQ(plan_.operations(), 14u);
  EXPECT_EQ(plan_.faults(), 0u);
}

TEST_F(FaultyFilesTest, TheNthOperationOfAKindOnAPathFails) {
  plan_.Add({.op = FileOp::kAppend, .path = "b", .at = 2, .error = ENOSPC});
  const auto a = Make("a"), b = Make("b");
  EXPECT_TRUE(b->Append("1").ok());
  EXPECT_TRUE(a->Append("1").ok());
  EXPECT_TRUE(a->Append("2").ok()) << "another path";
  EXPECT_TRUE(b->Sync().ok()) << "another kind";
  EXPECT_EQ(Message(b->Append("2")), "b: cannot write: No space left on device");
  EXPECT_EQ(*disk_.Read("b"), "1");
  EXPECT_EQ(plan_.faults(), 1u);
}

TEST_F(FaultyFilesTest, EveryKindCanFail) {
  ASSERT_TRUE(disk_.Create("there").ok());
  const auto file = Make("open"), other = Make("other"), third = Make("third");
  ASSERT_TRUE(third->Append("x").ok());
  plan_.Add({.times = kForever, .error = EACCES});
  EXPECT_THAT(Message(files_.Create("a").status()), HasSubstr("a: cannot create: Permission"));
  EXPECT_FALSE(files_.OpenForAppend("there", std::nullopt).ok());
  EXPECT_FALSE(files_.Read("there").ok());
  EXPECT_FALSE(files_.Rename("there", "b").ok());
  EXPECT_FALSE(files_.Remove("there").ok());
  EXPECT_FALSE(files_.Exists("there").ok());
  EXPECT_FALSE(files_.List(".").ok());
  EXPECT_FALSE(files_.MakeFolders("f").ok());
  EXPECT_FALSE(files_.SyncFolder(".").ok());
  EXPECT_FALSE(file->Append("x").ok());
  EXPECT_FALSE(other->Sync().ok());
  EXPECT_FALSE(third->Truncate(0).ok());
  EXPECT_EQ(plan_.faults(), 12u);
  plan_.Heal();
  EXPECT_TRUE(*files_.Exists("there")) << "nothing was done";
  EXPECT_FALSE(*files_.Exists("a"));
  EXPECT_FALSE(*files_.Exists("f"));
  EXPECT_EQ(*files_.Read("third"), "x");
}

TEST_F(FaultyFilesTest, ARenameIsFoundByEitherName) {
  ASSERT_TRUE(disk_.Create("from").ok());
  plan_.Add({.op = FileOp::kRename, .path = "to"});
  plan_.Add({.op = FileOp::kRename, .path = "from", .at = 2});
  EXPECT_FALSE(files_.Rename("from", "to").ok());
  EXPECT_FALSE(files_.Rename("from", "to").ok());
  EXPECT_TRUE(files_.Rename("from", "to").ok());
}

TEST_F(FaultyFilesTest, AFullDiskHealsAfterAWhile) {
  plan_.Add({.op = FileOp::kAppend, .at = 2, .times = 3, .error = ENOSPC});
  const auto first = Make("a");
  EXPECT_TRUE(first->Append("kept").ok());
  for (int i = 0; i < 3; ++i) {
    const auto file = std::move(files_.OpenForAppend("a", 4)).value();
    EXPECT_FALSE(file->Append("lost").ok()) << i;
    EXPECT_FALSE(file->Append("lost").ok()) << "its first error sticks";
  }
  const auto healed = std::move(files_.OpenForAppend("a", 4)).value();
  EXPECT_TRUE(healed->Append(" again").ok());
  EXPECT_EQ(*files_.Read("a"), "kept again");
  EXPECT_EQ(plan_.faults(), 3u) << "a file that has failed asks the disk no more";
}

TEST_F(FaultyFilesTest, AnAppendMayWriteAPartFirst) {
  plan_.Add({.op = FileOp::kAppend, .written = 3});
  plan_.Add({.op = FileOp::kAppend, .at = 2, .written = 100});
  const auto a = Make("a"), b = Make("b");
  EXPECT_FALSE(a->Append("abcdef").ok());
  EXPECT_EQ(a->size(), 0u);
  EXPECT_EQ(*disk_.Read("a"), "abc");
  EXPECT_FALSE(b->Append("abcdef").ok()) << "all of it may have come, and nobody knows";
  EXPECT_EQ(*disk_.Read("b"), "abcdef");
}

TEST_F(FaultyFilesTest, ASyncThatFailedKeepsFailing) {
  plan_.Add({.op = FileOp::kSync});
  const auto file = Make("a");
  ASSERT_TRUE(files_.SyncFolder(".").ok());
  ASSERT_TRUE(file->Append("unsure").ok());
  const std::string first = Message(file->Sync());
  EXPECT_EQ(first, "a: cannot sync: Input/output error");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Message(file->Sync()), first);
  EXPECT_EQ(Message(file->Append("more")), first);
  EXPECT_EQ(plan_.operations(FileOp::kSync), 1u);
  disk_.LosePower({.torn = false});
  EXPECT_EQ(*disk_.Read("a"), "") << "nothing was synced in secret";
}

TEST_F(FaultyFilesTest, EveryOperationInTurnUntilNoneFails) {
  uint64_t at = 1;
  for (;; ++at) {
    PowerFiles disk;
    FaultPlan plan;
    FaultyFiles files(disk, plan);
    ASSERT_TRUE(files.Replace("a", {"old"}).ok());
    const uint64_t before = plan.operations();
    plan.Add({.at = at, .written = at});
    const Status replaced = files.Replace("a", {"ne", "w"});
    if (plan.faults() == 0) {
      EXPECT_TRUE(replaced.ok());
      EXPECT_EQ(plan.operations() - before, at - 1);
      break;
    }
    EXPECT_FALSE(replaced.ok()) << at;
    EXPECT_EQ(*disk.Read("a"), at < 6 ? "old" : "new") << at;
  }
  EXPECT_EQ(at, 7u) << "create, append, append, sync, rename, sync the folder";
}

}  // namespace
}  // namespace leat
