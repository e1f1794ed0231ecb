/// Numbers from text: decimal, correctly rounded, locale-free.
///
/// Grammar: an optional sign, digits with an optional point (at least one digit), an optional
/// exponent. NaN and infinities, and numbers too large for a double, are told apart from other bad
/// text. Cost: about a nanosecond a digit for up to 15 digits without exponent; those are exact
/// because both the digits and the power of ten are, so that one division rounds once (Clinger
/// 1990, "How to read floating point numbers accurately"). Anything else goes through fast_float.
/// Pure functions: safe from any thread.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace leat {

enum class NumberText : uint8_t {
  kOk,
  kBad,        ///< Not a number.
  kNotFinite,  ///< NaN, an infinity, or beyond the largest double.
};

/// The part of ParseNumber that takes any text.
NumberText ParseNumberSlow(std::string_view text, double& value);

namespace number_internal {

static_assert(std::endian::native == std::endian::little, "ParseShort takes words as text");

inline constexpr double kPowers[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                     1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};

/// Up to eight characters of digits and at most one point, taken as one word so that neither the
/// length nor the place of the point costs a mispredicted branch. REQUIRES 1 <= size <= 8.
[[gnu::always_inline]] inline bool ParseShort(const char* text, size_t size, double& magnitude) {
  // The last character in the highest byte, zeros padded in below the first: "0.25" is "00000.25".
  // Where the parts overlap they agree.
  const unsigned pad = 8 * static_cast<unsigned>(8 - size);
  uint64_t word = uint64_t{0x3030303030303030} & ((uint64_t{1} << pad) - 1);
  if (size >= 4) {
    uint32_t head;
    uint32_t tail;
    std::memcpy(&head, text, 4);
    std::memcpy(&tail, text + size - 4, 4);
    word |= uint64_t{tail} << 32 | uint64_t{head} << pad;
  } else {
    const auto byte = [&](size_t i) {
      return uint64_t{static_cast<uint8_t>(text[i])} << (pad + 8 * static_cast<unsigned>(i));
    };
    word |= byte(0) | byte(size / 2) | byte(size - 1);
  }

  // The lowest zero byte of `points` is the first point (higher bits may be set falsely).
  const uint64_t points = word ^ 0x2e2e2e2e2e2e2e2e;
  const uint64_t found = (points - 0x0101010101010101) & ~points & 0x8080808080808080;
  const auto at = found == 0 ? 64u : static_cast<unsigned>(std::countr_zero(found)) - 7;
  const uint64_t below = found == 0 ? ~uint64_t{0} : (uint64_t{1} << at) - 1;
  // Characters before the point move up over it, and a zero enters below them.
  word = found == 0 ? word : (word & (~below << 8)) | (word & below) << 8 | 0x30;

  word ^= 0x3030303030303030;
  if (((word + 0x7676767676767676) | word) & 0x8080808080808080) return false;
  if (size == 1 && found != 0) return false;  // A point alone.
  // Pairs of digits, then fours, then all eight: the first digit is in the lowest byte.
  word = (word * 10 + (word >> 8)) & 0x00ff00ff00ff00ff;
  word = (word * 100 + (word >> 16)) & 0x0000ffff0000ffff;
  word = (word * 10000 + (word >> 32)) & 0xffffffff;
  const unsigned fraction = found == 0 ? 0 : 7 - at / 8;
  magnitude = static_cast<double>(static_cast<int64_t>(word)) / kPowers[fraction];
  return true;
}

/// Up to 16 characters: at most 15 digits and a point, so 10^15 < 2^53 bounds the digits' value.
bool ParseLong(const char* text, size_t size, double& magnitude);

}  // namespace number_internal

/// The usual number; false leaves the text to ParseNumber. Inlined where a record's columns are
/// read.
[[gnu::always_inline]] inline bool ParseNumberFast(std::string_view text, double& value) {
  const char* p = text.data();
  const char* const end = p + text.size();
  const bool negative = !text.empty() && *p == '-';
  p += negative;
  const size_t size = static_cast<size_t>(end - p);
  double magnitude = 0;
  if (size - 1 < 8 ? !number_internal::ParseShort(p, size, magnitude)
                   : !number_internal::ParseLong(p, size, magnitude)) {
    return false;
  }
  value = negative ? -magnitude : magnitude;
  return true;
}

/// Any number; `value` is written only for kOk.
inline NumberText ParseNumber(std::string_view text, double& value) {
  return ParseNumberFast(text, value) ? NumberText::kOk : ParseNumberSlow(text, value);
}

}  // namespace leat
