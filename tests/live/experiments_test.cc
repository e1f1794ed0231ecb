// Experiments and bandits on a real broker, killed at random: units, sums and decisions are those
// of a run that nothing happened to, and of a batch over the same events.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "base/random.h"
#include "live/live.h"
#include "live/stream.h"

namespace leat {
namespace {

constexpr int kUsers = 3000;
constexpr int kWindowMs = 20 * 60 * 1000;
constexpr int kSpanMs = 2 * 3600 * 1000;  // Of all visits.
/// Partitions come in any order: nothing is late before all of them are in.
constexpr int kLatenessMs = 3 * 3600 * 1000;

/// A visit exposes its user, or brings what the user has spent.
struct Visit {
  std::string id = {}, user = {}, variant = {};  ///< No variant: no exposure.
  int64_t at = 0;
  int cents = 0;
  bool bot = false;
  std::string of = {};  ///< The first exposure's id: what was decided there is rewarded.
};

/// Some users see two variants, some are bots, some visits come twice, some before the exposure.
std::vector<Visit> Visits() {
  std::vector<Visit> out;
  for (int user = 0; user < kUsers; ++user) {
    CounterRandom random(11, static_cast<uint64_t>(user));
    const std::string name = fmt::format("u{}", user);
    const int64_t first = StreamStart() + static_cast<int64_t>(random.Below(kSpanMs - kWindowMs));
    const bool treated = random.Below(2) == 1;
    std::string asked;
    const auto add = [&](Visit visit) {
      visit.id = fmt::format("{}-{}", name, out.size());
      visit.user = name;
      if (asked.empty() && !visit.variant.empty()) asked = visit.id;
      if (visit.cents > 0) visit.of = asked;
      out.push_back(visit);
      if (random.Below(40) == 0) out.push_back(visit);
    };
    const uint64_t exposures = random.Below(10) == 0 ? 0 : 1 + random.Below(3);
    for (uint64_t e = 0; e < exposures; ++e) {
      const bool other = e > 0 && random.Below(20) == 0;
      add({.variant = treated != other ? "treatment" : "control",
           .at = first + static_cast<int64_t>(e * random.Below(kWindowMs / 2))});
    }
    for (uint64_t k = random.Below(6); k > 0; --k) {
      add({.at = first - 300'000 + static_cast<int64_t>(random.Below(kWindowMs + 600'000)),
           .cents = static_cast<int>(random.Below(treated ? 6000 : 5000))});
    }
    if (random.Below(50) == 0) add({.at = first + 1000, .bot = true});
  }
  std::stable_sort(out.begin(), out.end(),
                   [](const Visit& a, const Visit& b) { return a.at < b.at; });
  return out;
}

std::string Json(const Visit& v) {
  return fmt::format(
      R"({{"id":"{}","user":"{}","variant":"{}","at":{},"cents":{},"bot":{},"of":"{}"}})", v.id,
      v.user, v.variant, v.at, v.cents, v.bot ? 1 : 0, v.of);
}

/// What a batch makes of them.
struct Arm {
  int64_t units = 0, lost = 0, bought = 0, cents = 0;
  friend bool operator==(const Arm&, const Arm&) = default;
};
struct Sums {
  std::map<std::string, Arm> arms;
  int64_t bots = 0;
  friend bool operator==(const Sums&, const Sums&) = default;
};

