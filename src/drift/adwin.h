/// The adaptive window itself, without a virtual call: what the ADWIN detector and any learner that
/// watches its own error keep as a member. Everything is inline, so using it links nothing.
///
/// Source, cost, options: AdwinOptions in leat/detectors.h. Layout: row r is a ring of at most
/// max_buckets + 1 buckets of 2^r values each; a bucket holds their sum and the sum of their
/// squared deviations from their own mean. Rows lie one after another in one block that grows by a
/// row when the window's length doubles; nothing else allocates. How large the block is follows
/// from the number of rows alone, whatever the window was before: budgets in bytes are held by it,
/// and a detector that was loaded must weigh what the saved one did.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "leat/detectors.h"
#include "leat/state.h"
#include "leat/status.h"

namespace leat {

class Adwin {
 public:
  /// REQUIRES options within their ranges.
  explicit Adwin(const AdwinOptions& options)
      : options_(options),
        max_buckets_(static_cast<uint32_t>(options.max_buckets)),
        stride_(std::bit_ceil(max_buckets_ + 1)) {
    Clear();
  }

  /// Takes one value; true if that revealed a change that the options ask to report.
  bool Update(double x) {
    if (!(std::abs(x) <= kLargest)) return false;  // Refuses NaN as well.
    if (restart_) Clear();
    const double mean_before = mean();
    Insert(x);
    if (--until_test_ > 0) return false;
    until_test_ = options_.clock;
    if (width_ <= options_.grace || !Shrink()) return false;
    if (options_.rises_only && !(mean() > mean_before)) return false;
    restart_ = options_.reset_on_detection;
    return true;
  }

  int64_t width() const { return width_; }
  double total() const { return total_; }
  /// Sum of squared deviations from the window's mean.
  double m2() const { return m2_; }
  double variance() const { return width_ > 0 ? m2_ / static_cast<double>(width_) : 0; }
  double mean() const { return width_ > 0 ? total_ / static_cast<double>(width_) : 0; }
  /// Of the last cut: difference and bound at the split found first, mean of what was dropped and
  /// of what was kept. Before any cut there is only the window's mean.
  DriftDetector::Evidence evidence() const {
    return {statistic_, threshold_, mean_dropped_, cut_ ? mean_kept_ : mean()};
  }

  void Clear() {
    rows_.clear();
    buckets_.clear();
    FitBlock();
    width_ = 0;
    total_ = m2_ = 0;
    until_test_ = options_.clock;
    restart_ = cut_ = false;
    statistic_ = threshold_ = mean_dropped_ = mean_kept_ = kNone;
  }

  size_t MemoryBytes() const {
    return sizeof(*this) + rows_.capacity() * sizeof(Row) + buckets_.capacity() * sizeof(Bucket);
  }

  void Save(StateWriter& out) const {
    out.Section("adwin", 1);
    out.I64(width_);
    out.I64(until_test_);
    out.F64(total_);
    out.F64(m2_);
    out.Bool(restart_);
    out.Bool(cut_);
    for (const double v : {statistic_, threshold_, mean_dropped_, mean_kept_}) out.F64(v);
    out.U64(rows_.size());
    for (size_t r = 0; r < rows_.size(); ++r) {  // Oldest first: the ring's turn is no state.
      out.U64(rows_[r].count);
      for (uint32_t i = 0; i < rows_[r].count; ++i) {
        out.F64(At(r, i).sum);
        out.F64(At(r, i).m2);
      }
    }
  }

