#include "record/number.h"

#include <fast_float/fast_float.h>

#include <cmath>
#include <system_error>

namespace leat {

bool number_internal::ParseLong(const char* text, size_t size, double& magnitude) {
  if (size == 0 || size > 16) return false;
  const char* p = text;
  const char* const end = text + size;
  uint64_t digits = 0;
  const auto take = [&] {
    const char* const first = p;
    unsigned digit = 0;
    while (p != end && (digit = static_cast<unsigned>(*p) - '0') <= 9) {
      digits = digits * 10 + digit;
      ++p;
    }
    return p - first;
  };
  ptrdiff_t count = take();
  ptrdiff_t fraction = 0;
  if (p != end && *p == '.') {
    ++p;
    fraction = take();
    count += fraction;
  }
  if (p != end || count < 1 || count > 15) return false;
  magnitude = static_cast<double>(static_cast<int64_t>(digits)) / kPowers[fraction];
  return true;
}

NumberText ParseNumberSlow(std::string_view text, double& value) {
  // from_chars takes no plus sign; a second sign after it is still an error.
  if (text.size() > 1 && text[0] == '+' && text[1] != '-' && text[1] != '+') text.remove_prefix(1);
  double parsed = 0;
  const char* const end = text.data() + text.size();
  const auto result = fast_float::from_chars(text.data(), end, parsed);
  // Depending on its version the library flags an underflow to zero as out of range; we take it.
  const bool ranged = result.ec == std::errc() || result.ec == std::errc::result_out_of_range;
  if (text.empty() || !ranged || result.ptr != end) return NumberText::kBad;
  if (!std::isfinite(parsed)) return NumberText::kNotFinite;
  value = parsed;
  return NumberText::kOk;
}

}  // namespace leat