Sums Batch(const std::vector<Visit>& visits) {
  std::map<std::string, std::vector<Visit>> users;
  std::set<std::string> ids;
  for (const Visit& v : visits) {
    if (ids.insert(v.id).second) users[v.user].push_back(v);
  }
  Sums sums{{{"control", {}}, {"treatment", {}}}, 0};
  for (const auto& [user, list] : users) {
    std::set<std::string> variants;
    const Visit* first = nullptr;
    bool bot = false;
    for (const Visit& v : list) {
      bot = bot || v.bot;
      if (v.variant.empty()) continue;
      variants.insert(v.variant);
      // The control is the first of the variants.
      if (first == nullptr || v.at < first->at ||
          (v.at == first->at && v.variant < first->variant)) {
        first = &v;
      }
    }
    if (bot) {
      ++sums.bots;
      continue;
    }
    if (first == nullptr) continue;
    Arm& arm = sums.arms[first->variant];
    if (variants.size() > 1) {
      ++arm.lost;
      continue;
    }
    ++arm.units;
    int64_t cents = 0;
    for (const Visit& v : list) {
      if (v.at >= first->at && v.at - first->at < kWindowMs) cents += v.cents;
    }
    arm.cents += cents;
    arm.bought += cents > 0 ? 1 : 0;
  }
  return sums;
}

constexpr const char* kPipeline = R"(name: RUN
kafka: {brokers: "BROKERS", group: RUN, idle: 0s, epoch_records: 200}
source: {kafka: {topic: IN-visits, start: earliest}}
record:
  id: id
  time: {field: at, format: epoch_ms}
  allowed_lateness: LATENESS
  fields: {user: id, of: id, variant: category, cents: number, bot: number}
features:
  shown: not is_missing(variant)
  bought: cents > 0
experiments:
  offer:
    unit: user
    variants: [control, treatment]
    assigned: variant
    expose: shown
    bot: bot
    every: 10m
    metrics:
      bought: {type: proportion, of: bought, window: 20m, role: primary}
      spent: {of: cents, window: 20m}
BANDITS
sinks:
  predictions: none
  events: {kafka: {topic: RUN-events}}
  metrics: {kafka: {topic: RUN-metrics}}
  rejects: {kafka: {topic: RUN-rejects}}
state: {path: STATE, snapshot_every: 300ms, memory: 64MiB}
commit_every: 50ms
)";

constexpr const char* kBandits = R"(bandits:
  price:
    actions: [low, middle, high]
    policy: lints
    context: [cents, bought]
    decide: shown
    decision: of
    reward: bought
    reward_window: 5m
    candidates: [thompson_beta, epsilon_greedy]
    every: 10m
  by_user:
    actions: [a, b]
    policy: thompson_gauss
    decide: shown
    decision: of
    reward: cents
    reward_window: 1m
    every: 10m
)";

std::string PipelineOf(const std::string& lateness, const std::string& bandits) {
  std::string yaml = kPipeline;
  for (const auto& [from, to] :
       {std::pair<std::string, std::string>{"LATENESS", lateness}, {"BANDITS\n", bandits}}) {
    yaml.replace(yaml.find(from), from.size(), to);
  }
  return yaml;
}

