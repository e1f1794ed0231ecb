/// Reading models: what trees have grown, and how they came to what they say of one record; what
/// linear models add up.
///
/// For the trees of this library: hoeffding_tree, hoeffding_adaptive_tree, extremely_fast_tree,
/// hoeffding_regression_tree, the members of bagging, forests and patches, boosted trees and
/// stochastic gradient trees; also behind calibration, balance, class weights and regions. Other
/// models have none, and give nothing. A nominal value is named by its code.
/// Cost: the nodes, or a path of each tree. Thread safety, determinism: as const methods of a
/// model.
#pragma once

#include <limits>
#include <string>
#include <vector>

#include "leat/linear.h"
#include "leat/model.h"

namespace leat {

enum class TreeFormat {
  kText,  ///< Indented, one line a node.
  /// Nested: {"if": condition, "then": [...]}; of a leaf {"if":, "class":, "weights":, "active":},
  /// or where it predicts a number {"if":, "value":, "active":}. A list of several trees.
  kJson,
  kGraphviz,  ///< For `dot`; a graph a tree.
};
/// Empty for a model without trees.
std::string DumpTrees(const Model& model, TreeFormat format = TreeFormat::kText);

struct DecisionPath {
  /// What held, from the root down: "amount > 50", "shop = 3"; where a value was missing and a tree
  /// goes on all the same, "amount <= 50 (missing)".
  std::vector<std::string> tests;
  bool stopped = false;         ///< At a test whose value is missing, or that has no such branch.
  std::vector<double> weights;  ///< Learnt at the end, by class; empty where it predicts a number.
  double value = std::numeric_limits<double>::quiet_NaN();  ///< That number.
};
/// Of each tree that votes, in order; nothing for a model without trees or a record of another
/// layout.
std::vector<DecisionPath> DecisionPaths(const Model& model, const Input& input);

/// The sums of logistic_regression, linear_regression and bayesian_linear_regression, also behind
/// calibration, balance, class weights and regions, before what these make of them. One, in favour
/// of class 1, while there are two classes; one a class when there are more, or softmax_full.
/// Nothing for other models, and for fourier_features, whose weights are of no input.
std::vector<LinearWeights> WeightsOf(const Model& model);

}  // namespace leat
