#include "connectors/file/ahead_bytes.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace leat {

AheadBytes::AheadBytes(std::unique_ptr<ByteSource> source)
    : source_(std::move(source)), total_(source_->total()), blocks_(kBlocks) {}

AheadBytes::~AheadBytes() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void AheadBytes::ReadAhead() {
  for (uint64_t next = 0;; ++next) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return stop_ || next - taken_ < kBlocks; });
      if (stop_) return;
    }
    Block& block = blocks_[next % kBlocks];
    block.bytes.resize(kBlockBytes);
    block.size = source_->Read(block.bytes.data(), block.bytes.size());
    block.consumed = source_->consumed();
    const bool last = !block.size.ok() || *block.size == 0;
    {
      const std::lock_guard lock(mutex_);
      filled_ = next + 1;
    }
    changed_.notify_all();
    if (last) return;
  }
}

Result<size_t> AheadBytes::Read(char* buffer, size_t size) {
  if (size == 0) return size_t{0};
  if (!thread_.joinable()) thread_ = std::thread([this] { ReadAhead(); });
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return filled_ > taken_; });
  }
  const Block& block = blocks_[taken_ % kBlocks];
  consumed_ = block.consumed;
  // The end, and an error, stay at hand for whoever asks again.
  if (!block.size.ok() || *block.size == 0) return block.size;
  const size_t count = std::min(size, *block.size - used_);
  std::memcpy(buffer, block.bytes.data() + used_, count);
  used_ += count;
  if (used_ < *block.size) return count;
  used_ = 0;
  {
    const std::lock_guard lock(mutex_);
    ++taken_;
  }
  changed_.notify_all();
  return count;
}

}  // namespace leat