class KilledTrials : public Live {
 protected:
  /// To partitions at random, whatever the user.
  void ProduceVisits(const std::vector<Visit>& visits, int partitions) {
    std::vector<std::vector<KafkaRecord>> records(static_cast<size_t>(partitions));
    for (const Visit& v : visits) {
      CounterRandom random(13, static_cast<uint64_t>(v.at), records[0].size());
      records[random.Below(static_cast<uint64_t>(partitions))].push_back(
          {.key = v.user, .payload = Json(v), .headers = {}, .timestamp = v.at});
    }
    for (size_t p = 0; p < records.size(); ++p) {
      ASSERT_TRUE(Produce(brokers(), In("visits"), static_cast<int32_t>(p), records[p]).ok());
    }
  }
  /// Once all are in, time goes on until every window is over.
  void ProduceEnd() {
    const Visit end{"end", "nobody", "", StreamStart() + kSpanMs + kLatenessMs + kWindowMs,
                    0,     false};
    ASSERT_TRUE(
        Produce(
            brokers(), In("visits"), 0,
            {{.key = "nobody", .payload = Json(end), .headers = {}, .timestamp = StreamStart()}})
            .ok());
  }
  Sums SumsOf(const LiveRun& run) {
    Engine report({"experiment", "report", run.state, "--json"}, {}, run.state + ".report",
                  run.state + ".report-err");
    EXPECT_EQ(report.Wait(std::chrono::seconds(60)).value_or(-1), 0);
    std::ifstream file(run.state + ".report");
    std::string line;
    std::getline(file, line);
    const boost::json::value look = boost::json::parse(line);
    Sums sums;
    sums.bots = look.at("bots").as_int64();
    for (const auto& [name, variant] : look.at("variants").as_object()) {
      Arm& arm = sums.arms[name];
      arm.units = variant.at("units").as_int64();
      arm.lost = variant.at("lost").as_int64();
    }
    for (const boost::json::value& c : look.at("comparisons").as_array()) {
      for (const auto& [name, mean, units] :
           {std::tuple{"control", "control_mean", "control_units"},
            std::tuple{"treatment", "mean", "units"}}) {
        const double n = c.at(units).to_number<double>(), m = c.at(mean).to_number<double>();
        Arm& arm = sums.arms[name];
        EXPECT_EQ(n, static_cast<double>(arm.units)) << "a window is not over";
        const double sum = n * m;
        (c.at("metric") == "bought" ? arm.bought : arm.cents) = std::llround(sum);
        EXPECT_NEAR(sum, std::round(sum), 1e-6);
      }
    }
    std::ostringstream means;
    means << look.at("comparisons").as_array()[0].at("mean") << " "
          << look.at("comparisons").as_array()[1].at("mean") << " "
          << look.at("comparisons").as_array()[1].at("standard_error") << " "
          << look.at("comparisons").as_array()[1].at("effect");
    digits_[run.name] = means.str();
    return sums;
  }
  std::map<std::string, std::string> digits_;  ///< As they are written, by run.
};

TEST_F(KilledTrials, OverFourPartitionsHaveTheSumsOfABatch) {
  const int kills = KillCount(6);
  ASSERT_TRUE(CreateTopic(brokers(), In("visits"), 4).ok());
  const std::vector<Visit> visits = Visits();
  ProduceVisits(visits, 4);
  const LiveRun whole = MakeRun("whole", PipelineOf("3h", ""));
  ASSERT_EQ(ToEnd(whole), 0) << Errors(whole);
  const LiveRun run = MakeRun("killed", PipelineOf("3h", ""));
  KillAtRandom([&] { return Start(run); }, kills, 3, [&] { return ToEnd(run); });
  ProduceEnd();
  ASSERT_EQ(ToEnd(whole), 0) << Errors(whole);
  ASSERT_EQ(ToEnd(run), 0) << Errors(run);

  const Sums expected = Batch(visits), killed = SumsOf(run);
  EXPECT_GT(expected.arms.at("control").units, 1000);
  EXPECT_GT(expected.arms.at("control").lost, 20);
  EXPECT_GT(expected.bots, 20);
  EXPECT_TRUE(killed == expected);
  EXPECT_TRUE(SumsOf(whole) == expected);
  EXPECT_EQ(digits_[run.name], digits_[whole.name]);
}

TEST_F(KilledTrials, WithBanditsGiveTheSameOutputsAndState) {
  const int kills = KillCount(6);
  ASSERT_TRUE(CreateTopic(brokers(), In("visits"), 1).ok());
  ProduceVisits(Visits(), 1);
  ProduceEnd();
  std::string bandits = kBandits;
  const std::string yaml = PipelineOf("1m", bandits);
  const LiveRun whole = MakeRun("whole", yaml);
  ASSERT_EQ(ToEnd(whole), 0) << Errors(whole);
  EXPECT_GT(Lines(whole, "events").size(), 2000u);
  EXPECT_GT(Lines(whole, "metrics").size(), 20u);
  const LiveRun run = MakeRun("killed", yaml);
  KillAtRandom([&] { return Start(run); }, kills, 4, [&] { return ToEnd(run); });
  ExpectSame(run, whole);
}

}  // namespace
}  // namespace leat
