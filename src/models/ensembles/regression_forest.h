/// A regression tree, or a forest of them; see include/leat/regression_trees.h.
///
/// As Ensemble, for numbers: a row is decoded and standardised once, the prediction is the mean of
/// the trees', and each tree of a forest has a tree in the background while its error is suspect.
/// The statistics that standardise a row are those of the rows learnt before it.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/workers.h"
#include "drift/adwin.h"
#include "models/ensembles/poisson.h"
#include "models/ensembles/regression_tree.h"
#include "models/ensembles/target_range.h"

namespace leat::ensembles {

struct RegressionForestPlan {
  std::string_view name;
  ForestRegressorOptions options;
  bool single = false;  ///< One tree, which learns each row once and has no detectors.
};

class RegressionForest final : public Model, public trees::ReadableTrees {
 public:
  RegressionForest(const RegressionForestPlan& plan, const InputSpec& spec);
  RegressionForest(const RegressionForest&) = delete;  // Members point into it.

  Task task() const override { return Task::kRegression; }
  void Predict(const Input& input, std::vector<double>& out) const override;
  void Learn(const Input& input, double target, double weight) override;
  void Save(StateWriter& out) const override;
  Status Load(StateReader& in) override;
  std::unique_ptr<Model> Fresh() const override;
  size_t MemoryBytes() const override;
  std::vector<std::pair<std::string, std::string>> Summary() const override;

  std::vector<trees::DumpedTree> Shown() const override;
  std::vector<DecisionPath> PathsOf(const Input& input) const override;

  uint64_t drifts() const { return drifts_; }
  static size_t MinimumBytes(const RegressionForestPlan& plan, const InputSpec& spec);

 private:
  struct Member {
    explicit Member(RegressionTree first) : tree(std::move(first)) {}
    RegressionTree tree;
    std::unique_ptr<RegressionTree> background;
    std::optional<Adwin> drift, warning;
    uint64_t made = 1;
  };

  bool Readable(const Input& input) const { return input.dense.size() == space_.size(); }
  RegressionTree NewTree(size_t member, uint64_t number) const;
  RegressionRow Decode(const Input& input) const;
  void LearnMember(size_t i, const RegressionRow& row, double target, double weight, size_t room,
                   double deviation);
  void Watch(size_t i, double error);
  size_t BaseBytes() const;

  RegressionForestPlan plan_;
  InputSpec spec_;
  AttributeSpace space_;
  RegressionPlan tree_plan_;
  PoissonTable poisson_;
  std::vector<uint32_t> inputs_;               ///< Of the linear models: positions of the numbers.
  std::vector<double> seen_, mean_, squares_;  ///< Of these inputs.
  std::vector<Member> members_;
  uint64_t learnt_ = 0;
  uint64_t ignored_ = 0;
  std::atomic<uint64_t> warnings_{0};  ///< Counted by whatever thread sees them.
  std::atomic<uint64_t> drifts_{0};
  TargetRange targets_;
  size_t base_bytes_ = 0;
  std::unique_ptr<Workers> workers_;
};

}  // namespace leat::ensembles
