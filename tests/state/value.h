/// Values as they are read, and expressions over them; see notation.h.
#pragma once

#include <bit>
#include <cctype>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace leat::format {

struct FormatError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Field;

/// A number, a text, a list, or what a block holds.
struct Value {
  enum class Kind { kUnsigned, kSigned, kReal, kText, kList, kBlock };
  Kind kind = Kind::kBlock;
  std::string type;  ///< Of a block: its name.
  uint64_t bits = 0;
  std::string text;
  std::vector<Value> items;
  std::vector<Field> fields;

  const Value* Find(std::string_view name) const;
  const Value& operator[](std::string_view name) const;
  const Value& operator[](size_t index) const;
  size_t size() const { return items.size(); }
  int64_t Signed() const { return static_cast<int64_t>(bits); }
  /// Any number; exact for whole ones.
  long double Number() const;
  double Real() const { return static_cast<double>(Number()); }
};

struct Field {
  std::string name;
  Value value;
};

inline const Value* Value::Find(std::string_view name) const {
  for (auto it = fields.rbegin(); it != fields.rend(); ++it) {
    if (it->name == name) return &it->value;
  }
  return nullptr;
}
inline const Value& Value::operator[](std::string_view name) const {
  if (const Value* found = Find(name)) return *found;
  throw FormatError(type + " has no " + std::string(name));
}
inline const Value& Value::operator[](size_t index) const { return items.at(index); }
inline long double Value::Number() const {
  switch (kind) {
    case Kind::kUnsigned:
      return static_cast<long double>(bits);
    case Kind::kSigned:
      return static_cast<long double>(Signed());
    case Kind::kReal:
      return static_cast<long double>(std::bit_cast<double>(bits));
    default:
      throw FormatError("not a number");
  }
}

/// Names that an expression may use, from the inside out.
struct Scope {
  const Value* block;
  const std::map<std::string, long double>* arguments;
  const Scope* outer;
};

using Expression = std::function<long double(const Scope&)>;

/// `a.b * 2 + count(c, 0) == 4 and d`.
class ExpressionParser {
 public:
  explicit ExpressionParser(std::string_view text) : rest_(text) {}

  /// The whole text.
  Expression Whole() {
    Expression all = Or();
    Blank();
    if (!rest_.empty()) throw FormatError("cannot read '" + std::string(rest_) + "'");
    return all;
  }

