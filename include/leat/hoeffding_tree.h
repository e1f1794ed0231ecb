/// Classifiers for dense inputs that mix numbers and nominal values: the Hoeffding tree, two of its
/// kind that revise their splits, and the naive Bayes that sits in its leaves.
///
/// Hoeffding tree: Domingos and Hulten, "Mining High-Speed Data Streams" (KDD 2000), with Gaussian
/// attribute observers (Pfahringer, Holmes and Kirkby, 2008) and adaptive naive Bayes leaves
/// (Holmes, Kirkby and Pfahringer, 2005); behaviour follows MOA's HoeffdingTree, prediction by
/// prediction. Naive Bayes: MOA's NaiveBayes; normal densities with the sample variance for
/// numbers, Laplace-smoothed shares for nominal values. Deviations: numbers beyond 1e140 in size
/// and nominal codes outside [0, max_nominal_values) count as missing; a nominal attribute without
/// any value
/// seen offers no split; an empty branch counts as impurity 0 in the Gini merit; the memory limit
/// is exact and checked at each row (MOA estimates it now and then); a vote of all zeros is given
/// as the uniform distribution, whose first maximum is class 0, MOA's answer.
///
/// Shapes: dense part only; the sparse part of an input is ignored, and a layout without dense
/// attributes is refused. Targets: class index 0, 1, ... below 65,536; anything else is counted and
/// ignored, as is a weight outside (0, 1e12].
/// Cost: Predict and Learn are O(depth + classes * attributes); a split attempt, every
/// `grace_period` of weight at a leaf, is O(attributes * candidates * classes). State: see
/// docs/models/hoeffding-tree.md. Thread safety: const methods may run concurrently. Deterministic:
/// no random numbers, and no order that depends on addresses.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "leat/model.h"
#include "leat/params.h"
#include "leat/status.h"

namespace leat {

enum class LeafPrediction { kMajorityClass, kNaiveBayes, kNaiveBayesAdaptive };
/// Hellinger: the distance of two classes' distributions over the branches, which a class's rarity
/// does not change; of more classes the largest of one against the rest. Sources: Cieslak and
/// Chawla, "Learning Decision Trees for Unbalanced Data" (ECML PKDD 2008); Lyon, Brooke, Knowles
/// and Stappers, "Hellinger Distance Trees for Imbalanced Streams" (ICPR 2014).
enum class SplitCriterion { kInfoGain, kGini, kHellinger };
/// What thresholds of a number are chosen from: a normal distribution of each class, evenly between
/// the extremes; a histogram of bounded size; all values there were. The last two know what falls
/// on either side and do not guess (models/trees/value_cells.h).
enum class NumericObserver { kGaussian, kHistogram, kExhaustive };

struct HoeffdingTreeOptions {
  int64_t grace_period = 200;   ///< Weight that a leaf sees between two split attempts; >= 1.
  double delta = 1e-7;          ///< Chance that a split is not the one of infinite data; (0, 1).
  double tie_threshold = 0.05;  ///< A bound below this splits between equals; >= 0.
  LeafPrediction leaf_prediction = LeafPrediction::kNaiveBayesAdaptive;
  SplitCriterion split_criterion = SplitCriterion::kInfoGain;
  bool binary_splits = false;           ///< Nominal attributes split "= value" only.
  bool pre_prune = true;                ///< Not splitting is a candidate too.
  bool remove_poor_attributes = false;  ///< Majority-class leaves stop observing hopeless ones.
  NumericObserver numeric_observer = NumericObserver::kGaussian;
  int64_t numeric_candidates = 10;    ///< Gaussian: thresholds tried per attribute; 1..10,000.
  int64_t histogram_bins = 64;        ///< Of an attribute at a leaf; 2..10,000.
  double min_branch_fraction = 0.01;  ///< Two branches must hold more (info gain only); [0, 0.5).
  double naive_bayes_threshold = 0;   ///< Leaf weight from which naive_bayes votes; >= 0.
  int64_t max_nominal_values = 4096;  ///< Codes from here on count as missing; 1..1,000,000.
  int64_t max_bytes = 64 << 20;       ///< What MemoryBytes never exceeds; >= 16 KiB.
};

void Describe(Params& params, HoeffdingTreeOptions& options);

/// Refuses options out of range, layouts without dense attributes, and a max_bytes that cannot hold
/// one learning leaf of the layout.
Result<std::unique_ptr<Model>> MakeHoeffdingTree(const HoeffdingTreeOptions& options,
                                                 const InputSpec& inputs);

/// The Hoeffding adaptive tree: every node watches the error of what is predicted below it with an
/// ADWIN; when that rises, a new tree grows beside the node and takes its place once it is better.
/// Source: Bifet and Gavalda, "Adaptive Learning from Evolving Data Streams" (IDA 2009); behaviour
/// follows MOA's HoeffdingAdaptiveTree, prediction by prediction, with its generator for the
/// Poisson(1) weights that leaves learn with. Deviations: those of the Hoeffding tree; a row whose
/// value is missing at a test is voted on by the split's class counts (MOA gives no vote). Cost:
/// as the Hoeffding tree, and an ADWIN for each node on the path. Uses of HoeffdingTreeOptions:
/// all but remove_poor_attributes. Deterministic: the generator's state is saved.
struct HoeffdingAdaptiveTreeOptions : HoeffdingTreeOptions {
  double drift_delta = 0.002;  ///< Confidence of the ADWINs, in (0, 1).
  double switch_delta = 0.05;  ///< Confidence with which a tree beside a node is better; (0, 1).
  int64_t switch_width = 300;  ///< Both must have been watched for more rows; >= 1.
};

void Describe(Params& params, HoeffdingAdaptiveTreeOptions& options);

Result<std::unique_ptr<Model>> MakeHoeffdingAdaptiveTree(
    const HoeffdingAdaptiveTreeOptions& options, const InputSpec& inputs);

/// The extremely fast decision tree: it splits as soon as a split is better than none, keeps
/// statistics at every node, and replaces a split when another attribute has become better.
/// Source: Manapragada, Webb and Salehi, "Extremely Fast Decision Tree" (KDD 2018); behaviour
/// follows MOA's EFDT, prediction by prediction. Deviations: those of the Hoeffding tree. Cost: as
/// the Hoeffding tree, but every node on the path learns, and splits are ranked again every
/// `reevaluate_every` rows. Uses of HoeffdingTreeOptions: all but remove_poor_attributes.
struct ExtremelyFastTreeOptions : HoeffdingTreeOptions {
  int64_t reevaluate_every = 2000;  ///< Rows of the tree between two looks at its splits; >= 1.
};

void Describe(Params& params, ExtremelyFastTreeOptions& options);

Result<std::unique_ptr<Model>> MakeExtremelyFastTree(const ExtremelyFastTreeOptions& options,
                                                     const InputSpec& inputs);

struct NaiveBayesOptions {
  int64_t max_nominal_values = 4096;  ///< Codes from here on count as missing; 1..1,000,000.
  int64_t max_bytes = 64 << 20;  ///< Rows that would pass it are counted and ignored; >= 4 KiB.
};

void Describe(Params& params, NaiveBayesOptions& options);

Result<std::unique_ptr<Model>> MakeNaiveBayes(const NaiveBayesOptions& options,
                                              const InputSpec& inputs);

}  // namespace leat
