// The sections source, record and label.
#include <algorithm>
#include <set>

#include "pipeline/config_build.h"
#include "record/log_name.h"
#include "record/time_format.h"

namespace leat::config {
namespace {

constexpr std::string_view kFormats[] = {"csv", "jsonl"};
constexpr std::string_view kReserved[] = {"time", "label", "not", "and", "or", "true", "false"};

void CheckLogName(Build& b, const YamlNode& at, const std::string& where, const std::string& name) {
  if (CheckCompression(name).ok()) return;
  // As it is written: what ${NAME} stands for may be a secret.
  b.Problem(at, where,
            "found " + Found(at) + ", which is compressed in a way that is not read; expected " +
                "such as .csv, .csv.gz or .csv.zst");
}

/// Takes the format from a source's name, and refuses names of what cannot be read.
void ReadName(Build& b, const YamlNode& at, const std::string& where, SourceConfig& source) {
  source.format = FormatOfName(source.file).value_or(RecordFormat::kCsv);
  CheckLogName(b, at, where, source.file);
}

/// Refuses formats and zones that are none, at the setting that is wrong.
void CheckTime(Build& b, YamlParams& p, const TimeFormat& time) {
  TimeFormat plain;
  plain.format = time.format;
  const auto refuse = [&](std::string_view name, const Status& status) {
    const YamlNode* at = p.Get(name);
    b.Problem(at != nullptr ? *at : p.node(), p.Path(name), std::string(status.message()));
  };
  const auto format = TimeParser::Compile(plain);
  if (!format.ok()) return refuse("format", format.status());
  const auto both = TimeParser::Compile(time);
  if (!both.ok()) refuse("zone", both.status());
}

/// `time: column` or `time: {field, format, zone}`.
void ReadTime(Build& b, const YamlNode& node, const std::string& where, std::string& column,
              TimeFormat& time) {
  if (node.IsScalar()) {
    column = node.scalar;
    return;
  }
  if (!node.IsMap()) {
    b.Problem(node, where,
              "found " + Found(node) + ", expected a column or a map {field, format, zone}");
    return;
  }
  YamlParams p = b.Map(node, where);
  DescribeTime(p, column, time);
  p.Finish();
  if (column.empty()) b.Problem(node, where, "expected `field`, the column that holds the time");
  CheckTime(b, p, time);
}

void CheckFieldName(Build& b, const YamlNode& node, const std::string& where) {
  if (!IsIdentifier(node.key)) {
    b.problems.AddKey(node, where,
                      "found " + Quote(node.key) +
                          ", expected a name of letters, digits and _ (use `from` for the column)");
  }
  if (std::find(std::begin(kReserved), std::end(kReserved), node.key) != std::end(kReserved)) {
    b.problems.AddKey(node, where,
                      Quote(node.key) + " is a reserved name; choose another and give " +
                          "the column with `from`");
  }
}

FieldSpec ReadField(Build& b, const YamlNode& node) {
  FieldSpec field;
  field.name = node.key;
  const std::string where = "record.fields." + node.key;
  CheckFieldName(b, node, where);
  if (!node.IsMap()) {
    const std::vector<std::string> types = Strings(FieldTypeNames());
    const auto type =
        node.IsScalar() ? std::find(types.begin(), types.end(), node.scalar) : types.end();
    if (type != types.end()) {
      field.type = static_cast<FieldType>(type - types.begin());
      return field;
    }
    std::string message = "found " + Found(node) + ", expected a type (" + Join(types, ", ") +
                          ") or a map {type, ...}";
    if (const auto near = NearestName(node.scalar, types)) {
      message += "; did you mean '" + *near + "'?";
    }
    b.Problem(node, where, std::move(message));
    return field;
  }
  YamlParams p = b.Map(node, where);
  DescribeField(p, field);
  p.Finish();
  if (!p.Has("type")) b.problems.AddKey(node, where, "expected `type`, what the column holds");
  const bool numeric = field.type == FieldType::kNumber || field.type == FieldType::kInteger;
  const auto only = [&](std::string_view name, bool allowed, std::string_view types) {
    if (p.Has(name) && !allowed) {
      p.Refuse(name, "applies to " + std::string(types) + " only, and this field is " +
                         Quote(FieldTypeNames()[static_cast<size_t>(field.type)]));
    }
  };
  only("min", numeric, "number and integer");
  only("max", numeric, "number and integer");
  only("allowed", field.type == FieldType::kCategory, "category");
  only("format", field.type == FieldType::kTime, "time");
  only("zone", field.type == FieldType::kTime, "time");
  if (field.min && field.max && *field.min > *field.max) {
    p.Refuse("min", "found " + FormatNumber(*field.min) + ", expected at most max, which is " +
                        FormatNumber(*field.max));
  }
  if (field.type == FieldType::kTime) CheckTime(b, p, field.time);
  return field;
}

}  // namespace

void ReadSource(Build& b, const YamlNode& node) {
  SourceConfig& source = b.config.source;
  if (node.IsScalar()) {
    source.file = ExpandEnvironment(node.scalar, node, "source", b.problems, b.environment);
    return ReadName(b, node, "source", source);
  }
  YamlParams p = b.Map(node, "source");
  DescribeSource(p, source);
  const YamlNode* const file = p.Get("file");
  ReadName(b, file != nullptr ? *file : node, p.Path("file"), source);
  const std::vector<const YamlNode*> also = NameNodes(p.Get("also"));
  for (size_t i = 0; i < also.size() && i < source.also.size(); ++i) {
    CheckLogName(b, *also[i], p.Path("also"), source.also[i]);
  }
  if (const auto format = ReadChoice(p, "format", kFormats)) {
    source.format = static_cast<RecordFormat>(*format);
    source.format_said = true;
  }
  if (const YamlNode* delimiter = p.Get("delimiter")) {
    const std::string text = delimiter->scalar == "\\t" ? "\t" : delimiter->scalar;
    if (!delimiter->IsScalar() || text.size() != 1 || text[0] == '"' || text[0] == '\n' ||
        text[0] == '\r') {
      p.Problem(*delimiter, "delimiter",
                "found " + Found(*delimiter) + ", expected one character other than a quote");
    } else if (source.format == RecordFormat::kJsonLines) {
      p.Refuse("delimiter", "applies to csv only, and this source is jsonl");
    } else {
      source.delimiter = text[0];
    }
  }
  if (const YamlNode* kafka = p.Get("kafka")) {
    ReadTopicSource(b, *kafka);
    for (const std::string_view name : {"file", "also", "format", "delimiter"}) {
      if (p.Has(name)) p.Refuse(name, "applies to a log only, and this source is topics");
    }
    source.format = RecordFormat::kJsonLines;
  }
  p.Finish();
  if (node.IsMap() && source.file.empty() && !p.Has("kafka") && !p.Has("file")) {
    b.Problem(node, "source", "expected `file`, the path of the input");
  } else if (p.Has("file") && source.file.empty()) {
    p.Refuse("file", "found nothing, expected the path of the input");
  }
}

void ReadRecord(Build& b, const YamlNode& node) {
  Schema& schema = b.config.schema;
  YamlParams p = b.Map(node, "record");
  DescribeRecord(p, schema, b.config.time);
  p.Finish();
  if (const YamlNode* time = p.Get("time")) {
    ReadTime(b, *time, "record.time", schema.time_column, schema.time);
  }
  const YamlNode* fields = p.Get("fields");
  if (fields == nullptr) {
    if (node.IsMap()) b.Problem(node, "record", "expected `fields`, what is read from a record");
  } else if (!fields->IsMap() || fields->items.empty()) {
    b.Problem(*fields, "record.fields",
              "found " + (fields->IsMap() ? "an empty map" : Found(*fields)) +
                  ", expected a map of names to types");
  } else {
    for (const YamlNode& item : fields->items) {
      const FieldSpec field = ReadField(b, item);
      const SlotKind kind = field.type == FieldType::kId         ? SlotKind::kId
                            : field.type == FieldType::kCategory ? SlotKind::kCategory
                                                                 : SlotKind::kNumber;
      b.slots.emplace(field.name, kind);
      schema.fields.push_back(field);
    }
  }
  b.slots.emplace("time", SlotKind::kNumber);
  if (!b.config.source.also.empty() && schema.id_column.empty()) {
    p.Refuse("", "expected `id`: the records of several logs have no numbers to be told apart by");
  }
  if (b.config.time.duplicate_window > 0 && schema.id_column.empty()) {
    p.Refuse("duplicate_window", "needs `record.id`: without it no two records have the same id");
  }
  if (p.Has("late") && b.config.time.late == LatePolicy::kReject && schema.time_column.empty()) {
    p.Refuse("late", "needs `record.time`: without it no record can be late");
  }
}

void ReadLabel(Build& b, const YamlNode& node) {
  LabelConfig& label = b.config.label;
  Schema& schema = b.config.schema;
  b.config.has_label = true;
  std::string expired_as = "drop";
  YamlParams p = b.Map(node, "label");
  DescribeLabel(p, label, expired_as);
  p.Finish();
  if (!node.IsMap()) return;
  if (const YamlNode* time = p.Get("time")) {
    ReadTime(b, *time, "label.time", label.time, label.time_format);
  }
  if (label.field.empty()) {
    b.problems.AddKey(node, "label", "expected `field`, the column that holds the label");
  }
  if (p.Has("positive") && label.type != LabelType::kCategory) {
    p.Refuse("positive", "applies to category labels only, and this label is " +
                             Quote(LabelTypeNames()[static_cast<size_t>(label.type)]));
  }
  if (p.Has("expired_as") && label.expires_after == 0) {
    p.Refuse("expired_as", "needs `expires_after`: no prediction expires without it");
  }
  if (expired_as != "drop") {
    label.expired_as = ExpiredAs::kClass;
    label.expired_class = expired_as;
    if (label.type == LabelType::kNumber) {
      p.Refuse("expired_as",
               "found " + Quote(expired_as) + ", expected drop: a number label has no classes");
    } else if (label.type == LabelType::kBoolean && expired_as != "true" && expired_as != "false") {
      p.Refuse("expired_as",
               "found " + Quote(expired_as) + ", expected drop, true or false for a boolean label");
    }
  }
  if (label.expires_after > 0 && label.expires_after <= label.available_after) {
    p.Refuse("expires_after",
             "found " + FormatDuration(label.expires_after) + ", expected more than the " +
                 FormatDuration(label.available_after) +
                 " of `available_after`: every prediction " + "would expire before its label");
  }
  if (const YamlNode* file = p.Get("file")) CheckLogName(b, *file, p.Path("file"), label.file);
  if (const YamlNode* kafka = p.Get("kafka")) {
    label.topic = ReadTopic(b, *kafka, "label.kafka");
    if (p.Has("file")) p.Refuse("file", "labels come from a log or from a topic, not from both");
  }
  if (!label.separate()) {
    schema.label_column = label.field;
    schema.label_type = label.type;
    for (const std::string_view name : {"id", "time"}) {
      if (p.Has(name))
        p.Refuse(name, "applies to labels of their own only (`label.file` or `label.kafka`)");
    }
    for (const FieldSpec& field : schema.fields) {
      if (!label.field.empty() && (field.from.empty() ? field.name : field.from) == label.field) {
        p.Refuse("field", "the label " + Quote(label.field) + " is also the field " +
                              Quote(field.name) + ": models would see the answer");
      }
    }
    return;
  }
  schema.label_type = label.type;
  if (schema.id_column.empty()) {
    p.Refuse(label.file.empty() ? "kafka" : "file", "needs `record.id`: labels are joined by it");
  }
  if (label.id.empty()) label.id = schema.id_column;
  if (label.time.empty() && !p.Has("time") && label.topic.empty()) {
    b.problems.AddKey(node, "label", "expected `time`, when a label of the log became known");
  }
  if (p.Has("available_after")) {
    p.Refuse("available_after",
             "applies to labels in the record only: a label log says when each became known");
  }
}

}  // namespace leat::config
