#include "connectors/kafka/kafka_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <string_view>
#include <thread>
#include <utility>

#include "base/hash.h"
#include "connectors/kafka/topics.h"
#include "connectors/kafka/wake_up.h"

namespace leat::kafka {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kAnswerMs = 30'000;
constexpr auto kAnswerPause = std::chrono::milliseconds(50);
/// A wait for messages, before it is asked whether to give up.
constexpr int kWaitMs = 100;
/// Bytes below which messages are bounded by their number.
constexpr int64_t kSmallMessage = 832;
/// Of what may be fetched ahead, the part that one answer of a broker brings.
constexpr int64_t kAnswersAhead = 16;
/// How often it is seen whether a queue that was long has become short.
constexpr auto kNudge = std::chrono::milliseconds(5);
/// From here on librdkafka looks by itself (fetch.queue.backoff.ms).
constexpr int kLooksItself = 0x02020000;
/// Messages taken from one input's queue at a time.
constexpr size_t kRefill = 256;
/// How long the others wait for an input that has more, which has not come yet.
constexpr auto kStall = std::chrono::milliseconds(100);
constexpr int kStallMs = 5;
constexpr auto kServe = std::chrono::milliseconds(100);
/// When a topic is said to be missing, it is asked for every so often, and is so after so long: a
/// broker that has just come back may not know of it yet.
constexpr auto kAskAgain = std::chrono::seconds(2);
constexpr auto kMissing = std::chrono::seconds(10);
constexpr int kAskMs = 1000;
constexpr int kEndsMs = 500;

/// Messages as librdkafka gave them, which are its memory, and views of those that are wanted.
struct Batch {
  Batch() = default;
  Batch(Batch&&) = default;
  ~Batch() { Clear(); }

  void Clear() {
    for (rd_kafka_message_t* message : held) rd_kafka_message_destroy(message);
    held.clear();
    messages.clear();
  }

  std::vector<rd_kafka_message_t*> held;
  std::vector<Message> messages;
};

struct Input {
  Handle<rd_kafka_queue_t> queue;
  int64_t expected = 0;  ///< Offset of the next message; later if there are gaps.
  bool ended = false;    ///< Nothing had followed when last heard,
  int64_t end = -1;      ///< where it stood then.
  Batch batch;           ///< While live, what has come,
  size_t given = 0;      ///< and how many of its messages were given out.
  bool stalled = false;  ///< The others wait for it no more.
  bool ahead = false;    ///< Since it was last nudged for, its queue has been long.
  bool Empty() const { return given == batch.messages.size(); }
};

int64_t TimeOf(const rd_kafka_message_t& message) {
  rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
  const int64_t time = rd_kafka_message_timestamp(&message, &type);
  return type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? -1 : time;
}

std::string_view PayloadOf(const rd_kafka_message_t& message) {
  return {static_cast<const char*>(message.payload), message.len};
}

Message View(uint32_t input, const rd_kafka_message_t& from, bool traceparent) {
  Message message;
  message.input = input;
  message.offset = from.offset;
  message.timestamp = TimeOf(from);
  message.tombstone = from.payload == nullptr;
  message.key = {static_cast<const char*>(from.key), from.key_len};
  message.payload = PayloadOf(from);
  if (!traceparent) return message;
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(&from, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
    const void* value = nullptr;
    size_t size = 0;
    if (rd_kafka_header_get_last(headers, "traceparent", &value, &size) ==
        RD_KAFKA_RESP_ERR_NO_ERROR) {
      message.traceparent = {static_cast<const char*>(value), size};
    }
  }
  return message;
}

/// Whether a partition cannot be read for good after this, though it is there.
bool Unreadable(rd_kafka_resp_err_t error) {
  switch (error) {
    case RD_KAFKA_RESP_ERR__BAD_MSG:
    case RD_KAFKA_RESP_ERR__BAD_COMPRESSION:
    case RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED:
    case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
    case RD_KAFKA_RESP_ERR__UNDERFLOW:
    case RD_KAFKA_RESP_ERR__FATAL:
    case RD_KAFKA_RESP_ERR_INVALID_MSG:
    case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_COMPRESSION_TYPE:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION:
      return true;
    default:
      return false;
  }
}

/// The answer to what is asked again while leaders move; a time-out is one, for it was long enough.
template <typename Question>
rd_kafka_resp_err_t Retried(Question ask) {
  const auto until = Clock::now() + std::chrono::milliseconds(kAnswerMs);
  for (;;) {
    const rd_kafka_resp_err_t error = ask();
    switch (error) {
      case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
      case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
      case RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE:
      case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
      case RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH:
      case RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH:
      case RD_KAFKA_RESP_ERR__TRANSPORT:
        break;
      default:
        return error;
    }
    if (Clock::now() > until) return error;
    std::this_thread::sleep_for(kAnswerPause);
  }
}

class Source final : public MessageSource {
 public:
  explicit Source(const SourceOptions& options)
      : options_(options), inputs_(options.inputs.size()) {}
  ~Source() override { Close(); }

