#include "pipeline/pending.h"

#include <gtest/gtest.h>

#include <boost/container/deque.hpp>
#include <functional>
#include <string>

#include "base/hash.h"
#include "state/memory/memory_store.h"

namespace leat {
namespace {

PendingStore::Handle Add(PendingStore& pending, uint64_t sequence, size_t doubles) {
  Pending header;
  header.sequence = sequence;
  header.id = 1000 + sequence;
  header.time = {static_cast<int64_t>(sequence) * kSecond};
  return pending.Add(header, doubles);
}

std::string Saved(const PendingStore& pending) {
  StateWriter out;
  pending.Save(out);
  return out.Take();
}

/// Saves what has changed, item by item; `during` is called between any two of them.
void SaveInto(PendingStore& pending, MemoryStore& store, const std::function<void()>& during = {}) {
  const auto batch = store.NewBatch();
  pending.BeginSave(*batch);
  while (!pending.SaveMore(1)) {
    if (during) during();
  }
  ASSERT_TRUE(store.Write(*batch).ok());
  pending.EndSave();
}

void LoadFrom(const MemoryStore& store, PendingStore& pending) {
  ASSERT_TRUE(store
                  .Scan(Family::kPending, {},
                        [&](std::string_view key, std::string_view value) {
                          return pending.LoadItem(key, value, {}).status();
                        })
                  .ok());
}

TEST(PendingStore, WhatComesAndGoesBetweenTwoSnapshotsIsNeverSaved) {
  PendingStore pending;
  pending.Track();
  std::vector<PendingStore::Handle> handles;
  for (uint64_t i = 1; i <= 1000; ++i) handles.push_back(Add(pending, i, 40));
  EXPECT_GT(pending.ChangedBytes(), 300'000u);
  for (const PendingStore::Handle handle : handles) pending.Remove(handle);
  EXPECT_EQ(pending.ChangedBytes(), 0u);
  MemoryStore store;
  const auto batch = store.NewBatch();
  pending.BeginSave(*batch);
  EXPECT_TRUE(pending.SaveMore(1));
  EXPECT_EQ(batch->bytes(), 0u);
}

TEST(PendingStore, IsTheSameFromItsItemsAfterEachOfManySnapshots) {
  // Settled in the order in which they came, or in any.
  for (const bool in_order : {true, false}) {
    MemoryStore store;
    PendingStore pending;
    pending.Track();
    uint64_t random = 1, next = 1;
    const auto draw = [&](uint64_t below) { return (random = Mix64(random)) % below; };
    boost::container::deque<PendingStore::Handle> waiting;
    const auto add = [&] {
      waiting.push_back(Add(pending, next++, 1 + draw(20)));
      for (double& value : pending.Block(waiting.back())) value = static_cast<double>(draw(1000));
    };
    const auto remove = [&] {
      if (waiting.empty()) return;
      const auto at = static_cast<ptrdiff_t>(in_order ? 0 : draw(waiting.size()));
      pending.Remove(waiting[static_cast<size_t>(at)]);
      waiting.erase(waiting.begin() + at);
    };
    for (int round = 0; round < 40; ++round) {
      for (uint64_t n = draw(round % 7 == 6 ? 2000 : 600); n > 0; --n) add();
      for (uint64_t n = draw(600); n > 0; --n) remove();
      const std::string then = Saved(pending);
      SaveInto(pending, store, [&] {
        if (draw(3) == 0) remove();
        if (draw(3) == 0) add();
      });
      PendingStore loaded;
      LoadFrom(store, loaded);
      ASSERT_EQ(Saved(loaded), then) << round;
    }
    while (!waiting.empty()) remove();
    SaveInto(pending, store);
    PendingStore none;
    LoadFrom(store, none);
    EXPECT_EQ(none.size(), 0u);
  }
}

}  // namespace
}  // namespace leat
