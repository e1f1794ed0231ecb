/// The Hoeffding tree itself; see include/leat/hoeffding_tree.h for what it is.
///
/// Nodes live in one flat vector; a split's children stand next to each other, so that a binary
/// test is an addition. Class counts and, at a learning leaf, observers stand in a second vector of
/// the same order. A leaf that splits keeps its counts: they are the vote where a test cannot go
/// on. Children have higher numbers than their parents.
///
/// Memory: `fixed_` (nodes, counts) and `active_` (observers) are kept exactly, from sizes and not
/// from what an allocator happened to do, so a loaded tree decides as the saved one would have.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "leat/hoeffding_tree.h"
#include "models/trees/dump.h"
#include "models/trees/observers.h"
#include "models/trees/split.h"

namespace leat::trees {

class HoeffdingTree final : public Model, public ReadableTrees {
 public:
  HoeffdingTree(const HoeffdingTreeOptions& options, const InputSpec& spec);

  Task task() const override { return Task::kClassification; }
  void Predict(const Input& input, std::vector<double>& out) const override;
  void Learn(const Input& input, double target, double weight) override;
  /// Descends, and asks naive Bayes, once.
  void PredictAndLearn(const Input& input, double target, double weight,
                       std::vector<double>& out) override;
  void Save(StateWriter& out) const override;
  Status Load(StateReader& in) override;
  std::unique_ptr<Model> Fresh() const override;
  size_t MemoryBytes() const override { return fixed_ + active_; }
  std::vector<std::pair<std::string, std::string>> Summary() const override;

  /// The votes as they are, not normalised: class weights, or products of densities. Their length
  /// is that of the class vector which votes.
  void Votes(const Input& input, std::vector<double>& out) const;
  /// The class of the highest vote: the first maximum, 0 without a vote.
  size_t Classify(const Input& input) const;
  /// Classify and then Learn, descending and asking naive Bayes once: what prequential loops in
  /// memory use. The same result and state as the two calls.
  size_t ClassifyAndLearn(const Input& input, double target, double weight);

  struct Shape {
    size_t nodes = 0;  ///< Splits and leaves.
    size_t leaves = 0;
    size_t active_leaves = 0;  ///< Leaves that have observers and may split.
    size_t depth = 0;          ///< Splits on the longest path.
  };
  Shape shape() const;
  std::vector<DumpedTree> Shown() const override;
  std::vector<DecisionPath> PathsOf(const Input& input) const override;

  /// The least max_bytes with which the layout can learn.
  static size_t MinimumBytes(const HoeffdingTreeOptions& options, const InputSpec& spec);

  uint64_t ignored() const { return ignored_; }
  uint64_t refused_splits() const { return refused_splits_; }

 private:
  struct Node {
    double value = 0;    ///< kNumeric: the threshold; kEquals: the code.
    uint32_t first = 0;  ///< kNumeric, kEquals: the first child; kMultiway: index in branches_.
    uint32_t attribute = 0;
    uint32_t slot = 0;  ///< Of the attribute, within its kind.
    TestKind kind = TestKind::kLeaf;
  };
  struct Leaf {
    Observers observers;
    std::vector<uint8_t> disabled;  ///< Attributes no longer observed; empty is none.
    double last_attempt = 0;        ///< Leaf weight at the last split attempt.
    double majority_right = 0;      ///< Weight that the majority class had right.
    double bayes_right = 0;         ///< Weight that naive Bayes had right.
  };
  struct Content {
    std::vector<double> counts;
    std::unique_ptr<Leaf> leaf;  ///< Null at splits and at leaves that gave up their observers.
  };
  /// Where a descent ends: at a leaf, or at a split that cannot go on.
  struct Place {
    uint32_t node = 0;
    int64_t absent_branch = -1;  ///< The multiway branch that does not exist yet, or -1.
  };
  static constexpr uint32_t kNoNode = 0xffffffff;