  Status Open();
  const std::vector<InputPartition>& inputs() const override { return options_.inputs; }
  Result<std::vector<int64_t>> FirstOffsets() override;
  Result<std::vector<int64_t>> OldestOffsets() override;
  Status Start(std::span<const InputMark> marks) override;
  Result<MessageBatch> Read(uint32_t input, size_t least, size_t most) override;
  Status Live(std::span<const int64_t> next) override;
  Result<std::span<const Message>> Poll(size_t most) override;
  bool returned() const override { return returned_; }
  void OnReady(std::function<void()> ready) override { wake_up_.Start(std::move(ready)); }
  std::vector<int64_t> Ends() const override;
  int64_t ReadTo(uint32_t input) const override {
    const Input& in = inputs_[input];
    return in.ended && in.Empty() ? in.end : -1;
  }
  bool AtEnds() override;

 private:
  struct Watermarks {
    int64_t low = 0, high = 0;
  };

  Handle<rd_kafka_topic_partition_list_t> Partitions(int64_t offset) const;
  Status FindTopics(int timeout_ms);
  Result<Watermarks> Ask(size_t input);
  template <typename Question>
  Result<std::vector<int64_t>> AskForAll(std::string_view what, int64_t value, Question ask);
  Status Assign(std::span<const int64_t> offsets);
  Status Stand(std::span<const InputMark> marks);
  void Close();
  Status Verify(uint32_t input, const InputMark& mark);
  Status Await(uint32_t input, Batch& batch);
  Status Take(uint32_t input, size_t most, int wait_ms, Batch& batch);
  Status Accept(uint32_t input, const rd_kafka_message_t& message, Batch& batch);
  Status Hear(uint32_t input, const rd_kafka_message_t& event);
  Status Gather(size_t most);
  Status Refill(uint32_t input);
  bool Behind(uint32_t input) const;
  void Nudge(bool now);
  Status Serve();
  Status AskForTopics(Clock::time_point now);
  static void Doubt(rd_kafka_t* client, int error, const char* text, void* self);
  std::string Name(size_t input) const {
    const InputPartition& partition = options_.inputs[input];
    return fmt::format("kafka: topic {}, partition {}", partition.topic, partition.number);
  }

