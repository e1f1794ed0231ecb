/// k nearest neighbors in a window of the last labelled records, for classes and for numbers.
///
/// Source: Cover and Hart, "Nearest Neighbor Pattern Classification" (IEEE IT 13, 1967), over a
/// sliding window; votes by distance after Dudani (IEEE SMC 6, 1976). Own choices: the squared
/// distance of two records is a sum over the inputs of ((a - b) / s)^2, s being the standard
/// deviation in the window, worked out again eight times a window (and at every power of two of
/// labels before that). Two nominal codes that differ, and a value that is missing in either record
/// (or beyond 1e50), count 2: what two numbers at random have on average. An input that is constant
/// counts nothing. A neighbor at distance d votes with its weight / (0.1 + d / d_k), d_k being the
/// distance of the farthest neighbor: the nearest count at most eleven times as much.
/// Of records equally far the older ones are taken.
/// Shapes: a window of W rows of d dense inputs; no sparse ones. Cost: W d steps a prediction, a
/// copy of a row to learn and 8 d more for the deviations. Bytes: 8 W (d + 2), set aside at the
/// start. Determinism, thread safety, errors: as model.h; targets that are no class below 65,536 or
/// beyond 1e50, and weights beyond it, are ignored and counted.
#pragma once

#include <cstdint>
#include <memory>

#include "leat/model.h"
#include "leat/params.h"
#include "leat/status.h"

namespace leat {

struct KnnOptions {
  int64_t neighbors = 11;  ///< [1, 1000].
  int64_t window = 1000;   ///< Records kept, [10, 100000].
  bool weighted = true;    ///< Nearer neighbors count more.
};
void Describe(Params& params, KnnOptions& options);

/// Errors: kInvalid for options out of range, sparse inputs, or no dense ones.
Result<std::unique_ptr<Model>> MakeKnnClassifier(const KnnOptions& options,
                                                 const InputSpec& inputs);
Result<std::unique_ptr<Model>> MakeKnnRegressor(const KnnOptions& options, const InputSpec& inputs);

}  // namespace leat
