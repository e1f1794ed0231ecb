/// One compiled feature expression.
///
/// Language: numbers; names of slots (any name may be quoted with backquotes); `time` (a slot) and
/// `label`; + - * / ^ %; < <= > >= == !=; and or not && || !; c ? a : b; the functions of
/// docs/features.md; a category compared (== or !=) with a quoted constant or with itself.
/// `not` binds looser than comparisons, `!` tighter. Parsed and evaluated by muParser; expressions
/// of the simple shapes `x`, `x op y` and `not x`, where x and y are constants, names or a
/// one-argument function of a name, bypass its byte code with the same results.
///
/// Missing values (NaN): arithmetic gives missing; comparisons with missing are false, != included;
/// in conditions missing counts as false. A result that is not finite is missing.
///
/// Cost: 2 to 10 ns for simple shapes, 20 to 100 ns otherwise; no allocation. Determinism: a pure
/// function of the slots. Thread safety: none (evaluation writes a scratch buffer).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "leat/status.h"

namespace leat::features {

enum class VariableKind { kNumber, kCategory, kId };

struct Variable {
  uint32_t slot = 0;
  VariableKind kind = VariableKind::kNumber;
};

/// What an expression may mention.
struct ExpressionScope {
  std::function<std::optional<Variable>(std::string_view name)> find;
  std::vector<std::string> names;  ///< Valid names, for suggestions.
  /// The code that a category slot holds for a text, or why there can be none.
  std::function<Result<double>(uint32_t slot, std::string_view text)> code_of;
  bool allow_label = false;
  bool allow_bare_nominal = false;  ///< The expression may be just a category or id name.
};

class Expression {
 public:
  /// Compiles; errors give the 1-based column in `text` and the nearest valid name.
  static Result<Expression> Compile(std::string_view text, const ExpressionScope& scope);

  Expression(Expression&&) noexcept;
  Expression& operator=(Expression&&) noexcept;
  ~Expression();

  /// REQUIRES that `slots` holds every slot in slots().
  double Evaluate(const double* slots, double label) const;
  /// The same value, always through muParser.
  double EvaluateParsed(const double* slots, double label) const;

  /// Slots mentioned, sorted, each once.
  const std::vector<uint32_t>& slots() const { return slots_; }
  bool uses_label() const { return uses_label_; }
  /// Set when the expression is nothing but the name of a category or id slot.
  const std::optional<Variable>& bare_nominal() const { return bare_nominal_; }
  bool is_simple() const { return shape_ != Shape::kParsed; }
  /// The text with one blank between tokens: equal for expressions that differ in blanks only.
  const std::string& canonical() const { return canonical_; }

  /// From now on reads slot s at position[s].
  void Remap(const std::vector<uint32_t>& position);

 private:
  friend class ExpressionCompiler;
  enum class Shape { kParsed, kSingle, kBinary, kNot };
  enum class Source { kConstant, kSlot, kLabel };
  struct Operand {
    Source source = Source::kConstant;
    uint32_t slot = 0;
    double constant = 0;
    double (*function)(double) = nullptr;
  };
  enum class Operator {
    kAdd,
    kSubtract,
    kMultiply,
    kDivide,
    kRemainder,
    kLess,
    kLessEqual,
    kGreater,
    kGreaterEqual,
    kEqual,
    kNotEqual,
    kAnd,
    kOr
  };
  struct Parsed;

  Expression();
  static double Load(const Operand& operand, const double* slots, double label);

  Shape shape_ = Shape::kParsed;
  Operator operator_ = Operator::kAdd;
  Operand left_, right_;
  std::unique_ptr<Parsed> parsed_;
  std::vector<uint32_t> slots_;
  bool uses_label_ = false;
  std::optional<Variable> bare_nominal_;
  std::string canonical_;
};

}  // namespace leat::features
