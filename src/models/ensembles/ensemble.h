/// An ensemble of trees over one stream; see include/leat/ensembles.h for what kinds there are.
///
/// A row is decoded once for all members. For each member: its vote is compared with the label
/// (for its accuracy and its detectors), it learns the row as often as a Poisson number says, and
/// its tree in the background, if there is one, does the same. The number is a function of the
/// seed, the row's number and the member, so nothing of it is state. Members share nothing that
/// changes but counts of what happened, so threads may share them; votes are summed in their order.
///
/// Memory: the budget is for everything. Nodes and class weights grow up to half of it; when all
/// takes more than it, the least promising leaves of all trees give up observing, down to 90 %.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/workers.h"
#include "drift/adwin.h"
#include "models/ensembles/member_tree.h"
#include "models/ensembles/poisson.h"

namespace leat::ensembles {

struct EnsemblePlan {
  std::string_view name;  ///< Of the type, for messages.
  EnsembleOptions options;
  double subspace = 1;         ///< Share of the attributes; 0: round(sqrt(d)) + 1 of them.
  bool leaf_subsets = false;   ///< Drawn by each leaf, not by each tree.
  double warning_delta = 0;    ///< 0: no background trees.
  double drift_delta = 0;      ///< 0: no detectors.
  bool replace_worst = false;  ///< A drift resets the tree with the most errors, not its own.
};

/// How many of `all` attributes a share of them is; 0: round(sqrt(all)) + 1.
size_t SubspaceSize(double share, size_t all);
/// An ADWIN that reports rises.
AdwinOptions RisesOnly(double delta);

class Ensemble final : public Model, public trees::ReadableTrees {
 public:
  Ensemble(const EnsemblePlan& plan, const InputSpec& spec);
  Ensemble(const Ensemble&) = delete;  // Members point into it.

  Task task() const override { return Task::kClassification; }
  void Predict(const Input& input, std::vector<double>& out) const override;
  void Learn(const Input& input, double target, double weight) override;
  void Save(StateWriter& out) const override;
  Status Load(StateReader& in) override;
  std::unique_ptr<Model> Fresh() const override;
  size_t MemoryBytes() const override;
  std::vector<std::pair<std::string, std::string>> Summary() const override;

  /// Asks each tree once.
  void PredictAndLearn(const Input& input, double target, double weight,
                       std::vector<double>& out) override;

  std::vector<trees::DumpedTree> Shown() const override;
  std::vector<DecisionPath> PathsOf(const Input& input) const override;

  uint64_t drifts() const { return drifts_; }
  uint64_t warnings() const { return warnings_; }
  static size_t MinimumBytes(const EnsemblePlan& plan, const InputSpec& spec);

 private:
  struct Record {
    double right = 0;
    double seen = 0;
  };
  struct Member {
    explicit Member(MemberTree first) : tree(std::move(first)) {}
    MemberTree tree;
    std::unique_ptr<MemberTree> background;
    std::optional<Adwin> drift, warning;
    Record record, background_record;
    uint64_t made = 1;  ///< Trees so far.
  };

  bool Readable(const Input& input) const { return input.dense.size() == space_.size(); }
  MemberTree NewTree(size_t member, uint64_t number) const;
  double VoteOf(const Member& member) const;
  void LearnMember(size_t i, const SharedRow& row, uint32_t label, double weight, size_t room,
                   double* votes);
  void Watch(size_t i, bool wrong);
  void ResetTree(size_t i);
  void Step(const Input& input, double target, double weight, std::vector<double>* out);
  size_t BaseBytes() const;

  EnsemblePlan plan_;
  InputSpec spec_;
  AttributeSpace space_;
  TreePlan tree_plan_;
  PoissonTable poisson_;
  std::vector<Member> members_;
  size_t classes_ = 0;
  uint64_t learnt_ = 0;
  uint64_t ignored_ = 0;
  std::atomic<uint64_t> warnings_{0};  ///< Counted by whatever thread sees them.
  std::atomic<uint64_t> drifts_{0};
  size_t base_bytes_ = 0;                ///< What BaseBytes gave when it last changed.
  std::atomic<bool> worst_goes_{false};  ///< Within a row: some detector has raised an alarm.
  std::unique_ptr<Workers> workers_;
};

}  // namespace leat::ensembles
