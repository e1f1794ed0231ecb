/// One tree of a Mondrian forest; see leat/mondrian_forest.h.
///
/// Layout: blocks of nodes, and beside each block its numbers: for a node the least value of each
/// input that its rows have, the greatest of each, then the weight of each class. So memory grows
/// by whole blocks, and no node ever moves.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/random.h"
#include "leat/mondrian_forest.h"
#include "leat/state.h"
#include "models/ensembles/tree_nodes.h"
#include "models/heap_bytes.h"

namespace leat::ensembles {

class MondrianTree {
 public:
  /// REQUIRES `options` outlives the tree. `key` tells the trees of a forest apart.
  MondrianTree(const MondrianForestOptions& options, size_t inputs, uint64_t key);

  /// Adds the probabilities of the classes, times `scale`. REQUIRES a row has been learnt.
  void Predict(const double* x, double scale, double* out) const;
  /// `inverse`: of the inputs' deviations; 0 for those that tell nothing. `may_grow`: a block more
  /// has room. True if the tree has taken one.
  bool Learn(const double* x, const double* inverse, uint32_t label, double weight, bool may_grow);
  /// Forgets all rows. Random numbers go on.
  void Clear() {
    count_ = 0;
    std::vector<std::unique_ptr<Block>>().swap(blocks_);
  }
  /// Makes room for so many classes.
  void Widen(size_t classes);

  size_t nodes() const { return count_; }
  uint64_t refused_splits() const { return refused_; }
  /// Bytes beyond the tree itself, with so many classes and blocks more.
  size_t HeapBytes(size_t classes, size_t more = 0) const {
    const size_t blocks = blocks_.size() + more;
    return blocks * (sizeof(Block) + kBlock * (2 * inputs_ + classes) * sizeof(double) +
                     2 * kAllocation) +
           (blocks == 0 ? 0 : Room(blocks) * sizeof(blocks_[0]) + kAllocation);
  }

  void Adopt(const MondrianForestOptions& options) { options_ = &options; }

  void Save(StateWriter& out) const;
  /// Leaves the tree unusable if the reader fails.
  void Load(StateReader& in, size_t classes);

 private:
  struct Node {
    double time = 0;      ///< When it came to be; its children's is when it was split.
    double value = 0;     ///< Numbers up to it go left.
    double log_node = 0;  ///< Logarithm of the weight of its own prediction,
    double log_tree = 0;  ///< and of all prunings of the tree below it.
    double total = 0;     ///< Weight of its rows.
    uint32_t parent = 0;
    uint32_t left = 0;  ///< 0: a leaf.
    uint32_t right = 0;
    uint32_t input = 0;
  };
  static constexpr size_t kBlock = 32;
  struct Block {
    Node nodes[kBlock];
    std::unique_ptr<double[]> numbers;
  };

  size_t Stride() const { return 2 * inputs_ + classes_; }
  Node& At(uint32_t node) const { return blocks_[node / kBlock]->nodes[node % kBlock]; }
  double* Low(uint32_t node) const {
    return blocks_[node / kBlock]->numbers.get() + node % kBlock * Stride();
  }
  double* High(uint32_t node) const { return Low(node) + inputs_; }
  double* Counts(uint32_t node) const { return Low(node) + 2 * inputs_; }
  double Share(uint32_t node, uint32_t label) const;
  uint32_t Child(const Node& node, const double* x) const;
  uint32_t AddNode();
  /// Where a row lies outside a node the node may split; the time of that, or infinity.
  double SplitTime(uint32_t node, const double* x, const double* inverse, uint32_t label,
                   double& spread);
  uint32_t Split(uint32_t node, double time, const double* x, const double* inverse, double spread);
  void Update(uint32_t node, const double* x, uint32_t label, double weight, bool judged);

  const MondrianForestOptions* options_;
  size_t inputs_;
  size_t classes_ = 0;
  CounterRandom random_;
  uint64_t refused_ = 0;
  size_t count_ = 0;  ///< Nodes.
  std::vector<std::unique_ptr<Block>> blocks_;
};

}  // namespace leat::ensembles
