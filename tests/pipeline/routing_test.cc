// Variants and bandits that choose who serves: whose score is written, and that learning does not
// change by it.
#include <gmock/gmock.h>

#include <boost/json.hpp>
#include <cmath>
#include <map>
#include <sstream>

#include "base/random.h"
#include "base/text.h"
#include "pipeline/config_experiments.h"
#include "pipeline/harness.h"
#include "pipeline/stored.h"
#include "state/memory/memory_store.h"

namespace leat {
namespace {

using ::testing::HasSubstr;

constexpr char kModels[] = R"(
name: routed
source: {file: log.csv}
record:
  id: id
  time: {field: time, format: epoch_s}
  fields: {user: id, x: number, y: number}
label: {field: good, type: boolean, available_after: 1m}
models:
  good_one: {type: logistic_regression, scale: standard, features: [x]}
  blind_one: {type: logistic_regression, features: [y]}
sinks: {predictions: {file: predictions.csv}}
)";

constexpr char kExperiment[] = R"(
experiments:
  who:
    unit: user
    variants:
      one: {weight: 1}
      other: {weight: 1, model: blind_one}
      strict: {weight: 1, threshold: 0.9}
    traffic: 0.8
    metrics: {spent: {of: x, window: 1h}}
)";

constexpr char kBandit[] = R"(
bandits:
  who:
    actions: [blind_one, good_one]
    serve: true
    policy: thompson_beta
    reward_window: 10m
    refresh: 10
    every: 1h
)";

std::string Log(int rows) {
  std::string out = "id,time,user,x,y,good\n";
  CounterRandom random(4, 4);
  for (int i = 0; i < rows; ++i) {
    const double x = random.Uniform(), y = random.Uniform();
    out += std::to_string(i) + "," + std::to_string(1000 + 10 * i) + ",u" +
           std::to_string(random.Below(300)) + "," + std::to_string(x) + "," + std::to_string(y) +
           (x + 0.1 * random.Normal() > 0.5 ? ",true\n" : ",false\n");
  }
  return out;
}

/// The cells of each line, by the header.
std::vector<std::map<std::string, std::string>> Table(const std::string& header,
                                                      const std::string& lines) {
  const auto cells = [](const std::string& line) {
    std::vector<std::string> out;
    std::istringstream in(line);
    for (std::string cell; std::getline(in, cell, ',');) out.push_back(cell);
    return out;
  };
  const std::vector<std::string> names = cells(LinesOf(header).at(0));
  std::vector<std::map<std::string, std::string>> rows;
  for (const std::string& line : LinesOf(lines)) {
    const std::vector<std::string> values = cells(line);
    EXPECT_EQ(values.size(), names.size()) << line;
    auto& row = rows.emplace_back();
    for (size_t i = 0; i < std::min(names.size(), values.size()); ++i) row[names[i]] = values[i];
  }
  return rows;
}

TEST(Routing, AVariantsModelAndThresholdServeTheRecordsOfItsUnits) {
  const std::string log = Log(4000);
  const Config plain = Parse(kModels), routed = Parse(std::string(kModels) + kExperiment);
  const auto a = MakePipeline(plain), b = MakePipeline(routed);
  Collect without, with;
  DriveText(*a, plain, log, without);
  DriveText(*b, routed, log, with);
  EXPECT_EQ(a->Chain(), b->Chain()) << "all models learn as they would";
  const auto before = Table(a->PredictionsHeader(), without.all.predictions);
  const auto after = Table(b->PredictionsHeader(), with.all.predictions);
  ASSERT_EQ(before.size(), after.size());
  const auto* e = b->Experiments().at(0);
  std::map<std::string, std::string> user_of;
  for (const auto& row : Table("id,time,user,x,y,good\n", log))
    user_of[row.at("id")] = row.at("user");
  std::map<std::string, int> served;
  int strict = 0;
  for (size_t i = 0; i < after.size(); ++i) {
    const auto &was = before[i], &is = after[i];
    EXPECT_EQ(was.at("score"), is.at("good_one.score"));
    EXPECT_EQ(was.at("blind_one.score"), is.at("blind_one.score"));
    EXPECT_EQ(is.at("score"), is.at(is.at("model") + ".score"));
    const auto assigned = e->assigner().Assign(user_of.at(is.at("id")));
    EXPECT_EQ(is.at("model"), assigned.variant == 1 ? "blind_one" : "good_one");
    ++served[is.at("model")];
    if (is.at("score").empty() || is.at("class").empty()) continue;
    const double score = std::stod(is.at("score"));
    EXPECT_EQ(is.at("class") == "true", score >= (assigned.variant == 2 ? 0.9 : 0.5)) << i;
    strict += assigned.variant == 2 && score >= 0.5 && score < 0.9;
  }
  EXPECT_GT(served["blind_one"], 500);
  EXPECT_GT(served["good_one"], 2000);
  EXPECT_GT(strict, 50) << "the threshold has made a difference";
}

