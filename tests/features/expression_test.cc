#include "features/expression.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>

#include "base/random.h"

namespace leat::features {
namespace {

using testing::HasSubstr;

const double kNan = std::numeric_limits<double>::quiet_NaN();

// a b c are slots 0..2, channel (a category) is 3, card (an id) 4, time 5.
ExpressionScope Scope() {
  ExpressionScope scope;
  scope.names = {"a", "b", "c", "channel", "card", "time", "amount_mean", "odd name"};
  scope.find = [names = scope.names](std::string_view name) -> std::optional<Variable> {
    for (uint32_t i = 0; i < names.size(); ++i) {
      if (names[i] != name) continue;
      return Variable{i, i == 3   ? VariableKind::kCategory
                         : i == 4 ? VariableKind::kId
                                  : VariableKind::kNumber};
    }
    return std::nullopt;
  };
  scope.code_of = [](uint32_t, std::string_view text) -> Result<double> {
    if (text == "never") return Status::Invalid("'never' is not allowed");
    return text == "web" ? 0.0 : 1.0;
  };
  scope.allow_label = true;
  return scope;
}

double Eval(std::string_view text, double a = 0, double b = 0, double c = 0) {
  auto compiled = Expression::Compile(text, Scope());
  EXPECT_TRUE(compiled.ok()) << text << ": " << compiled.status().message();
  if (!compiled.ok()) return -12345;
  const std::array<double, 8> slots = {a, b, c, 0, kNan, 1'700'000'000, 0, 42};
  return compiled->Evaluate(slots.data(), 1);
}

std::string Error(std::string_view text) {
  auto compiled = Expression::Compile(text, Scope());
  return compiled.ok() ? "accepted" : std::string(compiled.status().message());
}

TEST(Expression, FollowsTheUsualPrecedence) {
  EXPECT_EQ(Eval("1 + 2 * 3"), 7);
  EXPECT_EQ(Eval("2 ^ 3 ^ 2"), 512);
  EXPECT_EQ(Eval("-2 ^ 2"), -4);
  EXPECT_EQ(Eval("(1 + 2) * 3 % 5"), 4);
  EXPECT_EQ(Eval("-7 % 5"), -2);
  EXPECT_EQ(Eval("1 < 2 and 2 < 1"), 0);
  EXPECT_EQ(Eval("1 < 2 or 2 < 1 and 0"), 1);
  EXPECT_EQ(Eval("a > 1 && !b || c", 2, 0, 0), 1);
  EXPECT_EQ(Eval("a + b > c", 1, 1, 1), 1);
}

TEST(Expression, NotBindsLooserThanComparisonAndBangTighter) {
  EXPECT_EQ(Eval("not a > 5", 3), 1);  // not (3 > 5)
  EXPECT_EQ(Eval("!a > 5", 3), 0);     // (!3) > 5
  EXPECT_EQ(Eval("not a > 5 and b", 3, 0), 0);
  EXPECT_EQ(Eval("not a", 0), 1);
  EXPECT_EQ(Eval("not label"), 0);
}

TEST(Expression, ChoosesByConditionEvenNested) {
  EXPECT_EQ(Eval("a ? 1 : 2", 5), 1);
  EXPECT_EQ(Eval("a ? 1 : 2", 0), 2);
  EXPECT_EQ(Eval("a > 1 ? b > 1 ? 11 : 12 : 2", 2, 0), 12);
  EXPECT_EQ(Eval("a > 1 ? 1 : b > 1 ? 21 : 22", 0, 5), 21);
  EXPECT_EQ(Eval("1 + (a ? 1 : 2) * 10", 1), 11);
  EXPECT_EQ(Eval("max(a ? 1 : 2, b ? 3 : 4)", 1, 0), 4);
}

TEST(Expression, HasItsFunctions) {
  EXPECT_DOUBLE_EQ(Eval("log1p(a)", 1), std::log(2));
  EXPECT_DOUBLE_EQ(Eval("exp(log(a))", 3), 3);
  EXPECT_EQ(Eval("sqrt(a) + abs(b)", 9, -4), 7);
  EXPECT_EQ(Eval("clip(a, 0, 1) + clip(b, 0, 1)", 5, -5), 1);
  EXPECT_EQ(Eval("min(a, b, c) * 100 + max(a, b, c)", 1, 2, 3), 103);
  EXPECT_EQ(Eval("floor(a)", -1.5), -2);
  EXPECT_NEAR(Eval("sine(a, 4)", 1), 1, 1e-15);
  EXPECT_NEAR(Eval("cosine(a, 4)", 2), -1, 1e-15);
}

TEST(Expression, KnowsTheCalendar) {
  // 1 700 000 000 is Tuesday, 2023-11-14 22:13:20 UTC.
  EXPECT_EQ(Eval("hour(time)"), 22);
  EXPECT_EQ(Eval("weekday(time)"), 1);
  EXPECT_EQ(Eval("month(time)"), 11);
  EXPECT_EQ(Eval("day(time)"), 14);
  EXPECT_EQ(Eval("weekday(a)", 0), 3);                   // 1970-01-01, Thursday.
  EXPECT_EQ(Eval("month(a) * 100 + day(a)", -1), 1231);  // 1969-12-31.
  EXPECT_EQ(Eval("hour(a)", -1), 23);
  EXPECT_EQ(Eval("month(a) * 100 + day(a)", 951'782'400), 229);  // 2000-02-29.
  EXPECT_NEAR(Eval("sin_of_day(a)", 6 * 3600), 1, 1e-15);
  EXPECT_NEAR(Eval("cos_of_day(a)", 12 * 3600), -1, 1e-15);
  EXPECT_NEAR(Eval("cos_of_week(a)", 4 * 86'400), 1, 1e-12);  // 1970-01-05, a Monday.
  EXPECT_NEAR(Eval("sin_of_week(a)", 4 * 86'400), 0, 1e-12);
}

TEST(Expression, MissingIsContagiousInArithmeticAndFalseInConditions) {
  EXPECT_TRUE(std::isnan(Eval("a + 1", kNan)));
  EXPECT_TRUE(std::isnan(Eval("min(a, b)", kNan, 1)));
  EXPECT_TRUE(std::isnan(Eval("max(b, a)", kNan, 1)));
  EXPECT_TRUE(std::isnan(Eval("clip(a, 0, 1)", kNan)));
  for (const char* op : {"<", "<=", ">", ">=", "==", "!="}) {
    EXPECT_EQ(Eval(std::string("a ") + op + " b", kNan, 1), 0) << op;
    EXPECT_EQ(Eval(std::string("(a + 0) ") + op + " (b + 0)", kNan, 1), 0) << op;
  }
  EXPECT_EQ(Eval("a ? 1 : 2", kNan), 2);
  EXPECT_EQ(Eval("a and 1", kNan), 0);
  EXPECT_EQ(Eval("a or 1", kNan), 1);
  EXPECT_EQ(Eval("not a", kNan), 1);
  EXPECT_EQ(Eval("is_missing(a) + is_missing(b)", kNan, 1), 1);
  EXPECT_EQ(Eval("coalesce(a, b)", kNan, 7), 7);
  EXPECT_EQ(Eval("coalesce(1 / b, 7)", 0, 0), 7);
}

TEST(Expression, WhatIsNotFiniteIsMissing) {
  EXPECT_TRUE(std::isnan(Eval("1 / a", 0)));
  EXPECT_TRUE(std::isnan(Eval("a / b", 1, 0)));
  EXPECT_TRUE(std::isnan(Eval("log(a)", 0)));
  EXPECT_TRUE(std::isnan(Eval("sqrt(a)", -1)));
  EXPECT_TRUE(std::isnan(Eval("exp(a * 1000)", 1)));
}

TEST(Expression, ComparesCategoriesWithQuotedTexts) {
  EXPECT_EQ(Eval("channel == \"web\""), 1);
  EXPECT_EQ(Eval("'shop' != channel"), 1);
  EXPECT_EQ(Eval("channel == \"shop\" ? 5 : 6"), 6);
  EXPECT_EQ(Eval("is_missing(channel)"), 0);
  EXPECT_THAT(Error("channel == \"never\""), HasSubstr("'never' is not allowed"));
  EXPECT_THAT(Error("a == \"web\""), HasSubstr("column 6"));
  EXPECT_THAT(Error("channel + 1"), HasSubstr("the category 'channel' can only be compared"));
  EXPECT_THAT(Error("channel > \"web\""), HasSubstr("column"));
  EXPECT_THAT(Error("channel"), HasSubstr("category"));
  EXPECT_THAT(Error("card == 5"), HasSubstr("'card' is an id"));
}

TEST(Expression, QuotesOddNames) { EXPECT_EQ(Eval("`odd name` + 1"), 43); }

TEST(Expression, ErrorsNameTheColumnAndTheNearestName) {
  EXPECT_EQ(Error("1 + amuont_mean"),
            "column 5: unknown name 'amuont_mean' (did you mean 'amount_mean'?)");
  EXPECT_EQ(Error("log2p(a)"), "column 1: unknown function 'log2p' (did you mean 'log1p'?)");
  EXPECT_EQ(Error("a +"), "column 4: the expression ends too early");
  EXPECT_EQ(Error("(a + 1"), "column 1: '(' is not closed");
  EXPECT_EQ(Error("a)"), "column 2: ')' without '('");
  EXPECT_EQ(Error("a = 1"), "column 3: '=' does not compare; use '=='");
  EXPECT_EQ(Error("clip(a, 1)"), "column 1: clip() takes 3 arguments, found 2");
  EXPECT_EQ(Error("a, b"), "column 2: a comma belongs between the arguments of a function");
  EXPECT_EQ(Error("a $ b"), "column 3: '$' has no meaning here");
  EXPECT_EQ(Error("5x"), "column 1: '5x' is neither a number nor a name");
  EXPECT_EQ(Error("channel == \"web"), "column 12: \" is not closed");
  EXPECT_EQ(Error(""), "the expression is empty");
  EXPECT_THAT(Error("a b"), HasSubstr("column 3"));
  EXPECT_THAT(Error("a ? b"), HasSubstr("'?'"));
  EXPECT_THAT(Error("log + 1"), HasSubstr("'log' is a function; write log(...)"));
  EXPECT_THAT(Error("rnd(1)"), HasSubstr("unknown function"));
  EXPECT_THAT(Error(std::string(500, '(')), HasSubstr("too deeply nested"));
}

TEST(Expression, LabelIsRefusedWhereItIsNotKnown) {
  ExpressionScope scope = Scope();
  scope.allow_label = false;
  auto compiled = Expression::Compile("a + label", scope);
  ASSERT_FALSE(compiled.ok());
  EXPECT_THAT(std::string(compiled.status().message()), HasSubstr("column 5: 'label' may be used"));
}

TEST(Expression, ListsItsSlotsAndCanBeMoved) {
  auto compiled = Expression::Compile("c * a + c > label", Scope());
  ASSERT_TRUE(compiled.ok());
  EXPECT_THAT(compiled->slots(), testing::ElementsAre(0, 2));
  EXPECT_TRUE(compiled->uses_label());
  compiled->Remap({1, 9, 0, 9, 9, 9, 9, 9});
  const std::array<double, 2> moved = {3, 2};  // c, a
  EXPECT_EQ(compiled->Evaluate(moved.data(), 8.5), 1);
  EXPECT_EQ(compiled->Evaluate(moved.data(), 9), 0);
}

TEST(Expression, SimpleShapesGiveWhatTheParserGives) {
  std::vector<std::string> texts = {"a",     "5",   "-2.5",     "label",
                                    "not a", "! a", "log1p(a)", "not is_missing(a)"};
  const std::vector<std::string> operands = {"a",     "b",       "3",      "-1",
                                             "label", "hour(a)", "abs(b)", "is_missing(a)"};
  for (const char* op : {"+", "-", "*", "/", "%", "<", "<=", ">", ">=", "==", "!=", "and", "or"}) {
    for (const std::string& left : operands) {
      for (const std::string& right : operands) texts.push_back(left + " " + op + " " + right);
    }
  }
  const std::vector<double> values = {0, -0.0, 1, -1, 3, 1e300, -1e300, 1e-300, 0.1, kNan, 86'399};
  CounterRandom random(1, 2);
  for (const std::string& text : texts) {
    auto compiled = Expression::Compile(text, Scope());
    ASSERT_TRUE(compiled.ok()) << text << ": " << compiled.status().message();
    ASSERT_TRUE(compiled->is_simple()) << text;
    for (double a : values) {
      for (double b : values) {
        const std::array<double, 8> slots = {a, b, random.Normal(), 0, 0, 0, 0, 0};
        const double fast = compiled->Evaluate(slots.data(), b);
        const double parsed = compiled->EvaluateParsed(slots.data(), b);
        ASSERT_TRUE(fast == parsed || (std::isnan(fast) && std::isnan(parsed)))
            << text << " with a = " << a << ", b = " << b << ": " << fast << " and " << parsed;
      }
    }
  }
}

TEST(Expression, LongerOnesAreNotSimple) {
  for (const char* text : {"a + b + c", "log1p(a + b)", "a ? b : c", "(a)", "not a > 5", "a ^ 2"}) {
    auto compiled = Expression::Compile(text, Scope());
    ASSERT_TRUE(compiled.ok()) << text;
    EXPECT_FALSE(compiled->is_simple()) << text;
  }
}

}  // namespace
}  // namespace leat::features
