// Experiments as a part of the pipeline: looks, decisions, and state that goes on bit for bit.
#include <gmock/gmock.h>

#include <boost/json.hpp>

#include "base/text.h"
#include "connectors/generate/generate.h"
#include "pipeline/config_experiments.h"
#include "pipeline/harness.h"
#include "pipeline/shape.h"
#include "pipeline/stored.h"
#include "state/memory/memory_store.h"

namespace leat {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kHead[] = R"(
name: shop
source: {file: visits.csv}
record:
  id: event_id
  time: time
  allowed_lateness: 10m
  fields: {user_id: id, country: category, offer: category, layout: category, banner: category,
           search: category, revenue: number, errors: number}
features:
  bought: revenue > 0
sinks: {predictions: none}
experiments:
)";

std::string One(const std::string& name) {
  return "  " + name + R"(:
    unit: user_id
    variants: {control: 1, treatment: 1}
    assigned: )" +
         name + R"(
    segments: [country]
    every: 12h
    planned: 8000
    metrics:
      converted: {type: proportion, of: bought, window: 1d, role: primary, cuped: true}
      median: {of: revenue, window: 1d, quantile: 0.9}
      errors: {of: errors, window: 1d, role: guardrail, better: down, margin: 0.3}
)";
}

std::string Visits(int64_t rows) {
  GenerateOptions options;
  options.name = "shop";
  options.rows = rows;
  options.interval = 10 * kSecond;
  auto generator = MakeGenerator(options);
  EXPECT_TRUE(generator.ok());
  std::string text = (*generator)->Header() + "\n", line;
  while ((*generator)->Next(line)) text += line + "\n";
  return text;
}

