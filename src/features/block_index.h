/// Where the block of each key is: an open-addressing table of (key, block). What a block is, is up
/// to the user: the index only hands it back.
///
/// A key's first slot is known from the key alone, so it can be fetched before anybody asks for it,
/// which the tables of libraries do not offer; a lookup then reads one cache line, seldom two.
/// Linear probing; erasing moves the rest of the run back, so there are no tombstones. At most five
/// eighths of the slots are used: fewer would mean more lines to fetch.
///
/// It grows without a stop: a table twice as large stands beside the full one, and each key that is
/// inserted moves a few slots over; until all have moved, what is not found in the new table is
/// looked for in the old one. Cost: O(1) per operation, at its worst too. Memory: 16 bytes a slot,
/// while it grows half as many again. Thread safety: none. Determinism: the order of ForEach
/// follows from the sequence of calls.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "base/hash.h"
#include "base/huge_pages.h"
#include "base/prefetch.h"

namespace leat::features {

class BlockIndex {
 public:
  /// Fetches the slot where the search for `key` begins.
  void Prefetch(uint64_t key) const {
    if (table_.empty()) return;
    PrefetchLine(&table_[Home(table_, key)]);
    if (!old_.empty()) PrefetchLine(&old_[Home(old_, key)]);
  }

  /// The block of a key, or null. REQUIRES key != 0, here and below.
  std::byte* Find(uint64_t key) const {
    if (table_.empty()) return nullptr;
    const Slot& slot = table_[Search(table_, key)];
    if (slot.key == key) return slot.block;
    return old_.empty() ? nullptr : FindOld(key);
  }

  /// REQUIRES that the key is not there, and block != nullptr, here and below.
  void Insert(uint64_t key, std::byte* block) {
    if (!old_.empty()) Move(kMovedAtOnce);
    if (size_ + 1 > Room(table_.size())) Grow(std::max<size_t>(16, 2 * table_.size()));
    ++size_;
    table_[Search(table_, key)] = {key, block};
  }

  /// REQUIRES that the key is there.
  void Erase(uint64_t key) {
    --size_;
    size_t hole = Search(table_, key);
    if (table_[hole].key != key) {
      old_[Search(old_, key)].block = nullptr;
      return;
    }
    // What follows moves into the hole, unless its search begins behind the hole.
    const size_t mask = table_.size() - 1;
    for (size_t at = (hole + 1) & mask; table_[at].key != 0; at = (at + 1) & mask) {
      const size_t way = (at - Home(table_, table_[at].key)) & mask;
      if (way < ((at - hole) & mask)) continue;
      table_[hole] = table_[at];
      hole = at;
    }
    table_[hole] = {};
  }

  /// Another block for a key. REQUIRES that the key is there.
  void Replace(uint64_t key, std::byte* block) {
    Slot& slot = table_[Search(table_, key)];
    (slot.key == key ? slot : old_[Search(old_, key)]).block = block;
  }

  /// Room for so many keys, at once.
  void Reserve(size_t keys) {
    size_t slots = std::max<size_t>(16, table_.size());
    while (keys > Room(slots)) slots *= 2;
    if (slots > table_.size()) Grow(slots);
    Move(old_.size());
  }

  void Clear() { *this = {}; }

  /// visit(key, block) for every key; the index must not change meanwhile.
  template <typename Visit>
  void ForEach(Visit&& visit) const {
    for (size_t i = 0; i < table_.size(); ++i) {
      if (table_[i].key != 0) visit(table_[i].key, table_[i].block);
    }
    for (size_t i = moved_; i < old_.size(); ++i) {
      if (old_[i].block != nullptr) visit(old_[i].key, old_[i].block);
    }
  }

  size_t size() const { return size_; }
  size_t MemoryBytes() const { return table_.MemoryBytes() + old_.MemoryBytes(); }

 private:
  struct Slot {
    uint64_t key;  // 0: free.
    std::byte* block;
  };
  using Slots = ZeroedArray<Slot>;

  /// Slots of the old table that an insertion moves. The new one is full after as many insertions
  /// as five eighths of the old one's slots: all has moved long before.
  static constexpr size_t kMovedAtOnce = 16;

  static size_t Room(size_t slots) { return slots / 8 * 5; }
  static size_t Home(const Slots& slots, uint64_t key) {
    return static_cast<size_t>(Mix64(key)) & (slots.size() - 1);
  }
  /// The slot of a key, or the free one where its search ends.
  static size_t Search(const Slots& slots, uint64_t key) {
    size_t at = Home(slots, key);
    while (slots[at].key != key && slots[at].key != 0) at = (at + 1) & (slots.size() - 1);
    return at;
  }
  /// Slots that have moved stay as they were, since searches lead over them.
  std::byte* FindOld(uint64_t key) const {
    const size_t at = Search(old_, key);
    return at >= moved_ && old_[at].key == key ? old_[at].block : nullptr;
  }

  void Grow(size_t slots) {
    Move(old_.size());
    old_ = std::exchange(table_, Slots(slots));
    moved_ = 0;
  }
  void Move(size_t slots) {
    const size_t end = moved_ + std::min(slots, old_.size() - moved_);
    for (; moved_ < end; ++moved_) {
      const Slot& slot = old_[moved_];
      if (slot.block != nullptr) table_[Search(table_, slot.key)] = slot;
    }
    if (moved_ == old_.size()) {
      old_ = {};
      moved_ = 0;
    }
  }

  Slots table_;       // A power of two of them, or none.
  Slots old_;         // While the index grows: what it grows from,
  size_t moved_ = 0;  // and how much of that has moved. No block: erased.
  size_t size_ = 0;
};

}  // namespace leat::features
