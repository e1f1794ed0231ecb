/// The random numbers of Python's `random.Random`, for streams that published Python programs
/// define.
///
/// Source: the Mersenne Twister MT19937 with initialisation by array (Matsumoto and Nishimura 1998,
/// and their 2002 notes on initialisation); uniform numbers of 53 bits from two words; normal
/// numbers in pairs by Box and Muller, cosine first. Bits are those of Python; a normal number may
/// differ in its last place where the C library does. Seeds are whole numbers from 0 to 2^64 - 1.
/// New parts of the engine draw from CounterRandom instead. Bytes: 2.5 KiB. Thread safety: none.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace leat {

class PythonRandom {
 public:
  explicit PythonRandom(uint64_t seed) {
    const std::array<uint32_t, 2> key = {static_cast<uint32_t>(seed),
                                         static_cast<uint32_t>(seed >> 32)};
    const size_t length = key[1] != 0 ? 2 : 1;
    words_[0] = 19650218;
    for (size_t i = 1; i < kSize; ++i) {
      words_[i] = 1812433253 * Folded(i) + static_cast<uint32_t>(i);
    }
    size_t i = 1, j = 0;
    for (size_t k = 0; k < kSize; ++k) {
      words_[i] = (words_[i] ^ (Folded(i) * 1664525)) + key[j] + static_cast<uint32_t>(j);
      j = (j + 1) % length;
      i = Following(i);
    }
    for (size_t k = 1; k < kSize; ++k) {
      words_[i] = (words_[i] ^ (Folded(i) * 1566083941)) - static_cast<uint32_t>(i);
      i = Following(i);
    }
    words_[0] = 0x80000000;
  }

  /// 32 bits.
  uint32_t Word() {
    if (next_ == kSize) Twist();
    uint32_t y = words_[next_++];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return y ^ (y >> 18);
  }
  /// Uniform in [0, 1) with 53 bits.
  double Double() {
    const uint32_t high = Word() >> 5;
    return (static_cast<double>(high) * 67108864.0 + (Word() >> 6)) / 9007199254740992.0;
  }
  /// Standard normal.
  double Gaussian() {
    if (has_second_) {
      has_second_ = false;
      return second_;
    }
    const double angle = Double() * 6.283185307179586;
    const double radius = std::sqrt(-2 * std::log(1 - Double()));
    second_ = std::sin(angle) * radius;
    has_second_ = true;
    return std::cos(angle) * radius;
  }

 private:
  static constexpr size_t kSize = 624, kShift = 397;

  uint32_t Folded(size_t i) const { return words_[i - 1] ^ (words_[i - 1] >> 30); }
  size_t Following(size_t i) {
    if (i + 1 < kSize) return i + 1;
    words_[0] = words_[kSize - 1];
    return 1;
  }
  void Twist() {
    for (size_t i = 0; i < kSize; ++i) {
      const uint32_t y = (words_[i] & 0x80000000) | (words_[(i + 1) % kSize] & 0x7fffffff);
      words_[i] = words_[(i + kShift) % kSize] ^ (y >> 1) ^ ((y & 1) != 0 ? 0x9908b0df : 0);
    }
    next_ = 0;
  }

  std::array<uint32_t, kSize> words_;
  size_t next_ = kSize;
  bool has_second_ = false;
  double second_ = 0;
};

}  // namespace leat
