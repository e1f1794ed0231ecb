#include "experiments/experiment.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include "experiments/compare.h"

namespace leat::experiments {
namespace {

constexpr std::string_view kMultiple[] = {"holm", "benjamini_hochberg", "e_bh"};

Status Refused(const AnalysedMetric& metric, const std::string& why) {
  return Status::Invalid("the metric '" + metric.data.name + "' " + why);
}

/// What a method asks of a metric.
Status Check(const ExperimentOptions& options, const AnalysedMetric& metric) {
  if (metric.quantile > 0 && metric.data.kind != MetricKind::kSum) {
    return Refused(metric, "has a quantile, which only a sum of each unit has");
  }
  if (metric.cap_percentile > 0 && (metric.data.kind != MetricKind::kSum || metric.data.cuped)) {
    return Refused(metric, "has cap_percentile, which needs a sum without cuped");
  }
  if (metric.role == Role::kGuardrail && !Watchable(metric)) {
    return Refused(metric,
                   "is a guardrail, which is watched: it needs a `window`, and no quantile");
  }
  const Method method = metric.method.value_or(options.method);
  const MethodFacts& facts = FactsOf(method);
  const std::string name(facts.name);
  const bool share = metric.data.kind == MetricKind::kProportion;
  if (facts.bounded && !share && !(metric.data.kind == MetricKind::kSum && metric.data.cap > 0)) {
    return Refused(metric, "is not bounded, which the method " + name +
                               " needs: a proportion is, and a sum with `cap`");
  }
  if (facts.bounded && metric.data.window == 0) {
    return Refused(metric, "has no `window`, which the method " + name + " needs");
  }
  if (facts.shares && !share) {
    return Refused(metric, "is no proportion, which the method " + name + " is for");
  }
  if (facts.plain && (metric.data.cuped || metric.quantile > 0 || metric.cap_percentile > 0)) {
    return Refused(metric, "has cuped, quantile or cap_percentile, which the method " + name +
                               " does not go with");
  }
  if (options.multiple == Multiple::kEBh && metric.role != Role::kGuardrail &&
      facts.watching != Watching::kAlways) {
    return Refused(metric,
                   "has the method " + name + ", which has no e-value for `multiple: e_bh`");
  }
  if (method == Method::kMsprt && !(options.effect_sd > 0)) {
    return Refused(metric,
                   "has the method msprt, which needs `effect_sd`: how large effects may be");
  }
  if (method == Method::kEmpiricalBernstein && metric.role == Role::kGuardrail) {
    return Refused(metric,
                   "is a guardrail, whose margin is relative; empirical_bernstein is of "
                   "differences (betting is not)");
  }
  return Status::Ok();
}

Status CheckRamp(const ExperimentOptions& options) {
  const RampSteps& ramp = options.ramp;
  if (ramp.traffic.empty()) return Status::Ok();
  double before = 0;
  for (const double traffic : ramp.traffic) {
    if (!(traffic > before) || !(traffic <= 1)) {
      return Status::Invalid("the steps of a ramp are not ascending shares, above 0 and up to 1");
    }
    before = traffic;
  }
  if (!options.assignment.ramp.empty()) {
    return Status::Invalid("a ramp has either steps or times");
  }
  if (ramp.units == 0 && ramp.after == 0) {
    return Status::Invalid("a ramp of steps needs `units` or `after`: how long a step lasts");
  }
  bool guarded = false;
  for (const AnalysedMetric& metric : options.metrics) {
    if (metric.role != Role::kGuardrail) continue;
    guarded = true;
    if (!(metric.margin > 0)) {
      return Refused(metric, "needs a `margin`: a ramp goes on once a loss as large is excluded");
    }
  }
  return guarded ? Status::Ok() : Status::Invalid("a ramp of steps needs a guardrail");
}

}  // namespace

std::span<const std::string_view> MultipleNames() { return kMultiple; }

Experiment::Experiment(ExperimentOptions options, Assigner assigner)
    : options_(std::move(options)),
      assigner_(std::move(assigner)),
      ledger_(options_.ledger),
      running_(options_.metrics.size() * options_.ledger.variants) {
  const size_t variants = options_.ledger.variants;
  for (size_t m = 0; m < options_.metrics.size(); ++m) {
    const Method method = MethodOf(m);
    in_order_ = in_order_ || FactsOf(method).bounded;
    for (size_t v = 0; v < variants; ++v) {
      Running& r = running_[m * variants + v];
      // Both arms' sequences hold at once.
      if (method == Method::kBetting) r.bets.emplace(options_.alpha / 2);
      if (method != Method::kEmpiricalBernstein || v == 0) continue;
      const auto& arms = options_.assignment.variants;
      const double p = arms[v].weight / (arms[0].weight + arms[v].weight);
      // The variance of outcomes that are spread evenly; the planned units of both arms.
      const double v_opt = options_.planned / (12 * p * (1 - p));
      r.bounded.emplace(BoundedEffect::Options{
          .propensity = p, .lo = 0, .hi = 1, .v_opt = v_opt, .alpha = options_.alpha});
    }
  }
}

Result<std::unique_ptr<Experiment>> Experiment::Create(ExperimentOptions options) {
  if (options.metrics.empty()) return Status::Invalid("has no metrics");
  if (options.metrics.size() > 30) return Status::Invalid("has more than 30 metrics");
  options.ledger.variants = options.assignment.variants.size();
  options.ledger.metrics.clear();
  for (AnalysedMetric& metric : options.metrics) {
    LEAT_RETURN_IF_ERROR(Check(options, metric));
    metric.data.histogram =
        metric.data.histogram || metric.quantile > 0 || metric.cap_percentile > 0;
    options.ledger.metrics.push_back(metric.data);
  }
  LEAT_RETURN_IF_ERROR(CheckRamp(options));
  LEAT_ASSIGN_OR_RETURN(Assigner assigner, Assigner::Create(options.assignment));
  return std::unique_ptr<Experiment>(new Experiment(std::move(options), std::move(assigner)));
}

Experiment::Exposed Experiment::Expose(std::string_view unit, uint64_t key, EventTime time,
                                       uint64_t event, std::span<const uint32_t> segments) {
  Exposed out;
  if (time < options_.starts || time >= options_.ends || rolled_back_) {
    ++outside_;
    return out;
  }
  if (options_.ramp.traffic.empty()) {
    out.assignment = assigner_.Assign(unit, time);
  } else {
    // Who is in stays in, also when the ramp has gone back.
    out.assignment = assigner_.Within(unit, ledger_.IsExposed(key) ? 1 : traffic());
    if (step_since_ == EventTime{}) step_since_ = time;
  }
  if (out.assignment.by != AssignedBy::kVariant) {
    ++not_assigned_;
    return out;
  }
  out.counted = true;
  ledger_.Exposure(key, static_cast<size_t>(out.assignment.variant), time, event, segments);
  return out;
}

int32_t Experiment::ExposeTo(std::string_view unit, uint64_t key, std::string_view variant,
                             EventTime time, uint64_t event, std::span<const uint32_t> segments) {
  if (time < options_.starts || time >= options_.ends) {
    ++outside_;
    return -1;
  }
  const auto& variants = options_.assignment.variants;
  const auto found = std::find_if(variants.begin(), variants.end(),
                                  [&](const Variant& v) { return v.name == variant; });
  if (found == variants.end()) {
    ++unknown_;
    return -1;
  }
  const auto index = static_cast<size_t>(found - variants.begin());
  if (options_.verify) {
    const Assignment own = assigner_.Assign(unit, time);
    if (own.variant != static_cast<int32_t>(index)) ++mismatches_;
  }
  ledger_.Exposure(key, index, time, event, segments);
  return static_cast<int32_t>(index);
}

void Experiment::Outcome(uint64_t key, size_t metric, double value, double denominator,
                         EventTime time, uint64_t event) {
  // An id names an event; a metric takes one value of it.
  const uint64_t id = event == 0 ? 0 : event + (metric + 1) * 0x9e3779b97f4a7c15;
  ledger_.Outcome(key, metric, value, denominator, time, id);
}

void Experiment::Advance(EventTime now) {
  entered_.clear();
  ledger_.Advance(now, in_order_ ? &entered_ : nullptr);
  const size_t variants = options_.ledger.variants;
  for (const Ledger::Entered& unit : entered_) {
    const AnalysedMetric& metric = options_.metrics[unit.metric];
    Running* const of_metric = &running_[unit.metric * variants];
    const double total = unit.total / Reach(metric);
    if (of_metric[unit.variant].bets) of_metric[unit.variant].bets->Add(total);
    for (size_t v = 1; v < variants; ++v) {
      if (!of_metric[v].bounded || (unit.variant != 0 && unit.variant != v)) continue;
      of_metric[v].bounded->Add(unit.variant == v, total);
    }
  }
}

LookResult Experiment::Peek(EventTime now) const {
  std::vector<Running> running = running_;
  double mismatch = mismatch_log_e_;
  return Analyse(now, running, mismatch);
}

LookResult Experiment::Look(EventTime now) {
  ++looked_;
  LookResult look = Analyse(now, running_, mismatch_log_e_);
  for (const Comparison& c : look.comparisons) {
    if (!c.withheld.empty() || !c.watchable) continue;
    running_[c.metric * options_.ledger.variants + c.variant].past.Add(
        {now.micros, c.effect.estimate, c.sequence.interval.lo, c.sequence.interval.hi});
  }
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
      look.comparisons.push_back(
          Compare(m, v, look.mismatch, "the ratio of units is not what was assigned", running));
    }
  }
  Adjust(look);
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

