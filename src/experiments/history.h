/// A history that never holds more than so many points, evenly spread over all of time.
///
/// Every point is kept until there are kMost; then every second one is dropped, and from then on
/// every second one only is taken, and so on. Cost: O(1) on average. Memory: at most kMost points.
/// Determinism: the order of Add calls.
#pragma once

#include <cstdint>
#include <vector>

#include "leat/state.h"

namespace leat::experiments {

/// `Point` is trivially copyable and without padding.
template <typename Point>
class History {
 public:
  static constexpr size_t kMost = 256;
  void Add(const Point& point) {
    if (seen_++ % stride_ != 0) return;
    points_.push_back(point);
    if (points_.size() < kMost) return;
    for (size_t i = 0; 2 * i < points_.size(); ++i) points_[i] = points_[2 * i];
    points_.resize((points_.size() + 1) / 2);
    stride_ *= 2;
  }
  const std::vector<Point>& points() const { return points_; }
  size_t MemoryBytes() const { return points_.capacity() * sizeof(Point); }

  void Save(StateWriter& out) const {
    out.I64(seen_);
    out.I64(stride_);
    out.Array(points_);
  }
  void Load(StateReader& in) {
    seen_ = in.I64();
    stride_ = in.I64();
    in.Array(points_);
    if (in.ok() && (stride_ < 1 || points_.size() >= kMost)) in.Fail("a history is too long");
  }

 private:
  int64_t seen_ = 0, stride_ = 1;
  std::vector<Point> points_;
};

}  // namespace leat::experiments
