#include "pipeline/label_join.h"

#include <gtest/gtest.h>

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
