#include "connectors/kafka/producer.h"

#include <fmt/format.h>

#include <algorithm>

namespace leat::kafka {
namespace {

using Settings = std::vector<std::pair<std::string, std::string>>;

/// What a batch of one message takes besides key, payload and headers, at the most.
constexpr int64_t kBatchOverhead = 128;
constexpr int64_t kDefaultBatch = 1'000'000, kLargestMessage = 128'000'000;
/// How long the answers to what was sent are waited for at the end of a producer.
constexpr int kLastAnswersMs = 1000;

/// Neither the client nor a batch may be larger than what the topics take: a batch that is refused
/// is not split.
void AddLimits(const SinkOptions& options, Settings& settings) {
  int64_t least = INT64_MAX, most = 0;
  for (size_t i = 0; i < options.topics.size(); ++i) {
    if (options.topics[i].empty()) continue;
    const int64_t limit = options.max_message_bytes[i];
    if (limit > 0) least = std::min(least, limit);
    most = std::max(most, limit > 0 ? limit : kLargestMessage);
  }
  const int64_t batch = least == INT64_MAX ? kDefaultBatch : least - kBatchOverhead;
  settings.emplace_back("batch.size", std::to_string(std::clamp<int64_t>(batch, 1, kDefaultBatch)));
  settings.emplace_back("message.max.bytes",
                        std::to_string(std::clamp<int64_t>(most, 1000, 1'000'000'000)));
}

Settings ProducerSettings(const SinkOptions& options, bool transactional) {
  Settings settings = {
      {"linger.ms", std::to_string(options.linger_ms)},
      {"delivery.report.only.error", "true"},
      {"queue.buffering.max.messages", "4000000"},
      // What waits for a commit is bounded by who asks for it; the rest only by this.
      {"queue.buffering.max.kbytes", transactional ? "2097151" : "131072"},
      // A key goes to the partition where Java's clients would put it.
      {"partitioner", "murmur2_random"},
      {"topic.metadata.propagation.max.ms", std::to_string(2 * options.transaction_timeout_ms)},
      // A transaction that begins while the markers of the one before are being written is refused,
      // and asks again after this: 100 ms unless said, in which the next one has been waiting, too.
      {"retry.backoff.ms", "5"},
  };
  AddLimits(options, settings);
  return settings;
}

}  // namespace

Result<std::unique_ptr<Producer>> Producer::Make(const SinkOptions& options, bool transactional) {
  std::unique_ptr<Producer> made(new Producer(options, transactional));
  LEAT_ASSIGN_OR_RETURN(
      Handle<rd_kafka_conf_t> conf,
      MakeConf(options.cluster, RD_KAFKA_PRODUCER, ProducerSettings(options, transactional)));
  // One request at a time: of two, the second may be taken by a partition that has just got its
  // leader as its first batch; the first, tried again, then passes for a duplicate, and is lost.
  LEAT_RETURN_IF_ERROR(Insist(*conf, {{"enable.idempotence", "true"},
                                      {"acks", "all"},
                                      // A topic that is gone is an error, whatever brokers allow.
                                      {"allow.auto.create.topics", "false"},
                                      {"max.in.flight.requests.per.connection", "1"}}));
  const std::string timeout = std::to_string(options.transaction_timeout_ms);
  LEAT_RETURN_IF_ERROR(transactional
                           ? Insist(*conf, {{"transactional.id", options.transactional_id},
                                            {"transaction.timeout.ms", timeout},
                                            {"message.timeout.ms", timeout}})
                           : Insist(*conf, {{"message.timeout.ms", "0"}}));
  for (const auto& [name, value] : options.cluster.properties) {
    if (name.starts_with("compression.") && value != "none") made->compressed_ = true;
  }
  rd_kafka_conf_set_opaque(conf.get(), made.get());
  rd_kafka_conf_set_dr_msg_cb(conf.get(), OnDelivery);
  LEAT_ASSIGN_OR_RETURN(made->client_, MakeClient(RD_KAFKA_PRODUCER, std::move(conf)));
  for (size_t i = 0; i < options.topics.size(); ++i) {
    Topic& topic = made->topics_[i];
    topic.name = options.topics[i];
    if (topic.name.empty()) continue;
    topic.handle = rd_kafka_topic_new(made->client_.get(), topic.name.c_str(), nullptr);
    if (topic.handle == nullptr) {
      return kafka::Failed(fmt::format("topic {}", topic.name), rd_kafka_last_error());
    }
  }
  return made;
}

Producer::~Producer() {
  if (!client_) return;
  if (transactional_ && rd_kafka_outq_len(client_.get()) > 0) {
    // librdkafka 2.0.2 frees its text about a transaction that has failed before its threads end;
    // an answer that fails it once more in between frees that again. So answers are waited for.
    rd_kafka_purge(client_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_NON_BLOCKING);
    rd_kafka_flush(client_.get(), kLastAnswersMs);
  }
  rd_kafka_purge(client_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
                                    RD_KAFKA_PURGE_F_NON_BLOCKING);
  for (const Topic& topic : topics_) {
    if (topic.handle != nullptr) rd_kafka_topic_destroy(topic.handle);
  }
}

Status Producer::WarmUp(Patience& patience) {
  for (size_t i = 0; i < topics_.size();) {
    if (!has_topic(i)) {
      ++i;
      continue;
    }
    const rd_kafka_metadata_t* raw = nullptr;
    rd_kafka_resp_err_t error =
        rd_kafka_metadata(client_.get(), 0, topics_[i].handle, &raw, kSliceMs);
    const Handle<const rd_kafka_metadata_t> metadata(raw);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR && raw->topic_cnt == 1) error = raw->topics[0].err;
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
      patience.Progress();
      ++i;
      continue;
    }
    if (!patience.Bears(error)) {
      failed_sink_ = i;
      return Permanent(kafka::Take(error));
    }
    LEAT_RETURN_IF_ERROR(patience.Pause(rd_kafka_err2str(error)));
  }
  return Status::Ok();
}

// ---- Sending ----

Result<CallError> Producer::Send(const Outputs& outputs, bool copy, Patience& patience) {
  LEAT_ASSIGN_OR_RETURN(CallError error, SendPredictions(outputs, copy, patience));
  const auto parts = outputs.parts();
  for (size_t i = 1; i < parts.size() && !error; ++i) {
    LEAT_ASSIGN_OR_RETURN(error, SendLines(i, parts[i], copy, patience));
  }
  return error;
}

Result<CallError> Producer::SendPredictions(const Outputs& outputs, bool copy, Patience& patience) {
  if (!has_topic(0)) return CallError();
  std::string_view lines = outputs.predictions, envelopes = outputs.envelopes;
  const auto take = [](std::string_view& from, size_t bytes) {
    const std::string_view taken = from.substr(0, bytes);
    from.remove_prefix(taken.size());
    return taken;
  };
  for (const Outputs::Frame& frame : outputs.frames) {
    Parts parts;
    parts.copy = copy;
    parts.payload = take(lines, frame.bytes);
    if (parts.payload.ends_with('\n')) parts.payload.remove_suffix(1);
    parts.has_key = frame.has_key;
    parts.key = take(envelopes, frame.key);
    const std::string_view id = take(envelopes, frame.id), trace = take(envelopes, frame.trace);
    if (options_.headers) {
      const auto add = [&](std::string_view name, std::string_view value) {
        if (!value.empty()) parts.headers[parts.header_count++] = {name, value};
      };
      add("leat-event-id", id);
      add("leat-model-version", options_.model_version);
      add("traceparent", trace);
    }
    LEAT_ASSIGN_OR_RETURN(CallError error, SendOne(parts, patience));
    if (error) return error;
  }
  return SendLines(0, lines, copy, patience);
}

Result<CallError> Producer::SendLines(size_t sink, std::string_view text, bool copy,
                                      Patience& patience) {
  Parts parts;
  parts.sink = sink;
  parts.copy = copy;
  while (has_topic(sink) && !text.empty()) {
    const size_t end = text.find('\n');
    parts.payload = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    LEAT_ASSIGN_OR_RETURN(CallError error, SendOne(parts, patience));
    if (error) return error;
  }
  return CallError();
}

Result<CallError> Producer::Send(const Loose& message, Patience& patience) {
  if (!has_topic(message.sink)) return CallError();
  Parts parts;
  parts.sink = message.sink;
  parts.copy = true;
  parts.payload = message.payload;
  parts.has_key = message.has_key;
  parts.key = message.key;
  for (const auto& [name, value] : message.headers) {
    if (parts.header_count == parts.headers.size()) break;
    parts.headers[parts.header_count++] = {name, value};
  }
  return SendOne(parts, patience);
}

Result<CallError> Producer::SendOne(const Parts& parts, Patience& patience) {
  const int64_t limit = options_.max_message_bytes[parts.sink];
  const size_t size = parts.payload.size() + parts.key.size();
  if (limit > 0 && !compressed_ && size > static_cast<size_t>(limit)) {
    failed_sink_ = parts.sink;
    failed_bytes_ = size;
    return kafka::Take(RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
  }
  for (;;) {
    CallError error = Enqueue(parts);
    if (error.code != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
      if (error) failed_sink_ = parts.sink, failed_bytes_ = size;
      return error;
    }
    const int waiting = rd_kafka_outq_len(client_.get());
    rd_kafka_poll(client_.get(), 20);
    if (failure_) return failure_;
    if (CallError fatal = Fatal()) return fatal;
    if (rd_kafka_outq_len(client_.get()) < waiting) patience.Progress();
    LEAT_RETURN_IF_ERROR(patience.Check("the queue of messages is full"));
  }
}

CallError Producer::Enqueue(const Parts& parts) {
  // librdkafka takes pointers that are not const, and changes nothing behind them.
  void* const payload = const_cast<char*>(parts.payload.data());
  void* const key = parts.has_key ? const_cast<char*>(parts.key.data()) : nullptr;
  const int flags = parts.copy ? RD_KAFKA_MSG_F_COPY : 0;
  rd_kafka_topic_t* const topic = topics_[parts.sink].handle;
  if (parts.header_count == 0) {
    const int failed = rd_kafka_produce(topic, RD_KAFKA_PARTITION_UA, flags, payload,
                                        parts.payload.size(), key, parts.key.size(), nullptr);
    return kafka::Take(failed == 0 ? RD_KAFKA_RESP_ERR_NO_ERROR : rd_kafka_last_error());
  }
  // Made here with room for just those: given one by one, they would be in a list of eight.
  Handle<rd_kafka_headers_t> headers(rd_kafka_headers_new(parts.header_count));
  for (size_t i = 0; i < parts.header_count; ++i) {
    const auto& [name, value] = parts.headers[i];
    rd_kafka_header_add(headers.get(), name.data(), static_cast<ssize_t>(name.size()), value.data(),
                        static_cast<ssize_t>(value.size()));
  }
  std::array<rd_kafka_vu_t, 5> fields;
  size_t count = 0;
  const auto add = [&](rd_kafka_vtype_t type) -> rd_kafka_vu_t& {
    fields[count].vtype = type;
    return fields[count++];
  };
  add(RD_KAFKA_VTYPE_RKT).u.rkt = topic;
  add(RD_KAFKA_VTYPE_VALUE).u.mem = {payload, parts.payload.size()};
  if (parts.has_key) add(RD_KAFKA_VTYPE_KEY).u.mem = {key, parts.key.size()};
  add(RD_KAFKA_VTYPE_MSGFLAGS).u.i = flags;
  add(RD_KAFKA_VTYPE_HEADERS).u.headers = headers.get();
  CallError error = kafka::Take(rd_kafka_produceva(client_.get(), fields.data(), count));
  if (!error) static_cast<void>(headers.release());  // They are the message's.
  return error;
}

Result<CallError> Producer::Flush(Patience& patience) {
  // Only failures are reported, so librdkafka looks for the end of the rest every 10 ms; short
  // waits make it look sooner, as short as what has been waited so far makes worth while.
  const auto start = std::chrono::steady_clock::now();
  for (;;) {
    const int waiting = rd_kafka_outq_len(client_.get());
    const auto waited = std::chrono::duration_cast<std::chrono::milliseconds>(
                            std::chrono::steady_clock::now() - start)
                            .count();
    const rd_kafka_resp_err_t error = rd_kafka_flush(
        client_.get(), static_cast<int>(std::clamp<int64_t>(waited / 4, 1, kSliceMs)));
    if (failure_) return failure_;
    if (CallError fatal = Fatal()) return fatal;
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return CallError();
    if (rd_kafka_outq_len(client_.get()) < waiting) patience.Progress();
    LEAT_RETURN_IF_ERROR(patience.Check(rd_kafka_err2str(error)));
  }
}

void Producer::AwaitFailure() {
  constexpr int kPollMs = 10, kMostPolls = 50;
  for (int polls = 0; !failure_ && polls < kMostPolls; ++polls) {
    rd_kafka_poll(client_.get(), kPollMs);
  }
}

void Producer::Drop() {
  rd_kafka_purge(client_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  rd_kafka_flush(client_.get(), 1000);
}

// ---- What went wrong ----

void Producer::OnDelivery(rd_kafka_t* client, const rd_kafka_message_t* message, void* self) {
  (void)client;
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) static_cast<Producer*>(self)->Failed(*message);
}

void Producer::Failed(const rd_kafka_message_t& message) {
  size_t sink = 0;
  while (sink + 1 < topics_.size() && topics_[sink].handle != message.rkt) ++sink;
  const size_t size = message.len + message.key_len;
  const bool permanent = IsPermanent(message.err);
  // A batch is refused as a whole: the largest of its messages tells most.
  if (!failure_ || (permanent && (!IsPermanent(failure_.code) || size > failed_bytes_))) {
    failure_ = kafka::Take(message.err);
    failed_sink_ = sink;
    failed_bytes_ = size;
  }
  if (transactional_) return;
  const auto text = [](const void* bytes, size_t count) {
    return bytes == nullptr ? std::string() : std::string(static_cast<const char*>(bytes), count);
  };
  Loose kept{sink,
             message.key != nullptr,
             text(message.key, message.key_len),
             text(message.payload, message.len),
             {}};
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(&message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
    const char* name = nullptr;
    const void* value = nullptr;
    size_t count = 0;
    for (size_t i = 0;
         rd_kafka_header_get_all(headers, i, &name, &value, &count) == RD_KAFKA_RESP_ERR_NO_ERROR;
         ++i) {
      kept.headers.emplace_back(name, text(value, count));
    }
  }
  failed_.push_back(std::move(kept));
}

CallError Producer::Fatal() const {
  std::array<char, 512> why{};
  CallError error = kafka::Take(rd_kafka_fatal_error(client_.get(), why.data(), why.size()));
  if (error) error.fatal = true, error.text = why.data();
  return error;
}

Status Producer::Permanent(const CallError& error) const {
  constexpr std::string_view kSafe = "nothing is lost: run again";
  if (!failed_sink_ && error.code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
    return Status::Io(fmt::format("group {}: an input has gone: {}; {} after this was put right",
                                  options_.group, error.text, kSafe));
  }
  const std::string topic =
      failed_sink_ ? topics_[*failed_sink_].name : "of group " + options_.group;
  switch (error.code) {
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE: {
      const int64_t limit = failed_sink_ ? options_.max_message_bytes[*failed_sink_] : 0;
      return Status::Io(fmt::format(
          "topic {}: a message of {} bytes is larger than what it takes{}; {} after its "
          "max.message.bytes was raised",
          topic, failed_bytes_, limit > 0 ? fmt::format(" ({})", limit) : "", kSafe));
    }
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
      return Status::Io(
          fmt::format("topic {}: does not exist; {} after it was made", topic, kSafe));
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
      return Status::Io(fmt::format("topic {}: no permission to write to it; {} after it was given",
                                    topic, kSafe));
    case RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT:
      return Status::Io(
          fmt::format("kafka: a transaction timeout of {} ms is more than the brokers allow "
                      "(transaction.max.timeout.ms); {} with less",
                      options_.transaction_timeout_ms, kSafe));
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
      return Status::Io(fmt::format(
          "kafka: no permission (group {}, transactional id {}): {}; {} after it was given",
          options_.group, options_.transactional_id, error.text, kSafe));
    default:
      return Status::Io(
          fmt::format("topic {}: {}; {} after this was put right", topic, error.text, kSafe));
  }
}

}  // namespace leat::kafka
