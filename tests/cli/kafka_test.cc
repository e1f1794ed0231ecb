// Verbs that reach for a broker, over a real one.
#include <algorithm>
#include <boost/json.hpp>
#include <map>
#include <set>

#include "cli/fixture.h"
#include "record/time_format.h"
#include "support/kafka_broker.h"

namespace leat {
namespace {

namespace json = boost::json;

std::string Member(const KafkaRecord& record, const char* name) {
  const json::value row = json::parse(record.payload.value_or("{}"));
  const json::value* member = row.as_object().if_contains(name);
  if (!member) return "";
  return member->is_string() ? std::string(member->as_string()) : json::serialize(*member);
}

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

class CliKafka : public Cli {
 protected:
  std::string To(const KafkaBroker& broker, const std::string& topic) const {
    return " --kafka " + broker.brokers() + " --topic " + topic;
  }
};

TEST_F(CliKafka, AStreamGoesToATopicAndItsLabelsToAnother) {
  LEAT_NEED_KAFKA(broker);
  const std::string topic = UniqueName("transactions"), labels = UniqueName("labels");
  const Ran ran = Leat("generate card-fraud --rows 5000 --customers 50 --seed 3 --partitions 3" +
                       To(broker, topic) + " --key customer_id --labels-topic " + labels +
                       " --labels-after 7d");
  ASSERT_EQ(ran.code, 0) << ran.err;
  EXPECT_NE(ran.out.find(topic + ": 5000 produced, 5000 acknowledged; "), std::string::npos)
      << ran.out;
  EXPECT_NE(ran.out.find(labels + ": 5000 produced, 5000 acknowledged; "), std::string::npos)
      << ran.out;
  const auto rows = Got(ReadTopic(broker.brokers(), topic));
  const auto known = Got(ReadTopic(broker.brokers(), labels));
  ASSERT_EQ(rows.size(), 5000u);
  ASSERT_EQ(known.size(), 5000u);
  // The same as a file has, but for the label.
  ASSERT_EQ(
      Leat("generate card-fraud --rows 5000 --customers 50 --seed 3 -o " + Path("cards.jsonl"))
          .code,
      0);
  std::map<std::string, json::object> expected;
  for (const std::string& line : Lines(Slurp(Path("cards.jsonl")))) {
    const json::object row = json::parse(line).as_object();
    expected[json::serialize(row.at("transaction_id"))] = row;
  }
  std::map<std::string, const KafkaRecord*> by_id;
  for (const KafkaRecord& record : rows) {
    const std::string id = Member(record, "transaction_id");
    json::object row = expected.at(id);
    EXPECT_EQ(record.key, json::serialize(row.at("customer_id")));
    row.erase("tx_fraud");
    EXPECT_EQ(json::parse(*record.payload), json::value(row));
    by_id[id] = &record;
  }
  EXPECT_EQ(by_id.size(), 5000u);
  for (const KafkaRecord& label : known) {
    const std::string id = Member(label, "transaction_id");
    ASSERT_EQ(by_id.count(id), 1u);
    // A record and its label have the same partition.
    EXPECT_EQ(label.partition, by_id[id]->partition);
    EXPECT_EQ(label.key, by_id[id]->key);
    EXPECT_EQ(Member(label, "tx_fraud"), json::serialize(expected[id].at("tx_fraud")));
    // A week after the event, at the same second.
    EXPECT_EQ(Member(label, "known_at").substr(10),
              std::string(expected[id].at("tx_datetime").as_string()).substr(10));
  }
}

TEST_F(CliKafka, LiveEventsHaveTheTimeOfTheirSending) {
  LEAT_NEED_KAFKA(broker);
  const std::string topic = UniqueName("live");
  const Ran ran =
      Leat("generate sea --rows 300 --rate 500 --live --partitions 1 -q" + To(broker, topic));
  ASSERT_EQ(ran.code, 0) << ran.err;
  const auto rows = Got(ReadTopic(broker.brokers(), topic));
  ASSERT_EQ(rows.size(), 300u);
  const TimeParser iso;
  EventTime last{};
  for (const KafkaRecord& row : rows) {
    // Read, and not compared as text: a time of whole milliseconds is written shorter.
    EventTime time{};
    ASSERT_TRUE(iso.Parse(Member(row, "time"), time)) << Member(row, "time");
    EXPECT_LE(last, time);
    last = time;
    EXPECT_NE(Member(row, "target"), "");
  }
  // Not faster than was asked for, by what the broker was told.
  EXPECT_GE(rows.back().timestamp - rows.front().timestamp, 500);
}

// The first messages to a topic that was made a moment ago went missing, one time in ten, although
// they were acknowledged.
TEST_F(CliKafka, WhatIsAcknowledgedIsThere) {
  LEAT_NEED_KAFKA(broker);
  for (int i = 0; i < 15; ++i) {
    const std::string topic = UniqueName("new");
    const Ran ran = Leat("generate card-fraud --rows 60 --rate 1500 --live --key customer_id -q" +
                         To(broker, topic));
    ASSERT_EQ(ran.code, 0) << ran.err;
    ASSERT_EQ(Got(ReadTopic(broker.brokers(), topic)).size(), 60u) << ran.out;
  }
}

TEST_F(CliKafka, AnInterruptEndsAStreamCleanly) {
  LEAT_NEED_KAFKA(broker);
  const std::string topic = UniqueName("interrupted");
  const Ran ran = Leat("generate card-fraud --rows 1e9 --rate 1000 --live --labels-topic " + topic +
                           "-labels --labels-after 1h -q" + To(broker, topic),
                       "timeout --foreground -s INT --preserve-status 4");
  ASSERT_EQ(ran.code, 0) << ran.err;
  const size_t produced = std::stoul(ran.out.substr(ran.out.find(": ") + 2));
  EXPECT_GT(produced, 0u);
  EXPECT_NE(ran.out.find(std::to_string(produced) + " acknowledged"), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find(std::to_string(produced) + " labels not yet known"), std::string::npos)
      << ran.out;
  EXPECT_EQ(Got(ReadTopic(broker.brokers(), topic)).size(), produced);
}

TEST_F(CliKafka, ReadPrintsWhatIsCommitted) {
  LEAT_NEED_KAFKA(broker);
  const std::string topic = UniqueName("read");
  ASSERT_TRUE(CreateTopic(broker.brokers(), topic, 1).ok());
  const auto text = [](const char* key, const char* payload) {
    return KafkaRecord{.key = key, .payload = payload};
  };
  ASSERT_TRUE(ProduceTransaction(broker.brokers(), topic, 0, {text("a", "one")}, true).ok());
  ASSERT_TRUE(ProduceTransaction(broker.brokers(), topic, 0, {text("b", "two")}, false).ok());
  ASSERT_TRUE(ProduceTransaction(broker.brokers(), topic, 0, {text("c", "three")}, true).ok());
  EXPECT_EQ(Leat("read" + To(broker, topic)).out, "one\nthree\n");
  EXPECT_EQ(Leat("read --meta" + To(broker, topic)).out, "0\t0\ta\tone\n0\t4\tc\tthree\n");
  EXPECT_EQ(Leat("read --uncommitted --most 2" + To(broker, topic)).out, "one\ntwo\n");
  EXPECT_EQ(Leat("read --from latest" + To(broker, topic)).out, "");
  const Ran followed =
      Leat("read --follow" + To(broker, topic), "timeout --foreground -s INT --preserve-status 3");
  EXPECT_EQ(followed.code, 0) << followed.err;
  EXPECT_EQ(followed.out, "one\nthree\n");
}

TEST_F(CliKafka, WhatCannotBeIsSaid) {
  LEAT_NEED_KAFKA(broker);
  Ran ran = Leat("generate sea --topic t");
  EXPECT_EQ(ran.code, 2);
  ran = Leat("generate sea --kafka " + broker.brokers());
  EXPECT_EQ(ran.code, 2);
  ran = Leat("generate sea --key no_such -q" + To(broker, UniqueName("t")));
  EXPECT_EQ(ran.code, 2);
  EXPECT_EQ(ran.err, "leat: --key: no column no_such\n");
  ran = Leat("generate sea --labels-topic t --labels-after soon" + To(broker, UniqueName("t")));
  EXPECT_EQ(ran.code, 2);
  EXPECT_EQ(ran.err,
            "leat: --labels-after: found \"soon\", expected a duration such as 30s, 15m or 7d\n");
  for (const char* verb : {"generate sea", "read"}) {
    const std::string to = verb + To(broker, UniqueName("t"));
    ran = Leat(to + " --property secret");
    EXPECT_EQ(ran.code, 2);
    EXPECT_EQ(ran.err,
              "leat: --property: expected NAME=VALUE, such as security.protocol=sasl_ssl\n");
    ran = Leat(to + " --property 'sasl.password=${LEAT_NOT_SET}'");
    EXPECT_EQ(ran.code, 2);
    EXPECT_NE(ran.err.find("LEAT_NOT_SET is not set"), std::string::npos) << ran.err;
    ran = Leat(to + " --property security.protocl=ssl");
    EXPECT_EQ(ran.code, 2);
    EXPECT_NE(ran.err.find("property security.protocl"), std::string::npos) << ran.err;
  }
  const std::string missing = UniqueName("missing");
  ran = Leat("generate sea --partitions 0" + To(broker, missing));
  EXPECT_EQ(ran.code, 3);
  EXPECT_EQ(ran.err, "leat: topic " + missing + ": the brokers have none of this name\n");
  ran = Leat("read" + To(broker, missing));
  EXPECT_EQ(ran.code, 3);
  EXPECT_EQ(ran.err, "leat: topic " + missing + ": the brokers have none of this name\n");
}

}  // namespace
}  // namespace leat
