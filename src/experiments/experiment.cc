#include "experiments/experiment.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>

namespace leat::experiments {
namespace {

/// Above this, the control's mean is too uncertain for the delta method (the squared critical value
/// times its relative variance).
constexpr double kUncertainControl = 0.05;

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

Arm PlainArm(const Ledger& ledger, const AnalysedMetric& metric, size_t m, size_t variant,
             double cap) {
  const Aggregate& sums = ledger.Total(m, variant);
  if (metric.quantile > 0) {
    return QuantileToArm(ledger.Histogram(m, variant).QuantileWithInterval(metric.quantile));
  }
  if (cap > 0) return MeanArm(ledger.Histogram(m, variant).CappedAt(cap));
  return ArmOf(sums, metric.data.kind);
}

/// What effect is reported: relative where the control's mean allows it.
Effect Choose(const Arm& control, const Arm& treatment, bool& relative) {
  relative = control.base != 0;
  return relative ? RelativeEffect(control, treatment) : AbsoluteEffect(control, treatment);
}

}  // namespace

Experiment::Experiment(ExperimentOptions options, Assigner assigner)
    : options_(std::move(options)),
      assigner_(std::move(assigner)),
      ledger_(options_.ledger),
      running_(options_.metrics.size() * options_.ledger.variants) {}

Result<std::unique_ptr<Experiment>> Experiment::Create(ExperimentOptions options) {
  if (options.metrics.empty()) return Status::Invalid("has no metrics");
  if (options.metrics.size() > 30) return Status::Invalid("has more than 30 metrics");
  options.ledger.variants = options.assignment.variants.size();
  options.ledger.metrics.clear();
  for (AnalysedMetric& metric : options.metrics) {
    if (metric.quantile > 0 && metric.data.kind != MetricKind::kSum) {
      return Status::Invalid("the metric '" + metric.data.name +
                             "' has a quantile, which only a sum of each unit has");
    }
    if (metric.cap_percentile > 0 && (metric.data.kind != MetricKind::kSum || metric.data.cuped)) {
      return Status::Invalid("the metric '" + metric.data.name +
                             "' has cap_percentile, which needs a sum without cuped");
    }
    metric.data.histogram =
        metric.data.histogram || metric.quantile > 0 || metric.cap_percentile > 0;
    options.ledger.metrics.push_back(metric.data);
  }
  LEAT_ASSIGN_OR_RETURN(Assigner assigner, Assigner::Create(options.assignment));
  return std::unique_ptr<Experiment>(new Experiment(std::move(options), std::move(assigner)));
}

Experiment::Exposed Experiment::Expose(std::string_view unit, uint64_t key, EventTime time,
                                       uint64_t event, std::span<const uint32_t> segments) {
  Exposed out;
  if (time < options_.starts || time >= options_.ends || rolled_back_) return out;
  out.assignment = assigner_.Assign(unit, time);
  if (out.assignment.by != AssignedBy::kVariant) {
    ++not_assigned_;
    return out;
  }
  out.counted = true;
  ledger_.Exposure(key, static_cast<size_t>(out.assignment.variant), time, event, segments);
  return out;
}

void Experiment::ExposeTo(std::string_view unit, uint64_t key, std::string_view variant,
                          EventTime time, uint64_t event, std::span<const uint32_t> segments) {
  if (time < options_.starts || time >= options_.ends) return;
  const auto& variants = options_.assignment.variants;
  const auto found = std::find_if(variants.begin(), variants.end(),
                                  [&](const Variant& v) { return v.name == variant; });
  if (found == variants.end()) {
    ++unknown_;
    return;
  }
  const auto index = static_cast<size_t>(found - variants.begin());
  if (options_.verify) {
    const Assignment own = assigner_.Assign(unit, time);
    if (own.variant != static_cast<int32_t>(index)) ++mismatches_;
  }
  ledger_.Exposure(key, index, time, event, segments);
}

void Experiment::Outcome(uint64_t key, size_t metric, double value, double denominator,
                         EventTime time, uint64_t event) {
  // An id names an event; a metric takes one value of it.
  const uint64_t id = event == 0 ? 0 : event + (metric + 1) * 0x9e3779b97f4a7c15;
  ledger_.Outcome(key, metric, value, denominator, time, id);
}

Comparison Experiment::Compare(size_t m, size_t variant, bool withheld, std::string_view why,
                               Running& running) const {
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
  out.watchable = metric.data.window > 0 && metric.quantile == 0;
  if (withheld) out.withheld = why;
  if (out.withheld.empty() &&
      std::min(control.n, treatment.n) < static_cast<double>(options_.minimum)) {
    out.withheld = fmt::format("fewer than {} units an arm", options_.minimum);
  }
  if (out.withheld.empty() && !(control.variance > 0 && treatment.variance > 0)) {
    out.withheld = "an arm does not vary";
  }
  if (!out.withheld.empty()) return out;

  const Effect plain = Choose(control, treatment, out.relative);
  Effect effect = plain;
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
    }
  }
  out.effect = effect;
  if (!effect.ok()) {
    out.withheld = "the effect cannot be computed";
    return out;
  }
  out.fixed = FixedHorizon(effect, options_.alpha);
  if (out.relative && out.theta == 0) {
    const FiellerResult fieller = Fieller(control, treatment, options_.alpha);
    if (fieller.g > kUncertainControl && std::isfinite(fieller.interval.lo)) {
      out.fieller = true;
      out.fixed.interval = fieller.interval;
    }
  }
  out.posterior = GaussianPosterior(effect, options_.alpha);
  if (options_.method == Method::kGroupSequential && out.watchable) {
    const double share = effect.units / options_.planned;
    const double next =
        static_cast<double>(running.looks_done + 1) / static_cast<double>(options_.looks);
    if (running.looks_done < options_.looks && share >= next) {
      ++running.looks_done;
      running.information.push_back(std::min(1.0, share));
      const auto looks =
          GroupSequential(running.information, options_.alpha, 2, Spending::kObrienFleming);
      const double z = std::abs(effect.estimate / effect.standard_error);
      if (!looks.empty() && z >= looks.back().z) running.crossed = true;
      if (share >= 1) running.looks_done = options_.looks;
    }
    if (!running.information.empty()) {
      out.boundary_z =
          GroupSequential(running.information, options_.alpha, 2, Spending::kObrienFleming)
              .back()
              .z;
    }
  }
  if (!out.watchable) return out;
  out.sequence =
      AsymptoticSequence(effect, {options_.alpha, options_.planned, Alternative::kTwoSided});
  running.inference.Add(out.sequence);
  out.running = running.inference;
  if (metric.role == Role::kGuardrail) {
    // "No worse than the margin" is the hypothesis; a small p is evidence of harm.
    Effect harm = effect;
    harm.estimate = (metric.up_is_good ? -effect.estimate : effect.estimate) - metric.margin;
    const Inference test =
        AsymptoticSequence(harm, {options_.alpha, options_.planned, Alternative::kGreater});
    running.guard_p = std::min(running.guard_p, test.p);
    out.guard_p = running.guard_p;
  }
  return out;
}

