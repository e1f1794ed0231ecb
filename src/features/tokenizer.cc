#include "features/tokenizer.h"

#include <fast_float/fast_float.h>
#include <fmt/format.h>

#include <array>
#include <cmath>

namespace leat::features {
namespace {

constexpr size_t kMaxLength = 4096;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsNameStart(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool IsNamePart(char c) { return IsNameStart(c) || IsDigit(c); }

Status At(size_t column, std::string what) {
  return Status::Invalid(fmt::format("column {}: {}", column, what));
}

}  // namespace

Result<std::vector<Token>> Tokenize(std::string_view text) {
  if (text.size() > kMaxLength) {
    return Status::Invalid(fmt::format("an expression may have up to {} characters", kMaxLength));
  }
  std::vector<Token> tokens;
  size_t i = 0;
  while (i < text.size()) {
    const char c = text[i];
    const size_t column = i + 1;
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
      ++i;
      continue;
    }
    if (IsDigit(c) || (c == '.' && i + 1 < text.size() && IsDigit(text[i + 1]))) {
      double value = 0;
      const auto [end, error] =
          fast_float::from_chars(text.data() + i, text.data() + text.size(), value);
      const size_t length = static_cast<size_t>(end - (text.data() + i));
      if (error != std::errc() || length == 0 || !std::isfinite(value)) {
        return At(column, "not a number within range");
      }
      if (i + length < text.size() && (IsNamePart(text[i + length]) || text[i + length] == '.')) {
        return At(column,
                  fmt::format("'{}' is neither a number nor a name", text.substr(i, length + 1)));
      }
      tokens.push_back({TokenKind::kNumber, std::string(text.substr(i, length)), value, column});
      i += length;
      continue;
    }
    if (IsNameStart(c)) {
      size_t end = i;
      while (end < text.size() && IsNamePart(text[end])) ++end;
      const std::string word(text.substr(i, end - i));
      const bool logical = word == "and" || word == "or" || word == "not";
      tokens.push_back({logical ? TokenKind::kOperator : TokenKind::kName, word, 0, column});
      i = end;
      continue;
    }
    if (c == '"' || c == '\'' || c == '`') {
      const size_t end = text.find(c, i + 1);
      if (end == std::string_view::npos) return At(column, fmt::format("{} is not closed", c));
      tokens.push_back({c == '`' ? TokenKind::kName : TokenKind::kText,
                        std::string(text.substr(i + 1, end - i - 1)), 0, column});
      i = end + 1;
      continue;
    }
    if (c == '(' || c == ')' || c == ',') {
      const TokenKind kind = c == '('   ? TokenKind::kOpen
                             : c == ')' ? TokenKind::kClose
                                        : TokenKind::kComma;
      tokens.push_back({kind, std::string(1, c), 0, column});
      ++i;
      continue;
    }
    static constexpr std::array<std::string_view, 18> kOperators = {
        "<=", ">=", "==", "!=", "&&", "||", "+", "-", "*",
        "/",  "^",  "%",  "<",  ">",  "!",  "?", ":", "="};
    std::string_view found;
    for (std::string_view candidate : kOperators) {
      if (text.substr(i, candidate.size()) == candidate) {
        found = candidate;
        break;
      }
    }
    if (found.empty()) {
      const bool printable = c > 0x20 && c < 0x7f;
      return At(column, printable ? fmt::format("'{}' has no meaning here", c)
                                  : std::string("a character that has no meaning here"));
    }
    if (found == "=") return At(column, "'=' does not compare; use '=='");
    const std::string_view spelled = found == "&&" ? "and" : found == "||" ? "or" : found;
    tokens.push_back({TokenKind::kOperator, std::string(spelled), 0, column});
    i += found.size();
  }
  if (tokens.empty()) return Status::Invalid("the expression is empty");
  tokens.push_back({TokenKind::kEnd, "", 0, text.size() + 1});
  return tokens;
}

}  // namespace leat::features
