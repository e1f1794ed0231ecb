/// How good clusters are, without labels: figures over points that were assigned to clusters, and a
/// bounded sample of a stream's last records to take them over.
///
/// Sources: silhouette: Rousseeuw (J. Comput. Appl. Math. 20, 1987); Davies and Bouldin (IEEE PAMI
/// 1, 1979); Calinski and Harabasz (Communications in Statistics 3, 1974), each as scikit-learn
/// computes it. Inertia is the mean squared distance to the nearest cluster, not the sum, so that
/// it does not grow with the stream.
/// Shapes: points one after the other, `width` numbers each; a missing one (NaN, infinite, beyond
/// 1e100) is left out of a distance, which is then scaled up (base/points.h). Cost: n^2 width / 2
/// for n points; n is at most 512 for a sample. Bytes: 8 * 512 * (width + 1). Determinism: which
/// records are kept depends on (seed, number of the record) alone. Thread safety: none. Errors: a
/// figure that is not defined is NaN.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "leat/state.h"
#include "leat/status.h"

namespace leat {

struct ClusterQuality {
  static constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  double silhouette = kNone;         ///< [-1, 1], higher is better; 0 for a point alone.
  double davies_bouldin = kNone;     ///< >= 0, lower is better.
  double calinski_harabasz = kNone;  ///< >= 0, higher is better.
  size_t clusters = 0;               ///< That have points.
};

/// `clusters` holds the cluster of each point. All are undefined for fewer than two clusters with
/// points, or as many as there are points; Davies-Bouldin when two centres are the same.
ClusterQuality MeasureClusters(std::span<const double> points, size_t width,
                               std::span<const size_t> clusters);

/// One record at random of each run of records, as long as the runs must be for 512 of them to hold
/// at least half of the last `window` records; shorter runs while there are fewer.
class ClusterSample {
 public:
  ClusterSample(size_t width, int64_t window, uint64_t seed);

  /// `squared`: the distance to the nearest cluster before the record was learnt; NaN: there was
  /// none. A record without a usable value is passed over.
  void Add(std::span<const double> point, double squared);

  size_t size() const { return squared_.size(); }
  /// One after the other, the oldest first.
  std::vector<double> Points() const;
  /// Over all records, each before it was learnt, and over the sample.
  double Inertia() const { return scored_ > 0 ? inertia_ : ClusterQuality::kNone; }
  double WindowInertia() const;

  void Save(StateWriter& out) const;
  Status Load(StateReader& in);
  size_t MemoryBytes() const;

 private:
  void Choose();
  void Thin();
  std::vector<double> Squared() const;

  size_t width_, capacity_;
  uint64_t window_, seed_;
  uint64_t scored_ = 0;
  double inertia_ = 0;
  uint64_t run_ = 1;     ///< Records of a run.
  uint64_t runs_ = 0;    ///< So far, for the draws.
  uint64_t at_ = 0;      ///< Records of the present run so far.
  uint64_t chosen_ = 0;  ///< Which of them is kept.
  size_t oldest_ = 0;    ///< The place of the oldest point, once full.
  std::vector<double> points_, squared_;
};

}  // namespace leat
