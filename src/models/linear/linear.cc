#include "leat/linear.h"

#include <array>
#include <string_view>

#include "models/composition/class_weights.h"
#include "models/linear/classifier.h"
#include "models/linear/regressor.h"

namespace leat {
namespace {

constexpr std::array<std::string_view, 15> kOptimizers{"sgd",
                                                       "adagrad",
                                                       "ftrl",
                                                       "momentum",
                                                       "nesterov",
                                                       "rmsprop",
                                                       "adadelta",
                                                       "adam",
                                                       "amsgrad",
                                                       "adamax",
                                                       "nadam",
                                                       "ftrl_delayed",
                                                       "passive_aggressive",
                                                       "arow",
                                                       "averaged_sgd"};
constexpr std::array<std::string_view, 9> kLosses{
    "log",    "hinge",    "squared",    "absolute",
    "huber",  "quantile", "perceptron", "epsilon_insensitive",
    "poisson"};
constexpr std::array<std::string_view, 3> kAggressions{"pa", "pa_1", "pa_2"};
constexpr std::array<std::string_view, 4> kSchedules{"constant", "inverse_scaling", "inverse_time",
                                                     "exponential"};
constexpr std::array<std::string_view, 3> kMulticlass{"softmax", "one_vs_rest", "softmax_full"};

/// Whether steps are of the size that mends a record's error.
bool MendsErrors(LinearOptimizer optimizer) {
  return optimizer == LinearOptimizer::kPassiveAggressive || optimizer == LinearOptimizer::kArow;
}

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
  if (!within(options.momentum, 0, 0.9999) || !within(options.decay, 0, 0.9999) ||
      !within(options.beta_1, 0, 0.9999) || !within(options.beta_2, 0, 0.999999) ||
      !within(options.epsilon, 1e-12, 1) || !within(options.insensitivity, 0, 1e50) ||
      !(options.aggressiveness > 0 && options.aggressiveness <= 1e6) ||
      !within(options.noise, 1e-6, 1e6) || !within(options.average_over, 1, 1e15)) {
    return Status::Invalid("an option of the optimizer is out of its range");
  }
  if (options.beta_1 >= options.beta_2) return Status::Invalid("beta_1 must be below beta_2");
  const auto name = [&options] {
    return std::string(kOptimizers[static_cast<size_t>(options.optimizer)]);
  };
  switch (options.optimizer) {
    case LinearOptimizer::kSgd:
    case LinearOptimizer::kMomentum:
    case LinearOptimizer::kNesterov:
    case LinearOptimizer::kAveragedSgd:
      if (options.learning_rate * options.l2 > 1) {
        return Status::Invalid("learning_rate times l2 must be at most 1 with the optimizer " +
                               name());
      }
      break;
    case LinearOptimizer::kFtrl:
    case LinearOptimizer::kFtrlDelayed:
    case LinearOptimizer::kPassiveAggressive:
    case LinearOptimizer::kArow:
      if (options.schedule != LinearSchedule::kConstant) {
        return Status::Invalid("the optimizer " + name() +
                               " has its own rates: schedule must be constant");
      }
      break;
    default:
      break;
  }
  const bool mends = MendsErrors(options.optimizer);
  if (mends && (options.l1 > 0 || options.l2 > 0)) {
    return Status::Invalid("the optimizer " + name() + " takes no l1 or l2");
  }
  if (mends && options.loss != LinearLoss::kHinge &&
      options.loss != LinearLoss::kEpsilonInsensitive) {
    return Status::Invalid("the optimizer " + name() +
                           " needs the loss hinge for classes, epsilon_insensitive for numbers");
  }
  if (options.optimizer == LinearOptimizer::kAveragedSgd && options.l1 > 0) {
    return Status::Invalid("the optimizer averaged_sgd takes no l1: a mean is never exactly zero");
  }
  return Status::Ok();
}

/// Whether a loss is one of classes.
bool OfClasses(LinearLoss loss) {
  return loss == LinearLoss::kLog || loss == LinearLoss::kHinge || loss == LinearLoss::kPerceptron;
}

template <template <typename> typename Learner, typename... Args>
std::unique_ptr<Model> WithRule(LinearOptimizer optimizer, const Args&... args) {
  switch (optimizer) {
    case LinearOptimizer::kSgd:
      return std::make_unique<Learner<linear::SgdRule>>(args...);
    case LinearOptimizer::kAdaGrad:
      return std::make_unique<Learner<linear::AdaGradRule>>(args...);
    case LinearOptimizer::kMomentum:
      return std::make_unique<Learner<linear::MomentumRule>>(args...);
    case LinearOptimizer::kNesterov:
      return std::make_unique<Learner<linear::NesterovRule>>(args...);
    case LinearOptimizer::kRmsProp:
      return std::make_unique<Learner<linear::RmsPropRule>>(args...);
    case LinearOptimizer::kAdaDelta:
      return std::make_unique<Learner<linear::AdaDeltaRule>>(args...);
    case LinearOptimizer::kAdam:
      return std::make_unique<Learner<linear::AdamRule>>(args...);
    case LinearOptimizer::kAmsGrad:
      return std::make_unique<Learner<linear::AmsGradRule>>(args...);
    case LinearOptimizer::kAdaMax:
      return std::make_unique<Learner<linear::AdaMaxRule>>(args...);
    case LinearOptimizer::kNadam:
      return std::make_unique<Learner<linear::NadamRule>>(args...);
    case LinearOptimizer::kFtrlDelayed:
      return std::make_unique<Learner<linear::FtrlDelayedRule>>(args...);
    case LinearOptimizer::kPassiveAggressive:
      return std::make_unique<Learner<linear::PassiveAggressiveRule>>(args...);
    case LinearOptimizer::kArow:
      return std::make_unique<Learner<linear::ArowRule>>(args...);
    case LinearOptimizer::kAveragedSgd:
      return std::make_unique<Learner<linear::AveragedSgdRule>>(args...);
    case LinearOptimizer::kFtrl:
      break;
  }
  return std::make_unique<Learner<linear::FtrlRule>>(args...);
}

}  // namespace