void Experiment::Adjust(LookResult& look) const {
  std::vector<double> p, log_es;
  std::vector<Comparison*> family;
  for (Comparison& c : look.comparisons) {
    if (!c.watchable || options_.metrics[c.metric].role == Role::kGuardrail) continue;
    c.p_adjusted = c.p_discovery = c.decision_p;
    // A posterior is what it is, however many there are.
    if (MethodOf(c.metric) == Method::kBayes) {
      c.significant = c.withheld.empty() && c.decision_p <= options_.alpha;
      continue;
    }
    // What is withheld now may speak later: it has its share of the level all the same.
    family.push_back(&c);
    p.push_back(c.decision_p);
    log_es.push_back(-std::log(c.sequence.p));
  }
  const std::vector<double> holm = Holm(p), discovery = BenjaminiHochberg(p);
  const std::vector<bool> rejected = EBenjaminiHochberg(log_es, options_.alpha);
  for (size_t i = 0; i < family.size(); ++i) {
    Comparison& c = *family[i];
    c.p_adjusted = holm[i];
    c.p_discovery = discovery[i];
    c.e_rejected = rejected[i];
    if (!c.withheld.empty()) continue;
    switch (options_.multiple) {
      case Multiple::kHolm:
        c.significant = c.p_adjusted <= options_.alpha;
        break;
      case Multiple::kBenjaminiHochberg:
        c.significant = c.p_discovery <= options_.alpha;
        break;
      case Multiple::kEBh:
        c.significant = c.e_rejected;
        break;
    }
  }
}

