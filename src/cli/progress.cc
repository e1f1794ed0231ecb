#include "cli/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace leat {
namespace {

std::string Remaining(double seconds) {
  const auto s = static_cast<int64_t>(std::min(seconds, 359'999.0));
  return s >= 3600 ? fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
                   : fmt::format("{}:{:02}", s / 60, s % 60);
}

}  // namespace

Progress::Progress(std::string name, bool enabled)
    : name_(std::move(name)),
      enabled_(enabled && ::isatty(STDERR_FILENO) == 1),
      started_(Clock::now()),
      last_(started_) {}

void Progress::Update(uint64_t records, uint64_t consumed, uint64_t total) {
  if (!enabled_) return;
  const auto now = Clock::now();
  if (now - last_ < std::chrono::milliseconds(100)) return;
  last_ = now;
  const double seconds = std::chrono::duration<double>(now - started_).count();
  std::string line = fmt::format("\r{}: {} records, {:.0f} a second", name_, records,
                                 static_cast<double>(records) / std::max(seconds, 1e-9));
  if (total > 0 && consumed > 0) {
    const double share = std::min(1.0, static_cast<double>(consumed) / static_cast<double>(total));
    constexpr int kWidth = 24;
    const auto filled = static_cast<size_t>(share * kWidth);
    line += fmt::format("  [{}{}] {:3.0f} %, {} left", std::string(filled, '#'),
                        std::string(kWidth - filled, '.'), share * 100,
                        Remaining(seconds * (1 - share) / share));
  }
  line += "\x1b[K";
  std::fputs(line.c_str(), stderr);
  std::fflush(stderr);
  drawn_ = true;
}

void Progress::Finish() {
  if (drawn_) std::fputs("\r\x1b[K", stderr);
  drawn_ = false;
}

}  // namespace leat
