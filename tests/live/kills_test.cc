// kill -9 of the engine, at random moments and at each named place: nothing lost, nothing twice,
// order kept, and the state as if nothing had happened.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <thread>

#include "base/random.h"
#include "live/live.h"
#include "live/stream.h"

namespace leat {
namespace {

using namespace std::chrono_literals;

class Kills : public Live {};

TEST_F(Kills, AtRandom) {
  const int kills = KillCount(15);
  ASSERT_TRUE(ProduceStream(brokers(), prefix_, {.records = 20'000 + 2'000 * kills}).ok());
  const LiveRun whole = MakeRun("whole", StreamPipeline(false));
  ASSERT_EQ(ToEnd(whole), 0) << Errors(whole);
  EXPECT_GT(Lines(whole, "events").size(), 0u);
  EXPECT_GT(Lines(whole, "rejects").size(), 30u);
  // Small epochs, so that there are many of them to be killed in.
  const LiveRun run = MakeRun("killed", StreamPipeline(false, "  epoch_records: 300\n"));
  KillAtRandom([&] { return Start(run); }, kills, 1, [&] { return ToEnd(run); });
  ExpectSame(run, whole);
}

TEST_F(Kills, AtEveryNamedPlace) {
  int produced = 0;
  const auto more = [&] {
    ASSERT_TRUE(
        ProduceStream(brokers(), prefix_, {.first = produced, .records = produced + 500}).ok());
    produced += 500;
  };
  const LiveRun run = MakeRun("crashed", StreamPipeline(false, "  epoch_records: 200\n"));
  const int rounds = std::max(1, KillCount(15) / 15);
  for (int round = 0; round < rounds; ++round) {
    for (const char* point :
         {"genesis", "after_claim", "before_journal", "after_journal", "after_produce",
          "after_send_offsets", "during_commit", "after_kafka_commit", "before_snapshot",
          "after_snapshot", "after_drop", "during_replay"}) {
      for (const int passing : {1, 2}) {
        more();
        if (std::string_view(point) == "during_replay") {
          // There must be something to take again: committed, and no snapshot since.
          Start(run, {"--to-end"}, {"LEAT_CRASH=after_kafka_commit:1"})->Wait(10s);
          if (passing == 2) continue;
        }
        // Some places are passed once by a process, when it starts.
        const bool once =
            std::string_view(point) == "genesis" || std::string_view(point) == "after_claim";
        const auto engine =
            Start(run, {"--to-end"}, {fmt::format("LEAT_CRASH={}:{}", point, once ? 1 : passing)});
        ASSERT_EQ(engine->Wait(10s).value_or(-1), kKilled) << point << passing << Errors(run);
      }
    }
    // Outputs are sent ahead only while there is nothing else to be done.
    for (const int passing : {1, 2}) {
      const auto engine = Start(run, {}, {fmt::format("LEAT_CRASH=after_ahead:{}", passing)});
      std::optional<int> ended;
      for (int tries = 0; tries < 30 && !ended; ++tries) {
        more();
        ended = engine->Wait(300ms);
      }
      ASSERT_EQ(ended.value_or(-1), kKilled) << passing << Errors(run);
    }
  }
  ASSERT_EQ(ToEnd(run), 0) << Errors(run);
  const LiveRun whole = MakeRun("whole", StreamPipeline(false));
  ASSERT_EQ(ToEnd(whole), 0) << Errors(whole);
  ExpectSame(run, whole);
}

/// Every card's records are counted, so a record that is lost, doubled or out of order shows.
void ExpectCounted(const std::vector<std::string>& lines, size_t records) {
  std::map<std::string, int> seen;
  for (const std::string& line : lines) {
    const size_t card = line.find(' ') + 1;
    const std::string key = line.substr(card, line.find(' ', card) - card);
    const size_t at = line.find("\"seen\":");
    ASSERT_NE(at, std::string::npos) << line;
    ASSERT_EQ(std::atoi(line.c_str() + at + 7), ++seen[key]) << line;
  }
  EXPECT_EQ(lines.size(), records);
}

TEST_F(Kills, WithLabelsApartInSeveralShardsAndProcesses) {
  constexpr int kRecords = 33'333;
  ASSERT_TRUE(
      ProduceStream(brokers(), prefix_,
                    {.records = kRecords, .partitions = 3, .bad = false, .labels_apart = true})
          .ok());
  const LiveRun run = MakeRun("shards", StreamPipeline(true, "  epoch_records: 300\n"), 3);
  // Three processes of one shard each, restarted in turn.
  for (int i = 0; i < 9; ++i) {
    CounterRandom random(5, static_cast<uint64_t>(i));
    const auto engine = Start(run, {"--instance", fmt::format("{}/3", i % 3 + 1)});
    engine->Wait(std::chrono::milliseconds(300 + random.Below(700)));
    engine->Signal(i % 2 == 0 ? SIGKILL : SIGTERM);
    const auto ended = engine->Wait(20s);
    ASSERT_TRUE(ended && (*ended == kKilled || *ended == 0)) << Errors(run);
  }
  for (int i = 1; i <= 3; ++i) {
    ASSERT_EQ(ToEnd(run, {"--instance", fmt::format("{}/3", i)}), 0) << Errors(run);
  }
  ExpectCounted(Lines(run, "predictions"), kRecords);
  for (int i = 1; i <= 3; ++i) {
    const LiveRun shard{run.name, run.config, fmt::format("{}/shard-{}-of-3", run.state, i)};
    EXPECT_FALSE(Digest(shard).empty());
  }

  // The same as three threads of one process.
  const LiveRun threads = MakeRun("threads", StreamPipeline(true, "  shards: 3\n"), 3);
  ASSERT_EQ(ToEnd(threads), 0) << Errors(threads);
  ExpectCounted(Lines(threads, "predictions"), kRecords);
}

/// Whether a process comes to say that it has so many shares.
bool HasShares(const Engine& engine, size_t count) {
  const auto until = std::chrono::steady_clock::now() + 60s;
  while (std::chrono::steady_clock::now() < until) {
    std::ifstream file(engine.errors());
    std::string line, shares;
    while (std::getline(file, line)) {
      const size_t at = line.find("shares here:");
      if (at != std::string::npos) shares = line.substr(at);
    }
    if (std::count(shares.begin(), shares.end(), '/') == static_cast<ptrdiff_t>(count)) return true;
    std::this_thread::sleep_for(20ms);
  }
  return false;
}

/// Shares that move between two processes, of a stream in three partitions.
class Shares : public Live {
 protected:
  void Produce(int first, int records) {
    ASSERT_TRUE(ProduceStream(brokers(), prefix_,
                              {.first = first,
                               .records = records,
                               .partitions = 3,
                               .bad = false,
                               .labels_apart = true})
                    .ok());
  }
  /// The first takes all shares of what there is, and then the second some of them.
  void Begin() {
    run_ = MakeRun("members",
                   StreamPipeline(true,
                                  "  epoch_records: 300\n"
                                  "  properties: {session.timeout.ms: \"6000\"}\n"),
                   3);
    first_ = Start(run_, {"--instance", "any/3"});
    ASSERT_TRUE(HasShares(*first_, 3)) << Errors(run_);
    const std::vector<std::string> arguments = {"run", run_.config, "--instance", "any/3"};
    second_ = std::make_unique<Engine>(arguments, std::vector<std::string>(),
                                       folder_ / "second.out", folder_ / "second.err");
    ASSERT_TRUE(HasShares(*second_, 1));
  }

