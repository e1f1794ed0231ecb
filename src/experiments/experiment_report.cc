// What a look says, as JSON and as a table.
#include <fmt/format.h>

#include <cmath>

#include "base/text.h"
#include "experiments/experiment.h"
#include "record/time_format.h"

namespace leat::experiments {
namespace {

/// The decision that is about no metric.
constexpr std::string_view kMismatch = "sample_ratio_mismatch";
constexpr std::string_view kRoles[] = {"secondary", "primary", "guardrail"};

class Json {
 public:
  explicit Json(std::string& out) : out_(out) {}
  void Open(char bracket) {
    Comma();
    out_ += bracket;
    first_ = true;
  }
  void Close(char bracket) {
    out_ += bracket;
    first_ = false;
  }
  void Name(std::string_view name) {
    Comma();
    AppendJsonString(out_, name);
    out_ += ':';
    first_ = true;  // No comma before the value.
  }
  void Number(std::string_view name, double value) {
    Name(name);
    AppendJsonNumber(out_, value);
    first_ = false;
  }
  void Count(std::string_view name, int64_t value) {
    Name(name);
    AppendNumber(out_, value);
    first_ = false;
  }
  void Text(std::string_view name, std::string_view value) {
    Name(name);
    AppendJsonString(out_, value);
    first_ = false;
  }
  void Bool(std::string_view name, bool value) {
    Name(name);
    out_ += value ? "true" : "false";
    first_ = false;
  }
  void Range(std::string_view name, const Interval& interval) {
    Name(name);
    out_ += '[';
    AppendJsonNumber(out_, interval.lo);
    out_ += ',';
    AppendJsonNumber(out_, interval.hi);
    out_ += ']';
    first_ = false;
  }

