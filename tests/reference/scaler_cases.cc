/// The scalers of models.json (`scaler/...`), which learn a row before they scale it.
#include <fmt/format.h>

#include <cmath>
#include <string>
#include <vector>

#include "features/scalers.h"
#include "reference/model_inputs.h"
#include "reference/reference.h"

namespace leat::reference {
namespace {

constexpr std::string_view kPrefix = "scaler/";

std::string KindOf(const boost::json::object& test_case) {
  const std::string id(test_case.at("id").as_string());
  return id.starts_with(kPrefix) ? id.substr(kPrefix.size()) : std::string();
}

template <typename Scaler>
Outcome RunScaler(const boost::json::object& test_case) {
  const CaseRows rows = ReadCase(test_case.at("input").as_object());
  if (!rows.present) return Skip("the data file is absent");
  std::vector<Scaler> scalers(rows.inputs.front().size());
  std::vector<std::vector<double>> scaled;
  for (const std::vector<double>& row : rows.inputs) {
    std::vector<double>& out = scaled.emplace_back();
    for (size_t i = 0; i < row.size(); ++i) {
      scalers[i].Learn(row[i]);
      out.push_back(scalers[i].Transform(row[i]));
    }
  }
  double largest = 0;
  size_t compared = 0;
  for (const boost::json::value& checkpoint : test_case.at("expect").as_array()) {
    const size_t r = static_cast<size_t>(Number(checkpoint.as_array().at(0)));
    const boost::json::array& expected = checkpoint.as_array().at(1).as_array();
    if (r >= scaled.size() || scaled[r].size() != expected.size()) {
      return Fail(fmt::format("row {} of the case has no counterpart", r));
    }
    for (size_t i = 0; i < expected.size(); ++i) {
      const double want = Number(expected.at(i));
      const double difference = std::fabs(scaled[r][i] - want);
      // Relative, also for small numbers; the absolute part is for a zero reached by rounding.
      if (!(difference <= 1e-9 * std::fabs(want) + 1e-12)) {
        return Fail(
            fmt::format("row {}, feature {}: found {}, expected {}", r, i, scaled[r][i], want));
      }
      if (want != 0) largest = std::max(largest, difference / std::fabs(want));
      ++compared;
    }
  }
  return Pass(fmt::format("{} values, largest relative difference {:.1e}", compared, largest));
}

Outcome RunCase(const boost::json::object& test_case) {
  const std::string kind = KindOf(test_case);
  if (kind == "standard") return RunScaler<StandardScaler>(test_case);
  if (kind == "minmax") return RunScaler<MinMaxScaler>(test_case);
  if (kind == "maxabs") return RunScaler<MaxAbsScaler>(test_case);
  if (kind == "robust") return RunScaler<RobustScaler>(test_case);
  return RunScaler<AdaptiveStandardScaler>(test_case);
}

bool Accepts(const boost::json::object& test_case) {
  const std::string kind = KindOf(test_case);
  return kind == "standard" || kind == "minmax" || kind == "maxabs" || kind == "robust" ||
         kind == "adaptive_standard";
}

[[maybe_unused]] const bool kRegistered = Register({"models.json", Accepts, RunCase});

}  // namespace
}  // namespace leat::reference
