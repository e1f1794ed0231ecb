// What is fetched ahead is only fetched.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/random.h"
#include "tests/features/events.h"

namespace leat {
namespace {

TEST(Prefetch, ChangesNothingWhileKeysAreDropped) {
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
