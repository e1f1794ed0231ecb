/// Aggregated Mondrian forest: trees whose tests are drawn at random as the data spreads, and whose
/// prediction is the mean of that of all their prunings, weighted by how well each has predicted.
///
/// Source: Mourtada, Gaiffas and Scornet, "AMF: Aggregated Mondrian forests for online learning"
/// (2021; algorithms 1 to 4: Mondrian trees by Lakshminarayanan, Roy and Teh 2014 without a
/// lifetime, context tree weighting over their prunings with the logarithmic loss). The aggregation
/// is exact and costs a pass up the path. Defaults are the paper's: 10 trees, step 1, prior
/// 0.5; a node whose rows are all of the label at hand is not split. Deviations: how far a value
/// lies outside a node is counted in standard deviations of that input, so that scales do not
/// matter, where the paper takes values as they are; codes of nominal attributes count as numbers;
/// missing values neither split nor spread a node and go to its heavier child; the number of
/// classes in the prior is that of the classes seen; when the byte budget leaves no room for
/// a split, the oldest tree begins anew (a single tree splits no more), so that the forest follows
/// the stream where the paper's keeps all there ever was.
///
/// Shapes: dense part only; the sparse part of an input is ignored. Targets: class index below
/// 65,536; anything else is counted and ignored, as is a weight outside (0, 1e12], and a new class
/// that max_bytes has no room for. Cost: a row is a path of each tree, at each node one pass over
/// the inputs to learn; 16 bytes an input and 8 a class for each node, of which there are at most
/// two a row and tree. Thread safety: const methods may run concurrently. Determinism: draws are a
/// function of the seed, the tree and how many it has made. Errors: options out of range, layouts
/// without dense attributes or with more than 65,535.
#pragma once

#include <cstdint>
#include <memory>

#include "leat/model.h"
#include "leat/params.h"
#include "leat/status.h"

namespace leat {

struct MondrianForestOptions {
  int64_t trees = 10;                ///< 1..10,000.
  double step = 1;                   ///< Of the aggregation; > 0, at most 100.
  double prior = 0.5;                ///< Added to the count of each class; in (0, 1000].
  bool split_pure = false;           ///< Nodes split though all their rows are of one class.
  int64_t seed = 1;                  ///< Of all draws; >= 0.
  int64_t max_nominal_values = 256;  ///< Codes from here on count as missing; 2..4096.
  int64_t max_bytes = 256 << 20;     ///< What MemoryBytes never exceeds; >= 64 KiB.
  int64_t threads = 1;               ///< That share the trees, the calling one included; 1..64.
};

void Describe(Params& params, MondrianForestOptions& options);

Result<std::unique_ptr<Model>> MakeMondrianForest(const MondrianForestOptions& options,
                                                  const InputSpec& inputs);

}  // namespace leat
