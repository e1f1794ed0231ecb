// What tests ask of a broker: through librdkafka, and through nothing of ours but its handles.
#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <set>

#include "connectors/kafka/client.h"
#include "support/kafka_broker.h"

namespace leat {
namespace {

using kafka::Handle;
using Clock = std::chrono::steady_clock;
constexpr int kTimeoutMs = 30'000;

Status Error(const std::string& what, rd_kafka_resp_err_t code, const char* detail = nullptr) {
  return Status::Io(what + ": " + (detail && *detail ? detail : rd_kafka_err2str(code)));
}

Status Taken(const std::string& what, rd_kafka_error_t* error) {
  if (!error) return Status::Ok();
  const Handle<rd_kafka_error_t> owned(error);
  return Status::Io(what + ": " + rd_kafka_error_string(error));
}

using Reports = void (*)(rd_kafka_t*, const rd_kafka_message_t*, void*);
Result<Handle<rd_kafka_t>> Client(rd_kafka_type_t type, const std::string& brokers,
                                  const KafkaConfigs& settings = {}, Reports reports = nullptr) {
  Handle<rd_kafka_conf_t> conf(rd_kafka_conf_new());
  if (reports) rd_kafka_conf_set_dr_msg_cb(conf.get(), reports);
  KafkaConfigs all = {{"bootstrap.servers", brokers}, {"client.id", "test"}};
  // Errors come by what was asked; a log of connections that broke is of no use.
  all.emplace_back("log_level", "2");
  all.insert(all.end(), settings.begin(), settings.end());
  char error[512];
  for (const auto& [name, value] : all) {
    if (rd_kafka_conf_set(conf.get(), name.c_str(), value.c_str(), error, sizeof(error)) !=
        RD_KAFKA_CONF_OK) {
      return Status::Io(error);
    }
  }
  rd_kafka_t* client = rd_kafka_new(type, conf.get(), error, sizeof(error));
  if (!client) return Status::Io(error);
  (void)conf.release();
  return Handle<rd_kafka_t>(client);
}

Result<std::vector<int32_t>> Partitions(rd_kafka_t* client, const std::string& topic) {
  const Handle<rd_kafka_topic_t> handle(rd_kafka_topic_new(client, topic.c_str(), nullptr));
  if (!handle) return Error(topic, rd_kafka_last_error());
  const auto deadline = Clock::now() + std::chrono::milliseconds(kTimeoutMs);
  for (;;) {
    const rd_kafka_metadata_t* raw = nullptr;
    const auto code = rd_kafka_metadata(client, 0, handle.get(), &raw, kTimeoutMs);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return Error(topic, code);
    const Handle<const rd_kafka_metadata_t> metadata(raw);
    const rd_kafka_metadata_topic_t& found = metadata->topics[0];
    bool leaders = true;
    std::vector<int32_t> partitions;
    for (int i = 0; i < found.partition_cnt; ++i) {
      partitions.push_back(found.partitions[i].id);
      if (found.partitions[i].leader < 0) leaders = false;
    }
    if (found.err == RD_KAFKA_RESP_ERR_NO_ERROR && leaders && !partitions.empty()) {
      std::sort(partitions.begin(), partitions.end());
      return partitions;
    }
    // A leader is being chosen, or what was made just now is not known everywhere.
    if (Clock::now() > deadline) return Error(topic, found.err);
    rd_kafka_poll(client, 20);
  }
}

// ---- What an administrator does.

struct DestroyAdmin {
  void operator()(rd_kafka_NewTopic_t* p) const { rd_kafka_NewTopic_destroy(p); }
  void operator()(rd_kafka_DeleteTopic_t* p) const { rd_kafka_DeleteTopic_destroy(p); }
  void operator()(rd_kafka_NewPartitions_t* p) const { rd_kafka_NewPartitions_destroy(p); }
  void operator()(rd_kafka_ConfigResource_t* p) const { rd_kafka_ConfigResource_destroy(p); }
  void operator()(rd_kafka_DeleteRecords_t* p) const { rd_kafka_DeleteRecords_destroy(p); }
  void operator()(rd_kafka_DeleteGroup_t* p) const { rd_kafka_DeleteGroup_destroy(p); }
  void operator()(rd_kafka_AlterConsumerGroupOffsets_t* p) const {
    rd_kafka_AlterConsumerGroupOffsets_destroy(p);
  }
  void operator()(rd_kafka_AdminOptions_t* p) const { rd_kafka_AdminOptions_destroy(p); }
};
template <typename T>
using Admin = std::unique_ptr<T, DestroyAdmin>;

/// `send` asks, `error` finds the one result's error and its words.
template <typename Send, typename Find>
Status Ask(const std::string& what, const std::string& brokers, rd_kafka_admin_op_t operation,
           Send send, Find find) {
  LEAT_ASSIGN_OR_RETURN(const auto client, Client(RD_KAFKA_PRODUCER, brokers));
  const Handle<rd_kafka_queue_t> queue(rd_kafka_queue_new(client.get()));
  const Admin<rd_kafka_AdminOptions_t> options(rd_kafka_AdminOptions_new(client.get(), operation));
  char text[256];
  rd_kafka_AdminOptions_set_request_timeout(options.get(), kTimeoutMs, text, sizeof(text));
  // Until every part of the broker knows; refused where it means nothing.
  (void)rd_kafka_AdminOptions_set_operation_timeout(options.get(), 10'000, text, sizeof(text));
  send(client.get(), options.get(), queue.get());
  const Handle<rd_kafka_event_t> event(rd_kafka_queue_poll(queue.get(), kTimeoutMs + 5'000));
  if (!event) return Status::Io(what + ": no answer");
  if (const auto code = rd_kafka_event_error(event.get())) {
    return Error(what, code, rd_kafka_event_error_string(event.get()));
  }
  return find(event.get());
}

Status TopicError(const std::string& what, const rd_kafka_topic_result_t** results, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    if (const auto code = rd_kafka_topic_result_error(results[i])) {
      return Error(what, code, rd_kafka_topic_result_error_string(results[i]));
    }
  }
  return Status::Ok();
}

Status GroupError(const std::string& what, const rd_kafka_group_result_t** results, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    if (const rd_kafka_error_t* error = rd_kafka_group_result_error(results[i])) {
      return Status::Io(what + ": " + rd_kafka_error_string(error));
    }
  }
  return Status::Ok();
}

Status ListError(const std::string& what, const rd_kafka_topic_partition_list_t* list) {
  for (int i = 0; list && i < list->cnt; ++i) {
    if (list->elems[i].err) return Error(what, list->elems[i].err);
  }
  return Status::Ok();
}

// ---- Producing.

struct Delivery {
  rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
  size_t delivered = 0;
};

void OnDelivery(rd_kafka_t*, const rd_kafka_message_t* message, void*) {
  auto* delivery = static_cast<Delivery*>(message->_private);
  if (message->err) delivery->error = message->err;
  ++delivery->delivered;
}

Result<Handle<rd_kafka_t>> Producer(const std::string& brokers, KafkaConfigs settings) {
  settings.emplace_back("enable.idempotence", "true");
  // Else what is sent first to a new topic may be acknowledged and lost: see feeder.cc.
  settings.emplace_back("max.in.flight.requests.per.connection", "1");
  settings.emplace_back("linger.ms", "1");
  settings.emplace_back("message.max.bytes", "10000000");
  return Client(RD_KAFKA_PRODUCER, brokers, settings, OnDelivery);
}

Status SendAll(rd_kafka_t* producer, const std::string& topic, int32_t partition,
               const std::vector<KafkaRecord>& records) {
  // The topic is asked for at once: librdkafka would only do so on its timer of a second.
  LEAT_RETURN_IF_ERROR(Partitions(producer, topic).status());
  Delivery delivery;
  size_t sent = 0;
  for (const KafkaRecord& record : records) {
    for (;;) {
      rd_kafka_headers_t* headers = rd_kafka_headers_new(record.headers.size());
      for (const auto& [name, value] : record.headers) {
        rd_kafka_header_add(headers, name.data(), static_cast<ssize_t>(name.size()), value.data(),
                            static_cast<ssize_t>(value.size()));
      }
      const std::string none;
      const std::string& payload = record.payload ? *record.payload : none;
      const std::string& key = record.key ? *record.key : none;
      const auto code = rd_kafka_producev(
          producer, RD_KAFKA_V_TOPIC(topic.c_str()), RD_KAFKA_V_PARTITION(partition),
          RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
          RD_KAFKA_V_VALUE((record.payload ? const_cast<char*>(payload.data()) : nullptr),
                           payload.size()),
          RD_KAFKA_V_KEY((record.key ? key.data() : nullptr), key.size()),
          RD_KAFKA_V_TIMESTAMP(record.timestamp), RD_KAFKA_V_HEADERS(headers),
          RD_KAFKA_V_OPAQUE(&delivery), RD_KAFKA_V_END);
      if (code == RD_KAFKA_RESP_ERR_NO_ERROR) break;
      rd_kafka_headers_destroy(headers);
      if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        rd_kafka_purge(producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        rd_kafka_flush(producer, kTimeoutMs);
        return Error("produce to " + topic, code);
      }
      rd_kafka_poll(producer, 10);
    }
    ++sent;
  }
  rd_kafka_flush(producer, kTimeoutMs);
  if (delivery.delivered < sent) {
    // No report may come after `delivery` is gone.
    rd_kafka_purge(producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_flush(producer, kTimeoutMs);
    return Status::Io("produce to " + topic + ": not acknowledged in time");
  }
  if (delivery.error) return Error("produce to " + topic, delivery.error);
  return Status::Ok();
}

// ---- Reading.

KafkaRecord Copy(const rd_kafka_message_t* message) {
  KafkaRecord record;
  if (message->key) {
    record.key.emplace(static_cast<const char*>(message->key), message->key_len);
  }
  if (message->payload) {
    record.payload.emplace(static_cast<const char*>(message->payload), message->len);
  }
  record.partition = message->partition;
  record.offset = message->offset;
  record.timestamp = rd_kafka_message_timestamp(message, nullptr);
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
    const char* name = nullptr;
    const void* value = nullptr;
    size_t size = 0;
    for (size_t i = 0;
         rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
         ++i) {
      record.headers.emplace_back(name, std::string(static_cast<const char*>(value), size));
    }
  }
  return record;
}

KafkaConfigs ReaderSettings(Isolation isolation) {
  return {{"group.id", "test-reader"},
          {"enable.auto.commit", "false"},
          {"enable.partition.eof", "true"},
          {"auto.offset.reset", "error"},
          {"fetch.wait.max.ms", "50"},
          {"allow.auto.create.topics", "false"},
          {"isolation.level",
           isolation == Isolation::kCommitted ? "read_committed" : "read_uncommitted"}};
}

Result<std::map<int32_t, std::pair<int64_t, int64_t>>> Watermarks(const std::string& brokers,
                                                                  const std::string& topic,
                                                                  Isolation isolation) {
  LEAT_ASSIGN_OR_RETURN(const auto client,
                        Client(RD_KAFKA_CONSUMER, brokers, ReaderSettings(isolation)));
  LEAT_ASSIGN_OR_RETURN(const auto partitions, Partitions(client.get(), topic));
  std::map<int32_t, std::pair<int64_t, int64_t>> all;
  for (const int32_t partition : partitions) {
    int64_t low = 0, high = 0;
    const auto deadline = Clock::now() + std::chrono::seconds(10);
    for (;;) {
      const auto code = rd_kafka_query_watermark_offsets(client.get(), topic.c_str(), partition,
                                                         &low, &high, kTimeoutMs);
      if (!code) break;
      // A partition that was made just now, or a broker that has come back just now.
      const bool soon = code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION ||
                        code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
                        code == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE ||
                        code == RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION;
      if (!soon || Clock::now() > deadline) return Error("offsets of " + topic, code);
      rd_kafka_poll(client.get(), 20);
    }
    all[partition] = {low, high};
  }
  return all;
}

}  // namespace

Status CreateTopic(const std::string& brokers, const std::string& topic, int partitions,
                   const KafkaConfigs& configs) {
  const std::string what = "create topic " + topic;
  char error[512];
  const Admin<rd_kafka_NewTopic_t> wanted(
      rd_kafka_NewTopic_new(topic.c_str(), partitions, 1, error, sizeof(error)));
  if (!wanted) return Status::Io(what + ": " + error);
  for (const auto& [name, value] : configs) {
    rd_kafka_NewTopic_set_config(wanted.get(), name.c_str(), value.c_str());
  }
  return Ask(
      what, brokers, RD_KAFKA_ADMIN_OP_CREATETOPICS,
      [&](rd_kafka_t* client, rd_kafka_AdminOptions_t* options, rd_kafka_queue_t* queue) {
        rd_kafka_NewTopic_t* one = wanted.get();
        rd_kafka_CreateTopics(client, &one, 1, options, queue);
      },
      [&](rd_kafka_event_t* event) {
        size_t count = 0;
        const auto* result = rd_kafka_event_CreateTopics_result(event);
        const auto** topics = rd_kafka_CreateTopics_result_topics(result, &count);
        return TopicError(what, topics, count);
      });
}

Status DeleteTopic(const std::string& brokers, const std::string& topic) {
  const std::string what = "delete topic " + topic;
  const Admin<rd_kafka_DeleteTopic_t> wanted(rd_kafka_DeleteTopic_new(topic.c_str()));
  return Ask(
      what, brokers, RD_KAFKA_ADMIN_OP_DELETETOPICS,
      [&](rd_kafka_t* client, rd_kafka_AdminOptions_t* options, rd_kafka_queue_t* queue) {
        rd_kafka_DeleteTopic_t* one = wanted.get();
        rd_kafka_DeleteTopics(client, &one, 1, options, queue);
      },
      [&](rd_kafka_event_t* event) {
        size_t count = 0;
        const auto* result = rd_kafka_event_DeleteTopics_result(event);
        const auto** topics = rd_kafka_DeleteTopics_result_topics(result, &count);
        return TopicError(what, topics, count);
      });
}

Status AddPartitions(const std::string& brokers, const std::string& topic, int partitions) {
  const std::string what = "add partitions to " + topic;
  char error[512];
  const Admin<rd_kafka_NewPartitions_t> wanted(rd_kafka_NewPartitions_new(
      topic.c_str(), static_cast<size_t>(partitions), error, sizeof(error)));
  if (!wanted) return Status::Io(what + ": " + error);
  LEAT_RETURN_IF_ERROR(Ask(
      what, brokers, RD_KAFKA_ADMIN_OP_CREATEPARTITIONS,
      [&](rd_kafka_t* client, rd_kafka_AdminOptions_t* options, rd_kafka_queue_t* queue) {
        rd_kafka_NewPartitions_t* one = wanted.get();
        rd_kafka_CreatePartitions(client, &one, 1, options, queue);
      },
      [&](rd_kafka_event_t* event) {
        size_t count = 0;
        const auto* result = rd_kafka_event_CreatePartitions_result(event);
        const auto** topics = rd_kafka_CreatePartitions_result_topics(result, &count);
        return TopicError(what, topics, count);
      }));
  // Until whoever asks is told of them, and their leaders answer.
  const auto deadline = Clock::now() + std::chrono::seconds(10);
  while (Clock::now() < deadline) {
    LEAT_ASSIGN_OR_RETURN(const auto ends, EndOffsets(brokers, topic));
    if (ends.size() >= static_cast<size_t>(partitions)) return Status::Ok();
  }
  return Status::Io(what + ": not seen");
}

Status AlterTopicConfig(const std::string& brokers, const std::string& topic,
                        const KafkaConfigs& configs) {
  const std::string what = "alter settings of " + topic;
  const Admin<rd_kafka_ConfigResource_t> wanted(
      rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.c_str()));
  for (const auto& [name, value] : configs) {
    rd_kafka_ConfigResource_set_config(wanted.get(), name.c_str(), value.c_str());
  }
  return Ask(
      what, brokers, RD_KAFKA_ADMIN_OP_ALTERCONFIGS,
      [&](rd_kafka_t* client, rd_kafka_AdminOptions_t* options, rd_kafka_queue_t* queue) {
        rd_kafka_ConfigResource_t* one = wanted.get();
        rd_kafka_AlterConfigs(client, &one, 1, options, queue);
      },
      [&](rd_kafka_event_t* event) {
        size_t count = 0;
        const auto* result = rd_kafka_event_AlterConfigs_result(event);
        const auto** resources = rd_kafka_AlterConfigs_result_resources(result, &count);
        for (size_t i = 0; i < count; ++i) {
          if (const auto code = rd_kafka_ConfigResource_error(resources[i])) {
            return Error(what, code, rd_kafka_ConfigResource_error_string(resources[i]));
          }
        }
        return Status::Ok();
      });
}

Status DeleteRecords(const std::string& brokers, const std::string& topic, int32_t partition,
                     int64_t offset) {
  const std::string what = "delete records of " + topic;
  const Handle<rd_kafka_topic_partition_list_t> list(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition)->offset = offset;
  const Admin<rd_kafka_DeleteRecords_t> wanted(rd_kafka_DeleteRecords_new(list.get()));
  return Ask(
      what, brokers, RD_KAFKA_ADMIN_OP_DELETERECORDS,
      [&](rd_kafka_t* client, rd_kafka_AdminOptions_t* options, rd_kafka_queue_t* queue) {
        rd_kafka_DeleteRecords_t* one = wanted.get();
        rd_kafka_DeleteRecords(client, &one, 1, options, queue);
      },
      [&](rd_kafka_event_t* event) {
        return ListError(what, rd_kafka_DeleteRecords_result_offsets(
                                   rd_kafka_event_DeleteRecords_result(event)));
      });
}

Status DeleteGroup(const std::string& brokers, const std::string& group) {
  const std::string what = "delete group " + group;
  const Admin<rd_kafka_DeleteGroup_t> wanted(rd_kafka_DeleteGroup_new(group.c_str()));
  return Ask(
      what, brokers, RD_KAFKA_ADMIN_OP_DELETEGROUPS,
      [&](rd_kafka_t* client, rd_kafka_AdminOptions_t*, rd_kafka_queue_t* queue) {
        rd_kafka_DeleteGroup_t* one = wanted.get();
        rd_kafka_DeleteGroups(client, &one, 1, nullptr, queue);
      },
      [&](rd_kafka_event_t* event) {
        size_t count = 0;
        const auto* result = rd_kafka_event_DeleteGroups_result(event);
        const auto** groups = rd_kafka_DeleteGroups_result_groups(result, &count);
        return GroupError(what, groups, count);
      });
}

Status SetCommittedOffsets(const std::string& brokers, const std::string& group,
                           const std::string& topic,
                           const std::map<int32_t, KafkaOffset>& offsets) {
  // By a consumer outside the group's membership: the administrator's call carries no metadata.
  const std::string what = "set offsets of " + group;
  LEAT_ASSIGN_OR_RETURN(
      const auto client,
      Client(RD_KAFKA_CONSUMER, brokers, {{"group.id", group}, {"enable.auto.commit", "false"}}));
  const Handle<rd_kafka_topic_partition_list_t> list(
      rd_kafka_topic_partition_list_new(static_cast<int>(offsets.size())));
  for (const auto& [partition, at] : offsets) {
    auto* item = rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition);
    item->offset = at.offset;
    if (!at.metadata.empty()) {
      item->metadata = rd_kafka_mem_malloc(client.get(), at.metadata.size());
      std::copy(at.metadata.begin(), at.metadata.end(), static_cast<char*>(item->metadata));
      item->metadata_size = at.metadata.size();
    }
  }
  if (const auto code = rd_kafka_commit(client.get(), list.get(), 0)) return Error(what, code);
  return ListError(what, list.get());
}