LookResult Experiment::Peek(EventTime now) const {
  std::vector<Running> running = running_;
  double mismatch = mismatch_log_e_;
  return Analyse(now, running, mismatch);
}

LookResult Experiment::Look(EventTime now) {
  ++looked_;
  LookResult look = Analyse(now, running_, mismatch_log_e_);
  Decide(look);
  return look;
}

LookResult Experiment::Analyse(EventTime now, std::vector<Running>& running,
                               double& mismatch_log_e) const {
  LookResult look;
  look.time = now;
  const size_t variants = options_.ledger.variants;
  std::vector<double> exposed, lost, weights;
  double lost_total = 0;
  for (size_t v = 0; v < variants; ++v) {
    exposed.push_back(static_cast<double>(ledger_.exposed(v)));
    lost.push_back(static_cast<double>(ledger_.lost(v)));
    lost_total += lost.back();
    weights.push_back(options_.assignment.variants[v].weight);
  }
  const double log_e =
      std::max(SrmLogE(exposed, weights), lost_total > 0 ? SrmLogE(lost, weights) : 0.0);
  mismatch_log_e = std::max(mismatch_log_e, log_e);
  look.mismatch_log_e = mismatch_log_e;
  look.mismatch_p = SrmChiSquared(exposed, weights);
  // Two tests share the level.
  look.mismatch = mismatch_log_e >= std::log(2 / options_.mismatch_alpha);
  for (size_t m = 0; m < options_.metrics.size(); ++m) {
    for (size_t v = 1; v < variants; ++v) {
      look.comparisons.push_back(Compare(m, v, look.mismatch,
                                         "the ratio of units is not what was assigned",
                                         running[m * variants + v]));
    }
  }
  std::vector<double> p, log_es;
  std::vector<size_t> where;
  for (size_t i = 0; i < look.comparisons.size(); ++i) {
    const Comparison& c = look.comparisons[i];
    if (!c.withheld.empty() || !c.watchable ||
        options_.metrics[c.metric].role == Role::kGuardrail) {
      continue;
    }
    where.push_back(i);
    p.push_back(c.running.p);
    log_es.push_back(SequenceLogE(c.effect.estimate / c.effect.standard_error, c.effect.units,
                                  SequenceRho2(options_.planned, options_.alpha)));
  }
  const std::vector<double> adjusted = Holm(p);
  const std::vector<bool> rejected = EBenjaminiHochberg(log_es, options_.alpha);
  for (size_t i = 0; i < where.size(); ++i) {
    look.comparisons[where[i]].p_adjusted = adjusted[i];
    look.comparisons[where[i]].e_rejected = rejected[i];
  }
  if (!look.mismatch) {
    for (const Ledger::Segment& segment : ledger_.Segments()) {
      for (size_t m = 0; m < options_.metrics.size(); ++m) {
        if (options_.metrics[m].quantile > 0) continue;
        const MetricKind kind = options_.metrics[m].data.kind;
        const Arm control = ArmOf(ledger_.Of(segment.dimension, segment.code, m, 0), kind);
        for (size_t v = 1; v < variants; ++v) {
          const Arm arm = ArmOf(ledger_.Of(segment.dimension, segment.code, m, v), kind);
          SegmentResult result;
          result.dimension = options_.ledger.segments[segment.dimension];
          result.value = segment.value;
          result.metric = m;
          result.variant = v;
          result.control_units = control.n;
          result.units = arm.n;
          if (std::min(control.n, arm.n) < static_cast<double>(options_.minimum)) continue;
          bool relative = true;
          result.effect = Choose(control, arm, relative);
          result.fixed = FixedHorizon(result.effect, options_.alpha);
          look.segments.push_back(std::move(result));
        }
      }
    }
  }
  return look;
}

