#include "base/exp.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "base/random.h"

namespace leat {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

/// The error of Exp(x) in units of the last place of the true value.
double Error(double x) {
  const long double truth = std::exp(static_cast<long double>(x));
  const double size = static_cast<double>(truth);
  const double unit = std::nextafter(size, kInf) - size;
  return static_cast<double>(std::fabs(static_cast<long double>(Exp(x)) - truth) /
                             static_cast<long double>(unit));
}

class ExpAgainstLongDouble : public testing::Test {
  void SetUp() override {
    if (std::numeric_limits<long double>::digits < 64) GTEST_SKIP() << "long double is double";
  }
};

TEST_F(ExpAgainstLongDouble, IsWithinItsStatedError) {
  double worst = 0;
  for (int i = -708'000; i <= 708'000; ++i) worst = std::max(worst, Error(i / 1000.0 + 1e-7 * i));
  CounterRandom random(1, 1);
  for (int i = 0; i < 1'000'000; ++i) {
    worst = std::max(worst, Error((random.Uniform() - 0.5) * 1400));
    worst = std::max(worst, Error((random.Uniform() - 0.5) * 40));
    worst = std::max(worst, Error(std::ldexp(random.Uniform() - 0.5, -i % 60)));
  }
  EXPECT_LT(worst, 0.51);
  RecordProperty("worst", std::to_string(worst));
}

TEST_F(ExpAgainstLongDouble, SubnormalResultsAreWithinOneUnit) {
  double worst = 0;
  for (int i = 0; i < 380'000; ++i) worst = std::max(worst, Error(-708 - i * 1e-4));
  for (int i = 0; i < 17'000; ++i) worst = std::max(worst, Error(708 + i * 1e-4));
  EXPECT_LT(worst, 1);
}

TEST(Exp, EndsOfTheRange) {
  EXPECT_EQ(Exp(0), 1);
  EXPECT_EQ(Exp(-0.0), 1);
  EXPECT_EQ(Exp(kInf), kInf);
  EXPECT_EQ(Exp(-kInf), 0);
  EXPECT_EQ(Exp(709.782712893384), std::exp(709.782712893384));
  EXPECT_EQ(Exp(709.79), kInf);
  EXPECT_EQ(Exp(1e300), kInf);
  EXPECT_EQ(Exp(-745.1332), 0x1p-1074);
  EXPECT_EQ(Exp(-745.14), 0);
  EXPECT_EQ(Exp(-1e300), 0);
  EXPECT_TRUE(std::isnan(Exp(std::numeric_limits<double>::quiet_NaN())));
}

TEST(Exp, HasTheSameBitsEverywhere) {
  uint64_t digest = 0;
  for (int i = -74'000; i <= 70'900; ++i) {
    digest = digest * 6364136223846793005u + std::bit_cast<uint64_t>(Exp(i * 0.01));
  }
  EXPECT_EQ(digest, 1049124293110665226u);
}

TEST(Exp, NeverFalls) {
  double before = 0;
  for (int i = -1'490'000; i <= 1'419'000; ++i) {
    const double now = Exp(i * 0.0005);
    ASSERT_GE(now, before) << i;
    before = now;
  }
}

}  // namespace
}  // namespace leat
