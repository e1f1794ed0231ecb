#include "pipeline/config_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "base/time.h"
#include "record/nearest.h"

namespace leat::config {
namespace {

struct NamedUnit {
  std::string_view name;
  int64_t factor;
};

constexpr std::array<NamedUnit, 7> kDurationUnits{{{"w", 7 * kDay},
                                                   {"d", kDay},
                                                   {"h", kHour},
                                                   {"m", kMinute},
                                                   {"s", kSecond},
                                                   {"ms", kMillisecond},
                                                   {"us", 1}}};
constexpr int64_t kLongest = 3'652'425 * kDay;  // 10,000 Gregorian years.

constexpr std::array<NamedUnit, 9> kSizeUnits{{{"TiB", int64_t{1} << 40},
                                               {"TB", 1'000'000'000'000},
                                               {"GiB", int64_t{1} << 30},
                                               {"GB", 1'000'000'000},
                                               {"MiB", int64_t{1} << 20},
                                               {"MB", 1'000'000},
                                               {"KiB", int64_t{1} << 10},
                                               {"kB", 1'000},
                                               {"B", 1}}};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// Cuts `digits[.digits]` from the front and multiplies it by `factor`, exactly or not at all.
std::optional<int64_t> Scaled(std::string_view digits, int64_t factor, int64_t limit) {
  __extension__ using Wide = __int128;
  Wide whole = 0, fraction = 0, power = 1;
  bool after_point = false;
  for (const char c : digits) {
    if (c == '.') {
      if (after_point) return std::nullopt;
      after_point = true;
    } else if (after_point) {
      if (power > 1'000'000'000'000) return std::nullopt;
      fraction = fraction * 10 + (c - '0');
      power *= 10;
    } else {
      whole = whole * 10 + (c - '0');
      if (whole > limit) return std::nullopt;
    }
  }
  if (fraction * factor % power != 0) return std::nullopt;
  const Wide value = whole * factor + fraction * factor / power;
  if (value > limit) return std::nullopt;
  return static_cast<int64_t>(value);
}

std::string_view CutDigits(std::string_view& text) {
  size_t n = 0;
  while (n < text.size() && (IsDigit(text[n]) || text[n] == '.')) ++n;
  const std::string_view digits = text.substr(0, n);
  text.remove_prefix(n);
  return digits.empty() || !IsDigit(digits.front()) || !IsDigit(digits.back()) ? std::string_view()
                                                                               : digits;
}

std::string_view CutUnit(std::string_view& text) {
  size_t n = 0;
  while (n < text.size() && IsLetter(text[n])) ++n;
  const std::string_view unit = text.substr(0, n);
  text.remove_prefix(n);
  return unit;
}

}  // namespace

std::optional<int64_t> ParseDuration(std::string_view text) {
  if (text == "0") return 0;
  int64_t total = 0;
  size_t next_unit = 0;
  if (text.empty()) return std::nullopt;
  while (!text.empty()) {
    const std::string_view digits = CutDigits(text);
    const std::string_view name = CutUnit(text);
    if (digits.empty() || name.empty()) return std::nullopt;
    size_t unit = next_unit;
    while (unit < kDurationUnits.size() && kDurationUnits[unit].name != name) ++unit;
    if (unit == kDurationUnits.size()) return std::nullopt;
    const auto part = Scaled(digits, kDurationUnits[unit].factor, kLongest);
    if (!part) return std::nullopt;
    total += *part;
    if (total > kLongest) return std::nullopt;
    next_unit = unit + 1;
  }
  return total;
}

std::string FormatDuration(int64_t micros) {
  if (micros == 0) return "0s";
  std::string out;
  if (micros < 0) out = "-";
  uint64_t rest = micros < 0 ? 0 - static_cast<uint64_t>(micros) : static_cast<uint64_t>(micros);
  for (size_t i = 1; i < kDurationUnits.size(); ++i) {  // Weeks are written as days.
    const auto factor = static_cast<uint64_t>(kDurationUnits[i].factor);
    if (const uint64_t n = rest / factor; n > 0) {
      out += std::to_string(n);
      out += kDurationUnits[i].name;
      rest %= factor;
    }
  }
  return out;
}

std::optional<int64_t> ParseSize(std::string_view text) {
  constexpr int64_t kMost = int64_t{1} << 60;
  const std::string_view digits = CutDigits(text);
  if (digits.empty()) return std::nullopt;
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  if (text.empty()) return Scaled(digits, 1, kMost);
  for (const NamedUnit& unit : kSizeUnits) {
    if (unit.name == text) return Scaled(digits, unit.factor, kMost);
  }
  return std::nullopt;
}

std::string FormatSize(int64_t bytes) {
  for (const NamedUnit& unit : kSizeUnits) {
    if (unit.name.size() == 3 && bytes >= unit.factor && bytes % unit.factor == 0) {
      return std::to_string(bytes / unit.factor) + std::string(unit.name);
    }
  }
  return std::to_string(bytes) + "B";
}

std::optional<double> ParseNumber(std::string_view text) {
  if (!text.empty() && text.front() == '+') text.remove_prefix(1);
  // from_chars also reads `inf` and `nan`, which no setting allows.
  const size_t first = !text.empty() && text.front() == '-' ? 1 : 0;
  if (first >= text.size() || !(IsDigit(text[first]) || text[first] == '.')) return std::nullopt;
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) {
    return std::nullopt;
  }
  return value;
}

std::optional<int64_t> ParseInteger(std::string_view text) {
  if (!text.empty() && text.front() == '+') text.remove_prefix(1);
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc() && end == text.data() + text.size() && !text.empty()) return value;
  const auto number = ParseNumber(text);
  if (!number || std::abs(*number) > 0x1p53 || std::trunc(*number) != *number) return std::nullopt;
  return static_cast<int64_t>(*number);
}

std::string FormatNumber(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  char buffer[64];
  std::to_chars_result r{};
  if (std::trunc(value) == value && std::abs(value) < 1e15) {
    r = std::to_chars(buffer, buffer + sizeof buffer, static_cast<int64_t>(value));
  } else {
    r = std::to_chars(buffer, buffer + sizeof buffer, value);
  }
  return {buffer, r.ptr};
}

std::string FormatIn(Unit unit, double value) {
  if (!std::isfinite(value) || unit == Unit::kNumber || std::abs(value) > 0x1p62) {
    return FormatNumber(value);
  }
  const auto whole = static_cast<int64_t>(value);
  if (unit == Unit::kDuration) return FormatDuration(whole);
  // Not FormatSize alone: its texts are compared with those that states were written with.
  std::string shortest = FormatSize(whole);
  for (const NamedUnit& named : kSizeUnits) {
    if (whole < named.factor || whole % named.factor != 0) continue;
    std::string text = std::to_string(whole / named.factor) + std::string(named.name);
    if (text.size() < shortest.size()) shortest = std::move(text);
  }
  return shortest;
}

std::string RangeText(const Range& range, Unit unit) {
  const bool low = std::isfinite(range.min), high = std::isfinite(range.max);
  const std::string min = FormatIn(unit, range.min), max = FormatIn(unit, range.max);
  if (low && high && !range.open_min && !range.open_max) return "from " + min + " to " + max;
  if (low && high && range.open_min && range.open_max) return "between " + min + " and " + max;
  std::string out;
  if (low) out = (range.open_min ? "above " : "at least ") + min;
  if (high) {
    if (low) out += " and ";
    out += (range.open_max ? "below " : "at most ") + max;
  }
  return out;
}

bool InRange(const Range& range, double value) {
  const bool above = range.open_min ? value > range.min : value >= range.min;
  const bool below = range.open_max ? value < range.max : value <= range.max;
  return above && below;
}

std::optional<std::string> NearestName(std::string_view name, std::span<const std::string> names) {
  if (name.size() > 100) return std::nullopt;
  std::string nearest = leat::NearestName(name, names);
  if (nearest.empty()) return std::nullopt;
  return nearest;
}

std::string Suggestion(std::string_view name, std::span<const std::string> names) {
  if (const auto nearest = NearestName(name, names)) return "; did you mean '" + *nearest + "'?";
  if (names.empty()) return "";
  constexpr size_t kShown = 30;
  const auto shown = names.first(std::min(names.size(), kShown));
  return "; expected one of " + Join(shown, ", ") + (names.size() > kShown ? ", ..." : "");
}

std::string Quote(std::string_view text) {
  constexpr size_t kLongestShown = 60;
  std::string out = "'";
  for (const char c : text.substr(0, kLongestShown)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      constexpr std::string_view kHex = "0123456789abcdef";
      out += "\\x";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    } else {
      out += c;
    }
  }
  if (text.size() > kLongestShown) out += "...";
  return out + "'";
}

bool IsIdentifier(std::string_view name) {
  if (name.empty() || name.size() > 64 || !(IsLetter(name[0]) || name[0] == '_')) return false;
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return IsLetter(c) || IsDigit(c) || c == '_'; });
}

std::string Join(std::span<const std::string> items, std::string_view separator) {
  std::string out;
  for (const std::string& item : items) {
    if (!out.empty()) out += separator;
    out += item;
  }
  return out;
}

std::vector<std::string> Strings(std::span<const std::string_view> items) {
  return {items.begin(), items.end()};
}

}  // namespace leat::config
