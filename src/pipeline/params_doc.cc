#include "pipeline/params_doc.h"

#include <algorithm>

namespace leat::config {
namespace {

std::string With(std::string type, const std::string& range) {
  return range.empty() ? type : type + ", " + range;
}

std::string Code(const std::string& text) { return text.empty() ? "none" : "`" + text + "`"; }

/// A default that stands for `not set`.
std::string NumberDefault(double value) {
  return value == value && value != std::numeric_limits<double>::infinity() &&
                 value != -std::numeric_limits<double>::infinity()
             ? Code(FormatNumber(value))
             : "none";
}

std::string Cell(std::string_view text) {
  std::string out;
  for (const char c : text) out += c == '|' ? std::string("\\|") : std::string(1, c);
  return out;
}

std::string ListText(const std::vector<std::string>& values) {
  std::vector<std::string> quoted;
  quoted.reserve(values.size());
  for (const std::string& v : values) quoted.push_back(YamlText(v));
  return "[" + Join(quoted, ", ") + "]";
}

std::string MapText(const std::map<std::string, double>& values) {
  std::string out;
  for (const auto& [name, value] : values) {
    out += (out.empty() ? "" : ", ") + YamlText(name) + ": " + FormatNumber(value);
  }
  return "{" + out + "}";
}

}  // namespace

std::string YamlText(const std::string& text) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '/' || c == '-';
  };
  if (!text.empty() && std::all_of(text.begin(), text.end(), plain)) return text;
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20) {
      constexpr std::string_view kHex = "0123456789abcdef";
      out += "\\x";
      out += kHex[static_cast<unsigned char>(c) >> 4];
      out += kHex[static_cast<unsigned char>(c) & 15];
    } else {
      out += c;
    }
  }
  return out + "\"";
}

void DocParams::Add(std::string_view name, std::string type, std::string fallback,
                    std::string_view help) {
  rows_.push_back({std::string(name), std::move(type), std::move(fallback), std::string(help)});
}

void DocParams::Number(std::string_view name, double& value, Range range, std::string_view help) {
  Add(name, With("number", RangeText(range, Unit::kNumber)), NumberDefault(value), help);
}

void DocParams::Integer(std::string_view name, int64_t& value, Range range, std::string_view help) {
  Add(name, With("whole number", RangeText(range, Unit::kNumber)),
      Code(FormatNumber(static_cast<double>(value))), help);
}

void DocParams::Boolean(std::string_view name, bool& value, std::string_view help) {
  Add(name, "true or false", value ? "`true`" : "`false`", help);
}

void DocParams::Text(std::string_view name, std::string& value, std::string_view help) {
  Add(name, "text", Code(value), help);
}

void DocParams::Choice(std::string_view name, int& value, std::span<const std::string_view> choices,
                       std::string_view help) {
  std::vector<std::string> names;
  for (const std::string_view c : choices) names.push_back("`" + std::string(c) + "`");
  const bool in_range = value >= 0 && static_cast<size_t>(value) < choices.size();
  Add(name, "one of " + Join(names, ", "), in_range ? names[static_cast<size_t>(value)] : "none",
      help);
}

void DocParams::Duration(std::string_view name, int64_t& micros, Range range,
                         std::string_view help) {
  Add(name, With("duration", RangeText(range, Unit::kDuration)), Code(FormatDuration(micros)),
      help);
}

void DocParams::Bytes(std::string_view name, int64_t& bytes, Range range, std::string_view help) {
  Add(name, With("size", RangeText(range, Unit::kBytes)), Code(FormatSize(bytes)), help);
}

void DocParams::TextList(std::string_view name, std::vector<std::string>& values,
                         std::string_view help) {
  Add(name, "list of names", values.empty() ? "none" : Code(ListText(values)), help);
}

void DocParams::NumberMap(std::string_view name, std::map<std::string, double>& values, Range range,
                          std::string_view help) {
  Add(name, With("map of names to numbers", RangeText(range, Unit::kNumber)),
      values.empty() ? "none" : Code(MapText(values)), help);
}

void DocParams::Shape(std::string_view name, std::string_view type, std::string_view fallback,
                      std::string_view help) {
  Add(name, std::string(type), fallback.empty() ? "none" : std::string(fallback), help);
}

std::string DocParams::Table() const {
  std::string out = "| setting | type and range | default | meaning |\n|---|---|---|---|\n";
  for (const Row& row : rows_) {
    out += "| `" + row.name + "` | " + Cell(row.type) + " | " + Cell(row.fallback) + " | " +
           Cell(row.help) + " |\n";
  }
  return out;
}

void ValueParams::Line(std::string_view name, const std::string& value) {
  text_ += indent_ + std::string(name) + ": " + value + "\n";
}

void ValueParams::Number(std::string_view name, double& value, Range, std::string_view) {
  Line(name, FormatNumber(value));
}
void ValueParams::Integer(std::string_view name, int64_t& value, Range, std::string_view) {
  Line(name, std::to_string(value));
}
void ValueParams::Boolean(std::string_view name, bool& value, std::string_view) {
  Line(name, value ? "true" : "false");
}
void ValueParams::Text(std::string_view name, std::string& value, std::string_view) {
  Line(name, YamlText(value));
}
void ValueParams::Choice(std::string_view name, int& value,
                         std::span<const std::string_view> choices, std::string_view) {
  Line(name, value >= 0 && static_cast<size_t>(value) < choices.size()
                 ? std::string(choices[static_cast<size_t>(value)])
                 : std::to_string(value));
}
void ValueParams::Duration(std::string_view name, int64_t& micros, Range, std::string_view) {
  Line(name, FormatDuration(micros));
}
void ValueParams::Bytes(std::string_view name, int64_t& bytes, Range, std::string_view) {
  Line(name, FormatSize(bytes));
}
void ValueParams::TextList(std::string_view name, std::vector<std::string>& values,
                           std::string_view) {
  Line(name, ListText(values));
}
void ValueParams::NumberMap(std::string_view name, std::map<std::string, double>& values, Range,
                            std::string_view) {
  Line(name, MapText(values));
}

}  // namespace leat::config
