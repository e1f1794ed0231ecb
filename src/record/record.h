/// The schema of a stream and one decoded record of it.
///
/// A record has one slot per field of the schema, in order: `values[i]` is the number (NaN when
/// missing), `keys[i]` a 64-bit identity for id and category fields (0 when missing), `texts[i]` a
/// view of the text of id and category fields. Views live until the next call of Next.
/// A decoder is stateless across records: it never assigns category codes.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace leat {

enum class FieldType { kNumber, kInteger, kBoolean, kCategory, kId, kTime };

/// How a time is written. An empty format is ISO 8601; otherwise `epoch_s`, `epoch_ms`, or a
/// strptime pattern. `zone` (an IANA name, or +HH:MM; default UTC) applies to text without an
/// offset.
struct TimeFormat {
  std::string format;
  std::string zone = "UTC";
};

struct FieldSpec {
  std::string name;  ///< Also the CSV column or JSON member it is read from, unless `from` is set.
  std::string from;
  FieldType type = FieldType::kNumber;
  bool required = false;      ///< A record without it is rejected; otherwise it is missing.
  std::optional<double> min;  ///< Inclusive; numbers and integers only.
  std::optional<double> max;
  std::vector<std::string> allowed;  ///< Categories only; empty allows everything.
  TimeFormat time;                   ///< Times only.
};

enum class LabelType { kBoolean, kCategory, kNumber };

struct Schema {
  std::string id_column;    ///< Empty: the record number is the id.
  std::string time_column;  ///< Empty: the record number, in seconds, is the time.
  TimeFormat time;
  std::vector<FieldSpec> fields;
  std::string label_column;  ///< Empty: records carry no label.
  LabelType label_type = LabelType::kBoolean;
};

/// A 64-bit identity of an id or category text, never 0. Canonical decimal integers below 2^62 map
/// one to one; other text is hashed (XXH3), so two texts collide with probability 2^-63.
uint64_t KeyOf(std::string_view text);

struct Record {
  uint64_t number = 0;  ///< 1-based position among the records of the source (rejected ones count).
  uint64_t line = 0;    ///< 1-based line at which the record starts, or the message's offset.
  std::string_view origin;  ///< `"topic":"T","partition":P` of a message; empty for a log.
  uint64_t id = 0;          ///< KeyOf(id_text).
  std::string_view id_text;
  EventTime time;
  std::vector<double> values;
  std::vector<uint64_t> keys;
  std::vector<std::string_view> texts;
  bool has_label = false;
  double label = std::numeric_limits<double>::quiet_NaN();  ///< Booleans 0 or 1, and numbers.
  std::string_view label_text;                              ///< Category labels.
  char number_text[20];  ///< What id_text views where the number stands in for it: not in a copy.
  std::string_view raw;  ///< The record as it came, for the rejects sink.
};

/// Why a record was not taken. `code` is one of the documented short names (docs/rejects.md), the
/// unit of counting; `detail` is for people.
struct Reject {
  std::string_view code;
  std::string detail;
};

enum class ReadOutcome { kRecord, kReject, kEnd };

}  // namespace leat
