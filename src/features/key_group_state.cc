// What a key group weighs, how it is saved and loaded, and which of its keys are in memory.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "features/key_group.h"

namespace leat::features {
namespace {

/// Keys looked at to judge all of them.
constexpr size_t kSample = 4096;
/// How far ahead blocks to be saved are fetched.
constexpr size_t kFetchAhead = 8;

}  // namespace

/// Bytes a key in memory takes beside the pool's, from a sample.
double KeyGroup::HeapPerKey() const {
  size_t heap = 0, looked = 0;
  const size_t step = std::max<size_t>(1, hot_.size() / kSample);
  for (size_t i = 0; i < hot_.size(); i += step, ++looked) {
    for (const bool labelled : {false, true}) {
      if (layouts_[labelled ? 1 : 0].horizons.empty()) continue;
      heap += LogOf(hot_[i], labelled).HeapBytes();
    }
    for (uint32_t s = 0; s < sets_; ++s) {
      const size_t capacity = SetOf(hot_[i], static_cast<int32_t>(s)).times.capacity();
      if (capacity > 0) heap += capacity * 16 + 32;
    }
  }
  return looked > 0 ? static_cast<double>(heap) / static_cast<double>(looked) : 0;
}

size_t KeyGroup::BlockBytes() const {
  return pool_.used() + static_cast<size_t>(heap_per_key_ * static_cast<double>(hot_.size()));
}

size_t KeyGroup::MemoryBytes() const {
  const double heap = HeapPerKey() * static_cast<double>(hot_.size());
  return sizeof(*this) + static_cast<size_t>(heap) + pool_.MemoryBytes() + index_.MemoryBytes() +
         hot_.capacity() * sizeof(std::byte*) +
         (changed_.capacity() + saving_keys_.capacity() + saving_dropped_.capacity()) * 8 +
         dropped_.bucket_count() * 9;
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

void KeyGroup::Save(StateWriter& out) const {
  // Only what is in memory is sorted: cold keys may be far more, and the store has them in order.
  std::vector<std::pair<uint64_t, std::byte*>> keys;
  keys.reserve(hot_.size());
  for (std::byte* block : hot_) keys.emplace_back(HeaderOf(block).key, block);
  std::sort(keys.begin(), keys.end());
  out.U64(index_.size());
  auto next = keys.begin();
  const auto save_next = [&] {
    out.U64(next->first);
    SaveBlock(next->second, out);
    ++next;
  };
  if (cold_ > 0) {
    // What cannot be read gives another digest, which is what a digest is for.
    static_cast<void>(
        store_->Scan(Family::kWindows, prefix_, [&](std::string_view item, std::string_view value) {
          const uint64_t key = OrderedU64(item.substr(prefix_.size()));
          const std::byte* const found = index_.Find(key);
          if (found == nullptr || !IsCold(found)) return Status::Ok();
          while (next != keys.end() && next->first < key) save_next();
          out.U64(key);
          out.Items(std::span<const char>(value));
          return Status::Ok();
        }));
  }
  while (next != keys.end()) save_next();
}

void KeyGroup::Load(StateReader& in) {
  index_.ForEach([&](uint64_t, std::byte* block) {
    if (!IsCold(block)) FreeBlock(block);
  });
  index_.Clear();
  recent_ = {};
  pool_.Clear();
  hot_.clear();
  block_ = nullptr;
  cold_ = 0;
  const uint64_t count = in.Count(24);
  if (count > static_cast<uint64_t>(max_keys_)) return in.Fail("more keys than max_keys allows");
  index_.Reserve(count);
  for (uint64_t k = 0; k < count && in.ok(); ++k) {
    const uint64_t key = in.U64();
    if (key == 0 || index_.Find(key) != nullptr) return in.Fail("a key is stored twice");
    index_.Insert(key, LoadBlock(key, in));
  }
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

// ---- Item by item ----

void KeyGroup::Track(const StateStore& store, std::string prefix) {
  store_ = &store;
  prefix_ = std::move(prefix);
  generation_ = 1;
}

std::string KeyGroup::ItemKey(uint64_t key) const {
  std::string out = prefix_;
  AppendOrdered(out, key);
  return out;
}

void KeyGroup::PutItemKey(uint64_t key) const {
  item_key_ = prefix_;
  AppendOrdered(item_key_, key);
}

Status KeyGroup::LoadItem(uint64_t key, std::string_view value, bool in_memory) {
  if (key == 0 || index_.Find(key) != nullptr) return Status::Corrupt("a key is stored twice");
  StateReader in(value);
  if (!in_memory) {
    index_.Insert(key, ColdBlock(in.I64()));
    ++cold_;
    return in.status();
  }
  index_.Insert(key, LoadBlock(key, in));
  if (in.ok() && !in.AtEnd()) in.Fail("bytes follow the state of a key");
  return in.status();
}

std::byte* KeyGroup::ReadBack(uint64_t key) {
  PutItemKey(key);
  std::byte* block = nullptr;
  const Result<bool> found = store_->Get(Family::kWindows, item_key_, value_);
  if (found.ok() && *found) {
    StateReader in(value_);
    block = LoadBlock(key, in);
    if (!in.ok()) status_ = in.status();
  } else {
    status_ = found.ok() ? Status::Corrupt(fmt::format("the saved state of key {} is missing", key))
                         : found.status();
    block = NewBlock(key);
  }
  index_.Replace(key, block);
  --cold_;
  return block;
}

void KeyGroup::NoteChange(std::byte* block) {
  Header& header = HeaderOf(block);
  if (WaitsToBeSaved(block)) SaveItem(block);
  header.changed = 2 * generation_;
  changed_.push_back(header.key);
  changed_bytes_ += BytesOf(block);
}

void KeyGroup::SaveItem(std::byte* block) {
  writer_.Clear();
  SaveBlock(block, writer_);
  PutItemKey(HeaderOf(block).key);
  batch_->Put(Family::kWindows, item_key_, writer_.bytes());
  ++HeaderOf(block).changed;  // It is in a batch.
}

void KeyGroup::BeginSave(StateBatch& batch) {
  batch_ = &batch;
  saving_keys_.clear();
  saving_keys_.swap(changed_);
  saving_dropped_.assign(dropped_.begin(), dropped_.end());
  dropped_.clear();
  changed_bytes_ = saved_keys_ = saved_dropped_ = 0;
  ++generation_;
}

bool KeyGroup::SaveMore(size_t items) {
  for (; items > 0 && saved_dropped_ < saving_dropped_.size(); --items) {
    batch_->Delete(Family::kWindows, ItemKey(saving_dropped_[saved_dropped_++]));
  }
  const auto ahead = [&](size_t by) {
    return saved_keys_ + by < saving_keys_.size() ? saving_keys_[saved_keys_ + by] : 0;
  };
  for (; items > 0 && saved_keys_ < saving_keys_.size(); --items) {
    if (const uint64_t key = ahead(2 * kFetchAhead)) index_.Prefetch(key);
    if (const uint64_t key = ahead(kFetchAhead)) {
      if (std::byte* block = index_.Find(key); block != nullptr && !IsCold(block)) {
        for (size_t at = 0; at < std::min<size_t>(stride_, 512); at += 64) PrefetchLine(block + at);
      }
    }
    std::byte* block = index_.Find(saving_keys_[saved_keys_++]);
    if (block != nullptr && !IsCold(block) && WaitsToBeSaved(block)) SaveItem(block);
  }
  if (saved_dropped_ < saving_dropped_.size() || saved_keys_ < saving_keys_.size()) return false;
  batch_ = nullptr;
  return true;
}

void KeyGroup::Evict(size_t target, size_t blocks) {
  if (store_ == nullptr || hot_.empty()) return;
  if (evict_left_ == 0) {
    const size_t bytes = BlockBytes();
    if (bytes <= target) return;
    // A new round: as many of the oldest as need to go, judged by a sample.
    heap_per_key_ = HeapPerKey();
    std::vector<int64_t> times;
    const size_t step = std::max<size_t>(1, hot_.size() / kSample);
    for (size_t i = 0; i < hot_.size(); i += step) times.push_back(HeaderOf(hot_[i]).latest);
    const double share = 1.0 - 0.75 * static_cast<double>(target) / static_cast<double>(bytes);
    const auto nth =
        std::min(times.size() - 1, static_cast<size_t>(share * static_cast<double>(times.size())));
    std::nth_element(times.begin(), times.begin() + static_cast<ptrdiff_t>(nth), times.end());
    evict_before_ = times[nth];
    evict_left_ = hot_.size();
  }
  for (; evict_left_ > 0 && !hot_.empty(); --evict_left_) {
    if (blocks > 0) {
      --blocks;
    } else if (BlockBytes() <= target + target / 8) {
      return;
    }
    if (evict_at_ >= hot_.size()) evict_at_ = 0;
    PrefetchLine(hot_[(evict_at_ + kFetchAhead) % hot_.size()]);
    std::byte* const block = hot_[evict_at_];
    const Header header = HeaderOf(block);
    if (!IsDurable(block) || header.latest > evict_before_) {
      ++evict_at_;
      continue;
    }
    index_.Replace(header.key, ColdBlock(header.latest));
    ++cold_;
    Recent(header.key) = {};
    if (block_ == block) block_ = nullptr;
    FreeBlock(block);  // Another block takes its place in hot_.
  }
  evict_left_ = hot_.empty() ? 0 : evict_left_;
}

}  // namespace leat::features
