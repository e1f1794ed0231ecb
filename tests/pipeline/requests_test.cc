// Models that ask for labels: requests as events, learning from those labels only, state.
#include <gmock/gmock.h>

#include <boost/json.hpp>
#include <map>

#include "base/random.h"
#include "base/text.h"
#include "pipeline/go_on.h"

namespace leat {
namespace {

std::string Yaml(const std::string& label, const std::string& options = "ask: split") {
  return "name: careful\nsource: {file: log.csv}\nrecord:\n  id: id\n"
         "  time: {field: time, format: epoch_s}\n  fields: {x: number, y: number}\n"
         "label: " +
         label +
         "\nmodels:\n"
         "  careful: {type: logistic_regression, min_labels: 20, " +
         options +
         "}\n"
         "  all: {type: logistic_regression, min_labels: 20}\n"
         "  trees: {type: naive_bayes, min_labels: 20, ask: random, ask_budget: 0.3}\n"
         "sinks: {predictions: predictions.csv}\n";
}
constexpr char kAtOnce[] = "{field: good, type: boolean}";
constexpr char kLater[] = "{field: good, type: boolean, available_after: 100s}";

std::string Log(int rows) {
  std::string out = "id,time,x,y,good\n";
  CounterRandom random(4, 4);
  for (int i = 0; i < rows; ++i) {
    const double x = random.Normal(), y = random.Normal();
    out += "r" + std::to_string(i) + "," + std::to_string(1000 + i) + "," + std::to_string(x) +
           "," + std::to_string(y) + (x + y + 0.3 * random.Normal() > 0 ? ",true\n" : ",false\n");
  }
  return out;
}

std::string Fact(const Report::Row& row, std::string_view name) {
  for (const auto& [key, text] : row.summary) {
    if (key == name) return text;
  }
  return "none";
}
int64_t Leading(const std::string& text) { return std::stoll(text); }

TEST(LabelRequestsOfAPipeline, AModelLearnsFromWhatItAskedForOnly) {
  for (const char* label : {kAtOnce, kLater}) {
    const Config config = Parse(Yaml(label));
    const auto pipeline = MakePipeline(config);
    Collect sink;
    DriveText(*pipeline, config, Log(5000), sink);
    std::map<std::string, int64_t> requests;
    for (const std::string& line : LinesOf(sink.all.events)) {
      const auto event = boost::json::parse(line).as_object();
      ASSERT_EQ(event.at("event").as_string(), "label_request");
      EXPECT_GE(event.at("confidence").to_number<double>(), 0);
      EXPECT_LE(event.at("confidence").to_number<double>(), 1);
      ++requests[std::string(event.at("model").as_string())];
    }
    const Report report = pipeline->MakeReport();
    EXPECT_EQ(requests.size(), 2u);
    for (const size_t m : {0, 2}) {
      const Report::Row& row = report.rows.at(m);
      const int64_t asked = requests[row.name];
      EXPECT_EQ(Leading(Fact(row, "labels requested")), asked);
      EXPECT_LE(asked, m == 0 ? 560 : 1560);  // 10 % and 30 % of 5000.
      EXPECT_GT(asked, 200);
      const int64_t learnt = Leading(Fact(row, "labels learnt on request"));
      EXPECT_EQ(Leading(Fact(row, "labels learnt")), learnt);
      EXPECT_LE(learnt, asked);
      EXPECT_GE(learnt, asked - 40);  // Those of the last 100 s are still to come.
      EXPECT_EQ(learnt + Leading(Fact(row, "labels not asked for")), Of(report.labels, "matched"));
    }
    EXPECT_EQ(Leading(Fact(report.rows.at(1), "labels learnt")), Of(report.labels, "matched"));
    EXPECT_EQ(Fact(report.rows.at(1), "labels requested"), "none");
    // All labels score it, and a tenth of them teach it nearly as much.
    const auto accuracy = [&](size_t m) {
      for (const auto& [name, value] : report.rows.at(m).window) {
        if (name == "accuracy") return value;
      }
      return 0.0;
    };
    EXPECT_GT(accuracy(0), accuracy(1) - 0.05);
  }
}

TEST(LabelRequestsOfAPipeline, OtherModelsAreWhatTheyAreWithoutThem) {
  const Config asking = Parse(Yaml(kLater)), plain = Parse(Yaml(kLater, "learning_rate: 0.1"));
  Collect a, b;
  const auto one = MakePipeline(asking), other = MakePipeline(plain);
  DriveText(*one, asking, Log(2000), a);
  DriveText(*other, plain, Log(2000), b);
  const Report first = one->MakeReport(), second = other->MakeReport();
  for (const size_t m : {1, 2})
    EXPECT_EQ(first.rows.at(m).cumulative, second.rows.at(m).cumulative);
}

TEST(LabelRequestsOfAPipeline, GoesOnAfterSavingAsIfNothingHadHappened) {
  ExpectGoesOn(Parse(Yaml(kLater)), Log(3000), 1700);
}

TEST(LabelRequestsOfAPipeline, OnlyClassifiersAsk) {
  const auto refused = [](const std::string& yaml) {
    const auto config = ParseConfig(yaml, "test.yaml");
    return config.ok() ? std::string() : std::string(config.status().message());
  };
  EXPECT_THAT(refused(Yaml("{field: good, type: boolean}", "ask: perhaps")),
              testing::HasSubstr("ask"));
  const std::string number =
      "name: n\nsource: {file: log.csv}\nrecord:\n  id: id\n"
      "  time: {field: time, format: epoch_s}\n  fields: {x: number}\n"
      "label: {field: y, type: number}\nmodels:\n"
      "  m: {type: linear_regression, ask: fixed}\nsinks: {predictions: none}\n";
  EXPECT_THAT(refused(number), testing::HasSubstr("only a classifier says how sure it is"));
}

}  // namespace
}  // namespace leat