bool Experiment::Decided(std::string_view kind, size_t metric, size_t variant) const {
  return std::any_of(decided_.begin(), decided_.end(), [&](const Decision& d) {
    return d.kind == kind && d.metric == metric && d.variant == variant;
  });
}

void Experiment::Decide(LookResult& look) {
  const size_t variants = options_.ledger.variants;
  const auto decide = [&](std::string_view kind, size_t metric, size_t variant,
                          std::string because) {
    if (Decided(kind, metric, variant)) return;
    decided_.push_back({std::string(kind), metric, variant, std::move(because)});
    look.decisions.push_back(decided_.back());
  };
  if (look.mismatch) {
    std::string counts;
    for (size_t v = 0; v < variants; ++v) {
      counts += fmt::format("{}{} {}", v == 0 ? "" : ", ", options_.assignment.variants[v].name,
                            ledger_.exposed(v));
    }
    return decide("sample_ratio_mismatch", 0, 0,
                  fmt::format("ln of the e-value {:.2f}, units: {}", look.mismatch_log_e, counts));
  }
  std::vector<bool> breached(variants, false), safe(variants, true);
  for (const Comparison& c : look.comparisons) {
    const AnalysedMetric& metric = options_.metrics[c.metric];
    if (metric.role != Role::kGuardrail) continue;
    // A guardrail that says nothing yet holds nobody back from stopping, but from shipping.
    if (!c.withheld.empty() || !c.watchable) {
      safe[c.variant] = false;
      continue;
    }
    const bool breach = c.guard_p <= options_.alpha;
    const double low = metric.up_is_good ? c.running.intersection.lo : -c.running.intersection.hi;
    if (metric.margin > 0 && low < -metric.margin) safe[c.variant] = false;
    if (!breach) continue;
    breached[c.variant] = true;
    decide("guardrail_breach", c.metric, c.variant,
           fmt::format("effect {:+.4f} [{:+.4f}, {:+.4f}], one-sided always-valid p {:.3g}, margin "
                       "{:g}",
                       c.effect.estimate, c.sequence.interval.lo, c.sequence.interval.hi, c.guard_p,
                       metric.margin));
    if (options_.rollback) rolled_back_ = true;
  }
  for (const Comparison& c : look.comparisons) {
    const AnalysedMetric& metric = options_.metrics[c.metric];
    if (metric.role != Role::kPrimary || !c.withheld.empty() || !c.watchable) continue;
    if (breached[c.variant]) continue;
    const double good = metric.up_is_good ? c.effect.estimate : -c.effect.estimate;
    bool significant = c.p_adjusted <= options_.alpha;
    if (options_.method == Method::kGroupSequential) {
      significant = running_[c.metric * variants + c.variant].crossed;
    }
    if (options_.method == Method::kFixed) {
      significant = c.effect.units >= options_.planned && c.fixed.p <= options_.alpha;
    }
    const std::string numbers = fmt::format(
        "effect {:+.4f} [{:+.4f}, {:+.4f}], always-valid p {:.3g}, adjusted {:.3g}, {:.0f} units",
        c.effect.estimate, c.sequence.interval.lo, c.sequence.interval.hi, c.running.p,
        c.p_adjusted, c.effect.units);
    if (significant && good > 0 && safe[c.variant]) decide("ship", c.metric, c.variant, numbers);
    const double best = metric.up_is_good ? c.sequence.interval.hi : -c.sequence.interval.lo;
    if (options_.smallest_effect > 0 && best < options_.smallest_effect) {
      decide("stop_for_futility", c.metric, c.variant,
             numbers + fmt::format(", smallest effect of interest {:g}", options_.smallest_effect));
    }
  }
}

