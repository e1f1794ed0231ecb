// The charts of the HTML report: curves over time, precision and recall, calibration.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <iterator>
#include <limits>
#include <optional>
#include <tuple>

#include "evaluation/report_chart.h"
#include "evaluation/report_html.h"
#include "evaluation/report_text.h"

namespace leat::report_html {
namespace {

constexpr size_t kCurvePoints = 320;
constexpr size_t kCurveTabs = 10;
constexpr size_t kChartMarks = 120;
constexpr int kModelHues = 6;
constexpr int kBaselineDashes = 3;

/// The class of each row's line: models by hue, baselines by dash.
std::vector<std::string> StylesOf(const Report& report) {
  std::vector<std::string> styles;
  int models = 0, baselines = 0;
  for (const Report::Row& row : report.rows) {
    styles.push_back(row.baseline ? fmt::format("b{}", baselines++ % kBaselineDashes)
                                  : fmt::format("s{}", models++ % kModelHues));
  }
  return styles;
}

/// Indices of at most kCurvePoints samples, the last one always among them.
std::vector<size_t> ThinnedSamples(size_t count) {
  std::vector<size_t> indices;
  const size_t stride = (count + kCurvePoints - 1) / kCurvePoints;
  for (size_t i = 0; i < count; i += stride) indices.push_back(i);
  if (!indices.empty() && indices.back() != count - 1) indices.push_back(count - 1);
  return indices;
}

double SampleValue(const Report::CurveSample& sample, size_t row, std::string_view metric) {
  return row < sample.rows.size() ? ValueOf(sample.rows[row], metric)
                                  : std::numeric_limits<double>::quiet_NaN();
}

/// Limits that show the models in full, and those baselines that do not flatten them.
std::optional<std::pair<double, double>> ValueLimits(const Report& report,
                                                     const std::vector<ChartSeries>& series) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  double low = kInfinity, high = -kInfinity, room = kInfinity;
  for (const bool baselines : {false, true}) {
    if (baselines && low <= high) {
      room = 2.5 * std::max(high - low, 0.02 * std::max(std::abs(low), std::abs(high)));
    }
    const double least = low - room, most = high + room;
    for (size_t r = 0; r < series.size(); ++r) {
      if (report.rows[r].baseline != baselines) continue;
      double from = kInfinity, to = -kInfinity;
      for (const auto& [x, y] : series[r].points) {
        if (!std::isfinite(y)) continue;
        from = std::min(from, y);
        to = std::max(to, y);
      }
      if (from > to || (std::isfinite(room) && (from < least || to > most))) continue;
      low = std::min(low, from);
      high = std::max(high, to);
    }
  }
  if (low > high) return std::nullopt;
  double margin = 0.06 * (high - low);
  // What differs in the last bits only is drawn as one value.
  if (!(high - low > 1e-12 * std::max(std::abs(low), std::abs(high)))) {
    margin = std::max(1e-3, 0.05 * std::abs(high));
  }
  const bool share = low >= 0 && high <= 1;  // Stay inside where the metric itself does.
  low = share ? std::max(0.0, low - margin) : low - margin;
  high = share ? std::min(1.0, high + margin) : high + margin;
  return std::pair{low, high};
}

/// What the script shows at each sample of a curve.
std::string TipData(const Report& report, const Chart& chart, std::string_view metric,
                    const std::vector<size_t>& samples) {
  namespace json = boost::json;
  json::array x, at, rows;
  for (const size_t i : samples) {
    const Report::CurveSample& sample = report.curve[i];
    x.emplace_back(std::round(ChartX(chart, static_cast<double>(sample.labels)) * 10) / 10);
    at.emplace_back(FormatCount(sample.labels) + " labels, " + FormatDate(sample.time));
  }
  for (size_t r = 0; r < report.rows.size(); ++r) {
    json::array values;
    for (const size_t i : samples) {
      values.emplace_back(FormatMetric(SampleValue(report.curve[i], r, metric), kUndefined));
    }
    rows.emplace_back(
        json::object{{"name", ValidUtf8(report.rows[r].name)}, {"values", std::move(values)}});
  }
  std::string text = json::serialize(
      json::object{{"x", std::move(x)}, {"at", std::move(at)}, {"rows", std::move(rows)}});
  std::string safe;  // "</script>" inside a name must not end the element.
  for (const char c : text) {
    if (c == '<') {
      safe += "\\u003c";
    } else {
      safe += c;
    }
  }
  return safe;
}

std::optional<Chart> MetricCurve(const Report& report, const std::vector<std::string>& styles,
                                 std::string_view metric, const std::vector<size_t>& samples,
                                 size_t number) {
  Chart chart;
  for (size_t r = 0; r < report.rows.size(); ++r) {
    ChartSeries& series = chart.series.emplace_back();
    series.name = report.rows[r].name;
    series.style = styles[r];
    for (const size_t i : samples) {
      series.points.emplace_back(static_cast<double>(report.curve[i].labels),
                                 SampleValue(report.curve[i], r, metric));
    }
  }
  const auto limits = ValueLimits(report, chart.series);
  if (!limits) return std::nullopt;
  chart.id = fmt::format("curve{}", number);
  chart.title = fmt::format("{} over the sliding window, by labels seen", MetricLabel(metric));
  chart.description = "One line for each model and baseline; the last values are";
  for (size_t r = 0; r < report.rows.size(); ++r) {
    chart.description +=
        fmt::format("{} {} {}", r > 0 ? "," : "", report.rows[r].name,
                    FormatMetric(SampleValue(report.curve.back(), r, metric), "undefined"));
  }
  chart.x_label = "labels seen";
  chart.y_label = MetricLabel(metric);
  std::tie(chart.y_low, chart.y_high) = *limits;
  chart.x_low = static_cast<double>(report.curve.front().labels);
  chart.x_high = static_cast<double>(report.curve.back().labels);
  if (chart.x_high <= chart.x_low) chart.x_low = 0;
  if (chart.x_high <= chart.x_low) chart.x_high = chart.x_low + 1;
  FillTicks(chart.y_low, chart.y_high, 5, chart.y_ticks);
  FillTicks(chart.x_low, chart.x_high, 8, chart.x_ticks);
  for (ChartTick& tick : chart.x_ticks) {
    const auto at = std::lower_bound(report.curve.begin(), report.curve.end(), tick.at,
                                     [](const Report::CurveSample& s, double labels) {
                                       return static_cast<double>(s.labels) < labels;
                                     });
    if (at != report.curve.end()) tick.second = FormatDate(at->time);
  }
  for (size_t i = 0; i < std::min(kChartMarks, report.drift.size()); ++i) {
    const Report::DriftMark& mark = report.drift[i];
    const auto x = static_cast<double>(mark.labels);
    if (x < chart.x_low || x > chart.x_high) continue;
    chart.marks.push_back({x,
                           fmt::format("{} of {} on {}, {}", mark.warning ? "warning" : "drift",
                                       mark.detector, mark.on, FormatTime(mark.time)),
                           mark.warning});
  }
  return chart;
}

/// Whether most labels have scores so small that a linear plot would crowd them into a corner.
bool ScoresAreSmall(const Report::Row& row) {
  double small = 0, all = 0;
  for (const auto& p : row.calibration) {
    all += p.weight;
    if (p.x < 0.1) small += p.weight;
  }
  return small > all / 2;
}

}  // namespace

