#include "features/expression.h"

#include <fmt/format.h>
#include <muParser.h>

#include <algorithm>
#include <array>
#include <limits>

#include "features/functions.h"
#include "features/names.h"
#include "features/tokenizer.h"

namespace leat::features {
namespace {

constexpr uint32_t kLabelSlot = std::numeric_limits<uint32_t>::max();
constexpr size_t kMaxDepth = 100;

double Minimum(const double* x, int n) {
  double best = x[0];
  for (int i = 1; i < n; ++i) best = x[i] != x[i] || best != best ? kMissing : std::min(best, x[i]);
  return best;
}
double Maximum(const double* x, int n) {
  double best = x[0];
  for (int i = 1; i < n; ++i) best = x[i] != x[i] || best != best ? kMissing : std::max(best, x[i]);
  return best;
}
double Coalesce(const double* x, int n) {
  for (int i = 0; i < n; ++i) {
    if (!IsMissing(x[i])) return x[i];
  }
  return kMissing;
}

struct Function {
  std::string_view name;
  int min_arguments;
  int max_arguments;
  double (*one)(double) = nullptr;
};

constexpr int kMany = 64;
constexpr std::array<Function, 23> kFunctions = {{
    {"log1p", 1, 1, Log1p},
    {"log", 1, 1, Log},
    {"exp", 1, 1, Exp},
    {"sqrt", 1, 1, Sqrt},
    {"abs", 1, 1, Abs},
    {"floor", 1, 1, Floor},
    {"hour", 1, 1, Hour},
    {"weekday", 1, 1, Weekday},
    {"month", 1, 1, Month},
    {"day", 1, 1, Day},
    {"sin_of_day", 1, 1, SinOfDay},
    {"cos_of_day", 1, 1, CosOfDay},
    {"sin_of_week", 1, 1, SinOfWeek},
    {"cos_of_week", 1, 1, CosOfWeek},
    {"is_missing", 1, 1, IsMissingValue},
    {"sine", 2, 2},
    {"cosine", 2, 2},
    {"clip", 3, 3},
    {"min", 2, kMany},
    {"max", 2, kMany},
    {"coalesce", 2, kMany},
    {"truth", 1, 1, TruthValue},  // Also put around the condition of c ? a : b.
    {"seconds_of_day", 1, 1, SecondOfDay},
}};

const Function* FindFunction(std::string_view name) {
  for (const Function& f : kFunctions) {
    if (f.name == name) return &f;
  }
  return nullptr;
}

Status At(const Token& token, std::string what) {
  return Status::Invalid(fmt::format("column {}: {}", token.column, what));
}

void DefineLanguage(mu::Parser& parser) {
  // muParser's own functions include a random number and trigonometry that nobody asked for.
  parser.ClearFun();
  parser.ClearConst();
  for (const Function& f : kFunctions) {
    if (f.one != nullptr) parser.DefineFun(std::string(f.name), f.one);
  }
  parser.DefineFun("sine", Sine);
  parser.DefineFun("cosine", Cosine);
  parser.DefineFun("clip", Clip);
  parser.DefineFun("min", Minimum);
  parser.DefineFun("max", Maximum);
  parser.DefineFun("coalesce", Coalesce);
  // The built-in &&, || and != take missing as true; these do not.
  parser.DefineOprt("&", And, mu::prLAND);
  parser.DefineOprt("|", Or, mu::prLOR);
  parser.DefineOprt("#", NotEqual, mu::prCMP);
  parser.DefineOprt("%", Remainder, mu::prMUL_DIV);
  parser.DefineInfixOprt("!", Not);
  parser.DefineInfixOprt("~", Not, mu::prLOGIC);
}

}  // namespace

struct Expression::Parsed {
  mu::Parser parser;
  std::vector<uint32_t> slots;  // Of the variables, kLabelSlot for the label.
  std::vector<double> values;
};

Expression::Expression() = default;
Expression::Expression(Expression&&) noexcept = default;
Expression& Expression::operator=(Expression&&) noexcept = default;
Expression::~Expression() = default;

/// Turns tokens into muParser's spelling: names become v0, v1, ...; texts become codes; the
/// condition of ?: is wrapped into truth().
class ExpressionCompiler {
 public:
  ExpressionCompiler(std::vector<Token> tokens, const ExpressionScope& scope)
      : tokens_(std::move(tokens)), scope_(scope) {}

