// The sections models and drift.
#include <algorithm>
#include <map>

#include "base/quiet_params.h"
#include "models/composition/class_weights.h"
#include "pipeline/config_build.h"
#include "pipeline/targets.h"

namespace leat::config {

bool IsUnsupervised(const ModelConfig& model) {
  return model.factory != nullptr && NeedsNoLabel(model.factory->task());
}

namespace {

std::string UnknownType(const std::string& what, const std::string& type,
                        std::span<const std::string_view> types) {
  const std::vector<std::string> names = Strings(types);
  return "unknown " + what + " " + Quote(type) + Suggestion(type, names);
}

void CheckTask(Build& b, YamlParams& p, const ModelConfig& model) {
  const auto task = TaskOf(b.config);
  if (model.ask.ask != Ask::kNone && model.factory->task() != Task::kClassification) {
    p.Refuse("ask", "only a classifier says how sure it is; a " + model.type + " is none");
  }
  if (IsUnsupervised(model)) return;
  if (!task) {
    return p.Refuse(
        "type", "a " + model.type + " learns from labels, but there is no `label` " + "section");
  }
  const bool regression = *task == EvaluationTask::kRegression;
  if ((model.factory->task() == Task::kRegression) != regression) {
    p.Refuse("type", "a " + model.type + " cannot learn this label (" +
                         (regression ? "a number" : "classes") + ")");
  }
}

/// Turns names of classes into their indices, which is what models know; where the classes are
/// known before the first label.
class ClassNames final : public QuietParams {
 public:
  explicit ClassNames(std::vector<std::string> classes) : classes_(std::move(classes)) {}
  void NumberMap(std::string_view name, std::map<std::string, double>& values, Range,
                 std::string_view) override {
    if (name != kClassWeightsName) return;
    std::map<std::string, double> by_index;
    for (const auto& [text, weight] : values) {
      const auto at = std::find(classes_.begin(), classes_.end(), text);
      by_index[at == classes_.end() ? text : std::to_string(at - classes_.begin())] = weight;
    }
    values = std::move(by_index);
  }

