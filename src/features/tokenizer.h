/// Splits the text of an expression into tokens.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "leat/status.h"

namespace leat::features {

enum class TokenKind { kNumber, kName, kText, kOperator, kOpen, kClose, kComma, kEnd };

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string text;  ///< As written, without quotes; words and && || become and, or; not stays.
  double number = 0;
  size_t column = 1;  ///< 1-based.
};

/// Tokens of `text`, the last one kEnd. Errors name the column.
Result<std::vector<Token>> Tokenize(std::string_view text);

}  // namespace leat::features
