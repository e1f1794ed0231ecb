#include "features/keyed_blocks.h"

#include <fmt/format.h>

#include <algorithm>
#include <new>
#include <span>

#include "base/prefetch.h"

namespace leat::features {
namespace {

/// Keys looked at to judge all of them.
constexpr size_t kSample = 4096;
/// So many times as many blocks are looked at in one go if it is urgent.
constexpr size_t kEvictUrgent = 4;
/// How far ahead blocks to be saved are fetched.
constexpr size_t kFetchAhead = 8;

}  // namespace

std::byte* KeyedBlocks::NewBlock(uint64_t key) {
  auto* const block = static_cast<std::byte*>(pool_.Allocate(stride_));
  new (block) Header{key, kNoEvent, 0, static_cast<uint32_t>(hot_.size())};
  hot_.push_back(block);
  InitBlock(block);
  return block;
}

void KeyedBlocks::FreeBlock(std::byte* block) {
  const uint32_t place = HeaderOf(block).hot;
  hot_[place] = hot_.back();
  HeaderOf(hot_[place]).hot = place;
  hot_.pop_back();
  ReleaseBlock(block);
  pool_.Free(block, stride_);
}

void KeyedBlocks::ReleaseAll() {
  for (std::byte* const block : hot_) ReleaseBlock(block);
  hot_.clear();
}

void KeyedBlocks::Clear() {
  ReleaseAll();
  index_.Clear();
  recent_ = {};
  pool_.Clear();
  cold_ = 0;
}

std::byte* KeyedBlocks::Create(uint64_t key) {
  std::byte* const block = NewBlock(key);
  index_.Insert(key, block);
  if (!dropped_.empty()) dropped_.erase(key);  // It will be saved over what is there.
  return block;
}

void KeyedBlocks::Drop(uint64_t key) {
  std::byte* const block = index_.Find(key);
  if (IsCold(block)) {
    --cold_;
  } else {
    if (WaitsToBeSaved(block)) SaveItem(block);
    FreeBlock(block);
  }
  if (generation_ > 0) dropped_.insert(key);
  index_.Erase(key);
  Recent(key) = {};
}

void KeyedBlocks::DropAll(std::span<const uint64_t> keys) {
  for (size_t i = 0; i < keys.size(); ++i) {
    if (i + kAhead < keys.size()) index_.Prefetch(keys[i + kAhead]);
    Drop(keys[i]);
  }
}

/// Bytes a key in memory takes beside the pool's, from a sample.
double KeyedBlocks::HeapPerKey() const {
  size_t heap = 0, looked = 0;
  const size_t step = std::max<size_t>(1, hot_.size() / kSample);
  for (size_t i = 0; i < hot_.size(); i += step, ++looked) heap += HeapBytesOf(hot_[i]);
  return looked > 0 ? static_cast<double>(heap) / static_cast<double>(looked) : 0;
}

size_t KeyedBlocks::BlockBytes() const {
  return pool_.used() + static_cast<size_t>(heap_per_key_ * static_cast<double>(hot_.size()));
}

size_t KeyedBlocks::IndexBytes() const {
  return index_.MemoryBytes() + hot_.size() * sizeof(std::byte*) +
         (changed_.capacity() + saving_keys_.capacity() + saving_dropped_.capacity()) * 8 +
         dropped_.bucket_count() * 9;
}

void KeyedBlocks::SaveAll(StateWriter& out) const {
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

void KeyedBlocks::LoadAll(StateReader& in, size_t least, uint64_t max_keys) {
  Clear();
  const uint64_t count = in.Count(least);
  if (count > max_keys) return in.Fail("more keys than max_keys allows");
  index_.Reserve(count);
  for (uint64_t k = 0; k < count && in.ok(); ++k) {
    const uint64_t key = in.U64();
    if (key == 0 || index_.Find(key) != nullptr) return in.Fail("a key is stored twice");
    index_.Insert(key, LoadBlock(key, in));
  }
}

// ---- Item by item ----

void KeyedBlocks::Track(const StateStore& store, std::string prefix) {
  store_ = &store;
  prefix_ = std::move(prefix);
  generation_ = 1;
  if (!unsaved_) return;
  unsaved_ = false;
  for (std::byte* const block : hot_) NoteChange(block);
}

std::string KeyedBlocks::ItemKey(uint64_t key) const {
  std::string out = prefix_;
  AppendOrdered(out, key);
  return out;
}

void KeyedBlocks::PutItemKey(uint64_t key) const {
  item_key_ = prefix_;
  AppendOrdered(item_key_, key);
}

void KeyedBlocks::Expect(uint64_t key) const {
  if (cold_ == 0 || Recent(key).key == key) return;
  const std::byte* const cold = index_.Find(key);
  if (cold == nullptr || !IsCold(cold)) return;
  PutItemKey(key);
  store_->Expect(Family::kWindows, item_key_);
}

Status KeyedBlocks::TakeItem(uint64_t key, StateReader& in, bool in_memory, int64_t latest) {
  if (key == 0 || index_.Find(key) != nullptr) return Status::Corrupt("a key is stored twice");
  if (!in_memory) {
    index_.Insert(key, ColdBlock(latest));
    ++cold_;
    return in.status();
  }
  index_.Insert(key, LoadBlock(key, in));
  if (in.ok() && !in.AtEnd()) in.Fail("bytes follow the state of a key");
  return in.status();
}

std::byte* KeyedBlocks::ReadBack(uint64_t key) {
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

void KeyedBlocks::NoteChange(std::byte* block) {
  Header& header = HeaderOf(block);
  if (WaitsToBeSaved(block)) SaveItem(block);
  header.changed = 2 * generation_;
  changed_.push_back(header.key);
  changed_bytes_ += BytesOf(block);
}

void KeyedBlocks::SaveItem(std::byte* block) {
  writer_.Clear();
  SaveBlock(block, writer_);
  PutItemKey(HeaderOf(block).key);
  batch_->Put(Family::kWindows, item_key_, writer_.bytes());
  ++HeaderOf(block).changed;  // It is in a batch.
}

void KeyedBlocks::BeginSave(StateBatch& batch) {
  batch_ = &batch;
  saving_keys_.clear();
  saving_keys_.swap(changed_);
  saving_dropped_.assign(dropped_.begin(), dropped_.end());
  dropped_.clear();
  changed_bytes_ = saved_keys_ = saved_dropped_ = 0;
  ++generation_;
}

bool KeyedBlocks::SaveMore(size_t items) {
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
        PrefetchBytes(block, std::min<size_t>(stride_, 512));
      }
    }
    std::byte* block = index_.Find(saving_keys_[saved_keys_++]);
    if (block != nullptr && !IsCold(block) && WaitsToBeSaved(block)) SaveItem(block);
  }
  if (saved_dropped_ < saving_dropped_.size() || saved_keys_ < saving_keys_.size()) return false;
  batch_ = nullptr;
  return true;
}

void KeyedBlocks::Evict(size_t target, size_t blocks) {
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
  for (size_t looked = 0; evict_left_ > 0 && !hot_.empty(); --evict_left_, ++looked) {
    if (looked >= blocks &&
        (looked >= kEvictUrgent * blocks || BlockBytes() <= target + target / 8)) {
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
    FreeBlock(block);  // Another block takes its place in hot_.
  }
  evict_left_ = hot_.empty() ? 0 : evict_left_;
}

}  // namespace leat::features
