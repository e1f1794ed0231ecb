/// The files that must be durable, behind an interface, so that tests can make them fail.
///
/// Everything that recovery relies on is written through here: sinks, journals, snapshots. What a
/// call promises is what a disk promises, no more: bytes are durable after OutputFile::Sync, and a
/// name (one made, moved or removed) is durable after FileSystem::SyncFolder of its folder.
/// Errors: Io with the path, what was tried and the system's words; others where a call names them.
/// Thread safety: a FileSystem may be used by many threads at once, an OutputFile by one.
#pragma once

#include <cerrno>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "leat/status.h"

namespace leat {

/// Io: `PATH: cannot WHAT: the system's words for the error`.
Status FileError(std::string_view what, const std::string& path, int error = errno);
/// The folder that holds `path`; `.` for a bare name.
std::string FolderOf(const std::string& path);

/// A file that grows at its end.
///
/// Errors stick: after a call has failed, every later one returns that first error and does
/// nothing, since nobody can know what is on disk. A sync, above all, that failed once is never
/// tried again: the system may have dropped what it could not write, and would then report success.
/// To go on, open the file anew at a length that is known to be good.
class OutputFile {
 public:
  /// Closes, ignoring errors: call Close to see them.
  virtual ~OutputFile() = default;
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  /// All of `bytes`, or an error; then a part of them may have been written.
  Status Append(std::string_view bytes);
  /// Waits until all bytes are on disk (nothing to wait for on pipes and terminals).
  Status Sync();
  /// Cuts the file back; Append goes on from there. Invalid, which does not stick, if `length` is
  /// more than size().
  Status Truncate(uint64_t length);
  /// Does not sync. The first error, if there was one. Closing twice is harmless.
  Status Close();

  const std::string& path() const { return path_; }
  /// Bytes in the file; after an error, those of the calls that succeeded.
  uint64_t size() const { return size_; }

 protected:
  OutputFile(std::string path, uint64_t size) : path_(std::move(path)), size_(size) {}

 private:
  virtual Status DoAppend(std::string_view bytes) = 0;
  virtual Status DoSync() = 0;
  virtual Status DoTruncate(uint64_t length) = 0;
  virtual Status DoClose() = 0;
  /// Why nothing can be done now: an earlier error, or that it is closed.
  Status Ready(std::string_view what) const;

  std::string path_;
  uint64_t size_;
  bool closed_ = false;
  Status status_;
};

class FileSystem {
 public:
  FileSystem() = default;
  virtual ~FileSystem() = default;
  FileSystem(const FileSystem&) = delete;
  FileSystem& operator=(const FileSystem&) = delete;

  /// An empty file; what one of this name held is gone.
  virtual Result<std::unique_ptr<OutputFile>> Create(const std::string& path) = 0;
  /// Opens a file at its end, and makes it if there is none. With `keep` it is cut back to exactly
  /// that length first; Corrupt if it is shorter or is not a regular file, and then left alone.
  virtual Result<std::unique_ptr<OutputFile>> OpenForAppend(const std::string& path,
                                                            std::optional<uint64_t> keep) = 0;
  /// The whole file.
  virtual Result<std::string> Read(const std::string& path) = 0;
  /// Moves a file to `to`; what was there is gone. Readers see the old or the new, never neither.
  virtual Status Rename(const std::string& from, const std::string& to) = 0;
  /// Removes a file; Ok if there is none.
  virtual Status Remove(const std::string& path) = 0;
  /// Whether there is a file or folder.
  virtual Result<bool> Exists(const std::string& path) = 0;
  /// The names (not the paths) of what the folder holds, sorted.
  virtual Result<std::vector<std::string>> List(const std::string& folder) = 0;
  /// Makes the folder and those above it where they are missing. They are durable on return.
  virtual Status MakeFolders(const std::string& folder) = 0;
  /// Waits until the folder's names are on disk.
  virtual Status SyncFolder(const std::string& folder) = 0;

  /// Writes the parts to a file beside `path`, syncs it, renames it over `path` and syncs the
  /// folder. Durable on return; a crash before leaves the old file or the new one, whole.
  Status Replace(const std::string& path, std::initializer_list<std::string_view> parts);
};

/// The operating system's files.
FileSystem& PosixFiles();
/// The process's standard output, as a file. Closing it leaves the descriptor open.
std::unique_ptr<OutputFile> StandardOutput();

}  // namespace leat