  const SourceOptions options_;
  WakeUp wake_up_;
  Handle<rd_kafka_t> client_;
  std::vector<Input> inputs_;
  std::vector<uint32_t> heads_;  ///< Inputs that have messages, as a heap by their times.
  std::vector<Message> given_;   ///< By Poll, with
  std::vector<Batch> spent_;     ///< what of it belongs to no input's batch any more.
  bool assigned_ = false;
  bool live_ = false;
  Status status_;          ///< What has stopped it, if anything has.
  bool doubted_ = false;   ///< Some topic is said not to be there any more,
  bool returned_ = false;  ///< and then it was.
  size_t short_ = 0;       ///< A queue of fewer messages is filled again.
  size_t much_ = 0;        ///< Bytes that say that a queue was long, however few the messages.
  Clock::time_point served_, asked_, known_, nudged_;
};

Status Source::Open() {
  // All partitions together hold what is allowed, and none asks for most of it at once.
  const auto count = static_cast<int64_t>(std::max<size_t>(options_.inputs.size(), 1));
  const int64_t kilobytes = std::clamp<int64_t>(options_.queued_kilobytes / count, 64, 2'097'151);
  // A message costs librdkafka some 600 bytes beside what it carries, so small ones are bounded by
  // their number: what has waited for long is in no cache any more, and takes memory.
  const int64_t messages = std::max<int64_t>(kilobytes * 1024 / kSmallMessage, 1000);
  const int64_t fetch = std::clamp<int64_t>(kilobytes * 1024 / kAnswersAhead, 64 << 10, 1 << 20);
  short_ = static_cast<size_t>(messages / 2);
  much_ = static_cast<size_t>(kilobytes * 1024 / 4);
  std::vector<std::pair<std::string, std::string>> settings = {
      {"allow.auto.create.topics", "false"},
      {"check.crcs", "true"},
      // Where some partitions have been read to their ends and the queues of the others are full,
      // the others wait so long for a question that only is about the first.
      {"fetch.wait.max.ms", "50"},
      {"fetch.error.backoff.ms", "100"},
      {"fetch.message.max.bytes", std::to_string(fetch)},
      {"queued.min.messages", std::to_string(messages)},
      {"queued.max.messages.kbytes", std::to_string(kilobytes)}};
  if (rd_kafka_version() >= kLooksItself) {
    settings.emplace_back("fetch.queue.backoff.ms", std::to_string(kNudge.count()));
  }
  LEAT_ASSIGN_OR_RETURN(Handle<rd_kafka_conf_t> conf,
                        MakeConf(options_.cluster, RD_KAFKA_CONSUMER, settings));
  rd_kafka_conf_set_opaque(conf.get(), this);
  rd_kafka_conf_set_error_cb(conf.get(), Doubt);
  // What the offsets rest on is not for the properties to change.
  LEAT_RETURN_IF_ERROR(Insist(
      *conf,
      {{"group.id", options_.group.empty() ? "leat" : options_.group},
       {"enable.auto.commit", "false"},
       {"enable.auto.offset.store", "false"},
       {"enable.partition.eof", "true"},
       {"auto.offset.reset", "error"},
       {"isolation.level", options_.read_committed ? "read_committed" : "read_uncommitted"}}));
  LEAT_ASSIGN_OR_RETURN(client_, MakeClient(RD_KAFKA_CONSUMER, std::move(conf)));
  rd_kafka_poll_set_consumer(client_.get());
  return FindTopics(kAnswerMs);
}

/// Whether all partitions are there. Io if no broker answers, Invalid if one is not there for us.
Status Source::FindTopics(int timeout_ms) {
  std::map<std::string_view, int32_t> counts;
  for (size_t i = 0; i < inputs_.size(); ++i) {
    const InputPartition& partition = options_.inputs[i];
    if (!counts.contains(partition.topic)) {
      LEAT_ASSIGN_OR_RETURN(counts[partition.topic],
                            CountPartitions(client_.get(), partition.topic, timeout_ms));
    }
    if (partition.number < counts[partition.topic]) continue;
    return Status::Invalid(Name(i) + ": there is no such topic or partition");
  }
  return Status::Ok();
}

/// What librdkafka lent is given back first: it would wait for it for ever.
void Source::Close() {
  given_.clear();
  spent_.clear();
  for (Input& input : inputs_) {
    if (input.queue) rd_kafka_queue_io_event_enable(input.queue.get(), -1, nullptr, 0);
  }
  inputs_ = std::vector<Input>(options_.inputs.size());
  if (client_) Discard(std::move(client_));
  assigned_ = false;
}

// ---- Offsets ----

Handle<rd_kafka_topic_partition_list_t> Source::Partitions(int64_t offset) const {
  Handle<rd_kafka_topic_partition_list_t> list(
      rd_kafka_topic_partition_list_new(static_cast<int>(inputs_.size())));
  for (const InputPartition& partition : options_.inputs) {
    rd_kafka_topic_partition_list_add(list.get(), partition.topic.c_str(), partition.number)
        ->offset = offset;
  }
  return list;
}

Result<Source::Watermarks> Source::Ask(size_t input) {
  const InputPartition& partition = options_.inputs[input];
  Watermarks marks;
  const rd_kafka_resp_err_t error = Retried([&] {
    return rd_kafka_query_watermark_offsets(client_.get(), partition.topic.c_str(),
                                            partition.number, &marks.low, &marks.high, kAnswerMs);
  });
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return Failed(Name(input) + ": its offsets cannot be had", error);
  }
  return marks;
}