  Result<Expression> Compile() {
    LEAT_RETURN_IF_ERROR(Resolve());
    LEAT_RETURN_IF_ERROR(CheckStructure());
    out_.parsed_ = std::make_unique<Expression::Parsed>();
    LEAT_RETURN_IF_ERROR(Parse(*out_.parsed_));
    FindShape();
    for (const Token& t : tokens_) {
      if (t.kind == TokenKind::kEnd) break;
      if (!out_.canonical_.empty()) out_.canonical_ += ' ';
      // A length keeps the text x apart from the name x, and from text that holds blanks.
      out_.canonical_ +=
          t.kind == TokenKind::kText ? fmt::format("\"{}:{}", t.text.size(), t.text) : t.text;
    }
    for (const Item& item : items_) {
      if (item.is_variable && item.slot != kLabelSlot) out_.slots_.push_back(item.slot);
    }
    std::sort(out_.slots_.begin(), out_.slots_.end());
    out_.slots_.erase(std::unique(out_.slots_.begin(), out_.slots_.end()), out_.slots_.end());
    return std::move(out_);
  }

 private:
  /// What a token means, beside the token itself.
  struct Item {
    bool is_variable = false;
    uint32_t slot = 0;
    VariableKind kind = VariableKind::kNumber;
    const Function* function = nullptr;
    bool is_number = false;
    double number = 0;
  };

  bool IsComparison(size_t i) const {
    return i < tokens_.size() && tokens_[i].kind == TokenKind::kOperator &&
           (tokens_[i].text == "==" || tokens_[i].text == "!=");
  }

  Status Resolve() {
    items_.resize(tokens_.size());
    for (size_t i = 0; i < tokens_.size(); ++i) {
      const Token& t = tokens_[i];
      Item& item = items_[i];
      if (t.kind == TokenKind::kNumber) {
        item.is_number = true;
        item.number = t.number;
      } else if (t.kind == TokenKind::kName) {
        if (tokens_[i + 1].kind == TokenKind::kOpen) {
          item.function = FindFunction(t.text);
          if (item.function == nullptr) {
            std::vector<std::string> names;
            for (const Function& f : kFunctions) names.emplace_back(f.name);
            return At(t, fmt::format("unknown function '{}'{}", t.text, Suggestion(t.text, names)));
          }
        } else {
          LEAT_RETURN_IF_ERROR(ResolveName(t, item));
        }
      }
    }
    return ResolveNominals();
  }

  Status ResolveName(const Token& t, Item& item) {
    item.is_variable = true;
    if (t.text == "label") {
      if (!scope_.allow_label) {
        return At(t, "'label' may be used only inside an aggregate over past events");
      }
      item.slot = kLabelSlot;
      out_.uses_label_ = true;
      return {};
    }
    const std::optional<Variable> variable = scope_.find(t.text);
    if (!variable) {
      if (FindFunction(t.text) != nullptr) {
        return At(t, fmt::format("'{}' is a function; write {}(...)", t.text, t.text));
      }
      return At(t, fmt::format("unknown name '{}'{}", t.text, Suggestion(t.text, scope_.names)));
    }
    item.slot = variable->slot;
    item.kind = variable->kind;
    return {};
  }

