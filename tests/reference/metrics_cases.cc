// The cases of metrics.json: single metrics, windows, fading and MOA's evaluators, all through
// MakeEvaluator.
//
// Not compared, because they are not what ours computes: River's rolling PR AUC (trapezoids; ours
// is the step sum), River's ROC AUC over ten thresholds, and MOA's Kappa-M (its majority class has
// already counted the present label; see section 2 of the reference notes).
#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "evaluation/evaluation.h"
#include "evaluation/metrics.h"
#include "reference/reference.h"

namespace leat::reference {
namespace {

namespace json = boost::json;

/// Collects comparisons: the first that fails decides, the largest difference is told.
class Comparison {
 public:
  void Check(const std::string& what, double ours, double expected, double tolerance) {
    ++count_;
    if (!Close(ours, expected, tolerance) && failure_.empty()) {
      failure_ = what + ": " + std::to_string(ours) + " instead of " + std::to_string(expected);
    }
    worst_ = std::max(worst_, std::abs(ours - expected) / std::max(1.0, std::abs(expected)));
  }
  Outcome Result() const {
    if (!failure_.empty()) return Fail(failure_);
    if (count_ == 0) return Fail("nothing was compared");
    char text[80];
    std::snprintf(text, sizeof text, "%d values, largest difference %.2g", count_, worst_);
    return Pass(text);
  }

