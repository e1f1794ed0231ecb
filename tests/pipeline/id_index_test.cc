#include "pipeline/id_index.h"

#include <gtest/gtest.h>

#include <deque>
#include <vector>

#include "base/random.h"

namespace leat {
namespace {

// Ids come and go in an index with as few buckets as there can be: each of them has passed ids on
// to the next one, sooner or later, and a search for an id that is not there ends all the same.
TEST(IdIndexTest, ASearchEndsThoughAllBucketsHavePassedIdsOn) {
  IdIndex index = IdIndex().Grown();
  std::vector<uint64_t> ids;  // By position.
  std::deque<uint32_t> there;
  const auto id_at = [&](uint32_t position) { return ids[position]; };
  CounterRandom random(1, 1);
  for (int i = 0; i < 20'000; ++i) {
    if (!there.empty() && (index.full() || random.Below(3) == 0)) {
      const uint32_t position = there.front();
      there.pop_front();
      index.Erase(ids[position], position);
      ASSERT_EQ(index.Find(ids[position], id_at), nullptr);
    }
    const auto position = static_cast<uint32_t>(ids.size());
    ids.push_back(random.Next());
    ASSERT_EQ(index.Find(ids.back(), id_at), nullptr);
    index.Insert(ids.back(), position);
    there.push_back(position);
    ASSERT_EQ(index.size(), there.size());
    for (const uint32_t one : there) {
      const uint32_t* const found = index.Find(ids[one], id_at);
      ASSERT_NE(found, nullptr);
      ASSERT_EQ(*found, one);
    }
  }
}

}  // namespace
}  // namespace leat
