// One metric of one variant against the control: the effect, and what its method says of it.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "experiments/compare.h"

namespace leat::experiments {
namespace {

/// Above this, the control's mean is too uncertain for the delta method (the squared critical value
/// times its relative variance).
constexpr double kUncertainControl = 0.05;

}  // namespace

Arm ArmOf(const Aggregate& sums, MetricKind kind) {
  switch (kind) {
    case MetricKind::kProportion:
      return ProportionArm(static_cast<double>(sums.n()), sums.Mean().sum);
    case MetricKind::kRatio:
      return RatioArm(sums.Ratio());
    case MetricKind::kSum:
      break;
  }
  return MeanArm(sums.Mean());
}

namespace {

/// `cap` is that of cap_percentile, where the metric has one.
Arm PlainArm(const Ledger& ledger, const AnalysedMetric& metric, size_t m, size_t variant,
             double cap) {
  const Aggregate& sums = ledger.Total(m, variant);
  if (metric.quantile > 0) {
    return QuantileToArm(ledger.Histogram(m, variant).QuantileWithInterval(metric.quantile));
  }
  if (metric.cap_percentile > 0) return MeanArm(ledger.Histogram(m, variant).CappedAt(cap));
  return ArmOf(sums, metric.data.kind);
}

}  // namespace

Effect Choose(const Arm& control, const Arm& treatment, bool& relative) {
  relative = control.base != 0;
  return relative ? RelativeEffect(control, treatment) : AbsoluteEffect(control, treatment);
}

Comparison Experiment::Compare(size_t m, size_t variant, bool withheld, std::string_view why,
                               std::vector<Running>& running) const {
  const AnalysedMetric& metric = options_.metrics[m];
  Comparison out;
  out.metric = m;
  out.variant = variant;
  double cap = 0;
  if (metric.cap_percentile > 0) {
    // One cap for all arms, from all arms.
    UnitHistogram all;
    for (size_t v = 0; v < options_.ledger.variants; ++v) all.Merge(ledger_.Histogram(m, v));
    cap = all.UpperEdge(metric.cap_percentile);
  }
  Arm control = PlainArm(ledger_, metric, m, 0, cap);
  Arm treatment = PlainArm(ledger_, metric, m, variant, cap);
  out.control_mean = control.base;
  out.mean = treatment.base;
  out.control_units = control.n;
  out.units = treatment.n;
  out.watchable = Watchable(metric);
  Running& own = running[m * options_.ledger.variants + variant];
  const Method method = MethodOf(m);
  const bool at_every_look = FactsOf(method).watching == Watching::kAlways;
  if (out.watchable) {
    out.running = own.inference;
    out.decision_p = at_every_look ? own.inference.p : own.found_p;
  }
  if (withheld) out.withheld = why;
  if (out.withheld.empty() &&
      std::min(control.n, treatment.n) < static_cast<double>(options_.minimum)) {
    out.withheld = fmt::format("fewer than {} units an arm", options_.minimum);
  }
  if (out.withheld.empty() && !(control.variance > 0 && treatment.variance > 0)) {
    out.withheld = metric.cap_percentile > 0
                       ? fmt::format("an arm does not vary under the cap of {:g}", cap)
                       : "an arm does not vary";
  }
  if (!out.withheld.empty()) return out;

  Effect effect = Choose(control, treatment, out.relative);
  Arm watched_control = control, watched_treatment = treatment;
  if (metric.data.cuped && metric.quantile == 0) {
    const Aggregate &a = ledger_.Total(m, 0), &b = ledger_.Total(m, variant);
    CupedArms arms;
    if (metric.data.kind == MetricKind::kRatio) {
      const CupedRatioSums before_a = a.CupedOfRatio(), before_b = b.CupedOfRatio();
      if (before_a.before.den > 0 && before_b.before.den > 0) arms = CupedRatio(before_a, before_b);
    } else {
      CupedSums sums_a = a.CupedMean(), sums_b = b.CupedMean();
      sums_a.proportion = sums_b.proportion = metric.data.kind == MetricKind::kProportion;
      arms = Cuped(sums_a, sums_b);
    }
    const Effect adjusted = Choose(arms.control, arms.treatment, out.relative);
    if (arms.theta != 0 && adjusted.ok()) {
      out.theta = arms.theta;
      const double before = control.variance / control.n + treatment.variance / treatment.n;
      const double after =
          arms.control.variance / arms.control.n + arms.treatment.variance / arms.treatment.n;
      out.variance_reduction = 1 - after / before;
      effect = adjusted;
      watched_control = arms.control;
      watched_treatment = arms.treatment;
    }
  }
  if (method == Method::kEmpiricalBernstein) {
    out.relative = false;
    effect = AbsoluteEffect(control, treatment);
  }
  const auto effect_if = [&](double lift) {
    return out.relative ? RelativeEffectIf(watched_control, watched_treatment, lift) : effect;
  };
  const Effect null = effect_if(0);
  out.effect = effect;
  out.null = null;
  if (!effect.ok()) {
    out.withheld = "the effect cannot be computed";
    return out;
  }
  out.fixed = {FixedHorizon(effect, options_.alpha).interval, FixedHorizon(null, options_.alpha).p};
  if (out.relative && out.theta == 0) {
    const FiellerResult fieller = Fieller(control, treatment, options_.alpha);
    if (fieller.g > kUncertainControl) {
      out.fieller = true;
      // Where it is no interval the control's mean may be 0, and the lift anything.
      out.fixed.interval = std::isfinite(fieller.interval.lo) ? fieller.interval : Interval{};
    }
  }
  const double reached_a = control.base * control.n, reached_b = treatment.base * treatment.n;
  if (method == Method::kPooledZ) {
    // The interval is the delta method's: the pooled variance holds where there is no effect.
    out.fixed.p = TwoProportionZ(control.n, reached_a, treatment.n, reached_b, options_.alpha).p;
  }
  out.posterior = GaussianPosterior(effect, options_.alpha);
  if (method == Method::kBayes && metric.data.kind == MetricKind::kProportion && out.theta == 0) {
    const BetaArm a{1 + reached_a, 1 + control.n - reached_a};
    const BetaArm b{1 + reached_b, 1 + treatment.n - reached_b};
    out.beta = true;
    out.posterior.chance_to_win = BetaChance(a, b);
    out.posterior.loss_if_ship = BetaExpectedLoss(a, b);
    out.posterior.loss_if_keep = BetaExpectedLoss(b, a);
  }
  if (!metric.up_is_good) {
    out.posterior.chance_to_win = 1 - out.posterior.chance_to_win;
    std::swap(out.posterior.loss_if_ship, out.posterior.loss_if_keep);
  }
  if (!out.watchable) return out;
  Watch(out, watched_control, watched_treatment, running);
  if (at_every_look) {
    // In a state that did not keep what was found, the intersection says which way that was.
    const Interval& met = own.inference.intersection;
    own.Find(own.inference.p, met.lo > 0 ? met.lo : met.hi < 0 ? met.hi : effect.estimate);
    own.Find(out.sequence.p, effect.estimate);
  } else {
    PlannedLook(out, own);
    out.boundary_z = own.boundary_z;
  }
  own.inference.Add(out.sequence);
  out.running = own.inference;
  out.decision_p = own.found_p;
  out.decided_effect = std::isnan(own.found_effect) ? effect.estimate : own.found_effect;
  // e-BH asks for the e-values of this look.
  if (options_.multiple == Multiple::kEBh) out.decided_effect = effect.estimate;
  if (metric.role == Role::kGuardrail) {
    const Effect at_margin = effect_if(metric.up_is_good ? -metric.margin : metric.margin);
    own.guard_p = std::min(own.guard_p, GuardP(out, at_margin, running, true));
    out.guard_p = own.guard_p;
    out.safe_p = GuardP(out, at_margin, running, false);
  }
  return out;
}

void Experiment::Running::Find(double p, double effect) {
  if (!(p < found_p)) return;
  found_p = p;
  found_effect = effect;
}

double Experiment::BoundaryOf(const Running& running) const {
  const auto looks =
      GroupSequential(running.information, options_.alpha, 2, Spending::kObrienFleming);
  return looks.empty() ? 0 : looks.back().z;
}

void Experiment::PlannedLook(const Comparison& c, Running& running) const {
  const Method method = MethodOf(c.metric);
  const bool several = method == Method::kGroupSequential;
  const int64_t looks = several ? options_.looks : 1;
  if (options_.metrics[c.metric].role == Role::kGuardrail) return;  // It has tests of its own.
  const double share = std::min(1.0, c.effect.units / options_.planned);
  const double next = static_cast<double>(running.looks_done + 1) / static_cast<double>(looks);
  if (running.looks_done >= looks || share < next ||
      (!running.information.empty() && share <= running.information.back())) {
    return;
  }
  // A look that comes late stands for those before it, too.
  running.looks_done =
      std::max(running.looks_done + 1, static_cast<int64_t>(share * static_cast<double>(looks)));
  running.information.push_back(share);
  double p = c.fixed.p;
  if (several) {
    running.boundary_z = BoundaryOf(running);
    const double z = std::abs(c.null.estimate / c.null.standard_error);
    p = z >= running.boundary_z
            ? GroupSequentialP(running.information, z, options_.alpha, 2, Spending::kObrienFleming)
            : 1;
  } else if (method == Method::kBayes) {
    p = 1 - c.posterior.chance_to_win;
  }
  running.Find(p, c.effect.estimate);
}

void Experiment::Watch(Comparison& c, const Arm& control, const Arm& treatment,
                       std::vector<Running>& running) const {
  const Running* const arms = &running[c.metric * options_.ledger.variants];
  const double scale = Reach(options_.metrics[c.metric]);
  const SequenceOptions two_sided{options_.alpha, options_.planned, Alternative::kTwoSided};
  // Where p is at most alpha the interval leaves out 0, and only there.
  const auto take = [&](const Inference& of_null) {
    c.sequence = of_null;
    if (!c.relative || !c.null.ok()) return;
    c.sequence.interval = LiftsWithin(
        control, treatment, (of_null.interval.hi - c.null.estimate) / c.null.standard_error);
  };
  switch (MethodOf(c.metric)) {
    case Method::kMsprt:
      return take(MixtureSequence(c.null, options_.effect_sd * options_.effect_sd, options_.alpha,
                                  Alternative::kTwoSided));
    case Method::kAnytimeT:
      return take(AnytimeTSequence(c.null, c.theta == 0 ? 2 : 3, two_sided));
    case Method::kBetting: {
      const BettingMean &first = *arms[0].bets, &other = *arms[c.variant].bets;
      const Interval a = first.interval(), b = other.interval();
      c.sequence.interval = {(b.lo - a.hi) * scale, (b.hi - a.lo) * scale};
      if (c.relative) {
        c.sequence.interval = {b.lo / a.hi - 1, a.lo > 0 ? b.hi / a.lo - 1 : Interval{}.hi};
      }
      const double above = other.LogEAbove(first, 1), below = other.LogEBelow(first, 1);
      const double most = std::max(above, below);
      const double log_e = most + std::log((std::exp(above - most) + std::exp(below - most)) / 2);
      c.sequence.p = std::min(1.0, std::exp(-log_e));
      return;
    }
    case Method::kEmpiricalBernstein: {
      const BoundedEffect& bounded = *arms[c.variant].bounded;
      const Interval i = bounded.interval();
      c.sequence.interval = {i.lo * scale, i.hi * scale};
      c.sequence.p = std::min(1.0, std::exp(-bounded.LogE()));
      return;
    }
    default:
      return take(AsymptoticSequence(c.null, two_sided));
  }
}

double Experiment::GuardP(const Comparison& c, const Effect& effect,
                          const std::vector<Running>& running, bool harm) const {
  const AnalysedMetric& metric = options_.metrics[c.metric];
  // "No worse than the margin" is the hypothesis, or "worse by that or more"; a small p is evidence
  // against it.
  Effect beyond = effect;
  const double loss = metric.up_is_good ? -effect.estimate : effect.estimate;
  beyond.estimate = harm ? loss - metric.margin : metric.margin - loss;
  const SequenceOptions greater{options_.alpha, options_.planned, Alternative::kGreater};
  switch (MethodOf(c.metric)) {
    case Method::kMsprt:
      return MixtureSequence(beyond, options_.effect_sd * options_.effect_sd, options_.alpha,
                             Alternative::kGreater)
          .p;
    case Method::kAnytimeT:
      return AnytimeTSequence(beyond, c.theta == 0 ? 2 : 3, greater).p;
    case Method::kBetting: {
      const Running* const arms = &running[c.metric * options_.ledger.variants];
      const double ratio = metric.up_is_good ? 1 - metric.margin : 1 + metric.margin;
      if (!(ratio > 0)) return harm ? 1 : 0;  // All may be lost.
      const BettingMean &control = *arms[0].bets, &treatment = *arms[c.variant].bets;
      const double log_e = harm == metric.up_is_good ? treatment.LogEBelow(control, ratio)
                                                     : treatment.LogEAbove(control, ratio);
      return std::min(1.0, std::exp(-log_e));
    }
    default:
      return AsymptoticSequence(beyond, greater).p;
  }
}

}  // namespace leat::experiments
