#include "features/slab_pool.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <new>

namespace leat::features {
namespace {

constexpr size_t kSlab = size_t{1} << 21;  // A huge page.
constexpr size_t kLine = 64;

size_t Rounded(size_t bytes, size_t to) { return (bytes + to - 1) / to * to; }

}  // namespace

SlabPool::~SlabPool() { Clear(); }

void SlabPool::Clear() {
  for (void* slab : slabs_) std::free(slab);
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
    const bool huge = size % kSlab == 0;
    void* slab = std::aligned_alloc(huge ? kSlab : kLine, size);
    if (slab == nullptr) throw std::bad_alloc();
    if (huge) madvise(slab, size, MADV_HUGEPAGE);  // A wish: nothing depends on it.
    slabs_.push_back(slab);
    reserved_ += size;
    // What is left of the slab before is lost: less than one array in a slab of many.
    next_ = static_cast<std::byte*>(slab);
    left_ = size;
    slab_bytes_ = std::min(kSlab, slab_bytes_ * 2);
  }
  void* at = next_;
  next_ += bytes;
  left_ -= bytes;
  return at;
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
