// Simulates seeds: simulation [--seeds N] [--from S] [--seed S] [-v]. Exit 1 when one fails.
#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <cstring>
#include <optional>
#include <string_view>

#include "simulation/simulation.h"

namespace {

constexpr const char* kUsage =
    "usage: simulation [--seeds N] [--from S] [--seed S] [-v]\n"
    "  --seeds N  simulate N seeds (1000)\n"
    "  --from S   the first of them (1)\n"
    "  --seed S   simulate S alone\n"
    "  -v         tell what happens\n";

std::optional<uint64_t> Number(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

int main(int count, char** arguments) {
  uint64_t from = 1, seeds = 1000;
  bool verbose = false;
  for (int i = 1; i < count; ++i) {
    const std::string_view argument = arguments[i];
    if (argument == "-v") {
      verbose = true;
      continue;
    }
    const auto value = i + 1 < count ? Number(arguments[++i]) : std::nullopt;
    if (!value || (argument != "--seeds" && argument != "--from" && argument != "--seed")) {
      fmt::print(stderr, "{}", kUsage);
      return 2;
    }
    (argument == "--seeds" ? seeds : from) = *value;
    if (argument == "--seed") seeds = 1;
  }
  const auto started = std::chrono::steady_clock::now();
  leat::SimulationResult all;
  for (uint64_t seed = from; seed < from + seeds; ++seed) {
    const leat::SimulationResult result = leat::Simulate(seed, verbose);
    all += result;
    if (result.failure.empty()) continue;
    fmt::print("seed {} failed after {} others: {}\n{} --seed {} -v\n", seed, seed - from,
               result.failure, arguments[0], seed);
    return 1;
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - started;
  fmt::print(
      "{} seeds without a difference in {:.1f} s: {} runs, {} ended by power, {} by kill, {} by "
      "faults, {} stopped, {} while recovering; {} epochs committed, {} taken again, {} snapshots, "
      "{} keys left cold\n",
      seeds, took.count(), all.runs, all.power, all.kills, all.faults, all.stops, all.recovering,
      all.epochs, all.replayed, all.snapshots, all.cold);
  return 0;
}
