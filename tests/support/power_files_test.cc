#include "support/power_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"

namespace leat {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr PowerLoss kNothingUnsynced = {.torn = false};

class PowerFilesTest : public ::testing::Test {
 protected:
  /// A file whose name is on disk.
  std::unique_ptr<OutputFile> Make(const std::string& path) {
    auto file = disk_.Create(path);
    EXPECT_TRUE(file.ok()) << file.status().message();
    EXPECT_TRUE(disk_.SyncFolder(FolderOf(path)).ok());
    return std::move(file).value();
  }
  std::string Get(const std::string& path) {
    const auto read = disk_.Read(path);
    return read.ok() ? *read : "(none)";
  }

  PowerFiles disk_;
};

TEST_F(PowerFilesTest, IsADiskWhileNothingHappens) {
  ASSERT_TRUE(disk_.MakeFolders("/data/a/b").ok());
  const auto file = Make("/data/a/x");
  ASSERT_TRUE(file->Append("abc").ok());
  ASSERT_TRUE(file->Append("def").ok());
  EXPECT_EQ(Get("/data/a//b/../x"), "abcdef") << "what is written is read at once";
  ASSERT_TRUE(file->Truncate(2).ok());
  ASSERT_TRUE(file->Append("Z").ok());
  EXPECT_EQ(Get("/data/a/x"), "abZ");
  EXPECT_THAT(*disk_.List("/data/a/"), ElementsAre("b", "x"));
  EXPECT_THAT(*disk_.List("/"), ElementsAre("data"));
  ASSERT_TRUE(disk_.Rename("/data/a/x", "/data/a/b/y").ok());
  EXPECT_FALSE(*disk_.Exists("/data/a/x"));
  EXPECT_TRUE(*disk_.Exists("/data/a/b"));
  ASSERT_TRUE(file->Append("!").ok()) << "a file that was moved is still open";
  EXPECT_EQ(Get("/data/a/b/y"), "abZ!");
  EXPECT_EQ(disk_.OpenForAppend("/data/a/b/y", 1).value()->size(), 1u);
  EXPECT_EQ(Get("/data/a/b/y"), "a");
  EXPECT_EQ(disk_.OpenForAppend("/data/a/b/y", 2).status().code(), StatusCode::kCorrupt);
  ASSERT_TRUE(disk_.Remove("/data/a/b/y").ok());
  ASSERT_TRUE(disk_.Remove("/data/a/b/y").ok());
  EXPECT_TRUE(disk_.List("/data/a/b")->empty());
}

TEST_F(PowerFilesTest, SaysWhatADiskSays) {
  const auto message = [](const Status& status) { return std::string(status.message()); };
  EXPECT_EQ(message(disk_.Read("a").status()), "a: cannot open: No such file or directory");
  EXPECT_EQ(message(disk_.Create("f/a").status()), "f/a: cannot create: No such file or directory");
  EXPECT_FALSE(disk_.OpenForAppend("f/a", 0).ok());
  EXPECT_FALSE(disk_.Rename("a", "b").ok());
  EXPECT_FALSE(disk_.List("f").ok());
  EXPECT_FALSE(disk_.SyncFolder("f").ok());
  Make("a");
  EXPECT_FALSE(disk_.MakeFolders("a/b").ok());
  EXPECT_FALSE(disk_.Create("a/b").ok());
  EXPECT_FALSE(disk_.Create(".").ok());
}

TEST_F(PowerFilesTest, WhatWasNotSyncedIsGone) {
  const auto file = Make("a");
  ASSERT_TRUE(file->Append("synced").ok());
  ASSERT_TRUE(file->Sync().ok());
  ASSERT_TRUE(file->Append(" not synced").ok());
  disk_.LosePower(kNothingUnsynced);
  EXPECT_EQ(Get("a"), "synced");
}

TEST_F(PowerFilesTest, AnUnsyncedTailMayStayTorn) {
  std::set<std::string> left;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    std::string twice;
    for (int round = 0; round < 2; ++round) {
      PowerFiles disk;
      const auto file = std::move(disk.Create("a")).value();
      ASSERT_TRUE(disk.SyncFolder(".").ok());
      ASSERT_TRUE(file->Append("s-").ok());
      ASSERT_TRUE(file->Sync().ok());
      ASSERT_TRUE(file->Append("abcd").ok());
      disk.LosePower(seed);
      if (round == 1) {
        EXPECT_EQ(*disk.Read("a"), twice) << "the same for a seed";
      }
      twice = *disk.Read("a");
      disk.LosePower(seed + 1);
      EXPECT_EQ(*disk.Read("a"), twice) << "what a disk has kept, it keeps";
    }
    left.insert(twice);
  }
  EXPECT_THAT(left, ElementsAre("s-", "s-a", "s-ab", "s-abc", "s-abcd"));
}

