/// Sinks against a real broker, as tests/kafka/with-broker starts one: LEAT_KAFKA_BROKERS says
/// where it is. What must pause or kill it finds its process, and starts it again, by
/// LEAT_KAFKA_FOLDER; to pause it, LEAT_KAFKA_PID is enough.
#include <dlfcn.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <map>
#include <random>
#include <thread>

#include "connectors/kafka/group.h"
#include "connectors/kafka/kafka_sinks.h"
#include "connectors/kafka/producer.h"
#include "connectors/kafka/topics.h"

namespace {

/// Called once, as soon as a commit is asked for.
std::function<void()> before_commit;

}  // namespace

/// Stands before librdkafka's, so that a test knows when.
extern "C" rd_kafka_error_t* rd_kafka_commit_transaction(rd_kafka_t* client, int timeout_ms) {
  static const auto real = reinterpret_cast<decltype(&rd_kafka_commit_transaction)>(
      dlsym(RTLD_NEXT, "rd_kafka_commit_transaction"));
  if (before_commit) std::exchange(before_commit, nullptr)();
  return real(client, timeout_ms);
}

namespace leat::kafka {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

std::string Environment(const char* name) {
  const char* const text = std::getenv(name);
  return text == nullptr ? std::string() : std::string(text);
}

/// Keeps what is written, as files would.
class MemoryFiles : public SinkSet {
 public:
  Status WriteFiles(const Outputs& outputs) override {
    rejects += outputs.rejects;
    return Status::Ok();
  }
  Status Sync() override { return Status::Ok(); }
  SinkLengths lengths() const override { return {0, 0, 0, rejects.size()}; }
  std::string rejects;
};

struct Got {
  int32_t partition = 0;
  std::string key, payload;
  bool has_key = false;
  std::map<std::string, std::string> headers;
};

class SinksTest : public ::testing::Test {
 protected:
  void SetUp() override {
    cluster_.brokers = Environment("LEAT_KAFKA_BROKERS");
    if (cluster_.brokers.empty()) GTEST_SKIP() << "LEAT_KAFKA_BROKERS is not set";
    std::random_device device;
    name_ = fmt::format("{}-{:08x}", Test()->name(), device());
    Make(name_ + "-in", 3);
    Make(name_ + "-out", 2);
    options_.cluster = cluster_;
    options_.group = name_;
    options_.transactional_id = name_;
    for (int32_t i = 0; i < 3; ++i) options_.inputs.push_back({name_ + "-in", i, false});
    options_.topics[0] = name_ + "-out";
    options_.model_version = "m7";
    options_.transaction_timeout_ms = 10'000;
  }
  void TearDown() override {
    if (stopped_) Pid(SIGCONT);
  }

