/// What the two trees that revise their splits share: the Hoeffding adaptive tree and the extremely
/// fast decision tree.
///
/// Nodes live behind stable addresses and name each other by number. A subtree that has been
/// replaced is swept away at the end of the row. Memory is reckoned from sizes, like that of the
/// Hoeffding tree, so a loaded tree decides as the saved one would have.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "drift/adwin.h"
#include "leat/hoeffding_tree.h"
#include "models/trees/dump.h"
#include "models/trees/observers.h"
#include "models/trees/split.h"

namespace leat::trees {

inline constexpr uint32_t kNoChild = 0xffffffff;

struct RevisingNode {
  TestKind kind = TestKind::kLeaf;
  double value = 0;
  uint32_t attribute = 0;
  std::vector<uint32_t> children;  ///< Nodes, by branch; kNoChild for one not met yet.
  std::vector<double> counts;      ///< Class weights.
  Observers observers;
  bool observing = true;
  double last_attempt = 0;
  double majority_right = 0;
  double bayes_right = 0;

  // The adaptive tree.
  std::unique_ptr<Adwin> error;  ///< Of the predictions made below; null before the first.
  uint32_t alternate = kNoChild;
  uint64_t random = 0;  ///< State of java.util.Random(1).

  // The extremely fast tree.
  int64_t items = 0;     ///< Rows learnt here.
  int64_t attempts = 0;  ///< Evaluations since it became what it is.
  uint64_t classes_at_split = 0;
  std::vector<double> merits;         ///< By attribute: sum of its best merits.
  std::vector<uint8_t> used_nominal;  ///< By attribute: split on above; empty is none.
};

class RevisingTree : public Model, public ReadableTrees {
 public:
  RevisingTree(std::string_view name, const HoeffdingTreeOptions& options, const InputSpec& spec);

  Task task() const override { return Task::kClassification; }
  void Predict(const Input& input, std::vector<double>& out) const override;
  void Learn(const Input& input, double target, double weight) override;
  void Save(StateWriter& out) const override;
  Status Load(StateReader& in) override;
  size_t MemoryBytes() const override { return base_bytes_ + node_bytes_; }
  std::vector<std::pair<std::string, std::string>> Summary() const override;

  /// The votes as the published implementation gives them.
  void Votes(const Input& input, std::vector<double>& out) const;
  size_t Classify(const Input& input) const;
  /// Classify, then Learn.
  size_t ClassifyAndLearn(const Input& input, double target, double weight);

  struct Shape {
    size_t nodes = 0, leaves = 0, depth = 0;
  };
  /// Of what votes; trees in waiting are not counted.
  Shape shape() const;
  /// The same.
  std::vector<DumpedTree> Shown() const override;
  std::vector<DecisionPath> PathsOf(const Input& input) const override;
  static size_t MinimumBytes(const HoeffdingTreeOptions& options, const InputSpec& spec);

 protected:
  /// Where a descent ends: a leaf, or a split that cannot go on.
  struct Place {
    uint32_t node = 0;
    uint32_t parent = kNoChild;
    int64_t absent_branch = -1;  ///< The branch of the split that does not exist, or -1.
  };

  /// Learns a row that is fit to be learnt.
  virtual void LearnRow(const Row& row, size_t label, double weight) = 0;
  /// Divides the votes of a leaf by something.
  virtual void Weigh(const RevisingNode&, std::vector<double>&) const {}
  virtual void SaveExtras(const RevisingNode& node, StateWriter& out) const = 0;
  virtual void LoadExtras(RevisingNode& node, StateReader& in) const = 0;

  RevisingNode& node(uint32_t id) { return *nodes_[id]; }
  const RevisingNode& node(uint32_t id) const { return *nodes_[id]; }
  bool IsLeaf(uint32_t id) const { return nodes_[id]->kind == TestKind::kLeaf; }
  /// The branch of a split, or -1 if the value is missing.
  int64_t BranchOf(const RevisingNode& split, const Row& row) const;
  Place Descend(uint32_t from, const Row& row) const;
  bool VotesByBayes(const RevisingNode& leaf) const;
  size_t DecideAt(const RevisingNode& node, const Row& row) const;
  size_t BayesAt(const RevisingNode& node, const Row& row) const;
  void VotesAt(const RevisingNode& node, const Row& row, std::vector<double>& out) const;

