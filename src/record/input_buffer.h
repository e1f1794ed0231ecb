/// A window over a ByteSource that slides from record to record.
///
/// Holds the bytes from the start of the current record on. Memory: `limit` + one block + padding,
/// taken once; pages are touched only when a record is that long. Thread safety: none.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "leat/status.h"
#include "record/reader.h"

namespace leat {

class InputBuffer {
 public:
  /// Bytes that may be read (but mean nothing) beyond end().
  static constexpr size_t kPadding = 128;
  /// Bytes of a record that is too large that are kept for its reject.
  static constexpr size_t kPrefix = 1024;

  /// REQUIRES `source` outlives the buffer. `max_record` is the longest record that must fit.
  InputBuffer(ByteSource& source, size_t max_record);

  const char* data() const { return data_.get(); }
  /// Offsets of the first byte not consumed, and of the end of what was read.
  size_t begin() const { return begin_; }
  size_t end() const { return end_; }
  bool at_end() const { return at_end_; }
  /// True once the bytes held prove that a record that has not ended in them is too large.
  bool full() const { return end_ - begin_ >= limit_; }
  void Consume(size_t to) { begin_ = to; }
  /// Writes the line break that the last line of an input may lack, beyond end(). REQUIRES
  /// at_end().
  void Terminate() { data_[end_] = '\n'; }

  /// Reads until a line break has come, the buffer is full(), or the input ends; at least one byte
  /// unless it ends. Sets `moved` if offsets have changed (the unconsumed bytes now start at 0).
  Status Fill(bool& moved);

  /// Drops the current line with its line break, however long it is, and keeps its first bytes
  /// (at most `kPrefix`, and no more than the longest record). Offsets change.
  Status DropLine(std::string& prefix);

  /// Removes a UTF-8 byte order mark; Invalid if the input opens with a UTF-16 mark.
  Status StripByteOrderMark();

 private:
  static constexpr size_t kBlock = size_t{256} << 10;

  ByteSource& source_;
  size_t max_record_;
  size_t limit_;  ///< A longest record, its line break, and one byte that says it goes on.
  size_t capacity_;
  std::unique_ptr<char[]> data_;
  size_t begin_ = 0;
  size_t end_ = 0;
  bool at_end_ = false;
};

}  // namespace leat
