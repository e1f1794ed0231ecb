/// The functions of feature expressions, on doubles in which NaN is "missing".
///
/// Times are seconds since 1970 UTC. A missing argument gives a missing result unless a function
/// says otherwise. Cost: a few nanoseconds each. Pure.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>

#include "record/civil.h"

namespace leat::features {

inline constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();
inline constexpr double kSecondsPerDay = 86'400;
/// 0001-01-01 and 9999-12-31 as day numbers.
inline constexpr double kFirstDay = -719'162;
inline constexpr double kLastDay = 2'932'896;

inline bool IsMissing(double x) { return !std::isfinite(x); }
/// What is not a finite number is missing.
inline double Finite(double x) { return std::isfinite(x) ? x : kMissing; }
/// Truth of a number: missing and zero are false.
inline bool Truth(double x) { return x != 0 && x == x; }

/// std::floor, which is a call into a library where the instruction may not be assumed.
inline double RoundDown(double x) {
  if (!(std::fabs(x) < 0x1p51)) return std::floor(x);
  const auto whole = static_cast<double>(static_cast<int64_t>(x));
  return std::copysign(whole > x ? whole - 1 : whole, x);
}

/// Whole days since 1970-01-01, rounded down.
inline double DayNumber(double t) { return RoundDown(t / kSecondsPerDay); }
inline double SecondOfDay(double t) { return t - DayNumber(t) * kSecondsPerDay; }

inline double Hour(double t) { return RoundDown(SecondOfDay(t) / 3600); }

/// 0 is Monday. (1970-01-01 was a Thursday, day 3.)
inline double Weekday(double t) {
  const double d = DayNumber(t) + 3;
  return d - 7 * RoundDown(d / 7);
}

/// 1 is January; missing outside the years 1 to 9999.
inline double Month(double t) {
  const double days = DayNumber(t);
  if (!(days >= kFirstDay && days <= kLastDay)) return kMissing;
  return CivilFromDays(static_cast<int64_t>(days)).month;
}
inline double Day(double t) {
  const double days = DayNumber(t);
  if (!(days >= kFirstDay && days <= kLastDay)) return kMissing;
  return CivilFromDays(static_cast<int64_t>(days)).day;
}

inline double Sine(double x, double period) {
  return std::sin(2 * std::numbers::pi * (x / period - std::floor(x / period)));
}
inline double Cosine(double x, double period) {
  return std::cos(2 * std::numbers::pi * (x / period - std::floor(x / period)));
}
inline double SinOfDay(double t) { return Sine(t, kSecondsPerDay); }
inline double CosOfDay(double t) { return Cosine(t, kSecondsPerDay); }
/// Weeks start on Monday at midnight.
inline double SinOfWeek(double t) { return Sine(t + 3 * kSecondsPerDay, 7 * kSecondsPerDay); }
inline double CosOfWeek(double t) { return Cosine(t + 3 * kSecondsPerDay, 7 * kSecondsPerDay); }

inline double Log1p(double x) { return std::log1p(x); }
inline double Log(double x) { return std::log(x); }
inline double Exp(double x) { return std::exp(x); }
inline double Sqrt(double x) { return std::sqrt(x); }
inline double Abs(double x) { return std::fabs(x); }
inline double Floor(double x) { return std::floor(x); }
inline double IsMissingValue(double x) { return IsMissing(x) ? 1 : 0; }
inline double TruthValue(double x) { return Truth(x) ? 1 : 0; }
inline double Not(double x) { return Truth(x) ? 0 : 1; }
inline double And(double a, double b) { return Truth(a) && Truth(b) ? 1 : 0; }
inline double Or(double a, double b) { return Truth(a) || Truth(b) ? 1 : 0; }
/// Unlike IEEE's: false when either side is missing.
inline double NotEqual(double a, double b) { return a < b || a > b ? 1 : 0; }
/// The remainder with the sign of the dividend.
inline double Remainder(double a, double b) { return std::fmod(a, b); }
inline double Clip(double x, double lo, double hi) {
  if (x != x || lo != lo || hi != hi) return kMissing;
  return x < lo ? lo : x > hi ? hi : x;
}

}  // namespace leat::features