  /// Counts, observers and (at leaves) which vote was right.
  void LearnStatistics(RevisingNode& node, const Row& row, size_t label, double weight, bool leaf);
  /// Of every attribute its best candidate, worst first; as SplitFinder.
  const std::vector<Suggestion>& Rank(const RevisingNode& node);
  /// A split of `suggestion` over new leaves; returns its number. `from` gives the observers.
  uint32_t NewSplit(const RevisingNode& from, const Suggestion& suggestion);
  uint32_t NewLeaf(std::vector<double> counts);
  void PutAt(uint32_t parent, size_t branch, uint32_t child);
  void BeginAnew(RevisingNode& leaf);
  bool MayGrow() const;
  size_t NodeBytes(const RevisingNode& node) const;
  void Recount();
  /// Removes what cannot be reached, and numbers the rest from the root down.
  void Sweep();

  const std::string_view name_;
  HoeffdingTreeOptions options_;
  InputSpec spec_;
  AttributeLayout layout_;
  SplitFinder finder_;
  std::vector<std::unique_ptr<RevisingNode>> nodes_;
  uint32_t root_ = 0;
  size_t classes_ = 0;
  uint64_t learnt_ = 0;
  uint64_t ignored_ = 0;
  uint64_t replaced_ = 0;  ///< Subtrees that have been replaced.
  uint64_t refused_ = 0;   ///< Splits, for want of room.
  size_t node_bytes_ = 0;
  bool replaced_now_ = false;  ///< Within a row: Sweep has something to do.

 private:
  std::string SectionName() const {
    return std::string(name_) + (layout_.most_cells > 0 ? "_values" : "");
  }
  void Shed();
  void SaveNode(const RevisingNode& node, StateWriter& out) const;
  std::unique_ptr<RevisingNode> LoadNode(StateReader& in) const;
  bool CheckLinks() const;
  size_t BaseBytes() const;

  size_t base_bytes_ = 0;
};

/// Hoeffding adaptive tree; see HoeffdingAdaptiveTreeOptions.
class AdaptiveTree final : public RevisingTree {
 public:
  AdaptiveTree(const HoeffdingAdaptiveTreeOptions& options, const InputSpec& spec);
  std::unique_ptr<Model> Fresh() const override;

 private:
  void LearnRow(const Row& row, size_t label, double weight) override;
  void Weigh(const RevisingNode& leaf, std::vector<double>& votes) const override;
  void SaveExtras(const RevisingNode& node, StateWriter& out) const override;
  void LoadExtras(RevisingNode& node, StateReader& in) const override;
  /// `prediction`: of the leaf below, once it is known; else -1.
  void LearnNode(uint32_t id, uint32_t parent, size_t branch, const Row& row, size_t label,
                 double weight, int64_t prediction);
  void LearnLeaf(uint32_t id, uint32_t parent, size_t branch, const Row& row, size_t label,
                 double weight, int64_t prediction);
  int64_t PredictionBelow(uint32_t id, const Row& row) const;
  bool Err(RevisingNode& node, bool wrong);
  bool MayReplace(RevisingNode& split);

  HoeffdingAdaptiveTreeOptions adaptive_;
};

/// Extremely fast decision tree; see ExtremelyFastTreeOptions.
class ExtremelyFastTree final : public RevisingTree {
 public:
  ExtremelyFastTree(const ExtremelyFastTreeOptions& options, const InputSpec& spec);
  std::unique_ptr<Model> Fresh() const override;

 private:
  void LearnRow(const Row& row, size_t label, double weight) override;
  void SaveExtras(const RevisingNode& node, StateWriter& out) const override;
  void LoadExtras(RevisingNode& node, StateReader& in) const override;
  void TrySplit(uint32_t id, uint32_t parent, size_t branch);
  void Reevaluate(uint32_t id, uint32_t parent, size_t branch);
  uint32_t SplitOn(uint32_t id, const Suggestion& best);
  void AddMerits(RevisingNode& node, const std::vector<Suggestion>& ranked) const;

  ExtremelyFastTreeOptions fast_;
};

}  // namespace leat::trees
