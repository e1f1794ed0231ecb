/// Parameters described once: their names, types, ranges, defaults and meaning.
///
/// Every options struct has a function `void Describe(Params&, XOptions&)` that names each of its
/// members. Visitors built on it read a struct from the configuration (checking types and ranges
/// and refusing unknown names), write the reference page, and feed the fingerprint, so that the
/// checker and the documentation cannot disagree. The value that the struct holds when Describe is
/// called on a default-constructed struct is the default.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace leat {

/// Allowed numbers: from `min` to `max`, either end open on request.
struct Range {
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
  bool open_min = false;
  bool open_max = false;
};

inline constexpr Range kPositive{0, std::numeric_limits<double>::infinity(), true, false};
inline constexpr Range kNotNegative{0, std::numeric_limits<double>::infinity(), false, false};
inline constexpr Range kFraction{0, 1, false, false};
inline constexpr Range kOpenFraction{0, 1, true, true};

class Params {
 public:
  virtual ~Params() = default;
  virtual void Number(std::string_view name, double& value, Range range, std::string_view help) = 0;
  virtual void Integer(std::string_view name, int64_t& value, Range range,
                       std::string_view help) = 0;
  virtual void Boolean(std::string_view name, bool& value, std::string_view help) = 0;
  virtual void Text(std::string_view name, std::string& value, std::string_view help) = 0;
  /// `value` is an index into `choices`.
  virtual void Choice(std::string_view name, int& value, std::span<const std::string_view> choices,
                      std::string_view help) = 0;
  /// A length of event time in microseconds, written `7d`, `250ms`.
  virtual void Duration(std::string_view name, int64_t& micros, Range range_micros,
                        std::string_view help) = 0;
  /// A size in bytes, written `64MiB`.
  virtual void Bytes(std::string_view name, int64_t& bytes, Range range, std::string_view help) = 0;
  virtual void TextList(std::string_view name, std::vector<std::string>& values,
                        std::string_view help) = 0;
  virtual void NumberMap(std::string_view name, std::map<std::string, double>& values, Range range,
                         std::string_view help) = 0;

  /// Whether to go through settings that matter only with some values of the earlier ones, which is
  /// what `matters` says of those at hand. A reader and the reference page ask for all; the text of
  /// a configuration leaves out what does not matter, and so stays what it was when such are added.
  virtual bool Wants([[maybe_unused]] bool matters) { return true; }

  /// Choice for an enum class whose enumerators count from 0 in the order of `choices`.
  template <typename Enum>
  void Enumeration(std::string_view name, Enum& value, std::span<const std::string_view> choices,
                   std::string_view help) {
    int index = static_cast<int>(value);
    Choice(name, index, choices, help);
    value = static_cast<Enum>(index);
  }
};

}  // namespace leat
