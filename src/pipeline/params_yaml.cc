#include "pipeline/params_yaml.h"

#include <algorithm>
#include <cstdlib>

namespace leat::config {
namespace {

std::string With(std::string expected, const std::string& range) {
  return range.empty() ? expected : expected + " " + range;
}

bool IsPlainScalar(const YamlNode& node) { return node.IsScalar() && !node.quoted; }

/// Names of settings that belong to parts which other builds of Leat have.
constexpr std::string_view kElsewhere[] = {"kafka"};

}  // namespace

YamlParams::YamlParams(const YamlNode& node, std::string where, Problems& problems,
                       Environment& environment)
    : node_(node), where_(std::move(where)), problems_(problems), environment_(environment) {
  if (!node.IsMap()) {
    problems_.Add(node, where_, "found " + Found(node) + ", expected a map (name: value)");
  }
}

std::string YamlParams::Path(std::string_view name) const {
  if (name.empty()) return where_;
  return where_.empty() ? std::string(name) : where_ + "." + std::string(name);
}

const YamlNode* YamlParams::Get(std::string_view name) {
  known_.emplace_back(name);
  return node_.Find(name);
}

void YamlParams::Problem(const YamlNode& at, std::string_view name, std::string message) {
  problems_.Add(at, Path(name), std::move(message));
}

void YamlParams::Refuse(std::string_view name, std::string message) {
  const YamlNode* at = node_.Find(name);
  problems_.AddKey(at != nullptr ? *at : node_, Path(at != nullptr ? name : std::string_view()),
                   std::move(message));
}

void YamlParams::Expected(const YamlNode& at, std::string_view name, const std::string& expected) {
  Problem(at, name, "found " + Found(at) + ", expected " + expected);
}

void YamlParams::Number(std::string_view name, double& value, Range range, std::string_view) {
  const YamlNode* node = Get(name);
  if (node == nullptr) return;
  const auto number = IsPlainScalar(*node) ? ParseNumber(node->scalar) : std::nullopt;
  if (!number || !InRange(range, *number)) {
    return Expected(*node, name, With("a number", RangeText(range, Unit::kNumber)));
  }
  value = *number;
}

void YamlParams::Integer(std::string_view name, int64_t& value, Range range, std::string_view) {
  const YamlNode* node = Get(name);
  if (node == nullptr) return;
  const auto number = IsPlainScalar(*node) ? ParseInteger(node->scalar) : std::nullopt;
  if (!number || !InRange(range, static_cast<double>(*number))) {
    return Expected(*node, name, With("a whole number", RangeText(range, Unit::kNumber)));
  }
  value = *number;
}

void YamlParams::Boolean(std::string_view name, bool& value, std::string_view) {
  const YamlNode* node = Get(name);
  if (node == nullptr) return;
  if (IsPlainScalar(*node) && (node->scalar == "true" || node->scalar == "false")) {
    value = node->scalar == "true";
    return;
  }
  Expected(*node, name, "true or false");
}

void YamlParams::Text(std::string_view name, std::string& value, std::string_view) {
  const YamlNode* node = Get(name);
  if (node == nullptr) return;
  if (!node->IsScalar()) return Expected(*node, name, "text");
  value = ExpandEnvironment(node->scalar, *node, Path(name), problems_, environment_);
}

void YamlParams::Choice(std::string_view name, int& value,
                        std::span<const std::string_view> choices, std::string_view) {
  const YamlNode* node = Get(name);
  if (node == nullptr) return;
  const std::vector<std::string> names = Strings(choices);
  if (!node->IsScalar()) return Expected(*node, name, "one of " + Join(names, ", "));
  const auto found = std::find(names.begin(), names.end(), node->scalar);
  if (found != names.end()) {
    value = static_cast<int>(found - names.begin());
    return;
  }
  std::string message = "found " + Found(*node) + ", expected one of " + Join(names, ", ");
  if (const auto near = NearestName(node->scalar, names)) {
    message += "; did you mean '" + *near + "'?";
  }
  Problem(*node, name, std::move(message));
}

void YamlParams::Duration(std::string_view name, int64_t& micros, Range range, std::string_view) {
  const YamlNode* node = Get(name);
  if (node == nullptr) return;
  const auto parsed = node->IsScalar() ? ParseDuration(node->scalar) : std::nullopt;
  if (!parsed) {
    return Expected(*node, name, "a duration with a unit, such as 7d, 250ms or 1h30m");
  }
  if (!InRange(range, static_cast<double>(*parsed))) {
    return Expected(*node, name, With("a duration", RangeText(range, Unit::kDuration)));
  }
  micros = *parsed;
}

void YamlParams::Bytes(std::string_view name, int64_t& bytes, Range range, std::string_view) {
  const YamlNode* node = Get(name);
  if (node == nullptr) return;
  const auto parsed = node->IsScalar() ? ParseSize(node->scalar) : std::nullopt;
  if (!parsed) return Expected(*node, name, "a size, such as 64MiB or 10kB");
  if (!InRange(range, static_cast<double>(*parsed))) {
    return Expected(*node, name, With("a size", RangeText(range, Unit::kBytes)));
  }
  bytes = *parsed;
}

void YamlParams::TextList(std::string_view name, std::vector<std::string>& values,
                          std::string_view) {
  const YamlNode* node = Get(name);
  if (node == nullptr) return;
  values.clear();
  const auto expanded = [&](const YamlNode& item) {
    return ExpandEnvironment(item.scalar, item, Path(name), problems_, environment_);
  };
  if (node->IsScalar()) {
    values.push_back(expanded(*node));
    return;
  }
  if (!node->IsList()) return Expected(*node, name, "a list of names");
  for (const YamlNode& item : node->items) {
    if (item.IsScalar()) {
      values.push_back(expanded(item));
    } else {
      Expected(item, name, "a name");
    }
  }
}

void YamlParams::NumberMap(std::string_view name, std::map<std::string, double>& values,
                           Range range, std::string_view) {
  const YamlNode* node = Get(name);
  if (node == nullptr) return;
  if (!node->IsMap()) return Expected(*node, name, "a map of names to numbers");
  values.clear();
  for (const YamlNode& item : node->items) {
    const auto number = IsPlainScalar(item) ? ParseNumber(item.scalar) : std::nullopt;
    if (!number || !InRange(range, *number)) {
      problems_.Add(item, Path(name) + "." + item.key,
                    "found " + Found(item) + ", expected " +
                        With("a number", RangeText(range, Unit::kNumber)));
    } else {
      values[item.key] = *number;
    }
  }
}

void YamlParams::Shape(std::string_view name, std::string_view, std::string_view,
                       std::string_view) {
  known_.emplace_back(name);
}

void YamlParams::Finish() {
  if (!node_.IsMap()) return;
  std::vector<std::string> names;  // Some are asked for more than once.
  for (const std::string& name : known_) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  for (const YamlNode& item : node_.items) {
    if (std::find(known_.begin(), known_.end(), item.key) != known_.end()) continue;
    if (std::find(std::begin(kElsewhere), std::end(kElsewhere), item.key) != std::end(kElsewhere)) {
      problems_.AddKey(item, Path(item.key), item.key + " is not in this build");
      continue;
    }
    problems_.AddKey(item, Path(item.key),
                     "unknown setting " + Quote(item.key) + Suggestion(item.key, names));
  }
}

std::string ExpandEnvironment(const std::string& text, const YamlNode& at, const std::string& where,
                              Problems& problems, Environment& environment) {
  std::string out;
  size_t from = 0;
  while (true) {
    const size_t open = text.find("${", from);
    if (open == std::string::npos) break;
    const size_t close = text.find('}', open);
    const std::string name =
        close == std::string::npos ? std::string() : text.substr(open + 2, close - open - 2);
    if (!IsIdentifier(name)) {
      problems.Add(at, where,
                   "found " + Quote(text) +
                       ", expected the name of an environment variable as in " + "${NAME}");
      return text;
    }
    const char* value = std::getenv(name.c_str());
    if (value == nullptr && environment.unset == UnsetVariable::kItsReference) {
      out += text.substr(from, close + 1 - from);
    } else if (value == nullptr) {
      problems.Add(at, where, "the environment variable " + name + " is not set");
    } else {
      environment.values[name] = value;
      out += text.substr(from, open - from) + value;
    }
    from = close + 1;
  }
  return out + text.substr(from);
}

}  // namespace leat::config
