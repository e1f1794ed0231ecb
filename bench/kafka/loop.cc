// The floor under bench/kafka/latency: what comes in `loans` goes to `predictions` as it is, in one
// transaction an epoch with the offsets of the inputs, by librdkafka and nothing else.
//   kafka_loop BROKERS EPOCH_MILLISECONDS
// Takes what comes from now on, produces it at once, and commits when the epoch is over; until
// SIGTERM or SIGINT. Says `ready` when it reads.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "connectors/kafka/client.h"

namespace leat::kafka {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kIn = "loans";
constexpr const char* kOut = "predictions";
constexpr int kAnswerMs = 10'000;

volatile std::sig_atomic_t stopped = 0;

Status Check(std::string_view what, rd_kafka_error_t* error) {
  const Handle<rd_kafka_error_t> held(error);
  return error == nullptr ? Status::Ok()
                          : Failed(what, rd_kafka_error_code(error), rd_kafka_error_string(error));
}

Status Check(std::string_view what, rd_kafka_resp_err_t error) {
  return error == RD_KAFKA_RESP_ERR_NO_ERROR ? Status::Ok() : Failed(what, error);
}

/// The ends of all partitions.
Result<Handle<rd_kafka_topic_partition_list_t>> Ends(rd_kafka_t* client) {
  const rd_kafka_metadata_t* raw = nullptr;
  const Handle<rd_kafka_topic_t> topic(rd_kafka_topic_new(client, kIn, nullptr));
  LEAT_RETURN_IF_ERROR(
      Check("metadata", rd_kafka_metadata(client, 0, topic.get(), &raw, kAnswerMs)));
  const Handle<const rd_kafka_metadata_t> metadata(raw);
  const int count = raw->topic_cnt == 1 ? raw->topics[0].partition_cnt : 0;
  Handle<rd_kafka_topic_partition_list_t> ends(rd_kafka_topic_partition_list_new(count));
  for (int p = 0; p < count; ++p) {
    int64_t low = 0, high = 0;
    LEAT_RETURN_IF_ERROR(
        Check("offsets", rd_kafka_query_watermark_offsets(client, kIn, p, &low, &high, kAnswerMs)));
    rd_kafka_topic_partition_list_add(ends.get(), kIn, p)->offset = high;
  }
  return ends;
}

Status Loop(const std::string& brokers, std::chrono::milliseconds epoch) {
  const Cluster cluster{brokers, {}, "loop"};
  LEAT_ASSIGN_OR_RETURN(auto in_conf, MakeConf(cluster, RD_KAFKA_CONSUMER,
                                               {{"group.id", "bench-loop"},
                                                {"enable.auto.commit", "false"},
                                                {"fetch.wait.max.ms", "100"},
                                                {"queued.min.messages", "1000000"}}));
  LEAT_ASSIGN_OR_RETURN(const auto in, MakeClient(RD_KAFKA_CONSUMER, std::move(in_conf)));
  rd_kafka_poll_set_consumer(in.get());
  LEAT_ASSIGN_OR_RETURN(const auto next, Ends(in.get()));
  LEAT_RETURN_IF_ERROR(Check("assign", rd_kafka_assign(in.get(), next.get())));

  LEAT_ASSIGN_OR_RETURN(auto out_conf, MakeConf(cluster, RD_KAFKA_PRODUCER,
                                                {{"transactional.id", "bench-loop"},
                                                 {"linger.ms", "0"},
                                                 {"retry.backoff.ms", "5"}}));
  LEAT_ASSIGN_OR_RETURN(const auto out, MakeClient(RD_KAFKA_PRODUCER, std::move(out_conf)));
  LEAT_RETURN_IF_ERROR(Check("init", rd_kafka_init_transactions(out.get(), kAnswerMs)));
  const Handle<rd_kafka_topic_t> topic(rd_kafka_topic_new(out.get(), kOut, nullptr));
  const Handle<rd_kafka_consumer_group_metadata_t> group(
      rd_kafka_consumer_group_metadata_new("bench-loop"));
  const Handle<rd_kafka_queue_t> queue(rd_kafka_queue_get_consumer(in.get()));
  fmt::print("ready\n");
  std::fflush(stdout);

  std::vector<rd_kafka_message_t*> batch(10'000);
  bool open = false;
  Clock::time_point end;
  while (stopped == 0) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()).count();
    const auto count = rd_kafka_consume_batch_queue(
        queue.get(), open ? static_cast<int>(std::clamp<int64_t>(left, 0, 1)) : 100, batch.data(),
        open ? batch.size() : 1);
    for (ssize_t i = 0; i < count; ++i) {
      const Handle<rd_kafka_message_t> message(batch[static_cast<size_t>(i)]);
      if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) continue;
      if (!std::exchange(open, true)) {
        end = Clock::now() + epoch;
        LEAT_RETURN_IF_ERROR(Check("begin", rd_kafka_begin_transaction(out.get())));
      }
      next->elems[message->partition].offset = message->offset + 1;
      if (rd_kafka_produce(topic.get(), RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY,
                           message->payload, message->len, message->key, message->key_len,
                           nullptr) != 0) {
        return Failed("produce", rd_kafka_last_error());
      }
    }
    rd_kafka_poll(out.get(), 0);
    if (!open || Clock::now() < end) continue;
    LEAT_RETURN_IF_ERROR(Check("offsets", rd_kafka_send_offsets_to_transaction(
                                              out.get(), next.get(), group.get(), kAnswerMs)));
    LEAT_RETURN_IF_ERROR(Check("commit", rd_kafka_commit_transaction(out.get(), kAnswerMs)));
    open = false;
  }
  return Status::Ok();
}

}  // namespace
}  // namespace leat::kafka

int main(int argc, char** argv) {
  const int epoch = argc == 3 ? std::atoi(argv[2]) : 0;
  if (epoch <= 0) {
    fmt::print(stderr, "usage: kafka_loop BROKERS EPOCH_MILLISECONDS\n");
    return 2;
  }
  const auto stop = [](int) { leat::kafka::stopped = 1; };
  std::signal(SIGTERM, stop);
  std::signal(SIGINT, stop);
  const leat::Status status = leat::kafka::Loop(argv[1], std::chrono::milliseconds(epoch));
  if (!status.ok()) fmt::print(stderr, "kafka_loop: {}\n", status.message());
  return status.ok() ? 0 : 1;
}
