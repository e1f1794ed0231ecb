// The main job, end to end, on one thread: events a second, nanoseconds an event by stage, and peak
// memory, for one pipeline over one log.
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

double Seconds(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
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
    std::vector<double> seconds;
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
      const double seconds = Seconds(stage.work);
      if (run > 0) stage.seconds.push_back(seconds);  // The first run warms up.
    }
  }
  std::filesystem::remove_all(scratch);

  const auto n = static_cast<double>(events);
  std::cout << fmt::format("{}: {} events, {} runs after one warm-up, one thread\n", config.name,
                           events, runs);
  std::cout << fmt::format("{:<20} {:>14} {:>14} {:>24}\n", "stage", "ns/event", "events/s",
                           "events/s (min - max)");
  for (Stage& stage : stages) {
    std::sort(stage.seconds.begin(), stage.seconds.end());
    const double median = stage.seconds[stage.seconds.size() / 2];
    std::cout << fmt::format("{:<20} {:>14.0f} {:>14.0f} {:>11.0f} - {:>10.0f}\n", stage.name,
                             median / n * 1e9, n / median, n / stage.seconds.back(),
                             n / stage.seconds.front());
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  std::cout << fmt::format("peak memory {:.1f} MiB\n", static_cast<double>(usage.ru_maxrss) / 1024);
  return 0;
}
