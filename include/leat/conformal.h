/// Regions that hold the target as often as was asked: conformal prediction around any classifier
/// or regressor, adaptive, while it learns.
///
/// A label first gets a score, how far it lies from what the model said: |target - prediction|, or
/// 1 - the probability of its class (Sadinle, Lei and Wasserman 2019, least ambiguous sets). The
/// region of a prediction holds all targets whose score is at most a radius: the quantile of level
/// 1 - a, with the correction for a finite sample, of the last `window` scores. `a` follows Gibbs
/// and Candes, "Adaptive Conformal Inference Under Distribution Shift" (NeurIPS 2021, equation 2):
/// it starts at 1 - coverage and moves by rate * (1 - coverage - missed) at each label, so that the
/// share of targets held goes to `coverage` whatever the stream does (there, proposition 4.1).
/// Deviations: `a` is kept within [-rate, 1 + rate], where theirs stays by itself; from a = 1 on
/// the radius is the least score. A class that the model has never seen has probability 0. A label
/// that comes late is judged by what the model and the radius are then, as calibration.h does.
/// Intervals have the same width wherever the prediction lies; a set may be empty where the
/// classifier is right more often than asked.
/// Cost: a prediction more for each label, and a step through the sorted window. Bytes: 16 a place
/// of the window. Thread safety, determinism: as model.h.
#pragma once

#include <cstdint>
#include <memory>

#include "leat/model.h"
#include "leat/params.h"

namespace leat {

struct ConformalOptions {
  double coverage = 0;   ///< Share of targets that regions shall hold, [0, 1); 0: no regions.
  double rate = 0.005;   ///< Step of the level, [0, 1]; 0: the level stays at `coverage`.
  int64_t window = 500;  ///< Scores kept, [20, 10000].
};
/// Names them coverage, coverage_rate and coverage_window.
void Describe(Params& params, ConformalOptions& options);

/// The model with a Radius; predictions stay what they are. Invalid for options out of range, or a
/// model that learns no targets; the model itself for a coverage of 0.
Result<std::unique_ptr<Model>> MakeConformal(std::unique_ptr<Model> model,
                                             const ConformalOptions& options);

}  // namespace leat