  static const testing::TestInfo* Test() {
    return testing::UnitTest::GetInstance()->current_test_info();
  }
  void Make(const std::string& topic, int32_t partitions) {
    const Status made = CreateTopics(cluster_, {{topic, partitions}});
    ASSERT_TRUE(made.ok()) << made.message();
    // A broker that was paused shortly before may take long to hear of it from its controller.
    for (int tries = 0; tries < 600; ++tries) {
      const auto facts = DescribeTopics(cluster_, {topic});
      if (facts.ok() && facts->contains(topic)) return;
      std::this_thread::sleep_for(milliseconds(100));
    }
    FAIL() << topic << " does not come up";
  }
  /// Changes a topic's max.message.bytes.
  void Limit(const std::string& topic, int64_t bytes) {
    Handle<rd_kafka_t> client = Client(RD_KAFKA_PRODUCER, {});
    rd_kafka_ConfigResource_t* resource =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.c_str());
    rd_kafka_ConfigResource_set_config(resource, "max.message.bytes",
                                       std::to_string(bytes).c_str());
    const Handle<rd_kafka_queue_t> queue(rd_kafka_queue_new(client.get()));
    rd_kafka_AlterConfigs(client.get(), &resource, 1, nullptr, queue.get());
    rd_kafka_ConfigResource_destroy(resource);
    const Handle<rd_kafka_event_t> event(rd_kafka_queue_poll(queue.get(), 10'000));
    ASSERT_TRUE(event);
    ASSERT_EQ(rd_kafka_event_error(event.get()), RD_KAFKA_RESP_ERR_NO_ERROR);
  }
  Handle<rd_kafka_t> Client(rd_kafka_type_t type,
                            const std::vector<std::pair<std::string, std::string>>& settings) {
    auto conf = MakeConf(cluster_, type, settings);
    EXPECT_TRUE(conf.ok());
    auto client = MakeClient(type, std::move(conf).value());
    EXPECT_TRUE(client.ok());
    return std::move(client).value();
  }

  std::unique_ptr<KafkaSinks> Open(SinkSet* files = nullptr) {
    auto sinks = OpenSinks(options_);
    EXPECT_TRUE(sinks.ok()) << sinks.status().message();
    (*sinks)->UseFiles(files);
    return std::move(sinks).value();
  }
  Position At(int64_t next) const {
    Position position;
    position.inputs.resize(options_.inputs.size());
    for (InputMark& input : position.inputs) input.next = next++;
    return position;
  }
  static CommitMark MarkOf(uint64_t epoch, uint64_t owner = 7) {
    return {0x1234, owner, epoch, epoch * 0x9e3779b97f4a7c15};
  }
  /// Takes over, and commits a mark of its own.
  CommitMark Start(KafkaSinks& sinks, uint64_t owner = 7) {
    auto mark = sinks.Take();
    EXPECT_TRUE(mark.ok()) << mark.status().message();
    const uint64_t epoch = mark.ok() && *mark ? (*mark)->epoch : 0;
    const Status claimed = sinks.Claim(MarkOf(epoch, owner), At(static_cast<int64_t>(epoch)));
    EXPECT_TRUE(claimed.ok()) << claimed.message();
    return MarkOf(epoch, owner);
  }

  /// Predictions `first` to `first + count - 1`, by ten keys.
  static Outputs Numbered(int first, int count, size_t width = 0) {
    Outputs out;
    for (int n = first; n < first + count; ++n) {
      const std::string line =
          fmt::format("{{\"n\":{},\"x\":\"{}\"}}\n", n, std::string(width, 'x'));
      const std::string key = fmt::format("key-{}", n % 10), id = fmt::format("id-{}", n);
      const std::string trace = n % 2 == 0 ? "00-trace-01" : "";
      out.predictions += line;
      out.envelopes += key + id + trace;
      out.frames.push_back({static_cast<uint32_t>(line.size()), static_cast<uint32_t>(key.size()),
                            static_cast<uint32_t>(id.size()), static_cast<uint32_t>(trace.size()),
                            true});
    }
    return out;
  }
  static Status Commit(KafkaSinks& sinks, const Outputs& outputs, const CommitMark& mark,
                       const Position& position) {
    const Outputs* const all[] = {&outputs};
    return sinks.Commit(all, mark, position);
  }

  /// All that a reader of what is committed sees.
  std::vector<Got> ReadAll(const std::string& topic, int32_t partitions = 2) {
    Handle<rd_kafka_t> client = Client(RD_KAFKA_CONSUMER, {{"group.id", name_ + "-reader"},
                                                           {"isolation.level", "read_committed"},
                                                           {"auto.offset.reset", "earliest"},
                                                           {"enable.auto.commit", "false"},
                                                           {"enable.partition.eof", "true"}});
    rd_kafka_poll_set_consumer(client.get());
    Handle<rd_kafka_topic_partition_list_t> list(rd_kafka_topic_partition_list_new(partitions));
    for (int32_t i = 0; i < partitions; ++i) {
      rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), i)->offset = 0;
    }
    EXPECT_EQ(rd_kafka_assign(client.get(), list.get()), RD_KAFKA_RESP_ERR_NO_ERROR);
    std::vector<Got> all;
    for (int32_t ends = 0; ends < partitions;) {
      const Handle<rd_kafka_message_t> message(rd_kafka_consumer_poll(client.get(), 20'000));
      if (!message) {
        ADD_FAILURE() << "no end of " << topic;
        break;
      }
      if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        ++ends;
        continue;
      }
      if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) continue;
      Got got;
      got.partition = message->partition;
      got.has_key = message->key != nullptr;
      got.key.assign(static_cast<const char*>(message->key), message->key_len);
      got.payload.assign(static_cast<const char*>(message->payload), message->len);
      rd_kafka_headers_t* headers = nullptr;
      const char* name = nullptr;
      const void* value = nullptr;
      size_t size = 0;
      if (rd_kafka_message_headers(message.get(), &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        for (size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) ==
                           RD_KAFKA_RESP_ERR_NO_ERROR;
             ++i) {
          got.headers[name] = std::string(static_cast<const char*>(value), size);
        }
      }
      all.push_back(std::move(got));
    }
    return all;
  }
  /// That the topic holds 0 to `count - 1`, each once, and those of a key in order.
  void ExpectNumbers(const std::string& topic, int count) {
    std::vector<int> seen(static_cast<size_t>(count));
    std::map<std::string, int> last;
    for (const Got& got : ReadAll(topic)) {
      const int n = std::atoi(got.payload.c_str() + 5);
      ASSERT_LT(n, count);
      ++seen[static_cast<size_t>(n)];
      const auto [at, fresh] = last.emplace(got.key, n);
      ASSERT_TRUE(fresh || at->second < n) << at->second << " before " << n;
      at->second = n;
    }
    for (int n = 0; n < count; ++n) EXPECT_EQ(seen[static_cast<size_t>(n)], 1) << n;
  }

  static pid_t BrokerPid() {
    std::ifstream file(Environment("LEAT_KAFKA_FOLDER") + "/pid");
    pid_t pid = 0;
    return file >> pid ? pid : std::atoi(Environment("LEAT_KAFKA_PID").c_str());
  }
  static bool HavePid() { return BrokerPid() != 0; }
  void Pid(int sent) {
    stopped_ = sent == SIGSTOP;
    ASSERT_EQ(kill(BrokerPid(), sent), 0);
  }
  /// What is committed for certain.
  std::optional<CommitMark> Committed() {
    auto group = Group::Open(options_, true);
    EXPECT_TRUE(group.ok());
    Patience patience(options_, "testing");
    auto mark = (*group)->ReadMark(patience);
    EXPECT_TRUE(mark.ok()) << mark.status().message();
    return mark.ok() ? *mark : std::nullopt;
  }

