#include "evaluation/cluster_quality.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "base/points.h"
#include "base/random.h"

namespace leat {
namespace {

constexpr size_t kMostPoints = 512;
constexpr uint64_t kDraws = 0x73616d706c65;  // names this component's random numbers

/// What one cluster's points have in common.
struct Group {
  std::vector<double> centre;
  std::vector<double> counts;  ///< By coordinate: points that have it.
  std::vector<size_t> members;
  double scatter = 0;  ///< Mean distance of its points from the centre.
};

}  // namespace

ClusterQuality MeasureClusters(std::span<const double> points, size_t width,
                               std::span<const size_t> clusters) {
  const size_t n = clusters.size();
  const auto point = [&](size_t p) { return points.data() + p * width; };
  std::map<size_t, Group> by_name;
  // A coordinate that no point of a group has, its centre has not got either.
  const auto open = [width](Group& group) {
    group.centre.resize(width, ClusterQuality::kNone);
    group.counts.resize(width);
  };
  Group all;
  open(all);
  const auto enter = [&](Group& group, size_t p) {
    for (size_t i = 0; i < width; ++i) {
      const double x = point(p)[i];
      if (!points::Usable(x)) continue;
      double& mean = group.centre[i];
      mean = ++group.counts[i] == 1 ? x : mean + (x - mean) / group.counts[i];
    }
    group.members.push_back(p);
  };
  for (size_t p = 0; p < n; ++p) {
    Group& group = by_name[clusters[p]];
    open(group);
    enter(group, p);
    enter(all, p);
  }
  ClusterQuality quality;
  quality.clusters = by_name.size();
  if (by_name.size() < 2 || by_name.size() >= n) return quality;

  std::vector<Group> groups;
  for (auto& [name, group] : by_name) groups.push_back(std::move(group));
  double within = 0, between = 0;
  for (Group& group : groups) {
    const auto size = static_cast<double>(group.members.size());
    for (const size_t p : group.members) {
      const double squared = points::SquaredDistance(point(p), group.centre.data(), width);
      within += squared;
      group.scatter += std::sqrt(squared) / size;
    }
    between += size * points::SquaredDistance(group.centre.data(), all.centre.data(), width);
  }
  const auto k = static_cast<double>(groups.size()), count = static_cast<double>(n);
  if (within > 0) quality.calinski_harabasz = between / (k - 1) / (within / (count - k));

  double worst_sum = 0;
  for (size_t a = 0; a < groups.size(); ++a) {
    double worst = 0;
    for (size_t b = 0; b < groups.size(); ++b) {
      if (a == b) continue;
      const double apart = std::sqrt(
          points::SquaredDistance(groups[a].centre.data(), groups[b].centre.data(), width));
      // Two centres at one place: infinite, and so undefined.
      if (!(apart > 0)) worst = std::numeric_limits<double>::infinity();
      if (apart > 0) worst = std::max(worst, (groups[a].scatter + groups[b].scatter) / apart);
    }
    worst_sum += worst;
  }
  if (std::isfinite(worst_sum)) quality.davies_bouldin = worst_sum / k;

  double silhouettes = 0;
  for (size_t a = 0; a < groups.size(); ++a) {
    for (const size_t p : groups[a].members) {
      if (groups[a].members.size() == 1) continue;  // 0 by definition.
      double own = 0, other = std::numeric_limits<double>::infinity();
      for (size_t b = 0; b < groups.size(); ++b) {
        double sum = 0;
        for (const size_t q : groups[b].members) {
          sum += std::sqrt(points::SquaredDistance(point(p), point(q), width));
        }
        const auto size = static_cast<double>(groups[b].members.size());
        if (a == b) {
          own = sum / (size - 1);
        } else {
          other = std::min(other, sum / size);
        }
      }
      const double larger = std::max(own, other);
      if (larger > 0) silhouettes += (other - own) / larger;
    }
  }
  quality.silhouette = silhouettes / count;
  return quality;
}

ClusterSample::ClusterSample(size_t width, int64_t window, uint64_t seed)
    : width_(width),
      capacity_(std::min(kMostPoints, static_cast<size_t>(std::max<int64_t>(window, 1)))),
      window_(static_cast<uint64_t>(std::max<int64_t>(window, 1))),
      seed_(seed) {
  points_.reserve(capacity_ * width_);
  squared_.reserve(capacity_);
}

/// Each run draws anew.
void ClusterSample::Choose() { chosen_ = CounterRandom(seed_, kDraws, runs_ * 2).Below(run_); }

void ClusterSample::Add(std::span<const double> point, double squared) {
  if (!std::any_of(point.begin(), point.end(), points::Usable)) return;
  if (std::isfinite(squared)) inertia_ += (squared - inertia_) / static_cast<double>(++scored_);
  if (at_++ == chosen_) {
    if (squared_.size() == capacity_) {
      std::copy(point.begin(), point.end(),
                points_.begin() + static_cast<ptrdiff_t>(oldest_ * width_));
      squared_[oldest_] = squared;
      if (++oldest_ == capacity_) oldest_ = 0;
    } else {
      points_.insert(points_.end(), point.begin(), point.end());
      squared_.push_back(squared);
    }
  }
  if (at_ < run_) return;
  at_ = 0;
  ++runs_;
  if (squared_.size() == capacity_ && oldest_ == 0 && 2 * run_ * capacity_ <= window_) Thin();
  Choose();
}

/// Of each two points one stays, at random: runs are twice as long from now on.
void ClusterSample::Thin() {
  CounterRandom random(seed_, kDraws + 1, run_ * kMostPoints);
  for (size_t i = 0; 2 * i + 1 < squared_.size(); ++i) {
    const size_t from = 2 * i + random.Below(2);
    std::copy_n(points_.begin() + static_cast<ptrdiff_t>(from * width_), width_,
                points_.begin() + static_cast<ptrdiff_t>(i * width_));
    squared_[i] = squared_[from];
  }
  squared_.resize(squared_.size() / 2);
  points_.resize(squared_.size() * width_);
  run_ *= 2;
}

std::vector<double> ClusterSample::Points() const {
  std::vector<double> rows = points_;
  std::rotate(rows.begin(), rows.begin() + static_cast<ptrdiff_t>(oldest_ * width_), rows.end());
  return rows;
}
std::vector<double> ClusterSample::Squared() const {
  std::vector<double> squared = squared_;
  std::rotate(squared.begin(), squared.begin() + static_cast<ptrdiff_t>(oldest_), squared.end());
  return squared;
}

double ClusterSample::WindowInertia() const {
  double mean = 0, n = 0;
  for (const double squared : Squared()) {
    if (std::isfinite(squared)) mean += (squared - mean) / ++n;
  }
  return n > 0 ? mean : ClusterQuality::kNone;
}

void ClusterSample::Save(StateWriter& out) const {
  out.Section("cluster_sample", 1);
  out.U64(scored_);
  out.F64(inertia_);
  for (const uint64_t v : {run_, runs_, at_, chosen_}) out.U64(v);
  // Oldest first, wherever the ring stands.
  out.Array(Points());
  out.Array(Squared());
}

Status ClusterSample::Load(StateReader& in) {
  in.Section("cluster_sample", 1);
  ClusterSample loaded(width_, static_cast<int64_t>(window_), seed_);
  loaded.scored_ = in.U64();
  loaded.inertia_ = in.F64();
  for (uint64_t* v : {&loaded.run_, &loaded.runs_, &loaded.at_, &loaded.chosen_}) *v = in.U64();
  std::vector<double> rows, squared;
  in.Array(rows);
  in.Array(squared);
  const bool good = std::isfinite(loaded.inertia_) && loaded.run_ >= 1 && loaded.run_ <= window_ &&
                    loaded.at_ < loaded.run_ && loaded.chosen_ < loaded.run_ &&
                    squared.size() <= capacity_ && rows.size() == squared.size() * width_;
  if (in.ok() && !good) in.Fail("the sample for the quality of clusters does not fit");
  if (!in.ok()) return in.status();
  loaded.points_.assign(rows.begin(), rows.end());
  loaded.squared_.assign(squared.begin(), squared.end());
  *this = std::move(loaded);
  return Status::Ok();
}

size_t ClusterSample::MemoryBytes() const {
  return sizeof *this + sizeof(double) * (points_.capacity() + squared_.capacity());
}

}  // namespace leat
