/// Rows of a data file in memory, for benchmarks that must not measure reading.
#pragma once

#include <cstdlib>
#include <string>
#include <vector>

#include "connectors/file/file_source.h"
#include "leat/model.h"

namespace leat {

struct Rows {
  InputSpec spec;
  std::vector<double> values;
  std::vector<double> targets;

  size_t rows() const { return targets.size(); }
  Input row(size_t r) const {
    const size_t width = spec.dense.size();
    return {{values.data() + r * width, width}, {}};
  }
};

/// The text of a stream of the folder that LEAT_DATA names; empty if it is not there.
inline std::string ReadData(const std::string& stream) {
  const char* folder = std::getenv("LEAT_DATA");
  if (folder == nullptr || *folder == '\0') return {};
  auto file = OpenFile(std::string(folder) + "/" + stream + ".csv.zst");
  std::string text, chunk(size_t{1} << 20, '\0');
  while (file.ok()) {
    const auto read = (*file)->Read(chunk.data(), chunk.size());
    if (!read.ok()) return {};
    if (*read == 0) break;
    text.append(chunk, 0, *read);
  }
  return text;
}

}  // namespace leat