  LiveRun run_;
  std::unique_ptr<Engine> first_, second_;
};

TEST_F(Shares, GoToWhoIsLeft) {
  constexpr int kRecords = 12'000;
  Produce(0, kRecords / 3);
  Begin();
  Produce(kRecords / 3, 2 * kRecords / 3);
  ASSERT_TRUE(HasShares(*first_, 2));
  first_->Signal(SIGKILL);
  ASSERT_EQ(first_->Wait(10s).value_or(-1), kKilled);
  Produce(2 * kRecords / 3, kRecords);
  ASSERT_TRUE(HasShares(*second_, 3));
  second_->Signal(SIGTERM);
  ASSERT_EQ(second_->Wait(30s).value_or(-1), 0);
  // The shares are those that processes with numbers have.
  for (int i = 1; i <= 3; ++i) {
    ASSERT_EQ(ToEnd(run_, {"--instance", fmt::format("{}/3", i)}), 0) << Errors(run_);
  }
  ExpectCounted(Lines(run_, "predictions"), kRecords);
}

/// A process that sleeps holds its folders. Who gets its shares waits for them, and neither ends.
TEST_F(Shares, OfAProcessThatSleepsAreWaitedFor) {
  if (KillCount(0) == 0) GTEST_SKIP() << "takes 30 s: only where LEAT_LIVE_KILLS is set";
  constexpr int kRecords = 6'000;
  Produce(0, kRecords / 2);
  Begin();
  first_->Signal(SIGSTOP);
  ASSERT_TRUE(HasShares(*second_, 3));
  // Longer than a lock is waited for where shares do not move.
  EXPECT_FALSE(second_->Wait(6s).has_value());
  first_->Signal(SIGCONT);
  Produce(kRecords / 2, kRecords);
  const auto until = std::chrono::steady_clock::now() + 60s;
  while (Lines(run_, "predictions").size() < static_cast<size_t>(kRecords) &&
         std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(100ms);
  }
  first_->Signal(SIGTERM);
  second_->Signal(SIGTERM);
  EXPECT_EQ(first_->Wait(30s).value_or(-1), 0) << Errors(run_);
  EXPECT_EQ(second_->Wait(30s).value_or(-1), 0);
  ExpectCounted(Lines(run_, "predictions"), kRecords);
}

}  // namespace
}  // namespace leat
