/// Streaming k-means: centres that follow the stream, each record moving the nearest one.
///
/// Sources: the sequential step of MacQueen (1967); seeding by k-means++ (Arthur, Vassilvitskii,
/// SODA 2007, section 2.2) over the first `seed_buffer` records, which are then learnt in order;
/// mini-batches of Sculley, "Web-Scale K-Means Clustering" (WWW 2010, algorithm 1: the nearest
/// centres of all records of a batch first, then a step for each);
/// forgetting as in decayed counts (a centre's weight halves every `half_life` records), or a
/// constant rate, which with given centres is River's KMeans (its `halflife` is our `rate`).
/// Own addition: a centre that no record came nearest to for `reseed_after` records is dead and is
/// moved to the next record that lies farther from its centre than the running mean distance.
///
/// Shapes: dense inputs of d numbers; Predict gives the squared Euclidean distance to each of the k
/// centres, and nothing until they exist. Missing values (NaN, infinite, beyond 1e100 in size) are
/// left out of a distance, which is then scaled by d / present; a record without any value is not
/// learnt. A weight of n counts as n records at the same place. The target is ignored.
/// Scale the inputs first: distances mix all of them.
/// Cost: k * d to predict or learn. Bytes: 8 * k * (d + 2), 8 * seed_buffer * (d + 1) at first,
/// with batches 8 * batch * (d + 1).
/// Thread safety and determinism: as said in model.h; seeding draws from (seed, draw) alone.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "leat/model.h"
#include "leat/params.h"
#include "leat/status.h"

namespace leat {

struct KMeansOptions {
  int64_t clusters = 8;       ///< [1, 65536].
  double rate = 0;            ///< Constant step towards a record, [0, 1]; 0: by decayed counts.
  double half_life = 0;       ///< Records until counts have halved; 0: never. Not with `rate`.
  int64_t seed_buffer = 200;  ///< Records that seeding chooses from; at least `clusters`.
  int64_t reseed_after = 0;   ///< Records without a win until a centre is moved; 0: never.
  int64_t batch = 1;          ///< Records of a mini-batch, [1, 1e6].
  int64_t seed = 1;
  /// Centres to start from, row after row, instead of seeding; for programs only.
  std::vector<double> initial_centres;
};

void Describe(Params& params, KMeansOptions& options);

class KMeans : public Model {
 public:
  /// The centres, row after row; empty while there are none.
  virtual const std::vector<double>& centres() const = 0;
  /// The index of the nearest centre (the lowest of equals), or -1 while there is none.
  virtual int64_t Nearest(const Input& input) const = 0;
  /// How odd a record is: its distance to the nearest centre, relative to the running mean of such
  /// distances among the records learnt (1 is usual; 0 while there is nothing to compare with).
  /// Always finite. A feature or an alarm threshold can be made of it.
  virtual double AnomalyScore(const Input& input) const = 0;
};

/// Returns a KMeans. Errors: kInvalid for options out of range, nominal attributes, a sparse part,
/// or no inputs at all.
Result<std::unique_ptr<Model>> MakeKMeans(const KMeansOptions& options, const InputSpec& inputs);

}  // namespace leat
