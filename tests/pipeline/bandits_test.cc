// Bandits as a part of the pipeline: decisions as events, rewards that come later, state.
#include <gmock/gmock.h>

#include <boost/json.hpp>
#include <map>

#include "base/random.h"
#include "base/text.h"
#include "pipeline/config_bandits.h"
#include "pipeline/harness.h"

namespace leat {
namespace {

constexpr char kBandit[] = R"(
name: banner
source: {file: log.csv}
record:
  id: id
  time: {field: time, format: epoch_s}
  fields: {of: id, warm: number, reward: number}
features: {asks: is_missing(reward)}
sinks: {predictions: none}
bandits:
  banner:
    actions: [left, middle, right]
    policy: lints
    context: [warm]
    decide: asks
    decision: of
    reward: reward
    reward_window: 1m
    candidates: [thompson_beta]
    every: 10m
)";

/// Decisions a second, each rewarded some seconds later where the world wants it. What was decided
/// is read from the events of a first pass, which is the same for the same log so far.
std::string Log(int rows) {
  std::string out = "id,time,of,warm,reward\n";
  CounterRandom random(4, 4);
  for (int i = 0; i < rows; ++i) {
    const double warm = random.Uniform();
    out += "d" + std::to_string(i) + "," + std::to_string(1000 + i) + ",," + std::to_string(warm) +
           ",\n";
    if (random.Uniform() < 0.3) {
      out += "r" + std::to_string(i) + "," + std::to_string(1000 + i) + ",d" +
             std::to_string(random.Below(static_cast<uint64_t>(i + 1))) + ",,1\n";
    }
  }
  return out;
}

TEST(PipelineBandits, DecisionsAreLoggedAndEveryOneIsAccountedFor) {
  const Config config = Parse(kBandit);
  const auto pipeline = MakePipeline(config);
  Collect sink;
  DriveText(*pipeline, config, Log(5000), sink);
  int64_t decisions = 0;
  for (const std::string& line : LinesOf(sink.all.events)) {
    const auto event = boost::json::parse(line);
    ASSERT_EQ(event.at("event").as_string(), "decision");
    double sum = 0;
    for (const auto& p : event.at("p").as_array()) sum += p.to_number<double>();
    EXPECT_NEAR(sum, 1, 1e-12);
    ASSERT_EQ(event.at("p").as_array().size(), 3u);
    ++decisions;
  }
  EXPECT_EQ(decisions, 5000);
  const auto* bandit = pipeline->Bandits().at(0);
  const auto& account = bandit->account();
  EXPECT_EQ(account.decisions, 5000);
  EXPECT_EQ(account.decisions, account.trained + bandit->waiting());
  EXPECT_GT(account.rewards, 1000);
  EXPECT_GT(account.unknown, 100) << "rewards of old decisions";
  EXPECT_THAT(sink.all.metrics, testing::HasSubstr("\"policy\":\"thompson_beta\""));
}

TEST(PipelineBandits, SavedAndLoadedTheyGoOnBitForBit) {
  const Config config = Parse(kBandit);
  const std::string log = Log(3000);
  Collect whole_sink, sink;
  const auto whole = MakePipeline(config);
  DriveText(*whole, config, log, whole_sink);
  const auto first = MakePipeline(config);
  const DriveResult half = DriveText(*first, config, log, sink, {}, {}, 1700);
  const auto second = MakePipeline(config);
  StateWriter saved;
  first->Save(saved);
  StateReader in(saved.bytes());
  ASSERT_TRUE(second->Load(in).ok());
  const auto third = MakePipeline(config);
  ASSERT_TRUE(third->LoadParts(first->SaveParts()).ok());
  DriveText(*second, config, log, sink, {}, half.position);
  EXPECT_EQ(second->Digest(), whole->Digest());
  EXPECT_EQ(sink.all.events, whole_sink.all.events);
}

TEST(PipelineBandits, CandidatesMayHaveSettingsOfTheirOwn) {
  std::string text = kBandit;
  const std::string list = "    candidates: [thompson_beta]\n";
  text.replace(text.find(list), list.size(), R"(
    half_life: 1h
    candidates:
      thompson_beta: {policy: thompson_beta}
      quick: {width: 0.2, half_life: 0s, window: 10m}
      slow: {width: 3}
)");
  const Config config = Parse(text);
  const auto& candidates = config.bandits->at(0).options.candidates;
  ASSERT_EQ(candidates.size(), 3u);
  EXPECT_EQ(candidates[0].policy.kind, experiments::PolicyKind::kThompsonBeta);
  EXPECT_EQ(candidates[1].policy.kind, experiments::PolicyKind::kLinTs);
  EXPECT_EQ(candidates[1].policy.window, 10 * kMinute);
  EXPECT_EQ(candidates[2].policy.half_life, kHour) << "as the bandit's";
  const auto pipeline = MakePipeline(config);
  Collect sink;
  DriveText(*pipeline, config, Log(2000), sink);
  const auto scores = pipeline->Bandits().at(0)->Scores();
  ASSERT_EQ(scores.size(), 3u + 1 + 3);
  EXPECT_EQ(scores[1].name, "quick");
  EXPECT_EQ(scores[3].name, "uniform");
  EXPECT_NE(scores[1].estimates.snips(), scores[2].estimates.snips());
  for (const char* const key :
       {"ips_lo", "snips_hi", "direct_lo", "doubly_robust_hi", "switch_lo"}) {
    EXPECT_THAT(sink.all.metrics, testing::HasSubstr(std::string("\"") + key + "\":"));
  }
  EXPECT_THAT(config.shape, testing::HasSubstr("  candidate quick:\n"));
}

TEST(PipelineBandits, WrongCandidatesAreRefused) {
  const auto refusal = [](const std::string& candidates) {
    std::string text = kBandit;
    const std::string list = "[thompson_beta]";
    text.replace(text.find(list), list.size(), candidates);
    const auto parsed = ParseConfig(text, "test.yaml");
    return parsed.ok() ? std::string() : std::string(parsed.status().message());
  };
  EXPECT_THAT(refusal("[thompson]"), testing::HasSubstr("no policy is called 'thompson'"));
  EXPECT_THAT(refusal("{uniform: {}}"), testing::HasSubstr("is scored anyway"));
  EXPECT_THAT(refusal("{a: {wdth: 1}}"), testing::HasSubstr("wdth"));
  EXPECT_THAT(refusal("{a: {floor: 0.5}}"), testing::HasSubstr("above 1 / actions"));
}

TEST(PipelineBandits, ALogOfAnotherSystemIsScoredOffPolicy) {
  const Config config = Parse(R"(
name: logged
source: {file: log.csv}
record:
  id: id
  time: {field: time, format: epoch_s}
  fields: {action: category, p: number, reward: number}
sinks: {predictions: none}
bandits:
  log:
    actions: [a, b]
    policy: uniform
    taken: action
    propensity: p
    reward: reward
    reward_window: 1s
)");
  std::string log = "id,time,action,p,reward\n";
  CounterRandom random(5, 5);
  for (int i = 0; i < 20'000; ++i) {
    const bool a = random.Uniform() < 0.8;
    const bool reward = random.Uniform() < (a ? 0.2 : 0.5);
    log += std::to_string(i) + "," + std::to_string(i) + (a ? ",a,0.8," : ",b,0.2,") +
           (reward ? "1\n" : "0\n");
  }
  log += "x,20001,c,0.5,1\ny,20002,a,0,1\n";  // No such action; no such probability.
  const auto pipeline = MakePipeline(config);
  Collect sink;
  DriveText(*pipeline, config, log, sink);
  const auto scores = pipeline->Bandits().at(0)->Scores();
  const std::map<std::string, double> truth = {
      {"uniform", 0.35}, {"always a", 0.2}, {"always b", 0.5}};
  ASSERT_EQ(scores.size(), truth.size());
  for (const auto& score : scores) {
    EXPECT_TRUE(score.refused.empty()) << score.name;
    EXPECT_NEAR(score.estimates.snips(), truth.at(score.name), 0.03) << score.name;
    EXPECT_NEAR(score.estimates.doubly_robust(), truth.at(score.name), 0.03) << score.name;
  }
  EXPECT_EQ(pipeline->Bandits().at(0)->account().invalid, 2);
}

}  // namespace
}  // namespace leat
