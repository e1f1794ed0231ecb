#include "pipeline/pending.h"

#include <algorithm>
#include <cassert>

namespace leat {

PendingStore::Handle PendingStore::Add(const Pending& header, size_t doubles) {
  uint32_t pool_index = 0;
  while (pool_index < pools_.size() && pools_[pool_index].doubles != doubles) ++pool_index;
  if (pool_index == pools_.size()) pools_.push_back({doubles, {}, {}, 0});
  Pool& pool = pools_[pool_index];
  uint32_t block;
  if (!pool.free.empty()) {
    block = pool.free.back();
    pool.free.pop_back();
  } else {
    block = pool.used++;
    if (block / kBlocksPerChunk == pool.chunks.size()) {
      pool.chunks.push_back(
          std::make_unique_for_overwrite<double[]>(std::max<size_t>(1, doubles) * kBlocksPerChunk));
    }
  }
  Handle handle;
  if (!free_.empty()) {
    handle = free_.back();
    free_.pop_back();
    headers_[handle] = header;
  } else {
    handle = static_cast<Handle>(headers_.size());
    headers_.push_back(header);
  }
  headers_[handle].pool = pool_index;
  headers_[handle].block = block;
  return handle;
}

void PendingStore::Remove(Handle handle) {
  Pending& header = headers_[handle];
  assert(header.sequence != 0);
  pools_[header.pool].free.push_back(header.block);
  header.sequence = 0;
  free_.push_back(handle);
}

std::span<double> PendingStore::Block(Handle handle) {
  const Pending& header = headers_[handle];
  Pool& pool = pools_[header.pool];
  return {pool.chunks[header.block / kBlocksPerChunk].get() +
              (header.block % kBlocksPerChunk) * pool.doubles,
          pool.doubles};
}

std::span<const double> PendingStore::Block(Handle handle) const {
  const Pending& header = headers_[handle];
  const Pool& pool = pools_[header.pool];
  return {pool.chunks[header.block / kBlocksPerChunk].get() +
              (header.block % kBlocksPerChunk) * pool.doubles,
          pool.doubles};
}

std::vector<PendingStore::Handle> PendingStore::InOrder() const {
  std::vector<Handle> handles;
  handles.reserve(size());
  for (Handle h = 0; h < headers_.size(); ++h) {
    if (headers_[h].sequence != 0) handles.push_back(h);
  }
  std::sort(handles.begin(), handles.end(),
            [&](Handle a, Handle b) { return headers_[a].sequence < headers_[b].sequence; });
  return handles;
}

void PendingStore::Save(StateWriter& out) const {
  out.Section("pending", 1);
  out.U64(size());
  for (const Handle handle : InOrder()) {
    const Pending& p = headers_[handle];
    out.U64(p.sequence);
    out.U64(p.id);
    out.I64(p.time.micros);
    out.Bool(p.held);
    out.I64(p.release.micros);
    out.F64(p.label);
    out.U32(p.classes);
    out.U32(p.warm);
    out.Array(Block(handle));
  }
}

Status PendingStore::Load(StateReader& in) {
  in.Section("pending", 1);
  headers_.clear();
  free_.clear();
  pools_.clear();
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
  size_t bytes = headers_.capacity() * sizeof(Pending) + free_.capacity() * sizeof(Handle);
  for (const Pool& pool : pools_) {
    bytes += pool.chunks.size() * kBlocksPerChunk * pool.doubles * sizeof(double) +
             pool.free.capacity() * sizeof(uint32_t);
  }
  return bytes;
}

}  // namespace leat
