#include "connectors/file/file_sink.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace leat {
namespace {

constexpr size_t kBuffer = size_t{256} << 10;

std::string ErrorText(int error) { return std::generic_category().message(error); }

}  // namespace

FileSink::FileSink(int descriptor, std::string path, uint64_t length)
    : descriptor_(descriptor), path_(std::move(path)), length_(length) {
  buffer_.reserve(kBuffer);
}

FileSink::~FileSink() {
  const Status ignored = Close();
  static_cast<void>(ignored);
}

Result<std::unique_ptr<FileSink>> FileSink::Open(const std::string& path,
                                                 std::optional<uint64_t> keep) {
  if (path.ends_with(".gz") || path.ends_with(".zst")) {
    return Status::Unsupported(
        fmt::format("{}: sinks write plain files; compress them when they are done", path));
  }
  const auto make = [&](int descriptor, std::string name) {
    return std::unique_ptr<FileSink>(new FileSink(descriptor, std::move(name), keep.value_or(0)));
  };
  if (path == "-") {
    if (keep.value_or(0) != 0) {
      return Status::Unsupported("standard output cannot be cut back to a length");
    }
    return make(STDOUT_FILENO, "standard output");
  }
  const int flags = O_WRONLY | O_CREAT | O_CLOEXEC | (keep ? 0 : O_TRUNC);
  const int descriptor = open(path.c_str(), flags, 0666);
  if (descriptor < 0) {
    return Status::Io(fmt::format("cannot open {} for writing: {}", path, ErrorText(errno)));
  }
  auto sink = make(descriptor, path);  // Closes the descriptor on every path from here.
  if (!keep) return sink;
  struct stat status {};
  if (fstat(descriptor, &status) != 0) return sink->Fail("look at", errno);
  if (!S_ISREG(status.st_mode)) {
    return Status::Corrupt(fmt::format("{} is not a regular file and cannot be cut back", path));
  }
  if (static_cast<uint64_t>(status.st_size) < *keep) {
    return Status::Corrupt(
        fmt::format("{} holds {} bytes, but {} had been written to it: it was cut or replaced",
                    path, status.st_size, *keep));
  }
  const auto offset = static_cast<off_t>(*keep);
  if (ftruncate(descriptor, offset) != 0) return sink->Fail("cut back", errno);
  if (lseek(descriptor, offset, SEEK_SET) < 0) return sink->Fail("move in", errno);
  return sink;
}

Status FileSink::Fail(std::string_view action, int error) {
  status_ = Status::Io(fmt::format("cannot {} {}: {}", action, path_, ErrorText(error)));
  return status_;
}

Status FileSink::Write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = write(descriptor_, bytes.data(), bytes.size());
    if (count < 0) {
      if (errno == EINTR) continue;
      return Fail("write", errno);
    }
    bytes.remove_prefix(static_cast<size_t>(count));
  }
  return Status::Ok();
}

Status FileSink::Append(std::string_view bytes) {
  if (!status_.ok()) return status_;
  if (descriptor_ < 0) return Status::Io(fmt::format("cannot write {}: it is closed", path_));
  if (buffer_.size() + bytes.size() > kBuffer) LEAT_RETURN_IF_ERROR(Flush());
  length_ += bytes.size();
  if (bytes.size() >= kBuffer) return Write(bytes);
  buffer_ += bytes;
  return Status::Ok();
}

Status FileSink::Flush() {
  if (!status_.ok()) return status_;
  LEAT_RETURN_IF_ERROR(Write(buffer_));
  buffer_.clear();
  return Status::Ok();
}

Status FileSink::Sync() {
  LEAT_RETURN_IF_ERROR(Flush());
  // EINVAL and EROFS: the descriptor has nothing to sync, such as a pipe.
  if (descriptor_ >= 0 && fdatasync(descriptor_) != 0 && errno != EINVAL && errno != EROFS) {
    return Fail("sync", errno);
  }
  return Status::Ok();
}

Status FileSink::Close() {
  if (descriptor_ < 0) return status_;
  Status outcome = Flush();
  const int descriptor = std::exchange(descriptor_, -1);
  if (descriptor > STDERR_FILENO && close(descriptor) != 0 && outcome.ok()) {
    outcome = Fail("close", errno);
  }
  return outcome;
}

}  // namespace leat
