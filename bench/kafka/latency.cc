// How long a record takes from being produced to its prediction being readable:
//   kafka_latency BROKERS RECORDS_A_SECOND SECONDS
//   kafka_latency BROKERS gaps SECONDS
// Produces loan applications to `loans` and their labels, half a second later, to `labels`, at an
// even pace, and reads `predictions` with read_committed, all in this process and by one clock. The
// first three seconds do not count. Prints a line: the pace, how many came back, and the median,
// the 99th percentile and the maximum in milliseconds. Exit 1 unless each came back once.
//
// With `gaps` it only reads: a line for each prediction that came after a silence of 50 ms or more,
// with the time (milliseconds since 1970) and how long the silence was.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "connectors/generate/generate.h"
#include "connectors/generate/messages.h"
#include "connectors/kafka/feeder.h"
#include "connectors/kafka/topic_reader.h"

namespace leat {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kWarmUp = std::chrono::seconds(3);
constexpr auto kPatience = std::chrono::seconds(30);
constexpr Micros kLabelsAfter = kSecond / 2;

/// The number behind `{"id":`.
uint64_t IdOf(std::string_view payload) {
  uint64_t id = UINT64_MAX;
  payload.remove_prefix(std::min(payload.size(), payload.find(':') + 1));
  if (payload.starts_with('"')) payload.remove_prefix(1);
  std::from_chars(payload.data(), payload.data() + payload.size(), id);
  return id;
}

struct Times {
  Clock::time_point sent, seen;
  int count = 0;
};

Status Produce(kafka::Feeder& feeder, uint64_t rate, std::vector<Times>& times) {
  GenerateOptions what;
  what.name = "agrawal";
  what.rows = static_cast<int64_t>(times.size());
  what.format = GenerateFormat::kJsonLines;
  LEAT_ASSIGN_OR_RETURN(const auto rows, MakeGenerator(what));
  GeneratedMessages messages({.key = "car", .separate_labels = true, .labels_after = kLabelsAfter});
  std::string row;
  GeneratedMessage label;
  const auto start = Clock::now();
  for (uint64_t i = 0; i < times.size() && rows->Next(row); ++i) {
    const auto due = start + std::chrono::nanoseconds(1'000'000'000 * i / rate);
    if (due > Clock::now() + std::chrono::microseconds(50)) {
      LEAT_RETURN_IF_ERROR(feeder.Poll());
      std::this_thread::sleep_until(due);
    }
    const EventTime now = WallTime();
    LEAT_ASSIGN_OR_RETURN(const GeneratedMessage record, messages.Record(row, now));
    times[i].sent = Clock::now();
    LEAT_RETURN_IF_ERROR(feeder.Send(0, record.key, record.payload, 0));
    while (messages.Label(now, label)) {
      LEAT_RETURN_IF_ERROR(feeder.Send(1, label.key, label.payload, 0));
    }
  }
  return feeder.Flush(10'000);
}

Status Read(kafka::TopicReader& reader, std::atomic<bool>& ready, std::atomic<bool>& failed,
            std::vector<Times>& times) {
  size_t left = times.size();
  auto last = Clock::now();
  kafka::TopicMessage message;
  while (left > 0 && !failed) {
    LEAT_ASSIGN_OR_RETURN(const bool got, reader.Next(20, message));
    const auto now = Clock::now();
    if (!got) {
      if (reader.at_end()) ready = true;
      if (now - last > kPatience)
        return Status::Io(fmt::format("{} predictions are missing", left));
      continue;
    }
    last = now;
    const uint64_t id = IdOf(message.payload);
    if (id >= times.size()) return Status::Io(fmt::format("unexpected: {}", message.payload));
    if (times[id].count++ > 0) continue;
    times[id].seen = now;
    --left;
  }
  return Status::Ok();
}

Status Measure(const std::string& brokers, uint64_t rate, uint64_t seconds) {
  std::vector<Times> times(rate * seconds);
  kafka::FeederOptions to;
  to.cluster.brokers = brokers;
  to.topics = {"loans", "labels"};
  to.linger_ms = 0;
  LEAT_ASSIGN_OR_RETURN(const auto feeder, kafka::Feeder::Open(to));
  kafka::TopicReaderOptions from;
  from.cluster.brokers = brokers;
  from.topic = "predictions";
  from.from_end = true;
  LEAT_ASSIGN_OR_RETURN(const auto reader, kafka::TopicReader::Open(from));
  std::atomic<bool> ready = false, failed = false;
  Status read;
  std::thread thread([&] {
    read = Read(*reader, ready, failed, times);
    ready = true;
  });
  while (!ready) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  const Status produced = Produce(*feeder, rate, times);
  failed = !produced.ok();
  thread.join();
  LEAT_RETURN_IF_ERROR(produced);
  LEAT_RETURN_IF_ERROR(read);

  std::vector<double> latencies;
  uint64_t twice = 0;
  for (const Times& t : times) {
    if (t.count != 1) ++twice;
    if (t.sent - times[0].sent < kWarmUp) continue;
    latencies.push_back(std::chrono::duration<double, std::milli>(t.seen - t.sent).count());
  }
  std::sort(latencies.begin(), latencies.end());
  const auto quantile = [&](double q) {
    return latencies[static_cast<size_t>(q * static_cast<double>(latencies.size() - 1))];
  };
  fmt::print(
      "{} a second for {} s: {} predictions, {} of them more than once; p50 {:.2f} ms, "
      "p99 {:.2f} ms, highest {:.2f} ms\n",
      rate, seconds, times.size(), twice, quantile(0.5), quantile(0.99), latencies.back());
  return twice == 0 ? Status::Ok() : Status::Io("some predictions came more than once");
}

Status PrintGaps(const std::string& brokers, uint64_t seconds) {
  kafka::TopicReaderOptions from;
  from.cluster.brokers = brokers;
  from.topic = "predictions";
  from.from_end = true;
  LEAT_ASSIGN_OR_RETURN(const auto reader, kafka::TopicReader::Open(from));
  const auto until = Clock::now() + std::chrono::seconds(seconds);
  auto last = Clock::now();
  kafka::TopicMessage message;
  while (Clock::now() < until) {
    LEAT_ASSIGN_OR_RETURN(const bool got, reader->Next(200, message));
    if (!got) continue;
    const auto now = Clock::now();
    const auto gap = std::chrono::duration_cast<std::chrono::milliseconds>(now - last).count();
    if (gap >= 50) fmt::print("{} {}\n", WallTime().micros / kMillisecond, gap);
    std::fflush(stdout);
    last = now;
  }
  return Status::Ok();
}

}  // namespace
}  // namespace leat

int main(int argc, char** argv) {
  const bool gaps = argc == 4 && std::string_view(argv[2]) == "gaps";
  const uint64_t rate = argc == 4 && !gaps ? std::strtoull(argv[2], nullptr, 10) : 0;
  const uint64_t seconds = argc == 4 ? std::strtoull(argv[3], nullptr, 10) : 0;
  if ((rate == 0 && !gaps) || seconds < 5) {
    fmt::print(stderr, "usage: kafka_latency BROKERS RECORDS_A_SECOND|gaps SECONDS (5 or more)\n");
    return 2;
  }
  const leat::Status status =
      gaps ? leat::PrintGaps(argv[1], seconds) : leat::Measure(argv[1], rate, seconds);
  if (!status.ok()) fmt::print(stderr, "kafka_latency: {}\n", status.message());
  return status.ok() ? 0 : 1;
}