  /// Categories have codes, not quantities: they may only be compared, tested or taken whole.
  Status ResolveNominals() {
    const bool bare = tokens_.size() == 2;
    for (size_t i = 0; i < tokens_.size(); ++i) {
      const Token& t = tokens_[i];
      if (t.kind == TokenKind::kText) {
        size_t other = tokens_.size();
        if (i >= 2 && IsComparison(i - 1)) other = i - 2;
        if (other == tokens_.size() && IsComparison(i + 1)) other = i + 2;
        if (other >= tokens_.size() || !items_[other].is_variable ||
            items_[other].kind != VariableKind::kCategory) {
          return At(t, fmt::format("the text \"{}\" can only be compared, by == or !=, with a "
                                   "category field",
                                   t.text));
        }
        auto code = scope_.code_of(items_[other].slot, t.text);
        if (!code.ok()) return At(t, std::string(code.status().message()));
        items_[i].is_number = true;
        items_[i].number = *code;
      } else if (items_[i].is_variable && items_[i].kind != VariableKind::kNumber) {
        if (bare && scope_.allow_bare_nominal) {
          out_.bare_nominal_ = Variable{items_[i].slot, items_[i].kind};
          continue;
        }
        if (items_[i].kind == VariableKind::kId) {
          return At(t,
                    fmt::format("'{}' is an id; ids serve as keys (by:) and in distinct:, not in "
                                "expressions",
                                t.text));
        }
        const bool tested = i >= 2 && tokens_[i - 1].kind == TokenKind::kOpen &&
                            items_[i - 2].function != nullptr &&
                            items_[i - 2].function->name == "is_missing";
        if (!tested && !ComparedWithKin(i)) {
          return At(t, fmt::format("the category '{}' can only be compared, by == or !=, with a "
                                   "quoted text, or tested by is_missing()",
                                   t.text));
        }
      }
    }
    return {};
  }

  bool ComparedWithKin(size_t i) const {
    const auto kin = [&](size_t other) {
      return tokens_[other].kind == TokenKind::kText ||
             (items_[other].is_variable && items_[other].slot == items_[i].slot);
    };
    return (i >= 2 && IsComparison(i - 1) && kin(i - 2)) ||
           (IsComparison(i + 1) && i + 2 < tokens_.size() && kin(i + 2));
  }

  /// What muParser would accept but the language does not have, and counts of arguments, which it
  /// reports without saying how many it wants.
  Status CheckStructure() const {
    struct Level {
      const Function* function;
      size_t token;
      int commas;
    };
    std::vector<Level> levels;
    for (size_t i = 0; i < tokens_.size(); ++i) {
      const Token& t = tokens_[i];
      if (t.kind == TokenKind::kOpen) {
        levels.push_back({i > 0 ? items_[i - 1].function : nullptr, i, 0});
        if (levels.size() > kMaxDepth) return At(t, "too deeply nested");
      } else if (t.kind == TokenKind::kComma) {
        if (levels.empty() || levels.back().function == nullptr) {
          return At(t, "a comma belongs between the arguments of a function");
        }
        ++levels.back().commas;
      } else if (t.kind == TokenKind::kClose) {
        if (levels.empty()) return At(t, "')' without '('");
        const Level level = levels.back();
        levels.pop_back();
        if (level.function != nullptr) {
          const bool empty = level.token + 1 == i;
          const int arguments = empty ? 0 : level.commas + 1;
          if (arguments < level.function->min_arguments ||
              arguments > level.function->max_arguments) {
            const Function& f = *level.function;
            const std::string want = f.min_arguments == f.max_arguments
                                         ? std::to_string(f.min_arguments)
                                         : fmt::format("at least {}", f.min_arguments);
            return At(tokens_[level.token - 1],
                      fmt::format("{}() takes {} argument{}, found {}", f.name, want,
                                  want == "1" ? "" : "s", arguments));
          }
        }
      }
    }
    if (!levels.empty()) return At(tokens_[levels.back().token], "'(' is not closed");
    return {};
  }