size_t Experiment::MemoryBytes() const {
  size_t bytes = ledger_.MemoryBytes() + running_.capacity() * sizeof(Running);
  for (const Running& r : running_) {
    bytes += r.past.MemoryBytes() + r.information.capacity() * sizeof(double);
  }
  return bytes;
}

void Experiment::Save(StateWriter& out) const {
  SaveHead(out);
  ledger_.SaveUnits(out);
}

Status Experiment::Load(StateReader& in) {
  LEAT_RETURN_IF_ERROR(LoadHead(in));
  return ledger_.LoadUnits(in);
}

void Experiment::SaveHead(StateWriter& out) const {
  out.Section("experiment", 3);
  ledger_.SaveHead(out);
  out.U64(running_.size());
  for (const Running& r : running_) {
    r.inference.Save(out);
    out.F64(r.guard_p);
    out.I64(r.looks_done);
    out.Array(r.information);
    out.F64(r.found_p);
    out.F64(r.found_effect);
    r.past.Save(out);
    out.Bool(r.bets.has_value());
    if (r.bets) r.bets->Save(out);
    out.Bool(r.bounded.has_value());
    if (r.bounded) r.bounded->Save(out);
  }
  out.F64(mismatch_log_e_);
  out.Bool(rolled_back_);
  out.U64(step_);
  out.Bool(held_);
  out.I64(step_since_.micros);
  out.I64(step_units_);
  for (const int64_t v : {looked_, mismatches_, unknown_, not_assigned_, outside_}) out.I64(v);
  out.U64(decided_.size());
  for (const Decision& d : decided_) {
    out.Text(d.kind);
    out.U64(d.metric);
    out.U64(d.variant);
    out.Text(d.because);
    out.I64(d.time.micros);
    out.F64(d.traffic);
  }
}

