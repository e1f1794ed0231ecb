/// A topic of its own for a test, at the broker that LEAT_KAFKA_BROKERS names: written to by
/// librdkafka itself. What fails is a failure of the test.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "connectors/kafka/client.h"
#include "connectors/kafka/topics.h"
#include "support/kafka_broker.h"

namespace leat::kafka {

/// host:port; empty: there is none.
inline std::string Brokers() {
  const char* const brokers = std::getenv("LEAT_KAFKA_BROKERS");
  return brokers ? brokers : "";
}

inline Cluster TestCluster() {
  Cluster cluster;
  cluster.brokers = Brokers();
  return cluster;
}

/// A test that needs a broker.
class KafkaTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (Brokers().empty()) GTEST_SKIP() << "LEAT_KAFKA_BROKERS is not set: tests/kafka/with-broker";
  }
};

struct Record {
  std::optional<std::string> payload;
  std::string key;
  std::vector<std::pair<std::string, std::string>> headers;
  int64_t timestamp = 0;  ///< 0: now.
};

inline Handle<rd_kafka_t> MakeProducer(
    const std::vector<std::pair<std::string, std::string>>& settings) {
  auto conf = MakeConf(TestCluster(), RD_KAFKA_PRODUCER, settings);
  EXPECT_TRUE(conf.ok()) << conf.status().message();
  auto client = MakeClient(RD_KAFKA_PRODUCER, std::move(conf).value());
  EXPECT_TRUE(client.ok()) << client.status().message();
  return std::move(client).value();
}

/// One for all tests: a new one would wait for its first metadata.
inline rd_kafka_t* SharedProducer() {
  static rd_kafka_t* const producer =
      MakeProducer({{"linger.ms", "0"}, {"queue.buffering.max.messages", "2000000"}}).release();
  return producer;
}

class Topic {
 public:
  explicit Topic(int32_t partitions) : partitions_(partitions) {
    static int made = 0;
    name_ = "leat-test-" + std::to_string(getpid()) + "-" + std::to_string(++made);
    Make();
  }
  ~Topic() { Delete(); }
  Topic(const Topic&) = delete;
  Topic& operator=(const Topic&) = delete;

  const std::string& name() const { return name_; }

  void Make() {
    const Status made = CreateTopics(TestCluster(), {{name_, partitions_}});
    ASSERT_TRUE(made.ok()) << made.message();
    Await([&] { return Partitions() == partitions_; });
  }
  void Delete() {
    const Status deleted = DeleteTopic(Brokers(), name_);
    EXPECT_TRUE(deleted.ok()) << deleted.message();
    Await([&] { return Partitions() == 0; });
  }
  /// Deletes the messages before `offset`.
  void Cut(int32_t partition, int64_t offset) {
    const Status cut = DeleteRecords(Brokers(), name_, partition, offset);
    ASSERT_TRUE(cut.ok()) << cut.message();
  }
  void Write(int32_t partition, const Record& record, rd_kafka_t* producer = SharedProducer()) {
    rd_kafka_headers_t* headers = rd_kafka_headers_new(record.headers.size());
    for (const auto& [name, value] : record.headers) {
      rd_kafka_header_add(headers, name.c_str(), -1, value.data(),
                          static_cast<ssize_t>(value.size()));
    }
    void* const payload =
        record.payload ? const_cast<char*>(record.payload->data()) : nullptr;  // NOLINT
    const size_t size = record.payload ? record.payload->size() : 0;
    const rd_kafka_resp_err_t error = rd_kafka_producev(
        producer, RD_KAFKA_V_TOPIC(name_.c_str()), RD_KAFKA_V_PARTITION(partition),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_VALUE(payload, size),
        RD_KAFKA_V_KEY(record.key.data(), record.key.size()),
        RD_KAFKA_V_TIMESTAMP(record.timestamp), RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
    ASSERT_EQ(error, RD_KAFKA_RESP_ERR_NO_ERROR) << rd_kafka_err2str(error);
  }
  /// `count` messages with payloads "<partition>:<number>", from `first` on.
  void Fill(int32_t partition, int count, int first = 0, size_t size = 0) {
    for (int i = first; i < first + count; ++i) {
      std::string payload = std::to_string(partition) + ":" + std::to_string(i);
      payload.resize(std::max(payload.size(), size), ' ');
      Write(partition, {payload, {}, {}, 0});
      if (i % 10'000 == 0) rd_kafka_poll(SharedProducer(), 0);
    }
    Flush();
  }
  void Flush() { ASSERT_EQ(rd_kafka_flush(SharedProducer(), 60'000), RD_KAFKA_RESP_ERR_NO_ERROR); }
  /// Messages in one transaction.
  void Transact(rd_kafka_t* producer, int32_t partition, int count, bool commit) {
    ASSERT_EQ(rd_kafka_begin_transaction(producer), nullptr);
    for (int i = 0; i < count; ++i) {
      Write(partition, {commit ? "committed" : "aborted", {}, {}, 0}, producer);
    }
    ASSERT_EQ(rd_kafka_flush(producer, 30'000), RD_KAFKA_RESP_ERR_NO_ERROR);
    ASSERT_EQ(commit ? rd_kafka_commit_transaction(producer, 30'000)
                     : rd_kafka_abort_transaction(producer, 30'000),
              nullptr);
  }

 private:
  template <typename Condition>
  static void Await(Condition condition) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!condition()) {
      ASSERT_LT(std::chrono::steady_clock::now(), until);
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }
  int32_t Partitions() const {
    auto facts = DescribeTopics(TestCluster(), {name_});
    return facts.ok() && facts->contains(name_) ? (*facts)[name_].partitions : 0;
  }

  std::string name_;
  int32_t partitions_;
};

}  // namespace leat::kafka
