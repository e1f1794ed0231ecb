/// Where the block of each key is: an open-addressing table of (key, block). What a block is, is up
/// to the user: the index only hands it back.
///
/// A key's first slot is known from the key alone, so it can be fetched before anybody asks for it,
/// which the tables of libraries do not offer; a lookup then reads one cache line, seldom two.
/// Linear probing; erasing moves the rest of the run back, so there are no tombstones. At most five
/// eighths of the slots are used: fewer would mean more lines to fetch. Cost: O(1) per operation.
/// Memory: 16 bytes a slot. Thread safety: none. Determinism: the order of ForEach follows from the
/// sequence of calls.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "base/huge_pages.h"
#include "base/prefetch.h"

namespace leat::features {

class BlockIndex {
 public:
  /// Fetches the slot where the search for `key` begins.
  void Prefetch(uint64_t key) const {
    if (!slots_.empty()) PrefetchLine(&slots_[Home(key)]);
  }

  /// The block of a key, or null. REQUIRES key != 0, here and below.
  std::byte* Find(uint64_t key) const {
    if (slots_.empty()) return nullptr;
    for (size_t at = Home(key);; at = (at + 1) & mask_) {
      const Slot& slot = slots_[at];
      if (slot.key == key) return slot.block;
      if (slot.key == 0) return nullptr;
    }
  }

  /// REQUIRES that the key is not there.
  void Insert(uint64_t key, std::byte* block) {
    Reserve(size_ + 1);
    ++size_;
    Place({key, block});
  }

  /// REQUIRES that the key is there.
  void Erase(uint64_t key) {
    size_t hole = Home(key);
    while (slots_[hole].key != key) hole = (hole + 1) & mask_;
    // What follows moves into the hole, unless its search begins behind the hole.
    for (size_t at = (hole + 1) & mask_; slots_[at].key != 0; at = (at + 1) & mask_) {
      const size_t way = (at - Home(slots_[at].key)) & mask_;
      if (way < ((at - hole) & mask_)) continue;
      slots_[hole] = slots_[at];
      hole = at;
    }
    slots_[hole] = {};
    --size_;
  }

  /// Another block for a key. REQUIRES that the key is there.
  void Replace(uint64_t key, std::byte* block) {
    size_t at = Home(key);
    while (slots_[at].key != key) at = (at + 1) & mask_;
    slots_[at].block = block;
  }

  /// Room for so many keys.
  void Reserve(size_t keys) {
    size_t slots = slots_.empty() ? 16 : slots_.size();
    while (keys > slots / 8 * 5) slots *= 2;
    if (slots == slots_.size()) return;
    const Slots old = std::exchange(slots_, Slots(slots));
    mask_ = slots - 1;
    for (const Slot& slot : old) {
      if (slot.key != 0) Place(slot);
    }
  }

  void Clear() {
    slots_ = {};
    size_ = mask_ = 0;
  }

  /// visit(key, block) for every key; the index must not change meanwhile.
  template <typename Visit>
  void ForEach(Visit&& visit) const {
    for (const Slot& slot : slots_) {
      if (slot.key != 0) visit(slot.key, slot.block);
    }
  }

  size_t size() const { return size_; }
  size_t MemoryBytes() const { return slots_.capacity() * sizeof(Slot); }

 private:
  struct Slot {
    uint64_t key = 0;  // 0: free.
    std::byte* block = nullptr;
  };
  using Slots = std::vector<Slot, HugePages<Slot>>;
  size_t Home(uint64_t key) const { return static_cast<size_t>(Mix64(key)) & mask_; }
  void Place(const Slot& slot) {
    size_t at = Home(slot.key);
    while (slots_[at].key != 0) at = (at + 1) & mask_;
    slots_[at] = slot;
  }

  Slots slots_;  // A power of two of them, or none.
  size_t mask_ = 0;
  size_t size_ = 0;
};

}  // namespace leat::features
