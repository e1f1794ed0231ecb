#include "connectors/kafka/topic_reader.h"

#include <fmt/format.h>

#include "connectors/kafka/topics.h"

namespace leat::kafka {
namespace {

constexpr int kAskMs = 30'000;

}  // namespace

Result<std::unique_ptr<TopicReader>> TopicReader::Open(const TopicReaderOptions& options) {
  std::unique_ptr<TopicReader> reader(new TopicReader());
  reader->topic_ = options.topic;
  LEAT_ASSIGN_OR_RETURN(
      Handle<rd_kafka_conf_t> conf,
      MakeConf(
          options.cluster, RD_KAFKA_CONSUMER,
          {{"group.id", "leat-read"},  // Asked for, and not used: nothing is committed.
           {"enable.auto.commit", "false"},
           {"enable.partition.eof", "true"},
           {"allow.auto.create.topics", "false"},
           {"auto.offset.reset", "earliest"},
           {"isolation.level", options.read_committed ? "read_committed" : "read_uncommitted"}}));
  LEAT_ASSIGN_OR_RETURN(reader->client_, MakeClient(RD_KAFKA_CONSUMER, std::move(conf)));
  rd_kafka_t* const client = reader->client_.get();
  rd_kafka_poll_set_consumer(client);
  LEAT_ASSIGN_OR_RETURN(const int32_t partitions, CountPartitions(client, options.topic, kAskMs));
  if (partitions == 0) {
    return Status::Io(fmt::format("topic {}: the brokers have none of this name", options.topic));
  }
  const Handle<rd_kafka_topic_partition_list_t> list(rd_kafka_topic_partition_list_new(partitions));
  for (int32_t number = 0; number < partitions; ++number) {
    rd_kafka_topic_partition_list_add(list.get(), options.topic.c_str(), number)->offset =
        options.from_end ? RD_KAFKA_OFFSET_END : RD_KAFKA_OFFSET_BEGINNING;
    reader->ended_[number] = false;
  }
  if (const auto error = rd_kafka_assign(client, list.get())) {
    return Failed(fmt::format("topic {}", options.topic), error);
  }
  return reader;
}

TopicReader::~TopicReader() {
  held_.reset();
  if (client_) rd_kafka_assign(client_.get(), nullptr);
}

Result<bool> TopicReader::Next(int timeout_ms, TopicMessage& message) {
  held_.reset(rd_kafka_consumer_poll(client_.get(), timeout_ms));
  if (!held_) return false;
  const rd_kafka_message_t& got = *held_;
  switch (got.err) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
      break;
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
      if (bool& ended = ended_[got.partition]; !ended) {
        ended = true;
        ++at_end_;
      }
      return false;
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__FATAL:
      return Failed(fmt::format("topic {}", topic_), got.err, rd_kafka_message_errstr(&got));
    default:
      return false;  // Of the connection: it comes back.
  }
  if (bool& ended = ended_[got.partition]; ended) {
    ended = false;
    --at_end_;
  }
  const auto view = [](const void* bytes, size_t size) {
    return bytes ? std::string_view(static_cast<const char*>(bytes), size) : std::string_view();
  };
  message = {got.partition, got.offset, rd_kafka_message_timestamp(&got, nullptr),
             view(got.key, got.key_len), view(got.payload, got.len)};
  return true;
}

}  // namespace leat::kafka
