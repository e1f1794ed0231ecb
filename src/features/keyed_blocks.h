/// A block of memory for each key: found by the key, saved item by item, and given up while cold.
///
/// What a block holds behind its header is up to who derives from this (windows of a key group,
/// units of an experiment); here is where blocks are, which of them have changed since they were
/// saved, and which are in memory. An item of family windows is a key, with `prefix` before it.
///
/// Cold keys: with a store (Track), the block of a key that has not changed since it was saved may
/// be given up (Evict); it is read back when the key is next found. What is kept of it in memory
/// is a slot of the index with the time of its last event. Outputs and saved state do not depend on
/// what is cold.
/// Cost: O(1) an operation. Memory: the blocks, in lines of 64 bytes, and 16 bytes a slot of the
/// index, of which at most five eighths are used. Thread safety: none. Determinism: state depends
/// on the sequence of calls only; Save is in key order. Errors: a key that cannot be read back is
/// taken for a new one, and status() says so from then on: what was computed since must not be
/// used.
#pragma once

#include <array>
#include <boost/unordered/unordered_flat_set.hpp>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/block_deque.h"
#include "base/pointer_index.h"
#include "base/prefetch.h"
#include "features/features.h"
#include "features/slab_pool.h"
#include "leat/state.h"
#include "state/store.h"

namespace leat::features {

class KeyedBlocks : public ItemState {
 public:
  /// How many blocks one call of Evict looks at by default: under two milliseconds.
  static constexpr size_t kEvictAtOnce = size_t{1} << 13;

  KeyedBlocks() = default;
  KeyedBlocks(const KeyedBlocks&) = delete;
  KeyedBlocks& operator=(const KeyedBlocks&) = delete;

  size_t keys() const { return index_.size(); }
  size_t cold_keys() const { return cold_; }
  /// Bytes of the blocks in memory, and with what is set aside for more of them.
  size_t BlockBytes() const;
  size_t ReservedBytes() const { return BlockBytes() - pool_.used() + pool_.MemoryBytes(); }
  const Status& status() const { return status_; }

  /// From now on changes are known, and blocks may be read back from `store`, which outlives this.
  void Track(const StateStore& store, std::string prefix);
  size_t ChangedBytes() const override { return changed_bytes_; }
  void BeginSave(StateBatch& batch) override;
  bool SaveMore(size_t items) override;
  void EndSave() override { durable_before_ = generation_; }
  /// With more than `target` bytes of blocks in memory, goes on giving up some until there are a
  /// quarter less: looks at up to `blocks` of them, and at up to four times as many while it is
  /// more than an eighth above the target. Those whose last event is older go first, about.
  void Evict(size_t target, size_t blocks = kEvictAtOnce);

 protected:
  struct Header {
    uint64_t key;
    int64_t latest;
    // Twice the generation of its last change, and 1 once that is in a batch; 0: as saved.
    uint32_t changed;
    uint32_t hot;  // Its place in hot_.
  };
  static Header& HeaderOf(std::byte* block) { return *reinterpret_cast<Header*>(block); }
  static constexpr int64_t kNoEvent = std::numeric_limits<int64_t>::min();

  // ---- What is behind the header ----
  /// Writes all that a key's item holds, and reads it into a new block (NewBlock), or fails `in`.
  virtual void SaveBlock(std::byte* block, StateWriter& out) const = 0;
  virtual std::byte* LoadBlock(uint64_t key, StateReader& in) = 0;
  virtual void InitBlock(std::byte* block) = 0;
  virtual void ReleaseBlock(std::byte* block) = 0;
  /// Bytes of a block as it would be saved, and those beside the pool's, about.
  virtual size_t BytesOf(std::byte* block) const = 0;
  virtual size_t HeapBytesOf(std::byte* block) const = 0;

  /// Bytes of a block; before the first one.
  void SetStride(size_t bytes) { stride_ = bytes; }

