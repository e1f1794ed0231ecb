/// Equal-frequency bins of one number, with finer bins in its upper tail.
///
/// `bins` bins hold equal shares of the warm-up values; the highest of them is cut further at the
/// quantiles 1 - 1 / (bins * 2^j), j = 1..tail_bins, so that each tail bin has half the mass of the
/// one below. Bin i holds (edge i-1, edge i]: the quantile of probability q is the smallest value
/// that at least a share q of the warm-up values do not exceed. Equal edges are merged (fewer bins
/// are then used).
///
/// Edges are fitted to all values seen so far at 500, 1000, 2000 and 5000 values (those below the
/// warm-up) and for good at `warmup` values; before the first fit everything is in bin 0. The
/// warm-up values are then forgotten.
///
/// Cost: log2(padded edges) - 3 branchless steps and eight comparisons; O(n log n) at a fit.
/// Memory: warmup doubles until the warm-up ends, then the edges. Determinism: pure function of the
/// values. Thread safety: none.
#pragma once

#include <cstdint>
#include <vector>

#include "leat/state.h"

namespace leat::features {

class QuantileBins {
 public:
  QuantileBins(int64_t bins, int64_t tail_bins, int64_t warmup);

  uint32_t count() const { return bins_ + tail_; }
  /// The bin of x; any bin for NaN.
  uint32_t Find(double x) const {
    // Halved down to eight edges, without branches: they would be mispredicted half of the time.
    // Those eight are compared side by side.
    const double* base = edges_.data();
    for (size_t half = edges_.size() / 2; half >= kTogether; half /= 2) {
      base += static_cast<size_t>(base[half - 1] < x) * half;
    }
    uint64_t below = 0;
    for (size_t i = 0; i < kTogether; ++i) below += base[i] < x ? 1 : 0;
    return static_cast<uint32_t>(static_cast<size_t>(base - edges_.data()) + below);
  }
  void Learn(double x) {
    if (fitted_) return;
    Collect(x);
  }
  /// The bounds of a bin: (low, high].
  double Low(uint32_t bin) const;
  double High(uint32_t bin) const;
  size_t MemoryBytes() const {
    return (edges_.capacity() + values_.capacity()) * sizeof(double) + 32;
  }

  void Save(StateWriter& out) const;
  void Load(StateReader& in);

 private:
  void Collect(double x);
  void Fit();

  static constexpr size_t kTogether = 8;

  uint32_t bins_;
  uint32_t tail_;
  uint64_t warmup_;
  bool fitted_ = false;
  std::vector<double> edges_;   // Padded with infinity to a power of two, at least kTogether.
  std::vector<double> values_;  // Until the warm-up is over.
};

}  // namespace leat::features
