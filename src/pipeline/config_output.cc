// The sections evaluation, sinks and state.
#include <algorithm>
#include <array>
#include <filesystem>
#include <map>

#include "pipeline/config_build.h"

namespace leat::config {
namespace {

std::string_view TaskName(EvaluationTask task) {
  switch (task) {
    case EvaluationTask::kBinary:
      return "a label that is true or false";
    case EvaluationTask::kMulticlass:
      return "a label of several classes";
    case EvaluationTask::kRegression:
      return "a number label";
  }
  return "";
}

/// The metrics that an evaluator of this task gives.
std::vector<std::string> MetricsOf(EvaluationTask task) {
  EvaluationOptions options;
  options.window = 16;
  std::vector<std::string> names;
  for (const auto& [name, value] : MakeEvaluator(task, options)->Values(View::kCumulative)) {
    names.push_back(name);
  }
  return names;
}

struct Sink {
  std::string_view name;
  std::string* file;
  std::string* topic;
};

std::array<Sink, 4> Sinks(SinkConfig& sinks) {
  return {{{"predictions", &sinks.predictions, &sinks.topics[0]},
           {"events", &sinks.events, &sinks.topics[1]},
           {"metrics", &sinks.metrics, &sinks.topics[2]},
           {"rejects", &sinks.rejects, &sinks.topics[3]}}};
}

void ReadSink(Build& b, const YamlNode& node, std::string_view name, std::string& file,
              std::string& topic) {
  const std::string where = "sinks." + std::string(name);
  if (node.IsScalar()) {
    file = node.scalar == "none"
               ? std::string()
               : ExpandEnvironment(node.scalar, node, where, b.problems, b.environment);
    return;
  }
  if (!node.IsMap()) {
    return b.Problem(
        node, where,
        "found " + Found(node) + ", expected a map {file} or {kafka: {topic}}, a path, or none");
  }
  YamlParams p = b.Map(node, where);
  if (name == "predictions") {
    DescribePredictions(p, b.config.sinks);
    for (const YamlNode* feature : NameNodes(p.Get("features"))) {
      if (b.slots.count(feature->scalar) == 0) {
        p.Problem(*feature, "features",
                  "unknown feature " + Quote(feature->scalar) +
                      Suggestion(feature->scalar, b.SlotNames()));
      }
    }
  } else {
    DescribeSink(p, file);
  }
  if (const YamlNode* kafka = p.Get("kafka")) {
    topic = ReadTopic(b, *kafka, where + ".kafka");
    if (p.Has("file")) p.Refuse("file", "a sink is a file or a topic, not both");
    file.clear();
    return p.Finish();
  }
  p.Finish();
  if (file.empty()) p.Refuse("file", "found nothing, expected a path (or `none` for no sink)");
}

}  // namespace

void ReadEvaluation(Build& b, const YamlNode& node) {
  EvaluationOptions& options = b.config.evaluation;
  YamlParams p = b.Map(node, "evaluation");
  Describe(p, options);
  p.Finish();
  const auto task = TaskOf(b.config);
  if (!task) {
    return b.problems.AddKey(node, "evaluation", "needs labels, but there is no `label` section");
  }
  const std::vector<std::string> known = Strings(MetricNames());
  const std::vector<std::string> of_task = MetricsOf(*task);
  std::vector<std::string> seen;
  for (const YamlNode* metric : NameNodes(p.Get("metrics"))) {
    const std::string& name = metric->scalar;
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      p.Problem(*metric, "metrics", "unknown metric " + Quote(name) + Suggestion(name, of_task));
    } else if (std::find(of_task.begin(), of_task.end(), name) == of_task.end()) {
      p.Problem(*metric, "metrics",
                Quote(name) + " is not defined for " + std::string(TaskName(*task)) +
                    "; expected one of " + Join(of_task, ", "));
    } else if (std::find(seen.begin(), seen.end(), name) != seen.end()) {
      p.Problem(*metric, "metrics", Quote(name) + " is given twice");
    }
    seen.push_back(name);
  }
  for (const std::string_view name : {"threshold", "beta", "top", "period"}) {
    if (*task == EvaluationTask::kRegression && p.Has(name)) {
      p.Refuse(name, "applies to class labels only, and this label is a number");
    }
  }
}

void ReadSinks(Build& b, const YamlNode& node) {
  SinkConfig& sinks = b.config.sinks;
  YamlParams p = b.Map(node, "sinks");
  DescribeSinks(p, sinks);
  p.Finish();
  std::map<std::string, std::string_view> taken;
  for (const Sink& sink : Sinks(sinks)) {
    const YamlNode* at = p.Get(sink.name);
    if (at != nullptr) ReadSink(b, *at, sink.name, *sink.file, *sink.topic);
    if (sink.file->empty() || b.environment.unset == UnsetVariable::kItsReference) continue;
    const YamlNode& place = at != nullptr ? *at : node;
    const std::string where = p.Path(sink.name);
    const auto [first, is_new] = taken.emplace(*sink.file, sink.name);
    if (!is_new) {
      b.Problem(place, where, "writes to the same file as " + std::string(first->second));
    }
    const bool lines = sink.file->ends_with(".jsonl") || *sink.file == "-";
    const bool cells = sink.name == "predictions" && sink.file->ends_with(".csv");
    if (!lines && !cells) {
      // As it is written: what ${NAME} stands for may be a secret.
      const YamlNode* file = place.IsMap() ? place.Find("file") : &place;
      b.Problem(place, where,
                "found " + (file != nullptr ? Found(*file) : std::string("another name")) +
                    ", expected a name that ends in " +
                    (sink.name == "predictions" ? ".csv or .jsonl" : ".jsonl"));
    }
  }
}

/// Of what is named here; FileSinks knows what is opened.
void CheckSinks(Build& b, const YamlNode& root) {
  if (b.environment.unset == UnsetVariable::kItsReference) return;
  const auto normal = [](const std::string& path) {
    return std::filesystem::path(path).lexically_normal();
  };
  std::vector<std::string> inputs = b.config.source.also;
  inputs.push_back(b.config.source.file);
  inputs.push_back(b.config.label.file);
  const YamlNode* const section = root.Find("sinks");
  for (const Sink& sink : Sinks(b.config.sinks)) {
    if (sink.file->empty() || *sink.file == "-") continue;
    if (std::none_of(inputs.begin(), inputs.end(), [&](const std::string& input) {
          return normal(input) == normal(*sink.file);
        })) {
      continue;
    }
    const YamlNode* const own = section == nullptr ? nullptr : section->Find(sink.name);
    b.Problem(own != nullptr       ? *own
              : section != nullptr ? *section
                                   : root,
              "sinks." + std::string(sink.name),
              own != nullptr ? "would overwrite an input"
                             : "its file would overwrite an input; name another one, or `none`");
  }
}

void ReadState(Build& b, const YamlNode& node) {
  if (node.IsScalar()) {
    b.config.state_path = ExpandEnvironment(node.scalar, node, "state", b.problems, b.environment);
    return;
  }
  YamlParams p = b.Map(node, "state");
  DescribeState(p, b.config);
  p.Finish();
}

}  // namespace leat::config