  Status Load(StateReader& in) {
    Adwin loaded(options_);
    in.Section("adwin", 1);
    loaded.width_ = in.I64();
    loaded.until_test_ = in.I64();
    loaded.total_ = in.F64();
    loaded.m2_ = in.F64();
    loaded.restart_ = in.Bool();
    loaded.cut_ = in.Bool();
    loaded.statistic_ = in.F64();
    loaded.threshold_ = in.F64();
    loaded.mean_dropped_ = in.F64();
    loaded.mean_kept_ = in.F64();
    const uint64_t rows = in.Count(sizeof(uint64_t));
    if (rows > kMostRows) in.Fail("an ADWIN window with impossibly many rows");
    int64_t values = 0;
    for (uint64_t r = 0; r < rows && in.ok(); ++r) {
      const uint64_t count = in.Count(sizeof(Bucket));
      if (count > max_buckets_) in.Fail("an ADWIN window with more buckets than max_buckets");
      if (!in.ok()) break;
      loaded.AddRow();
      for (uint64_t i = 0; i < count; ++i) {
        Bucket bucket;
        bucket.sum = in.F64();
        bucket.m2 = in.F64();
        if (!std::isfinite(bucket.sum) || !std::isfinite(bucket.m2)) {
          in.Fail("an ADWIN window with a value that is not finite");
        }
        loaded.Push(r, bucket);
      }
      values += static_cast<int64_t>(count) << r;
    }
    if (in.ok() &&
        (values != loaded.width_ || !std::isfinite(loaded.total_) || !std::isfinite(loaded.m2_) ||
         loaded.until_test_ < 1 || loaded.until_test_ > options_.clock ||
         (rows > 0 && loaded.rows_.back().count == 0))) {
      in.Fail("an ADWIN window that contradicts itself");
    }
    if (in.ok()) *this = std::move(loaded);
    return in.status();
  }

 private:
  static constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  static constexpr double kLargest = 1e100;
  static constexpr size_t kFirstRows = 8;
  static constexpr size_t kMostRows = 50;

  struct Bucket {
    double sum = 0;
    double m2 = 0;
  };
  struct Row {
    uint32_t first = 0;
    uint32_t count = 0;
  };

  const Bucket& At(size_t r, uint32_t i) const {
    return buckets_[r * stride_ + ((rows_[r].first + i) & (stride_ - 1))];
  }
  void AddRow() {
    rows_.push_back({});
    buckets_.resize(buckets_.size() + stride_);
    FitBlock();
  }
  void FitBlock() {
    const size_t rows = std::max(kFirstRows, std::bit_ceil(rows_.size()));
    Fit(rows_, rows);
    Fit(buckets_, rows * stride_);
  }
  template <typename T>
  static void Fit(std::vector<T>& items, size_t capacity) {
    if (items.capacity() == capacity) return;
    std::vector<T> fitting;
    fitting.reserve(capacity);
    fitting.assign(items.begin(), items.end());
    items = std::move(fitting);
  }
  void Push(size_t r, Bucket bucket) {
    Row& row = rows_[r];
    buckets_[r * stride_ + ((row.first + row.count) & (stride_ - 1))] = bucket;
    ++row.count;
  }
  Bucket Pop(size_t r) {
    Row& row = rows_[r];
    const Bucket oldest = buckets_[r * stride_ + row.first];
    row.first = (row.first + 1) & (stride_ - 1);
    --row.count;
    return oldest;
  }

  void Insert(double x) {
    if (width_ > 0) {
      const double w = static_cast<double>(width_);
      const double d = x - total_ / w;
      m2_ += w * d * d / (w + 1);
    } else {
      AddRow();
    }
    ++width_;
    total_ += x;
    Push(0, {x, 0});
    // Two buckets of s values with sums a, b make one whose deviations are theirs plus
    // s * s * (a/s - b/s)^2 / 2s = (a - b)^2 / 2s; s is a power of two, so scaling is exact.
    double half_inverse = 0.5;
    for (size_t r = 0; rows_[r].count > max_buckets_; ++r, half_inverse *= 0.5) {
      if (r + 1 == rows_.size()) AddRow();
      const Bucket a = Pop(r);
      const Bucket b = Pop(r);
      const double d = a.sum - b.sum;
      Push(r + 1, {a.sum + b.sum, a.m2 + b.m2 + d * d * half_inverse});
    }
  }

  /// Drops oldest buckets while some split of the window shows a change; false if none did.
  bool Shrink() {
    if (!FindCut(true)) return false;
    double sum = 0, values = 0;
    do {
      const double s = std::ldexp(1.0, static_cast<int>(rows_.size()) - 1);
      sum += DropOldest(s);
      values += s;
    } while (FindCut(false));
    cut_ = true;
    mean_dropped_ = sum / values;
    mean_kept_ = mean();
    return true;
  }