  Cluster cluster_;
  SinkOptions options_;
  std::string name_;
  std::atomic<bool> stopped_ = false;
};

TEST(MarkTest, RoundTrip) {
  const CommitMark mark{1, 0xfedcba9876543210, 12345678901234, 0xab};
  const std::string text = MarkText(mark);
  EXPECT_EQ(text, "v1 0000000000000001 fedcba9876543210 12345678901234 00000000000000ab");
  EXPECT_EQ(ParseMark(text), mark);
  for (size_t n = 0; n < text.size(); ++n) EXPECT_FALSE(ParseMark(text.substr(0, n))) << n;
  EXPECT_FALSE(ParseMark(text + " "));
  EXPECT_FALSE(ParseMark("v2" + text.substr(2)));
  EXPECT_FALSE(ParseMark("v1 -000000000000001" + text.substr(19)));
}

TEST_F(SinksTest, MarksComeBack) {
  auto sinks = Open();
  auto none = sinks->Look();
  ASSERT_TRUE(none.ok()) << none.status().message();
  EXPECT_FALSE(*none);
  const CommitMark mine = Start(*sinks);
  EXPECT_EQ(Committed(), mine);
  auto found = sinks->Look();
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(*found, mine);

  auto again = Open();
  auto taken = again->Take();
  ASSERT_TRUE(taken.ok());
  EXPECT_EQ(*taken, mine);
  EXPECT_GE(again->figures().producers, 1U);
}

