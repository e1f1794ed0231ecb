#include "connectors/kafka/topics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "kafka/topic.h"

namespace leat::kafka {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Cluster Nowhere() {
  Cluster cluster;
  cluster.brokers = "127.0.0.1:1";
  return cluster;
}

TEST(ClientTest, UnknownPropertyIsNamed) {
  Cluster cluster = Nowhere();
  cluster.properties = {{"secuirty.protocol", "ssl"}};
  const auto conf = MakeConf(cluster, RD_KAFKA_CONSUMER, {});
  ASSERT_FALSE(conf.ok());
  EXPECT_EQ(conf.status().code(), StatusCode::kInvalid);
  EXPECT_THAT(std::string(conf.status().message()), HasSubstr("secuirty.protocol"));
}

TEST(ClientTest, RefusedValueIsNamedButNoSecret) {
  Cluster cluster = Nowhere();
  cluster.properties = {{"security.protocol", "wrong"}};
  EXPECT_THAT(std::string(MakeConf(cluster, RD_KAFKA_CONSUMER, {}).status().message()),
              HasSubstr("wrong"));
  cluster.properties = {{"sasl.oauthbearer.method", "hunter2"}};
  EXPECT_THAT(std::string(MakeConf(cluster, RD_KAFKA_CONSUMER, {}).status().message()),
              Not(HasSubstr("hunter2")));
}

TEST(ClientTest, PropertiesOfTheOtherTypeGiveNoWarning) {
  Cluster cluster = Nowhere();
  cluster.properties = {{"linger.ms", "7"},
                        {"acks", "1"},
                        {"fetch.min.bytes", "2"},
                        {"auto.offset.reset", "error"},
                        {"isolation.level", "read_committed"}};
  ::testing::internal::CaptureStderr();
  for (const rd_kafka_type_t type : {RD_KAFKA_CONSUMER, RD_KAFKA_PRODUCER}) {
    auto conf = MakeConf(cluster, type, {{"linger.ms", "3"}});
    ASSERT_TRUE(conf.ok()) << conf.status().message();
    char value[16];
    size_t size = sizeof(value);
    ASSERT_EQ(rd_kafka_conf_get(conf->get(), "linger.ms", value, &size), RD_KAFKA_CONF_OK);
    // The cluster's properties win.
    EXPECT_EQ(std::string(value), type == RD_KAFKA_PRODUCER ? "7" : "5");
    ASSERT_TRUE(MakeClient(type, std::move(conf).value()).ok());
  }
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), Not(HasSubstr("property")));
}

TEST(ClientTest, SameWarningComesOnceAMinute) {
  ::testing::internal::CaptureStderr();
  {
    auto conf = MakeConf(Nowhere(), RD_KAFKA_PRODUCER,
                         {{"reconnect.backoff.ms", "10"}, {"reconnect.backoff.max.ms", "20"}});
    ASSERT_TRUE(conf.ok());
    auto client = MakeClient(RD_KAFKA_PRODUCER, std::move(conf).value());
    ASSERT_TRUE(client.ok());
    for (int i = 0; i < 10; ++i) rd_kafka_poll(client->get(), 50);
  }
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_LE(std::count(log.begin(), log.end(), '\n'), 3) << log;
}

TEST(ClientTest, NoBrokerIsSaid) {
  const auto facts = DescribeTopics(Nowhere(), {"a"}, 300);
  ASSERT_FALSE(facts.ok());
  EXPECT_EQ(facts.status().code(), StatusCode::kIo);
  EXPECT_THAT(std::string(facts.status().message()), HasSubstr("no broker answers"));
}

class DescribeTest : public KafkaTest {};

TEST_F(DescribeTest, FactsOfThoseThatExist) {
  const Topic topic(3);
  const std::string missing = topic.name() + "-missing";
  for (int i = 0; i < 2; ++i) {  // Asking makes no topic.
    const auto facts = DescribeTopics(TestCluster(), {topic.name(), missing});
    ASSERT_TRUE(facts.ok()) << facts.status().message();
    ASSERT_EQ(facts->size(), 1u);
    const TopicFacts& found = facts->at(topic.name());
    EXPECT_EQ(found.partitions, 3);
    EXPECT_FALSE(found.compacted);
    EXPECT_EQ(found.max_message_bytes, 1'048'588);
  }
}

TEST_F(DescribeTest, MakingOneThatExistsIsFine) {
  const Topic topic(2);
  const Status again = CreateTopics(TestCluster(), {{topic.name(), 5}});
  EXPECT_TRUE(again.ok()) << again.message();
  const Status bad = CreateTopics(TestCluster(), {{"a bad name", 1}});
  EXPECT_EQ(bad.code(), StatusCode::kIo);
  EXPECT_THAT(std::string(bad.message()), HasSubstr("a bad name"));
}

}  // namespace
}  // namespace leat::kafka
