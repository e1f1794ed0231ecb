/// Files that fail by plan.
///
/// A FaultPlan says which operations fail and how; FaultyFiles asks it before each operation on the
/// FileSystem that it wraps, RocksdbFiles before each on a database's files. Everything is counted,
/// so that a test can let operation 1, 2, 3, ... fail until a run passes without a fault:
///
///   for (uint64_t at = 1;; ++at) {
///     FaultPlan plan;
///     plan.Add({.at = at});
///     FaultyFiles files(disk, plan);
///     ...
///     if (plan.faults() == 0) break;
///   }
///
/// Thread safety: a plan may be used by many threads; counts are as deterministic as their order.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_system.h"

namespace leat {

enum class FileOp : uint8_t {
  kCreate,
  kOpen,  ///< For appending.
  kRead,
  kAppend,
  kSync,
  kTruncate,  ///< Also what OpenForAppend does to keep a length.
  kRename,    ///< On the path from which or the path to which.
  kRemove,
  kSyncFolder,
  kMakeFolders,
  kLook,  ///< Exists, List.
};
inline constexpr size_t kFileOps = 11;

inline constexpr uint64_t kForever = std::numeric_limits<uint64_t>::max();

/// Of the operations of this kind on paths that contain `path`, number `at` (from 1) fails, and
/// those after it until `times` have failed; then the disk has healed.
struct Fault {
  std::optional<FileOp> op = std::nullopt;  ///< None: of any kind.
  std::string path{};                       ///< Empty: any path.
  uint64_t at = 1;
  uint64_t times = 1;
  int error = 5;         ///< EIO.
  uint64_t written = 0;  ///< So many bytes does an append write before it fails, if it has them.
};

class FaultPlan {
 public:
  struct Failure {
    int error;
    uint64_t written;
  };

  void Add(Fault fault);
  /// Nothing fails any more. Counts stay.
  void Heal();
  /// Counts an operation, and says whether it fails.
  std::optional<Failure> Next(FileOp op, std::string_view path, std::string_view other = {});

  uint64_t operations() const;           ///< Asked about so far.
  uint64_t operations(FileOp op) const;  ///< Of one kind.
  uint64_t faults() const;               ///< How many of them failed.

 private:
  struct Planned {
    Fault fault;
    uint64_t seen = 0;
  };

  mutable std::mutex mutex_;
  std::vector<Planned> planned_;
  std::array<uint64_t, kFileOps> counts_{};
  uint64_t faults_ = 0;
};

/// `target` and `plan` outlive it and its files.
class FaultyFiles final : public FileSystem {
 public:
  FaultyFiles(FileSystem& target, FaultPlan& plan) : target_(target), plan_(plan) {}

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

 private:
  FileSystem& target_;
  FaultPlan& plan_;
};

}  // namespace leat
