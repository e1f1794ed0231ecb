/// What the parts of the HTML report share (internal to report_html*.cc).
#pragma once

#include <fmt/format.h>

#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "evaluation/evaluation.h"
#include "evaluation/report_chart.h"

namespace leat::report_html {

inline constexpr const char* kUndefined = "\xE2\x80\x93";  // En dash.

template <typename... T>
void Put(std::string& out, fmt::format_string<T...> format, T&&... values) {
  fmt::format_to(std::back_inserter(out), format, std::forward<T>(values)...);
}

/// The row that serves; else the first; nullptr without rows.
const Report::Row* Serving(const Report& report);

/// Windowed curves, one panel a metric.
void AppendCurves(const Report& report, std::string& out);
/// Binary only; nothing if no model has points.
void AppendPrecisionRecall(const Report& report, std::string& out);
void AppendCalibration(const Report& report, std::string& out);
/// Experiments and bandits.
void AppendTrials(const Report& report, std::string& out);

void FillTicks(double low, double high, int wanted, std::vector<ChartTick>& ticks);
/// `mark`: what the flags on the chart are; empty: there are none.
void AppendLegend(const std::vector<ChartSeries>& series, std::string_view mark, std::string& out);

}  // namespace leat::report_html