Result<std::vector<int64_t>> Source::OldestOffsets() {
  std::vector<int64_t> offsets(inputs_.size());
  for (size_t i = 0; i < offsets.size(); ++i) {
    LEAT_ASSIGN_OR_RETURN(const Watermarks marks, Ask(i));
    offsets[i] = marks.low;
  }
  return offsets;
}

Result<std::vector<int64_t>> Source::FirstOffsets() {
  std::vector<int64_t> offsets(inputs_.size(), RD_KAFKA_OFFSET_INVALID);
  using Start = SourceOptions::Start;
  if (options_.start == Start::kCommitted) {
    LEAT_ASSIGN_OR_RETURN(
        offsets, AskForAll("the offsets of group " + options_.group, RD_KAFKA_OFFSET_INVALID,
                           [&](rd_kafka_topic_partition_list_t* list) {
                             return rd_kafka_committed(client_.get(), list, kAnswerMs);
                           }));
  } else if (options_.start == Start::kTime) {
    LEAT_ASSIGN_OR_RETURN(offsets, AskForAll("the offsets at a time", options_.start_time,
                                             [&](rd_kafka_topic_partition_list_t* list) {
                                               return rd_kafka_offsets_for_times(client_.get(),
                                                                                 list, kAnswerMs);
                                             }));
  }
  const bool at_end = options_.start == Start::kLatest || options_.start == Start::kTime;
  for (size_t i = 0; i < offsets.size(); ++i) {
    LEAT_ASSIGN_OR_RETURN(const Watermarks marks, Ask(i));
    // What is outside is of another life of the topic, or its messages are gone.
    if (offsets[i] >= marks.low && offsets[i] <= marks.high) continue;
    offsets[i] = at_end ? marks.high : marks.low;
  }
  return offsets;
}

/// What `ask` puts into a list, which holds `value` for each input before.
template <typename Question>
Result<std::vector<int64_t>> Source::AskForAll(std::string_view what, int64_t value, Question ask) {
  std::vector<int64_t> offsets;
  const rd_kafka_resp_err_t error = Retried([&] {
    const auto list = Partitions(value);
    rd_kafka_resp_err_t result = ask(list.get());
    offsets.clear();
    for (int i = 0; i < list->cnt; ++i) {
      if (result == RD_KAFKA_RESP_ERR_NO_ERROR) result = list->elems[i].err;
      offsets.push_back(list->elems[i].offset);
    }
    return result;
  });
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return offsets;
  return Failed(fmt::format("kafka: {} cannot be had", what), error);
}

std::vector<int64_t> Source::Ends() const {
  std::vector<int64_t> ends(inputs_.size(), -1);
  for (size_t i = 0; i < ends.size() && client_; ++i) {
    const InputPartition& partition = options_.inputs[i];
    int64_t low = 0, high = 0;
    if (rd_kafka_get_watermark_offsets(client_.get(), partition.topic.c_str(), partition.number,
                                       &low, &high) == RD_KAFKA_RESP_ERR_NO_ERROR) {
      ends[i] = std::max<int64_t>(high, -1);
    }
  }
  return ends;
}

