/// A Mondrian forest; see include/leat/mondrian_forest.h.
///
/// The budget is for everything. A tree takes a block of nodes while kGrowthShare of the budget has
/// room for it. When a split has been refused for want of room, the oldest tree begins anew at the
/// next row, unless it is the only one. The rest of the budget is for classes that come later,
/// whose counts every node must hold.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/workers.h"
#include "models/ensembles/attribute_space.h"
#include "models/ensembles/mondrian_tree.h"

namespace leat::ensembles {

class MondrianForest final : public Model {
 public:
  MondrianForest(const MondrianForestOptions& options, const InputSpec& spec);
  MondrianForest(const MondrianForest&) = delete;  // Trees point into it.

  Task task() const override { return Task::kClassification; }
  void Predict(const Input& input, std::vector<double>& out) const override;
  void Learn(const Input& input, double target, double weight) override;
  void Save(StateWriter& out) const override;
  Status Load(StateReader& in) override;
  std::unique_ptr<Model> Fresh() const override;
  size_t MemoryBytes() const override { return base_bytes_ + tree_bytes_; }
  std::vector<std::pair<std::string, std::string>> Summary() const override;

  static size_t MinimumBytes(const MondrianForestOptions& options, const InputSpec& spec);

 private:
  /// Of an input: of the rows that have it.
  struct Spread {
    double rows = 0, mean = 0, squares = 0;
  };

  bool Readable(const Input& input) const { return input.dense.size() == space_.size(); }
  bool LearnTree(MondrianTree& tree, const double* x, uint32_t label, double weight, bool may_grow,
                 size_t& more_bytes) const;
  size_t TreeBytes(size_t classes, size_t more) const;
  size_t BaseBytes() const;

  MondrianForestOptions options_;
  InputSpec spec_;
  AttributeSpace space_;
  std::vector<Spread> spreads_;
  std::vector<double> inverse_;  ///< Of the inputs' deviations.
  std::vector<MondrianTree> trees_;
  size_t classes_ = 0;
  uint64_t learnt_ = 0;
  uint64_t ignored_ = 0;
  uint64_t refused_classes_ = 0;
  uint64_t renewals_ = 0;  ///< Trees begun anew, one after the other.
  bool full_ = false;      ///< The last row was refused a split.
  size_t base_bytes_ = 0;
  size_t tree_bytes_ = 0;
  std::unique_ptr<Workers> workers_;
};

}  // namespace leat::ensembles
