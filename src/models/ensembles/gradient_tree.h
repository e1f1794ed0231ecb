/// One tree of a boosted ensemble, which learns from gradients; see leat/gradient_boosting.h.
///
/// A leaf predicts sum of gradients / (sum of hessians + ridge) over the rows it saw last, older
/// rows fading. It splits where that takes off most loss, G^2/H of both sides less that of the
/// whole, once no chance would do as much: the gain, divided by the mean of g^2/h, is about
/// chi-squared with one degree of freedom where the attribute says nothing, and must exceed
/// 2 ln(bins looked at / delta). After Gouk, Pfahringer and Frank, "Stochastic gradient trees"
/// (2019), whose t-test needs more sums; the gain is that of XGBoost (Chen and Guestrin 2016).
///
/// Layout: nodes of 16 bytes, the prediction in those of leaves. A leaf above the greatest depth
/// has a block of doubles: per attribute that the tree sees and bin the sums of gradients and
/// hessians.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "leat/gradient_boosting.h"
#include "models/ensembles/row_bins.h"
#include "models/ensembles/tree_nodes.h"
#include "models/heap_bytes.h"

namespace leat::ensembles {

struct GradientPlan {
  GradientBoostingOptions options;
  size_t attributes = 0;  ///< That a tree sees.
  uint64_t seed = 0;
  double keep = 1;  ///< What stays of a leaf's sums when a row comes.
};

class GradientTree {
 public:
  /// `key` tells the trees of an ensemble apart, also those that follow each other.
  GradientTree(const GradientPlan& plan, const AttributeSpace& space, uint64_t key);

  uint32_t Find(const double* x) const { return FindLeaf(nodes_, x); }
  double ValueAt(uint32_t node) const { return nodes_[node].value; }
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
    return IsActive(leaf) ? BlockSize() * sizeof(double) + kAllocation : 0;
  }
  void Deactivate(size_t leaf);

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
  };
  struct Candidate {
    double gain = 0;
    uint32_t place = 0;
    uint32_t bin = 0;
    double left_gradient = 0, left_hessian = 0, right_gradient = 0, right_hessian = 0;
    bool found = false;
  };

  size_t BlockSize() const { return plan_->attributes * kBins * 2; }
  double Score(double gradient, double hessian) const;
  void NewLeaf(uint32_t node, size_t leaf, uint32_t depth, double gradient, double hessian);
  bool TrySplit(uint32_t node, const RowBins& bins, bool may_grow);
  void Weigh(const double* cells, uint32_t place, bool nominal, Candidate& best) const;

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
