#include <fmt/format.h>
#include <simdjson.h>

#include <cstring>

#include "record/input_buffer.h"
#include "record/json_members.h"
#include "record/readers.h"
#include "record/record_decoder.h"
#include "record/reject_codes.h"

namespace leat {
namespace {

static_assert(InputBuffer::kPadding >= simdjson::SIMDJSON_PADDING);

class JsonReader final : public RecordReader {
 public:
  JsonReader(ByteSource& source, const ReaderOptions& options, RecordDecoder decoder,
             bool number_is_id)
      : buffer_(source, options.max_record_bytes),
        max_record_(options.max_record_bytes),
        decoder_(std::move(decoder)),
        members_(decoder_.columns()),
        numbering_(number_is_id) {}

  Status Start() { return buffer_.StripByteOrderMark(); }

  Result<ReadOutcome> Next(Record& record, Reject& reject) override {
    auto kind = NextLine();
    if (!kind.ok()) return kind.status();
    if (*kind == Line::kEnd) return ReadOutcome::kEnd;
    numbering_.Begin(record);
    record.line = line_;
    record.raw = raw_;
    if (*kind == Line::kTooLarge) {
      reject.code = reject::kTooLarge;
      reject.detail = "the record is larger than max_record_bytes";
      return ReadOutcome::kReject;
    }
    if (!members_.Read(raw_, reject)) return ReadOutcome::kReject;
    return decoder_.Decode(members_.texts(), record, reject) ? ReadOutcome::kRecord
                                                             : ReadOutcome::kReject;
  }

  Status Skip(uint64_t count) override {
    for (uint64_t i = 0; i < count; ++i) {
      LEAT_ASSIGN_OR_RETURN(const Line kind, NextLine());
      if (kind == Line::kEnd) return SkippedBeyondEnd(i, count);
      numbering_.Pass();
    }
    return Status::Ok();
  }

 private:
  enum class Line { kLine, kTooLarge, kEnd };

  /// The next line that is not blank, in raw_, without its line break.
  Result<Line> NextLine() {
    if (!status_.ok()) return status_;
    for (;;) {
      const size_t begin = buffer_.begin();
      const char* const data = buffer_.data();
      const char* const start = data + begin;
      const size_t held = buffer_.end() - begin;
      if (held == 0 && buffer_.at_end()) return Line::kEnd;
      const auto* feed =
          static_cast<const char*>(held == 0 ? nullptr : std::memchr(start, '\n', held));
      if (feed == nullptr && !buffer_.at_end() && !buffer_.full()) {
        bool moved = false;
        status_ = buffer_.Fill(moved);
        if (!status_.ok()) return status_;
        continue;
      }
      size_t size = feed == nullptr ? held : static_cast<size_t>(feed - start);
      if (size > 0 && start[size - 1] == '\r') --size;
      line_ = next_line_++;
      if (size > max_record_) {
        status_ = buffer_.DropLine(dropped_);
        if (!status_.ok()) return status_;
        raw_ = dropped_;
        return Line::kTooLarge;
      }
      buffer_.Consume(feed == nullptr ? buffer_.end() : static_cast<size_t>(feed - data) + 1);
      raw_ = {start, size};
      if (raw_.find_first_not_of(" \t\r") != std::string_view::npos) return Line::kLine;
    }
  }

  InputBuffer buffer_;
  size_t max_record_;
  RecordDecoder decoder_;
  JsonMembers members_;
  RecordNumbering numbering_;
  uint64_t line_ = 0;
  uint64_t next_line_ = 1;
  std::string_view raw_;
  std::string dropped_;
  Status status_;
};

}  // namespace

Result<std::unique_ptr<RecordReader>> OpenJsonLines(ByteSource& source, const Schema& schema,
                                                    const ReaderOptions& options) {
  LEAT_ASSIGN_OR_RETURN(RecordDecoder decoder, RecordDecoder::Compile(schema, false));
  auto reader =
      std::make_unique<JsonReader>(source, options, std::move(decoder), schema.id_column.empty());
  LEAT_RETURN_IF_ERROR(reader->Start());
  return std::unique_ptr<RecordReader>(std::move(reader));
}

}  // namespace leat
