#include "models/registry.h"

#include <algorithm>
#include <array>
#include <type_traits>

#include "leat/anomaly.h"
#include "leat/bayes.h"
#include "leat/bayesian_linear.h"
#include "leat/calibration.h"
#include "leat/clusters.h"
#include "leat/composition.h"
#include "leat/conformal.h"
#include "leat/ensembles.h"
#include "leat/factors.h"
#include "leat/fourier.h"
#include "leat/gradient_boosting.h"
#include "leat/hoeffding_tree.h"
#include "leat/kmeans.h"
#include "leat/knn.h"
#include "leat/linear.h"
#include "leat/mondrian_forest.h"
#include "leat/regression_trees.h"
#include "models/linear/bounded.h"

namespace leat {
namespace {

template <typename Options>
using MakeFunction = Result<std::unique_ptr<Model>> (*)(const Options&, const InputSpec&);

template <typename Options>
class Factory final : public ModelFactory {
 public:
  Factory(Task task, MakeFunction<Options> make, Options options = {})
      : task_(task), make_(make), options_(std::move(options)) {}

  Task task() const override { return task_; }
  void Describe(Params& params) override {
    leat::Describe(params, options_);
    if constexpr (kLinear) leat::Describe(params, fourier_);
    // For the pipeline, which measures it: see evaluation/cluster_quality.h.
    if (task_ == Task::kClustering && params.Wants(quality_)) {
      params.Boolean("quality", quality_,
                     "Measure how good the clusters are: figures in the report, and a sample of "
                     "the last records in the state.");
    }
    if (NeedsNoLabel(task_)) return;
    if (task_ == Task::kClassification) {
      if constexpr (!kLinear) leat::Describe(params, weights_);
      leat::Describe(params, balance_);
      leat::Describe(params, calibration_);
    }
    leat::Describe(params, conformal_);
  }
  Result<std::unique_ptr<Model>> Make(const InputSpec& inputs) const override {
    LEAT_ASSIGN_OR_RETURN(std::unique_ptr<Model> model, MakeFourier(fourier_, inputs, Maker()));
    if (kRunsAway && task_ == Task::kRegression) model = MakeBounded(std::move(model));
    LEAT_ASSIGN_OR_RETURN(model, MakeWeighted(std::move(model), weights_));
    LEAT_ASSIGN_OR_RETURN(model, MakeBalanced(std::move(model), balance_));
    LEAT_ASSIGN_OR_RETURN(model, MakeCalibrated(std::move(model), calibration_));
    return MakeConformal(std::move(model), conformal_);
  }

 private:
  static constexpr bool kLinear = std::is_same_v<Options, LinearOptions>;
  /// What it predicts is not bounded by itself.
  static constexpr bool kRunsAway = kLinear || std::is_same_v<Options, BayesianLinearOptions>;

  MakeForInputs Maker() const {
    return [this](const InputSpec& inputs) { return make_(options_, inputs); };
  }