TEST_F(PowerFilesTest, HolesAreZerosInTheTail) {
  bool in_the_middle = false;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    PowerFiles disk;
    const auto file = std::move(disk.Create("a")).value();
    ASSERT_TRUE(disk.SyncFolder(".").ok());
    ASSERT_TRUE(file->Append("xx").ok());
    ASSERT_TRUE(file->Sync().ok());
    ASSERT_TRUE(file->Append("xxxxxx").ok());
    disk.LosePower({.seed = seed, .holes = true});
    const std::string left = *disk.Read("a");
    ASSERT_TRUE(left.starts_with("xx"));
    EXPECT_EQ(left.find_first_not_of(std::string("x\0", 2)), left.npos);
    in_the_middle |= left.find('\0') != left.npos && left.back() == 'x';
  }
  EXPECT_TRUE(in_the_middle);
}

TEST_F(PowerFilesTest, ACutThatWasNotSyncedMayBeUndone) {
  std::set<std::string> left;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    PowerFiles disk;
    const auto file = std::move(disk.Create("a")).value();
    ASSERT_TRUE(disk.SyncFolder(".").ok());
    ASSERT_TRUE(file->Append("abcdef").ok());
    ASSERT_TRUE(file->Sync().ok());
    ASSERT_TRUE(file->Truncate(4).ok());
    ASSERT_TRUE(file->Truncate(2).ok());
    ASSERT_TRUE(file->Append("X").ok());
    disk.LosePower(seed);
    left.insert(*disk.Read("a"));
  }
  EXPECT_THAT(left, ElementsAre("ab", "abX", "abcdef"));
  const auto file = std::move(disk_.Create("a")).value();
  ASSERT_TRUE(disk_.SyncFolder(".").ok());
  ASSERT_TRUE(file->Append("abcdef").ok());
  ASSERT_TRUE(file->Sync().ok());
  ASSERT_TRUE(file->Truncate(2).ok());
  ASSERT_TRUE(file->Sync().ok());
  disk_.LosePower(1);
  EXPECT_EQ(Get("a"), "ab") << "a cut that was synced stays";
}

TEST_F(PowerFilesTest, NamesAreThoseOfTheLastSyncOfTheirFolder) {
  ASSERT_TRUE(disk_.MakeFolders("f/g").ok());
  ASSERT_TRUE(disk_.MakeFolders("h").ok());
  for (const std::string path : {"f/moved", "f/removed", "f/over", "f/away"}) {
    const auto file = Make(path);
    ASSERT_TRUE(file->Append(path).ok());
    ASSERT_TRUE(file->Sync().ok());
  }
  const auto made = std::move(disk_.Create("f/made")).value();
  ASSERT_TRUE(made->Append("x").ok());
  ASSERT_TRUE(made->Sync().ok()) << "its bytes are on disk, but not its name";
  ASSERT_TRUE(disk_.Rename("f/moved", "f/new").ok());
  ASSERT_TRUE(disk_.Remove("f/removed").ok());
  ASSERT_TRUE(disk_.Rename("f/made", "f/over").ok());
  ASSERT_TRUE(disk_.Rename("f/away", "h/away").ok());
  EXPECT_THAT(*disk_.List("f"), ElementsAre("g", "new", "over"));
  EXPECT_EQ(Get("f/over"), "x");
  disk_.LosePower(7);
  EXPECT_THAT(*disk_.List("f"), ElementsAre("away", "g", "moved", "over", "removed"));
  for (const std::string path : {"f/moved", "f/removed", "f/over", "f/away"}) {
    EXPECT_EQ(Get(path), path);
  }
  EXPECT_TRUE(disk_.List("h")->empty());

  ASSERT_TRUE(disk_.Rename("f/moved", "f/new").ok());
  ASSERT_TRUE(disk_.Remove("f/removed").ok());
  ASSERT_TRUE(disk_.Rename("f/away", "h/away").ok());
  ASSERT_TRUE(disk_.SyncFolder("f").ok());
  ASSERT_TRUE(disk_.SyncFolder("h").ok());
  disk_.LosePower(8);
  EXPECT_THAT(*disk_.List("f"), ElementsAre("g", "new", "over"));
  EXPECT_EQ(Get("f/new"), "f/moved");
  EXPECT_EQ(Get("h/away"), "f/away");
}

