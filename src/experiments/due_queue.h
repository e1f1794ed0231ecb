/// What is due when, for very many keys: what comes soon in order, and the rest by minutes.
///
/// A heap of all would be far larger than the processor's caches, and what is far away need not
/// even be known to the microsecond: for each later minute there is a list of keys only, and who
/// owns them says, when the minute comes, when each is due and where it stands among those of the
/// same moment. So a key whose moment has changed is added again, and what the old place says is
/// passed over. Cost: O(1) to add, O(log of a minute's keys) to take. Memory: 8 bytes a key, 24 in
/// the minute that has come. Thread safety: none. Determinism: keys are taken by (time, order).
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <tuple>
#include <vector>

#include "base/time.h"

namespace leat::experiments {

/// How many times `unit` fits, rounded down.
inline int64_t WholeOf(int64_t micros, int64_t unit) {
  const int64_t whole = micros / unit;
  return whole * unit > micros ? whole - 1 : whole;
}

class DueQueue {
 public:
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();
  struct Due {
    int64_t time = kNever;  ///< Microseconds.
    uint64_t order = 0;
    uint64_t key = 0;
    friend bool operator>(const Due& a, const Due& b) {
      return std::tie(a.time, a.order) > std::tie(b.time, b.order);
    }
  };

  /// kNever is not added.
  void Add(const Due& due) {
    if (due.time == kNever) return;
    const int64_t minute = MinuteOf(due.time);
    if (minute >= soon_until_) {
      later_[minute].push_back(due.key);
      return;
    }
    soon_.push_back(due);
    std::push_heap(soon_.begin(), soon_.end(), std::greater<>());
  }

  /// Takes the first that is due, at most at `mark`. A minute that comes is given to
  /// `find(keys, visit)`, which calls visit(due) with what each key says of itself now.
  template <typename Find>
  bool Take(int64_t mark, Due& due, Find&& find) {
    while (soon_.empty() && !later_.empty() && later_.begin()->first * kMinute <= mark) {
      const int64_t minute = later_.begin()->first;
      const std::vector<uint64_t> keys = std::move(later_.begin()->second);
      later_.erase(later_.begin());
      soon_until_ = minute + 1;
      find(keys, [&](const Due& found) {
        if (found.time != kNever && MinuteOf(found.time) == minute) soon_.push_back(found);
      });
      std::make_heap(soon_.begin(), soon_.end(), std::greater<>());
    }
    if (soon_.empty() || soon_.front().time > mark) return false;
    due = soon_.front();
    std::pop_heap(soon_.begin(), soon_.end(), std::greater<>());
    soon_.pop_back();
    return true;
  }

  void Clear() {
    soon_.clear();
    later_.clear();
    soon_until_ = std::numeric_limits<int64_t>::min();
  }

  size_t MemoryBytes() const {
    size_t bytes = soon_.capacity() * sizeof(Due);
    for (const auto& [minute, keys] : later_) bytes += keys.capacity() * sizeof(uint64_t) + 64;
    return bytes;
  }

 private:
  static int64_t MinuteOf(int64_t micros) { return WholeOf(micros, kMinute); }

  std::vector<Due> soon_;  ///< A heap, the earliest first.
  std::map<int64_t, std::vector<uint64_t>> later_;
  int64_t soon_until_ = std::numeric_limits<int64_t>::min();  ///< The first minute of later_.
};

}  // namespace leat::experiments
