/// Small pieces of text in a configuration: durations, sizes, numbers, ranges, near names.
///
/// Everything here is a pure function. Cost: linear in the text (NearestName: quadratic in the
/// names' lengths, for each candidate). Determinism: independent of the locale.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "leat/params.h"

namespace leat::config {

/// `7d`, `250ms`, `1h30m`, `1.5h`, `0` as microseconds; units w d h m s ms us, each at most once
/// and from large to small. Nothing for other text, fractions of a microsecond and above 10,000
/// years.
std::optional<int64_t> ParseDuration(std::string_view text);
/// The shortest text that ParseDuration reads back: `7d`, `1h30m`, `0s`.
std::string FormatDuration(int64_t micros);

/// `64MiB`, `10kB`, `512` as bytes; units B, kB MB GB TB (powers of 1000), KiB MiB GiB TiB.
std::optional<int64_t> ParseSize(std::string_view text);
std::string FormatSize(int64_t bytes);

/// A finite decimal number, all of the text.
std::optional<double> ParseNumber(std::string_view text);
/// A whole number, also written as `1e6`; exact.
std::optional<int64_t> ParseInteger(std::string_view text);
/// The shortest text that reads back as the same double; whole numbers without an exponent.
std::string FormatNumber(double value);

enum class Unit { kNumber, kDuration, kBytes };
/// In the unit whose text is the shortest.
std::string FormatIn(Unit unit, double value);
/// `above 0`, `from 0 to 1`, `at least 1`; empty when everything is allowed.
std::string RangeText(const Range& range, Unit unit);
bool InRange(const Range& range, double value);

/// The closest of `names`, if it is close enough to be what was meant; the first among equals.
std::optional<std::string> NearestName(std::string_view name, std::span<const std::string> names);
/// `; did you mean 'x'?`, or `; expected one of a, b, c` when nothing is near.
std::string Suggestion(std::string_view name, std::span<const std::string> names);

/// Quoted for a message: control characters escaped, cut after 60 bytes.
std::string Quote(std::string_view text);
/// A name that expressions can use: a letter or `_`, then letters, digits, `_`; at most 64.
bool IsIdentifier(std::string_view name);
std::string Join(std::span<const std::string> items, std::string_view separator);
std::vector<std::string> Strings(std::span<const std::string_view> items);

}  // namespace leat::config
