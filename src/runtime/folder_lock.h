/// A state folder belongs to one process at a time.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "leat/status.h"

namespace leat {

/// Holds the file `lock` of a folder until it is destroyed or the process ends.
class FolderLock {
 public:
  /// Waits up to three seconds: a process that was just killed holds it until its last write has
  /// ended; with `give_up`, for as long as that does not say so. Corrupt if another process holds
  /// it then; Io if the file cannot be made.
  static Result<std::unique_ptr<FolderLock>> Take(const std::string& folder,
                                                  const std::function<bool()>& give_up = {});
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  explicit FolderLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

}  // namespace leat
