/// CluStream, DenStream and DBSTREAM: they find clusters, forget them, and stand any numbers.
#include "leat/clusters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "models/clusterers.h"
#include "models/heap.h"
#include "models/model_test.h"

namespace leat {
namespace {

using testing::DoubleEq;
using testing::ElementsAre;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

std::unique_ptr<Model> New(const std::string& type) { return New(type, Numbers(3)); }

template <typename Options>
std::unique_ptr<MicroClusterModel> Make(Result<std::unique_ptr<Model>> (*make)(const Options&,
                                                                               const InputSpec&),
                                        const Options& options, size_t width) {
  auto made = make(options, Numbers(width));
  EXPECT_TRUE(made.ok()) << made.status().message();
  return std::unique_ptr<MicroClusterModel>(static_cast<MicroClusterModel*>(made->release()));
}

size_t Nearest(const Model& model, const std::vector<double>& x) {
  const std::vector<double> out = Distances(model, x);
  return static_cast<size_t>(std::min_element(out.begin(), out.end()) - out.begin());
}

/// Three groups of three numbers, of which one is often missing.
std::vector<double> Grouped(uint64_t i) {
  CounterRandom random(31, 7, i * 16);
  const double centre = 6.0 * static_cast<double>(random.Below(3));
  return {centre + 0.4 * random.Normal(), 0.4 * random.Normal() - centre,
          i % 4 == 0 ? kNaN : 0.4 * random.Normal()};
}

class EveryClusterer : public testing::TestWithParam<std::string> {};

TEST_P(EveryClusterer, FindsGroupsThroughGaps) {
  const auto model = New(GetParam());
  EXPECT_EQ(model->task(), Task::kClustering);
  EXPECT_TRUE(Distances(*model, Grouped(0)).empty());
  for (uint64_t i = 0; i < 4000; ++i) Learn(*model, Grouped(i));
  std::set<size_t> found;
  for (const double at : {0.0, 6.0, 12.0}) {
    const std::vector<double> x = {at, -at, 0};
    found.insert(Nearest(*model, x));
    const std::vector<double> out = Distances(*model, x);
    EXPECT_LT(*std::min_element(out.begin(), out.end()), 4);
  }
  EXPECT_EQ(found.size(), 3u);
}

TEST_P(EveryClusterer, ContinuesBitEqualAfterLoading) {
  for (const uint64_t cut : {0u, 1u, 150u, 2100u}) {
    auto whole = New(GetParam());
    const auto x = [](uint64_t i) {  // Groups move on, so that micro-clusters come and go.
      std::vector<double> row = Grouped(i);
      row[0] += 0.01 * static_cast<double>(i);
      return row;
    };
    for (uint64_t i = 0; i < cut; ++i) Learn(*whole, x(i), 1 + static_cast<double>(i % 2));
    // Not by Reloaded: what is loaded has no room to spare, and weighs less.
    const std::string bytes = Saved(*whole);
    const auto loaded = whole->Fresh();
    StateReader in(bytes);
    ASSERT_TRUE(loaded->Load(in).ok() && in.AtEnd()) << in.status().message();
    ASSERT_TRUE(Saved(*loaded) == bytes);
    for (uint64_t i = cut; i < cut + 1500; ++i) {
      ASSERT_EQ(Distances(*whole, x(i)), Distances(*loaded, x(i))) << i;
      Learn(*whole, x(i));
      Learn(*loaded, x(i));
    }
    ASSERT_TRUE(Saved(*whole) == Saved(*loaded)) << cut;
  }
}

TEST_P(EveryClusterer, RefusesDamagedStateAndStaysAsItWas) {
  auto model = New(GetParam());
  for (uint64_t i = 0; i < 900; ++i) Learn(*model, Grouped(i));
  const std::string bytes = Saved(*model);
  ExpectRefusesCutState(*model, bytes);
  // Any flipped byte is refused or gives a model that still works.
  for (size_t at = 0; at < bytes.size(); at += DamageStep(bytes)) {
    std::string flipped = bytes;
    flipped[at] = static_cast<char>(flipped[at] ^ 0xff);
    auto victim = model->Fresh();
    StateReader in(flipped);
    if (!victim->Load(in).ok()) continue;
    for (uint64_t i = 1000; i < 1120; ++i) {
      for (const double d : Distances(*victim, Grouped(i))) {
        ASSERT_TRUE(d >= 0 && std::isfinite(d)) << at;
      }
      Learn(*victim, Grouped(i));
    }
  }
}

TEST_P(EveryClusterer, NeverGivesNaNWhateverTheNumbers) {
  auto model = New(GetParam());
  const double extremes[] = {0,      -0.0, 1e308, -1e308, 1e99, -1e99,     5e-324,  kInf,
                             1e-300, kNaN, 1e9,   1,      7,    1 + 1e-16, -1e-200, -kInf};
  CounterRandom random(9, 9);
  for (int i = 0; i < 6000; ++i) {
    std::vector<double> x(3);
    for (double& v : x) v = extremes[random.Below(16)];
    for (const double d : Distances(*model, x)) ASSERT_TRUE(d >= 0 && std::isfinite(d)) << i;
    Learn(*model, x, random.Below(10) == 0 ? 1e12 : random.Below(10) == 0 ? 1e-300 : 1);
  }
  const std::string bytes = Saved(*model);
  StateReader in(bytes);
  EXPECT_TRUE(model->Fresh()->Load(in).ok()) << in.status().message();
}

TEST_P(EveryClusterer, StandsConstantsAndHugeNumbers) {
  auto model = New(GetParam());
  CounterRandom random(5, 5);
  for (int i = 0; i < 1000; ++i) Learn(*model, {7, 1e9 * random.Normal(), 7});
  for (int i = 0; i < 1000; ++i) Learn(*model, {7, 7, 7});
  for (const double d : Distances(*model, {7, 7, 7})) ASSERT_TRUE(std::isfinite(d));
}

TEST_P(EveryClusterer, DoesNotLearnWhatHasNoValueOrNoWeight) {
  auto model = New(GetParam());
  const std::vector<double> nothing(3, kNaN), narrow = {1, 2};
  model->Learn({nothing, {}}, 0, 1);
  model->Learn({narrow, {}}, 0, 1);
  for (const double weight : {0.0, -1.0, kNaN}) Learn(*model, Grouped(1), weight);
  EXPECT_EQ(model->Summary().at(0).second, "0");
  EXPECT_EQ(model->Summary().at(1), (std::pair<std::string, std::string>("skipped", "5")));
}

TEST_P(EveryClusterer, SaysWhatMemoryItHolds) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the sanitizer's allocator rounds otherwise";
#endif
  const size_t before = HeapBytes();
  auto model = New(GetParam());
  for (uint64_t i = 0; i < 3000; ++i) Learn(*model, Grouped(i));
  const size_t held = HeapBytes() - before;
  EXPECT_NEAR(static_cast<double>(model->MemoryBytes()) / static_cast<double>(held), 1, 0.1);
}

TEST_P(EveryClusterer, RefusesLayoutsItCannotRead) { ExpectReadsNumbersOnly(GetParam()); }

INSTANTIATE_TEST_SUITE_P(Clusters, EveryClusterer,
                         testing::Values("clustream", "dbstream", "denstream"),
                         [](const auto& item) { return item.param; });

/// Two arcs, one in the bend of the other.
std::vector<double> Arcs(uint64_t i, size_t* arc = nullptr) {
  CounterRandom random(17, 3, i * 8);
  const bool second = random.Below(2) == 1;
  if (arc != nullptr) *arc = second ? 1 : 0;
  const double angle = 3.14159 * random.Uniform();
  const double x = std::cos(angle), y = std::sin(angle);
  const double dx = 0.03 * random.Normal(), dy = 0.03 * random.Normal();
  return {(second ? 1 - x : x) + dx, (second ? 0.4 - y : y) + dy};
}

/// Whether each arc is a cluster of its own, nearly everywhere.
void ExpectArcsApart(MicroClusterModel& model) {
  for (uint64_t i = 0; i < 6000; ++i) Learn(model, Arcs(i));
  EXPECT_EQ(model.clusters(), 2u);
  size_t counts[2][2] = {};
  for (uint64_t i = 6000; i < 7000; ++i) {
    size_t arc = 0;
    const std::vector<double> x = Arcs(i, &arc);
    const size_t found = Nearest(model, x);
    ASSERT_LT(found, 2u);
    ++counts[arc][found];
  }
  const size_t right = std::max(counts[0][0] + counts[1][1], counts[0][1] + counts[1][0]);
  EXPECT_GT(right, 990u);
}

TEST(DenStream, FollowsShapes) {
  DenStreamOptions options;
  options.radius = 0.1;
  options.core_weight = 5;
  ExpectArcsApart(*Make(MakeDenStream, options, 2));
}

TEST(DbStream, FollowsShapes) {
  DbStreamOptions options;
  options.radius = 0.15;
  options.intersection = 0.05;
  ExpectArcsApart(*Make(MakeDbStream, options, 2));
}

TEST(DenStream, MergesWhileTheRadiusAllowsIt) {
  DenStreamOptions options;
  options.half_life = 1e12;
  options.recluster_every = 1;
  options.radius = 1.001;
  auto model = Make(MakeDenStream, options, 1);
  Learn(*model, {0});
  Learn(*model, {2});  // Both are 1 from their mean.
  ASSERT_EQ(model->micro_clusters(), 1u);
  EXPECT_NEAR(model->Centre(0)[0], 1, 1e-9);
  EXPECT_NEAR(model->Weight(0), 2, 1e-9);
  Learn(*model, {4});  // Would be at 2, with a radius of sqrt(8/3).
  EXPECT_EQ(model->micro_clusters(), 2u);
  EXPECT_EQ(model->clusters(), 0u);  // Outliers both.
  Learn(*model, {1}, 9);
  EXPECT_EQ(model->clusters(), 1u);  // 11 is more than core_weight.
  EXPECT_EQ(model->ClusterOf(0), 0);
  EXPECT_EQ(model->ClusterOf(1), -1);
}

TEST(DenStream, ForgetsOutliersAndClustersThatEnd) {
  DenStreamOptions options;
  options.half_life = 100;
  auto model = Make(MakeDenStream, options, 1);
  CounterRandom random(3, 3);
  for (int i = 0; i < 1000; ++i)
    Learn(*model, {i % 50 == 0 ? 1000.0 + 50 * i : 0.5 * random.Normal()});
  EXPECT_EQ(model->clusters(), 1u);
  EXPECT_LT(Distances(*model, {0}).at(0), 1);
  EXPECT_LT(model->micro_clusters(), 15u);  // Of 20 outliers the old ones have gone.
  for (int i = 0; i < 2000; ++i) Learn(*model, {100 + 0.5 * random.Normal()});
  EXPECT_EQ(model->clusters(), 1u);
  EXPECT_LT(Distances(*model, {100}).at(0), 4);
}

TEST(DbStream, ForgetsWhatEnds) {
  DbStreamOptions options;
  options.half_life = 100;
  auto model = Make(MakeDbStream, options, 1);
  for (int i = 0; i < 300; ++i) Learn(*model, {i % 2 == 0 ? 0.0 : 50.0});
  EXPECT_EQ(model->clusters(), 2u);
  for (int i = 0; i < 2000; ++i) Learn(*model, {50});
  EXPECT_EQ(model->clusters(), 1u);
  EXPECT_EQ(Distances(*model, {50}).at(0), 0);
}

TEST(DbStream, SharesRecordsThatLieInBoth) {
  DbStreamOptions options;
  options.half_life = 1e12;
  options.recluster_every = 1;
  options.minimum_weight = 0.5;
  auto model = Make(MakeDbStream, options, 1);
  Learn(*model, {0});
  Learn(*model, {1.5});
  EXPECT_EQ(model->clusters(), 2u);
  // In both: each would move by exp(-0.75^2 / (2 / 9)) of the way, which brings them 1.38 apart.
  Learn(*model, {0.75});
  const double share = std::exp(-0.75 * 0.75 * 4.5);
  EXPECT_NEAR(model->Centre(0)[0], 0.75 * share, 1e-12);
  EXPECT_NEAR(model->Centre(1)[0], 1.5 - 0.75 * share, 1e-12);
  EXPECT_NEAR(model->Weight(0), 2, 1e-9);
  // They share 1 of a mean weight of 2.
  EXPECT_EQ(model->clusters(), 1u);
  EXPECT_EQ(model->ClusterOf(0), model->ClusterOf(1));
}

TEST(DbStream, ConnectionsHoldBothWays) {
  // The third micro-cluster is connected to the first two, which are not connected to each other.
  for (const bool one_way : {false, true}) {
    DbStreamOptions options;
    options.half_life = 1e12;
    options.recluster_every = 1;
    options.minimum_weight = 0;
    options.one_way = one_way;
    auto model = Make(MakeDbStream, options, 1);
    for (const double x : {0.0, 3.0, 1.5, 0.75, 2.25}) Learn(*model, {x});
    ASSERT_EQ(model->micro_clusters(), 3u);
    EXPECT_EQ(model->clusters(), one_way ? 2u : 1u);
  }
}

TEST(CluStream, KeepsWeightsAndMeansWhenTwoBecomeOne) {
  CluStreamOptions options;
  options.clusters = 2;
  options.micro_clusters = 3;
  options.horizon = 1'000'000;
  auto model = Make(MakeCluStream, options, 1);
  for (const double x : {0.0, 10.0, 11.0}) Learn(*model, {x});
  // 30 is too far from 11: the two nearest, 10 and 11, make room.
  Learn(*model, {30});
  ASSERT_EQ(model->micro_clusters(), 3u);
  EXPECT_THAT(std::vector<double>(model->Centre(1).begin(), model->Centre(1).end()),
              ElementsAre(DoubleEq(10.5)));
  EXPECT_EQ(model->Weight(1), 2);
  EXPECT_EQ(model->Centre(2)[0], 30);
  // Its deviation is 0.5 now: 11.4 is within twice that, 11.6 was not.
  Learn(*model, {11.4});
  EXPECT_EQ(model->Weight(1), 3);
  EXPECT_NEAR(model->Centre(1)[0], 10.8, 1e-12);
}

TEST(CluStream, ReplacesWhatIsOlderThanTheHorizon) {
  CluStreamOptions options;
  options.clusters = 2;
  options.micro_clusters = 3;
  options.horizon = 10;
  auto model = Make(MakeCluStream, options, 1);
  for (const double x : {0.0, 10.0, 20.0}) Learn(*model, {x});
  for (int i = 0; i < 30; ++i) Learn(*model, {i % 2 == 0 ? 10.1 : 20.1});
  Learn(*model, {500});
  ASSERT_EQ(model->micro_clusters(), 3u);
  for (size_t m = 0; m < 3; ++m) EXPECT_NE(model->Centre(m)[0], 0);
  EXPECT_EQ(model->Centre(2)[0], 500);
}

TEST(CluStream, ClustersKeepTheirPlaces) {
  CluStreamOptions options;
  options.clusters = 3;
  auto model = Make(MakeCluStream, options, 3);
  for (uint64_t i = 0; i < 2000; ++i) Learn(*model, Grouped(i));
  const std::vector<double> there = {6, -6, 0};
  const size_t place = Nearest(*model, there);
  for (uint64_t i = 2000; i < 4000; ++i) {
    Learn(*model, Grouped(i));
    ASSERT_EQ(Nearest(*model, there), place) << i;
  }
}

TEST(MicroClusters, AreNoMoreThanAllowed) {
  DenStreamOptions dense;
  dense.max_micro_clusters = 20;
  dense.radius = 0.01;
  DbStreamOptions shared;
  shared.max_micro_clusters = 20;
  shared.radius = 0.01;
  CounterRandom random(4, 4);
  auto a = Make(MakeDenStream, dense, 1);
  auto b = Make(MakeDbStream, shared, 1);
  for (int i = 0; i < 3000; ++i) {
    const std::vector<double> x = {1000 * random.Normal()};
    Learn(*a, x);
    Learn(*b, x);
    ASSERT_LE(a->micro_clusters(), 20u);
    ASSERT_LE(b->micro_clusters(), 20u);
  }
  EXPECT_EQ(b->micro_clusters(), 20u);
}

TEST(MicroClusters, RefuseOptionsThatAreAtOdds) {
  DenStreamOptions dense;
  dense.core_weight = 2;
  dense.potential = 0.5;
  EXPECT_FALSE(MakeDenStream(dense, Numbers(1)).ok());
  CluStreamOptions flow;
  flow.clusters = 101;
  EXPECT_FALSE(MakeCluStream(flow, Numbers(1)).ok());
  DbStreamOptions shared;
  shared.radius = 0;
  EXPECT_FALSE(MakeDbStream(shared, Numbers(1)).ok());
}

}  // namespace
}  // namespace leat
