/// Reads records of one schema from bytes: CSV or JSON lines.
///
/// Memory is constant: one block of input and one record (a record above `max_record_bytes` is
/// rejected as `too_large` and skipped). Determinism: outcomes depend on the bytes only, not on how
/// Read() cuts them. Thread safety: none.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>

#include "leat/status.h"
#include "record/record.h"

namespace leat {

/// Where bytes come from; implemented by connectors.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  /// Fills up to `size` bytes; 0 is the end of input.
  virtual Result<size_t> Read(char* buffer, size_t size) = 0;
  /// Bytes of the underlying (compressed) input consumed so far, and its total (0 if unknown), for
  /// progress.
  virtual uint64_t consumed() const { return 0; }
  virtual uint64_t total() const { return 0; }
};

enum class RecordFormat { kCsv, kJsonLines };

struct ReaderOptions {
  RecordFormat format = RecordFormat::kCsv;
  char delimiter = ',';
  size_t max_record_bytes = size_t{1} << 20;
  /// CSV: columns that are not in the header are missing in every record; but for id and time.
  bool absent_is_missing = false;
};

class RecordReader {
 public:
  virtual ~RecordReader() = default;
  /// Reads the next record into `record` (its vectors are reused), or says why one was rejected
  /// (`record.line`, `record.number` and `record.raw` are then valid). An error means that the
  /// source failed or that the input cannot be read at all (a required column is absent).
  virtual Result<ReadOutcome> Next(Record& record, Reject& reject) = 0;
  /// As Next, if the next record is at hand: without waiting for the source, and with the views of
  /// the records read before left alive. Otherwise nothing, and nothing is consumed.
  virtual std::optional<ReadOutcome> NextAtHand(Record& record, Reject& reject) {
    (void)record, (void)reject;
    return std::nullopt;
  }
  /// Passes over `count` records (rejected ones included) without decoding their fields.
  virtual Status Skip(uint64_t count) = 0;
};

/// REQUIRES `source` outlives the reader.
Result<std::unique_ptr<RecordReader>> OpenReader(ByteSource& source, const Schema& schema,
                                                 const ReaderOptions& options);

}  // namespace leat
