#include "runtime/journal.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "support/faulty_files.h"
#include "support/power_files.h"

namespace leat {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kState = 0x1234567890abcdef;
constexpr size_t kHead = 20;

class JournalTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("leat-journal-" + std::to_string(getpid()));
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  static Epoch Numbered(uint64_t number) {
    Epoch epoch;
    epoch.number = number;
    epoch.position = {number * 100, number * 7};
    epoch.lengths = {number, 2 * number, 3 * number, 0};
    epoch.chain = number * 0x9e3779b97f4a7c15;
    epoch.finished = number == 9;
    if (number % 2 == 0) epoch.tick = EventTime{static_cast<int64_t>(number) - 5};
    return epoch;
  }
  static std::vector<Epoch> Numbered(uint64_t first, uint64_t last) {
    std::vector<Epoch> epochs;
    for (uint64_t n = first; n <= last; ++n) epochs.push_back(Numbered(n));
    return epochs;
  }
  Journal Open() { return Journal(folder_.string(), PosixFiles()); }
  std::string PathOf(int first) const {
    return (folder_ / fmt::format("journal-{:020}", first)).string();
  }
  /// A journal of epochs 4 to 9, as bytes; `ends_` says where each of them ends.
  std::string Filled() {
    Journal journal = Open();
    EXPECT_TRUE(journal.Begin(kState, 3).ok());
    ends_.clear();
    for (uint64_t n = 4; n <= 9; ++n) {
      EXPECT_TRUE(journal.Append(Numbered(n, n)).ok());
      ends_.push_back(fs::file_size(PathOf(4)));
    }
    return *PosixFiles().Read(PathOf(4));
  }
  Result<std::vector<Epoch>> ReadBytes(const std::string& bytes) {
    std::ofstream(PathOf(4), std::ios::binary) << bytes;
    return Open().Read(kState, 3);
  }

  fs::path folder_;
  std::vector<size_t> ends_;
};

TEST_F(JournalTest, GivesBackWhatWasAppended) {
  Filled();
  const auto epochs = Open().Read(kState, 3);
  ASSERT_TRUE(epochs.ok()) << epochs.status().message();
  EXPECT_EQ(*epochs, Numbered(4, 9));
  EXPECT_EQ(*Open().Read(kState, 7), Numbered(8, 9));
  EXPECT_TRUE(Open().Read(kState, 9)->empty());
}

TEST_F(JournalTest, NoFileIsNoEntries) {
  const auto epochs = Open().Read(kState, 0);
  ASSERT_TRUE(epochs.ok());
  EXPECT_TRUE(epochs->empty());
  EXPECT_EQ(*Open().CountFiles(), 0u);
}

TEST_F(JournalTest, GoesOnInANewFileAndDropsOldOnes) {
  Filled();
  Journal journal = Open();
  ASSERT_TRUE(journal.Begin(kState, 9).ok());
  ASSERT_TRUE(journal.Append(Numbered(10, 11)).ok());
  EXPECT_EQ(*journal.Read(kState, 3), Numbered(4, 11));
  ASSERT_TRUE(journal.Drop(8).ok());
  EXPECT_TRUE(fs::exists(PathOf(4))) << "epoch 9 is still needed";
  ASSERT_TRUE(journal.Drop(9).ok());
  EXPECT_FALSE(fs::exists(PathOf(4)));
  EXPECT_EQ(*journal.Read(kState, 9), Numbered(10, 11));
  ASSERT_TRUE(journal.Remove().ok());
  EXPECT_EQ(*journal.CountFiles(), 0u);
}

TEST_F(JournalTest, AMissingFileIsRefused) {
  Filled();
  Journal journal = Open();
  ASSERT_TRUE(journal.Begin(kState, 11).ok());
  ASSERT_TRUE(journal.Append(Numbered(12, 12)).ok());
  EXPECT_EQ(journal.Read(kState, 3).status().code(), StatusCode::kCorrupt) << "10 and 11 are gone";
  fs::remove(PathOf(4));
  EXPECT_EQ(journal.Read(kState, 3).status().code(), StatusCode::kCorrupt);
  EXPECT_TRUE(journal.Read(kState, 11).ok());
}

