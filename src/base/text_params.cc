#include "base/text_params.h"

#include <cmath>
#include <cstdlib>

namespace leat {

Result<TextSpec> ParseTextSpec(std::string_view text) {
  TextSpec spec;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find(' ', at), text.size());
    const std::string word(text.substr(at, end - at));
    at = end + 1;
    if (word.empty()) continue;
    const size_t sign = word.find('=');
    if (spec.name.empty() && sign == std::string::npos) {
      spec.name = word;
      continue;
    }
    if (spec.name.empty() || sign == std::string::npos || sign == 0) {
      return Status::Invalid("found '" + word + "' in '" + std::string(text) +
                             "', expected a name and then name=value");
    }
    if (!spec.options.emplace(word.substr(0, sign), word.substr(sign + 1)).second) {
      return Status::Invalid("'" + word.substr(0, sign) + "' is given twice in '" +
                             std::string(text) + "'");
    }
  }
  if (spec.name.empty()) return Status::Invalid("found an empty text, expected a name");
  return spec;
}

const std::string* TextParams::Take(std::string_view name) {
  const auto at = texts_.find(std::string(name));
  if (at == texts_.end()) return nullptr;
  taken_.insert(at->first);
  return &at->second;
}

void TextParams::Refuse(std::string_view name, const std::string& expected) {
  if (!status_.ok()) return;
  status_ = Status::Invalid(std::string(name) + ": found '" + texts_.at(std::string(name)) +
                            "', expected " + expected);
}

void TextParams::ReadNumber(std::string_view name, const std::string& text, double& value,
                            const Range& range) {
  char* end = nullptr;
  const double number = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0' || std::isnan(number)) return Refuse(name, "a number");
  const bool low = range.open_min ? number > range.min : number >= range.min;
  const bool high = range.open_max ? number < range.max : number <= range.max;
  if (!low || !high) return Refuse(name, "a number within its range");
  value = number;
}

void TextParams::Number(std::string_view name, double& value, Range range, std::string_view) {
  if (const std::string* text = Take(name)) ReadNumber(name, *text, value, range);
}

void TextParams::Integer(std::string_view name, int64_t& value, Range range,
                         std::string_view help) {
  if (!texts_.contains(std::string(name))) return;
  auto number = static_cast<double>(value);
  Number(name, number, range, help);
  if (number != std::floor(number) || std::fabs(number) > 9e15) return Refuse(name, "an integer");
  value = static_cast<int64_t>(number);
}

void TextParams::Boolean(std::string_view name, bool& value, std::string_view) {
  const std::string* text = Take(name);
  if (text == nullptr) return;
  if (*text == "true" || *text == "1") {
    value = true;
  } else if (*text == "false" || *text == "0") {
    value = false;
  } else {
    Refuse(name, "true or false");
  }
}

void TextParams::Choice(std::string_view name, int& value,
                        std::span<const std::string_view> choices, std::string_view) {
  const std::string* text = Take(name);
  if (text == nullptr) return;
  std::string expected = "one of";
  for (size_t i = 0; i < choices.size(); ++i) {
    if (choices[i] == *text) {
      value = static_cast<int>(i);
      return;
    }
    expected += (i == 0 ? " " : ", ") + std::string(choices[i]);
  }
  Refuse(name, expected);
}

void TextParams::Text(std::string_view name, std::string& value, std::string_view) {
  if (const std::string* text = Take(name)) value = *text;
}

void TextParams::TextList(std::string_view name, std::vector<std::string>& values,
                          std::string_view) {
  const std::string* text = Take(name);
  if (text == nullptr) return;
  values.clear();
  for (size_t at = 0; at <= text->size();) {
    const size_t end = std::min(text->find(',', at), text->size());
    values.push_back(text->substr(at, end - at));
    at = end + 1;
  }
}

void TextParams::NumberMap(std::string_view name, std::map<std::string, double>& values,
                           Range range, std::string_view help) {
  std::vector<std::string> pairs;
  TextList(name, pairs, help);
  if (!pairs.empty()) values.clear();
  for (const std::string& pair : pairs) {
    const size_t colon = pair.find(':');
    if (colon == std::string::npos) return Refuse(name, "name:number, parted by commas");
    ReadNumber(name, pair.substr(colon + 1), values[pair.substr(0, colon)], range);
  }
}

Status TextParams::status() const {
  if (!status_.ok()) return status_;
  for (const auto& [name, text] : texts_) {
    if (!taken_.contains(name)) return Status::Invalid("there is no option '" + name + "'");
  }
  return Status::Ok();
}

}  // namespace leat
