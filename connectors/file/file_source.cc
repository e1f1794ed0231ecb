#include "connectors/file/file_source.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "connectors/file/ahead_bytes.h"
#include "record/log_name.h"

namespace leat {
namespace {

constexpr size_t kBlock = size_t{128} << 10;

std::string ErrorText(int error) { return std::generic_category().message(error); }

/// The bytes of a descriptor as they are.
class RawFile {
 public:
  RawFile(int descriptor, std::string name) : descriptor_(descriptor), name_(std::move(name)) {
    struct stat status {};
    if (fstat(descriptor_, &status) == 0 && S_ISREG(status.st_mode)) {
      total_ = static_cast<uint64_t>(status.st_size);
    }
  }
  ~RawFile() {
    if (descriptor_ > STDERR_FILENO) close(descriptor_);
  }
  RawFile(const RawFile&) = delete;
  RawFile& operator=(const RawFile&) = delete;

  Result<size_t> Read(char* buffer, size_t size) {
    for (;;) {
      const ssize_t count = read(descriptor_, buffer, size);
      if (count >= 0) {
        consumed_ += static_cast<uint64_t>(count);
        return static_cast<size_t>(count);
      }
      if (errno != EINTR) {
        return Status::Io(fmt::format("cannot read {}: {}", name_, ErrorText(errno)));
      }
    }
  }
  const std::string& name() const { return name_; }
  uint64_t consumed() const { return consumed_; }
  uint64_t total() const { return total_; }

 private:
  int descriptor_;
  std::string name_;
  uint64_t consumed_ = 0;
  uint64_t total_ = 0;
};

/// A file, of which the first bytes may have been read to tell its kind.
class FileBytes : public ByteSource {
 public:
  FileBytes(std::unique_ptr<RawFile> file, std::string head)
      : file_(std::move(file)), head_(std::move(head)) {}

  Result<size_t> Read(char* buffer, size_t size) override { return ReadRaw(buffer, size); }
  uint64_t consumed() const override { return file_->consumed(); }
  uint64_t total() const override { return file_->total(); }

 protected:
  Result<size_t> ReadRaw(char* buffer, size_t size) {
    if (head_.empty()) return file_->Read(buffer, size);
    const size_t count = std::min(size, head_.size());
    std::memcpy(buffer, head_.data(), count);
    head_.erase(0, count);
    return count;
  }
  Status Fail(std::string_view what) const {
    return Status::Io(fmt::format("cannot read {}: {}", file_->name(), what));
  }

 private:
  std::unique_ptr<RawFile> file_;
  std::string head_;
};

/// The shared part of the two decompressors: a block of compressed input.
class CompressedBytes : public FileBytes {
 public:
  CompressedBytes(std::unique_ptr<RawFile> file, std::string head)
      : FileBytes(std::move(file), std::move(head)), input_(kBlock) {}

 protected:
  /// Fills the block if it is used up; false at the end of the file.
  Result<bool> HaveInput() {
    if (used_ < filled_) return true;
    LEAT_ASSIGN_OR_RETURN(filled_, ReadRaw(input_.data(), input_.size()));
    used_ = 0;
    return filled_ > 0;
  }

  std::vector<char> input_;
  size_t used_ = 0;
  size_t filled_ = 0;
};

class GzipBytes final : public CompressedBytes {
 public:
  using CompressedBytes::CompressedBytes;
  ~GzipBytes() override {
    if (open_) inflateEnd(&stream_);
  }

  Result<size_t> Read(char* buffer, size_t size) override {
    if (size == 0) return size_t{0};
    for (;;) {
      LEAT_ASSIGN_OR_RETURN(const bool have_input, HaveInput());
      if (!have_input) {
        if (inside_) return Fail("the gzip data is truncated");
        return size_t{0};
      }
      if (!started_) {
        constexpr int kGzipOnly = 16 + MAX_WBITS;
        const int code = open_ ? inflateReset(&stream_) : inflateInit2(&stream_, kGzipOnly);
        if (code != Z_OK) return Fail("no memory for gzip");
        open_ = started_ = inside_ = true;
      }
      stream_.next_in = reinterpret_cast<Bytef*>(input_.data() + used_);
      stream_.avail_in = static_cast<uInt>(filled_ - used_);
      stream_.next_out = reinterpret_cast<Bytef*>(buffer);
      stream_.avail_out = static_cast<uInt>(std::min(size, size_t{1} << 30));
      const uInt room = stream_.avail_out;
      const int code = inflate(&stream_, Z_NO_FLUSH);
      used_ = filled_ - stream_.avail_in;
      if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR) {
        return Fail(fmt::format("the gzip data is corrupt ({})",
                                stream_.msg != nullptr ? stream_.msg : "unknown"));
      }
      if (code == Z_STREAM_END) started_ = inside_ = false;  // Another member may follow.
      if (const uInt made = room - stream_.avail_out; made > 0) return size_t{made};
    }
  }

