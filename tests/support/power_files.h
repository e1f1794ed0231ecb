/// A disk in memory that forgets what was not synced.
///
/// What a disk may do when a machine stops, it does: bytes survive a power cut for sure only after
/// OutputFile::Sync, names only after FileSystem::SyncFolder of their folder. Folders are durable
/// when MakeFolders returns, as its contract says. A seed gives the same disk every time, on any
/// machine; files are independent of one another. Cost: a lock and a map lookup an operation, no
/// system call; appends and syncs cost the bytes they add.
///
/// A life of a disk: operations; Crash (or CrashAt), which makes them fail; the objects of the
/// process that died are destroyed; LosePower or Kill, which starts the machine again. Handles from
/// before never work again. Folders cannot be renamed. Thread safety: as FileSystem says.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "support/power_loss.h"

namespace leat {

/// Outlives its files.
class PowerFiles final : public FileSystem {
 public:
  PowerFiles();
  ~PowerFiles() override;

  Result<std::unique_ptr<OutputFile>> Create(const std::string& path) override;
  Result<std::unique_ptr<OutputFile>> OpenForAppend(const std::string& path,
                                                    std::optional<uint64_t> keep) override;
  Result<std::string> Read(const std::string& path) override;
  Status Rename(const std::string& from, const std::string& to) override;
  Status Remove(const std::string& path) override;
  Result<bool> Exists(const std::string& path) override;
  Result<std::vector<std::string>> List(const std::string& folder) override;
  Status MakeFolders(const std::string& folder) override;
  Status SyncFolder(const std::string& folder) override;

  /// Stops the machine: until LosePower or Kill every operation fails and changes nothing.
  void Crash();
  /// Stops it at an operation: number 1 is the next one. An append may write a part first; anything
  /// else is not done. 0: not any more.
  void CrashAt(uint64_t operation);
  bool crashed() const;
  /// The machine starts again with what the disk has kept.
  void LosePower(const PowerLoss& loss);
  void LosePower(uint64_t seed) { LosePower(PowerLoss{.seed = seed}); }
  /// The process was killed, and the machine went on: everything that was written is there. It is
  /// no more durable than it was: a later LosePower may still take it.
  void Kill();

  /// All that were asked for so far, those that failed too.
  uint64_t operations() const;

 private:
  class File;
  struct Node;
  struct Place;

  /// Counts an operation; an error if the machine has stopped.
  Status Enter(std::string_view what, const std::string& path);
  Status Stopped(std::string_view what, const std::string& path) const;
  void Restart();

  mutable std::mutex mutex_;
  NameTable<Node> names_;
  std::set<std::string, std::less<>> folders_;
  uint64_t life_ = 0;  ///< Handles of earlier ones are dead.
  bool crashed_ = false;
  uint64_t operations_ = 0;
  uint64_t crash_at_ = 0;  ///< As operations_ counts; 0 for never.
};

}  // namespace leat
