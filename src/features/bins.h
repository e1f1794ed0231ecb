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

#include <cstdint>
#include <cstring>
#include <vector>

#include "leat/state.h"

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
  /// How many edges are compared at a time: four in functions that are LEAT_WIDE.
  struct Two {
    using Edges = double __attribute__((vector_size(16)));
    using Truths = int64_t __attribute__((vector_size(16)));  // -1 where true.
  };
  struct Four {
    using Edges = double __attribute__((vector_size(32)));
    using Truths = int64_t __attribute__((vector_size(32)));
  };
  uint32_t Find(double x) const { return Find<Two>(table(), x); }
  template <typename Lanes>
  [[gnu::always_inline]] static uint32_t Find(const Table& table, double x) {
    // Without branches: they would be mispredicted half of the time. The groups' last edges are
    // halved down to eight; these, and then the eight of one group, are compared side by side.
    const double* last = table.lasts;
    for (size_t half = table.groups / 2; half >= kTogether; half /= 2) {
      last += static_cast<size_t>(last[half - 1] < x) * half;
    }
    // The very last edge is infinite, so there is such a group.
    const size_t group = static_cast<size_t>(last - table.lasts) + CountBelow<Lanes>(last, x);
    const double* edges = table.lasts + table.groups + group * kTogether;
    return static_cast<uint32_t>(group * kTogether + CountBelow<Lanes>(edges, x));
  }
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
  /// How many of eight edges are below x.
  template <typename Lanes>
  [[gnu::always_inline]] static size_t CountBelow(const double* eight, double x) {
    constexpr size_t kLanes = sizeof(typename Lanes::Edges) / sizeof(double);
    const auto wanted = x - typename Lanes::Edges{};
    typename Lanes::Truths below = {};
    for (size_t i = 0; i < kTogether; i += kLanes) {
      typename Lanes::Edges edges;
      std::memcpy(&edges, eight + i, sizeof(edges));
      below += edges < wanted;
    }
    int64_t sum = 0;
    for (size_t i = 0; i < kLanes; ++i) sum -= below[i];
    return static_cast<size_t>(sum);
  }

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
