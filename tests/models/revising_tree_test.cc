#include "models/trees/revising_tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "base/random.h"
#include "leat/explain.h"
#include "models/model_test.h"

namespace leat {
namespace {

using testing::HasSubstr;
using trees::RevisingTree;

/// The class is whether x[which] is positive.
struct Example {
  std::vector<double> x;
  double label;
};
Example Sign(uint64_t i, size_t which, size_t width = 3) {
  CounterRandom random(6, 2, i * 64);
  Example e{std::vector<double>(width), 0};
  for (double& v : e.x) v = random.Uniform(-1, 1);
  e.label = e.x[which] > 0 ? 1 : 0;
  return e;
}

double Accuracy(RevisingTree& tree, uint64_t from, uint64_t to, size_t which, size_t width = 3) {
  double right = 0;
  for (uint64_t i = from; i < to; ++i) {
    const Example e = Sign(i, which, width);
    right += static_cast<double>(tree.ClassifyAndLearn({e.x, {}}, e.label, 1)) == e.label;
  }
  return right / static_cast<double>(to - from);
}

template <typename Options>
std::unique_ptr<RevisingTree> Made(Result<std::unique_ptr<Model>> (*make)(const Options&,
                                                                          const InputSpec&),
                                   const Options& options, const InputSpec& spec) {
  auto made = make(options, spec);
  EXPECT_TRUE(made.ok()) << made.status().message();
  return std::unique_ptr<RevisingTree>(dynamic_cast<RevisingTree*>(made->release()));
}

HoeffdingAdaptiveTreeOptions Adaptive() {
  HoeffdingAdaptiveTreeOptions options;
  options.leaf_prediction = LeafPrediction::kMajorityClass;  // Only splits can tell.
  options.grace_period = 50;
  return options;
}

TEST(HoeffdingAdaptiveTree, ReplacesABranchThatHasBecomeWrong) {
  auto tree = Made(MakeHoeffdingAdaptiveTree, Adaptive(), Numbers(3));
  Accuracy(*tree, 0, 4000, 0);
  EXPECT_GT(Accuracy(*tree, 4000, 6000, 0), 0.95);
  EXPECT_THAT(DumpTrees(*tree), HasSubstr("all\n  x0 <= "));
  Accuracy(*tree, 6000, 12'000, 1);  // From here on x1 tells.
  EXPECT_GT(Accuracy(*tree, 12'000, 14'000, 1), 0.95);
  EXPECT_THAT(DumpTrees(*tree), HasSubstr("x1 <= "));
  // A plain Hoeffding tree keeps its first split.
  HoeffdingTreeOptions plain = Adaptive();
  auto fixed = MakeHoeffdingTree(plain, Numbers(3));
  for (uint64_t i = 0; i < 14'000; ++i) {
    const Example e = Sign(i, i < 6000 ? 0 : 1);
    (*fixed)->Learn({e.x, {}}, e.label, 1);
  }
  EXPECT_THAT(DumpTrees(**fixed), HasSubstr("all\n  x0 <= "));
}

TEST(HoeffdingAdaptiveTree, ResumesWhileATreeGrowsBesideANode) {
  auto tree = Made(MakeHoeffdingAdaptiveTree, Adaptive(), Numbers(3));
  Accuracy(*tree, 0, 4000, 0);
  const auto waiting = [&] {
    for (const auto& [name, text] : tree->Summary()) {
      if (name == "nodes in waiting") return text != "0";
    }
    return false;
  };
  uint64_t at = 4000;
  while (!waiting() && at < 8000) {
    Accuracy(*tree, at, at + 1, 1);
    ++at;
  }
  ASSERT_LT(at, 8000u);
  const std::string bytes = Saved(*tree);
  auto loaded = tree->Fresh();
  StateReader in(bytes);
  ASSERT_TRUE(loaded->Load(in).ok()) << in.status().message();
  for (uint64_t i = at; i < at + 4000; ++i) {
    const Example e = Sign(i, 1);
    tree->Learn({e.x, {}}, e.label, 1);
    loaded->Learn({e.x, {}}, e.label, 1);
  }
  EXPECT_TRUE(Saved(*tree) == Saved(*loaded));
  EXPECT_EQ(tree->MemoryBytes(), loaded->MemoryBytes());
}

TEST(ExtremelyFastTree, SplitsSoonerAndReplacesASplit) {
  ExtremelyFastTreeOptions options;
  options.leaf_prediction = LeafPrediction::kMajorityClass;
  options.grace_period = 50;
  options.reevaluate_every = 500;
  auto tree = Made(MakeExtremelyFastTree, options, Numbers(3));
  Accuracy(*tree, 0, 500, 0);
  EXPECT_THAT(DumpTrees(*tree), HasSubstr("all\n  x0 <= "));
  // Ten times as many rows of another rule: the split at the root goes.
  Accuracy(*tree, 500, 6000, 1);
  EXPECT_THAT(DumpTrees(*tree), HasSubstr("all\n  x1 <= "));
  EXPECT_GT(Accuracy(*tree, 6000, 8000, 1), 0.95);
}

TEST(RevisingTrees, StayWithinTheirBytesAndKeepLearning) {
  const InputSpec spec = Numbers(6);
  HoeffdingAdaptiveTreeOptions adaptive;
  adaptive.grace_period = 20;
  adaptive.tie_threshold = 1;
  adaptive.max_bytes = 48 << 10;
  ExtremelyFastTreeOptions fast;
  fast.grace_period = 20;
  fast.tie_threshold = 1;
  fast.max_bytes = 48 << 10;
  for (auto& tree :
       {Made(MakeHoeffdingAdaptiveTree, adaptive, spec), Made(MakeExtremelyFastTree, fast, spec)}) {
    size_t right = 0;
    for (uint64_t i = 0; i < 20'000; ++i) {
      const Example e = Sign(i, 0, 6);
      const size_t decision = tree->ClassifyAndLearn({e.x, {}}, e.label, 1);
      ASSERT_LE(tree->MemoryBytes(), size_t{48} << 10) << i;
      if (i >= 10'000) right += static_cast<double>(decision) == e.label ? 1 : 0;
    }
    EXPECT_GT(right, 8'500u);
    const std::string bytes = Saved(*tree);
    auto loaded = tree->Fresh();
    StateReader in(bytes);
    ASSERT_TRUE(loaded->Load(in).ok()) << in.status().message();
    EXPECT_EQ(loaded->MemoryBytes(), tree->MemoryBytes());
  }
}

TEST(RevisingTrees, VoteAtAValueThatIsMissingOrNew) {
  InputSpec spec;
  spec.dense = {{"color", true, 0}};
  HoeffdingAdaptiveTreeOptions options;
  options.grace_period = 50;
  auto tree = Made(MakeHoeffdingAdaptiveTree, options, spec);
  for (int i = 0; i < 2000; ++i) {
    const std::vector<double> x = {static_cast<double>(i % 3)};
    tree->Learn({x, {}}, i % 3 == 0 ? 0 : 1, 1);
  }
  EXPECT_GT(tree->shape().leaves, 1u);
  std::vector<double> out;
  for (const double color : {std::nan(""), 9.0}) {
    tree->Predict({std::vector<double>{color}, {}}, out);
    ASSERT_EQ(out.size(), 2u);
    EXPECT_GT(out[1], out[0]);  // Two of three rows.
  }
}

TEST(DumpTrees, WritesJsonAndGraphviz) {
  InputSpec spec;
  spec.dense = {{"a \"b\"", false, 0}};
  HoeffdingTreeOptions options;
  options.grace_period = 4;
  options.delta = 0.9;
  options.leaf_prediction = LeafPrediction::kMajorityClass;
  auto model = MakeHoeffdingTree(options, spec);
  for (const double x : {0.0, 11.0, 1.0, 10.0}) {
    const std::vector<double> row = {x};
    (*model)->Learn({row, {}}, x > 5 ? 1 : 0, 1);
  }
  EXPECT_EQ(DumpTrees(**model), "all\n  a \"b\" <= 1: class 0 [2]\n  a \"b\" > 1: class 1 [0 2]\n");
  EXPECT_EQ(DumpTrees(**model, TreeFormat::kJson),
            "{\"if\":\"all\",\"then\":["
            "{\"if\":\"a \\\"b\\\" <= 1\",\"class\":0,\"weights\":[2],\"active\":true},"
            "{\"if\":\"a \\\"b\\\" > 1\",\"class\":1,\"weights\":[0,2],\"active\":true}]}\n");
  EXPECT_EQ(DumpTrees(**model, TreeFormat::kGraphviz),
            "digraph tree {\n  node [shape=box];\n"
            "  n0 [label=\"split\", shape=point];\n"
            "  n1 [label=\"class 0 [2]\"];\n"
            "  n0 -> n1 [label=\"a \\\"b\\\" <= 1\"];\n"
            "  n2 [label=\"class 1 [0 2]\"];\n"
            "  n0 -> n2 [label=\"a \\\"b\\\" > 1\"];\n}\n");
}

}  // namespace
}  // namespace leat
