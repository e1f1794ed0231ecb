/// Files as sources of bytes: plain, gzip and zstd, and standard input.
///
/// Compression is told by the name (`.gz`, `.zst`), else by the first bytes. Streams of several
/// gzip members or zstd frames are read as one. Corrupt or truncated compressed data is an Io
/// error, never a quiet end. A compressed file is unpacked by a thread of its own, a few blocks
/// ahead (AheadBytes). Memory: six blocks of 128 KiB and the decompressor's window (at most
/// 128 MiB, by the zstd format's default limit). Thread safety: none. Determinism: bytes only; how
/// Read cuts them may vary.
#pragma once

#include <memory>
#include <string>

#include "leat/status.h"
#include "record/reader.h"

namespace leat {

/// Opens `path` for reading; `-` is standard input. Io if it cannot be opened or read, Unsupported
/// if its name says that it is compressed in another way.
Result<std::unique_ptr<ByteSource>> OpenFile(const std::string& path);

}  // namespace leat
