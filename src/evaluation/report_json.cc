// RenderJson: the report as one JSON object. Keys keep the order below; a NaN is null; wall time is
// left out, so the same run gives the same bytes.
#include <boost/json.hpp>
#include <cmath>

#include "evaluation/evaluation.h"
#include "evaluation/report_text.h"

namespace leat {
namespace {

namespace json = boost::json;

json::value Finite(double value) {
  if (!std::isfinite(value)) return nullptr;
  return value;
}

json::value Time(EventTime time) {
  const std::string text = FormatTime(time);
  if (text == "-") return nullptr;
  return json::value(text);
}

json::object Metrics(const MetricValues& values) {
  json::object out;
  for (const auto& [name, value] : values) out[name] = Finite(value);
  return out;
}

json::array Points(const std::vector<PrequentialEvaluator::CurvePoint>& points) {
  json::array out;
  for (const auto& p : points) out.push_back({Finite(p.x), Finite(p.y), Finite(p.weight)});
  return out;
}

json::object Counts(const std::vector<std::pair<std::string, int64_t>>& counts) {
  json::object out;
  for (const auto& [name, count] : counts) out[ValidUtf8(name)] = count;
  return out;
}

json::object Facts(const std::vector<std::pair<std::string, std::string>>& summary) {
  json::object facts;
  for (const auto& [name, text] : summary) facts[ValidUtf8(name)] = ValidUtf8(text);
  return facts;
}

json::object RowOf(const Report::Row& row) {
  return {{"name", ValidUtf8(row.name)},
          {"baseline", row.baseline},
          {"serves", row.serves},
          {"cumulative", Metrics(row.cumulative)},
          {"window", Metrics(row.window)},
          {"precision_recall", Points(row.precision_recall)},
          {"calibration", Points(row.calibration)},
          {"summary", Facts(row.summary)}};
}

json::object MarkOf(const Report::DriftMark& mark) {
  return {{"time", Time(mark.time)},
          {"labels", mark.labels},
          {"kind", mark.warning ? "warning" : "drift"},
          {"detector", ValidUtf8(mark.detector)},
          {"on", ValidUtf8(mark.on)},
          {"action", ValidUtf8(mark.action)},
          {"record", ValidUtf8(mark.record_id)},
          {"mean_before", Finite(mark.mean_before)},
          {"mean_after", Finite(mark.mean_after)},
          {"statistic", Finite(mark.statistic)}};
}

}  // namespace

std::string RenderJson(const Report& report) {
  json::array classes, rows, curve, drift;
  for (const std::string& name : report.class_names) classes.emplace_back(ValidUtf8(name));
  for (const Report::Row& row : report.rows) rows.emplace_back(RowOf(row));
  for (const Report::CurveSample& sample : report.curve) {
    json::array values;
    for (const MetricValues& row : sample.rows) values.emplace_back(Metrics(row));
    curve.emplace_back(json::object{
        {"labels", sample.labels}, {"time", Time(sample.time)}, {"rows", std::move(values)}});
  }
  for (const Report::DriftMark& mark : report.drift) drift.emplace_back(MarkOf(mark));
  json::object out = {
      {"format", "leat-report/1"},          {"pipeline", ValidUtf8(report.pipeline)},
      {"task", TaskName(report.task)},      {"classes", std::move(classes)},
      {"first", Time(report.first)},        {"last", Time(report.last)},
      {"records", Counts(report.records)},  {"labels", Counts(report.labels)},
      {"rejects", Counts(report.rejects)},  {"rows", std::move(rows)},
      {"curve", std::move(curve)},          {"drift", std::move(drift)},
      {"digest", ValidUtf8(report.digest)}, {"memory_bytes", report.memory_bytes}};
  if (!report.clusters.empty()) {
    json::array clusters;
    for (const Report::ClusterRow& row : report.clusters) {
      clusters.emplace_back(json::object{{"name", ValidUtf8(row.name)},
                                         {"sampled", row.sampled},
                                         {"values", Metrics(row.values)},
                                         {"summary", Facts(row.summary)}});
    }
    out["clusters"] = std::move(clusters);
  }
  if (!report.experiments.empty()) {
    json::array experiments;
    for (const Report::Trial& trial : report.experiments) {
      experiments.emplace_back(json::parse(trial.json));
    }
    out["experiments"] = std::move(experiments);
  }
  return json::serialize(out) + "\n";
}

}  // namespace leat
