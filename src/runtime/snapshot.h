/// A state file: a payload under a magic, a format version and a checksum, replaced atomically.
///
/// Layout: the 8 bytes `LEATSNAP`, a 32-bit version, a 64-bit payload size, the payload, and the
/// payload's XXH3-128 as 32 hexadecimal digits. A write goes to a temporary file beside the target,
/// is synced, and is renamed over it, so a reader finds the old state or the new one, never a part.
#pragma once

#include <string>
#include <string_view>

#include "base/file_system.h"
#include "leat/status.h"

namespace leat {

Status WriteSnapshot(const std::string& path, std::string_view payload,
                     FileSystem& files = PosixFiles());

/// The payload. Corrupt if the file is not a whole snapshot of a version that this build reads; Io
/// if it cannot be read.
Result<std::string> ReadSnapshot(const std::string& path, FileSystem& files = PosixFiles());
/// Also if nobody can tell: then reading says why.
bool SnapshotExists(const std::string& path, FileSystem& files = PosixFiles());

}  // namespace leat