bool Source::AtEnds() {
  if (!client_ || doubted_ || returned_) return false;
  for (uint32_t i = 0; i < inputs_.size(); ++i) {
    if (ReadTo(i) < 0) return false;
  }
  const auto list = Partitions(RD_KAFKA_OFFSET_END);
  if (rd_kafka_offsets_for_times(client_.get(), list.get(), kEndsMs) !=
      RD_KAFKA_RESP_ERR_NO_ERROR) {
    return false;
  }
  for (int i = 0; i < list->cnt; ++i) {
    const rd_kafka_topic_partition_t& end = list->elems[i];
    if (end.err != RD_KAFKA_RESP_ERR_NO_ERROR || end.offset < 0) return false;
    if (end.offset > inputs_[static_cast<size_t>(i)].end) return false;
  }
  return true;
}

// ---- Standing somewhere ----

/// A consumer that has been somewhere else may still hand out messages of there (librdkafka's known
/// issue up to 2.1): a new one is made.
Status Source::Assign(std::span<const int64_t> offsets) {
  if (assigned_) {
    Close();
    LEAT_RETURN_IF_ERROR(Open());
  }
  assigned_ = true;
  const auto list = Partitions(0);
  for (size_t i = 0; i < inputs_.size(); ++i) {
    const InputPartition& partition = options_.inputs[i];
    inputs_[i].expected = list->elems[i].offset = offsets[i];
    inputs_[i].queue.reset(
        rd_kafka_queue_get_partition(client_.get(), partition.topic.c_str(), partition.number));
    if (!inputs_[i].queue) return Status::Io(Name(i) + ": it has no queue");
    // Before the assignment; else it would be forwarded to the consumer's.
    rd_kafka_queue_forward(inputs_[i].queue.get(), nullptr);
  }
  const rd_kafka_resp_err_t error = rd_kafka_assign(client_.get(), list.get());
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return Failed("kafka: no assignment", error);
  return Status::Ok();
}

Status Source::Start(std::span<const InputMark> marks) {
  live_ = false;
  returned_ = false;
  const Status standing = Stand(marks);
  // Nothing is to be read from where it stands now; a doubt meanwhile asks for another start, too.
  if (!standing.ok()) returned_ = true;
  return standing;
}

Status Source::Stand(std::span<const InputMark> marks) {
  // The start before may have ended without a client.
  if (!client_) LEAT_RETURN_IF_ERROR(Open());
  std::vector<int64_t> offsets(inputs_.size());
  for (size_t i = 0; i < offsets.size(); ++i) {
    const InputMark& mark = marks[i];
    LEAT_ASSIGN_OR_RETURN(const Watermarks kept, Ask(i));
    if (kept.low > mark.next) {
      return Status::Corrupt(fmt::format(
          "{}: messages from offset {} on are needed, but those before {} have expired: --rebuild "
          "learns from what is left, --fresh starts again",
          Name(i), mark.next, kept.low));
    }
    if (kept.high < mark.next) {
      return Status::Corrupt(fmt::format(
          "{}: it ends at offset {}, but messages up to {} had been read: the topic was deleted "
          "and made again, or has lost messages. --rebuild learns from what is there, --fresh "
          "starts again",
          Name(i), kept.high, mark.next));
    }
    // It begins with the message that was read last, to see whether it is still the same.
    offsets[i] = mark.last >= kept.low ? mark.last : mark.next;
  }
  LEAT_RETURN_IF_ERROR(Assign(offsets));
  for (uint32_t i = 0; i < inputs_.size(); ++i) {
    if (marks[i].last >= 0 && offsets[i] == marks[i].last) {
      LEAT_RETURN_IF_ERROR(Verify(i, marks[i]));
    }
    inputs_[i].expected = marks[i].next;
  }
  return Status::Ok();
}

