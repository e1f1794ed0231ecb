#include "connectors/file/file_sink.h"

#include <fmt/format.h>

#include <utility>

namespace leat {
namespace {

constexpr size_t kBuffer = size_t{256} << 10;

}  // namespace

FileSink::FileSink(std::unique_ptr<OutputFile> file, FileSystem* names, uint64_t length)
    : file_(std::move(file)), names_(names), path_(file_->path()), length_(length) {
  buffer_.reserve(kBuffer);
}

FileSink::~FileSink() {
  const Status ignored = Close();
  static_cast<void>(ignored);
}

Result<std::unique_ptr<FileSink>> FileSink::Open(const std::string& path,
                                                 std::optional<uint64_t> keep, FileSystem& files) {
  if (path.ends_with(".gz") || path.ends_with(".zst")) {
    return Status::Unsupported(
        fmt::format("{}: sinks write plain files; compress them when they are done", path));
  }
  if (path == "-") {
    if (keep.value_or(0) != 0) {
      return Status::Unsupported("standard output cannot be cut back to a length");
    }
    return std::unique_ptr<FileSink>(new FileSink(StandardOutput(), nullptr, 0));
  }
  LEAT_ASSIGN_OR_RETURN(std::unique_ptr<OutputFile> file,
                        keep ? files.OpenForAppend(path, keep) : files.Create(path));
  return std::unique_ptr<FileSink>(new FileSink(std::move(file), &files, keep.value_or(0)));
}

Status FileSink::Append(std::string_view bytes) {
  if (!status_.ok()) return status_;
  if (!file_) return Status::Io(fmt::format("{}: cannot write: it is closed", path_));
  if (buffer_.size() + bytes.size() > kBuffer) LEAT_RETURN_IF_ERROR(Flush());
  length_ += bytes.size();
  if (bytes.size() >= kBuffer) return status_ = file_->Append(bytes);
  buffer_ += bytes;
  return Status::Ok();
}

Status FileSink::Flush() {
  if (!status_.ok() || buffer_.empty()) return status_;
  status_ = file_->Append(buffer_);
  buffer_.clear();
  return status_;
}

Status FileSink::Sync() {
  LEAT_RETURN_IF_ERROR(Flush());
  if (!file_) return Status::Ok();
  LEAT_RETURN_IF_ERROR(status_ = file_->Sync());
  // A file is found again after a power cut only if its folder was synced, too.
  if (names_) LEAT_RETURN_IF_ERROR(status_ = names_->SyncFolder(FolderOf(path_)));
  names_ = nullptr;
  return Status::Ok();
}

Status FileSink::Close() {
  if (!file_) return status_;
  const Status flushed = Flush();
  const Status closed = std::exchange(file_, nullptr)->Close();
  if (flushed.ok()) status_ = closed;
  return status_;
}

}  // namespace leat
