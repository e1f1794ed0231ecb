#include "evaluation/evaluation.h"

#include "evaluation/prequential.h"

namespace leat {

void Describe(Params& params, EvaluationOptions& options) {
  constexpr double kMost = 1e9;
  params.Integer("every", options.every, {1, kMost}, "labels between two rows of the metrics sink");
  params.Integer("window", options.window, {1, 1e8}, "labels in the sliding window");
  params.Number("fading", options.fading, {0.5, 1},
                "weight that a label keeps at each later label, in the fading view");
  params.Number("threshold", options.threshold, kFraction,
                "binary decisions: positive at or above this probability");
  params.Number("beta", options.beta, kPositive, "weight of recall against precision in f_beta");
  params.Integer("top", options.top, {1, 1e6}, "k of precision_at_k: places in each period");
  params.Duration("period", options.period,
                  {static_cast<double>(kSecond), 10'000 * static_cast<double>(kDay)},
                  "event time over which precision_at_k ranks");
  params.TextList("metrics", options.metrics,
                  "metrics of the metrics sink; empty: all that the task has");
}

std::span<const std::string_view> MetricNames() {
  static constexpr std::string_view kNames[] = {"count",
                                                "accuracy",
                                                "balanced_accuracy",
                                                "precision",
                                                "recall",
                                                "specificity",
                                                "f1",
                                                "f_beta",
                                                "g_mean",
                                                "kappa",
                                                "kappa_t",
                                                "kappa_m",
                                                "mcc",
                                                "log_loss",
                                                "brier",
                                                "ece",
                                                "roc_auc",
                                                "average_precision",
                                                "precision_at_k",
                                                "positive_share",
                                                "no_change_accuracy",
                                                "majority_accuracy",
                                                "precision_macro",
                                                "recall_macro",
                                                "f1_macro",
                                                "f_beta_macro",
                                                "precision_weighted",
                                                "recall_weighted",
                                                "f1_weighted",
                                                "f_beta_weighted",
                                                "precision_micro",
                                                "recall_micro",
                                                "f1_micro",
                                                "mae",
                                                "mse",
                                                "rmse",
                                                "r2",
                                                "bias",
                                                "mape",
                                                "smape",
                                                "max_error"};
  return kNames;
}

std::unique_ptr<PrequentialEvaluator> MakeEvaluator(EvaluationTask task,
                                                    const EvaluationOptions& options) {
  switch (task) {
    case EvaluationTask::kBinary:
      return MakeBinaryEvaluator(options);
    case EvaluationTask::kMulticlass:
      return MakeMulticlassEvaluator(options);
    case EvaluationTask::kRegression:
      return MakeRegressionEvaluator(options);
  }
  return nullptr;
}

}  // namespace leat
