// RenderHtml: the report as one page that needs nothing else.
//
// Curves are switched by radio buttons and style alone; the script only reads values off them. All
// text from outside (names, reasons, ids) passes through EscapeHtml or, inside the script's data,
// through JSON with '<' escaped.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <iterator>
#include <limits>
#include <optional>

#include "evaluation/evaluation.h"
#include "evaluation/report_chart.h"
#include "evaluation/report_style.h"
#include "evaluation/report_text.h"

namespace leat {
namespace {

constexpr size_t kCurvePoints = 320;
constexpr size_t kCurveTabs = 10;
constexpr size_t kDriftRows = 200;
constexpr size_t kChartMarks = 120;
constexpr int kModelHues = 6;
constexpr int kBaselineDashes = 3;
constexpr const char* kUndefined = "\xE2\x80\x93";  // En dash.

template <typename... T>
void Put(std::string& out, fmt::format_string<T...> format, T&&... values) {
  fmt::format_to(std::back_inserter(out), format, std::forward<T>(values)...);
}

/// A label for a column head: its hyphens and short tails do not break.
std::string ColumnLabel(std::string_view metric) {
  std::string label;
  for (const char c : EscapeHtml(MetricLabel(metric))) {
    if (c == '-') {
      label += "&#8209;";
    } else {
      label += c;
    }
  }
  if (label.ends_with(" at k")) label.replace(label.size() - 5, 5, " at&nbsp;k");
  return label;
}

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

const Report::Row* Serving(const Report& report) {
  for (const Report::Row& row : report.rows) {
    if (row.serves) return &row;
  }
  return report.rows.empty() ? nullptr : &report.rows.front();
}

void AppendHeader(const Report& report, std::string& out) {
  Put(out, "<header><h1>{}</h1><p class=\"soft\">", EscapeHtml(report.pipeline));
  Put(out, "{} prediction, {} to {}", TaskName(report.task), FormatTime(report.first),
      FormatTime(report.last));
  for (const auto& [name, count] : report.records) {
    Put(out, " \xC2\xB7 {} {}", FormatCount(count), EscapeHtml(name));
  }
  out += "</p></header>";
}

void AppendKeyFigures(const Report& report, std::string& out) {
  const Report::Row* serving = Serving(report);
  if (serving == nullptr) return;
  out += "<div class=\"keys\">";
  for (const std::string_view metric : KeyMetrics(report.task)) {
    const double value = ValueOf(serving->cumulative, metric);
    const Better better = BetterDirection(metric);
    const Report::Row* rival = nullptr;
    double rival_value = std::numeric_limits<double>::quiet_NaN();
    for (const Report::Row& row : report.rows) {
      const double v = ValueOf(row.cumulative, metric);
      if (row.baseline && IsBetter(better, v, rival_value)) {
        rival = &row;
        rival_value = v;
      }
    }
    Put(out,
        "<div class=\"key\"><div class=\"name\">{} of {}</div><div class=\"value\">{}</div>"
        "<div class=\"rest\">",
        EscapeHtml(MetricLabel(metric)), EscapeHtml(serving->name),
        FormatMetric(value, kUndefined));
    if (rival != nullptr && !std::isnan(value)) {
      const bool wins = IsBetter(better, value, rival_value);
      const bool loses = IsBetter(better, rival_value, value);
      Put(out, "<span class=\"pill {}\">{} {}</span><br>than {} at {}<br>",
          wins    ? "good"
          : loses ? "bad"
                  : "plain",
          wins || loses ? FormatMetric(std::abs(value - rival_value), kUndefined) : "",
          wins    ? "better"
          : loses ? "worse"
                  : "no better",
          EscapeHtml(rival->name), FormatMetric(rival_value, kUndefined));
    }
    Put(out, "last window {}</div></div>",
        FormatMetric(ValueOf(serving->window, metric), kUndefined));
  }
  out += "</div>";
}

void AppendLeaderboard(const Report& report, std::string& out) {
  const auto metrics = TableMetrics(report.task);
  struct Part {
    const char* title;
    const char* note;
    MetricValues Report::Row::*view;
  };
  static constexpr Part kParts[] = {
      {"All labels", "Every prediction was scored once, before anything learnt from its label.",
       &Report::Row::cumulative},
      {"Last window", "The same metrics over the latest labels only.", &Report::Row::window}};
  for (const Part& part : kParts) {
    Put(out,
        "<section><h2>{}</h2><p class=\"note\">{} Bold: best of the column.</p>"
        "<div class=\"wide\"><table><thead><tr><th class=\"text\" scope=\"col\">model</th>",
        part.title, part.note);
    for (const std::string_view metric : metrics) {
      Put(out, "<th scope=\"col\">{}</th>", ColumnLabel(metric));
    }
    out += "</tr></thead><tbody>";
    for (const Report::Row& row : report.rows) {
      Put(out, "<tr{}><th scope=\"row\">{}{}</th>", row.baseline ? " class=\"baseline\"" : "",
          EscapeHtml(row.name), row.serves ? " <span class=\"pill plain\">serves</span>" : "");
      for (const std::string_view metric : metrics) {
        const double value = ValueOf(row.*part.view, metric);
        const Better better = BetterDirection(metric);
        const bool best =
            better != Better::kNeither && !std::isnan(value) &&
            std::none_of(report.rows.begin(), report.rows.end(), [&](const Report::Row& other) {
              return IsBetter(better, ValueOf(other.*part.view, metric), value);
            });
        Put(out, "<td{}>{}</td>", best ? " class=\"best\"" : "", FormatMetric(value, kUndefined));
      }
      out += "</tr>";
    }
    out += "</tbody></table></div></section>";
  }
}

void AppendLegend(const std::vector<ChartSeries>& series, bool marks, std::string& out) {
  out += "<ul class=\"legend\">";
  for (const ChartSeries& s : series) {
    Put(out,
        "<li><svg viewBox=\"0 0 26 8\" aria-hidden=\"true\"><path class=\"line {}\" d=\"M1 4H25\"/>"
        "</svg>{}</li>",
        s.style, EscapeHtml(s.name));
  }
  if (marks) {
    out +=
        "<li><svg viewBox=\"0 0 26 8\" aria-hidden=\"true\"><path class=\"flag\" "
        "d=\"M13 8l-5 -8h10z\"/></svg>drift signal</li>";
  }
  out += "</ul>";
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
  if (!(margin > 0)) margin = std::max(1e-3, 0.05 * std::abs(high));
  const bool share = low >= 0 && high <= 1;  // Stay inside where the metric itself does.
  low = share ? std::max(0.0, low - margin) : low - margin;
  high = share ? std::min(1.0, high + margin) : high + margin;
  return std::pair{low, high};
}

void FillTicks(double low, double high, int wanted, std::vector<ChartTick>& ticks) {
  const std::vector<double> values = RoundTicks(low, high, wanted);
  const double step = values.size() > 1 ? values[1] - values[0] : 1;
  for (const double v : values) ticks.push_back({v, TickLabel(v, step), {}});
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

void AppendCurves(const Report& report, const std::vector<std::string>& styles, std::string& out) {
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
  if (!panels.empty()) AppendLegend(panels[0].chart.series, !panels[0].chart.marks.empty(), out);
  out += "</section>";
}

void AppendPrecisionRecall(const Report& report, const std::vector<std::string>& styles,
                           std::string& out) {
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
  AppendLegend(chart.series, false, out);
  out += "</section>";
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

void AppendCalibration(const Report& report, const std::vector<std::string>& styles,
                       std::string& out) {
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
  AppendLegend(chart.series, false, out);
  out += "</section>";
}

void AppendLabels(const Report& report, std::string& out) {
  if (report.labels.empty()) return;
  const auto count = [&](std::string_view name) { return CountOf(report.labels, name); };
  const int64_t predicted = count("predicted");
  static constexpr std::string_view kParts[] = {"matched", "expired", "pending"};
  Put(out,
      "<section><h2>Label account</h2><p class=\"note\">Every prediction is matched with its "
      "label, "
      "expired without one, or still pending.</p><p class=\"sum\"><b>{}</b> predicted = <b>{}</b> "
      "matched + <b>{}</b> expired + <b>{}</b> pending</p><div class=\"bar\" aria-hidden=\"true\">",
      FormatCount(predicted), FormatCount(count("matched")), FormatCount(count("expired")),
      FormatCount(count("pending")));
  for (size_t i = 0; i < std::size(kParts); ++i) {
    const int64_t part = count(kParts[i]);
    if (part <= 0 || predicted <= 0) continue;
    Put(out, "<span class=\"m{}\" style=\"width:{:.2f}%\"></span>", i,
        100 * static_cast<double>(part) / static_cast<double>(predicted));
  }
  out += "</div><ul class=\"legend\">";
  for (size_t i = 0; i < std::size(kParts); ++i) {
    Put(out, "<li><span class=\"sw m{}\"></span>{}</li>", i, kParts[i]);
  }
  out += "</ul><dl class=\"facts\">";
  for (const auto& [name, value] : report.labels) {
    if (name == "predicted" ||
        std::find(std::begin(kParts), std::end(kParts), name) != std::end(kParts)) {
      continue;
    }
    Put(out, "<div><dt>{}</dt><dd>{}</dd></div>", EscapeHtml(name), FormatCount(value));
  }
  out += "</dl></section>";
}

void AppendRejects(const Report& report, std::string& out) {
  out += "<section><h2>Rejects</h2>";
  int64_t most = 0;
  for (const auto& [reason, count] : report.rejects) most = std::max(most, count);
  if (most == 0) {
    out += "<p class=\"note\">Nothing was rejected.</p></section>";
    return;
  }
  out +=
      "<p class=\"note\">Input that could not be used, by reason; each is in the rejects sink."
      "</p><div class=\"wide\"><table><thead><tr><th class=\"text\" scope=\"col\">reason</th>"
      "<th scope=\"col\">count</th><th class=\"text\" scope=\"col\">share of the largest</th></tr>"
      "</thead><tbody>";
  for (const auto& [reason, count] : report.rejects) {
    Put(out,
        "<tr><th scope=\"row\">{}</th><td>{}</td><td class=\"text\"><span class=\"share\" "
        "style=\"width:{:.0f}px\"></span></td></tr>",
        EscapeHtml(reason), FormatCount(count),
        std::max(2.0, 220 * static_cast<double>(count) / static_cast<double>(most)));
  }
  out += "</tbody></table></div></section>";
}

void AppendDrift(const Report& report, std::string& out) {
  out += "<section><h2>Drift</h2>";
  if (report.drift.empty()) {
    out += "<p class=\"note\">No detector gave a signal.</p></section>";
    return;
  }
  out +=
      "<div class=\"wide\"><table><thead><tr><th class=\"text\" scope=\"col\">time</th><th "
      "scope=\"col\">labels</th><th class=\"text\" scope=\"col\">signal</th><th class=\"text\" "
      "scope=\"col\">detector</th><th class=\"text\" scope=\"col\">on</th><th scope=\"col\">mean "
      "before</th><th scope=\"col\">mean after</th><th scope=\"col\">statistic</th><th "
      "class=\"text\" scope=\"col\">then</th><th class=\"text\" scope=\"col\">record</th></tr>"
      "</thead><tbody>";
  for (size_t i = 0; i < std::min(kDriftRows, report.drift.size()); ++i) {
    const Report::DriftMark& mark = report.drift[i];
    Put(out,
        "<tr><td class=\"text\">{}</td><td>{}</td><td class=\"text\"><span class=\"pill {}\">{}"
        "</span></td><td class=\"text\">{}</td><td class=\"text\">{}</td><td>{}</td><td>{}</td>"
        "<td>{}</td><td class=\"text\">{}</td><td class=\"text wrap\">{}</td></tr>",
        FormatTime(mark.time), FormatCount(mark.labels), mark.warning ? "plain" : "bad",
        mark.warning ? "warning" : "drift", EscapeHtml(mark.detector), EscapeHtml(mark.on),
        FormatMetric(mark.mean_before, kUndefined), FormatMetric(mark.mean_after, kUndefined),
        FormatMetric(mark.statistic, kUndefined), EscapeHtml(mark.action),
        EscapeHtml(mark.record_id));
  }
  out += "</tbody></table></div>";
  if (report.drift.size() > kDriftRows) {
    Put(out, "<p class=\"note\">And {} more.</p>",
        FormatCount(static_cast<int64_t>(report.drift.size() - kDriftRows)));
  }
  out += "</section>";
}

void AppendSummaries(const Report& report, std::string& out) {
  if (std::all_of(report.rows.begin(), report.rows.end(),
                  [](const Report::Row& row) { return row.summary.empty(); })) {
    return;
  }
  out += "<section><h2>Models</h2><div class=\"models\">";
  for (const Report::Row& row : report.rows) {
    if (row.summary.empty()) continue;
    Put(out, "<div><h3>{}{}</h3><dl>", EscapeHtml(row.name),
        row.serves ? " <span class=\"pill plain\">serves</span>" : "");
    for (const auto& [name, text] : row.summary) {
      Put(out, "<dt>{}</dt><dd>{}</dd>", EscapeHtml(name), EscapeHtml(text));
    }
    out += "</dl></div>";
  }
  out += "</div></section>";
}

void AppendFooter(const Report& report, std::string& out) {
  out += "<footer>";
  if (!report.digest.empty()) {
    Put(out, "State digest <code>{}</code>", EscapeHtml(report.digest));
  }
  if (report.memory_bytes > 0) Put(out, " \xC2\xB7 {} of state", FormatBytes(report.memory_bytes));
  if (report.seconds > 0) {
    Put(out, " \xC2\xB7 {:.1f} s", report.seconds);
    const int64_t read = CountOf(report.records, "read");
    if (read > 0) {
      Put(out, ", {} records/s",
          FormatCount(static_cast<int64_t>(static_cast<double>(read) / report.seconds)));
    }
  }
  out += "</footer>";
}

}  // namespace

std::string RenderHtml(const Report& report) {
  const std::vector<std::string> styles = StylesOf(report);
  std::string out =
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">";
  Put(out, "<title>{} \xC2\xB7 evaluation</title><style>{}</style></head><body>",
      EscapeHtml(report.pipeline), kReportStyle);
  AppendHeader(report, out);
  out += "<main>";
  AppendKeyFigures(report, out);
  AppendCurves(report, styles, out);
  if (!report.rows.empty()) AppendLeaderboard(report, out);
  if (report.task == EvaluationTask::kBinary && !report.rows.empty()) {
    out += "<div class=\"two\">";
    AppendPrecisionRecall(report, styles, out);
    AppendCalibration(report, styles, out);
    out += "</div>";
  }
  AppendLabels(report, out);
  AppendDrift(report, out);
  AppendRejects(report, out);
  AppendSummaries(report, out);
  out += "</main>";
  AppendFooter(report, out);
  Put(out, "<script>{}</script></body></html>\n", kReportScript);
  return out;
}

}  // namespace leat