TEST_F(PowerFilesTest, NamesMayComeLateButInOrder) {
  std::set<std::vector<std::string>> seen;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    PowerFiles disk;
    ASSERT_TRUE(disk.Create("a").ok());
    ASSERT_TRUE(disk.SyncFolder(".").ok());
    ASSERT_TRUE(disk.Rename("a", "b").ok());
    ASSERT_TRUE(disk.Create("c").ok());
    disk.LosePower({.seed = seed, .late_names = true});
    seen.insert(*disk.List("."));
  }
  EXPECT_THAT(seen, ElementsAre(ElementsAre("a"), ElementsAre("b"), ElementsAre("b", "c")));
}

TEST_F(PowerFilesTest, ACrashStopsEverything) {
  const auto file = Make("a");
  ASSERT_TRUE(file->Append("before").ok());
  disk_.Crash();
  EXPECT_TRUE(disk_.crashed());
  const Status failed = file->Append("after");
  EXPECT_EQ(failed.code(), StatusCode::kIo);
  EXPECT_THAT(std::string(failed.message()), HasSubstr("the machine has stopped"));
  EXPECT_FALSE(disk_.Create("b").ok());
  EXPECT_FALSE(disk_.Read("a").ok());
  EXPECT_FALSE(disk_.Rename("a", "b").ok());
  EXPECT_FALSE(disk_.Remove("a").ok());
  EXPECT_FALSE(disk_.SyncFolder(".").ok());
  disk_.Kill();
  EXPECT_FALSE(disk_.crashed());
  EXPECT_EQ(Get("a"), "before");
  EXPECT_THAT(*disk_.List("."), ElementsAre("a"));
}

TEST_F(PowerFilesTest, HandlesDieWithTheirProcess) {
  for (const bool power : {false, true}) {
    const auto old = Make("a"), untouched = Make("b");
    ASSERT_TRUE(old->Append("1").ok());
    ASSERT_TRUE(old->Sync().ok());
    if (power) {
      disk_.LosePower(1);
    } else {
      disk_.Kill();
    }
    const auto again = std::move(disk_.OpenForAppend("a", std::nullopt)).value();
    EXPECT_FALSE(old->Append("2").ok());
    EXPECT_FALSE(untouched->Sync().ok());
    EXPECT_TRUE(again->Append("3").ok());
    EXPECT_EQ(Get("a"), "13");
  }
}

TEST_F(PowerFilesTest, AKillKeepsWhatWasWrittenButMakesNothingDurable) {
  const auto file = Make("a");
  ASSERT_TRUE(file->Append("written").ok());
  ASSERT_TRUE(disk_.Create("b").ok());
  disk_.Kill();
  EXPECT_EQ(Get("a"), "written");
  EXPECT_TRUE(*disk_.Exists("b"));
  disk_.LosePower(kNothingUnsynced);
  EXPECT_EQ(Get("a"), "");
  EXPECT_FALSE(*disk_.Exists("b"));
}

TEST_F(PowerFilesTest, ACrashAtAnAppendLeavesAPartOfIt) {
  std::set<std::string> left;
  for (uint64_t at = 1; at < 100; ++at) {
    PowerFiles disk;
    const auto file = std::move(disk.Create("a")).value();
    disk.CrashAt(at);
    for (uint64_t i = 1; i < at; ++i) ASSERT_TRUE(file->Sync().ok());
    EXPECT_FALSE(file->Append("abc").ok());
    EXPECT_TRUE(disk.crashed());
    disk.Kill();
    left.insert(*disk.Read("a"));
  }
  EXPECT_THAT(left, ElementsAre("", "a", "ab", "abc"));
}

