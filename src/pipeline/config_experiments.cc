// The section experiments.
#include "pipeline/config_experiments.h"

#include <algorithm>
#include <set>
#include <utility>

#include "pipeline/config_build.h"
#include "pipeline/params_doc.h"
#include "record/time_format.h"

namespace leat::config {
namespace {

using experiments::AnalysedMetric;
using experiments::AssignmentOptions;
using experiments::Method;
using experiments::RampSteps;

constexpr std::string_view kOnBreach[] = {"stop", "step_back"};
constexpr std::string_view kKinds[] = {"proportion", "sum", "ratio"};
constexpr std::string_view kRoles[] = {"secondary", "primary", "guardrail"};
constexpr std::string_view kDirections[] = {"up", "down"};
constexpr std::string_view kUnits[] = {"bytes", "utf16"};
constexpr Range kShare{0, 1, false, false};
constexpr Range kLength{0, 3'652'425.0 * static_cast<double>(kDay), false, false};

EventTime ReadTime(YamlParams& p, std::string_view key, const YamlNode& at,
                   const std::string& text) {
  EventTime time;
  const TimeParser parser;
  if (!parser.Parse(text, time)) {
    p.Problem(at, key, "found " + Quote(text) + ", expected a time such as 2026-03-01T09:00:00Z");
  }
  return time;
}

/// The model that sees these features and no others; a name that is no feature, and a set that no
/// model has, are refused.
std::string ModelWith(Build& b, YamlParams& v) {
  std::set<std::string> wanted;
  const size_t before = b.problems.size();
  for (const YamlNode* name : NameNodes(v.Get("features"))) {
    wanted.insert(name->scalar);
    if (b.slots.find(name->scalar) == b.slots.end()) {
      v.Problem(*name, "features",
                "unknown feature " + Quote(name->scalar) + Suggestion(name->scalar, b.SlotNames()));
    }
  }
  if (b.problems.size() > before) return {};
  std::string sets;
  for (const ModelConfig& model : b.config.models) {
    if (IsUnsupervised(model)) continue;
    std::set<std::string> has;
    for (const InputFeatureSpec& input : model.inputs) has.insert(input.name);
    if (has == wanted && model.distances_of.empty()) return model.name;
    sets += (sets.empty() ? "" : ", ") + Quote(model.name) + " [";
    const char* comma = "";
    for (const std::string& name : has) sets += std::exchange(comma, ", ") + name;
    sets += "]";
  }
  v.Refuse("features", "no model has this set of features; there are " + sets);
  return {};
}

/// A variant with a map: its weight, and what serves.
void ReadRoute(Build& b, YamlParams& p, const YamlNode& item, experiments::Variant& variant,
               VariantRoute& route) {
  YamlParams v = b.Map(item, p.Path("variants") + "." + item.key);
  DescribeVariant(v, variant.weight, route);
  v.Finish();
  // Which of all can be named stands for none there; where `evaluation` says it too, it is none.
  if (v.Has("threshold") && route.threshold < 0 && b.config.evaluation.threshold != 0.5) {
    route.threshold = 0.5;
  }
  if (!route.model.empty()) CheckModel(b, v, "model", *v.Get("model"), route.model);
  if (v.Has("features")) {
    if (!route.model.empty()) v.Refuse("features", "stands in place of `model`");
    route.model = ModelWith(b, v);
  }
  if (v.Has("threshold") && TaskOf(b.config) != EvaluationTask::kBinary) {
    v.Refuse("threshold", "applies to a label of type boolean only");
  }
}

void ReadVariants(Build& b, YamlParams& p, ExperimentConfig& experiment) {
  AssignmentOptions& assignment = experiment.options.assignment;
  const YamlNode* node = p.Get("variants");
  if (node == nullptr) {
    return p.Refuse("", "expected `variants`, such as {control: 1, treatment: 1}");
  }
  if (node->IsList()) {
    for (const YamlNode& item : node->items) assignment.variants.push_back({item.scalar, 1});
    return;
  }
  if (!node->IsMap()) {
    return p.Problem(*node, "variants",
                     "found " + Found(*node) + ", expected a map of names to weights");
  }
  bool routed = false;
  for (const YamlNode& item : node->items) {
    VariantRoute route;
    if (item.IsMap()) {
      experiments::Variant variant{item.key, 1};
      ReadRoute(b, p, item, variant, route);
      routed = routed || !route.model.empty() || route.threshold >= 0;
      assignment.variants.push_back(std::move(variant));
      experiment.routes.push_back(std::move(route));
      continue;
    }
    const auto weight = item.IsScalar() ? ParseNumber(item.scalar) : std::nullopt;
    if (!weight || !(*weight > 0)) {
      p.Problem(item, "variants." + item.key,
                "found " + Found(item) + ", expected a weight above 0");
      continue;
    }
    assignment.variants.push_back({item.key, *weight});
    experiment.routes.emplace_back();
  }
  if (!routed) experiment.routes.clear();
}

void ReadRampSteps(Build& b, YamlParams& p, const YamlNode& node, RampSteps& ramp) {
  YamlParams steps = b.Map(node, p.Path("ramp"));
  DescribeRamp(steps, ramp);
  const YamlNode* list = steps.Get("steps");
  if (list == nullptr || !list->IsList() || list->items.empty()) {
    return steps.Refuse("", "expected `steps`, such as [0.05, 0.25, 1]");
  }
  for (const YamlNode& item : list->items) {
    const auto share = item.IsScalar() ? ParseNumber(item.scalar) : std::nullopt;
    if (share) {
      ramp.traffic.push_back(*share);
    } else {
      steps.Problem(item, "steps", "found " + Found(item) + ", expected a share of units");
    }
  }
  steps.Finish();
}

void ReadRamp(Build& b, YamlParams& p, experiments::ExperimentOptions& options) {
  AssignmentOptions& assignment = options.assignment;
  const YamlNode* node = p.Get("ramp");
  if (node == nullptr) return;
  if (node->IsMap()) {
    ReadRampSteps(b, p, *node, options.ramp);
    if (p.Has("traffic")) p.Refuse("traffic", "a ramp of steps has its own shares");
    return;
  }
  if (!node->IsList()) {
    return p.Problem(
        *node, "ramp",
        "found " + Found(*node) + ", expected a list of maps {from, traffic}, or a map with steps");
  }
  for (size_t i = 0; i < node->items.size(); ++i) {
    const YamlNode& item = node->items[i];
    YamlParams stage = b.Map(item, p.Path("ramp") + "[" + std::to_string(i) + "]");
    if (!item.IsMap()) continue;
    std::string from;
    experiments::RampStage out;
    stage.Text("from", from, "");
    stage.Number("traffic", out.traffic, kShare, "");
    stage.Finish();
    if (!stage.Has("from")) {
      stage.Refuse("", "expected `from`, the time at which the stage begins");
      continue;
    }
    out.from = ReadTime(stage, "from", *stage.Get("from"), from);
    assignment.ramp.push_back(out);
  }
}

void ReadMetrics(Build& b, YamlParams& p, ExperimentConfig& experiment) {
  const YamlNode* node = p.Get("metrics");
  if (node == nullptr || !node->IsMap() || node->items.empty()) {
    return p.Refuse(node == nullptr ? "" : "metrics",
                    "expected `metrics`, a map of names to what is measured");
  }
  for (const YamlNode& item : node->items) {
    YamlParams m = b.Map(item, p.Path("metrics") + "." + item.key);
    if (!item.IsMap()) continue;
    AnalysedMetric metric;
    std::string of, per;
    metric.data.name = item.key;
    DescribeExperimentMetric(m, metric, of, per);
    m.Finish();
    if (of.empty()) m.Refuse("", "expected `of`, the number that is measured");
    CheckNumber(b, m, "of", of);
    CheckNumber(b, m, "per", per);
    const bool ratio = metric.data.kind == experiments::MetricKind::kRatio;
    if (ratio && per.empty()) m.Refuse("", "expected `per`, the ratio's denominator");
    if (!ratio && !per.empty()) m.Refuse("per", "applies to `type: ratio` only");
    if (metric.role == experiments::Role::kGuardrail && metric.data.window == 0) {
      m.Refuse("", "a guardrail is watched and needs a `window`");
    }
    experiment.options.metrics.push_back(std::move(metric));
    experiment.of.push_back(std::move(of));
    experiment.per.push_back(std::move(per));
  }
}

}  // namespace

void DescribeExperiment(SectionParams& p, ExperimentConfig& e) {
  experiments::ExperimentOptions& o = e.options;
  p.Text("unit", e.unit, "Field of type id or category: what is assigned and counted. Required.");
  p.Shape("variants", "map of names to weights or maps, or a list", "required",
          "The first is the control.");
  p.Shape("metrics", "map", "required", "What is measured.");
  p.Text("expose", e.expose,
         "Number: a record on which it is not 0 exposes its unit; every record unless said.");
  p.Text("where", e.where, "Number: where it is 0 or missing, nobody is exposed (targeting).");
  p.Text("assigned", e.assigned,
         "Field with the variant's name, where another system assigns; without it Leat does.");
  p.Boolean("verify", o.verify,
            "With `assigned`: compare with what `hash` and `salt` say, and count what differs.");
  p.Text("bot", e.bot, "Number: not 0 takes the record's unit out, for good.");
  p.TextList("segments", e.segments, "Up to four fields by whose values results are also split.");
  p.Text("salt", o.assignment.salt,
         "What the hash is salted with; the experiment's name unless said.");
  p.Enumeration("hash", o.assignment.scheme, experiments::HashSchemeNames(),
                "How units are assigned: Leat's own, or as another system does.");
  p.Enumeration("hash_units", o.assignment.units, kUnits,
                "GrowthBook: characters of ids as bytes of UTF-8, or as JavaScript has them.");
  p.Number("traffic", o.assignment.traffic, kShare, "Share of units that take part.");
  p.Shape("ramp", "list of {from: TIME, traffic: SHARE}, or map", "none",
          "From when on more of them do, never fewer; or steps, each left for the next one when "
          "that is known to be safe.");
  p.Text("layer", o.assignment.layer,
         "Experiments of one layer share no unit: each has its part of the layer.");
  p.Number("layer_from", o.assignment.layer_from, kShare, "Where the part begins.");
  p.Number("layer_to", o.assignment.layer_to, kShare, "Where it ends.");
  p.Text("holdout", o.assignment.holdout_salt,
         "Name of a holdout: its units are in no experiment that names it.");
  p.Number("holdout_share", o.assignment.holdout, kShare, "The holdout's share of all units.");
  p.Text("starts", e.starts, "Time before which nobody is exposed.");
  p.Text("ends", e.ends, "Time from which on nobody is.");
  p.Duration("every", e.every, Range{static_cast<double>(kSecond), kLength.max, false, false},
             "Event time between two looks; each is a row in the metrics sink.");
  p.Enumeration("method", o.method, experiments::MethodNames(),
                "How results are made, and ship decisions.");
  if (p.Wants(o.multiple != experiments::Multiple::kHolm)) {
    p.Enumeration("multiple", o.multiple, experiments::MultipleNames(),
                  "How the decisions of all comparisons that are not guardrails share the level: "
                  "no wrong one at all, or few of those made (e_bh: however they depend; methods "
                  "that may be watched only).");
  }
  p.Number("alpha", o.alpha, kOpenFraction, "Level of intervals and decisions.");
  p.Number("planned", o.planned, kPositive,
           "Units of two arms at which confidence sequences are narrowest: the planned sample.");
  const bool mixture = o.method == Method::kMsprt ||
                       std::any_of(o.metrics.begin(), o.metrics.end(), [](const auto& metric) {
                         return metric.method == Method::kMsprt;
                       });
  if (p.Wants(mixture)) {
    p.Number("effect_sd", o.effect_sd, kNotNegative,
             "`msprt`: standard deviation of the effects that are expected, as they are reported "
             "(relative where the control's mean is not 0). Needed there.");
  }
  p.Integer("minimum", o.minimum, {2, 1e9}, "Units an arm before anything is said.");
  p.Number("smallest_effect", o.smallest_effect, kNotNegative,
           "Relative effect worth having: once the sequence excludes it, stop for futility. 0: "
           "never.");
  p.Integer("looks", o.looks, {1, 20}, "`group_sequential`: planned looks, equally apart.");
  p.Number("mismatch_alpha", o.mismatch_alpha, kOpenFraction,
           "Level of the sequential sample-ratio test that gates every result.");
  p.Boolean("rollback", o.rollback, "A guardrail's breach ends the exposure of units.");
  p.Integer("days_before", o.ledger.days_before, {0, 90},
            "Whole days before the day of exposure that CUPED looks back.");
  p.Integer("max_units", o.ledger.max_units, {1, 4e9},
            "Units kept; further ones are refused and counted.");
  p.Boolean("log_exposures", e.log_exposures,
            "Each unit's first exposure is an event in the events sink.");
}

void DescribeExperimentMetric(SectionParams& p, AnalysedMetric& m, std::string& of,
                              std::string& per) {
  p.Text("of", of, "Number: what is counted or added; missing and 0 add nothing. Required.");
  p.Text("per", per, "Number: the denominator of a ratio.");
  p.Enumeration("type", m.data.kind, kKinds,
                "Whether a unit had it at all, its total, or a ratio of two totals.");
  p.Enumeration("role", m.role, kRoles, "What the metric decides.");
  int better = m.up_is_good ? 0 : 1;
  p.Choice("better", better, kDirections, "Which way is good.");
  m.up_is_good = better == 0;
  p.Duration("from", m.data.from, kLength, "After the first exposure, when the window begins.");
  p.Duration("window", m.data.window, kLength,
             "How long a unit's outcomes count. A unit enters the results once, when its window is "
             "over; only then may results be watched. 0: open-ended.");
  p.Boolean("cuped", m.data.cuped, "Adjust by what the unit did before its exposure.");
  p.Number("cap", m.data.cap, kNotNegative, "A unit's total counts up to this. 0: no cap.");
  p.Number("cap_percentile", m.cap_percentile, Range{0, 1, false, true},
           "The same at this quantile of all units' totals. 0: no cap.");
  p.Number("quantile", m.quantile, Range{0, 1, false, true},
           "Compare this quantile of units' totals instead of their mean. 0: the mean.");
  p.Number("margin", m.margin, kNotNegative, "Guardrails: relative loss that is borne.");
  if (p.Wants(m.method.has_value())) {
    std::vector<std::string_view> methods = {"experiment"};
    methods.insert(methods.end(), experiments::MethodNames().begin(),
                   experiments::MethodNames().end());
    int method = m.method ? 1 + static_cast<int>(*m.method) : 0;
    p.Choice("method", method, methods,
             "How this metric's results are made: as the experiment's, or otherwise. betting and "
             "empirical_bernstein need a bounded metric: a proportion, or a sum (not below 0) "
             "with `cap`.");
    if (method > 0) m.method = static_cast<Method>(method - 1);
  }
}

void DescribeVariant(SectionParams& p, double& weight, VariantRoute& route) {
  p.Number("weight", weight, kPositive, "Share of units, against the other variants.");
  p.Text("model", route.model,
         "Whose prediction is written for records that expose units of this variant; the first "
         "model's unless said.");
  p.Shape("features", "list of features", "none",
          "In place of `model`: the first model that sees this set of features and no other.");
  double threshold = route.threshold < 0 ? 0.5 : route.threshold;
  if (p.Wants(route.threshold >= 0)) {
    const double before = threshold;
    p.Number("threshold", threshold, kFraction,
             "From which probability on the positive class is decided for; that of `evaluation` "
             "unless said.");
    if (threshold != before || route.threshold >= 0) route.threshold = threshold;
  }
}

void DescribeRamp(SectionParams& p, RampSteps& ramp) {
  p.Shape("steps", "list of shares, ascending", "required", "Share of units that take part.");
  p.Integer("units", ramp.units, {0, 1e12},
            "Units an arm of each guardrail that must have entered since the step began.");
  p.Duration("after", ramp.after, kLength, "Time that must have passed since the step began.");
  int breach = ramp.step_back ? 1 : 0;
  p.Choice("on_breach", breach, kOnBreach,
           "What the breach of a guardrail does: nobody is exposed any more, or the ramp goes one "
           "step back and stays there.");
  ramp.step_back = breach == 1;
}

void ReadExperiments(Build& b, const YamlNode& node) {
  if (!CheckNamed(b, node, "experiments")) return;
  auto all = std::make_shared<std::vector<ExperimentConfig>>();
  for (const YamlNode& item : node.items) {
    ExperimentConfig e;
    const size_t before = b.problems.size();
    YamlParams p = b.Map(item, "experiments." + item.key);
    if (!item.IsMap()) continue;
    CheckName(b, item, "experiments");
    e.options.name = item.key;
    DescribeExperiment(p, e);
    ReadVariants(b, p, e);
    ReadRamp(b, p, e.options);
    ReadMetrics(b, p, e);
    p.Finish();
    if (e.options.assignment.salt.empty()) e.options.assignment.salt = item.key;
    if (e.unit.empty()) {
      p.Refuse("", "expected `unit`, the field whose values are assigned");
    } else {
      CheckText(b, p, "unit", e.unit);
    }
    CheckText(b, p, "assigned", e.assigned);
    if (e.options.verify && e.assigned.empty()) p.Refuse("verify", "applies with `assigned` only");
    if (e.options.rollback && !e.assigned.empty()) {
      p.Refuse("rollback", "Leat cannot roll back what another system assigns");
    }
    if (!e.options.ramp.traffic.empty()) {
      // What the last step says, where no state tells which one holds.
      e.options.assignment.traffic = e.options.ramp.traffic.back();
      if (!e.assigned.empty()) {
        p.Refuse("ramp", "Leat cannot ramp what another system assigns");
      }
    }
    for (const auto& [key, name] : {std::pair<const char*, const std::string*>{"expose", &e.expose},
                                    {"where", &e.where},
                                    {"bot", &e.bot}}) {
      CheckNumber(b, p, key, *name);
    }
    for (const YamlNode* segment : NameNodes(p.Get("segments"))) {
      CheckText(b, p, "segments", *segment, segment->scalar);
    }
    if (e.segments.size() > 4) p.Refuse("segments", "more than four");
    if (!e.starts.empty()) e.options.starts = ReadTime(p, "starts", *p.Get("starts"), e.starts);
    if (!e.ends.empty()) e.options.ends = ReadTime(p, "ends", *p.Get("ends"), e.ends);
    e.options.ledger.segments = e.segments;
    e.options.ledger.lateness = b.config.time.allowed_lateness;
    if (b.problems.size() == before) {
      const auto made = experiments::Experiment::Create(e.options);
      if (!made.ok()) b.Problem(item, p.where(), std::string(made.status().message()));
    }
    all->push_back(std::move(e));
  }
  b.config.experiments = std::move(all);
  if (std::count_if(b.config.experiments->begin(), b.config.experiments->end(),
                    [](const ExperimentConfig& e) { return !e.routes.empty(); }) > 1) {
    b.Problem(node, "experiments", std::string(kOneRouter));
  }
}

std::string ExperimentsText(const std::vector<ExperimentConfig>& experiments) {
  std::string out;
  for (ExperimentConfig e : experiments) {
    out += "experiment " + e.options.name + ":\n";
    ValueParams values("  ");
    DescribeExperiment(values, e);
    out += values.text() + "  variants: {";
    const char* comma = "";
    for (const experiments::Variant& v : e.options.assignment.variants) {
      out += comma + YamlText(v.name) + ": " + FormatNumber(v.weight);
      comma = ", ";
    }
    out += "}\n";
    for (size_t v = 0; v < e.routes.size(); ++v) {
      out += "  variant " + e.options.assignment.variants[v].name + ":\n";
      ValueParams route("    ");
      DescribeVariant(route, e.options.assignment.variants[v].weight, e.routes[v]);
      out += route.text();
    }
    for (const experiments::RampStage& stage : e.options.assignment.ramp) {
      out += "  ramp: {from: " + FormatIso(stage.from) +
             ", traffic: " + FormatNumber(stage.traffic) + "}\n";
    }
    if (RampSteps& ramp = e.options.ramp; !ramp.traffic.empty()) {
      ValueParams steps("    ");
      DescribeRamp(steps, ramp);
      out += "  ramp:\n    steps: [";
      comma = "";
      for (const double share : ramp.traffic) {
        out += comma + FormatNumber(share);
        comma = ", ";
      }
      out += "]\n" + steps.text();
    }
    for (size_t m = 0; m < e.options.metrics.size(); ++m) {
      out += "  metric " + e.options.metrics[m].data.name + ":\n";
      ValueParams metric("    ");
      DescribeExperimentMetric(metric, e.options.metrics[m], e.of[m], e.per[m]);
      out += metric.text();
    }
  }
  return out;
}

}  // namespace leat::config
