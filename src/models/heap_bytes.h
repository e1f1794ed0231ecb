/// What learners that count their memory hold in common.
#pragma once

#include <cstddef>
#include <vector>

#include "leat/model.h"

namespace leat {

/// Heap bytes that an allocation costs beyond what was asked for.
inline constexpr size_t kAllocation = 16;

/// Heap bytes of a copy of a layout: the attributes, and their names beyond what a string holds in
/// itself.
inline size_t HeapBytesOf(const InputSpec& spec) {
  size_t bytes = spec.dense.size() * sizeof(DenseAttribute) + kAllocation;
  for (const DenseAttribute& a : spec.dense) {
    if (a.name.size() > 15) bytes += a.name.size() + 1 + kAllocation;
  }
  return bytes;
}

}  // namespace leat