void Describe(Params& params, LinearOptions& options) {
  params.Enumeration("optimizer", options.optimizer, kOptimizers,
                     "How weights move: plain gradient steps (sgd), steps that shrink by feature "
                     "(adagrad), FTRL-Proximal, the choice for many sparse features (ftrl), steps "
                     "with memory (momentum to nadam), ftrl with weights a step behind "
                     "(ftrl_delayed), the step that just mends the error (passive_aggressive), "
                     "the same with a confidence for each weight (arow), or plain steps whose mean "
                     "predicts (averaged_sgd).");
  params.Enumeration("loss", options.loss, kLosses,
                     "log, hinge or perceptron for logistic_regression; squared, absolute, huber, "
                     "quantile, epsilon_insensitive or poisson (counts) for linear_regression.");
  params.Number("learning_rate", options.learning_rate, {1e-12, 1e6},
                "Size of a step; alpha of ftrl. Not used by adadelta, passive_aggressive, arow.");
  params.Enumeration("schedule", options.schedule, kSchedules,
                     "How the learning rate falls with the number t of records learnt: constant; "
                     "rate / (t + 1)^power; rate / (1 + t / half_life); rate * 2^(-t / half_life). "
                     "Not with ftrl, ftrl_delayed, passive_aggressive, arow.");
  params.Number("power", options.power, {0, 1}, "Exponent of the schedule inverse_scaling.");
  params.Number("half_life", options.half_life, kPositive,
                "Records until the rate of inverse_time or exponential has halved.");
  params.Number("beta", options.beta, {0, 1e6, true, false},
                "ftrl: damps the first steps of a feature.");
  const LinearOptimizer rule = options.optimizer;
  const bool pushes = rule == LinearOptimizer::kMomentum || rule == LinearOptimizer::kNesterov;
  const bool fades = rule == LinearOptimizer::kRmsProp || rule == LinearOptimizer::kAdaDelta;
  const bool adam = rule == LinearOptimizer::kAdam || rule == LinearOptimizer::kAmsGrad ||
                    rule == LinearOptimizer::kAdaMax || rule == LinearOptimizer::kNadam;
  if (params.Wants(pushes)) {
    params.Number("momentum", options.momentum, {0, 0.9999},
                  "momentum, nesterov: share of the last step that is taken again.");
  }
  if (params.Wants(fades)) {
    params.Number("decay", options.decay, {0, 0.9999},
                  "rmsprop, adadelta: share of the mean squares that is kept at a record.");
  }
  if (params.Wants(adam)) {
    params.Number("beta_1", options.beta_1, {0, 0.9999},
                  "adam, amsgrad, adamax, nadam: share of the mean gradient that is kept; below "
                  "beta_2.");
    params.Number("beta_2", options.beta_2, {0, 0.999999},
                  "The same of the mean squared gradient (adamax: of the largest).");
  }
  if (params.Wants(fades || adam)) {
    params.Number(
        "epsilon", options.epsilon, {1e-12, 1},
        "rmsprop, adadelta, adam and its kin: keeps first steps finite; 1e-6 is usual for "
        "adadelta.");
  }
  if (params.Wants(rule == LinearOptimizer::kPassiveAggressive)) {
    params.Enumeration("aggression", options.aggression, kAggressions,
                       "passive_aggressive: steps without a bound (pa), of at most aggressiveness "
                       "(pa_1), or softened by it (pa_2).");
    params.Number("aggressiveness", options.aggressiveness, {0, 1e6, true, false},
                  "C of pa_1 and pa_2; a record's weight multiplies it.");
  }
  if (params.Wants(rule == LinearOptimizer::kArow)) {
    params.Number("noise", options.noise, {1e-6, 1e6},
                  "r of arow: larger trusts a record less; a record's weight divides it.");
  }
  if (params.Wants(rule == LinearOptimizer::kAveragedSgd)) {
    params.Number("average_over", options.average_over, {1, 1e15},
                  "averaged_sgd: records whose weights are averaged evenly; old ones fade after.");
  }
  if (params.Wants(options.loss == LinearLoss::kEpsilonInsensitive)) {
    params.Number(
        "insensitivity", options.insensitivity, {0, 1e50},
        "Error up to which epsilon_insensitive asks for no step, in units of the target.");
  }
  params.Number("l1", options.l1, {0, 1e6}, "Penalty on the size of weights; makes exact zeros.");
  params.Number("l2", options.l2, {0, 1e6}, "Penalty on the square of weights.");
  params.Boolean("intercept", options.intercept, "Whether the margin has a constant term.");
  params.Number("intercept_learning_rate", options.intercept_learning_rate, {0, 1e6},
                "Rate of the constant term; constant over time. Not used by ftrl, "
                "passive_aggressive and arow.");
  params.Number("clip_gradient", options.clip_gradient, kPositive,
                "Largest size of the loss's derivative, after weighting.");
  params.Number("huber_delta", options.huber_delta, kPositive,
                "Error beyond which the loss huber is linear, in units of the target.");
  params.Number("quantile", options.quantile, kOpenFraction,
                "The quantile that the loss quantile estimates.");
  params.Enumeration("multiclass", options.multiclass, kMulticlass,
                     "What happens when a third class appears: softmax, or one binary learner a "
                     "class; softmax_full keeps a row of weights a class from the first.");
  DescribeClassWeights(params, options.class_weight, options.class_weights);
  params.Integer("max_classes", options.max_classes, {2, 65536},
                 "Labels at or beyond this index are ignored and counted.");
}

