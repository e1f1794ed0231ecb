#include "pipeline/config_sections.h"

#include <array>
#include <cmath>

namespace leat::config {
namespace {

constexpr std::array<std::string_view, 2> kDeliveries{"exactly_once", "at_least_once"};
constexpr std::array<std::string_view, 2> kLatePolicies{"score", "reject"};
constexpr std::array<std::string_view, 6> kFieldTypes{"number",   "integer", "boolean",
                                                      "category", "id",      "time"};
constexpr std::array<std::string_view, 3> kLabelTypes{"boolean", "category", "number"};
constexpr std::array<std::string_view, 10> kAggregates{"count", "sum",  "mean",     "std",   "min",
                                                       "max",   "last", "distinct", "since", "run"};
constexpr std::array<std::string_view, 6> kEncodes{"number", "one_hot",   "bins",
                                                   "hash",   "frequency", "target"};
constexpr std::array<std::string_view, 4> kScales{"none", "standard", "minmax", "robust"};
constexpr std::array<std::string_view, 6> kImputes{"none",   "zero",     "mean",
                                                   "median", "constant", "last"};
constexpr std::array<std::string_view, 3> kActions{"alert", "reset", "swap"};

constexpr double kTenThousandYears = 3'652'425.0 * static_cast<double>(kDay);
constexpr Range kAnyDuration{0, kTenThousandYears, false, false};

}  // namespace

std::span<const std::string_view> AggregateNames() { return kAggregates; }
std::span<const std::string_view> FieldTypeNames() { return kFieldTypes; }
std::span<const std::string_view> LabelTypeNames() { return kLabelTypes; }
std::span<const std::string_view> EncodeNames() { return kEncodes; }
std::span<const std::string_view> ScaleNames() { return kScales; }
std::span<const std::string_view> ImputeNames() { return kImputes; }

void DescribeTop(SectionParams& p, TopLevel& top) {
  p.Text("name", top.name,
         "What the pipeline is called in reports and events; the file's name unless said.");
  p.Shape("kafka", "map", "none", "How Kafka is reached and used, where topics are named.");
  p.Shape("source", "map, or a path", "required", "Where records come from.");
  p.Shape("record", "map", "required", "How a record is read.");
  p.Shape("label", "map", "none", "What is to be predicted, and when it is known.");
  p.Shape("features", "map of names to expressions or windows", "none",
          "What models see; without it they see the fields.");
  p.Shape("limits", "map", "none", "Bounds on the memory of features.");
  p.Shape("models", "map of names to models", "required",
          "The first (clustering aside) serves; the others are evaluated beside it.");
  p.Shape("drift", "list of detectors", "none", "What watches for change.");
  p.Shape("evaluation", "map", "none", "What is measured, and how often.");
  p.Shape("experiments", "map of names to experiments", "none",
          "A/B tests over the stream; with them, `models` may be left out.");
  p.Shape("bandits", "map of names to bandits", "none",
          "Choosing among actions, and learning from rewards; `models` may be left out.");
  p.Shape("sinks", "map", "none", "Where outputs go.");
  p.Shape("state", "map, or a path", "none", "Where the pipeline keeps what it knows.");
  p.Choice("delivery", top.delivery, kDeliveries,
           "The guarantee towards Kafka; files are exactly-once either way.");
  p.Duration("commit_every", top.commit_every, Range{kMillisecond, kMinute, false, false},
             "Live input: wall time between two commits. Exactly once, outputs become visible with "
             "them.");
}

void DescribeKafka(SectionParams& p, KafkaConfig& kafka) {
  p.Text("brokers", kafka.brokers, "`host:port`, several with commas. Required.");
  p.Text("group", kafka.group,
         "Consumer group whose offsets say what is committed; the pipeline's name unless said. No "
         "other program may commit to it.");
  p.Shape("instance", "`I of N`, or `any of N`", "`1 of 1`",
          "Which of N processes this is: each takes its share of the partitions. With `any`, as "
          "many processes as there are divide the N shares among themselves, as a consumer group. "
          "`leat run --instance` overrides it.");
  p.Integer("shards", kafka.shards, {1, 64},
            "Threads of one process, each with its own partitions, models and state.");
  p.Boolean("read_committed", kafka.read_committed,
            "Records of transactions that were aborted are not read.");
  p.Boolean("gaps", kafka.gaps,
            "Offsets of an input may be missing, as in topics written in transactions; without it "
            "a gap stops the run.");
  p.Boolean("create_topics", kafka.create_topics,
            "Sinks' topics that are missing are created, with the input's number of partitions.");
  p.Boolean("headers", kafka.headers,
            "Predictions carry `leat-event-id`, `leat-model-version` and the record's "
            "`traceparent`.");
  p.Bytes("queue", kafka.queue, Range{1 << 20, 1e10, false, false},
          "What each shard fetches ahead.");
  p.Duration("transaction_timeout", kafka.transaction_timeout,
             Range{kSecond, 15 * kMinute, false, false},
             "After a crash without a restart, readers of committed records wait so long.");
  p.Duration("linger", kafka.linger, Range{0, kMinute, false, false},
             "How long a message waits for others to be sent with.");
  p.Duration(
      "idle", kafka.idle, kAnyDuration,
      "Without a message for so long, and as long as the brokers say that there is none, event "
      "time goes on as the clock does, so that labels are not waited for forever; 0 is never.");
  p.Duration("keep_offsets", kafka.keep_offsets, Range{kSecond, 365.0 * kDay, false, false},
             "Offsets are committed at least so often, even if nothing comes: brokers forget those "
             "of a group without members (`offsets.retention.minutes`, 7 days).");
  p.Integer("epoch_records", kafka.epoch_records, {1, 1e7},
            "Records of one commit, at most (see `commit_every`).");
  p.Duration("patience", kafka.patience, kAnyDuration,
             "How long a cluster that is gone is waited for; 0 is for ever.");
  p.Shape("properties", "map of names to texts", "none",
          "Any setting of librdkafka, such as `security.protocol`, `sasl.password: ${PASSWORD}`, "
          "`compression.type` or `partitioner`.");
}

void DescribeTopicSource(SectionParams& p, TopicSource& source, std::string& start) {
  p.TextList("topic", source.topics, "One topic, or a list. Required.");
  p.TextList("partitions", source.partitions, "Numbers of partitions; all of them unless said.");
  p.Text("start", start,
         "Where a new state begins: `committed` (where the group stands, or else the earliest), "
         "`earliest`, `latest`, or a time.");
}

void DescribeTopic(SectionParams& p, std::string& topic) {
  p.Text("topic", topic, "The topic. Required.");
}

void DescribeSource(SectionParams& p, SourceConfig& source) {
  p.Text("file", source.file,
         "Path of the input; `-` is standard input. `.zst` and `.gz` are decompressed.");
  if (p.Wants(!source.also.empty())) {
    p.TextList("also", source.also,
               "Paths of further logs, merged with it by event time: such as outcomes that another "
               "system writes. Fields that they have not got are missing. Needs `record.id`.");
  }
  p.Shape("kafka", "map `{topic, partitions, start}`", "none",
          "Topics instead of a file; each message is a JSON object.");
  p.Shape("format", "one of `csv`, `jsonl`",
          "by the name: `.jsonl`, `.ndjson` and `.json` are "
          "`jsonl`, all else `csv`",
          "How records are written; if it is said here, in logs of any name (`--input`, too).");
  p.Shape("delimiter", "one character", "`,`", "Between CSV cells; `\\t` is a tab.");
  p.Bytes("max_record_bytes", source.max_record_bytes, {64, 1 << 30},
          "Longer records are rejected as `too_large`.");
}

void DescribeRecord(SectionParams& p, Schema& schema, TimePolicy& time) {
  p.Text("id", schema.id_column,
         "Column that identifies a record; without it the record's number does.");
  p.Shape("time", "column, or map `{field, format, zone}`", "the record's number, in seconds",
          "Event time.");
  p.Shape("fields", "map of names to a type or a map", "required", "What is read from a record.");
  p.Duration("allowed_lateness", time.allowed_lateness, kAnyDuration,
             "The watermark is the highest event time seen less this.");
  p.Enumeration("late", time.late, kLatePolicies, "What happens to records behind the watermark.");
  p.Duration("duplicate_window", time.duplicate_window, kAnyDuration,
             "Ids seen within this event time are rejected as duplicates; 0 is off.");
}

void DescribeTime(SectionParams& p, std::string& field, TimeFormat& time) {
  p.Text("field", field, "The column.");
  p.Text("format", time.format,
         "`epoch_s`, `epoch_ms`, or a pattern such as `%d/%m/%Y %H:%M`; without it ISO 8601.");
  p.Text("zone", time.zone, "IANA name or `+HH:MM`, for text without an offset.");
}

void DescribeField(SectionParams& p, FieldSpec& field) {
  p.Enumeration("type", field.type, kFieldTypes, "What the column holds.");
  p.Text("from", field.from, "The column, if it is not called like the field.");
  p.Boolean("required", field.required,
            "A record without it is rejected; otherwise the value is missing.");
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  double min = field.min.value_or(-kInfinity), max = field.max.value_or(kInfinity);
  p.Number("min", min, {}, "Smaller values are rejected (number and integer only).");
  p.Number("max", max, {}, "Larger values are rejected (number and integer only).");
  if (std::isfinite(min)) field.min = min;
  if (std::isfinite(max)) field.max = max;
  p.TextList("allowed", field.allowed, "Other values are rejected (category only).");
  p.Text("format", field.time.format, "As of event time (time only).");
  p.Text("zone", field.time.zone, "As of event time (time only).");
}

void DescribeLabel(SectionParams& p, LabelConfig& label, std::string& expired_as) {
  p.Text("field", label.field, "Column of the record, or of `file`. Required.");
  p.Enumeration("type", label.type, kLabelTypes, "What is predicted.");
  p.Text("positive", label.positive,
         "The class that is positive (category only): makes the task a binary one.");
  p.Duration("available_after", label.available_after, kAnyDuration,
             "How long after the event the label in the record becomes known.");
  p.Duration("expires_after", label.expires_after, kAnyDuration,
             "How long a prediction waits for its label; 0 is for ever.");
  if (p.Wants(label.remember != LabelConfig().remember)) {
    p.Duration("remember", label.remember, kAnyDuration,
               "How long (at least `expires_after`) an id is known after its label came or its "
               "prediction expired, so that another label is a duplicate, a correction or late; "
               "26 bytes of memory an id. Labels of `file` or topic only.");
  }
  p.Text("expired_as", expired_as, "`drop`, or the class that an expired prediction counts as.");
  p.Text("file", label.file,
         "A log of labels of its own, joined by id; its format is by its name, or as that of "
         "records.");
  p.Shape("kafka", "map `{topic}`", "none", "The same as a topic.");
  p.Text("id", label.id, "The id column of `file` or topic; the record's unless said.");
  p.Shape("time", "column, or map `{field, format, zone}`",
          "required with `file`; the message's time with `kafka`",
          "When a label of `file` or topic became known.");
}

void DescribeWindow(SectionParams& p, FeatureSpec& feature) {
  static constexpr std::array<std::string_view, 10> kHelp{
      "Number of events. The value is the window, or `all`.",
      "Sum of an expression.",
      "Mean of an expression.",
      "Sample standard deviation of an expression.",
      "Smallest value of an expression.",
      "Largest value of an expression.",
      "Latest value of an expression.",
      "Number of different values of an id or category field, or of an expression.",
      "Seconds since the last event for which a condition was true.",
      "Events in a row for which a condition was true.",
  };
  for (size_t i = 0; i < kAggregates.size(); ++i) {
    p.Shape(kAggregates[i], i == 0 ? "duration or `all`" : "expression", "", kHelp[i]);
  }
  p.Duration("over", feature.over, {0, kTenThousandYears, true, false},
             "The window (t - over, t] of event time; without it everything so far.");
  p.TextList("by", feature.by, "Key: id or category fields; without it one for all events.");
  p.Text("where", feature.where, "Only events for which this is true enter.");
  p.Boolean("before", feature.before, "The window as it was before the current event entered it.");
}

void DescribeLimits(SectionParams& p, FeatureOptions& options) {
  p.Integer("max_keys", options.max_keys, {1, 1e9},
            "Keys of one `by`; beyond it those with the oldest last events are dropped.");
  p.Integer("max_events_per_window", options.max_events_per_window, {16, 1e7},
            "Events a window keeps exactly; older ones are merged.");
  p.Integer("max_categories", options.max_categories, {2, 1e7},
            "Codes of one category field; further values share one.");
}

void DescribeModel(SectionParams& p, ModelConfig& model) {
  p.Text("type", model.type, "One of the types below. Required.");
  p.Integer("min_labels", model.warm_up, {0, 1e12},
            "Labels learnt before the model's own prediction is used.");
  p.Text("distances_of", model.distances_of,
         "A clustering model or an anomaly detector; the distances to its centres (to the nearest "
         "cluster, where their number changes), or its score, are further inputs.");
  Describe(p, model.ask);
}

void DescribeInput(SectionParams& p, InputFeatureSpec& input, bool one_feature) {
  if (one_feature) {
    p.Enumeration("encode", input.encode, kEncodes,
                  "`number` as it is (categories by code), `one_hot` (up to `max_values`), `bins` "
                  "(equal frequency, finer at the top), `hash`, `frequency` or `target` (the mean "
                  "label of the value).");
    p.Enumeration("impute", input.impute, kImputes,
                  "What stands for a missing number; `last` is the last value of `impute_key`.");
  } else {
    p.Shape("features", "list of names", "all features, or all fields that are no id and no time",
            "The inputs: features and fields.");
    p.Shape("inputs", "map of names to maps", "none",
            "How single inputs enter: the settings below, for one input.");
    p.Shape("encode",
            "one of, or a list of, `number`, `one_hot`, `bins`, `hash`, `frequency`, "
            "`target`",
            "by type",
            "For numbers (`number`, `bins`), categories (all but `bins`) and ids (`hash`, "
            "`frequency`, `target`): each takes the first that suits it.");
    p.Shape("impute", "one of `none`, `zero`, `mean`, `median`, `constant`, `last`", "by type",
            "What stands for missing numbers.");
  }
  if (one_feature) {
    p.Enumeration(
        "scale", input.scale, kScales,
        "Of `number`, `frequency` and `target` inputs, by statistics of earlier records.");
  } else {
    p.Shape("scale", "one of `none`, `standard`, `minmax`, `robust`", "by type",
            "Of `number`, `frequency` and `target` inputs, by statistics of earlier records.");
  }
  p.Number("impute_constant", input.impute_constant, {}, "The value of `impute: constant`.");
  p.Text("impute_key", input.impute_key, "Id or category field of `impute: last`.");
  p.Boolean("missing_indicator", input.missing_indicator,
            "A further input that is 1 where the value is missing.");
  p.Integer("max_values", input.max_values, {1, 65'536},
            "Values of `one_hot`; the rest share one input.");
  p.Integer("bins", input.bins, {2, 1'024}, "Bins of equal frequency of `bins`.");
  p.Integer("tail_bins", input.tail_bins, {0, 32},
            "Further bins inside the top bin, each holding half of what is left.");
  p.Integer("warmup", input.warmup, {10, 1'000'000},
            "Records from which the edges of bins are taken; then they stay.");
  p.Integer("hash_bits", input.hash_bits, {4, 24}, "`hash`: 2^bits signed inputs.");
  p.Number("smoothing", input.smoothing, kNotNegative,
           "`target`: weight of the overall mean, in records.");
}

void DescribeDrift(SectionParams& p, DriftConfig& drift) {
  p.Text("detector", drift.detector, "One of the detectors below. Required.");
  p.Text("on", drift.on,
         "`error` (0 or 1; the absolute error of numbers), `loss`, or the name of a feature or "
         "numeric field.");
  p.Text("model", drift.model,
         "Whose error or loss, and what `then` acts on; the serving model "
         "unless said.");
  p.Enumeration("then", drift.then, kActions,
                "`alert` writes an event; `reset` also starts the model again; `swap` trains a "
                "second one from the warning on and puts it in place.");
}

void DescribeSinks(SectionParams& p, SinkConfig& sinks) {
  const auto shape = [&](std::string_view name, const std::string& fallback,
                         std::string_view help) {
    p.Shape(name, "map `{file}` or `{kafka: {topic}}`, a path, or `none`", "`" + fallback + "`",
            help);
  };
  shape("predictions", sinks.predictions,
        "One row a prediction, `.csv` or `.jsonl`; `{file, features}` adds values of features.");
  shape("events", sinks.events,
        "Drift and what was done about it, decisions, exposures, requests, in JSON lines.");
  shape(
      "metrics", sinks.metrics,
      "A row every `evaluation.every` labels, and at each look of an experiment or bandit, in JSON "
      "lines.");
  shape("rejects", sinks.rejects, "Records not taken, each with its reason, in JSON lines.");
}

void DescribePredictions(SectionParams& p, SinkConfig& sinks) {
  p.Text("file", sinks.predictions, "Path; `-` is standard output.");
  p.TextList("features", sinks.prediction_features,
             "Fields and features written beside the score.");
  p.Shape("kafka", "map `{topic}`", "none", "A topic instead of a file.");
}

void DescribeSink(SectionParams& p, std::string& file) {
  p.Text("file", file, "Path; `-` is standard output.");
  p.Shape("kafka", "map `{topic}`", "none", "A topic instead of a file.");
}

void DescribeState(SectionParams& p, Config& config) {
  p.Text("path", config.state_path, "The state directory; `state/NAME` unless said.");
  p.Duration(
      "snapshot_every", config.snapshot_every, Range{kMillisecond, kDay, false, false},
      "Wall time between two snapshots, at most; a restart takes at most so much input again.");
  p.Bytes("memory", config.state_memory, Range{1 << 24, 1e15, false, false},
          "What the state may take in memory, about; windows beyond it stay on disk.");
}

}  // namespace leat::config
