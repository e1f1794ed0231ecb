/// Asking for memory before it is needed. Changes nothing but time.
#pragma once

#include <cstddef>

namespace leat {

/// Fetches the cache line of `at`, which may be any address.
inline void PrefetchLine(const void* at) {
  __builtin_prefetch(at);
  // GCC 12 takes a function that only prefetches for one without effect and drops calls of it.
  asm volatile("");
}

/// Fetches the lines of `bytes` from `at` on.
inline void PrefetchBytes(const void* at, size_t bytes) {
  for (size_t i = 0; i < bytes; i += 64) PrefetchLine(static_cast<const std::byte*>(at) + i);
}

}  // namespace leat
