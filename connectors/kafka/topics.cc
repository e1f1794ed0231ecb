#include "connectors/kafka/topics.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <string_view>
#include <thread>

namespace leat::kafka {
namespace {

constexpr int kAdminMs = 30'000;
constexpr auto kPause = std::chrono::milliseconds(100);
/// How long news of a topic may take from broker to broker.
constexpr auto kNews = std::chrono::milliseconds(500);
constexpr int kReachMs = 300;

struct DestroyAdmin {
  void operator()(rd_kafka_ConfigResource_t* p) const { rd_kafka_ConfigResource_destroy(p); }
  void operator()(rd_kafka_NewTopic_t* p) const { rd_kafka_NewTopic_destroy(p); }
  void operator()(rd_kafka_AdminOptions_t* p) const { rd_kafka_AdminOptions_destroy(p); }
};
template <typename T>
using AdminHandle = std::unique_ptr<T, DestroyAdmin>;

/// Brokers that do not let us in will not the next time either.
void NoteRefusal(rd_kafka_t* /*client*/, int error, const char* text, void* refusal) {
  if (error == RD_KAFKA_RESP_ERR__AUTHENTICATION || error == RD_KAFKA_RESP_ERR__SSL) {
    *static_cast<std::string*>(refusal) = text;
  }
}

struct Asking {
  std::unique_ptr<std::string> refusal = std::make_unique<std::string>();
  Handle<rd_kafka_t> client;
};

/// A consumer, for only a consumer can ask for a topic without making it. Io if no broker answers,
/// or as soon as one refuses us.
Result<Asking> MakeAsking(const Cluster& cluster, int timeout_ms) {
  LEAT_ASSIGN_OR_RETURN(
      Handle<rd_kafka_conf_t> conf,
      MakeConf(cluster, RD_KAFKA_CONSUMER, {{"allow.auto.create.topics", "false"}}));
  Asking asking;
  rd_kafka_conf_set_opaque(conf.get(), asking.refusal.get());
  rd_kafka_conf_set_error_cb(conf.get(), NoteRefusal);
  LEAT_ASSIGN_OR_RETURN(asking.client, MakeClient(RD_KAFKA_CONSUMER, std::move(conf)));
  for (int waited = 0;; waited += kReachMs) {
    const rd_kafka_metadata_t* answer = nullptr;
    const rd_kafka_resp_err_t asked =
        rd_kafka_metadata(asking.client.get(), 0, nullptr, &answer, std::min(kReachMs, timeout_ms));
    const Handle<const rd_kafka_metadata_t> metadata(answer);
    if (asked == RD_KAFKA_RESP_ERR_NO_ERROR) return asking;
    rd_kafka_poll(asking.client.get(), 0);
    if (!asking.refusal->empty()) {
      return Status::Io(fmt::format("kafka {}: refused: {}", cluster.brokers, *asking.refusal));
    }
    if (waited >= timeout_ms) {
      return Status::Io(fmt::format("kafka {}: no broker answers", cluster.brokers));
    }
    // A failure that is known at once is not asked about at once again.
    if (asked != RD_KAFKA_RESP_ERR__TIMED_OUT) {
      std::this_thread::sleep_for(std::chrono::milliseconds(kReachMs));
    }
  }
}

AdminHandle<rd_kafka_AdminOptions_t> Options(rd_kafka_t* client, rd_kafka_admin_op_t operation,
                                             int timeout_ms) {
  AdminHandle<rd_kafka_AdminOptions_t> options(rd_kafka_AdminOptions_new(client, operation));
  // Refused only when it is out of range.
  char words[256];
  rd_kafka_AdminOptions_set_request_timeout(options.get(), timeout_ms, words, sizeof(words));
  return options;
}

void AddFacts(const rd_kafka_ConfigResource_t* resource, TopicFacts& facts) {
  size_t count = 0;
  const rd_kafka_ConfigEntry_t** entries = rd_kafka_ConfigResource_configs(resource, &count);
  for (size_t i = 0; i < count; ++i) {
    const std::string_view name = rd_kafka_ConfigEntry_name(entries[i]);
    const char* const text = rd_kafka_ConfigEntry_value(entries[i]);
    if (text == nullptr) continue;
    const std::string_view value = text;
    if (name == "cleanup.policy") {
      facts.compacted = value.find("compact") != std::string_view::npos;
    } else if (name == "max.message.bytes") {
      std::from_chars(value.data(), value.data() + value.size(), facts.max_message_bytes);
    }
  }
}

/// What the topics' settings say. Those that a cluster will not tell are said to be unknown.
void Describe(rd_kafka_t* client, int timeout_ms, std::map<std::string, TopicFacts>& facts) {
  std::vector<AdminHandle<rd_kafka_ConfigResource_t>> owned;
  std::vector<rd_kafka_ConfigResource_t*> asked;
  for (const auto& [name, fact] : facts) {
    owned.emplace_back(rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, name.c_str()));
    asked.push_back(owned.back().get());
  }
  if (asked.empty()) return;
  const auto options = Options(client, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, timeout_ms);
  const Handle<rd_kafka_queue_t> queue(rd_kafka_queue_new(client));
  rd_kafka_DescribeConfigs(client, asked.data(), asked.size(), options.get(), queue.get());
  const Handle<rd_kafka_event_t> event(rd_kafka_queue_poll(queue.get(), timeout_ms));
  const auto unknown = [](std::string_view topic, const char* why) {
    Warn(
        fmt::format("topic {}: its settings cannot be read ({}): that it is not compacted, and how "
                    "large its messages may be, is not checked; the right to describe its "
                    "configuration would allow it",
                    topic, why));
  };
  const auto* result = event ? rd_kafka_event_DescribeConfigs_result(event.get()) : nullptr;
  if (result == nullptr || rd_kafka_event_error(event.get()) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    const char* const why = event ? rd_kafka_event_error_string(event.get()) : "no answer";
    for (const auto& [name, fact] : facts) unknown(name, why);
    return;
  }
  size_t count = 0;
  const rd_kafka_ConfigResource_t** resources =
      rd_kafka_DescribeConfigs_result_resources(result, &count);
  for (size_t i = 0; i < count; ++i) {
    const char* const name = rd_kafka_ConfigResource_name(resources[i]);
    if (rd_kafka_ConfigResource_error(resources[i]) != RD_KAFKA_RESP_ERR_NO_ERROR) {
      const char* const why = rd_kafka_ConfigResource_error_string(resources[i]);
      unknown(name, why != nullptr ? why : "refused");
      continue;
    }
    const auto found = facts.find(name);
    if (found != facts.end()) AddFacts(resources[i], found->second);
  }
}

}  // namespace

