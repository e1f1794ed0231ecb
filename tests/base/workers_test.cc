/// Threads that share a job: every part once, whatever the number of threads, and for callers that
/// come at the same time.
#include "base/workers.h"

#include <gtest/gtest.h>

#include <chrono>
#include <numeric>
#include <thread>
#include <vector>

namespace leat {
namespace {

TEST(Workers, DoEveryPartOnce) {
  for (const size_t threads : {1u, 2u, 3u, 8u}) {
    Workers workers(threads);
    for (const size_t parts : {0u, 1u, 2u, 7u, 64u, 1000u, 70'000u}) {
      std::vector<int> done(parts);
      workers.ForEach(parts, [&](size_t i) { ++done[i]; });
      EXPECT_EQ(done, std::vector<int>(parts, 1)) << threads << " threads";
    }
  }
}

TEST(Workers, DoOneJobAfterTheOther) {
  Workers workers(3);
  std::vector<uint64_t> sums(11);
  for (uint64_t job = 0; job < 20'000; ++job) {
    workers.ForEach(sums.size(), [&](size_t i) { sums[i] += job; });
  }
  for (const uint64_t sum : sums) EXPECT_EQ(sum, 19'999u * 20'000 / 2);
}

TEST(Workers, WakeAfterTheyHaveGoneToSleep) {
  Workers workers(2);
  std::vector<int> done(10);
  for (int job = 0; job < 5; ++job) {
    workers.ForEach(done.size(), [&](size_t i) { ++done[i]; });
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  EXPECT_EQ(done, std::vector<int>(10, 5));
}

TEST(Workers, ServeCallersThatComeAtTheSameTime) {
  Workers workers(2);
  std::vector<std::thread> callers;
  std::vector<std::vector<int>> done(4, std::vector<int>(20));
  for (auto& mine : done) {
    callers.emplace_back([&workers, &mine] {
      for (int job = 0; job < 500; ++job) {
        workers.ForEach(mine.size(), [&mine](size_t i) { ++mine[i]; });
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  for (const auto& mine : done) EXPECT_EQ(mine, std::vector<int>(20, 500));
}

}  // namespace
}  // namespace leat
