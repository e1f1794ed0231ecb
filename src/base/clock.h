/// The clocks of the machine: for people, for timeouts, and to feed streams that are to look live.
/// What a pipeline knows of time comes from its records (time.h).
#pragma once

#include <chrono>

#include "base/time.h"

namespace leat {

inline EventTime WallTime() {
  return {std::chrono::duration_cast<std::chrono::microseconds>(
              std::chrono::system_clock::now().time_since_epoch())
              .count()};
}

inline double Seconds(std::chrono::steady_clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace leat
