/// Several targets of the same records at once: numbers, classes, or some of each.
///
/// A model for each target, of any type but a committee, given as text as the members of one
/// (leat/composition.h). Apart they see the inputs alone; in a chain each also sees the targets
/// before it, in their order: the true ones where it learns, what those before it say where it
/// predicts (a class as a category). Sources: Read, Pfahringer, Holmes and Frank, "Classifier
/// Chains for Multi-Label Classification" (Machine Learning 85, 2011); for numbers
/// Spyromitros-Xioufis, Tsoumakas, Groves and Vlahavas, "Multi-Target Regression via Input Space
/// Expansion" (Machine Learning 104, 2016). Deviation: what a member has not said yet, and a target
/// that is missing, is a missing input.
///
/// Shapes: as the members read them; in a chain the dense part grows by a place for each target but
/// the last. Targets: one for each, NaN where it is not known: that member does not learn then.
/// Cost and bytes: the sum of the members'. Thread safety, determinism: as leat/model.h. Errors:
/// kInvalid for no target, members that cannot be made, or one whose type cannot read a class of
/// another target as a category where the chain has one.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "leat/model.h"

namespace leat {

struct Target {
  std::string name;
  Task task = Task::kRegression;  ///< Or kClassification.
  std::string model;              ///< `forest_regressor trees=5`.
};

struct MultiTargetOptions {
  std::vector<Target> targets;  ///< 1 to 256.
  bool chain = false;           ///< Each sees the targets before it.
};

class MultiTargetModel {
 public:
  virtual ~MultiTargetModel() = default;
  virtual size_t targets() const = 0;
  /// What each member says, as Model::Predict does.
  virtual void Predict(const Input& input, std::vector<std::vector<double>>& out) const = 0;
  /// `known`: by target. Ignored and counted if it is of another length.
  virtual void Learn(const Input& input, std::span<const double> known, double weight) = 0;
  virtual void Save(StateWriter& out) const = 0;
  virtual Status Load(StateReader& in) = 0;
  virtual std::unique_ptr<MultiTargetModel> Fresh() const = 0;
  virtual size_t MemoryBytes() const = 0;
  virtual const Model& member(size_t target) const = 0;
};

Result<std::unique_ptr<MultiTargetModel>> MakeMultiTarget(const MultiTargetOptions& options,
                                                          const InputSpec& inputs);

}  // namespace leat