  Status Parse(Expression::Parsed& parsed) {
    std::vector<std::string> pieces(tokens_.size());
    std::vector<size_t> starts = {0};  // Per level: where the operand of a coming ?: starts.
    for (size_t i = 0; i + 1 < tokens_.size(); ++i) {
      const Token& t = tokens_[i];
      const Item& item = items_[i];
      if (item.is_number) {
        pieces[i] += fmt::format("{:.17g}", item.number);
      } else if (item.is_variable) {
        pieces[i] += 'v' + std::to_string(VariableOf(item.slot, parsed));
      } else if (item.function != nullptr) {
        pieces[i] += item.function->name;
      } else if (t.kind == TokenKind::kOpen) {
        pieces[i] += '(';
        starts.push_back(i + 1);
      } else if (t.kind == TokenKind::kClose) {
        pieces[i] += ')';
        starts.pop_back();
      } else if (t.kind == TokenKind::kComma) {
        pieces[i] += ',';
        starts.back() = i + 1;
      } else if (t.text == "?") {
        pieces[starts.back()].insert(0, "truth(");
        pieces[i] += ") ?";
        starts.back() = i + 1;
      } else if (t.text == ":") {
        pieces[i] += ':';
        starts.back() = i + 1;
      } else {
        pieces[i] += t.text == "and"   ? "&"
                     : t.text == "or"  ? "|"
                     : t.text == "not" ? "~"
                     : t.text == "!="  ? "#"
                                       : t.text;
      }
    }
    std::string text;
    std::vector<size_t> columns;  // Of each character, for error positions.
    for (size_t i = 0; i + 1 < tokens_.size(); ++i) {
      text += pieces[i];
      if (items_[i].function == nullptr) text += ' ';  // A function's '(' must follow at once.
      columns.resize(text.size(), tokens_[i].column);
    }
    try {
      DefineLanguage(parsed.parser);
      for (size_t v = 0; v < parsed.values.size(); ++v) {
        parsed.parser.DefineVar('v' + std::to_string(v), &parsed.values[v]);
      }
      parsed.parser.SetExpr(text);
      parsed.parser.Eval();
      if (parsed.parser.GetNumResults() != 1) return Status::Invalid("more than one expression");
    } catch (const mu::ParserError& error) {
      return Explain(error, columns);
    }
    return {};
  }

  Status Explain(const mu::ParserError& error, const std::vector<size_t>& columns) const {
    const int at = error.GetPos();
    size_t column = tokens_.back().column;
    if (at >= 0 && static_cast<size_t>(at) < columns.size())
      column = columns[static_cast<size_t>(at)];
    const char* what = "cannot be understood";
    switch (error.GetCode()) {
      case mu::ecUNEXPECTED_OPERATOR:
        what = "an operator is out of place";
        break;
      case mu::ecUNEXPECTED_EOF:
        what = "the expression ends too early";
        column = tokens_.back().column;
        break;
      case mu::ecUNEXPECTED_VAL:
        what = "a number is out of place";
        break;
      case mu::ecUNEXPECTED_VAR:
        what = "a name is out of place";
        break;
      case mu::ecUNEXPECTED_FUN:
        what = "a function is out of place";
        break;
      case mu::ecUNEXPECTED_PARENS:
        what = "a parenthesis is out of place";
        break;
      case mu::ecUNEXPECTED_ARG_SEP:
        what = "a comma is out of place";
        break;
      case mu::ecUNEXPECTED_CONDITIONAL:
      case mu::ecMISPLACED_COLON:
        what = "'?' and ':' do not match";
        break;
      case mu::ecMISSING_ELSE_CLAUSE:
        what = "'?' without ':'";
        break;
      default:
        break;
    }
    return Status::Invalid(fmt::format("column {}: {}", column, what));
  }

  static size_t VariableOf(uint32_t slot, Expression::Parsed& parsed) {
    for (size_t v = 0; v < parsed.slots.size(); ++v) {
      if (parsed.slots[v] == slot) return v;
    }
    parsed.slots.push_back(slot);
    parsed.values.push_back(1);  // Any number: the first evaluation only builds the byte code.
    return parsed.slots.size() - 1;
  }

  /// number | - number | name | function(name); advances `i`.
  bool TakeOperand(size_t& i, Expression::Operand& operand) const {
    if (tokens_[i].kind == TokenKind::kOperator && tokens_[i].text == "-" &&
        items_[i + 1].is_number) {
      operand.constant = -items_[i + 1].number;
      i += 2;
      return true;
    }
    if (items_[i].is_number) {
      operand.constant = items_[i].number;
      ++i;
      return true;
    }
    const auto take_name = [&](const Item& item) {
      operand.source =
          item.slot == kLabelSlot ? Expression::Source::kLabel : Expression::Source::kSlot;
      operand.slot = item.slot;
    };
    if (items_[i].is_variable) {
      take_name(items_[i]);
      ++i;
      return true;
    }
    if (items_[i].function != nullptr && items_[i].function->one != nullptr &&
        items_[i + 2].is_variable && tokens_[i + 3].kind == TokenKind::kClose) {
      operand.function = items_[i].function->one;
      take_name(items_[i + 2]);
      i += 4;
      return true;
    }
    return false;
  }

