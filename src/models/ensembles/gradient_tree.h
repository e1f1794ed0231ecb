/// One tree of a boosted ensemble, which learns from gradients; see leat/gradient_boosting.h.
///
/// A leaf predicts sum of gradients / (sum of hessians + ridge) over the rows it saw last, older
/// rows fading. It splits where that takes off most loss, G^2/H of both sides less that of the
/// whole, once no chance would do as much: the gain, divided by the mean of g^2/h, is about
/// chi-squared with one degree of freedom where the attribute says nothing, and must exceed
/// 2 ln(bins looked at / delta). After Gouk, Pfahringer and Frank, "Stochastic gradient trees"
/// (2019), whose t-test needs more sums; the gain is that of XGBoost (Chen and Guestrin 2016).
///
/// A tree that stands alone learns the gradients at its own predictions, so these move in steps: at
/// an attempt that finds no split the leaf's prediction makes a Newton step if that gains enough
/// (the same bound for one candidate), and what was gathered at the old prediction is forgotten.
///
/// Layout: nodes of 16 bytes, the prediction in those of leaves. A leaf above the greatest depth
/// has a block of doubles: per attribute that the tree sees and bin the sums of gradients and
/// hessians, and behind them the last rows, with their bins, that have yet to be added. Adding many
/// at once, attribute after attribute, goes over the block once, where adding each as it comes
/// would touch a cache line for each attribute; the sums are the same bits, because within a bin
/// rows are added in their order. Trees that see fewer than kWide attributes add each row as it
/// comes.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/prefetch.h"
#include "leat/gradient_boosting.h"
#include "models/ensembles/row_bins.h"
#include "models/ensembles/tree_nodes.h"
#include "models/heap_bytes.h"

namespace leat::ensembles {

struct GradientPlan {
  GradientBoostingOptions options;
  size_t attributes = 0;  ///< That a tree sees.
  uint64_t seed = 0;
  double keep = 1;     ///< What stays of a leaf's sums when a row comes.
  bool alone = false;  ///< The gradients are those at the tree's own predictions.
};

class GradientTree {
 public:
  /// `key` tells the trees of an ensemble apart, also those that follow each other.
  GradientTree(const GradientPlan& plan, const AttributeSpace& space, uint64_t key);

  /// The nodes of the leaves that a row falls into, in some trees side by side, at most kAtOnce:
  /// going down all of them together hides most of the waiting for memory and for branches.
  static constexpr size_t kAtOnce = 8;
  static void FindInEach(const GradientTree* trees, size_t count, const double* x, uint32_t* nodes);
  double ValueAt(uint32_t node) const { return nodes_[node].value; }
  /// Has what Learn at a node will touch on its way, first the leaf, later its block.
  void PrefetchLeaf(uint32_t node) const { PrefetchLine(&leaves_[nodes_[node].first]); }
  void PrefetchBlock(uint32_t node) const;
  /// Learns at the leaf of a node. True if the tree has split. REQUIRES hessian > 0.
  bool Learn(uint32_t node, const uint8_t* codes, const RowBins& bins, double gradient,
             double hessian, double weight, bool may_grow);
  /// Moves what was gathered in old bins; `changes` by attribute, null where it has not changed.
  void Move(const std::vector<const Rebinning*>& changes);

  size_t MemoryBytes() const { return sizeof(*this) + structure_bytes() + block_bytes_; }
  size_t structure_bytes() const {
    return Room(nodes_.size()) * sizeof(Node) + Room(leaves_.size()) * sizeof(Leaf) +
           plan_->attributes * sizeof(uint16_t) + 3 * kAllocation;
  }
  size_t leaves() const { return leaves_.size(); }
  size_t nodes() const { return nodes_.size(); }
  size_t active_leaves() const { return active_; }
  uint64_t refused_splits() const { return refused_; }

