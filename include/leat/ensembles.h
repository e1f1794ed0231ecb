/// Ensembles of Hoeffding trees for classification: online bagging, bagging with ADWIN, leveraging
/// bagging, the adaptive random forest and streaming random patches.
///
/// Sources: Oza and Russell 2001 (bagging: each tree learns a row Poisson(1) times); Bifet, Holmes,
/// Pfahringer, Kirkby and Gavalda 2009 (bagging with ADWIN: when some tree's error rises, the worst
/// tree starts again); Bifet, Holmes and Pfahringer 2010 (leveraging bagging: Poisson(6)); Gomes et
/// al. 2017 (adaptive random forest: each leaf sees a random part of the attributes, a warning
/// starts a tree in the background, a drift puts it in place); Gomes, Read and Bifet 2019
/// (streaming random patches: each tree sees a random part of the attributes). Defaults are MOA's;
/// accuracies are compared with MOA's by seed (tests/reference/bands.json).
///
/// Deviations: the trees are made for speed and follow the Hoeffding tree of leat/hoeffding_tree.h
/// in substance and not bit by bit: nominal attributes split on one value against the rest; a row
/// whose value is missing at a test goes to the heavier side; not splitting competes with merit 0;
/// merits are computed in single precision with the normal distribution from a table; where naive
/// Bayes finds no class possible the class weights vote. Detectors of forests and
/// patches see the prediction made before learning (MOA's see the one after). A background tree
/// learns with the same weights as its tree.
///
/// Shapes: dense part only; the sparse part of an input is ignored. Targets: class index below
/// 65,536; anything else is counted and ignored, as is a weight outside (0, 1e12]. Numbers beyond
/// 1e140 in size and nominal codes outside [0, max_nominal_values) count as missing.
/// Cost: see docs/models/ensembles.md. Nothing is allocated for a row, but when a leaf meets a
/// class or splits. Thread safety: const methods may run concurrently. Determinism: draws are a
/// function of the seed, the tree and the number of the row, and the number of threads changes
/// nothing. Errors: options out of range, layouts
/// without dense attributes or with more than 65,535.
#pragma once

#include <cstdint>
#include <memory>

#include "leat/hoeffding_tree.h"
#include "leat/model.h"
#include "leat/params.h"
#include "leat/status.h"

namespace leat {

/// The trees of an ensemble.
struct MemberTreeOptions {
  int64_t grace_period = 200;   ///< Weight that a leaf sees between two split attempts; >= 1.
  double delta = 1e-7;          ///< Chance that a split is not the one of infinite data; (0, 1).
  double tie_threshold = 0.05;  ///< A bound below this splits between equals; >= 0.
  LeafPrediction leaf_prediction = LeafPrediction::kNaiveBayesAdaptive;
  SplitCriterion split_criterion = SplitCriterion::kInfoGain;
};

/// What all ensembles have.
struct EnsembleOptions {
  int64_t trees = 10;                ///< 1..10,000.
  double lambda = 6;                 ///< Mean of the Poisson weights, in (0, 30].
  int64_t seed = 1;                  ///< Of all draws; >= 0.
  int64_t max_nominal_values = 256;  ///< Codes from here on count as missing; 2..4096.
  int64_t max_bytes = 256 << 20;     ///< What MemoryBytes never exceeds; >= 64 KiB.
  int64_t threads = 1;               ///< That share the trees, the calling one included; 1..64.
  bool soft_vote = true;             ///< Trees vote with all their probabilities.
  bool weighted_vote = false;        ///< Trees vote with their accuracy.
  MemberTreeOptions tree;
};

struct OnlineBaggingOptions : EnsembleOptions {
  OnlineBaggingOptions() { lambda = 1; }
};

struct AdwinBaggingOptions : EnsembleOptions {
  AdwinBaggingOptions() { lambda = 1; }
  double drift_delta = 0.002;  ///< Of the ADWIN on each tree's error, in (0, 1).
};

struct LeveragingBaggingOptions : EnsembleOptions {
  double drift_delta = 0.002;  ///< Of the ADWIN on each tree's error, in (0, 1).
};

/// Of ensembles whose trees see a part of the attributes and have trees in the background.
struct SubspaceOptions : EnsembleOptions {
  SubspaceOptions() {
    tree.grace_period = 50;
    tree.delta = 0.01;
    weighted_vote = true;
  }
  /// Share of the attributes that a leaf (forest) or a tree (patches) sees, in [0, 1]; 0 stands for
  /// round(sqrt(d)) + 1 attributes.
  double subspace = 0.6;
  double warning_delta = 0.01;  ///< Of the ADWIN whose alarm starts a background tree, in (0, 1).
  double drift_delta = 0.001;   ///< Of the ADWIN whose alarm replaces the tree, in (0, 1).
};

struct AdaptiveRandomForestOptions : SubspaceOptions {};

struct StreamingRandomPatchesOptions : SubspaceOptions {
  StreamingRandomPatchesOptions() {
    warning_delta = 1e-4;
    drift_delta = 1e-5;
  }
};

void Describe(Params& params, OnlineBaggingOptions& options);
void Describe(Params& params, AdwinBaggingOptions& options);
void Describe(Params& params, LeveragingBaggingOptions& options);
void Describe(Params& params, AdaptiveRandomForestOptions& options);
void Describe(Params& params, StreamingRandomPatchesOptions& options);

Result<std::unique_ptr<Model>> MakeOnlineBagging(const OnlineBaggingOptions& options,
                                                 const InputSpec& inputs);
Result<std::unique_ptr<Model>> MakeAdwinBagging(const AdwinBaggingOptions& options,
                                                const InputSpec& inputs);
Result<std::unique_ptr<Model>> MakeLeveragingBagging(const LeveragingBaggingOptions& options,
                                                     const InputSpec& inputs);
Result<std::unique_ptr<Model>> MakeAdaptiveRandomForest(const AdaptiveRandomForestOptions& options,
                                                        const InputSpec& inputs);
Result<std::unique_ptr<Model>> MakeStreamingRandomPatches(
    const StreamingRandomPatchesOptions& options, const InputSpec& inputs);

}  // namespace leat
