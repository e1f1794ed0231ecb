#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <string>
#include <vector>

#include "cli/fixture.h"

namespace leat {
namespace {

constexpr const char* kFraud = "examples/fraud/fraud.yaml";

TEST_F(Cli, HelpOfEveryVerbHasAnExample) {
  for (const std::string verb :
       {"", "run", "replay", "check", "generate", "read", "inspect", "model", "model list",
        "model show", "model export", "model import", "experiment assign", "experiment power",
        "experiment report"}) {
    const Ran ran = Leat(verb + " --help");
    EXPECT_EQ(ran.code, 0);
    EXPECT_NE(ran.out.find("Example"), std::string::npos) << verb;
  }
}

TEST_F(Cli, UsageErrorsExitWithTwo) {
  EXPECT_EQ(Leat("").code, 2);
  EXPECT_EQ(Leat("fly").code, 2);
  EXPECT_EQ(Leat("replay").code, 2);
  EXPECT_EQ(Leat("replay nowhere.yaml").code, 2 + 0) << "a configuration that is not there";
  Write("bad.yaml", "name: x\nsource: {file: a.csv}\nmodles: {}\n");
  const Ran ran = Leat("check " + Path("bad.yaml"));
  EXPECT_EQ(ran.code, 2);
  EXPECT_NE(ran.err.find("models"), std::string::npos)
      << "the nearest name is offered: " << ran.err;
}

TEST_F(Cli, InputThatCannotBeReadExitsWithThree) {
  EXPECT_EQ(Leat(std::string("replay ") + kFraud + " --input " + Path("none.csv") + " --output " +
                 Path("o"))
                .code,
            3);
}

TEST_F(Cli, EveryExampleConfigurationIsValid) {
  int checked = 0;
  for (const auto& entry : fs::recursive_directory_iterator("examples")) {
    if (entry.path().extension() != ".yaml") continue;
    const Ran ran = Leat("check " + entry.path().string(), "LEAT_KAFKA_BROKERS=localhost:9092");
    EXPECT_EQ(ran.code, 0) << entry.path() << ": " << ran.err;
    ++checked;
  }
  EXPECT_GE(checked, 4);
}

TEST_F(Cli, TwoReplaysGiveIdenticalFilesAndDigest) {
  const std::string log = Log();
  std::array<Ran, 2> ran;
  for (const int i : {0, 1}) {
    ran[i] = Leat(std::string("replay ") + kFraud + " --json --input " + log + " --output " +
                  Path("o" + std::to_string(i)));
    ASSERT_EQ(ran[i].code, 0) << ran[i].err;
  }
  for (const char* sink : {"predictions.csv", "events.jsonl", "metrics.jsonl", "rejects.jsonl"}) {
    EXPECT_EQ(Slurp(Path("o0") + "/" + sink), Slurp(Path("o1") + "/" + sink)) << sink;
  }
  EXPECT_GT(fs::file_size(Path("o0") + "/predictions.csv"), 100'000u);
  const auto a = boost::json::parse(ran[0].out).as_object();
  const auto b = boost::json::parse(ran[1].out).as_object();
  EXPECT_EQ(a.at("digest"), b.at("digest"));
}

TEST_F(Cli, NoSinkEmptiesAnInputWhateverItIsCalled) {
  const std::string log = Log(200), bytes = Slurp(log);
  fs::create_directories(Path("o"));
  fs::create_directories(Path("linked"));
  fs::create_directories(Path("twice"));
  fs::copy(log, Path("o/predictions.csv"));
  fs::create_symlink(log, Path("linked/predictions.csv"));
  fs::create_hard_link(log, Path("twice/metrics.jsonl"));
  for (const auto& [input, output] : {std::pair("o/predictions.csv", "o"),
                                      {"o/../o/predictions.csv", "linked/../o/."},
                                      {"cards.csv", "linked"},
                                      {"cards.csv", "twice"}}) {
    for (const std::string& verb : {std::string("replay "), "run --state " + Path("s") + " "}) {
      const Ran ran = Leat(verb + kFraud + " --input " + Path(input) + " --output " + Path(output));
      EXPECT_EQ(ran.code, 2) << verb << input << ": " << ran.err;
      EXPECT_NE(ran.err.find("would overwrite this input"), std::string::npos) << ran.err;
      EXPECT_EQ(Slurp(Path(input)), bytes) << verb << input;
      EXPECT_FALSE(fs::exists(Path("s"))) << "nothing was begun";
    }
  }
  EXPECT_EQ(
      Leat(std::string("replay ") + kFraud + " --input " + log + " --output " + Path("elsewhere"))
          .code,
      0);
}

TEST_F(Cli, ARunStoppedInTheMiddleGoesOnInANewProcessBitForBit) {
  const std::string log = Log();
  const std::string base = std::string("run ") + kFraud + " --json --input " + log;
  const Ran whole = Leat(base + " --output " + Path("whole") + " --state " + Path("s1"));
  ASSERT_EQ(whole.code, 0) << whole.err;
  const std::string parts = base + " --output " + Path("parts") + " --state " + Path("s2");
  ASSERT_EQ(Leat(parts + " --max-records 7001").code, 0);
  ASSERT_EQ(Leat(parts + " --max-records 6000").code, 0);
  const Ran last = Leat(parts);
  ASSERT_EQ(last.code, 0) << last.err;
  for (const char* sink : {"predictions.csv", "events.jsonl", "metrics.jsonl", "rejects.jsonl"}) {
    EXPECT_EQ(Slurp(Path("whole") + "/" + sink), Slurp(Path("parts") + "/" + sink)) << sink;
  }
  EXPECT_EQ(boost::json::parse(whole.out).as_object().at("digest"),
            boost::json::parse(last.out).as_object().at("digest"));
}

TEST_F(Cli, DamagedAndForeignStateIsRefusedWithFour) {
  const std::string log = Log(2000);
  const std::string run = std::string("run ") + kFraud + " --input " + log + " --output " +
                          Path("o") + " --state " + Path("s");
  ASSERT_EQ(Leat(run).code, 0);
  fs::copy(Path("s"), Path("good"), fs::copy_options::recursive);
  const auto expect_refused = [&](const std::string& why) {
    const Ran refused = Leat(run);
    EXPECT_EQ(refused.code, 4) << why;
    EXPECT_NE(refused.err.find("--fresh"), std::string::npos) << "the way out: " << refused.err;
    fs::remove_all(Path("s"));
    fs::copy(Path("good"), Path("s"), fs::copy_options::recursive);
  };
  // Every file of the store that holds state: flipped in the middle, cut in half, gone.
  int damaged = 0;
  for (const auto& entry : fs::directory_iterator(Path("good/store"))) {
    const std::string name = entry.path().filename().string();
    const std::string bytes = Slurp(entry.path());
    const bool holds = (name.ends_with(".sst") || name.ends_with(".log")) && !bytes.empty();
    if (!holds && !name.starts_with("MANIFEST") && name != "CURRENT") continue;
    ++damaged;
    std::string flipped = bytes;
    flipped[flipped.size() / 2] ^= 1;
    Write("s/store/" + name, flipped);
    expect_refused(name + " flipped");
    Write("s/store/" + name, bytes.substr(0, bytes.size() / 2));
    expect_refused(name + " cut");
    fs::remove(Path("s/store/" + name));
    expect_refused(name + " gone");
  }
  EXPECT_GE(damaged, 3) << "CURRENT, a manifest, a table or a log";
  fs::remove_all(Path("s"));
  fs::create_directories(Path("s/store"));
  Write("s/store/notes.txt", "something else");
  expect_refused("foreign");
  EXPECT_EQ(Leat(run + " --fresh").code, 0);
}

TEST_F(Cli, TheHtmlReportStandsAlone) {
  const Ran ran = Leat(std::string("replay ") + kFraud + " --input " + Log() + " --output " +
                       Path("o") + " --report " + Path("report.html"));
  ASSERT_EQ(ran.code, 0) << ran.err;
  const std::string page = Slurp(Path("report.html"));
  EXPECT_NE(page.find("<svg"), std::string::npos);
  EXPECT_EQ(page.find("src=\"http"), std::string::npos);
  EXPECT_EQ(page.find("href=\"http"), std::string::npos);
}

TEST_F(Cli, RecordsThatDoNotFitAreRejectedAndTheRunGoesOn) {
  std::string text = Slurp(Log(3000));
  const size_t line = text.find('\n', text.size() / 2) + 1;
  text.insert(line, "not,a,card,record,at,all\n1,2\n");
  Write("cards.csv", text);
  const Ran ran = Leat(std::string("replay ") + kFraud + " --json --input " + Path("cards.csv") +
                       " --output " + Path("o"));
  ASSERT_EQ(ran.code, 0) << ran.err;
  EXPECT_NE(Slurp(Path("o/rejects.jsonl")).find("field_count"), std::string::npos);
}

/// A pipeline over topics, and a log with which it needs no broker.
constexpr const char* kOverTopics =
    "name: pay\n"
    "kafka: {brokers: \"localhost:1\"}\n"
    "source: {kafka: {topic: payments}}\n"
    "record: {id: id, time: time, fields: {amount: number}}\n"
    "label: {kafka: {topic: labels}, field: bad, time: known}\n"
    "models: {m: {type: logistic_regression}}\n"
    "sinks:\n"
    "  predictions: {kafka: {topic: scores}}\n"
    "  events: {kafka: {topic: events}}\n"
    "  metrics: {file: measured.jsonl}\n"
    "  rejects: {kafka: {topic: rejects}}\n";
constexpr const char* kPayments =
    "{\"id\":\"a\",\"time\":\"2026-01-01T00:00:00Z\",\"amount\":1}\n"
    "{\"id\":\"b\",\"time\":\"2026-01-01T00:00:01Z\",\"amount\":\"much\"}\n"
    "{\"id\":\"c\",\"time\":\"2026-01-01T00:00:02Z\",\"amount\":2}\n";
constexpr const char* kPaymentLabels =
    "{\"id\":\"a\",\"bad\":true,\"known\":\"2026-01-01T00:00:01Z\"}\n";

// They went nowhere, and the run ended as if all was well.
TEST_F(Cli, OutputsForTopicsGoToFilesInARunOverALog) {
  Write("pay.yaml", kOverTopics);
  Write("log.jsonl", kPayments);
  Write("labels.jsonl", kPaymentLabels);
  const std::string here = "cd " + folder_.string() + " && ";
  for (const std::string verb : {"run", "replay"}) {
    const Ran ran = Leat(verb + " pay.yaml --input log.jsonl --labels labels.jsonl", here);
    ASSERT_EQ(ran.code, 0) << ran.err;
    EXPECT_NE(ran.err.find("outputs: out/pay"), std::string::npos) << ran.err;
    EXPECT_NE(Slurp(Path("out/pay/predictions.jsonl")).find("\"id\":\"c\""), std::string::npos);
    EXPECT_NE(Slurp(Path("out/pay/rejects.jsonl")).find("amount"), std::string::npos);
    EXPECT_TRUE(fs::exists(Path("out/pay/events.jsonl")));
    EXPECT_TRUE(fs::exists(Path("out/pay/measured.jsonl")));
    fs::remove_all(Path("out"));
  }
}

// A level of 5 and a power of 80 gave "nan units", and success.
TEST_F(Cli, PowerTakesSharesOnly) {
  const std::string power = "experiment power --share 0.04 --effect 0.05 ";
  const Ran good = Leat(power + "--alpha 0.1 --power 0.9 --json");
  ASSERT_EQ(good.code, 0) << good.err;
  EXPECT_GT(boost::json::parse(good.out).at("units_fixed").to_number<double>(), 100);
  const auto refused = [&](const std::string& arguments, const std::string& flag) {
    const Ran ran = Leat(arguments);
    EXPECT_EQ(ran.code, 2) << arguments;
    EXPECT_NE(ran.err.find(flag), std::string::npos) << ran.err;
    EXPECT_EQ(ran.out, "");
  };
  for (const char* value : {"5", "0", "1", "-0.05", "nan"}) {
    refused(power + "--alpha " + value, "--alpha: found ");
    refused(power + "--power " + value, "--power: found ");
  }
  refused(power + "--alpha 0.2 --power 0.1", "--power: found 0.1, expected more than --alpha");
  refused("experiment power --share 4 --effect 0.05", "--share: found 4");
  refused("experiment power --share 0.9 --effect 0.5", "--effect: it makes the share 1.35");
  refused("experiment power --mean 3 --variance -1 --effect 0.05", "--variance");
  refused(power + "--mean 3", "--mean");
  refused(power + "--per-day -3", "--per-day");
}

// Without a salt all tests of a site had the same halves of its users.
TEST_F(Cli, AssignNeedsASaltOrAConfigurationAndNotBoth) {
  EXPECT_EQ(Leat("experiment assign --salt s alice").code, 0);
  const Ran none = Leat("experiment assign alice");
  EXPECT_EQ(none.code, 2);
  EXPECT_NE(none.err.find("--salt: expected"), std::string::npos) << none.err;
  const std::string config = "experiment assign --config examples/experiment/rollout.yaml alice ";
  EXPECT_EQ(Leat(config).code, 0);
  for (const char* own : {"--salt s", "--variants a,b", "--traffic 0.5", "--hash planout",
                          "--layer l", "--layer-from 0.1", "--layer-to 0.9"}) {
    EXPECT_EQ(Leat(config + own).code, 2) << own;
  }
  EXPECT_EQ(Leat("experiment assign --salt s --experiment e alice").code, 2);
}

/// The number of records that a pipeline took of a log.
int64_t Taken(const Ran& ran) {
  EXPECT_EQ(ran.code, 0) << ran.err;
  const auto counts = boost::json::parse(ran.out).as_object().at("records").as_object();
  return counts.at("read").to_number<int64_t>() - counts.at("rejected").to_number<int64_t>();
}

// What stood anywhere in the path decided, whatever the configuration said.
TEST_F(Cli, ALogsFormatIsAsSaidOrByTheEndOfItsName) {
  const std::string rest =
      "\nrecord: {id: id, time: time, fields: {amount: number}}\n"
      "label: {field: bad, available_after: 1s}\nmodels: {m: {type: logistic_regression}}\n";
  const std::string rows =
      "id,time,amount,bad\na,2026-01-01T00:00:00Z,1,0\nb,2026-01-01T00:00:01Z,2,1\n";
  const std::string base = " -q --json --output " + Path("o");
  Write("said.csv", kPayments);
  Write("said.yaml", "source: {file: " + Path("said.csv") + ", format: jsonl}" + rest);
  EXPECT_EQ(Taken(Leat("replay " + Path("said.yaml") + base)), 2);
  fs::create_directories(Path("a.json.d"));
  Write("a.json.d/tx.csv", rows);
  Write("plain.yaml", "source: " + Path("a.json.d/tx.csv") + rest);
  EXPECT_EQ(Taken(Leat("replay " + Path("plain.yaml") + base)), 2);
  fs::rename(Path("said.csv"), Path("said.json"));
  EXPECT_EQ(Taken(Leat("replay " + Path("plain.yaml") + base + " --input " + Path("said.json"))),
            2);
  // Predictions, by the same rule.
  fs::create_directories(Path("p.json.d"));
  Write("sink.yaml", "source: " + Path("a.json.d/tx.csv") + rest + "sinks: {predictions: " +
                         Path("p.json.d/p.csv") + ", events: none, metrics: none, rejects: none}");
  ASSERT_EQ(Leat("run " + Path("sink.yaml") + " -q --state " + Path("s")).code, 0);
  EXPECT_EQ(Slurp(Path("p.json.d/p.csv")).substr(0, 3), "id,");
  // What is generated is what reads it takes it for.
  ASSERT_EQ(Leat("generate sea --rows 3 -o " + Path("sea.json")).code, 0);
  EXPECT_EQ(Slurp(Path("sea.json")).substr(0, 1), "{");
}

TEST_F(Cli, WhatIsCompressedInAnotherWayIsRefused) {
  const Ran made = Leat("generate sea --rows 3 -o " + Path("sea.csv.xz"));
  EXPECT_EQ(made.code, 2);
  EXPECT_NE(made.err.find(".gz or .zst, not as .xz"), std::string::npos) << made.err;
  EXPECT_FALSE(fs::exists(Path("sea.csv.xz")));
  Write("cards.csv.bz2", "BZh");
  const Ran read = Leat(std::string("replay ") + kFraud + " --input " + Path("cards.csv.bz2") +
                        " --output " + Path("o"));
  EXPECT_EQ(read.code, 2);
  EXPECT_NE(read.err.find(".gz or .zst, not as .bz2"), std::string::npos) << read.err;
}

// They were taken, and ignored: a run that was to stop went on for ever.
TEST_F(Cli, OptionsForLogsAreRefusedOverTopics) {
  Write("pay.yaml", kOverTopics);
  for (const std::string option : {"--max-records 1000", "--labels labels.jsonl"}) {
    const Ran ran =
        Leat("run " + Path("pay.yaml") + " --state " + Path("s") + " " + option, "timeout 20");
    EXPECT_EQ(ran.code, 2) << option;
    EXPECT_EQ(ran.err.find("leat: " + option.substr(0, option.find(' ')) + ": "), 0u) << ran.err;
    EXPECT_NE(ran.err.find("--input"), std::string::npos) << ran.err;
    EXPECT_FALSE(fs::exists(Path("s")));
  }
}

TEST_F(Cli, AShareOfALogIsRefused) {
  Write("pay.yaml", kOverTopics);
  Write("log.jsonl", "");
  const Ran ran = Leat("run " + Path("pay.yaml") + " --state " + Path("s") + " --input " +
                       Path("log.jsonl") + " --instance 1/2");
  EXPECT_EQ(ran.code, 2);
  EXPECT_EQ(ran.err.find("leat: --instance: "), 0u) << ran.err;
  EXPECT_FALSE(fs::exists(Path("s")));
}

/// The blocks of a language in a Markdown page.
std::vector<std::string> Blocks(const std::string& page, const std::string& language) {
  std::vector<std::string> blocks;
  const std::string fence = "```" + language + "\n";
  for (size_t at = page.find(fence); at != std::string::npos; at = page.find(fence, at)) {
    at += fence.size();
    const size_t end = page.find("```", at);
    blocks.push_back(page.substr(at, end - at));
    at = end;
  }
  return blocks;
}

/// Every command of the READMEs that starts with `leat`, run as written (on fewer rows) in a folder
/// that holds the examples and the README's pipeline. Logs that are not part of the project are
/// stood in for by a generated one of the same fields.
TEST_F(Cli, EveryCommandOfTheReadmesRuns) {
  const fs::path root = fs::current_path();
  fs::create_symlink(root / "examples", folder_ / "examples");
  const auto pipelines = Blocks(Slurp(root / "README.md"), "yaml");
  ASSERT_EQ(pipelines.size(), 1u);
  Write("card-fraud.yaml", pipelines[0]);
  fs::create_directory(folder_ / "bin");
  fs::create_symlink(LEAT_BINARY, folder_ / "bin/leat");
  ASSERT_EQ(Leat("generate card-fraud --rows 5000 --output " + Path("card_transactions.csv")).code,
            0);

  int commands = 0;
  const std::regex rows("--rows [0-9]+");
  for (const char* page : {"README.md", "examples/fraud/README.md", "examples/churn/README.md",
                           "examples/replay/README.md", "examples/experiment/README.md",
                           "examples/bandit/README.md"}) {
    for (const std::string& block : Blocks(Slurp(root / page), "sh")) {
      if (!block.starts_with("leat ")) continue;
      Write("block.sh", "set -e\n" + std::regex_replace(block, rows, "--rows 5000"));
      const std::string err = Path("block.err");
      const int status = std::system(("cd " + folder_.string() + " && PATH=" + Path("bin") +
                                      ":$PATH sh block.sh >/dev/null 2>" + err)
                                         .c_str());
      EXPECT_EQ(status, 0) << page << ":\n" << block << Slurp(err);
      commands += static_cast<int>(std::count(block.begin(), block.end(), '\n'));
    }
  }
  EXPECT_GE(commands, 12);
}

}  // namespace
}  // namespace leat
