// What sections check about the names in them.
#include <algorithm>

#include "pipeline/config_build.h"

namespace leat::config {

void CheckNumber(Build& b, YamlParams& p, std::string_view key, const YamlNode& at,
                 const std::string& name) {
  const auto slot = b.slots.find(name);
  if (slot == b.slots.end()) {
    p.Problem(at, key, "unknown feature " + Quote(name) + Suggestion(name, b.SlotNames()));
  } else if (slot->second != SlotKind::kNumber) {
    p.Problem(at, key, Quote(name) + " is text, expected a number or a condition");
  }
}

void CheckNumber(Build& b, YamlParams& p, std::string_view key, const std::string& name) {
  if (!name.empty()) CheckNumber(b, p, key, *p.Get(key), name);
}

void CheckText(Build& b, YamlParams& p, std::string_view key, const YamlNode& at,
               const std::string& name) {
  std::vector<std::string> names;
  for (const FieldSpec& field : b.config.schema.fields) {
    if (field.type != FieldType::kId && field.type != FieldType::kCategory) continue;
    names.push_back(field.name);
    if (field.name == name) return;
  }
  p.Problem(at, key,
            Quote(name) + " is no field of type id or category" +
                (names.empty() ? std::string() : Suggestion(name, names)));
}

void CheckText(Build& b, YamlParams& p, std::string_view key, const std::string& name) {
  if (!name.empty()) CheckText(b, p, key, *p.Get(key), name);
}

void CheckModel(Build& b, YamlParams& p, std::string_view key, const YamlNode& at,
                const std::string& name) {
  const std::vector<std::string> names = PredictingModels(b.config);
  if (std::find(names.begin(), names.end(), name) != names.end()) return;
  p.Problem(at, key,
            Quote(name) + " is no model that predicts" +
                (names.empty() ? std::string() : Suggestion(name, names)));
}

bool CheckNamed(Build& b, const YamlNode& node, std::string_view section) {
  if (node.IsMap() && !node.items.empty()) return true;
  const std::string what(section);
  b.Problem(node, what,
            "found " + (node.IsMap() ? "an empty map" : Found(node)) +
                ", expected a map of names to " + what);
  return false;
}

void CheckName(Build& b, const YamlNode& item, std::string_view section) {
  if (IsIdentifier(item.key)) return;
  b.problems.AddKey(item, std::string(section),
                    Quote(item.key) + " is no name: letters, digits, _");
}

}  // namespace leat::config