 private:
  z_stream stream_{};
  bool open_ = false;
  bool inside_ = true;    ///< An empty file is truncated too.
  bool started_ = false;  ///< The current member has its decompressor.
};

class ZstdBytes final : public CompressedBytes {
 public:
  ZstdBytes(std::unique_ptr<RawFile> file, std::string head)
      : CompressedBytes(std::move(file), std::move(head)), stream_(ZSTD_createDCtx()) {}
  ~ZstdBytes() override { ZSTD_freeDCtx(stream_); }

  Result<size_t> Read(char* buffer, size_t size) override {
    if (size == 0) return size_t{0};
    if (stream_ == nullptr) return Fail("no memory for zstd");
    for (;;) {
      // The decompressor may still hold output of input it has taken: ask it before the file.
      if (!flushing_) {
        LEAT_ASSIGN_OR_RETURN(const bool have_input, HaveInput());
        if (!have_input) {
          if (inside_) return Fail("the zstd data is truncated");
          return size_t{0};
        }
      }
      ZSTD_inBuffer in{input_.data(), filled_, used_};
      ZSTD_outBuffer out{buffer, size, 0};
      const size_t code = ZSTD_decompressStream(stream_, &out, &in);
      if (ZSTD_isError(code)) {
        return Fail(fmt::format("the zstd data is corrupt ({})", ZSTD_getErrorName(code)));
      }
      used_ = in.pos;
      inside_ = code != 0;  // 0: a frame is complete and flushed; another may follow.
      flushing_ = inside_ && out.pos == out.size;
      if (out.pos > 0) return out.pos;
    }
  }

 private:
  ZSTD_DCtx* stream_;
  bool inside_ = true;  ///< An empty file is truncated too.
  bool flushing_ = false;
};

enum class Compression { kNone, kGzip, kZstd };

Compression CompressionOf(std::string_view path, std::string_view head) {
  if (path.ends_with(".gz")) return Compression::kGzip;
  if (path.ends_with(".zst")) return Compression::kZstd;
  if (head.starts_with("\x1f\x8b\x08")) return Compression::kGzip;
  if (head.starts_with("\x28\xb5\x2f\xfd")) return Compression::kZstd;
  return Compression::kNone;
}

}  // namespace

Result<std::unique_ptr<ByteSource>> OpenFile(const std::string& path) {
  LEAT_RETURN_IF_ERROR(CheckCompression(path));
  const bool standard_input = path == "-";
  const int descriptor = standard_input ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) {
    return Status::Io(fmt::format("cannot open {}: {}", path, ErrorText(errno)));
  }
  auto file = std::make_unique<RawFile>(descriptor, standard_input ? "standard input" : path);
  std::string head(4, '\0');
  size_t count = 0;
  while (count < head.size()) {
    LEAT_ASSIGN_OR_RETURN(const size_t read, file->Read(head.data() + count, head.size() - count));
    if (read == 0) break;
    count += read;
  }
  head.resize(count);
  // A pipe may wait for somebody for ever: only what is all there is read ahead.
  const bool ahead = file->total() > 0;
  std::unique_ptr<ByteSource> unpacked;
  switch (CompressionOf(path, head)) {
    case Compression::kNone:
      return std::unique_ptr<ByteSource>(
          std::make_unique<FileBytes>(std::move(file), std::move(head)));
    case Compression::kGzip:
      unpacked = std::make_unique<GzipBytes>(std::move(file), std::move(head));
      break;
    case Compression::kZstd:
      unpacked = std::make_unique<ZstdBytes>(std::move(file), std::move(head));
      break;
  }
  if (ahead) unpacked = std::make_unique<AheadBytes>(std::move(unpacked));
  return unpacked;
}

}  // namespace leat
