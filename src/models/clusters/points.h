/// Points to start clusters from: what the clusterers share.
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <vector>

#include "base/points.h"
#include "base/random.h"

namespace leat::clusters {

using points::SquaredDistance;
using points::Usable;

/// An index in proportion to `pull`; all alike when every pull is 0.
inline size_t Draw(CounterRandom& random, const std::vector<double>& pull) {
  double largest = 0;
  for (const double p : pull) largest = std::max(largest, p);
  if (!(largest > 0)) return random.Below(pull.size());
  double total = 0;
  for (const double p : pull) total += p / largest;
  double left = random.Uniform() * total;
  size_t last = 0;
  for (size_t i = 0; i < pull.size(); ++i) {
    if (!(pull[i] > 0)) continue;
    last = i;
    left -= pull[i] / largest;
    if (left < 0) break;
  }
  return last;
}

/// k-means++: each next centre is one of the points (one after the other, with weights), drawn in
/// proportion to its weight and its squared distance from the centres so far.
inline std::vector<double> ChooseSeeds(CounterRandom& random, const std::vector<double>& points,
                                       const std::vector<double>& weights, size_t size,
                                       size_t clusters) {
  std::vector<double> pull = weights;
  std::vector<double> distance(weights.size(), std::numeric_limits<double>::infinity());
  std::vector<double> centres;
  for (size_t c = 0; c < clusters; ++c) {
    const double* chosen = points.data() + Draw(random, pull) * size;
    for (size_t i = 0; i < size; ++i) centres.push_back(chosen[i]);
    for (size_t p = 0; p < weights.size(); ++p) {
      distance[p] = std::min(distance[p], SquaredDistance(points.data() + p * size, chosen, size));
      pull[p] = distance[p] * weights[p];
    }
  }
  return centres;
}

}  // namespace leat::clusters
