// How inputs enter a model: the defaults of its type, then of the model, then of each input.
#include <algorithm>

#include "pipeline/config_build.h"

namespace leat::config {
namespace {

/// What the settings of a whole model say; nothing where they are silent.
struct Wide {
  bool linear = false;  ///< Sums of weighted inputs, or distances: wants one scale and no gaps.
  bool ids = false;     ///< Has numbers of its own for each id.
  bool pairs = false;   ///< Reads two ids and nothing else.
  std::vector<Encode> encodes;
  std::optional<Scale> scale;
  std::optional<Impute> impute;
  InputFeatureSpec rest;
};

bool Encodes(Encode encode, SlotKind kind) {
  switch (encode) {
    case Encode::kNumber:
      return kind != SlotKind::kId;
    case Encode::kBins:
      return kind == SlotKind::kNumber;
    case Encode::kOneHot:
      return kind == SlotKind::kCategory;
    case Encode::kHash:
    case Encode::kFrequency:
    case Encode::kTarget:
      return kind != SlotKind::kNumber;
  }
  return false;
}

bool IsQuantity(Encode encode, SlotKind kind) {
  return encode == Encode::kNumber && kind == SlotKind::kNumber;
}

bool Scales(Encode encode, SlotKind kind) {
  return IsQuantity(encode, kind) || encode == Encode::kFrequency || encode == Encode::kTarget;
}

/// How an input enters before its own settings are looked at, given how it is encoded (if said).
InputFeatureSpec Defaults(const Wide& wide, const std::string& name, SlotKind kind,
                          std::optional<Encode> encode) {
  InputFeatureSpec spec = wide.rest;
  spec.name = name;
  spec.encode = wide.linear && kind == SlotKind::kCategory ? Encode::kOneHot : Encode::kNumber;
  if ((wide.ids && kind == SlotKind::kId) || (wide.pairs && kind != SlotKind::kNumber)) {
    spec.encode = Encode::kHash;
  }
  for (const Encode candidate : wide.encodes) {
    // The first that suits; one that is only for categories leaves numbers as they are.
    if (Encodes(candidate, kind)) {
      spec.encode = candidate;
      break;
    }
  }
  if (encode) spec.encode = *encode;
  const bool quantity = IsQuantity(spec.encode, kind);
  spec.scale = Scales(spec.encode, kind)
                   ? wide.scale.value_or(wide.linear ? Scale::kStandard : Scale::kNone)
                   : Scale::kNone;
  spec.impute =
      quantity ? wide.impute.value_or(wide.linear ? Impute::kMean : Impute::kNone) : Impute::kNone;
  spec.missing_indicator = quantity && spec.missing_indicator;
  return spec;
}

Wide ReadWide(Build& b, YamlParams& p, const ModelConfig& model) {
  Wide wide;
  wide.pairs = model.type == "matrix_factorization";
  const bool machine = model.type.starts_with("factorization_machine");
  wide.ids = wide.pairs || machine;
  wide.linear = model.type == "linear_regression" || model.type == "logistic_regression" ||
                machine || NeedsNoLabel(model.factory->task());
  // Ids that share a bucket are one id.
  if (wide.pairs) wide.rest.hash_bits = 24;
  DescribeInput(p, wide.rest, false);
  if (const auto scale = ReadChoice(p, "scale", ScaleNames())) {
    wide.scale = static_cast<Scale>(*scale);
  }
  if (const auto impute = ReadChoice(p, "impute", ImputeNames())) {
    wide.impute = static_cast<Impute>(*impute);
  }
  const std::vector<std::string> names = Strings(EncodeNames());
  const YamlNode* encode = p.Get("encode");
  if (encode != nullptr && (encode->IsMap() || encode->IsNull())) {
    p.Problem(*encode, "encode",
              "found " + Found(*encode) + ", expected one of " + Join(names, ", ") +
                  " (single inputs are set under `inputs`)");
  }
  for (const YamlNode* node : NameNodes(encode)) {
    const auto found = std::find(names.begin(), names.end(), node->scalar);
    if (found == names.end()) {
      p.Problem(*node, "encode",
                "found " + Found(*node) + ", expected one of " + Join(names, ", "));
    } else {
      wide.encodes.push_back(static_cast<Encode>(found - names.begin()));
    }
  }
  (void)b;
  return wide;
}

/// `impute: last` and `impute: constant` need, and are needed by, settings of their own.
void CheckImpute(Build& b, YamlParams& p, Impute impute, const std::string& key) {
  if (impute == Impute::kLast && key.empty()) {
    p.Refuse("impute", "last needs `impute_key`, the id or category field whose last value it is");
  }
  if (impute != Impute::kLast && p.Has("impute_key")) {
    p.Refuse("impute_key", "applies to `impute: last` only");
  }
  if (impute != Impute::kConstant && p.Has("impute_constant")) {
    p.Refuse("impute_constant", "applies to `impute: constant` only");
  }
  if (key.empty() || !p.Has("impute_key")) return;
  const auto slot = b.slots.find(key);
  if (slot == b.slots.end()) {
    p.Refuse("impute_key", "unknown field " + Quote(key) + Suggestion(key, b.SlotNames()));
  } else if (slot->second == SlotKind::kNumber) {
    p.Refuse("impute_key", Quote(key) + " is neither an id nor a category field");
  }
}

std::string KindName(SlotKind kind) {
  switch (kind) {
    case SlotKind::kNumber:
      return "a number";
    case SlotKind::kCategory:
      return "a category";
    case SlotKind::kId:
      return "an id";
  }
  return "";
}

void CheckEncode(Build& b, const YamlNode& at, const std::string& where,
                 const InputFeatureSpec& spec, SlotKind kind) {
  if (!Encodes(spec.encode, kind)) {
    std::vector<std::string> suitable;
    for (size_t i = 0; i < EncodeNames().size(); ++i) {
      if (Encodes(static_cast<Encode>(i), kind)) suitable.emplace_back(EncodeNames()[i]);
    }
    b.Problem(at, where,
              Quote(spec.name) + " is " + KindName(kind) + " and cannot enter as " +
                  std::string(EncodeNames()[static_cast<size_t>(spec.encode)]) +
                  "; expected `encode` to be one of " + Join(suitable, ", "));
  }
  if (spec.encode == Encode::kTarget && TaskOf(b.config) == EvaluationTask::kMulticlass) {
    b.Problem(at, where, "target encoding needs a label that is true or false or a number");
  } else if (spec.encode == Encode::kTarget && !b.config.has_label) {
    b.Problem(at, where, "target encoding needs labels, but there is no `label` section");
  }
}

InputFeatureSpec ReadOne(Build& b, const YamlNode& node, const std::string& where, const Wide& wide,
                         SlotKind kind) {
  YamlParams p = b.Map(node, where);
  // The defaults of the rest depend on the encoding, so that is looked at first.
  std::optional<Encode> encode;
  if (const auto index = ReadChoice(p, "encode", EncodeNames())) {
    encode = static_cast<Encode>(*index);
  }
  InputFeatureSpec spec = Defaults(wide, node.key, kind, encode);
  const size_t before = b.problems.size();
  DescribeInput(p, spec, true);
  p.Finish();
  if (b.problems.size() > before || !node.IsMap()) return spec;
  CheckImpute(b, p, spec.impute, spec.impute_key);
  if (p.Has("scale") && spec.scale != Scale::kNone && !Scales(spec.encode, kind)) {
    p.Refuse("scale", "applies to numbers and to the encodings frequency and target only");
  }
  if (p.Has("impute") && spec.impute != Impute::kNone && !IsQuantity(spec.encode, kind)) {
    p.Refuse("impute", "applies to numbers that enter as they are only");
  }
  struct Only {
    std::string_view name;
    Encode encode;
  };
  for (const Only only : {Only{"bins", Encode::kBins}, Only{"tail_bins", Encode::kBins},
                          Only{"warmup", Encode::kBins}, Only{"max_values", Encode::kOneHot},
                          Only{"hash_bits", Encode::kHash}, Only{"smoothing", Encode::kTarget}}) {
    if (p.Has(only.name) && spec.encode != only.encode) {
      p.Refuse(only.name, "applies to `encode: " +
                              std::string(EncodeNames()[static_cast<size_t>(only.encode)]) +
                              "` only, and this input enters as " +
                              std::string(EncodeNames()[static_cast<size_t>(spec.encode)]));
    }
  }
  return spec;
}

/// The names of the inputs, each with the place to blame.
std::vector<std::pair<std::string, const YamlNode*>> SelectInputs(Build& b, YamlParams& p) {
  std::vector<std::pair<std::string, const YamlNode*>> selected;
  const auto add = [&](const std::string& name, const YamlNode& at, std::string_view setting) {
    if (b.slots.count(name) == 0) {
      p.Problem(at, setting, "unknown feature " + Quote(name) + Suggestion(name, b.SlotNames()));
      return;
    }
    const bool twice = std::any_of(selected.begin(), selected.end(),
                                   [&](const auto& s) { return s.first == name; });
    if (!twice) {
      selected.emplace_back(name, &at);
    } else if (setting == "features") {
      p.Problem(at, setting, Quote(name) + " is given twice");
    }
  };
  const YamlNode* features = p.Get("features");
  const YamlNode* inputs = p.Get("inputs");
  if (features != nullptr) {
    if (!features->IsScalar() && (!features->IsList() || features->items.empty())) {
      p.Problem(*features, "features",
                "found " + (features->IsList() ? "an empty list" : Found(*features)) +
                    ", expected a list of names");
    }
    for (const YamlNode* node : NameNodes(features)) add(node->scalar, *node, "features");
  } else if (!b.config.features.empty()) {
    for (const FeatureSpec& feature : b.config.features) {
      selected.emplace_back(feature.name, &p.node());
    }
  } else {
    for (const FieldSpec& field : b.config.schema.fields) {
      if (field.type != FieldType::kId && field.type != FieldType::kTime) {
        selected.emplace_back(field.name, &p.node());
      }
    }
  }
  if (inputs != nullptr && inputs->IsMap()) {
    for (const YamlNode& item : inputs->items) {
      const bool listed = std::any_of(selected.begin(), selected.end(),
                                      [&](const auto& s) { return s.first == item.key; });
      if (features != nullptr && !listed && b.slots.count(item.key) > 0) {
        b.problems.AddKey(item, p.Path("inputs") + "." + item.key,
                          Quote(item.key) + " is not among the `features` of this model");
      } else if (b.slots.count(item.key) == 0) {
        b.problems.AddKey(
            item, p.Path("inputs") + "." + item.key,
            "unknown feature " + Quote(item.key) + Suggestion(item.key, b.SlotNames()));
      } else if (!listed) {
        selected.emplace_back(item.key, &item);
      }
    }
  } else if (inputs != nullptr) {
    p.Problem(
        *inputs, "inputs",
        "found " + Found(*inputs) + ", expected a map of names to maps such as {encode: bins}");
  }
  return selected;
}

}  // namespace

void ReadInputs(Build& b, YamlParams& p, ModelConfig& model) {
  const Wide wide = ReadWide(b, p, model);
  if (wide.impute || p.Has("impute_key") || p.Has("impute_constant")) {
    CheckImpute(b, p, wide.impute.value_or(Impute::kNone), wide.rest.impute_key);
  }
  const size_t problems = b.problems.size();
  const auto selected = SelectInputs(b, p);
  // A layout does not tell how many inputs share its hashed part, so the model cannot refuse this.
  if (wide.pairs && !selected.empty() && selected.size() != 2 && b.problems.size() == problems) {
    p.Refuse("features", "found " + std::to_string(selected.size()) +
                             " inputs, expected two ids: the user's, then the item's");
  }
  if (selected.empty() && !b.config.schema.fields.empty() && !p.Has("features")) {
    p.Refuse("", "found no inputs: there are no features, and no fields other than ids and times");
  }
  const YamlNode* inputs = p.Get("inputs");
  for (const auto& [name, at] : selected) {
    const SlotKind kind = b.slots.at(name);
    const YamlNode* own = inputs != nullptr ? inputs->Find(name) : nullptr;
    const std::string where = p.Path("inputs") + "." + name;
    const size_t before = b.problems.size();
    const InputFeatureSpec spec =
        own != nullptr ? ReadOne(b, *own, where, wide, kind) : Defaults(wide, name, kind, {});
    if (b.problems.size() == before) CheckEncode(b, own != nullptr ? *own : *at, where, spec, kind);
    model.inputs.push_back(spec);
  }
}

}  // namespace leat::config
