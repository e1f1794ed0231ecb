#include "record/input_buffer.h"

#include <algorithm>
#include <cstring>

namespace leat {

InputBuffer::InputBuffer(ByteSource& source, size_t max_record)
    : source_(source),
      max_record_(max_record),
      limit_(max_record + 4),
      capacity_(limit_ + kBlock),
      data_(std::make_unique_for_overwrite<char[]>(capacity_ + kPadding)) {}

Status InputBuffer::Fill(bool& moved) {
  if (at_end_) return Status::Ok();
  // Moving is cheap while less is held than was consumed, which is always so for short records.
  if (begin_ > 0 && (end_ - begin_ <= begin_ || capacity_ - end_ < kBlock)) {
    std::memmove(data_.get(), data_.get() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    moved = true;
  }
  for (;;) {
    // A block at a time keeps the touched memory within the processor's cache.
    auto read = source_.Read(data_.get() + end_, std::min(kBlock, capacity_ - end_));
    if (!read.ok()) return read.status();
    if (*read == 0) {
      at_end_ = true;
      return Status::Ok();
    }
    const char* const fresh = data_.get() + end_;
    end_ += *read;
    // Without this loop a source of tiny reads would have each long record scanned at every read.
    if (full() || std::memchr(fresh, '\n', *read) != nullptr) return Status::Ok();
  }
}

Status InputBuffer::DropLine(std::string& prefix) {
  const size_t keep = std::min({kPrefix, max_record_, end_ - begin_});
  prefix.assign(data_.get() + begin_, keep);
  if (const size_t line_end = prefix.find('\n'); line_end != std::string::npos) {
    prefix.resize(line_end);
    if (prefix.ends_with('\r')) prefix.pop_back();
  }
  for (;;) {
    const char* const from = data_.get() + begin_;
    if (const void* line_end = std::memchr(from, '\n', end_ - begin_)) {
      begin_ += static_cast<size_t>(static_cast<const char*>(line_end) - from) + 1;
      return Status::Ok();
    }
    begin_ = end_ = 0;
    if (at_end_) return Status::Ok();
    bool moved = false;
    LEAT_RETURN_IF_ERROR(Fill(moved));
  }
}

Status InputBuffer::StripByteOrderMark() {
  bool moved = false;
  while (end_ - begin_ < 3 && !at_end_) LEAT_RETURN_IF_ERROR(Fill(moved));
  const std::string_view head(data_.get() + begin_, end_ - begin_);
  if (head.starts_with("\xEF\xBB\xBF")) begin_ += 3;
  if (head.starts_with("\xFF\xFE") || head.starts_with("\xFE\xFF")) {
    return Status::Invalid("the input is UTF-16: convert it to UTF-8");
  }
  return Status::Ok();
}

}  // namespace leat
