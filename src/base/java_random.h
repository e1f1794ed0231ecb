/// The random numbers of java.util.Random, for streams that published Java programs define.
///
/// Source: the specification of the class in the Java platform's documentation: a linear
/// congruential generator of 48 bits (Knuth, volume 2, 3.2.1), numbers below a bound by rejection,
/// normal numbers by the polar method in pairs. Bits are those of Java; a normal number may differ
/// in its last place where the C library's log does. Poisson numbers are MOA's: by inversion, from
/// 100 on by a rounded normal. New parts of the engine draw from CounterRandom instead.
/// Cost: a few nanoseconds a draw. Thread safety: none.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace leat {

class JavaRandom {
 public:
  explicit JavaRandom(int64_t seed) : state_((static_cast<uint64_t>(seed) ^ kMultiplier) & kMask) {}

  /// Goes on from what state() gave; REQUIRES state < 2^48. A normal number held back is lost.
  static JavaRandom From(uint64_t state) {
    JavaRandom random(0);
    random.state_ = state;
    return random;
  }
  uint64_t state() const { return state_; }

  /// 32 bits.
  int32_t Int() { return Bits(32); }
  /// Uniform in [0, bound); REQUIRES bound > 0.
  int32_t Below(int32_t bound) {
    int32_t bits = Bits(31);
    if ((bound & (bound - 1)) == 0) {
      return static_cast<int32_t>((int64_t{bound} * bits) >> 31);
    }
    int32_t value = bits % bound;
    // Until the bits come from a whole number of rounds of the bound.
    while (int64_t{bits} - value + (bound - 1) > INT32_MAX) {
      bits = Bits(31);
      value = bits % bound;
    }
    return value;
  }
  int64_t Long() {
    const auto high = static_cast<uint64_t>(int64_t{Bits(32)});
    return static_cast<int64_t>((high << 32) + static_cast<uint64_t>(int64_t{Bits(32)}));
  }
  bool Boolean() { return Bits(1) != 0; }
  /// Uniform in [0, 1) with 53 bits.
  double Double() {
    const int64_t high = Bits(26);
    return static_cast<double>((high << 27) + Bits(27)) * 0x1.0p-53;
  }
  /// Standard normal.
  double Gaussian() {
    if (has_second_) {
      has_second_ = false;
      return second_;
    }
    double a, b, square;
    do {
      a = 2 * Double() - 1;
      b = 2 * Double() - 1;
      square = a * a + b * b;
    } while (square >= 1 || square == 0);
    const double scale = std::sqrt(-2 * std::log(square) / square);
    second_ = b * scale;
    has_second_ = true;
    return a * scale;
  }
  int64_t Poisson(double mean) {
    if (mean >= 100) {
      const double x = mean + std::sqrt(mean) * Gaussian();
      return x < 0 ? 0 : static_cast<int64_t>(std::floor(x));
    }
    const double threshold = Double() * std::exp(mean);
    const auto most = static_cast<int64_t>(std::max(100.0, 10 * std::ceil(mean)));
    double product = 1, sum = 1;
    int64_t i = 1;
    for (; i < most && sum <= threshold; ++i) {
      product *= mean / static_cast<double>(i);
      sum += product;
    }
    return i - 1;
  }

 private:
  static constexpr uint64_t kMultiplier = 0x5deece66d;
  static constexpr uint64_t kMask = (uint64_t{1} << 48) - 1;

  int32_t Bits(int count) {
    state_ = (state_ * kMultiplier + 0xb) & kMask;
    return static_cast<int32_t>(static_cast<uint32_t>(state_ >> (48 - count)));
  }

  uint64_t state_;
  bool has_second_ = false;
  double second_ = 0;
};

}  // namespace leat