  Task task_;
  MakeFunction<Options> make_;
  Options options_;
  FourierOptions fourier_;      ///< Of linear models.
  bool quality_ = false;        ///< Of clustering models.
  ClassWeightOptions weights_;  ///< Linear models have their own.
  BalanceOptions balance_;
  CalibrationOptions calibration_;
  ConformalOptions conformal_;
};

template <typename Options, MakeFunction<Options> kMake, Task kTask = Task::kClassification>
std::unique_ptr<ModelFactory> New() {
  return std::make_unique<Factory<Options>>(kTask, kMake);
}

std::unique_ptr<ModelFactory> NewLinearRegression() {
  LinearOptions options;
  options.loss = LinearLoss::kSquared;
  return std::make_unique<Factory<LinearOptions>>(Task::kRegression, MakeLinearRegression, options);
}

struct Type {
  std::string_view name;
  std::string_view summary;
  std::unique_ptr<ModelFactory> (*make)();
};

// Sorted by name.
constexpr std::array kTypes{
    Type{"adaptive_random_forest",
         "Trees over random parts of the inputs, each replaced when its errors rise.",
         New<AdaptiveRandomForestOptions, MakeAdaptiveRandomForest>},
    Type{"adwin_bagging", "Bagged trees, of which the worst starts again when errors rise.",
         New<AdwinBaggingOptions, MakeAdwinBagging>},
    Type{"bayesian_linear_regression",
         "A weighted sum that predicts a number, with the exact posterior of its weights.",
         New<BayesianLinearOptions, MakeBayesianLinear, Task::kRegression>},
    Type{"bernoulli_nb", "Naive Bayes over the presence and absence of features.",
         New<BernoulliNbOptions, MakeBernoulliNb>},
    Type{"clustream", "A number of clusters over micro-clusters in space and time.",
         New<CluStreamOptions, MakeCluStream, Task::kClustering>},
    Type{"committee", "Classifiers of any types as one: weighted, stacked or raced.",
         New<CommitteeOptions, MakeCommittee>},
    Type{"committee_regressor",
         "Models of any types that predict a number, as one: weighted, stacked or raced.",
         New<CommitteeRegressorOptions, MakeCommitteeRegressor, Task::kRegression>},
    Type{"dbstream", "Clusters of any shape and number: micro-clusters that share records.",
         New<DbStreamOptions, MakeDbStream, Task::kClustering>},
    Type{"denstream", "Clusters of any shape and number: dense micro-clusters, joined where near.",
         New<DenStreamOptions, MakeDenStream, Task::kClustering>},
    Type{"extremely_fast_tree",
         "A decision tree that splits as soon as it pays and replaces splits that others beat.",
         New<ExtremelyFastTreeOptions, MakeExtremelyFastTree>},
    Type{"factorization_machine",
         "A weighted sum of the features and of all their pairs, turned into probabilities.",
         New<FactorizationMachineOptions, MakeFactorizationMachine>},
    Type{"factorization_machine_regressor",
         "A weighted sum of the features and of all their pairs that predicts a number.",
         New<FactorizationMachineOptions, MakeFactorizationMachineRegressor, Task::kRegression>},
    Type{"forest_regressor",
         "Regression trees over random parts of the inputs, each replaced when its errors rise.",
         New<ForestRegressorOptions, MakeForestRegressor, Task::kRegression>},
    Type{"gaussian_nb", "Naive Bayes with a normal distribution for each number and class.",
         New<GaussianNbOptions, MakeGaussianNb>},
    Type{"gradient_boosted_regressor",
         "Small trees that predict a number, each what those before it have left over.",
         New<GradientBoostedRegressorOptions, MakeGradientBoostedRegressor, Task::kRegression>},
    Type{"gradient_boosted_trees",
         "Small trees in a chain for each class, each of which corrects those before it.",
         New<GradientBoostedTreesOptions, MakeGradientBoostedTrees>},
    Type{
        "half_space_trees",
        "An anomaly score: how empty a record's corner of random trees was among the last records.",
        New<HalfSpaceTreesOptions, MakeHalfSpaceTrees, Task::kAnomaly>},
    Type{"hoeffding_adaptive_tree",
         "A Hoeffding tree whose branches are replaced when their errors rise.",
         New<HoeffdingAdaptiveTreeOptions, MakeHoeffdingAdaptiveTree>},
    Type{"hoeffding_regression_tree",
         "A tree that predicts a number, with a mean or a linear model in each leaf.",
         New<HoeffdingRegressionTreeOptions, MakeHoeffdingRegressionTree, Task::kRegression>},
    Type{"hoeffding_tree", "A decision tree that splits once the Hoeffding bound says so.",
         New<HoeffdingTreeOptions, MakeHoeffdingTree>},
    Type{"isolation_forest",
         "An anomaly score: how soon random splits part a record from the last ones.",
         New<IsolationForestOptions, MakeIsolationForest, Task::kAnomaly>},
    Type{"kmeans", "Clusters whose centres follow the stream.",
         New<KMeansOptions, MakeKMeans, Task::kClustering>},
    Type{"knn", "The classes of the most similar records among the last ones.",
         New<KnnOptions, MakeKnnClassifier>},
    Type{"knn_regressor", "The mean target of the most similar records among the last ones.",
         New<KnnOptions, MakeKnnRegressor, Task::kRegression>},
    Type{"leveraging_bagging",
         "Bagged trees that learn each record several times; the worst starts again on a drift.",
         New<LeveragingBaggingOptions, MakeLeveragingBagging>},
    Type{"linear_regression", "A weighted sum of the features that predicts a number.",
         NewLinearRegression},
    Type{"loda", "An anomaly score: how rare a record is along random projections.",
         New<LodaOptions, MakeLoda, Task::kAnomaly>},
    Type{"logistic_regression",
         "A weighted sum of the features turned into a probability, for two classes or more.",
         New<LinearOptions, MakeLogisticRegression>},
    Type{"matrix_factorization",
         "What a user makes of an item, a number, from biases and hidden factors of both ids.",
         New<MatrixFactorizationOptions, MakeMatrixFactorization, Task::kRegression>},
    Type{"mondrian_forest",
         "Trees split at random as the data spreads; all their prunings vote by how well they did.",
         New<MondrianForestOptions, MakeMondrianForest>},
    Type{"multinomial_nb", "Naive Bayes over counts, such as those of words.",
         New<MultinomialNbOptions, MakeMultinomialNb>},
    Type{"naive_bayes", "Naive Bayes over numbers and nominal values together.",
         New<NaiveBayesOptions, MakeNaiveBayes>},
    Type{"online_bagging", "Trees that learn each record a random number of times.",
         New<OnlineBaggingOptions, MakeOnlineBagging>},
    Type{"one_vs_rest", "A classifier of any type for each class, against all others.",
         New<OneVsRestOptions, MakeOneVsRest>},
    Type{"robust_zscore", "An anomaly score: how far from their medians a record's values are.",
         New<RobustZScoreOptions, MakeRobustZScore, Task::kAnomaly>},
    Type{"stochastic_gradient_tree",
         "A tree that descends the gradient of the log-loss, one for each class but one.",
         New<StochasticGradientTreeOptions, MakeStochasticGradientTree>},
    Type{
        "stochastic_gradient_tree_regressor",
        "A tree that predicts a number by descending the gradient of the squared error.",
        New<StochasticGradientTreeOptions, MakeStochasticGradientTreeRegressor, Task::kRegression>},
    Type{"streaming_random_patches",
         "Trees over random parts of the inputs, fixed for each tree, replaced on a drift.",
         New<StreamingRandomPatchesOptions, MakeStreamingRandomPatches>},
};

const Type* Find(std::string_view name) {
  const auto at = std::find_if(kTypes.begin(), kTypes.end(),
                               [name](const Type& type) { return type.name == name; });
  return at == kTypes.end() ? nullptr : &*at;
}

}  // namespace

std::span<const std::string_view> ModelTypes() {
  static constexpr auto kNames = [] {
    std::array<std::string_view, kTypes.size()> names;
    for (size_t i = 0; i < names.size(); ++i) names[i] = kTypes[i].name;
    return names;
  }();
  return kNames;
}

std::string_view ModelSummary(std::string_view type) {
  const Type* found = Find(type);
  return found == nullptr ? std::string_view() : found->summary;
}

std::unique_ptr<ModelFactory> NewModelFactory(std::string_view type) {
  const Type* found = Find(type);
  return found == nullptr ? nullptr : found->make();
}

}  // namespace leat