  void FindShape() {
    using Operator = Expression::Operator;
    static constexpr std::array<std::pair<std::string_view, Operator>, 13> kOperators = {{
        {"+", Operator::kAdd},
        {"-", Operator::kSubtract},
        {"*", Operator::kMultiply},
        {"/", Operator::kDivide},
        {"%", Operator::kRemainder},
        {"<", Operator::kLess},
        {"<=", Operator::kLessEqual},
        {">", Operator::kGreater},
        {">=", Operator::kGreaterEqual},
        {"==", Operator::kEqual},
        {"!=", Operator::kNotEqual},
        {"and", Operator::kAnd},
        {"or", Operator::kOr},
    }};
    size_t i = 0;
    const bool negated = tokens_[0].kind == TokenKind::kOperator &&
                         (tokens_[0].text == "not" || tokens_[0].text == "!");
    if (negated) ++i;
    if (!TakeOperand(i, out_.left_)) return;
    if (tokens_[i].kind == TokenKind::kEnd) {
      out_.shape_ = negated ? Expression::Shape::kNot : Expression::Shape::kSingle;
      return;
    }
    if (negated) return;
    for (const auto& [text, op] : kOperators) {
      if (tokens_[i].kind == TokenKind::kOperator && tokens_[i].text == text) {
        ++i;
        if (!TakeOperand(i, out_.right_) || tokens_[i].kind != TokenKind::kEnd) return;
        out_.operator_ = op;
        out_.shape_ = Expression::Shape::kBinary;
        return;
      }
    }
  }

  std::vector<Token> tokens_;
  std::vector<Item> items_;
  const ExpressionScope& scope_;
  Expression out_;
};

Result<Expression> Expression::Compile(std::string_view text, const ExpressionScope& scope) {
  LEAT_ASSIGN_OR_RETURN(std::vector<Token> tokens, Tokenize(text));
  return ExpressionCompiler(std::move(tokens), scope).Compile();
}

double Expression::Load(const Operand& operand, const double* slots, double label) {
  double x = operand.constant;
  if (operand.source == Source::kSlot) x = slots[operand.slot];
  if (operand.source == Source::kLabel) x = label;
  return operand.function == nullptr ? x : operand.function(x);
}

double Expression::Evaluate(const double* slots, double label) const {
  if (shape_ == Shape::kParsed) return EvaluateParsed(slots, label);
  const double a = Load(left_, slots, label);
  if (shape_ == Shape::kSingle) return Finite(a);
  if (shape_ == Shape::kNot) return Not(a);
  const double b = Load(right_, slots, label);
  switch (operator_) {
    case Operator::kAdd:
      return Finite(a + b);
    case Operator::kSubtract:
      return Finite(a - b);
    case Operator::kMultiply:
      return Finite(a * b);
    case Operator::kDivide:
      return Finite(a / b);
    case Operator::kRemainder:
      return Finite(Remainder(a, b));
    case Operator::kLess:
      return a < b ? 1 : 0;
    case Operator::kLessEqual:
      return a <= b ? 1 : 0;
    case Operator::kGreater:
      return a > b ? 1 : 0;
    case Operator::kGreaterEqual:
      return a >= b ? 1 : 0;
    case Operator::kEqual:
      return a == b ? 1 : 0;
    case Operator::kNotEqual:
      return NotEqual(a, b);
    case Operator::kAnd:
      return And(a, b);
    case Operator::kOr:
      return Or(a, b);
  }
  return kMissing;
}

double Expression::EvaluateParsed(const double* slots, double label) const {
  Parsed& parsed = *parsed_;
  for (size_t v = 0; v < parsed.slots.size(); ++v) {
    const uint32_t slot = parsed.slots[v];
    parsed.values[v] = slot == kLabelSlot ? label : slots[slot];
  }
  try {
    return Finite(parsed.parser.Eval());
  } catch (const mu::ParserError&) {
    return kMissing;  // None of our functions throws; muParser may only when compiling.
  }
}

void Expression::Remap(const std::vector<uint32_t>& position) {
  for (uint32_t& slot : slots_) slot = position[slot];
  for (uint32_t& slot : parsed_->slots) {
    if (slot != kLabelSlot) slot = position[slot];
  }
  for (Operand* operand : {&left_, &right_}) {
    if (operand->source == Source::kSlot) operand->slot = position[operand->slot];
  }
}

}  // namespace leat::features
