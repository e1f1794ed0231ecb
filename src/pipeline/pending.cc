#include "pipeline/pending.h"

#include <algorithm>
#include <cassert>
#include <new>

namespace leat {

PendingStore::Handle PendingStore::Add(const Pending& header, size_t doubles) {
  // Blocks that differ by less than a line share a pool.
  const size_t bytes = (sizeof(Pending) + doubles * sizeof(double) + 63) / 64 * 64;
  uint32_t pool_index = 0;
  while (pool_index < pools_.size() && pools_[pool_index].bytes != bytes) ++pool_index;
  if (pool_index == pools_.size()) pools_.push_back({bytes, {}, {}});
  Pool& pool = pools_[pool_index];
  last_bytes_ = bytes;
  Handle handle;
  if (!pool.free.empty()) {
    handle = pool.free.back();
    pool.free.pop_back();
    *handle = header;
  } else {
    handle = new (slabs_.Allocate(bytes)) Pending(header);
    pool.all.push_back(handle);
  }
  handle->pool = pool_index;
  handle->doubles = static_cast<uint32_t>(doubles);
  ++size_;
  return handle;
}

void PendingStore::Remove(Handle handle) {
  assert(handle->sequence != 0);
  pools_[handle->pool].free.push_back(handle);
  handle->sequence = 0;
  --size_;
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

void PendingStore::Save(StateWriter& out) const {
  out.Section("pending", 1);
  out.U64(size());
  for (const Handle handle : InOrder()) {
    const Pending& p = *handle;
    out.U64(p.sequence);
    out.U64(p.id);
    out.I64(p.time.micros);
    out.Bool(p.held);
    out.I64(p.release.micros);
    out.F64(p.label);
    out.U32(p.classes);
    out.U32(p.warm);
    out.Array(std::span<const double>(Block(handle)));
  }
}

Status PendingStore::Load(StateReader& in) {
  in.Section("pending", 1);
  pools_.clear();
  slabs_.Clear();
  size_ = 0;
  std::vector<double> block;
  for (uint64_t n = in.Count(8); n > 0 && in.ok(); --n) {
    Pending p;
    p.sequence = in.U64();
    p.id = in.U64();
    p.time.micros = in.I64();
    p.held = in.Bool();
    p.release.micros = in.I64();
    p.label = in.F64();
    p.classes = in.U32();
    p.warm = in.U32();
    in.Array(block);
    if (p.sequence == 0) in.Fail("a waiting prediction has no sequence number");
    if (!in.ok()) break;
    const Handle handle = Add(p, block.size());
    std::copy(block.begin(), block.end(), Block(handle).begin());
  }
  return in.status();
}

size_t PendingStore::MemoryBytes() const {
  size_t bytes = slabs_.MemoryBytes();
  for (const Pool& pool : pools_) {
    // NOLINTNEXTLINE(bugprone-sizeof-expression): handles are pointers.
    bytes += (pool.all.capacity() + pool.free.capacity()) * sizeof(Handle);
  }
  return bytes;
}

}  // namespace leat