Status Source::Verify(uint32_t input, const InputMark& mark) {
  Batch batch;
  LEAT_RETURN_IF_ERROR(Await(input, batch));
  const bool same = !batch.messages.empty() && batch.messages[0].offset == mark.last &&
                    batch.messages[0].timestamp == mark.timestamp &&
                    Hash64(batch.messages[0].payload) == mark.hash;
  if (same) return Status::Ok();
  return Status::Corrupt(fmt::format(
      "{}: the message at offset {} is not the one that had been read: the topic was deleted and "
      "made again, or compacted. --rebuild learns from what is there, --fresh starts again",
      Name(input), mark.last));
}

/// Waits for one more message of an input; there is none if the partition ends.
Status Source::Await(uint32_t input, Batch& batch) {
  const Input& in = inputs_[input];
  const size_t before = batch.messages.size();
  for (;;) {
    Nudge(true);
    // What has come is taken before the end counts, which may have been heard of earlier.
    LEAT_RETURN_IF_ERROR(Take(input, 1, in.ended ? 0 : kWaitMs, batch));
    if (batch.messages.size() > before || in.ended) return Status::Ok();
    LEAT_RETURN_IF_ERROR(Serve());
    if (options_.give_up && options_.give_up()) {
      return Status::Io(Name(input) + ": stopped while waiting for messages");
    }
  }
}

Result<MessageBatch> Source::Read(uint32_t input, size_t least, size_t most) {
  LEAT_RETURN_IF_ERROR(status_);
  const auto batch = std::make_shared<Batch>();
  const std::vector<Message>& messages = batch->messages;
  while (messages.size() < least) {
    const size_t before = messages.size();
    LEAT_RETURN_IF_ERROR(Take(input, most - before, 0, *batch));
    Nudge(false);
    if (messages.size() == before) LEAT_RETURN_IF_ERROR(Await(input, *batch));
    if (messages.size() > before) continue;
    return Status::Corrupt(fmt::format(
        "{}: no message is left at offset {} or after it, where one had been read: it was "
        "deleted. --rebuild learns from what is there, --fresh starts again",
        Name(input), inputs_[input].expected));
  }
  return MessageBatch{messages, batch};
}

Status Source::Live(std::span<const int64_t> next) {
  bool back = !assigned_;
  for (size_t i = 0; i < inputs_.size(); ++i) {
    inputs_[i].batch.Clear();
    inputs_[i].given = 0;
    back = back || next[i] < inputs_[i].expected;
  }
  if (back) LEAT_RETURN_IF_ERROR(Assign(next));
  live_ = true;
  const uint64_t one = 1;
  for (size_t i = 0; i < inputs_.size(); ++i) {
    inputs_[i].expected = next[i];  // What is before is dropped as it comes.
    if (wake_up_.fd() < 0) continue;
    rd_kafka_queue_io_event_enable(inputs_[i].queue.get(), wake_up_.fd(), &one, sizeof(one));
  }
  return Status::Ok();
}

// ---- Messages ----

/// At most `most` of what an input's queue holds, events among them, is added to a batch. Empty
/// queues are asked, too: that is how librdkafka learns that it has to wake us again.
Status Source::Take(uint32_t input, size_t most, int wait_ms, Batch& batch) {
  LEAT_RETURN_IF_ERROR(status_);
  const size_t before = batch.held.size();
  batch.held.resize(before + most);
  const ssize_t count = rd_kafka_consume_batch_queue(inputs_[input].queue.get(), wait_ms,
                                                     batch.held.data() + before, most);
  batch.held.resize(before + static_cast<size_t>(std::max<ssize_t>(count, 0)));
  size_t bytes = 0;
  for (size_t i = before; i < batch.held.size(); ++i) {
    bytes += batch.held[i]->len;
    LEAT_RETURN_IF_ERROR(status_ = Accept(input, *batch.held[i], batch));
  }
  if (batch.held.size() == before + most || bytes >= much_) inputs_[input].ahead = true;
  return Status::Ok();
}

