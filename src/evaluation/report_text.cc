#include "evaluation/report_text.h"

#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <iterator>
#include <limits>

namespace leat {
namespace {

struct MetricInfo {
  std::string_view name;
  std::string_view label;
  Better better;
};

constexpr MetricInfo kMetrics[] = {
    {"count", "labels", Better::kNeither},
    {"accuracy", "accuracy", Better::kHigher},
    {"balanced_accuracy", "balanced accuracy", Better::kHigher},
    {"precision", "precision", Better::kHigher},
    {"recall", "recall", Better::kHigher},
    {"specificity", "specificity", Better::kHigher},
    {"f1", "F1", Better::kHigher},
    {"f_beta", "F-beta", Better::kHigher},
    {"g_mean", "G-mean", Better::kHigher},
    {"kappa", "kappa", Better::kHigher},
    {"kappa_t", "kappa-T", Better::kHigher},
    {"kappa_m", "kappa-M", Better::kHigher},
    {"mcc", "MCC", Better::kHigher},
    {"log_loss", "log-loss", Better::kLower},
    {"brier", "Brier score", Better::kLower},
    {"ece", "calibration error", Better::kLower},
    {"roc_auc", "ROC AUC", Better::kHigher},
    {"average_precision", "average precision", Better::kHigher},
    {"precision_at_k", "precision at k", Better::kHigher},
    {"positive_share", "share of positives", Better::kNeither},
    {"no_change_accuracy", "no-change accuracy", Better::kNeither},
    {"majority_accuracy", "majority accuracy", Better::kNeither},
    {"precision_macro", "macro precision", Better::kHigher},
    {"recall_macro", "macro recall", Better::kHigher},
    {"f1_macro", "macro F1", Better::kHigher},
    {"f_beta_macro", "macro F-beta", Better::kHigher},
    {"precision_weighted", "weighted precision", Better::kHigher},
    {"recall_weighted", "weighted recall", Better::kHigher},
    {"f1_weighted", "weighted F1", Better::kHigher},
    {"f_beta_weighted", "weighted F-beta", Better::kHigher},
    {"precision_micro", "micro precision", Better::kHigher},
    {"recall_micro", "micro recall", Better::kHigher},
    {"f1_micro", "micro F1", Better::kHigher},
    {"mae", "MAE", Better::kLower},
    {"mse", "MSE", Better::kLower},
    {"rmse", "RMSE", Better::kLower},
    {"r2", "R\xC2\xB2", Better::kHigher},
    {"bias", "bias", Better::kNeither},
    {"mape", "MAPE %", Better::kLower},
    {"smape", "SMAPE %", Better::kLower},
    {"max_error", "largest error", Better::kLower},
    {"inertia", "inertia", Better::kLower},
    {"window_inertia", "inertia in window", Better::kLower},
    {"silhouette", "silhouette", Better::kHigher},
    {"davies_bouldin", "Davies-Bouldin", Better::kLower},
    {"calinski_harabasz", "Calinski-Harabasz", Better::kHigher},
    {"clusters", "clusters", Better::kNeither},
};

const MetricInfo* Find(std::string_view name) {
  for (const MetricInfo& info : kMetrics) {
    if (info.name == name) return &info;
  }
  return nullptr;
}

struct Civil {
  int year;
  unsigned month, day;
  int64_t micros;  ///< Since midnight.
};

Civil ToCivil(EventTime time) {
  using std::chrono::days;
  const auto day = std::chrono::floor<days>(std::chrono::microseconds(time.micros));
  const std::chrono::year_month_day date{std::chrono::sys_days{day}};
  return {static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
          static_cast<unsigned>(date.day()), time.micros - day.count() * kDay};
}

/// The years 1 to 9999, roughly: outside them a time is a mark such as "before every time".
bool IsRealTime(EventTime time) {
  constexpr int64_t kFar = int64_t{8000} * 366 * kDay;
  return time.micros > -kFar / 4 && time.micros < kFar;
}

}  // namespace

std::string_view MetricLabel(std::string_view name) {
  const MetricInfo* info = Find(name);
  return info ? info->label : name;
}

Better BetterDirection(std::string_view name) {
  const MetricInfo* info = Find(name);
  return info ? info->better : Better::kNeither;
}

bool IsBetter(Better direction, double a, double b) {
  if (direction == Better::kNeither || std::isnan(a)) return false;
  if (std::isnan(b)) return true;
  return direction == Better::kHigher ? a > b : a < b;
}

std::span<const std::string_view> ClusterMetrics() {
  static constexpr std::string_view kNames[] = {"inertia",        "window_inertia",    "silhouette",
                                                "davies_bouldin", "calinski_harabasz", "clusters"};
  return kNames;
}

std::span<const std::string_view> TableMetrics(EvaluationTask task) {
  static constexpr std::string_view kBinary[] = {
      "accuracy",          "balanced_accuracy", "kappa_t", "roc_auc",
      "average_precision", "log_loss",          "brier",   "ece",
      "precision_at_k"};
  static constexpr std::string_view kClasses[] = {"accuracy", "balanced_accuracy", "f1_macro",
                                                  "kappa",    "kappa_t",           "kappa_m",
                                                  "mcc",      "log_loss",          "brier"};
  static constexpr std::string_view kNumbers[] = {"mae",  "rmse",  "r2",       "bias",
                                                  "mape", "smape", "max_error"};
  if (task == EvaluationTask::kBinary) return kBinary;
  if (task == EvaluationTask::kMulticlass) return kClasses;
  return kNumbers;
}

std::span<const std::string_view> CurveMetrics(EvaluationTask task) {
  static constexpr std::string_view kBinary[] = {"roc_auc",
                                                 "average_precision",
                                                 "log_loss",
                                                 "brier",
                                                 "precision_at_k",
                                                 "accuracy",
                                                 "balanced_accuracy",
                                                 "kappa_t",
                                                 "kappa_m",
                                                 "f1",
                                                 "mcc",
                                                 "recall",
                                                 "precision",
                                                 "ece",
                                                 "positive_share"};
  static constexpr std::string_view kClasses[] = {
      "accuracy", "kappa", "kappa_t",  "kappa_m", "balanced_accuracy",
      "f1_macro", "mcc",   "log_loss", "brier",   "ece"};
  static constexpr std::string_view kNumbers[] = {"mae",  "rmse",  "r2",       "bias",
                                                  "mape", "smape", "max_error"};
  if (task == EvaluationTask::kBinary) return kBinary;
  if (task == EvaluationTask::kMulticlass) return kClasses;
  return kNumbers;
}

std::span<const std::string_view> KeyMetrics(EvaluationTask task) {
  static constexpr std::string_view kBinary[] = {"roc_auc", "average_precision", "precision_at_k",
                                                 "log_loss"};
  static constexpr std::string_view kClasses[] = {"accuracy", "balanced_accuracy", "f1_macro",
                                                  "log_loss"};
  static constexpr std::string_view kNumbers[] = {"mae", "rmse", "r2", "smape"};
  if (task == EvaluationTask::kBinary) return kBinary;
  if (task == EvaluationTask::kMulticlass) return kClasses;
  return kNumbers;
}

std::string_view TaskName(EvaluationTask task) {
  switch (task) {
    case EvaluationTask::kBinary:
      return "binary";
    case EvaluationTask::kMulticlass:
      return "multiclass";
    case EvaluationTask::kRegression:
      return "regression";
  }
  return "";
}

double ValueOf(const MetricValues& values, std::string_view name) {
  for (const auto& [n, v] : values) {
    if (n == name) return v;
  }
  return std::numeric_limits<double>::quiet_NaN();
}

int64_t CountOf(const std::vector<std::pair<std::string, int64_t>>& account,
                std::string_view name) {
  for (const auto& [n, v] : account) {
    if (n == name) return v;
  }
  return 0;
}

std::string FormatMetric(double value, std::string_view undefined) {
  if (std::isnan(value)) return std::string(undefined);
  if (std::abs(value) >= 1e6) return fmt::format("{:.3e}", value);
  if (std::abs(value) >= 1000) return fmt::format("{:.1f}", value);
  if (std::abs(value) >= 10) return fmt::format("{:.2f}", value);
  const std::string text = fmt::format("{:.4f}", value);
  if (text == "-0.0000") return "0.0000";
  if (text == "0.0000" && value != 0) return fmt::format("{:.1e}", value);
  return text;
}

std::string FormatCount(int64_t count) {
  std::string digits = std::to_string(count);
  const size_t start = digits[0] == '-' ? 1 : 0;
  for (size_t at = digits.size(); at > start + 3;) {
    at -= 3;
    digits.insert(at, 1, ',');
  }
  return digits;
}

std::string FormatBytes(int64_t bytes) {
  static constexpr const char* kUnits[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  auto size = static_cast<double>(bytes);
  size_t unit = 0;
  while (size >= 1024 && unit + 1 < std::size(kUnits)) {
    size /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} bytes", bytes) : fmt::format("{:.1f} {}", size, kUnits[unit]);
}

std::string FormatDate(EventTime time) {
  if (!IsRealTime(time)) return "-";
  const Civil c = ToCivil(time);
  return fmt::format("{:04}-{:02}-{:02}", c.year, c.month, c.day);
}

std::string FormatTime(EventTime time) {
  if (!IsRealTime(time)) return "-";
  const int64_t micros = ToCivil(time).micros;
  std::string text = fmt::format("{}T{:02}:{:02}:{:02}", FormatDate(time), micros / kHour,
                                 micros / kMinute % 60, micros / kSecond % 60);
  if (const int64_t rest = micros % kSecond; rest != 0) {
    std::string fraction = fmt::format(".{:06}", rest);
    fraction.erase(fraction.find_last_not_of('0') + 1);
    text += fraction;
  }
  return text + "Z";
}

namespace {

/// Bytes of the valid UTF-8 sequence at the start of `text`; 0 if there is none.
size_t SequenceLength(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  const size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  // Overlong forms, surrogates, and what lies beyond U+10FFFF.
  const unsigned char second = byte(1);
  if ((lead == 0xe0 && second < 0xa0) || (lead == 0xed && second > 0x9f) ||
      (lead == 0xf0 && second < 0x90) || (lead == 0xf4 && second > 0x8f)) {
    return 0;
  }
  return length;
}

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

}  // namespace

std::string ValidUtf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const size_t length = SequenceLength(text);
    out += length > 0 ? text.substr(0, length) : kReplacement;
    text.remove_prefix(length > 0 ? length : 1);
  }
  return out;
}

std::string EscapeHtml(std::string_view text) {
  std::string out;
  for (const char c : ValidUtf8(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
          out += kReplacement;
        } else {
          out += c;
        }
    }
  }
  return out;
}

}  // namespace leat
