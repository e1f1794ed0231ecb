#include "features/graph_program.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "features/functions.h"
#include "features/names.h"

namespace leat::features {
namespace {

class ProgramCompiler {
 public:
  ProgramCompiler(const Schema& schema, const std::vector<FeatureSpec>& features,
                  const FeatureOptions& options, std::vector<FeatureError>& errors)
      : schema_(schema), features_(features), options_(options), errors_(errors) {}

  Program Compile() {
    if (options_.max_keys < 1) Error("", "max_keys must be at least 1");
    if (options_.max_events_per_window < 2) Error("", "max_events_per_window must be at least 2");
    if (options_.max_categories < 1 || options_.max_categories > (int64_t{1} << 31)) {
      Error("", "max_categories must be from 1 to 2^31");
    }
    if (!errors_.empty()) return std::move(program_);
    AddFields();
    for (const FeatureSpec& feature : features_) {
      AddFeature(feature);
      if (program_.slot_of.contains(feature.name)) {
        Error(feature.name, "a field or an earlier feature has this name");
      } else if (feature.name == "label") {
        Error(feature.name, "the name 'label' is taken");
      } else {
        // Also after an error, so that one mistake is not reported again by its users.
        AddSlot(feature.name, nominal_, depends_);
      }
    }
    if (errors_.empty()) {
      for (GroupProgram& group : program_.groups) group.windows->Finish();
      LayOutPayload();
      Fingerprint();
    }
    return std::move(program_);
  }

 private:
  void Error(const std::string& feature, std::string message) {
    errors_.push_back({feature, std::move(message)});
  }

  void AddSlot(const std::string& name, int32_t dictionary, bool depends = false) {
    program_.slot_of.emplace(name, static_cast<uint32_t>(program_.slot_names.size()));
    program_.slot_names.push_back(name);
    program_.dictionary_of.push_back(dictionary);
    depends_on_window_.push_back(depends);
  }

  void AddFields() {
    for (const FieldSpec& field : schema_.fields) {
      int32_t dictionary = -1;
      if (field.type == FieldType::kCategory) {
        dictionary = static_cast<int32_t>(program_.dictionaries.size());
        program_.dictionaries.emplace_back(options_.max_categories);
      }
      program_.fields.push_back(field.type);
      program_.field_dictionary.push_back(dictionary);
      if (program_.slot_of.contains(field.name)) Error(field.name, "two fields have this name");
      if (field.name == "label" || field.name == "time") {
        Error(field.name, fmt::format("the name '{}' is taken; name the field otherwise and say "
                                      "from: {}",
                                      field.name, field.name));
      }
      AddSlot(field.name, dictionary);
    }
    AddSlot("time", -1);
  }

  bool IsId(uint32_t slot) const {
    return slot < program_.fields.size() && program_.fields[slot] == FieldType::kId;
  }

  ExpressionScope Scope(bool aggregate, bool bare_nominal) {
    ExpressionScope scope;
    scope.allow_label = aggregate;
    scope.allow_bare_nominal = bare_nominal;
    scope.names = program_.slot_names;
    scope.find = [this](std::string_view name) -> std::optional<Variable> {
      const auto found = program_.slot_of.find(std::string(name));
      if (found == program_.slot_of.end()) return std::nullopt;
      const uint32_t slot = found->second;
      const VariableKind kind = IsId(slot)                          ? VariableKind::kId
                                : program_.dictionary_of[slot] >= 0 ? VariableKind::kCategory
                                                                    : VariableKind::kNumber;
      return Variable{slot, kind};
    };
    scope.code_of = [this](uint32_t slot, std::string_view text) -> Result<double> {
      const int32_t dictionary = program_.dictionary_of[slot];
      for (size_t f = 0; f < schema_.fields.size(); ++f) {
        if (program_.field_dictionary[f] != dictionary) continue;
        const auto& allowed = schema_.fields[f].allowed;
        if (!allowed.empty() && std::find(allowed.begin(), allowed.end(), text) == allowed.end()) {
          return Status::Invalid(fmt::format("'{}' is not among the allowed values of {}{}", text,
                                             schema_.fields[f].name, Suggestion(text, allowed)));
        }
      }
      return static_cast<double>(
          program_.dictionaries[static_cast<size_t>(dictionary)].CodeOf(KeyOf(text), text));
    };
    return scope;
  }

  std::optional<Expression> CompileText(const FeatureSpec& feature, const char* what,
                                        const std::string& text, bool aggregate, bool nominal) {
    auto compiled = Expression::Compile(text, Scope(aggregate, nominal));
    if (!compiled.ok()) {
      Error(feature.name,
            fmt::format("{} '{}': {}", what, text, std::string(compiled.status().message())));
      return std::nullopt;
    }
    return std::move(compiled).value();
  }

