#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/features/events.h"

namespace leat {
namespace {

using testing::HasSubstr;

TEST(FeatureGraph, LaysOutFieldsThenTimeThenFeatures) {
  Graph g({Expr("log_amount", "log1p(amount)"), Expr("night", "hour(time) < 6")});
  EXPECT_THAT(g->slot_names(), testing::ElementsAre("customer", "terminal", "amount", "channel",
                                                    "time", "log_amount", "night"));
  g.Step(Card(3600, "c", "t", std::exp(1.0) - 1));
  EXPECT_TRUE(std::isnan(g.Get("customer")));
  EXPECT_EQ(g.Get("channel"), 0);
  EXPECT_EQ(g.Get("time"), 3600);
  EXPECT_DOUBLE_EQ(g.Get("log_amount"), 1);
  EXPECT_EQ(g.Get("night"), 1);
  EXPECT_TRUE(g->IsCategory(3));
  EXPECT_FALSE(g->IsCategory(2));
  EXPECT_TRUE(g->IsId(0));
}

TEST(FeatureGraph, CodesCategoriesInOrderOfAppearanceAfterConstants) {
  Graph g({Expr("is_shop", "channel == \"shop\"")});
  g.Step(Card(0, "c", "t", 1, "web"));
  EXPECT_EQ(g.Get("channel"), 1);  // The constant came first.
  EXPECT_EQ(g.Get("is_shop"), 0);
  g.Step(Card(1, "c", "t", 1, "shop"));
  EXPECT_EQ(g.Get("channel"), 0);
  EXPECT_EQ(g.Get("is_shop"), 1);
  g.Step(Card(2, "c", "t", 1, ""));
  EXPECT_TRUE(std::isnan(g.Get("channel")));
  EXPECT_EQ(g->CategoryName(3, 1), "web");
}

TEST(FeatureGraph, SharesOneCodeBeyondMaxCategories) {
  FeatureOptions options;
  options.max_categories = 2;
  Graph g({}, options);
  EXPECT_EQ(g.Take(Card(0, "c", "t", 1, "a"), "channel"), 0);
  EXPECT_EQ(g.Take(Card(0, "c", "t", 1, "b"), "channel"), 1);
  EXPECT_EQ(g.Take(Card(0, "c", "t", 1, "c"), "channel"), 2);
  EXPECT_EQ(g.Take(Card(0, "c", "t", 1, "d"), "channel"), 2);
  EXPECT_EQ(g.Take(Card(0, "c", "t", 1, "a"), "channel"), 0);
}

TEST(FeatureGraph, ReportsAllProblemsAtOnce) {
  std::vector<FeatureError> errors;
  auto created = FeatureGraph::Create(
      CardSchema(),
      {Expr("x", "amuont + 1"), Expr("y", "x + label"),
       Window("z", Aggregate::kMean, "amount", kHour, {"custmer"}),
       Window("w", Aggregate::kDistinct, "amount", 0), Window("v", Aggregate::kSum, "", kHour),
       Expr("amount", "1"), Window("u", Aggregate::kCount, "", kHour, {"amount"})},
      {}, &errors);
  ASSERT_FALSE(created.ok());
  ASSERT_EQ(errors.size(), 7u);
  EXPECT_EQ(errors[0].feature, "x");
  EXPECT_THAT(errors[0].message, HasSubstr("did you mean 'amount'?"));
  EXPECT_THAT(errors[1].message, HasSubstr("'label' may be used only inside an aggregate"));
  EXPECT_THAT(errors[2].message, HasSubstr("did you mean 'customer'?"));
  EXPECT_THAT(errors[3].message, HasSubstr("distinct needs over"));
  EXPECT_THAT(errors[4].message, HasSubstr("needs an expression"));
  EXPECT_THAT(errors[5].message, HasSubstr("has this name"));
  EXPECT_THAT(errors[6].message, HasSubstr("neither id nor category"));
  EXPECT_THAT(std::string(created.status().message()), HasSubstr("feature 'x'"));
}

TEST(FeatureGraph, SeesOnlyEarlierFeatures) {
  EXPECT_THAT(Refusal({Expr("x", "y + 1"), Expr("y", "amount")}), HasSubstr("unknown name 'y'"));
  EXPECT_THAT(Refusal({Expr("x", "x + 1")}), HasSubstr("unknown name 'x'"));
}

TEST(FeatureGraph, RefusesIdsOutsideKeysAndDistinct) {
  EXPECT_THAT(Refusal({Expr("x", "customer")}), HasSubstr("id"));
  EXPECT_THAT(Refusal({Window("x", Aggregate::kLast, "terminal", 0)}), HasSubstr("distinct"));
  EXPECT_THAT(Refusal({Window("x", Aggregate::kMean, "channel", 0)}), HasSubstr("category"));
}

TEST(FeatureGraph, KeepsNothingWithoutLabelWindows) {
  Graph g({Window("n", Aggregate::kCount, "", kHour)});
  EXPECT_EQ(g->label_payload_size(), 0u);
  g->OnLabel(EventTime{0}, 1, {});  // Must be harmless.
}

TEST(FeatureGraph, RunsTheExampleOfTheDesign) {
  Graph g({Expr("log_amount", "log1p(amount)"),
           Window("customer_mean_7d", Aggregate::kMean, "amount", 7 * kDay),
           Window("customer_count_1d", Aggregate::kCount, "", kDay),
           Expr("amount_ratio", "amount / customer_mean_7d"),
           Window("big_14d", Aggregate::kCount, "", 14 * kDay, {"customer"}, "amount_ratio > 2.2"),
           Window("terminal_risk_28d", Aggregate::kMean, "label", 28 * kDay, {"terminal"}),
           Window("terminal_fraud_run", Aggregate::kRun, "label", 0, {"terminal"}),
           Window("clean_mean", Aggregate::kMean, "amount", 90 * kDay, {"customer"}, "not label")});
  std::vector<std::pair<Record, std::vector<double>>> kept;
  for (int day = 0; day < 10; ++day) {
    const Record r = Card(day * 86'400.0, "c", "t", day == 9 ? 100 : 10);
    g.Step(r);
    kept.emplace_back(r, g.Kept(r));
    if (day >= 7) {
      const auto& [past, payload] = kept[static_cast<size_t>(day - 7)];
      g->OnLabel(past.time, day == 7 ? 1 : 0, payload);
    }
  }
  EXPECT_EQ(g.Get("customer_count_1d"), 1);
  EXPECT_DOUBLE_EQ(g.Get("customer_mean_7d"), 160.0 / 7);
  EXPECT_EQ(g.Get("big_14d"), 1);
  EXPECT_EQ(g.Get("terminal_risk_28d"), 0.5);  // Days 0 and 1 are known when day 9 is scored.
  EXPECT_EQ(g.Get("terminal_fraud_run"), 0);
  EXPECT_EQ(g.Get("clean_mean"), 10);
}

TEST(FeatureGraph, MemoryFollowsTheNumberOfKeys) {
  Graph g({Window("n", Aggregate::kCount, "", kDay),
           Window("d", Aggregate::kDistinct, "amount", kDay),
           Window("mean", Aggregate::kMean, "amount", kDay)});
  const size_t empty = g->MemoryBytes();
  for (int i = 0; i < 10'000; ++i) g.Step(Card(i * 0.1, std::to_string(i), "t", i));
  const size_t full = g->MemoryBytes();
  // A key: its block (at least 64 bytes), four rows of two doubles, a set of one value.
  EXPECT_GT(full - empty, 10'000u * (64 + 64 + 16));
  EXPECT_LT(full - empty, 10'000u * 700);
}

}  // namespace
}  // namespace leat
