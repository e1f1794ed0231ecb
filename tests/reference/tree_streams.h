/// The streams of the tree and band cases: rows as a tree sees them, and class indices.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "leat/model.h"
#include "reference/reference.h"

namespace leat::reference {

namespace json = boost::json;

inline std::string Text(const json::value& value) { return std::string(value.as_string()); }

inline std::vector<std::string> Words(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

/// The nominal columns and their values: an object, or a sentence such as
/// "the 44 columns wilderness_area_* and soil_type_* with values 0,1".
inline std::map<std::string, std::vector<std::string>> Nominals(const json::object& input,
                                                                const Table& table) {
  std::map<std::string, std::vector<std::string>> nominals;
  const json::value* entry = input.if_contains("nominal");
  if (entry == nullptr) return nominals;
  if (const json::object* named = entry->if_object()) {
    for (const auto& [column, values] : *named) {
      for (const json::value& value : values.as_array()) {
        nominals[std::string(column)].push_back(Text(value));
      }
    }
    return nominals;
  }
  const std::vector<std::string> words = Words(Text(*entry));
  std::vector<std::string> values;
  std::istringstream list(words.back());
  for (std::string value; std::getline(list, value, ',');) values.push_back(value);
  for (const std::string& word : words) {
    if (word.size() < 2 || word.back() != '*') continue;
    const std::string prefix = word.substr(0, word.size() - 1);
    for (const std::string& column : table.header) {
      if (column.starts_with(prefix)) nominals[column] = values;
    }
  }
  return nominals;
}

struct TreeStream {
  InputSpec spec;
  std::vector<double> values;  ///< Row after row.
  std::vector<size_t> labels;
};

inline double CodeOf(const std::vector<std::string>& values, const std::string& cell) {
  const auto found = std::find(values.begin(), values.end(), cell);
  return found == values.end() ? std::numeric_limits<double>::quiet_NaN()
                               : static_cast<double>(found - values.begin());
}

/// The target is the last column that holds only names of classes.
inline std::optional<std::string> ReadTreeStream(const json::object& input, const Table& table,
                                                 TreeStream* stream) {
  std::vector<std::string> classes;
  for (const json::value& name : input.at("classes").as_array()) classes.push_back(Text(name));
  const size_t skip = input.contains("skip") ? input.at("skip").to_number<size_t>() : 0;
  const size_t rows = input.at("rows").to_number<size_t>();
  if (skip + rows > table.rows.size()) return "the data file has too few rows";
  size_t target = table.header.size();
  while (target-- > 0) {
    if (!std::isnan(CodeOf(classes, table.rows[skip][target]))) break;
  }
  if (target >= table.header.size()) return "no column holds the classes";
  const auto nominals = Nominals(input, table);
  std::vector<const std::vector<std::string>*> codes;
  for (size_t c = 0; c < table.header.size(); ++c) {
    if (c == target) continue;
    const auto found = nominals.find(table.header[c]);
    const bool nominal = found != nominals.end();
    codes.push_back(nominal ? &found->second : nullptr);
    stream->spec.dense.push_back({table.header[c], nominal, 0});
  }
  for (size_t r = skip; r < skip + rows; ++r) {
    const std::vector<std::string>& cells = table.rows[r];
    if (cells.size() != table.header.size()) return "a row has another number of cells";
    for (size_t c = 0, a = 0; c < cells.size(); ++c) {
      if (c == target) continue;
      double value = std::numeric_limits<double>::quiet_NaN();
      if (codes[a] != nullptr) {
        value = CodeOf(*codes[a], cells[c]);
      } else if (!cells[c].empty() && cells[c] != "?") {
        value = std::strtod(cells[c].c_str(), nullptr);
      }
      stream->values.push_back(value);
      ++a;
    }
    const double label = CodeOf(classes, cells[target]);
    if (std::isnan(label)) return "row " + std::to_string(r) + " has an unknown class";
    stream->labels.push_back(static_cast<size_t>(label));
  }
  return std::nullopt;
}

}  // namespace leat::reference
