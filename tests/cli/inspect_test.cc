// What a state folder shows, through the real binary.
#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <map>
#include <string>
#include <vector>

#include "cli/fixture.h"

namespace leat {
namespace {

namespace json = boost::json;

constexpr const char* kFraud = "examples/fraud/fraud.yaml";

/// Windows of cards and of card and terminal, all of which the predictions name.
constexpr const char* kWindows = R"(name: windows
source: {file: cards.csv}
record:
  id: transaction_id
  time: tx_datetime
  fields: {customer_id: id, terminal_id: id, tx_amount: {type: number, min: 0}}
label: {field: tx_fraud, type: boolean, available_after: 7d}
features:
  mean_7d: {mean: tx_amount, over: 7d, by: customer_id}
  max_30d: {max: tx_amount, over: 30d, by: customer_id}
  terminals: {distinct: terminal_id, over: 30d, by: customer_id}
  std_all: {std: tx_amount, by: customer_id}
  together: {count: 30d, by: [customer_id, terminal_id]}
models:
  linear: {type: logistic_regression, features: [tx_amount, mean_7d], scale: standard}
sinks:
  predictions: {file: predictions.csv, features: [mean_7d, max_30d, terminals, std_all, together]}
)";

std::vector<std::string> Cells(const std::string& line) {
  std::vector<std::string> cells(1);
  for (const char c : line) {
    if (c == ',') {
      cells.emplace_back();
    } else if (c != '\n' && c != '\r') {
      cells.back() += c;
    }
  }
  return cells;
}

std::vector<std::vector<std::string>> Rows(const std::string& path) {
  std::vector<std::vector<std::string>> rows;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) rows.push_back(Cells(line));
  return rows;
}

class Inspect : public Cli {
 protected:
  Ran Run(const std::string& config, const std::string& log, const std::string& more = {},
          const std::string& before = {}) {
    return Leat(fmt::format("run {} --json -q --input {} --output {} --state {} {}", config, log,
                            Path("o"), Path("s"), more),
                before);
  }
  Ran Look(const std::string& more = {}) { return Leat("inspect " + Path("s") + " " + more); }
  /// Every file of a folder with its bytes.
  std::map<std::string, std::string> Files(const std::string& folder) {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(Path(folder))) {
      if (entry.is_regular_file()) files[entry.path().string()] = Slurp(entry.path());
    }
    return files;
  }
};