Result<int32_t> CountPartitions(rd_kafka_t* client, const std::string& topic, int timeout_ms) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
  const Handle<rd_kafka_topic_t> handle(rd_kafka_topic_new(client, topic.c_str(), nullptr));
  const std::string what = fmt::format("kafka: topic {}", topic);
  if (!handle) return Failed(what, rd_kafka_last_error());
  for (;;) {
    const rd_kafka_metadata_t* answer = nullptr;
    const rd_kafka_resp_err_t asked =
        rd_kafka_metadata(client, 0, handle.get(), &answer, timeout_ms);
    if (asked != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return Failed(what, asked,
                    asked == RD_KAFKA_RESP_ERR__TRANSPORT || asked == RD_KAFKA_RESP_ERR__TIMED_OUT
                        ? "no broker answers"
                        : "");
    }
    const Handle<const rd_kafka_metadata_t> metadata(answer);
    if (metadata->topic_cnt != 1) return Status::Io(what + ": no broker knows of it");
    const rd_kafka_metadata_topic_t& found = metadata->topics[0];
    if (found.err == RD_KAFKA_RESP_ERR_NO_ERROR) return int32_t{found.partition_cnt};
    if (found.err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) return int32_t{0};
    if (found.err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
        found.err == RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION) {
      return Status::Invalid(fmt::format("{}: {}", what, rd_kafka_err2str(found.err)));
    }
    // One that was made a moment ago has no leaders yet.
    if (found.err != RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE ||
        std::chrono::steady_clock::now() > until) {
      return Failed(what, found.err);
    }
    std::this_thread::sleep_for(kPause);
  }
}

Result<std::map<std::string, TopicFacts>> DescribeTopics(const Cluster& cluster,
                                                         const std::vector<std::string>& topics,
                                                         int timeout_ms) {
  LEAT_ASSIGN_OR_RETURN(const Asking asking, MakeAsking(cluster, timeout_ms));
  rd_kafka_t* const client = asking.client.get();
  std::map<std::string, TopicFacts> facts;
  // A broker may take a moment to hear of a topic that was just made.
  const auto until = std::chrono::steady_clock::now() + kNews;
  for (const std::string& topic : topics) {
    LEAT_ASSIGN_OR_RETURN(int32_t partitions, CountPartitions(client, topic, timeout_ms));
    while (partitions == 0 && std::chrono::steady_clock::now() < until) {
      std::this_thread::sleep_for(kPause);
      LEAT_ASSIGN_OR_RETURN(partitions, CountPartitions(client, topic, timeout_ms));
    }
    if (partitions > 0) facts[topic].partitions = partitions;
  }
  Describe(client, timeout_ms, facts);
  return facts;
}

Status CreateTopics(const Cluster& cluster,
                    const std::vector<std::pair<std::string, int32_t>>& topics) {
  if (topics.empty()) return Status::Ok();
  LEAT_ASSIGN_OR_RETURN(const Asking asking, MakeAsking(cluster, kAdminMs));
  rd_kafka_t* const client = asking.client.get();
  std::vector<AdminHandle<rd_kafka_NewTopic_t>> owned;
  std::vector<rd_kafka_NewTopic_t*> wanted;
  char words[512] = {};
  for (const auto& [name, partitions] : topics) {
    owned.emplace_back(rd_kafka_NewTopic_new(name.c_str(), partitions, -1, words, sizeof(words)));
    if (!owned.back()) {
      return Status::Invalid(fmt::format("kafka: topic {} cannot be made: {}", name, words));
    }
    wanted.push_back(owned.back().get());
  }
  const auto options = Options(client, RD_KAFKA_ADMIN_OP_CREATETOPICS, kAdminMs);
  const Handle<rd_kafka_queue_t> queue(rd_kafka_queue_new(client));
  rd_kafka_CreateTopics(client, wanted.data(), wanted.size(), options.get(), queue.get());
  const Handle<rd_kafka_event_t> event(rd_kafka_queue_poll(queue.get(), 2 * kAdminMs));
  if (!event) return Status::Io("kafka: topics cannot be made: no broker answers");
  if (const auto error = rd_kafka_event_error(event.get())) {
    return Failed("kafka: topics cannot be made", error, rd_kafka_event_error_string(event.get()));
  }
  size_t count = 0;
  const rd_kafka_topic_result_t** results =
      rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event.get()), &count);
  for (size_t i = 0; i < count; ++i) {
    const rd_kafka_resp_err_t error = rd_kafka_topic_result_error(results[i]);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR || error == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
      continue;
    }
    const char* const detail = rd_kafka_topic_result_error_string(results[i]);
    return Failed(
        fmt::format("kafka: topic {} cannot be made", rd_kafka_topic_result_name(results[i])),
        error, detail ? detail : "");
  }
  return Status::Ok();
}

}  // namespace leat::kafka
