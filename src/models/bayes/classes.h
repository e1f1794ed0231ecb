/// What the naive Bayes learners share: class weights with their priors, and tables of counts.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "leat/model.h"
#include "models/heap_bytes.h"

namespace leat::bayes {

/// Values beyond this count as missing, so that squares and sums of them stay finite.
inline constexpr double kLargestValue = 1e100;
inline bool Usable(double x) { return std::fabs(x) <= kLargestValue; }

/// The weight learnt of each class.
class ClassWeights {
 public:
  ClassWeights(int64_t max_classes, bool uniform)
      : max_classes_(static_cast<size_t>(max_classes)), uniform_(uniform) {}

  size_t size() const { return weights_.size(); }
  bool seen(size_t c) const { return weights_[c] > 0; }
  double weight(size_t c) const { return weights_[c]; }
  const std::vector<double>& weights() const { return weights_; }
  uint64_t skipped() const { return skipped_; }

  /// Whether the record can be learnt; counts it if not.
  bool Accepts(double target, double weight) {
    const bool good = target >= 0 && target < static_cast<double>(max_classes_) &&
                      target == std::floor(target) && weight > 0 && weight <= 1e50;
    skipped_ += !good;
    return good;
  }
  /// REQUIRES Accepts. True if the number of classes grew.
  bool Add(size_t c, double weight) {
    const bool grows = c >= weights_.size();
    if (grows) weights_.resize(c + 1, 0.0);
    weights_[c] += weight;
    total_ += weight;
    records_ += 1;
    return grows;
  }
  double LogPrior(size_t c) const {
    return uniform_ || !seen(c) ? 0.0 : std::log(weights_[c] / total_);
  }

  void Save(StateWriter& out) const {
    out.Section("class_weights", 1);
    out.Array(weights_);
    out.F64(total_);
    out.U64(records_);
    out.U64(skipped_);
  }
  void Load(StateReader& in) {
    in.Section("class_weights", 1);
    in.Array(weights_);
    total_ = in.F64();
    records_ = in.U64();
    skipped_ = in.U64();
    bool good = weights_.size() <= max_classes_ && std::isfinite(total_);
    for (const double w : weights_) good = good && w >= 0 && std::isfinite(w);
    if (!good) in.Fail("the class weights of the state are not weights");
  }
  size_t MemoryBytes() const { return sizeof(double) * weights_.capacity() + kAllocation; }
  std::vector<std::pair<std::string, std::string>> Summary() const {
    return {{"records", std::to_string(records_)},
            {"skipped", std::to_string(skipped_)},
            {"classes", std::to_string(weights_.size())}};
  }

 private:
  size_t max_classes_;
  bool uniform_;
  std::vector<double> weights_;
  double total_ = 0;
  uint64_t records_ = 0;
  uint64_t skipped_ = 0;
};

/// Counts by feature and class, each with the logarithm of the count plus alpha beside it. A
/// feature's classes lie together: to predict is to add up short runs.
class CountTable {
 public:
  CountTable(size_t features, double alpha) : features_(features), alpha_(alpha) {}

  /// Makes room for `classes` classes.
  void Grow(size_t classes) {
    std::vector<double> counts(features_ * classes, 0.0);
    std::vector<double> logs(features_ * classes, std::log(alpha_));
    for (size_t f = 0; f < features_; ++f) {
      for (size_t c = 0; c < classes_; ++c) {
        counts[f * classes + c] = counts_[f * classes_ + c];
        logs[f * classes + c] = logs_[f * classes_ + c];
      }
    }
    counts_ = std::move(counts);
    logs_ = std::move(logs);
    classes_ = classes;
  }
  void Add(size_t feature, size_t c, double amount) {
    const size_t at = feature * classes_ + c;
    counts_[at] += amount;
    logs_[at] = std::log(counts_[at] + alpha_);
  }
  double count(size_t feature, size_t c) const { return counts_[feature * classes_ + c]; }
  const double* Logs(size_t feature) const { return logs_.data() + feature * classes_; }
  size_t features() const { return features_; }

  /// Features that were never counted are left out.
  void Save(StateWriter& out) const {
    out.Section("count_table", 1);
    std::vector<uint32_t> touched;
    std::vector<double> values;
    for (size_t f = 0; f < features_; ++f) {
      bool any = false;
      for (size_t c = 0; c < classes_; ++c) any = any || count(f, c) != 0;
      if (!any) continue;
      touched.push_back(static_cast<uint32_t>(f));
      for (size_t c = 0; c < classes_; ++c) values.push_back(count(f, c));
    }
    out.Array(touched);
    out.Array(values);
  }
  void Load(StateReader& in, size_t classes) {
    in.Section("count_table", 1);
    std::vector<uint32_t> touched;
    std::vector<double> values;
    in.Array(touched);
    in.Array(values);
    if (!in.ok()) return;
    if (values.size() != touched.size() * classes) {
      return in.Fail("a table of counts has another shape");
    }
    counts_.clear();
    logs_.clear();
    classes_ = 0;
    Grow(classes);
    for (size_t t = 0; t < touched.size(); ++t) {
      if (touched[t] >= features_) return in.Fail("a feature of the counts is out of range");
      for (size_t c = 0; c < classes; ++c) {
        const double value = values[t * classes + c];
        if (!(value >= 0) || !std::isfinite(value)) return in.Fail("a count of the state is none");
        if (value > 0) Add(touched[t], c, value);
      }
    }
  }
  size_t MemoryBytes() const {
    return sizeof(double) * (counts_.capacity() + logs_.capacity()) + 2 * kAllocation;
  }

 private:
  size_t features_;
  double alpha_;
  size_t classes_ = 0;
  std::vector<double> counts_, logs_;
};

inline Status RefuseNominal(const InputSpec& inputs, std::string_view type) {
  for (const DenseAttribute& attribute : inputs.dense) {
    if (attribute.nominal) {
      return Status::Invalid(std::string(type) + " cannot read the nominal feature '" +
                             attribute.name + "' as a number: use naive_bayes, or encode it");
    }
  }
  return Status::Ok();
}

}  // namespace leat::bayes
