#include "record/number.h"

#include <fast_float/fast_float.h>

#include <cmath>
#include <system_error>

namespace leat {

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
