#include "runtime/snapshot.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/hash.h"
#include "leat/state.h"

namespace leat {
namespace {

constexpr std::string_view kMagic = "LEATSNAP";
constexpr uint32_t kVersion = 1;
constexpr size_t kDigestBytes = 32;

Status Failed(std::string_view what, const std::string& path) {
  return Status::Io(fmt::format("{}: cannot {}: {}", path, what, std::strerror(errno)));
}

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

Status WriteAll(int fd, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return Failed("write", path);
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return Status::Ok();
}

}  // namespace

Status WriteSnapshot(const std::string& path, std::string_view payload) {
  const std::filesystem::path target(path);
  const std::filesystem::path folder =
      target.has_parent_path() ? target.parent_path() : std::filesystem::path(".");
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return Status::Io(fmt::format("{}: {}", folder.string(), error.message()));
  StateWriter head;
  head.U32(kVersion);
  head.U64(payload.size());
  const std::string temporary = path + ".new";
  {
    const Descriptor file(
        ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (file.get() < 0) return Failed("create", temporary);
    for (const std::string_view part : {kMagic, std::string_view(head.bytes()), payload}) {
      LEAT_RETURN_IF_ERROR(WriteAll(file.get(), part, temporary));
    }
    LEAT_RETURN_IF_ERROR(WriteAll(file.get(), DigestHex(payload), temporary));
    if (::fsync(file.get()) != 0) return Failed("sync", temporary);
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) return Failed("rename", temporary);
  const Descriptor directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() < 0 || ::fsync(directory.get()) != 0) return Failed("sync", folder.string());
  return Status::Ok();
}

bool SnapshotExists(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

Result<std::string> ReadSnapshot(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return Failed("open", path);
  std::ostringstream buffer;
  buffer << file.rdbuf();
  if (file.bad()) return Failed("read", path);
  const std::string bytes = std::move(buffer).str();
  const auto corrupt = [&](std::string_view why) {
    return Status::Corrupt(fmt::format(
        "{}: {}; start afresh with --fresh, or restore the file from a copy", path, why));
  };
  const size_t head = kMagic.size() + sizeof(uint32_t) + sizeof(uint64_t);
  if (bytes.size() < kMagic.size() || bytes.compare(0, kMagic.size(), kMagic) != 0) {
    return corrupt("not a saved state of leat");
  }
  if (bytes.size() < head + kDigestBytes) return corrupt("the saved state is cut short");
  StateReader reader(std::string_view(bytes).substr(kMagic.size()));
  const uint32_t version = reader.U32();
  const uint64_t size = reader.U64();
  if (version != kVersion) {
    return corrupt(fmt::format("saved state has format version {}, this build reads version {}",
                               version, kVersion));
  }
  if (size != bytes.size() - head - kDigestBytes) return corrupt("the saved state is cut short");
  std::string payload = bytes.substr(head, size);
  if (DigestHex(payload) != std::string_view(bytes).substr(head + size)) {
    return corrupt("the checksum does not match: the saved state is damaged");
  }
  return payload;
}

}  // namespace leat
