#include "reference/reference.h"

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string_view>

#include "connectors/file/file_source.h"
#include "reference/registry.h"

namespace leat::reference {
namespace {

std::string FromEnvironment(const char* name, const char* fallback) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : fallback;
}

/// The text of a file, unpacked; nothing if there is none. Throws if it is cut short or damaged.
std::optional<std::string> ReadFile(const std::string& path) {
  if (!std::filesystem::exists(path)) return std::nullopt;
  auto file = OpenFile(path);
  if (!file.ok()) throw std::runtime_error(std::string(file.status().message()));
  std::string text, chunk(size_t{1} << 20, '\0');
  for (;;) {
    const auto read = (*file)->Read(chunk.data(), chunk.size());
    if (!read.ok()) throw std::runtime_error(std::string(read.status().message()));
    if (*read == 0) return text;
    text.append(chunk, 0, *read);
  }
}

/// Splits one line; a quoted cell may hold commas and doubled quotes (no line breaks).
std::vector<std::string> SplitCells(std::string_view line) {
  std::vector<std::string> cells(1);
  bool quoted = false;
  for (size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quoted) {
      if (c != '"') {
        cells.back() += c;
      } else if (i + 1 < line.size() && line[i + 1] == '"') {
        cells.back() += '"';
        ++i;
      } else {
        quoted = false;
      }
    } else if (c == '"') {
      quoted = true;
    } else if (c == ',') {
      cells.emplace_back();
    } else {
      cells.back() += c;
    }
  }
  return cells;
}

Table ParseTable(std::string_view text) {
  Table table;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (line.empty()) continue;
    if (table.header.empty()) {
      table.header = SplitCells(line);
    } else {
      table.rows.push_back(SplitCells(line));
    }
  }
  return table;
}

std::vector<double> BitsOfHex(const boost::json::object& sequence) {
  const std::string_view hex = sequence.at("hex").as_string();
  const auto n = sequence.at("n").to_number<size_t>();
  if (hex.size() * 4 < n) throw std::runtime_error("a bit sequence is shorter than it says");
  std::vector<double> values;
  values.reserve(n);
  for (size_t i = 0; i < n; ++i) {
    const char c = hex[i / 4];
    const int digit = c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
    values.push_back((digit >> (3 - i % 4)) & 1);
  }
  return values;
}

}  // namespace

std::vector<Runner>& Runners() {
  static std::vector<Runner> runners;
  return runners;
}

bool Register(Runner runner) {
  Runners().push_back(std::move(runner));
  return true;
}

std::string ReferenceFolder() {
  return FromEnvironment("LEAT_REFERENCE", LEAT_SOURCE_DIR "/tests/reference");
}

const boost::json::object& Family(const std::string& file) {
  static std::map<std::string, boost::json::value> families;
  const auto found = families.find(file);
  if (found != families.end()) return found->second.as_object();
  const std::string path = ReferenceFolder() + "/" + file;
  const std::optional<std::string> text = ReadFile(path);
  if (!text) throw std::runtime_error(path + ": cannot be read (see scripts/copy-reference)");
  return families.emplace(file, boost::json::parse(*text)).first->second.as_object();
}

const std::vector<double>& Sequence(const std::string& id) {
  static std::map<std::string, std::vector<double>> sequences;
  if (sequences.empty()) {
    for (const boost::json::value& item : Family("sequences.json").at("cases").as_array()) {
      const boost::json::object& sequence = item.as_object();
      std::vector<double> values;
      if (sequence.at("kind").as_string() == "bits") {
        values = BitsOfHex(sequence);
      } else {
        for (const boost::json::value& v : sequence.at("values").as_array()) {
          values.push_back(Number(v));
        }
      }
      sequences.emplace(std::string(sequence.at("id").as_string()), std::move(values));
    }
  }
  const auto found = sequences.find(id);
  if (found == sequences.end()) throw std::runtime_error("no sequence is called " + id);
  return found->second;
}

double Number(const boost::json::value& value) {
  if (value.is_string()) {
    const std::string_view text = value.as_string();
    if (text == "nan") return std::numeric_limits<double>::quiet_NaN();
    if (text == "inf") return std::numeric_limits<double>::infinity();
    if (text == "-inf") return -std::numeric_limits<double>::infinity();
    throw std::runtime_error("not a number: " + std::string(text));
  }
  if (value.is_bool()) return value.as_bool() ? 1 : 0;
  return value.to_number<double>();
}

bool Close(double a, double b, double tolerance) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  if (std::isinf(a) || std::isinf(b)) return a == b;
  return std::abs(a - b) <= tolerance * std::max(1.0, std::abs(b));
}

const Table* Data(const std::string& name) {
  static std::map<std::string, std::unique_ptr<Table>> tables;
  const auto found = tables.find(name);
  if (found != tables.end()) return found->second.get();
  const std::string folder = FromEnvironment("LEAT_DATA", "");
  const std::string path = folder + "/" + name + ".csv.zst";
  std::unique_ptr<Table> table;
  const std::optional<std::string> text = folder.empty() ? std::nullopt : ReadFile(path);
  if (text) {
    table = std::make_unique<Table>(ParseTable(*text));
  }
  return tables.emplace(name, std::move(table)).first->second.get();
}

Outcome NoData(const std::string& name) {
  return Skip("the data file " + name + ".csv.zst is absent (LEAT_DATA names its folder)");
}

}  // namespace leat::reference
