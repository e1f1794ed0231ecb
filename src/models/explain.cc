#include "leat/explain.h"

#include "models/trees/dump.h"
#include "models/wrapped.h"

namespace leat {
namespace {

/// The trees of a model, or of the one behind those that stand before it; null: it has none.
const trees::ReadableTrees* TreesOf(const Model& model) {
  const Model* at = &model;
  while (const auto* wrapped = dynamic_cast<const Wrapped*>(at)) at = &wrapped->inner();
  return dynamic_cast<const trees::ReadableTrees*>(at);
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

}  // namespace leat
