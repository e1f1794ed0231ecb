#include "base/file_system.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

namespace leat {
namespace {

/// Closes on every way out.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(other.Release()) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  int Release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

Descriptor OpenDescriptor(const std::string& path, int flags) {
  int fd = -1;
  do {
    fd = ::open(path.c_str(), flags | O_CLOEXEC, 0666);
  } while (fd < 0 && errno == EINTR);  // Opening a pipe waits for its other end.
  return Descriptor(fd);
}

/// EINVAL and EROFS: there is nothing to sync, such as behind a pipe.
bool NothingToSync(int error) { return error == EINVAL || error == EROFS; }

class PosixFile final : public OutputFile {
 public:
  PosixFile(Descriptor descriptor, std::string path, uint64_t size)
      : OutputFile(std::move(path), size), descriptor_(std::move(descriptor)) {}
  ~PosixFile() override { LeaveStandardOpen(); }

 private:
  Status DoAppend(std::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t count = ::write(descriptor_.get(), bytes.data(), bytes.size());
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return FileError("write", path(), count < 0 ? errno : EIO);
      bytes.remove_prefix(static_cast<size_t>(count));
    }
    return Status::Ok();
  }
  Status DoSync() override {
    if (::fdatasync(descriptor_.get()) != 0 && !NothingToSync(errno)) {
      return FileError("sync", path());
    }
    return Status::Ok();
  }
  Status DoTruncate(uint64_t length) override {
    if (::ftruncate(descriptor_.get(), static_cast<off_t>(length)) != 0) {
      return FileError("cut back", path());
    }
    return Status::Ok();
  }
  Status DoClose() override {
    LeaveStandardOpen();
    const int fd = descriptor_.Release();
    if (fd >= 0 && ::close(fd) != 0) return FileError("close", path());
    return Status::Ok();
  }
  /// Standard output belongs to the process.
  void LeaveStandardOpen() {
    if (descriptor_.get() <= STDERR_FILENO) descriptor_.Release();
  }

  Descriptor descriptor_;
};

class RealFiles final : public FileSystem {
 public:
  Result<std::unique_ptr<OutputFile>> Create(const std::string& path) override {
    Descriptor file = OpenDescriptor(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND);
    if (file.get() < 0) return FileError("create", path);
    return std::unique_ptr<OutputFile>(new PosixFile(std::move(file), path, 0));
  }

  Result<std::unique_ptr<OutputFile>> OpenForAppend(const std::string& path,
                                                    std::optional<uint64_t> keep) override {
    Descriptor file = OpenDescriptor(path, O_WRONLY | O_CREAT | O_APPEND);
    if (file.get() < 0) return FileError("open", path);
    struct stat status {};
    if (::fstat(file.get(), &status) != 0) return FileError("look at", path);
    const bool regular = S_ISREG(status.st_mode);
    const uint64_t size = regular ? static_cast<uint64_t>(status.st_size) : 0;
    if (keep) {
      if (!regular) {
        return Status::Corrupt(
            fmt::format("{} is not a regular file and cannot be cut back", path));
      }
      if (size < *keep) {
        return Status::Corrupt(
            fmt::format("{} holds {} bytes, but {} had been written to it: it was cut or replaced",
                        path, size, *keep));
      }
    }
    auto opened = std::unique_ptr<OutputFile>(new PosixFile(std::move(file), path, size));
    if (keep && *keep < size) LEAT_RETURN_IF_ERROR(opened->Truncate(*keep));
    return opened;
  }

  Result<std::string> Read(const std::string& path) override {
    const Descriptor file = OpenDescriptor(path, O_RDONLY);
    if (file.get() < 0) return FileError("open", path);
    struct stat status {};
    if (::fstat(file.get(), &status) != 0) return FileError("look at", path);
    // One byte more than it should hold, to see its end; files of /proc say that they are empty.
    std::string bytes(std::max<size_t>(static_cast<size_t>(status.st_size) + 1, 4096), '\0');
    size_t size = 0;
    for (;;) {
      const ssize_t count = ::read(file.get(), bytes.data() + size, bytes.size() - size);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return FileError("read", path);
      if (count == 0) break;
      size += static_cast<size_t>(count);
      if (size == bytes.size()) bytes.resize(2 * size);
    }
    bytes.resize(size);
    return bytes;
  }