Result<std::unique_ptr<Model>> MakeLogisticRegression(const LinearOptions& options,
                                                      const InputSpec& inputs) {
  LEAT_RETURN_IF_ERROR(CheckCommon(options, inputs));
  if (!OfClasses(options.loss)) {
    return Status::Invalid("logistic_regression takes the loss log or hinge, or perceptron");
  }
  if (options.loss != LinearLoss::kLog && options.multiclass == LinearMulticlass::kSoftmaxFull) {
    return Status::Invalid("softmax_full needs the loss log");
  }
  LEAT_ASSIGN_OR_RETURN(
      std::vector<double> weights,
      ParseClassWeights(options.class_weights, static_cast<size_t>(options.max_classes)));
  return WithRule<linear::Classifier>(options.optimizer, options, inputs, weights);
}

Result<std::unique_ptr<Model>> MakeLinearRegression(const LinearOptions& options,
                                                    const InputSpec& inputs) {
  LEAT_RETURN_IF_ERROR(CheckCommon(options, inputs));
  if (OfClasses(options.loss)) {
    return Status::Invalid(
        "linear_regression takes the loss squared, absolute, huber, quantile, "
        "epsilon_insensitive or poisson");
  }
  if (options.class_weight != LinearClassWeight::kNone || !options.class_weights.empty()) {
    return Status::Invalid("class weights belong to logistic_regression");
  }
  return WithRule<linear::Regressor>(options.optimizer, options, inputs);
}

}  // namespace leat