TEST_F(JournalTest, AnotherStatesJournalIsRefused) {
  Filled();
  EXPECT_EQ(Open().Read(kState + 1, 3).status().code(), StatusCode::kCorrupt);
}

TEST_F(JournalTest, ATornTailLosesItsEntryOnly) {
  const std::string whole = Filled();
  for (size_t size = kHead; size <= whole.size(); ++size) {
    const auto epochs = ReadBytes(whole.substr(0, size));
    ASSERT_TRUE(epochs.ok()) << size << epochs.status().message();
    const auto entire = std::upper_bound(ends_.begin(), ends_.end(), size) - ends_.begin();
    EXPECT_EQ(epochs->size(), static_cast<size_t>(entire)) << size;
  }
  // Space that was given to the file, but never filled.
  for (const size_t zeros : {1, 4, 40, 400}) {
    const auto epochs = ReadBytes(whole + std::string(zeros, '\0'));
    ASSERT_TRUE(epochs.ok()) << zeros;
    EXPECT_EQ(epochs->size(), 6u) << zeros;
  }
}

TEST_F(JournalTest, BlocksOfTheLastAppendThatNeverCameLoseItOnly) {
  const std::string whole = Filled();
  for (size_t from = ends_[4]; from < whole.size(); ++from) {
    for (size_t to = from + 1; to <= whole.size(); to += 3) {
      std::string torn = whole;
      std::fill(torn.begin() + static_cast<ptrdiff_t>(from),
                torn.begin() + static_cast<ptrdiff_t>(to), '\0');
      if (torn == whole) continue;
      const auto epochs = ReadBytes(torn);
      ASSERT_TRUE(epochs.ok()) << from << " to " << to << epochs.status().message();
      EXPECT_EQ(epochs->size(), 5u);
    }
  }
}

TEST_F(JournalTest, DamageBeforeTheTailIsRefused) {
  const std::string whole = Filled();
  for (size_t at = 0; at < ends_[4]; ++at) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    const auto epochs = ReadBytes(damaged);
    EXPECT_EQ(epochs.status().code(), StatusCode::kCorrupt) << at;
  }
  std::string swapped = whole.substr(0, ends_[0]) + whole.substr(ends_[1], ends_[2] - ends_[1]) +
                        whole.substr(ends_[0], ends_[1] - ends_[0]) + whole.substr(ends_[2]);
  EXPECT_FALSE(ReadBytes(swapped).ok()) << "an entry in the place of another";
}

TEST_F(JournalTest, WhatWasAppendedSurvivesAPowerCut) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    PowerFiles disk;
    Journal journal("folder", disk);
    ASSERT_TRUE(disk.MakeFolders("folder").ok());
    ASSERT_TRUE(journal.Begin(kState, 3).ok());
    ASSERT_TRUE(journal.Append(Numbered(4, 5)).ok());
    disk.CrashAt(1 + seed % 2);  // The append, or its sync.
    EXPECT_FALSE(journal.Append(Numbered(6, 8)).ok());
    disk.LosePower(seed);
    const auto read = Journal("folder", disk).Read(kState, 3);
    ASSERT_TRUE(read.ok()) << seed << read.status().message();
    EXPECT_TRUE(*read == Numbered(4, 5) || *read == Numbered(4, 8)) << seed;
    EXPECT_FALSE(journal.Append(Numbered(9, 9)).ok()) << "of a process that is no more";
  }
}

