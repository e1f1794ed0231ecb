/// Where in a queue each id is: a hash table that holds positions and not the ids themselves.
///
/// A bucket is one cache line of twelve positions, each with eight bits of its id's hash, so that
/// a lookup reads one line, and the queue only where those bits agree. A full bucket passes on to
/// the next one and counts how many it has passed: where none was, a search ends. (Counts instead
/// of tombstones as in F14, whose groups are built alike; facebook/folly, F14.md.)
///
/// The queue is the caller's: `id_at(position)` gives the id there. Cost: O(1) expected. Memory:
/// 6.5 to 10 bytes an id. A bucket follows from the upper bits of the hash, so that growing, which
/// is by half, goes through both tables in order. Thread safety: none.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "base/huge_pages.h"

namespace leat {

class IdIndex {
 public:
  /// Where the position of an id is kept, or null.
  template <typename IdAt>
  uint32_t* Find(uint64_t id, IdAt&& id_at) {
    if (buckets_.empty()) return nullptr;
    const uint64_t hash = Mix64(id);
    for (size_t b = Home(hash);; b = Next(b)) {
      Bucket& bucket = buckets_[b];
      for (uint32_t i = 0; i < kSlots; ++i) {
        if (bucket.tags[i] == Tag(hash) && id_at(bucket.positions[i]) == id) {
          return &bucket.positions[i];
        }
      }
      if (bucket.passed == 0) return nullptr;
    }
  }
  template <typename IdAt>
  const uint32_t* Find(uint64_t id, IdAt&& id_at) const {
    return const_cast<IdIndex*>(this)->Find(id, id_at);
  }

  /// REQUIRES that the id is not there.
  template <typename IdAt>
  void Insert(uint64_t id, uint32_t position, IdAt&& id_at) {
    if ((size_ + 1) * 20 > buckets_.size() * kSlots * 17) Grow(id_at);
    ++size_;
    Place(Mix64(id), position);
  }

  /// REQUIRES that the id is there, with this position.
  void Erase(uint64_t id, uint32_t position) {
    const uint64_t hash = Mix64(id);
    for (size_t b = Home(hash);; b = Next(b)) {
      Bucket& bucket = buckets_[b];
      for (uint32_t i = 0; i < kSlots; ++i) {
        if (bucket.tags[i] != Tag(hash) || bucket.positions[i] != position) continue;
        bucket.tags[i] = 0;
        --size_;
        for (size_t before = Home(hash); before != b; before = Next(before)) {
          --buckets_[before].passed;
        }
        return;
      }
    }
  }

  void Clear() {
    buckets_ = {};
    size_ = 0;
  }
  size_t size() const { return size_; }
  size_t MemoryBytes() const { return buckets_.capacity() * sizeof(Bucket); }

 private:
  static constexpr uint32_t kSlots = 12;
  struct alignas(64) Bucket {
    std::array<uint8_t, kSlots> tags{};  ///< 0: free.
    uint32_t passed = 0;                 ///< Ids that are further on because there was no room.
    std::array<uint32_t, kSlots> positions{};
  };
  static_assert(sizeof(Bucket) == 64);

  static uint8_t Tag(uint64_t hash) { return std::max<uint8_t>(1, static_cast<uint8_t>(hash)); }
  __extension__ using Wide = unsigned __int128;
  size_t Home(uint64_t hash) const {
    return static_cast<size_t>((static_cast<Wide>(hash) * buckets_.size()) >> 64);
  }
  size_t Next(size_t bucket) const { return bucket + 1 == buckets_.size() ? 0 : bucket + 1; }

  void Place(uint64_t hash, uint32_t position) {
    for (size_t b = Home(hash);; b = Next(b)) {
      Bucket& bucket = buckets_[b];
      const auto free = std::find(bucket.tags.begin(), bucket.tags.end(), 0);
      if (free == bucket.tags.end()) {
        ++bucket.passed;
        continue;
      }
      *free = Tag(hash);
      bucket.positions[static_cast<size_t>(free - bucket.tags.begin())] = position;
      return;
    }
  }

  template <typename IdAt>
  void Grow(IdAt&& id_at) {
    const Buckets old = std::exchange(buckets_, Buckets(buckets_.size() + buckets_.size() / 2 + 2));
    for (const Bucket& bucket : old) {
      for (uint32_t i = 0; i < kSlots; ++i) {
        if (bucket.tags[i] != 0) Place(Mix64(id_at(bucket.positions[i])), bucket.positions[i]);
      }
    }
  }

  using Buckets = std::vector<Bucket, HugePages<Bucket>>;
  Buckets buckets_;
  size_t size_ = 0;
};

}  // namespace leat
