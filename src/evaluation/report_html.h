/// What the parts of the HTML report share (internal to report_html*.cc).
#pragma once

#include <fmt/format.h>

#include <iterator>
#include <string>
#include <utility>

#include "evaluation/evaluation.h"

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

}  // namespace leat::report_html
