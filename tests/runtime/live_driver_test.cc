// How epochs of a live stream begin and end, over inputs that a test decides. That real ones keep
// what they promise is tests/kafka's.
#include "runtime/live_driver.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/config.h"
#include "pipeline/pipeline.h"

namespace leat {
namespace {

using namespace std::chrono_literals;

/// One input of messages that are there from the beginning; `idle` is called when there are no
/// more.
class Scripted final : public MessageSource {
 public:
  void Add(std::string payload, int64_t timestamp) {
    payloads_.push_back(std::move(payload));
    Message message;
    message.offset = static_cast<int64_t>(payloads_.size()) - 1;
    message.timestamp = timestamp;
    message.payload = payloads_.back();
    messages_.push_back(message);
  }
  const std::vector<InputPartition>& inputs() const override { return inputs_; }
  Result<std::vector<int64_t>> FirstOffsets() override { return std::vector<int64_t>{0}; }
  Result<std::vector<int64_t>> OldestOffsets() override { return std::vector<int64_t>{0}; }
  Status Start(std::span<const InputMark>) override { return Status::Ok(); }
  Result<MessageBatch> Read(uint32_t, size_t, size_t) override {
    return Status::Corrupt("nothing is read again here");
  }
  Status Live(std::span<const int64_t>) override { return Status::Ok(); }
  Result<std::span<const Message>> Poll(size_t most) override {
    const size_t count = std::min({most, at_once, messages_.size() - given_});
    if (count == 0) idle();
    given_ += count;
    return std::span<const Message>(messages_).subspan(given_ - count, count);
  }
  void OnReady(std::function<void()>) override {}
  std::vector<int64_t> Ends() const override { return {end}; }
  int64_t ReadTo(uint32_t) const override { return given_ == messages_.size() ? end : -1; }
  bool AtEnds() override { return answers && given_ == messages_.size(); }

  std::function<void()> idle;
  size_t at_once = 1000;
  int64_t end = -1;
  bool answers = true;

 private:
  std::vector<InputPartition> inputs_ = {{"events", 0, false}};
  std::deque<std::string> payloads_;
  std::vector<Message> messages_;
  size_t given_ = 0;
};

/// Keeps what is committed.
struct Sink final : EpochSink {
  Status Commit(const EpochEnd& end, Outputs& outputs) override {
    position = end.position;
    ticks += end.tick ? 1 : 0;
    predictions += outputs.predictions;
    rejects += outputs.rejects;
    flows_of_epochs.push_back(std::exchange(flows, 0));
    return Status::Ok();
  }
  Status Flow(const Outputs&) override {
    ++flows;
    return Status::Ok();
  }
  Position position;
  int ticks = 0, flows = 0;
  std::vector<int> flows_of_epochs;
  std::string predictions, rejects;
};

class LiveDriverTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto config = ParseConfig(R"(name: live
kafka: {brokers: "localhost:1"}
source: {kafka: {topic: events}}
record: {id: id, fields: {x: number}}
label: {field: y, type: boolean, available_after: 1s, expires_after: 3s}
models: {linear: {type: logistic_regression}}
sinks: {predictions: {kafka: {topic: scores}}}
)",
                              "live.yaml");
    ASSERT_TRUE(config.ok()) << config.status().message();
    config_ = std::make_unique<Config>(std::move(config).value());
    auto pipeline = Pipeline::Create(*config_);
    ASSERT_TRUE(pipeline.ok()) << pipeline.status().message();
    pipeline_ = std::move(pipeline).value();
    options_.epoch_time = 5ms;
    options_.idle = 10ms;
  }
  /// Runs until `enough`, which is asked while there is nothing to take.
  void Run(const std::function<bool()>& enough) {
    auto driver = LiveDriver::Create(*config_, *pipeline_, source_, {}, options_);
    ASSERT_TRUE(driver.ok()) << driver.status().message();
    source_.idle = [&] {
      if (enough()) (*driver)->Stop();
    };
    const Status ran = (*driver)->Run(sink_);
    ASSERT_TRUE(ran.ok()) << ran.message();
  }
  void AddRecords(int count) {
    for (int i = 0; i < count; ++i) {
      source_.Add(fmt::format(R"({{"id":"{}","x":{}}})", i, i), 1'700'000'000'000 + i);
    }
  }

  std::unique_ptr<Config> config_;
  std::unique_ptr<Pipeline> pipeline_;
  Scripted source_;
  Sink sink_;
  LiveOptions options_;
};

TEST_F(LiveDriverTest, TimeGoesOnWhileThereIsNothing) {
  AddRecords(10);
  Run([&] { return sink_.ticks >= 5; });
  EXPECT_GT(pipeline_->now(), EventTime{1'700'000'000'009 * kMillisecond});
}

TEST_F(LiveDriverTest, TimeStandsStillWhileNobodySaysThatThereIsNothing) {
  AddRecords(10);
  source_.answers = false;
  int asked = 0;
  Run([&] { return ++asked > 20; });
  EXPECT_EQ(sink_.ticks, 0);
  EXPECT_EQ(pipeline_->now(), EventTime{1'700'000'000'009 * kMillisecond});
}

TEST_F(LiveDriverTest, AMessageWhoseTimeIsNoneIsARejects) {
  AddRecords(3);
  source_.Add(R"({"id":"nanoseconds","x":1})", 1'700'000'000'000'000'000);
  source_.Add(R"({"id":"microseconds","x":1})", 1'700'000'000'000'000);
  source_.Add(R"({"id":"last","x":1})", 1'700'000'000'010);
  Run([] { return true; });
  EXPECT_EQ(pipeline_->now(), EventTime{1'700'000'000'010 * kMillisecond});
  EXPECT_EQ(pipeline_->GetCounts().rejected, 2);
  EXPECT_NE(sink_.rejects.find("\"reason\":\"bad_time\""), std::string::npos) << sink_.rejects;
}

TEST_F(LiveDriverTest, WhatLiesBehindTheLastMessageCountsAsRead) {
  AddRecords(3);
  source_.end = 5;
  Run([] { return true; });
  EXPECT_EQ(sink_.position.inputs.at(0).next, 5);
  EXPECT_EQ(sink_.position.inputs.at(0).last, 2);
}

TEST_F(LiveDriverTest, OutputsAreHandedOnOnlyNearTheEndOfTheirEpoch) {
  AddRecords(1000);
  source_.at_once = 100;
  options_.epoch_time = 1h;
  options_.epoch_records = 500;
  options_.flow_bytes = 1;
  Run([] { return true; });
  // The first epoch ends at once.
  EXPECT_EQ(sink_.flows_of_epochs, (std::vector<int>{0, 0, 0})) << "before there was a second left";
  options_.flow_bytes_within = options_.epoch_time;
  sink_.flows_of_epochs.clear();
  source_ = {};
  AddRecords(1000);
  source_.at_once = 100;
  Run([] { return true; });
  EXPECT_EQ(sink_.flows_of_epochs, (std::vector<int>{0, 4, 4}));
}

}  // namespace
}  // namespace leat
