// The index of keyed state and of waiting predictions.
#include "base/pointer_index.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <unordered_map>

#include "base/random.h"

namespace leat {
namespace {

TEST(PointerIndex, AgreesWithAMapOverRandomInsertsFindsAndErases) {
  for (const uint64_t range : {40u, 700u, 20'000u}) {
    PointerIndex<std::byte> index;
    std::unordered_map<uint64_t, std::byte*> map;
    CounterRandom random(range, 8);
    for (int i = 0; i < 60'000; ++i) {
      // Small and huge keys, and zero; grows for a while, then shrinks, then grows again.
      uint64_t key = random.Below(range);
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

}  // namespace
}  // namespace leat
