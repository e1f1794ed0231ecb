#include "record/number.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdlib>
#include <string>

#include "base/hash.h"

namespace leat {
namespace {

TEST(ParseNumber, ReadsTheUsualForms) {
  const std::pair<const char*, double> cases[] = {
      {"0", 0.0},
      {"7", 7.0},
      {"42", 42.0},
      {"-3", -3.0},
      {"0.5", 0.5},
      {".5", 0.5},
      {"5.", 5.0},
      {"57.16", 57.16},
      {"1234", 1234.0},
      {"12.34", 12.34},
      {"0.056443", 0.056443},
      {"-0.25", -0.25},
      {"12345678", 1.2345678e7},
      {"1e3", 1000.0},
      {"2.5E-3", 0.0025},
      {"+1.5", 1.5},
      {"1e-400", 0.0},
      {"0.8333326999999999", 0.8333326999999999},
      {"59.629630000000006", 59.629630000000006},
      {"9007199254740993", 9007199254740992.0},
  };
  for (const auto& [text, expected] : cases) {
    double value = -1;
    EXPECT_EQ(ParseNumber(text, value), NumberText::kOk) << text;
    EXPECT_EQ(value, expected) << text;
  }
}

TEST(ParseNumber, KeepsTheSignOfZero) {
  double value = 1;
  ASSERT_EQ(ParseNumber("-0", value), NumberText::kOk);
  EXPECT_TRUE(std::signbit(value));
}

TEST(ParseNumber, TellsNotFiniteFromBad) {
  for (const char* text : {"nan", "NaN", "inf", "-inf", "Infinity", "+inf", "1e999", "-1e400"}) {
    double value = 5;
    EXPECT_EQ(ParseNumber(text, value), NumberText::kNotFinite) << text;
    EXPECT_EQ(value, 5) << text;
  }
  for (const char* text :
       {"",      ".",    "-",    "+",     "-.",       "e5",       "1e",       "1e+",     "1.2.3",
        "1..2",  "....", "1,5",  "1 ",    " 1",       "--1",      "+-1",      "++1",     "0x10",
        "1_000", "12a4", "abcd", "12:45", "12/45678", "1.2.3456", "a1234567", "1234567a"}) {
    double value = 5;
    EXPECT_EQ(ParseNumber(text, value), NumberText::kBad) << text;
    EXPECT_EQ(value, 5) << text;
  }
}

// The short way must round like the C library for every length and place of the point.
TEST(ParseNumber, AgreesWithTheLibraryBitForBit) {
  uint64_t checked = 0;
  for (uint64_t i = 0; i < 60000; ++i) {
    const uint64_t bits = Mix64(i);
    const size_t length = 1 + bits % 17;
    std::string text;
    for (size_t j = 0; j < length; ++j) {
      text += static_cast<char>('0' + Mix64(bits + j) % 10);
    }
    if (const size_t point = (bits >> 8) % (length + 4); point <= length)
      text.insert(point, 1, '.');
    if (text == ".") continue;
    if ((bits >> 16) % 4 == 0) text.insert(0, 1, '-');
    double value = 0;
    ASSERT_EQ(ParseNumber(text, value), NumberText::kOk) << text;
    ASSERT_EQ(std::bit_cast<uint64_t>(value),
              std::bit_cast<uint64_t>(std::strtod(text.c_str(), nullptr)))
        << text;
    ++checked;
  }
  EXPECT_GT(checked, 59000u);
}

// Any byte in any place of a short number: taken exactly if the slow way takes it, with its value.
TEST(ParseNumber, ShortWayTakesNothingThatTheLongWayRefuses) {
  for (size_t length = 1; length <= 9; ++length) {
    for (size_t place = 0; place < length; ++place) {
      for (int byte = 0; byte < 256; ++byte) {
        std::string text = std::string("1.3456789").substr(0, length);
        text[place] = static_cast<char>(byte);
        double fast = 0;
        double slow = 0;
        const NumberText expected = ParseNumberSlow(text, slow);
        ASSERT_EQ(ParseNumber(text, fast), expected) << text;
        if (expected == NumberText::kOk) {
          ASSERT_EQ(fast, slow) << text;
        }
      }
    }
  }
}

}  // namespace
}  // namespace leat
