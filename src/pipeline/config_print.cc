// DescribeConfig, and the canonical text behind the fingerprint.
#include <algorithm>

#include "base/text.h"
#include "pipeline/config_bandits.h"
#include "pipeline/config_build.h"
#include "pipeline/config_experiments.h"
#include "pipeline/params_doc.h"
#include "record/time_format.h"

namespace leat {
namespace config {
namespace {

template <typename Function>
std::string Values(std::string indent, Function&& describe) {
  ValueParams p(std::move(indent));
  describe(p);
  return p.text();
}

std::string TimeText(const std::string& column, const TimeFormat& time) {
  if (column.empty()) return "record number";
  return "{field: " + YamlText(column) +
         (time.format.empty() ? "" : ", format: " + YamlText(time.format)) +
         ", zone: " + YamlText(time.zone) + "}";
}

std::string RecordText(const Config& config) {
  Config c = config;
  std::string out = "record:\n";
  out += Values("  ", [&](SectionParams& p) { DescribeRecord(p, c.schema, c.time); });
  out += "  time: " + TimeText(c.schema.time_column, c.schema.time) + "\n  fields:\n";
  for (FieldSpec& field : c.schema.fields) {
    out += "    " + field.name + ":\n";
    out += Values("      ", [&](SectionParams& p) { DescribeField(p, field); });
  }
  return out;
}

/// `paths`: whether the label's file is part of the text.
std::string LabelText(const Config& config, bool paths) {
  if (!config.has_label) return "";
  LabelConfig label = config.label;
  std::string expired = label.expired_as == ExpiredAs::kDrop ? "drop" : label.expired_class;
  if (!paths) label.file = label.separate() ? "log" : "";
  std::string out = "label:\n";
  out += Values("  ", [&](SectionParams& p) { DescribeLabel(p, label, expired); });
  if (paths && !label.topic.empty()) {
    out += "  kafka: {topic: " + YamlText(label.topic) + "}\n";
  }
  if (!label.time.empty()) out += "  time: " + TimeText(label.time, label.time_format) + "\n";
  return out;
}

std::string FeaturesText(const Config& config) {
  FeatureOptions options = config.feature_options;
  std::string out = "limits:\n";
  out += Values("  ", [&](SectionParams& p) { DescribeLimits(p, options); });
  if (config.features.empty()) return out;
  out += "features:\n";
  for (const FeatureSpec& feature : config.features) {
    out += "  " + feature.name + ": ";
    if (!feature.aggregate) {
      out += YamlText(feature.expression) + "\n";
      continue;
    }
    const bool count = *feature.aggregate == Aggregate::kCount;
    out += "{" + std::string(AggregateNames()[static_cast<size_t>(*feature.aggregate)]) + ": ";
    if (count) {
      out += feature.over > 0 ? FormatDuration(feature.over) : "all";
    } else {
      out += YamlText(feature.expression);
      if (feature.over > 0) out += ", over: " + FormatDuration(feature.over);
    }
    if (!feature.by.empty()) out += ", by: [" + Join(feature.by, ", ") + "]";
    if (!feature.where.empty()) out += ", where: " + YamlText(feature.where);
    if (feature.before) out += ", before: true";
    out += "}\n";
  }
  return out;
}

/// One line for an input: its settings as far as they matter with its encoding.
std::string InputText(const InputFeatureSpec& input) {
  const auto name = [](std::span<const std::string_view> names, auto value) {
    return std::string(names[static_cast<size_t>(value)]);
  };
  std::string out = "{encode: " + name(EncodeNames(), input.encode);
  if (input.scale != Scale::kNone) out += ", scale: " + name(ScaleNames(), input.scale);
  if (input.impute != Impute::kNone) out += ", impute: " + name(ImputeNames(), input.impute);
  if (input.impute == Impute::kConstant) {
    out += ", impute_constant: " + FormatNumber(input.impute_constant);
  }
  if (input.impute == Impute::kLast) out += ", impute_key: " + input.impute_key;
  if (input.missing_indicator) out += ", missing_indicator: true";
  switch (input.encode) {
    case Encode::kBins:
      out += ", bins: " + std::to_string(input.bins) +
             ", tail_bins: " + std::to_string(input.tail_bins) +
             ", warmup: " + std::to_string(input.warmup);
      break;
    case Encode::kOneHot:
      out += ", max_values: " + std::to_string(input.max_values);
      break;
    case Encode::kHash:
      out += ", hash_bits: " + std::to_string(input.hash_bits);
      break;
    case Encode::kTarget:
      out += ", smoothing: " + FormatNumber(input.smoothing);
      break;
    case Encode::kNumber:
    case Encode::kFrequency:
      break;
  }
  return out + "}";
}

std::string ModelsText(const Config& config) {
  std::string out = "models:\n";
  for (ModelConfig model : config.models) {
    out += "  " + model.name + ":\n";
    out += Values("    ", [&](SectionParams& p) {
      DescribeModel(p, model);
      model.factory->Describe(p);
    });
    out += "    inputs:\n";
    for (const InputFeatureSpec& input : model.inputs) {
      out += "      " + input.name + ": " + InputText(input) + "\n";
    }
  }
  return out;
}

std::string DriftText(const Config& config) {
  std::string out = config.drift.empty() ? "" : "drift:\n";
  for (DriftConfig drift : config.drift) {
    std::string values = Values("    ", [&](SectionParams& p) {
      DescribeDrift(p, drift);
      drift.factory->Describe(p);
    });
    values[2] = '-';
    out += values;
  }
  return out;
}

std::string EvaluationText(const Config& config) {
  if (!config.has_label) return "";
  EvaluationOptions options = config.evaluation;
  return "evaluation:\n" + Values("  ", [&](SectionParams& p) { Describe(p, options); });
}

std::string TextOfExperiments(const Config& config) {
  return (config.experiments == nullptr ? "" : ExperimentsText(*config.experiments)) +
         (config.bandits == nullptr ? "" : BanditsText(*config.bandits));
}

std::string KafkaText(const Config& config) {
  if (config.kafka.brokers.empty()) return "";
  KafkaConfig kafka = config.kafka;
  std::string out = "kafka:\n" + Values("  ", [&](SectionParams& p) { DescribeKafka(p, kafka); });
  out +=
      "  instance: " + (kafka.instance == kAnyInstance ? "any" : std::to_string(kafka.instance)) +
      " of " + std::to_string(kafka.instances) + "\n";
  if (!kafka.properties.empty()) out += "  properties:\n";
  for (const auto& [name, value] : kafka.properties) {
    out += "    " + name + ": " + YamlText(value) + "\n";
  }
  out += "delivery: " + std::string(config.exactly_once ? "exactly_once" : "at_least_once") +
         "\ncommit_every: " + FormatDuration(config.commit_every) + "\n";
  return out;
}

std::string StartText(const TopicSource& source) {
  switch (source.start) {
    case StartAt::kCommitted:
      return "committed";
    case StartAt::kEarliest:
      return "earliest";
    case StartAt::kLatest:
      return "latest";
    case StartAt::kTime:
      return FormatIso(source.start_time);
  }
  return "";
}

std::string SourceText(const Config& config) {
  SourceConfig source = config.source;
  if (!source.kafka.topics.empty()) {
    std::string start = StartText(source.kafka);
    return "source:\n  kafka:\n" +
           Values("    ", [&](SectionParams& p) { DescribeTopicSource(p, source.kafka, start); });
  }
  const bool csv = source.format == RecordFormat::kCsv;
  return "source:\n" + Values("  ", [&](SectionParams& p) { DescribeSource(p, source); }) +
         "  format: " + (csv ? "csv" : "jsonl") + "\n" +
         (csv ? "  delimiter: " + YamlText(std::string(1, source.delimiter)) + "\n" : "");
}

std::string SinksText(const Config& config) {
  const SinkConfig& sinks = config.sinks;
  const auto line = [&](size_t index, std::string_view name, const std::string& file,
                        const std::string& more) {
    if (const std::string& topic = sinks.topics[index]; !topic.empty()) {
      return "  " + std::string(name) + ": {kafka: {topic: " + YamlText(topic) + "}" + more + "}\n";
    }
    return "  " + std::string(name) + ": " +
           (file.empty() ? "none" : "{file: " + YamlText(file) + more + "}") + "\n";
  };
  const std::string features = sinks.prediction_features.empty()
                                   ? ""
                                   : ", features: [" + Join(sinks.prediction_features, ", ") + "]";
  return "sinks:\n" + line(0, "predictions", sinks.predictions, features) +
         line(1, "events", sinks.events, "") + line(2, "metrics", sinks.metrics, "") +
         line(3, "rejects", sinks.rejects, "");
}

/// The text with `${NAME}` where a variable's value stands, so that no secret is shown: the value
/// as it is, or as YamlText writes it. Keys hold none.
std::string WithoutValues(const Config& config, const std::string& text) {
  std::vector<std::pair<std::string, std::string>> shown;  // And what stands in its place.
  for (const auto& [name, value] : config.environment) {
    if (value.empty()) continue;
    const std::string reference = "${" + name + "}";
    const std::string quoted = YamlText("\"" + value);  // The quote makes sure of quotes.
    shown.emplace_back(value, reference);
    shown.emplace_back(quoted.substr(3, quoted.size() - 4), reference);
  }
  // The longest first: a value may contain another.
  std::stable_sort(shown.begin(), shown.end(),
                   [](const auto& a, const auto& b) { return a.first.size() > b.first.size(); });
  std::string out;
  for (const std::string& line : LinesOf(text)) {
    const size_t colon = line.find(": ");
    size_t at = colon == std::string::npos ? 0 : colon + 2;
    out.append(line, 0, at);
    // A short value is part of many a number.
    const bool number = ParseNumber(std::string_view(line).substr(at)).has_value();
    while (at < line.size()) {
      const auto hidden = std::find_if(shown.begin(), shown.end(), [&](const auto& s) {
        return number ? line.compare(at, std::string::npos, s.first) == 0
                      : line.compare(at, s.first.size(), s.first) == 0;
      });
      if (hidden == shown.end()) {
        out += line[at++];
      } else {
        out += hidden->second;
        at += hidden->first.size();
      }
    }
    out += '\n';
  }
  return out;
}

}  // namespace

std::string CanonicalText(const Config& config) {
  // Records of aborted transactions are other input.
  const bool aborted = !config.source.kafka.topics.empty() && !config.kafka.read_committed;
  return std::string(kShapeHead) + (aborted ? "source:\n  read_committed: false\n" : "") +
         LogsText(config.source) + RecordText(config) + LabelText(config, false) +
         FeaturesText(config) + ModelsText(config) + DriftText(config) + EvaluationText(config) +
         TextOfExperiments(config);
}

}  // namespace config

std::string LogsText(const SourceConfig& source) {
  if (source.also.empty()) return "";
  return "source:\n  logs: " + std::to_string(1 + source.also.size()) + "\n";
}

std::string DescribeInput(const InputFeatureSpec& input) { return config::InputText(input); }

std::string DescribeParameters(const ModelConfig& model) {
  return config::Values("", [&](Params& p) { model.factory->Describe(p); });
}

std::string DescribeConfig(const Config& config) {
  const std::string text =
      "name: " + config::YamlText(config.name) + "\n" + config::KafkaText(config) +
      config::SourceText(config) + config::RecordText(config) + config::LabelText(config, true) +
      config::FeaturesText(config) + config::ModelsText(config) + config::DriftText(config) +
      config::EvaluationText(config) + config::TextOfExperiments(config) +
      config::SinksText(config) + "state: {path: " + config::YamlText(config.state_path) +
      ", snapshot_every: " + config::FormatDuration(config.snapshot_every) +
      ", memory: " + config::FormatSize(config.state_memory) + "}\n";
  return config::WithoutValues(config, text) + "fingerprint: " + config.fingerprint + "\n";
}

}  // namespace leat