void AppendLegend(const std::vector<ChartSeries>& series, std::string_view mark, std::string& out) {
  out += "<ul class=\"legend\">";
  for (const ChartSeries& s : series) {
    Put(out,
        "<li><svg viewBox=\"0 0 26 8\" aria-hidden=\"true\"><path class=\"line {}\" d=\"M1 4H25\"/>"
        "</svg>{}</li>",
        s.style, EscapeHtml(s.name));
  }
  if (!mark.empty()) {
    out +=
        "<li><svg viewBox=\"0 0 26 8\" aria-hidden=\"true\"><path class=\"flag\" "
        "d=\"M13 8l-5 -8h10z\"/></svg>";
    out += mark;
    out += "</li>";
  }
  out += "</ul>";
}

void FillTicks(double low, double high, int wanted, std::vector<ChartTick>& ticks) {
  const std::vector<double> values = RoundTicks(low, high, wanted);
  const double step = values.size() > 1 ? values[1] - values[0] : 1;
  for (const double v : values) ticks.push_back({v, TickLabel(v, step), {}});
}

const Report::Row* Serving(const Report& report) {
  for (const Report::Row& row : report.rows) {
    if (row.serves) return &row;
  }
  return report.rows.empty() ? nullptr : &report.rows.front();
}

void AppendCurves(const Report& report, std::string& out) {
  const std::vector<std::string> styles = StylesOf(report);
  out +=
      "<section><h2>Over time</h2><p class=\"note\">Each point is a metric over the sliding "
      "window that ends there. Lines off the scale are cut at its edge.</p>";
  if (report.curve.empty()) {
    out += "<p>There were fewer labels than one row of the metrics sink holds.</p></section>";
    return;
  }
  struct Panel {
    std::string_view metric;
    Chart chart;
  };
  std::vector<Panel> panels;
  const std::vector<size_t> samples = ThinnedSamples(report.curve.size());
  for (const std::string_view metric : CurveMetrics(report.task)) {
    if (panels.size() == kCurveTabs) break;
    if (auto chart = MetricCurve(report, styles, metric, samples, panels.size())) {
      panels.push_back({metric, std::move(*chart)});
    }
  }
  out += "<style>";
  for (size_t i = 0; i < panels.size(); ++i) {
    Put(out,
        "#pick{0}:checked~.panels>#panel{0}{{display:block}}"
        "#pick{0}:checked~.tabs>[for=pick{0}]{{background:var(--ink);color:var(--card);"
        "border-color:var(--ink)}}"
        "#pick{0}:focus-visible~.tabs>[for=pick{0}]{{outline:2px solid var(--c0);"
        "outline-offset:2px}}",
        i);
  }
  out += "</style>";
  for (size_t i = 0; i < panels.size(); ++i) {
    Put(out, "<input class=\"pick\" type=\"radio\" name=\"metric\" id=\"pick{}\"{}>", i,
        i == 0 ? " checked" : "");
  }
  out += "<div class=\"tabs\">";
  for (size_t i = 0; i < panels.size(); ++i) {
    Put(out, "<label for=\"pick{}\">{}</label>", i, EscapeHtml(MetricLabel(panels[i].metric)));
  }
  out += "</div><div class=\"panels\">";
  for (size_t i = 0; i < panels.size(); ++i) {
    Put(out,
        "<div class=\"panel\" id=\"panel{}\">{}<script type=\"application/json\">{}</script></div>",
        i, DrawChart(panels[i].chart), TipData(report, panels[i].chart, panels[i].metric, samples));
  }
  out += "</div>";
  if (!panels.empty()) {
    AppendLegend(panels[0].chart.series, panels[0].chart.marks.empty() ? "" : "drift signal", out);
  }
  out += "</section>";
}

