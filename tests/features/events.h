/// Building blocks of the feature tests: a card schema and records of it.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "features/features.h"

namespace leat {

inline const double kNaN = std::numeric_limits<double>::quiet_NaN();

/// Fields: customer (id), terminal (id), amount (number), channel (category).
inline Schema CardSchema() {
  Schema schema;
  const auto add = [&](const char* name, FieldType type) {
    FieldSpec field;
    field.name = name;
    field.type = type;
    schema.fields.push_back(field);
  };
  add("customer", FieldType::kId);
  add("terminal", FieldType::kId);
  add("amount", FieldType::kNumber);
  add("channel", FieldType::kCategory);
  return schema;
}

/// `texts` must outlive the record; an empty text is a missing value.
inline Record Card(double seconds, std::string_view customer, std::string_view terminal,
                   double amount, std::string_view channel = "web") {
  Record record;
  record.time = EventTime{static_cast<int64_t>(std::llround(seconds * 1e6))};
  record.values = {kNaN, kNaN, amount, kNaN};
  const auto key = [](std::string_view text) { return text.empty() ? 0 : KeyOf(text); };
  record.keys = {key(customer), key(terminal), 0, key(channel)};
  record.texts = {customer, terminal, {}, channel};
  return record;
}

inline FeatureSpec Expr(std::string name, std::string expression) {
  FeatureSpec spec;
  spec.name = std::move(name);
  spec.expression = std::move(expression);
  return spec;
}

inline FeatureSpec Window(std::string name, Aggregate aggregate, std::string expression,
                          Micros over, std::vector<std::string> by = {"customer"},
                          std::string where = "") {
  FeatureSpec spec;
  spec.name = std::move(name);
  spec.aggregate = aggregate;
  spec.expression = std::move(expression);
  spec.over = over;
  spec.by = std::move(by);
  spec.where = std::move(where);
  return spec;
}

inline FeatureSpec Before(FeatureSpec spec) {
  spec.before = true;
  return spec;
}

/// A graph, its slots, and values by name.
class Graph {
 public:
  explicit Graph(const std::vector<FeatureSpec>& features, FeatureOptions options = {},
                 const Schema& schema = CardSchema()) {
    auto created = FeatureGraph::Create(schema, features, options);
    EXPECT_TRUE(created.ok()) << created.status().message();
    if (!created.ok()) std::abort();
    graph_ = std::move(created).value();
    slots_.resize(graph_->slot_count());
  }
  FeatureGraph& operator*() { return *graph_; }
  FeatureGraph* operator->() { return graph_.get(); }
  const std::vector<double>& slots() const { return slots_; }
  void Step(const Record& record) { graph_->Step(record, slots_); }
  double Get(std::string_view name) const { return slots_[*graph_->SlotOf(name)]; }
  /// Step, then the value of `name`.
  double Take(const Record& record, std::string_view name) {
    Step(record);
    return Get(name);
  }
  std::vector<double> Kept(const Record& record) const {
    std::vector<double> payload(graph_->label_payload_size());
    graph_->Keep(record, slots_, payload);
    return payload;
  }
  std::string Saved() const {
    StateWriter out;
    graph_->Save(out);
    return out.Take();
  }

 private:
  std::unique_ptr<FeatureGraph> graph_;
  std::vector<double> slots_;
};

/// The message with which a feature list is refused; empty if it is accepted.
inline std::string Refusal(const std::vector<FeatureSpec>& features) {
  auto created = FeatureGraph::Create(CardSchema(), features, {});
  return created.ok() ? std::string() : std::string(created.status().message());
}

/// Equal within `tolerance`, relative above 1; two NaN are equal.
inline bool Near(double a, double b, double tolerance) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  return std::fabs(a - b) <= tolerance * std::max(1.0, std::fabs(b));
}

}  // namespace leat
