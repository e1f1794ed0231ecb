// What was committed survives kill -9 at any moment: the files and the state end as they do
// without.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <string>

#include "cli/fixture.h"

namespace leat {
namespace {

constexpr const char* kSinks[] = {"predictions.csv", "events.jsonl", "metrics.jsonl",
                                  "rejects.jsonl"};
constexpr int kKilled = 128 + 9;
#ifdef __SANITIZE_ADDRESS__
constexpr int kRows = 20'000;  // Slow there: still five epochs.
#else
constexpr int kRows = 40'000;
#endif

class Crash : public Cli {
 protected:
  void SetUp() override {
    Cli::SetUp();
    Prepare("examples/fraud/fraud.yaml", Log(kRows));
  }
  /// The run that is not killed.
  void Prepare(const std::string& example, const std::string& log) {
    // Snapshots follow each other closely, so that crashes meet them.
    std::string pipeline = Slurp(example);
    if (const size_t state = pipeline.find("\nstate:"); state != std::string::npos) {
      pipeline.resize(state + 1);  // The last section.
    }
    Write("pipeline.yaml", pipeline + "state: {path: state, snapshot_every: 15ms}\n");
    log_ = log;
    whole_ = Run("whole");
    ASSERT_EQ(whole_.code, 0) << whole_.err;
  }
  Ran Run(const std::string& name, const std::string& before = {}, const std::string& more = {}) {
    return Leat(fmt::format("run {} --json --input {} --output {} --state {} {}",
                            Path("pipeline.yaml"), log_, Path(name), Path(name + "-state"), more),
                before);
  }
  void ExpectAsWhole(const std::string& name, const Ran& last) {
    ASSERT_EQ(last.code, 0) << last.err;
    for (const char* sink : kSinks) {
      EXPECT_EQ(Slurp(Path(name) + "/" + sink), Slurp(Path("whole") + "/" + sink)) << sink;
    }
    EXPECT_EQ(boost::json::parse(last.out).at("digest"),
              boost::json::parse(whole_.out).at("digest"));
  }

  void KillAtRandom() {
    int killed = 0;
    for (int i = 0; i < 20; ++i) {
      const Ran ran = Run("random", fmt::format("timeout -s KILL 0.0{:02}", 20 + i * 37 % 80));
      if (ran.code == kKilled) ++killed;
      ASSERT_TRUE(ran.code == kKilled || ran.code == 0) << ran.err;
    }
    EXPECT_GE(killed, 5);
    ExpectAsWhole("random", Run("random"));
  }

  /// The newest file of a run's journal.
  std::string Journal(const std::string& name) {
    std::string newest;
    for (const auto& entry : fs::directory_iterator(Path(name + "-state"))) {
      const std::string path = entry.path().filename().string();
      if (path.starts_with("journal-")) newest = std::max(newest, path);
    }
    return name + "-state/" + newest;
  }

  std::string log_;
  Ran whole_;
};

TEST_F(Crash, AtEveryNamedPlace) {
  for (const char* point : {"genesis", "before_journal", "after_journal", "after_output",
                            "before_snapshot", "after_snapshot", "after_drop"}) {
    int crashes = 0;
    for (const int passing : {1, 3}) {
      const std::string name = fmt::format("{}-{}", point, passing);
      const Ran crashed = Run(name, fmt::format("LEAT_CRASH={}:{}", point, passing));
      if (crashed.code == kKilled) ++crashes;
      ASSERT_TRUE(crashed.code == kKilled || crashed.code == 0) << name << crashed.err;
      ExpectAsWhole(name, Run(name));
    }
    EXPECT_GE(crashes, 1) << point;
  }
}

TEST_F(Crash, AgainWhileRecovering) {
  // The journal is long where no snapshot comes in between.
  const auto run = [&](const std::string& before) { return Run("again", before); };
  ASSERT_EQ(run("LEAT_CRASH=before_snapshot:2").code, kKilled);
  for (int i = 0; i < 3; ++i) run("LEAT_CRASH=during_replay:1");
  ExpectAsWhole("again", run({}));
}

TEST_F(Crash, AtRandomMoments) { KillAtRandom(); }

TEST_F(Crash, ExperimentsAndBanditsAtRandomMoments) {
  const std::string log = Path("visits.csv");
  const Ran made = Leat(fmt::format(
      "generate shop --rows {} --interval 10s --start 2026-03-01 --quiet --output {}", kRows, log));
  ASSERT_EQ(made.code, 0) << made.err;
  for (const char* example : {"examples/experiment/shop.yaml", "examples/bandit/offers.yaml"}) {
    SCOPED_TRACE(example);
    for (const char* old : {"whole", "whole-state", "random", "random-state"}) {
      fs::remove_all(Path(old));
    }
    Prepare(example, log);
    KillAtRandom();
  }
}

TEST_F(Crash, ATornJournalIsCutAndADamagedOneRefused) {
  ASSERT_EQ(Run("torn", "LEAT_CRASH=after_journal:4").code, kKilled);
  const std::string journal = Slurp(Path(Journal("torn")));
  Write(Journal("torn"), journal.substr(0, journal.size() - 3));
  ExpectAsWhole("torn", Run("torn"));

  ASSERT_EQ(Run("flipped", "LEAT_CRASH=before_snapshot:3").code, kKilled);
  std::string damaged = Slurp(Path(Journal("flipped")));
  ASSERT_GT(damaged.size(), 60u);
  damaged[40] ^= 1;
  damaged += damaged.substr(20);  // Whatever follows, so that it is not the tail.
  Write(Journal("flipped"), damaged);
  const Ran refused = Run("flipped");
  EXPECT_EQ(refused.code, 4) << refused.err;
  EXPECT_NE(refused.err.find("--fresh"), std::string::npos) << refused.err;
  ExpectAsWhole("flipped", Run("flipped", {}, "--fresh"));
}

TEST_F(Crash, AMissingSnapshotAndAnotherInputAreRefused) {
  ASSERT_EQ(Run("lost", "LEAT_CRASH=after_output:6").code, kKilled);
  fs::remove_all(Path("lost-state/store"));
  EXPECT_EQ(Run("lost").code, 4) << "a journal without its snapshot";

  ASSERT_EQ(Run("other", "LEAT_CRASH=before_snapshot:3").code, kKilled);
  std::string text = Slurp(log_);
  const std::string original = text;
  for (char& c : text) c = c == '7' ? '3' : c;
  Write("cards.csv", text);
  const Ran refused = Run("other");
  EXPECT_EQ(refused.code, 4) << refused.err;
  EXPECT_NE(refused.err.find("--accept-divergence"), std::string::npos) << refused.err;
  EXPECT_EQ(Run("other", {}, "--accept-divergence").code, 0);
  Write("cards.csv", original);
}

TEST_F(Crash, AStateInUseIsRefused) {
  const Ran both =
      Leat("--version", fmt::format("flock {}/lock sleep 9 & sleep 0.2;", Path("whole-state")));
  EXPECT_EQ(both.code, 0);
  const Ran refused = Run("whole");
  EXPECT_EQ(refused.code, 4) << refused.err;
  EXPECT_NE(refused.err.find("another process"), std::string::npos) << refused.err;
}

}  // namespace
}  // namespace leat
