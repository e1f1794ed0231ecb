// What a key group weighs, how it is saved and loaded, and which of its keys are in memory.
#include <fmt/format.h>

#include <algorithm>

#include "features/key_group.h"

namespace leat::features {
size_t KeyGroup::HeapBytesOf(std::byte* block) const {
  size_t heap = 0;
  for (const bool labelled : {false, true}) {
    if (layouts_[labelled ? 1 : 0].horizons.empty()) continue;
    heap += LogOf(block, labelled).HeapBytes();
  }
  for (uint32_t s = 0; s < sets_; ++s) {
    const size_t capacity = SetOf(block, static_cast<int32_t>(s)).times.capacity();
    if (capacity > 0) heap += capacity * 16 + 32;
  }
  return heap;
}

size_t KeyGroup::MemoryBytes() const {
  const double heap = HeapPerKey() * static_cast<double>(keys() - cold_keys());
  return sizeof(*this) + static_cast<size_t>(heap) + pool_.MemoryBytes() + IndexBytes();
}

/// About: the block itself and the rows of its logs.
size_t KeyGroup::BytesOf(std::byte* block) const {
  size_t bytes = stride_;
  for (const bool labelled : {false, true}) {
    const LogLayout& layout = layouts_[labelled ? 1 : 0];
    if (layout.horizons.empty()) continue;
    bytes += size_t{LogOf(block, labelled).rows()} * layout.stride() * sizeof(double);
  }
  return bytes;
}

void KeyGroup::SaveBlock(std::byte* block, StateWriter& out) const {
  out.I64(HeaderOf(block).latest);
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
  out.Items(std::span<const double>(CellsOf(block), cells_));
  for (uint32_t s = 0; s < sets_; ++s) {
    const DistinctSet& set = SetOf(block, static_cast<int32_t>(s));
    out.Array(set.times);
    out.Array(set.values);
  }
}

/// A new block, not in the index.
std::byte* KeyGroup::LoadBlock(uint64_t key, StateReader& in) {
  std::byte* block = NewBlock(key);
  HeaderOf(block).latest = in.I64();
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
  in.Items(std::span<double>(CellsOf(block), cells_));
  for (uint32_t s = 0; s < sets_; ++s) {
    DistinctSet& set = SetOf(block, static_cast<int32_t>(s));
    in.Array(set.times);
    in.Array(set.values);
    if (set.times.size() != set.values.size()) {
      set = {};
      in.Fail("a set of distinct values is cut");
    }
  }
  return block;
}

/// The key is looked at in a group of its own, so that neither forgetting what has left a window
/// nor finding an extreme again shows here.
Result<std::optional<KeyGroup::KeyFacts>> KeyGroup::Describe(uint64_t key) const {
  std::byte* const found = key == 0 ? nullptr : index_.Find(key);
  if (found == nullptr) return std::optional<KeyFacts>();
  KeyFacts facts;
  facts.cold = IsCold(found);
  std::string saved;
  if (!facts.cold) {
    StateWriter out;
    SaveBlock(found, out);
    saved = out.Take();
  } else {
    LEAT_ASSIGN_OR_RETURN(const bool there, store_->Get(Family::kWindows, ItemKey(key), saved));
    if (!there) {
      return Status::Corrupt(fmt::format("the saved state of key {} is missing", key));
    }
  }
  KeyGroup copy(max_keys_, max_events_);
  for (const Column& column : columns_) {
    const uint32_t index = copy.AddColumn(column.labelled, column.constant);
    for (const WindowSpec& window : column.windows) copy.AddWindow(index, window);
  }
  copy.Finish();
  LEAT_RETURN_IF_ERROR(copy.LoadItem(key, saved, true));
  std::byte* const block = copy.index_.Find(key);
  const int64_t now = HeaderOf(block).latest;
  facts.last.micros = now;
  for (const bool labelled : {false, true}) {
    const LogLayout& layout = copy.layouts_[labelled];
    if (layout.horizons.empty()) continue;
    EventLog& log = copy.LogOf(block, labelled);
    log.Advance(layout, copy.LiveOf(block, labelled), copy.CellsOf(block), now);
    (labelled ? facts.labelled_events : facts.events) = log.events(layout);
  }
  const auto answer = [&](const std::vector<Answer>& answers) {
    for (const Answer& a : answers) facts.windows.emplace_back(a.slot, copy.Value(a, block, now));
  };
  answer(copy.early_);
  for (const Column& column : copy.columns_) answer(column.late);
  std::sort(facts.windows.begin(), facts.windows.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  return std::optional<KeyFacts>(std::move(facts));
}

void KeyGroup::SaveHead(StateWriter& out) const {
  out.Items(std::span<const char>(layout_));
  out.I64(expired_at_);
}

void KeyGroup::LoadHead(StateReader& in) {
  std::string layout(layout_.size(), '\0');
  in.Items(std::span<char>(layout));
  if (layout != layout_) in.Fail("the stored windows are others");
  expired_at_ = in.I64();
}

Status KeyGroup::LoadItem(uint64_t key, std::string_view value, bool in_memory) {
  StateReader in(value);
  return TakeItem(key, in, in_memory, in_memory ? 0 : in.I64());
}

}  // namespace leat::features