Status Experiment::LoadHead(StateReader& in) {
  const uint32_t version = in.Section("experiment", 3);
  const bool whole = version >= 2;  // Version 1 had no history and no ramp.
  LEAT_RETURN_IF_ERROR(ledger_.LoadHead(in));
  if (in.U64() != running_.size() && in.ok()) in.Fail("the experiment's metrics differ");
  for (Running& r : running_) {
    r.inference.Load(in);
    r.guard_p = in.F64();
    r.looks_done = in.I64();
    in.Array(r.information);
    if (version >= 3) {
      r.found_p = in.F64();
      r.found_effect = in.F64();
    } else if (in.Bool()) {
      // A boundary was crossed, and which way was not said.
      r.found_p = 0;
      r.found_effect = std::numeric_limits<double>::quiet_NaN();
    }
    const size_t metric = static_cast<size_t>(&r - running_.data()) / options_.ledger.variants;
    if (in.ok() && MethodOf(metric) == Method::kGroupSequential) r.boundary_z = BoundaryOf(r);
    if (!whole) continue;
    r.past.Load(in);
    if (in.Bool() != r.bets.has_value() && in.ok()) in.Fail("the experiment's methods differ");
    if (r.bets && in.ok()) LEAT_RETURN_IF_ERROR(r.bets->Load(in));
    if (in.Bool() != r.bounded.has_value() && in.ok()) in.Fail("the experiment's methods differ");
    if (r.bounded && in.ok()) LEAT_RETURN_IF_ERROR(r.bounded->Load(in));
  }
  mismatch_log_e_ = in.F64();
  rolled_back_ = in.Bool();
  if (whole) {
    step_ = in.U64();
    held_ = in.Bool();
    step_since_.micros = in.I64();
    step_units_ = in.I64();
    if (in.ok() && step_ >= std::max<size_t>(1, options_.ramp.traffic.size())) {
      in.Fail("a step of an experiment's ramp is not there");
    }
  }
  for (int64_t* v : {&looked_, &mismatches_, &unknown_, &not_assigned_}) *v = in.I64();
  outside_ = version >= 3 ? in.I64() : 0;
  decided_.resize(in.Count(32));
  for (Decision& d : decided_) {
    d.kind = in.Text();
    d.metric = in.U64();
    d.variant = in.U64();
    d.because = in.Text();
    if (whole) {
      d.time.micros = in.I64();
      d.traffic = in.F64();
    }
    if (in.ok() &&
        (d.metric >= options_.metrics.size() || d.variant >= options_.assignment.variants.size())) {
      in.Fail("a decision of an experiment is about nothing");
    }
  }
  return in.status();
}

}  // namespace leat::experiments
