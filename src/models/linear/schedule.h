/// What is common to the linear models: the pace of a record, and the check of its inputs.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "leat/linear.h"
#include "models/linear/loss.h"
#include "models/linear/memory_rules.h"
#include "models/linear/row.h"

namespace leat::linear {

/// Records of a larger weight are not learnt: sums of weights must stay finite.
inline constexpr double kLargestWeight = 1e50;

/// The learning rate of record `t`, counted from 0.
inline double RateAt(const LinearOptions& options, uint64_t t) {
  const double age = static_cast<double>(t);
  switch (options.schedule) {
    case LinearSchedule::kConstant:
      break;
    case LinearSchedule::kInverseScaling:
      if (options.power == 0.5) return options.learning_rate / std::sqrt(age + 1);
      return options.learning_rate / std::pow(age + 1, options.power);
    case LinearSchedule::kInverseTime:
      return options.learning_rate / (1 + age / options.half_life);
    case LinearSchedule::kExponential:
      return options.learning_rate * std::exp2(-age / options.half_life);
  }
  return options.learning_rate;
}

/// What of the pace is the same for every record.
inline Pace BasePace(const LinearOptions& options) {
  Pace pace;
  pace.rate = options.learning_rate;
  pace.l1 = options.l1;
  pace.l2 = options.l2;
  pace.shrink = 1 - pace.rate * options.l2;
  pace.inverse_alpha = 1 / options.learning_rate;
  pace.ridge = options.beta / options.learning_rate + options.l2;
  pace.intercept_rate = options.intercept_learning_rate;
  switch (options.optimizer) {
    case LinearOptimizer::kMomentum:
    case LinearOptimizer::kNesterov:
      pace.keep = options.momentum;
      break;
    case LinearOptimizer::kRmsProp:
    case LinearOptimizer::kAdaDelta:
      pace.keep = options.decay;
      break;
    case LinearOptimizer::kAveragedSgd:
      pace.keep = 1;
      break;
    default:
      pace.keep = options.beta_1;
  }
  pace.take = 1 - pace.keep;
  pace.keep2 = options.beta_2;
  pace.take2 = 1 - pace.keep2;
  pace.epsilon = options.epsilon;
  pace.average_over = options.average_over;
  return pace;
}

/// base^n by squaring: the same bits on any processor, which pow does not promise.
inline double Power(double base, uint64_t n) {
  double power = 1;
  for (; n > 0 && power > 0; n >>= 1, base *= base) {
    if (n & 1) power *= base;
  }
  return power;
}

template <typename Rule>
Pace PaceAt(const LinearOptions& options, const Pace& base, uint64_t t) {
  Pace pace = base;
  if (options.schedule != LinearSchedule::kConstant) {
    pace.rate = RateAt(options, t);
    pace.shrink = 1 - pace.rate * options.l2;
  }
  if constexpr (Rule::kCorrectsBias) {
    pace.unbias = 1 / (1 - Power(options.beta_1, t + 1));
    pace.unbias2 = 1 / (1 - Power(options.beta_2, t + 1));
    pace.corrected = pace.rate * pace.unbias / std::sqrt(pace.unbias2);
  }
  return pace;
}

/// Gives the record's derivative to the pace, clipped; a clipped NaN cannot arise from finite
/// margins and weights.
inline void SetGradient(Pace& pace, double gradient, double clip) {
  const double limit = std::min(clip, kLargestGradient);
  pace.gradient = std::clamp(gradient, -limit, limit);
  pace.step = pace.rate * pace.gradient;
}

/// Gives a step of the rule's own size to the pace, along `sign` times the inputs: the one that
/// mends the `loss` of a record of a `weight`.
template <typename Rule>
void SetOwnStep(const LinearOptions& options, const Row<Rule>& row, const Input& input, double sign,
                double loss, double weight, Pace& pace) {
  double size = 0;
  if constexpr (Rule::kConfident) {
    pace.noise = ArowNoise(options, weight);
    pace.spread = row.Spread(input, options.intercept);
    size = ArowStep(loss, pace.spread, pace.noise);
  } else {
    size = PassiveAggressiveStep(options, loss, row.Norm(input), weight);
  }
  pace.gradient = pace.step = -sign * size;
}

/// Whether a step with derivative 0 would change nothing (losses with a flat part).
template <typename Rule>
bool Idle(const Pace& pace) {
  return !Rule::kRestless && pace.gradient == 0 && pace.l1 == 0 && pace.l2 == 0;
}

/// Finds out whether a record can be learnt as it is. Only when the probe's margin or largest input
/// say that something is amiss is the record looked at: `cleaned` then holds the dense part with 0
/// for NaN and infinities. False for a finite value beyond kLargestInput.
inline bool CleanInput(Input& input, std::vector<double>& cleaned) {
  cleaned.assign(input.dense.begin(), input.dense.end());
  for (double& x : cleaned) {
    if (!std::isfinite(x)) x = 0;
    if (std::fabs(x) > kLargestInput) return false;
  }
  input.dense = cleaned;
  return true;
}
inline bool LooksClean(double margin, double largest) {
  return std::fabs(margin) <= std::numeric_limits<double>::max() && largest <= kLargestInput;
}

}  // namespace leat::linear
