#include "experiments/units.h"

#include <algorithm>
#include <new>

#include "base/prefetch.h"

namespace leat::experiments {

Units::Units(size_t values, bool segments, size_t variants, size_t metrics)
    : values_(values), variants_(variants), metrics_(metrics), has_segments_(segments) {
  bytes_ = sizeof(Header) + sizeof(Unit) + values * sizeof(int64_t) +
           (segments ? kSegmentDimensions * sizeof(uint16_t) : 0);
  SetStride(bytes_);
}

Units::~Units() { ReleaseAll(); }

void Units::InitBlock(std::byte* block) {
  Unit* const unit = new (UnitOf(block)) Unit();
  std::fill_n(ValuesOf(unit), values_, 0);
  std::ranges::fill(SegmentsOf(unit), uint16_t{0});
}

void Units::ReleaseBlock(std::byte* block) { DropEntries(UnitOf(block)); }

size_t Units::BytesOf(std::byte* block) const { return bytes_ + HeapBytesOf(block); }

size_t Units::HeapBytesOf(std::byte* block) const {
  size_t bytes = 0;
  for (uint32_t e = UnitOf(block)->entries; e != kNone; e = entries_[e].next) {
    bytes += sizeof(UnitEntry);
  }
  return bytes;
}

Unit* Units::Add(uint64_t key) { return UnitOf(Create(key)); }

void Units::Remove(Unit* unit) { Drop(KeyOf(unit)); }

void Units::AddEntry(Unit* unit, const UnitEntry& entry) {
  uint32_t e = 0;
  if (!free_entries_.empty()) {
    e = free_entries_.back();
    free_entries_.pop_back();
  } else {
    e = static_cast<uint32_t>(entries_.size());
    entries_.emplace_back();
  }
  entries_[e] = entry;
  entries_[e].next = unit->entries;
  unit->entries = e;
}

void Units::DropEntry(uint32_t* link) {
  const uint32_t e = *link;
  *link = entries_[e].next;
  free_entries_.push_back(e);
}

void Units::DropEntries(Unit* unit) {
  while (unit->entries != kNone) DropEntry(&unit->entries);
}

void Units::Prefetch(FetchStage stage, uint64_t key) const {
  switch (stage) {
    case FetchStage::kIndex:
      return index_.Prefetch(key);
    case FetchStage::kStore:
      return Expect(key);
    case FetchStage::kBlock: {
      const std::byte* const block = Lookup(key);
      if (block == nullptr) return;
      PrefetchBytes(block, std::min<size_t>(bytes_, 512));
      return;
    }
    default:
      return;
  }
}

void Units::SaveBlock(std::byte* block, StateWriter& out) const {
  Unit* const unit = UnitOf(block);
  out.I64(unit->first);
  out.U64(unit->order);
  out.U32(unit->included);
  out.U8(static_cast<uint8_t>(unit->variant));
  out.U8(static_cast<uint8_t>(unit->flags));
  uint64_t entries = 0;
  for (uint32_t e = unit->entries; e != kNone; e = entries_[e].next) ++entries;
  out.U64(entries);
  for (uint32_t e = unit->entries; e != kNone; e = entries_[e].next) {
    const UnitEntry& entry = entries_[e];
    for (const int64_t v : {entry.time, entry.num, entry.den}) out.I64(v);
    out.U32(entry.metric);
  }
  out.Items(std::span<const int64_t>(ValuesOf(unit), values_));
  out.Items(std::span<const uint16_t>(SegmentsOf(unit)));
}

/// All but the entries.
void Units::LoadUnit(Unit& unit, StateReader& in) const {
  unit.first = in.I64();
  const uint64_t order = in.U64();
  unit.order = order & Unit::kMostOrder;
  unit.included = in.U32();
  unit.variant = in.U8();
  unit.flags = in.U8();
  if (in.ok() && (order != unit.order || unit.variant >= variants_ || unit.flags > 7 ||
                  uint64_t{unit.included} >> metrics_ != 0)) {
    in.Fail("a unit of an experiment does not fit");
  }
}

std::byte* Units::LoadBlock(uint64_t key, StateReader& in) {
  std::byte* const block = NewBlock(key);
  Unit* const unit = UnitOf(block);
  LoadUnit(*unit, in);
  HeaderOf(block).latest = unit->first;
  std::vector<UnitEntry> entries(in.Count(28));
  for (UnitEntry& entry : entries) {
    for (int64_t* v : {&entry.time, &entry.num, &entry.den}) *v = in.I64();
    entry.metric = in.U32();
    if (in.ok() && entry.metric >= metrics_) in.Fail("an event of a unit is of no metric");
  }
  if (in.ok()) {
    for (size_t e = entries.size(); e-- > 0;) AddEntry(unit, entries[e]);
  }
  in.Items(std::span<int64_t>(ValuesOf(unit), values_));
  in.Items(SegmentsOf(unit));
  return block;
}

Status Units::LoadItem(uint64_t key, std::string_view item, bool in_memory, Unit& unit,
                       bool& has_entries) {
  StateReader in(item);
  LoadUnit(unit, in);
  has_entries = in.U64() > 0;
  LEAT_RETURN_IF_ERROR(in.status());
  StateReader whole(item);
  return TakeItem(key, whole, in_memory, unit.first);
}

Unit* Units::AddUnsaved(uint64_t key) {
  if (key == 0 || index_.Find(key) != nullptr) return nullptr;
  std::byte* const block = NewBlock(key);
  TakeUnsaved(key, block);
  return UnitOf(block);
}

void Units::Clear() {
  KeyedBlocks::Clear();
  entries_.clear();
  free_entries_.clear();
}

size_t Units::MemoryBytes() const {
  return pool_.MemoryBytes() + IndexBytes() + entries_.capacity() * sizeof(UnitEntry) +
         free_entries_.capacity() * sizeof(uint32_t);
}

}  // namespace leat::experiments
