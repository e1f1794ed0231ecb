/// One tree that predicts a number; see include/leat/regression_trees.h.
///
/// Layout: nodes of 16 bytes in one vector, the two children of a split side by side. A leaf that
/// learns has one block of doubles: per attribute that it sees the start and width of its bins and
/// their weights, sums and sums of squares of the target (less the leaf's first target); then the
/// linear model's coefficients and the inverse of its normal matrix. A leaf that has given up
/// observing keeps the linear model only. Where drifts are looked for, every node has a Watch.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "leat/regression_trees.h"
#include "models/ensembles/attribute_space.h"
#include "models/ensembles/tree_nodes.h"

namespace leat::ensembles {

struct RegressionPlan {
  HoeffdingRegressionTreeOptions options;
  size_t attributes = 0;  ///< That a leaf sees.
  size_t inputs = 0;      ///< Of the linear model; 0: there is none.
  uint64_t seed = 0;
};

/// A row, decoded once for all trees. `z` are the numbers standardised, then 1 for the intercept.
struct RegressionRow {
  const double* x = nullptr;
  const double* z = nullptr;
};

class RegressionTree {
 public:
  RegressionTree(const RegressionPlan& plan, const AttributeSpace& space, uint64_t key);

  uint32_t Find(const double* x) const { return FindLeaf(nodes_, x); }
  double PredictAt(uint32_t node, const RegressionRow& row) const;
  /// `room`: bytes by which what lasts may grow; 0: no split.
  void Learn(uint32_t node, const RegressionRow& row, double target, double weight, size_t room);

  /// What the splits above the leaf of a row that is learnt make of its error, where the plan looks
  /// for drifts: once for each row, after Learn. `prediction` is what the tree said of it, and
  /// `deviation` that of the targets.
  void Watch(const RegressionRow& row, double target, double prediction, double weight, size_t room,
             double deviation);
  /// Gives up the trees that grow beside splits.
  void DropAlternates();
  uint64_t begun() const { return begun_; }        ///< Trees beside splits so far.
  uint64_t replaced() const { return replaced_; }  ///< Splits whose place one has taken.

  size_t MemoryBytes() const {
    return sizeof(*this) + structure_bytes() + block_bytes_ + alternate_bytes_;
  }
  /// Nodes and leaves, without their blocks.
  size_t structure_bytes() const { return StructureBytes(leaves_.size(), watches_.size()); }
  /// What would be left if no leaf observed.
  size_t LastingBytes() const { return LastingBytes(leaves_.size()); }
  size_t leaves() const { return leaves_.size(); }
  size_t nodes() const { return nodes_.size(); }
  size_t active_leaves() const { return active_; }
  uint64_t refused_splits() const { return refused_; }

  /// Sum of squared deviations of the targets of a leaf.
  double Promise(size_t leaf) const { return leaves_[leaf].squares; }
  bool IsActive(size_t leaf) const { return leaves_[leaf].active; }
  size_t BlockBytes(size_t leaf) const;
  void Deactivate(size_t leaf);
  /// The leaf observes again, as one that comes from a split with its mean and linear model.
  void Activate(size_t leaf);

  trees::DumpedTree Shown(const InputSpec& spec) const;
  DecisionPath PathOf(const InputSpec& spec, const RegressionRow& row) const;

  void Adopt(const RegressionPlan& plan, const AttributeSpace& space);
  void Save(StateWriter& out) const;
  /// Leaves the tree unusable if the reader fails.
  void Load(StateReader& in);

 private:
  struct Leaf {
    std::unique_ptr<double[]> block;
    double weight = 0;
    double mean = 0;
    double squares = 0;  ///< Squared deviations from the mean.
    double origin = 0;   ///< Of the targets in the bins.
    double last_attempt = 0;
    double mean_error = 0;  ///< Squared errors, fading.
    double linear_error = 0;
    bool active = true;
  };
  /// The test of Page and Hinkley on the errors below a split, and the tree beside it.
  struct NodeWatch {
    double seen = 0, mean = 0, sum = 0, least = 0;
    double loss = 0, other_loss = 0;  ///< Squared errors since the other began, fading.
    uint64_t rows = 0;                ///< Since then.
    std::unique_ptr<RegressionTree> other;
  };
  static constexpr size_t kBins = 32;
  static constexpr size_t kHead = 2;  ///< Start and width of the bins; width 0: one value yet.
  static constexpr size_t kAttribute = kHead + 3 * kBins;

  struct Candidate {
    double merit = 0;
    double value = 0;
    double left_weight = 0, left_mean = 0, right_weight = 0, right_mean = 0;
    uint32_t place = 0;
    bool found = false;
  };

  size_t LinearSize() const {
    const size_t n = plan_->inputs + 1;
    return plan_->inputs == 0 ? 0 : n + n * n;
  }
  size_t BlockSize(const Leaf& leaf) const {
    return (leaf.active ? plan_->attributes * kAttribute : 0) + LinearSize();
  }
  const uint16_t* Subset(size_t leaf) const { return subsets_.data() + leaf * plan_->attributes; }
  double* Linear(const Leaf& leaf) const {
    return leaf.block.get() + (leaf.active ? plan_->attributes * kAttribute : 0);
  }
  bool UsesLinear(const Leaf& leaf) const;
  double LinearAt(const Leaf& leaf, const double* z) const;
  void LearnLinear(Leaf& leaf, const double* z, double target, double weight);
  static void Bin(double* attribute, bool nominal, double value, double target, double weight);
  void DrawSubset(size_t leaf);
  void NewLeaf(size_t leaf, double weight, double mean, std::span<const double> coefficients);
  /// Of a tree with so many leaves, and watches.
  size_t StructureBytes(size_t leaves, size_t watches) const;
  size_t LastingBytes(size_t leaves) const;
  void TrySplit(uint32_t node, size_t room);
  Candidate BestOf(const Leaf& leaf, uint32_t place, bool nominal) const;
  void Split(uint32_t node, const Candidate& best);
  bool Errs(NodeWatch& watch, double error) const;
  /// True if the tree beside the split is to take its place.
  bool Compare(NodeWatch& watch, const RegressionRow& row, double target, double prediction,
               double weight, size_t room);
  void Drop(NodeWatch& watch);
  void Graft(uint32_t at);
  bool watches() const { return plan_->options.drift_threshold > 0; }
  std::string_view SectionName() const {
    return watches() ? "regression_tree_watched" : "regression_tree";
  }
  void SaveWatches(StateWriter& out) const;
  void LoadWatches(StateReader& in);
  /// What follows from leaves and watches.
  void Recount();

  const RegressionPlan* plan_;
  const AttributeSpace* space_;
  uint64_t key_;
  uint64_t draws_ = 0;
  std::vector<Node> nodes_;
  std::vector<Leaf> leaves_;
  std::vector<uint16_t> subsets_;
  size_t block_bytes_ = 0;
  size_t active_ = 0;
  uint64_t refused_ = 0;
  std::vector<NodeWatch> watches_;  ///< By node; none before the first call of Watch.
  size_t alternate_bytes_ = 0;      ///< Of the trees beside splits.
  uint64_t begun_ = 0, replaced_ = 0;
};

}  // namespace leat::ensembles