TEST_F(Inspect, EveryModeShowsTheStateAndChangesNothing) {
  const Ran run = Run(kFraud, Log());
  ASSERT_EQ(run.code, 0) << run.err;
  json::object report = json::parse(run.out).as_object();
  const auto files = Files("s");

  const Ran text = Look();
  ASSERT_EQ(text.code, 0) << text.err;
  EXPECT_EQ(text.err, "");
  for (const char* part :
       {"pipeline  fraud", "fingerprint ", "incarnation 1", "20,000 records", "on disk",
        "predicted 20,000 = matched ", "linear: logistic_regression", "non_zero_weights",
        "by customer_id: 299 keys", "terminal_risk_28d", "nothing in the journal", "last window"}) {
    EXPECT_NE(text.out.find(part), std::string::npos) << part << "\n" << text.out;
  }

  const Ran digest = Look("--digest");
  ASSERT_EQ(digest.code, 0) << digest.err;
  EXPECT_EQ(digest.out, std::string(report.at("digest").as_string()) + "\n");
  EXPECT_EQ(digest.out.size(), 33u);

  const Ran document = Look("--json");
  ASSERT_EQ(document.code, 0) << document.err;
  const json::object shown = json::parse(document.out).as_object();
  EXPECT_GT(shown.at("epoch").to_number<int>(), 20'000 / 4096);
  EXPECT_EQ(shown.at("records").to_number<int>(), 20'000);
  EXPECT_TRUE(shown.at("finished").as_bool());
  EXPECT_EQ(shown.at("incarnation").to_number<int>(), 1);
  EXPECT_EQ(shown.at("journal_epochs").to_number<int>(), 0);
  EXPECT_GT(shown.at("disk_bytes").to_number<int64_t>(), 100'000);
  EXPECT_EQ(shown.at("sinks").at("predictions").at("bytes").to_number<uint64_t>(),
            fs::file_size(Path("o/predictions.csv")));
  EXPECT_EQ(shown.at("models").as_array().size(), 3u);
  EXPECT_EQ(shown.at("windows").as_array().size(), 2u);
  EXPECT_EQ(shown.at("windows").at(0).at("keys").to_number<int>(), 299) << "not all bought";
  // The report is the run's own.
  json::object own = shown.at("report").as_object();
  for (json::object* one : {&report, &own}) one->erase("memory_bytes");
  EXPECT_EQ(own, report);

  EXPECT_EQ(Look("--key customer_id=7").code, 0);
  EXPECT_EQ(Files("s"), files);
}

TEST_F(Inspect, AKeyHasTheWindowsOfItsLastEvent) {
  Write("windows.yaml", kWindows);
  const std::string log = Log();
  ASSERT_EQ(Run(Path("windows.yaml"), log).code, 0);
  const auto records = Rows(log), predictions = Rows(Path("o/predictions.csv"));
  ASSERT_EQ(records.size(), predictions.size());
  const std::vector<std::string> names = predictions[0];
  const auto column = [&](const std::string& name) {
    return static_cast<size_t>(std::find(names.begin(), names.end(), name) - names.begin());
  };
  std::map<std::string, size_t> last, count;
  for (size_t i = 1; i < records.size(); ++i) {
    last[records[i][2]] = i;
    ++count[records[i][2]];
  }
  int compared = 0;
  for (const auto& [customer, at] : last) {
    if (compared == 5) break;
    ++compared;
    const auto expect = [&](const json::value& group, const std::string& name) {
      const std::string expected = predictions[at][column(name)];
      const json::value& value = group.at("features").at(name);
      if (expected.empty()) {
        EXPECT_TRUE(value.is_null()) << name;
      } else {
        EXPECT_EQ(value.to_number<double>(), std::stod(expected)) << customer << " " << name;
      }
    };
    const Ran one = Look("--json --key customer_id=" + customer);
    ASSERT_EQ(one.code, 0) << one.err;
    const json::value shown = json::parse(one.out);
    const json::value& group = shown.at("groups").at(0);
    EXPECT_EQ(group.at("last").as_string(), records[at][1]);
    for (const char* name : {"mean_7d", "max_30d", "terminals", "std_all"}) expect(group, name);

    const Ran pair =
        Look(fmt::format("--json --key terminal_id={},customer_id={}", records[at][3], customer));
    ASSERT_EQ(pair.code, 0) << pair.err;
    expect(json::parse(pair.out).at("groups").at(0), "together");

    const Ran text = Look("--key customer_id=" + customer);
    EXPECT_NE(text.out.find("customer_id=" + customer + "\n  last event " + records[at][1]),
              std::string::npos)
        << text.out;
    EXPECT_NE(text.out.find(predictions[at][column("mean_7d")]), std::string::npos) << text.out;
  }
  EXPECT_EQ(compared, 5);
}

TEST_F(Inspect, PredictionsThatWaitForALabelOfTheKeyAreCounted) {
  const std::string log = Log();
  ASSERT_EQ(Run(kFraud, log).code, 0);
  const json::value shown = json::parse(Look("--json").out);
  int64_t waiting = 0;
  for (int customer = 0; customer < 20; ++customer) {
    const Ran one = Look(fmt::format("--json --key customer_id={}", customer));
    const json::value facts = json::parse(one.out);
    if (!facts.at("known").as_bool()) continue;
    waiting += facts.at("groups").at(0).at("waiting").to_number<int64_t>();
  }
  const auto pending = shown.at("report").at("labels").at("pending").to_number<int64_t>();
  EXPECT_GT(waiting, 0);
  EXPECT_LT(waiting, pending);
}

TEST_F(Inspect, UnknownKeysAndFields) {
  ASSERT_EQ(Run(kFraud, Log(3000)).code, 0);
  const Ran unknown = Look("--key customer_id=424242");
  EXPECT_EQ(unknown.code, 0);
  EXPECT_EQ(unknown.out, "no such key: customer_id=424242\n");
  EXPECT_FALSE(json::parse(Look("--json --key customer_id=424242").out).at("known").as_bool());
  const Ran field = Look("--key card=1");
  EXPECT_EQ(field.code, 2);
  EXPECT_NE(field.err.find("customer_id; terminal_id"), std::string::npos) << field.err;
  EXPECT_EQ(Look("--key customer_id=1,terminal_id=2").code, 2) << "no windows by both";
  EXPECT_EQ(Look("--key customer_id").code, 2);
  EXPECT_EQ(Look("--digest --json").code, 2);
}

TEST_F(Inspect, KeysOnDiskAreReadBackAndTheDigestIsTheSame) {
  std::string config = kWindows;
  Write("small.yaml", config + "state: {memory: 16MiB}\n");
  Write("large.yaml", config);
  const std::string log = Path("many.csv");
  ASSERT_EQ(Leat("generate card-fraud --customers 20000 --terminals 3000 --rows 60000 --seed 5 "
                 "--output " +
                 log)
                .code,
            0);
  const Ran run = Run(Path("small.yaml"), log);
  ASSERT_EQ(run.code, 0) << run.err;
  const Ran large = Leat(fmt::format("run {} --json -q --input {} --output {} --state {}",
                                     Path("large.yaml"), log, Path("o2"), Path("s2")));
  ASSERT_EQ(large.code, 0) << large.err;
  const json::value shown = json::parse(Look("--json").out);
  int64_t cold = 0;
  for (const json::value& group : shown.at("windows").as_array()) {
    cold += group.at("cold").to_number<int64_t>();
  }
  EXPECT_GT(cold, 1000);
  EXPECT_EQ(Look("--digest").out, Leat("inspect --digest " + Path("s2")).out);
  const auto files = Files("s");
  int met = 0;
  std::vector<std::string> keys;
  const auto records = Rows(log);
  for (size_t i = 1; i < records.size(); i += 15'000) {
    keys.push_back(" --json --key customer_id=" + records[i][2]);
    keys.push_back(keys.back() + ",terminal_id=" + records[i][3]);
  }
  for (const std::string& key : keys) {
    json::object one = json::parse(Look(key).out).as_object();
    json::object same = json::parse(Leat("inspect " + Path("s2") + key).out).as_object();
    for (json::object* facts : {&one, &same}) {
      for (json::value& group : facts->at("groups").as_array()) {
        met += group.at("cold").as_bool() ? 1 : 0;
        group.as_object().erase("cold");
      }
    }
    EXPECT_TRUE(one.at("known").as_bool()) << key;
    EXPECT_EQ(one, same) << key;
  }
  EXPECT_GT(met, 0) << "some of them were on disk only";
  EXPECT_EQ(Files("s"), files);
}

TEST_F(Inspect, ShowsExperimentsAndBandits) {
  Write("trials.yaml", R"(
name: trials
source: {file: visits.csv}
record:
  id: event_id
  time: time
  fields: {user_id: id, offer: category, search: category, revenue: number, errors: number}
features: {coin: 0.5 + 0 * revenue, bought: revenue > 0}
sinks: {predictions: none}
experiments:
  search:
    unit: user_id
    variants: [control, treatment]
    assigned: search
    every: 6h
    metrics:
      errors: {of: errors, window: 2h, role: guardrail, better: down, margin: 0.1}
  own:
    unit: user_id
    variants: [a, b]
    ramp: {steps: [0.5, 1], after: 1d}
    metrics:
      errors: {of: errors, window: 2h, role: guardrail, better: down, margin: 0.5}
bandits:
  offer: {actions: [control, treatment], taken: offer, propensity: coin, reward: bought,
          reward_window: 1h, policy: uniform}
)");
  ASSERT_EQ(Leat("generate shop --rows 20000 --interval 20s --start 2026-03-01 -q --output " +
                 Path("visits.csv"))
                .code,
            0);
  const Ran run = Run(Path("trials.yaml"), Path("visits.csv"));
  ASSERT_EQ(run.code, 0) << run.err;
  const json::value shown = json::parse(Look("--json").out);
  const json::value& search = shown.at("experiments").at(0);
  EXPECT_EQ(search.at("name").as_string(), "search");
  EXPECT_GT(search.at("variants").at("treatment").at("units").to_number<int>(), 500);
  EXPECT_EQ(search.at("decisions").at(0).at("kind").as_string(), "guardrail_breach");
  EXPECT_TRUE(search.at("decisions").at(0).at("time").is_string());
  EXPECT_EQ(search.as_object().contains("ramp"), false);
  const json::value& own = shown.at("experiments").at(1);
  EXPECT_GE(own.at("ramp").at("step").to_number<int>(), 1);
  EXPECT_EQ(own.at("looks"), shown.at("report").at("experiments").at(1).at("looks"));
  const json::value& bandit = shown.at("bandits").at(0);
  EXPECT_EQ(bandit.at("decisions").to_number<int>(),
            bandit.at("trained").to_number<int>() + bandit.at("waiting").to_number<int>());
  EXPECT_EQ(bandit.at("chosen").at("control").to_number<int>() +
                bandit.at("chosen").at("treatment").to_number<int>(),
            20'000);
}

TEST_F(Inspect, WhatIsInTheJournalIsToldAndTheSnapshotShown) {
  const std::string log = Log();
  ASSERT_EQ(Run(kFraud, log, {}, "LEAT_CRASH=after_journal:3").code, 128 + 9);
  const auto files = Files("s");
  const Ran shown = Look("--json");
  ASSERT_EQ(shown.code, 0) << shown.err;
  const json::value document = json::parse(shown.out);
  EXPECT_EQ(document.at("epoch").to_number<int>(), 0) << "no snapshot since the first";
  EXPECT_GE(document.at("journal_epochs").to_number<int>(), 3);
  EXPECT_NE(shown.err.find("not stopped cleanly"), std::string::npos) << shown.err;
  EXPECT_EQ(Files("s"), files);
  const Ran text = Look();
  EXPECT_NE(text.out.find(" epochs in the journal"), std::string::npos) << text.out;
  ASSERT_EQ(Run(kFraud, log).code, 0) << "the next run recovers as if nobody had looked";
}

TEST_F(Inspect, VariablesThatAreNotSetDoNotMatter) {
  std::string config = kWindows;
  const auto replace = [&](const std::string& from, const std::string& to) {
    const size_t at = config.find(from);
    ASSERT_NE(at, std::string::npos);
    config.replace(at, from.size(), to);
  };
  replace("{file: cards.csv}", "{file: '${LEAT_TEST_LOG}'}");
  replace("{file: predictions.csv,", "{file: '${LEAT_TEST_SINK}',");
  config += "state: {path: 'states/${LEAT_TEST_SECRET}'}\n";
  Write("secret.yaml", config);
  const Ran run = Run(Path("secret.yaml"), Log(3000), {},
                      "LEAT_TEST_LOG=x.csv LEAT_TEST_SINK=p.csv LEAT_TEST_SECRET=hunter2");
  ASSERT_EQ(run.code, 0) << run.err;
  const Ran shown = Look();
  EXPECT_EQ(shown.code, 0) << shown.err;
  EXPECT_EQ(shown.err, "");
  EXPECT_EQ(shown.out.find("hunter2"), std::string::npos);
  EXPECT_EQ(Look("--digest").out,
            std::string(json::parse(run.out).at("digest").as_string()) + "\n");
}

// It was said that there was no state at all.
TEST_F(Inspect, AFolderOfShardsIsToldByTheirNames) {
  const std::string run = std::string("run ") + kFraud + " -q --input " + Log(500) + " --output " +
                          Path("o") + " --state ";
  ASSERT_EQ(Leat(run + Path("s/shard-2-of-10")).code, 0);
  fs::copy(Path("s/shard-2-of-10"), Path("s/shard-10-of-10"), fs::copy_options::recursive);
  for (const std::string verb : {"inspect ", "model list ", "experiment report "}) {
    const Ran ran = Leat(verb + Path("s"));
    EXPECT_EQ(ran.code, 2) << verb;
    EXPECT_NE(ran.err.find("name one: " + Path("s/shard-2-of-10") + ", " +
                           Path("s/shard-10-of-10") + "\n"),
              std::string::npos)
        << ran.err;
    EXPECT_FALSE(fs::exists(Path("s/store")));
  }
  EXPECT_EQ(Leat("inspect " + Path("s/shard-10-of-10")).code, 0);
}

TEST_F(Inspect, DamagedForeignAndLockedStatesAreRefused) {
  EXPECT_EQ(Look().code, 2) << "no such folder";
  Write("s", "a file");
  EXPECT_EQ(Look().code, 2);
  fs::remove(Path("s"));
  fs::create_directories(Path("s"));
  EXPECT_EQ(Look().code, 4) << "an empty folder";
  EXPECT_TRUE(fs::is_empty(Path("s"))) << "nothing is left in it";
  fs::create_directories(Path("s/store"));
  Write("s/store/notes.txt", "something else");
  EXPECT_EQ(Look().code, 4) << "foreign";
  fs::remove_all(Path("s"));

  ASSERT_EQ(Run(kFraud, Log(2000)).code, 0);
  fs::copy(Path("s"), Path("good"), fs::copy_options::recursive);
  int damaged = 0;
  for (const auto& entry : fs::directory_iterator(Path("good/store"))) {
    const std::string name = entry.path().filename().string();
    std::string bytes = Slurp(entry.path());
    const bool holds = (name.ends_with(".sst") || name.ends_with(".log")) && !bytes.empty();
    if (!holds && !name.starts_with("MANIFEST") && name != "CURRENT") continue;
    ++damaged;
    bytes[bytes.size() / 2] ^= 1;
    Write("s/store/" + name, bytes);
    for (const char* mode : {"", "--json", "--digest"}) {
      const Ran ran = Look(mode);
      EXPECT_EQ(ran.code, 4) << name << " " << mode << ran.err;
      EXPECT_EQ(ran.out, "");
    }
    fs::remove(Path("s/store/" + name));
    EXPECT_EQ(Look().code, 4) << name << " gone";
    fs::remove_all(Path("s"));
    fs::copy(Path("good"), Path("s"), fs::copy_options::recursive);
  }
  EXPECT_GE(damaged, 3);

  const int lock = ::open(Path("s/lock").c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_GE(lock, 0);
  ASSERT_EQ(::flock(lock, LOCK_EX), 0);
  const Ran locked = Look();
  EXPECT_EQ(locked.code, 4);
  EXPECT_NE(locked.err.find("another process uses this state"), std::string::npos) << locked.err;
  ::close(lock);
  EXPECT_EQ(Look().code, 0);
}

}  // namespace
}  // namespace leat
