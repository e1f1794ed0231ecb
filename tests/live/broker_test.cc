// What happens to the broker while the engine runs: killed, restarted, frozen, gone for a while.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <thread>

#include "live/live.h"
#include "live/stream.h"

namespace leat {
namespace {

using namespace std::chrono_literals;

/// With a broker of its own, which it may kill.
class BrokerFaults : public Live {
 protected:
  void SetUp() override {
    Live::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    broker_ = Got(KafkaBroker::Start());
    ASSERT_NE(broker_, nullptr);
    UseBrokers(broker_->brokers());
  }
  static void Do(const Status& status) { ASSERT_TRUE(status.ok()) << status.message(); }
  std::unique_ptr<KafkaBroker> broker_;
};

TEST_F(BrokerFaults, KilledStoppedAndFrozenWhileTheEngineRuns) {
  ASSERT_TRUE(ProduceStream(brokers(), prefix_, {.records = 30'000}).ok());
  const LiveRun whole = MakeRun("whole", StreamPipeline(false));
  ASSERT_EQ(ToEnd(whole), 0) << Errors(whole);
  const LiveRun run =
      MakeRun("broken", StreamPipeline(false, "  epoch_records: 50\n  queue: 1MiB\n"));
  const auto engine = Start(run);
  const auto alive = [&] { ASSERT_FALSE(engine->Wait(0ms).has_value()) << Errors(run); };
  std::this_thread::sleep_for(700ms);
  Do(broker_->Kill());
  alive();
  Do(broker_->Restart());
  std::this_thread::sleep_for(1s);
  alive();
  Do(broker_->Stop());
  std::this_thread::sleep_for(KillCount(0) == 0 ? 5s : 30s);
  alive();
  Do(broker_->Restart());
  for (int i = 0; i < 6; ++i) {
    std::this_thread::sleep_for(150ms);
    Do(broker_->Pause());
    std::this_thread::sleep_for(std::chrono::milliseconds(300 * (i + 1)));
    Do(broker_->Resume());
    alive();
  }
  std::this_thread::sleep_for(1s);
  engine->Signal(SIGTERM);
  ASSERT_EQ(engine->Wait(60s).value_or(-1), 0) << Errors(run);
  ASSERT_EQ(ToEnd(run), 0) << Errors(run);
  ExpectSame(run, whole);
}

TEST_F(BrokerFaults, EngineAndBrokerKilledInTurn) {
  // The long form: a broker's life takes as long as those of many engines.
  const int rounds = std::max(3, KillCount(0) / 20);
  ASSERT_TRUE(ProduceStream(brokers(), prefix_, {.records = 7'000 * rounds}).ok());
  const LiveRun whole = MakeRun("whole", StreamPipeline(false));
  ASSERT_EQ(ToEnd(whole), 0) << Errors(whole);
  const LiveRun run = MakeRun("both", StreamPipeline(false, "  epoch_records: 100\n"));
  for (int i = 0; i < rounds; ++i) {
    const auto engine = Start(run);
    std::this_thread::sleep_for(600ms);
    Do(broker_->Kill());
    std::this_thread::sleep_for(100ms);
    engine->Signal(SIGKILL);
    ASSERT_EQ(engine->Wait(10s).value_or(-1), kKilled);
    Do(broker_->Restart());
  }
  ASSERT_EQ(ToEnd(run), 0) << Errors(run);
  ExpectSame(run, whole);
}

}  // namespace
}  // namespace leat
