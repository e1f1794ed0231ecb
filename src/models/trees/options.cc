/// The public functions of leat/hoeffding_tree.h.

#include <array>
#include <limits>
#include <string>
#include <string_view>

#include "leat/hoeffding_tree.h"
#include "models/trees/hoeffding_tree.h"
#include "models/trees/naive_bayes_mixed.h"
#include "models/trees/range_check.h"
#include "models/trees/revising_tree.h"

namespace leat {
namespace {

using trees::CheckBytes;
using trees::CheckMake;
using trees::kCriteria;
using trees::kLeafPredictions;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr Range kAtLeastOne{1, 1e15};
constexpr Range kCandidates{1, 10'000};
constexpr Range kBins{2, 10'000};
constexpr std::array<std::string_view, 3> kObservers = {"gaussian", "histogram", "exhaustive"};
constexpr Range kNominalValues{1, 1'000'000};
constexpr Range kBranchFraction{0, 0.5, false, true};
constexpr Range kFiniteNotNegative{0, kInfinity, false, true};
constexpr Range kTreeBytes{16 << 10, 1e15};
constexpr Range kBayesBytes{4 << 10, 1e15};

/// What a tree at the limit of its memory does.
constexpr std::string_view kFixedTreeBytes =
    "memory limit; at the limit the least promising leaves stop observing, and when nodes and "
    "class counts take half of it the tree stops growing";
constexpr std::string_view kRevisingTreeBytes =
    "memory limit; from four fifths on the tree does not grow, and at the limit trees in waiting "
    "go "
    "and the least promising nodes stop observing";

/// `remove_poor`: the tree has that option.
void DescribeTree(Params& params, HoeffdingTreeOptions& options, bool remove_poor,
                  std::string_view bytes) {
  params.Integer("grace_period", options.grace_period, kAtLeastOne,
                 "weight that a leaf sees between two split attempts");
  params.Number("delta", options.delta, kOpenFraction,
                "chance that a split differs from the one that infinite data would choose");
  params.Number("tie_threshold", options.tie_threshold, kFiniteNotNegative,
                "when the Hoeffding bound falls below this, equally good splits are decided");
  params.Enumeration("leaf_prediction", options.leaf_prediction, kLeafPredictions,
                     "how a leaf votes; adaptive takes what was right more often at that leaf");
  params.Enumeration("split_criterion", options.split_criterion, kCriteria,
                     "the merit that splits are ranked by");
  params.Boolean("binary_splits", options.binary_splits,
                 "nominal attributes split on one value against the rest only");
  params.Boolean("pre_prune", options.pre_prune, "not splitting competes with the splits");
  if (remove_poor) {
    params.Boolean("remove_poor_attributes", options.remove_poor_attributes,
                   "majority_class leaves stop observing attributes that are worse than the best "
                   "by more than the bound");
  }
  params.Integer("numeric_candidates", options.numeric_candidates, kCandidates,
                 "gaussian: thresholds tried per numeric attribute, evenly between its extremes");
  params.Number(
      "min_branch_fraction", options.min_branch_fraction, kBranchFraction,
      "info_gain, hellinger: at least two branches must hold more than this share of the weight");
  params.Number("naive_bayes_threshold", options.naive_bayes_threshold, kFiniteNotNegative,
                "naive_bayes: leaf weight from which it votes");
  params.Integer("max_nominal_values", options.max_nominal_values, kNominalValues,
                 "nominal codes from here on count as missing");
  params.Bytes("max_bytes", options.max_bytes, kTreeBytes, bytes);
  if (!params.Wants(options.numeric_observer != NumericObserver::kGaussian)) return;
  params.Enumeration(
      "numeric_observer", options.numeric_observer, kObservers,
      "what thresholds of numbers are chosen from: normal distributions, histograms, "
      "or all values there were");
  params.Integer("histogram_bins", options.histogram_bins, kBins,
                 "histogram: bins of a numeric attribute at a leaf");
}

}  // namespace

void Describe(Params& params, HoeffdingTreeOptions& options) {
  DescribeTree(params, options, true, kFixedTreeBytes);
}

void Describe(Params& params, HoeffdingAdaptiveTreeOptions& options) {
  DescribeTree(params, options, false, kRevisingTreeBytes);
  params.Number("drift_delta", options.drift_delta, kOpenFraction,
                "confidence of the ADWIN that each node has on the error of what is predicted "
                "below it");
  params.Number("switch_delta", options.switch_delta, kOpenFraction,
                "confidence with which the tree that has grown beside a node must be better");
  params.Integer("switch_width", options.switch_width, kAtLeastOne,
                 "rows that both must have been watched for before they are compared");
}

void Describe(Params& params, ExtremelyFastTreeOptions& options) {
  DescribeTree(params, options, false, kRevisingTreeBytes);
  params.Integer("reevaluate_every", options.reevaluate_every, kAtLeastOne,
                 "rows between two looks at the splits of the tree");
}

void Describe(Params& params, NaiveBayesOptions& options) {
  params.Integer("max_nominal_values", options.max_nominal_values, kNominalValues,
                 "nominal codes from here on count as missing");
  params.Bytes("max_bytes", options.max_bytes, kBayesBytes,
               "memory limit; rows whose new classes or values would pass it are ignored");
}

Result<std::unique_ptr<Model>> MakeHoeffdingTree(const HoeffdingTreeOptions& options,
                                                 const InputSpec& inputs) {
  LEAT_RETURN_IF_ERROR(CheckMake("hoeffding_tree", options, inputs));
  LEAT_RETURN_IF_ERROR(CheckBytes("hoeffding_tree", options.max_bytes,
                                  trees::HoeffdingTree::MinimumBytes(options, inputs)));
  return std::unique_ptr<Model>(std::make_unique<trees::HoeffdingTree>(options, inputs));
}

Result<std::unique_ptr<Model>> MakeHoeffdingAdaptiveTree(
    const HoeffdingAdaptiveTreeOptions& options, const InputSpec& inputs) {
  constexpr std::string_view kType = "hoeffding_adaptive_tree";
  LEAT_RETURN_IF_ERROR(CheckMake(kType, options, inputs));
  LEAT_RETURN_IF_ERROR(
      CheckBytes(kType, options.max_bytes, trees::RevisingTree::MinimumBytes(options, inputs)));
  return std::unique_ptr<Model>(std::make_unique<trees::AdaptiveTree>(options, inputs));
}

Result<std::unique_ptr<Model>> MakeExtremelyFastTree(const ExtremelyFastTreeOptions& options,
                                                     const InputSpec& inputs) {
  constexpr std::string_view kType = "extremely_fast_tree";
  LEAT_RETURN_IF_ERROR(CheckMake(kType, options, inputs));
  LEAT_RETURN_IF_ERROR(
      CheckBytes(kType, options.max_bytes, trees::RevisingTree::MinimumBytes(options, inputs)));
  return std::unique_ptr<Model>(std::make_unique<trees::ExtremelyFastTree>(options, inputs));
}

Result<std::unique_ptr<Model>> MakeNaiveBayes(const NaiveBayesOptions& options,
                                              const InputSpec& inputs) {
  LEAT_RETURN_IF_ERROR(CheckMake("naive_bayes", options, inputs));
  LEAT_RETURN_IF_ERROR(CheckBytes("naive_bayes", options.max_bytes,
                                  trees::NaiveBayesMixed::MinimumBytes(options, inputs)));
  return std::unique_ptr<Model>(std::make_unique<trees::NaiveBayesMixed>(options, inputs));
}

}  // namespace leat
