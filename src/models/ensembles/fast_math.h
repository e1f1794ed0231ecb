/// Logarithms and the normal distribution, fast and alike on every processor.
///
/// Plain IEEE operations in a fixed order; nothing of the C library. Log2 and Log2Four: the
/// mantissa m in [sqrt(1/2), sqrt(2)) by the series of atanh in (m - 1)/(m + 1). Errors: Log2 below
/// 1e-9 absolute, Log2Four below 3e-6 (single precision), NormalShare below 4e-6. Pure functions,
/// once the table of the normal distribution (4 KiB, made at the first use) is there.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace leat::ensembles {

/// Base 2; REQUIRES a normal number above 0.
inline double Log2(double x) {
  uint64_t bits = std::bit_cast<uint64_t>(x);
  constexpr uint64_t kRootTwo = 0x3ff6a09e667f3bcd;
  // Moves the border between exponents from 1 to the root of 2.
  const uint64_t shifted = bits + (0x3ff0000000000000 - (kRootTwo - 0x0010000000000000));
  const auto exponent = static_cast<int64_t>(shifted >> 52) - 0x3ff;
  bits -= static_cast<uint64_t>(exponent) << 52;
  const double m = std::bit_cast<double>(bits);
  const double t = (m - 1) / (m + 1);
  const double t2 = t * t;
  const double series =
      2.8853900817779268 +
      t2 * (0.96179669392597561 +
            t2 * (0.57707801635558536 + t2 * (0.41219858311113240 + t2 * 0.32059889797532520)));
  return static_cast<double>(exponent) + t * series;
}

using Four = float __attribute__((vector_size(16)));
using FourInts = int32_t __attribute__((vector_size(16)));

/// Base 2, four at a time; what is below 1e-30 counts as 1e-30.
inline Four Log2Four(Four x) {
  const Four least = {1e-30F, 1e-30F, 1e-30F, 1e-30F};
  x = x > least ? x : least;
  const FourInts bits = std::bit_cast<FourInts>(x);
  const FourInts shifted = bits + (0x3f800000 - (0x3fb504f3 - 0x00800000));
  const FourInts exponent = (shifted >> 23) - 0x7f;
  const FourInts mantissa = bits - (exponent << 23);
  const Four m = std::bit_cast<Four>(mantissa);
  const Four t = (m - 1) / (m + 1);
  const Four t2 = t * t;
  const Four series = 2.88539008F + t2 * (0.961796694F + t2 * (0.577078016F + t2 * 0.412198583F));
  return __builtin_convertvector(exponent, Four) + t * series;
}

/// x log2 x, 0 at 0.
inline Four EntropyTerm(Four x) { return x * Log2Four(x); }

class NormalTable {
 public:
  NormalTable();
  /// P(Z <= z), linear between 1,024 points of [-5, 5].
  float operator()(float z) const {
    const float at = (z + 5) * (kSteps / 10.0F);
    if (!(at > 0)) return 0;
    if (at >= kSteps) return 1;
    const auto i = static_cast<size_t>(at);
    return values_[i] + (at - static_cast<float>(i)) * (values_[i + 1] - values_[i]);
  }

 private:
  static constexpr int kSteps = 1024;
  std::array<float, kSteps + 1> values_;
};

const NormalTable& Normal();

}  // namespace leat::ensembles
