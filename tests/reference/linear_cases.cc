/// Cases of linear.json: every optimizer with its penalties, schedules and losses, softmax,
/// passive-aggressive, the perceptron and Bayesian regression.
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "leat/bayesian_linear.h"
#include "leat/linear.h"
#include "reference/model_inputs.h"

namespace leat::reference {
namespace {

using boost::json::object;

std::string Id(const object& test_case) { return std::string(test_case.at("id").as_string()); }
bool StartsWith(const std::string& text, const char* start) { return text.rfind(start, 0) == 0; }

double Parameter(const object& params, const char* name, double otherwise) {
  return params.contains(name) && params.at(name).is_number() ? Number(params.at(name)) : otherwise;
}

/// The optimizer that the reference calls `name`, but for FTRL.
std::optional<LinearOptimizer> OptimizerCalled(const std::string& name) {
  const std::pair<const char*, LinearOptimizer> names[] = {
      {"SGD", LinearOptimizer::kSgd},
      {"Momentum", LinearOptimizer::kMomentum},
      {"NesterovMomentum", LinearOptimizer::kNesterov},
      {"AdaGrad", LinearOptimizer::kAdaGrad},
      {"RMSProp", LinearOptimizer::kRmsProp},
      {"AdaDelta", LinearOptimizer::kAdaDelta},
      {"Adam", LinearOptimizer::kAdam},
      {"AMSGrad", LinearOptimizer::kAmsGrad},
      {"AdaMax", LinearOptimizer::kAdaMax},
      {"Nadam", LinearOptimizer::kNadam},
      {"FTRLProximal", LinearOptimizer::kFtrlDelayed},
  };
  for (const auto& [called, optimizer] : names) {
    if (name == called) return optimizer;
  }
  return std::nullopt;
}

LinearOptions PassiveAggressive(const object& params, bool classify) {
  LinearOptions options;
  options.optimizer = LinearOptimizer::kPassiveAggressive;
  options.loss = classify ? LinearLoss::kHinge : LinearLoss::kEpsilonInsensitive;
  options.aggression = static_cast<LinearAggression>(static_cast<int>(Number(params.at("mode"))));
  options.aggressiveness = Number(params.at("C"));
  options.insensitivity = Parameter(params, "eps", 0);
  return options;
}

/// The options that a case asks for; nothing if they are not offered.
std::optional<LinearOptions> OptionsFor(const object& test_case) {
  const std::string id = Id(test_case);
  const object& params = test_case.at("params").as_object();
  LinearOptions options;
  if (StartsWith(id, "ftrl_canonical/")) {
    options.optimizer = LinearOptimizer::kFtrl;
    options.learning_rate = Number(params.at("alpha"));
    options.beta = Number(params.at("beta"));
    options.l1 = Number(params.at("l1"));
    options.l2 = Number(params.at("l2"));
    return options;
  }
  if (StartsWith(id, "pa_")) return PassiveAggressive(params, StartsWith(id, "pa_classifier/"));
  options.optimizer = LinearOptimizer::kSgd;
  if (id == "perceptron") {
    options.loss = LinearLoss::kPerceptron;
    options.learning_rate = options.intercept_learning_rate = 1;
    options.l2 = Parameter(params, "l2", 0);
    return options;
  }
  options.learning_rate = Parameter(params, "lr", 0.01);
  options.l1 = Parameter(params, "l1", 0);
  options.l2 = Parameter(params, "l2", 0);
  options.intercept_learning_rate = Parameter(params, "intercept_lr", 0.01);
  if (id == "softmax") {
    options.multiclass = LinearMulticlass::kSoftmaxFull;
    options.intercept = false;
    return options;
  }
  const bool logistic = StartsWith(id, "logistic/");
  if (!logistic && !StartsWith(id, "linear/")) return std::nullopt;
  if (!logistic) options.loss = LinearLoss::kSquared;
  if (params.contains("optimizer")) {
    const auto optimizer = OptimizerCalled(std::string(params.at("optimizer").as_string()));
    if (!optimizer) return std::nullopt;
    options.optimizer = *optimizer;
    options.momentum = options.decay = Parameter(params, "rho", 0.9);
    options.beta_1 = Parameter(params, "beta_1", 0.9);
    options.beta_2 = Parameter(params, "beta_2", 0.999);
    options.epsilon = Parameter(params, "eps", 1e-8);
    options.beta = Parameter(params, "beta", 1);
    if (params.contains("alpha")) options.learning_rate = Number(params.at("alpha"));
  }
  if (params.contains("lr") && params.at("lr").is_string()) {
    if (params.at("lr").as_string() != "InverseScaling(0.1, 0.5)") return std::nullopt;
    options.schedule = LinearSchedule::kInverseScaling;
    options.learning_rate = 0.1;
    options.power = 0.5;
  }
  if (params.contains("loss")) {
    const std::string loss(params.at("loss").as_string());
    if (loss == "Hinge") options.loss = LinearLoss::kHinge;
    if (loss == "Absolute") options.loss = LinearLoss::kAbsolute;
    if (loss == "Huber") options.loss = LinearLoss::kHuber, options.huber_delta = 0.1;
    if (loss == "Quantile") {
      options.loss = LinearLoss::kQuantile;
      options.quantile = Number(params.at("alpha"));
    }
  }
  return options;
}

std::unique_ptr<LinearModel> Make(const LinearOptions& options, size_t features, bool classify) {
  InputSpec inputs;
  inputs.dense.resize(features);
  auto made =
      classify ? MakeLogisticRegression(options, inputs) : MakeLinearRegression(options, inputs);
  if (!made.ok()) throw std::runtime_error(std::string(made.status().message()));
  return std::unique_ptr<LinearModel>(static_cast<LinearModel*>(std::move(made).value().release()));
}

void CompareWeights(const LinearModel& model, const object& point, const std::string& where,
                    Comparison& compare) {
  const auto& weights = point.at("weights").as_array();
  for (size_t j = 0; j < weights.size(); ++j) {
    compare.Expect(where + " weight " + std::to_string(j), model.DenseWeight(0, j),
                   Number(weights[j]));
  }
  compare.Expect(where + " intercept", model.Intercept(0), Number(point.at("intercept")));
  const char* const names[] = {"z", "n"};
  for (size_t which = 0; which < 2; ++which) {
    if (!point.contains(names[which])) continue;
    const auto& values = point.at(names[which]).as_array();
    for (size_t j = 0; j < values.size(); ++j) {
      compare.Expect(where + " " + names[which] + " " + std::to_string(j),
                     model.OptimizerState(0, j, which), Number(values[j]));
    }
  }
}

Outcome RunOneRow(const object& test_case) {
  const object& input = test_case.at("input").as_object();
  const CaseRows rows = ReadCase(input);
  if (!rows.present) return Skip("no data file");
  const bool classify = input.at("positive").is_string();
  const std::string positive = classify ? std::string(input.at("positive").as_string()) : "";
  const LinearOptions options = *OptionsFor(test_case);
  auto model = Make(options, rows.inputs.at(0).size(), classify);
  auto fused = Make(options, rows.inputs.at(0).size(), classify);
  const object& expect = test_case.at("expect").as_object();
  const auto& points = expect.at("checkpoints").as_array();
  Comparison compare(1e-9);
  size_t next = 0, correct = 0;
  double error = 0;
  std::vector<double> out, same;
  for (size_t i = 0; i < rows.inputs.size(); ++i) {
    const Input x{rows.inputs[i], {}};
    const double target = classify ? static_cast<double>(rows.targets[i] == positive)
                                   : std::strtod(rows.targets[i].c_str(), nullptr);
    model->Predict(x, out);
    double prediction = out.empty() ? 0.5 : out.back();
    if (classify && out.size() == 1) prediction = 0;  // the positive class has not been seen
    if (classify) {
      correct += (prediction > 0.5) == (target == 1);
    } else {
      error += std::fabs(prediction - target);
    }
    model->Learn(x, target, 1);
    fused->PredictAndLearn(x, target, 1, same);
    if (same != out) return Fail("PredictAndLearn differs at row " + std::to_string(i));
    if (next < points.size()) {
      const object& point = points[next].as_object();
      if (static_cast<size_t>(Number(point.at("i"))) == i) {
        const std::string where = "row " + std::to_string(i);
        compare.Expect(where + " prediction", prediction, Number(point.at("prediction_before")));
        CompareWeights(*model, point, where, compare);
        ++next;
      }
    }
  }
  if (next != points.size()) return Fail("not every checkpoint was reached");
  if (!expect.at("correct").is_null()) {
    compare.ExpectEqual("correct", static_cast<double>(correct), Number(expect.at("correct")));
  }
  if (expect.contains("sum_abs_error") && !expect.at("sum_abs_error").is_null()) {
    compare.Expect("sum of errors", error, Number(expect.at("sum_abs_error")));
  }
  return compare.Result();
}

Outcome RunSoftmax(const object& test_case) {
  const CaseRows rows = ReadCase(test_case.at("input").as_object());
  if (!rows.present) return Skip("no data file");
  auto model = Make(*OptionsFor(test_case), rows.inputs.at(0).size(), true);
  const object& expect = test_case.at("expect").as_object();
  const auto& points = expect.at("checkpoints").as_array();
  Comparison compare(1e-9);
  std::vector<std::string> classes;
  const auto index = [&classes](const std::string& name) {
    const auto at = std::find(classes.begin(), classes.end(), name);
    if (at != classes.end()) return static_cast<size_t>(at - classes.begin());
    classes.push_back(name);
    return classes.size() - 1;
  };
  std::vector<double> out;
  size_t next = 0, correct = 0;
  for (size_t i = 0; i < rows.inputs.size(); ++i) {
    const Input x{rows.inputs[i], {}};
    model->Predict(x, out);
    const size_t target = index(rows.targets[i]);
    correct += !out.empty() && static_cast<size_t>(std::max_element(out.begin(), out.end()) -
                                                   out.begin()) == target;
    model->Learn(x, static_cast<double>(target), 1);
    if (next >= points.size()) continue;
    const object& point = points[next].as_object();
    if (static_cast<size_t>(Number(point.at("i"))) != i) continue;
    ++next;
    const std::string where = "row " + std::to_string(i) + " ";
    for (const auto& item : point.at("proba_before").as_object()) {
      const std::string name(item.key());
      compare.Expect(where + name, out.at(index(name)), Number(item.value()));
    }
    for (const auto& item : point.at("weights").as_object()) {
      const std::string name(item.key());
      const auto& weights = item.value().as_array();
      for (size_t j = 0; j < weights.size(); ++j) {
        compare.Expect(where + name + " weight", model->DenseWeight(index(name), j),
                       Number(weights[j]));
      }
    }
  }
  if (next != points.size()) return Fail("not every checkpoint was reached");
  compare.ExpectEqual("correct", static_cast<double>(correct), Number(expect.at("correct")));
  return compare.Result();
}

Outcome RunBayesian(const object& test_case) {
  const CaseRows rows = ReadCase(test_case.at("input").as_object());
  if (!rows.present) return Skip("no data file");
  const object& params = test_case.at("params").as_object();
  BayesianLinearOptions options;
  options.alpha = Number(params.at("alpha"));
  options.beta = Number(params.at("beta"));
  options.intercept = false;
  InputSpec inputs;
  inputs.dense.resize(rows.inputs.at(0).size());
  auto model = MakeBayesianLinear(options, inputs).value();
  const auto& points = test_case.at("expect").as_object().at("checkpoints").as_array();
  Comparison compare(1e-9);
  std::vector<double> out;
  size_t next = 0;
  for (size_t i = 0; i < rows.inputs.size(); ++i) {
    const Input x{rows.inputs[i], {}};
    if (next < points.size() &&
        Number(points[next].as_object().at("i")) == static_cast<double>(i)) {
      model->Predict(x, out);
      compare.Expect("row " + std::to_string(i), out[0],
                     Number(points[next++].as_object().at("prediction_before")));
    }
    model->Learn(x, std::strtod(rows.targets[i].c_str(), nullptr), 1);
  }
  if (next != points.size()) return Fail("not every checkpoint was reached");
  return compare.Result();
}

bool Bayesian(const object& test_case) {
  const object& params = test_case.at("params").as_object();
  return Id(test_case) == "bayesian_linear" &&
         (!params.contains("smoothing") || params.at("smoothing").is_null());
}

const bool registered =
    Register({"linear.json",
              [](const object& test_case) {
                return Bayesian(test_case) || OptionsFor(test_case).has_value();
              },
              [](const object& test_case) {
                if (Bayesian(test_case)) return RunBayesian(test_case);
                return Id(test_case) == "softmax" ? RunSoftmax(test_case) : RunOneRow(test_case);
              }});

}  // namespace
}  // namespace leat::reference
