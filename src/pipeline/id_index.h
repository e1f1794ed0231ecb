/// Where in a queue each id is: a hash table that holds positions and not the ids themselves.
///
/// A bucket is one cache line of twelve positions, each with eight bits of its id's hash, so that
/// a lookup reads one line, and the queue only where those bits agree. A full bucket passes on to
/// the next one and counts how many it has passed: where none was, a search ends. (Counts instead
/// of tombstones as in F14, whose groups are built alike; facebook/folly, F14.md.)
///
/// The queue is the caller's: `id_at(position)` gives the id there. Cost: O(1) expected. Memory:
/// 6.5 to 10 bytes an id. It does not grow by itself: whoever has the queue can go through that in
/// order, where the table would have to look each id up, and bit by bit. Thread safety: none.
#pragma once

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "base/hash.h"
#include "base/prefetch.h"
#include "base/zeroed_array.h"

namespace leat {

class IdIndex {
 public:
  IdIndex() = default;

  /// Where the position of an id is kept, or null.
  template <typename IdAt>
  uint32_t* Find(uint64_t id, IdAt&& id_at) {
    if (buckets_.empty()) return nullptr;
    const uint64_t hash = Mix64(id);
    // Of few buckets, all may have passed ids on, in a circle.
    size_t left = buckets_.size();
    for (size_t b = Home(hash); left > 0; b = Next(b), --left) {
      Bucket& bucket = buckets_[b];
      for (uint32_t slots = bucket.With(Tag(hash)); slots != 0; slots &= slots - 1) {
        uint32_t& position = bucket.positions[static_cast<size_t>(std::countr_zero(slots))];
        if (id_at(position) == id) return &position;
      }
      if (bucket.passed == 0) return nullptr;
    }
    return nullptr;
  }
  template <typename IdAt>
  const uint32_t* Find(uint64_t id, IdAt&& id_at) const {
    return const_cast<IdIndex*>(this)->Find(id, id_at);
  }

  /// Whether there must be Grown() before the next id is inserted, where so many others are still
  /// to come from elsewhere.
  bool full(size_t others = 0) const {
    return (size_ + others + 1) * 20 > buckets_.size() * kSlots * 17;
  }
  /// An empty one with half as much room again.
  IdIndex Grown() const { return IdIndex(buckets_.size() + buckets_.size() / 2 + 2); }
  /// An empty one with room for so many, and a quarter more.
  static IdIndex For(size_t ids) { return IdIndex((ids + ids / 4) * 20 / (kSlots * 17) + 2); }
  /// Fetches where an id is, or would be.
  void Prefetch(uint64_t id) const {
    if (!buckets_.empty()) PrefetchLine(&buckets_[Home(Mix64(id))]);
  }

  /// REQUIRES that the id is not there, and room.
  void Insert(uint64_t id, uint32_t position) {
    ++size_;
    Place(Mix64(id), position);
  }

  /// Takes the id out if it is there with this position; false otherwise.
  bool Erase(uint64_t id, uint32_t position) {
    if (buckets_.empty()) return false;
    const uint64_t hash = Mix64(id);
    size_t left = buckets_.size();
    for (size_t b = Home(hash); left > 0; b = Next(b), --left) {
      Bucket& bucket = buckets_[b];
      for (uint32_t slots = bucket.With(Tag(hash)); slots != 0; slots &= slots - 1) {
        const auto i = static_cast<size_t>(std::countr_zero(slots));
        if (bucket.positions[i] != position) continue;
        bucket.tags[i] = 0;
        --size_;
        for (size_t before = Home(hash); before != b; before = Next(before)) {
          --buckets_[before].passed;
        }
        return true;
      }
      if (bucket.passed == 0) return false;
    }
    return false;
  }

  size_t size() const { return size_; }
  bool empty() const { return buckets_.empty(); }  ///< Without room for any.
  size_t MemoryBytes() const { return buckets_.MemoryBytes(); }

 private:
  static constexpr uint32_t kSlots = 12;
  struct alignas(64) Bucket {
    std::array<uint8_t, kSlots> tags;  ///< 0: free.
    uint32_t passed;                   ///< Ids that are further on because there was no room.
    std::array<uint32_t, kSlots> positions;

    /// A bit for each slot whose tag this is.
    uint32_t With(uint8_t tag) const {
#if defined(__SSE2__)
      const __m128i line = _mm_load_si128(reinterpret_cast<const __m128i*>(tags.data()));
      const int same =
          _mm_movemask_epi8(_mm_cmpeq_epi8(line, _mm_set1_epi8(static_cast<char>(tag))));
      return static_cast<uint32_t>(same) & ((1u << kSlots) - 1);
#else
      uint32_t slots = 0;
      for (uint32_t i = 0; i < kSlots; ++i) slots |= uint32_t{tags[i] == tag} << i;
      return slots;
#endif
    }
  };
  static_assert(sizeof(Bucket) == 64);

  explicit IdIndex(size_t buckets) : buckets_(buckets) {}

  static uint8_t Tag(uint64_t hash) { return std::max<uint8_t>(1, static_cast<uint8_t>(hash)); }
  __extension__ using Wide = unsigned __int128;
  size_t Home(uint64_t hash) const {
    return static_cast<size_t>((static_cast<Wide>(hash) * buckets_.size()) >> 64);
  }
  size_t Next(size_t bucket) const { return bucket + 1 == buckets_.size() ? 0 : bucket + 1; }

  void Place(uint64_t hash, uint32_t position) {
    for (size_t b = Home(hash);; b = Next(b)) {
      Bucket& bucket = buckets_[b];
      const uint32_t free = bucket.With(0);
      if (free == 0) {
        ++bucket.passed;
        continue;
      }
      const auto i = static_cast<size_t>(std::countr_zero(free));
      bucket.tags[i] = Tag(hash);
      bucket.positions[i] = position;
      return;
    }
  }

  ZeroedArray<Bucket> buckets_;
  size_t size_ = 0;
};

}  // namespace leat
