/// A feature list compiled to steps; shared by the compiler and the graph.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "features/dictionary.h"
#include "features/expression.h"
#include "features/features.h"
#include "features/key_group.h"

namespace leat::features {

/// What enters a column of a group, evaluated on slots or (with label) on a payload.
struct ColumnSource {
  uint32_t column = 0;
  std::optional<Expression> expression;
  std::optional<Expression> where;
  /// distinct over an id field: the value stands for its key.
  std::optional<uint32_t> id_field;

  double Evaluate(const double* slots, double label, const double* id_value) const;
};

/// A key as a number that equals only itself, up to a collision with probability 2^-53.
inline double IdValue(uint64_t key) {
  return key == 0 ? std::numeric_limits<double>::quiet_NaN()
                  : static_cast<double>(Mix64(key) >> 11);
}

struct GroupProgram {
  std::vector<uint32_t> by;  ///< Fields.
  std::unique_ptr<KeyGroup> windows;
  std::vector<ColumnSource> labelled;
  uint32_t key_in_payload = 0;
};

struct Operation {
  enum class Kind { kExpression, kColumn } kind = Kind::kExpression;
  uint32_t slot = 0;   ///< kExpression: the slot it fills.
  uint32_t group = 0;  ///< kColumn.
  Expression* expression = nullptr;
  ColumnSource* source = nullptr;
};

struct Program {
  std::vector<FieldType> fields;
  std::vector<std::string> slot_names;
  std::unordered_map<std::string, uint32_t> slot_of;  ///< Never iterated.
  std::vector<int32_t> dictionary_of;                 ///< Per slot: its dictionary, or -1.
  std::vector<Dictionary> dictionaries;
  std::vector<int32_t> field_dictionary;  ///< Per field.
  std::vector<GroupProgram> groups;
  std::vector<std::unique_ptr<Expression>> expressions;
  std::vector<std::unique_ptr<ColumnSource>> sources;
  /// Expressions that depend on no window: evaluated while the memory of the keys is fetched.
  std::vector<Operation> early;
  std::vector<Operation> operations;  ///< The rest, in order.

  // Payload: slots, then id values, then one key per group with labelled columns.
  std::vector<uint32_t> payload_slots;
  std::vector<uint32_t> payload_ids;  ///< Fields.
  uint32_t payload_size = 0;
  uint64_t layout_hash = 0;  ///< Of everything that shapes the state.
};

/// Compiles; problems are appended to `errors`.
Program CompileProgram(const Schema& schema, const std::vector<FeatureSpec>& features,
                       const FeatureOptions& options, std::vector<FeatureError>& errors);

/// The key of an event in a group: 0 when a field is missing.
uint64_t CombinedKey(const std::vector<uint32_t>& by, const Record& record);
inline uint64_t GroupKey(const std::vector<uint32_t>& by, const Record& record) {
  return by.size() == 1 ? record.keys[by[0]] : CombinedKey(by, record);
}

}  // namespace leat::features
