#include "record/reader.h"

#include <fmt/format.h>

#include "record/readers.h"

namespace leat {

Status SkippedBeyondEnd(uint64_t skipped, uint64_t count) {
  return Status::Io(
      fmt::format("the input ended after {} of {} records to pass over: it is shorter than when it "
                  "was read last",
                  skipped, count));
}

Result<std::unique_ptr<RecordReader>> OpenReader(ByteSource& source, const Schema& schema,
                                                 const ReaderOptions& options) {
  // Offsets within a record are kept in 32 bits.
  constexpr size_t kLargest = size_t{1} << 30;
  if (options.max_record_bytes < 1 || options.max_record_bytes > kLargest) {
    return Status::Invalid(
        fmt::format("max_record_bytes is {}: expected 1 byte to 1 GiB", options.max_record_bytes));
  }
  switch (options.format) {
    case RecordFormat::kCsv:
      return OpenCsv(source, schema, options);
    case RecordFormat::kJsonLines:
      return OpenJsonLines(source, schema, options);
  }
  return Status::Invalid("unknown record format");
}

}  // namespace leat
