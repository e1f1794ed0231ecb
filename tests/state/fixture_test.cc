// States that were written long ago, in the middle of a run, one of each format: they open, recover
// and go on to the same end.
#include "cli/fixture.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <string>

#include "state/folder.h"

namespace leat {
namespace {

class StateFixture : public Cli, public testing::WithParamInterface<int> {
 protected:
  void SetUp() override {
    Cli::SetUp();
    fs::copy("tests/state/format-" + std::to_string(GetParam()), folder_,
             fs::copy_options::recursive);
  }
  std::string Run(const std::string& out, const std::string& state) {
    const Ran ran = Leat("run " + Path("pipeline.yaml") + " --quiet --json --input " +
                         Path("input.csv") + " --output " + Path(out) + " --state " + Path(state));
    EXPECT_EQ(ran.code, 0) << ran.err;
    if (ran.code != 0) return {};
    return std::string(boost::json::parse(ran.out).at("digest").as_string());
  }
};

TEST_P(StateFixture, GoesOnToWhereAWholeRunEnds) {
  const auto notation = format::Notation::Load("state/FORMAT.md");
  const format::FolderReader reader(notation);
  const format::Folder before = reader.Read(Path("state"));
  EXPECT_EQ(before.manifest["format"].bits, static_cast<uint64_t>(GetParam()));
  EXPECT_EQ(before.manifest["epoch"]["records"].bits, 200u);
  ASSERT_EQ(before.epochs.size(), 1u);
  EXPECT_EQ(before.epochs[0]["records"].bits, 300u);
  EXPECT_LT(Slurp(Path("out/predictions.csv")).size(), before.epochs[0]["lengths"][0].bits);

  const std::string whole = Run("whole", "whole-state");
  EXPECT_EQ(Run("out", "state"), whole);
  EXPECT_EQ(Slurp(Path("digest")), whole + "\n");
  for (const char* sink : {"predictions.csv", "events.jsonl", "metrics.jsonl", "rejects.jsonl"}) {
    const std::string expected = Slurp(Path("whole") + "/" + sink);
    EXPECT_GT(expected.size(), 0u) << sink;
    EXPECT_TRUE(Slurp(Path("out") + "/" + sink) == expected) << sink;
  }
  EXPECT_EQ(reader.Read(Path("state")).manifest["epoch"]["records"].bits, 600u);
}

TEST_P(StateFixture, IsRefusedWhenABitOfItIsTurned) {
  // In an entry of the journal that another one follows: that is no torn end.
  std::string path;
  for (const auto& entry : fs::directory_iterator(Path("state"))) {
    if (entry.path().filename().string().starts_with("journal-")) path = entry.path().string();
  }
  const std::string journal = Slurp(path);
  std::string twice = journal + journal.substr(20);
  twice[30] = static_cast<char>(twice[30] ^ 4);
  std::ofstream(path, std::ios::binary) << twice;
  const Ran ran = Leat("run " + Path("pipeline.yaml") + " --quiet --input " + Path("input.csv") +
                       " --output " + Path("out") + " --state " + Path("state"));
  EXPECT_EQ(ran.code, 4) << ran.err;
  const auto notation = format::Notation::Load("state/FORMAT.md");
  EXPECT_THROW(format::FolderReader(notation).Read(Path("state")), format::FormatError);
}

INSTANTIATE_TEST_SUITE_P(Formats, StateFixture, testing::Values(1, 2), [](const auto& format) {
  return "Format" + std::to_string(format.param);
});

}  // namespace
}  // namespace leat
