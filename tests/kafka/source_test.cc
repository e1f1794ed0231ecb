#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/hash.h"
#include "connectors/kafka/kafka_source.h"
#include "kafka/topic.h"

namespace leat::kafka {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Clock = std::chrono::steady_clock;
using Starting = SourceOptions::Start;

constexpr size_t kMost = 1000;

/// For people; tests never assert a time.
template <typename... T>
void Say(fmt::format_string<T...> format, T&&... values) {
  fmt::print("[  FIGURE  ] {}\n", fmt::format(format, std::forward<T>(values)...));
}

double Seconds(Clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

/// Milliseconds since 1970. What is much older may be deleted by the broker at any time.
int64_t Now() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

size_t ResidentBytes() {
  size_t total = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> total >> resident;
  return resident * 4096;
}

struct Seen {
  uint32_t input;
  int64_t offset;
  std::string payload;

  bool operator==(const Seen&) const = default;
};

class Waiter {
 public:
  void Ready() {
    const std::lock_guard lock(mutex_);
    ready_ = true;
    changed_.notify_all();
  }
  bool Wait(std::chrono::milliseconds patience) {
    std::unique_lock lock(mutex_);
    const bool came = changed_.wait_for(lock, patience, [&] { return ready_; });
    ready_ = false;
    return came;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ready_ = false;
};

class SourceTest : public KafkaTest {
 protected:
  static SourceOptions Options(const std::vector<const Topic*>& topics, int32_t partitions) {
    SourceOptions options;
    options.cluster = TestCluster();
    options.group = topics[0]->name();
    for (const Topic* topic : topics) {
      for (int32_t i = 0; i < partitions; ++i) {
        options.inputs.push_back({topic->name(), i, topic != topics[0]});
      }
    }
    return options;
  }
  static std::unique_ptr<MessageSource> Open(const SourceOptions& options) {
    auto source = OpenSource(options);
    EXPECT_TRUE(source.ok()) << source.status().message();
    return source.ok() ? std::move(source).value() : nullptr;
  }
  static std::vector<int64_t> First(SourceOptions options, Starting start, int64_t time = 0) {
    options.start = start;
    options.start_time = time;
    auto offsets = Open(options)->FirstOffsets();
    EXPECT_TRUE(offsets.ok()) << offsets.status().message();
    return offsets.ok() ? *offsets : std::vector<int64_t>();
  }
  static std::vector<InputMark> Marks(const std::vector<int64_t>& next) {
    std::vector<InputMark> marks(next.size());
    for (size_t i = 0; i < next.size(); ++i) marks[i].next = next[i];
    return marks;
  }
  /// One that has started and is live at these offsets.
  static std::unique_ptr<MessageSource> Running(const SourceOptions& options,
                                                const std::vector<int64_t>& next) {
    auto source = Open(options);
    const Status started = source->Start(Marks(next));
    EXPECT_TRUE(started.ok()) << started.message();
    const Status live = source->Live(next);
    EXPECT_TRUE(live.ok()) << live.message();
    return source;
  }
  static void Add(std::span<const Message> messages, std::vector<Seen>& seen) {
    for (const Message& m : messages) seen.push_back({m.input, m.offset, std::string(m.payload)});
  }
  /// Polls until so many have come in all, an error comes, or too long has passed.
  static Status PollUntil(MessageSource& source, size_t count, std::vector<Seen>& seen,
                          std::chrono::seconds patience = std::chrono::seconds(20)) {
    const auto until = Clock::now() + patience;
    while (seen.size() < count) {
      auto polled = source.Poll(kMost);
      LEAT_RETURN_IF_ERROR(polled.status());
      Add(*polled, seen);
      if (Clock::now() > until) return Status::Io(fmt::format("{} came", seen.size()));
      if (polled->empty()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return Status::Ok();
  }
  static InputMark MarkOf(const Message& message) {
    return {message.offset + 1, message.offset, message.timestamp, Hash64(message.payload)};
  }
  /// Where one stands that has read the first `count` of partition 0.
  static InputMark MarkAfter(const SourceOptions& options, size_t count) {
    auto source = Open(options);
    EXPECT_TRUE(source->Start(Marks({0})).ok());
    InputMark mark;
    while (static_cast<size_t>(mark.next) < count) {
      auto read = source->Read(0, 1, count - static_cast<size_t>(mark.next));
      EXPECT_TRUE(read.ok()) << read.status().message();
      if (!read.ok()) break;
      mark = MarkOf(read->messages.back());
    }
    return mark;
  }
  /// Polls, and drops what comes, until all inputs are at their ends.
  static bool AtEndsSoon(MessageSource& source) {
    const auto until = Clock::now() + std::chrono::seconds(20);
    while (Clock::now() < until) {
      EXPECT_TRUE(source.Poll(kMost).ok());
      if (source.AtEnds()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return false;
  }
  static Status StartAt(const SourceOptions& options, const InputMark& mark) {
    return Open(options)->Start(std::vector<InputMark>{mark});
  }
};

// ---- Where it starts ----

TEST_F(SourceTest, MissingTopicIsRefused) {
  SourceOptions options;
  options.cluster = TestCluster();
  options.group = "leat-test-none";
  options.inputs = {{"leat-test-none", 0, false}};
  const auto source = OpenSource(options);
  ASSERT_FALSE(source.ok());
  EXPECT_EQ(source.status().code(), StatusCode::kInvalid);
  EXPECT_THAT(std::string(source.status().message()), HasSubstr("leat-test-none"));
}

TEST_F(SourceTest, StartsAsConfigured) {
  const int64_t hour_ago = Now() - 3'600'000;
  Topic topic(3);
  for (int i = 0; i < 10; ++i) topic.Write(0, {"a", {}, {}, hour_ago + i});
  topic.Write(1, {"b", {}, {}, hour_ago + 5});
  topic.Flush();
  topic.Cut(0, 2);
  const SourceOptions options = Options({&topic}, 3);
  EXPECT_THAT(First(options, Starting::kEarliest), ElementsAre(2, 0, 0));
  EXPECT_THAT(*Open(options)->OldestOffsets(), ElementsAre(2, 0, 0));
  EXPECT_THAT(First(options, Starting::kLatest), ElementsAre(10, 1, 0));
  EXPECT_THAT(First(options, Starting::kTime, hour_ago + 4), ElementsAre(4, 0, 0));
  EXPECT_THAT(First(options, Starting::kTime, hour_ago + 6), ElementsAre(6, 1, 0));
  EXPECT_THAT(First(options, Starting::kTime, hour_ago + 7'200'000), ElementsAre(10, 1, 0));
  // Nothing was committed: the earliest.
  EXPECT_THAT(First(options, Starting::kCommitted), ElementsAre(2, 0, 0));
  auto conf = MakeConf(TestCluster(), RD_KAFKA_CONSUMER, {{"group.id", options.group}});
  auto client = MakeClient(RD_KAFKA_CONSUMER, std::move(conf).value());
  const Handle<rd_kafka_topic_partition_list_t> list(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(list.get(), topic.name().c_str(), 0)->offset = 7;
  ASSERT_EQ(rd_kafka_commit(client->get(), list.get(), 0), RD_KAFKA_RESP_ERR_NO_ERROR);
  EXPECT_THAT(First(options, Starting::kCommitted), ElementsAre(7, 0, 0));
  topic.Cut(0, 9);
  EXPECT_THAT(First(options, Starting::kCommitted), ElementsAre(9, 0, 0));
}

// ---- Recovery, and then live ----

TEST_F(SourceTest, RunsAreReadAndLiveGoesOn) {
  Topic events(2), labels(2);
  std::vector<Seen> wanted;
  for (uint32_t i = 0; i < 4; ++i) {
    Topic& topic = i < 2 ? events : labels;
    topic.Fill(static_cast<int32_t>(i % 2), 3000);
    for (int n = 0; n < 3000; ++n) wanted.push_back({i, n, fmt::format("{}:{}", i % 2, n)});
  }
  const SourceOptions options = Options({&events, &labels}, 2);
  auto source = Open(options);
  EXPECT_TRUE(source->inputs()[2].labels);
  ASSERT_TRUE(source->Start(Marks({0, 0, 0, 0})).ok());
  std::vector<Seen> seen;
  std::vector<int64_t> next(4);
  for (const uint32_t input : {0u, 2u, 0u, 1u, 2u, 0u}) {  // The last partition is not read.
    for (size_t left = 317; left > 0;) {
      auto read = source->Read(input, 1, std::min<size_t>(left, 100));
      ASSERT_TRUE(read.ok()) << read.status().message();
      ASSERT_FALSE(read->messages.empty());
      ASSERT_LE(read->messages.size(), 100u);
      Add(read->messages, seen);
      left -= std::min(left, read->messages.size());
      next[input] = read->messages.back().offset + 1;
    }
  }
  ASSERT_TRUE(source->Live(next).ok());
  const Status polled = PollUntil(*source, wanted.size(), seen);
  ASSERT_TRUE(polled.ok()) << polled.message();
  events.Fill(1, 5, 3000);
  for (int n = 3000; n < 3005; ++n) wanted.push_back({1, n, fmt::format("1:{}", n)});
  ASSERT_TRUE(PollUntil(*source, wanted.size(), seen).ok());
  // Each once, those of an input in order.
  std::stable_sort(seen.begin(), seen.end(),
                   [](const Seen& a, const Seen& b) { return a.input < b.input; });
  std::stable_sort(wanted.begin(), wanted.end(),
                   [](const Seen& a, const Seen& b) { return a.input < b.input; });
  EXPECT_TRUE(seen == wanted);
  EXPECT_THAT(source->Ends(), ElementsAre(3000, 3005, 3000, 3000));
  EXPECT_TRUE(source->Poll(kMost)->empty());
}

TEST_F(SourceTest, LiveGoesBackAndAhead) {
  Topic topic(2);
  topic.Fill(0, 500);
  topic.Fill(1, 500);
  auto source = Open(Options({&topic}, 2));
  ASSERT_TRUE(source->Start(Marks({0, 0})).ok());
  for (size_t left = 300; left > 0;) left -= source->Read(0, 1, left)->messages.size();
  ASSERT_TRUE(source->Live(std::vector<int64_t>{100, 200}).ok());  // Of 300 and 0.
  std::vector<Seen> seen;
  const Status polled = PollUntil(*source, 700, seen);
  ASSERT_TRUE(polled.ok()) << polled.message();
  std::vector<int64_t> next = {100, 200};
  for (const Seen& s : seen) EXPECT_EQ(s.offset, next[s.input]++);
  EXPECT_THAT(next, ElementsAre(500, 500));
}

TEST_F(SourceTest, ReadingPastTheEndIsRefused) {
  Topic topic(1);
  topic.Fill(0, 10);
  auto source = Open(Options({&topic}, 1));
  ASSERT_TRUE(source->Start(Marks({0})).ok());
  for (size_t left = 10; left > 0;) left -= source->Read(0, 1, 100)->messages.size();
  const auto before = Clock::now();
  const auto read = source->Read(0, 1, 1);
  Say("the end was noticed after {:.3f} s", Seconds(Clock::now() - before));
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.status().code(), StatusCode::kCorrupt);
  EXPECT_THAT(std::string(read.status().message()), HasSubstr("offset 10"));
}

TEST_F(SourceTest, WaitingIsGivenUp) {
  Topic topic(1);
  topic.Fill(0, 1);
  SourceOptions options = Options({&topic}, 1);
  // The broker keeps the answer back until there is more, so the end is not heard of.
  options.cluster.properties = {{"fetch.wait.max.ms", "60000"},
                                {"socket.timeout.ms", "90000"},
                                {"fetch.min.bytes", "1000000"}};
  int asked = 0;
  options.give_up = [&] { return ++asked == 3; };
  auto source = Open(options);
  ASSERT_TRUE(source->Start(Marks({1})).ok());
  const auto read = source->Read(0, 1, 1);
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.status().code(), StatusCode::kIo);
  EXPECT_THAT(std::string(read.status().message()), HasSubstr("stopped while"));
}

// ---- Whether the topic is still the same ----

TEST_F(SourceTest, SameMessagesAreAccepted) {
  Topic topic(1);
  topic.Fill(0, 20);
  const SourceOptions options = Options({&topic}, 1);
  const InputMark mark = MarkAfter(options, 12);
  ASSERT_EQ(mark.next, 12);
  auto source = Open(options);
  const Status started = source->Start(std::vector<InputMark>{mark});
  ASSERT_TRUE(started.ok()) << started.message();
  auto read = source->Read(0, 1, 3);
  ASSERT_TRUE(read.ok()) << read.status().message();
  EXPECT_EQ(read->messages.front().offset, 12);
  InputMark other = mark;
  other.hash ^= 1;
  EXPECT_EQ(StartAt(options, other).code(), StatusCode::kCorrupt);
  other = mark;
  other.timestamp += 1;
  EXPECT_EQ(StartAt(options, other).code(), StatusCode::kCorrupt);
  EXPECT_TRUE(StartAt(options, MarkAfter(options, 20)).ok());
}

TEST_F(SourceTest, TopicMadeAgainIsRefused) {
  Topic topic(1);
  topic.Fill(0, 20);
  const SourceOptions options = Options({&topic}, 1);
  const InputMark mark = MarkAfter(options, 12);
  topic.Delete();
  topic.Make();
  topic.Fill(0, 5);
  const Status shorter = StartAt(options, mark);
  EXPECT_EQ(shorter.code(), StatusCode::kCorrupt);
  EXPECT_THAT(std::string(shorter.message()), HasSubstr("made again"));
  topic.Fill(0, 30, 5);  // The same payloads at the same offsets, at another time.
  const Status longer = StartAt(options, mark);
  EXPECT_EQ(longer.code(), StatusCode::kCorrupt);
  EXPECT_THAT(std::string(longer.message()), HasSubstr("made again"));
}

TEST_F(SourceTest, AStartThatWasNotVerifiedIsNotReadFrom) {
  Topic topic(1);
  topic.Fill(0, 20);
  SourceOptions options = Options({&topic}, 1);
  const InputMark mark = MarkAfter(options, 12);
  // The broker waits for more than there is, longer than the start is willing to.
  options.cluster.properties = {{"fetch.min.bytes", "10000000"}, {"fetch.wait.max.ms", "1000"}};
  bool hurried = true;
  options.give_up = [&] { return hurried; };
  auto source = Open(options);
  EXPECT_EQ(source->Start(std::vector<InputMark>{mark}).code(), StatusCode::kIo);
  EXPECT_TRUE(source->returned());
  // It stands at the message that was read last, which must not come a second time.
  std::vector<Seen> seen;
  EXPECT_EQ(PollUntil(*source, 1, seen, std::chrono::seconds(2)).code(), StatusCode::kIo);
  EXPECT_TRUE(seen.empty());
  hurried = false;
  ASSERT_TRUE(source->Start(std::vector<InputMark>{mark}).ok());
  EXPECT_FALSE(source->returned());
  ASSERT_TRUE(source->Live(std::vector<int64_t>{mark.next}).ok());
  ASSERT_TRUE(PollUntil(*source, 8, seen).ok());
  EXPECT_EQ(seen.front(), (Seen{0, 12, "0:12"}));
}

TEST_F(SourceTest, ExpiredMessagesAreRefusedOnlyIfNeeded) {
  Topic topic(1);
  topic.Fill(0, 20);
  const SourceOptions options = Options({&topic}, 1);
  const InputMark mark = MarkAfter(options, 12);
  topic.Cut(0, 12);
  EXPECT_TRUE(StartAt(options, mark).ok());
  topic.Cut(0, 13);
  const Status expired = StartAt(options, mark);
  EXPECT_EQ(expired.code(), StatusCode::kCorrupt);
  EXPECT_THAT(std::string(expired.message()), HasSubstr("expired"));
}

TEST_F(SourceTest, MessagesDeletedBeforeTheyAreReadStopIt) {
  Topic topic(1);
  topic.Fill(0, 20);
  topic.Cut(0, 10);
  auto source = Open(Options({&topic}, 1));
  ASSERT_TRUE(source->Live(std::vector<int64_t>{5}).ok());
  std::vector<Seen> seen;
  const Status polled = PollUntil(*source, 1, seen);
  EXPECT_EQ(polled.code(), StatusCode::kIo);
  EXPECT_THAT(std::string(polled.message()), HasSubstr("--rebuild"));
  EXPECT_TRUE(seen.empty());
  EXPECT_FALSE(source->Poll(kMost).ok());  // It stays so.
}

TEST_F(SourceTest, TopicDeletedWhilePollingStopsIt) {
  Topic topic(1);
  topic.Fill(0, 20);
  auto source = Running(Options({&topic}, 1), {0});
  std::vector<Seen> seen;
  ASSERT_TRUE(PollUntil(*source, 20, seen).ok());
  topic.Delete();
  const auto before = Clock::now();
  const Status polled = PollUntil(*source, 21, seen, std::chrono::seconds(120));
  Say("deletion was noticed after {:.1f} s: {}", Seconds(Clock::now() - before), polled.message());
  EXPECT_EQ(polled.code(), StatusCode::kIo);
  EXPECT_THAT(std::string(polled.message()), HasSubstr("no such topic"));
  topic.Make();
}

// ---- Messages ----

TEST_F(SourceTest, GapsAreRefusedUnlessAllowed) {
  Topic topic(1);
  const auto producer = MakeProducer({{"transactional.id", topic.name()}});
  ASSERT_EQ(rd_kafka_init_transactions(producer.get(), 30'000), nullptr);
  topic.Transact(producer.get(), 0, 3, true);   // 0 to 2; the marker is 3.
  topic.Transact(producer.get(), 0, 5, false);  // 4 to 8, 9.
  topic.Transact(producer.get(), 0, 2, true);   // 10 and 11, 12.
  SourceOptions options = Options({&topic}, 1);
  std::vector<Seen> seen;
  auto source = Running(options, {0});
  const Status refused = PollUntil(*source, 5, seen);
  EXPECT_EQ(refused.code(), StatusCode::kCorrupt);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("kafka.gaps: true"));
  options.gaps = true;
  seen.clear();
  source = Running(options, {0});
  const Status allowed = PollUntil(*source, 5, seen);
  ASSERT_TRUE(allowed.ok()) << allowed.message();
  std::vector<int64_t> offsets;
  for (const Seen& s : seen) {
    EXPECT_EQ(s.payload, "committed");
    offsets.push_back(s.offset);
  }
  EXPECT_THAT(offsets, ElementsAre(0, 1, 2, 10, 11));
  // It stands behind the last marker, whose message may expire before it does.
  ASSERT_TRUE(AtEndsSoon(*source));
  EXPECT_EQ(source->ReadTo(0), 13);
  // A mark before a gap, and the end behind one.
  source = Open(options);
  const Status started = source->Start(std::vector<InputMark>{MarkAfter(options, 3)});
  ASSERT_TRUE(started.ok()) << started.message();
  EXPECT_EQ(source->Read(0, 1, 1)->messages.front().offset, 10);
  EXPECT_EQ(source->Read(0, 1, 5)->messages.front().offset, 11);
  EXPECT_EQ(source->Read(0, 1, 1).status().code(), StatusCode::kCorrupt);
  // What was aborted is input too, if so configured.
  options.read_committed = false;
  seen.clear();
  source = Running(options, {0});
  ASSERT_TRUE(PollUntil(*source, 10, seen).ok());
  EXPECT_EQ(seen[3].payload, "aborted");
}

TEST_F(SourceTest, MessagesComeAsTheyAre) {
  Topic topic(1);
  const int64_t hour_ago = Now() - 3'600'000;
  const std::string parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  topic.Write(0, {"payload", "key", {{"other", "x"}, {"traceparent", parent}}, hour_ago});
  topic.Write(0, {std::nullopt, "gone", {}, 0});
  topic.Write(0, {"", "empty", {{"other", "x"}}, 0});
  topic.Write(0, {std::string("\0\n\xff", 3), "", {}, 0});
  topic.Flush();
  auto source = Open(Options({&topic}, 1));
  ASSERT_TRUE(source->Start(Marks({0})).ok());
  std::vector<Message> all;
  auto read = source->Read(0, 1, 1);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->messages.front().payload, "payload");
  EXPECT_EQ(read->messages.front().key, "key");
  EXPECT_EQ(read->messages.front().traceparent, parent);
  EXPECT_EQ(read->messages.front().timestamp, hour_ago);
  EXPECT_FALSE(read->messages.front().tombstone);
  read = source->Read(0, 1, 1);
  EXPECT_TRUE(read->messages.front().tombstone);
  EXPECT_EQ(read->messages.front().key, "gone");
  EXPECT_EQ(read->messages.front().payload, "");
  read = source->Read(0, 1, 1);
  EXPECT_FALSE(read->messages.front().tombstone);
  EXPECT_EQ(read->messages.front().payload, "");
  EXPECT_EQ(read->messages.front().traceparent, "");
  EXPECT_EQ(read->messages.front().offset, 2);
  read = source->Read(0, 1, 1);
  EXPECT_EQ(read->messages.front().payload, std::string_view("\0\n\xff", 3));
}

TEST_F(SourceTest, PollMergesPartitionsByTheirTimes) {
  constexpr int kEach = 200;
  Topic topic(4);
  const int64_t begin = std::chrono::duration_cast<std::chrono::milliseconds>(
                            std::chrono::system_clock::now().time_since_epoch())
                            .count() -
                        10 * kEach;
  for (int i = 0; i < 4; ++i) {
    for (int n = 0; n < kEach; ++n) topic.Write(i, {"x", {}, {}, begin + 10 * n + 3 * i});
  }
  topic.Flush();
  auto source = Running(Options({&topic}, 4), {0, 0, 0, 0});
  std::vector<int64_t> times;
  std::vector<int> counts(4);
  while (times.size() < 4 * kEach) {
    auto polled = source->Poll(150);
    ASSERT_TRUE(polled.ok());
    for (const Message& m : *polled) {
      times.push_back(m.timestamp);
      ++counts[m.input];
    }
  }
  EXPECT_TRUE(std::is_sorted(times.begin(), times.end()));
  EXPECT_THAT(counts, Each(kEach));
}

// ---- While it lives ----

TEST_F(SourceTest, WakesWhoWaits) {
  constexpr int kMessages = 500;
  Topic topic(4);
  auto source = Running(Options({&topic}, 4), {0, 0, 0, 0});
  for (int32_t i = 0; i < 4; ++i) topic.Fill(i, 1);
  std::vector<Seen> first;  // Until then leaders are found, and connections made.
  ASSERT_TRUE(PollUntil(*source, 4, first).ok());
  Waiter waiter;
  source->OnReady([&] { waiter.Ready(); });
  std::thread writer([&] {
    for (int i = 0; i < kMessages; ++i) {
      const int64_t now = Clock::now().time_since_epoch().count();
      topic.Write(i % 4, {std::to_string(now), {}, {}, 0});
      std::this_thread::sleep_for(std::chrono::milliseconds(4));
    }
    topic.Flush();
  });
  std::vector<double> latencies;
  int woken = 0, late = 0;
  while (latencies.size() < kMessages) {
    auto polled = source->Poll(kMost);
    ASSERT_TRUE(polled.ok()) << polled.status().message();
    for (const Message& m : *polled) {
      const Clock::time_point sent{Clock::duration{std::stoll(std::string(m.payload))}};
      latencies.push_back(Seconds(Clock::now() - sent));
    }
    if (!polled->empty()) continue;
    ++woken;
    if (!waiter.Wait(std::chrono::milliseconds(800))) ++late;  // Less than what comes anyway.
  }
  writer.join();
  std::sort(latencies.begin(), latencies.end());
  Say("produced to polled, ms: p50 {:.2f}, p95 {:.2f}, p99 {:.2f}, max {:.2f}; waited {} times",
      latencies[kMessages / 2] * 1e3, latencies[kMessages * 95 / 100] * 1e3,
      latencies[kMessages * 99 / 100] * 1e3, latencies.back() * 1e3, woken);
  EXPECT_EQ(late, 0);
}

TEST_F(SourceTest, ManyWaitingMessagesTakeBoundedMemory) {
  constexpr int kPartitions = 4, kEach = 200'000;
  constexpr size_t kSize = 150;
  Topic topic(kPartitions);
  for (int32_t i = 0; i < kPartitions; ++i) topic.Fill(i, kEach, 0, kSize);
  SourceOptions options = Options({&topic}, kPartitions);
  options.queued_kilobytes = 8192;
  const size_t before = ResidentBytes();
  auto source = Running(options, std::vector<int64_t>(kPartitions));
  std::this_thread::sleep_for(std::chrono::seconds(3));
  Say("{} MB wait, {} MB may; {:.1f} MB more are resident", kPartitions * kEach * kSize / 1'000'000,
      options.queued_kilobytes / 1000,
      (static_cast<double>(ResidentBytes()) - static_cast<double>(before)) / 1e6);
  EXPECT_LT(ResidentBytes(), before + (size_t{64} << 20));
  std::vector<int64_t> next(kPartitions);
  size_t count = 0;
  const auto until = Clock::now() + std::chrono::seconds(60);
  const auto start = Clock::now();
  while (count < size_t{kPartitions} * kEach && Clock::now() < until) {
    auto polled = source->Poll(kMost);
    ASSERT_TRUE(polled.ok()) << polled.status().message();
    for (const Message& m : *polled) ASSERT_EQ(m.offset, next[m.input]++);
    count += polled->size();
  }
  EXPECT_EQ(count, size_t{kPartitions} * kEach);
  Say("with a queue of {} kB: {:.0f} messages/s", options.queued_kilobytes,
      static_cast<double>(count) / Seconds(Clock::now() - start));
}

/// kill -9 and a start with what it has on disk; LEAT_KAFKA_FOLDER is its folder (scripts/kafka).
bool RunBroker(const char* command) {
  const std::string line = fmt::format("scripts/kafka {} --folder '{}' > /dev/null", command,
                                       std::getenv("LEAT_KAFKA_FOLDER"));
  return std::system(line.c_str()) == 0;
}

TEST_F(SourceTest, BrokerKilledAndRestartedIsRiddenOver) {
  if (!std::getenv("LEAT_KAFKA_FOLDER")) GTEST_SKIP() << "LEAT_KAFKA_FOLDER is not set";
  Topic topic(2);
  topic.Fill(0, 2000);
  auto source = Running(Options({&topic}, 2), {0, 0});
  std::vector<Seen> seen;
  ASSERT_TRUE(PollUntil(*source, 1500, seen).ok());
  EXPECT_FALSE(source->AtEnds());
  ASSERT_TRUE(PollUntil(*source, 2000, seen).ok());
  ASSERT_TRUE(AtEndsSoon(*source));
  EXPECT_EQ(source->ReadTo(0), 2000);
  ASSERT_TRUE(RunBroker("kill"));
  EXPECT_FALSE(source->AtEnds());  // There may be more: nobody says.
  std::atomic<bool> restarted = false;
  std::thread restart([&] {
    std::this_thread::sleep_for(std::chrono::seconds(2));
    EXPECT_TRUE(RunBroker("restart"));
    restarted = true;
  });
  while (!restarted) {
    auto polled = source->Poll(kMost);
    ASSERT_TRUE(polled.ok()) << polled.status().message();
    Add(*polled, seen);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  restart.join();
  const auto before = Clock::now();
  topic.Fill(0, 1000, 2000);
  topic.Fill(1, 1000);
  const Status polled = PollUntil(*source, 4000, seen, std::chrono::seconds(60));
  ASSERT_TRUE(polled.ok()) << polled.message();
  Say("all had come {:.1f} s after the restart", Seconds(Clock::now() - before));
  std::vector<int64_t> next(2);
  for (const Seen& s : seen) EXPECT_EQ(s.offset, next[s.input]++);
}

// ---- Speed ----

TEST_F(SourceTest, Speed) {
  constexpr int kPartitions = 4;
  const char* const wanted = std::getenv("LEAT_KAFKA_MESSAGES");
  const int each = (wanted ? std::atoi(wanted) : 200'000) / kPartitions;
  Topic topic(kPartitions);
  for (int32_t i = 0; i < kPartitions; ++i) topic.Fill(i, each, 0, 150);
  const SourceOptions options = Options({&topic}, kPartitions);
  for (const size_t most : {size_t{1000}, size_t{100}}) {
    const auto opened = Clock::now();
    auto source = Running(options, std::vector<int64_t>(kPartitions));
    const auto start = Clock::now();
    Waiter waiter;
    source->OnReady([&] { waiter.Ready(); });
    size_t count = 0, bytes = 0, waits = 0;
    const std::clock_t used = std::clock();
    while (count < static_cast<size_t>(each) * kPartitions) {
      auto polled = source->Poll(most);
      ASSERT_TRUE(polled.ok());
      count += polled->size();
      for (const Message& m : *polled) bytes += m.payload.size();
      if (polled->empty()) waiter.Wait(std::chrono::seconds(1)), ++waits;
    }
    Say("{} waits, {:.3f} s of processor", waits,
        static_cast<double>(std::clock() - used) / CLOCKS_PER_SEC);
    Say("Poll({}): {:.2f} M messages/s, {:.0f} MB/s; open and start {:.3f} s", most,
        static_cast<double>(count) / Seconds(Clock::now() - start) / 1e6,
        static_cast<double>(bytes) / Seconds(Clock::now() - start) / 1e6, Seconds(start - opened));
  }
  for (const size_t run : {size_t{100}, size_t{2}}) {
    auto source = Open(options);
    ASSERT_TRUE(source->Start(Marks(std::vector<int64_t>(kPartitions))).ok());
    const auto start = Clock::now();
    size_t count = 0, runs = 0;
    const int rounds = std::min(each, 50'000) / static_cast<int>(run);
    for (int i = 0; i < rounds; ++i) {
      for (uint32_t input = 0; input < kPartitions; ++input, ++runs) {
        for (size_t left = run; left > 0;) {
          auto read = source->Read(input, 1, left);
          ASSERT_TRUE(read.ok()) << read.status().message();
          left -= read->messages.size();
          count += read->messages.size();
        }
      }
    }
    Say("Read in runs of {}: {:.2f} M messages/s", run,
        static_cast<double>(count) / Seconds(Clock::now() - start) / 1e6);
  }
}

}  // namespace
}  // namespace leat::kafka
