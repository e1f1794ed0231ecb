/// Requests for labels: they keep to the budget and go where they are needed.
#include "models/active/label_requests.h"

#include <gtest/gtest.h>

#include <string>

#include "base/random.h"
#include "models/model_test.h"

namespace leat {
namespace {

AskOptions Options(Ask ask, double budget = 0.1) {
  AskOptions options;
  options.ask = ask;
  options.budget = budget;
  return options;
}

/// How sure a model of two classes is of record i: hardly ever less than 0.9.
double Confidence(uint64_t i) {
  CounterRandom random(3, 9, i * 4);
  return random.Uniform() < 0.2 ? random.Uniform(0.5, 0.9) : random.Uniform(0.9, 1);
}

class EveryStrategy : public testing::TestWithParam<Ask> {};

TEST_P(EveryStrategy, KeepsToTheBudget) {
  for (const double budget : {0.01, 0.1, 0.4}) {
    LabelRequests requests(Options(GetParam(), budget));
    for (uint64_t i = 0; i < 20'000; ++i) requests.Decide(Confidence(i));
    EXPECT_EQ(requests.seen(), 20'000u);
    // The fading share may pass the budget by one request of a hundred records.
    EXPECT_LE(static_cast<double>(requests.requested()), 20'000 * (budget + 0.011));
    EXPECT_LE(requests.spent(), budget + 0.011);
    EXPECT_GT(requests.requested(), 40u);
  }
}

TEST_P(EveryStrategy, AsksOfAModelThatIsSureOfNothing) {
  LabelRequests requests(Options(GetParam(), 0.5));
  uint64_t asked = 0;
  for (int i = 0; i < 1000; ++i) asked += requests.Decide(0) ? 1 : 0;
  EXPECT_GT(asked, 250u);
}

TEST_P(EveryStrategy, ContinuesBitEqualAfterLoading) {
  LabelRequests whole(Options(GetParam()));
  for (uint64_t i = 0; i < 700; ++i) {
    const bool asked = whole.Decide(Confidence(i));
    EXPECT_EQ(whole.MayLearn(asked), asked);
  }
  StateWriter out;
  whole.Save(out);
  LabelRequests loaded(Options(GetParam()));
  StateReader in(out.bytes());
  ASSERT_TRUE(loaded.Load(in).ok());
  EXPECT_TRUE(in.AtEnd());
  EXPECT_EQ(loaded.learnt() + loaded.not_asked(), 700u);
  EXPECT_EQ(loaded.learnt(), loaded.requested());
  for (uint64_t i = 700; i < 3000; ++i) {
    ASSERT_EQ(whole.Decide(Confidence(i)), loaded.Decide(Confidence(i))) << i;
  }
  StateWriter a, b;
  whole.Save(a);
  loaded.Save(b);
  EXPECT_EQ(a.bytes(), b.bytes());
  for (size_t cut = 0; cut < out.bytes().size(); ++cut) {
    StateReader less(std::string_view(out.bytes()).substr(0, cut));
    EXPECT_EQ(loaded.Load(less).code(), StatusCode::kCorrupt);
  }
}

INSTANTIATE_TEST_SUITE_P(Ask, EveryStrategy,
                         testing::Values(Ask::kRandom, Ask::kFixed, Ask::kVariable,
                                         Ask::kRandomized, Ask::kSplit),
                         [](const auto& item) { return std::string(NameOf(item.param)); });

TEST(LabelRequests, FixedAsksBelowItsThresholdOnly) {
  LabelRequests requests(Options(Ask::kFixed, 1));
  EXPECT_TRUE(requests.Decide(0.89));
  EXPECT_FALSE(requests.Decide(0.9));
  EXPECT_FALSE(requests.Decide(1));
}

TEST(LabelRequests, AVariableThresholdFallsWithEachRequestAndElseRises) {
  AskOptions options = Options(Ask::kVariable, 1);
  options.step = 0.5;
  LabelRequests requests(options);
  EXPECT_TRUE(requests.Decide(0.9));   // Below 1; then the threshold is 0.5.
  EXPECT_FALSE(requests.Decide(0.6));  // 0.75.
  EXPECT_TRUE(requests.Decide(0.7));   // 0.375.
  EXPECT_FALSE(requests.Decide(0.7));
}

TEST(LabelRequests, SpendMostOnWhatIsLeastSure) {
  LabelRequests variable(Options(Ask::kVariable)), random(Options(Ask::kRandom));
  double unsure = 0, by_chance = 0;
  for (uint64_t i = 0; i < 20'000; ++i) {
    const double confidence = Confidence(i);
    if (variable.Decide(confidence)) unsure += confidence < 0.9 ? 1 : 0;
    if (random.Decide(confidence)) by_chance += confidence < 0.9 ? 1 : 0;
  }
  // A fifth of the records are unsure.
  EXPECT_NEAR(by_chance / static_cast<double>(random.requested()), 0.2, 0.03);
  EXPECT_GT(unsure / static_cast<double>(variable.requested()), 0.37);
}

TEST(LabelRequests, SplitAlsoLooksWhereTheModelIsSure) {
  LabelRequests variable(Options(Ask::kVariable)), split(Options(Ask::kSplit));
  uint64_t sure_by_variable = 0, sure_by_split = 0;
  for (uint64_t i = 0; i < 20'000; ++i) {
    // Sure of every other record, and wrong perhaps: only chance would tell.
    const double confidence = i % 2 == 0 ? 1 : 0.6;
    if (variable.Decide(confidence)) sure_by_variable += i % 2 == 0 ? 1 : 0;
    if (split.Decide(confidence)) sure_by_split += i % 2 == 0 ? 1 : 0;
  }
  EXPECT_GT(sure_by_split, 3 * sure_by_variable);
}

TEST(LabelRequests, BudgetIsThatOfThePaper) {
  // u = 0.99 u + 1 for a request: after one, 0.01 of a budget of 0.0099 is spent, and one more
  // comes once 0.01 * 0.99^n is below it: after two records.
  AskOptions options = Options(Ask::kFixed, 0.0099);
  LabelRequests requests(options);
  EXPECT_TRUE(requests.Decide(0));
  EXPECT_FALSE(requests.Decide(0));
  EXPECT_TRUE(requests.Decide(0));
}

}  // namespace
}  // namespace leat
