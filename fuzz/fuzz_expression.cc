// Compiles any text as an expression. What is accepted must evaluate without crashing on ordinary,
// extreme and missing values, to a finite number or missing; a simple shape must give what the
// parser gives; and the refusal of the rest must carry a message.
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <string_view>

#include "features/expression.h"

namespace {

leat::features::ExpressionScope Scope() {
  using leat::features::Variable;
  using leat::features::VariableKind;
  leat::features::ExpressionScope scope;
  scope.names = {"a", "b", "time", "channel", "card"};
  scope.find = [](std::string_view name) -> std::optional<Variable> {
    if (name == "a") return Variable{0, VariableKind::kNumber};
    if (name == "b") return Variable{1, VariableKind::kNumber};
    if (name == "time") return Variable{2, VariableKind::kNumber};
    if (name == "channel") return Variable{3, VariableKind::kCategory};
    if (name == "card") return Variable{4, VariableKind::kId};
    return std::nullopt;
  };
  scope.code_of = [](uint32_t, std::string_view text) -> leat::Result<double> {
    return static_cast<double>(text.size());
  };
  scope.allow_label = true;
  scope.allow_bare_nominal = true;
  return scope;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  auto compiled = leat::features::Expression::Compile(text, Scope());
  if (!compiled.ok()) {
    if (compiled.status().message().empty()) std::abort();
    return 0;
  }
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (double a : {0.0, -1.5, 1e300, nan}) {
    for (double time : {0.0, 1.7e9, -1e18, 1e300}) {
      const std::array<double, 5> slots = {a, 2, time, 1, nan};
      const double value = compiled->Evaluate(slots.data(), a);
      const double parsed = compiled->EvaluateParsed(slots.data(), a);
      if (std::isinf(value) || std::isinf(parsed)) std::abort();
      if (value != parsed && !(std::isnan(value) && std::isnan(parsed))) std::abort();
    }
  }
  return 0;
}