  int32_t NominalOf(const Expression& expression) const {
    const auto& bare = expression.bare_nominal();
    return bare && bare->kind == VariableKind::kCategory ? program_.dictionary_of[bare->slot] : -1;
  }

  void AddFeature(const FeatureSpec& feature) {
    nominal_ = -1;
    depends_ = true;
    if (feature.name.empty()) Error(feature.name, "a feature needs a name");
    if (feature.aggregate) return AddWindow(feature);
    if (!feature.where.empty()) Error(feature.name, "where: needs an aggregate");
    if (!feature.by.empty()) Error(feature.name, "by: needs an aggregate");
    if (feature.over != 0) Error(feature.name, "over: needs an aggregate");
    if (feature.before) Error(feature.name, "before: needs an aggregate");
    auto expression = CompileText(feature, "expression", feature.expression, false, true);
    if (!expression) return;
    if (const auto& bare = expression->bare_nominal(); bare && bare->kind == VariableKind::kId) {
      return Error(feature.name, "an id cannot be a feature by itself");
    }
    nominal_ = NominalOf(*expression);
    program_.expressions.push_back(std::make_unique<Expression>(std::move(*expression)));
    Operation operation;
    operation.slot = static_cast<uint32_t>(program_.slot_names.size());
    operation.expression = program_.expressions.back().get();
    bool early = true;
    for (uint32_t slot : operation.expression->slots()) early &= !depends_on_window_[slot];
    (early ? program_.early : program_.operations).push_back(operation);
    depends_ = !early;
  }

  void AddWindow(const FeatureSpec& feature) {
    const Aggregate aggregate = *feature.aggregate;
    const size_t errors = errors_.size();
    const bool nominal = aggregate == Aggregate::kDistinct || aggregate == Aggregate::kLast ||
                         aggregate == Aggregate::kCount;
    if (feature.over < 0) Error(feature.name, "over: must not be negative");
    if (feature.over == 0 && aggregate == Aggregate::kDistinct) {
      Error(feature.name, "distinct needs over: (a window without end would grow without end)");
    }
    if (feature.expression.empty() && aggregate != Aggregate::kCount &&
        aggregate != Aggregate::kSince) {
      Error(feature.name, "the aggregate needs an expression");
    }
    std::vector<uint32_t> by;
    for (const std::string& name : feature.by) AddKeyField(feature, name, by);
    auto source = std::make_unique<ColumnSource>();
    bool labelled = false;
    std::string identity;
    if (!feature.expression.empty()) {
      source->expression = CompileText(feature, "expression", feature.expression, true, nominal);
      if (source->expression) {
        labelled |= source->expression->uses_label();
        identity = source->expression->canonical();
        const auto& bare = source->expression->bare_nominal();
        if (bare && bare->kind == VariableKind::kId) {
          if (aggregate != Aggregate::kDistinct) {
            Error(feature.name, "an id can only be counted by distinct:");
          }
          source->id_field = bare->slot;
          source->expression.reset();
        } else if (aggregate == Aggregate::kLast) {
          nominal_ = NominalOf(*source->expression);
        }
      }
    }
    identity += '\n';
    if (!feature.where.empty()) {
      source->where = CompileText(feature, "where", feature.where, true, false);
      if (source->where) {
        labelled |= source->where->uses_label();
        identity += source->where->canonical();
      }
    }
    if (errors_.size() != errors) return;
    Place(feature, by, std::move(source), labelled, identity);
  }

  void AddKeyField(const FeatureSpec& feature, const std::string& name, std::vector<uint32_t>& by) {
    std::vector<std::string> keys;
    for (size_t f = 0; f < schema_.fields.size(); ++f) {
      const FieldType type = schema_.fields[f].type;
      const bool key = type == FieldType::kId || type == FieldType::kCategory;
      if (schema_.fields[f].name == name) {
        if (!key)
          return Error(feature.name, fmt::format("by: '{}' is neither id nor category", name));
        if (std::find(by.begin(), by.end(), f) != by.end()) {
          return Error(feature.name, fmt::format("by: '{}' is named twice", name));
        }
        by.push_back(static_cast<uint32_t>(f));
        return;
      }
      if (key) keys.push_back(schema_.fields[f].name);
    }
    Error(feature.name,
          fmt::format("by: there is no id or category field '{}'{}", name, Suggestion(name, keys)));
  }

