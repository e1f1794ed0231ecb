/// Learners made of trees that threads share: the same bits for any number of threads.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/random.h"
#include "models/model_test.h"

namespace leat {
namespace {

std::unique_ptr<Model> New(const std::string& type, int threads, const std::string& more) {
  return New(type + " threads=" + std::to_string(threads) + more, MixedInputs());
}

struct Example {
  std::vector<double> x;
  double label;
  Input input() const { return {x, {}}; }
};

/// Four classes, which are also numbers; they turn round in the middle, so that trees are replaced.
Example Make(uint64_t i) {
  CounterRandom random(72, 5, i * 16);
  const auto label = static_cast<double>(random.Below(4));
  const double gappy = i % 3 == 0 ? std::numeric_limits<double>::quiet_NaN() : random.Normal();
  const double shown = i < 900 ? label : std::fmod(label + 1, 4);
  return {{2 * shown + random.Normal(), 7, 1e9 * (shown + random.Normal()), gappy,
           static_cast<double>(random.Below(5))},
          label};
}

/// What a model says of each of some rows before it learns it, one after the other.
std::vector<double> Said(Model& model, uint64_t from, uint64_t to) {
  std::vector<double> all, out;
  for (uint64_t i = from; i < to; ++i) {
    const Example e = Make(i);
    model.Predict(e.input(), out);
    all.insert(all.end(), out.begin(), out.end());
    model.Learn(e.input(), e.label, 1);
  }
  return all;
}

struct Case {
  std::string type, more;
};

class EveryThreadedLearner : public testing::TestWithParam<Case> {};

TEST_P(EveryThreadedLearner, IsTheSameForAnyNumberOfThreads) {
  const auto& [type, more] = GetParam();
  auto alone = New(type, 1, more);
  const std::vector<double> said = Said(*alone, 0, 1800);
  const std::string bytes = Saved(*alone);
  for (const int threads : {2, 3, 4}) {
    auto model = New(type, threads, more);
    EXPECT_TRUE(Said(*model, 0, 1800) == said) << threads;
    EXPECT_TRUE(Saved(*model) == bytes) << threads;
    EXPECT_EQ(model->MemoryBytes(), alone->MemoryBytes()) << threads;
  }
}

TEST_P(EveryThreadedLearner, GoesOnWithAnotherNumberAfterLoading) {
  const auto& [type, more] = GetParam();
  auto whole = New(type, 2, more);
  Said(*whole, 0, 1000);
  const std::string bytes = Saved(*whole);
  const std::vector<double> said = Said(*whole, 1000, 1400);
  for (const int threads : {1, 4}) {
    auto loaded = New(type, threads, more);
    StateReader in(bytes);
    ASSERT_TRUE(loaded->Load(in).ok()) << in.status().message();
    EXPECT_TRUE(Said(*loaded, 1000, 1400) == said) << threads;
    EXPECT_TRUE(Saved(*loaded) == Saved(*whole)) << threads;
  }
}

TEST_P(EveryThreadedLearner, PredictsForThreadsThatAskAtTheSameTime) {
  const auto& [type, more] = GetParam();
  auto model = New(type, 2, more);
  Said(*model, 0, 300);
  std::vector<std::vector<double>> wanted(100);
  for (uint64_t i = 0; i < wanted.size(); ++i) model->Predict(Make(i).input(), wanted[i]);
  std::vector<std::thread> askers;
  std::vector<int> wrong(3);
  for (int& mine : wrong) {
    askers.emplace_back([&model = *model, &wanted, &mine] {
      std::vector<double> out;
      for (uint64_t i = 0; i < wanted.size(); ++i) {
        model.Predict(Make(i).input(), out);
        mine += out == wanted[i] ? 0 : 1;
      }
    });
  }
  for (std::thread& asker : askers) asker.join();
  EXPECT_EQ(wrong, std::vector<int>(3));
}

INSTANTIATE_TEST_SUITE_P(
    Registry, EveryThreadedLearner,
    testing::Values(Case{"adaptive_random_forest", ""}, Case{"adwin_bagging", ""},
                    Case{"forest_regressor", ""}, Case{"gradient_boosted_regressor", " trees=30"},
                    Case{"gradient_boosted_trees", " trees=20"}, Case{"leveraging_bagging", ""},
                    // So small that some rows find no room.
                    Case{"mondrian_forest", " max_bytes=300000"}, Case{"online_bagging", ""},
                    Case{"streaming_random_patches", " max_bytes=400000"}),
    [](const auto& item) { return item.param.type; });

}  // namespace
}  // namespace leat
