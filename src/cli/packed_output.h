/// A file (or standard output) that is written once, compressed as its name says.
///
/// `.zst` and `.gz` compress; `-` is standard output, plain. The same bytes in give the same file.
/// Errors are Io and name the file. Thread safety: none.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "leat/status.h"

namespace leat {

class PackedOutput {
 public:
  static Result<std::unique_ptr<PackedOutput>> Create(const std::string& path);
  ~PackedOutput();
  PackedOutput(const PackedOutput&) = delete;
  PackedOutput& operator=(const PackedOutput&) = delete;

  Status Append(std::string_view bytes);
  /// Writes out the rest. REQUIRES to be called for a complete file.
  Status Close();

 private:
  struct Impl;
  explicit PackedOutput(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace leat