  void Place(const FeatureSpec& feature, const std::vector<uint32_t>& by,
             std::unique_ptr<ColumnSource> source, bool labelled, const std::string& identity) {
    size_t g = 0;
    while (g < program_.groups.size() && program_.groups[g].by != by) ++g;
    if (g == program_.groups.size()) {
      GroupProgram group;
      group.by = by;
      group.windows = std::make_unique<KeyGroup>(options_.max_keys, options_.max_events_per_window);
      program_.groups.push_back(std::move(group));
    }
    GroupProgram& group = program_.groups[g];
    const bool constant = !source->expression && !source->where && !source->id_field;
    const auto [known, is_new] = columns_.try_emplace({g, identity}, 0);
    if (is_new) {
      known->second = group.windows->AddColumn(labelled, constant);
      source->column = known->second;
      if (labelled) {
        group.labelled.push_back(std::move(*source));
      } else {
        program_.sources.push_back(std::move(source));
        Operation operation;
        operation.kind = Operation::Kind::kColumn;
        operation.group = static_cast<uint32_t>(g);
        operation.source = program_.sources.back().get();
        program_.operations.push_back(operation);
      }
    }
    group.windows->AddWindow(known->second, {*feature.aggregate, feature.over, feature.before,
                                             static_cast<uint32_t>(program_.slot_names.size())});
  }

  void LayOutPayload() {
    std::vector<uint32_t>& slots = program_.payload_slots;
    std::vector<uint32_t>& ids = program_.payload_ids;
    bool any = false;
    for (const GroupProgram& group : program_.groups) {
      for (const ColumnSource& source : group.labelled) {
        any = true;
        for (const auto* e : {&source.expression, &source.where}) {
          if (*e) slots.insert(slots.end(), (*e)->slots().begin(), (*e)->slots().end());
        }
        if (source.id_field) ids.push_back(*source.id_field);
      }
    }
    if (!any) return;
    for (auto* list : {&slots, &ids}) {
      std::sort(list->begin(), list->end());
      list->erase(std::unique(list->begin(), list->end()), list->end());
    }
    std::vector<uint32_t> position(program_.slot_names.size(), 0);
    for (uint32_t i = 0; i < slots.size(); ++i) position[slots[i]] = i;
    uint32_t at = static_cast<uint32_t>(slots.size() + ids.size());
    for (GroupProgram& group : program_.groups) {
      for (ColumnSource& source : group.labelled) {
        if (source.expression) source.expression->Remap(position);
        if (source.where) source.where->Remap(position);
        if (source.id_field) {
          const auto found = std::find(ids.begin(), ids.end(), *source.id_field);
          source.id_field = static_cast<uint32_t>(slots.size() + (found - ids.begin()));
        }
      }
      if (group.windows->has_labelled()) group.key_in_payload = at++;
    }
    program_.payload_size = at;
  }

  void Fingerprint() {
    std::string text = fmt::format("{},{},{};", options_.max_keys, options_.max_events_per_window,
                                   options_.max_categories);
    for (const FieldSpec& f : schema_.fields) {
      text += fmt::format("{}:{};", f.name, static_cast<int>(f.type));
    }
    for (const FeatureSpec& f : features_) {
      text += fmt::format("{}|{}|{}|{}|{}|{}|", f.name,
                          f.aggregate ? static_cast<int>(*f.aggregate) : -1, f.expression, f.over,
                          f.where, f.before);
      for (const std::string& name : f.by) text += name + ",";
      text += ';';
    }
    program_.layout_hash = Hash64(text);
  }

  const Schema& schema_;
  const std::vector<FeatureSpec>& features_;
  const FeatureOptions& options_;
  std::vector<FeatureError>& errors_;
  Program program_;
  std::map<std::pair<size_t, std::string>, uint32_t> columns_;
  std::vector<bool> depends_on_window_;  // Per slot.
  bool depends_ = true;                  // Of the feature being compiled.
  int32_t nominal_ = -1;  // Dictionary of the feature being compiled, if it holds a category.
};

}  // namespace

Program CompileProgram(const Schema& schema, const std::vector<FeatureSpec>& features,
                       const FeatureOptions& options, std::vector<FeatureError>& errors) {
  return ProgramCompiler(schema, features, options, errors).Compile();
}

double ColumnSource::Evaluate(const double* slots, double label, const double* id_value) const {
  if (where && !Truth(where->Evaluate(slots, label))) return kMissing;
  if (id_field) return *id_value;
  return expression ? expression->Evaluate(slots, label) : 1.0;
}

uint64_t CombinedKey(const std::vector<uint32_t>& by, const Record& record) {
  uint64_t key = 1;
  for (uint32_t field : by) {
    const uint64_t part = record.keys[field];
    if (part == 0) return 0;
    key = Mix64(key ^ part) + 0x9e3779b97f4a7c15;
  }
  return key == 0 ? 1 : key;
}

}  // namespace leat::features
