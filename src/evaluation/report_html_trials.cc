// The section of the HTML report on experiments and bandits: their tables, and charts over time.
#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "base/text.h"
#include "evaluation/report_chart.h"
#include "evaluation/report_html.h"
#include "evaluation/report_text.h"

namespace leat::report_html {
namespace {

constexpr size_t kCharts = 24;  ///< Of one experiment.
constexpr int kTimeTicks = 6;

double X(EventTime time) { return static_cast<double>(time.micros); }

/// Limits that show the first line, zero, and the intervals as wide as they are now, thrice; wider
/// ones, of the first moments, are cut.
std::optional<std::pair<double, double>> Limits(const Report::TimeChart& chart) {
  double low = 0, high = 0, room = std::numeric_limits<double>::infinity();
  bool any = false;
  for (const Report::TimeChart::Line& line : chart.lines) {
    for (const auto& [time, y] : line.points) {
      if (!std::isfinite(y)) continue;
      any = true;
      if (!chart.reach.empty()) continue;
      low = std::min(low, y);
      high = std::max(high, y);
    }
  }
  if (!any) return std::nullopt;
  for (size_t i = chart.reach.size(); i-- > 0;) {
    const auto& [time, lo, hi] = chart.reach[i];
    if (!std::isfinite(lo) || !std::isfinite(hi)) continue;
    if (std::isinf(room)) room = 3 * (hi - lo);
    if (hi - lo > room) continue;
    low = std::min(low, lo);
    high = std::max(high, hi);
  }
  const double margin = high > low ? 0.06 * (high - low) : 1;
  return std::pair{low - margin, high + margin};
}

void AppendTimeChart(const Report::TimeChart& from, const std::string& id, std::string& out) {
  const auto limits = Limits(from);
  if (!limits) return;
  Chart chart;
  chart.id = id;
  chart.title = from.title;
  chart.description = from.description;
  chart.x_label = "event time";
  chart.y_label = from.y_label;
  chart.height = 260;
  std::tie(chart.y_low, chart.y_high) = *limits;
  EventTime first{std::numeric_limits<int64_t>::max()}, last{std::numeric_limits<int64_t>::min()};
  int greys = 0;
  for (const Report::TimeChart::Line& line : from.lines) {
    ChartSeries& series = chart.series.emplace_back();
    series.name = line.name;
    series.style =
        line.hue < 0 ? fmt::format("b{}", greys++ % 3) : fmt::format("s{}", line.hue % 6);
    for (const auto& [time, y] : line.points) {
      first = std::min(first, time);
      last = std::max(last, time);
      series.points.emplace_back(X(time), y);
    }
  }
  chart.x_low = X(first);
  chart.x_high = std::max(X(last), chart.x_low + 1);
  if (!from.reach.empty()) {
    ChartBand& band = chart.bands.emplace_back();
    band.style = chart.series.front().style;
    for (const auto& [time, lo, hi] : from.reach) band.points.push_back({X(time), lo, hi});
  }
  for (const auto& [time, title, bad] : from.marks) {
    if (time < first || time > last) continue;
    chart.marks.push_back({X(time), FormatTime(time) + ": " + title, !bad});
  }
  FillTicks(chart.y_low, chart.y_high, 5, chart.y_ticks);
  for (int i = 0; i <= kTimeTicks; ++i) {
    const EventTime at{first.micros + (last.micros - first.micros) / kTimeTicks * i};
    const std::string text = FormatTime(at);
    const size_t blank = text.find_first_of(" T");
    chart.x_ticks.push_back({X(at), text.substr(0, blank),
                             blank == std::string::npos ? "" : text.substr(blank + 1, 5)});
  }
  Put(out, "<h3>{}</h3>", EscapeHtml(from.title));
  out += DrawChart(chart);
  AppendLegend(chart.series, chart.marks.empty() ? "" : "decision", out);
}

}  // namespace

void AppendTrials(const Report& report, std::string& out) {
  if (report.experiments.empty()) return;
  out += "<section><h2>Experiments</h2>";
  for (size_t e = 0; e < report.experiments.size(); ++e) {
    const Report::Trial& trial = report.experiments[e];
    out += "<pre class=\"wide\">";
    for (const std::string& line : LinesOf(trial.table)) out += EscapeHtml(line) + "\n";
    out += "</pre>";
    for (size_t c = 0; c < std::min(kCharts, trial.charts.size()); ++c) {
      AppendTimeChart(trial.charts[c], fmt::format("trial{}-{}", e, c), out);
    }
    if (trial.charts.size() > kCharts) {
      Put(out, "<p class=\"note\">And {} more.</p>", trial.charts.size() - kCharts);
    }
  }
  out += "</section>";
}

}  // namespace leat::report_html
