/// Days of the proleptic Gregorian calendar, counted from 1970-01-01.
///
/// Source: the calendar's own rule (a leap year every 4, not every 100, but every 400 years), with
/// years that begin in March so that the leap day is the last of its year. Range: years 1 to 9999.
/// Cost: a few multiplications. Pure functions: safe from any thread.
#pragma once

#include <cstdint>

namespace leat {

struct CivilDate {
  int32_t year = 1970;
  int32_t month = 1;  ///< 1 to 12.
  int32_t day = 1;    ///< 1 to 31.
};

constexpr bool IsLeapYear(int32_t year) {
  return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/// REQUIRES 1 <= month <= 12.
constexpr int32_t DaysInMonth(int32_t year, int32_t month) {
  constexpr int8_t kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return kDays[month - 1] + (month == 2 && IsLeapYear(year) ? 1 : 0);
}

/// REQUIRES a valid date with year >= 0.
constexpr int64_t DaysFromCivil(int32_t year, int32_t month, int32_t day) {
  const int32_t y = year - (month <= 2 ? 1 : 0) + 400;  // Never negative.
  const int32_t m = month + (month <= 2 ? 9 : -3);      // March is 0.
  const int32_t day_of_year = (153 * m + 2) / 5 + day - 1;
  constexpr int64_t kDaysTo1970 = 719468 + 146097;
  return int64_t{y} * 365 + y / 4 - y / 100 + y / 400 + day_of_year - kDaysTo1970;
}

/// The date of a day number; the inverse of DaysFromCivil for years 1 to 9999.
constexpr CivilDate CivilFromDays(int64_t days) {
  const int64_t shifted = days + 719468 + 146097;
  const int64_t era = shifted / 146097;
  const int64_t day_of_era = shifted - era * 146097;
  const int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const int64_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t m = (5 * day_of_year + 2) / 153;
  CivilDate date;
  date.day = static_cast<int32_t>(day_of_year - (153 * m + 2) / 5 + 1);
  date.month = static_cast<int32_t>(m < 10 ? m + 3 : m - 9);
  date.year = static_cast<int32_t>(year_of_era + (era - 1) * 400 + (date.month <= 2 ? 1 : 0));
  return date;
}

}  // namespace leat
