#include "record/csv_scanner.h"

#include <algorithm>
#include <cstring>

#include "record/csv_index.h"
#include "record/reject_codes.h"

namespace leat {
namespace {

/// Bytes indexed at a time: their offsets fit the first-level cache.
constexpr size_t kWindow = size_t{8} << 10;

}  // namespace

CsvScanner::CsvScanner(ByteSource& source, char delimiter, size_t max_record)
    : buffer_(source, max_record), delimiter_(delimiter), max_record_(max_record), fields_(64) {}

void CsvScanner::LimitFields(size_t count) {
  field_limit_ = count;
  fields_.resize(count + 1);  // The last one takes whatever is beyond the limit.
}

void CsvScanner::RestartIndex() {
  row_cursor_ = position_count_ = 0;
  indexed_ = buffer_.begin();
  last_high_ = 0;
  terminated_ = false;
}

/// Makes positions_[cursor] valid; `cursor` changes as the current row's positions move to the
/// front. False if that takes more input.
bool CsvScanner::MorePositions(size_t& cursor) {
  if (row_cursor_ > 0) {
    std::memmove(positions_.data(), positions_.data() + row_cursor_,
                 (position_count_ - row_cursor_) * sizeof(uint32_t));
    position_count_ -= row_cursor_;
    cursor -= row_cursor_;
    row_cursor_ = 0;
  }
  while (cursor == position_count_) {
    const size_t end = buffer_.end();
    if (indexed_ < end) {
      const size_t to = std::min(indexed_ + kWindow, end);
      const size_t room = position_count_ + (to - indexed_) + 64;
      if (positions_.size() < room) positions_.resize(std::max(room, positions_.size() * 3 / 2));
      position_count_ += IndexCsv(buffer_.data(), indexed_, to, delimiter_,
                                  positions_.data() + position_count_, last_high_);
      indexed_ = to;
    } else if (buffer_.at_end() && !terminated_) {
      buffer_.Terminate();
      terminated_ = true;
      if (positions_.size() <= position_count_) positions_.resize(position_count_ + 64);
      positions_[position_count_++] = static_cast<uint32_t>(end);
    } else {
      return false;
    }
  }
  return true;
}

/// Walks a quoted field whose opening quote is at `start`; `cursor` ends before the position that
/// ends the field. kRow means that it is whole.
CsvScanner::Walk CsvScanner::WalkQuoted(size_t start, size_t& cursor, std::string_view& field,
                                        bool& doubled) {
  const char* const data = buffer_.data();
  const size_t row_start = buffer_.begin();
  const auto broken = [&](size_t at) {
    return at - row_start > max_record_ ? Walk::kTooLarge : Walk::kMalformed;
  };
  doubled = false;
  size_t at = 0;
  for (;;) {
    if (cursor == position_count_ && !MorePositions(cursor)) return Walk::kMore;
    at = positions_[cursor++];
    const size_t end = buffer_.end();
    if (at == end && terminated_) return broken(at);  // Never closed.
    if (data[at] == '\n') ++row_feeds_;
    if (data[at] != '"') continue;
    if (at + 1 == end && !buffer_.at_end()) return Walk::kMore;
    if (at + 1 < end && data[at + 1] == '"') {
      doubled = true;
      if (cursor == position_count_ && !MorePositions(cursor)) return Walk::kMore;
      ++cursor;  // Its second quote.
      continue;
    }
    break;
  }
  const size_t end = buffer_.end();
  if (at + 1 < end) {
    const char next = data[at + 1];
    if (next == '\r') {
      if (at + 2 == end && !buffer_.at_end()) return Walk::kMore;
      if (at + 2 < end && data[at + 2] != '\n') return broken(at);
    } else if (next != delimiter_ && next != '\n') {
      return broken(at);
    }
  }
  field = {data + start + 1, at - start - 1};
  return Walk::kRow;
}

/// The usual row: as many fields as the header has, unquoted, with its positions at hand. Anything
/// else is left to WalkRow, untouched.
bool CsvScanner::WalkPlainRow(CsvRow& row) {
  const size_t count = field_limit_;
  if (position_count_ - row_cursor_ < count) return false;
  const char* const data = buffer_.data();
  const uint32_t* const positions = positions_.data() + row_cursor_;
  std::string_view* const fields = fields_.data();
  const size_t start = buffer_.begin();
  const char delimiter = delimiter_;
  size_t field_start = start;
  for (size_t i = 0; i + 1 < count; ++i) {
    const size_t at = positions[i];
    if (data[at] != delimiter) return false;
    fields[i] = {data + field_start, at - field_start};
    field_start = at + 1;
  }
  const size_t feed = positions[count - 1];
  if (data[feed] != '\n') return false;
  const size_t row_end = feed - (feed > start && data[feed - 1] == '\r' ? 1 : 0);
  if (row_end == start || row_end - start > max_record_ || feed == buffer_.end()) return false;
  fields[count - 1] = {data + field_start, row_end - field_start};
  row.raw = {data + start, row_end - start};
  row.field_count = count;
  row.line = line_++;
  row_cursor_ += count;
  row_high_ = last_high_ > start;
  buffer_.Consume(feed + 1);
  return true;
}

CsvScanner::Walk CsvScanner::WalkRow(CsvRow& row) {
  const char* const data = buffer_.data();
  const size_t start = buffer_.begin();
  if (start == buffer_.end()) return buffer_.at_end() ? Walk::kEnd : Walk::kMore;
  size_t cursor = row_cursor_;
  size_t field_start = start;
  size_t count = 0;
  row_feeds_ = 1;
  doubled_.clear();
  for (;;) {
    if (cursor == position_count_ && !MorePositions(cursor)) [[unlikely]]
      return Walk::kMore;
    size_t at = positions_[cursor++];
    char c = data[at];
    std::string_view field(data + field_start, at - field_start);
    bool quoted = false;
    if (c == '"') [[unlikely]] {
      if (at != field_start) {
        return at - start > max_record_ ? Walk::kTooLarge : Walk::kMalformed;
      }
      quoted = true;
      bool doubled = false;
      const Walk walk = WalkQuoted(at, cursor, field, doubled);
      if (walk != Walk::kRow) return walk;
      if (doubled && count < field_limit_) doubled_.push_back(count);
      if (cursor == position_count_ && !MorePositions(cursor)) return Walk::kMore;
      at = positions_[cursor++];
      c = data[at];
    }
    if (count == fields_.size()) [[unlikely]]
      fields_.resize(2 * count);
    const bool last = c == '\n';
    if (last) {
      // The terminator of the input lies beyond its last byte, and a CR before either kind of end
      // belongs to the line break.
      const bool has_return = at > start && data[at - 1] == '\r';
      const size_t row_end = at - (has_return ? 1 : 0);
      if (row_end - start > max_record_) return Walk::kTooLarge;
      if (has_return && !quoted) field.remove_suffix(1);
      row.raw = {data + start, row_end - start};
      row_cursor_ = cursor;
      row_high_ = last_high_ > start;
      buffer_.Consume(std::min(at + 1, buffer_.end()));
      if (row.raw.empty()) return Walk::kBlank;
    }
    fields_[std::min(count, field_limit_)] = field;
    ++count;
    if (last) break;
    field_start = at + 1;
  }
  row.field_count = count;
  if (!doubled_.empty()) [[unlikely]]
    Unquote(row.raw.size());
  return Walk::kRow;
}

void CsvScanner::Unquote(size_t raw_size) {
  // All fields together are shorter than the row, so the reserved text never moves under a view.
  unquoted_.clear();
  unquoted_.reserve(raw_size);
  for (const size_t index : doubled_) {
    const std::string_view field = fields_[index];
    const size_t from = unquoted_.size();
    for (size_t i = 0; i < field.size(); ++i) {
      unquoted_ += field[i];
      if (field[i] == '"') ++i;
    }
    fields_[index] = std::string_view(unquoted_).substr(from);
  }
}

bool CsvScanner::Fill() {
  bool moved = false;
  status_ = buffer_.Fill(moved);
  if (moved) RestartIndex();
  return status_.ok();
}

/// Ends a row that cannot be split at its first line break.
CsvRow::Kind CsvScanner::EndBroken(std::string_view code, CsvRow& row) {
  row.field_count = 0;
  if (code == reject::kMalformedCsv) {
    const char* const data = buffer_.data();
    const size_t start = buffer_.begin();
    for (size_t cursor = row_cursor_;;) {
      if (cursor == position_count_ && !MorePositions(cursor)) {
        if (buffer_.full()) break;
        if (!Fill()) return CsvRow::Kind::kFailed;
        return NextUnusual(row);  // Walked again from its start, with its line break at hand.
      }
      const size_t at = positions_[cursor++];
      if (data[at] != '\n') continue;
      const size_t end = at - (at > start && data[at - 1] == '\r' ? 1 : 0);
      if (end - start > max_record_) break;
      row.code = code;
      row.line = line_++;
      row.raw = {data + start, end - start};
      row_cursor_ = cursor;
      buffer_.Consume(std::min(at + 1, buffer_.end()));
      return CsvRow::Kind::kBroken;
    }
  }
  row.code = reject::kTooLarge;
  row.line = line_++;
  status_ = buffer_.DropLine(dropped_);
  if (!status_.ok()) return CsvRow::Kind::kFailed;
  row.raw = dropped_;
  RestartIndex();
  return CsvRow::Kind::kBroken;
}

CsvRow::Kind CsvScanner::NextUnusual(CsvRow& row) {
  for (;;) {
    switch (WalkRow(row)) {
      case Walk::kRow:
        row.line = line_;
        line_ += row_feeds_;
        return CsvRow::Kind::kRow;
      case Walk::kBlank:
        ++line_;
        continue;
      case Walk::kEnd:
        return CsvRow::Kind::kEnd;
      case Walk::kMalformed:
        return EndBroken(reject::kMalformedCsv, row);
      case Walk::kTooLarge:
        return EndBroken(reject::kTooLarge, row);
      case Walk::kMore:
        if (buffer_.full()) return EndBroken(reject::kTooLarge, row);
        if (!Fill()) return CsvRow::Kind::kFailed;
        continue;
    }
  }
}

}  // namespace leat
