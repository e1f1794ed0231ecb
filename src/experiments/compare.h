/// What experiment.cc and experiment_compare.cc share (internal to them).
#pragma once

#include "experiments/experiment.h"

namespace leat::experiments {

/// The reach of a bounded outcome, from 0.
inline double Reach(const AnalysedMetric& metric) {
  return metric.data.kind == MetricKind::kProportion ? 1 : metric.data.cap;
}
/// Units that enter once, and a test that holds at every look.
inline bool Watchable(const AnalysedMetric& metric) {
  return metric.data.window > 0 && metric.quantile == 0;
}
Arm ArmOf(const Aggregate& sums, MetricKind kind);
/// What effect is reported: relative where the control's mean allows it.
Effect Choose(const Arm& control, const Arm& treatment, bool& relative);

}  // namespace leat::experiments
