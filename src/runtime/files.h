/// Whole files, written so that a crash leaves the old one or the new one.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "leat/status.h"

namespace leat {

/// Io, with what was tried and what the system said (errno).
Status FileError(std::string_view what, const std::string& path);
Status WriteAll(int descriptor, std::string_view bytes, const std::string& path);
Result<std::string> ReadFile(const std::string& path);
/// Writes the parts to a file beside `path`, syncs it, and renames it over `path`.
Status ReplaceFile(const std::string& path, std::initializer_list<std::string_view> parts);

}  // namespace leat
