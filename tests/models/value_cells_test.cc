#include "models/trees/value_cells.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "base/random.h"
#include "leat/explain.h"
#include "models/heap.h"
#include "models/model_test.h"
#include "models/trees/split.h"

namespace leat {
namespace {

using trees::ValueCells;

std::vector<double> Ends(const ValueCells& cells) {
  std::vector<double> ends;
  for (size_t i = 0; i < cells.size(); ++i) {
    ends.push_back(cells.low(i));
    ends.push_back(cells.high(i));
  }
  return ends;
}

TEST(ValueCells, KeepsEveryValueInOrderWithoutABound) {
  ValueCells cells;
  std::map<double, std::vector<double>> plain;
  CounterRandom random(3, 3);
  for (int i = 0; i < 3000; ++i) {
    const double v = std::round(200 * random.Normal());
    const size_t label = random.Below(3);
    cells.Learn(v, label, 0.5, ValueCells::kUnbounded);
    plain[v].resize(3);
    plain[v][label] += 0.5;
  }
  ASSERT_EQ(cells.size(), plain.size());
  size_t i = 0;
  for (const auto& [value, weights] : plain) {
    EXPECT_EQ(cells.low(i), value);
    EXPECT_EQ(cells.high(i), value);
    for (size_t c = 0; c < 3; ++c) EXPECT_EQ(cells.weights(i)[c], weights[c]);
    ++i;
  }
}

TEST(ValueCells, TheTwoNearestBecomeOneAtTheBound) {
  ValueCells cells;
  for (const double v : {0.0, 10.0, 4.0}) cells.Learn(v, 0, 1, 3);
  EXPECT_EQ(Ends(cells), (std::vector<double>{0, 0, 4, 4, 10, 10}));
  cells.Learn(12, 1, 2, 3);  // Itself and 10.
  EXPECT_EQ(Ends(cells), (std::vector<double>{0, 0, 4, 4, 10, 12}));
  EXPECT_EQ(cells.weights(2)[0], 1);
  EXPECT_EQ(cells.weights(2)[1], 2);
  cells.Learn(11, 1, 1, 3);  // Within a range.
  EXPECT_EQ(cells.weights(2)[1], 3);
  cells.Learn(20, 0, 1, 3);  // 0 and 4 are nearer than 20 is to anything.
  EXPECT_EQ(Ends(cells), (std::vector<double>{0, 4, 10, 12, 20, 20}));
  EXPECT_EQ(cells.weights(0)[0], 2);
}

TEST(ValueCells, HoldsWhatItSaysAndIsTheSameAfterLoading) {
  for (const size_t most : {size_t{2}, size_t{64}, ValueCells::kUnbounded}) {
    [[maybe_unused]] const size_t before = HeapBytes();
    ValueCells cells;
    CounterRandom random(4, 4);
    size_t grown = 0;
    for (int i = 0; i < 5000; ++i) {
      grown += cells.Learn(random.Normal(), i < 100 ? 0 : random.Below(4), 1, most);
    }
    EXPECT_LE(cells.size(), most);
    EXPECT_EQ(grown, cells.HeapBytes());
#ifndef __SANITIZE_ADDRESS__
    EXPECT_NEAR(static_cast<double>(HeapBytes() - before), static_cast<double>(grown), 32);
#endif
    StateWriter out;
    cells.Save(out);
    const std::string bytes = out.Take();
    ValueCells loaded;
    StateReader in(bytes);
    loaded.Load(in, most);
    ASSERT_TRUE(in.ok());
    EXPECT_EQ(loaded.HeapBytes(), cells.HeapBytes());
    EXPECT_EQ(loaded.Learn(7, 5, 1, most), cells.Learn(7, 5, 1, most));
    EXPECT_EQ(Ends(loaded), Ends(cells));
    if (most > 64) continue;
    StateReader narrow(bytes);
    ValueCells().Load(narrow, most - 1);
    EXPECT_FALSE(narrow.ok());
  }
}

// ---- In trees ----

/// The class is 1 between 4 and 6, where a normal distribution sees no border.
double BandLabel(double x) { return x > 4 && x < 6 ? 1 : 0; }

double ShareRight(Model& model, int from, int to) {
  std::vector<double> out;
  double right = 0;
  for (int i = from; i < to; ++i) {
    CounterRandom random(6, 6, static_cast<uint64_t>(i) * 4);
    const std::vector<double> x = {10 * random.Uniform()};
    model.Predict({x, {}}, out);
    const bool one = out.size() > 1 && out[1] > out[0];
    right += one == (BandLabel(x[0]) == 1) ? 1 : 0;
    model.Learn({x, {}}, BandLabel(x[0]), 1);
  }
  return right / (to - from);
}

TEST(NumericObserver, CountedValuesFindABorderToTheNextValue) {
  for (const std::string type : {"hoeffding_tree", "extremely_fast_tree"}) {
    for (const std::string observer : {"exhaustive", "histogram histogram_bins=100"}) {
      auto model =
          New(type + " leaf_prediction=majority_class numeric_observer=" + observer, Numbers(1));
      ShareRight(*model, 0, 3000);
      EXPECT_GT(ShareRight(*model, 3000, 5000), observer == "exhaustive" ? 0.985 : 0.97)
          << type << observer;
    }
  }
}

TEST(NumericObserver, PutsAThresholdHalfwayBetweenTwoValues) {
  auto model = New("hoeffding_tree grace_period=100 numeric_observer=exhaustive", Numbers(1));
  for (int i = 0; i < 100; ++i) {
    const std::vector<double> x = {static_cast<double>(i % 2 == 0 ? 1 : 4)};
    model->Learn({x, {}}, i % 2, 1);
  }
  EXPECT_EQ(DumpTrees(*model), "all\n  x0 <= 2.5: class 0 [50]\n  x0 > 2.5: class 1 [0 50]\n");
}

TEST(NumericObserver, AllValuesStayWithinTheBytesOfTheTree) {
  auto model = New("hoeffding_tree numeric_observer=exhaustive max_bytes=60000", Numbers(3));
  CounterRandom random(7, 7);
  for (int i = 0; i < 20'000; ++i) {
    const std::vector<double> x = {random.Normal(), random.Normal(), random.Normal()};
    model->Learn({x, {}}, random.Uniform() < 0.9 ? x[0] > 0 : x[0] <= 0, 1);
    ASSERT_LE(model->MemoryBytes(), 60'000u + 200u) << i;
  }
  std::vector<double> out;
  const std::vector<double> x = {2, 0, 0};
  model->Predict({x, {}}, out);
  EXPECT_GT(out[1], 0.6);
}

// ---- Hellinger's distance ----

double Distance(std::vector<double> branches, size_t classes) {
  HoeffdingTreeOptions options;
  options.split_criterion = SplitCriterion::kHellinger;
  return trees::Merit(options, 0, branches, classes);
}

TEST(Hellinger, IsTheDistanceOfTwoClassesOverTheBranches) {
  EXPECT_NEAR(Distance({10, 0, 0, 10}, 2), std::sqrt(2.0), 1e-12);
  EXPECT_NEAR(Distance({10, 10, 30, 30}, 2), 0, 1e-12);
  // Shares 0.8 and 0.2 against 0.4 and 0.6.
  const double left = std::sqrt(0.8) - std::sqrt(0.4), right = std::sqrt(0.2) - std::sqrt(0.6);
  EXPECT_NEAR(Distance({80, 4, 20, 6}, 2), std::sqrt(left * left + right * right), 1e-12);
  // A class a hundred times as rare is as far.
  EXPECT_NEAR(Distance({8000, 4, 2000, 6}, 2), Distance({80, 4, 20, 6}, 2), 1e-12);
}

TEST(Hellinger, OfMoreClassesTakesTheOneThatIsFarthestFromTheRest) {
  EXPECT_NEAR(Distance({10, 0, 0, 0, 10, 10}, 3), std::sqrt(2.0), 1e-12);
  EXPECT_EQ(trees::MeritRange(SplitCriterion::kHellinger, 5), std::sqrt(2.0));
  HoeffdingTreeOptions options;
  options.split_criterion = SplitCriterion::kHellinger;
  EXPECT_EQ(trees::Merit(options, 0, std::vector<double>{3, 4}, 2), 0);  // Not splitting.
  EXPECT_LT(Distance({1000, 1000, 1, 1}, 2), -1e300);  // One branch holds next to nothing.
}

/// A class of one in a hundred, where x is high.
double RareScore(const std::string& text) {
  auto model = New(text, Numbers(2));
  CounterRandom random(8, 8);
  std::vector<double> out;
  double positives = 0, negatives = 0, above = 0, below = 0;
  for (int i = 0; i < 20'000; ++i) {
    const double label = random.Uniform() < 0.01 ? 1 : 0;
    const std::vector<double> x = {random.Normal() + 3 * label, random.Normal()};
    model->Predict({x, {}}, out);
    if (i > 10'000 && out.size() > 1) {
      (label == 1 ? positives : negatives) += 1;
      (label == 1 ? above : below) += out[1] > 0.01 ? 1 : 0;
    }
    model->Learn({x, {}}, label, 1);
  }
  return above / positives - below / negatives;
}

TEST(Hellinger, TreesOfAllKindsSplitOnARareClass) {
  for (const std::string type : {"hoeffding_tree", "hoeffding_adaptive_tree", "extremely_fast_tree",
                                 "adaptive_random_forest trees=3", "leveraging_bagging trees=3"}) {
    EXPECT_GT(RareScore(type + " leaf_prediction=majority_class split_criterion=hellinger"), 0.6)
        << type;
  }
}

}  // namespace
}  // namespace leat
