// RenderTable: the report as plain text of fixed width.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "evaluation/evaluation.h"
#include "evaluation/report_text.h"

namespace leat {
namespace {

constexpr size_t kDriftRows = 20;

/// Shorter than the labels of MetricLabel, to keep a line within 110 columns.
std::string_view ColumnHead(std::string_view name) {
  if (name == "balanced_accuracy") return "bal.acc";
  if (name == "average_precision") return "avg.prec";
  if (name == "precision_at_k") return "P@k";
  if (name == "brier") return "Brier";
  if (name == "ece") return "ECE";
  if (name == "r2") return "R2";
  if (name == "max_error") return "max.err";
  if (name == "window_inertia") return "in window";
  if (name == "silhouette") return "silhou.";
  if (name == "davies_bouldin") return "Davies-B.";
  if (name == "calinski_harabasz") return "Cal.-Har.";
  return MetricLabel(name);
}

/// Control characters would break the lines (and the terminal): they become '?'.
std::string Plain(std::string_view text) {
  std::string plain(text);
  for (char& c : plain) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return plain;
}

void AppendRows(const Report& report, const MetricValues Report::Row::*view, std::string_view title,
                std::string& out) {
  const auto metrics = TableMetrics(report.task);
  size_t width = title.size();
  for (const Report::Row& row : report.rows) width = std::max(width, row.name.size() + 2);
  fmt::format_to(std::back_inserter(out), "{:<{}}", title, width);
  for (const std::string_view metric : metrics) {
    fmt::format_to(std::back_inserter(out), " {:>9}", ColumnHead(metric));
  }
  out += '\n';
  bool ruled = false;
  for (const Report::Row& row : report.rows) {
    if (row.baseline && !ruled) {
      out.append(width + 10 * metrics.size(), '-');
      out += '\n';
      ruled = true;
    }
    fmt::format_to(std::back_inserter(out), "{} {:<{}}", row.serves ? '*' : ' ', Plain(row.name),
                   width - 2);
    for (const std::string_view metric : metrics) {
      fmt::format_to(std::back_inserter(out), " {:>9}",
                     FormatMetric(ValueOf(row.*view, metric), "-"));
    }
    out += '\n';
  }
}

void AppendClusters(const Report& report, std::string& out) {
  if (report.clusters.empty()) return;
  constexpr std::string_view kTitle = "clusters";
  size_t width = kTitle.size();
  for (const auto& row : report.clusters) width = std::max(width, row.name.size() + 2);
  fmt::format_to(std::back_inserter(out), "{:<{}}", kTitle, width);
  for (const std::string_view metric : ClusterMetrics()) {
    fmt::format_to(std::back_inserter(out), " {:>9}", ColumnHead(metric));
  }
  out += "   sampled\n";
  for (const auto& row : report.clusters) {
    fmt::format_to(std::back_inserter(out), "  {:<{}}", Plain(row.name), width - 2);
    for (const std::string_view metric : ClusterMetrics()) {
      const double value = ValueOf(row.values, metric);
      fmt::format_to(std::back_inserter(out), " {:>9}",
                     metric == "clusters" ? FormatCount(static_cast<int64_t>(value))
                                          : FormatMetric(value, "-"));
    }
    fmt::format_to(std::back_inserter(out), " {:>9}\n", FormatCount(row.sampled));
  }
  out += '\n';
}

void AppendCounts(std::string_view title,
                  const std::vector<std::pair<std::string, int64_t>>& counts, std::string& out) {
  if (counts.empty()) return;
  fmt::format_to(std::back_inserter(out), "{:<9}", title);
  std::string_view separator = " ";
  for (const auto& [name, count] : counts) {
    fmt::format_to(std::back_inserter(out), "{}{} {}", separator, Plain(name), FormatCount(count));
    separator = ", ";
  }
  out += '\n';
}

void AppendLabels(const Report& report, std::string& out) {
  if (report.labels.empty()) return;
  const auto count = [&](std::string_view name) {
    return FormatCount(CountOf(report.labels, name));
  };
  fmt::format_to(std::back_inserter(out),
                 "labels    predicted {} = matched {} + expired {} + pending {}\n",
                 count("predicted"), count("matched"), count("expired"), count("pending"));
  std::vector<std::pair<std::string, int64_t>> others;
  for (const auto& item : report.labels) {
    if (item.first != "predicted" && item.first != "matched" && item.first != "expired" &&
        item.first != "pending") {
      others.push_back(item);
    }
  }
  AppendCounts("", others, out);
}

/// The detections one by one; warnings only as a number.
void AppendDrift(const Report& report, std::string& out) {
  if (report.drift.empty()) return;
  const auto warnings = std::count_if(report.drift.begin(), report.drift.end(),
                                      [](const Report::DriftMark& mark) { return mark.warning; });
  const size_t found = report.drift.size() - warnings;
  fmt::format_to(std::back_inserter(out), "\ndrift     {} found, {} {}\n", found, warnings,
                 warnings == 1 ? "warning" : "warnings");
  size_t shown = 0;
  for (const Report::DriftMark& mark : report.drift) {
    if (mark.warning) continue;
    if (shown++ == kDriftRows) break;
    fmt::format_to(std::back_inserter(out), "  {} record {:>10} {} of {}: mean {} -> {}, {}\n",
                   FormatTime(mark.time), Plain(mark.record_id), Plain(mark.detector),
                   Plain(mark.on), FormatMetric(mark.mean_before, "-"),
                   FormatMetric(mark.mean_after, "-"), Plain(mark.action));
  }
  if (found > kDriftRows) {
    fmt::format_to(std::back_inserter(out), "  and {} more\n", found - kDriftRows);
  }
}

}  // namespace

std::string RenderTable(const Report& report) {
  std::string out =
      fmt::format("{}: {}, {} to {}\n\n", Plain(report.pipeline), TaskName(report.task),
                  FormatTime(report.first), FormatTime(report.last));
  if (!report.rows.empty()) {
    AppendRows(report, &Report::Row::cumulative, "all labels", out);
    out += '\n';
    AppendRows(report, &Report::Row::window, "last window", out);
    out += "* serves; baselines below the line\n\n";
  }
  AppendClusters(report, out);
  AppendCounts("records", report.records, out);
  AppendLabels(report, out);
  AppendCounts("rejects", report.rejects, out);
  AppendDrift(report, out);
  for (const Report::Trial& trial : report.experiments) out += "\n" + trial.table;
  fmt::format_to(std::back_inserter(out), "\nstate     {}{}digest {}\n",
                 report.memory_bytes > 0 ? FormatBytes(report.memory_bytes) : std::string(),
                 report.memory_bytes > 0 ? ", " : "",
                 report.digest.empty() ? std::string("-") : Plain(report.digest));
  return out;
}

}  // namespace leat
