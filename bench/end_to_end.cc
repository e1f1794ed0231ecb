// The main job, end to end: events a second and per second of processor time, nanoseconds an event
// by stage, and peak memory, for one pipeline over one log. One thread does all, but that a
// compressed log is unpacked by another.
//
//   end_to_end CONFIG INPUT [RUNS]
//
// Stages are nested runs over the same log: read and decompress; decode; and the whole pipeline
// with its outputs written to a scratch folder. The floor is the first: no engine can be faster
// than reading its input.
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <iostream>
#include <vector>

#include "cli/session.h"
#include "connectors/file/file_source.h"
#include "features/features.h"
#include "record/reader.h"

namespace {

using leat::Status;

struct Cost {
  double seconds, processor_seconds;
};

double ProcessorSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

Cost CostOf(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  const double before = ProcessorSeconds();
  work();
  return {std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(),
          ProcessorSeconds() - before};
}

double Median(std::vector<double>& values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void Check(const Status& status) {
  if (status.ok()) return;
  std::cerr << status.message() << '\n';
  std::exit(leat::ExitCode(status.code()));
}

template <typename T>
T Value(leat::Result<T> result) {
  Check(result.status());
  return std::move(result).value();
}

/// Reads the whole log; calls `take` for each record.
uint64_t ReadAll(const std::string& path, const leat::Config& config,
                 const std::function<void(const leat::Record&)>& take) {
  const auto bytes = Value(leat::OpenFile(path));
  leat::ReaderOptions options;
  options.format = config.source.format;
  options.delimiter = config.source.delimiter;
  const auto reader = Value(leat::OpenReader(*bytes, config.schema, options));
  leat::Record record;
  leat::Reject reject;
  uint64_t count = 0;
  while (true) {
    const leat::ReadOutcome outcome = Value(reader->Next(record, reject));
    if (outcome == leat::ReadOutcome::kEnd) return count;
    ++count;
    if (outcome == leat::ReadOutcome::kRecord) take(record);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "usage: end_to_end CONFIG INPUT [RUNS]\n";
    return 2;
  }
  const leat::Config config = Value(leat::LoadConfig(argv[1]));
  const std::string input = argv[2];
  const int runs = argc > 3 ? std::max(1, std::atoi(argv[3])) : 5;
  const auto scratch =
      std::filesystem::temp_directory_path() / fmt::format("leat-bench-{}", getpid());

  uint64_t events = 0;
  struct Stage {
    std::string name;
    std::function<void()> work;
    std::vector<double> seconds, processor_seconds;
  };
  std::vector<char> buffer(1 << 18);
  std::vector<Stage> stages;
  stages.push_back({"read (the floor)",
                    [&] {
                      const auto bytes = Value(leat::OpenFile(input));
                      while (Value(bytes->Read(buffer.data(), buffer.size())) > 0) {
                      }
                    },
                    {}});
  stages.push_back(
      {"+ decode", [&] { events = ReadAll(input, config, [](const leat::Record&) {}); }, {}});
  stages.push_back({"+ features",
                    [&] {
                      const auto graph = Value(leat::FeatureGraph::Create(
                          config.schema, config.features, config.feature_options));
                      std::vector<double> slots(graph->slot_count());
                      ReadAll(input, config, [&](const leat::Record& r) { graph->Step(r, slots); });
                    },
                    {}});
  stages.push_back({"whole pipeline",
                    [&] {
                      leat::SessionOptions options;
                      options.input = input;
                      options.output = scratch.string();
                      options.progress = false;
                      Value(leat::RunSession(config, options));
                    },
                    {}});
  for (int run = 0; run <= runs; ++run) {
    for (Stage& stage : stages) {
      const Cost cost = CostOf(stage.work);
      if (run == 0) continue;  // The first run warms up.
      stage.seconds.push_back(cost.seconds);
      stage.processor_seconds.push_back(cost.processor_seconds);
    }
  }
  std::filesystem::remove_all(scratch);

  const auto n = static_cast<double>(events);
  std::cout << fmt::format("{}: {} events, {} runs after one warm-up\n", config.name, events, runs);
  std::cout << fmt::format("{:<20} {:>10} {:>12} {:>24} {:>16}\n", "stage", "ns/event", "events/s",
                           "events/s (min - max)", "events/CPU-s");
  for (Stage& stage : stages) {
    const double median = Median(stage.seconds);
    std::cout << fmt::format("{:<20} {:>10.0f} {:>12.0f} {:>11.0f} - {:>10.0f} {:>16.0f}\n",
                             stage.name, median / n * 1e9, n / median, n / stage.seconds.back(),
                             n / stage.seconds.front(), n / Median(stage.processor_seconds));
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  std::cout << fmt::format("peak memory {:.1f} MiB\n", static_cast<double>(usage.ru_maxrss) / 1024);
  return 0;
}
