/// Clusters of any number over micro-clusters that follow the stream: CluStream, DenStream,
/// DBSTREAM.
///
/// A micro-cluster is a centre with a weight and some sums; records are kept as these only. Every
/// `recluster_every` records the micro-clusters are put together to clusters.
///
/// Sources: CluStream: Aggarwal, Han, Wang, Yu, "A Framework for Clustering Evolving Data Streams"
/// (VLDB 2003); DenStream: Cao, Ester, Qian, Zhou, "Density-Based Clustering over an Evolving Data
/// Stream with Noise" (SIAM SDM 2006); DBSTREAM: Hahsler, Bolanos, "Clustering Data Streams Based
/// on Shared Density between Micro-Clusters" (IEEE TKDE 28, 2016), in the form of River's, whose
/// published results it repeats. Deviations are named at the options.
///
/// Shapes: dense inputs of d numbers, without nominal ones. Predict gives the squared Euclidean
/// distance to each cluster: to its centre in CluStream, in the others to the nearest micro-cluster
/// of it, for their clusters have any shape; nothing while there is none. Learn ignores the target;
/// a weight of n counts as n records in the weight of a micro-cluster. Missing values (NaN,
/// infinite, beyond 1e100 in size) are left out of a distance, which is then scaled by d / present;
/// a new micro-cluster takes them over from the nearest one. A record without any value is not
/// learnt and counted as skipped. Scale the inputs first: distances mix all of them. Time is
/// counted in records. Cost: d for each micro-cluster to predict and to learn, and what the options
/// say. Bytes: 8 (d + 6) for each micro-cluster there may be, set aside at the start. Thread safety
/// and determinism: as said in model.h. Errors: kInvalid for options out of range or at odds,
/// nominal attributes, a sparse part, or no inputs.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "leat/model.h"
#include "leat/params.h"
#include "leat/status.h"

namespace leat {

/// What the three types are.
class MicroClusterModel : public Model {
 public:
  virtual size_t micro_clusters() const = 0;
  /// Of micro-cluster i, in the order in which they began: its centre,
  virtual std::span<const double> Centre(size_t i) const = 0;
  /// its weight as it was when it last took a record (DenStream, DBSTREAM: it fades from then on),
  virtual double Weight(size_t i) const = 0;
  /// and its cluster; -1: none.
  virtual int64_t ClusterOf(size_t i) const = 0;
  virtual size_t clusters() const = 0;
};

/// Micro-clusters with the mean and deviation of where and when their records were. A record that
/// lies within `radius_factor` root mean squared deviations of the nearest one is part of it (of
/// one without a deviation: nearer than any other micro-cluster is); else it begins one, for which
/// the least relevant goes if its last records are older than `horizon`, or the two nearest become
/// one. Clusters: k-means over the centres by their weights, from the clusters before (from new
/// seeds if that is better by a fifth). Deviations: each of the first `micro_clusters` records
/// begins one, as in MOA and River, instead of a k-means over some first records; no snapshots in a
/// pyramidal time frame are kept, because they serve questions about past horizons, which a stream
/// of predictions does not ask: the present micro-clusters stand for the horizon, as in MOA and
/// River. Relevance is the mean time of the last `micro_clusters` records (section 3: by the normal
/// distribution). Cost beyond d each: micro_clusters^2 d / 2 when two become one.
struct CluStreamOptions {
  int64_t clusters = 8;           ///< [1, 65536], at most `micro_clusters`.
  int64_t micro_clusters = 100;   ///< [2, 65536].
  double radius_factor = 2;       ///< (0, 100].
  int64_t horizon = 10'000;       ///< Records, >= 1.
  int64_t recluster_every = 100;  ///< Records, >= 1.
  int64_t seed = 1;               ///< Of the choice of the first centres.
};
void Describe(Params& params, CluStreamOptions& options);
/// Returns a MicroClusterModel, as do the others.
Result<std::unique_ptr<Model>> MakeCluStream(const CluStreamOptions& options,
                                             const InputSpec& inputs);

/// Micro-clusters no larger than `radius` (root mean squared distance from the centre) whose
/// weights fade. A record is part of the nearest potential one if that stays small enough; else of
/// the nearest outlier, which becomes potential once it weighs more than potential * core_weight;
/// else it begins one. Those that are too light for their age go, every so often (section 4.2).
/// Clusters: potential micro-clusters whose centres are within reach * radius, from those that
/// weigh more than core_weight on (section 4.3). Deviations: the first records are learnt as all
/// others, instead of by DBSCAN; with `max_micro_clusters` the lightest goes; the reach is 3.5
/// instead of 2 radii, because records that lie evenly on a line, of which each micro-cluster takes
/// a piece, have centres 2 sqrt(3) radii apart (less in more dimensions), and would be parted. Cost
/// beyond d each: max_micro_clusters^2 d / recluster_every.
struct DenStreamOptions {
  double radius = 1;        ///< Epsilon of the paper, [1e-50, 1e50].
  double core_weight = 10;  ///< Mu, (1, 1e9].
  double potential = 0.5;   ///< Beta, (0, 1]; potential * core_weight above 1.
  double reach = 3.5;       ///< [1, 10]; the paper's is 2.
  double half_life = 1000;  ///< Records until a record weighs half (1 / lambda), [1, 1e12].
  int64_t max_micro_clusters = 500;  ///< [2, 65536].
  int64_t recluster_every = 100;     ///< Records, >= 1.
};
void Describe(Params& params, DenStreamOptions& options);
Result<std::unique_ptr<Model>> MakeDenStream(const DenStreamOptions& options,
                                             const InputSpec& inputs);

/// Micro-clusters of a fixed radius whose weights fade, and the weight of the records that each two
/// of them share. A record moves all that it lies in towards it, unless two would come nearer than
/// the radius; in none, it begins one. Clusters: micro-clusters that weigh at least
/// `minimum_weight`, joined where what two share is more than `intersection` of their mean weight.
/// Weights are those of the last update, as in River. Deviations: with `max_micro_clusters` the
/// lightest goes; what is connected is so both ways (River's follows a connection from the older
/// one only). Cost beyond d each: (micro-clusters around a record)^2.
struct DbStreamOptions {
  double radius = 1;            ///< [1e-50, 1e50].
  double half_life = 1000;      ///< Records until a record weighs half (1 / lambda), [1, 1e12].
  int64_t cleanup_every = 100;  ///< Records between two looks for what is too light, >= 1.
  double intersection = 0.3;    ///< Alpha, (0, 1].
  double minimum_weight = 1;    ///< [0, 1e9].
  int64_t max_micro_clusters = 500;  ///< [2, 65536].
  int64_t recluster_every = 100;     ///< Records, >= 1.
  bool one_way = false;              ///< Connections as River follows them; for programs only.
};
void Describe(Params& params, DbStreamOptions& options);
Result<std::unique_ptr<Model>> MakeDbStream(const DbStreamOptions& options,
                                            const InputSpec& inputs);

}  // namespace leat
