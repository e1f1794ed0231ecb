/// The epochs that a run has committed since its last snapshot, on disk.
///
/// File: the 8 bytes `LEATJRNL` and a 32-bit version, then an entry an epoch: a 32-bit size, that
/// many bytes, and their 64-bit XXH3 seeded with the epoch before (so entries cannot change
/// places). An entry is durable once Append returns. A torn tail, as a crash leaves it, is dropped
/// when the file is read; anything else that does not fit is Corrupt. Errors: Io when the disk
/// fails; after one, nothing more is appended, since a sync that failed may have lost what it was
/// to keep. Thread safety: none.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "leat/state.h"
#include "leat/status.h"
#include "runtime/drive.h"

namespace leat {

/// Bytes of the predictions, events, metrics and rejects written so far.
using SinkLengths = std::array<uint64_t, 4>;

/// A run of input that was committed as one, as of its end.
struct Epoch {
  uint64_t number = 0;
  Position position;
  SinkLengths lengths{};
  uint64_t chain = 0;     ///< Hash over all outputs and learning steps so far.
  bool finished = false;  ///< The input had ended, and the pipeline was told so.

  bool operator==(const Epoch&) const = default;
  /// All but `finished`, which a snapshot has no use for.
  void Save(StateWriter& out) const;
  void Load(StateReader& in);
};

class Journal {
 public:
  explicit Journal(std::string path, FileSystem& files = PosixFiles())
      : path_(std::move(path)), files_(files) {}

  /// Also if nobody can tell: then reading says why.
  bool Exists() const;
  /// The entries of the file, oldest first; none if there is no file. Numbers are contiguous.
  Result<std::vector<Epoch>> Read() const;
  /// Replaces the file by an empty one, and opens it for Append.
  Status Restart();
  Status Append(std::span<const Epoch> epochs);

 private:
  std::string path_;
  FileSystem& files_;
  std::unique_ptr<OutputFile> file_;  ///< None until Restart.
  uint64_t last_ = 0;                 ///< The number appended last; 0 after Restart.
};

}  // namespace leat
