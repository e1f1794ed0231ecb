// RenderHtml: the report as one page that needs nothing else.
//
// Curves are switched by radio buttons and style alone; the script only reads values off them. All
// text from outside (names, reasons, ids) passes through EscapeHtml or, inside the script's data,
// through JSON with '<' escaped.
#include "evaluation/report_html.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>

#include "evaluation/evaluation.h"
#include "evaluation/report_style.h"
#include "evaluation/report_text.h"

namespace leat {
namespace {

using report_html::AppendCalibration;
using report_html::AppendCurves;
using report_html::AppendPrecisionRecall;
using report_html::AppendTrials;
using report_html::kUndefined;
using report_html::Put;
using report_html::Serving;

constexpr size_t kDriftRows = 200;

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

void AppendClusters(const Report& report, std::string& out) {
  if (report.clusters.empty()) return;
  out +=
      "<section><h2>Clusters</h2><p class=\"note\">Inertia: the mean squared distance of a record "
      "to the nearest cluster, before it was learnt. The other figures are over a sample of the "
      "last "
      "window, by the clusters there are now.</p><div class=\"wide\"><table><thead><tr>"
      "<th class=\"text\" scope=\"col\">model</th>";
  for (const std::string_view metric : ClusterMetrics()) {
    Put(out, "<th scope=\"col\">{}</th>", ColumnLabel(metric));
  }
  out += "<th scope=\"col\">sampled</th></tr></thead><tbody>";
  for (const Report::ClusterRow& row : report.clusters) {
    Put(out, "<tr><th scope=\"row\">{}</th>", EscapeHtml(row.name));
    for (const std::string_view metric : ClusterMetrics()) {
      const double value = ValueOf(row.values, metric);
      Put(out, "<td>{}</td>",
          metric == "clusters" ? FormatCount(static_cast<int64_t>(value))
                               : FormatMetric(value, kUndefined));
    }
    Put(out, "<td>{}</td></tr>", FormatCount(row.sampled));
  }
  out += "</tbody></table></div></section>";
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
  std::string out =
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">";
  Put(out, "<title>{} \xC2\xB7 evaluation</title><style>{}</style></head><body>",
      EscapeHtml(report.pipeline), kReportStyle);
  AppendHeader(report, out);
  out += "<main>";
  AppendKeyFigures(report, out);
  // Without anything to score, experiments are all there is.
  const bool scored = !report.rows.empty() || report.experiments.empty();
  if (scored) AppendCurves(report, out);
  if (!report.rows.empty()) AppendLeaderboard(report, out);
  if (report.task == EvaluationTask::kBinary && !report.rows.empty()) {
    out += "<div class=\"two\">";
    AppendPrecisionRecall(report, out);
    AppendCalibration(report, out);
    out += "</div>";
  }
  AppendClusters(report, out);
  AppendLabels(report, out);
  if (scored || !report.drift.empty()) AppendDrift(report, out);
  AppendTrials(report, out);
  AppendRejects(report, out);
  AppendSummaries(report, out);
  out += "</main>";
  AppendFooter(report, out);
  Put(out, "<script>{}</script></body></html>\n", kReportScript);
  return out;
}

}  // namespace leat
