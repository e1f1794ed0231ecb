/// The epochs that a run has committed since its last snapshots, on disk.
///
/// Files `journal-N` in the state folder, N the number (20 digits) of the first epoch that each is
/// for: the 8 bytes `LEATJRNL`, a 32-bit version, the 64-bit id of the state, then an entry for
/// each append: a 32-bit size and its complement, a message state::Epochs of that size, and its
/// 64-bit XXH3 seeded with the number of its first epoch. A new file begins with each snapshot;
/// older ones go when it is durable. Epochs are durable once Append returns. A torn last append, as
/// a crash leaves it (cut short, or with blocks that never came), is dropped when a file is read:
/// it is one that nothing follows. Anything else that does not fit is Corrupt. Errors: Io
/// when the disk fails; after one, nothing more is appended, since a sync that failed may have lost
/// what it was to keep. Thread safety: none.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "leat/status.h"
#include "runtime/epoch.h"

namespace leat {

class Journal {
 public:
  Journal(std::string folder, FileSystem& files) : folder_(std::move(folder)), files_(files) {}

  /// How many files there are of it.
  Result<size_t> CountFiles() const;
  /// The entries after epoch `after`, oldest first. Their numbers are contiguous.
  Result<std::vector<Epoch>> Read(uint64_t state_id, uint64_t after) const;
  /// Makes what Read gives up to epoch `last` durable, and removes what follows. A process that was
  /// killed, or whose sync failed, may have left an append that can be read and is not on disk; no
  /// file is synced twice, so it is written anew.
  Status Keep(uint64_t state_id, uint64_t last);
  /// Begins a file for the epochs after `epoch`, for Append. Earlier ones stay.
  Status Begin(uint64_t state_id, uint64_t epoch);
  /// REQUIRES at least one, and numbers that go on from Begin.
  Status Append(std::span<const Epoch> epochs);
  /// Removes the files before the last one begun at or before `epoch`.
  Status Drop(uint64_t epoch);
  /// Removes all of it.
  Status Remove();

 private:
  struct File {
    uint64_t first;
    std::string path;
  };
  Result<std::vector<File>> Files() const;
  /// Adds the epochs that a file's bytes hold.
  static Status Parse(const File& file, std::string_view bytes, uint64_t state_id,
                      std::vector<Epoch>& epochs);

  std::string folder_;
  FileSystem& files_;
  std::unique_ptr<OutputFile> file_;  ///< None until Begin.
};

}  // namespace leat
