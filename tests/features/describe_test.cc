// What a feature graph says of one key: as it was computed for the key's last event, and without
// changing anything.
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "tests/features/events.h"

namespace leat {
namespace {

using Key = std::vector<std::pair<std::string, std::string>>;

double ValueOf(const FeatureGraph::KeyFacts& facts, const std::string& feature) {
  for (const auto& value : facts.features) {
    if (value.feature == feature) return value.value;
  }
  ADD_FAILURE() << feature;
  return 0;
}

TEST(Describe, WindowsAreThoseOfTheLastEventOfTheKey) {
  FeatureOptions options;
  options.max_events_per_window = 16;
  const std::vector<std::string> names = {"n",    "mean",     "std", "max", "min",
                                          "last", "distinct", "run", "all"};
  Graph g(
      {Window("n", Aggregate::kCount, "", 100 * kSecond),
       Window("mean", Aggregate::kMean, "amount", 100 * kSecond),
       Window("std", Aggregate::kStd, "amount", 30 * kSecond),
       Window("max", Aggregate::kMax, "amount", 30 * kSecond),
       Window("min", Aggregate::kMin, "amount", 100 * kSecond),
       Window("last", Aggregate::kLast, "amount", 0),
       Window("distinct", Aggregate::kDistinct, "terminal", 50 * kSecond),
       Window("run", Aggregate::kRun, "amount > 3", 0), Window("all", Aggregate::kCount, "", 0)},
      options);
  CounterRandom random(7, 1);
  double time = 0;
  for (int i = 0; i < 3000; ++i) {
    const std::string customer = std::to_string(random.Uniform() < 0.5 ? 1 : i % 40);
    const std::string terminal = "t" + std::to_string(i % 7);
    g.Step(Card(time += random.Uniform(), customer, terminal, 10 * random.Uniform()));
    if (i % 50 != 0) continue;
    std::vector<double> expected;
    for (const std::string& name : names) expected.push_back(g.Get(name));
    const std::string before = g.Saved();
    const auto groups = g->Describe(Key{{"customer", customer}});
    ASSERT_TRUE(groups.ok()) << groups.status().message();
    ASSERT_EQ(groups->size(), 1u);
    const FeatureGraph::KeyFacts& facts = groups->front();
    ASSERT_TRUE(facts.known);
    EXPECT_EQ(facts.last.micros, std::llround(time * 1e6));
    EXPECT_EQ(facts.events, g.Get("n"));
    for (size_t n = 0; n < names.size(); ++n) {
      const double value = ValueOf(facts, names[n]);
      EXPECT_TRUE(value == expected[n] || (std::isnan(value) && std::isnan(expected[n])))
          << names[n] << ": " << value << ", expected " << expected[n];
    }
    EXPECT_EQ(g.Saved(), before);
  }
}

TEST(Describe, SeveralFieldsInAnyOrderTextKeysAndLabels) {
  Graph g({Window("pair", Aggregate::kCount, "", 10 * kSecond, {"customer", "terminal"}),
           Window("channel_n", Aggregate::kCount, "", 10 * kSecond, {"channel"}),
           Window("channel_last", Aggregate::kLast, "channel", 0, {"customer"}),
           Window("bad", Aggregate::kSum, "label", 10 * kSecond, {"customer"})});
  g.Step(Card(1, "anna", "t1", 5, "web"));
  const auto labelled = g.Kept(Card(1, "anna", "t1", 5, "web"));
  g.Step(Card(2, "anna", "t1", 5, "shop"));
  g.Step(Card(3, "anna", "t2", 5, "web"));
  g->OnLabel(EventTime{kSecond}, 1, labelled);

  const auto pair = g->Describe(Key{{"terminal", "t1"}, {"customer", "anna"}});
  ASSERT_TRUE(pair.ok());
  EXPECT_EQ(ValueOf(pair->front(), "pair"), 2);
  EXPECT_EQ(pair->front().last.micros, 2 * kSecond);
  EXPECT_FALSE(pair->front().labelled);

  const auto channel = g->Describe(Key{{"channel", "web"}});
  ASSERT_TRUE(channel.ok());
  EXPECT_EQ(ValueOf(channel->front(), "channel_n"), 2);

  const auto customer = g->Describe(Key{{"customer", "anna"}});
  ASSERT_TRUE(customer.ok());
  const FeatureGraph::KeyFacts& facts = customer->front();
  EXPECT_TRUE(facts.labelled);
  EXPECT_EQ(facts.labelled_events, 1u);
  EXPECT_EQ(ValueOf(facts, "bad"), 1);
  EXPECT_EQ(facts.features.front().feature, "channel_last");
  EXPECT_EQ(facts.features.front().category, "web");
  EXPECT_TRUE(g->Concerns(facts, labelled));
  EXPECT_FALSE(g->Concerns(g->Describe(Key{{"customer", "otto"}})->front(), labelled));

  EXPECT_FALSE(g->Describe(Key{{"customer", "otto"}})->front().known);
  const auto unknown = g->Describe(Key{{"amount", "5"}});
  ASSERT_FALSE(unknown.ok());
  EXPECT_NE(unknown.status().message().find("customer,terminal; channel; customer"),
            std::string::npos)
      << unknown.status().message();
}

}  // namespace
}  // namespace leat
