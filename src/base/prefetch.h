/// Asking for memory before it is needed. Changes nothing but time.
#pragma once

namespace leat {

/// Fetches the cache line of `at`, which may be any address.
inline void PrefetchLine(const void* at) {
  __builtin_prefetch(at);
  // GCC 12 takes a function that only prefetches for one without effect and drops calls of it.
  asm volatile("");
}

}  // namespace leat
