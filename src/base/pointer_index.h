/// Where the object of each key is: an open-addressing table of (key, pointer). The index only
/// hands pointers back, so they may point to nothing, or mean something else.
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
#include "base/prefetch.h"
#include "base/zeroed_array.h"

namespace leat {

template <typename T>
class PointerIndex {
 public:
  /// Fetches the slot where the search for `key` begins.
  void Prefetch(uint64_t key) const {
    if (table_.empty()) return;
    PrefetchLine(&table_[Home(table_, key)]);
    if (!old_.empty()) PrefetchLine(&old_[Home(old_, key)]);
  }

  /// The object of a key, or null.
  T* Find(uint64_t key) const {
    if (table_.empty()) return nullptr;
    const Slot& slot = table_[Search(table_, key)];
    if (slot.object != nullptr || old_.empty()) return slot.object;
    return FindOld(key);
  }

  /// REQUIRES that the key is not there, and object != nullptr, here and below.
  void Insert(uint64_t key, T* object) {
    if (!old_.empty()) Move(kMovedAtOnce);
    if (size_ + 1 > Room(table_.size())) Grow(std::max<size_t>(16, 2 * table_.size()));
    ++size_;
    table_[Search(table_, key)] = {key, object};
  }

  /// REQUIRES that the key is there.
  void Erase(uint64_t key) {
    --size_;
    size_t hole = Search(table_, key);
    if (table_[hole].object == nullptr) {
      old_[Search(old_, key)].object = Gone();
      return;
    }
    // What follows moves into the hole, unless its search begins behind the hole.
    const size_t mask = table_.size() - 1;
    for (size_t at = (hole + 1) & mask; table_[at].object != nullptr; at = (at + 1) & mask) {
      const size_t way = (at - Home(table_, table_[at].key)) & mask;
      if (way < ((at - hole) & mask)) continue;
      table_[hole] = table_[at];
      hole = at;
    }
    table_[hole] = {};
  }

  /// Another object for a key. REQUIRES that the key is there.
  void Replace(uint64_t key, T* object) {
    Slot& slot = table_[Search(table_, key)];
    (slot.object != nullptr ? slot : old_[Search(old_, key)]).object = object;
  }

  /// Room for so many keys, at once.
  void Reserve(size_t keys) {
    size_t slots = std::max<size_t>(16, table_.size());
    while (keys > Room(slots)) slots *= 2;
    if (slots > table_.size()) Grow(slots);
    Move(old_.size());
  }

  void Clear() { *this = {}; }

  /// visit(key, object) for every key; the index must not change meanwhile.
  template <typename Visit>
  void ForEach(Visit&& visit) const {
    const auto visit_from = [&](const Slots& slots, size_t first) {
      for (size_t i = first; i < slots.size(); ++i) {
        if (IsThere(slots[i])) visit(slots[i].key, slots[i].object);
      }
    };
    visit_from(table_, 0);
    visit_from(old_, moved_);
  }

  size_t size() const { return size_; }
  size_t MemoryBytes() const { return table_.MemoryBytes() + old_.MemoryBytes(); }

 private:
  struct Slot {
    uint64_t key;
    T* object;  // Null: the slot is free.
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
    while (slots[at].key != key && slots[at].object != nullptr) at = (at + 1) & (slots.size() - 1);
    return at;
  }
  /// In the old table slots stay taken, since searches lead over them: those that have moved as
  /// they were, and those of keys that were erased with this.
  static T* Gone() { return reinterpret_cast<T*>(&gone_); }
  static bool IsThere(const Slot& slot) { return slot.object != nullptr && slot.object != Gone(); }
  T* FindOld(uint64_t key) const {
    const size_t at = Search(old_, key);
    return at >= moved_ && IsThere(old_[at]) ? old_[at].object : nullptr;
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
      if (IsThere(slot)) table_[Search(table_, slot.key)] = slot;
    }
    if (moved_ == old_.size()) {
      old_ = {};
      moved_ = 0;
    }
  }

  Slots table_;       // A power of two of them, or none.
  Slots old_;         // While the index grows: what it grows from,
  size_t moved_ = 0;  // and how much of that has moved.
  size_t size_ = 0;

  alignas(std::max_align_t) static inline std::byte gone_;  // Only its address matters.
};

}  // namespace leat
