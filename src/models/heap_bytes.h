/// What learners that count their memory hold in common.
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "leat/model.h"

namespace leat {

/// Heap bytes that an allocation costs beyond what was asked for.
inline constexpr size_t kAllocation = 16;

/// Lengthens to `size` items if there are fewer, and holds no room for more: what is held is then a
/// function of the size, which a loaded model has too.
template <typename T>
void Lengthen(std::vector<T>& items, size_t size) {
  if (items.size() >= size) return;
  std::vector<T> more(size);
  std::copy(items.begin(), items.end(), more.begin());
  items = std::move(more);
}

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
