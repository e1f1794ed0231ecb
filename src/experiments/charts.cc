#include "experiments/charts.h"

#include <fmt/format.h>

#include <algorithm>

namespace leat::experiments {
namespace {

constexpr size_t kActions = 6;  ///< Beyond, only the best and the worst are drawn.

}  // namespace

std::vector<Report::TimeChart> Charts(const Experiment& e, const LookResult& now) {
  std::vector<Report::TimeChart> charts;
  const auto& variants = e.options().assignment.variants;
  for (const Comparison& c : now.comparisons) {
    const std::vector<PastLook>& past = e.Past(c.metric, c.variant);
    const bool says = c.withheld.empty() && c.watchable;
    if (past.empty() && !says) continue;
    const AnalysedMetric& metric = e.options().metrics[c.metric];
    const double scale = c.relative ? 100 : 1;
    Report::TimeChart& chart = charts.emplace_back();
    chart.title = fmt::format("{}: {}, {} against {}", e.options().name, metric.data.name,
                              variants[c.variant].name, variants[0].name);
    chart.y_label = c.relative ? "effect, %" : "effect";
    Report::TimeChart::Line effect{"effect", 0, {}};
    const auto add = [&](EventTime time, double estimate, double lo, double hi) {
      effect.points.emplace_back(time, estimate * scale);
      chart.reach.push_back({time, lo * scale, hi * scale});
    };
    for (const PastLook& look : past) add({look.time}, look.estimate, look.lo, look.hi);
    if (says && (past.empty() || past.back().time < now.time.micros)) {
      add(now.time, c.effect.estimate, c.sequence.interval.lo, c.sequence.interval.hi);
    }
    const EventTime first = effect.points.front().first, last = effect.points.back().first;
    const auto level = [&](const char* name, double y) {
      chart.lines.push_back({name, -1, {{first, y}, {last, y}}});
    };
    chart.description = fmt::format(
        "The effect over time and its confidence sequence; at the end {:.3g}, from {:.3g} to "
        "{:.3g}.",
        effect.points.back().second, chart.reach.back().lo, chart.reach.back().hi);
    chart.lines.push_back(std::move(effect));
    level("no effect", 0);
    if (metric.role == Role::kGuardrail && metric.margin > 0) {
      level("margin", (metric.up_is_good ? -1 : 1) * metric.margin * scale);
    }
    for (const Decision& d : e.decided()) {
      const bool of_all = d.kind == "sample_ratio_mismatch" || d.kind.starts_with("ramp_");
      if (d.time == EventTime{} || (!of_all && (d.metric != c.metric || d.variant != c.variant))) {
        continue;
      }
      const bool bad = d.kind == "sample_ratio_mismatch" || d.kind == "guardrail_breach" ||
                       d.kind == "ramp_rollback";
      chart.marks.push_back({d.time, d.kind + ", " + d.because, bad});
    }
  }
  return charts;
}

std::vector<Report::TimeChart> Charts(const Bandit& bandit, EventTime now) {
  std::vector<Bandit::Past> past = bandit.past();
  const std::vector<CandidateScore> scores = bandit.Scores();
  const size_t actions = bandit.options().actions.size(), uniform = scores.size() - actions - 1;
  std::vector<size_t> fixed;
  for (size_t i = uniform + 1; i < scores.size(); ++i) {
    if (scores[i].refused.empty()) fixed.push_back(i);
  }
  if (fixed.empty()) return {};
  std::stable_sort(fixed.begin(), fixed.end(), [&](size_t a, size_t b) {
    return scores[a].estimates.doubly_robust() > scores[b].estimates.doubly_robust();
  });
  const double best = scores[fixed.front()].estimates.doubly_robust();
  if (past.empty() || past.back().time < now.micros) past.push_back(bandit.Present(now));
  Report::TimeChart chart;
  chart.title =
      fmt::format("{}: regret against {}", bandit.options().name, scores[fixed.front()].name);
  chart.y_label = "reward lost so far";
  const auto add = [&](std::string name, int hue, auto&& lost) {
    Report::TimeChart::Line line{std::move(name), hue, {}};
    for (const Bandit::Past& p : past) line.points.emplace_back(EventTime{p.time}, lost(p));
    chart.lines.push_back(std::move(line));
  };
  add("the bandit", 0,
      [&](const Bandit::Past& p) { return best * static_cast<double>(p.trained) - p.reward_sum; });
  const auto policy = [&](size_t i, int hue) {
    const double loss = best - scores[i].estimates.doubly_robust();
    add(scores[i].name, hue,
        [&](const Bandit::Past& p) { return loss * static_cast<double>(p.trained); });
  };
  if (scores[uniform].refused.empty()) policy(uniform, 1);
  for (size_t i = 0; i < fixed.size(); ++i) {
    if (fixed.size() <= kActions || i == 0 || i + 1 == fixed.size()) policy(fixed[i], -1);
  }
  chart.description =
      "What was lost against the best fixed action, as the doubly robust estimates "
      "have it; at the end";
  for (const Report::TimeChart::Line& line : chart.lines) {
    chart.description += fmt::format(" {:.4g} by {},", line.points.back().second, line.name);
  }
  chart.description.back() = '.';
  return {std::move(chart)};
}

}  // namespace leat::experiments
