/// What CluStream, DenStream and DBSTREAM have in common: micro-clusters, which of them form a
/// cluster, and how records reach them.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "base/exp.h"
#include "leat/clusters.h"
#include "models/anomaly/window.h"
#include "models/clusters/points.h"

namespace leat::clusters {

/// Saved as it is: no padding.
struct Micro {
  double weight = 0;       ///< As of `time`, where it fades.
  double spread = 0;       ///< Weighted sum of squared distances from the centre.
  double time = 0;         ///< Of the last record, or (CluStream) the mean of its records' times.
  double time_spread = 0;  ///< CluStream: weighted sum of squared differences from that mean.
  uint64_t born = 0;       ///< The record that began it: its name.
  int32_t cluster = -1;    ///< -1: none.
  uint32_t potential = 0;  ///< DenStream: 1 if it is no outlier.
};

class MicroClusterer : public MicroClusterModel {
 public:
  Task task() const final { return Task::kClustering; }
  void Predict(const Input& input, std::vector<double>& out) const override;
  void Learn(const Input& input, double target, double weight) final;
  std::vector<std::pair<std::string, std::string>> Summary() const final;

  size_t micro_clusters() const final { return micro_.size(); }
  std::span<const double> Centre(size_t i) const final { return {centre(i), size_}; }
  double Weight(size_t i) const final { return micro_[i].weight; }
  int64_t ClusterOf(size_t i) const final { return micro_[i].cluster; }
  size_t clusters() const final { return clusters_; }

 protected:
  MicroClusterer(const InputSpec& inputs, int64_t capacity, int64_t recluster_every);

  /// A record with at least one usable value; the time is records_.
  virtual void Take(const double* x, double weight) = 0;
  /// After it; the time has gone on.
  virtual void Tidy() {}
  /// Sets the clusters anew.
  virtual void Recluster() = 0;

  double now() const { return static_cast<double>(records_); }
  size_t capacity() const { return capacity_; }
  const double* centre(size_t m) const { return centres_.data() + m * size_; }
  double SquaredTo(const double* x, size_t m) const { return SquaredDistance(x, centre(m), size_); }
  /// The nearest of those that `among` says, the first of equals; micro_.size() if there is none.
  template <typename Among>
  std::pair<size_t, double> Nearest(const double* x, const Among& among) const {
    std::pair<size_t, double> best = {micro_.size(), std::numeric_limits<double>::infinity()};
    for (size_t m = 0; m < micro_.size(); ++m) {
      if (!among(m)) continue;
      const double squared = SquaredTo(x, m);
      if (squared < best.second) best = {m, squared};
    }
    return best;
  }
  /// Moves a centre that share of the way to x, where x has values.
  void Move(size_t m, const double* x, double share);
  /// Begins one at the end. What x lacks is taken over from micro-cluster `like`, if there is such.
  /// REQUIRES less than capacity() of them.
  void Begin(const double* x, double weight, size_t like);
  /// Takes out those that `goes` says; the others stay in order.
  template <typename Goes>
  void Remove(const Goes& goes) {
    size_t kept = 0;
    for (size_t m = 0; m < micro_.size(); ++m) {
      if (goes(m)) {
        lost_ = lost_ || micro_[m].cluster >= 0;
        continue;
      }
      if (kept != m) {
        micro_[kept] = micro_[m];
        std::copy_n(centre(m), size_, centres_.data() + kept * size_);
      }
      ++kept;
    }
    micro_.resize(kept);
    centres_.resize(kept * size_);
  }
  /// Clusters from each micro-cluster on that `starts` says and that is in none yet: with all that
  /// `next(m, add)` leads to.
  template <typename Starts, typename Next>
  void Connect(const Starts& starts, const Next& next) {
    clusters_ = 0;
    for (Micro& micro : micro_) micro.cluster = -1;
    for (size_t m = 0; m < micro_.size(); ++m) {
      if (micro_[m].cluster >= 0 || !starts(m)) continue;
      const auto label = static_cast<int32_t>(clusters_++);
      const auto add = [&](size_t other) {
        if (micro_[other].cluster >= 0) return;
        micro_[other].cluster = label;
        waiting_.push_back(other);
      };
      add(m);
      while (!waiting_.empty()) {
        const size_t at = waiting_.back();
        waiting_.pop_back();
        next(at, add);
      }
    }
  }

  /// Sections are the types'. Checks what can be checked without options.
  void SaveMicro(StateWriter& out) const;
  void LoadMicro(StateReader& in);
  size_t HeapBytes() const;

  InputSpec inputs_;
  size_t size_;
  std::vector<Micro> micro_;  ///< In the order in which they began.
  std::vector<double> centres_;
  uint64_t records_ = 0, skipped_ = 0;
  size_t clusters_ = 0;

 private:
  size_t capacity_;
  uint64_t recluster_every_;
  std::vector<size_t> waiting_;
  bool lost_ = false;  ///< A part of a cluster has gone, which may have been all of it.
};

/// Settings that several types have.
void DescribeFading(Params& params, double& half_life);
void DescribeMost(Params& params, int64_t& max_micro_clusters);
void DescribeRecluster(Params& params, int64_t& recluster_every);

/// Weights that halve.
class Fading {
 public:
  explicit Fading(double half_life) : rate_(1 / half_life) {}
  /// The share that is left of a weight after `records`.
  double After(double records) const { return Exp(-0.6931471805599453 * rate_ * records); }
  double Now(const Micro& micro, double now) const {
    return micro.weight * After(now - micro.time);
  }
  /// The lightest at `now`, the first of equals.
  size_t Lightest(const std::vector<Micro>& micro, double now) const {
    size_t least = 0;
    for (size_t m = 1; m < micro.size(); ++m) {
      if (Now(micro[m], now) < Now(micro[least], now)) least = m;
    }
    return least;
  }

 private:
  double rate_;
};

}  // namespace leat::clusters
