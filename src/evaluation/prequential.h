/// What the three evaluators share: the ring of the latest labels, the memory of earlier labels,
/// and their factories.
///
/// Design: the cumulative and the fading view keep sums. The window keeps the labels themselves,
/// one small record each, and its metrics are computed from them when asked: nothing is ever
/// subtracted, so a window equals a computation from scratch to the last bit, and Add stays cheap.
/// The binary evaluator keeps them in a LabelWindow (label_window.h), the others in LatestItems.
/// Thread safety: none.
#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "evaluation/evaluation.h"
#include "leat/state.h"

namespace leat {

/// Bins of the `ece` metric.
inline constexpr int kCalibrationBins = 15;

/// The last `capacity` items. T is saved as bytes and must have no padding.
template <typename T>
class LatestItems {
 public:
  explicit LatestItems(int64_t capacity)
      : capacity_(static_cast<size_t>(std::max<int64_t>(capacity, 1))) {}
  void Push(const T& item) {
    if (items_.size() < capacity_) {
      if (items_.empty()) items_.reserve(capacity_);
      items_.push_back(item);
      return;
    }
    items_[next_] = item;
    if (++next_ == capacity_) next_ = 0;
  }
  size_t size() const { return items_.size(); }
  /// The i-th, from the oldest on.
  const T& operator[](size_t i) const {
    i += next_;
    return items_[i < items_.size() ? i : i - items_.size()];
  }
  /// Oldest first: the order of sums does not depend on where the ring stands.
  template <typename Visit>
  void ForEach(Visit&& visit) const {
    for (size_t i = next_; i < items_.size(); ++i) visit(items_[i]);
    for (size_t i = 0; i < next_; ++i) visit(items_[i]);
  }
  void Save(StateWriter& out) const {
    std::vector<T> ordered;
    ordered.reserve(items_.size());
    ForEach([&](const T& item) { ordered.push_back(item); });
    out.U64(capacity_);
    out.Array(ordered);
  }
  void Load(StateReader& in) {
    const uint64_t capacity = in.U64();
    std::vector<T> ordered;
    in.Array(ordered);
    if (in.ok() && (capacity != capacity_ || ordered.size() > capacity_)) {
      in.Fail("the evaluation window differs in length from the configured one");
      ordered.clear();
    }
    items_.assign(ordered.begin(), ordered.end());
    next_ = 0;
  }
  size_t MemoryBytes() const { return items_.capacity() * sizeof(T); }

 private:
  size_t capacity_;
  size_t next_ = 0;  ///< The oldest item, once full.
  std::vector<T> items_;
};

inline bool AllFinite(std::span<const double> values) {
  return std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); });
}

/// A weight as metrics need it: finite and at least 0.
inline double UsableWeight(double weight) {
  return std::isfinite(weight) && weight > 0 ? weight : 0;
}

std::unique_ptr<PrequentialEvaluator> MakeBinaryEvaluator(const EvaluationOptions& options);
std::unique_ptr<PrequentialEvaluator> MakeMulticlassEvaluator(const EvaluationOptions& options);
std::unique_ptr<PrequentialEvaluator> MakeRegressionEvaluator(const EvaluationOptions& options);

}  // namespace leat