  double DropOldest(double s) {
    const Bucket oldest = Pop(rows_.size() - 1);
    while (!rows_.empty() && rows_.back().count == 0) {
      rows_.pop_back();
      buckets_.resize(buckets_.size() - stride_);
    }
    FitBlock();
    width_ -= static_cast<int64_t>(s);
    total_ -= oldest.sum;
    const double w = static_cast<double>(width_);
    const double d = oldest.sum / s - total_ / w;
    m2_ -= oldest.m2 + s * w * d * d / (s + w);
    return oldest.sum;
  }

  /// Walks the splits from the oldest on; true at the first whose means differ by more than
  ///   eps = sqrt(2 m v dd) + (2/3) dd m,   m = 1/(n0-L+1) + 1/(n1-L+1),   v = V/W.
  ///
  /// Most splits are dismissed without a division or a root: as m >= 1/n0 + 1/n1 = W/(n0 n1),
  ///   n0 n1 eps >= sqrt(2 V dd n0 n1) + (2/3) dd W,
  /// and a difference of means is |u0 n1 - u1 n0| / (n0 n1). The margins below cover the rounding
  /// of both sides, so a dismissed split could not have passed the test as it is written above.
  bool FindCut(bool record) {
    const double w = static_cast<double>(width_);
    const double dd = std::log(2 * std::log(w) / options_.delta);
    const double v = m2_ / w;
    const double root_part = 2 * m2_ * dd * (1 - 1e-12);
    const double flat_part = 2.0 / 3.0 * dd * w * (1 - 1e-12);
    double n0 = 0, u0 = 0, n1 = w, u1 = total_;
    double s = std::ldexp(1.0, static_cast<int>(rows_.size()) - 1);
    for (size_t r = rows_.size(); r-- > 0; s *= 0.5) {
      const Bucket* const ring = &buckets_[r * stride_];
      const Row row = rows_[r];
      for (uint32_t i = 0; i < row.count; ++i) {
        const double t = ring[(row.first + i) & (stride_ - 1)].sum;
        n0 += s;
        n1 -= s;
        u0 += t;
        u1 -= t;
        const double a = u0 * n1;
        const double b = u1 * n0;
        const double rounding = (std::abs(a) + std::abs(b)) * 1e-14;
        const double excess = std::abs(a - b) + rounding - flat_part;
        if (excess <= 0 || excess * excess <= n0 * n1 * root_part) continue;
        if (IsCut(n0, u0, n1, u1, v, dd, record)) return true;
      }
    }
    return false;
  }

  bool IsCut(double n0, double u0, double n1, double u1, double v, double dd, bool record) {
    const double shortest = static_cast<double>(options_.min_window_length);
    const double needed = options_.reset_on_detection ? shortest : shortest + 2;
    if (n0 < needed || n1 < needed) return false;
    const double m = 1 / (n0 - shortest + 1) + 1 / (n1 - shortest + 1);
    // A sum of squares made slightly negative by rounding gives NaN here, hence no cut.
    const double eps = std::sqrt(2 * m * v * dd) + 2.0 / 3.0 * dd * m;
    const double difference = std::abs(u0 / n0 - u1 / n1);
    if (!(difference > eps)) return false;
    if (record) {
      statistic_ = difference;
      threshold_ = eps;
    }
    return true;
  }

  AdwinOptions options_;
  uint32_t max_buckets_;
  uint32_t stride_;  ///< Slots of a ring: a power of two, so that turning it is a mask.
  std::vector<Row> rows_;
  std::vector<Bucket> buckets_;
  int64_t width_ = 0;
  int64_t until_test_ = 0;
  double total_ = 0;
  double m2_ = 0;
  bool restart_ = false;  ///< The next value starts a new window.
  bool cut_ = false;
  double statistic_ = kNone;
  double threshold_ = kNone;
  double mean_dropped_ = kNone;
  double mean_kept_ = kNone;
};

}  // namespace leat
