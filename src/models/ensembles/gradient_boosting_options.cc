/// The public functions of leat/gradient_boosting.h.

#include <string_view>
#include <type_traits>

#include "leat/gradient_boosting.h"
#include "models/ensembles/gradient_boosting.h"
#include "models/trees/range_check.h"

namespace leat {
namespace {

using ensembles::GradientBoosting;

/// What boosted trees and one of its own have alike.
void DescribeTree(Params& params, auto& options) {
  params.Integer("max_depth", options.max_depth, {1, 30},
                 "tests on the way from the root to a leaf, at most");
  params.Integer("grace_period", options.grace_period, {1, 1e15},
                 "weight that a leaf sees between two split attempts");
  params.Number("delta", options.delta, kOpenFraction,
                "chance, at one attempt, of a split where no input says anything");
  params.Number("ridge", options.ridge, kPositive,
                "added to the curvature of the loss in a leaf; more makes predictions smaller");
}

void DescribeBounds(Params& params, auto& options) {
  params.Integer("seed", options.seed, {0, 1e15}, "of all draws");
  params.Integer("max_nominal_values", options.max_nominal_values, {2, 4096},
                 "nominal codes from here on count as missing; from 31 on they are one");
  params.Bytes("max_bytes", options.max_bytes, {64 << 10, 1e15},
               "memory limit for everything; at the limit the least promising leaves stop "
               "observing, and when nodes take half of it no tree grows");
}

void DescribeBoosting(Params& params, GradientBoostingOptions& options) {
  params.Integer("trees", options.trees, {1, 10'000},
                 "trees of a chain; there is one chain for each class but one");
  params.Number("learning_rate", options.learning_rate, {0, 1, true, false},
                "what the prediction of a tree counts");
  params.Number("subspace", options.subspace, kFraction,
                "share of the inputs that each tree sees; 0: round(sqrt(inputs)) + 1 of them");
  params.Number("subsample", options.subsample, {0, 1, true, false},
                "share of the rows that each tree learns");
  DescribeTree(params, options);
  params.Number("window", options.window, {1, 1e15},
                "rows that the prediction of a leaf remembers; fewer follow changes faster");
  params.Number("drift_delta", options.drift_delta, {0, 1, false, true},
                "confidence of the ADWIN on the error; after an alarm all trees begin anew if new "
                "ones do better; 0: never");
  DescribeBounds(params, options);
  trees::DescribeThreads(params, options.threads);
}

/// A chain of one tree that sees all there is and says all it thinks.
GradientBoostingOptions AsBoosting(const StochasticGradientTreeOptions& options) {
  GradientBoostingOptions boosting;
  boosting.trees = 1;
  boosting.learning_rate = 1;
  boosting.subspace = 1;
  boosting.subsample = 1;
  boosting.max_depth = options.max_depth;
  boosting.grace_period = options.grace_period;
  boosting.delta = options.delta;
  boosting.ridge = options.ridge;
  boosting.drift_delta = 0;
  boosting.seed = options.seed;
  boosting.max_nominal_values = options.max_nominal_values;
  boosting.max_bytes = options.max_bytes;
  return boosting;
}

template <typename Options>
Result<std::unique_ptr<Model>> Make(std::string_view type, Task task, const Options& options,
                                    const InputSpec& inputs) {
  LEAT_RETURN_IF_ERROR(trees::CheckMake(type, options, inputs));
  LEAT_RETURN_IF_ERROR(trees::CheckWidth(type, inputs));
  GradientBoostingOptions boosting;
  constexpr bool kAlone = std::is_same_v<Options, StochasticGradientTreeOptions>;
  if constexpr (kAlone) {
    boosting = AsBoosting(options);
  } else {
    boosting = options;
  }
  LEAT_RETURN_IF_ERROR(trees::CheckBytes(
      type, options.max_bytes, GradientBoosting::MinimumBytes(task, boosting, inputs, kAlone)));
  return std::unique_ptr<Model>(std::make_unique<GradientBoosting>(task, boosting, inputs, kAlone));
}

}  // namespace

void Describe(Params& params, GradientBoostedTreesOptions& options) {
  DescribeBoosting(params, options);
}

void Describe(Params& params, GradientBoostedRegressorOptions& options) {
  DescribeBoosting(params, options);
}

Result<std::unique_ptr<Model>> MakeGradientBoostedTrees(const GradientBoostedTreesOptions& options,
                                                        const InputSpec& inputs) {
  return Make("gradient_boosted_trees", Task::kClassification, options, inputs);
}

Result<std::unique_ptr<Model>> MakeGradientBoostedRegressor(
    const GradientBoostedRegressorOptions& options, const InputSpec& inputs) {
  return Make("gradient_boosted_regressor", Task::kRegression, options, inputs);
}

void Describe(Params& params, StochasticGradientTreeOptions& options) {
  DescribeTree(params, options);
  DescribeBounds(params, options);
}

Result<std::unique_ptr<Model>> MakeStochasticGradientTree(
    const StochasticGradientTreeOptions& options, const InputSpec& inputs) {
  return Make("stochastic_gradient_tree", Task::kClassification, options, inputs);
}

Result<std::unique_ptr<Model>> MakeStochasticGradientTreeRegressor(
    const StochasticGradientTreeOptions& options, const InputSpec& inputs) {
  return Make("stochastic_gradient_tree_regressor", Task::kRegression, options, inputs);
}

}  // namespace leat
