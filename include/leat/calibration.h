/// Calibration of any classifier while it learns: what it says becomes what happens.
///
/// A calibrated classifier maps the probabilities p of another one by a map that it learns from the
/// labels, each used first to correct the map by what the classifier said before it learnt the
/// label, then to teach the classifier. With two classes the log-odds of the second class become
///   platt        a ln(p / (1 - p)) + b          (Platt 1999, of log-odds)
///   beta         a ln p - c ln(1 - p) + b       (Kull, Silva Filho and Flach 2017), a, c >= 0
///   temperature  a ln(p / (1 - p))              (Guo, Pleiss, Sun and Weinberger 2017)
/// With more classes each class has such a map against the rest, and the results are divided by
/// their sum. The coefficients start at those that change nothing (1, 1, 0) and are followed by an
/// extended Kalman filter of the logistic model with exponential forgetting: an old label counts
/// half after `half_life` labels, so that the map follows a stream that drifts. Own choices:
/// probabilities enter within [1e-6, 1 - 1e-6]; the result keeps `floor` for every class, so that
/// no single label can cost more than -ln(floor).
/// Cost: a prediction more of the classifier for each label, and some 40 operations a class. Bytes:
/// 96 a class. Thread safety, determinism: as model.h. The order of the scores of two classes
/// stays, but where a or c is 0.
#pragma once

#include <cstdint>
#include <memory>

#include "leat/model.h"
#include "leat/params.h"

namespace leat {

enum class Calibrate { kNone, kPlatt, kBeta, kTemperature };

struct CalibrationOptions {
  Calibrate calibrate = Calibrate::kNone;
  double half_life = 150;  ///< Labels; >= 10.
  double floor = 0.001;    ///< Least probability of a class, [0, 0.1].
};
/// Names them calibrate, calibration_half_life and calibration_floor.
void Describe(Params& params, CalibrationOptions& options);

/// Invalid for options out of range, or a model that is no classifier; the model itself for kNone.
Result<std::unique_ptr<Model>> MakeCalibrated(std::unique_ptr<Model> model,
                                              const CalibrationOptions& options);

}  // namespace leat
