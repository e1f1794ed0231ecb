/// Probabilities from scores.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>

#include "base/exp.h"

namespace leat {

/// Turns scores (log-odds, log-posteriors) into probabilities over the classes where `seen`, in
/// place; the others get 0. REQUIRES finite scores and at least one class seen.
template <typename Seen>
void Softmax(std::span<double> scores, const Seen& seen) {
  double top = -std::numeric_limits<double>::infinity();
  for (size_t c = 0; c < scores.size(); ++c) {
    if (seen[c] != 0) top = std::max(top, scores[c]);
  }
  double sum = 0;
  for (size_t c = 0; c < scores.size(); ++c) {
    scores[c] = seen[c] != 0 ? Exp(scores[c] - top) : 0.0;
    sum += scores[c];
  }
  for (double& score : scores) score /= sum;
}

}  // namespace leat
