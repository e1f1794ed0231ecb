/// A model as a file that can be taken to another state.
///
/// The 8 bytes `LEATMODL`, a 32-bit version, the 64-bit XXH3 of the rest, and a message
/// state::ModelFile. Numbers are little-endian. Errors: Io when the file cannot be read or written;
/// Corrupt when it is not such a file, damaged, or of a newer version.
#pragma once

#include <cstdint>
#include <string>

#include "base/file_system.h"
#include "leat/status.h"
#include "pipeline/model_state.h"

namespace leat {

struct ModelFile {
  std::string program;   ///< Version of leat that wrote it.
  std::string pipeline;  ///< Where it comes from.
  uint64_t state_id = 0;
  int64_t exported_at = 0;  ///< Wall time, microseconds since 1970.
  ModelState model;
};

/// Appears whole or not at all.
Status WriteModelFile(FileSystem& files, const std::string& path, const ModelFile& file);
Result<ModelFile> ReadModelFile(FileSystem& files, const std::string& path);

}  // namespace leat
