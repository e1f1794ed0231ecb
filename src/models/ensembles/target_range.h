/// The targets that a regressor has seen: their range, which bounds what it predicts, and their
/// spread. Sums are exact updates of mean and squared deviations (Welford 1962).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "leat/state.h"
#include "models/trees/observers.h"

namespace leat::ensembles {

struct TargetRange {
  static constexpr double kMargin = 0.1;  ///< Beyond the targets seen, of their range.
  static constexpr double kMostTarget = 1e100;

  double lowest = 0;
  double highest = 0;
  double mean = 0;
  double squares = 0;  ///< Squared deviations from the mean.

  /// Whether a row can be learnt.
  static bool IsLesson(double target, double weight) {
    return std::fabs(target) <= kMostTarget && weight > 0 && weight <= trees::kLargestWeight;
  }
  /// `before`: rows seen before this one.
  void Meet(double target, uint64_t before) {
    lowest = before == 0 ? target : std::min(lowest, target);
    highest = before == 0 ? target : std::max(highest, target);
    const double off = target - mean;
    mean += off / static_cast<double>(before + 1);
    squares += off * (target - mean);
  }
  double Deviation(uint64_t rows) const { return std::sqrt(squares / static_cast<double>(rows)); }
  double Bounded(double prediction) const {
    const double margin = kMargin * (highest - lowest);
    return std::clamp(prediction, lowest - margin, highest + margin);
  }

  void Save(StateWriter& out) const {
    for (const double v : {lowest, highest, mean, squares}) out.F64(v);
  }
  /// False for numbers that cannot be.
  bool Load(StateReader& in) {
    bool good = true;
    for (double* v : {&lowest, &highest, &mean, &squares}) {
      *v = in.F64();
      good = good && std::isfinite(*v);
    }
    return good && lowest <= highest && squares >= 0;
  }
};

}  // namespace leat::ensembles
