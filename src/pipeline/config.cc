#include "pipeline/config.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <memory>

#include "base/hash.h"
#include "pipeline/config_build.h"

namespace leat {
namespace config {

std::vector<std::string> Build::SlotNames() const {
  std::vector<std::string> names;
  for (const auto& [name, kind] : slots) names.push_back(name);
  return names;
}

std::optional<EvaluationTask> TaskOf(const Config& config) {
  if (!config.has_label) return std::nullopt;
  switch (config.label.type) {
    case LabelType::kBoolean:
      return EvaluationTask::kBinary;
    case LabelType::kNumber:
      return EvaluationTask::kRegression;
    case LabelType::kCategory:
      break;
  }
  return config.label.positive.empty() ? EvaluationTask::kMulticlass : EvaluationTask::kBinary;
}

std::optional<int> ReadChoice(YamlParams& p, std::string_view name,
                              std::span<const std::string_view> names) {
  int index = -1;
  p.Choice(name, index, names, "");
  return index < 0 ? std::nullopt : std::optional<int>(index);
}

std::vector<const YamlNode*> NameNodes(const YamlNode* node) {
  std::vector<const YamlNode*> out;
  if (node == nullptr) return out;
  if (node->IsScalar()) out.push_back(node);
  if (node->IsList()) {
    for (const YamlNode& item : node->items) {
      if (item.IsScalar()) out.push_back(&item);
    }
  }
  return out;
}

namespace {

std::string Stem(const std::string& path) {
  const size_t slash = path.rfind('/');
  std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  return name.substr(0, name.rfind('.'));
}

void CheckName(Build& b, YamlParams& p) {
  const std::string& name = b.config.name;
  const bool good = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  });
  if (p.Has("name") && (!good || name.empty() || name.size() > 128 || name[0] == '.')) {
    p.Problem(*p.Get("name"), "name",
              "found " + Quote(name) + ", expected letters, digits, -, _ and .");
  }
}

void ReadAll(Build& b, const YamlNode& root) {
  Config& config = b.config;
  YamlParams p = b.Map(root, "");
  if (!root.IsMap()) return;
  TopLevel top;
  DescribeTop(p, top);
  p.Finish();
  config.exactly_once = top.delivery == 0;
  config.commit_every = top.commit_every;
  config.name = top.name.empty() ? Stem(config.path) : top.name;
  CheckName(b, p);
  const auto section = [&](std::string_view name, auto&& read, std::string_view missing) {
    if (const YamlNode* node = p.Get(name)) {
      read(b, *node);
    } else if (!missing.empty()) {
      b.Problem(root, std::string(name), "missing; expected " + std::string(missing));
    }
  };
  section("kafka", ReadKafka, "");
  if (config.kafka.group.empty()) config.kafka.group = config.name;
  section("source", ReadSource, "where records come from, such as {file: log.csv}");
  section("record", ReadRecord, "how a record is read: {id, time, fields}");
  section("label", ReadLabel, "");
  ReadFeatures(b, p.Get("features"), p.Get("limits"));
  section("models", ReadModels,
          p.Has("experiments") || p.Has("bandits") ? "" : "at least one model");
  section("drift", ReadDrift, "");
  section("evaluation", ReadEvaluation, "");
  section("experiments", ReadExperiments, "");
  section("bandits", ReadBandits, "");
  config.state_path = "state/" + config.name;
  section("sinks", ReadSinks, "");
  CheckSinks(b, root);
  section("state", ReadState, "");
  CheckTopics(b, root);
}

}  // namespace
}  // namespace config

Result<Config> ParseConfig(std::string_view yaml, const std::string& path,
                           std::vector<ConfigProblem>* problems, UnsetVariable unset) {
  Config config;
  config.path = path;
  config::Problems found;
  config::YamlNode root;
  config::Environment environment;
  environment.unset = unset;
  if (config::ParseYaml(yaml, root, found)) {
    config::Build build{config, found, environment, {}, nullptr};
    config::ReadAll(build, root);
  }
  if (found.empty()) {
    config.environment.assign(environment.values.begin(), environment.values.end());
    config.text = yaml;
    config.shape = config::CanonicalText(config);
    config.fingerprint = DigestHex(config.shape);
    if (problems != nullptr) problems->clear();
    return config;
  }
  const std::vector<ConfigProblem> sorted = found.Sorted();
  std::string message;
  for (const ConfigProblem& problem : sorted) {
    if (!message.empty()) message += '\n';
    message += path;
    if (problem.line > 0) {
      message += ":" + std::to_string(problem.line) + ":" + std::to_string(problem.column);
    }
    message += ": " + (problem.where.empty() ? "" : problem.where + ": ") + problem.message;
  }
  if (problems != nullptr) *problems = sorted;
  return Status::Invalid(std::move(message));
}

Schema LabelSchema(const Config& config) {
  Schema schema;
  schema.id_column = config.label.id.empty() ? config.schema.id_column : config.label.id;
  schema.time_column = config.label.time;
  schema.time = config.label.time_format;
  schema.label_column = config.label.field;
  schema.label_type = config.label.type;
  return schema;
}

Result<Config> LoadConfig(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) {
    return Status::Invalid(path + ": no such configuration file");
  }
  if (S_ISDIR(info.st_mode)) return Status::Invalid(path + ": is a folder, expected a YAML file");
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"),
                                                             &std::fclose);
  if (file == nullptr) return Status::Io(path + ": cannot be opened for reading");
  // One byte more than allowed is enough to see that there are too many.
  std::string text(config::kMaxYamlBytes + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  if (std::ferror(file.get()) != 0) return Status::Io(path + ": cannot be read");
  return ParseConfig(text, path);
}

}  // namespace leat
