#include "pipeline/label_join.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>
#include <vector>

#include "base/hash.h"
#include "state/memory/memory_store.h"

namespace leat {
namespace {

constexpr EventTime At(int64_t seconds) { return EventTime{seconds * kSecond}; }

Pending Made(uint64_t id, int64_t at) {
  Pending header;
  header.id = id;
  header.time = At(at);
  return header;
}

JoinOptions ById() {
  JoinOptions options;
  options.by_id = true;
  return options;
}

/// The join as it is after it was saved item by item and loaded.
std::unique_ptr<LabelJoin> Reloaded(LabelJoin& join) {
  MemoryStore store;
  const auto batch = store.NewBatch();
  StateWriter head;
  join.SaveHead(head);
  for (ItemState* item : join.Items()) {
    item->BeginSave(*batch);
    while (!item->SaveMore(1)) {
    }
  }
  EXPECT_TRUE(store.Write(*batch).ok());
  auto loaded = std::make_unique<LabelJoin>(ById());
  StateReader in(head.bytes());
  EXPECT_TRUE(loaded->LoadHead(in).ok());
  EXPECT_TRUE(store
                  .Scan(Family::kPending, {},
                        [&](std::string_view key, std::string_view value) {
                          return loaded->LoadPending(key, value, {});
                        })
                  .ok());
  EXPECT_TRUE(store
                  .Scan(Family::kIds, {},
                        [&](std::string_view key, std::string_view value) {
                          return loaded->LoadId(key, value);
                        })
                  .ok());
  return loaded;
}

std::string Saved(const LabelJoin& join) {
  StateWriter out;
  join.Save(out);
  return out.Take();
}

TEST(LabelJoin, OfPredictionsWithOneIdTheNewestIsMatchedFirstSavedOrNot) {
  LabelJoin join(ById());
  join.Track();
  LabelJoin::Handle handle = nullptr;
  join.Predict(Made(5, 1), 1);
  join.Predict(Made(5, 2), 1);
  join.Predict(Made(5, 3), 1);
  ASSERT_EQ(join.Label(5, 1, At(4), &handle), LabelJoin::Arrival::kMatched);
  EXPECT_EQ(join[handle].time, At(3));
  join.Settle(handle, true, At(4));

  const std::unique_ptr<LabelJoin> loaded = Reloaded(join);
  for (LabelJoin* each : {&join, loaded.get()}) {
    ASSERT_EQ(each->Label(5, 1, At(5), &handle), LabelJoin::Arrival::kMatched);
    EXPECT_EQ((*each)[handle].time, At(2));
    each->Settle(handle, true, At(5));
    each->Predict(Made(5, 6), 1);
    ASSERT_EQ(each->Label(5, 1, At(7), &handle), LabelJoin::Arrival::kMatched);
    EXPECT_EQ((*each)[handle].time, At(6));
    each->Settle(handle, true, At(7));
    ASSERT_EQ(each->Label(5, 1, At(8), &handle), LabelJoin::Arrival::kMatched);
    EXPECT_EQ((*each)[handle].time, At(1));
    each->Settle(handle, true, At(8));
    EXPECT_EQ(each->Label(5, 1, At(9), &handle), LabelJoin::Arrival::kDuplicate);
  }
  EXPECT_EQ(Saved(join), Saved(*loaded));
}

/// What a memory that is saved again and again into one store holds once it is loaded.
TEST(IdMemory, IsTheSameFromItsRunsAfterEachOfManySnapshots) {
  MemoryStore store;
  IdMemory memory('s');
  memory.Track();
  uint64_t random = 1;
  const auto draw = [&](uint64_t below) { return (random = Mix64(random)) % below; };
  int64_t now = 1000;
  size_t most = 0;
  for (int round = 0; round < 60; ++round) {
    for (uint64_t i = 0, n = draw(3000); i < n; ++i) {
      // Mostly later and later, some long ago, some again, for another time or another flag.
      now += static_cast<int64_t>(draw(3));
      const uint64_t id = 1 + draw(2000);
      const bool late = draw(20) == 0 && !memory.Find(id);
      const int64_t behind = late ? static_cast<int64_t>(draw(4000)) : 0;
      memory.Remember(id, draw(2) == 0, At(now + 2000 - behind));
      if (draw(700) == 0) memory.Forget(At(now - static_cast<int64_t>(draw(300))));
    }
    const auto batch = store.NewBatch();
    memory.BeginSave(*batch);
    if (round % 3 == 0) memory.Remember(7, true, At(now + 2000));  // Belongs to the next snapshot.
    StateWriter then;
    if (round % 3 != 0) memory.Save(then);
    while (!memory.SaveMore(1)) {
    }
    memory.EndSave();
    ASSERT_TRUE(store.Write(*batch).ok());
    if (round % 3 == 0) continue;

    IdMemory loaded('s');
    size_t runs = 0;
    ASSERT_TRUE(store
                    .Scan(Family::kIds, {},
                          [&](std::string_view key, std::string_view value) {
                            ++runs;
                            return loaded.LoadItem(key, value);
                          })
                    .ok());
    most = std::max(most, runs);
    StateWriter now_is;
    loaded.Save(now_is);
    ASSERT_EQ(now_is.bytes(), then.bytes()) << round;
  }
  EXPECT_LT(most, 30u);  // Those that say nothing any more are gone.
}

TEST(IdMemory, HoldsWhatAPlainMapHolds) {
  IdMemory memory('s');
  std::map<uint64_t, std::pair<int64_t, bool>> plain;
  uint64_t random = 7;
  const auto draw = [&](uint64_t below) { return (random = Mix64(random)) % below; };
  int64_t now = 1000;
  for (int step = 0; step < 60'000; ++step) {
    now += static_cast<int64_t>(draw(3));
    const uint64_t id = 1 + draw(step < 30'000 ? 20'000 : 500);
    const auto known = plain.find(id);
    ASSERT_EQ(memory.Find(id),
              known == plain.end() ? std::nullopt : std::optional<bool>(known->second.second));
    const bool late = draw(20) == 0 && known == plain.end();
    const int64_t until = At(now + 2000 - (late ? static_cast<int64_t>(draw(4000)) : 0)).micros;
    const bool flag = draw(2) == 0;
    memory.Remember(id, flag, {until});
    plain[id] = {until, flag};
    if (draw(300) == 0) {
      const EventTime over = At(now - static_cast<int64_t>(draw(300)));
      memory.Forget(over);
      std::erase_if(plain, [&](const auto& entry) { return entry.second.first <= over.micros; });
    }
    ASSERT_EQ(memory.size(), plain.size());
    if (step % 5000 != 0) continue;
    std::vector<std::tuple<int64_t, uint64_t, bool>> sorted;
    for (const auto& [key, value] : plain) sorted.emplace_back(value.first, key, value.second);
    std::sort(sorted.begin(), sorted.end());
    StateWriter expected, saved;
    expected.U64(sorted.size());
    for (const auto& [time, key, value] : sorted) {
      expected.I64(time);
      expected.U64(key);
      expected.Bool(value);
    }
    memory.Save(saved);
    ASSERT_EQ(saved.bytes(), expected.bytes()) << step;
  }
}

TEST(IdMemory, OfAStoreThatHoldsIdsOneByOneBecomesRuns) {
  MemoryStore store;
  {
    const auto batch = store.NewBatch();
    for (uint64_t id = 1; id <= 5; ++id) {
      std::string key = "t";
      AppendOrdered(key, At(static_cast<int64_t>(10 * id)).micros);
      AppendOrdered(key, id);
      const char flag = id == 2 ? 1 : 0;
      batch->Put(Family::kIds, key, std::string_view(&flag, 1));
    }
    ASSERT_TRUE(store.Write(*batch).ok());
  }
  const auto load = [&](IdMemory& memory) {
    size_t items = 0;
    EXPECT_TRUE(store
                    .Scan(Family::kIds, {},
                          [&](std::string_view key, std::string_view value) {
                            ++items;
                            return memory.LoadItem(key, value);
                          })
                    .ok());
    return items;
  };
  IdMemory memory('t');
  EXPECT_EQ(load(memory), 5u);
  memory.Track();
  memory.Forget(At(10));
  const auto batch = store.NewBatch();
  memory.BeginSave(*batch);
  while (!memory.SaveMore(1)) {
  }
  ASSERT_TRUE(store.Write(*batch).ok());
  IdMemory again('t');
  EXPECT_EQ(load(again), 1u);
  EXPECT_EQ(again.size(), 4u);
  EXPECT_EQ(again.Find(2), true);
  EXPECT_EQ(again.Find(3), false);
}

TEST(LabelJoin, AnIdThatIsSettledTwiceAtOneTimeIsSavedOnce) {
  LabelJoin join(ById());
  join.Track();
  join.Settle(join.Predict(Made(5, 1), 1), true, At(9));
  join.Settle(join.Predict(Made(5, 2), 1), false, At(9));
  const std::unique_ptr<LabelJoin> loaded = Reloaded(join);
  EXPECT_EQ(Saved(join), Saved(*loaded));
  LabelJoin::Handle handle = nullptr;
  EXPECT_EQ(loaded->Label(5, 1, At(10), &handle), LabelJoin::Arrival::kLate);
}

}  // namespace
}  // namespace leat
