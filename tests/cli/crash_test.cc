// What was committed survives kill -9 at any moment: the files and the state end as they do
// without.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

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

  /// A log of the shop's visits.
  std::string Shop() {
    const std::string log = Path("shop.csv");
    const Ran made = Leat(
        fmt::format("generate shop --rows {} --interval 10s --start 2026-03-01 --quiet --output {}",
                    kRows, log));
    EXPECT_EQ(made.code, 0) << made.err;
    return log;
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
  const std::string log = Shop();
  for (const char* example : {"examples/experiment/shop.yaml", "examples/bandit/offers.yaml"}) {
    SCOPED_TRACE(example);
    for (const char* old : {"whole", "whole-state", "random", "random-state"}) {
      fs::remove_all(Path(old));
    }
    Prepare(example, log);
    KillAtRandom();
  }
}

/// Exposures and outcomes in files of their own, a ramp of steps, and every method that keeps
/// something of its own.
constexpr const char* kRollout = R"(
name: rollout
source: {file: visits.csv, also: [ORDERS]}
record:
  id: event_id
  time: time
  allowed_lateness: 10m
  fields: {user_id: id, country: category, revenue: number, errors: number}
features:
  visits: not is_missing(errors)
  bought: revenue > 0
sinks: {predictions: none, events: {file: events.jsonl}, metrics: {file: metrics.jsonl},
        rejects: {file: rejects.jsonl}}
experiments:
  rollout:
    unit: user_id
    variants: {control: 1, treatment: 1}
    expose: visits
    segments: [country]
    ramp: {steps: [0.3, 0.6, 1], units: 100, after: 6h}
    every: 1h
    planned: 4000
    metrics:
      bought: {type: proportion, of: bought, window: 2h, role: primary}
      bets: {type: proportion, of: bought, window: 2h, method: betting}
      spread: {type: proportion, of: bought, window: 2h, method: empirical_bernstein}
      spent: {of: revenue, window: 2h, method: anytime_t}
      errors: {of: errors, window: 2h, role: guardrail, better: down, margin: 0.9}
)";

/// Writes `log` as two files: visits without what they earned, and the orders alone, ten minutes
/// later; only users of this partition of `of`. A last visit, of nobody, brings time to where all
/// windows are over.
void Split(const std::string& log, const std::string& visits, const std::string& orders,
           int64_t partition = 0, int64_t of = 1) {
  std::ifstream in(log);
  std::ofstream a(visits), b(orders);
  std::string line;
  std::getline(in, line);
  a << "event_id,time,user_id,country,errors\n";
  b << "event_id,time,user_id,revenue\n";
  while (std::getline(in, line)) {
    std::vector<std::string> cells;
    std::istringstream row(line);
    for (std::string cell; std::getline(row, cell, ',');) cells.push_back(cell);
    if (std::stoll(cells[2]) % of != partition) continue;
    a << cells[0] << ',' << cells[1] << ',' << cells[2] << ',' << cells[3] << ',' << cells[9]
      << '\n';
    if (cells[8] != "0.00" && cells[8] != "0") {
      b << 'o' << cells[0] << ',' << cells[1] << ',' << cells[2] << ',' << cells[8] << '\n';
    }
  }
  a << "end,2026-04-30T00:00:00Z,,NL,0\n";
}

TEST_F(Crash, ExposuresAndOutcomesFromTwoFilesAndARampAtRandomMoments) {
  const std::string log = Shop();
  Split(log, Path("visits.csv"), Path("orders.csv"));
  std::string yaml = kRollout;
  yaml.replace(yaml.find("ORDERS"), 6, Path("orders.csv"));
  Write("rollout.yaml", yaml);
  for (const char* old : {"whole", "whole-state"}) fs::remove_all(Path(old));
  Prepare(Path("rollout.yaml"), Path("visits.csv"));
  const std::string events = Slurp(Path("whole/events.jsonl"));
  EXPECT_NE(events.find("ramp_advance"), std::string::npos) << events;
  KillAtRandom();
}

TEST_F(Crash, PartitionsByUnitAddUpToTheWholeThroughKills) {
  const std::string log = Shop();
  // A ramp follows its own partition's units: here all are in.
  const auto run = [&](const std::string& name, int64_t partition, int64_t of) {
    Split(log, Path(name + "-visits.csv"), Path(name + "-orders.csv"), partition, of);
    std::string yaml = kRollout;
    yaml.replace(yaml.find("ORDERS"), 6, Path(name + "-orders.csv"));
    yaml.erase(yaml.find("    ramp:"), yaml.find("    every: 1h") - yaml.find("    ramp:"));
    Write("pipeline.yaml", yaml + "state: {path: state, snapshot_every: 15ms}\n");
    log_ = Path(name + "-visits.csv");
    if (of > 1) {
      EXPECT_EQ(Run(name, "LEAT_CRASH=after_journal:1").code, kKilled);
      EXPECT_EQ(Run(name, "LEAT_CRASH=before_snapshot:1").code, kKilled);
    }
    const Ran last = Run(name);
    EXPECT_EQ(last.code, 0) << last.err;
    const Ran shown = Leat("inspect --json " + Path(name + "-state"));
    EXPECT_EQ(shown.code, 0) << shown.err;
    return boost::json::parse(shown.out);
  };
  struct Sums {
    int64_t control = 0, treatment = 0, exposures = 0, outcomes = 0;
    double units = 0, bought = 0, spent = 0;
  };
  const auto add = [](const boost::json::value& state, Sums& sums) {
    const auto& variants = state.at("experiments").at(0).at("variants");
    sums.control += variants.at("control").at("units").to_number<int64_t>();
    sums.treatment += variants.at("treatment").at("units").to_number<int64_t>();
    const auto& look = state.at("report").at("experiments").at(0);
    sums.exposures += look.at("account").at("exposures").to_number<int64_t>();
    sums.outcomes += look.at("account").at("outcomes").to_number<int64_t>();
    const auto& comparisons = look.at("comparisons");
    const double units = comparisons.at(0).at("units").to_number<double>();
    sums.units += units;
    sums.bought += units * comparisons.at(0).at("mean").to_number<double>();
    sums.spent += units * comparisons.at(3).at("mean").to_number<double>();
  };
  Sums whole, parts;
  add(run("one", 0, 1), whole);
  for (int64_t p = 0; p < 4; ++p) add(run(fmt::format("part{}", p), p, 4), parts);
  EXPECT_GT(whole.control, 500);
  EXPECT_EQ(whole.control, parts.control);
  EXPECT_EQ(whole.treatment, parts.treatment);
  EXPECT_EQ(whole.exposures, parts.exposures);
  EXPECT_EQ(whole.outcomes, parts.outcomes);
  EXPECT_EQ(whole.units, parts.units);
  EXPECT_NEAR(whole.bought, parts.bought, 1e-6);
  EXPECT_NEAR(whole.spent, parts.spent, 1e-6);
}

TEST_F(Crash, ATornJournalIsCutAndADamagedOneRefused) {
  ASSERT_EQ(Run("torn", "LEAT_CRASH=after_journal:4").code, kKilled);
  const std::string journal = Slurp(Path(Journal("torn")));
  Write(Journal("torn"), journal.substr(0, journal.size() - 3));
  ExpectAsWhole("torn", Run("torn"));

  ASSERT_EQ(Run("flipped", "LEAT_CRASH=after_journal:5").code, kKilled);
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
