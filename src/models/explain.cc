#include "leat/explain.h"

#include "leat/bayesian_linear.h"
#include "models/trees/dump.h"
#include "models/wrapped.h"

namespace leat {
namespace {

/// A model, or the one behind those that stand before it.
const Model& Behind(const Model& model) {
  const Model* at = &model;
  while (const auto* wrapped = dynamic_cast<const Wrapped*>(at)) at = &wrapped->inner();
  return *at;
}

/// Null: it has none.
const trees::ReadableTrees* TreesOf(const Model& model) {
  return dynamic_cast<const trees::ReadableTrees*>(&Behind(model));
}

}  // namespace

std::string DumpTrees(const Model& model, TreeFormat format) {
  const trees::ReadableTrees* const trees = TreesOf(model);
  return trees == nullptr ? std::string() : trees::Write(trees->Shown(), format);
}

std::vector<DecisionPath> DecisionPaths(const Model& model, const Input& input) {
  const trees::ReadableTrees* const trees = TreesOf(model);
  return trees == nullptr ? std::vector<DecisionPath>() : trees->PathsOf(input);
}

std::vector<LinearWeights> WeightsOf(const Model& model) {
  const Model& behind = Behind(model);
  if (const auto* linear = dynamic_cast<const LinearModel*>(&behind)) return linear->Weights();
  if (const auto* bayesian = dynamic_cast<const BayesianLinear*>(&behind)) {
    return {bayesian->Weights()};
  }
  return {};
}

}  // namespace leat
