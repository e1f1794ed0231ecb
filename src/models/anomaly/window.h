/// What the anomaly detectors share: windows of records, and what is usual in one.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "base/points.h"
#include "leat/model.h"
#include "models/trees/range_check.h"

namespace leat::anomaly {

using points::Usable;

/// Options within their ranges, and inputs that are numbers only.
template <typename Options>
Status CheckMake(std::string_view type, const Options& options, const InputSpec& inputs) {
  LEAT_RETURN_IF_ERROR(trees::CheckMake(type, options, inputs));
  if (inputs.sparse_size > 0) {
    return Status::Invalid(std::string(type) + " reads no sparse features");
  }
  for (const DenseAttribute& attribute : inputs.dense) {
    if (attribute.nominal) {
      return Status::Invalid(std::string(type) + " cannot order the nominal feature '" +
                             attribute.name + "'; encode it as one_hot");
    }
  }
  return Status::Ok();
}

/// The records of a window until it is full, row after row; what is missing is NaN.
class Window {
 public:
  Window(size_t width, size_t capacity) : width_(width), capacity_(capacity) {
    values_.reserve(width * capacity);
    weights_.reserve(capacity);
  }
  /// Without a usable value, or with a weight that is none, nothing happens; false.
  bool Push(const Input& input, double weight) {
    if (!(weight > 0 && weight <= 1e50) || input.dense.size() < width_) return false;
    bool any = false;
    for (size_t i = 0; i < width_; ++i) any = any || Usable(input.dense[i]);
    if (!any) return false;
    for (size_t i = 0; i < width_; ++i) {
      const double v = input.dense[i];
      values_.push_back(Usable(v) ? v : std::numeric_limits<double>::quiet_NaN());
    }
    weights_.push_back(weight);
    return true;
  }
  bool full() const { return weights_.size() == capacity_; }
  size_t size() const { return weights_.size(); }
  const double* row(size_t r) const { return values_.data() + r * width_; }
  double weight(size_t r) const { return weights_[r]; }
  void Clear() {
    values_.clear();
    weights_.clear();
  }
  /// The values of a column that are there.
  void Column(size_t i, std::vector<double>& out) const {
    out.clear();
    for (size_t at = i; at < values_.size(); at += width_) {
      if (!std::isnan(values_[at])) out.push_back(values_[at]);
    }
  }

  void Save(StateWriter& out) const {
    out.Array(values_);
    out.Array(weights_);
  }
  void Load(StateReader& in) {
    std::vector<double> values, weights;
    in.Array(values);
    in.Array(weights);
    bool good = weights.size() < capacity_ && values.size() == weights.size() * width_;
    for (const double v : values) good = good && (std::isnan(v) || Usable(v));
    for (const double w : weights) good = good && w > 0 && w <= 1e50;
    if (in.ok() && !good) in.Fail("a window of records does not fit");
    if (!in.ok()) return;
    values_.assign(values.begin(), values.end());
    weights_.assign(weights.begin(), weights.end());
  }
  size_t HeapBytes() const { return sizeof(double) * (values_.capacity() + weights_.capacity()); }

 private:
  size_t width_, capacity_;
  std::vector<double> values_, weights_;
};

/// A detector that compares with the last full window of records.
class WindowDetector : public Model {
 public:
  Task task() const final { return Task::kAnomaly; }
  void Learn(const Input& input, double, double weight) final {
    if (!window_.Push(input, weight)) {
      ++skipped_;
      return;
    }
    ++records_;
    if (!window_.full()) return;
    Build();
    window_.Clear();
  }
  std::vector<std::pair<std::string, std::string>> Summary() const override {
    return {{"records", std::to_string(records_)}, {"skipped", std::to_string(skipped_)}};
  }

 protected:
  WindowDetector(const InputSpec& inputs, int64_t window)
      : inputs_(inputs), size_(inputs.dense.size()), window_(size_, static_cast<size_t>(window)) {}
  /// The window is full: what is to be compared with is made of it.
  virtual void Build() = 0;
  void SaveWindow(StateWriter& out) const {
    out.U64(records_);
    out.U64(skipped_);
    window_.Save(out);
  }
  void LoadWindow(StateReader& in) {
    records_ = in.U64();
    skipped_ = in.U64();
    window_.Load(in);
  }

  InputSpec inputs_;
  size_t size_;
  Window window_;

 private:
  uint64_t records_ = 0, skipped_ = 0;
};

/// The q-quantile, 0 to 1, of values that are not empty (of two neighbours the lower); reorders.
inline double Quantile(std::vector<double>& values, double q) {
  const auto at =
      values.begin() + static_cast<ptrdiff_t>(q * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

/// Where the values of a feature usually lie.
struct Usual {
  double low = 0, median = 0, high = 1;

  /// Between two quantiles of values; of a constant a millionth of its size. Without values as it
  /// was.
  void Fit(std::vector<double>& values, double share) {
    if (values.empty()) return;
    median = Quantile(values, 0.5);
    low = Quantile(values, share);
    high = Quantile(values, 1 - share);
    if (Apart()) return;
    const auto [least, most] = std::minmax_element(values.begin(), values.end());
    low = *least;
    high = *most;
    if (Apart()) return;
    const double margin = 1e-6 * std::max(std::fabs(median), 1e-6);
    low = median - margin;
    high = median + margin;
  }
  /// By more than rounding, and so that quotients stay finite.
  bool Apart() const {
    return high - low > std::max(1e-12 * std::max(std::fabs(low), std::fabs(high)), 1e-90);
  }
  bool good() const {
    return Usable(low) && Usable(median) && Usable(high) && Apart() && low <= median &&
           median <= high;
  }
};

inline void LoadUsual(StateReader& in, std::vector<Usual>& usual, size_t width) {
  in.Array(usual);
  bool good = usual.size() == width;
  for (const Usual& u : usual) good = good && u.good();
  if (in.ok() && !good) in.Fail("the usual ranges do not fit");
}

}  // namespace leat::anomaly
