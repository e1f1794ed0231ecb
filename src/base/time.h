/// Event time: microseconds since 1970-01-01T00:00:00Z, as a strong type, and lengths of it.
///
/// Range: years 1 to 9999. Arithmetic saturates nowhere; callers stay within the range.
#pragma once

#include <compare>
#include <cstdint>
#include <limits>

namespace leat {

/// A length of event time in microseconds.
using Micros = int64_t;

inline constexpr Micros kMillisecond = 1'000;
inline constexpr Micros kSecond = 1'000 * kMillisecond;
inline constexpr Micros kMinute = 60 * kSecond;
inline constexpr Micros kHour = 60 * kMinute;
inline constexpr Micros kDay = 24 * kHour;

/// The first and the last moment of the years 1 to 9999.
inline constexpr Micros kMinMicros = -62'135'596'800 * kSecond;
inline constexpr Micros kMaxMicros = 253'402'300'800 * kSecond - 1;

struct EventTime {
  int64_t micros = std::numeric_limits<int64_t>::min();  ///< The default is before every time.

  friend auto operator<=>(EventTime, EventTime) = default;
  friend EventTime operator+(EventTime t, Micros d) { return {t.micros + d}; }
  friend EventTime operator-(EventTime t, Micros d) { return {t.micros - d}; }
  friend Micros operator-(EventTime a, EventTime b) { return a.micros - b.micros; }
  /// Seconds since 1970 as a number, for expressions.
  double Seconds() const { return static_cast<double>(micros) * 1e-6; }
};

}  // namespace leat
