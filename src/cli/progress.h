/// A progress line on stderr, when stderr is a terminal; silent otherwise.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace leat {

class Progress {
 public:
  Progress(std::string name, bool enabled);
  ~Progress() { Finish(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// `records` so far; `consumed` of `total` tells how far along (bytes or rows; total 0: unknown).
  /// Redraws at most ten times a second.
  void Update(uint64_t records, uint64_t consumed, uint64_t total);
  /// Clears the line.
  void Finish();

 private:
  using Clock = std::chrono::steady_clock;
  std::string name_;
  bool enabled_;
  bool drawn_ = false;
  Clock::time_point started_, last_;
};

}  // namespace leat
