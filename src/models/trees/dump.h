/// A decision tree for people and for other programs: as indented text, JSON or Graphviz.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "leat/hoeffding_tree.h"

namespace leat::trees {

/// A node and how it is reached; parents come before their children, these in order.
struct DumpNode {
  size_t depth = 0;
  std::string condition;  ///< "x <= 3", or "all" for the root.
  bool leaf = true;
  bool active = true;          ///< A leaf that observes.
  std::vector<double> counts;  ///< Class weights of a leaf.
};

/// "name <= value" and the like. `side`: 0 left, 1 right; of a split with a branch a value, which.
std::string Condition(const InputSpec& spec, size_t attribute, bool numeric, bool multiway,
                      double value, size_t side);

std::string Write(const std::vector<DumpNode>& nodes, TreeFormat format);

}  // namespace leat::trees