void AppendPrecisionRecall(const Report& report, std::string& out) {
  const std::vector<std::string> styles = StylesOf(report);
  Chart chart;
  for (size_t r = 0; r < report.rows.size(); ++r) {
    const Report::Row& row = report.rows[r];
    if (row.baseline || row.precision_recall.empty()) continue;
    ChartSeries& series = chart.series.emplace_back();
    series.name = row.name;
    series.style = styles[r];
    for (const auto& p : row.precision_recall) series.points.emplace_back(p.x, p.y);
  }
  if (chart.series.empty()) return;
  const double share = ValueOf(Serving(report)->cumulative, "positive_share");
  if (std::isfinite(share)) {
    chart.series.push_back({"share of positives (chance)", "b1", {{0, share}, {1, share}}, false});
  }
  chart.id = "pr";
  chart.title = "Precision-recall curves over all labels";
  chart.description = "Precision against recall as the threshold falls, one line for each model.";
  chart.x_label = "recall";
  chart.y_label = "precision";
  chart.width = 520;
  FillTicks(0, 1, 5, chart.x_ticks);
  FillTicks(0, 1, 5, chart.y_ticks);
  out +=
      "<section><h2>Precision and recall</h2><p class=\"note\">All labels, from the highest "
      "score down.</p>";
  out += DrawChart(chart);
  AppendLegend(chart.series, {}, out);
  out += "</section>";
}

void AppendCalibration(const Report& report, std::string& out) {
  const std::vector<std::string> styles = StylesOf(report);
  Chart chart;
  const bool logarithmic = Serving(report) != nullptr && ScoresAreSmall(*Serving(report));
  double lowest = 1;
  for (const Report::Row& row : report.rows) {
    if (row.baseline) continue;
    for (const auto& p : row.calibration) {
      for (const double v : {p.x, p.y}) {
        if (v > 0) lowest = std::min(lowest, v);
      }
    }
  }
  const double floor = std::max(-6.0, std::floor(std::log10(lowest)));
  const auto place = [&](double v) {
    return !logarithmic ? v : v > 0 ? std::max(floor, std::log10(v)) : floor;
  };
  for (size_t r = 0; r < report.rows.size(); ++r) {
    const Report::Row& row = report.rows[r];
    if (row.baseline || row.calibration.empty()) continue;
    ChartSeries& series = chart.series.emplace_back();
    series.name = row.name;
    series.style = styles[r];
    series.dots = true;
    for (const auto& p : row.calibration) series.points.emplace_back(place(p.x), place(p.y));
  }
  if (chart.series.empty()) return;
  chart.id = "calibration";
  chart.title = "Calibration over all labels";
  chart.description =
      "Share of positives against mean score in groups of like score; on the diagonal a score of "
      "0.3 is right three times in ten.";
  chart.x_label = logarithmic ? "mean score (logarithmic)" : "mean score";
  chart.y_label = "share of positives";
  chart.width = 520;
  chart.diagonal = true;
  if (logarithmic) {
    chart.logarithmic = true;
    chart.x_low = chart.y_low = std::min(floor, -1.0);
    chart.x_high = chart.y_high = 0;
    for (double e = chart.x_low; e <= 0; ++e) {
      const std::string label =
          e < -3 ? fmt::format("1e{:.0f}", e) : fmt::format("{:g}", std::pow(10, e));
      chart.x_ticks.push_back({e, label, {}});
      chart.y_ticks.push_back({e, label, {}});
    }
  } else {
    FillTicks(0, 1, 5, chart.x_ticks);
    FillTicks(0, 1, 5, chart.y_ticks);
  }
  out +=
      "<section><h2>Calibration</h2><p class=\"note\">Groups of like score; the dotted diagonal "
      "is perfect.</p>";
  out += DrawChart(chart);
  AppendLegend(chart.series, {}, out);
  out += "</section>";
}

}  // namespace leat::report_html