Status Produce(const std::string& brokers, const std::string& topic, int32_t partition,
               const std::vector<KafkaRecord>& records) {
  LEAT_ASSIGN_OR_RETURN(const auto producer, Producer(brokers, {}));
  return SendAll(producer.get(), topic, partition, records);
}

struct OpenTransaction::Impl {
  std::string brokers;
  std::set<std::string> topics;
  Handle<rd_kafka_t> producer;
};

OpenTransaction::OpenTransaction(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
OpenTransaction::~OpenTransaction() = default;

Result<std::unique_ptr<OpenTransaction>> OpenTransaction::Begin(const std::string& brokers,
                                                                const std::string& transactional_id,
                                                                int timeout_ms) {
  auto impl = std::make_unique<Impl>();
  impl->brokers = brokers;
  LEAT_ASSIGN_OR_RETURN(impl->producer,
                        Producer(brokers, {{"transactional.id", transactional_id},
                                           {"transaction.timeout.ms", std::to_string(timeout_ms)},
                                           {"message.timeout.ms", std::to_string(timeout_ms)}}));
  LEAT_RETURN_IF_ERROR(Taken("begin " + transactional_id,
                             rd_kafka_init_transactions(impl->producer.get(), kTimeoutMs)));
  LEAT_RETURN_IF_ERROR(
      Taken("begin " + transactional_id, rd_kafka_begin_transaction(impl->producer.get())));
  return std::unique_ptr<OpenTransaction>(new OpenTransaction(std::move(impl)));
}

Status OpenTransaction::Produce(const std::string& topic, int32_t partition,
                                const std::vector<KafkaRecord>& records) {
  impl_->topics.insert(topic);
  return SendAll(impl_->producer.get(), topic, partition, records);
}

namespace {

/// The broker answers before its markers are written; a reader that came just then would see less.
Status WaitForMarkers(const std::string& brokers, const std::set<std::string>& topics) {
  const auto deadline = Clock::now() + std::chrono::seconds(2);
  for (const std::string& topic : topics) {
    for (;;) {
      LEAT_ASSIGN_OR_RETURN(const auto all, Watermarks(brokers, topic, Isolation::kUncommitted));
      LEAT_ASSIGN_OR_RETURN(const auto stable, Watermarks(brokers, topic, Isolation::kCommitted));
      // Another's transaction may stand in the way for as long as it likes.
      if (all == stable || Clock::now() > deadline) break;
    }
  }
  return Status::Ok();
}

}  // namespace

Status OpenTransaction::Commit() {
  LEAT_RETURN_IF_ERROR(
      Taken("commit", rd_kafka_commit_transaction(impl_->producer.get(), kTimeoutMs)));
  return WaitForMarkers(impl_->brokers, impl_->topics);
}

Status OpenTransaction::Abort() {
  LEAT_RETURN_IF_ERROR(
      Taken("abort", rd_kafka_abort_transaction(impl_->producer.get(), kTimeoutMs)));
  return WaitForMarkers(impl_->brokers, impl_->topics);
}

Status ProduceTransaction(const std::string& brokers, const std::string& topic, int32_t partition,
                          const std::vector<KafkaRecord>& records, bool commit,
                          const std::string& transactional_id) {
  LEAT_ASSIGN_OR_RETURN(
      const auto transaction,
      OpenTransaction::Begin(
          brokers, transactional_id.empty() ? UniqueName("transaction") : transactional_id));
  LEAT_RETURN_IF_ERROR(transaction->Produce(topic, partition, records));
  return commit ? transaction->Commit() : transaction->Abort();
}

Result<std::vector<KafkaRecord>> ReadTopic(const std::string& brokers, const std::string& topic,
                                           Isolation isolation, int patience_ms) {
  LEAT_ASSIGN_OR_RETURN(const auto client,
                        Client(RD_KAFKA_CONSUMER, brokers, ReaderSettings(isolation)));
  rd_kafka_poll_set_consumer(client.get());
  LEAT_ASSIGN_OR_RETURN(const auto partitions, Partitions(client.get(), topic));
  const Handle<rd_kafka_topic_partition_list_t> list(
      rd_kafka_topic_partition_list_new(static_cast<int>(partitions.size())));
  for (const int32_t partition : partitions) {
    rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition)->offset =
        RD_KAFKA_OFFSET_BEGINNING;
  }
  if (const auto code = rd_kafka_assign(client.get(), list.get())) return Error(topic, code);
  LEAT_ASSIGN_OR_RETURN(const auto ends, EndOffsets(brokers, topic, Isolation::kUncommitted));

  std::vector<KafkaRecord> records;
  std::map<int32_t, int64_t> at_end;  // Where each partition that has come to an end stands.
  std::optional<Clock::time_point> patience;
  const auto deadline = Clock::now() + std::chrono::milliseconds(kTimeoutMs);
  Status failed = Status::Ok();
  for (;;) {
    bool all_ended = at_end.size() == partitions.size(), all_complete = all_ended;
    for (const auto& [partition, end] : at_end) {
      if (end < ends.at(partition)) all_complete = false;
    }
    if (all_complete) break;
    const auto now = Clock::now();
    if (!all_ended) {
      patience.reset();
    } else if (!patience) {
      patience = now + std::chrono::milliseconds(patience_ms);
    } else if (now > *patience) {
      break;
    }
    if (now > deadline) {
      failed = Status::Io("read " + topic + ": no end within 30 s");
      break;
    }
    const Handle<rd_kafka_message_t> message(rd_kafka_consumer_poll(client.get(), 20));
    if (!message) continue;
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      at_end[message->partition] = message->offset;
    } else if (message->err == RD_KAFKA_RESP_ERR__TRANSPORT ||
               message->err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
      continue;  // It comes back, or the time runs out.
    } else if (message->err) {
      failed = Error("read " + topic, message->err, rd_kafka_message_errstr(message.get()));
      break;
    } else {
      // More than the end that was seen: it stands further on now.
      at_end.erase(message->partition);
      records.push_back(Copy(message.get()));
    }
  }
  rd_kafka_assign(client.get(), nullptr);
  if (!failed.ok()) return failed;
  std::stable_sort(records.begin(), records.end(), [](const auto& a, const auto& b) {
    return std::pair(a.partition, a.offset) < std::pair(b.partition, b.offset);
  });
  return records;
}