  Place Descend(const Row& row) const {
    return Descend(row, [](const Node&, size_t) {});
  }
  /// Tells `passed` of each split on the way, and to which side of it the row goes.
  template <typename Passed>
  Place Descend(const Row& row, const Passed& passed) const;
  bool VotesByBayes(const Content& content) const;
  size_t Decide(const Content& content, const Row& row) const;
  /// Probabilities into `out`; returns the class that naive Bayes would decide for, if it voted.
  size_t Answer(const Content& content, const Row& row, std::vector<double>& out) const;
  /// Learns a row. `out`: null, or where its probabilities go, as they are before. With `decide`
  /// returns the class of the highest vote before.
  size_t Step(const Row& row, size_t label, double weight, bool decide,
              std::vector<double>* out = nullptr);
  void LearnAt(uint32_t id, const Row& row, size_t label, double weight, size_t bayes);
  bool MakeRoom(size_t growth);
  bool AddBranch(uint32_t split, size_t branch, uint32_t* id);
  void TrySplit(uint32_t id);
  bool Split(uint32_t id, const Suggestion& suggestion);
  uint32_t AddLeaf(std::vector<double> counts);
  void Activate(uint32_t id);
  void Deactivate(uint32_t id);
  void EnforceLimit();
  static size_t CountsBytes(size_t classes);
  static size_t NodeVectorBytes(size_t nodes);
  size_t LeafBytes(const Leaf& leaf) const;
  size_t BaseBytes() const;
  std::string_view SectionName() const {
    return layout_.most_cells > 0 ? "hoeffding_tree_values" : "hoeffding_tree";
  }
  void SaveNode(uint32_t id, StateWriter& out) const;
  void LoadNode(StateReader& in);
  void CheckLinks(StateReader& in) const;
  void Recount();

  HoeffdingTreeOptions options_;
  InputSpec spec_;
  AttributeLayout layout_;
  SplitFinder finder_;
  bool scores_ = true;  ///< Naive Bayes may be asked.

  std::vector<Node> nodes_;
  std::vector<Content> contents_;
  std::vector<std::vector<uint32_t>> branches_;  ///< Children of multiway splits, or kNoNode.
  size_t classes_ = 0;
  double weight_ = 0;
  uint64_t learnt_ = 0;
  uint64_t ignored_ = 0;         ///< Targets or inputs that cannot be learnt, or for want of room.
  uint64_t stopped_ = 0;         ///< Rows whose value was missing at a test.
  uint64_t refused_splits_ = 0;  ///< For want of room.
  uint64_t since_limit_ = 0;     ///< Rows since the limit was last enforced.
  size_t fixed_ = 0;
  size_t active_ = 0;
  size_t active_leaves_ = 0;
  size_t inactive_leaves_ = 0;
};

template <typename Passed>
HoeffdingTree::Place HoeffdingTree::Descend(const Row& row, const Passed& passed) const {
  uint32_t id = 0;
  for (;;) {
    const Node& node = nodes_[id];
    switch (node.kind) {
      case TestKind::kNumeric: {
        const double v = row.numeric()[node.slot];
        if (v != v) return {id};
        const auto side = static_cast<uint32_t>(v > node.value);
        passed(node, side);
        id = node.first + side;
        break;
      }
      case TestKind::kEquals: {
        const int32_t code = row.codes()[node.slot];
        if (code < 0) return {id};
        const auto side = static_cast<uint32_t>(code != static_cast<int32_t>(node.value));
        passed(node, side);
        id = node.first + side;
        break;
      }
      case TestKind::kMultiway: {
        const int32_t code = row.codes()[node.slot];
        if (code < 0) return {id};
        const std::vector<uint32_t>& children = branches_[node.first];
        const auto branch = static_cast<size_t>(code);
        if (branch >= children.size() || children[branch] == kNoNode) return {id, code};
        passed(node, branch);
        id = children[branch];
        break;
      }
      case TestKind::kLeaf:
        return {id};
    }
  }
}

}  // namespace leat::trees
