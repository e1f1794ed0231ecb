// Stands before librdkafka's commit in an engine that is started with it (LD_PRELOAD): now and then
// the broker, process LEAT_FREEZE, falls silent while a commit is under way, before it has heard of
// it or after, and for longer than the engine waits for the answer.
#include <dlfcn.h>
#include <librdkafka/rdkafka.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <random>
#include <thread>

namespace {

constexpr int kEvery = 4;
constexpr unsigned kMostDelayMicros = 3000;
constexpr auto kSilence = std::chrono::milliseconds(1500);

void Freeze(pid_t broker, std::atomic<bool>& frozen) {
  std::random_device device;
  // Rather sooner: what was sent ahead is not waited for, and the commit is soon heard of.
  const unsigned delay = std::min(device() % kMostDelayMicros, device() % kMostDelayMicros);
  std::this_thread::sleep_for(std::chrono::microseconds(delay));
  kill(broker, SIGSTOP);
  std::this_thread::sleep_for(kSilence);
  kill(broker, SIGCONT);
  frozen = false;
}

}  // namespace

extern "C" rd_kafka_error_t* rd_kafka_commit_transaction(rd_kafka_t* client, int timeout_ms) {
  static const auto real = reinterpret_cast<decltype(&rd_kafka_commit_transaction)>(
      dlsym(RTLD_NEXT, "rd_kafka_commit_transaction"));
  static const char* const broker = std::getenv("LEAT_FREEZE");
  static std::atomic<bool> frozen = false;
  static int calls = 0;
  if (broker != nullptr && !frozen && ++calls % kEvery == 0) {
    frozen = true;
    std::thread([] { Freeze(std::atoi(broker), frozen); }).detach();
  }
  return real(client, timeout_ms);
}
