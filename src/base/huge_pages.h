/// An allocator that puts large tables on huge pages, where the system grants them: a lookup is at
/// a random place, and would need an entry of the page table from memory each time.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdlib>
#include <new>

namespace leat {

template <typename T>
struct HugePages {
  using value_type = T;
  static constexpr size_t kPage = size_t{1} << 21;

  HugePages() = default;
  template <typename U>
  HugePages(const HugePages<U>&) {}  // NOLINT(google-explicit-constructor): so are allocators.
  T* allocate(size_t count) {
    const size_t bytes = count * sizeof(T);
    const bool huge = bytes >= kPage;
    void* const at =
        huge ? std::aligned_alloc(kPage, (bytes + kPage - 1) / kPage * kPage) : std::malloc(bytes);
    if (at == nullptr) throw std::bad_alloc();
    if (huge) madvise(at, bytes, MADV_HUGEPAGE);  // A wish: nothing depends on it.
    return static_cast<T*>(at);
  }
  void deallocate(T* at, size_t) { std::free(at); }
  bool operator==(const HugePages&) const { return true; }
};

}  // namespace leat