 private:
  void Comma() {
    if (!first_) out_ += ',';
    first_ = false;
  }
  std::string& out_;
  bool first_ = true;
};

std::string_view MethodOf(const Experiment& e, const Comparison& c) {
  if (e.options().metrics[c.metric].quantile > 0) return "normal interval of a quantile";
  if (!c.watchable) return "Welch at a fixed horizon (open-ended metric: provisional)";
  return FactsOf(e.MethodOf(c.metric)).title;
}

/// Why a comparison may not be watched; empty when it may.
std::string_view NotWatchable(const Experiment& e, const Comparison& c) {
  const AnalysedMetric& metric = e.options().metrics[c.metric];
  if (metric.quantile > 0) return "a quantile, whose interval holds at one look";
  if (metric.data.window == 0) return "an open-ended metric: its totals keep growing";
  switch (FactsOf(e.MethodOf(c.metric)).watching) {
    case Watching::kAlways:
      return "";
    case Watching::kPlannedLooks:
      return "the method holds at the planned looks";
    case Watching::kOneLook:
      return "the method holds at one look, when the planned units are in";
  }
  return "";
}

void AppendComparison(Json& json, const Experiment& e, const Comparison& c) {
  const AnalysedMetric& metric = e.options().metrics[c.metric];
  json.Open('{');
  json.Text("metric", metric.data.name);
  json.Text("role", kRoles[static_cast<size_t>(metric.role)]);
  json.Text("variant", e.options().assignment.variants[c.variant].name);
  json.Text("method", MethodOf(e, c));
  const std::string_view not_watchable = NotWatchable(e, c);
  json.Bool("watchable", not_watchable.empty());
  if (!not_watchable.empty()) json.Text("not_watchable", not_watchable);
  json.Number("control_units", c.control_units);
  json.Number("units", c.units);
  json.Number("control_mean", c.control_mean);
  json.Number("mean", c.mean);
  if (!c.withheld.empty()) {
    json.Text("withheld", c.withheld);
    json.Close('}');
    return;
  }
  json.Bool("relative", c.relative);
  json.Number("effect", c.effect.estimate);
  json.Number("standard_error", c.effect.standard_error);
  if (c.watchable) {
    json.Range("sequence", c.sequence.interval);
    json.Range("intersection", c.running.intersection);
    json.Number("p", c.running.p);
    if (metric.role != Role::kGuardrail) {
      json.Number("decision_p", c.decision_p);
      json.Number("p_adjusted", c.p_adjusted);
      json.Number("p_discovery", c.p_discovery);
      json.Bool("e_bh_rejects", c.e_rejected);
      json.Bool("significant", c.significant);
    }
  }
  json.Range("fixed_interval", c.fixed.interval);
  json.Number("fixed_p", c.fixed.p);
  if (c.fieller) json.Bool("fieller", true);
  if (c.beta) json.Text("posterior", "beta: losses are of shares");
  json.Number("chance_to_win", c.posterior.chance_to_win);
  json.Number("loss_if_ship", c.posterior.loss_if_ship);
  json.Number("loss_if_keep", c.posterior.loss_if_keep);
  if (c.theta != 0) {
    json.Number("cuped_theta", c.theta);
    json.Number("variance_reduction", c.variance_reduction);
  }
  if (c.boundary_z > 0) json.Number("boundary_z", c.boundary_z);
  if (metric.role == Role::kGuardrail && c.watchable) {
    json.Number("harm_p", c.guard_p);
    json.Number("safe_p", c.safe_p);
  }
  json.Close('}');
}

void AppendAccount(Json& json, const Experiment& e) {
  const LedgerAccount& a = e.ledger().account();
  json.Name("account");
  json.Open('{');
  for (const auto& [name, value] : std::initializer_list<std::pair<std::string_view, int64_t>>{
           {"exposures", a.exposures},
           {"first", a.first},
           {"repeated", a.repeated},
           {"earlier", a.earlier},
           {"second_variant", a.second_variant},
           {"outcomes", a.outcomes},
           {"counted", a.counted},
           {"before_window", a.before_window},
           {"after_window", a.after_window},
           {"waiting", a.waiting},
           {"late", a.late},
           {"duplicate", a.duplicate},
           {"of_bots", a.of_bots},
           {"of_lost", a.of_lost},
           {"refused", a.refused},
           {"not_assigned", e.not_assigned()},
           {"outside", e.outside()},
           {"unknown_variant", e.unknown_variants()},
           {"mismatched", e.mismatches()}}) {
    json.Count(name, value);
  }
  json.Close('}');
}

}  // namespace

void AppendJson(const Experiment& e, const LookResult& look, std::string& out) {
  Json json(out);
  json.Open('{');
  json.Text("experiment", e.options().name);
  json.Text("time", look.time == EventTime{} ? "" : FormatIso(look.time));
  json.Count("looks", e.looked());
  json.Name("variants");
  json.Open('{');
  for (size_t v = 0; v < e.options().assignment.variants.size(); ++v) {
    json.Name(e.options().assignment.variants[v].name);
    json.Open('{');
    json.Count("units", e.ledger().exposed(v));
    json.Count("lost", e.ledger().lost(v));
    json.Close('}');
  }
  json.Close('}');
  json.Count("bots", e.ledger().bots());
  json.Name("sample_ratio");
  json.Open('{');
  json.Number("log_e", look.mismatch_log_e);
  json.Number("p", std::min(1.0, 2 * std::exp(-look.mismatch_log_e)));
  json.Number("fixed_p", look.mismatch_p);
  json.Bool("mismatch", look.mismatch);
  json.Close('}');
  json.Name("comparisons");
  json.Open('[');
  for (const Comparison& c : look.comparisons) AppendComparison(json, e, c);
  json.Close(']');
  if (!look.segments.empty()) {
    json.Name("segments");
    json.Open('[');
    for (const SegmentResult& s : look.segments) {
      json.Open('{');
      json.Text(s.dimension, s.value);
      json.Text("metric", e.options().metrics[s.metric].data.name);
      json.Text("variant", e.options().assignment.variants[s.variant].name);
      json.Number("control_units", s.control_units);
      json.Number("units", s.units);
      json.Number("effect", s.effect.estimate);
      json.Range("fixed_interval", s.fixed.interval);
      json.Close('}');
    }
    json.Close(']');
  }
  json.Name("decisions");
  json.Open('[');
  for (const Decision& d : e.decided()) {
    json.Open('{');
    json.Text("kind", d.kind);
    json.Text("metric", e.options().metrics[d.metric].data.name);
    json.Text("variant", e.options().assignment.variants[d.variant].name);
    json.Text("because", d.because);
    if (d.traffic >= 0) json.Number("traffic", d.traffic);
    json.Close('}');
  }
  json.Close(']');
  if (const RampSteps& ramp = e.options().ramp; !ramp.traffic.empty()) {
    json.Name("ramp");
    json.Open('{');
    json.Count("step", static_cast<int64_t>(e.step()) + 1);
    json.Count("steps", static_cast<int64_t>(ramp.traffic.size()));
    json.Number("traffic", e.traffic());
    json.Close('}');
  }
  AppendAccount(json, e);
  json.Close('}');
}

void AppendJson(const Experiment& e, const Decision& d, EventTime time, std::string& out) {
  Json json(out);
  json.Open('{');
  json.Text("event", "experiment");
  json.Text("experiment", e.options().name);
  json.Text("decision", d.kind);
  json.Text("time", FormatIso(time));
  if (d.kind != kMismatch) {
    json.Text("metric", e.options().metrics[d.metric].data.name);
    json.Text("variant", e.options().assignment.variants[d.variant].name);
  }
  json.Text("because", d.because);
  if (d.traffic >= 0) json.Number("traffic", d.traffic);
  json.Close('}');
}

std::string Table(const Experiment& e, const LookResult& look) {
  const auto& variants = e.options().assignment.variants;
  std::string out = fmt::format("experiment {}\n", e.options().name);
  for (size_t v = 0; v < variants.size(); ++v) {
    out += fmt::format(
        "  {:<24} {:>10} units{}\n", variants[v].name, e.ledger().exposed(v),
        e.ledger().lost(v) > 0 ? fmt::format(", {} lost to two variants", e.ledger().lost(v)) : "");
  }
  out +=
      fmt::format("  sample ratio: {} (always-valid p {:.3g}, chi-squared at this moment {:.3g})\n",
                  look.mismatch ? "MISMATCH" : "as assigned",
                  std::min(1.0, 2 * std::exp(-look.mismatch_log_e)), look.mismatch_p);
  if (const RampSteps& ramp = e.options().ramp; !ramp.traffic.empty()) {
    out += fmt::format("  ramp: step {} of {}, traffic {:g}\n", e.step() + 1, ramp.traffic.size(),
                       e.traffic());
  }
  for (const Comparison& c : look.comparisons) {
    const AnalysedMetric& metric = e.options().metrics[c.metric];
    out += fmt::format("\n  {} ({}), {} against {}\n", metric.data.name,
                       kRoles[static_cast<size_t>(metric.role)], variants[c.variant].name,
                       variants[0].name);
    out += fmt::format("    means {:.6g} and {:.6g}, units {:.0f} and {:.0f}\n", c.control_mean,
                       c.mean, c.control_units, c.units);
    if (!c.withheld.empty()) {
      out += fmt::format("    withheld: {}\n", c.withheld);
      continue;
    }
    const double scale = c.relative ? 100 : 1;
    const char* const unit = c.relative ? " %" : "";
    const auto range = [&](const Interval& i) {
      return fmt::format("[{:+.2f}, {:+.2f}]{}", i.lo * scale, i.hi * scale, unit);
    };
    out += fmt::format("    effect {:+.2f}{}\n", c.effect.estimate * scale, unit);
    const std::string_view not_watchable = NotWatchable(e, c);
    out += fmt::format(
        "    {}; {}{}\n", MethodOf(e, c),
        not_watchable.empty() ? "may be watched" : "may NOT be watched: ", not_watchable);
    if (c.watchable) {
      out += fmt::format("    sequence {}, always-valid p {:.3g}\n", range(c.sequence.interval),
                         c.running.p);
    }
    if (c.watchable && metric.role != Role::kGuardrail) {
      const bool discovery = e.options().multiple == Multiple::kBenjaminiHochberg;
      out += fmt::format(
          "    p to decide on {:.3g}, {}: {}significant\n", c.decision_p,
          e.options().multiple == Multiple::kEBh
              ? std::string("by e-BH")
              : fmt::format("adjusted {:.3g}", discovery ? c.p_discovery : c.p_adjusted),
          c.significant ? "" : "not ");
    }
    out += fmt::format("    one look only: {}{}, p {:.3g}, chance to win {:.1f} %\n",
                       range(c.fixed.interval), c.fieller ? " (Fieller)" : "", c.fixed.p,
                       c.posterior.chance_to_win * 100);
    if (c.theta != 0) {
      out += fmt::format("    CUPED took {:.1f} % of the variance\n", c.variance_reduction * 100);
    }
    if (metric.role == Role::kGuardrail && c.watchable) {
      out += fmt::format("    harm beyond {:g} %: p {:.3g}\n", metric.margin * 100, c.guard_p);
    }
  }
  for (const Decision& d : e.decided()) {
    const std::string about =
        d.kind == kMismatch ? std::string()
                            : fmt::format(" {} of {}", e.options().metrics[d.metric].data.name,
                                          variants[d.variant].name);
    out += fmt::format("\n  decided: {}{}: {}\n", d.kind, about, d.because);
  }
  return out;
}

}  // namespace leat::experiments
