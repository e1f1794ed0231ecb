#include "runtime/folder_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "base/file_system.h"

namespace leat {

Result<std::unique_ptr<FolderLock>> FolderLock::Take(const std::string& folder,
                                                     const std::function<bool()>& give_up) {
  const std::string path = (std::filesystem::path(folder) / "lock").string();
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor < 0) return FileError("open", path);
  std::unique_ptr<FolderLock> lock(new FolderLock(descriptor));
  const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(3);
  while (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    if (give_up ? give_up() : std::chrono::steady_clock::now() >= patience) {
      return Status::Corrupt(fmt::format(
          "{}: another process uses this state; stop it, or name another folder with --state",
          folder));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return lock;
}

FolderLock::~FolderLock() { ::close(descriptor_); }

}  // namespace leat
