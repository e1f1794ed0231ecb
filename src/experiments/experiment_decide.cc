// What an experiment decides at a look: shipping, stopping, and where its ramp goes.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "experiments/experiment.h"

namespace leat::experiments {

bool Experiment::Decided(std::string_view kind, size_t metric, size_t variant) const {
  return std::any_of(decided_.begin(), decided_.end(), [&](const Decision& d) {
    return d.kind == kind && d.metric == metric && d.variant == variant;
  });
}

void Experiment::Decide(LookResult& look) {
  const size_t variants = options_.ledger.variants;
  const auto decide = [&](std::string_view kind, size_t metric, size_t variant,
                          std::string because) {
    if (Decided(kind, metric, variant)) return false;
    decided_.push_back({std::string(kind), metric, variant, std::move(because), look.time});
    look.decisions.push_back(decided_.back());
    return true;
  };
  if (look.mismatch) {
    std::string counts;
    for (size_t v = 0; v < variants; ++v) {
      counts += fmt::format("{}{} {}", v == 0 ? "" : ", ", options_.assignment.variants[v].name,
                            ledger_.exposed(v));
    }
    decide("sample_ratio_mismatch", 0, 0,
           fmt::format("ln of the e-value {:.2f}, units: {}", look.mismatch_log_e, counts));
    return;
  }
  std::vector<bool> breached(variants, false), safe(variants, true);
  bool gone_back = false;
  for (const Comparison& c : look.comparisons) {
    const AnalysedMetric& metric = options_.metrics[c.metric];
    if (metric.role != Role::kGuardrail) continue;
    // A guardrail that says nothing yet holds nobody back from stopping, but from shipping.
    if (!c.withheld.empty() || !c.watchable) {
      safe[c.variant] = false;
      continue;
    }
    if (metric.margin > 0 && c.safe_p > options_.alpha) safe[c.variant] = false;
    if (c.guard_p > options_.alpha) continue;
    breached[c.variant] = true;
    const std::string numbers = fmt::format(
        "effect {:+.4f} [{:+.4f}, {:+.4f}], one-sided always-valid p {:.3g}, margin {:g}",
        c.effect.estimate, c.sequence.interval.lo, c.sequence.interval.hi, c.guard_p,
        metric.margin);
    const bool fresh = decide("guardrail_breach", c.metric, c.variant, numbers);
    if (options_.rollback) rolled_back_ = true;
    if (fresh && !options_.ramp.traffic.empty() && !gone_back) {
      RollBack(look, c.metric, c.variant, numbers);
      gone_back = true;
    }
  }
  if (!gone_back) AdvanceRamp(look);
  for (const Comparison& c : look.comparisons) {
    const AnalysedMetric& metric = options_.metrics[c.metric];
    if (metric.role != Role::kPrimary || !c.withheld.empty() || !c.watchable) continue;
    if (breached[c.variant]) continue;
    // What was found at an earlier look is shipped only while it looks that way. Planned looks
    // decide for good.
    const double sign = metric.up_is_good ? 1 : -1;
    const bool lasts =
        FactsOf(MethodOf(c.metric)).watching != Watching::kAlways || sign * c.effect.estimate > 0;
    const bool good = sign * c.decided_effect > 0 && lasts;
    const std::string numbers = fmt::format(
        "effect {:+.4f} [{:+.4f}, {:+.4f}], always-valid p {:.3g}, {} {:.3g}, adjusted {:.3g}, "
        "{:.0f} units",
        c.effect.estimate, c.sequence.interval.lo, c.sequence.interval.hi, c.running.p,
        MethodOf(c.metric) == Method::kBayes ? "chance to lose" : "decided on", c.decision_p,
        options_.multiple == Multiple::kBenjaminiHochberg ? c.p_discovery : c.p_adjusted,
        c.effect.units);
    if (c.significant && good && safe[c.variant]) decide("ship", c.metric, c.variant, numbers);
    const double best = metric.up_is_good ? c.sequence.interval.hi : -c.sequence.interval.lo;
    if (options_.smallest_effect > 0 && c.relative && best < options_.smallest_effect) {
      decide("stop_for_futility", c.metric, c.variant,
             numbers + fmt::format(", smallest effect of interest {:g}", options_.smallest_effect));
    }
  }
}

int64_t Experiment::GuardUnits() const {
  int64_t least = std::numeric_limits<int64_t>::max();
  for (size_t m = 0; m < options_.metrics.size(); ++m) {
    if (options_.metrics[m].role != Role::kGuardrail) continue;
    for (size_t v = 0; v < options_.ledger.variants; ++v) {
      least = std::min(least, ledger_.Total(m, v).n());
    }
  }
  return least;
}

void Experiment::AdvanceRamp(LookResult& look) {
  const RampSteps& ramp = options_.ramp;
  if (held_ || rolled_back_ || step_ + 1 >= ramp.traffic.size() || step_since_ == EventTime{}) {
    return;
  }
  const int64_t units = GuardUnits() - step_units_;
  if (units < ramp.units || look.time - step_since_ < ramp.after) return;
  const Comparison* weakest = nullptr;
  for (const Comparison& c : look.comparisons) {
    if (options_.metrics[c.metric].role != Role::kGuardrail) continue;
    if (!c.withheld.empty() || c.safe_p > options_.alpha) return;
    if (weakest == nullptr || c.safe_p > weakest->safe_p) weakest = &c;
  }
  const double from = traffic();
  ++step_;
  decided_.push_back(
      {"ramp_advance", weakest->metric, weakest->variant,
       fmt::format(
           "traffic {:g} to {:g}; of all guardrails the least sure: effect {:+.4f} [{:+.4f}, "
           "{:+.4f}], one-sided always-valid p of a loss of {:g} or more {:.3g}; {} units an "
           "arm since the step began",
           from, traffic(), weakest->effect.estimate, weakest->sequence.interval.lo,
           weakest->sequence.interval.hi, options_.metrics[weakest->metric].margin, weakest->safe_p,
           units),
       look.time, traffic()});
  look.decisions.push_back(decided_.back());
  step_since_ = look.time;
  step_units_ = GuardUnits();
}

void Experiment::RollBack(LookResult& look, size_t metric, size_t variant,
                          const std::string& because) {
  const double from = traffic();
  if (options_.ramp.step_back && step_ > 0) {
    --step_;
  } else {
    rolled_back_ = true;
  }
  held_ = true;
  decided_.push_back({"ramp_rollback", metric, variant,
                      fmt::format("traffic {:g} to {:g}; {}", from, traffic(), because), look.time,
                      traffic()});
  look.decisions.push_back(decided_.back());
}

}  // namespace leat::experiments
