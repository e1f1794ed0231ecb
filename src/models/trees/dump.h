/// Decision trees for people and for other programs: as indented text, JSON or Graphviz; and the
/// way of one record through them.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "leat/explain.h"

namespace leat::trees {

/// A node and how it is reached; parents come before their children, these in order.
struct DumpNode {
  size_t depth = 0;
  std::string condition;  ///< "x <= 3", or "all" for the root.
  bool leaf = true;
  bool active = true;           ///< A leaf that observes.
  std::vector<double> counts;   ///< Class weights of a leaf,
  std::optional<double> value;  ///< or the number it predicts.
};
using DumpedTree = std::vector<DumpNode>;

/// A model whose trees can be read.
class ReadableTrees {
 public:
  virtual std::vector<DumpedTree> Shown() const = 0;
  /// Of each tree; nothing for a record of another layout.
  virtual std::vector<DecisionPath> PathsOf(const Input& input) const = 0;

 protected:
  ~ReadableTrees() = default;
};

/// "name <= value" and the like. `side`: 0 left, 1 right; of a split with a branch a value, which.
std::string Condition(const InputSpec& spec, size_t attribute, bool numeric, bool multiway,
                      double value, size_t side);

std::string Write(const std::vector<DumpedTree>& trees, TreeFormat format);

}  // namespace leat::trees
