#include "pipeline/label_join.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
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
  loaded->EndLoad();
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
  join.Settle(handle, 1, At(4));

  const std::unique_ptr<LabelJoin> loaded = Reloaded(join);
  for (LabelJoin* each : {&join, loaded.get()}) {
    ASSERT_EQ(each->Label(5, 1, At(5), &handle), LabelJoin::Arrival::kMatched);
    EXPECT_EQ((*each)[handle].time, At(2));
    each->Settle(handle, 1, At(5));
    each->Predict(Made(5, 6), 1);
    ASSERT_EQ(each->Label(5, 1, At(7), &handle), LabelJoin::Arrival::kMatched);
    EXPECT_EQ((*each)[handle].time, At(6));
    each->Settle(handle, 1, At(7));
    ASSERT_EQ(each->Label(5, 1, At(8), &handle), LabelJoin::Arrival::kMatched);
    EXPECT_EQ((*each)[handle].time, At(1));
    each->Settle(handle, 1, At(8));
    EXPECT_EQ(each->Label(5, 1, At(9), &handle), LabelJoin::Arrival::kDuplicate);
  }
  EXPECT_EQ(Saved(join), Saved(*loaded));
}

// Of the queue's entries nearly all are of ids that came again since: the index has to grow before
// what goes over bit by bit has come to those that are alive.
TEST(IdMemory, GrowsThoughNearlyAllItsEntriesAreOfIdsThatCameAgain) {
  for (const uint64_t often : {1, 20, 200, 2000}) {
    IdMemory memory('s');
    for (uint64_t round = 1; round <= often; ++round) {
      for (uint64_t id = 0; id < 20; ++id) {
        memory.Remember(id, {round % 2 == 0}, At(static_cast<int64_t>(10'000 + round)));
      }
    }
    for (uint64_t id = 20; id < 400; ++id) {
      memory.Remember(id, {true}, At(20'000));
      ASSERT_EQ(memory.size(), id + 1);
      ASSERT_TRUE(memory.Find(id / 2)) << id;
    }
    for (uint64_t id = 0; id < 400; ++id) {
      ASSERT_EQ(memory.Find(id), (IdMemory::Note{id >= 20 || often % 2 == 0})) << id;
    }
    memory.Forget(At(20'000));
    EXPECT_EQ(memory.size(), 0u);
  }
}

/// What a memory that is saved again and again into one store holds once it is loaded: what it held
/// when a snapshot began, whatever changed until that was filled.
TEST(IdMemory, IsTheSameFromItsRunsAfterEachOfManySnapshots) {
  for (const char former : {'\0', 't'}) {
    MemoryStore store;
    IdMemory memory('v', former);
    memory.Track();
    uint64_t random = 1;
    const auto draw = [&](uint64_t below) { return (random = Mix64(random)) % below; };
    int64_t now = 1000;
    size_t most = 0;
    const auto change = [&] {
      // Mostly later and later, some long ago, some again, for another time or another note.
      now += static_cast<int64_t>(draw(3));
      const uint64_t id = 1 + draw(2000);
      const bool late = draw(20) == 0 && !memory.Find(id);
      const int64_t behind = late ? static_cast<int64_t>(draw(4000)) : 0;
      memory.Remember(id, {draw(2) == 0, static_cast<IdMemory::Mark>(draw(3))},
                      At(now + 2000 - behind));
      if (draw(700) == 0) memory.Forget(At(now - static_cast<int64_t>(draw(300))));
    };
    for (int round = 0; round < 60; ++round) {
      for (uint64_t i = 0, n = draw(3000); i < n; ++i) change();
      const auto batch = store.NewBatch();
      memory.BeginSave(*batch);
      StateWriter then;
      memory.Save(then);
      for (bool filled = false; !filled; filled = memory.SaveMore(1)) {
        for (uint64_t i = 0, n = draw(3) == 0 ? draw(1500) : 0; i < n; ++i) change();
        if (draw(3) == 0) memory.Forget(At(now + static_cast<int64_t>(draw(2100))));
      }
      memory.EndSave();
      ASSERT_TRUE(store.Write(*batch).ok());

      IdMemory loaded('v', former);
      size_t runs = 0;
      ASSERT_TRUE(store
                      .Scan(Family::kIds, {},
                            [&](std::string_view key, std::string_view value) {
                              ++runs;
                              return loaded.LoadItem(key, value);
                            })
                      .ok());
      loaded.EndLoad();
      most = std::max(most, runs);
      StateWriter now_is;
      loaded.Save(now_is);
      ASSERT_EQ(now_is.bytes(), then.bytes()) << round;
    }
    EXPECT_LT(most, 30u);  // Those that say nothing any more are gone.
  }
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
    ASSERT_EQ(memory.Find(id), known == plain.end()
                                   ? std::nullopt
                                   : std::optional(IdMemory::Note{known->second.second, 0}));
    const bool late = draw(20) == 0 && known == plain.end();
    const int64_t until = At(now + 2000 - (late ? static_cast<int64_t>(draw(4000)) : 0)).micros;
    const bool flag = draw(2) == 0;
    memory.Remember(id, {flag}, {until});
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
    memory.EndLoad();
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
  EXPECT_EQ(again.Find(2), (IdMemory::Note{true, 0}));
  EXPECT_EQ(again.Find(3), (IdMemory::Note{false, 0}));
}

/// Runs of a version that kept no marks are loaded, and become runs with marks.
TEST(IdMemory, RunsWithoutMarksBecomeRunsWithMarks) {
  MemoryStore store;
  const auto save = [&](IdMemory& memory) {
    const auto batch = store.NewBatch();
    memory.BeginSave(*batch);
    while (!memory.SaveMore(1)) {
    }
    ASSERT_TRUE(store.Write(*batch).ok());
  };
  const auto load = [&](IdMemory& memory) {
    std::string letters;
    EXPECT_TRUE(store
                    .Scan(Family::kIds, {},
                          [&](std::string_view key, std::string_view value) {
                            letters += key[0];
                            return memory.LoadItem(key, value);
                          })
                    .ok());
    memory.EndLoad();
    return letters;
  };
  IdMemory before('t');
  before.Track();
  for (uint64_t id = 1; id <= 1500; ++id) {
    before.Remember(id, {id % 2 == 0}, At(static_cast<int64_t>(id)));
  }
  save(before);
  before.Forget(At(100));
  before.Remember(1600, {true}, At(1600));
  save(before);

  IdMemory memory('v', 't');
  EXPECT_EQ(load(memory), "ttt");
  EXPECT_EQ(memory.size(), 1401u);
  memory.Track();
  memory.Remember(1700, {true, 7}, At(1700));
  save(memory);
  IdMemory again('v', 't');
  EXPECT_EQ(load(again), "vv");
  EXPECT_EQ(again.size(), 1402u);
  EXPECT_EQ(again.Find(100), std::nullopt);
  EXPECT_EQ(again.Find(102), (IdMemory::Note{true, 0}));
  EXPECT_EQ(again.Find(1499), (IdMemory::Note{false, 0}));
  EXPECT_EQ(again.Find(1700), (IdMemory::Note{true, 7}));
}

TEST(IdMemory, MarksTellValuesApart) {
  std::set<IdMemory::Mark> marks;
  for (int value = 0; value < 32'767; ++value) marks.insert(IdMemory::MarkOf(value));
  EXPECT_EQ(marks.size(), 32'767u);
  EXPECT_FALSE(marks.contains(0));
  for (const double value : {0.5, -1.0, 32'767.0, 1e300, -0.25}) {
    EXPECT_FALSE(marks.contains(IdMemory::MarkOf(value))) << value;
    EXPECT_NE(IdMemory::MarkOf(value), 0) << value;
  }
  EXPECT_EQ(IdMemory::MarkOf(-0.0), IdMemory::MarkOf(0.0));
}

TEST(LabelJoin, TheFirstLabelOfAnIdCountsWhetherItOrItsPredictionCameFirst) {
  LabelJoin join(ById());
  join.Track();
  LabelJoin::Handle handle = nullptr;
  ASSERT_EQ(join.Label(5, 1, At(1), &handle), LabelJoin::Arrival::kWaits);
  EXPECT_EQ(join.Label(5, 0, At(2), &handle), LabelJoin::Arrival::kCorrected);
  EXPECT_EQ(join.Label(5, 1, At(2), &handle), LabelJoin::Arrival::kDuplicate);
  const std::unique_ptr<LabelJoin> early = Reloaded(join);
  for (LabelJoin* each : {&join, early.get()}) {
    handle = each->Predict(Made(5, 3), 1);
    ASSERT_EQ(each->TakeEarly(5), 1.0);
    each->Settle(handle, 1, At(3));
    each->Predict(Made(6, 3), 1);
    ASSERT_EQ(each->Label(6, 1, At(4), &handle), LabelJoin::Arrival::kMatched);
    each->Settle(handle, 1, At(4));
  }
  const std::unique_ptr<LabelJoin> settled = Reloaded(join);
  for (LabelJoin* each : {&join, early.get(), settled.get()}) {
    for (const uint64_t id : {5, 6}) {
      EXPECT_EQ(each->Label(id, 0, At(5), &handle), LabelJoin::Arrival::kCorrected);
      EXPECT_EQ(each->Label(id, 1, At(5), &handle), LabelJoin::Arrival::kDuplicate);
      EXPECT_EQ(each->Label(id, 0.5, At(5), &handle), LabelJoin::Arrival::kCorrected);
    }
    const LabelAccount& a = each->account();
    EXPECT_EQ(a.corrected, 5);
    EXPECT_EQ(a.duplicate, 3);
    EXPECT_EQ(a.labels, a.matched + a.late + a.duplicate + a.corrected + a.orphan);
  }
}

TEST(LabelJoin, AnIdThatIsSettledTwiceAtOneTimeIsSavedOnce) {
  LabelJoin join(ById());
  join.Track();
  join.Settle(join.Predict(Made(5, 1), 1), 1, At(9));
  join.Settle(join.Predict(Made(5, 2), 1), std::nullopt, At(9));
  const std::unique_ptr<LabelJoin> loaded = Reloaded(join);
  EXPECT_EQ(Saved(join), Saved(*loaded));
  LabelJoin::Handle handle = nullptr;
  EXPECT_EQ(loaded->Label(5, 1, At(10), &handle), LabelJoin::Arrival::kLate);
}

}  // namespace
}  // namespace leat
