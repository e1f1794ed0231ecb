/// The short names under which records are rejected; docs/rejects.md says what each means. They are
/// counted, stored and compared by users: never rename one.
#pragma once

#include <string_view>

namespace leat::reject {

inline constexpr std::string_view kMalformedCsv = "malformed_csv";
inline constexpr std::string_view kMalformedJson = "malformed_json";
inline constexpr std::string_view kFieldCount = "field_count";
inline constexpr std::string_view kTombstone = "tombstone";
inline constexpr std::string_view kEmpty = "empty";
inline constexpr std::string_view kTooLarge = "too_large";
inline constexpr std::string_view kBadUtf8 = "bad_utf8";
inline constexpr std::string_view kMissingId = "missing_id";
inline constexpr std::string_view kMissingTime = "missing_time";
inline constexpr std::string_view kMissingRequired = "missing_required";
inline constexpr std::string_view kBadNumber = "bad_number";
inline constexpr std::string_view kNotFinite = "not_finite";
inline constexpr std::string_view kBadInteger = "bad_integer";
inline constexpr std::string_view kBadBoolean = "bad_boolean";
inline constexpr std::string_view kBadTime = "bad_time";
inline constexpr std::string_view kOutOfRange = "out_of_range";
inline constexpr std::string_view kNotAllowed = "not_allowed";
inline constexpr std::string_view kBadLabel = "bad_label";

}  // namespace leat::reject
