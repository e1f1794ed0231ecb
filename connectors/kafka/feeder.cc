#include "connectors/kafka/feeder.h"

#include <fmt/format.h>

#include <chrono>

#include "connectors/kafka/topics.h"

namespace leat::kafka {
namespace {

constexpr int kAskMs = 30'000;
constexpr int kWaitMs = 100;

Status MakeMissing(const FeederOptions& options) {
  LEAT_ASSIGN_OR_RETURN(const auto facts, DescribeTopics(options.cluster, options.topics, kAskMs));
  std::vector<std::pair<std::string, int32_t>> missing;
  for (const std::string& topic : options.topics) {
    if (facts.count(topic) > 0) continue;
    if (options.partitions == 0) {
      return Status::Io(fmt::format("topic {}: the brokers have none of this name", topic));
    }
    missing.emplace_back(topic, static_cast<int32_t>(options.partitions));
  }
  return CreateTopics(options.cluster, missing);
}

}  // namespace

void Feeder::OnDelivery(rd_kafka_t* /*client*/, const rd_kafka_message_t* message, void*) {
  auto& counts = *static_cast<Counts*>(message->_private);
  if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
    ++counts.acknowledged;
  } else if (counts.owner->failed_.ok() && message->err != RD_KAFKA_RESP_ERR__PURGE_QUEUE &&
             message->err != RD_KAFKA_RESP_ERR__PURGE_INFLIGHT) {
    counts.owner->failed_ =
        Failed(fmt::format("topic {}", rd_kafka_topic_name(message->rkt)), message->err);
  }
}

Result<std::unique_ptr<Feeder>> Feeder::Open(const FeederOptions& options) {
  LEAT_RETURN_IF_ERROR(MakeMissing(options));
  std::unique_ptr<Feeder> feeder(new Feeder());
  feeder->give_up_ = options.give_up;
  LEAT_ASSIGN_OR_RETURN(
      Handle<rd_kafka_conf_t> conf,
      MakeConf(options.cluster, RD_KAFKA_PRODUCER,
               {{"enable.idempotence", "true"},
                {"linger.ms", std::to_string(options.linger_ms)},
                // A partition that has seen nothing of a producer takes any first batch. With more
                // requests under way the second one may be that, when the first was refused for
                // want of a leader (a new topic); tried again, the first then passes for one that
                // is there already, and is acknowledged, and lost.
                {"max.in.flight.requests.per.connection", "1"},
                {"partitioner", "murmur2_random"},
                {"queue.buffering.max.messages", "1000000"},
                {"queue.buffering.max.kbytes", "262144"},
                // A broker that is gone is waited for; whoever watches may end it.
                {"message.timeout.ms", "0"}}));
  rd_kafka_conf_set_dr_msg_cb(conf.get(), &Feeder::OnDelivery);
  LEAT_ASSIGN_OR_RETURN(feeder->client_, MakeClient(RD_KAFKA_PRODUCER, std::move(conf)));
  feeder->counts_.resize(options.topics.size());
  for (Counts& counts : feeder->counts_) counts.owner = feeder.get();
  for (const std::string& topic : options.topics) {
    LEAT_ASSIGN_OR_RETURN(const int32_t partitions,
                          CountPartitions(feeder->client_.get(), topic, kAskMs));
    if (partitions == 0) {
      return Status::Io(fmt::format("topic {}: it is not there although it was made", topic));
    }
    feeder->topics_.emplace_back(rd_kafka_topic_new(feeder->client_.get(), topic.c_str(), nullptr));
  }
  return feeder;
}

Feeder::~Feeder() {
  if (!client_) return;
  rd_kafka_purge(client_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  rd_kafka_flush(client_.get(), kWaitMs);
}

Status Feeder::Send(size_t topic, std::string_view key, std::string_view payload,
                    int64_t timestamp_ms) {
  for (;;) {
    if (!failed_.ok()) return failed_;
    const rd_kafka_resp_err_t error = rd_kafka_producev(
        client_.get(), RD_KAFKA_V_RKT(topics_[topic].get()),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_VALUE(const_cast<char*>(payload.data()), payload.size()),
        RD_KAFKA_V_KEY((key.empty() ? nullptr : key.data()), key.size()),
        RD_KAFKA_V_TIMESTAMP(timestamp_ms), RD_KAFKA_V_OPAQUE(&counts_[topic]), RD_KAFKA_V_END);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
      ++counts_[topic].sent;
      return Status::Ok();
    }
    if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
      return Failed(fmt::format("topic {}", rd_kafka_topic_name(topics_[topic].get())), error);
    }
    if (GivenUp()) return Status::Io("stopped while messages waited for a broker");
    rd_kafka_poll(client_.get(), kWaitMs);
  }
}

Status Feeder::Poll(int timeout_ms) {
  rd_kafka_poll(client_.get(), timeout_ms);
  return failed_;
}

Status Feeder::Flush(int timeout_ms) {
  using Clock = std::chrono::steady_clock;
  const auto until = Clock::now() + std::chrono::milliseconds(timeout_ms);
  while (rd_kafka_outq_len(client_.get()) > 0 && Clock::now() < until && failed_.ok()) {
    rd_kafka_flush(client_.get(), kWaitMs);
  }
  if (!failed_.ok()) return failed_;
  const int left = rd_kafka_outq_len(client_.get());
  if (left == 0) return Status::Ok();
  return Status::Io(fmt::format("{} messages were not acknowledged", left));
}

}  // namespace leat::kafka
