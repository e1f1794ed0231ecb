#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <span>

#include "record/csv_scanner.h"
#include "record/nearest.h"
#include "record/readers.h"
#include "record/record_decoder.h"
#include "record/reject_codes.h"

namespace leat {
namespace {

class CsvReader final : public RecordReader {
 public:
  CsvReader(ByteSource& source, const ReaderOptions& options, RecordDecoder decoder,
            bool number_is_id)
      : scanner_(source, options.delimiter, options.max_record_bytes),
        decoder_(std::move(decoder)),
        numbering_(number_is_id),
        absent_is_missing_(options.absent_is_missing) {}

  Status ReadHeader(const Schema& schema) {
    LEAT_RETURN_IF_ERROR(scanner_.Start());
    CsvRow row;
    const CsvRow::Kind kind = scanner_.Next(row);
    if (kind == CsvRow::Kind::kFailed) return scanner_.status();
    if (kind == CsvRow::Kind::kEnd) {
      return Status::Invalid("the input is empty: expected a header line with the column names");
    }
    if (kind == CsvRow::Kind::kBroken) {
      return Status::Invalid(
          fmt::format("line {}: the header is not readable ({})", row.line, row.code));
    }
    std::vector<std::string> header(scanner_.fields(), scanner_.fields() + row.field_count);
    std::vector<uint32_t> positions;
    for (const std::string& column : decoder_.columns()) {
      const auto found = std::find(header.begin(), header.end(), column);
      if (found == header.end() && absent_is_missing_ && column != schema.id_column &&
          column != schema.time_column) {
        positions.push_back(static_cast<uint32_t>(header.size()));  // An empty cell.
        continue;
      }
      if (found == header.end()) return MissingColumn(column, header);
      if (std::find(found + 1, header.end(), column) != header.end()) {
        return Status::Invalid(fmt::format("the header names column '{}' twice", column));
      }
      positions.push_back(static_cast<uint32_t>(found - header.begin()));
    }
    decoder_.Bind(positions);
    column_count_ = header.size();
    scanner_.LimitFields(column_count_);
    return Status::Ok();
  }

  Result<ReadOutcome> Next(Record& record, Reject& reject) override {
    const CsvRow::Kind kind = scanner_.Next(row_);
    if (kind >= CsvRow::Kind::kEnd) [[unlikely]] {
      if (kind == CsvRow::Kind::kFailed) return scanner_.status();
      return ReadOutcome::kEnd;
    }
    return Take(kind, record, reject);
  }

  std::optional<ReadOutcome> NextAtHand(Record& record, Reject& reject) override {
    if (!scanner_.NextAtHand(row_)) return std::nullopt;
    return Take(CsvRow::Kind::kRow, record, reject);
  }

  Status Skip(uint64_t count) override {
    for (uint64_t i = 0; i < count; ++i) {
      const CsvRow::Kind kind = scanner_.Next(row_);
      if (kind == CsvRow::Kind::kFailed) return scanner_.status();
      if (kind == CsvRow::Kind::kEnd) return SkippedBeyondEnd(i, count);
      numbering_.Pass();
    }
    return Status::Ok();
  }

 private:
  ReadOutcome Take(CsvRow::Kind kind, Record& record, Reject& reject) {
    numbering_.Begin(record);
    record.line = row_.line;
    record.raw = row_.raw;
    if (kind == CsvRow::Kind::kBroken) {
      reject.code = row_.code;
      reject.detail = row_.code == reject::kTooLarge
                          ? "the record is larger than max_record_bytes"
                          : "a quote is not closed, or stands inside a field";
      return ReadOutcome::kReject;
    }
    if (scanner_.may_hold_high_bytes() &&
        !simdjson::validate_utf8(row_.raw.data(), row_.raw.size())) {
      reject.code = reject::kBadUtf8;
      reject.detail = "the record is not UTF-8";
      return ReadOutcome::kReject;
    }
    if (row_.field_count != column_count_) {
      reject.code = reject::kFieldCount;
      reject.detail =
          fmt::format("{} fields where the header has {}", row_.field_count, column_count_);
      return ReadOutcome::kReject;
    }
    std::span<const std::string_view> cells(scanner_.fields(), column_count_);
    if (absent_is_missing_) {
      cells_.assign(cells.begin(), cells.end());
      cells_.emplace_back();
      cells = cells_;
    }
    return decoder_.Decode(cells, record, reject) ? ReadOutcome::kRecord : ReadOutcome::kReject;
  }

  static Status MissingColumn(const std::string& column, const std::vector<std::string>& header) {
    std::string message = fmt::format("column '{}' is not in the header", column);
    if (const std::string nearest = NearestName(column, header); !nearest.empty()) {
      message += fmt::format("; did you mean '{}'?", nearest);
    } else {
      constexpr size_t kShown = 20;
      message += "; it has ";
      for (size_t i = 0; i < std::min(kShown, header.size()); ++i) {
        message += fmt::format("{}{}", i == 0 ? "" : ", ", header[i].substr(0, 60));
      }
      if (header.size() > kShown) message += ", ...";
    }
    return Status::Invalid(std::move(message));
  }

  CsvScanner scanner_;
  RecordDecoder decoder_;
  RecordNumbering numbering_;
  CsvRow row_;
  size_t column_count_ = 0;
  bool absent_is_missing_;
  std::vector<std::string_view> cells_;
};

}  // namespace

Result<std::unique_ptr<RecordReader>> OpenCsv(ByteSource& source, const Schema& schema,
                                              const ReaderOptions& options) {
  const char d = options.delimiter;
  if (d == '"' || d == '\n' || d == '\r' || d == '\0' || static_cast<uint8_t>(d) > 127) {
    return Status::Invalid(
        "the delimiter must be an ASCII character other than a quote or a line break");
  }
  LEAT_ASSIGN_OR_RETURN(RecordDecoder decoder, RecordDecoder::Compile(schema, true));
  auto reader =
      std::make_unique<CsvReader>(source, options, std::move(decoder), schema.id_column.empty());
  LEAT_RETURN_IF_ERROR(reader->ReadHeader(schema));
  return std::unique_ptr<RecordReader>(std::move(reader));
}

}  // namespace leat