/// Crashes a replacement of "old" by "new" at each operation, and gives what may be left.
template <typename Replacement>
std::set<std::string> Outcomes(const PowerLoss& kind, Replacement replace) {
  std::set<std::string> outcomes;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    for (uint64_t at = 1; at < 10; ++at) {
      PowerFiles disk;
      EXPECT_TRUE(disk.Replace("a", {"old"}).ok());
      disk.CrashAt(at);
      const bool done = replace(disk).ok();
      PowerLoss loss = kind;
      loss.seed = seed;
      disk.LosePower(loss);
      const auto read = disk.Read("a");
      outcomes.insert(read.ok() ? *read : "(none)");
      if (done && outcomes.contains("new") && *read != "new") outcomes.insert("(undone)");
    }
  }
  return outcomes;
}

TEST_F(PowerFilesTest, FindsWhatIsWrongWithAReplacement) {
  const PowerLoss worst = {.holes = true, .late_names = true};
  EXPECT_THAT(Outcomes(worst, [](FileSystem& files) { return files.Replace("a", {"new"}); }),
              ElementsAre("new", "old"));
  const auto careless = [](bool sync, bool sync_folder) {
    return [=](FileSystem& files) -> Status {
      LEAT_ASSIGN_OR_RETURN(const auto file, files.Create("b"));
      LEAT_RETURN_IF_ERROR(file->Append("new"));
      if (sync) LEAT_RETURN_IF_ERROR(file->Sync());
      LEAT_RETURN_IF_ERROR(files.Rename("b", "a"));
      return sync_folder ? files.SyncFolder(".") : Status::Ok();
    };
  };
  EXPECT_THAT(Outcomes(worst, careless(true, true)), ElementsAre("new", "old"));
  EXPECT_TRUE(Outcomes(worst, careless(false, true)).contains("n"));
  EXPECT_TRUE(Outcomes(worst, careless(true, false)).contains("(undone)"));
  const auto in_place = [](FileSystem& files) -> Status {
    LEAT_ASSIGN_OR_RETURN(const auto file, files.Create("a"));
    LEAT_RETURN_IF_ERROR(file->Append("new"));
    return file->Sync();
  };
  EXPECT_TRUE(Outcomes({}, in_place).contains(""));
}

/// Many operations against a plain account of what must be left of them.
TEST_F(PowerFilesTest, KeepsExactlyWhatWasSynced) {
  CounterRandom random(42, 1);
  std::map<std::string, std::string> on_disk;
  for (int life = 0; life < 100; ++life) {
    std::map<std::string, std::unique_ptr<OutputFile>> open;
    std::map<std::string, std::string> written = on_disk;
    for (int i = 0; i < 2000; ++i) {
      const std::string path = "f" + std::to_string(random.Below(20));
      auto& file = open[path];
      if (!file) {
        file = std::move(disk_.OpenForAppend(path, std::nullopt)).value();
        if (on_disk.try_emplace(path).second) {
          ASSERT_TRUE(disk_.SyncFolder(".").ok());
        }
        written.try_emplace(path);
      }
      if (random.Below(5) == 0) {
        ASSERT_TRUE(file->Sync().ok());
        on_disk[path] = written[path];
      } else {
        const std::string bytes(1 + random.Below(20), static_cast<char>('a' + random.Below(26)));
        ASSERT_TRUE(file->Append(bytes).ok());
        written[path] += bytes;
      }
    }
    for (const auto& [path, bytes] : written) ASSERT_TRUE(*disk_.Read(path) == bytes) << path;
    if (random.Below(2) == 0) {
      disk_.LosePower({.seed = random.Next(), .torn = false});
      for (const auto& [path, bytes] : on_disk) ASSERT_TRUE(*disk_.Read(path) == bytes) << path;
    } else {
      disk_.LosePower(random.Next());
      for (auto& [path, bytes] : on_disk) {
        const std::string left = *disk_.Read(path);
        ASSERT_TRUE(left.starts_with(bytes) && written[path].starts_with(left)) << path;
        bytes = left;
      }
    }
  }
}

}  // namespace
}  // namespace leat