TEST_F(JournalTest, WhatAKilledProcessLeftIsKeptFirst) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    PowerFiles disk;
    Journal journal("folder", disk);
    ASSERT_TRUE(disk.MakeFolders("folder").ok());
    ASSERT_TRUE(journal.Begin(kState, 3).ok());
    ASSERT_TRUE(journal.Append(Numbered(4, 5)).ok());
    disk.CrashAt(2);  // The sync of the append.
    EXPECT_FALSE(journal.Append(Numbered(6, 8)).ok());
    disk.Kill();
    Journal next("folder", disk);
    EXPECT_EQ(*next.Read(kState, 3), Numbered(4, 8));
    const bool keep = seed % 5 != 0;
    ASSERT_TRUE(!keep || next.Keep(kState, 8).ok());
    disk.LosePower({.seed = seed, .torn = keep});
    EXPECT_EQ(*Journal("folder", disk).Read(kState, 3), Numbered(4, keep ? 8 : 5)) << seed;
  }
}

TEST_F(JournalTest, WhatFollowsTheLastEpochToKeepIsCut) {
  for (uint64_t last = 3; last <= 12; ++last) {
    PowerFiles disk;
    Journal journal("folder", disk);
    ASSERT_TRUE(disk.MakeFolders("folder").ok());
    ASSERT_TRUE(journal.Begin(kState, 3).ok());
    ASSERT_TRUE(journal.Append(Numbered(4, 4)).ok());
    ASSERT_TRUE(journal.Append(Numbered(5, 7)).ok());
    ASSERT_TRUE(journal.Begin(kState, 7).ok());
    ASSERT_TRUE(journal.Append(Numbered(8, 9)).ok());
    ASSERT_TRUE(journal.Begin(kState, 9).ok());
    ASSERT_TRUE(journal.Append(Numbered(10, 12)).ok());
    // Whenever that is cut short, it can be done again, and then it goes on from there.
    for (uint64_t at = 1;; ++at) {
      Journal next("folder", disk);
      disk.CrashAt(at);
      const Status kept = next.Keep(kState, last);
      disk.LosePower({.seed = at});
      const auto read = Journal("folder", disk).Read(kState, 3);
      ASSERT_TRUE(read.ok()) << last << " " << at << read.status().message();
      if (kept.ok()) break;
    }
    EXPECT_EQ(*Journal("folder", disk).Read(kState, 3), Numbered(4, last)) << last;
    Journal next("folder", disk);
    ASSERT_TRUE(next.Begin(kState, last).ok());
    ASSERT_TRUE(next.Append(Numbered(last + 1, last + 2)).ok());
    EXPECT_EQ(*Journal("folder", disk).Read(kState, 3), Numbered(4, last + 2)) << last;
  }
}

TEST_F(JournalTest, AfterAnErrorNothingMoreIsAppended) {
  for (const FileOp op : {FileOp::kAppend, FileOp::kSync}) {
    PowerFiles disk;
    FaultPlan plan;
    FaultyFiles files(disk, plan);
    Journal journal("folder", files);
    ASSERT_TRUE(disk.MakeFolders("folder").ok());
    EXPECT_FALSE(journal.Append(Numbered(4, 4)).ok()) << "it is not open";
    ASSERT_TRUE(journal.Begin(kState, 3).ok());
    ASSERT_TRUE(journal.Append(Numbered(4, 4)).ok());
    plan.Add({.op = op, .written = 30});
    EXPECT_FALSE(journal.Append(Numbered(5, 5)).ok());
    const uint64_t asked = plan.operations();
    EXPECT_FALSE(journal.Append(Numbered(5, 5)).ok());
    EXPECT_EQ(plan.operations(), asked) << "the disk has healed, but is not tried again";
    disk.LosePower({.torn = false});
    EXPECT_EQ(*Journal("folder", disk).Read(kState, 3), Numbered(4, 4));
  }
}

TEST_F(JournalTest, AFolderThatNobodyCanSeeIsNotNoFolder) {
  PowerFiles disk;
  FaultPlan plan;
  plan.Add({.times = kForever});
  FaultyFiles files(disk, plan);
  EXPECT_EQ(Journal("folder", files).CountFiles().status().code(), StatusCode::kIo);
  EXPECT_EQ(Journal("folder", files).Read(kState, 0).status().code(), StatusCode::kIo);
}

}  // namespace
}  // namespace leat
