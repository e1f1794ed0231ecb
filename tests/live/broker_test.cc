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

/// The broker falls silent inside a commit. Some of these were committed, some were not; the engine
/// finds out which, and counts them.
TEST_F(BrokerFaults, OutcomesThatAreNotToldAreFoundOut) {
  int produced = 0;
  const auto more = [&] {
    ASSERT_TRUE(
        ProduceStream(brokers(), prefix_, {.first = produced, .records = produced + 200}).ok());
    produced += 200;
  };
  more();
  const std::string pipeline = StreamPipeline(false, "  transaction_timeout: 1s\n");
  const LiveRun run = MakeRun("untold", pipeline);
  const auto engine = Start(run, {},
                            {std::string("LD_PRELOAD=") + LEAT_FREEZE_LIBRARY,
                             fmt::format("LEAT_FREEZE={}", broker_->pid())});
  const auto told = [&](const std::string& what) {
    return Errors(run).find(what) != std::string::npos;
  };
  const auto until = std::chrono::steady_clock::now() + 400s;  // Chance decides which.
  while (!(told("it was committed") && told("it was not committed")) &&
         std::chrono::steady_clock::now() < until) {
    more();
    std::this_thread::sleep_for(100ms);
  }
  EXPECT_TRUE(told("it was committed") && told("it was not committed")) << Errors(run);
  engine->Signal(SIGTERM);
  ASSERT_EQ(engine->Wait(60s).value_or(-1), 0) << Errors(run);
  ASSERT_EQ(ToEnd(run), 0) << Errors(run);
  const LiveRun whole = MakeRun("whole", pipeline);
  ASSERT_EQ(ToEnd(whole), 0) << Errors(whole);
  ExpectSame(run, whole);
}

/// A group without members forgets offsets that are not committed again.
TEST_F(BrokerFaults, AnIdleEngineKeepsItsOffsetsAndOneThatIsDownLosesThem) {
  if (KillCount(0) == 0) GTEST_SKIP() << "takes minutes: only where LEAT_LIVE_KILLS is set";
  broker_ =
      Got(KafkaBroker::Start({.folder = "",
                              .port = 0,
                              .settings = {{"offsets.retention.minutes", "1"},
                                           {"offsets.retention.check.interval.ms", "2000"}}}));
  ASSERT_NE(broker_, nullptr);
  UseBrokers(broker_->brokers());
  const std::string pipeline = StreamPipeline(false, "  epoch_records: 300\n  keep_offsets: 10s\n");
  ASSERT_TRUE(ProduceStream(brokers(), prefix_, {.records = 3'000}).ok());
  const LiveRun idle = MakeRun("idle", pipeline), down = MakeRun("down", pipeline);
  ASSERT_EQ(ToEnd(down), 0) << Errors(down);
  const size_t before = Lines(down, "predictions").size();
  const auto engine = Start(idle);
  const auto there = [&](const LiveRun& run) {
    const auto offsets = Got(CommittedOffsets(brokers(), run.name, In("payments")));
    return std::any_of(offsets.begin(), offsets.end(),
                       [](const auto& one) { return one.second.offset >= 0; });
  };
  const auto until = std::chrono::steady_clock::now() + 240s;
  while (there(down) && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(1s);
  EXPECT_FALSE(there(down));
  std::this_thread::sleep_for(30s);
  EXPECT_TRUE(there(idle));
  engine->Signal(SIGTERM);
  EXPECT_EQ(engine->Wait(60s).value_or(-1), 0) << Errors(idle);

  EXPECT_EQ(ToEnd(down), 4);
  for (const char* word : {"holds no offsets", "have expired", "once more", "--rebuild"}) {
    EXPECT_NE(Errors(down).find(word), std::string::npos) << word << Errors(down);
  }
  // With nothing to say how far it was, a rebuild puts everything out once more.
  ASSERT_TRUE(ProduceStream(brokers(), prefix_, {.first = 3'000, .records = 6'000}).ok());
  const LiveRun whole = MakeRun("whole", pipeline);
  ASSERT_EQ(ToEnd(whole), 0) << Errors(whole);
  ASSERT_EQ(ToEnd(idle), 0) << Errors(idle);
  ExpectSame(idle, whole);
  ASSERT_EQ(ToEnd(down, {"--rebuild"}), 0) << Errors(down);
  EXPECT_EQ(Digest(down), Digest(whole));
  std::vector<std::string> lines = Lines(down, "predictions");
  lines.erase(lines.begin(), lines.begin() + static_cast<ptrdiff_t>(before));
  EXPECT_TRUE(lines == Lines(whole, "predictions")) << lines.size();
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
