// Alone in its file: a compiler that sees malloc behind `new` warns of every `delete`.
#include "models/heap.h"

#include <malloc.h>

#include <cstdlib>
#include <new>

namespace {

size_t held = 0;

}  // namespace

void* operator new(size_t size) {
  void* const p = std::malloc(size);
  if (p == nullptr) std::abort();
  held += malloc_usable_size(p) + 8;
  return p;
}

/// What std::stable_sort asks.
void* operator new(size_t size, const std::nothrow_t&) noexcept { return operator new(size); }

void operator delete(void* p) noexcept {
  if (p != nullptr) held -= malloc_usable_size(p) + 8;
  std::free(p);
}

void operator delete(void* p, size_t) noexcept { operator delete(p); }

void* operator new(size_t size, std::align_val_t align) {
  const auto to = static_cast<size_t>(align);
  void* const p = std::aligned_alloc(to, (size + to - 1) / to * to);
  if (p == nullptr) std::abort();
  held += malloc_usable_size(p) + 8;
  return p;
}
void operator delete(void* p, std::align_val_t) noexcept { operator delete(p); }
void operator delete(void* p, size_t, std::align_val_t) noexcept { operator delete(p); }
void operator delete(void* p, const std::nothrow_t&) noexcept { operator delete(p); }

namespace leat {

size_t HeapBytes() { return held; }

}  // namespace leat