Status Source::Accept(uint32_t input, const rd_kafka_message_t& message, Batch& batch) {
  if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR) return Hear(input, message);
  Input& in = inputs_[input];
  in.ended = false;
  // What follows a doubt may be of another topic; Start goes back to before it.
  if ((live_ && doubted_) || message.offset < in.expected) return Status::Ok();
  if (message.offset > in.expected && !options_.gaps) {
    return Status::Corrupt(fmt::format(
        "{}: offset {} was expected and {} came. Topics that are compacted or written by "
        "transactions have gaps: `kafka.gaps: true`; any other has lost messages",
        Name(input), in.expected, message.offset));
  }
  in.expected = message.offset + 1;
  batch.messages.push_back(
      View(input, message, options_.traceparents && !options_.inputs[input].labels));
  return Status::Ok();
}

/// What a queue holds besides messages. What passes, such as a broker that is gone, says nothing.
Status Source::Hear(uint32_t input, const rd_kafka_message_t& event) {
  Input& in = inputs_[input];
  switch (event.err) {
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
      in.ended = true;
      in.end = event.offset;
      return Status::Ok();
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
      return Status::Io(fmt::format(
          "{}: there is no offset {} any more: messages were deleted before they were read, or the "
          "topic was made again. --rebuild learns from what is there, --fresh starts again",
          Name(input), in.expected));
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
      doubted_ = true;
      return Status::Ok();
    default:
      if (!Unreadable(event.err)) return Status::Ok();
      return Failed(Name(input) + ": it cannot be read", event.err,
                    rd_kafka_message_errstr(&event));
  }
}

Result<std::span<const Message>> Source::Poll(size_t most) {
  given_.clear();
  spent_.clear();
  if (!doubted_ && !returned_) {
    LEAT_RETURN_IF_ERROR(Gather(most));
    Nudge(given_.empty());
  }
  if (given_.empty() && !doubted_ && !returned_) {
    // Asked once more, now that what comes wakes us.
    wake_up_.Wait(true);
    LEAT_RETURN_IF_ERROR(Gather(most));
    if (!given_.empty()) wake_up_.Wait(false);
  }
  LEAT_RETURN_IF_ERROR(Serve());
  return std::span<const Message>(given_);
}

/// When an input's messages have all been given out: more, if they are there.
Status Source::Refill(uint32_t input) {
  Input& in = inputs_[input];
  if (!in.batch.held.empty()) {
    spent_.push_back(std::move(in.batch));
    in.batch.Clear();  // Moved from: empty, and said to be.
  }
  in.given = 0;
  LEAT_RETURN_IF_ERROR(Take(input, kRefill, 0, in.batch));
  if (!in.Empty()) in.stalled = false;
  return Status::Ok();
}

/// When all queues are full, 2.0.2 sleeps, and wakes after up to a second or when it is asked
/// something that is for the broker to answer. The answer is not waited for.
void Source::Nudge(bool now) {
  if (rd_kafka_version() >= kLooksItself) return;
  const auto time = Clock::now();
  if (!now && time - nudged_ < kNudge) return;
  nudged_ = time;
  Handle<rd_kafka_topic_partition_list_t> list;
  for (size_t i = 0; i < inputs_.size(); ++i) {
    Input& in = inputs_[i];
    if (!in.ahead || rd_kafka_queue_length(in.queue.get()) >= short_) continue;
    in.ahead = false;
    if (!list) list.reset(rd_kafka_topic_partition_list_new(1));
    const InputPartition& partition = options_.inputs[i];
    rd_kafka_topic_partition_list_add(list.get(), partition.topic.c_str(), partition.number)
        ->offset = RD_KAFKA_OFFSET_END;
  }
  if (list) rd_kafka_offsets_for_times(client_.get(), list.get(), 0);
}

/// Whether there is more in an input than has come so far.
bool Source::Behind(uint32_t input) const {
  const Input& in = inputs_[input];
  if (in.ended || in.stalled) return false;
  const InputPartition& partition = options_.inputs[input];
  int64_t low = 0, high = RD_KAFKA_OFFSET_INVALID;
  rd_kafka_get_watermark_offsets(client_.get(), partition.topic.c_str(), partition.number, &low,
                                 &high);
  return high < 0 || in.expected < high;
}