TEST(PipelineExperiments, DecideWhatIsTrueAndWithholdWhatIsBroken) {
  const Config config =
      Parse(std::string(kHead) + One("offer") + One("layout") + One("banner") + One("search"));
  const auto pipeline = MakePipeline(config);
  Collect sink;
  DriveText(*pipeline, config, Visits(80'000), sink);
  const std::vector<std::string> events = LinesOf(sink.all.events);
  const auto decided = [&](const std::string& experiment, const std::string& kind) {
    return std::count_if(events.begin(), events.end(), [&](const std::string& line) {
      return line.find("\"experiment\":\"" + experiment + "\"") != std::string::npos &&
             line.find("\"decision\":\"" + kind + "\"") != std::string::npos;
    });
  };
  EXPECT_EQ(decided("banner", "sample_ratio_mismatch"), 1);
  EXPECT_EQ(decided("banner", "ship"), 0);
  EXPECT_EQ(decided("search", "guardrail_breach"), 1);
  EXPECT_EQ(decided("layout", "ship") + decided("layout", "guardrail_breach") +
                decided("layout", "sample_ratio_mismatch"),
            0);
  EXPECT_THAT(sink.all.metrics, HasSubstr("the ratio of units is not what was assigned"));
  const auto experiments = pipeline->Experiments();
  ASSERT_EQ(experiments.size(), 4u);
  const auto& account = experiments[0]->ledger().account();
  EXPECT_EQ(account.exposures, 80'000);
  EXPECT_EQ(account.late + account.duplicate + account.refused, 0);
}

TEST(PipelineExperiments, SavedAndLoadedTheyGoOnBitForBit) {
  const Config config = Parse(std::string(kHead) + One("offer") + One("banner"));
  const std::string visits = Visits(20'000);
  Collect whole_sink;
  const auto whole = MakePipeline(config);
  DriveText(*whole, config, visits, whole_sink);

  Collect sink;
  MemoryStore store;
  const auto first = MakePipeline(config);
  first->Track(store);
  const DriveResult half = DriveText(*first, config, visits, sink, {}, {}, 9'000);
  // Once as a whole, once in parts.
  StateWriter saved;
  first->Save(saved);
  const auto second = MakePipeline(config);
  StateReader in(saved.bytes());
  ASSERT_TRUE(second->Load(in).ok());
  EXPECT_EQ(second->Digest(), first->Digest());
  const auto third = MakePipeline(config);
  SaveTo(store, *first);
  LoadFrom(store, *third);
  EXPECT_EQ(third->Digest(), first->Digest());

  DriveText(*second, config, visits, sink, {}, half.position);
  EXPECT_EQ(second->Digest(), whole->Digest());
  EXPECT_EQ(sink.all.metrics, whole_sink.all.metrics);
  EXPECT_EQ(sink.all.events, whole_sink.all.events);
}

TEST(PipelineExperiments, LeatsOwnAssignmentExposesAndIsSticky) {
  const Config config = Parse(std::string(kHead) + R"(
  own:
    unit: user_id
    variants: {a: 1, b: 3}
    traffic: 0.5
    where: bought
    log_exposures: true
    metrics: {spent: {of: revenue, window: 1d}}
)");
  const auto pipeline = MakePipeline(config);
  Collect sink;
  DriveText(*pipeline, config, Visits(20'000), sink);
  const auto* e = pipeline->Experiments().at(0);
  const double a = static_cast<double>(e->ledger().exposed(0));
  const double b = static_cast<double>(e->ledger().exposed(1));
  EXPECT_GT(a, 100);
  EXPECT_NEAR(b / a, 3, 0.6);
  EXPECT_EQ(e->ledger().account().second_variant, 0);
  EXPECT_GT(e->not_assigned(), 100);
  EXPECT_EQ(static_cast<double>(LinesOf(sink.all.events).size()), a + b);
}

TEST(PipelineExperiments, AssignmentsOfAnotherSystemAreVerifiedByItsHash) {
  for (const std::string_view scheme : experiments::HashSchemeNames()) {
    SCOPED_TRACE(scheme);
    const Config config = Parse(R"(
name: elsewhere
source: {file: log.csv}
record:
  id: id
  time: {field: time, format: epoch_s}
  fields: {user: id, page: category, clicks: number}
sinks: {predictions: none}
experiments:
  page:
    unit: user
    variants: {old: 3, new: 1}
    assigned: page
    verify: true
    traffic: 0.6
    salt: page.2026
    hash: )" + std::string(scheme) +
                                R"(
    metrics: {clicks: {of: clicks, window: 1d}}
)");
    const auto made = experiments::Assigner::Create(config.experiments->at(0).options.assignment);
    ASSERT_TRUE(made.ok());
    const experiments::Assigner& assigner = *made;
    std::string log = "id,time,user,page,clicks\n";
    int64_t wrong = 0, outside = 0, unknown = 0, rows = 0;
    for (int i = 0; i < 4000; ++i) {
      const std::string user = "user-" + std::to_string(i);
      const experiments::Assignment assigned = assigner.Assign(user);
      std::string page = assigned.variant == 1 ? "new" : "old";
      if (assigned.variant < 0 && i % 7 != 0) continue;  // Some are exposed all the same.
      outside += assigned.variant < 0;
      if (assigned.variant >= 0 && i % 10 == 0) {
        page = assigned.variant == 0 ? "new" : "old";
        ++wrong;
      }
      if (i % 100 == 5) page = "newer", ++unknown;
      if (i % 100 == 5 && assigned.variant < 0) --outside;
      log += std::to_string(i) + "," + std::to_string(1000 + i) + "," + user + "," + page + ",1\n";
      ++rows;
    }
    const auto pipeline = MakePipeline(config);
    Collect sink;
    DriveText(*pipeline, config, log, sink);
    const auto* e = pipeline->Experiments().at(0);
    EXPECT_GT(wrong, 100);
    EXPECT_GT(outside, 50);
    EXPECT_EQ(e->mismatches(), wrong + outside);
    EXPECT_EQ(e->unknown_variants(), unknown);
    EXPECT_EQ(e->ledger().account().exposures, rows - unknown);
    EXPECT_THAT(sink.all.metrics,
                HasSubstr("\"mismatched\":" + std::to_string(wrong + outside) + "}"));
  }
}

TEST(PipelineExperiments, EveryMethodIsAskedForByNameAndSaysWhatItIs) {
  for (const std::string_view method : experiments::MethodNames()) {
    SCOPED_TRACE(method);
    const Config config = Parse(std::string(kHead) + R"(
  offer:
    unit: user_id
    variants: [control, treatment]
    assigned: offer
    effect_sd: 0.2
    planned: 800
    every: 6h
    metrics:
      converted: {type: proportion, of: bought, window: 6h, role: primary, method: )" +
                                std::string(method) + R"(}
      open: {of: revenue}
      few: {of: revenue, window: 365d}
)");
    const auto pipeline = MakePipeline(config);
    Collect sink;
    DriveText(*pipeline, config, Visits(12'000), sink);
    const experiments::MethodFacts& facts =
        experiments::FactsOf(config.experiments->at(0).options.metrics[0].method.value());
    EXPECT_EQ(facts.name, method);
    const std::vector<std::string> rows = LinesOf(sink.all.metrics);
    const auto look = boost::json::parse(rows.back());
    const auto& of = [&](size_t i) { return look.at("comparisons").at(i).as_object(); };
    EXPECT_EQ(of(0).at("method").as_string(), facts.title);
    const bool always = facts.watching == experiments::Watching::kAlways;
    EXPECT_EQ(of(0).at("watchable").as_bool(), always);
    EXPECT_EQ(of(0).contains("not_watchable"), !always);
    EXPECT_FALSE(of(0).contains("withheld"));
    EXPECT_LE(of(0).at("decision_p").to_number<double>(), 1);
    EXPECT_THAT(std::string(of(1).at("not_watchable").as_string()), HasSubstr("open-ended"));
    EXPECT_THAT(std::string(of(1).at("method").as_string()), HasSubstr("provisional"));
    EXPECT_THAT(std::string(of(2).at("withheld").as_string()), HasSubstr("fewer than 100 units"));
    const auto table = experiments::Table(*pipeline->Experiments().at(0),
                                          pipeline->Experiments().at(0)->Peek(pipeline->now()));
    EXPECT_THAT(table, HasSubstr(std::string(facts.title)));
    EXPECT_THAT(table, HasSubstr("may NOT be watched: an open-ended metric"));
  }
}

TEST(PipelineExperiments, OneMayBeAddedAndRemovedButNotChanged) {
  const Config two = Parse(std::string(kHead) + One("offer") + One("banner"));
  const Config one = Parse(std::string(kHead) + One("offer"));
  std::string changed = std::string(kHead) + One("offer");
  changed.replace(changed.find("planned: 8000"), 13, "planned: 9000");
  const auto added = CompareShapes(one.shape, two.shape);
  ASSERT_TRUE(added.ok()) << added.status().message();
  EXPECT_THAT(added->at(0), HasSubstr("banner is new"));
  const auto removed = CompareShapes(two.shape, one.shape);
  ASSERT_TRUE(removed.ok());
  EXPECT_THAT(removed->at(0), HasSubstr("banner is gone"));
  EXPECT_FALSE(CompareShapes(one.shape, Parse(changed).shape).ok());

  const std::string visits = Visits(3'000);
  Collect sink;
  MemoryStore store;
  const auto before = MakePipeline(one);
  before->Track(store);
  DriveText(*before, one, visits, sink);
  SaveTo(store, *before);
  const auto after = MakePipeline(two);
  LoadFrom(store, *after);
  const int64_t units = before->Experiments()[0]->ledger().units();
  EXPECT_GT(units, 0);
  EXPECT_EQ(after->Experiments()[0]->ledger().units(), units);
  EXPECT_EQ(after->Experiments()[1]->ledger().units(), 0);

  // Without it, its units go with the next snapshot; and one of that name then begins anew.
  const auto items = [&] {
    size_t count = 0;
    EXPECT_TRUE(store
                    .Scan(Family::kWindows, {},
                          [&](std::string_view, std::string_view) {
                            ++count;
                            return Status::Ok();
                          })
                    .ok());
    return static_cast<int64_t>(count);
  };
  EXPECT_EQ(items(), units);
  const Config other = Parse(std::string(kHead) + One("banner"));
  const auto without = MakePipeline(other);
  LoadFrom(store, *without);
  SaveTo(store, *without);
  EXPECT_EQ(items(), 0);
  const auto anew = MakePipeline(two);
  LoadFrom(store, *anew);
  EXPECT_EQ(anew->Experiments()[0]->ledger().units(), 0);
}

TEST(PipelineExperiments, TenTimesMoreUnitsThanMemoryAllowsGiveTheSameNumbersAndDigest) {
  const Config config = Parse(std::string(kHead) + One("offer") + One("banner"));
  const std::string visits = Visits(30'000);
  Collect whole_sink, sink;
  const auto whole = MakePipeline(config);
  DriveText(*whole, config, visits, whole_sink);
  const size_t memory = whole->WindowBytes() / 10;
  ASSERT_GT(whole->Experiments()[0]->ledger().units(), 1000);

  MemoryStore store;
  auto small = MakePipeline(config);
  small->Track(store);
  Position position;
  size_t most = 0, round = 0;
  for (bool end = false; !end;) {
    const DriveResult driven = DriveText(*small, config, visits, sink, {}, position, 1000);
    position = driven.position;
    end = driven.at_end;
    SaveTo(store, *small);
    for (int i = 0; i < 10; ++i) small->EvictWindows(memory);
    most = std::max(most, small->WindowBytes());
    if (++round % 7 != 0) continue;
    small = MakePipeline(config);
    LoadFrom(store, *small, memory);
    EXPECT_TRUE(small->has_cold_keys());
  }
  EXPECT_LE(most, memory + memory / 8);
  EXPECT_TRUE(small->status().ok());
  EXPECT_EQ(small->Digest(), whole->Digest());
  EXPECT_EQ(sink.all.metrics, whole_sink.all.metrics);
  EXPECT_EQ(sink.all.events, whole_sink.all.events);
}

TEST(PipelineExperiments, MistakesAreNamedWithTheirPlace) {
  const auto parsed = ParseConfig(std::string(kHead) + R"(
  own:
    unit: revenue
    variants: {a: 1, b: 0}
    expose: bougt
    metrics:
      spent: {type: ratio, of: revenue}
      harm: {of: errors, role: guardrail}
)",
                                  "test.yaml");
  ASSERT_FALSE(parsed.ok());
  const std::string message(parsed.status().message());
  EXPECT_THAT(message, HasSubstr("experiments.own.unit"));
  EXPECT_THAT(message, HasSubstr("experiments.own.variants.b"));
  EXPECT_THAT(message, HasSubstr("did you mean 'bought'?"));
  EXPECT_THAT(message, HasSubstr("expected `per`"));
  EXPECT_THAT(message, HasSubstr("needs a `window`"));
}

}  // namespace
}  // namespace leat
