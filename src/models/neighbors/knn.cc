#include "leat/knn.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "models/heap_bytes.h"
#include "models/trees/range_check.h"

namespace leat {
namespace {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();
constexpr double kLargest = 1e50;  // Of a value, a target, a weight; and of 1 / deviation.
constexpr double kApart = 2;       // The squared distance of what is missing or another code.
constexpr double kNearest = 0.1;   // What keeps the vote of the nearest finite.
constexpr size_t kMostClasses = 65'536;
constexpr uint64_t kRefreshes = 8;  // Of the deviations, in the length of a window.

struct Neighbor {
  double squared;
  size_t age;  // From the oldest.
  bool operator<(const Neighbor& other) const {
    return squared != other.squared ? squared < other.squared : age < other.age;
  }
};

class Knn final : public Model {
 public:
  Knn(Task task, const KnnOptions& options, const InputSpec& inputs)
      : task_(task),
        options_(options),
        inputs_(inputs),
        width_(inputs.dense.size()),
        capacity_(static_cast<size_t>(options.window)),
        inverse_(width_) {
    rows_.reserve(capacity_ * width_);
    targets_.reserve(capacity_);
    weights_.reserve(capacity_);
  }

  Task task() const override { return task_; }

  void Predict(const Input& input, std::vector<double>& out) const override {
    out.assign(task_ == Task::kRegression ? 1 : classes_, 0.0);
    if (targets_.empty()) return;
    thread_local std::vector<Neighbor> nearest;
    FindNearest(input, nearest);
    const double farthest = std::sqrt(nearest.front().squared);
    double largest = 0, sum = 0;
    for (const Neighbor& n : nearest) largest = std::max(largest, weights_[Place(n.age)]);
    for (const Neighbor& n : nearest) {
      const size_t at = Place(n.age);
      double vote = weights_[at] / largest;
      if (options_.weighted && farthest > 0) {
        vote /= kNearest + std::sqrt(n.squared) / farthest;
      }
      sum += vote;
      if (task_ == Task::kRegression) {
        out[0] += vote * targets_[at];
      } else {
        out[static_cast<size_t>(targets_[at])] += vote;
      }
    }
    for (double& share : out) share /= sum;
  }

  void Learn(const Input& input, double target, double weight) override {
    if (!Learnable(target) || !(weight > 0 && weight <= kLargest) || input.dense.size() < width_) {
      ++skipped_;
      return;
    }
    if (task_ == Task::kClassification) {
      classes_ = std::max(classes_, static_cast<size_t>(target) + 1);
    }
    if (targets_.size() < capacity_) {
      rows_.resize(rows_.size() + width_);
      targets_.push_back(target);
      weights_.push_back(weight);
      Clean(input, rows_.data() + rows_.size() - width_);
    } else {
      Clean(input, rows_.data() + oldest_ * width_);
      targets_[oldest_] = target;
      weights_[oldest_] = weight;
      oldest_ = (oldest_ + 1) % capacity_;
    }
    ++records_;
    const uint64_t step = std::max<uint64_t>(capacity_ / kRefreshes, 1);
    const bool early = records_ < step && (records_ & (records_ - 1)) == 0;
    if (early || records_ % step == 0) Measure();
  }

  void Save(StateWriter& out) const override {
    out.Section("knn", 1);
    out.U64(records_);
    out.U64(skipped_);
    out.U64(classes_);
    out.Array(inverse_);
    // The oldest record first.
    std::vector<double> rows, targets, weights;
    for (size_t age = 0; age < targets_.size(); ++age) {
      const size_t at = Place(age);
      const double* const row = rows_.data() + at * width_;
      rows.insert(rows.end(), row, row + width_);
      targets.push_back(targets_[at]);
      weights.push_back(weights_[at]);
    }
    out.Array(rows);
    out.Array(targets);
    out.Array(weights);
  }

  Status Load(StateReader& in) override {
    in.Section("knn", 1);
    const uint64_t records = in.U64(), skipped = in.U64(), classes = in.U64();
    std::vector<double> inverse, rows, targets, weights;
    in.Array(inverse);
    in.Array(rows);
    in.Array(targets);
    in.Array(weights);
    bool good = inverse.size() == width_ && targets.size() <= capacity_ &&
                weights.size() == targets.size() && rows.size() == targets.size() * width_ &&
                records >= targets.size() && classes <= kMostClasses;
    for (const double v : inverse) good = good && v >= 0 && v <= kLargest;
    for (const double v : rows) good = good && (std::isnan(v) || std::fabs(v) <= kLargest);
    for (const double v : weights) good = good && v > 0 && v <= kLargest;
    for (const double v : targets) {
      good =
          good && Learnable(v) && (task_ == Task::kRegression || v < static_cast<double>(classes));
    }
    if (in.ok() && !good) in.Fail("a window of neighbors does not fit");
    if (!in.ok()) return in.status();
    rows_.assign(rows.begin(), rows.end());
    targets_.assign(targets.begin(), targets.end());
    weights_.assign(weights.begin(), weights.end());
    inverse_ = std::move(inverse);
    oldest_ = 0;
    records_ = records;
    skipped_ = skipped;
    classes_ = classes;
    return Status::Ok();
  }

