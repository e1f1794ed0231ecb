#include "leat/linear.h"

#include <array>
#include <charconv>
#include <string_view>

#include "models/linear/classifier.h"
#include "models/linear/regressor.h"

namespace leat {
namespace {

constexpr std::array<std::string_view, 3> kOptimizers{"sgd", "adagrad", "ftrl"};
constexpr std::array<std::string_view, 6> kLosses{"log",      "hinge", "squared",
                                                  "absolute", "huber", "quantile"};
constexpr std::array<std::string_view, 4> kSchedules{"constant", "inverse_scaling", "inverse_time",
                                                     "exponential"};
constexpr std::array<std::string_view, 3> kMulticlass{"softmax", "one_vs_rest", "softmax_full"};
constexpr std::array<std::string_view, 2> kClassWeights{"none", "balanced"};

Status CheckCommon(const LinearOptions& options, const InputSpec& inputs) {
  for (const DenseAttribute& attribute : inputs.dense) {
    if (attribute.nominal) {
      return Status::Invalid("a linear model cannot read the nominal feature '" + attribute.name +
                             "' as a number: encode it one-hot");
    }
  }
  const auto within = [](double value, double low, double high) {
    return value >= low && value <= high;
  };
  if (!within(options.learning_rate, 1e-12, 1e6)) {
    return Status::Invalid("learning_rate must be between 1e-12 and 1e6");
  }
  if (!within(options.l1, 0, 1e6) || !within(options.l2, 0, 1e6) ||
      !within(options.intercept_learning_rate, 0, 1e6)) {
    return Status::Invalid("l1, l2 and intercept_learning_rate must be between 0 and 1e6");
  }
  if (!within(options.power, 0, 1) || !(options.half_life > 0) || !(options.clip_gradient > 0) ||
      !(options.huber_delta > 0) || !(options.quantile > 0 && options.quantile < 1) ||
      !(options.beta > 0 && options.beta <= 1e6) ||
      !within(static_cast<double>(options.max_classes), 2, 65536)) {
    return Status::Invalid("an option of the linear model is out of its range");
  }
  if (options.optimizer == LinearOptimizer::kSgd && options.learning_rate * options.l2 > 1) {
    return Status::Invalid("learning_rate times l2 must be at most 1 with the optimizer sgd");
  }
  if (options.optimizer == LinearOptimizer::kFtrl &&
      options.schedule != LinearSchedule::kConstant) {
    return Status::Invalid("the optimizer ftrl has its own rates: schedule must be constant");
  }
  return Status::Ok();
}

Result<std::vector<double>> ParseClassWeights(const LinearOptions& options) {
  std::vector<double> weights;
  for (const auto& [text, weight] : options.class_weights) {
    size_t c = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), c);
    if (error != std::errc() || end != text.data() + text.size() ||
        c >= static_cast<size_t>(options.max_classes)) {
      return Status::Invalid("class_weights: '" + text + "' is not the index of a class");
    }
    if (!(weight > 0) || weight > 1e9) {
      return Status::Invalid("class_weights: the weight of class " + text +
                             " must be above 0 and at most 1e9");
    }
    if (c >= weights.size()) weights.resize(c + 1, 1.0);
    weights[c] = weight;
  }
  return weights;
}

template <template <typename> typename Learner, typename... Args>
std::unique_ptr<Model> WithRule(LinearOptimizer optimizer, const Args&... args) {
  switch (optimizer) {
    case LinearOptimizer::kSgd:
      return std::make_unique<Learner<linear::SgdRule>>(args...);
    case LinearOptimizer::kAdaGrad:
      return std::make_unique<Learner<linear::AdaGradRule>>(args...);
    case LinearOptimizer::kFtrl:
      break;
  }
  return std::make_unique<Learner<linear::FtrlRule>>(args...);
}

}  // namespace

