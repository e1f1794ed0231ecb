/// What the tests of clustering models do again and again.
#pragma once

#include <vector>

#include "leat/model.h"

namespace leat {

inline void Learn(Model& model, const std::vector<double>& x, double weight = 1) {
  model.Learn({x, {}}, 0, weight);
}
inline std::vector<double> Distances(const Model& model, const std::vector<double>& x) {
  std::vector<double> out;
  model.Predict({x, {}}, out);
  return out;
}

}  // namespace leat