 private:
  int count_ = 0;
  double worst_ = 0;
  std::string failure_;
};

double Named(const MetricValues& values, std::string_view name) {
  for (const auto& [n, v] : values) {
    if (n == name) return v;
  }
  throw std::runtime_error("no metric is called " + std::string(name));
}

const json::object& Stream(const std::string& name) {
  return Family("metrics.json").at("streams").at(name).as_object();
}

/// A labelled stream as the evaluator takes it.
struct Items {
  EvaluationTask task = EvaluationTask::kBinary;
  std::vector<std::vector<double>> predictions;
  std::vector<double> targets;
};

Items Load(const std::string& name) {
  const json::object& stream = Stream(name);
  Items items;
  for (const json::value& y : stream.at("y").as_array()) items.targets.push_back(Number(y));
  if (name == "multi") {
    items.task = EvaluationTask::kMulticlass;
    for (const json::value& row : stream.at("proba").as_array()) {
      std::vector<double>& p = items.predictions.emplace_back();
      for (const json::value& v : row.as_array()) p.push_back(Number(v));
    }
  } else if (name == "regression") {
    items.task = EvaluationTask::kRegression;
    for (const json::value& v : stream.at("pred").as_array())
      items.predictions.push_back({Number(v)});
  } else {
    for (const json::value& v : stream.at("score").as_array()) {
      items.predictions.push_back({1 - Number(v), Number(v)});
    }
  }
  return items;
}

std::unique_ptr<PrequentialEvaluator> Run(
    const Items& items, size_t first, const EvaluationOptions& options,
    const std::function<void(size_t, const PrequentialEvaluator&)>& after = {}) {
  auto evaluator = MakeEvaluator(items.task, options);
  for (size_t i = 0; i < first; ++i) {
    evaluator->Add({EventTime{0}, items.predictions[i], items.targets[i]});
    if (after) after(i, *evaluator);
  }
  return evaluator;
}

size_t First(const json::object& test_case) { return test_case.at("first").to_number<size_t>(); }

EvaluationOptions Wide() {
  EvaluationOptions options;
  options.window = 3000;  // Holds every stream, so that the window's exact ranking covers it all.
  return options;
}

/// A metric of all labels: where the cumulative view approximates (order), from the full window.
double OfAll(const PrequentialEvaluator& evaluator, std::string_view name) {
  const bool ranking = name == "roc_auc" || name == "average_precision";
  return Named(evaluator.Values(ranking ? View::kWindow : View::kCumulative), name);
}

double Ece(const Items& items, size_t first, int bins) {
  CalibrationBins calibration(bins);
  for (size_t i = 0; i < first; ++i) {
    calibration.Add(items.predictions[i][1], items.targets[i] > 0, 1);
  }
  return calibration.ExpectedError();
}

Outcome RunBinary(const json::object& test_case) {
  static const std::map<std::string_view, std::string_view> kNames = {
      {"nochange_accuracy", "no_change_accuracy"},
      {"gmean", "g_mean"},
      {"log_loss_clip_1e15", "log_loss"}};
  const Items items = Load(std::string(test_case.at("input").as_string()));
  EvaluationOptions options = Wide();
  options.beta = 0.5;
  options.threshold = Number(test_case.at("threshold"));
  const auto evaluator = Run(items, First(test_case), options);
  const auto confusion = evaluator->Confusion();
  Comparison comparison;
  for (const auto& [key, value] : test_case.at("expect").as_object()) {
    const std::string name(key);
    double ours = 0;
    if (name == "tp") {
      ours = confusion[1][1];
    } else if (name == "fp") {
      ours = confusion[0][1];
    } else if (name == "fn") {
      ours = confusion[1][0];
    } else if (name == "tn") {
      ours = confusion[0][0];
    } else if (name == "fbeta_05") {
      ours = OfAll(*evaluator, "f_beta");
    } else if (name == "ece_10" || name == "ece_15") {
      ours = Ece(items, First(test_case), name == "ece_10" ? 10 : 15);
      if (name == "ece_15") {
        comparison.Check("ece", OfAll(*evaluator, "ece"), Number(value), 1e-12);
      }
    } else {
      const auto renamed = kNames.find(name);
      ours = OfAll(*evaluator, renamed == kNames.end() ? std::string_view(name) : renamed->second);
    }
    comparison.Check(name, ours, Number(value), 1e-12);
  }
  // The buckets of the cumulative view cost at most this on streams whose scores have six digits.
  Comparison buckets;
  for (const char* name : {"roc_auc", "average_precision"}) {
    buckets.Check(std::string(name) + " over buckets",
                  Named(evaluator->Values(View::kCumulative), name),
                  Named(evaluator->Values(View::kWindow), name), 1e-3);
  }
  if (buckets.Result().verdict != Verdict::kPass) return buckets.Result();
  return comparison.Result();
}

Outcome RunRolling(const json::object& test_case) {
  const Items items = Load(std::string(test_case.at("input").as_string()));
  EvaluationOptions options;
  options.window = test_case.at("window").to_number<int64_t>();
  Comparison comparison;
  for (const double fading : {0.99, 0.999}) {
    options.fading = fading;
    size_t next = 0;
    const json::array& expect = test_case.at("expect").as_array();
    Run(items, items.targets.size(), options, [&](size_t i, const PrequentialEvaluator& evaluator) {
      if (next == expect.size() || expect[next].at("i").to_number<size_t>() != i) return;
      const json::object& row = expect[next++].as_object();
      const MetricValues window = evaluator.Values(View::kWindow);
      for (const char* key : {"river_rolling_roc_auc", "exact_window_roc_auc"}) {
        comparison.Check(key, Named(window, "roc_auc"), Number(row.at(key)), 1e-9);
      }
      comparison.Check("window_accuracy", Named(window, "accuracy"),
                       Number(row.at("window_accuracy")), 1e-9);
      comparison.Check(
          "fading_accuracy", Named(evaluator.Values(View::kFading), "accuracy"),
          Number(row.at(fading == 0.99 ? "fading_accuracy_099" : "fading_accuracy_0999")), 1e-9);
    });
    if (next != expect.size()) return Fail("a checkpoint was not reached");
  }
  return comparison.Result();
}

Outcome RunMulti(const json::object& test_case) {
  static const std::map<std::string_view, std::string_view> kNames = {
      {"nochange_accuracy", "no_change_accuracy"},
      {"cross_entropy_clip_1e15", "log_loss"},
      {"brier_multi", "brier"}};
  const auto evaluator = Run(Load("multi"), First(test_case), Wide());
  Comparison comparison;
  for (const auto& [key, value] : test_case.at("expect").as_object()) {
    if (key == "confusion") {
      const auto ours = evaluator->Confusion();
      const json::array& rows = value.as_array();
      if (ours.size() != rows.size()) return Fail("confusion: another number of classes");
      for (size_t t = 0; t < rows.size(); ++t) {
        for (size_t p = 0; p < rows.size(); ++p) {
          comparison.Check("confusion", ours[t][p], Number(rows[t].at(p)), 0);
        }
      }
      continue;
    }
    const auto renamed = kNames.find(std::string_view(key));
    const std::string name(renamed == kNames.end() ? std::string_view(key) : renamed->second);
    comparison.Check(name, OfAll(*evaluator, name), Number(value), 1e-12);
  }
  return comparison.Result();
}

Outcome RunRegression(const json::object& test_case) {
  const auto evaluator = Run(Load("regression"), First(test_case), Wide());
  Comparison comparison;
  for (const View view : {View::kCumulative, View::kWindow}) {
    const MetricValues ours = evaluator->Values(view);
    for (const auto& [key, value] : test_case.at("expect").as_object()) {
      comparison.Check(std::string(key), Named(ours, key), Number(value), 1e-12);
    }
  }
  return comparison.Result();
}

Outcome RunEdge(const json::object& test_case) {
  const bool regression = test_case.contains("y_reg");
  const json::array& y = test_case.at(regression ? "y_reg" : "y").as_array();
  const json::array& p = test_case.at(regression ? "pred" : "score").as_array();
  Items items;
  items.task = regression ? EvaluationTask::kRegression : EvaluationTask::kBinary;
  for (size_t i = 0; i < y.size(); ++i) {
    items.targets.push_back(Number(y[i]));
    const double v = Number(p[i]);
    items.predictions.push_back(regression ? std::vector<double>{v}
                                           : std::vector<double>{1 - v, v});
  }
  const auto evaluator = Run(items, y.size(), Wide());
  Comparison comparison;
  for (const auto& [key, value] : test_case.at("expect").as_object()) {
    const std::string name = key == "log_loss_clip_1e15" ? "log_loss" : std::string(key);
    double expected = 0;  // What "0 by convention" and "0 when 1-pe is 0" say.
    if (!value.is_string()) {
      expected = Number(value);
    } else if (value.as_string().starts_with("undefined")) {
      expected = std::nan("");
    } else if (!value.as_string().starts_with("0")) {
      return Fail("cannot read the expectation of " + name);
    }
    comparison.Check(name, OfAll(*evaluator, name), expected, 1e-12);
  }
  return comparison.Result();
}

Outcome RunMoa(const json::object& test_case) {
  const std::string_view evaluator_class = test_case.at("cls").as_string();
  EvaluationOptions options;
  View view = View::kCumulative;
  if (evaluator_class.find("Window") != std::string_view::npos) {
    view = View::kWindow;
    options.window = test_case.at("params").at("width").to_number<int64_t>();
  } else if (evaluator_class.find("Fading") != std::string_view::npos) {
    view = View::kFading;
    options.fading = Number(test_case.at("params").at("alpha"));
  }
  const Items items = Load(std::string(test_case.at("input").as_string()));
  const json::array& expect = test_case.at("expect").as_array();
  size_t next = 0;
  Comparison comparison;
  Run(items, items.targets.size(), options, [&](size_t i, const PrequentialEvaluator& evaluator) {
    if (next == expect.size() || expect[next].at(0).to_number<size_t>() != i) return;
    const json::object& row = expect[next++].at(1).as_object();
    const MetricValues ours = evaluator.Values(view);
    const auto percent = [&](const char* key, const char* name) {
      comparison.Check(key, 100 * Named(ours, name), Number(row.at(key)), 1e-9);
    };
    comparison.Check("classified instances", static_cast<double>(evaluator.count()),
                     Number(row.at("classified instances")), 0);
    percent("classifications correct (percent)", "accuracy");
    percent("Kappa Statistic (percent)", "kappa");
    percent("Kappa Temporal Statistic (percent)", "kappa_t");
  });
  if (next != expect.size()) return Fail("a checkpoint was not reached");
  return comparison.Result();
}

bool RegisterPrefix(std::string_view prefix, Outcome (*run)(const json::object&)) {
  return Register({"metrics.json",
                   [prefix](const json::object& test_case) {
                     return std::string_view(test_case.at("id").as_string()).starts_with(prefix);
                   },
                   run});
}

// The first that accepts decides: the narrow ones come before "binary".
const bool kRegistered =
    RegisterPrefix("binary/rolling", RunRolling) &&
    RegisterPrefix(
        "binary/river_binned_roc_auc",
        [](const json::object&) {
          return Skip("informative: River's area over ten thresholds; ours has 2^16 buckets");
        }) &&
    RegisterPrefix("binary", RunBinary) && RegisterPrefix("multi/", RunMulti) &&
    RegisterPrefix("regression/", RunRegression) && RegisterPrefix("edge/", RunEdge) &&
    RegisterPrefix("moa/", RunMoa);

}  // namespace
}  // namespace leat::reference