/// The inputs merged by the times of their messages, so that one that is read faster than another
/// does not make the other's records late. For one that has more, which has not come yet, the
/// others wait a little.
Status Source::Gather(size_t most) {
  const auto later = [&](uint32_t a, uint32_t b) {
    const int64_t time_a = inputs_[a].batch.messages[inputs_[a].given].timestamp;
    const int64_t time_b = inputs_[b].batch.messages[inputs_[b].given].timestamp;
    return time_a != time_b ? time_a > time_b : a > b;
  };
  heads_.clear();
  const auto until = Clock::now() + kStall;
  for (uint32_t i = 0; i < inputs_.size(); ++i) {
    if (inputs_[i].Empty()) LEAT_RETURN_IF_ERROR(Refill(i));
    if (!inputs_[i].Empty()) heads_.push_back(i);
  }
  for (uint32_t i = 0; i < inputs_.size() && !heads_.empty(); ++i) {
    Input& in = inputs_[i];
    if (!in.Empty()) continue;
    while (in.Empty() && Behind(i) && Clock::now() < until) {
      Nudge(false);
      in.batch.Clear();
      in.given = 0;
      // Asked for several, librdkafka would wait for all of them.
      LEAT_RETURN_IF_ERROR(Take(i, 1, kStallMs, in.batch));
      if (!in.Empty()) LEAT_RETURN_IF_ERROR(Take(i, kRefill - 1, 0, in.batch));
    }
    if (!in.Empty()) {
      heads_.push_back(i);
    } else {
      in.stalled = Behind(i);
    }
  }
  std::make_heap(heads_.begin(), heads_.end(), later);
  while (!heads_.empty() && given_.size() < most) {
    std::pop_heap(heads_.begin(), heads_.end(), later);
    const uint32_t input = heads_.back();
    Input& in = inputs_[input];
    // As long as no other input has an earlier one, it goes on.
    do {
      given_.push_back(in.batch.messages[in.given++]);
    } while (!in.Empty() && given_.size() < most &&
             (heads_.size() == 1 || !later(input, heads_.front())));
    if (in.Empty()) {
      LEAT_RETURN_IF_ERROR(Refill(input));
      if (in.Empty() && Behind(input)) break;
    }
    if (in.Empty()) {
      heads_.pop_back();
    } else {
      std::push_heap(heads_.begin(), heads_.end(), later);
    }
  }
  return Status::Ok();
}

/// What is not about one partition: librdkafka's log tells of it, and none of it stops us.
Status Source::Serve() {
  const auto now = Clock::now();
  if (now - served_ < kServe) return Status::Ok();
  served_ = now;
  while (const Handle<rd_kafka_message_t> event{rd_kafka_consumer_poll(client_.get(), 0)}) {
  }
  return status_ = AskForTopics(now);
}

Status Source::AskForTopics(Clock::time_point now) {
  if (!doubted_) known_ = now;
  if (!doubted_ || now - asked_ < kAskAgain) return Status::Ok();
  asked_ = now;
  const Status found = FindTopics(kAskMs);
  if (found.ok()) {
    // It may be another one of the same name; librdkafka might not even go on with it.
    doubted_ = false;
    returned_ = true;
  }
  if (found.code() != StatusCode::kInvalid || now - known_ < kMissing) return Status::Ok();
  return Status::Io(std::string(found.message()));
}

/// librdkafka says of a topic that is gone to the application as a whole.
void Source::Doubt(rd_kafka_t* /*client*/, int error, const char* text, void* self) {
  Warn(text);
  if (error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
      error == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC || error == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION ||
      error == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) {
    static_cast<Source*>(self)->doubted_ = true;
  }
}

}  // namespace

Result<std::unique_ptr<MessageSource>> OpenSource(const SourceOptions& options) {
  auto source = std::make_unique<Source>(options);
  LEAT_RETURN_IF_ERROR(source->Open());
  return std::unique_ptr<MessageSource>(std::move(source));
}

}  // namespace leat::kafka
