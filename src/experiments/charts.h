/// Experiments and bandits over time, for the HTML report.
///
/// Cost: linear in the points that are kept. Thread safety: pure. Determinism: no clock.
#pragma once

#include <vector>

#include "evaluation/evaluation.h"
#include "experiments/bandit.h"
#include "experiments/experiment.h"

namespace leat::experiments {

/// Of each comparison that may be watched: the effect and its confidence sequence at the looks that
/// are kept and at this one, with the decisions about it.
std::vector<Report::TimeChart> Charts(const Experiment& experiment, const LookResult& now);
/// What was lost against the best fixed action, as the doubly robust estimates of now have it; of
/// the bandit itself, of the uniform policy and of actions alone. What is refused is left out, and
/// without any action there is no chart.
std::vector<Report::TimeChart> Charts(const Bandit& bandit, EventTime now);

}  // namespace leat::experiments
