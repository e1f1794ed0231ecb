/// Anomaly detectors: how odd a record is among the last ones, without labels.
///
/// Sources: half-space trees (Tan, Ting and Liu, "Fast Anomaly Detection for Streaming Data", IJCAI
/// 2011); LODA (Pevny, "Loda: Lightweight on-line detector of anomalies", Machine Learning 102,
/// 2016); online isolation forest (Leveni, Weigert Cassales, Pfahringer, Bifet and Boracchi,
/// "Online Isolation Forest", ICML 2024); the robust z-score by median and median absolute
/// deviation (Iglewicz and Hoaglin 1993). Deviations are named at the options.
///
/// Shapes: dense inputs of d numbers, without nominal ones. Predict gives one number, the score:
/// higher is odder, always finite; nothing while there is nothing to compare with. Learn ignores
/// the target; a weight of n counts as n records (the isolation forest and LODA count records).
/// Missing values (NaN, infinite, beyond 1e100 in size) are left out; a record without any value is
/// not learnt and counted as skipped. Numbers need no scaling: every detector takes its scales from
/// the records (LODA's projections too). Thread safety: as said in model.h. Determinism: random
/// choices depend on (seed, tree, node) alone; LODA's are normal numbers, whose last bits may
/// differ between processors (base/random.h). Errors: kInvalid for options out of range, nominal
/// attributes, a sparse part, or no inputs.
#pragma once

#include <cstdint>
#include <memory>

#include "leat/model.h"
#include "leat/params.h"
#include "leat/status.h"

namespace leat {

/// Scores from 0 to 1: 1 / (1 + m), m being the record's scaled mass (section 3 of the paper) over
/// that of evenly spread records; 0.5 is as even, 1 where there was nothing. The order is that of
/// the paper's score. Deviations: the work range of a window is between its quantiles 0.05 and
/// 0.95, widened by half, instead of a known [0, 1]; and only nodes whose mass can matter exist:
/// those within the size limit end a descent, so what is below them has no counts. So 25 trees of
/// 15 levels take some 100 KiB instead of 25 * 2^16 nodes, with the same scores.
/// Cost: trees * levels at most to predict, and as much to learn, spent at the end of a window.
/// Bytes: 24 a node, at most 2 * trees * levels / size_limit nodes; 8 * window * (d + 1).
struct HalfSpaceTreesOptions {
  int64_t trees = 25;       ///< [1, 1000].
  int64_t levels = 15;      ///< Depth of a tree, [1, 40].
  int64_t window = 250;     ///< Records of a reference window, [10, 100000].
  double size_limit = 0.1;  ///< Share of a window that a node needs to be looked into, (0, 1].
  int64_t seed = 1;
};
void Describe(Params& params, HalfSpaceTreesOptions& options);
Result<std::unique_ptr<Model>> MakeHalfSpaceTrees(const HalfSpaceTreesOptions& options,
                                                  const InputSpec& inputs);

/// Scores: the mean negative log-density over the projections (equation 3), less its mean over the
/// reference window: 0 is usual, 1 is e times as rare. A projection that needs a missing value is
/// left out (section 3.3). Deviations: histograms of equal bins over the quantiles 0.02 to 0.98,
/// widened by half on both sides; half a record in every bin and outside. Cost: projections *
/// sqrt(d) to predict, as much to learn. Bytes: 8 * projections * (bins + 2 + 1.5 sqrt(d)), 8 *
/// window * (d + 1).
struct LodaOptions {
  int64_t projections = 100;  ///< [1, 10000].
  int64_t bins = 32;          ///< [2, 1000].
  int64_t window = 512;       ///< Records of a reference window, [10, 100000].
  int64_t seed = 1;
};
void Describe(Params& params, LodaOptions& options);
Result<std::unique_ptr<Model>> MakeLoda(const LodaOptions& options, const InputSpec& inputs);

/// Scores from 0 to 1: 2^(-E / c), E the mean depth at which trees isolate the record and c that of
/// evenly spread ones; somewhat below 0.5 is usual. Deviations: splits on single attributes; a leaf
/// that splits shares out its records by the lengths of its halves, which is what the paper's
/// uniform samples do on average; a missing value goes right. Cost: trees * log2(window / leaf) * d
/// to learn (once when a record comes and once when it leaves the window), without the d to
/// predict. Bytes: 8 * window * d and 16 * trees * (2 * window / leaf) * (d + 2).
struct IsolationForestOptions {
  int64_t trees = 32;     ///< [1, 1000].
  int64_t window = 2048;  ///< Records that count, [16, 1000000]; at least twice `leaf`.
  int64_t leaf = 32;      ///< Records that a root needs to split, [1, 10000]; doubles by level.
  int64_t seed = 1;
};
void Describe(Params& params, IsolationForestOptions& options);
Result<std::unique_ptr<Model>> MakeIsolationForest(const IsolationForestOptions& options,
                                                   const InputSpec& inputs);

/// Scores: the largest distance of a value from its median, in median absolute deviations times
/// 1.4826 (standard deviations, if values are normal), or the mean over the values. Both are of the
/// last full window. A feature whose deviation is 0 is measured by its mean absolute deviation, a
/// constant one by a millionth of its size; what is beyond 1e6 counts as 1e6. Cost: d to predict;
/// d * window to learn, at the end of a window. Bytes: 8 * window * (d + 1).
struct RobustZScoreOptions {
  int64_t window = 500;  ///< Records of a reference window, [10, 100000].
  enum class Combine { kLargest, kMean };
  Combine combine = Combine::kLargest;
};
void Describe(Params& params, RobustZScoreOptions& options);
Result<std::unique_ptr<Model>> MakeRobustZScore(const RobustZScoreOptions& options,
                                                const InputSpec& inputs);

}  // namespace leat
