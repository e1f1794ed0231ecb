#include "connectors/generate/generate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <string>
#include <vector>

namespace leat {
namespace {

using testing::HasSubstr;

GenerateOptions Options(const std::string& name, int64_t rows) {
  GenerateOptions options;
  options.name = name;
  options.rows = rows;
  options.customers = 300;
  options.terminals = 400;
  options.subscribers = 50;
  return options;
}

std::vector<std::string> Rows(const GenerateOptions& options) {
  auto generator = MakeGenerator(options);
  EXPECT_TRUE(generator.ok()) << generator.status().message();
  std::vector<std::string> rows;
  std::string line;
  while (generator.ok() && (*generator)->Next(line)) rows.push_back(line);
  return rows;
}

std::vector<std::string> Split(const std::string& line) {
  std::vector<std::string> cells(1);
  for (const char c : line) {
    if (c == ',') {
      cells.emplace_back();
    } else {
      cells.back() += c;
    }
  }
  return cells;
}

double Number(const std::string& cell) { return std::strtod(cell.c_str(), nullptr); }

/// Share of rows, from `from` to `to`, for which a rule and the last cell agree.
template <typename Rule>
double Agreement(const std::vector<std::string>& rows, size_t from, size_t to, Rule&& rule) {
  double agree = 0;
  for (size_t i = from; i < to; ++i) {
    const auto cells = Split(rows[i]);
    agree += rule(cells) == (cells.back() == "1") ? 1 : 0;
  }
  return agree / static_cast<double>(to - from);
}

class EveryStream : public testing::TestWithParam<std::string_view> {
 protected:
  GenerateOptions options_ = Options(std::string(GetParam()), 2'000);
};

TEST_P(EveryStream, GivesTheRowsAskedForWithTheColumnsOfItsHeader) {
  const auto rows = Rows(options_);
  ASSERT_EQ(rows.size(), 2'000u);
  const auto generator = MakeGenerator(options_);
  ASSERT_TRUE(generator.ok());
  const size_t columns = Split((*generator)->Header()).size();
  EXPECT_GE(columns, 5u);
  for (const std::string& row : rows) EXPECT_EQ(Split(row).size(), columns) << row;
}

TEST_P(EveryStream, IsAFunctionOfItsOptions) {
  const auto rows = Rows(options_);
  EXPECT_EQ(Rows(options_), rows);
  options_.seed = 2;
  EXPECT_NE(Rows(options_), rows);
}

TEST_P(EveryStream, EventTimeNeverFallsAndBeginsAtTheStart) {
  options_.start = "2021-12-31T00:00:00Z";
  std::string last;
  for (const std::string& row : Rows(options_)) {
    const std::string time = Split(row)[1];  // Whole seconds in UTC, so text order is time order.
    ASSERT_EQ(time.size(), 20u) << time;
    EXPECT_LE(last, time);
    if (last.empty()) {
      EXPECT_THAT(time, testing::StartsWith("2021-12-31T"));
    }
    last = time;
  }
}

TEST_P(EveryStream, HasAllItsClasses) {
  if (GetParam() == "friedman") GTEST_SKIP() << "its target is a number";
  std::map<std::string, int> classes;
  options_.rows = 20'000;
  for (const std::string& row : Rows(options_)) ++classes[Split(row).back()];
  EXPECT_EQ(classes.size(), GetParam() == "led" ? 10u : GetParam() == "waveform" ? 3u : 2u);
  EXPECT_GT(classes["0"], 0);
  EXPECT_GT(classes["1"], 0);
}

TEST_P(EveryStream, AgreesWithTheUndriftedStreamBeforeAnAbruptChangeAndNotAfter) {
  options_.rows = 20'000;
  const auto plain = Rows(options_);
  options_.drift = DriftKind::kAbrupt;
  const auto drifted = Rows(options_);
  // Whole days or months keep the regime with which they began, so some rows after the middle
  // agree.
  for (size_t i = 0; i < 10'000; ++i) ASSERT_EQ(plain[i], drifted[i]) << i;
  int different = 0;
  for (size_t i = 10'000; i < 20'000; ++i) different += plain[i] != drifted[i] ? 1 : 0;
  EXPECT_GT(different, 100);
}

TEST_P(EveryStream, AgreesWithTheUndriftedStreamAgainOnceAConceptRecurs) {
  if (GetParam() == "shop" || GetParam() == "card-fraud" || GetParam() == "churn") {
    GTEST_SKIP() << "users and customers remember what was";
  }
  options_.drift = DriftKind::kRecurring;
  options_.drifts = 2;
  options_.rows = 900;
  const auto twice = Rows(options_);
  options_.drift = DriftKind::kAbrupt;
  const auto onward = Rows(options_);
  for (size_t i = 0; i < 600; ++i) ASSERT_EQ(twice[i], onward[i]) << i;
  options_.drift = DriftKind::kNone;
  const auto plain = Rows(options_);
  int same = 0;
  // Streams as published go on where the first concept was left; the others share their draws.
  for (size_t i = 600; i < 900; ++i) {
    const auto cells = [](const std::string& row) { return row.substr(row.find('Z')); };
    same += cells(twice[i]) == cells(plain[i]) || cells(twice[i]) == cells(plain[i - 300]) ? 1 : 0;
  }
  EXPECT_GT(same, 290);
}

TEST_P(EveryStream, JsonLinesHoldTheSameValues) {
  options_.rows = 10;
  options_.format = GenerateFormat::kJsonLines;
  const auto generator = MakeGenerator(options_);
  ASSERT_TRUE(generator.ok());
  EXPECT_EQ((*generator)->Header(), "");
  for (const std::string& row : Rows(options_)) {
    EXPECT_EQ(row.front(), '{');
    EXPECT_EQ(row.back(), '}');
    EXPECT_THAT(row, HasSubstr("\":"));
  }
}

std::string NameOf(const testing::TestParamInfo<std::string_view>& info) {
  std::string name(info.param);
  for (char& c : name) c = c == '-' ? '_' : c;
  return name;
}
INSTANTIATE_TEST_SUITE_P(Generate, EveryStream,
                         testing::ValuesIn(GeneratorNames().begin(), GeneratorNames().end()),
                         NameOf);

TEST(Friedman, FirstRowsAreRiversOfThatSeed) {
  const auto rows = Rows(Options("friedman", 2));
  EXPECT_EQ(Number(Split(rows[0])[2]), 0.13436424411240122);
  EXPECT_EQ(Number(Split(rows[0])[11]), 0.02834747652200631);
  EXPECT_NEAR(Number(Split(rows[0]).back()), 10.467239746900692, 1e-14);
  EXPECT_EQ(Number(Split(rows[1])[2]), 0.762280082457942);
  EXPECT_NEAR(Number(Split(rows[1]).back()), 7.555326651364556, 1e-14);
}

TEST(MoaSea, FirstRowsAreMoasOfThatSeed) {
  GenerateOptions options = Options("moa-sea", 2);
  options.noise = 0.1;
  const auto rows = Rows(options);
  EXPECT_TRUE(rows[0].ends_with("7.308781907032909,4.100808114922017,2.077148413097171,1"));
  EXPECT_TRUE(rows[1].ends_with("6.588672394716129,7.107396275716601,1.5273620134152177,1"));
}

TEST(Hyperplane, TurnsSlowlyWithASpeed) {
  GenerateOptions options = Options("hyperplane", 20'000);
  const auto still = Rows(options);
  options.speed = 0.01;
  const auto moving = Rows(options);
  const auto differing = [&](size_t from, size_t to) {
    size_t n = 0;
    for (size_t i = from; i < to; ++i) n += still[i] != moving[i] ? 1 : 0;
    return n;
  };
  EXPECT_LT(differing(0, 100), 10u);
  EXPECT_GT(differing(15'000, 20'000), 100u);
}

TEST(Noise, FlipsTheShareOfLabelsAskedFor) {
  for (const char* name : {"stagger", "rbf", "waveform"}) {
    GenerateOptions options = Options(name, 10'000);
    const auto clean = Rows(options);
    options.noise = 0.2;
    const auto noisy = Rows(options);
    double flipped = 0;
    for (size_t i = 0; i < clean.size(); ++i) {
      flipped += Split(clean[i]).back() != Split(noisy[i]).back() ? 1 : 0;
    }
    EXPECT_NEAR(flipped / 10'000, 0.2, 0.015) << name;
  }
}

TEST(Sea, LabelIsTheRuleOfTheConceptBeforeAndAfterTheChange) {
  GenerateOptions options = Options("sea", 10'000);
  options.drift = DriftKind::kAbrupt;
  const auto rows = Rows(options);
  const auto below = [](double theta) {
    return [theta](const auto& cells) { return Number(cells[2]) + Number(cells[3]) <= theta; };
  };
  EXPECT_EQ(Agreement(rows, 0, 5'000, below(8)), 1);
  EXPECT_EQ(Agreement(rows, 5'000, 10'000, below(9)), 1);
}

TEST(Sea, GradualChangeMixesBothRulesAroundTheMiddle) {
  GenerateOptions options = Options("sea", 40'000);
  options.drift = DriftKind::kGradual;
  options.drift_width = 8'000;
  const auto rows = Rows(options);
  const auto old_rule = [](const auto& cells) { return Number(cells[2]) + Number(cells[3]) <= 8; };
  // The rules differ on x1 + x2 in (8, 9], 8.5 % of the square.
  EXPECT_EQ(Agreement(rows, 0, 2'000, old_rule), 1);
  EXPECT_NEAR(Agreement(rows, 19'000, 21'000, old_rule), 1 - 0.085 / 2, 0.02);
  EXPECT_NEAR(Agreement(rows, 38'000, 40'000, old_rule), 1 - 0.085, 0.02);
}

TEST(Sea, NoiseFlipsTheShareOfLabelsAskedFor) {
  GenerateOptions options = Options("sea", 20'000);
  options.noise = 0.1;
  const auto rule = [](const auto& cells) { return Number(cells[2]) + Number(cells[3]) <= 8; };
  EXPECT_NEAR(Agreement(Rows(options), 0, 20'000, rule), 0.9, 0.01);
}

TEST(Agrawal, FirstFunctionIsTheOneOfThePaper) {
  const auto rule = [](const auto& cells) {
    return Number(cells[4]) < 40 || Number(cells[4]) >= 60;
  };
  EXPECT_EQ(Agreement(Rows(Options("agrawal", 5'000)), 0, 5'000, rule), 1);
}

TEST(Agrawal, SeventhFunctionIsDisposableIncome) {
  GenerateOptions options = Options("agrawal", 5'000);
  options.concept_index = 6;
  const auto rule = [](const auto& cells) {
    return 2 * (Number(cells[2]) + Number(cells[3])) / 3 - Number(cells[10]) / 5 - 20'000 > 0;
  };
  EXPECT_EQ(Agreement(Rows(options), 0, 5'000, rule), 1);
}

TEST(Agrawal, OnlyLowSalariesHaveACommission) {
  for (const std::string& row : Rows(Options("agrawal", 2'000))) {
    const auto cells = Split(row);
    EXPECT_EQ(Number(cells[2]) < 75'000, Number(cells[3]) > 0) << row;
  }
}

TEST(CardFraud, EveryAmountAboveTheThresholdIsFraud) {
  int above = 0;
  for (const std::string& row : Rows(Options("card-fraud", 50'000))) {
    const auto cells = Split(row);
    if (Number(cells[4]) <= 220.01) continue;
    EXPECT_EQ(cells[5], "1") << row;
    ++above;
  }
  EXPECT_GT(above, 10);
}

TEST(CardFraud, CustomersStayWithTheTerminalsNearThem) {
  GenerateOptions options = Options("card-fraud", 50'000);
  options.terminals = 4'000;
  options.radius = 3;
  std::map<std::string, std::map<std::string, int>> used;
  for (const std::string& row : Rows(options)) {
    const auto cells = Split(row);
    ++used[cells[2]][cells[3]];
  }
  // pi * 3^2 of 100^2 holds 11 of 4,000 terminals; some customers have 30, none has hundreds.
  for (const auto& [customer, terminals] : used) EXPECT_LT(terminals.size(), 40u) << customer;
}

TEST(CardFraud, FraudIsRareAndMostOfItIsOfSmallAmount) {
  GenerateOptions options = Options("card-fraud", 200'000);
  options.customers = 5'000;
  options.terminals = 10'000;
  double fraud = 0, small = 0;
  for (const std::string& row : Rows(options)) {
    const auto cells = Split(row);
    if (cells[5] != "1") continue;
    ++fraud;
    small += Number(cells[4]) <= 220 ? 1 : 0;
  }
  EXPECT_GT(fraud / 200'000, 0.002);
  EXPECT_LT(fraud / 200'000, 0.02);
  EXPECT_GT(small / fraud, 0.5);
}

TEST(Churn, SupportCallsMakeLeavingLikelier) {
  GenerateOptions options = Options("churn", 100'000);
  options.subscribers = 5'000;
  double calm = 0, calm_left = 0, troubled = 0, troubled_left = 0;
  for (const std::string& row : Rows(options)) {
    const auto cells = Split(row);
    const bool left = cells.back() == "1";
    (Number(cells[7]) >= 3 ? troubled : calm) += 1;
    (Number(cells[7]) >= 3 ? troubled_left : calm_left) += left ? 1 : 0;
  }
  EXPECT_GT(troubled_left / troubled, 3 * calm_left / calm);
}

TEST(Churn, WhoLeftDoesNotComeBack) {
  std::map<std::string, bool> left;
  for (const std::string& row : Rows(Options("churn", 20'000))) {
    const auto cells = Split(row);
    EXPECT_FALSE(left[cells[2]]) << row;
    left[cells[2]] = cells.back() == "1";
  }
}

TEST(MakeGenerator, RefusesWhatIsNotThereOrOutOfRange) {
  GenerateOptions options = Options("card-frod", 10);
  EXPECT_THAT(std::string(MakeGenerator(options).status().message()),
              HasSubstr("did you mean 'card-fraud'?"));
  options.name = "sea";
  options.rows = 0;
  EXPECT_EQ(MakeGenerator(options).status().code(), StatusCode::kInvalid);
  options.rows = 10;
  options.noise = 0.6;
  EXPECT_FALSE(MakeGenerator(options).ok());
  options.noise = 0;
  options.start = "yesterday";
  EXPECT_THAT(std::string(MakeGenerator(options).status().message()), HasSubstr("yesterday"));
}

}  // namespace
}  // namespace leat
