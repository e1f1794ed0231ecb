/// Gradient boosting on a stream: many small trees, each of which learns what those before it have
/// left over.
///
/// Sources: Gunasekara, Pfahringer, Gomes and Bifet, "Gradient boosted trees for evolving data
/// streams" (2024, SGBT: a fixed chain of trees, all of which learn every row from the gradient and
/// hessian of the loss at the sum of the trees before them; 100 trees, 75 % of the attributes each)
/// and "Gradient boosted bagging for evolving data stream regression" (2025, SGBR); Gouk,
/// Pfahringer and Frank, "Stochastic gradient trees" (2019: splits by a test on gradients and
/// hessians); Friedman, "Stochastic gradient boosting" (2002: each tree learns a part of the rows).
/// Deviations: a leaf predicts by a Newton step with a ridge over its last `window` rows, where
/// SGBT takes FIMT-DD trees of g/h; trees are bounded in depth and look at numbers in bins that all
/// trees share; a row reaches a tree with the share `subsample`, where SGBT skips rows for all
/// trees; predictions use the learning rate that training uses; several classes are one softmax
/// over a chain each, the first class seen being the one without, where SGBT learns one against
/// the rest; where the error rises (ADWIN) and a shorter chain that starts then errs less after 400
/// to 2,000 rows, all trees begin anew, one every 10 rows, where SGBT leaves drifts to the trees.
///
/// The model starts from the mean of the targets, or the logarithms of the ratios of class counts.
///
/// Shapes: dense part only; the sparse part of an input is ignored. Classification: probabilities;
/// targets are class indices below 65,536. A class for whose trees max_bytes has no room is counted
/// and not learnt. Regression: one number, 0 while nothing was learnt, within the range of the
/// targets seen and a tenth of it on either side; targets that are not finite or beyond 1e100 in
/// size are counted and ignored, as are weights outside (0, 1e12]. Missing values go to the heavier
/// side of a test. Nominal attributes split on one value against the rest, of the first 31 values.
/// Cost: a row is two descents a tree and chain, and one addition an attribute that the tree sees;
/// 512 bytes a leaf and attribute. Thread safety: const methods may run concurrently. Determinism:
/// draws are a function of the seed, the tree and the row's number. Errors: options out of range,
/// layouts without dense attributes or with more than 65,535.
#pragma once

#include <cstdint>
#include <memory>

#include "leat/model.h"
#include "leat/params.h"
#include "leat/status.h"

namespace leat {

struct GradientBoostingOptions {
  int64_t trees = 100;         ///< Of a chain; 1..10,000.
  double learning_rate = 0.1;  ///< What a tree's prediction counts, in (0, 1].
  double subspace = 0.75;     ///< Share of the attributes that a tree sees, in [0, 1]; 0: sqrt + 1.
  double subsample = 0.7;     ///< Share of the rows that a tree learns, in (0, 1].
  int64_t max_depth = 6;      ///< Tests from the root to a leaf at most; 1..30.
  int64_t grace_period = 25;  ///< Weight that a leaf sees between two split attempts; >= 1.
  double delta = 0.9;         ///< Chance of a split by chance, at one attempt; (0, 1).
  double ridge = 1;           ///< Added to the hessians of a leaf; > 0.
  double window = 100;        ///< Rows that a leaf's prediction remembers; >= 1.
  double drift_delta = 0.001;        ///< Of the ADWIN on the error; [0, 1), 0: none.
  int64_t seed = 1;                  ///< Of all draws; >= 0.
  int64_t max_nominal_values = 256;  ///< Codes from here on count as missing; 2..4096.
  int64_t max_bytes = 256 << 20;     ///< What MemoryBytes never exceeds; >= 64 KiB.
  int64_t threads = 1;               ///< That share the trees, the calling one included; 1..64.
};

struct GradientBoostedTreesOptions : GradientBoostingOptions {};
struct GradientBoostedRegressorOptions : GradientBoostingOptions {
  GradientBoostedRegressorOptions() {
    max_depth = 8;
    window = 50;
  }
};

/// A stochastic gradient tree of its own (Gouk, Pfahringer and Frank 2019): one tree for a number,
/// one for each class but the first seen under a softmax. It descends the gradient of the loss at
/// its own predictions: every `grace_period` rows a leaf either splits, or moves its prediction by
/// a Newton step, or does neither, as what it has gathered says. Deviations from the paper: the
/// test is the one of boosted trees above instead of a t-test; predictions start from the counts of
/// classes or from the first target, and not from 0; a leaf that has not moved goes on
/// gathering, and one at the greatest depth goes on moving; the curvature of a row's log-loss
/// counts as at least half its gradient, so that no step is longer than 2.
struct StochasticGradientTreeOptions {
  int64_t max_depth = 20;      ///< Tests from the root to a leaf at most; 1..30.
  int64_t grace_period = 200;  ///< Weight that a leaf sees between two attempts; >= 1.
  double delta = 0.05;         ///< Chance of a split or step by chance, at one attempt; (0, 1).
  double ridge = 0.1;          ///< Added to the hessians of a leaf; > 0.
  int64_t seed = 1;            ///< Of the rows that bins are made from; >= 0.
  int64_t max_nominal_values = 256;  ///< Codes from here on count as missing; 2..4096.
  int64_t max_bytes = 64 << 20;      ///< What MemoryBytes never exceeds; >= 64 KiB.
};

void Describe(Params& params, GradientBoostedTreesOptions& options);
void Describe(Params& params, GradientBoostedRegressorOptions& options);

Result<std::unique_ptr<Model>> MakeGradientBoostedTrees(const GradientBoostedTreesOptions& options,
                                                        const InputSpec& inputs);
Result<std::unique_ptr<Model>> MakeGradientBoostedRegressor(
    const GradientBoostedRegressorOptions& options, const InputSpec& inputs);

void Describe(Params& params, StochasticGradientTreeOptions& options);
Result<std::unique_ptr<Model>> MakeStochasticGradientTree(
    const StochasticGradientTreeOptions& options, const InputSpec& inputs);
Result<std::unique_ptr<Model>> MakeStochasticGradientTreeRegressor(
    const StochasticGradientTreeOptions& options, const InputSpec& inputs);

}  // namespace leat