TEST_F(SinksTest, RefusesOffsetsWithoutAMark) {
  auto conf = MakeConf(cluster_, RD_KAFKA_CONSUMER, {{"group.id", options_.group}});
  auto client = MakeClient(RD_KAFKA_CONSUMER, std::move(conf).value());
  Handle<rd_kafka_topic_partition_list_t> list(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(list.get(), options_.inputs[1].topic.c_str(), 1)->offset = 5;
  ASSERT_EQ(rd_kafka_commit(client->get(), list.get(), 0), RD_KAFKA_RESP_ERR_NO_ERROR);
  auto sinks = Open();
  auto found = sinks->Look();
  ASSERT_FALSE(found.ok());
  EXPECT_EQ(found.status().code(), StatusCode::kCorrupt);
  EXPECT_NE(found.status().message().find("kafka.group"), std::string::npos);
  EXPECT_EQ(sinks->Take().status().code(), StatusCode::kCorrupt);
  // But not where there is no state that they could contradict.
  sinks->TakeAnyOffsets();
  found = sinks->Look();
  ASSERT_TRUE(found.ok()) << found.status().message();
  EXPECT_FALSE(*found);
  Start(*sinks);
  EXPECT_TRUE(Committed());
}

TEST_F(SinksTest, RefusesMarksThatDiffer) {
  Start(*Open());
  ASSERT_TRUE(Committed());
  auto group = Group::Open(options_, false);
  ASSERT_TRUE(group.ok());
  Patience patience(options_, "testing");
  SinkOptions one = options_;
  one.inputs.resize(1);
  ASSERT_TRUE((*group)->Commit(MarkedOffsets(one, MarkOf(9), At(9)).get(), patience).ok());
  const auto found = Open()->Look();
  ASSERT_FALSE(found.ok());
  EXPECT_EQ(found.status().code(), StatusCode::kCorrupt) << found.status().message();
}

TEST_F(SinksTest, NewPartitionsSayNothing) {
  const SinkOptions all = options_;
  options_.inputs.resize(2);
  const CommitMark mine = Start(*Open());
  options_ = all;
  EXPECT_EQ(Committed(), mine);
}

TEST_F(SinksTest, CommitsEpochs) {
  options_.topics[1] = name_ + "-events";
  Make(options_.topics[1], 2);
  MemoryFiles files;
  auto sinks = Open(&files);
  Start(*sinks);
  int n = 0;
  for (uint64_t epoch = 1; epoch <= 20; epoch += 2) {
    Outputs first = Numbered(n, 30), second = Numbered(n + 30, 30);
    n += 60;
    first.events = "an event\n";
    second.events = "more\nand more\n";
    second.rejects = "bad\n";
    const Outputs* const both[] = {&first, &second};
    const Status done = sinks->Commit(both, MarkOf(epoch + 1), At(n));
    ASSERT_TRUE(done.ok()) << done.message();
  }
  sinks->Note(1, "a note");
  ASSERT_TRUE(Commit(*sinks, Outputs(), MarkOf(21), At(n)).ok());
  EXPECT_EQ(Committed(), MarkOf(21));
  ExpectNumbers(options_.topics[0], n);
  for (const Got& got : ReadAll(options_.topics[0])) {
    const int number = std::atoi(got.payload.c_str() + 5);
    EXPECT_EQ(got.payload.back(), '}');
    EXPECT_EQ(got.key, fmt::format("key-{}", number % 10));
    std::map<std::string, std::string> headers = {{"leat-event-id", fmt::format("id-{}", number)},
                                                  {"leat-model-version", "m7"}};
    if (number % 2 == 0) headers["traceparent"] = "00-trace-01";
    EXPECT_EQ(got.headers, headers);
  }
  const std::vector<Got> events = ReadAll(options_.topics[1]);
  EXPECT_EQ(events.size(), 31U);
  for (const Got& got : events) EXPECT_FALSE(got.has_key);
  EXPECT_EQ(files.rejects.size(), 40U);
  const SinkFigures figures = sinks->figures();
  EXPECT_EQ(figures.transactions, 12U);
  EXPECT_EQ(figures.aborted, 0U);
  EXPECT_GT(figures.commit_p50, 0);
}

/// Sends some of an epoch's outputs ahead, and commits it.
Status CommitInPieces(KafkaSinks& sinks, std::span<const Outputs> pieces, size_t ahead,
                      const CommitMark& mark, const Position& position) {
  std::vector<const Outputs*> all;
  for (const Outputs& piece : pieces) {
    if (all.size() < ahead) LEAT_RETURN_IF_ERROR(sinks.Send(piece));
    all.push_back(&piece);
  }
  return sinks.Commit(all, mark, position);
}

TEST_F(SinksTest, WhatIsSentAheadShowsWithItsCommitAndOnce) {
  MemoryFiles files;
  auto sinks = Open(&files);
  Start(*sinks);
  ASSERT_TRUE(sinks->sends_ahead());
  int n = 0;
  for (uint64_t epoch = 1; epoch <= 9; ++epoch) {
    std::vector<Outputs> pieces;
    for (int i = 0; i < 3; ++i, n += 10) pieces.push_back(Numbered(n, 10));
    pieces[0].rejects = "bad\n";
    if (epoch == 1) {
      ASSERT_TRUE(sinks->Send(pieces[0]).ok());
      std::this_thread::sleep_for(milliseconds(100));
      EXPECT_TRUE(ReadAll(options_.topics[0]).empty());
      EXPECT_TRUE(files.rejects.empty());
      const Outputs* const all[] = {&pieces[0], &pieces[1], &pieces[2]};
      ASSERT_TRUE(sinks->Commit(all, MarkOf(epoch), At(n)).ok());
      continue;
    }
    const Status done = CommitInPieces(*sinks, pieces, epoch % 4, MarkOf(epoch), At(n));
    ASSERT_TRUE(done.ok()) << done.message();
  }
  EXPECT_EQ(Committed(), MarkOf(9));
  EXPECT_EQ(files.rejects.size(), 36U);
  ExpectNumbers(options_.topics[0], n);
  EXPECT_EQ(sinks->figures().aborted, 0U);
}

TEST_F(SinksTest, WhatWasSentAheadAndNotCommittedIsGoneWithItsSinks) {
  {
    auto sinks = Open();
    Start(*sinks);
    ASSERT_TRUE(sinks->Send(Numbered(500, 10)).ok());
    std::this_thread::sleep_for(milliseconds(100));
  }
  // Readers need not wait until it times out.
  const Handle<rd_kafka_t> other =
      Client(RD_KAFKA_PRODUCER, {{"transactional.id", name_ + "-other"}});
  ASSERT_FALSE(Take(rd_kafka_init_transactions(other.get(), 10'000)));
  ASSERT_FALSE(Take(rd_kafka_begin_transaction(other.get())));
  for (int32_t partition = 0; partition < 2; ++partition) {
    ASSERT_EQ(rd_kafka_producev(other.get(), RD_KAFKA_V_TOPIC(options_.topics[0].c_str()),
                                RD_KAFKA_V_PARTITION(partition), RD_KAFKA_V_VALUE(nullptr, 0),
                                RD_KAFKA_V_END),
              RD_KAFKA_RESP_ERR_NO_ERROR);
  }
  ASSERT_FALSE(Take(rd_kafka_commit_transaction(other.get(), 10'000)));
  EXPECT_EQ(ReadAll(options_.topics[0]).size(), 2U);
}

TEST_F(SinksTest, TooLargeAhead) {
  options_.max_message_bytes[0] = 20'000;
  auto sinks = Open();
  Start(*sinks);
  const std::vector<Outputs> pieces = {Numbered(0, 10), Numbered(10, 1, 30'000), Numbered(11, 5)};
  const Status refused = CommitInPieces(*sinks, pieces, 3, MarkOf(1), At(1));
  EXPECT_EQ(refused.code(), StatusCode::kIo);
  EXPECT_NE(refused.message().find("max.message.bytes"), std::string::npos) << refused.message();
  EXPECT_TRUE(ReadAll(options_.topics[0]).empty());
  EXPECT_EQ(Committed()->epoch, 0U);
}

TEST_F(SinksTest, AnotherOwnerFencesWhatWasSentAhead) {
  auto first = Open(), second = Open();
  Start(*first, 1);
  const std::vector<Outputs> pieces = {Numbered(500, 10), Numbered(510, 10)};
  ASSERT_TRUE(first->Send(pieces[0]).ok());
  std::this_thread::sleep_for(milliseconds(100));
  Start(*second, 2);
  ASSERT_TRUE(Commit(*second, Numbered(0, 10), MarkOf(1, 2), At(10)).ok());
  const Outputs* const all[] = {&pieces[0], &pieces[1]};
  const Status fenced = first->Commit(all, MarkOf(1, 1), At(10));
  EXPECT_EQ(fenced.code(), StatusCode::kFenced) << fenced.message();
  ASSERT_TRUE(Commit(*second, Numbered(10, 10), MarkOf(2, 2), At(20)).ok());
  ExpectNumbers(options_.topics[0], 20);
}

TEST_F(SinksTest, OutputsWithoutFramesAreLines) {
  auto sinks = Open();
  Start(*sinks);
  Outputs out;
  out.predictions = "one\ntwo\n";
  ASSERT_TRUE(Commit(*sinks, out, MarkOf(1), At(1)).ok());
  const std::vector<Got> got = ReadAll(options_.topics[0]);
  ASSERT_EQ(got.size(), 2U);
  EXPECT_FALSE(got[0].has_key);
  EXPECT_TRUE(got[0].headers.empty());
}

TEST_F(SinksTest, AnotherOwnerFences) {
  auto first = Open(), second = Open();
  Start(*first, 1);
  ASSERT_TRUE(Commit(*first, Numbered(0, 10), MarkOf(1, 1), At(10)).ok());
  EXPECT_EQ(Start(*second, 2).epoch, 1U);
  const uint64_t producers = second->figures().producers;
  const Status fenced = Commit(*first, Numbered(100, 10), MarkOf(2, 1), At(20));
  EXPECT_EQ(fenced.code(), StatusCode::kFenced) << fenced.message();
  // Neither did that disturb the second, nor will it ever go through.
  EXPECT_EQ(Commit(*first, Numbered(100, 10), MarkOf(2, 1), At(20)).code(), StatusCode::kFenced);
  ASSERT_TRUE(Commit(*second, Numbered(10, 10), MarkOf(2, 2), At(20)).ok());
  EXPECT_EQ(second->figures().producers, producers);
  ExpectNumbers(options_.topics[0], 20);
}

TEST_F(SinksTest, ATransactionThatWasLeftOpenIsOverSoon) {
  {
    auto other = Producer::Make(options_, true);
    ASSERT_TRUE(other.ok());
    Patience patience(options_, "testing");
    ASSERT_FALSE(Take(rd_kafka_init_transactions((*other)->client(), 10'000)));
    ASSERT_TRUE((*other)->WarmUp(patience).ok());
    ASSERT_FALSE(Take(rd_kafka_begin_transaction((*other)->client())));
    const Outputs lost = Numbered(500, 10);
    ASSERT_TRUE((*other)->Send(lost, true, patience).ok());
    ASSERT_FALSE(*(*other)->Flush(patience));
  }
  const auto before = Clock::now();
  auto sinks = Open();
  Start(*sinks);
  ASSERT_TRUE(Commit(*sinks, Numbered(0, 10), MarkOf(1), At(10)).ok());
  EXPECT_LT(Clock::now() - before, std::chrono::seconds(3));
  ExpectNumbers(options_.topics[0], 10);
}

TEST_F(SinksTest, TooLarge) {
  Limit(options_.topics[0], 20'000);
  options_.max_message_bytes[0] = 20'000;
  for (const bool known : {true, false}) {
    if (!known) options_.max_message_bytes[0] = 0;
    auto sinks = Open();
    Start(*sinks);
    Outputs out = Numbered(0, 10);
    const Outputs large = Numbered(10, 1, 30'000);
    out.predictions += large.predictions;
    out.envelopes += large.envelopes;
    out.frames.push_back(large.frames[0]);
    const Status refused = Commit(*sinks, out, MarkOf(1), At(1));
    EXPECT_EQ(refused.code(), StatusCode::kIo);
    EXPECT_NE(refused.message().find(options_.topics[0]), std::string::npos) << refused.message();
    EXPECT_NE(refused.message().find("max.message.bytes"), std::string::npos);
    EXPECT_TRUE(ReadAll(options_.topics[0]).empty());
    EXPECT_EQ(Committed()->epoch, 0U);
  }
  Limit(options_.topics[0], 100'000);
  options_.max_message_bytes[0] = 100'000;
  auto sinks = Open();
  Start(*sinks);
  const Status done = Commit(*sinks, Numbered(0, 11, 3'000), MarkOf(1), At(1));
  ASSERT_TRUE(done.ok()) << done.message();
  const Outputs large = Numbered(11, 1, 30'000);
  ASSERT_TRUE(Commit(*sinks, large, MarkOf(2), At(1)).ok());
  ExpectNumbers(options_.topics[0], 12);
}

TEST_F(SinksTest, BatchesFitSmallTopics) {
  Limit(options_.topics[0], 5'000);
  options_.max_message_bytes[0] = 5'000;
  auto sinks = Open();
  Start(*sinks);
  const Status done = Commit(*sinks, Numbered(0, 2000, 200), MarkOf(1), At(1));
  ASSERT_TRUE(done.ok()) << done.message();
  ExpectNumbers(options_.topics[0], 2000);
}

TEST_F(SinksTest, MissingTopic) {
  options_.topics[2] = name_ + "-missing";
  options_.transaction_timeout_ms = 3000;
  auto sinks = Open();
  const auto taken = sinks->Take();
  if (taken.ok()) GTEST_SKIP() << "the broker makes topics by itself";
  EXPECT_EQ(taken.status().code(), StatusCode::kIo);
  EXPECT_NE(taken.status().message().find(options_.topics[2]), std::string::npos);
}

TEST_F(SinksTest, TopicDeletedWhileRunning) {
  options_.transaction_timeout_ms = 3000;
  auto sinks = Open();
  Start(*sinks);
  ASSERT_TRUE(Commit(*sinks, Numbered(0, 10), MarkOf(1), At(1)).ok());
  Handle<rd_kafka_t> client = Client(RD_KAFKA_PRODUCER, {});
  rd_kafka_DeleteTopic_t* topic = rd_kafka_DeleteTopic_new(options_.topics[0].c_str());
  const Handle<rd_kafka_queue_t> queue(rd_kafka_queue_new(client.get()));
  rd_kafka_DeleteTopics(client.get(), &topic, 1, nullptr, queue.get());
  rd_kafka_DeleteTopic_destroy(topic);
  const Handle<rd_kafka_event_t> event(rd_kafka_queue_poll(queue.get(), 10'000));
  ASSERT_TRUE(event);
  std::this_thread::sleep_for(milliseconds(500));
  const auto before = Clock::now();
  const Status done = Commit(*sinks, Numbered(10, 10), MarkOf(2), At(1));
  if (done.ok()) GTEST_SKIP() << "the broker makes topics by itself";
  EXPECT_EQ(done.code(), StatusCode::kIo);
  EXPECT_NE(done.message().find("does not exist"), std::string::npos) << done.message();
  EXPECT_LT(Clock::now() - before, std::chrono::seconds(30));
}

TEST_F(SinksTest, BrokerThatIsNotThere) {
  options_.cluster.brokers = "127.0.0.1:1";
  std::atomic<bool> stop = false;
  options_.give_up = [&] { return stop.load(); };
  for (const bool patient : {true, false}) {
    options_.patience_ms = patient ? 0 : 700;
    auto sinks = Open();
    const auto before = Clock::now();
    std::thread stopper([&] {
      std::this_thread::sleep_for(milliseconds(1000));
      if (patient) stop = true;
    });
    const auto taken = sinks->Take();
    EXPECT_EQ(taken.status().code(), StatusCode::kIo);
    EXPECT_EQ(taken.status().message().starts_with("stopped while"), patient)
        << taken.status().message();
    sinks.reset();
    EXPECT_LT(Clock::now() - before, milliseconds(1600));
    stopper.join();
    stop = false;
  }
}

/// Commits epochs while `disturb` runs, and expects everything once.
class Disturbed : public SinksTest {
 protected:
  std::atomic<int> epoch_ = 0;  ///< That is being committed.

  template <typename Disturb>
  void Run(Disturb disturb, int most_epochs = 100'000) {
    options_.patience_ms = 120'000;  // A broker that does not come back is to fail the test.
    auto sinks = Open();
    Start(*sinks);
    std::atomic<bool> over = false;
    std::thread disturber([&] {
      disturb();
      over = true;
    });
    int epoch = 0;
    for (bool last = false; !last && epoch < most_epochs;) {
      last = over;
      epoch_ = ++epoch;
      const int first = (epoch - 1) * 20;
      const std::vector<Outputs> pieces = {Numbered(first, 5), Numbered(first + 5, 10),
                                           Numbered(first + 15, 5)};
      const Status done = CommitInPieces(*sinks, pieces, static_cast<size_t>(epoch % 4),
                                         MarkOf(static_cast<uint64_t>(epoch)), At(epoch));
      EXPECT_TRUE(done.ok()) << done.message();
      if (!done.ok()) break;
      std::this_thread::sleep_for(milliseconds(2));
    }
    disturber.join();
    Report(*sinks, epoch);
  }
  /// That all is there once, and what it took.
  void Report(const KafkaSinks& sinks, int epoch) {
    ExpectNumbers(options_.topics[0], epoch * 20);
    EXPECT_EQ(Committed(), MarkOf(static_cast<uint64_t>(epoch)));
    const SinkFigures figures = sinks.figures();
    fmt::print(
        "{} epochs, {} aborted, unknown: {} committed, {} lost; {} producers; commit p50 "
        "{:.1f} ms, p99 {:.1f} ms\n",
        epoch, figures.aborted, figures.unknown_committed, figures.unknown_lost, figures.producers,
        figures.commit_p50 * 1e3, figures.commit_p99 * 1e3);
  }
};

TEST_F(Disturbed, Quiet) {
  Run([] { std::this_thread::sleep_for(std::chrono::seconds(3)); });
}

/// The broker falls silent while a commit is under way, for longer than its transaction lives.
TEST_F(Disturbed, PausesLongerThanATransaction) {
  if (!HavePid()) GTEST_SKIP() << "LEAT_KAFKA_PID is not set";
  options_.transaction_timeout_ms = 1000;
  const std::string wanted = Environment("LEAT_KAFKA_PAUSES");
  const int pauses = wanted.empty() ? 5 : std::atoi(wanted.c_str());
  std::random_device device;
  std::mt19937 random(device());
  auto sinks = Open();
  Start(*sinks);
  int epoch = 0;
  const auto commit = [&] {
    ++epoch;
    const Status done = Commit(*sinks, Numbered((epoch - 1) * 20, 20),
                               MarkOf(static_cast<uint64_t>(epoch)), At(epoch));
    ASSERT_TRUE(done.ok()) << done.message();
  };
  double longest = 0;
  for (int i = 0; i < pauses; ++i) {
    commit();
    std::this_thread::sleep_for(milliseconds(100));
    const auto delay = std::chrono::microseconds(random() % 4'000);
    const auto pause = milliseconds(1300 + random() % 1500);
    Clock::time_point resumed;
    std::thread disturber;
    before_commit = [&] {
      disturber = std::thread([&] {
        std::this_thread::sleep_for(delay);
        Pid(SIGSTOP);
        std::this_thread::sleep_for(pause);
        Pid(SIGCONT);
        resumed = Clock::now();
      });
    };
    commit();
    const auto done = Clock::now();
    disturber.join();
    longest = std::max(longest, std::chrono::duration<double>(done - resumed).count());
  }
  Report(*sinks, epoch);
  fmt::print("longest commit after a pause: {:.2f} s\n", longest);
}

TEST_F(Disturbed, ShortPauses) {
  if (!HavePid()) GTEST_SKIP() << "LEAT_KAFKA_PID is not set";
  Run([&] {
    std::mt19937 random(6);
    for (int i = 0; i < 10; ++i) {
      std::this_thread::sleep_for(std::chrono::microseconds(100'000 + random() % 20'000));
      Pid(SIGSTOP);
      std::this_thread::sleep_for(milliseconds(random() % 500));
      Pid(SIGCONT);
    }
  });
}

TEST_F(Disturbed, BrokerIsKilled) {
  const std::string folder = Environment("LEAT_KAFKA_FOLDER");
  if (folder.empty()) GTEST_SKIP() << "LEAT_KAFKA_FOLDER is not set";
  Run([&] {
    std::mt19937 random(7);
    for (int i = 0; i < 3; ++i) {
      std::this_thread::sleep_for(std::chrono::microseconds(1'500'000 + random() % 50'000));
      ASSERT_EQ(std::system(("scripts/kafka kill --folder " + folder + " >&2").c_str()), 0);
      const auto killed = Clock::now();
      const std::string restart = "scripts/kafka restart --folder " + folder + " >&2";
      // Its port may take a moment to be free.
      for (int tries = 0; tries < 20 && std::system(restart.c_str()) != 0; ++tries) {
        std::this_thread::sleep_for(milliseconds(500));
      }
      const auto up = Clock::now();
      const int before = epoch_;
      while (epoch_ == before && Clock::now() - up < std::chrono::minutes(2)) {
        std::this_thread::sleep_for(milliseconds(5));
      }
      fmt::print("up again after {:.1f} s, committing {:.1f} s later\n",
                 std::chrono::duration<double>(up - killed).count(),
                 std::chrono::duration<double>(Clock::now() - up).count());
    }
  });
}

/// A transaction of ours that the coordinator gave up while we did not look.
TEST_F(SinksTest, OwnTransactionTimesOut) {
  options_.transaction_timeout_ms = 1000;
  auto sinks = Open();
  Start(*sinks);
  for (uint64_t epoch = 1; epoch <= 3; ++epoch) {
    // Another producer of the same name, which leaves no mark, looks just the same to us.
    if (epoch == 2) {
      auto other = Producer::Make(options_, true);
      ASSERT_TRUE(other.ok());
      ASSERT_FALSE(Take(rd_kafka_init_transactions((*other)->client(), 10'000)));
    }
    const Status done = Commit(*sinks, Numbered(static_cast<int>(epoch - 1) * 10, 10),
                               MarkOf(epoch), At(static_cast<int64_t>(epoch)));
    ASSERT_TRUE(done.ok()) << done.message();
  }
  EXPECT_GE(sinks->figures().producers, 2U);
  ExpectNumbers(options_.topics[0], 30);
}

TEST_F(SinksTest, OwnTransactionWithWhatWasSentAheadTimesOut) {
  options_.transaction_timeout_ms = 1000;
  auto sinks = Open();
  Start(*sinks);
  for (uint64_t epoch = 1; epoch <= 3; ++epoch) {
    const int first = static_cast<int>(epoch - 1) * 20;
    const std::vector<Outputs> pieces = {Numbered(first, 10), Numbered(first + 10, 10)};
    ASSERT_TRUE(sinks->Send(pieces[0]).ok());
    std::this_thread::sleep_for(milliseconds(epoch == 2 ? 4000 : 0));
    const Outputs* const all[] = {&pieces[0], &pieces[1]};
    const Status done = sinks->Commit(all, MarkOf(epoch), At(static_cast<int64_t>(epoch)));
    ASSERT_TRUE(done.ok()) << done.message();
  }
  const SinkFigures figures = sinks->figures();
  EXPECT_GE(figures.producers + figures.aborted, 2U);
  ExpectNumbers(options_.topics[0], 60);
}

TEST_F(SinksTest, AtLeastOnce) {
  options_.exactly_once = false;
  options_.transactional_id.clear();
  options_.topics[1] = name_ + "-events";
  Make(options_.topics[1], 2);
  MemoryFiles files;
  auto sinks = Open(&files);
  Start(*sinks);
  for (int epoch = 1; epoch <= 50; ++epoch) {
    {
      Outputs out = Numbered((epoch - 1) * 20, 20);
      out.events = "event\n";
      out.rejects = "bad\n";
      const Status sent = sinks->Send(out);
      ASSERT_TRUE(sent.ok()) << sent.message();
    }
    if (epoch % 5 != 0) continue;
    ASSERT_TRUE(sinks->Flush().ok());
    ASSERT_TRUE(sinks->Claim(MarkOf(static_cast<uint64_t>(epoch)), At(epoch)).ok());
  }
  EXPECT_EQ(*sinks->Look(), MarkOf(50));
  EXPECT_EQ(files.rejects.size(), 200U);
  ExpectNumbers(options_.topics[0], 1000);
  EXPECT_EQ(ReadAll(options_.topics[1]).size(), 50U);
  auto again = Open();
  EXPECT_EQ(*again->Take(), MarkOf(50));
}

TEST_F(SinksTest, AtLeastOnceOneOfTwoOwnersEnds) {
  options_.exactly_once = false;
  auto first = Open(), second = Open();
  Start(*first);
  ASSERT_TRUE(second->Claim(MarkOf(1, 8), At(1)).ok());
  const auto until = Clock::now() + std::chrono::seconds(60);
  Status claimed;
  for (uint64_t epoch = 2; claimed.ok() && Clock::now() < until; ++epoch) {
    claimed = first->Claim(MarkOf(epoch), At(static_cast<int64_t>(epoch)));
    if (claimed.ok()) claimed = second->Claim(MarkOf(epoch, 8), At(static_cast<int64_t>(epoch)));
    std::this_thread::sleep_for(milliseconds(50));
  }
  EXPECT_EQ(claimed.code(), StatusCode::kFenced) << claimed.message();
}

TEST_F(SinksTest, AtLeastOnceTooLarge) {
  options_.exactly_once = false;
  Limit(options_.topics[0], 20'000);
  auto sinks = Open();
  Start(*sinks);
  ASSERT_TRUE(sinks->Send(Numbered(0, 1, 30'000)).ok());
  const Status refused = sinks->Flush();
  EXPECT_EQ(refused.code(), StatusCode::kIo);
  EXPECT_NE(refused.message().find("max.message.bytes"), std::string::npos) << refused.message();
}

TEST_F(SinksTest, AtLeastOncePauses) {
  if (!HavePid()) GTEST_SKIP() << "LEAT_KAFKA_PID is not set";
  options_.exactly_once = false;
  auto sinks = Open();
  Start(*sinks);
  std::thread pauses([&] {
    for (int i = 0; i < 3; ++i) {
      std::this_thread::sleep_for(milliseconds(100));
      Pid(SIGSTOP);
      std::this_thread::sleep_for(milliseconds(700));
      Pid(SIGCONT);
    }
  });
  for (int epoch = 1; epoch <= 100; ++epoch) {
    ASSERT_TRUE(sinks->Send(Numbered((epoch - 1) * 20, 20)).ok());
    ASSERT_TRUE(sinks->Flush().ok());
    ASSERT_TRUE(sinks->Claim(MarkOf(static_cast<uint64_t>(epoch)), At(epoch)).ok());
    std::this_thread::sleep_for(milliseconds(20));
  }
  pauses.join();
  ExpectNumbers(options_.topics[0], 2000);
}

double ProcessorSeconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

/// Not a test but a measurement: LEAT_KAFKA_SPEED says how many messages an epoch has,
/// LEAT_KAFKA_GAP how many milliseconds are between two.
TEST_F(SinksTest, Speed) {
  const int epoch_size = std::atoi(Environment("LEAT_KAFKA_SPEED").c_str());
  if (epoch_size == 0) GTEST_SKIP() << "LEAT_KAFKA_SPEED is not set";
  const int gap = std::atoi(Environment("LEAT_KAFKA_GAP").c_str());
  options_.linger_ms = std::atoi(Environment("LEAT_KAFKA_LINGER").c_str());
  for (const bool headers : {false, true}) {
    options_.headers = headers;
    auto sinks = Open();
    const uint64_t first = Start(*sinks).epoch;
    const Outputs out = Numbered(0, epoch_size, 130);
    const auto before = Clock::now();
    const double cpu_before = ProcessorSeconds();
    double seconds = 0;
    int epochs = 0;
    for (; seconds < 4; ++epochs) {
      ASSERT_TRUE(
          Commit(*sinks, out, MarkOf(first + static_cast<uint64_t>(epochs) + 1), At(epochs)).ok());
      std::this_thread::sleep_for(milliseconds(gap));
      seconds = std::chrono::duration<double>(Clock::now() - before).count();
    }
    const double cpu = ProcessorSeconds() - cpu_before;
    const SinkFigures figures = sinks->figures();
    const double count = static_cast<double>(epochs) * epoch_size;
    fmt::print(
        "headers {}: {:.0f} messages/s, {:.0f} per second of our processor time; commit p50 "
        "{:.1f} ms, p99 {:.1f} ms\n",
        headers, count / seconds, count / cpu, figures.commit_p50 * 1e3, figures.commit_p99 * 1e3);
  }
}

}  // namespace
}  // namespace leat::kafka