  /// Loss, in units of its curvature, that a leaf has seen.
  double Promise(size_t leaf) const { return leaves_[leaf].squares; }
  bool IsActive(size_t leaf) const { return leaves_[leaf].block != nullptr; }
  size_t BlockBytes(size_t leaf) const {
    return IsActive(leaf) ? (CellsSize() + WaitingSize()) * sizeof(double) + kAllocation : 0;
  }
  void Deactivate(size_t leaf);
  /// The leaf observes again, and begins anew with that, if it may ever split.
  void Activate(size_t leaf);

  /// Leaves by what they add to the sum.
  trees::DumpedTree Shown(const InputSpec& spec) const {
    return ShowNodes(spec, nodes_, [this](uint32_t id, trees::DumpNode& shown) {
      shown.active = IsActive(nodes_[id].first);
      shown.value = ValueAt(id);
    });
  }
  DecisionPath PathOf(const InputSpec& spec, const double* x) const {
    return PathThrough(spec, nodes_, x,
                       [this](uint32_t id, DecisionPath& path) { path.value = ValueAt(id); });
  }

  void Adopt(const GradientPlan& plan, const AttributeSpace& space) {
    plan_ = &plan;
    space_ = &space;
  }
  void Save(StateWriter& out) const;
  /// Leaves the tree unusable if the reader fails.
  void Load(StateReader& in);

 private:
  struct Leaf {
    std::unique_ptr<double[]> block;
    double gradient = 0;  ///< Sums, fading.
    double hessian = 0;
    double weight = 0;        ///< Seen.
    double last_attempt = 0;  ///< Weight at the last split attempt.
    double squares = 0;       ///< Sum of weight g^2/h.
    uint32_t depth = 0;
    uint32_t waiting = 0;  ///< Rows in the block that have yet to be added.
  };
  struct Candidate {
    double gain = 0;
    uint32_t place = 0;
    uint32_t bin = 0;
    double left_gradient = 0, left_hessian = 0, right_gradient = 0, right_hessian = 0;
    bool found = false;
  };

  static constexpr size_t kWide = 16;

  size_t CellsSize() const { return plan_->attributes * kBins * 2; }
  /// Rows that may wait: as many as come between two attempts to split, within bounds.
  size_t MostWaiting() const {
    if (plan_->attributes < kWide) return 0;
    return static_cast<size_t>(std::clamp<int64_t>(plan_->options.grace_period, 8, 32));
  }
  /// Doubles of the rows that wait: gradient and hessian of each, then the bins, a byte each.
  size_t WaitingSize() const {
    return MostWaiting() * 2 + (MostWaiting() * plan_->attributes + 7) / 8;
  }
  std::unique_ptr<double[]> NewBlock() const {
    return std::make_unique<double[]>(CellsSize() + WaitingSize());
  }
  /// Adds a row to a leaf's block, now or with those to come.
  void Observe(Leaf& leaf, const uint8_t* codes, double gradient, double hessian) const;
  /// Adds the rows that wait in a leaf's block to the cells of the attribute at a place.
  void AddWaiting(const Leaf& leaf, size_t place, double* cells) const;
  void Flush(Leaf& leaf) const;
  double Score(double gradient, double hessian) const;
  void NewLeaf(uint32_t node, size_t leaf, uint32_t depth, double gradient, double hessian,
               double start);
  /// A tree that stands alone: the leaf's prediction follows its sums where that gains enough.
  void TryStep(uint32_t node);
  /// What a gain, times the leaf's weight, must exceed, by its squares: one of `candidates` splits.
  double Needed(double candidates) const;
  bool TrySplit(uint32_t node, const RowBins& bins, bool may_grow);
  bool IsPromising(const double* left, double gradient, double hessian, double needed) const;
  /// Of splits on an attribute that gain more than `least`, the best if it beats `best`.
  void Weigh(const double* cells, uint32_t place, bool nominal, double least,
             Candidate& best) const;

  const GradientPlan* plan_;
  const AttributeSpace* space_;
  uint64_t key_;
  std::vector<Node> nodes_;
  std::vector<Leaf> leaves_;
  std::vector<uint16_t> subset_;
  size_t block_bytes_ = 0;
  size_t active_ = 0;
  uint64_t refused_ = 0;
};

}  // namespace leat::ensembles
