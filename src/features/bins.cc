#include "features/bins.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <span>

namespace leat::features {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
/// Warm-up values that room is made for at once: growing would touch twice the memory.
constexpr uint64_t kReserved = 1 << 17;

/// Puts the values that a sort would put at `ranks` (rising) there.
void SelectRanks(double* values, size_t begin, size_t end, std::span<const size_t> ranks) {
  if (ranks.empty()) return;
  const size_t middle = ranks.size() / 2;
  const size_t rank = ranks[middle];
  std::nth_element(values + begin, values + rank, values + end);
  // The same rank may be wanted again.
  size_t below = middle;
  while (below > 0 && ranks[below - 1] == rank) --below;
  size_t above = middle + 1;
  while (above < ranks.size() && ranks[above] == rank) ++above;
  SelectRanks(values, begin, rank, ranks.first(below));
  SelectRanks(values, rank + 1, end, ranks.subspan(above));
}

/// The values by rising slice of their range, in any order inside a slice, with the values at
/// `ranks` (rising) where a sort would put them. Most slices hold no rank and are left alone.
std::vector<double> Sliced(const std::vector<double>& values, std::span<const size_t> ranks) {
  constexpr size_t kSlices = 1 << 12;
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  const double scale = (kSlices - 1) / (*high - *low);
  const bool divided = scale > 0 && std::isfinite(scale);
  // Rounding keeps the order, and the largest product is kSlices - 1, but for its last digit.
  const auto slice = [&](double v) {
    return divided ? static_cast<size_t>((v - *low) * scale) : size_t{0};
  };
  std::vector<size_t> ends(kSlices + 1);  // Of each slice; while they are filled, the beginnings.
  for (const double v : values) ++ends[slice(v) + 1];
  for (size_t s = 0; s < kSlices; ++s) ends[s + 1] += ends[s];
  std::vector<double> sliced(values.size());
  for (const double v : values) sliced[ends[slice(v)]++] = v;
  for (size_t s = 0, begin = 0; !ranks.empty(); begin = ends[s++]) {
    const size_t inside =
        static_cast<size_t>(std::lower_bound(ranks.begin(), ranks.end(), ends[s]) - ranks.begin());
    SelectRanks(sliced.data(), begin, ends[s], ranks.first(inside));
    ranks = ranks.subspan(inside);
  }
  return sliced;
}

}  // namespace

QuantileBins::QuantileBins(int64_t bins, int64_t tail_bins, int64_t warmup)
    : bins_(static_cast<uint32_t>(bins)),
      tail_(static_cast<uint32_t>(tail_bins)),
      warmup_(static_cast<uint64_t>(warmup)),
      size_(std::max(kTogether, std::bit_ceil(size_t{bins_} + tail_))),
      groups_(std::max(kTogether, size_ / kTogether)),
      lines_(groups_ / kTogether + groups_) {
  SetEdges({});
}

void QuantileBins::SetEdges(const std::vector<double>& edges) {
  for (size_t i = 0; i < groups_ * kTogether; ++i) {
    const double edge = i < edges.size() ? edges[i] : kInfinity;
    lines_[(groups_ + i) / kTogether].edges[i % kTogether] = edge;
    const size_t group = i / kTogether;
    if (i % kTogether == kTogether - 1) lines_[group / kTogether].edges[group % kTogether] = edge;
  }
}

std::vector<double> QuantileBins::Edges() const {
  std::vector<double> edges(size_);
  for (size_t i = 0; i < size_; ++i) edges[i] = Edge(i);
  return edges;
}

void QuantileBins::Collect(double x) {
  if (!std::isfinite(x)) return;
  if (values_.empty()) values_.reserve(std::min(warmup_, kReserved));
  values_.push_back(x);
  const uint64_t n = values_.size();
  if (n == warmup_) {
    Fit();
    fitted_ = true;
    values_ = {};
  } else if (n == 500 || n == 1000 || n == 2000 || n == 5000) {
    Fit();
  }
}

void QuantileBins::Fit() {
  // A few ranks are wanted: selecting them is a third of the work of sorting. They rise.
  const double n = static_cast<double>(values_.size());
  std::vector<size_t> ranks;
  const auto add = [&](double q) {
    // The small amount taken off keeps n q = k from becoming k + 1 by rounding.
    const double rank = std::ceil(n * q - 1e-9);
    ranks.push_back(static_cast<size_t>(std::clamp(rank, 1.0, n)) - 1);
  };
  for (uint32_t i = 1; i < bins_; ++i) add(static_cast<double>(i) / bins_);
  for (uint32_t j = 1; j <= tail_; ++j) add(1 - std::ldexp(1.0 / bins_, -static_cast<int>(j)));
  const std::vector<double> values = Sliced(values_, ranks);
  const double highest = *std::max_element(values.begin(), values.end());
  std::vector<double> edges;
  for (const size_t rank : ranks) {
    // Nothing lies above the maximum: such an edge would only make an empty bin.
    const double edge = values[rank];
    if (edge < highest && (edges.empty() || edge > edges.back())) edges.push_back(edge);
  }
  SetEdges(edges);
}

double QuantileBins::Low(uint32_t bin) const {
  return bin == 0 ? -kInfinity : bin <= size_ ? Edge(bin - 1) : kInfinity;
}
double QuantileBins::High(uint32_t bin) const { return bin < size_ ? Edge(bin) : kInfinity; }

void QuantileBins::Save(StateWriter& out) const {
  out.Bool(fitted_);
  out.Array(Edges());
  out.Array(values_);
}

void QuantileBins::Load(StateReader& in) {
  std::vector<double> edges;
  fitted_ = in.Bool();
  in.Array(edges);
  in.Array(values_);
  if (edges.size() != size_ || values_.size() >= warmup_ || edges.back() != kInfinity ||
      !std::is_sorted(edges.begin(), edges.end())) {
    in.Fail("stored bins do not fit");
    edges.clear();
    values_.clear();
  }
  SetEdges(edges);
}

}  // namespace leat::features
