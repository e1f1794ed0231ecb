#include "pipeline/pending.h"

#include <algorithm>
#include <cassert>
#include <new>

namespace leat {
PendingStore::Handle PendingStore::Add(const Pending& header, size_t doubles) {
  // Blocks that differ by less than a line share a pool.
  const size_t bytes = (sizeof(Pending) + doubles * sizeof(double) + 63) / 64 * 64;
  // From the back: blocks only get longer, with each class that becomes known.
  size_t after = pools_.size();
  while (after > 0 && pools_[after - 1].bytes != bytes) --after;
  if (after == 0) {
    pools_.push_back({bytes, {}, {}});
    after = pools_.size();
  }
  const auto pool_index = static_cast<uint32_t>(after - 1);
  Pool& pool = pools_[pool_index];
  last_bytes_ = bytes;
  Handle handle;
  if (!pool.free.empty()) {
    handle = pool.free.front();
    pool.free.pop_front();
    *handle = header;
  } else {
    handle = new (slabs_.Allocate(bytes)) Pending(header);
    pool.all.push_back(handle);
  }
  handle->pool = pool_index;
  handle->doubles = static_cast<uint32_t>(doubles);
  ++size_;
  newest_ = header.sequence;
  if (tracked_) {
    added_.push_back({header.sequence, handle});
    added_bytes_ += bytes;
  }
  return handle;
}

void PendingStore::Remove(Handle handle) {
  assert(handle->sequence != 0);
  const bool saved = handle->sequence <= newest_saved_;
  if (tracked_ && saved) {
    // What is saved is how things stood at BeginSave: it was waiting then.
    if (batch_ != nullptr && saved_ < saving_.size() &&
        handle->sequence >= saving_[saved_].sequence) {
      SaveItem(handle);
    }
    removed_.push_back(handle->sequence);
  }
  Pool& pool = pools_[handle->pool];
  pool.free.push_back(handle);
  handle->sequence = 0;
  --size_;
  if (!tracked_ || saved) return;
  added_bytes_ -= pool.bytes;
  while (!added_.empty() && !Waits(added_.front())) added_.pop_front();
}

std::vector<PendingStore::Handle> PendingStore::InOrder() const {
  std::vector<Handle> handles;
  handles.reserve(size());
  for (const Pool& pool : pools_) {
    for (const Handle handle : pool.all) {
      if (handle->sequence != 0) handles.push_back(handle);
    }
  }
  std::sort(handles.begin(), handles.end(),
            [](Handle a, Handle b) { return a->sequence < b->sequence; });
  return handles;
}

void PendingStore::SaveFields(const Pending& p, StateWriter& out) const {
  out.U64(p.id);
  out.I64(p.time.micros);
  out.Bool(p.held);
  out.I64(p.release.micros);
  out.F64(p.label);
  out.U32(p.classes);
  out.U32(p.warm);
}

PendingStore::Handle PendingStore::LoadFields(uint64_t sequence, StateReader& in,
                                              const Convert& convert) {
  Pending p;
  p.sequence = sequence;
  p.id = in.U64();
  p.time.micros = in.I64();
  p.held = in.Bool();
  p.release.micros = in.I64();
  p.label = in.F64();
  p.classes = in.U32();
  p.warm = in.U32();
  in.Array(block_);
  if (in.ok() && convert && !convert(p, block_)) in.Fail("a waiting prediction is cut");
  if (p.sequence == 0) in.Fail("a waiting prediction has no sequence number");
  if (!in.ok()) return nullptr;
  const Handle handle = Add(p, block_.size());
  std::copy(block_.begin(), block_.end(), Block(handle).begin());
  return handle;
}

void PendingStore::Save(StateWriter& out) const {
  out.Section("pending", 1);
  out.U64(size());
  for (const Handle handle : InOrder()) {
    out.U64(handle->sequence);
    SaveFields(*handle, out);
    out.Array(std::span<const double>(Block(handle)));
  }
}

Status PendingStore::Load(StateReader& in) {
  in.Section("pending", 1);
  pools_.clear();
  slabs_.Clear();
  size_ = 0;
  for (uint64_t n = in.Count(8); n > 0 && in.ok(); --n) LoadFields(in.U64(), in, {});
  return in.status();
}

Result<PendingStore::Handle> PendingStore::LoadItem(std::string_view key, std::string_view value,
                                                    const Convert& convert) {
  if (key.size() != 8) return Status::Corrupt("a waiting prediction has no sequence number");
  StateReader in(value);
  const Handle handle = LoadFields(OrderedU64(key), in, convert);
  if (in.ok() && !in.AtEnd()) in.Fail("bytes follow a waiting prediction");
  LEAT_RETURN_IF_ERROR(in.status());
  newest_saved_ = handle->sequence;
  if (convert) converted_ = true;
  return handle;
}

void PendingStore::Track() {
  tracked_ = true;
  if (!converted_) return;
  for (const Handle handle : InOrder()) {
    added_.push_back({handle->sequence, handle});
    added_bytes_ += pools_[handle->pool].bytes;
  }
}

void PendingStore::SaveItem(Handle handle) {
  writer_.Clear();
  SaveFields(*handle, writer_);
  writer_.Array(std::span<const double>(Block(handle)));
  std::string key;
  AppendOrdered(key, handle->sequence);
  batch_->Put(Family::kPending, key, writer_.bytes());
}

void PendingStore::BeginSave(StateBatch& batch) {
  batch_ = &batch;
  saving_.clear();
  saving_.swap(added_);
  saving_removed_.clear();
  saving_removed_.swap(removed_);
  if (!std::is_sorted(saving_removed_.begin(), saving_removed_.end())) {
    std::sort(saving_removed_.begin(), saving_removed_.end());
  }
  newest_saved_ = newest_;
  added_bytes_ = saved_ = saved_removed_ = 0;
}

bool PendingStore::SaveMore(size_t items) {
  constexpr size_t kRun = 16;  // From so many neighbours on, they are removed as one.
  while (items > 0 && saved_removed_ < saving_removed_.size()) {
    const uint64_t first = saving_removed_[saved_removed_];
    size_t end = saved_removed_ + 1;
    while (end < saving_removed_.size() && saving_removed_[end] == first + (end - saved_removed_)) {
      ++end;
    }
    std::string from, to;
    AppendOrdered(from, first);
    if (end - saved_removed_ < kRun) {
      batch_->Delete(Family::kPending, from);
      ++saved_removed_;
    } else {
      AppendOrdered(to, saving_removed_[end - 1] + 1);
      batch_->DeleteRange(Family::kPending, from, to);
      saved_removed_ = end;
    }
    --items;
  }
  for (; items > 0 && saved_ < saving_.size(); --items, ++saved_) {
    const Added& added = saving_[saved_];
    if (Waits(added)) SaveItem(added.handle);
  }
  if (saved_removed_ < saving_removed_.size() || saved_ < saving_.size()) return false;
  batch_ = nullptr;
  return true;
}

size_t PendingStore::MemoryBytes() const {
  size_t bytes = slabs_.MemoryBytes();
  for (const Pool& pool : pools_) {
    // NOLINTNEXTLINE(bugprone-sizeof-expression): handles are pointers.
    bytes += (pool.all.capacity() + pool.free.size()) * sizeof(Handle);
  }
  return bytes;
}

}  // namespace leat
