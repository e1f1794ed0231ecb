/// Bytes of another source, read ahead by a thread of its own: what decompresses a file need not be
/// the thread that learns from it.
///
/// A few blocks are read ahead, no more. Bytes and errors come in their order; after an error or
/// the end nothing more is read. The thread starts at the first Read and ends with this object,
/// which waits for the read at hand: not for sources that wait for somebody (a pipe). Cost: one
/// copy. Memory: kBlocks blocks. Thread safety: for one reader.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "record/reader.h"

namespace leat {

class AheadBytes final : public ByteSource {
 public:
  explicit AheadBytes(std::unique_ptr<ByteSource> source);
  ~AheadBytes() override;

  Result<size_t> Read(char* buffer, size_t size) override;
  /// Up to the end of the block at hand; what is ahead does not count.
  uint64_t consumed() const override { return consumed_; }
  uint64_t total() const override { return total_; }

 private:
  static constexpr size_t kBlocks = 4;
  static constexpr size_t kBlockBytes = size_t{128} << 10;

  struct Block {
    std::vector<char> bytes;
    Result<size_t> size = size_t{0};
    uint64_t consumed = 0;  ///< Of the source, behind this block.
  };
  void ReadAhead();

  std::unique_ptr<ByteSource> source_;
  const uint64_t total_;
  std::vector<Block> blocks_;

  // The reader's own.
  size_t used_ = 0;  ///< Bytes of the block at hand.
  uint64_t consumed_ = 0;

  std::mutex mutex_;
  std::condition_variable changed_;
  uint64_t filled_ = 0, taken_ = 0;  ///< Blocks so far.
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace leat
