/// Statistics of the last `window` values of a stream.
///
/// All classes keep the window's values (8 bytes each, the bound on their memory) in a ring that
/// is allocated once. Sums are updated by adding the new and removing the old value (Welford's
/// recurrence, both ways) and computed afresh from the values once a window, so that rounding
/// never accumulates over more than one window. Values that are not finite are ignored. A
/// statistic that needs more values than were seen is 0. Thread safety: const methods may run
/// concurrently. Determinism: depends on the sequence of Add calls only. Library only:
/// no setting asks for them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "leat/state.h"
#include "leat/status.h"

namespace leat::statistics {

/// The last `window` items, oldest first.
class Ring {
 public:
  /// REQUIRES window >= 1.
  explicit Ring(size_t window) : items_(window) {}
  size_t size() const { return size_; }
  size_t window() const { return items_.size(); }
  bool full() const { return size_ == items_.size(); }
  double operator[](size_t i) const {
    const size_t at = first_ + i;
    return items_[at < items_.size() ? at : at - items_.size()];
  }
  /// REQUIRES the ring to have room (after Pop, if it was full).
  void Push(double x) {
    const size_t at = first_ + size_;
    items_[at < items_.size() ? at : at - items_.size()] = x;
    ++size_;
  }
  double Pop() {
    const double oldest = items_[first_];
    if (++first_ == items_.size()) first_ = 0;
    --size_;
    return oldest;
  }
  void Save(StateWriter& out) const;
  void Load(StateReader& in);

 private:
  std::vector<double> items_;
  size_t first_ = 0;
  size_t size_ = 0;
};

/// Mean and variance: O(1) amortised.
class RollingMoments {
 public:
  explicit RollingMoments(size_t window) : ring_(window) {}
  void Add(double x);
  size_t count() const { return ring_.size(); }
  double mean() const { return mean_; }
  double variance(double ddof = 1) const;
  void Save(StateWriter& out) const;
  Status Load(StateReader& in);

 private:
  Ring ring_;
  double mean_ = 0;
  double m2_ = 0;
  uint64_t since_fresh_ = 0;
};

/// Covariance and Pearson's correlation of the last pairs: O(1) amortised.
class RollingComoments {
 public:
  explicit RollingComoments(size_t window) : x_(window), y_(window) {}
  void Add(double x, double y);
  double covariance(double ddof = 1) const;
  double correlation() const;
  void Save(StateWriter& out) const;
  Status Load(StateReader& in);

 private:
  void Include(double x, double y, double n);
  Ring x_, y_;
  double mean_x_ = 0, mean_y_ = 0;
  double m2_x_ = 0, m2_y_ = 0, c_ = 0;
  uint64_t since_fresh_ = 0;
};

/// Quantiles: O(log w) comparisons and O(w) moves an update, O(1) a question. Linear interpolation.
class RollingQuantile {
 public:
  explicit RollingQuantile(size_t window);
  void Add(double x);
  double value(double q) const;  ///< REQUIRES 0 <= q <= 1.
  void Save(StateWriter& out) const;
  Status Load(StateReader& in);

 private:
  Ring ring_;
  std::vector<double> ascending_;
};

/// Minimum and maximum: O(1) amortised, by queues of the values that can still become extreme.
class RollingExtremes {
 public:
  /// REQUIRES window >= 1.
  explicit RollingExtremes(size_t window) : window_(window), low_(window), high_(window) {}
  void Add(double x);
  double min() const { return low_.size > 0 ? low_.Front().value : 0; }
  double max() const { return high_.size > 0 ? high_.Front().value : 0; }
  void Save(StateWriter& out) const;
  Status Load(StateReader& in);

 private:
  struct Entry {
    uint64_t index = 0;
    double value = 0;
  };
  struct Queue {
    explicit Queue(size_t window) : entries(window) {}
    const Entry& Front() const { return entries[first]; }
    Entry& At(size_t i) {
      return entries[first + i < entries.size() ? first + i : first + i - entries.size()];
    }
    const Entry& At(size_t i) const { return const_cast<Queue*>(this)->At(i); }
    std::vector<Entry> entries;
    size_t first = 0;
    size_t size = 0;
  };
  template <typename Beats>
  void Enter(Queue& queue, double x, Beats beats);

  size_t window_;
  uint64_t next_ = 0;
  Queue low_, high_;
};

}  // namespace leat::statistics
