/// A state store on simulated files: a log of batches, with the contract of state/store.h.
///
/// A batch is one append to the log and one sync. It is whole or not there: its size and its hash
/// stand before it. A crash or a fault in the middle of Write leaves it there or not, as real
/// stores do; what Open finds is written anew, synced, and the log put in place by a rename, so
/// that nothing is relied on that is not on disk. Reads ask the disk, so that they can fail. Thread
/// safety: none.
#pragma once

#include <memory>
#include <string>

#include "base/file_system.h"
#include "state/store.h"

namespace leat {

class SimulatedStorage final : public StateStorage {
 public:
  /// `files` outlives it and its stores; `folder` is there.
  SimulatedStorage(FileSystem& files, const std::string& folder)
      : files_(files), path_(folder + "/store") {}
  Result<bool> Exists() override { return files_.Exists(path_); }
  Result<std::unique_ptr<StateStore>> Open() override;
  Status Remove() override;

 private:
  FileSystem& files_;
  const std::string path_;
};

}  // namespace leat
