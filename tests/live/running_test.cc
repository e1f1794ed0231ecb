// Runs that nothing happens to: what comes in, what goes out, how a run ends.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <set>
#include <sstream>
#include <thread>

#include "live/live.h"
#include "live/stream.h"

namespace leat {
namespace {

using namespace std::chrono_literals;

class Running : public Live {
 protected:
  boost::json::object ReportOf(const LiveRun& run) {
    return boost::json::parse(Report(run)).as_object();
  }
  bool Eventually(const std::function<bool()>& holds, std::chrono::seconds patience = 20s) {
    const auto until = std::chrono::steady_clock::now() + patience;
    while (std::chrono::steady_clock::now() < until) {
      if (holds()) return true;
      std::this_thread::sleep_for(50ms);
    }
    return holds();
  }
};

TEST_F(Running, KeysHeadersAndRejectsGoOut) {
  ASSERT_TRUE(ProduceStream(brokers(), prefix_, {.records = 2'000}).ok());
  const LiveRun run = MakeRun("out", StreamPipeline(false));
  ASSERT_EQ(ToEnd(run), 0) << Errors(run);
  const auto predictions = Got(ReadTopic(brokers(), Sink(run, "predictions")));
  ASSERT_EQ(predictions.size(), 2'000u);
  for (size_t i = 0; i < predictions.size(); ++i) {
    const KafkaRecord& record = predictions[i];
    const auto payload = boost::json::parse(*record.payload).as_object();
    std::map<std::string, std::string> headers(record.headers.begin(), record.headers.end());
    EXPECT_EQ(payload.at("id").as_string(), fmt::format("p{}", i));
    EXPECT_EQ(headers["leat-event-id"], fmt::format("p{}", i));
    EXPECT_EQ(headers["leat-model-version"].substr(0, 7), "linear-");
    EXPECT_EQ(headers.count("traceparent"), i % 3 == 0 ? 1u : 0u);
    EXPECT_EQ(record.key->substr(0, 1), "c");
  }
  std::multiset<std::string> reasons;
  for (const KafkaRecord& record : Got(ReadTopic(brokers(), Sink(run, "rejects")))) {
    const auto reject = boost::json::parse(*record.payload).as_object();
    EXPECT_EQ(reject.at("topic").as_string(), In("payments"));
    EXPECT_TRUE(reject.at("offset").is_int64());
    reasons.insert(std::string(reject.at("reason").as_string()));
  }
  EXPECT_EQ(reasons,
            (std::multiset<std::string>{"bad_utf8", "empty", "malformed_json", "tombstone"}));
}

// It named the first model, which need not be one that predicts labels.
TEST_F(Running, TheHeaderNamesTheModelThatServes) {
  ASSERT_TRUE(ProduceStream(brokers(), prefix_, {.records = 200, .bad = false}).ok());
  std::string yaml = StreamPipeline(false);
  yaml.insert(yaml.find("  linear:"),
              "  groups: {type: kmeans, clusters: 3, features: [amount]}\n");
  const LiveRun run = MakeRun("serves", yaml);
  ASSERT_EQ(ToEnd(run), 0) << Errors(run);
  const auto predictions = Got(ReadTopic(brokers(), Sink(run, "predictions")));
  ASSERT_EQ(predictions.size(), 200u);
  for (const KafkaRecord& record : predictions) {
    const std::map<std::string, std::string> headers(record.headers.begin(), record.headers.end());
    EXPECT_EQ(headers.at("leat-model-version").substr(0, 7), "linear-");
  }
}

TEST_F(Running, LabelsOfATopicAreAccountedFor) {
  ASSERT_TRUE(ProduceStream(brokers(), prefix_,
                            {.records = 3'000, .partitions = 2, .bad = false, .labels_apart = true})
                  .ok());
  // One that comes twice, which with one of its values is a correction, and one for nothing.
  const int64_t known = StreamStart() + 3'000'000;
  for (const auto& [id, value] : {std::pair{"p7", "true"}, {"p7", "false"}, {"nobody", "true"}}) {
    ASSERT_TRUE(Produce(brokers(), In("labels"), 0,
                        {{{},
                          fmt::format(R"({{"id":"{}","fraud":{},"known":{}}})", id, value, known),
                          {},
                          known}})
                    .ok());
  }
  const LiveRun run = MakeRun("account", StreamPipeline(true));
  ASSERT_EQ(ToEnd(run), 0) << Errors(run);
  const auto labels = ReportOf(run).at("labels").as_object();
  const auto count = [&](const char* name) { return labels.at(name).to_number<int64_t>(); };
  EXPECT_EQ(count("predicted"), 3'000);
  EXPECT_EQ(count("matched"), 3'000);
  EXPECT_EQ(count("duplicate"), 1);
  EXPECT_EQ(count("corrected"), 1);
  EXPECT_EQ(count("labels"), 3'003);
  EXPECT_EQ(count("labels"), count("matched") + count("late") + count("duplicate") +
                                 count("corrected") + count("orphan") + count("waiting"));
  EXPECT_EQ(count("predicted"), count("matched") + count("expired") + count("pending"));
}

TEST_F(Running, IdleStreamsGoOnByTicksAndExpireLabels) {
  ASSERT_TRUE(CreateTopic(brokers(), In("labels"), 1).ok());
  ASSERT_TRUE(ProduceStream(brokers(), prefix_, {.records = 100, .bad = false}).ok());
  std::string yaml = StreamPipeline(true);
  yaml.replace(yaml.find("expires_after: 1h"), 17, "expires_after: 2s");
  yaml.replace(yaml.find("idle: 0s"), 8, "idle: 200ms");
  const LiveRun run = MakeRun("idle", yaml);
  const auto engine = Start(run);
  std::this_thread::sleep_for(6s);
  engine->Signal(SIGTERM);
  ASSERT_EQ(engine->Wait(20s).value_or(-1), 0) << Errors(run);
  EXPECT_EQ(ReportOf(run).at("labels").at("expired").to_number<int64_t>(), 100);
  // And a run that takes those epochs again agrees.
  ASSERT_EQ(ToEnd(run), 0) << Errors(run);
}

TEST_F(Running, LabelsThatAreSilentForAnHourHoldNothingUp) {
  ASSERT_TRUE(CreateTopic(brokers(), In("labels"), 1).ok());
  ASSERT_TRUE(ProduceStream(brokers(), prefix_, {.records = 200, .bad = false}).ok());
  const int64_t later = StreamStart() + 3'700'000;
  ASSERT_TRUE(
      Produce(brokers(), In("payments"), 0,
              {{"c1",
                fmt::format(R"({{"id":"later","card":"c1","shop":1,"amount":1,"at":{}}})", later),
                {},
                later}})
          .ok());
  const LiveRun run = MakeRun("silent", StreamPipeline(true));
  ASSERT_EQ(ToEnd(run), 0) << Errors(run);
  EXPECT_EQ(Lines(run, "predictions").size(), 201u);
  const auto count = [&](const char* name) {
    return ReportOf(run).at("labels").at(name).to_number<int64_t>();
  };
  EXPECT_EQ(count("expired"), 200);
  EXPECT_EQ(count("pending"), 1);
  std::vector<KafkaRecord> labels;
  for (const char* id : {"p0", "later"}) {
    labels.push_back({"c1",
                      fmt::format(R"({{"id":"{}","fraud":true,"known":{}}})", id, later + 1000),
                      {},
                      later});
  }
  ASSERT_TRUE(Produce(brokers(), In("labels"), 0, labels).ok());
  ASSERT_EQ(ToEnd(run), 0) << Errors(run);
  EXPECT_EQ(count("late"), 1);
  EXPECT_EQ(count("matched"), 1);
  EXPECT_EQ(count("pending"), 0);
}

TEST_F(Running, TheFirstSignalCommitsAndSaves) {
  ASSERT_TRUE(ProduceStream(brokers(), prefix_, {.records = 5'000}).ok());
  const LiveRun run = MakeRun("signal", StreamPipeline(false));
  const auto engine = Start(run);
  ASSERT_TRUE(Eventually([&] { return Lines(run, "predictions").size() == 5'000u; }));
  engine->Signal(SIGTERM);
  ASSERT_EQ(engine->Wait(20s).value_or(-1), 0) << Errors(run);
  ASSERT_EQ(ToEnd(run), 0) << Errors(run);
  EXPECT_NE(Errors(run).find(" 0 epochs taken again"), std::string::npos) << Errors(run);
  EXPECT_EQ(Lines(run, "predictions").size(), 5'000u);
}

TEST_F(Running, AtLeastOnceLosesNothingAndKeepsTheOrder) {
  ASSERT_TRUE(ProduceStream(brokers(), prefix_, {.records = 8'000, .bad = false}).ok());
  const LiveRun run = MakeRun(
      "least", StreamPipeline(false, "  epoch_records: 300\n") + "delivery: at_least_once\n");
  for (const char* point : {"before_journal:2", "after_journal:1", "after_claim:1"}) {
    const auto engine = Start(run, {}, {std::string("LEAT_CRASH=") + point});
    ASSERT_EQ(engine->Wait(30s).value_or(-1), kKilled) << point << Errors(run);
  }
  ASSERT_EQ(ToEnd(run), 0) << Errors(run);
  const LiveRun whole = MakeRun("whole", StreamPipeline(false));
  ASSERT_EQ(ToEnd(whole), 0) << Errors(whole);
  const std::vector<std::string> lines = Lines(run, "predictions");
  const std::vector<std::string> wanted = Lines(whole, "predictions");
  EXPECT_GT(lines.size(), wanted.size());
  // What is new each time is in order, and nothing is missing.
  std::set<std::string> seen;
  std::vector<std::string> fresh;
  for (const std::string& line : lines) {
    if (seen.insert(line).second) fresh.push_back(line);
  }
  EXPECT_EQ(fresh, wanted);
  EXPECT_EQ(Digest(run), Digest(whole));
}

/// Nobody but its next commit needs what the group holds while an engine lives: that puts the
/// offsets right, whatever was done to them.
TEST_F(Running, AGroupThatIsDeletedOrResetMeanwhileIsPutRightByTheNextCommit) {
  struct Case {
    const char* name;
    const char* delivery;
    std::function<Status(const std::string& group)> meddle;
  };
  const auto reset = [&](int64_t offset, const std::string& metadata) {
    return [this, offset, metadata](const std::string& group) {
      return SetCommittedOffsets(brokers(), group, In("payments"), {{0, {offset, metadata}}});
    };
  };
  const auto remove = [&](const std::string& group) { return DeleteGroup(brokers(), group); };
  const Case cases[] = {
      {"removed", "exactly_once", remove},
      {"back", "exactly_once", reset(0, "")},
      {"ahead", "exactly_once", reset(1'000'000, "")},
      {"foreign", "exactly_once",
       reset(3, "v1 00000000000000aa 00000000000000bb 7 00000000000000cc")},
      {"removed-least", "at_least_once", remove},
      {"back-least", "at_least_once", reset(0, "")},
  };
  constexpr int kBatch = 400, kBatches = 6;
  std::vector<LiveRun> runs;
  std::vector<std::unique_ptr<Engine>> engines;
  const auto pipeline = [](const char* delivery) {
    return StreamPipeline(false, "  epoch_records: 50\n") + "delivery: " + delivery + "\n";
  };
  ASSERT_TRUE(ProduceStream(brokers(), prefix_, {.records = kBatch}).ok());
  for (const Case& c : cases) {
    runs.push_back(MakeRun(c.name, pipeline(c.delivery)));
    engines.push_back(Start(runs.back()));
  }
  const auto taken = [&](const LiveRun& run, int records) {
    return Eventually(
        [&] { return Lines(run, "predictions").size() >= static_cast<size_t>(records * 99 / 100); },
        60s);
  };
  // Before input comes, and while it is taken.
  for (int batch = 1; batch < kBatches; ++batch) {
    for (size_t i = 0; i < runs.size(); ++i) {
      ASSERT_TRUE(taken(runs[i], batch * kBatch)) << runs[i].name << Errors(runs[i]);
      const auto meddle = [&] { return cases[i].meddle(runs[i].name).ok(); };
      // Later, a deletion may find that the one before it came after the last commit.
      ASSERT_TRUE(batch == 1 ? Eventually(meddle) : (meddle(), true)) << runs[i].name;
    }
    ASSERT_TRUE(ProduceStream(brokers(), prefix_,
                              {.first = batch * kBatch, .records = (batch + 1) * kBatch})
                    .ok());
    for (size_t i = 0; i < runs.size(); ++i) (void)cases[i].meddle(runs[i].name).ok();
  }
  // The last input is one that nobody meddles with.
  ASSERT_TRUE(ProduceStream(brokers(), prefix_,
                            {.first = kBatches * kBatch, .records = (kBatches + 1) * kBatch})
                  .ok());
  const LiveRun whole = MakeRun("whole", pipeline("exactly_once"));
  ASSERT_EQ(ToEnd(whole), 0) << Errors(whole);
  const int64_t end = Got(EndOffsets(brokers(), In("payments")))[0];
  for (size_t i = 0; i < runs.size(); ++i) {
    const LiveRun& run = runs[i];
    ASSERT_TRUE(taken(run, (kBatches + 1) * kBatch)) << run.name << Errors(run);
    engines[i]->Signal(SIGTERM);
    ASSERT_EQ(engines[i]->Wait(30s).value_or(-1), 0) << run.name << Errors(run);
    const KafkaOffset offset = Got(CommittedOffsets(brokers(), run.name, In("payments")))[0];
    EXPECT_EQ(offset.offset, end) << run.name;
    EXPECT_EQ(offset.metadata.substr(0, 3), "v1 ") << run.name;
    ASSERT_EQ(ToEnd(run), 0) << run.name << Errors(run);
    ExpectSame(run, whole);
  }
}

// Files for the topics stood there too, and were cut to nothing at each start.
TEST_F(Running, AFolderForOutputsHasTheSinksThatAreFiles) {
  constexpr int kRecords = 10'000;
  std::string yaml = StreamPipeline(false);
  const std::string topic = "{kafka: {topic: RUN-metrics}}";
  yaml.replace(yaml.find(topic), topic.size(), "{file: measured.jsonl}");
  ASSERT_TRUE(ProduceStream(brokers(), prefix_, {.records = kRecords / 2}).ok());
  const LiveRun run = MakeRun("files", yaml);
  const std::filesystem::path out = run.state + "-out";
  const auto measured = [&] {
    std::ifstream file(out / "measured.jsonl");
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  ASSERT_EQ(ToEnd(run, {"--output", out}), 0) << Errors(run);
  const std::string first = measured();
  EXPECT_FALSE(first.empty());
  ASSERT_TRUE(ProduceStream(brokers(), prefix_, {.first = kRecords / 2, .records = kRecords}).ok());
  ASSERT_EQ(ToEnd(run, {"--output", out}), 0) << Errors(run);
  EXPECT_GT(measured().size(), first.size());
  EXPECT_EQ(measured().substr(0, first.size()), first);
  EXPECT_EQ(Lines(run, "predictions").size(), static_cast<size_t>(kRecords));
  for (const auto& entry : std::filesystem::directory_iterator(out)) {
    EXPECT_EQ(entry.path().filename(), "measured.jsonl");
  }
}

// The page of the last one stood for all.
TEST_F(Running, ShardsReportEachOnItsOwn) {
  ASSERT_TRUE(
      ProduceStream(brokers(), prefix_, {.records = 2'000, .partitions = 2, .bad = false}).ok());
  const LiveRun run = MakeRun("shards", StreamPipeline(false, "  shards: 2\n"));
  ASSERT_EQ(ToEnd(run, {"--report", run.state + "-report.html"}), 0) << Errors(run);
  EXPECT_FALSE(std::filesystem::exists(run.state + "-report.html"));
  std::istringstream reports(Report(run));
  int64_t read = 0;
  for (const std::string number : {"1", "2"}) {
    std::ifstream page(run.state + "-report-" + number + ".html");
    const std::string html(std::istreambuf_iterator<char>(page), {});
    EXPECT_NE(html.find(run.name + " " + number + "/2"), std::string::npos) << number;
    std::string line;
    ASSERT_TRUE(std::getline(reports, line));
    const auto report = boost::json::parse(line).as_object();
    EXPECT_EQ(report.at("pipeline").as_string(), run.name + " " + number + "/2");
    read += report.at("records").at("read").to_number<int64_t>();
  }
  EXPECT_EQ(read, 2'000);
}

TEST_F(Running, TransactionsInTheInputLeaveGaps) {
  ASSERT_TRUE(CreateTopic(brokers(), In("payments"), 1).ok());
  for (int i = 0; i < 12; ++i) {
    std::vector<KafkaRecord> records;
    for (int k = 0; k < 100; ++k) {
      const int64_t at = StreamStart() + i * 10'000 + k;
      records.push_back(
          {"c1",
           fmt::format(R"({{"id":"{}-{}","card":"c1","shop":1,"amount":5,"at":{},"fraud":false}})",
                       i, k, at),
           {},
           at});
    }
    ASSERT_TRUE(ProduceTransaction(brokers(), In("payments"), 0, records, i % 4 != 3).ok());
  }
  const LiveRun refuses = MakeRun("refuses", StreamPipeline(false));
  EXPECT_EQ(ToEnd(refuses), 4);
  EXPECT_NE(Errors(refuses).find("gaps"), std::string::npos) << Errors(refuses);
  const LiveRun run = MakeRun("gaps", StreamPipeline(false, "  gaps: true\n  epoch_records: 50\n"));
  for (int i = 0; i < 4; ++i) {
    Start(run, {}, {"LEAT_CRASH=after_kafka_commit:1"})->Wait(3s);
  }
  ASSERT_EQ(ToEnd(run), 0) << Errors(run);
  EXPECT_EQ(Lines(run, "predictions").size(), 900u);
}

}  // namespace
}  // namespace leat