  Status Rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return FileError("rename", from);
    return Status::Ok();
  }

  Status Remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return FileError("remove", path);
    return Status::Ok();
  }

  Result<bool> Exists(const std::string& path) override {
    struct stat status {};
    if (::stat(path.c_str(), &status) == 0) return true;
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return FileError("look at", path);
  }

  Result<std::vector<std::string>> List(const std::string& folder) override {
    std::vector<std::string> names;
    std::error_code error;
    std::filesystem::directory_iterator entry(folder, error);
    for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
      names.push_back(entry->path().filename().string());
    }
    if (error) return FileError("list", folder, error.value());
    std::sort(names.begin(), names.end());
    return names;
  }

  Status MakeFolders(const std::string& folder) override {
    if (IsFolder(folder)) return Status::Ok();
    const std::string above = FolderOf(folder);
    if (above != folder) LEAT_RETURN_IF_ERROR(MakeFolders(above));
    if (::mkdir(folder.c_str(), 0777) != 0 && !(errno == EEXIST && IsFolder(folder))) {
      return FileError("make the folder", folder, errno);
    }
    return SyncFolder(above);
  }

  Status SyncFolder(const std::string& folder) override {
    const Descriptor directory = OpenDescriptor(folder, O_RDONLY | O_DIRECTORY);
    if (directory.get() < 0) return FileError("open", folder);
    if (::fsync(directory.get()) != 0 && !NothingToSync(errno)) return FileError("sync", folder);
    return Status::Ok();
  }

 private:
  static bool IsFolder(const std::string& path) {
    const int before = errno;
    struct stat status {};
    const bool is = ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
    errno = before;  // Callers report the error that made them ask.
    return is;
  }
};

}  // namespace

Status FileError(std::string_view what, const std::string& path, int error) {
  return Status::Io(
      fmt::format("{}: cannot {}: {}", path, what, std::generic_category().message(error)));
}

std::string FolderOf(const std::string& path) {
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  return folder.empty() ? "." : folder.string();
}

Status OutputFile::Ready(std::string_view what) const {
  if (!status_.ok()) return status_;
  if (closed_) return Status::Io(fmt::format("{}: cannot {}: it is closed", path_, what));
  return Status::Ok();
}

Status OutputFile::Append(std::string_view bytes) {
  LEAT_RETURN_IF_ERROR(Ready("write"));
  status_ = DoAppend(bytes);
  if (status_.ok()) size_ += bytes.size();
  return status_;
}

Status OutputFile::Sync() {
  LEAT_RETURN_IF_ERROR(Ready("sync"));
  return status_ = DoSync();
}

Status OutputFile::Truncate(uint64_t length) {
  LEAT_RETURN_IF_ERROR(Ready("cut back"));
  if (length > size_) {
    return Status::Invalid(fmt::format("{}: cannot cut back {} bytes to {}", path_, size_, length));
  }
  status_ = DoTruncate(length);
  if (status_.ok()) size_ = length;
  return status_;
}

Status OutputFile::Close() {
  if (closed_) return status_;
  closed_ = true;
  const Status closed = DoClose();
  if (status_.ok()) status_ = closed;
  return status_;
}

Status FileSystem::Replace(const std::string& path, std::initializer_list<std::string_view> parts) {
  const std::string temporary = path + ".new";
  LEAT_ASSIGN_OR_RETURN(const std::unique_ptr<OutputFile> file, Create(temporary));
  for (const std::string_view part : parts) LEAT_RETURN_IF_ERROR(file->Append(part));
  LEAT_RETURN_IF_ERROR(file->Sync());
  LEAT_RETURN_IF_ERROR(file->Close());
  LEAT_RETURN_IF_ERROR(Rename(temporary, path));
  return SyncFolder(FolderOf(path));
}

FileSystem& PosixFiles() {
  static RealFiles files;
  return files;
}

std::unique_ptr<OutputFile> StandardOutput() {
  return std::make_unique<PosixFile>(Descriptor(STDOUT_FILENO), "standard output", 0);
}

}  // namespace leat
