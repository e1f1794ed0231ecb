/// The readers behind OpenReader, one per format, and what they share. See reader.h for the
/// contract.
#pragma once

#include <charconv>
#include <memory>

#include "leat/status.h"
#include "record/reader.h"
#include "record/record.h"

namespace leat {

Result<std::unique_ptr<RecordReader>> OpenCsv(ByteSource& source, const Schema& schema,
                                              const ReaderOptions& options);
Result<std::unique_ptr<RecordReader>> OpenJsonLines(ByteSource& source, const Schema& schema,
                                                    const ReaderOptions& options);

/// The error of a Skip past the end of the input: what was to be resumed is not there.
Status SkippedBeyondEnd(uint64_t skipped, uint64_t count);

/// The id of a record whose schema names none: its number.
inline void LendNumber(Record& record) {
  char* const text = record.number_text;
  const char* const end = std::to_chars(text, text + sizeof(record.number_text), record.number).ptr;
  record.id_text = {text, static_cast<size_t>(end - text)};
  record.id = record.number + 1;  // What KeyOf gives for a canonical integer.
}

/// Counts records and, where the schema names no id, lends the number as the id.
class RecordNumbering {
 public:
  explicit RecordNumbering(bool number_is_id) : number_is_id_(number_is_id) {}

  void Pass() { ++number_; }
  void Begin(Record& record) {
    record.number = ++number_;
    if (number_is_id_) LendNumber(record);
  }

 private:
  bool number_is_id_;
  uint64_t number_ = 0;
};

}  // namespace leat
