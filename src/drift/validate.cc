#include "drift/validate.h"

#include <fmt/format.h>

namespace leat {

void RangeChecker::Number(std::string_view name, double& value, Range range, std::string_view) {
  const bool low = range.open_min ? value > range.min : value >= range.min;
  const bool high = range.open_max ? value < range.max : value <= range.max;
  if (low && high) return;  // NaN fails both.
  if (!status_.ok()) return;
  status_ = Status::Invalid(fmt::format("{}: {} is {}, expected {}{}, {}{}", owner_, name, value,
                                        range.open_min ? "(" : "[", range.min, range.max,
                                        range.open_max ? ")" : "]"));
}

void RangeChecker::Integer(std::string_view name, int64_t& value, Range range,
                           std::string_view help) {
  double number = static_cast<double>(value);
  Number(name, number, range, help);
}

void RangeChecker::Choice(std::string_view name, int& value,
                          std::span<const std::string_view> choices, std::string_view help) {
  double number = value;
  Number(name, number, {0, static_cast<double>(choices.size()) - 1}, help);
}

void RangeChecker::Duration(std::string_view name, int64_t& micros, Range range,
                            std::string_view help) {
  Integer(name, micros, range, help);
}

void RangeChecker::Bytes(std::string_view name, int64_t& bytes, Range range,
                         std::string_view help) {
  Integer(name, bytes, range, help);
}

}  // namespace leat
