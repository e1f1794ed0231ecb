/// The exponential function with the same bits on every processor.
///
/// The C library's exp picks its code by processor (with or without fused multiply-add), so its
/// last bits may differ between machines. This one is plain IEEE multiplications and additions in
/// a fixed order: x = k ln2/128 + r with |r| <= ln2/256, then 2^(k/128) from a table of 128 (each
/// entry with what its rounding left over) times a polynomial of degree 5 in r. Error below 0.51
/// units in the last place for normal results, below 1 unit for subnormal ones (checked against
/// long double in tests/base/exp_test.cc). NaN gives NaN; beyond the range, infinity or 0. Cost:
/// about 4 ns of latency; the table is 2 KiB. Pure: safe from any thread. REQUIRES the default
/// rounding mode.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace leat {

namespace exp_internal {

struct Entry {
  uint64_t bits;  ///< Of T = 2^(i/128) rounded, less i shifted to where k will add it.
  double rest;    ///< (2^(i/128) - T) / T.
};
extern const Entry kTable[128];

/// exp(x) times 2^-`shift`. REQUIRES a result far from the subnormal numbers.
inline double Scaled(double x, int64_t shift) {
  constexpr double kInverse = 0x1.71547652b82fep+7;  // 128 / ln2
  // ln2 / 128 in two parts; the first has 34 bits, so that k times it is exact.
  constexpr double kHigh = 0x1.62e42fef8p-8, kLow = 0x1.1cf79abc9e3b4p-43;
  constexpr double kRound = 0x1.8p52;  // adding it rounds to a whole number, in the lowest bits
  const double rounded = x * kInverse + kRound;
  const auto k = std::bit_cast<uint64_t>(rounded);
  const double n = rounded - kRound;
  const double r = (x - n * kHigh) - n * kLow;
  const Entry& entry = kTable[k % 128];
  const double scale =
      std::bit_cast<double>(entry.bits + ((k - static_cast<uint64_t>(shift) * 128) << 45));
  const double r2 = r * r;
  // Powers of r apart, for a short chain of dependent operations.
  const double p =
      ((entry.rest + r) + r2 * (0.5 + r * (1.0 / 6))) + (r2 * r2) * (1.0 / 24 + r * (1.0 / 120));
  return scale + scale * p;
}

double Extreme(double x);

}  // namespace exp_internal

inline double Exp(double x) {
  if (std::fabs(x) <= 700) [[likely]]
    return exp_internal::Scaled(x, 0);
  return exp_internal::Extreme(x);
}

}  // namespace leat
