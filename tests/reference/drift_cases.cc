/// ADWIN and DDM against River and MOA: indices exact, state at checkpoints to 1e-9.
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <vector>

#include "drift/adwin.h"
#include "leat/detectors.h"
#include "reference/reference.h"

namespace leat::reference {
namespace {

using boost::json::object;
using boost::json::value;

constexpr double kTolerance = 1e-9;

std::string Text(const value& v) { return std::string(v.as_string()); }

/// What one item did, and the quantities that checkpoints may name afterwards.
struct Step {
  DriftState state;
  std::map<std::string, double> values;
};

double Param(const object& test_case, const char* name, double fallback) {
  const object& params = test_case.at("params").as_object();
  const auto found = params.find(name);
  return found == params.end() ? fallback : Number(found->value());
}

/// Throws when the case sets a parameter that the runner would silently leave at its default.
void ExpectParams(const object& test_case, const std::set<std::string>& known) {
  for (const auto& item : test_case.at("params").as_object()) {
    const std::string name(item.key());
    if (!known.contains(name)) throw std::runtime_error("parameter not handled: " + name);
  }
}

std::string Compare(const char* what, size_t found, size_t expected) {
  return fmt::format("{}: found {}, expected {}", what, found, expected);
}

/// Runs `update` over the input; `values` is asked at checkpoints only.
Outcome RunDetector(const object& test_case, const std::function<DriftState(double)>& update,
                    const std::function<std::map<std::string, double>(bool)>& values) {
  const object& expect = test_case.at("expect").as_object();
  const std::vector<double>& input = Sequence(Text(test_case.at("input")));
  if (input.size() != expect.at("n").to_number<size_t>()) return Fail("another length");

  std::map<size_t, const object*> checkpoints;
  for (const value& point : expect.at("checkpoints").as_array()) {
    checkpoints.emplace(point.at(0).to_number<size_t>(), &point.at(1).as_object());
  }
  std::vector<size_t> detections;
  std::vector<std::pair<size_t, size_t>> warnings;
  double largest = 0;
  size_t compared = 0;
  for (size_t i = 0; i < input.size(); ++i) {
    const DriftState state = update(input[i]);
    if (state == DriftState::kDrift) detections.push_back(i);
    if (state == DriftState::kWarning) {
      if (warnings.empty() || warnings.back().second + 1 != i) {
        warnings.emplace_back(i, i);
      } else {
        warnings.back().second = i;
      }
    }
    const auto point = checkpoints.find(i);
    if (point == checkpoints.end()) continue;
    const std::map<std::string, double> found = values(state == DriftState::kDrift);
    for (const auto& item : *point->second) {
      const std::string name(item.key());
      if (!found.contains(name)) return Fail("a quantity not handled: " + name);
      const double a = found.at(name), b = Number(item.value());
      if (!Close(a, b, kTolerance)) {
        return Fail(fmt::format("{} after item {}: found {}, expected {}", name, i, a, b));
      }
      if (std::isfinite(a)) {
        largest = std::max(largest, std::abs(a - b) / std::max(1.0, std::abs(b)));
      }
      ++compared;
    }
  }
  const boost::json::array& expected = expect.at("detections").as_array();
  for (size_t k = 0; k < std::min(expected.size(), detections.size()); ++k) {
    if (detections[k] != expected[k].to_number<size_t>()) {
      return Fail(Compare("detection", detections[k], expected[k].to_number<size_t>()));
    }
  }
  if (detections.size() != expected.size()) {
    return Fail(Compare("number of detections", detections.size(), expected.size()));
  }
  if (const value* spans = expect.if_contains("warning_spans")) {
    const boost::json::array& expected_spans = spans->as_array();
    if (warnings.size() != expected_spans.size()) {
      return Fail(Compare("number of warning spans", warnings.size(), expected_spans.size()));
    }
    for (size_t k = 0; k < warnings.size(); ++k) {
      const auto first = expected_spans[k].at(0).to_number<size_t>();
      const auto last = expected_spans[k].at(1).to_number<size_t>();
      if (warnings[k].first != first) {
        return Fail(Compare("start of a warning", warnings[k].first, first));
      }
      if (warnings[k].second != last) {
        return Fail(Compare("end of a warning", warnings[k].second, last));
      }
    }
  }
  return Pass(fmt::format("{} detections, {} values, largest difference {:.1e}", detections.size(),
                          compared, largest));
}

Outcome RunAdwin(const object& test_case, bool river, bool rises_only) {
  ExpectParams(test_case, {"delta", "clock", "max_buckets", "min_window_length", "grace_period"});
  AdwinOptions options;
  options.reset_on_detection = river;
  options.rises_only = rises_only;
  options.delta = Param(test_case, "delta", options.delta);
  options.clock = static_cast<int64_t>(Param(test_case, "clock", 32));
  options.max_buckets = static_cast<int64_t>(Param(test_case, "max_buckets", 5));
  options.min_window_length = static_cast<int64_t>(Param(test_case, "min_window_length", 5));
  options.grace = static_cast<int64_t>(Param(test_case, "grace_period", 10));
  Adwin adwin(options);
  return RunDetector(
      test_case,
      [&](double x) { return adwin.Update(x) ? DriftState::kDrift : DriftState::kStable; },
      [&](bool detected) -> std::map<std::string, double> {
        return {{"width", static_cast<double>(adwin.width())},
                {"total", adwin.total()},
                {"m2", adwin.m2()},
                {"variance", adwin.variance()},
                {"estimation", adwin.mean()},
                {"n_detections", detected ? 1 : 0}};
      });
}

Outcome RunDdm(const object& test_case, DdmVariant variant) {
  ExpectParams(test_case, {"warm_start", "warning_threshold", "drift_threshold"});
  DdmOptions options;
  options.variant = variant;
  options.warm_start = static_cast<int64_t>(Param(test_case, "warm_start", 30));
  options.warning_threshold = Param(test_case, "warning_threshold", 2);
  options.drift_threshold = Param(test_case, "drift_threshold", 3);
  auto detector = MakeDdm(options);
  if (!detector.ok()) return Fail(std::string(detector.status().message()));
  DriftDetector& ddm = **detector;
  // The lowest level as a detector sees it: the level of the item at which it last went down.
  double lowest = std::numeric_limits<double>::infinity();
  bool fresh = true;
  return RunDetector(
      test_case,
      [&](double x) {
        if (fresh) lowest = std::numeric_limits<double>::infinity();
        const DriftState state = ddm.Update(x);
        const double level = ddm.evidence().statistic;
        if (!std::isnan(level)) lowest = std::min(lowest, level);
        fresh = state == DriftState::kDrift;
        return state;
      },
      [&](bool) -> std::map<std::string, double> {
        const double rate = ddm.evidence().mean_after;
        return {{"p", rate}, {"estimation", rate}, {"ps_min", lowest}};
      });
}

bool Is(const object& test_case, std::string_view detector) {
  return test_case.at("detector").as_string() == detector;
}

void Add(const char* file, std::string detector, std::function<Outcome(const object&)> run) {
  Register({file, [detector](const object& c) { return Is(c, detector); }, std::move(run)});
}

const bool registered = [] {
  Add("drift_moa.json", "ADWIN", [](const object& c) { return RunAdwin(c, false, false); });
  Add("drift_moa.json", "ADWINChangeDetector",
      [](const object& c) { return RunAdwin(c, false, true); });
  Add("drift_river.json", "ADWIN", [](const object& c) { return RunAdwin(c, true, false); });
  Add("drift_moa.json", "DDM", [](const object& c) { return RunDdm(c, DdmVariant::kMoa); });
  Add("drift_river.json", "DDM", [](const object& c) { return RunDdm(c, DdmVariant::kRiver); });
  return true;
}();

}  // namespace
}  // namespace leat::reference
