#include "base/hash.h"
#include "record/record.h"

namespace leat {

uint64_t KeyOf(std::string_view text) {
  // Integers take [1, 2^62], hashes the upper half: the two never meet.
  constexpr uint64_t kIntegers = uint64_t{1} << 62;
  constexpr uint64_t kHashed = uint64_t{1} << 63;
  const size_t size = text.size();
  if (size >= 1 && size <= 19 && (text[0] != '0' || size == 1)) {
    uint64_t value = 0;  // 19 digits stay below 2^64.
    size_t i = 0;
    for (; i < size; ++i) {
      const unsigned digit = static_cast<unsigned>(text[i]) - '0';
      if (digit > 9) break;
      value = value * 10 + digit;
    }
    if (i == size && value < kIntegers) return value + 1;
  }
  return Hash64(text) | kHashed;
}

}  // namespace leat