  std::unique_ptr<Model> Fresh() const override {
    return std::make_unique<Knn>(task_, options_, inputs_);
  }
  size_t MemoryBytes() const override {
    return sizeof *this + HeapBytesOf(inputs_) +
           sizeof(double) *
               (rows_.capacity() + targets_.capacity() + weights_.capacity() + inverse_.capacity());
  }
  std::vector<std::pair<std::string, std::string>> Summary() const override {
    return {{"records", std::to_string(records_)},
            {"skipped", std::to_string(skipped_)},
            {"neighbors to choose from", std::to_string(targets_.size())}};
  }

 private:
  bool Learnable(double target) const {
    if (task_ == Task::kRegression) return std::fabs(target) <= kLargest;
    return target >= 0 && target < static_cast<double>(kMostClasses) &&
           target == std::floor(target);
  }
  /// Where the record of an age is, 0 being the oldest's.
  size_t Place(size_t age) const {
    const size_t at = oldest_ + age;
    return at < targets_.size() ? at : at - targets_.size();
  }
  void Clean(const Input& input, double* row) const {
    for (size_t i = 0; i < width_; ++i) {
      const double x = i < input.dense.size() ? input.dense[i] : kMissing;
      row[i] = std::fabs(x) <= kLargest ? x : kMissing;
    }
  }

  /// The nearest records, as a heap with the farthest of them in front.
  void FindNearest(const Input& input, std::vector<Neighbor>& nearest) const {
    thread_local std::vector<double> x;
    x.resize(width_);
    Clean(input, x.data());
    nearest.clear();
    const size_t k = std::min(static_cast<size_t>(options_.neighbors), targets_.size());
    for (size_t age = 0; age < targets_.size(); ++age) {
      const Neighbor next = {Squared(x.data(), rows_.data() + Place(age) * width_), age};
      if (nearest.size() == k) {
        if (!(next < nearest.front())) continue;
        std::pop_heap(nearest.begin(), nearest.end());
        nearest.pop_back();
      }
      nearest.push_back(next);
      std::push_heap(nearest.begin(), nearest.end());
    }
  }

  /// Finite: differences are at most 2e50 deviations of 1e-50.
  double Squared(const double* a, const double* b) const {
    double sum = 0;
    for (size_t i = 0; i < width_; ++i) {
      const double z = (a[i] - b[i]) * inverse_[i];
      double term = z * z;
      if (inputs_.dense[i].nominal) term = a[i] == b[i] ? 0 : kApart;
      sum += std::isnan(term) ? kApart : term;
    }
    return sum;
  }

  /// Works out 1 / deviation of each number in the window; 0 for a constant.
  void Measure() {
    for (size_t i = 0; i < width_; ++i) {
      if (inputs_.dense[i].nominal) continue;
      double n = 0, mean = 0, squares = 0;
      // In the order of their age: the sums must not depend on where the ring begins.
      for (size_t age = 0; age < targets_.size(); ++age) {
        const double x = rows_[Place(age) * width_ + i];
        if (std::isnan(x)) continue;
        const double off = x - mean;
        mean += off / ++n;
        squares += off * (x - mean);
      }
      const double deviation = n > 1 ? std::sqrt(squares / (n - 1)) : 0;
      // A deviation that rounding could have made is none.
      const bool constant = !(deviation > 1e-12 * std::fabs(mean)) || !(deviation > 1 / kLargest);
      inverse_[i] = constant ? 0 : 1 / deviation;
    }
  }

  Task task_;
  KnnOptions options_;
  InputSpec inputs_;
  size_t width_, capacity_;
  std::vector<double> inverse_;                   ///< By input: 1 / deviation.
  std::vector<double> rows_, targets_, weights_;  ///< A ring once the window is full.
  size_t oldest_ = 0;
  size_t classes_ = 0;
  uint64_t records_ = 0, skipped_ = 0;
};

Result<std::unique_ptr<Model>> Make(Task task, const KnnOptions& options, const InputSpec& inputs) {
  LEAT_RETURN_IF_ERROR(trees::CheckMake("knn", options, inputs));
  if (inputs.sparse_size > 0) return Status::Invalid("knn reads no sparse features");
  LEAT_RETURN_IF_ERROR(trees::CheckWidth("knn", inputs));
  return std::unique_ptr<Model>(std::make_unique<Knn>(task, options, inputs));
}

}  // namespace

void Describe(Params& params, KnnOptions& options) {
  params.Integer("neighbors", options.neighbors, {1, 1000},
                 "How many of the nearest records are asked.");
  params.Integer("window", options.window, {10, 100'000},
                 "Labelled records kept; a prediction looks at all of them.");
  params.Boolean("weighted", options.weighted, "Nearer neighbors count more.");
}

Result<std::unique_ptr<Model>> MakeKnnClassifier(const KnnOptions& options,
                                                 const InputSpec& inputs) {
  return Make(Task::kClassification, options, inputs);
}
Result<std::unique_ptr<Model>> MakeKnnRegressor(const KnnOptions& options,
                                                const InputSpec& inputs) {
  return Make(Task::kRegression, options, inputs);
}

}  // namespace leat
