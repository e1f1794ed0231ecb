/// Splits CSV into rows of fields.
///
/// Source: RFC 4180, with these readings: LF and CRLF both end a record (a lone CR is data); blank
/// lines are skipped; a quote inside an unquoted field is an error, as is text after a closing
/// quote. A row whose quoting is broken, or that is too large, is taken to end at its first line
/// break, so that a stray quote costs one line and not the rest of the input.
///
/// Structure is found a window at a time by wide compares, then walked; fields are views into the
/// buffer, except for doubled quotes, which are copied. Outcomes do not depend on how the source
/// cuts its bytes. Memory: the InputBuffer, and four bytes for each structural byte of a window or
/// of the current row. Thread safety: none.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "record/input_buffer.h"

namespace leat {

struct CsvRow {
  enum class Kind { kRow, kBroken, kEnd, kFailed };
  std::string_view code;   ///< kBroken: malformed_csv or too_large.
  std::string_view raw;    ///< Without its line break; kBroken: its first line, cut if too large.
  uint64_t line = 0;       ///< 1-based line at which it starts.
  size_t field_count = 0;  ///< All fields, also those beyond the limit.
};

class CsvScanner {
 public:
  /// REQUIRES `source` outlives the scanner.
  CsvScanner(ByteSource& source, char delimiter, size_t max_record);

  /// Reads the byte order mark, if any. Call once, first.
  Status Start() { return buffer_.StripByteOrderMark(); }
  /// The next row, whose views live until the next call. kFailed if the source fails: see status().
  CsvRow::Kind Next(CsvRow& row) {
    if (WalkPlainRow(row)) [[likely]]
      return CsvRow::Kind::kRow;
    return NextUnusual(row);
  }
  /// As Next for a row without quotes that is in the buffer already: earlier views stay alive.
  /// False, and nothing is consumed, for any other.
  bool NextAtHand(CsvRow& row) { return WalkPlainRow(row); }
  const Status& status() const { return status_; }
  /// The fields of the last row: all before LimitFields, then up to the limit.
  const std::string_view* fields() const { return fields_.data(); }
  /// Keeps no more than the first `count` fields of the rows to come.
  void LimitFields(size_t count);
  /// True if the last row may hold bytes above 127.
  bool may_hold_high_bytes() const { return row_high_; }

 private:
  enum class Walk { kRow, kBlank, kMore, kMalformed, kTooLarge, kEnd };
  bool WalkPlainRow(CsvRow& row);
  CsvRow::Kind NextUnusual(CsvRow& row);
  Walk WalkRow(CsvRow& row);
  Walk WalkQuoted(size_t start, size_t& cursor, std::string_view& field, bool& doubled);
  void Unquote(size_t raw_size);
  bool MorePositions(size_t& cursor);
  CsvRow::Kind EndBroken(std::string_view code, CsvRow& row);
  bool Fill();
  void RestartIndex();

  InputBuffer buffer_;
  Status status_;
  const char delimiter_;
  const size_t max_record_;
  uint64_t line_ = 1;
  uint64_t row_feeds_ = 0;  ///< Line feeds inside the row being walked.

  std::vector<uint32_t> positions_;  ///< Structural offsets from the current row on.
  size_t row_cursor_ = 0;            ///< The first of them that belongs to the current row.
  size_t position_count_ = 0;
  size_t indexed_ = 0;       ///< The offset up to which the buffer is indexed.
  bool terminated_ = false;  ///< The end of input stands as the last position.
  size_t last_high_ = 0;
  bool row_high_ = false;

  std::vector<std::string_view> fields_;
  size_t field_limit_ = SIZE_MAX;
  std::vector<size_t> doubled_;  ///< Fields of the row with doubled quotes,
  std::string unquoted_;         ///< and their texts.
  std::string dropped_;
};

}  // namespace leat
