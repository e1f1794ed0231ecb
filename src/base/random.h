/// Counter-based random numbers: each draw is a pure function of (seed, component, counter), so
/// that the n-th draw of a component is the same however the work is cut, saved or threaded. Next,
/// Uniform and Below are also the same on every processor; Normal, Exponential and Poisson take
/// functions of the C library, which picks its code by processor, so their last bits (of Poisson
/// once in very many draws the number) may differ.
/// Source: the SplitMix64 finaliser applied to a keyed counter (Steele, Lea, Flood 2014).
#pragma once

#include <cmath>
#include <cstdint>

#include "base/hash.h"

namespace leat {

class CounterRandom {
 public:
  CounterRandom() = default;
  CounterRandom(uint64_t seed, uint64_t component, uint64_t counter = 0)
      : key_(Mix64(Mix64(seed) ^ (component * 0xd1342543de82ef95))), counter_(counter) {}

  uint64_t Next() { return Mix64(key_ ^ Mix64(counter_++)); }
  /// Uniform in [0, 1) with 53 bits.
  double Uniform() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }
  double Uniform(double lo, double hi) { return lo + (hi - lo) * Uniform(); }
  /// Uniform in [0, n); REQUIRES n > 0.
  uint64_t Below(uint64_t n) {
    __extension__ using Wide = unsigned __int128;
    return static_cast<uint64_t>((static_cast<Wide>(Next()) * n) >> 64);
  }
  /// Standard normal (Box and Muller; two draws each).
  double Normal() {
    const double u = 1.0 - Uniform();
    return std::sqrt(-2.0 * std::log(u)) * std::cos(6.283185307179586 * Uniform());
  }
  double Exponential() { return -std::log(1.0 - Uniform()); }
  /// Poisson by inversion from exp(-mean), which must not vanish: means above kMostInverted are
  /// halved, with draws for both halves. REQUIRES a finite mean.
  uint64_t Poisson(double mean) {
    if (mean > kMostInverted) return Poisson(mean / 2) + Poisson(mean / 2);
    const double u = Uniform();
    double p = std::exp(-mean), sum = p;
    uint64_t k = 0;
    while (u > sum && k < 10'000) {
      ++k;
      p *= mean / static_cast<double>(k);
      sum += p;
    }
    return k;
  }

  static constexpr double kMostInverted = 500;  ///< Means up to it take one draw of Poisson.

  uint64_t counter() const { return counter_; }
  void set_counter(uint64_t counter) { counter_ = counter; }

 private:
  uint64_t key_ = 0;
  uint64_t counter_ = 0;
};

}  // namespace leat
