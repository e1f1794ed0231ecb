/// What the parts of ParseConfig share while they fill a Config in. Private to config_*.cc.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/config.h"
#include "pipeline/config_sections.h"
#include "pipeline/params_yaml.h"

namespace leat::config {

enum class SlotKind { kNumber, kCategory, kId };

struct Build {
  Config& config;
  Problems& problems;
  Environment& environment;
  /// Every name that models, detectors and sinks may use, by name, with what it holds.
  std::map<std::string, SlotKind> slots;
  /// Set when the features compile.
  std::unique_ptr<FeatureGraph> graph;

  void Problem(const YamlNode& at, std::string where, std::string message) {
    problems.Add(at, std::move(where), std::move(message));
  }
  YamlParams Map(const YamlNode& node, std::string where) {
    return YamlParams(node, std::move(where), problems, environment);
  }
  std::vector<std::string> SlotNames() const;
};

/// What the label makes the task; nothing without a label.
std::optional<EvaluationTask> TaskOf(const Config& config);

/// Reads one of `names`; nothing (with a problem) for other values, nothing without one when
/// absent.
std::optional<int> ReadChoice(YamlParams& p, std::string_view name,
                              std::span<const std::string_view> names);
/// The nodes of a list of names, or of the one name that stands for it; for places in messages.
std::vector<const YamlNode*> NameNodes(const YamlNode* node);

bool IsUnsupervised(const ModelConfig& model);
/// The names of the models that predict.
std::vector<std::string> PredictingModels(const Config& config);

/// A name of a field or feature that holds a number; an empty one is passed over.
void CheckNumber(Build& b, YamlParams& p, std::string_view key, const YamlNode& at,
                 const std::string& name);
void CheckNumber(Build& b, YamlParams& p, std::string_view key, const std::string& name);
/// A name of a field that holds text; an empty one is passed over.
void CheckText(Build& b, YamlParams& p, std::string_view key, const YamlNode& at,
               const std::string& name);
void CheckText(Build& b, YamlParams& p, std::string_view key, const std::string& name);
/// A name of a model that predicts.
void CheckModel(Build& b, YamlParams& p, std::string_view key, const YamlNode& at,
                const std::string& name);
/// That a section is a map of names to something; that a name of it is one.
bool CheckNamed(Build& b, const YamlNode& node, std::string_view section);
void CheckName(Build& b, const YamlNode& item, std::string_view section);

void ReadKafka(Build& b, const YamlNode& node);
/// The map `kafka` of the source, of the label or of a sink.
void ReadTopicSource(Build& b, const YamlNode& node);
std::string ReadTopic(Build& b, const YamlNode& node, const std::string& where);
/// What topics need of the rest, once all of it is read.
void CheckTopics(Build& b, const YamlNode& root);
void ReadSource(Build& b, const YamlNode& node);
void ReadRecord(Build& b, const YamlNode& node);
void ReadLabel(Build& b, const YamlNode& node);
void ReadFeatures(Build& b, const YamlNode* features, const YamlNode* limits);
void ReadModels(Build& b, const YamlNode& node);
/// Resolves how the inputs of one model enter it, from the defaults of its type, of the model, and
/// of each input.
void ReadInputs(Build& b, YamlParams& p, ModelConfig& model);
void ReadDrift(Build& b, const YamlNode& node);
void ReadEvaluation(Build& b, const YamlNode& node);
void ReadExperiments(Build& b, const YamlNode& node);
void ReadBandits(Build& b, const YamlNode& node);
void ReadSinks(Build& b, const YamlNode& node);
/// That no sink is an input, also without a section `sinks`.
void CheckSinks(Build& b, const YamlNode& root);
void ReadState(Build& b, const YamlNode& node);

/// The text whose digest is the fingerprint.
std::string CanonicalText(const Config& config);

}  // namespace leat::config
