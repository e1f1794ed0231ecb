/// Trees and forests that predict a number.
///
/// The Hoeffding regression tree splits a leaf where the variance of the target falls most, once
/// the Hoeffding bound says that no other attribute would do better, and predicts by the leaf's
/// mean or a linear model of the numeric inputs, whichever has erred less of late. With a
/// `drift_threshold` it is FIMT-DD: every split watches the error of what is predicted below it by
/// a test of Page and Hinkley; where that rises, a new tree grows beside the split, is compared
/// with it every 150 rows by faded squared errors, and takes its place once it errs less, or goes
/// after 1,500. Sources: Ikonomovska, Gama and Dzeroski, "Learning model trees from evolving data
/// streams" (2011, FIMT-DD; the ratio of the two best merits is bounded); Mastelini and de
/// Carvalho, "Using dynamical quantization to perform split attempts in online tree regressors"
/// (2021: bins instead of a tree of values). Deviations: 32 bins an attribute, whose range doubles
/// when a value falls outside; the linear model is fitted by recursive least squares on
/// standardised inputs instead of a perceptron, and children inherit it; errors are watched in
/// deviations of the target (at most 5), so that the threshold has no unit; below a tree that grows
/// beside a split no other begins. The forest: Gomes, Barddal, Boiko Ferreira and Bifet, "Adaptive
/// random forests for data stream regression" (2018), with ADWINs on the absolute error, of which 3
/// standard deviations of the target count as 1.
///
/// Shapes: dense part only; one number out, 0 while nothing was learnt. Predictions keep within the
/// range of the targets seen and a tenth of it on either side. Nominal attributes split on one
/// value against the rest, of the first 31 values. Missing values go to the heavier side of a test
/// and count as the mean in the linear model; layouts with more than 24 numbers have no linear
/// model. Targets that are not finite or beyond 1e100 in size, and weights outside (0, 1e12], are
/// counted and ignored. Cost: a row is a descent and, for the linear model, numbers^2 a tree; 784
/// bytes a leaf and attribute, and 8 numbers^2 for the model. Thread safety: const methods may run
/// concurrently. Determinism: draws are a function of the seed, the tree and the row's number.
/// Errors: options out of range, layouts without dense attributes or with more than 65,535.
#pragma once

#include <cstdint>
#include <memory>

#include "leat/model.h"
#include "leat/params.h"
#include "leat/status.h"

namespace leat {

enum class RegressionLeaf { kMean, kLinear, kAdaptive };
/// How much a split lowers the variance of the target, or its standard deviation (FIMT-DD).
enum class RegressionCriterion { kVariance, kDeviation };

struct HoeffdingRegressionTreeOptions {
  int64_t grace_period = 200;   ///< Weight that a leaf sees between two split attempts; >= 1.
  double delta = 1e-7;          ///< Chance that a split is not the one of infinite data; (0, 1).
  double tie_threshold = 0.05;  ///< A bound below this splits between equals; >= 0.
  RegressionLeaf leaf_prediction = RegressionLeaf::kAdaptive;
  RegressionCriterion split_criterion = RegressionCriterion::kVariance;
  double drift_threshold = 0;  ///< Rise of summed errors that is a drift, >= 0; 0: none is seen.
  double drift_tolerance = 0.005;    ///< Rise of an error that is borne, in deviations; >= 0.
  int64_t max_nominal_values = 256;  ///< Codes from here on count as missing; 2..4096.
  int64_t max_bytes = 64 << 20;      ///< What MemoryBytes never exceeds; >= 64 KiB.
};

struct ForestRegressorOptions : HoeffdingRegressionTreeOptions {
  ForestRegressorOptions() {
    grace_period = 50;
    delta = 0.01;
    max_bytes = 256 << 20;
  }
  int64_t trees = 10;     ///< 1..10,000.
  double lambda = 6;      ///< Mean of the Poisson weights, in (0, 30].
  int64_t seed = 1;       ///< Of all draws; >= 0.
  int64_t threads = 1;    ///< That share the trees, the calling one included; 1..64.
  double subspace = 0.8;  ///< Share of the attributes that a leaf sees; 0: round(sqrt(d)) + 1.
  double warning_delta = 0.01;  ///< Of the ADWIN whose alarm starts a background tree, in (0, 1).
  double drift_delta = 0.001;   ///< Of the ADWIN whose alarm replaces the tree, in (0, 1).
};

void Describe(Params& params, HoeffdingRegressionTreeOptions& options);
void Describe(Params& params, ForestRegressorOptions& options);

Result<std::unique_ptr<Model>> MakeHoeffdingRegressionTree(
    const HoeffdingRegressionTreeOptions& options, const InputSpec& inputs);
Result<std::unique_ptr<Model>> MakeForestRegressor(const ForestRegressorOptions& options,
                                                   const InputSpec& inputs);

}  // namespace leat
