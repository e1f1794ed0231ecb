// How long a record takes from being produced to its prediction being readable:
//   kafka_latency BROKERS RECORDS_A_SECOND SECONDS [WINDOW]
//   kafka_latency BROKERS gaps SECONDS
// Produces loan applications to `loans` and their labels, half a second later, to `labels`, at an
// even pace, and reads `predictions` with read_committed, all in this process and by one clock. The
// first three seconds do not count. Prints a line: the pace, how many came back, and the median,
// the 99th percentile and the maximum in milliseconds. Exit 1 unless each came back once.
//
// With WINDOW it is meant to run for long: a line for every so many seconds, the first of them too,
// and latencies are those since a record was due.
//
// With `gaps` it only reads: a line for each prediction that came after a silence of 50 ms or more,
// with the time (milliseconds since 1970) and how long the silence was.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
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

/// `sent` is told of each record when it is, and when it was due.
using Sent = std::function<void(uint64_t, Clock::time_point due)>;

Status Produce(kafka::Feeder& feeder, uint64_t rate, uint64_t count, const Sent& sent) {
  GenerateOptions what;
  what.name = "agrawal";
  what.rows = static_cast<int64_t>(count);
  what.format = GenerateFormat::kJsonLines;
  LEAT_ASSIGN_OR_RETURN(const auto rows, MakeGenerator(what));
  GeneratedMessages messages({.key = "car", .separate_labels = true, .labels_after = kLabelsAfter});
  std::string row;
  GeneratedMessage label;
  const auto start = Clock::now();
  for (uint64_t i = 0; i < count && rows->Next(row); ++i) {
    const auto due = start + std::chrono::nanoseconds(1'000'000'000 * i / rate);
    if (due > Clock::now() + std::chrono::microseconds(50)) {
      LEAT_RETURN_IF_ERROR(feeder.Poll());
      std::this_thread::sleep_until(due);
    }
    const EventTime now = WallTime();
    LEAT_ASSIGN_OR_RETURN(const GeneratedMessage record, messages.Record(row, now));
    sent(i, due);
    LEAT_RETURN_IF_ERROR(feeder.Send(0, record.key, record.payload, 0));
    while (messages.Label(now, label)) {
      LEAT_RETURN_IF_ERROR(feeder.Send(1, label.key, label.payload, 0));
    }
  }
  return feeder.Flush(10'000);
}

/// `seen` is told of each of `count` predictions; whether it was the first time is its answer.
using Seen = std::function<bool(uint64_t, Clock::time_point)>;

Status Read(kafka::TopicReader& reader, std::atomic<bool>& ready, std::atomic<bool>& failed,
            uint64_t count, const Seen& seen) {
  uint64_t left = count;
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
    if (id >= count) return Status::Io(fmt::format("unexpected: {}", message.payload));
    if (seen(id, now)) --left;
  }
  return Status::Ok();
}

/// Produces `count` records and reads as many predictions.
Status Exchange(const std::string& brokers, uint64_t rate, uint64_t count, const Sent& sent,
                const Seen& seen) {
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
    read = Read(*reader, ready, failed, count, seen);
    ready = true;
  });
  while (!ready) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  const Status produced = Produce(*feeder, rate, count, sent);
  failed = !produced.ok();
  thread.join();
  LEAT_RETURN_IF_ERROR(produced);
  return read;
}

double Milliseconds(Clock::duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

template <typename T>
T Quantile(const std::vector<T>& sorted, double q) {
  return sorted[static_cast<size_t>(q * static_cast<double>(sorted.size() - 1))];
}

Status Measure(const std::string& brokers, uint64_t rate, uint64_t seconds) {
  std::vector<Times> times(rate * seconds);
  LEAT_RETURN_IF_ERROR(Exchange(
      brokers, rate, times.size(),
      [&](uint64_t id, Clock::time_point) { times[id].sent = Clock::now(); },
      [&](uint64_t id, Clock::time_point now) {
        if (times[id].count++ > 0) return false;
        times[id].seen = now;
        return true;
      }));

  std::vector<double> latencies;
  uint64_t twice = 0;
  for (const Times& t : times) {
    if (t.count != 1) ++twice;
    if (t.sent - times[0].sent < kWarmUp) continue;
    latencies.push_back(Milliseconds(t.seen - t.sent));
  }
  std::sort(latencies.begin(), latencies.end());
  fmt::print(
      "{} a second for {} s: {} predictions, {} of them more than once; p50 {:.2f} ms, "
      "p99 {:.2f} ms, highest {:.2f} ms\n",
      rate, seconds, times.size(), twice, Quantile(latencies, 0.5), Quantile(latencies, 0.99),
      latencies.back());
  return twice == 0 ? Status::Ok() : Status::Io("some predictions came more than once");
}

/// A line for each window, without keeping what is in those before it.
Status Follow(const std::string& brokers, uint64_t rate, uint64_t seconds, uint64_t window) {
  const uint64_t count = rate * seconds;
  std::vector<bool> came(count);
  std::vector<std::vector<float>> windows(seconds / window + 1);
  size_t told = 0;
  uint64_t twice = 0;
  std::atomic<Clock::time_point> start{};
  const auto tell = [&](size_t until) {
    for (; told < until; ++told) {
      std::vector<float> latencies = std::exchange(windows[told], {});
      if (latencies.empty()) continue;
      std::sort(latencies.begin(), latencies.end());
      fmt::print("{} {:.1f} {:.1f} {:.1f}\n", (told + 1) * window, Quantile(latencies, 0.5),
                 Quantile(latencies, 0.99), latencies.back());
      std::fflush(stdout);
    }
  };
  LEAT_RETURN_IF_ERROR(Exchange(
      brokers, rate, count,
      [&](uint64_t id, Clock::time_point due) {
        if (id == 0) start = due;
      },
      [&](uint64_t id, Clock::time_point now) {
        if (came[id]) {
          ++twice;
          return false;
        }
        came[id] = true;
        const auto due = start.load() + std::chrono::nanoseconds(1'000'000'000 * id / rate);
        const size_t in = id / (rate * window);
        // Partitions are nearly as far as one another.
        if (in > 1) tell(in - 1);
        windows[in].push_back(static_cast<float>(Milliseconds(now - due)));
        return true;
      }));
  tell(windows.size());
  return twice == 0 ? Status::Ok() : Status::Io(fmt::format("{} predictions came twice", twice));
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
  const uint64_t window = argc == 5 ? std::strtoull(argv[4], nullptr, 10) : 0;
  if (argc == 5 && window > 0) --argc;
  const bool gaps = argc == 4 && std::string_view(argv[2]) == "gaps";
  const uint64_t rate = argc == 4 && !gaps ? std::strtoull(argv[2], nullptr, 10) : 0;
  const uint64_t seconds = argc == 4 ? std::strtoull(argv[3], nullptr, 10) : 0;
  if ((rate == 0 && !gaps) || seconds < 5) {
    fmt::print(stderr,
               "usage: kafka_latency BROKERS RECORDS_A_SECOND|gaps SECONDS (5 or more) [WINDOW]\n");
    return 2;
  }
  const leat::Status status = gaps         ? leat::PrintGaps(argv[1], seconds)
                              : window > 0 ? leat::Follow(argv[1], rate, seconds, window)
                                           : leat::Measure(argv[1], rate, seconds);
  if (!status.ok()) fmt::print(stderr, "kafka_latency: {}\n", status.message());
  return status.ok() ? 0 : 1;
}