Result<std::map<int32_t, int64_t>> EndOffsets(const std::string& brokers, const std::string& topic,
                                              Isolation isolation) {
  LEAT_ASSIGN_OR_RETURN(const auto all, Watermarks(brokers, topic, isolation));
  std::map<int32_t, int64_t> ends;
  for (const auto& [partition, range] : all) ends[partition] = range.second;
  return ends;
}

Result<std::map<int32_t, int64_t>> StartOffsets(const std::string& brokers,
                                                const std::string& topic) {
  LEAT_ASSIGN_OR_RETURN(const auto all, Watermarks(brokers, topic, Isolation::kUncommitted));
  std::map<int32_t, int64_t> starts;
  for (const auto& [partition, range] : all) starts[partition] = range.first;
  return starts;
}

Result<std::map<int32_t, KafkaOffset>> CommittedOffsets(const std::string& brokers,
                                                        const std::string& group,
                                                        const std::string& topic) {
  KafkaConfigs settings = ReaderSettings(Isolation::kCommitted);
  settings.front().second = group;
  LEAT_ASSIGN_OR_RETURN(const auto client, Client(RD_KAFKA_CONSUMER, brokers, settings));
  LEAT_ASSIGN_OR_RETURN(const auto partitions, Partitions(client.get(), topic));
  const Handle<rd_kafka_topic_partition_list_t> list(
      rd_kafka_topic_partition_list_new(static_cast<int>(partitions.size())));
  for (const int32_t partition : partitions) {
    rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition);
  }
  const std::string what = "committed offsets of " + group;
  if (const auto code = rd_kafka_committed(client.get(), list.get(), kTimeoutMs)) {
    return Error(what, code);
  }
  LEAT_RETURN_IF_ERROR(ListError(what, list.get()));
  std::map<int32_t, KafkaOffset> offsets;
  for (int i = 0; i < list->cnt; ++i) {
    const rd_kafka_topic_partition_t& item = list->elems[i];
    if (item.offset < 0) continue;
    KafkaOffset at;
    at.offset = item.offset;
    if (item.metadata) at.metadata.assign(static_cast<char*>(item.metadata), item.metadata_size);
    offsets[item.partition] = std::move(at);
  }
  return offsets;
}

}  // namespace leat
