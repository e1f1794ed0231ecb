#include "features/slab_pool.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <new>
#include <system_error>

namespace leat::features {
namespace {

constexpr size_t kSlab = size_t{1} << 21;  // A huge page.
constexpr size_t kLine = 64;
constexpr size_t kPage = 4096;

size_t Rounded(size_t bytes, size_t to) { return (bytes + to - 1) / to * to; }

/// Aligned, and from the system itself: among what malloc hands out they would leave holes.
void* MapHuge(size_t bytes) {
  void* const wide =
      ::mmap(nullptr, bytes + kSlab, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (wide == MAP_FAILED) throw std::bad_alloc();
  auto* const from = static_cast<std::byte*>(wide);
  const size_t before = (kSlab - reinterpret_cast<uintptr_t>(wide) % kSlab) % kSlab;
  if (before > 0) ::munmap(from, before);
  if (before < kSlab) ::munmap(from + before + bytes, kSlab - before);
  ::madvise(from + before, bytes, MADV_HUGEPAGE);  // A wish: nothing depends on it.
  return from + before;
}

/// A slab whose pages the system has cleared already: who first touches a huge page waits for that,
/// a millisecond or more on some machines.
void* PrepareSlab() {
  auto* const slab = static_cast<volatile char*>(MapHuge(kSlab));
  for (size_t at = 0; at < kSlab; at += kPage) slab[at] = 0;
  return const_cast<char*>(slab);
}

}  // namespace

SlabPool::~SlabPool() { Clear(); }

void SlabPool::Clear() {
  if (next_slab_.valid()) ::munmap(next_slab_.get(), kSlab);
  for (const Slab& slab : slabs_) {
    if (slab.bytes % kSlab == 0) {
      ::munmap(slab.at, slab.bytes);
    } else {
      std::free(slab.at);
    }
  }
  slabs_.clear();
  free_.clear();
  next_ = nullptr;
  left_ = 0;
  slab_bytes_ = size_t{1} << 14;
  reserved_ = used_ = 0;
}

void* SlabPool::Allocate(size_t bytes) {
  bytes = Rounded(bytes, kLine);
  used_ += bytes;
  for (FreeList& list : free_) {
    if (list.bytes != bytes || list.arrays.empty()) continue;
    void* at = list.arrays.back();
    list.arrays.pop_back();
    return at;
  }
  if (bytes > left_) {
    const size_t size = std::max(slab_bytes_, Rounded(bytes, slab_bytes_));
    void* slab = nullptr;
    if (size == kSlab && next_slab_.valid()) {
      slab = next_slab_.get();
    } else {
      slab = size % kSlab == 0 ? MapHuge(size) : std::aligned_alloc(kLine, size);
      reserved_ += size;
    }
    if (slab == nullptr) throw std::bad_alloc();
    slabs_.push_back({slab, size});
    // What is left of the slab before is lost: less than one array in a slab of many.
    next_ = static_cast<std::byte*>(slab);
    left_ = size;
    slab_bytes_ = std::min(kSlab, slab_bytes_ * 2);
  }
  void* at = next_;
  next_ += bytes;
  left_ -= bytes;
  if (left_ < kSlab / 4 && slab_bytes_ == kSlab && !next_slab_.valid()) PrepareNext();
  return at;
}

void SlabPool::PrepareNext() {
  try {
    next_slab_ = std::async(std::launch::async, PrepareSlab);
    reserved_ += kSlab;
  } catch (const std::system_error&) {
    // No thread to be had: who needs the slab makes it.
  }
}

void SlabPool::Free(void* at, size_t bytes) {
  bytes = Rounded(bytes, kLine);
  used_ -= bytes;
  for (FreeList& list : free_) {
    if (list.bytes == bytes) return list.arrays.push_back(at);
  }
  free_.push_back({bytes, {at}});
}

}  // namespace leat::features
