// The sections features and limits, and their compilation.
#include <algorithm>
#include <set>

#include "pipeline/config_build.h"

namespace leat::config {
namespace {

/// Whether an expression names `word` outside quotes.
bool Mentions(std::string_view expression, std::string_view word) {
  const auto is_name = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  for (size_t i = 0; i < expression.size();) {
    if (expression[i] == '"' || expression[i] == '\'') {
      const size_t close = expression.find(expression[i], i + 1);
      i = close == std::string_view::npos ? expression.size() : close + 1;
    } else if (is_name(expression[i])) {
      size_t end = i;
      while (end < expression.size() && is_name(expression[end])) ++end;
      if (expression.substr(i, end - i) == word) return true;
      i = end;
    } else {
      ++i;
    }
  }
  return false;
}

/// Names of fields that can be keys.
std::vector<std::string> KeyFields(const Build& b) {
  std::vector<std::string> out;
  for (const FieldSpec& field : b.config.schema.fields) {
    if (field.type == FieldType::kId || field.type == FieldType::kCategory) {
      out.push_back(field.name);
    }
  }
  return out;
}

/// Drops keys that are none, with a problem each, so that the rest still compiles.
void CheckKeys(Build& b, YamlParams& p, FeatureSpec& spec) {
  const std::vector<std::string> keys = KeyFields(b);
  std::vector<std::string> good;
  for (const YamlNode* node : NameNodes(p.Get("by"))) {
    const std::string& name = node->scalar;
    if (std::find(keys.begin(), keys.end(), name) == keys.end()) {
      const auto slot = b.slots.find(name);
      p.Problem(*node, "by",
                slot != b.slots.end()
                    ? Quote(name) +
                          " is neither an id nor a category field, so it cannot be a key" +
                          (keys.empty() ? "" : "; expected one of " + Join(keys, ", "))
                    : "unknown field " + Quote(name) + Suggestion(name, keys));
    } else if (std::find(good.begin(), good.end(), name) != good.end()) {
      p.Problem(*node, "by", Quote(name) + " is given twice");
    } else {
      good.push_back(name);
    }
  }
  spec.by = good;
}

void ReadAggregate(Build& b, YamlParams& p, FeatureSpec& spec) {
  std::string first;
  for (size_t i = 0; i < AggregateNames().size(); ++i) {
    const std::string_view name = AggregateNames()[i];
    const YamlNode* value = p.node().Find(name);
    if (value == nullptr) continue;
    if (!first.empty()) {
      p.Refuse(name, "found a second aggregate beside " + Quote(first) + ", expected one");
      continue;
    }
    first = name;
    spec.aggregate = static_cast<Aggregate>(i);
    if (*spec.aggregate != Aggregate::kCount) {
      if (!value->IsScalar() || value->scalar.empty()) {
        p.Problem(*value, name, "found " + Found(*value) + ", expected an expression");
      }
      spec.expression = value->scalar;
      continue;
    }
    if (p.Has("over")) p.Refuse("over", "the window of count is its value: {count: 1d}");
    const auto over = value->IsScalar() ? ParseDuration(value->scalar) : std::nullopt;
    if (over && *over > 0) {
      spec.over = *over;
    } else if (!value->IsScalar() || value->scalar != "all") {
      p.Problem(*value, name,
                "found " + Found(*value) +
                    ", expected the window (a duration above 0, such as 1d) or all");
    }
  }
  const size_t before = b.problems.size();
  p.Finish();
  if (first.empty() && p.node().IsMap() && b.problems.size() == before) {
    b.problems.AddKey(p.node(), p.where(),
                      "expected an aggregate: one of " + Join(Strings(AggregateNames()), ", "));
  }
}

FeatureSpec ReadFeature(Build& b, const YamlNode& node) {
  FeatureSpec spec;
  spec.name = node.key;
  const std::string where = "features." + node.key;
  if (!IsIdentifier(node.key)) {
    b.problems.AddKey(node, where,
                      "found " + Quote(node.key) + ", expected a name of letters, digits and _");
  }
  if (node.key == "time" || node.key == "label") {
    b.problems.AddKey(node, where, Quote(node.key) + " is a reserved name");
  } else if (b.slots.count(node.key) > 0) {
    b.problems.AddKey(node, where, Quote(node.key) + " is already the name of a field");
  }
  if (node.IsScalar() && !node.scalar.empty()) {
    spec.expression = node.scalar;
  } else if (node.IsMap()) {
    YamlParams p = b.Map(node, where);
    DescribeWindow(p, spec);
    CheckKeys(b, p, spec);
    ReadAggregate(b, p, spec);
  } else {
    b.Problem(node, where,
              "found " + Found(node) + ", expected an expression or a map such as " +
                  "{mean: amount, over: 7d, by: customer}");
  }
  if (!b.config.has_label &&
      (Mentions(spec.expression, "label") || Mentions(spec.where, "label"))) {
    b.Problem(node, where, "mentions label, but there is no `label` section");
  }
  return spec;
}

}  // namespace

void ReadFeatures(Build& b, const YamlNode* features, const YamlNode* limits) {
  if (limits != nullptr) {
    YamlParams p = b.Map(*limits, "limits");
    DescribeLimits(p, b.config.feature_options);
    p.Finish();
  }
  std::map<std::string, const YamlNode*> places;
  std::set<std::string> broken;
  if (features != nullptr && !features->IsMap()) {
    b.Problem(*features, "features",
              "found " + Found(*features) + ", expected a map of names to expressions or windows");
  } else if (features != nullptr) {
    for (const YamlNode& item : features->items) {
      const size_t before = b.problems.size();
      FeatureSpec spec = ReadFeature(b, item);
      places[item.key] = &item;
      if (b.problems.size() > before) {
        // A stand-in, so that what refers to this feature is not refused as well.
        broken.insert(item.key);
        spec.aggregate.reset();
        spec.expression = "0";
        spec.where.clear();
        spec.by.clear();
        spec.over = 0;
        spec.before = false;
        if (!IsIdentifier(item.key) || b.slots.count(item.key) > 0) continue;
      }
      b.config.features.push_back(spec);
    }
  }
  for (const FeatureSpec& spec : b.config.features) b.slots.emplace(spec.name, SlotKind::kNumber);
  if (b.config.schema.fields.empty()) return;  // Said already; nothing would resolve.

  std::vector<FeatureError> errors;
  auto graph =
      FeatureGraph::Create(b.config.schema, b.config.features, b.config.feature_options, &errors);
  if (graph.ok()) {
    b.graph = std::move(graph).value();
    for (auto& [name, kind] : b.slots) {
      const auto slot = b.graph->SlotOf(name);
      if (kind == SlotKind::kNumber && slot && b.graph->IsCategory(*slot)) {
        kind = SlotKind::kCategory;
      }
    }
    return;
  }
  if (errors.empty()) errors.push_back({"", std::string(graph.status().message())});
  for (const FeatureError& error : errors) {
    if (broken.count(error.feature) > 0) continue;
    const auto place = places.find(error.feature);
    if (place == places.end()) {
      if (b.problems.empty()) {
        b.problems.Add(features != nullptr ? features->key_line : 1, 1, "features", error.message);
      }
      continue;
    }
    b.Problem(*place->second, "features." + error.feature, error.message);
  }
}

}  // namespace leat::config
