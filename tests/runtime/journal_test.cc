#include "runtime/journal.h"

#include <gtest/gtest.h>
#include <unistd.h>

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

class JournalTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("leat-journal-" + std::to_string(getpid()));
    fs::create_directories(folder_);
    path_ = (folder_ / "journal").string();
  }
  void TearDown() override { fs::remove_all(folder_); }

  static Epoch Numbered(uint64_t number) {
    Epoch epoch;
    epoch.number = number;
    epoch.position = {number * 100, number * 7};
    epoch.lengths = {number, 2 * number, 3 * number, 0};
    epoch.chain = number * 0x9e3779b97f4a7c15;
    epoch.finished = number == 9;
    return epoch;
  }
  /// A journal of epochs 4 to 9, as bytes.
  std::string Filled() {
    Journal journal(path_);
    EXPECT_TRUE(journal.Restart().ok());
    const std::vector<Epoch> first = {Numbered(4), Numbered(5), Numbered(6)};
    const std::vector<Epoch> second = {Numbered(7), Numbered(8), Numbered(9)};
    EXPECT_TRUE(journal.Append(first).ok());
    EXPECT_TRUE(journal.Append(second).ok());
    return *PosixFiles().Read(path_);
  }
  Result<std::vector<Epoch>> ReadBytes(const std::string& bytes) {
    std::ofstream(path_, std::ios::binary) << bytes;
    return Journal(path_).Read();
  }

  fs::path folder_;
  std::string path_;
};

TEST_F(JournalTest, GivesBackWhatWasAppended) {
  Filled();
  const auto epochs = Journal(path_).Read();
  ASSERT_TRUE(epochs.ok()) << epochs.status().message();
  ASSERT_EQ(epochs->size(), 6u);
  for (uint64_t i = 0; i < 6; ++i) EXPECT_EQ((*epochs)[i], Numbered(4 + i));
}

TEST_F(JournalTest, NoFileIsNoEntries) {
  const auto epochs = Journal(path_).Read();
  ASSERT_TRUE(epochs.ok());
  EXPECT_TRUE(epochs->empty());
}

TEST_F(JournalTest, RestartForgets) {
  Filled();
  Journal journal(path_);
  ASSERT_TRUE(journal.Restart().ok());
  EXPECT_TRUE(journal.Read()->empty());
}

TEST_F(JournalTest, ATornTailLosesItsEntryOnly) {
  const std::string whole = Filled();
  const size_t entry = (whole.size() - 12) / 6;
  for (size_t size = 12; size <= whole.size(); ++size) {
    const auto epochs = ReadBytes(whole.substr(0, size));
    ASSERT_TRUE(epochs.ok()) << size << epochs.status().message();
    EXPECT_EQ(epochs->size(), (size - 12) / entry) << size;
  }
  // Space that was given to the file, but never filled.
  for (const size_t zeros : {1, 4, 40, 400}) {
    const auto epochs = ReadBytes(whole + std::string(zeros, '\0'));
    ASSERT_TRUE(epochs.ok()) << zeros;
    EXPECT_EQ(epochs->size(), 6u) << zeros;
  }
}

TEST_F(JournalTest, DamageBeforeTheTailIsRefused) {
  const std::string whole = Filled();
  const size_t entry = (whole.size() - 12) / 6;
  for (size_t at = 12; at < whole.size() - entry; ++at) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    const auto epochs = ReadBytes(damaged);
    EXPECT_EQ(epochs.status().code(), StatusCode::kCorrupt) << at;
  }
  std::string swapped = whole;
  swapped.replace(12 + entry, entry, whole.substr(12 + 2 * entry, entry));
  EXPECT_FALSE(ReadBytes(swapped).ok()) << "an entry in the place of another";
  for (const size_t at : {size_t{0}, size_t{8}}) {
    std::string foreign = whole;
    foreign[at] ^= 1;
    EXPECT_EQ(ReadBytes(foreign).status().code(), StatusCode::kCorrupt);
  }
}

TEST_F(JournalTest, WhatWasAppendedSurvivesAPowerCut) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    PowerFiles disk;
    Journal journal("journal", disk);
    ASSERT_TRUE(journal.Restart().ok());
    const std::vector<Epoch> epochs = {Numbered(1), Numbered(2)};
    ASSERT_TRUE(journal.Append(epochs).ok());
    disk.LosePower(seed);
    const auto read = Journal("journal", disk).Read();
    ASSERT_TRUE(read.ok()) << read.status().message();
    EXPECT_EQ(*read, epochs);
    EXPECT_FALSE(journal.Append(epochs).ok()) << "of a process that is no more";
  }
}

TEST_F(JournalTest, AfterAnErrorNothingMoreIsAppended) {
  for (const FileOp op : {FileOp::kAppend, FileOp::kSync}) {
    PowerFiles disk;
    FaultPlan plan;
    FaultyFiles files(disk, plan);
    Journal journal("journal", files);
    EXPECT_FALSE(journal.Append(std::vector{Numbered(1)}).ok()) << "it is not open";
    ASSERT_TRUE(journal.Restart().ok());
    ASSERT_TRUE(journal.Append(std::vector{Numbered(1)}).ok());
    plan.Add({.op = op, .written = 30});
    EXPECT_FALSE(journal.Append(std::vector{Numbered(2)}).ok());
    const uint64_t asked = plan.operations();
    EXPECT_FALSE(journal.Append(std::vector{Numbered(2)}).ok());
    EXPECT_EQ(plan.operations(), asked) << "the disk has healed, but is not tried again";
    disk.LosePower({.torn = false});
    EXPECT_EQ(*Journal("journal", disk).Read(), std::vector{Numbered(1)});
  }
}

TEST_F(JournalTest, AFileThatNobodyCanSeeIsNotNoFile) {
  PowerFiles disk;
  FaultPlan plan;
  plan.Add({.times = kForever});
  FaultyFiles files(disk, plan);
  EXPECT_TRUE(Journal("journal", files).Exists());
  EXPECT_EQ(Journal("journal", files).Read().status().code(), StatusCode::kIo);
}

}  // namespace
}  // namespace leat
