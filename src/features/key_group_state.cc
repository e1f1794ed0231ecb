// What a key group weighs, and how it is saved and loaded.
#include <algorithm>

#include "features/key_group.h"

namespace leat::features {

size_t KeyGroup::MemoryBytes() const {
  size_t bytes = sizeof(*this) + pool_.MemoryBytes() + index_.MemoryBytes();
  // What is not in the pool, from up to 4096 keys.
  size_t heap = 0, looked = 0;
  index_.ForEach([&](uint64_t, std::byte* block) {
    if (looked == 4096) return;
    ++looked;
    for (const bool labelled : {false, true}) {
      if (!layouts_[labelled ? 1 : 0].horizons.empty()) heap += LogOf(block, labelled).HeapBytes();
    }
    for (uint32_t s = 0; s < sets_; ++s) {
      const size_t capacity = SetOf(block, static_cast<int32_t>(s)).times.capacity();
      if (capacity > 0) heap += capacity * 16 + 32;
    }
  });
  if (looked > 0) {
    bytes += static_cast<size_t>(static_cast<double>(heap) * static_cast<double>(index_.size()) /
                                 static_cast<double>(looked));
  }
  return bytes;
}

void KeyGroup::Save(StateWriter& out) const {
  out.U64(tick_);
  out.I64(expired_at_);
  std::vector<std::pair<uint64_t, std::byte*>> keys;
  keys.reserve(index_.size());
  index_.ForEach([&](uint64_t key, std::byte* block) { keys.emplace_back(key, block); });
  std::sort(keys.begin(), keys.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  out.U64(keys.size());
  for (const auto& [key, block] : keys) {
    const Header& header = HeaderOf(block);
    out.U64(header.key);
    out.I64(header.latest);
    out.U64(header.tick);
    for (int labelled = 0; labelled < 2; ++labelled) {
      const LogLayout& layout = layouts_[labelled];
      if (layout.horizons.empty()) continue;
      const Coverage* live = LiveOf(block, labelled == 1);
      for (size_t h = 0; h < layout.horizons.size(); ++h) {
        out.U32(live[h].rows);
        out.U32(live[h].panes);
      }
      LogOf(block, labelled == 1).Save(layout, out);
    }
    for (uint32_t i = 0; i < cells_; ++i) out.F64(CellsOf(block)[i]);
    for (uint32_t s = 0; s < sets_; ++s) {
      const DistinctSet& set = SetOf(block, static_cast<int32_t>(s));
      out.Array(set.times);
      out.Array(set.values);
    }
  }
}

void KeyGroup::Load(StateReader& in) {
  index_.ForEach([&](uint64_t, std::byte* block) { FreeBlock(block); });
  index_.Clear();
  recent_ = {};
  pool_.Clear();
  block_ = nullptr;
  tick_ = in.U64();
  expired_at_ = in.I64();
  const uint64_t count = in.Count(24);
  if (count > static_cast<uint64_t>(max_keys_)) return in.Fail("more keys than max_keys allows");
  index_.Reserve(count);
  for (uint64_t k = 0; k < count && in.ok(); ++k) {
    const uint64_t key = in.U64();
    if (key == 0 || index_.Find(key) != nullptr) return in.Fail("a key is stored twice");
    std::byte* block = NewBlock(key);
    index_.Insert(key, block);
    Header& header = HeaderOf(block);
    header.latest = in.I64();
    header.tick = in.U64();
    for (int labelled = 0; labelled < 2; ++labelled) {
      const LogLayout& layout = layouts_[labelled];
      if (layout.horizons.empty()) continue;
      Coverage* live = LiveOf(block, labelled == 1);
      for (size_t h = 0; h < layout.horizons.size(); ++h) {
        live[h].rows = in.U32();
        live[h].panes = in.U32();
      }
      LogOf(block, labelled == 1).Load(layout, live, in);
      if (!in.ok()) std::fill_n(live, layout.horizons.size(), Coverage{});
    }
    for (uint32_t i = 0; i < cells_; ++i) CellsOf(block)[i] = in.F64();
    for (uint32_t s = 0; s < sets_; ++s) {
      DistinctSet& set = SetOf(block, static_cast<int32_t>(s));
      in.Array(set.times);
      in.Array(set.values);
      if (set.times.size() != set.values.size()) {
        set = {};
        in.Fail("a set of distinct values is cut");
      }
    }
  }
}

}  // namespace leat::features
