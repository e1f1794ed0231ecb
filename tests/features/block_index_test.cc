// The index of keyed state, and the lookups that a group remembers.
#include "features/block_index.h"

#include <gtest/gtest.h>

#include <string>
#include <unordered_map>

#include "base/random.h"
#include "tests/features/events.h"

namespace leat {
namespace {

TEST(BlockIndex, AgreesWithAMapOverRandomInsertsFindsAndErases) {
  for (const uint64_t range : {40u, 700u, 20'000u}) {
    features::BlockIndex index;
    std::unordered_map<uint64_t, std::byte*> map;
    CounterRandom random(range, 8);
    for (int i = 0; i < 60'000; ++i) {
      // Small and huge keys; grows for a while, then shrinks, then grows again.
      uint64_t key = 1 + random.Below(range);
      if (key % 2 == 0) key *= 0x100000000000001;
      index.Prefetch(key);
      const auto known = map.find(key);
      ASSERT_EQ(index.Find(key), known == map.end() ? nullptr : known->second);
      const bool growing = i / 20'000 != 1;
      if (known == map.end()) {
        if (growing || random.Below(4) == 0) {
          auto* block = reinterpret_cast<std::byte*>(64 * (random.Below(1u << 20) + 1));
          index.Insert(key, block);
          map[key] = block;
        }
      } else if (!growing || random.Below(4) == 0) {
        index.Erase(key);
        map.erase(known);
      } else if (random.Below(4) == 0) {
        known->second += 64;
        index.Replace(key, known->second);
      }
      ASSERT_EQ(index.size(), map.size());
      if (i % 1000 != 0) continue;
      size_t seen = 0;
      index.ForEach([&](uint64_t k, std::byte* block) {
        ++seen;
        ASSERT_EQ(map.at(k), block);
      });
      ASSERT_EQ(seen, map.size());
    }
    index.Clear();
    EXPECT_EQ(index.size(), 0u);
    EXPECT_EQ(index.Find(1), nullptr);
  }
}

TEST(BlockIndex, PrefetchingChangesNothingWhileKeysAreDropped) {
  // Few keys may stay, so keys that were fetched are dropped, and come again, all the time.
  FeatureOptions options;
  options.max_keys = 20;
  const std::vector<FeatureSpec> specs = {
      Window("n", Aggregate::kCount, "", 1000 * kSecond),
      Window("sum", Aggregate::kSum, "amount", 100 * kSecond, {"terminal"}),
      Window("risk", Aggregate::kMean, "label", 500 * kSecond, {"terminal"}),
      Window("values", Aggregate::kDistinct, "amount", 300 * kSecond)};
  Graph plain(specs, options), fetched(specs, options);
  CounterRandom random(3, 9);
  std::vector<std::string> names;
  for (int i = 0; i < 60; ++i) names.push_back("key " + std::to_string(i));
  for (int i = 0; i < 5000; ++i) {
    const Record record = Card(i, names[random.Below(60)], names[random.Below(60)],
                               static_cast<double>(random.Below(9)));
    for (const FetchStage stage : {FetchStage::kIndex, FetchStage::kBlock, FetchStage::kEvents}) {
      const Record other = Card(i, names[random.Below(60)], names[random.Below(60)], 0);
      fetched->Prefetch(random.Below(2) == 0 ? record : other, stage);
    }
    plain.Step(record);
    fetched.Step(record);
    for (const char* name : {"n", "sum", "risk", "values"}) {
      const double a = plain.Get(name), b = fetched.Get(name);
      ASSERT_TRUE(a == b || (a != a && b != b)) << name << " at " << i;
    }
    const std::vector<double> payload = plain.Kept(record);
    for (const FetchStage stage : {FetchStage::kIndex, FetchStage::kBlock, FetchStage::kEvents}) {
      fetched->PrefetchLabel(record.time, payload, stage);
    }
    plain->OnLabel(record.time, i % 3, payload);
    fetched->OnLabel(record.time, i % 3, payload);
  }
  EXPECT_EQ(plain.Saved(), fetched.Saved());
}

}  // namespace
}  // namespace leat