TEST(Routing, AThresholdThatIsAsTheDefaultIsTakenAtItsWord) {
  std::string experiment = kExperiment;
  experiment.replace(experiment.find("threshold: 0.9"), 14, "threshold: 0.5");
  const std::string evaluation = "evaluation: {threshold: 0.8}\n";
  const Config config = Parse(kModels + evaluation + experiment);
  const std::vector<VariantRoute>& routes = config.experiments->at(0).routes;
  ASSERT_EQ(routes.size(), 3u);
  EXPECT_LT(routes[0].threshold, 0) << "not said";
  EXPECT_EQ(routes[2].threshold, 0.5);
  // Where all decide by it, saying it changes nothing, the state included.
  const std::string said = ", threshold: 0.5";
  const Config with = Parse(kModels + experiment);
  experiment.erase(experiment.find(said), said.size());
  EXPECT_EQ(with.fingerprint, Parse(kModels + experiment).fingerprint);
}

TEST(Routing, WhatWasServedIsScoredByItself) {
  const std::string log = Log(4000);
  std::map<std::string, std::string> truth_of;
  for (const auto& row : Table("id,time,user,x,y,good\n", log)) {
    truth_of[row.at("id")] = row.at("good");
  }
  for (const char* router : {kExperiment, kBandit}) {
    const Config config = Parse(std::string(kModels) + router);
    const auto pipeline = MakePipeline(config);
    Collect sink;
    DriveText(*pipeline, config, log, sink);
    const Report report = pipeline->MakeReport();
    ASSERT_EQ(report.rows.at(2).name, "as served");
    double accuracy = -1;
    for (const auto& [name, value] : report.rows[2].cumulative) {
      if (name == "accuracy") accuracy = value;
    }
    // By what was written, of the records whose label is known.
    const auto rows = Table(pipeline->PredictionsHeader(), sink.all.predictions);
    double right = 0, known = 0;
    for (const auto& row : rows) {
      if (known == static_cast<double>(rows.size()) - 6) break;
      const std::string& decided = row.at("class");
      right += truth_of.at(row.at("id")) == (decided.empty() ? "false" : decided) ? 1 : 0;
      ++known;
    }
    EXPECT_NEAR(accuracy, right / known, 1e-12) << router;
    EXPECT_THAT(sink.all.metrics, HasSubstr("\"as served\":{\"baseline\":false,"));
  }
}

TEST(Routing, ARouterMayComeAndGo) {
  const std::string log = Log(4000);
  const Config plain = Parse(kModels), routed = Parse(std::string(kModels) + kExperiment);
  const auto whole = MakePipeline(plain);
  Collect whole_sink, sink;
  DriveText(*whole, plain, log, whole_sink);
  MemoryStore store;
  auto pipeline = MakePipeline(plain);
  pipeline->Track(store);
  Position position = DriveText(*pipeline, plain, log, sink, {}, {}, 1000).position;
  SaveTo(store, *pipeline);
  pipeline = MakePipeline(routed);
  LoadFrom(store, *pipeline);
  position = DriveText(*pipeline, routed, log, sink, {}, position, 2000).position;
  const Report report = pipeline->MakeReport();
  ASSERT_EQ(report.rows.at(2).name, "as served");
  EXPECT_GT(report.rows[2].cumulative.at(0).second, 0);
  SaveTo(store, *pipeline);
  pipeline = MakePipeline(plain);
  LoadFrom(store, *pipeline);
  DriveText(*pipeline, plain, log, sink, {}, position);
  EXPECT_EQ(pipeline->Chain(), whole->Chain());
  EXPECT_EQ(pipeline->Digest(), whole->Digest());
}

TEST(Routing, AFeatureSetIsTheModelThatHasIt) {
  std::string yaml = std::string(kModels) + kExperiment;
  const std::string named = "model: blind_one";
  const size_t at = yaml.find(named);
  const Config by_model = Parse(yaml);
  const auto with = [&](const std::string& features) {
    std::string text = yaml;
    return text.replace(at, named.size(), features);
  };
  const Config by_features = Parse(with("features: [y]"));
  EXPECT_EQ(by_features.fingerprint, by_model.fingerprint) << "it is the same pipeline";
  EXPECT_EQ(by_features.experiments->at(0).routes.at(1).model, "blind_one");
  const auto refusal = [&](const std::string& features) {
    const auto parsed = ParseConfig(with(features), "test.yaml");
    return parsed.ok() ? std::string() : std::string(parsed.status().message());
  };
  EXPECT_THAT(refusal("features: [x, y]"), HasSubstr("no model has this set of features; there are "
                                                     "'good_one' [x], 'blind_one' [y]"));
  EXPECT_THAT(refusal("features: [yy]"), HasSubstr("unknown feature 'yy'"));
  EXPECT_THAT(refusal("features: [y], model: blind_one"), HasSubstr("in place of `model`"));
}

