/// One tree of an ensemble: a Hoeffding tree whose leaves see a part of the attributes, laid out
/// for speed. What it does and how it differs from the Hoeffding tree: include/leat/ensembles.h.
///
/// Layout: nodes of 16 bytes in one vector, the two children of a split side by side. A leaf that
/// learns has one block of doubles: per class met a slot of a fixed size, which holds the class's
/// weight, then for each numeric attribute of the leaf weight, mean, squared deviations, least,
/// greatest and 1/(2 variance), field after field, then for each nominal attribute the weight
/// seen, the number of values up to the highest seen and the weights of the values. A leaf that has
/// given up observing keeps two doubles a class. The normalisers of a class are kept as one
/// logarithm, so that a vote costs one multiplication and addition a class and attribute.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "leat/ensembles.h"
#include "models/ensembles/attribute_space.h"
#include "models/ensembles/tree_nodes.h"
#include "models/heap_bytes.h"
#include "models/trees/observers.h"

namespace leat::ensembles {

/// What all trees of an ensemble share.
struct TreePlan {
  MemberTreeOptions options;
  size_t attributes = 0;      ///< That a leaf sees.
  bool leaf_subsets = false;  ///< Each leaf draws its own, not each tree.
  uint64_t seed = 0;
  bool soft_vote = true;  ///< Votes are probabilities; else one for the best class.
};

/// A row, decoded once for all trees.
struct SharedRow {
  const double* x = nullptr;
  bool complete = false;
};

/// What a tree has to say of a row: where it fell, and slots of that leaf. -1 stands for no slot.
struct Opinion {
  uint32_t node = 0;
  int32_t majority = -1;
  int32_t bayes = -1;
  int32_t decision = -1;
  int64_t label = -1;  ///< The class of `decision`.
};

class MemberTree {
 public:
  /// `key` tells the trees of an ensemble apart, also those that follow each other.
  MemberTree(const TreePlan& plan, const AttributeSpace& space, uint64_t key);

  /// `learning`: naive Bayes is asked even where it does not vote. With `votes` (as long as there
  /// are classes) the leaf's probabilities times `scale` are added to it.
  void Ask(const SharedRow& row, bool learning, Opinion& opinion, double scale,
           double* votes) const;
  /// Learns at the leaf that the opinion of this row names. `room`: bytes by which what lasts may
  /// grow; 0: no split.
  void Learn(const SharedRow& row, const Opinion& opinion, uint32_t label, double weight,
             size_t room);

  size_t MemoryBytes() const { return sizeof(*this) + structure_bytes() + block_bytes_; }
  /// Nodes and leaves, without their blocks.
  size_t structure_bytes() const { return StructureBytes(leaves_.size()); }
  /// What would be left if no leaf observed: with the class weights.
  size_t LastingBytes() const { return LastingBytes(leaves_.size(), slots_); }
  size_t leaves() const { return leaves_.size(); }
  size_t nodes() const { return nodes_.size(); }
  size_t active_leaves() const { return active_; }
  uint64_t refused_splits() const { return refused_; }

  trees::DumpedTree Shown(const InputSpec& spec) const;
  /// Of a decoded row.
  DecisionPath PathOf(const InputSpec& spec, const double* x) const;

  /// Weight that the majority class of a leaf has wrong; and the bytes of its block.
  double Promise(size_t leaf) const;
  size_t BlockBytes(size_t leaf) const;
  bool IsActive(size_t leaf) const { return leaves_[leaf].active; }
  void Deactivate(size_t leaf);
  /// The leaf observes again, and knows its class weights alone, as after a split.
  void Activate(size_t leaf);

  /// The plan and the attributes are now these, which are the same.
  void Adopt(const TreePlan& plan, const AttributeSpace& space) {
    plan_ = &plan;
    space_ = &space;
  }

  void Save(StateWriter& out) const;
  /// Leaves the tree unusable if the reader fails.
  void Load(StateReader& in, size_t classes);

