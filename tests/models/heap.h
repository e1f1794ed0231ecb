/// What this test program holds by `new`.
#pragma once

#include <cstddef>

namespace leat {

/// In bytes of the allocator, 8 of its own for each block included.
size_t HeapBytes();

}  // namespace leat
