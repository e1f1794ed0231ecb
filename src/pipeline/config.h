/// The configuration of a pipeline: one YAML file, checked as a whole.
///
/// ParseConfig reports every problem at once, each with file, line, column, what was found, what
/// was expected and the nearest valid name. The reference page docs/configuration.md is written
/// from the same descriptions (ConfigReference).
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "drift/registry.h"
#include "evaluation/evaluation.h"
#include "features/features.h"
#include "leat/status.h"
#include "models/active/label_requests.h"
#include "models/registry.h"
#include "record/reader.h"
#include "record/record.h"

namespace leat {

enum class StartAt { kCommitted, kEarliest, kLatest, kTime };

/// Topics as a source.
struct TopicSource {
  std::vector<std::string> topics;
  std::vector<std::string> partitions;  ///< Numbers; empty: all.
  StartAt start = StartAt::kCommitted;  ///< Where a new state begins.
  EventTime start_time;                 ///< kTime.
};

/// In place of an instance's number: the processes agree among themselves who takes which share.
inline constexpr int64_t kAnyInstance = 0;

/// How Kafka is reached and used; the same for source, labels and sinks.
struct KafkaConfig {
  std::string brokers;
  std::string group;  ///< Whose offsets say what is committed; the pipeline's name unless said.
  int64_t instance = 1, instances = 1;  ///< Which process of how many this is.
  int64_t shards = 1;                   ///< In each process.
  bool read_committed = true;
  bool gaps = false;  ///< Offsets may be missing: topics written in transactions.
  bool create_topics = false;
  bool headers = true;
  int64_t queue = int64_t{64} << 20;  ///< Bytes fetched ahead, each shard.
  Micros transaction_timeout = 15 * kSecond;
  Micros linger = 0;
  Micros idle = kSecond;  ///< Without a message for so long, time goes on by itself; 0: never.
  Micros keep_offsets = kHour;     ///< Offsets are committed at least so often.
  int64_t epoch_records = 50'000;  ///< Of one commit, at most.
  Micros patience = 0;             ///< How long a broker that is gone is waited for; 0: for ever.
  std::vector<std::pair<std::string, std::string>> properties;  ///< Any setting of librdkafka.
};

struct SourceConfig {
  std::string file;               ///< A path; `-` is standard input.
  std::vector<std::string> also;  ///< Further logs, merged by event time.
  TopicSource kafka;              ///< Instead of a file.
  RecordFormat format = RecordFormat::kCsv;
  bool format_said = false;  ///< Otherwise a log's name says, where it does.
  char delimiter = ',';
  int64_t max_record_bytes = 1 << 20;
};

enum class LatePolicy { kScore, kReject };

struct TimePolicy {
  Micros allowed_lateness = 0;           ///< Watermark = highest event time - this.
  LatePolicy late = LatePolicy::kScore;  ///< What happens to records behind the watermark.
  Micros duplicate_window = 0;           ///< Ids seen within this event time are rejected; 0: off.
};

enum class ExpiredAs { kDrop, kClass };

struct LabelConfig {
  std::string field;  ///< Column of the record, or of `file`.
  LabelType type = LabelType::kBoolean;
  std::string positive;         ///< Category labels: the class that is positive, if binary.
  Micros available_after = 0;   ///< After the event (label in the record).
  Micros expires_after = 0;     ///< 0: never.
  Micros remember = 30 * kDay;  ///< Ids of settled predictions; at least `expires_after`.
  ExpiredAs expired_as = ExpiredAs::kDrop;
  std::string expired_class;  ///< kClass: the label that expiry stands for.
  std::string file;           ///< A separate log of labels, joined by id; empty: none.
  std::string topic;          ///< The same as a topic.
  std::string id;             ///< Its id column (default: the record's).
  std::string time;           ///< Its time column: when the label becomes known.
  TimeFormat time_format;
  /// Labels come apart from the records.
  bool separate() const { return !file.empty() || !topic.empty(); }
};

struct ModelConfig {
  std::string name;
  std::string type;
  std::shared_ptr<ModelFactory> factory;  ///< Holds the options.
  std::vector<InputFeatureSpec> inputs;   ///< Resolved: defaults of the model, then per feature.
  int64_t warm_up = 100;                  ///< Labels before the model's own prediction is used.
  std::string distances_of;  ///< A clustering model whose distances are further inputs.
  AskOptions ask;            ///< Of classifiers: which labels they learn from.
};

enum class DriftAction { kAlert, kReset, kSwap };

struct DriftConfig {
  std::string detector;
  std::shared_ptr<DetectorFactory> factory;
  std::string on = "error";  ///< error, loss, or a feature name.
  std::string model;         ///< Which model's error; default the first.
  DriftAction then = DriftAction::kAlert;
};

struct ExperimentConfig;  ///< config_experiments.h
struct BanditConfig;      ///< config_bandits.h

struct SinkConfig {
  std::string predictions = "predictions.csv";  ///< .csv or .jsonl; `-` is stdout; empty: none.
  std::string events = "events.jsonl";
  std::string metrics = "metrics.jsonl";
  std::string rejects = "rejects.jsonl";
  /// Of predictions, events, metrics and rejects: topics to send them to instead of files.
  std::array<std::string, 4> topics;
  std::vector<std::string> prediction_features;  ///< Feature values to write beside the score.
};

struct Config {
  std::string path;  ///< Of the YAML file.
  std::string name;
  KafkaConfig kafka;
  SourceConfig source;
  bool exactly_once = true;            ///< Towards topics.
  Micros commit_every = kSecond / 10;  ///< An epoch of live input, in wall time.
  int64_t tidy_every = 65'536;  ///< Records between two passes that drop what matters no more.
  Schema schema;                ///< Includes the label column when it is in the record.
  TimePolicy time;
  bool has_label = false;
  LabelConfig label;
  FeatureOptions feature_options;
  std::vector<FeatureSpec> features;
  std::vector<ModelConfig> models;  ///< The first serves.
  std::vector<DriftConfig> drift;
  EvaluationOptions evaluation;
  std::shared_ptr<const std::vector<ExperimentConfig>> experiments;  ///< Null: none.
  std::shared_ptr<const std::vector<BanditConfig>> bandits;          ///< Null: none.
  SinkConfig sinks;
  std::string state_path;
  Micros snapshot_every = 10 * kSecond;     ///< Of wall time.
  int64_t state_memory = int64_t{1} << 30;  ///< Bound of the state in memory, in bytes.
  std::string text;                         ///< The YAML file as it was read.
  std::string shape;                        ///< What of it shapes the state, in canonical text,
  std::string fingerprint;                  ///< and a hash of that.
  /// Environment variables that the file refers to as ${NAME}: name, value. DescribeConfig shows
  /// the name in place of the value.
  std::vector<std::pair<std::string, std::string>> environment;
};

struct ConfigProblem {
  int line = 0;  ///< 1-based; 0 when unknown.
  int column = 0;
  std::string where;  ///< A dotted path such as models.linear.learning_rate.
  std::string message;
};

/// What an environment variable that is not set stands for.
enum class UnsetVariable {
  kProblem,
  kItsReference,  ///< The text `${NAME}` itself: for a look at a pipeline that will not run.
};

/// Parses and checks; on failure the status message holds one line per problem
/// (`file:line:column: where: message`), all of them also in `problems`.
Result<Config> ParseConfig(std::string_view yaml, const std::string& path,
                           std::vector<ConfigProblem>* problems = nullptr,
                           UnsetVariable unset = UnsetVariable::kProblem);
Result<Config> LoadConfig(const std::string& path);

/// `2 of 3` or `2/3`: an index from 1, and a count.
namespace config {
std::optional<std::pair<int64_t, int64_t>> ParseInstance(std::string_view text);
}  // namespace config

/// How labels of a separate file are read: records of their own, an id, a time and the label.
Schema LabelSchema(const Config& config);

/// What Config::shape begins with, and what of it says how many logs are merged: how far a state
/// has taken each of them follows from that. Empty for one.
inline constexpr std::string_view kShapeHead = "leat-config-1\n";
std::string LogsText(const SourceConfig& source);

/// The resolved pipeline for `leat check`, as YAML-like text.
std::string DescribeConfig(const Config& config);
/// One line for how a slot enters a model, and a line for each parameter of a model: the same
/// settings give the same text.
std::string DescribeInput(const InputFeatureSpec& input);
std::string DescribeParameters(const ModelConfig& model);
/// docs/configuration.md.
std::string ConfigReference();

}  // namespace leat
