#include "support/kafka_broker.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <thread>

namespace leat {
namespace {

std::vector<KafkaRecord> Numbers(int from, int count) {
  std::vector<KafkaRecord> records;
  for (int i = from; i < from + count; ++i) {
    records.push_back({.key = "k" + std::to_string(i), .payload = std::to_string(i)});
  }
  return records;
}

std::vector<std::string> Payloads(const std::vector<KafkaRecord>& records) {
  std::vector<std::string> payloads;
  for (const KafkaRecord& record : records) payloads.push_back(record.payload.value_or("(none)"));
  return payloads;
}

/// One that has ended, and whom nobody has waited for, does not.
bool Runs(pid_t pid) {
  std::string words;
  std::ifstream("/proc/" + std::to_string(pid) + "/cmdline") >> words;
  return !words.empty();
}

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

#define ASSERT_OK(expression)                           \
  do {                                                  \
    const Status ok_status = (expression);              \
    ASSERT_TRUE(ok_status.ok()) << ok_status.message(); \
  } while (false)

TEST(KafkaBroker, WhatIsProducedIsRead) {
  LEAT_NEED_KAFKA(broker);
  const std::string topic = UniqueName("produced");
  ASSERT_OK(CreateTopic(broker.brokers(), topic, 2, {{"retention.ms", "-1"}}));
  const KafkaRecord whole{.key = "key",
                          .payload = std::string("a\0b", 3),
                          .headers = {{"name", "value"}, {"name", ""}},
                          .timestamp = 1'700'000'000'123};
  const KafkaRecord tombstone{.key = "key", .payload = std::nullopt};
  const KafkaRecord empty{.key = std::nullopt, .payload = ""};
  ASSERT_OK(Produce(broker.brokers(), topic, 1, {whole, tombstone, empty}));
  ASSERT_OK(Produce(broker.brokers(), topic, 0, Numbers(1, 2)));

  const auto records = ReadTopic(broker.brokers(), topic);
  ASSERT_OK(records.status());
  ASSERT_THAT(Payloads(*records), ElementsAre("1", "2", std::string("a\0b", 3), "(none)", ""));
  const KafkaRecord& read = (*records)[2];
  EXPECT_EQ(read.key, whole.key);
  EXPECT_EQ(read.headers, whole.headers);
  EXPECT_EQ(read.timestamp, whole.timestamp);
  EXPECT_EQ(read.partition, 1);
  EXPECT_EQ(read.offset, 0);
  EXPECT_EQ((*records)[4].key, std::nullopt);
  EXPECT_THAT(Got(EndOffsets(broker.brokers(), topic)), ElementsAre(Pair(0, 2), Pair(1, 3)));
}

TEST(KafkaBroker, MuchIsReadWhole) {
  LEAT_NEED_KAFKA(broker);
  const std::string topic = UniqueName("much");
  ASSERT_OK(CreateTopic(broker.brokers(), topic, 3));
  ASSERT_OK(Produce(broker.brokers(), topic, -1, Numbers(0, 150'000)));
  const auto records = ReadTopic(broker.brokers(), topic);
  ASSERT_OK(records.status());
  EXPECT_EQ(records->size(), 150'000u);
}

TEST(KafkaBroker, AnEmptyTopicHasNothing) {
  LEAT_NEED_KAFKA(broker);
  const std::string topic = UniqueName("empty");
  ASSERT_OK(CreateTopic(broker.brokers(), topic, 1));
  const auto records = ReadTopic(broker.brokers(), topic);
  ASSERT_OK(records.status());
  EXPECT_THAT(*records, IsEmpty());
}

TEST(KafkaBroker, OutcomesOfTransactionsAreSeenAtOnce) {
  LEAT_NEED_KAFKA(broker);
  const std::string topic = UniqueName("transactions");
  ASSERT_OK(CreateTopic(broker.brokers(), topic, 1));
  ASSERT_OK(ProduceTransaction(broker.brokers(), topic, 0, Numbers(1, 2), true));
  ASSERT_OK(ProduceTransaction(broker.brokers(), topic, 0, Numbers(3, 2), false));
  ASSERT_OK(ProduceTransaction(broker.brokers(), topic, 0, Numbers(5, 1), true));
  EXPECT_THAT(Payloads(Got(ReadTopic(broker.brokers(), topic))), ElementsAre("1", "2", "5"));
  EXPECT_THAT(Payloads(Got(ReadTopic(broker.brokers(), topic, Isolation::kUncommitted))),
              ElementsAre("1", "2", "3", "4", "5"));
  // Each transaction has left its marker.
  EXPECT_THAT(Got(EndOffsets(broker.brokers(), topic)), ElementsAre(Pair(0, 8)));
}

TEST(KafkaBroker, AnOpenTransactionHidesWhatIsBehindIt) {
  LEAT_NEED_KAFKA(broker);
  const std::string topic = UniqueName("open");
  ASSERT_OK(CreateTopic(broker.brokers(), topic, 1));
  ASSERT_OK(Produce(broker.brokers(), topic, 0, Numbers(1, 1)));
  auto open = OpenTransaction::Begin(broker.brokers(), UniqueName("id"));
  ASSERT_OK(open.status());
  ASSERT_OK((*open)->Produce(topic, 0, Numbers(2, 1)));
  ASSERT_OK(Produce(broker.brokers(), topic, 0, Numbers(3, 1)));
  EXPECT_THAT(Payloads(Got(ReadTopic(broker.brokers(), topic, Isolation::kCommitted, 100))),
              ElementsAre("1"));
  EXPECT_THAT(Payloads(Got(ReadTopic(broker.brokers(), topic, Isolation::kUncommitted))),
              ElementsAre("1", "2", "3"));
  EXPECT_THAT(Got(EndOffsets(broker.brokers(), topic, Isolation::kCommitted)),
              ElementsAre(Pair(0, 1)));
  ASSERT_OK((*open)->Commit());
  EXPECT_THAT(Payloads(Got(ReadTopic(broker.brokers(), topic))), ElementsAre("1", "2", "3"));
}

TEST(KafkaBroker, OffsetsOfAGroupCarryMetadata) {
  LEAT_NEED_KAFKA(broker);
  const std::string topic = UniqueName("offsets"), group = UniqueName("group");
  ASSERT_OK(CreateTopic(broker.brokers(), topic, 3));
  EXPECT_THAT(Got(CommittedOffsets(broker.brokers(), group, topic)), IsEmpty());
  ASSERT_OK(SetCommittedOffsets(broker.brokers(), group, topic,
                                {{0, {.offset = 5, .metadata = "v1 mark"}}, {2, {.offset = 0}}}));
  const auto offsets = CommittedOffsets(broker.brokers(), group, topic);
  ASSERT_OK(offsets.status());
  ASSERT_EQ(offsets->size(), 2u);
  EXPECT_EQ(offsets->at(0).offset, 5);
  EXPECT_EQ(offsets->at(0).metadata, "v1 mark");
  EXPECT_EQ(offsets->at(2).offset, 0);
  EXPECT_EQ(offsets->at(2).metadata, "");
  ASSERT_OK(DeleteGroup(broker.brokers(), group));
  EXPECT_THAT(Got(CommittedOffsets(broker.brokers(), group, topic)), IsEmpty());
}

TEST(KafkaBroker, TopicsChange) {
  LEAT_NEED_KAFKA(broker);
  const std::string topic = UniqueName("changes");
  ASSERT_OK(CreateTopic(broker.brokers(), topic, 1));
  EXPECT_THAT(std::string(CreateTopic(broker.brokers(), topic, 1).message()),
              ::testing::HasSubstr("already exists"));
  ASSERT_OK(Produce(broker.brokers(), topic, 0, Numbers(0, 5)));
  ASSERT_OK(DeleteRecords(broker.brokers(), topic, 0, 3));
  EXPECT_THAT(Got(StartOffsets(broker.brokers(), topic)), ElementsAre(Pair(0, 3)));
  EXPECT_THAT(Payloads(Got(ReadTopic(broker.brokers(), topic))), ElementsAre("3", "4"));
  ASSERT_OK(AddPartitions(broker.brokers(), topic, 3));
  EXPECT_EQ(Got(EndOffsets(broker.brokers(), topic)).size(), 3u);
  ASSERT_OK(AlterTopicConfig(broker.brokers(), topic, {{"max.message.bytes", "1000"}}));
  const KafkaRecord large{.key = std::nullopt, .payload = std::string(5'000, 'x')};
  EXPECT_FALSE(Produce(broker.brokers(), topic, 0, {large}).ok());
  ASSERT_OK(DeleteTopic(broker.brokers(), topic));
  ASSERT_OK(CreateTopic(broker.brokers(), topic, 2));
  EXPECT_THAT(Got(EndOffsets(broker.brokers(), topic)), ElementsAre(Pair(0, 0), Pair(1, 0)));
}

TEST(KafkaBroker, SurvivesAKillAndAPause) {
  LEAT_NEED_KAFKA(shared);
  auto started = KafkaBroker::Start();
  ASSERT_OK(started.status());
  KafkaBroker& broker = **started;
  ASSERT_OK(CreateTopic(broker.brokers(), "kept", 1));
  ASSERT_OK(Produce(broker.brokers(), "kept", 0, Numbers(1, 1)));
  const std::string address = broker.brokers();
  const pid_t before = broker.pid();
  ASSERT_OK(broker.Kill());
  EXPECT_EQ(broker.pid(), 0);
  EXPECT_FALSE(Runs(before));
  ASSERT_OK(broker.Restart());
  EXPECT_EQ(broker.brokers(), address);
  EXPECT_NE(broker.pid(), before);
  EXPECT_THAT(Payloads(Got(ReadTopic(broker.brokers(), "kept"))), ElementsAre("1"));
  ASSERT_OK(broker.Pause());
  std::thread later([&broker] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    EXPECT_TRUE(broker.Resume().ok());
  });
  EXPECT_TRUE(Produce(broker.brokers(), "kept", 0, Numbers(2, 1)).ok());
  later.join();
  ASSERT_OK(broker.Stop());
  ASSERT_OK(broker.Restart());
  EXPECT_THAT(Payloads(Got(ReadTopic(broker.brokers(), "kept"))), ElementsAre("1", "2"));
}

TEST(KafkaBroker, EndsWithTheProcessThatStartedIt) {
  LEAT_NEED_KAFKA(shared);
  int told[2];
  ASSERT_EQ(pipe2(told, O_CLOEXEC), 0);
  const pid_t child = fork();
  if (child == 0) {
    auto broker = KafkaBroker::Start();
    const pid_t pid = broker.ok() ? (*broker)->pid() : 0;
    (void)!write(told[1], &pid, sizeof(pid));
    kill(getpid(), SIGKILL);
  }
  close(told[1]);
  pid_t pid = 0;
  ASSERT_EQ(read(told[0], &pid, sizeof(pid)), static_cast<ssize_t>(sizeof(pid)));
  close(told[0]);
  waitpid(child, nullptr, 0);
  ASSERT_GT(pid, 0);
  bool gone = false;
  for (int i = 0; i < 300 && !gone; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    gone = !Runs(pid);
  }
  EXPECT_TRUE(gone);
}

}  // namespace
}  // namespace leat
