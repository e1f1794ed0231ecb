/// An array whose bytes are all zero at first, for tables. A large one takes no time to make, and
/// no memory before it is touched: a table can grow into it bit by bit. It is on huge pages where
/// the system grants them: a lookup is at a random place, and would need an entry of the page table
/// from memory each time. Movable, not copyable.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace leat {

template <typename T>
class ZeroedArray {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

 public:
  ZeroedArray() = default;
  explicit ZeroedArray(size_t size) : size_(size) {
    if (size == 0) return;
    const size_t bytes = size * sizeof(T);
    if (bytes < kHugePage) {
      const size_t lines = (bytes + kLine - 1) / kLine * kLine;
      memory_ = std::aligned_alloc(kLine, lines);
      if (memory_ == nullptr) throw std::bad_alloc();
      data_ = static_cast<T*>(std::memset(memory_, 0, lines));
      return;
    }
    mapped_ = bytes + kHugePage;  // What the system gives begins anywhere.
    memory_ = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory_ == MAP_FAILED) throw std::bad_alloc();
    void* at = memory_;
    size_t space = mapped_;
    std::align(kHugePage, bytes, at, space);
    madvise(at, bytes, MADV_HUGEPAGE);  // A wish: nothing depends on it.
    data_ = static_cast<T*>(at);
  }
  ZeroedArray(ZeroedArray&& other) noexcept { swap(other); }
  ZeroedArray& operator=(ZeroedArray&& other) noexcept {
    ZeroedArray(std::move(other)).swap(*this);
    return *this;
  }
  ~ZeroedArray() {
    if (mapped_ > 0) {
      munmap(memory_, mapped_);
    } else {
      std::free(memory_);
    }
  }

  T& operator[](size_t i) { return data_[i]; }
  const T& operator[](size_t i) const { return data_[i]; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  size_t MemoryBytes() const { return size_ * sizeof(T); }

 private:
  void swap(ZeroedArray& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(memory_, other.memory_);
    std::swap(mapped_, other.mapped_);
  }

  static constexpr size_t kLine = 64, kHugePage = size_t{1} << 21;

  T* data_ = nullptr;
  size_t size_ = 0;
  void* memory_ = nullptr;
  size_t mapped_ = 0;  // 0: it is the allocator's.
};

}  // namespace leat