void Describe(Params& params, LinearOptions& options) {
  params.Enumeration("optimizer", options.optimizer, kOptimizers,
                     "How weights move: plain gradient steps (sgd), steps that shrink by feature "
                     "(adagrad), or FTRL-Proximal, the choice for many sparse features (ftrl).");
  params.Enumeration("loss", options.loss, kLosses,
                     "log or hinge for logistic_regression; squared, absolute, huber or quantile "
                     "for linear_regression.");
  params.Number("learning_rate", options.learning_rate, {1e-12, 1e6},
                "Size of a step; alpha of ftrl.");
  params.Enumeration("schedule", options.schedule, kSchedules,
                     "How the learning rate falls with the number t of records learnt: constant; "
                     "rate / (t + 1)^power; rate / (1 + t / half_life); rate * 2^(-t / half_life). "
                     "Not with ftrl.");
  params.Number("power", options.power, {0, 1}, "Exponent of the schedule inverse_scaling.");
  params.Number("half_life", options.half_life, kPositive,
                "Records until the rate of inverse_time or exponential has halved.");
  params.Number("beta", options.beta, {0, 1e6, true, false},
                "ftrl: damps the first steps of a feature.");
  params.Number("l1", options.l1, {0, 1e6}, "Penalty on the size of weights; makes exact zeros.");
  params.Number("l2", options.l2, {0, 1e6}, "Penalty on the square of weights.");
  params.Boolean("intercept", options.intercept, "Whether the margin has a constant term.");
  params.Number("intercept_learning_rate", options.intercept_learning_rate, {0, 1e6},
                "Rate of the constant term under sgd and adagrad; constant over time.");
  params.Number("clip_gradient", options.clip_gradient, kPositive,
                "Largest size of the loss's derivative, after weighting.");
  params.Number("huber_delta", options.huber_delta, kPositive,
                "Error beyond which the loss huber is linear, in units of the target.");
  params.Number("quantile", options.quantile, kOpenFraction,
                "The quantile that the loss quantile estimates.");
  params.Enumeration("multiclass", options.multiclass, kMulticlass,
                     "What happens when a third class appears: softmax, or one binary learner a "
                     "class; softmax_full keeps a row of weights a class from the first.");
  params.Enumeration("class_weight", options.class_weight, kClassWeights,
                     "balanced: a class counts in inverse proportion to its share so far.");
  params.NumberMap("class_weights", options.class_weights, {0, 1e9, true, false},
                   "Weight by class index, such as {1: 20}; 1 for the others.");
  params.Integer("max_classes", options.max_classes, {2, 65536},
                 "Labels at or beyond this index are ignored and counted.");
}

Result<std::unique_ptr<Model>> MakeLogisticRegression(const LinearOptions& options,
                                                      const InputSpec& inputs) {
  LEAT_RETURN_IF_ERROR(CheckCommon(options, inputs));
  if (options.loss != LinearLoss::kLog && options.loss != LinearLoss::kHinge) {
    return Status::Invalid("logistic_regression takes the loss log or hinge");
  }
  if (options.loss == LinearLoss::kHinge && options.multiclass == LinearMulticlass::kSoftmaxFull) {
    return Status::Invalid("softmax_full needs the loss log");
  }
  LEAT_ASSIGN_OR_RETURN(std::vector<double> weights, ParseClassWeights(options));
  return WithRule<linear::Classifier>(options.optimizer, options, inputs, weights);
}

Result<std::unique_ptr<Model>> MakeLinearRegression(const LinearOptions& options,
                                                    const InputSpec& inputs) {
  LEAT_RETURN_IF_ERROR(CheckCommon(options, inputs));
  if (options.loss == LinearLoss::kLog || options.loss == LinearLoss::kHinge) {
    return Status::Invalid("linear_regression takes the loss squared, absolute, huber or quantile");
  }
  if (options.class_weight != LinearClassWeight::kNone || !options.class_weights.empty()) {
    return Status::Invalid("class weights belong to logistic_regression");
  }
  return WithRule<linear::Regressor>(options.optimizer, options, inputs);
}

}  // namespace leat