void Experiment::Save(StateWriter& out) const {
  out.Section("experiment", 1);
  ledger_.Save(out);
  out.U64(running_.size());
  for (const Running& r : running_) {
    r.inference.Save(out);
    out.F64(r.guard_p);
    out.I64(r.looks_done);
    out.Array(r.information);
    out.Bool(r.crossed);
  }
  out.F64(mismatch_log_e_);
  out.Bool(rolled_back_);
  for (const int64_t v : {looked_, mismatches_, unknown_, not_assigned_}) out.I64(v);
  out.U64(decided_.size());
  for (const Decision& d : decided_) {
    out.Text(d.kind);
    out.U64(d.metric);
    out.U64(d.variant);
    out.Text(d.because);
  }
}

Status Experiment::Load(StateReader& in) {
  in.Section("experiment", 1);
  LEAT_RETURN_IF_ERROR(ledger_.Load(in));
  if (in.U64() != running_.size() && in.ok()) in.Fail("the experiment's metrics differ");
  for (Running& r : running_) {
    r.inference.Load(in);
    r.guard_p = in.F64();
    r.looks_done = in.I64();
    in.Array(r.information);
    r.crossed = in.Bool();
  }
  mismatch_log_e_ = in.F64();
  rolled_back_ = in.Bool();
  for (int64_t* v : {&looked_, &mismatches_, &unknown_, &not_assigned_}) *v = in.I64();
  decided_.resize(in.Count(32));
  for (Decision& d : decided_) {
    d.kind = in.Text();
    d.metric = in.U64();
    d.variant = in.U64();
    d.because = in.Text();
    if (in.ok() &&
        (d.metric >= options_.metrics.size() || d.variant >= options_.assignment.variants.size())) {
      in.Fail("a decision of an experiment is about nothing");
    }
  }
  return in.status();
}

}  // namespace leat::experiments
