// The section kafka, and the topics that other sections name.
#include <algorithm>
#include <charconv>

#include "pipeline/config_build.h"
#include "record/time_format.h"

namespace leat::config {
namespace {

constexpr size_t kLongestTopic = 249;

bool IsTopic(std::string_view name) {
  return !name.empty() && name.size() <= kLongestTopic && name != "." && name != ".." &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '.' || c == '_' || c == '-';
         });
}

/// A name is checked unless it stands for a variable that is not looked at.
void CheckTopicName(Build& b, const YamlNode& at, const std::string& where,
                    const std::string& name) {
  if (IsTopic(name) || b.environment.unset == UnsetVariable::kItsReference) return;
  b.Problem(at, where,
            "found " + Found(at) +
                ", expected the name of a topic: up to 249 letters, digits, '.', '_' and '-'");
}

bool IsPartition(const std::string& text) {
  int32_t number = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() && number >= 0;
}

}  // namespace

std::optional<std::pair<int64_t, int64_t>> ParseInstance(std::string_view text) {
  size_t at = text.find(" of ");
  size_t width = 4;
  if (at == std::string_view::npos) {
    at = text.find('/');
    width = 1;
  }
  if (at == std::string_view::npos) return std::nullopt;
  const auto number = [](std::string_view part) -> int64_t {
    int64_t value = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
    return error == std::errc() && end == part.data() + part.size() ? value : 0;
  };
  const bool any = text.substr(0, at) == "any";
  const int64_t count = number(text.substr(at + width));
  const int64_t index = any ? kAnyInstance : number(text.substr(0, at));
  if ((index < 1 && !any) || count < 1 || count < index || count > 10'000) return std::nullopt;
  return std::pair(index, count);
}

void ReadKafka(Build& b, const YamlNode& node) {
  KafkaConfig& kafka = b.config.kafka;
  YamlParams p = b.Map(node, "kafka");
  DescribeKafka(p, kafka);
  p.Finish();
  if (!node.IsMap()) return;
  if (kafka.brokers.empty()) {
    b.Problem(node, "kafka", "expected `brokers`, such as localhost:9092");
  }
  if (const YamlNode* instance = p.Get("instance")) {
    const auto parsed = instance->IsScalar() ? ParseInstance(instance->scalar) : std::nullopt;
    if (parsed) {
      std::tie(kafka.instance, kafka.instances) = *parsed;
    } else {
      p.Problem(*instance, "instance",
                "found " + Found(*instance) + ", expected such as 1 of 3, or any of 3");
    }
  }
  if (const YamlNode* properties = p.Get("properties")) {
    if (!properties->IsMap()) {
      return p.Problem(*properties, "properties",
                       "found " + Found(*properties) + ", expected a map of settings to texts");
    }
    for (const YamlNode& item : properties->items) {
      const std::string where = "kafka.properties." + item.key;
      if (!item.IsScalar()) {
        b.Problem(item, where, "found " + Found(item) + ", expected text");
        continue;
      }
      kafka.properties.emplace_back(
          item.key, ExpandEnvironment(item.scalar, item, where, b.problems, b.environment));
    }
  }
}

void ReadTopicSource(Build& b, const YamlNode& node) {
  TopicSource& source = b.config.source.kafka;
  const std::string where = "source.kafka";
  std::string start = "committed";
  YamlParams p = b.Map(node, where);
  DescribeTopicSource(p, source, start);
  p.Finish();
  if (!node.IsMap()) return;
  if (source.topics.empty()) b.Problem(node, where, "expected `topic`");
  const std::vector<const YamlNode*> topics = NameNodes(p.Get("topic"));
  for (size_t i = 0; i < topics.size() && i < source.topics.size(); ++i) {
    CheckTopicName(b, *topics[i], where + ".topic", source.topics[i]);
  }
  for (const YamlNode* number : NameNodes(p.Get("partitions"))) {
    if (!IsPartition(number->scalar)) {
      b.Problem(*number, where + ".partitions",
                "found " + Found(*number) + ", expected a partition's number");
    }
  }
  if (start == "committed") return;
  if (start == "earliest") {
    source.start = StartAt::kEarliest;
  } else if (start == "latest") {
    source.start = StartAt::kLatest;
  } else if (TimeParser().Parse(start, source.start_time)) {
    source.start = StartAt::kTime;
  } else {
    p.Problem(*p.Get("start"), "start",
              "found " + Found(*p.Get("start")) +
                  ", expected committed, earliest, latest, or a time such as 2024-05-01T12:00:00Z");
  }
}

std::string ReadTopic(Build& b, const YamlNode& node, const std::string& where) {
  std::string topic;
  YamlParams p = b.Map(node, where);
  DescribeTopic(p, topic);
  p.Finish();
  if (!node.IsMap()) return topic;
  const YamlNode* name = p.Get("topic");
  if (name == nullptr) {
    b.Problem(node, where, "expected `topic`");
  } else {
    CheckTopicName(b, *name, where + ".topic", topic);
  }
  return topic;
}

void CheckTopics(Build& b, const YamlNode& root) {
  const Config& config = b.config;
  const bool live = !config.source.kafka.topics.empty();
  const bool sinks = std::any_of(config.sinks.topics.begin(), config.sinks.topics.end(),
                                 [](const std::string& topic) { return !topic.empty(); });
  const auto place = [&](std::string_view section) -> const YamlNode& {
    const YamlNode* node = root.Find(section);
    return node != nullptr ? *node : root;
  };
  if ((live || sinks) && root.Find("kafka") == nullptr) {
    b.Problem(root, "kafka", "missing; expected how to reach it: {brokers: localhost:9092}");
  }
  if (sinks && !live && root.Find("source") != nullptr) {
    b.Problem(place("sinks"), "sinks", "topics need a source of topics (`source.kafka`)");
  }
  if (!config.label.topic.empty() && !live) {
    b.Problem(place("label"), "label.kafka", "needs a source of topics (`source.kafka`)");
  }
  if (!config.label.file.empty() && live) {
    b.Problem(place("label"), "label.file",
              "a source of topics takes its labels from the records or from `label.kafka`");
  }
  for (size_t i = 0; i < config.sinks.topics.size(); ++i) {
    const std::string& topic = config.sinks.topics[i];
    if (topic.empty()) continue;
    const auto& inputs = config.source.kafka.topics;
    if (std::find(inputs.begin(), inputs.end(), topic) != inputs.end() ||
        topic == config.label.topic) {
      b.Problem(place("sinks"), "sinks", "topic " + Quote(topic) + " is also an input");
    }
  }
}

}  // namespace leat::config
