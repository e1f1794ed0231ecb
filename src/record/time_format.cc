#include "record/time_format.h"

#include <fmt/format.h>

#include <cmath>
#include <cstring>

#include "record/civil.h"
#include "record/number.h"

namespace leat {
namespace {

static_assert(kMinMicros == DaysFromCivil(1, 1, 1) * kDay);
static_assert(kMaxMicros == DaysFromCivil(9999, 12, 31) * kDay + (kDay - 1));

constexpr std::string_view kMonths[] = {"january",   "february", "march",    "april",
                                        "may",       "june",     "july",     "august",
                                        "september", "october",  "november", "december"};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/// Two digits at `p`; `bad` collects anything that is not one.
inline uint32_t Two(const char* p, uint32_t& bad) {
  const uint32_t a = static_cast<uint8_t>(p[0]) - uint32_t{'0'};
  const uint32_t b = static_cast<uint8_t>(p[1]) - uint32_t{'0'};
  bad |= static_cast<uint32_t>(a > 9) | static_cast<uint32_t>(b > 9);
  return a * 10 + b;
}

/// Reads up to nine digits of a fraction as microseconds, dropping what is finer; 0 digits is
/// false.
bool Fraction(const char*& p, const char* end, int64_t& micros) {
  const char* const first = p;
  int64_t unit = 100'000;
  micros = 0;
  for (; p != end && IsDigit(*p); ++p) {
    micros += (*p - '0') * unit;
    unit /= 10;
  }
  return p != first;
}

bool InRange(int64_t micros, EventTime& time) {
  if (micros < kMinMicros || micros > kMaxMicros) return false;
  time = {micros};
  return true;
}

bool ParseEpoch(std::string_view text, int64_t unit, EventTime& time) {
  const char* p = text.data();
  const char* const end = p + text.size();
  const bool negative = p != end && *p == '-';
  if (p != end && (*p == '-' || *p == '+')) ++p;
  const char* const first = p;
  int64_t whole = 0;
  for (; p != end && IsDigit(*p); ++p) {
    whole = whole * 10 + (*p - '0');
    if (whole > 1'000'000'000'000'000) return false;
  }
  const bool has_whole = p != first;
  int64_t micros = 0;
  if (p != end && *p == '.') {
    ++p;
    int64_t place = unit / 10;
    const char* const point = p;
    for (; p != end && IsDigit(*p); ++p) {
      micros += (*p - '0') * place;
      place /= 10;
    }
    if (p == point && !has_whole) return false;
  } else if (!has_whole) {
    return false;
  }
  if (p == end) {
    if (whole > kMaxMicros / unit) return false;
    micros += whole * unit;
    return InRange(negative ? -micros : micros, time);
  }
  // An exponent, as some writers give large numbers.
  double value = 0;
  if (ParseNumber(text, value) != NumberText::kOk) return false;
  value *= static_cast<double>(unit);
  if (!(std::fabs(value) < 1e18)) return false;
  return InRange(std::llround(value), time);
}

/// The parts of a time as a pattern collects them.
struct Parts {
  int32_t year = 0, month = 1, day = 1, day_of_year = 0;
  int32_t hour = 0, minute = 0, second = 0;
  int32_t half = -1;  ///< 0 AM, 1 PM.
  int64_t micros = 0;
  bool has_offset = false;
  int64_t offset = 0;
};

bool Number(const char*& p, const char* end, int min_digits, int max_digits, int32_t& value) {
  int n = 0;
  int32_t parsed = 0;
  while (p != end && n < max_digits && IsDigit(*p)) {
    parsed = parsed * 10 + (*p++ - '0');
    ++n;
  }
  value = parsed;
  return n >= min_digits;
}

bool Month(const char*& p, const char* end, int32_t& month) {
  const auto matches = [&](std::string_view name) {
    if (static_cast<size_t>(end - p) < name.size()) return false;
    for (size_t i = 0; i < name.size(); ++i) {
      if ((p[i] | 0x20) != name[i]) return false;
    }
    return true;
  };
  for (int32_t i = 0; i < 12; ++i) {
    for (const size_t length : {kMonths[i].size(), size_t{3}}) {
      if (matches(kMonths[i].substr(0, length))) {
        p += length;
        month = i + 1;
        return true;
      }
    }
  }
  return false;
}

bool Offset(const char*& p, const char* end, Parts& parts) {
  if (p == end) return false;
  parts.has_offset = true;
  if (*p == 'Z' || *p == 'z') {
    ++p;
    parts.offset = 0;
    return true;
  }
  const size_t taken = ParseOffset({p, static_cast<size_t>(end - p)}, parts.offset);
  p += taken;
  return taken != 0;
}

bool TakePart(char directive, const char*& p, const char* end, Parts& parts) {
  switch (directive) {
    case 'Y':
      return Number(p, end, 4, 4, parts.year);
    case 'y':
      if (!Number(p, end, 2, 2, parts.year)) return false;
      parts.year += parts.year < 69 ? 2000 : 1900;
      return true;
    case 'm':
      return Number(p, end, 1, 2, parts.month);
    case 'b':
    case 'B':
      return Month(p, end, parts.month);
    case 'd':
      return Number(p, end, 1, 2, parts.day);
    case 'j':
      return Number(p, end, 1, 3, parts.day_of_year) && parts.day_of_year >= 1;
    case 'H':
      return Number(p, end, 1, 2, parts.hour) && parts.hour <= 23;
    case 'I':
      return Number(p, end, 1, 2, parts.hour) && parts.hour >= 1 && parts.hour <= 12;
    case 'M':
      return Number(p, end, 1, 2, parts.minute) && parts.minute <= 59;
    case 'S':
      return Number(p, end, 1, 2, parts.second) && parts.second <= 59;
    case 'f':
      return Fraction(p, end, parts.micros);
    case 'z':
      return Offset(p, end, parts);
    case 'p':
      if (end - p < 2 || (p[1] | 0x20) != 'm') return false;
      if ((p[0] | 0x20) != 'a' && (p[0] | 0x20) != 'p') return false;
      parts.half = (p[0] | 0x20) == 'p' ? 1 : 0;
      p += 2;
      return true;
    default:
      return false;
  }
}

Status CheckDirectives(std::string_view pattern, std::string_view used) {
  const auto fail = [&](std::string_view what) {
    return Status::Invalid(fmt::format("time format '{}': {}", pattern, what));
  };
  const auto count = [&](std::string_view letters) {
    size_t n = 0;
    for (const char c : used) n += letters.find(c) != std::string_view::npos;
    return n;
  };
  for (const std::string_view same : {"Yy", "mbB", "d", "j", "HI", "p", "M", "S", "f", "z"}) {
    if (count(same) > 1) return fail(fmt::format("%{} is given twice", same[0]));
  }
  if (count("Yy") == 0) return fail("needs a year (%Y)");
  if (count("j") != 0 && count("mbBd") != 0) return fail("%j stands for month and day; give one");
  if (count("j") == 0 && (count("mbB") == 0 || count("d") == 0)) {
    return fail("needs a month and a day (%m and %d, or %j)");
  }
  if (count("I") != count("p")) return fail("%I and %p go together");
  if (count("M") != 0 && count("HI") == 0) return fail("%M needs %H");
  if (count("S") != 0 && count("M") == 0) return fail("%S needs %M");
  if (count("f") != 0 && count("S") == 0) return fail("%f needs %S");
  return Status::Ok();
}

}  // namespace

Result<TimeParser> TimeParser::Compile(const TimeFormat& format) {
  TimeParser parser;
  parser.format_ = format.format;
  LEAT_ASSIGN_OR_RETURN(parser.zone_, TimeZone::Find(format.zone));
  if (format.format.empty() || format.format == "iso8601") return parser;
  if (format.format == "epoch_s" || format.format == "epoch_ms") {
    parser.kind_ = format.format == "epoch_s" ? Kind::kEpochSeconds : Kind::kEpochMillis;
    return parser;
  }
  parser.kind_ = Kind::kPattern;
  if (format.format.find('%') == std::string::npos) {
    return Status::Invalid(fmt::format(
        "time format '{}': expected epoch_s, epoch_ms, or a pattern such as %Y-%m-%d %H:%M:%S",
        format.format));
  }
  std::string expanded;
  for (size_t i = 0; i < format.format.size(); ++i) {
    if (format.format[i] != '%' || i + 1 == format.format.size()) {
      expanded += format.format[i];
      continue;
    }
    const char c = format.format[++i];
    if (c == 'T') {
      expanded += "%H:%M:%S";
    } else if (c == 'F') {
      expanded += "%Y-%m-%d";
    } else {
      expanded += '%';
      expanded += c;
    }
  }
  std::string used;
  for (size_t i = 0; i < expanded.size(); ++i) {
    const char c = expanded[i];
    if (IsSpace(c)) {
      parser.ops_.push_back({' ', 0});
    } else if (c != '%') {
      parser.ops_.push_back({0, c});
    } else if (i + 1 == expanded.size()) {
      return Status::Invalid(fmt::format(
          "time format '{}': a lone %% at the end (write %%%% for one)", format.format));
    } else if (const char directive = expanded[++i]; directive == '%') {
      parser.ops_.push_back({0, '%'});
    } else if (std::string_view("YymbBdjHIpMSfz").find(directive) != std::string_view::npos) {
      parser.ops_.push_back({directive, 0});
      used += directive;
    } else {
      return Status::Invalid(fmt::format(
          "time format '{}': %{} is not offered; expected one of %Y %y %m %b %B %d %j %H %I %p %M "
          "%S %f %z %T %F %%",
          format.format, directive));
    }
  }
  LEAT_RETURN_IF_ERROR(CheckDirectives(format.format, used));
  return parser;
}

std::string TimeParser::Expected() const {
  return kind_ == Kind::kIso ? "an ISO 8601 time" : fmt::format("a time as {}", format_);
}

bool TimeParser::Parse(std::string_view text, EventTime& time) const {
  switch (kind_) {
    case Kind::kIso:
      return ParseIso(text, time);
    case Kind::kEpochSeconds:
      return ParseEpoch(text, kSecond, time);
    case Kind::kEpochMillis:
      return ParseEpoch(text, kMillisecond, time);
    case Kind::kPattern:
      return ParsePattern(text, time);
  }
  return false;
}

bool TimeParser::ParseIso(std::string_view text, EventTime& time) const {
  const char* p = text.data();
  const char* const end = p + text.size();
  if (text.size() < 10) return false;
  uint32_t bad = 0;
  const auto year = static_cast<int32_t>(Two(p, bad) * 100 + Two(p + 2, bad));
  const auto month = static_cast<int32_t>(Two(p + 5, bad));
  const auto day = static_cast<int32_t>(Two(p + 8, bad));
  if (bad != 0 || p[4] != '-' || p[7] != '-') return false;
  if (year < 1 || month < 1 || month > 12 || day < 1) return false;
  if (day > 28 && day > DaysInMonth(year, month)) return false;
  int64_t seconds = DaysFromCivil(year, month, day) * 86400;
  int64_t micros = 0;
  bool has_offset = false;
  p += 10;
  if (p != end) {
    if ((*p != 'T' && *p != ' ' && *p != 't') || end - p < 6) return false;
    const uint32_t hour = Two(p + 1, bad);
    const uint32_t minute = Two(p + 4, bad);
    uint32_t second = 0;
    if (bad != 0 || p[3] != ':' || hour > 23 || minute > 59) return false;
    p += 6;
    if (p != end && *p == ':') {
      if (end - p < 3) return false;
      second = Two(p + 1, bad);
      if (bad != 0 || second > 59) return false;
      p += 3;
      if (p != end && (*p == '.' || *p == ',') && !Fraction(++p, end, micros)) return false;
    }
    seconds += hour * 3600 + minute * 60 + second;
    if (p != end) {
      has_offset = true;
      if (*p == 'Z' || *p == 'z') {
        ++p;
      } else {
        int64_t offset = 0;
        const size_t taken = ParseOffset({p, static_cast<size_t>(end - p)}, offset);
        if (taken == 0) return false;
        p += taken;
        seconds -= offset;
      }
      if (p != end) return false;
    }
  }
  if (!has_offset) seconds -= zone_.OffsetOfLocal(seconds);
  return InRange(seconds * kSecond + micros, time);
}

bool TimeParser::ParsePattern(std::string_view text, EventTime& time) const {
  const char* p = text.data();
  const char* const end = p + text.size();
  Parts parts;
  for (const Op& op : ops_) {
    if (op.directive == ' ') {
      while (p != end && IsSpace(*p)) ++p;
    } else if (op.directive == 0) {
      if (p == end || *p != op.literal) return false;
      ++p;
    } else if (!TakePart(op.directive, p, end, parts)) {
      return false;
    }
  }
  if (p != end || parts.year < 1) return false;
  int64_t days = 0;
  if (parts.day_of_year != 0) {
    if (parts.day_of_year > 365 + (IsLeapYear(parts.year) ? 1 : 0)) return false;
    days = DaysFromCivil(parts.year, 1, 1) + parts.day_of_year - 1;
  } else {
    if (parts.month < 1 || parts.month > 12 || parts.day < 1 ||
        parts.day > DaysInMonth(parts.year, parts.month)) {
      return false;
    }
    days = DaysFromCivil(parts.year, parts.month, parts.day);
  }
  if (parts.half >= 0) parts.hour = parts.hour % 12 + 12 * parts.half;
  int64_t seconds = days * 86400 + parts.hour * 3600 + parts.minute * 60 + parts.second;
  seconds -= parts.has_offset ? parts.offset : zone_.OffsetOfLocal(seconds);
  return InRange(seconds * kSecond + parts.micros, time);
}

std::string FormatIso(EventTime time) {
  if (time.micros < kMinMicros || time.micros > kMaxMicros) return {};
  int64_t days = time.micros / kDay;
  int64_t rest = time.micros % kDay;
  if (rest < 0) {
    rest += kDay;
    --days;
  }
  const CivilDate date = CivilFromDays(days);
  std::string text = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", date.year, date.month,
                                 date.day, rest / kHour, rest / kMinute % 60, rest / kSecond % 60);
  const int64_t fraction = rest % kSecond;
  if (fraction % kMillisecond != 0) {
    text += fmt::format(".{:06}", fraction);
  } else if (fraction != 0) {
    text += fmt::format(".{:03}", fraction / kMillisecond);
  }
  text += 'Z';
  return text;
}

}  // namespace leat