  // A cold key has, in place of a block, the time of its last event, in an odd address.
  static bool IsCold(const std::byte* block) {
    return (reinterpret_cast<uintptr_t>(block) & 1) != 0;
  }
  /// Blocks and slots lie anywhere: in a pass over many, so many ahead are fetched.
  static constexpr size_t kAhead = 16;
  static int64_t LatestOfCold(const std::byte* block) {
    return static_cast<int64_t>(reinterpret_cast<uintptr_t>(block)) >> 1;
  }
  /// visit(key, time of its last event) for every key, in no order; none may come or go meanwhile.
  template <typename Visit>
  void ForEachLatest(Visit&& visit) const {
    for (size_t i = 0; i < hot_.size(); ++i) {
      if (i + kAhead < hot_.size()) PrefetchLine(hot_[i + kAhead]);
      visit(HeaderOf(hot_[i]).key, HeaderOf(hot_[i]).latest);
    }
    if (cold_ == 0) return;
    index_.ForEach([&](uint64_t key, std::byte* block) {
      if (IsCold(block)) visit(key, LatestOfCold(block));
    });
  }
  /// The block of a key if it is in memory.
  std::byte* Lookup(uint64_t key) const {
    Found& found = Recent(key);
    if (found.key == key) return found.block;
    std::byte* const block = index_.Find(key);
    if (block == nullptr || IsCold(block)) return nullptr;
    found = {key, block};
    return block;
  }
  /// The block of a key, read back if it is cold; null if there is no such key.
  std::byte* FindBlock(uint64_t key) {
    if (std::byte* const block = Lookup(key)) return block;
    return cold_ > 0 && index_.Find(key) != nullptr ? ReadBack(key) : nullptr;
  }
  /// REQUIRES that the key is not there.
  std::byte* Create(uint64_t key);
  void Drop(uint64_t key);
  void DropAll(std::span<const uint64_t> keys);
  /// A block that is in no index yet.
  std::byte* NewBlock(uint64_t key);
  /// Call before a block changes.
  void Change(std::byte* block) {
    if (HeaderOf(block).changed != 2 * generation_) NoteChange(block);
  }
  /// Asks the store for a key that is cold.
  void Expect(uint64_t key) const;
  /// Takes a saved key; only its slot in the index, with `latest`, unless `in_memory`.
  Status TakeItem(uint64_t key, StateReader& in, bool in_memory, int64_t latest);
  /// A block whose state is new to the store, from somewhere else. REQUIRES the key is not there.
  void TakeUnsaved(uint64_t key, std::byte* block) { index_.Insert(key, block), unsaved_ = true; }

  double HeapPerKey() const;
  /// What is beside the blocks: the index, and lists of keys.
  size_t IndexBytes() const;
  void SaveAll(StateWriter& out) const;
  /// `least`: bytes that an item has. `max_keys`: more are refused.
  void LoadAll(StateReader& in, size_t least, uint64_t max_keys);
  void Clear();
  /// Releases every block; who derives calls it as long as it can.
  void ReleaseAll();

  SlabPool pool_;                  // Blocks, and what else is as large.
  PointerIndex<std::byte> index_;  // The block of each key.
  const StateStore* store_ = nullptr;
  std::string prefix_;
  std::string ItemKey(uint64_t key) const;
  uint32_t generation_ = 0;  // 0: changes are not tracked.

 private:
  static std::byte* ColdBlock(int64_t latest) {
    return reinterpret_cast<std::byte*>(static_cast<uintptr_t>(latest) << 1 | 1);
  }
  void PutItemKey(uint64_t key) const;
  void SaveItem(std::byte* block);
  void NoteChange(std::byte* block);
  bool WaitsToBeSaved(std::byte* block) const {
    const uint32_t changed = HeaderOf(block).changed;
    return changed % 2 == 0 && changed != 0 && changed != 2 * generation_;
  }
  /// Whether the store has it as it is.
  bool IsDurable(std::byte* block) const {
    const uint32_t changed = HeaderOf(block).changed;
    return changed % 2 == 1 ? changed / 2 < durable_before_ : changed == 0;
  }
  std::byte* ReadBack(uint64_t key);
  void FreeBlock(std::byte* block);

  size_t stride_ = 0;
  /// Blocks found lately, by a few bits of the key: an event's key is looked up at several stages.
  struct Found {
    uint64_t key = 0;
    std::byte* block = nullptr;
  };
  static constexpr int kRecentBits = 6;
  Found& Recent(uint64_t key) const {
    return recent_[(key * 0x9e3779b97f4a7c15) >> (64 - kRecentBits)];
  }
  mutable std::array<Found, size_t{1} << kRecentBits> recent_;

  // Saving. A block whose generation is neither 0 nor generation_ waits to be saved, if it is not
  // in a batch yet.
  uint32_t durable_before_ = 0;  // Generations below are in the store.
  std::vector<uint64_t> changed_, saving_keys_;
  boost::unordered_flat_set<uint64_t> dropped_;
  std::vector<uint64_t> saving_dropped_;
  size_t changed_bytes_ = 0, saved_keys_ = 0, saved_dropped_ = 0;
  bool unsaved_ = false;  // Some blocks are not in the store at all.
  StateBatch* batch_ = nullptr;
  size_t cold_ = 0;
  BlockDeque<std::byte*> hot_;  // Every block in memory, in no order.
  double heap_per_key_ = 0;
  size_t evict_at_ = 0, evict_left_ = 0;  // Of hot_, in this round.
  int64_t evict_before_ = 0;              // Only keys whose last event is older.
  StateWriter writer_;
  mutable std::string item_key_;  ///< By PutItemKey.
  std::string value_;
  Status status_;
};

}  // namespace leat::features
