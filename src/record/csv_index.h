/// Finds the bytes that give a CSV text its structure.
#pragma once

#include <cstddef>
#include <cstdint>

namespace leat {

/// Writes the offsets of every `delimiter`, double quote and line feed in data[from, to) to `out`
/// in order and returns their number. `last_high` becomes the offset after the last 64-byte block
/// that holds a byte above 127, if any does. REQUIRES 64 readable bytes beyond `to`, and room in
/// `out` for `to - from` + 8 entries. Cost: about 0.1 ns a byte plus 0.5 ns an offset.
size_t IndexCsv(const char* data, size_t from, size_t to, char delimiter, uint32_t* out,
                size_t& last_high);

}  // namespace leat
