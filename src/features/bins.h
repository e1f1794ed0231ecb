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
/// Cost: Find reads two cache lines for up to 64 bins (and log2(bins / 64) numbers beyond); a fit
/// is O(n log(bins)). Memory: warmup doubles until the warm-up ends, then the edges. Determinism:
/// pure function of the values. Thread safety: none.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <vector>

#include "base/processor.h"
#include "leat/state.h"
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace leat::features {

class QuantileBins {
 public:
  QuantileBins(int64_t bins, int64_t tail_bins, int64_t warmup);

  uint32_t count() const { return bins_ + tail_; }
  /// Edges as Find wants them: the last edge of each group of eight, then the groups. Stays where
  /// it is, whatever is learnt or loaded.
  struct Table {
    const double* lasts;
    size_t groups;  // A power of two, at least kTogether.
  };
  Table table() const { return {lines_.front().edges, groups_}; }

  /// The bin of x; the first for NaN.
  uint32_t Find(double x) const { return Find(table(), x); }
  static uint32_t Find(const Table& table, double x) {
    // Without branches: they would be mispredicted half of the time. The groups' last edges are
    // halved down to eight; these, and then the eight of one group, are compared side by side.
    const double* const last = LastEight(table, x);
    // The very last edge is infinite, so there is such a group.
    const size_t group = static_cast<size_t>(last - table.lasts) + CountBelow(last, x);
    const double* edges = table.lasts + table.groups + group * kTogether;
    return static_cast<uint32_t>(group * kTogether + CountBelow(edges, x));
  }
#if defined(__x86_64__)
  /// The same with four edges a register.
  LEAT_WIDE static uint32_t FindWide(const Table& table, double x) {
    const double* const last = LastEight(table, x);
    const size_t group = static_cast<size_t>(last - table.lasts) + CountBelowWide(last, x);
    const double* edges = table.lasts + table.groups + group * kTogether;
    return static_cast<uint32_t>(group * kTogether + CountBelowWide(edges, x));
  }
#else
  static uint32_t FindWide(const Table& table, double x) { return Find(table, x); }
#endif
  /// Whether the edges are fixed: Learn changes nothing any more.
  bool fitted() const { return fitted_; }
  void Learn(double x) {
    if (fitted_) return;
    Collect(x);
  }
  /// The bounds of a bin: (low, high].
  double Low(uint32_t bin) const;
  double High(uint32_t bin) const;
  size_t MemoryBytes() const {
    return lines_.capacity() * sizeof(Line) + values_.capacity() * sizeof(double) + 32;
  }

  void Save(StateWriter& out) const;
  void Load(StateReader& in);

 private:
  static constexpr size_t kTogether = 8;
  struct alignas(64) Line {
    double edges[kTogether];
  };
  /// Of the groups' last edges, the eight among which is the last edge of x's group.
  static const double* LastEight(const Table& table, double x) {
    const double* last = table.lasts;
    for (size_t half = table.groups / 2; half >= kTogether; half /= 2) {
      last += static_cast<size_t>(last[half - 1] < x) * half;
    }
    return last;
  }
  /// How many of eight edges are below x.
  static size_t CountBelow(const double* eight, double x) {
    using Pair = double __attribute__((vector_size(16)));
    using Truths = int64_t __attribute__((vector_size(16)));  // -1 where true.
    const auto wanted = x - Pair{};
    Truths below = {};
    for (size_t i = 0; i < kTogether; i += 2) {
      Pair edges;
      std::memcpy(&edges, eight + i, sizeof(edges));
      below += edges < wanted;
    }
    return static_cast<size_t>(-below[0] - below[1]);
  }
#if defined(__x86_64__)
  LEAT_WIDE static size_t CountBelowWide(const double* eight, double x) {
    const __m256d wanted = _mm256_set1_pd(x);
    const __m256d low = _mm256_cmp_pd(_mm256_loadu_pd(eight), wanted, _CMP_LT_OQ);
    const __m256d high = _mm256_cmp_pd(_mm256_loadu_pd(eight + 4), wanted, _CMP_LT_OQ);
    const int below = _mm256_movemask_pd(low) | _mm256_movemask_pd(high) << 4;
    return static_cast<size_t>(std::popcount(static_cast<uint32_t>(below)));
  }
#endif

  void Collect(double x);
  void Fit();
  double Edge(size_t i) const { return lines_[(groups_ + i) / kTogether].edges[i % kTogether]; }
  void SetEdges(const std::vector<double>& edges);
  std::vector<double> Edges() const;

  uint32_t bins_;
  uint32_t tail_;
  uint64_t warmup_;
  bool fitted_ = false;
  size_t size_;    // Edges, padded with infinity to a power of two; at least one is infinite.
  size_t groups_;  // Of eight of them; more if need be, as eight groups are looked at together.
  std::vector<Line> lines_;     // See Table.
  std::vector<double> values_;  // Until the warm-up is over.
};

}  // namespace leat::features
