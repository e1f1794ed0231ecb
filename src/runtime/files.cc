#include "runtime/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace leat {
namespace {

/// Closes on every way out.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

}  // namespace

Status FileError(std::string_view what, const std::string& path) {
  return Status::Io(fmt::format("{}: cannot {}: {}", path, what, std::strerror(errno)));
}

Status WriteAll(int descriptor, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(descriptor, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return FileError("write", path);
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return Status::Ok();
}

Result<std::string> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return FileError("open", path);
  std::ostringstream buffer;
  buffer << file.rdbuf();
  if (file.bad()) return FileError("read", path);
  return std::move(buffer).str();
}

Status ReplaceFile(const std::string& path, std::initializer_list<std::string_view> parts) {
  const std::filesystem::path target(path);
  const std::filesystem::path folder =
      target.has_parent_path() ? target.parent_path() : std::filesystem::path(".");
  const std::string temporary = path + ".new";
  {
    const Descriptor file(
        ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (file.get() < 0) return FileError("create", temporary);
    for (const std::string_view part : parts) {
      LEAT_RETURN_IF_ERROR(WriteAll(file.get(), part, temporary));
    }
    if (::fsync(file.get()) != 0) return FileError("sync", temporary);
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) return FileError("rename", temporary);
  const Descriptor directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() < 0 || ::fsync(directory.get()) != 0) {
    return FileError("sync", folder.string());
  }
  return Status::Ok();
}

}  // namespace leat