 private:
  void Blank() {
    while (!rest_.empty() && rest_.front() == ' ') rest_.remove_prefix(1);
  }
  bool Take(std::string_view sign) {
    Blank();
    if (!rest_.starts_with(sign)) return false;
    if (std::isalpha(static_cast<unsigned char>(sign[0])) && rest_.size() > sign.size() &&
        (std::isalnum(static_cast<unsigned char>(rest_[sign.size()])) ||
         rest_[sign.size()] == '_')) {
      return false;
    }
    rest_.remove_prefix(sign.size());
    return true;
  }
  Expression Or() {
    Expression left = And();
    while (Take("or")) {
      left = [a = left, b = And()](const Scope& s) -> long double {
        return a(s) != 0 || b(s) != 0 ? 1 : 0;
      };
    }
    return left;
  }
  Expression And() {
    Expression left = Comparison();
    while (Take("and")) {
      left = [a = left, b = Comparison()](const Scope& s) -> long double {
        return a(s) != 0 && b(s) != 0 ? 1 : 0;
      };
    }
    return left;
  }
  Expression Comparison() {
    Expression a = Sum();
    for (const std::string_view sign : {"==", "!=", "<=", ">=", "<", ">"}) {
      if (!Take(sign)) continue;
      return [a, b = Sum(), sign](const Scope& s) -> long double {
        const long double x = a(s), y = b(s);
        const bool truth = sign == "=="   ? x == y
                           : sign == "!=" ? x != y
                           : sign == "<=" ? x <= y
                           : sign == ">=" ? x >= y
                           : sign == "<"  ? x < y
                                          : x > y;
        return truth ? 1 : 0;
      };
    }
    return a;
  }
  Expression Sum() {
    Expression left = Product();
    for (;;) {
      if (Take("+")) {
        left = [a = left, b = Product()](const Scope& s) { return a(s) + b(s); };
      } else if (Take("-")) {
        left = [a = left, b = Product()](const Scope& s) { return a(s) - b(s); };
      } else {
        return left;
      }
    }
  }
  Expression Product() {
    Expression left = Factor();
    while (Take("*")) {
      left = [a = left, b = Factor()](const Scope& s) { return a(s) * b(s); };
    }
    return left;
  }
  Expression Factor() {
    Blank();
    if (Take("(")) {
      Expression inner = Or();
      if (!Take(")")) throw FormatError("a ) is missing");
      return inner;
    }
    if (!rest_.empty() && std::isdigit(static_cast<unsigned char>(rest_.front()))) {
      uint64_t number = 0;
      while (!rest_.empty() && std::isdigit(static_cast<unsigned char>(rest_.front()))) {
        number = number * 10 + static_cast<uint64_t>(rest_.front() - '0');
        rest_.remove_prefix(1);
      }
      return [number](const Scope&) { return static_cast<long double>(number); };
    }
    const std::string name = Name();
    if (name != "count" && name != "sum") {
      return [name](const Scope& s) { return NumberOf(name, s); };
    }
    if (!Take("(")) throw FormatError("a ( is missing");
    const std::string list = Name();
    std::optional<Expression> wanted;
    if (Take(",")) wanted = Sum();
    if (!Take(")")) throw FormatError("a ) is missing");
    if (name == "count" && !wanted) {
      return [list](const Scope& s) { return static_cast<long double>(ListOf(list, s).size()); };
    }
    return [list, wanted](const Scope& s) {
      long double result = 0;
      for (const Value& item : ListOf(list, s).items) {
        if (!wanted) result += item.Number();
        if (wanted && item.Number() == (*wanted)(s)) ++result;
      }
      return result;
    };
  }
  std::string Name() {
    Blank();
    size_t end = 0;
    while (end < rest_.size() && (std::isalnum(static_cast<unsigned char>(rest_[end])) ||
                                  rest_[end] == '_' || rest_[end] == '.')) {
      ++end;
    }
    if (end == 0) throw FormatError("expected a name at '" + std::string(rest_) + "'");
    const std::string name(rest_.substr(0, end));
    rest_.remove_prefix(end);
    return name;
  }

  static std::optional<long double> ArgumentOf(const std::string& name, const Scope& scope) {
    for (const Scope* s = &scope; s != nullptr; s = s->outer) {
      if (s->block->Find(name.substr(0, name.find('.'))) != nullptr) return std::nullopt;
      const auto found = s->arguments->find(name);
      if (found != s->arguments->end()) return found->second;
    }
    throw FormatError("there is no '" + name + "' here");
  }
  static const Value& ValueOf(const std::string& path, const Scope& scope) {
    size_t dot = path.find('.');
    const Value* value = nullptr;
    for (const Scope* s = &scope; value == nullptr && s != nullptr; s = s->outer) {
      value = s->block->Find(path.substr(0, dot));
    }
    if (value == nullptr) throw FormatError("there is no '" + path + "' here");
    while (dot != std::string::npos) {
      const size_t next = path.find('.', dot + 1);
      value = &(*value)[path.substr(dot + 1, next == std::string::npos ? next : next - dot - 1)];
      dot = next;
    }
    return *value;
  }
  static long double NumberOf(const std::string& name, const Scope& scope) {
    if (const auto argument = ArgumentOf(name, scope)) return *argument;
    return ValueOf(name, scope).Number();
  }
  static const Value& ListOf(const std::string& name, const Scope& scope) {
    const Value& list = ValueOf(name, scope);
    if (list.kind != Value::Kind::kList) throw FormatError("'" + name + "' is no list");
    return list;
  }

  std::string_view rest_;
};

}  // namespace leat::format