 private:
  struct Leaf {
    std::unique_ptr<double[]> block;
    double total = 0;         ///< Weight, estimated at the split and seen since.
    double last_attempt = 0;  ///< Total at the last split attempt.
    double majority_right = 0;
    double bayes_right = 0;
    uint32_t slots = 0;
    uint32_t capacity = 0;
    uint32_t slot_size = 0;
    uint32_t version = 0;
    uint32_t numbers = 0;  ///< Numeric attributes, which come first in the subset.
    bool active = true;
    bool observed = false;  ///< A row has been learnt.
  };
  /// Fields of a slot before those of attributes.
  enum Head : size_t { kWeight, kLabel, kSeen, kNorm, kPoint, kHeadPad, kHead };
  static constexpr size_t kBareSlot = 2;  ///< Size of a slot of a leaf that does not observe.
  static constexpr size_t kValues = 2;    ///< Numbers of a nominal attribute before its values.
  enum Field : size_t { kW, kMean, kSquares, kLow, kHigh, kInverse, kFields };

  struct Candidate {
    double merit = 0;
    double value = 0;
    uint32_t place = 0;  ///< In the leaf's subset.
    bool found = false;
  };

  static size_t Stride(uint32_t numbers) { return (numbers + 1) / 2 * 2; }
  const uint16_t* Subset(size_t leaf) const {
    return subsets_.data() + (plan_->leaf_subsets ? leaf * plan_->attributes : 0);
  }
  bool VotesByBayes(const Leaf& leaf) const;
  std::vector<double> WeightsOf(const Leaf& leaf) const;
  /// The leaf's numbers side by side, in the thread's buffer.
  const double* Gather(const SharedRow& row, size_t leaf) const;
  /// Log2 of weight times likelihood; minus infinity for an impossible class.
  double Score(const Leaf& leaf, const uint16_t* subset, const double* slot, const double* numbers,
               const SharedRow& row) const;
  double ScoreGaps(const Leaf& leaf, const uint16_t* subset, const double* slot,
                   const SharedRow& row) const;
  void DrawSubset(size_t leaf);
  size_t SlotSize(const Leaf& leaf, const uint16_t* subset) const;
  void NewBlock(size_t leaf, std::span<const std::pair<uint32_t, double>> classes);
  void Resize(size_t leaf, uint32_t capacity, uint32_t version);
  double* SlotOf(size_t leaf, uint32_t label);
  void LearnSlot(const Leaf& leaf, const uint16_t* subset, double* slot, const SharedRow& row,
                 double weight);
  void Refresh(const Leaf& leaf, const uint16_t* subset, double* slot) const;
  size_t NominalAt(const Leaf& leaf, const uint16_t* subset, uint32_t place) const;
  /// Of a tree with so many leaves, and classes in all of them.
  size_t StructureBytes(size_t leaves) const;
  size_t LastingBytes(size_t leaves, size_t slots) const {
    return StructureBytes(leaves) + slots * kBareSlot * sizeof(double) + leaves * kAllocation;
  }
  void TrySplit(uint32_t node, size_t room);
  Candidate BestNumeric(const Leaf& leaf, uint32_t place) const;
  Candidate BestNominal(const Leaf& leaf, uint32_t place, size_t offset, uint32_t room) const;
  void Split(uint32_t node, const Candidate& best);

  const TreePlan* plan_;
  const AttributeSpace* space_;
  uint64_t key_;
  uint64_t draws_ = 0;  ///< Subsets drawn so far.
  std::vector<Node> nodes_;
  std::vector<Leaf> leaves_;
  std::vector<uint16_t> subsets_;
  size_t block_bytes_ = 0;
  size_t slots_ = 0;  ///< Of all leaves.
  size_t active_ = 0;
  uint64_t refused_ = 0;
};

}  // namespace leat::ensembles
