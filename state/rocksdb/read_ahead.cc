#include "state/rocksdb/read_ahead.h"

#include <algorithm>
#include <utility>

#include "base/hash.h"

namespace leat {
namespace {

uint64_t HashOf(std::string_view key) { return std::max<uint64_t>(Hash64(key), 1); }

}  // namespace

ReadAhead::ReadAhead(Read read) : read_(std::move(read)), thread_([this] { Run(); }) {}

ReadAhead::~ReadAhead() {
  stop_ = true;
  ++expected_;
  expected_.notify_one();
  thread_.join();
}

ReadAhead::Slot* ReadAhead::Find(uint64_t hash, std::string_view key) {
  for (uint32_t i = 0; i < kSlots; ++i) {
    if (hashes_[i] == hash && slots_[i].key == key) return &slots_[i];
  }
  return nullptr;
}

void ReadAhead::Expect(std::string_view key) {
  const uint64_t hash = HashOf(key);
  if (const Slot* slot = Find(hash, key)) {
    // One that was read before something was written is of no use any more.
    if (slot->state.load(std::memory_order_acquire) != kRead ||
        slot->generation == generation_.load()) {
      return;
    }
    hashes_[static_cast<size_t>(slot - slots_.data())] = 0;
  }
  const uint32_t number = expected_.load(std::memory_order_relaxed);
  const uint32_t at = number % kSlots;
  Slot& slot = slots_[at];
  int state = slot.state.load(std::memory_order_acquire);
  if (state == kExpected && !slot.state.compare_exchange_strong(state, kEmpty)) return;
  if (state == kReading) return;
  slot.key.assign(key);
  hashes_[at] = hash;
  slot.state.store(kExpected, std::memory_order_release);
  expected_.store(number + 1);
  expected_.notify_one();
}

bool ReadAhead::Take(std::string_view key, std::string& value) {
  Slot* const slot = Find(HashOf(key), key);
  if (slot == nullptr) return false;
  hashes_[static_cast<size_t>(slot - slots_.data())] = 0;
  int state = kExpected;
  // Not begun yet: it is quicker to read it oneself.
  if (slot->state.compare_exchange_strong(state, kEmpty)) return false;
  slot->state.wait(kReading, std::memory_order_acquire);
  slot->state.store(kEmpty, std::memory_order_relaxed);
  if (!slot->found || slot->generation != generation_.load()) return false;
  std::swap(value, slot->value);
  return true;
}

void ReadAhead::Run() {
  uint32_t next = 0;
  while (!stop_) {
    const uint32_t expected = expected_.load();
    if (next == expected) {
      expected_.wait(expected);
      continue;
    }
    // What the ring has overtaken is gone.
    if (expected - next > kSlots) next = expected - kSlots;
    Slot& slot = slots_[next++ % kSlots];
    int state = kExpected;
    if (!slot.state.compare_exchange_strong(state, kReading)) continue;
    slot.generation = generation_.load();
    slot.found = read_(slot.key, slot.value);
    slot.state.store(kRead);  // Seen before it is asked whether anybody waits.
    slot.state.notify_one();
  }
}

}  // namespace leat
