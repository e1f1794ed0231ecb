/// How the three renderings of a report speak of metrics, numbers and times.
///
/// Cost and thread safety: pure functions. Determinism: no locale, no clock, no zone but UTC.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "evaluation/evaluation.h"

namespace leat {

/// "ROC AUC" for "roc_auc"; the name itself for one without a label.
std::string_view MetricLabel(std::string_view name);

enum class Better { kHigher, kLower, kNeither };
Better BetterDirection(std::string_view name);
/// True if `a` is the better value; a NaN is worse than any number.
bool IsBetter(Better direction, double a, double b);

/// The metrics that tables show for a task, most telling first.
std::span<const std::string_view> TableMetrics(EvaluationTask task);
/// The figures of a clustering model.
std::span<const std::string_view> ClusterMetrics();
/// The same for curves, and for the key figures.
std::span<const std::string_view> CurveMetrics(EvaluationTask task);
std::span<const std::string_view> KeyMetrics(EvaluationTask task);

std::string_view TaskName(EvaluationTask task);

/// NaN if `values` lacks the metric.
double ValueOf(const MetricValues& values, std::string_view name);
/// A count of an account such as Report::labels; 0 if it is not there.
int64_t CountOf(const std::vector<std::pair<std::string, int64_t>>& account, std::string_view name);

/// Four decimals for shares, four significant digits for other sizes; `undefined` for NaN.
std::string FormatMetric(double value, std::string_view undefined);
/// 1,234,567.
std::string FormatCount(int64_t count);
/// 12.3 MiB.
std::string FormatBytes(int64_t bytes);
/// 2018-04-01T00:00:00Z, with a fraction only if there is one; "-" for a time that never was.
std::string FormatTime(EventTime time);
/// 2018-04-01.
std::string FormatDate(EventTime time);

/// `text` with each byte that is not part of valid UTF-8 replaced by U+FFFD.
std::string ValidUtf8(std::string_view text);
/// Text for HTML content and quoted attributes: valid UTF-8, the five special characters escaped,
/// control characters (which HTML forbids) replaced by U+FFFD.
std::string EscapeHtml(std::string_view text);

}  // namespace leat