TEST(Routing, ABanditFindsTheBetterModelByItsLabels) {
  const std::string log = Log(6000);
  const Config plain = Parse(kModels), routed = Parse(std::string(kModels) + kBandit);
  const auto a = MakePipeline(plain), b = MakePipeline(routed);
  Collect without, with;
  DriveText(*a, plain, log, without);
  DriveText(*b, routed, log, with);
  EXPECT_EQ(a->Chain(), b->Chain());
  const auto* bandit = b->Bandits().at(0);
  EXPECT_EQ(bandit->account().decisions, 6000);
  EXPECT_EQ(bandit->account().decisions, bandit->account().trained + bandit->waiting());
  EXPECT_LT(bandit->account().defaulted, 10) << "those before the first label predicted nothing";
  EXPECT_GT(bandit->chosen()[1], 8 * bandit->chosen()[0]);
  EXPECT_GT(bandit->mean_reward(), 0.8);
  // What is written is what was decided.
  const auto rows = Table(b->PredictionsHeader(), with.all.predictions);
  size_t i = 0;
  for (const std::string& line : LinesOf(with.all.events)) {
    const auto event = boost::json::parse(line);
    ASSERT_EQ(event.at("event").as_string(), "decision");
    EXPECT_EQ(std::string_view(event.at("action").as_string()), rows.at(i).at("model"));
    EXPECT_EQ(rows[i].at("score"), rows[i].at(rows[i].at("model") + ".score"));
    ++i;
  }
  EXPECT_EQ(i, rows.size());
}

TEST(Routing, SavedAndLoadedItGoesOnBitForBit) {
  const std::string log = Log(3000);
  for (const char* router : {kExperiment, kBandit}) {
    const Config config = Parse(std::string(kModels) + router);
    Collect whole_sink, sink;
    const auto whole = MakePipeline(config), first = MakePipeline(config);
    DriveText(*whole, config, log, whole_sink);
    const DriveResult half = DriveText(*first, config, log, sink, {}, {}, 1700);
    const auto second = MakePipeline(config);
    StateWriter saved;
    first->Save(saved);
    StateReader in(saved.bytes());
    ASSERT_TRUE(second->Load(in).ok());
    DriveText(*second, config, log, sink, {}, half.position);
    EXPECT_EQ(second->Digest(), whole->Digest());
    EXPECT_EQ(sink.all.predictions, whole_sink.all.predictions);
  }
}

TEST(Routing, MistakesAreNamed) {
  const auto refusal = [](const std::string& yaml) {
    const auto parsed = ParseConfig(yaml, "test.yaml");
    return parsed.ok() ? std::string() : std::string(parsed.status().message());
  };
  std::string yaml = std::string(kModels) + kExperiment;
  yaml.replace(yaml.find("model: blind_one"), 16, "model: blind_on");
  EXPECT_THAT(refusal(yaml), HasSubstr("did you mean 'blind_one'?"));
  EXPECT_THAT(refusal(std::string(kModels) + kExperiment + kBandit), HasSubstr("only one"));
  yaml = std::string(kModels) + kBandit;
  yaml.replace(yaml.find("[blind_one, good_one]"), 21, "[blind_one, a]");
  EXPECT_THAT(refusal(yaml), HasSubstr("'a' is no model that predicts"));
}

TEST(Bandits, RewardsOfEachActionAreForSimulations) {
  const Config config = Parse(R"(
name: simulated
source: {file: log.csv}
record:
  id: id
  time: {field: time, format: epoch_s}
  fields: {of_a: number, of_b: number}
sinks: {predictions: none}
bandits:
  it:
    actions: [b, a]
    rewards: {a: of_a, b: of_b}
    reward_window: 1s
    policy: thompson_beta
    floor: 0.1
)");
  std::string log = "id,time,of_a,of_b\n";
  CounterRandom random(8, 8);
  double best = 0;
  for (int i = 0; i < 3000; ++i) {
    const int a = random.Uniform() < 0.6, b = random.Uniform() < 0.2;
    best += a;
    log += std::to_string(i) + "," + std::to_string(10 + i) + "," + std::to_string(a) + "," +
           std::to_string(b) + "\n";
  }
  const auto pipeline = MakePipeline(config);
  Collect sink;
  DriveText(*pipeline, config, log, sink);
  const auto* bandit = pipeline->Bandits().at(0);
  EXPECT_EQ(bandit->account().defaulted, 0);
  EXPECT_GT(bandit->chosen()[1], 2500);
  EXPECT_NEAR(bandit->mean_reward(), 0.9 * best / 3000 + 0.1 * 0.2, 0.03);
  const Report report = pipeline->MakeReport();
  ASSERT_EQ(report.experiments.size(), 1u);
  ASSERT_EQ(report.experiments[0].charts.size(), 1u);
  const Report::TimeChart& chart = report.experiments[0].charts[0];
  EXPECT_EQ(chart.title, "it: regret against always a");
  // The bandit loses little against the best action, the uniform policy half of the difference.
  ASSERT_GE(chart.lines.size(), 2u);
  EXPECT_NEAR(chart.lines[0].points.back().second, 0.1 * 0.4 * 3000, 60);
  EXPECT_EQ(chart.lines[1].name, "uniform");
  EXPECT_NEAR(chart.lines[1].points.back().second, 0.2 * 3000, 120);
}

}  // namespace
}  // namespace leat
