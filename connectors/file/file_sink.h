/// A file that only grows, written through a buffer.
///
/// Made for sinks that recovery cuts back: length() is what has been appended, and Open at a length
/// keeps that many bytes and drops the rest, so that a replay writes them again. Errors (a full
/// disk, a broken device) are Io and stick: after one, nothing more is written. Memory: one buffer
/// of 256 KiB. Thread safety: none. The file itself is an OutputFile (base/file_system.h).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/file_system.h"
#include "leat/status.h"

namespace leat {

class FileSink {
 public:
  /// Opens `path` (`-` is standard output) for appending. Without `keep` an existing file is
  /// emptied; with it the first `keep` bytes stay and later ones are cut off. Corrupt if the file
  /// is shorter than `keep` or cannot be cut; Unsupported for names that ask for compression; Io
  /// otherwise.
  static Result<std::unique_ptr<FileSink>> Open(const std::string& path,
                                                std::optional<uint64_t> keep = std::nullopt,
                                                FileSystem& files = PosixFiles());
  /// Writes what is buffered, ignoring errors: call Close to see them.
  ~FileSink();
  FileSink(const FileSink&) = delete;
  FileSink& operator=(const FileSink&) = delete;

  Status Append(std::string_view bytes);
  /// Hands everything to the operating system.
  Status Flush();
  /// Flush, and wait until the data, and the file's name, are on disk (a no-op on pipes and
  /// terminals).
  Status Sync();
  /// Flush and close; the sink takes no more bytes.
  Status Close();

  /// Bytes kept and appended, those in the buffer included.
  uint64_t length() const { return length_; }
  const std::string& path() const { return path_; }

 private:
  FileSink(std::unique_ptr<OutputFile> file, FileSystem* names, uint64_t length);

  std::unique_ptr<OutputFile> file_;  ///< Null once closed.
  FileSystem* names_;                 ///< Where the file's name is still to be synced, or null.
  std::string path_;
  uint64_t length_;
  std::string buffer_;
  Status status_;
};

}  // namespace leat
