/// Drift detectors against River and MOA: indices exact, state at checkpoints to 1e-9.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
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
                    const std::function<std::map<std::string, double>(bool)>& values,
                    bool warns_at_drift = false) {
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
    // River's EDDM leaves a warning that holds as it is when it reports.
    const bool goes_on = warns_at_drift && state == DriftState::kDrift && !warnings.empty() &&
                         warnings.back().second + 1 == i;
    if (state == DriftState::kWarning || goes_on) {
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

/// A detector whose checkpoints are read off its evidence.
using Values = std::function<std::map<std::string, double>(const DriftDetector&)>;
Outcome RunMade(const object& test_case, Result<std::unique_ptr<DriftDetector>> made,
                const Values& values, bool warns_at_drift = false) {
  if (!made.ok()) return Fail(std::string(made.status().message()));
  DriftDetector& detector = **made;
  return RunDetector(
      test_case, [&](double x) { return detector.Update(x); },
      [&](bool) { return values(detector); }, warns_at_drift);
}

/// What a detector saves, field by field, for those quantities that no evidence shows.
double SavedNumber(const DriftDetector& detector, std::string_view name, size_t field) {
  StateWriter out;
  detector.Save(out);
  double value = 0;
  const size_t head = 8 + name.size() + 4;
  std::memcpy(&value, out.bytes().data() + head + 8 * field, 8);
  return value;
}
double SavedCount(const DriftDetector& detector, std::string_view name, size_t field) {
  const double bits = SavedNumber(detector, name, field);
  int64_t count = 0;
  std::memcpy(&count, &bits, 8);
  return static_cast<double>(count);
}

Outcome RunEddm(const object& test_case, EddmVariant variant) {
  ExpectParams(test_case, {"warm_start", "alpha", "beta"});
  EddmOptions options;
  options.variant = variant;
  options.warm_start = static_cast<int64_t>(Param(test_case, "warm_start", 30));
  options.alpha = Param(test_case, "alpha", options.alpha);
  options.beta = Param(test_case, "beta", options.beta);
  return RunMade(
      test_case, MakeEddm(options),
      [](const DriftDetector& d) -> std::map<std::string, double> {
        return {{"m2s_max", SavedNumber(d, "eddm", 6)},
                {"n_errors", SavedCount(d, "eddm", 1)},
                {"estimation", SavedNumber(d, "eddm", 3)}};
      },
      variant == EddmVariant::kRiver);
}

bool TwoSided(const object& test_case, bool fallback) {
  const object& params = test_case.at("params").as_object();
  if (const value* v = params.if_contains("two_sided_test")) return v->as_bool();
  if (const value* v = params.if_contains("oneSidedTestOption")) return Text(*v) == "Two-sided";
  return fallback;
}

template <typename Options>
Options HddmOf(const object& test_case, HddmVariant variant, bool two_sided) {
  ExpectParams(test_case, {"two_sided_test", "oneSidedTestOption", "drift_confidence",
                           "warning_confidence", "lambda_val"});
  Options options;
  options.variant = variant;
  options.two_sided = TwoSided(test_case, two_sided);
  options.drift_confidence = Param(test_case, "drift_confidence", options.drift_confidence);
  options.warning_confidence = Param(test_case, "warning_confidence", options.warning_confidence);
  return options;
}

/// MOA's estimate stays that of the part after the change until the new window is as long. What the
/// detector saves: n and sum of all, of the low and of the high prefix.
class MoaEstimate {
 public:
  void See(const DriftDetector& detector, double x, bool drift) {
    std::array<double, 6> now{};
    for (size_t i = 0; i < now.size(); ++i) now[i] = SavedNumber(detector, "hddm_a", i);
    if (drift) {
      n_ = now[0] - now[2];
      sum_ = now[1] - now[3];
      last_ = {};
      return;
    }
    if (now[0] == 0) {  // A fall, in silence.
      n_ = last_[0] + 1 - last_[4];
      sum_ = last_[1] + x - last_[5];
    } else if (now[0] >= n_) {
      n_ = now[0];
      sum_ = now[1];
    }
    last_ = now;
  }
  double mean() const { return sum_ / n_; }

 private:
  double n_ = 0, sum_ = 0;
  std::array<double, 6> last_{};
};

Outcome RunHddmA(const object& test_case, HddmVariant variant) {
  auto made = MakeHddmA(HddmOf<HddmAOptions>(test_case, variant, variant == HddmVariant::kMoa));
  if (!made.ok()) return Fail(std::string(made.status().message()));
  DriftDetector& detector = **made;
  MoaEstimate estimate;
  return RunDetector(
      test_case,
      [&](double x) {
        const DriftState state = detector.Update(x);
        estimate.See(detector, x, state == DriftState::kDrift);
        return state;
      },
      [&](bool) -> std::map<std::string, double> {
        const double n = SavedNumber(detector, "hddm_a", 0);
        return {{"z_mean", SavedNumber(detector, "hddm_a", 1) / n},
                {"z_n", n},
                {"estimation", estimate.mean()}};
      });
}

Outcome RunHddmW(const object& test_case, HddmVariant variant) {
  auto options = HddmOf<HddmWOptions>(test_case, variant, false);
  options.lambda = Param(test_case, "lambda_val", options.lambda);
  return RunMade(
      test_case, MakeHddmW(options), [](const DriftDetector& d) -> std::map<std::string, double> {
        const double mean = d.evidence().mean_after;
        return {{"ewma", mean}, {"ibc", SavedNumber(d, "hddm_w", 1)}, {"estimation", mean}};
      });
}

Outcome RunPageHinkley(const object& test_case, PageHinkleyVariant variant) {
  ExpectParams(test_case, {"mode", "threshold", "delta", "min_instances", "alpha"});
  PageHinkleyOptions options;
  options.variant = variant;
  options.threshold = Param(test_case, "threshold", options.threshold);
  options.delta = Param(test_case, "delta", options.delta);
  options.alpha = Param(test_case, "alpha", options.alpha);
  options.warm_start = static_cast<int64_t>(Param(test_case, "min_instances", 30));
  const object& params = test_case.at("params").as_object();
  if (const value* mode = params.if_contains("mode")) {
    if (Text(*mode) == "up") options.mode = PageHinkleyMode::kUp;
    if (Text(*mode) == "down") options.mode = PageHinkleyMode::kDown;
  }
  return RunMade(test_case, MakePageHinkley(options),
                 [](const DriftDetector& d) -> std::map<std::string, double> {
                   const double mean = d.evidence().mean_after;
                   return {{"sum_increase", SavedNumber(d, "page_hinkley", 2)},
                           {"sum_decrease", SavedNumber(d, "page_hinkley", 3)},
                           {"x_mean", mean},
                           {"estimation", mean}};
                 });
}

Outcome RunCusum(const object& test_case) {
  ExpectParams(test_case, {});
  return RunMade(test_case, MakeCusum({}),
                 [](const DriftDetector& d) -> std::map<std::string, double> {
                   return {{"estimation", d.evidence().mean_after}};
                 });
}

Outcome RunRddm(const object& test_case) {
  ExpectParams(test_case, {});
  return RunMade(test_case, MakeRddm({}),
                 [](const DriftDetector& d) -> std::map<std::string, double> {
                   return {{"estimation", d.evidence().mean_after}};
                 });
}

Outcome RunStepd(const object& test_case) {
  ExpectParams(test_case, {});
  // The published detector's estimate is never set.
  return RunMade(test_case, MakeStepd({}), [](const DriftDetector&) {
    return std::map<std::string, double>{{"estimation", 0}};
  });
}

Outcome RunFhddm(const object& test_case) {
  ExpectParams(test_case, {"sliding_window_size", "short_window_size", "confidence_level"});
  FhddmOptions options;
  options.falls = true;
  options.window = static_cast<int64_t>(Param(test_case, "sliding_window_size", 100));
  options.short_window = static_cast<int64_t>(Param(test_case, "short_window_size", 0));
  options.confidence = Param(test_case, "confidence_level", options.confidence);
  return RunMade(test_case, MakeFhddm(options),
                 [](const DriftDetector&) { return std::map<std::string, double>{}; });
}

/// Another generator draws other samples, so alarms fall elsewhere. The mean number of ours over
/// twenty seeds must be near the published one, and each seed must find the change at 3000 (where
/// the published run found it within 200 values) within 200 values as well.
Outcome RunKswin(const object& test_case) {
  ExpectParams(test_case, {"seed"});
  const std::vector<double>& input = Sequence(Text(test_case.at("input")));
  const boost::json::array& expected = test_case.at("expect").at("detections").as_array();
  constexpr size_t kChange = 3000, kSoon = 200;
  constexpr int kSeeds = 20;
  bool published = false;
  for (const value& at : expected) {
    const auto i = at.to_number<size_t>();
    published |= i >= kChange && i < kChange + kSoon;
  }
  double alarms = 0;
  int found = 0;
  for (int seed = 1; seed <= kSeeds; ++seed) {
    KswinOptions options;
    options.seed = seed;
    auto made = MakeKswin(options);
    if (!made.ok()) return Fail(std::string(made.status().message()));
    bool soon = false;
    for (size_t i = 0; i < input.size(); ++i) {
      if ((*made)->Update(input[i]) != DriftState::kDrift) continue;
      alarms += 1.0 / kSeeds;
      soon |= i >= kChange && i < kChange + kSoon;
    }
    found += soon;
  }
  const double count = static_cast<double>(expected.size());
  const std::string detail =
      fmt::format("{} alarms on average, published {}; change found by {} of {} seeds", alarms,
                  expected.size(), found, kSeeds);
  const bool near = std::abs(alarms - count) <= 3 * std::sqrt(count) + 1;
  return near && (!published || found >= kSeeds - 4) ? Pass(detail) : Fail(detail);
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
  Add("drift_moa.json", "EDDM", [](const object& c) { return RunEddm(c, EddmVariant::kMoa); });
  Add("drift_river.json", "EDDM", [](const object& c) { return RunEddm(c, EddmVariant::kRiver); });
  Add("drift_moa.json", "HDDM_A", [](const object& c) { return RunHddmA(c, HddmVariant::kMoa); });
  Add("drift_river.json", "HDDM_A",
      [](const object& c) { return RunHddmA(c, HddmVariant::kRiver); });
  Add("drift_moa.json", "HDDM_W", [](const object& c) { return RunHddmW(c, HddmVariant::kMoa); });
  Add("drift_river.json", "HDDM_W",
      [](const object& c) { return RunHddmW(c, HddmVariant::kRiver); });
  Add("drift_moa.json", "PageHinkley",
      [](const object& c) { return RunPageHinkley(c, PageHinkleyVariant::kMoa); });
  Add("drift_river.json", "PageHinkley",
      [](const object& c) { return RunPageHinkley(c, PageHinkleyVariant::kRiver); });
  Add("drift_moa.json", "CUSUM", RunCusum);
  Add("drift_moa.json", "RDDM", RunRddm);
  Add("drift_moa.json", "STEPD", RunStepd);
  Add("drift_river.json", "FHDDM", RunFhddm);
  Add("drift_river.json", "KSWIN", RunKswin);
  return true;
}();

}  // namespace
}  // namespace leat::reference
