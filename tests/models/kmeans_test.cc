#include "leat/kmeans.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "models/clusterers.h"

namespace leat {
namespace {

using testing::DoubleEq;
using testing::ElementsAre;
using testing::SizeIs;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

InputSpec Layout(size_t dense) {
  InputSpec inputs;
  inputs.dense.resize(dense);
  return inputs;
}
std::unique_ptr<KMeans> Make(const KMeansOptions& options, size_t dense) {
  auto made = MakeKMeans(options, Layout(dense));
  EXPECT_TRUE(made.ok()) << made.status().message();
  return std::unique_ptr<KMeans>(static_cast<KMeans*>(std::move(made).value().release()));
}
std::string Bytes(const Model& model) {
  StateWriter out;
  model.Save(out);
  return out.Take();
}
KMeansOptions TwoAt(double a, double b) {
  KMeansOptions options;
  options.clusters = 2;
  options.initial_centres = {a, b};
  return options;
}

TEST(KMeans, PredictsSquaredDistances) {
  KMeansOptions options;
  options.clusters = 2;
  options.initial_centres = {0, 0, 3, 4};
  auto model = Make(options, 2);
  EXPECT_THAT(Distances(*model, {0, 0}), ElementsAre(0, 25));
  // One of two coordinates is missing: the distance over the other is doubled.
  EXPECT_THAT(Distances(*model, {1, kNan}), ElementsAre(2, 8));
  EXPECT_EQ(model->Nearest({std::vector<double>{2, 3}, {}}), 1);
}

TEST(KMeans, ACentreIsTheMeanOfItsRecords) {
  auto model = Make(TwoAt(0, 10), 1);
  for (const double x : {1.0, 2.0, 3.0, 9.0, 8.0}) Learn(*model, {x});
  EXPECT_THAT(model->centres(), ElementsAre(DoubleEq(2), DoubleEq(8.5)));
}

TEST(KMeans, AWeightOfTwoIsTwoRecords) {
  for (const double rate : {0.0, 0.25}) {
    KMeansOptions options = TwoAt(0, 10);
    options.rate = rate;
    auto once = Make(options, 1), twice = Make(options, 1);
    for (const double x : {1.0, 9.0, 3.0}) {
      Learn(*once, {x}, 2);
      for (int i = 0; i < 2; ++i) Learn(*twice, {x});
    }
    EXPECT_NEAR(once->centres()[0], twice->centres()[0], 1e-12);
    EXPECT_NEAR(once->centres()[1], twice->centres()[1], 1e-12);
  }
}

TEST(KMeans, ABatchFindsAllNearestCentresBeforeAnyMoves) {
  KMeansOptions options = TwoAt(0, 10);
  auto one = Make(options, 1);
  options.batch = 3;
  auto batch = Make(options, 1);
  for (const double x : {4.0, 4.5, 4.9}) {
    EXPECT_THAT(batch->centres(), ElementsAre(0, 10));  // Nothing has moved.
    for (KMeans* model : {one.get(), batch.get()}) model->Learn({std::vector<double>{x}, {}}, 0, 1);
  }
  const auto near = [](double x) { return testing::DoubleNear(x, 1e-9); };
  EXPECT_THAT(batch->centres(), ElementsAre(near((4 + 4.5 + 4.9) / 3), 10));
  // One by one, 10 has moved to 9 when 7.2 comes, and is the nearer one.
  for (const double x : {9.0, 6.6, 7.2}) {
    for (KMeans* model : {one.get(), batch.get()}) model->Learn({std::vector<double>{x}, {}}, 0, 1);
  }
  EXPECT_THAT(one->centres(), ElementsAre(near((4 + 4.5 + 4.9 + 6.6) / 4), near(8.1)));
  EXPECT_THAT(batch->centres(), ElementsAre(near((4 + 4.5 + 4.9 + 6.6 + 7.2) / 5), near(9)));
}

TEST(KMeans, ABatchThatWaitsIsSaved) {
  KMeansOptions options;
  options.clusters = 3;
  options.seed_buffer = 50;
  options.batch = 20;
  auto whole = Make(options, 2);
  CounterRandom random(2, 2);
  const auto learn = [](KMeans& model, CounterRandom from, int rows) {
    for (int i = 0; i < rows; ++i) {
      const std::vector<double> x = {from.Normal(), from.Normal()};
      model.Learn({x, {}}, 0, 1);
    }
  };
  learn(*whole, random, 77);
  auto loaded = whole->Fresh();
  const std::string bytes = Bytes(*whole);
  StateReader in(bytes);
  ASSERT_TRUE(loaded->Load(in).ok());
  EXPECT_EQ(loaded->MemoryBytes(), whole->MemoryBytes());
  learn(*whole, random, 40);
  learn(static_cast<KMeans&>(*loaded), random, 40);
  EXPECT_EQ(Bytes(*whole), Bytes(*loaded));
}

TEST(KMeans, AConstantRateGoesThatShareOfTheWay) {
  KMeansOptions options = TwoAt(0, 10);
  options.rate = 0.25;
  auto model = Make(options, 1);
  Learn(*model, {4});
  EXPECT_THAT(model->centres(), ElementsAre(1, 10));
  Learn(*model, {14});
  EXPECT_THAT(model->centres(), ElementsAre(1, 11));
}

TEST(KMeans, HalfLifeForgetsOldRecords) {
  KMeansOptions options = TwoAt(0, 1000);
  options.half_life = 1;
  auto model = Make(options, 1);
  Learn(*model, {2});  // count 1
  Learn(*model, {8});  // count 1/2 + 1: 2 + 6 / 1.5
  EXPECT_DOUBLE_EQ(model->centres()[0], 6);
}

TEST(KMeans, SeedingFindsClustersThatAreFarApart) {
  KMeansOptions options;
  options.clusters = 3;
  options.seed_buffer = 60;
  for (int64_t seed = 1; seed <= 20; ++seed) {
    options.seed = seed;
    auto model = Make(options, 1);
    CounterRandom random(11, 11);
    for (int i = 0; i < 59; ++i) {
      Learn(*model, {100.0 * (i % 3) + random.Normal()});
      ASSERT_THAT(Distances(*model, {0}), SizeIs(0));
    }
    Learn(*model, {0});
    std::vector<double> centres = model->centres();
    std::sort(centres.begin(), centres.end());
    ASSERT_THAT(centres, SizeIs(3));
    for (int c = 0; c < 3; ++c) EXPECT_NEAR(centres[c], 100.0 * c, 3);
  }
}

TEST(KMeans, SeedingManagesWithFewerPlacesThanCentres) {
  KMeansOptions options;
  options.clusters = 3;
  options.seed_buffer = 5;
  auto model = Make(options, 2);
  for (int i = 0; i < 10; ++i) Learn(*model, {1, kNan});
  for (const double x : model->centres()) EXPECT_TRUE(std::isfinite(x));
  EXPECT_THAT(Distances(*model, {1, kNan}), ElementsAre(0, 0, 0));
}

TEST(KMeans, ADeadCentreIsMovedToWhereItIsNeeded) {
  KMeansOptions options = TwoAt(0, 1e6);
  options.rate = 0.1;
  options.reseed_after = 20;
  auto model = Make(options, 1);
  CounterRandom random(12, 12);
  for (int i = 0; i < 400; ++i) Learn(*model, {(i % 2 == 0 ? -50.0 : 50.0) + random.Normal()});
  std::vector<double> centres = model->centres();
  std::sort(centres.begin(), centres.end());
  EXPECT_NEAR(centres[0], -50, 5);
  EXPECT_NEAR(centres[1], 50, 5);

  options.reseed_after = 0;
  auto never = Make(options, 1);
  for (int i = 0; i < 400; ++i) Learn(*never, {i % 2 == 0 ? -50.0 : 50.0});
  EXPECT_EQ(never->centres()[1], 1e6);
}

TEST(KMeans, TheAnomalyScoreIsRelativeToTheUsualDistance) {
  KMeansOptions options = TwoAt(0, 100);
  options.rate = 1e-9;
  auto model = Make(options, 1);
  EXPECT_EQ(model->AnomalyScore({std::vector<double>{5}, {}}), 0);
  for (const double x : {1.0, 3.0, 98.0}) Learn(*model, {x});  // distances 1, 3, 2: mean 2
  EXPECT_NEAR(model->AnomalyScore({std::vector<double>{10}, {}}), 5, 1e-6);
  EXPECT_NEAR(model->AnomalyScore({std::vector<double>{99}, {}}), 0.5, 1e-6);
}

TEST(KMeans, SavedAndLoadedGoesOnBitForBit) {
  KMeansOptions options;
  options.clusters = 4;
  options.seed_buffer = 50;
  options.half_life = 100;
  options.reseed_after = 30;
  for (const int cut : {20, 200}) {  // while the buffer fills, and after
    auto model = Make(options, 3);
    std::unique_ptr<Model> copy;
    CounterRandom random(13, 13);
    for (int i = 0; i < 400; ++i) {
      if (i == cut) {
        copy = model->Fresh();
        const std::string state = Bytes(*model);
        StateReader reader(state);
        ASSERT_TRUE(copy->Load(reader).ok());
        EXPECT_TRUE(reader.AtEnd());
      }
      const std::vector<double> x{random.Normal(), random.Below(5) == 0 ? kNan : random.Normal(),
                                  random.Normal()};
      Learn(*model, x);
      if (copy) Learn(*copy, x);
    }
    EXPECT_EQ(Bytes(*copy), Bytes(*model));
  }
}

TEST(KMeans, RefusesStateThatIsCutShort) {
  auto model = Make(TwoAt(0, 1), 1);
  Learn(*model, {0.5});
  const std::string state = Bytes(*model);
  for (size_t cut = 0; cut < state.size(); ++cut) {
    StateReader reader(std::string_view(state).substr(0, cut));
    EXPECT_FALSE(model->Fresh()->Load(reader).ok());
  }
  KMeansOptions three;
  three.clusters = 3;
  StateReader reader(state);
  EXPECT_EQ(Make(three, 1)->Load(reader).code(), StatusCode::kCorrupt);
}

TEST(KMeans, NothingThatComesInMakesANan) {
  const std::vector<double> values{0, 1, kNan, kInf, -kInf, 1e308, 1e99, -1e99, 5e-324};
  KMeansOptions options;
  options.clusters = 3;
  options.seed_buffer = 10;
  options.reseed_after = 5;
  auto model = Make(options, 2);
  CounterRandom random(14, 14);
  for (int i = 0; i < 3000; ++i) {
    const std::vector<double> x{values[random.Below(values.size())],
                                values[random.Below(values.size())]};
    Learn(*model, x, values[random.Below(values.size())]);
    for (const double d : Distances(*model, x)) ASSERT_TRUE(std::isfinite(d));
    ASSERT_TRUE(std::isfinite(model->AnomalyScore({x, {}})));
  }
  ASSERT_THAT(model->centres(), SizeIs(6));
}

TEST(KMeans, RefusesOptionsAndLayoutsThatMakeNoSense) {
  KMeansOptions options;
  options.seed_buffer = 3;
  EXPECT_FALSE(MakeKMeans(options, Layout(2)).ok());
  options = {};
  options.rate = 0.1;
  options.half_life = 10;
  EXPECT_FALSE(MakeKMeans(options, Layout(2)).ok());
  EXPECT_FALSE(MakeKMeans(TwoAt(0, 1), Layout(2)).ok());
  EXPECT_FALSE(MakeKMeans({}, Layout(0)).ok());
  InputSpec inputs = Layout(1);
  inputs.dense[0].nominal = true;
  EXPECT_FALSE(MakeKMeans({}, inputs).ok());
}

}  // namespace
}  // namespace leat
