/// What a ledger knows of each unit: a block for each, which may be cold (see KeyedBlocks).
///
/// A block holds a Unit, its values (fixed point), and the codes of its segments, if there are any;
/// the few events that are still needed lie in a pool and hang on it in a list. Blocks stay where
/// they are until the unit is dropped or Evict is called. Cost: O(1) an operation. Memory: 48 bytes
/// a unit and 8 a value, in lines of 64, its place in the index, 32 for each kept event. Thread
/// safety: none. Determinism and errors: as KeyedBlocks.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "features/keyed_blocks.h"
#include "leat/state.h"
#include "leat/status.h"

namespace leat::experiments {

enum UnitFlag : uint8_t { kExposed = 1, kLost = 2, kBot = 4 };
inline constexpr size_t kSegmentDimensions = 4;

struct Unit {
  static constexpr uint64_t kMostOrder = (uint64_t{1} << 48) - 1;
  int64_t first = 0;        ///< The first exposure; before it, when the entries are looked at next.
  uint64_t order : 48 = 0;  ///< In which units came.
  uint64_t variant : 8 = 0;
  uint64_t flags : 8 = 0;
  uint32_t entries = ~uint32_t{0};  ///< The first of them.
  uint32_t included = 0;            ///< Metrics that count it, a bit each.
};

/// An event that is kept.
struct UnitEntry {
  int64_t time = 0;
  int64_t num = 0, den = 0;
  uint32_t next = ~uint32_t{0};
  uint32_t metric = 0;
};

class Units final : public features::KeyedBlocks {
 public:
  static constexpr uint32_t kNone = ~uint32_t{0};

  /// `values` a unit; segments have room if `segments`.
  Units(size_t values, bool segments, size_t variants, size_t metrics);
  ~Units() override;

  /// Null: there is none. `now`: of the event that asks; those asked for long ago become cold.
  Unit* Find(uint64_t key, int64_t now) {
    std::byte* const block = FindBlock(key);
    if (block == nullptr) return nullptr;
    HeaderOf(block).latest = std::max(HeaderOf(block).latest, now);
    return UnitOf(block);
  }
  /// A new one. REQUIRES that there is none.
  Unit* Add(uint64_t key);
  void Remove(Unit* unit);
  /// Call before a unit changes.
  void WillChange(Unit* unit) { Change(BlockOf(unit)); }
  uint64_t KeyOf(const Unit* unit) const { return HeaderOf(BlockOf(unit)).key; }
  int64_t* ValuesOf(Unit* unit) const { return reinterpret_cast<int64_t*>(unit + 1); }
  const int64_t* ValuesOf(const Unit* unit) const {
    return reinterpret_cast<const int64_t*>(unit + 1);
  }
  size_t values() const { return values_; }
  /// kSegmentDimensions of them, or none.
  std::span<uint16_t> SegmentsOf(Unit* unit) const {
    return {reinterpret_cast<uint16_t*>(ValuesOf(unit) + values_),
            has_segments_ ? kSegmentDimensions : 0};
  }

  UnitEntry& Entry(uint32_t entry) { return entries_[entry]; }
  const UnitEntry& Entry(uint32_t entry) const { return entries_[entry]; }
  /// Puts it in front of the others.
  void AddEntry(Unit* unit, const UnitEntry& entry);
  /// Takes what `link` names out of its list.
  void DropEntry(uint32_t* link);
  void DropEntries(Unit* unit);

  /// Fetches memory for a unit that will be looked at soon.
  void Prefetch(FetchStage stage, uint64_t key) const;
  using KeyedBlocks::Expect;

  void Save(StateWriter& out) const { SaveAll(out); }
  void Load(StateReader& in, uint64_t most) { LoadAll(in, kLeastBytes, most); }
  /// visit(unit) for each that is in memory.
  template <typename Visit>
  void ForEach(Visit&& visit) {
    index_.ForEach([&](uint64_t, std::byte* block) {
      if (!IsCold(block)) visit(UnitOf(block));
    });
  }
  /// Takes a saved unit, which `unit` becomes (without its entries, but whether it has any); it is
  /// in memory only if `in_memory`.
  Status LoadItem(uint64_t key, std::string_view item, bool in_memory, Unit& unit,
                  bool& has_entries);
  /// A unit out of a state whose units were saved as a whole. Null if it is there already.
  Unit* AddUnsaved(uint64_t key);
  void Clear();
  size_t MemoryBytes() const;

 private:
  static constexpr size_t kLeastBytes = 46;
  static Unit* UnitOf(std::byte* block) { return reinterpret_cast<Unit*>(block + sizeof(Header)); }
  static std::byte* BlockOf(const Unit* unit) {
    return reinterpret_cast<std::byte*>(const_cast<Unit*>(unit)) - sizeof(Header);
  }
  void SaveBlock(std::byte* block, StateWriter& out) const override;
  std::byte* LoadBlock(uint64_t key, StateReader& in) override;
  void InitBlock(std::byte* block) override;
  void ReleaseBlock(std::byte* block) override;
  size_t BytesOf(std::byte* block) const override;
  size_t HeapBytesOf(std::byte* block) const override;
  void LoadUnit(Unit& unit, StateReader& in) const;

  const size_t values_, variants_, metrics_;
  const bool has_segments_;
  size_t bytes_ = 0;  ///< Of a block.
  std::vector<UnitEntry> entries_;
  std::vector<uint32_t> free_entries_;
};

}  // namespace leat::experiments
