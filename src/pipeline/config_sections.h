/// Every section of the configuration, described once: the reader, the reference page and the
/// resolved text (`leat check`) all visit these functions.
///
/// A setting that is not one plain value is named by Shape and read by hand (config_*.cc).
#pragma once

#include <span>
#include <string>
#include <vector>

#include "pipeline/config.h"
#include "pipeline/params_yaml.h"

namespace leat::config {

/// What the file says of the top level besides the sections.
struct TopLevel {
  std::string name;
  int delivery = 0;
  Micros commit_every = kSecond / 10;
};
void DescribeTop(SectionParams& p, TopLevel& top);
void DescribeKafka(SectionParams& p, KafkaConfig& kafka);
/// `start` is the text of the setting.
void DescribeTopicSource(SectionParams& p, TopicSource& source, std::string& start);
void DescribeTopic(SectionParams& p, std::string& topic);

void DescribeSource(SectionParams& p, SourceConfig& source);
void DescribeRecord(SectionParams& p, Schema& schema, TimePolicy& time);
void DescribeTime(SectionParams& p, std::string& field, TimeFormat& time);
void DescribeField(SectionParams& p, FieldSpec& field);
/// `expired_as` is the text of the setting: `drop` or a class.
void DescribeLabel(SectionParams& p, LabelConfig& label, std::string& expired_as);

/// The names of aggregates in the order of enum Aggregate.
std::span<const std::string_view> AggregateNames();
/// Names of the field types in the order of enum FieldType, and of labels in that of LabelType.
std::span<const std::string_view> FieldTypeNames();
std::span<const std::string_view> LabelTypeNames();
std::span<const std::string_view> EncodeNames();
std::span<const std::string_view> ScaleNames();
std::span<const std::string_view> ImputeNames();
/// The window of a keyed feature (its aggregate is a Shape each).
void DescribeWindow(SectionParams& p, FeatureSpec& feature);
void DescribeLimits(SectionParams& p, FeatureOptions& options);

/// What a model has besides the options of its type and the defaults of its inputs.
void DescribeModel(SectionParams& p, ModelConfig& model);
/// How an input enters a model; for a whole model (`one_feature` false) or for one feature.
void DescribeInput(SectionParams& p, InputFeatureSpec& input, bool one_feature);

void DescribeDrift(SectionParams& p, DriftConfig& drift);
void DescribeSinks(SectionParams& p, SinkConfig& sinks);
void DescribePredictions(SectionParams& p, SinkConfig& sinks);
void DescribeSink(SectionParams& p, std::string& file);
void DescribeState(SectionParams& p, Config& config);

}  // namespace leat::config