 private:
  std::vector<std::string> classes_;
};

/// Builds the inputs and the model once, for what only they can tell.
void TryModel(Build& b, const YamlNode& node, const ModelConfig& model) {
  if (b.graph == nullptr) return;
  const std::string where = "models." + model.name;
  auto inputs = InputBuilder::Create(*b.graph, model.inputs);
  if (!inputs.ok()) {
    return b.problems.AddKey(node, where, std::string(inputs.status().message()));
  }
  if (!model.distances_of.empty()) return;  // Its layout is known when its clusters are.
  const auto made = model.factory->Make((*inputs)->spec());
  if (!made.ok()) b.problems.AddKey(node, where, std::string(made.status().message()));
}

void ReadModel(Build& b, const YamlNode& node) {
  ModelConfig model;
  model.name = node.key;
  const std::string where = "models." + node.key;
  const size_t before = b.problems.size();
  if (!IsIdentifier(node.key)) {
    b.problems.AddKey(node, where,
                      "found " + Quote(node.key) + ", expected a name of letters, digits and _");
  }
  YamlParams p = b.Map(node, where);
  DescribeModel(p, model);
  if (model.type.empty() || (model.factory = NewModelFactory(model.type)) == nullptr) {
    if (!node.IsMap()) return;
    if (!p.Has("type")) {
      b.problems.AddKey(node, where,
                        "expected `type`, one of " + Join(Strings(ModelTypes()), ", "));
    } else {
      p.Problem(*p.Get("type"), "type", UnknownType("model type", model.type, ModelTypes()));
    }
    b.config.models.push_back(std::move(model));  // So that its name stays known.
    return;
  }
  ReadInputs(b, p, model);
  model.factory->Describe(p);
  p.Finish();
  if (b.config.has_label) {
    ClassNames names(Targets(b.config.label).classes());
    model.factory->Describe(names);
  }
  CheckTask(b, p, model);
  if (b.problems.size() == before) TryModel(b, node, model);
  b.config.models.push_back(std::move(model));
}

void CheckDistances(Build& b, const YamlNode& node) {
  std::vector<std::string> clusters;
  for (const ModelConfig& model : b.config.models) {
    if (IsUnsupervised(model)) clusters.push_back(model.name);
  }
  for (const ModelConfig& model : b.config.models) {
    if (model.distances_of.empty()) continue;
    const YamlNode* at = node.Find(model.name)->Find("distances_of");
    const std::string where = "models." + model.name + ".distances_of";
    if (IsUnsupervised(model)) {
      b.problems.AddKey(*at, where, "applies to models that learn from labels");
    } else if (std::find(clusters.begin(), clusters.end(), model.distances_of) == clusters.end()) {
      b.Problem(*at, where,
                "no clustering model or anomaly detector is called " + Quote(model.distances_of) +
                    Suggestion(model.distances_of, clusters));
    }
  }
}

}  // namespace

std::vector<std::string> PredictingModels(const Config& config) {
  std::vector<std::string> names;
  for (const ModelConfig& model : config.models) {
    if (!IsUnsupervised(model)) names.push_back(model.name);
  }
  return names;
}

namespace {

void CheckDriftModel(Build& b, YamlParams& p, DriftConfig& drift) {
  const std::vector<std::string> names = PredictingModels(b.config);
  if (drift.model.empty()) {
    if (!names.empty()) drift.model = names.front();
  } else if (std::find(names.begin(), names.end(), drift.model) == names.end()) {
    p.Problem(*p.Get("model"), "model",
              "no model that learns from labels is called " + Quote(drift.model) +
                  Suggestion(drift.model, names));
  }
}

/// The detectors whose statistics are those of bits, and those that hold for numbers from 0 to 1.
constexpr std::string_view kOfBits[] = {"ddm", "eddm", "ewma_chart", "rddm", "stepd"};
constexpr std::string_view kOfShares[] = {"fhddm", "hddm_a", "hddm_w"};

bool IsOneOf(std::span<const std::string_view> names, std::string_view detector) {
  return std::find(names.begin(), names.end(), detector) != names.end();
}

void CheckDriftOn(Build& b, YamlParams& p, const DriftConfig& drift) {
  const YamlNode* on = p.Get("on");
  const YamlNode& at = on != nullptr ? *on : p.node();
  const bool of_model = drift.on == "error" || drift.on == "loss";
  if (of_model && !b.config.has_label) {
    return p.Problem(at, "on", drift.on + " needs labels, but there is no `label` section");
  }
  if (!of_model) {
    const auto slot = b.slots.find(drift.on);
    if (slot == b.slots.end()) {
      std::vector<std::string> names = b.SlotNames();
      names.insert(names.begin(), {"error", "loss"});
      return p.Problem(at, "on",
                       "unknown feature " + Quote(drift.on) + Suggestion(drift.on, names));
    }
    if (slot->second != SlotKind::kNumber) {
      return p.Problem(at, "on",
                       Quote(drift.on) + " is " +
                           (slot->second == SlotKind::kId ? "an id" : "a category") +
                           ", expected error, loss or a number");
    }
  }
  const bool bits = drift.on == "error" && TaskOf(b.config) != EvaluationTask::kRegression;
  if (IsOneOf(kOfBits, drift.detector) && !bits) {
    p.Problem(at, "on",
              drift.detector +
                  " takes errors of 0 or 1, which only `on: error` of a class label gives; for " +
                  Quote(drift.on) + " use adwin");
  }
  // A feature may be a share: that is for those who name it to know.
  if (IsOneOf(kOfShares, drift.detector) && of_model && !bits) {
    p.Problem(at, "on",
              drift.detector + " takes numbers from 0 to 1, which " + Quote(drift.on) +
                  " need not be; use adwin, or `on: error` of a class label");
  }
}

}  // namespace

void ReadModels(Build& b, const YamlNode& node) {
  if (!node.IsMap() || node.items.empty()) {
    return b.Problem(node, "models",
                     "found " + (node.IsMap() ? "an empty map" : Found(node)) +
                         ", expected a map of names to models");
  }
  for (const YamlNode& item : node.items) ReadModel(b, item);
  CheckDistances(b, node);
  const bool all_unsupervised =
      std::all_of(b.config.models.begin(), b.config.models.end(), IsUnsupervised);
  if (b.config.has_label && all_unsupervised && !b.config.models.empty()) {
    b.problems.AddKey(node, "models",
                      "there is a label, but no model learns from it; expected one beside "
                      "clustering and anomaly detection");
  }
}

void ReadDrift(Build& b, const YamlNode& node) {
  if (!node.IsList()) {
    return b.Problem(node, "drift",
                     "found " + Found(node) + ", expected a list of maps {detector, on, then}");
  }
  for (size_t i = 0; i < node.items.size(); ++i) {
    const YamlNode& item = node.items[i];
    DriftConfig drift;
    const size_t before = b.problems.size();
    YamlParams p = b.Map(item, "drift[" + std::to_string(i) + "]");
    DescribeDrift(p, drift);
    if (!item.IsMap()) continue;
    drift.factory = drift.detector.empty() ? nullptr : NewDetectorFactory(drift.detector);
    if (!p.Has("detector")) {
      p.Refuse("", "expected `detector`, one of " + Join(Strings(DetectorTypes()), ", "));
    } else if (drift.factory == nullptr) {
      p.Problem(*p.Get("detector"), "detector",
                UnknownType("detector", drift.detector, DetectorTypes()));
    } else {
      drift.factory->Describe(p);
      p.Finish();
    }
    CheckDriftModel(b, p, drift);
    CheckDriftOn(b, p, drift);
    if (drift.then != DriftAction::kAlert && drift.model.empty()) {
      p.Refuse("then", "found no model that could be " +
                           std::string(drift.then == DriftAction::kReset ? "reset" : "swapped"));
    }
    if (b.problems.size() == before && drift.factory != nullptr) {
      const auto made = drift.factory->Make();
      if (!made.ok()) b.Problem(item, p.where(), std::string(made.status().message()));
    }
    b.config.drift.push_back(std::move(drift));
  }
}

}  // namespace leat::config
