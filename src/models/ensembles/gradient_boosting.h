/// Chains of boosted trees over one stream; see include/leat/gradient_boosting.h.
///
/// A row is decoded and binned once. Its leaves in all trees and what they predict are found first;
/// then, tree after tree, the gradient and hessian at the sum of those before it; then all trees
/// learn theirs. The first and the last part are each tree's own, so threads may share them.
/// Regression has one chain. Classification has one for each class but the
/// first seen; the softmax of their sums gives the probabilities, and every tree's gradients.
///
/// Drift: an alarm says that errors rise, not that new trees would do better. So it starts a scout,
/// a shorter chain that steps faster. If the scout errs less than the chains within some rows, all
/// trees begin anew, from the front of the chains to their end, so that those behind learn what
/// those before them no longer predict; otherwise it is dropped.
///
/// Memory: the budget is for everything. When nodes take half of it no tree grows any more; when
/// all takes more than it, the scout goes, then the least promising leaves of all trees give up
/// observing, down to 90 %.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/random.h"
#include "base/workers.h"
#include "drift/adwin.h"
#include "models/ensembles/gradient_tree.h"
#include "models/ensembles/target_range.h"

namespace leat::ensembles {

class GradientBoosting final : public Model, public trees::ReadableTrees {
 public:
  /// `alone`: each chain is one tree, which learns the gradients at what it predicts itself.
  GradientBoosting(Task task, const GradientBoostingOptions& options, const InputSpec& spec,
                   bool alone = false);
  GradientBoosting(const GradientBoosting&) = delete;  // Trees point into it.

  Task task() const override { return task_; }
  void Predict(const Input& input, std::vector<double>& out) const override;
  void Learn(const Input& input, double target, double weight) override;
  void Save(StateWriter& out) const override;
  Status Load(StateReader& in) override;
  std::unique_ptr<Model> Fresh() const override;
  size_t MemoryBytes() const override {
    return base_bytes_ + tree_bytes_ + detector_.MemoryBytes() - sizeof(Adwin) +
           (scout_ != nullptr ? scout_->MemoryBytes() + kAllocation : 0);
  }
  std::vector<std::pair<std::string, std::string>> Summary() const override;

  /// Chain after chain.
  std::vector<trees::DumpedTree> Shown() const override;
  std::vector<DecisionPath> PathsOf(const Input& input) const override;

  uint64_t renewals() const { return renewals_; }
  bool scouting() const { return scout_ != nullptr; }
  bool renewing() const { return renewing_ > 0; }
  static size_t MinimumBytes(Task task, const GradientBoostingOptions& options,
                             const InputSpec& spec, bool alone = false);

 private:
  /// Of a class that has been seen; `chain` counts from 1, 0 is the class without one.
  struct Seat {
    uint32_t chain = kNoChain;
    double rows = 0;
  };
  static constexpr uint32_t kNoChain = 0xffffffff;
  /// For Softmax: which classes have been seen.
  struct SeenClasses {
    const std::vector<Seat>& seats;
    int operator[](size_t label) const { return seats[label].chain != kNoChain ? 1 : 0; }
  };

  bool Readable(const Input& input) const { return input.dense.size() == space_.size(); }
  size_t length() const { return static_cast<size_t>(plan_.options.trees); }
  std::string_view SectionName() const {
    return plan_.alone ? "stochastic_gradient_tree" : "gradient_boosting";
  }
  bool regression() const { return task_ == Task::kRegression; }
  GradientTree NewTree(size_t tree);
  bool AddChain();
  /// What the chains' sums start from: 0 for the class without, then one a chain.
  void Start(std::vector<double>& sums) const;
  void Probabilities(const std::vector<double>& sums, std::vector<double>& by_class) const;
  bool Seated(uint32_t label);
  /// Finds the leaves of a row in all trees and what they predict, in the thread's buffers.
  void FindLeaves(const double* x, bool to_learn) const;
  /// Walks down all chains, then learns; gives the loss before, as Step.
  double LearnChains(const double* x, const uint8_t* codes, double target, uint32_t chain,
                     double weight);
  void Rebin();
  /// Learns a lesson; gives the loss before, an error or 1 - the probability of the class.
  double Step(const Input& input, double target, double weight);
  void Watch(double loss);
  void Try(const Input& input, double target, double weight, double loss);
  void RenewTrees();
  std::unique_ptr<GradientBoosting> NewScout() const;
  void CountTrees();
  std::vector<GradientTree*> AllTrees();
  /// What is held against max_bytes: the detector counts as at its largest, because what it holds
  /// in fact depends on its past and would differ after a load.
  size_t BudgetedBytes() const;
  size_t BaseBytes() const;

  Task task_;
  GradientPlan plan_;
  InputSpec spec_;
  AttributeSpace space_;
  RowBins bins_;
  std::vector<GradientTree> trees_;  ///< Chain after chain.
  std::vector<Seat> seats_;          ///< By class.
  TargetRange targets_;
  double origin_ = 0;  ///< The first target: where a tree that stands alone starts.
  Adwin detector_;
  uint32_t chains_ = 0;
  uint64_t learnt_ = 0;
  uint64_t ignored_ = 0;
  uint64_t refused_classes_ = 0;
  uint64_t alarms_ = 0;
  uint64_t renewals_ = 0;
  uint64_t made_ = 0;      ///< Trees so far.
  uint64_t renewing_ = 0;  ///< Trees of each chain that have yet to begin anew.
  uint64_t waited_ = 0;    ///< Rows since the last of them did.
  std::unique_ptr<GradientBoosting> scout_;
  uint64_t scouted_ = 0;   ///< Rows that the scout has learnt.
  double scout_loss_ = 0;  ///< Mean loss of late.
  double own_loss_ = 0;    ///< The same of the chains, over the same rows.
  size_t base_bytes_ = 0;  ///< What BaseBytes gave when it last changed.
  size_t tree_bytes_ = 0;
  size_t structure_bytes_ = 0;
  bool may_grow_ = true;            ///< Within a row: there is room for splits.
  std::atomic<bool> grown_{false};  ///< Within a row: some tree has split.
  std::unique_ptr<Workers> workers_;
};

}  // namespace leat::ensembles
