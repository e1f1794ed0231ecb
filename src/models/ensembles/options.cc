/// The public functions of leat/ensembles.h and leat/regression_trees.h.

#include <array>
#include <string>
#include <string_view>

#include "leat/ensembles.h"
#include "leat/regression_trees.h"
#include "models/ensembles/ensemble.h"
#include "models/ensembles/regression_forest.h"
#include "models/trees/range_check.h"

namespace leat {
namespace {

using ensembles::Ensemble;
using ensembles::EnsemblePlan;

constexpr Range kDelta = kOpenFraction;
constexpr Range kFiniteNotNegative{0, std::numeric_limits<double>::infinity(), false, true};

void DescribeCommon(Params& params, EnsembleOptions& options) {
  params.Integer("trees", options.trees, {1, 10'000}, "trees that vote");
  params.Number("lambda", options.lambda, {0, 30, true, false},
                "how often a tree learns a row, on average; the number is Poisson's");
  params.Integer("seed", options.seed, {0, 1e15}, "of all draws");
  params.Integer("grace_period", options.tree.grace_period, {1, 1e15},
                 "weight that a leaf sees between two split attempts");
  params.Number("delta", options.tree.delta, kOpenFraction,
                "chance that a split differs from the one that infinite data would choose");
  params.Number("tie_threshold", options.tree.tie_threshold, kFiniteNotNegative,
                "when the Hoeffding bound falls below this, equally good splits are decided");
  params.Enumeration("leaf_prediction", options.tree.leaf_prediction, trees::kLeafPredictions,
                     "how a leaf votes; adaptive takes what was right more often at that leaf");
  params.Enumeration("split_criterion", options.tree.split_criterion, trees::kCriteria,
                     "the merit that splits are ranked by");
  params.Integer("max_nominal_values", options.max_nominal_values, {2, 4096},
                 "nominal codes from here on count as missing");
  params.Bytes("max_bytes", options.max_bytes, {64 << 10, 1e15},
               "memory limit for everything; at the limit the least promising leaves of all trees "
               "stop observing, and when nodes and class weights take half of it no tree grows");
  if (params.Wants(!options.soft_vote)) {
    params.Boolean("soft_vote", options.soft_vote,
                   "trees vote with all their probabilities, and not for their best class alone");
  }
  trees::DescribeThreads(params, options.threads);
}

void DescribeWeights(Params& params, EnsembleOptions& options) {
  params.Boolean("weighted_vote", options.weighted_vote, "trees vote with their accuracy");
}

/// The options of bagging.
void DescribeBag(Params& params, EnsembleOptions& options) {
  DescribeCommon(params, options);
  if (params.Wants(options.weighted_vote)) DescribeWeights(params, options);
}

void DescribeDrift(Params& params, double& delta, std::string_view help) {
  params.Number("drift_delta", delta, kDelta, help);
}

void DescribeSubspace(Params& params, SubspaceOptions& options, std::string_view who) {
  DescribeCommon(params, options);
  params.Number("subspace", options.subspace, kFraction, who);
  params.Number("warning_delta", options.warning_delta, kDelta,
                "confidence of the ADWIN on a tree's error that starts a tree in the background");
  DescribeDrift(params, options.drift_delta,
                "confidence of the ADWIN on a tree's error that replaces the tree");
  DescribeWeights(params, options);
}

constexpr std::string_view kWorstGoes =
    "confidence of the ADWIN on each tree's error; an alarm resets the tree with most errors";

template <typename Options>
Result<std::unique_ptr<Model>> Make(const Options& options, EnsemblePlan plan,
                                    const InputSpec& inputs) {
  LEAT_RETURN_IF_ERROR(trees::CheckMake(plan.name, options, inputs));
  LEAT_RETURN_IF_ERROR(trees::CheckWidth(plan.name, inputs));
  plan.options = options;
  LEAT_RETURN_IF_ERROR(
      trees::CheckBytes(plan.name, options.max_bytes, Ensemble::MinimumBytes(plan, inputs)));
  return std::unique_ptr<Model>(std::make_unique<Ensemble>(plan, inputs));
}

constexpr std::array<std::string_view, 3> kRegressionLeaves{"mean", "linear", "adaptive"};
constexpr std::array<std::string_view, 2> kRegressionCriteria{"variance", "deviation"};

void DescribeRegressionTree(Params& params, HoeffdingRegressionTreeOptions& options) {
  params.Integer("grace_period", options.grace_period, {1, 1e15},
                 "weight that a leaf sees between two split attempts");
  params.Number("delta", options.delta, kOpenFraction,
                "chance that a split differs from the one that infinite data would choose");
  params.Number("tie_threshold", options.tie_threshold, kFiniteNotNegative,
                "when the Hoeffding bound falls below this, equally good splits are decided");
  params.Enumeration("leaf_prediction", options.leaf_prediction, kRegressionLeaves,
                     "what a leaf predicts by: its mean, a linear model of the numeric inputs, or "
                     "the one that has erred less of late");
  if (params.Wants(options.split_criterion != RegressionCriterion::kVariance)) {
    params.Enumeration("split_criterion", options.split_criterion, kRegressionCriteria,
                       "what of the target a split lowers");
  }
  params.Integer("max_nominal_values", options.max_nominal_values, {2, 4096},
                 "nominal codes from here on count as missing; from 31 on they are one");
  params.Bytes("max_bytes", options.max_bytes, {64 << 10, 1e15},
               "memory limit for everything; at the limit the least promising leaves stop "
               "observing, and when nodes take half of it no tree grows");
}

Result<std::unique_ptr<Model>> MakeRegression(const ensembles::RegressionForestPlan& plan,
                                              const InputSpec& inputs) {
  LEAT_RETURN_IF_ERROR(trees::CheckWidth(plan.name, inputs));
  LEAT_RETURN_IF_ERROR(trees::CheckBytes(plan.name, plan.options.max_bytes,
                                         ensembles::RegressionForest::MinimumBytes(plan, inputs)));
  return std::unique_ptr<Model>(std::make_unique<ensembles::RegressionForest>(plan, inputs));
}

EnsemblePlan SubspacePlan(std::string_view name, const SubspaceOptions& options) {
  EnsemblePlan plan;
  plan.name = name;
  plan.subspace = options.subspace;
  plan.warning_delta = options.warning_delta;
  plan.drift_delta = options.drift_delta;
  return plan;
}

}  // namespace

void Describe(Params& params, OnlineBaggingOptions& options) { DescribeBag(params, options); }

void Describe(Params& params, AdwinBaggingOptions& options) {
  DescribeBag(params, options);
  DescribeDrift(params, options.drift_delta, kWorstGoes);
}

void Describe(Params& params, LeveragingBaggingOptions& options) {
  DescribeBag(params, options);
  DescribeDrift(params, options.drift_delta, kWorstGoes);
}

void Describe(Params& params, AdaptiveRandomForestOptions& options) {
  DescribeSubspace(params, options,
                   "share of the inputs that each leaf sees; 0: round(sqrt(inputs)) + 1 of them");
}

void Describe(Params& params, StreamingRandomPatchesOptions& options) {
  DescribeSubspace(params, options,
                   "share of the inputs that each tree sees; 0: round(sqrt(inputs)) + 1 of them");
}

Result<std::unique_ptr<Model>> MakeOnlineBagging(const OnlineBaggingOptions& options,
                                                 const InputSpec& inputs) {
  EnsemblePlan plan;
  plan.name = "online_bagging";
  return Make(options, plan, inputs);
}

Result<std::unique_ptr<Model>> MakeAdwinBagging(const AdwinBaggingOptions& options,
                                                const InputSpec& inputs) {
  EnsemblePlan plan;
  plan.name = "adwin_bagging";
  plan.drift_delta = options.drift_delta;
  plan.replace_worst = true;
  return Make(options, plan, inputs);
}

Result<std::unique_ptr<Model>> MakeLeveragingBagging(const LeveragingBaggingOptions& options,
                                                     const InputSpec& inputs) {
  EnsemblePlan plan;
  plan.name = "leveraging_bagging";
  plan.drift_delta = options.drift_delta;
  plan.replace_worst = true;
  return Make(options, plan, inputs);
}

Result<std::unique_ptr<Model>> MakeAdaptiveRandomForest(const AdaptiveRandomForestOptions& options,
                                                        const InputSpec& inputs) {
  EnsemblePlan plan = SubspacePlan("adaptive_random_forest", options);
  plan.leaf_subsets = true;
  return Make(options, plan, inputs);
}

Result<std::unique_ptr<Model>> MakeStreamingRandomPatches(
    const StreamingRandomPatchesOptions& options, const InputSpec& inputs) {
  return Make(options, SubspacePlan("streaming_random_patches", options), inputs);
}

void Describe(Params& params, HoeffdingRegressionTreeOptions& options) {
  DescribeRegressionTree(params, options);
  if (!params.Wants(options.drift_threshold > 0)) return;
  params.Number(
      "drift_threshold", options.drift_threshold, kFiniteNotNegative,
      "sum of rises of the error, in deviations of the target, from which a new tree grows "
      "beside a split (FIMT-DD has 50); 0: splits stay for ever");
  params.Number("drift_tolerance", options.drift_tolerance, kFiniteNotNegative,
                "rise of the error above its mean that is no drift, in deviations of the target");
}

void Describe(Params& params, ForestRegressorOptions& options) {
  params.Integer("trees", options.trees, {1, 10'000}, "trees whose mean is the prediction");
  params.Number("lambda", options.lambda, {0, 30, true, false},
                "how often a tree learns a row, on average; the number is Poisson's");
  params.Integer("seed", options.seed, {0, 1e15}, "of all draws");
  params.Number("subspace", options.subspace, kFraction,
                "share of the inputs that each leaf sees; 0: round(sqrt(inputs)) + 1 of them");
  params.Number("warning_delta", options.warning_delta, kDelta,
                "confidence of the ADWIN on a tree's error that starts a tree in the background");
  DescribeDrift(params, options.drift_delta,
                "confidence of the ADWIN on a tree's error that replaces the tree");
  DescribeRegressionTree(params, options);
  trees::DescribeThreads(params, options.threads);
}

Result<std::unique_ptr<Model>> MakeHoeffdingRegressionTree(
    const HoeffdingRegressionTreeOptions& options, const InputSpec& inputs) {
  constexpr std::string_view kType = "hoeffding_regression_tree";
  LEAT_RETURN_IF_ERROR(trees::CheckMake(kType, options, inputs));
  ensembles::RegressionForestPlan plan;
  plan.name = kType;
  static_cast<HoeffdingRegressionTreeOptions&>(plan.options) = options;
  plan.single = true;
  return MakeRegression(plan, inputs);
}

Result<std::unique_ptr<Model>> MakeForestRegressor(const ForestRegressorOptions& options,
                                                   const InputSpec& inputs) {
  constexpr std::string_view kType = "forest_regressor";
  LEAT_RETURN_IF_ERROR(trees::CheckMake(kType, options, inputs));
  ensembles::RegressionForestPlan plan;
  plan.name = kType;
  plan.options = options;
  return MakeRegression(plan, inputs);
}

}  // namespace leat
