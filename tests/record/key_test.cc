#include <gtest/gtest.h>

#include <set>
#include <string>

#include "record/record.h"

namespace leat {
namespace {

constexpr uint64_t kHashed = uint64_t{1} << 63;

TEST(KeyOf, MapsCanonicalIntegersOneToOne) {
  EXPECT_EQ(KeyOf("0"), 1u);
  EXPECT_EQ(KeyOf("7"), 8u);
  EXPECT_EQ(KeyOf("596"), 597u);
  // 2^62 - 1 is the last integer; 2^62 is hashed.
  EXPECT_EQ(KeyOf("4611686018427387903"), uint64_t{1} << 62);
  EXPECT_NE(KeyOf("4611686018427387904") & kHashed, 0u);
  EXPECT_NE(KeyOf("9999999999999999999") & kHashed, 0u);
  EXPECT_NE(KeyOf("99999999999999999999999") & kHashed, 0u);
}

TEST(KeyOf, HashesEverythingElseApartFromIntegers) {
  const std::string texts[] = {"", "a", "00", "07", "-7", "+7", "7.0", "7 ", " 7", "1e3", "0x7"};
  std::set<uint64_t> keys;
  for (const std::string& text : texts) {
    EXPECT_NE(KeyOf(text) & kHashed, 0u) << text;
    keys.insert(KeyOf(text));
  }
  EXPECT_EQ(keys.size(), std::size(texts));
}

TEST(KeyOf, IsNeverZeroAndKeepsIntegersDistinct) {
  std::set<uint64_t> keys;
  for (int i = 0; i < 20000; ++i) keys.insert(KeyOf(std::to_string(i)));
  EXPECT_EQ(keys.size(), 20000u);
  EXPECT_EQ(keys.count(0), 0u);
}

}  // namespace
}  // namespace leat
