#include "record/time_zone.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <optional>
#include <system_error>

#include "record/civil.h"

namespace leat {
namespace {

constexpr int64_t kDaySeconds = 86400;
constexpr int64_t kCycleSeconds = 146097 * kDaySeconds;  // 400 years, and a whole number of weeks.
constexpr std::string_view kZoneDirectory = "/usr/share/zoneinfo/";

/// Big-endian integers, bounds checked once by the caller.
int64_t ReadBig(std::string_view bytes, size_t at, size_t width) {
  uint64_t value = 0;
  for (size_t i = 0; i < width; ++i) value = value << 8 | static_cast<uint8_t>(bytes[at + i]);
  if (width == 4) return static_cast<int32_t>(static_cast<uint32_t>(value));
  return static_cast<int64_t>(value);
}

/// A cursor over the POSIX TZ string of the footer.
class RuleText {
 public:
  explicit RuleText(std::string_view text) : text_(text) {}
  bool done() const { return text_.empty(); }
  bool Take(char c) {
    if (text_.empty() || text_[0] != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  bool Name() {
    if (Take('<')) {
      const size_t close = text_.find('>');
      if (close == std::string_view::npos) return false;
      text_.remove_prefix(close + 1);
      return true;
    }
    size_t n = 0;
    while (n < text_.size() && ((text_[n] | 0x20) >= 'a' && (text_[n] | 0x20) <= 'z')) ++n;
    text_.remove_prefix(n);
    return n >= 3;
  }
  std::optional<int64_t> Integer() {
    size_t n = 0;
    int64_t value = 0;
    while (n < text_.size() && n < 4 && text_[n] >= '0' && text_[n] <= '9') {
      value = value * 10 + (text_[n++] - '0');
    }
    if (n == 0) return std::nullopt;
    text_.remove_prefix(n);
    return value;
  }
  /// [+-]h[h[h]][:mm[:ss]] in seconds.
  std::optional<int64_t> Time() {
    const bool negative = Take('-');
    if (!negative) Take('+');
    int64_t seconds = 0;
    for (const int64_t unit : {3600, 60, 1}) {
      if (unit != 3600 && !Take(':')) break;
      const auto part = Integer();
      if (!part) return std::nullopt;
      seconds += *part * unit;
    }
    return negative ? -seconds : seconds;
  }

 private:
  std::string_view text_;
};

/// When in a year a rule starts: `Mm.w.d`, `Jn` or `n`, and a local time of day.
struct YearlyRule {
  enum class Kind { kMonthWeekDay, kJulian, kDayOfYear } kind = Kind::kMonthWeekDay;
  int64_t month = 1, week = 1, day = 0;
  int64_t time = 2 * 3600;

  int64_t LocalSeconds(int32_t year) const {
    int64_t days = DaysFromCivil(year, 1, 1);
    if (kind == Kind::kJulian) {  // 29 February is never counted.
      days += day - 1 + (day >= 60 && IsLeapYear(year) ? 1 : 0);
    } else if (kind == Kind::kDayOfYear) {
      days += day;
    } else {
      const auto m = static_cast<int32_t>(month);
      const int64_t first = DaysFromCivil(year, m, 1);
      const int64_t weekday = ((first + 4) % 7 + 7) % 7;  // 1970-01-01 was a Thursday.
      int64_t in_month = (day - weekday + 7) % 7 + (week - 1) * 7;
      if (in_month >= DaysInMonth(year, m)) in_month -= 7;  // Week 5 is the last.
      days = first + in_month;
    }
    return days * kDaySeconds + time;
  }
};

std::optional<YearlyRule> ParseYearlyRule(RuleText& text) {
  YearlyRule rule;
  if (!text.Take(',')) return std::nullopt;
  if (text.Take('M')) {
    const auto month = text.Integer();
    if (!month || !text.Take('.')) return std::nullopt;
    const auto week = text.Integer();
    if (!week || !text.Take('.')) return std::nullopt;
    const auto day = text.Integer();
    if (!day || *month < 1 || *month > 12 || *week < 1 || *week > 5 || *day > 6) {
      return std::nullopt;
    }
    rule.month = *month;
    rule.week = *week;
    rule.day = *day;
  } else {
    rule.kind = text.Take('J') ? YearlyRule::Kind::kJulian : YearlyRule::Kind::kDayOfYear;
    const auto day = text.Integer();
    if (!day || *day > 366) return std::nullopt;
    rule.day = *day;
  }
  if (text.Take('/')) {
    const auto time = text.Time();
    if (!time) return std::nullopt;
    rule.time = *time;
  }
  return rule;
}

}  // namespace

size_t ParseOffset(std::string_view text, int64_t& seconds) {
  const auto digits = [&](size_t at, int64_t& value) {
    if (at + 2 > text.size()) return false;
    const unsigned a = static_cast<unsigned>(text[at]) - '0';
    const unsigned b = static_cast<unsigned>(text[at + 1]) - '0';
    value = a * 10 + b;
    return a <= 9 && b <= 9;
  };
  int64_t hours = 0;
  int64_t minutes = 0;
  if (text.empty() || (text[0] != '+' && text[0] != '-') || !digits(1, hours)) return 0;
  size_t taken = 3;
  if (digits(3, minutes)) {
    taken = 5;
  } else if (text.size() > 3 && text[3] == ':') {
    if (!digits(4, minutes)) return 0;
    taken = 6;
  } else {
    minutes = 0;
  }
  if (hours > 23 || minutes > 59) return 0;
  seconds = (text[0] == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
  return taken;
}

int64_t TimeZone::SearchLocal(int64_t local_seconds) const {
  if (cycle_from_ != 0 && local_seconds >= cycle_from_) {
    const int64_t cycles = (local_seconds - cycle_from_) / kCycleSeconds + 1;
    local_seconds -= cycles * kCycleSeconds;
  }
  const auto after = std::upper_bound(changes_.begin(), changes_.end(), local_seconds,
                                      [](int64_t t, const Change& c) { return t < c.from; });
  return after == changes_.begin() ? first_offset_ : std::prev(after)->offset;
}

void TimeZone::AddChange(int64_t utc, int64_t offset) {
  const int64_t before = changes_.empty() ? first_offset_ : changes_.back().offset;
  if (offset == before) return;
  // The larger offset ends an overlap at its second reading and a gap at its end.
  int64_t from = utc + std::max(before, offset);
  if (!changes_.empty()) from = std::max(from, changes_.back().from);
  changes_.push_back({from, offset});
}

Result<TimeZone> TimeZone::FromTzif(std::string_view bytes) {
  const Status bad = Status::Invalid("not a zone file of version 2 or later");
  constexpr size_t kHeader = 44;
  struct Counts {
    size_t isut, isstd, leap, time, type, chars;
  };
  const auto counts_at = [&](size_t at, Counts& c) {
    if (bytes.size() < at + kHeader || bytes.substr(at, 4) != "TZif") return false;
    size_t* const all[] = {&c.isut, &c.isstd, &c.leap, &c.time, &c.type, &c.chars};
    for (size_t i = 0; i < 6; ++i) {
      const int64_t n = ReadBig(bytes, at + 20 + 4 * i, 4);
      if (n < 0 || n > 1'000'000) return false;
      *all[i] = static_cast<size_t>(n);
    }
    return true;
  };
  Counts c{};
  if (!counts_at(0, c) || bytes[4] < '2') return bad;
  // The first block repeats the data with 32-bit times, for old readers.
  size_t at = kHeader + c.time * 5 + c.type * 6 + c.chars + c.leap * 8 + c.isstd + c.isut;
  if (!counts_at(at, c)) return bad;
  at += kHeader;
  const size_t data = c.time * 9 + c.type * 6 + c.chars + c.leap * 12 + c.isstd + c.isut;
  if (c.type == 0 || bytes.size() < at + data) return bad;
  if (c.leap != 0) return Status::Invalid("zones that count leap seconds are not offered");

  const size_t indices = at + c.time * 8;
  const size_t types = indices + c.time;
  const auto offset_of = [&](size_t type) { return ReadBig(bytes, types + 6 * type, 4); };
  TimeZone zone;
  zone.first_offset_ = offset_of(0);
  int64_t last = std::numeric_limits<int64_t>::min();
  for (size_t i = 0; i < c.time; ++i) {
    const auto type = static_cast<uint8_t>(bytes[indices + i]);
    const int64_t utc = ReadBig(bytes, at + 8 * i, 8);
    // Some files open with a marker before any date that we accept.
    if (type >= c.type || utc < last || utc > kCycleSeconds * 25) return bad;
    last = utc;
    if (utc < -kCycleSeconds * 5) {
      zone.first_offset_ = offset_of(type);
      continue;
    }
    zone.AddChange(utc, offset_of(type));
  }

  std::string_view footer = bytes.substr(at + data);
  if (footer.empty() || footer[0] != '\n') return bad;
  footer.remove_prefix(1);
  const size_t close = footer.find('\n');
  if (close == std::string_view::npos) return bad;
  footer = footer.substr(0, close);
  if (footer.empty()) return zone;
  RuleText text(footer);
  if (!text.Name()) return bad;
  const auto standard = text.Time();
  if (!standard) return bad;
  if (text.done()) return zone;  // No change after the last one listed.
  if (!text.Name()) return bad;
  int64_t summer_offset = -*standard + 3600;
  if (!text.done()) {
    RuleText ahead = text;
    if (!ahead.Take(',')) {
      const auto summer = text.Time();
      if (!summer) return bad;
      summer_offset = -*summer;
    }
  }
  const auto start = ParseYearlyRule(text);
  if (!start) return bad;
  const auto end = ParseYearlyRule(text);
  if (!end || !text.done()) return bad;

  const int64_t last_day = last < 0 ? 0 : last / kDaySeconds;
  const int32_t from_year = CivilFromDays(last_day).year;
  for (int32_t year = from_year; year <= from_year + 401; ++year) {
    struct Point {
      int64_t utc, offset;
    };
    Point points[] = {{start->LocalSeconds(year) + *standard, summer_offset},
                      {end->LocalSeconds(year) - summer_offset, -*standard}};
    if (points[1].utc < points[0].utc) std::swap(points[0], points[1]);
    for (const Point& point : points) {
      if (point.utc > last) zone.AddChange(point.utc, point.offset);
    }
  }
  zone.cycle_from_ = DaysFromCivil(from_year + 401, 1, 1) * kDaySeconds;
  return zone;
}

Result<TimeZone> TimeZone::Find(const std::string& name) {
  if (name.empty() || name == "UTC" || name == "Z" || name == "GMT" || name == "Etc/UTC") {
    return TimeZone();
  }
  int64_t offset = 0;
  if (const size_t taken = ParseOffset(name, offset); taken != 0 && taken == name.size()) {
    TimeZone zone;
    zone.first_offset_ = offset;
    return zone;
  }
  const auto unknown = [&] {
    return Status::Invalid(fmt::format(
        "unknown time zone '{}': expected UTC, an offset such as +02:00, or an IANA name such as "
        "Europe/Zurich (looked for in {})",
        name, kZoneDirectory));
  };
  // Names reach a path: only what IANA names are made of, and nothing that climbs out.
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '+' || c == '/';
  };
  if (!std::all_of(name.begin(), name.end(), plain) || name.front() == '/') return unknown();
  const std::string path = std::string(kZoneDirectory) + name;
  std::error_code ignored;  // A folder such as Europe is no zone, and reading one would throw.
  if (!std::filesystem::is_regular_file(path, ignored)) return unknown();
  std::ifstream file(path, std::ios::binary);
  if (!file) return unknown();
  const std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  auto zone = FromTzif(bytes);
  if (!zone.ok()) {
    return Status::Invalid(fmt::format("time zone '{}': {}", name, zone.status().message()));
  }
  return zone;
}

}  // namespace leat
