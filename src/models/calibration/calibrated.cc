/// A classifier whose probabilities pass a map that learns from the labels.
#include <algorithm>
#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include "leat/calibration.h"
#include "models/calibration/logistic_filter.h"
#include "models/trees/range_check.h"
#include "models/wrapped.h"

namespace leat {
namespace {

constexpr std::array<std::string_view, 4> kMethods = {"none", "platt", "beta", "temperature"};
constexpr double kSteepest = 10, kFarthest = 20;
constexpr size_t kTerms = 3;

/// The map of one class against the rest: coefficients of ln p, -ln(1 - p) and 1, and their
/// covariance. Platt's has one coefficient for the first two.
struct Map {
  std::array<double, kTerms> value{1, 1, 0};
  std::array<double, kTerms * kTerms> spread{};
};
using Terms = std::array<double, kTerms>;

class Calibrated final : public Wrapped {
 public:
  Calibrated(std::unique_ptr<Model> model, const CalibrationOptions& options)
      : Wrapped(std::move(model)),
        options_(options),
        keep_(Exp(-0.6931471805599453 / options.half_life)) {}

  void Predict(const Input& input, std::vector<double>& out) const override {
    model_->Predict(input, out);
    if (out.size() < 2) return;
    if (out.size() == 2) {
      out[1] = Mapped(1, out[1]);
      out[0] = 1 - out[1];
    } else {
      double sum = 0;
      for (size_t c = 0; c < out.size(); ++c) sum += out[c] = Mapped(c, out[c]);
      for (double& p : out) p /= sum;
    }
    const auto classes = static_cast<double>(out.size());
    const double floor = std::min(options_.floor, 0.5 / classes);
    for (double& p : out) p = floor + (1 - classes * floor) * p;
  }

  void Learn(const Input& input, double target, double weight) override {
    thread_local std::vector<double> said;
    model_->Predict(input, said);
    const bool usable = target >= 0 && target < static_cast<double>(said.size()) &&
                        target == std::floor(target) && weight > 0;
    if (usable && said.size() > 1) {
      if (maps_.size() < said.size()) Grow(said.size());
      for (size_t c = said.size() == 2 ? 1 : 0; c < said.size(); ++c) {
        Correct(maps_[c], TermsOf(said[c]), static_cast<double>(c) == target, weight);
      }
    }
    model_->Learn(input, target, weight);
  }

  void Save(StateWriter& out) const override {
    out.Section("calibration", 1);
    out.Array(maps_);
    model_->Save(out);
  }
  Status Load(StateReader& in) override {
    in.Section("calibration", 1);
    std::vector<Map> maps;
    in.Array(maps);
    bool good = maps.size() <= kMostWrappedClasses;
    for (const Map& map : maps) {
      good = good && std::fabs(map.value[2]) <= kFarthest;
      for (const size_t i : {0u, 1u}) good = good && map.value[i] >= 0 && map.value[i] <= kSteepest;
      for (size_t i = 0; i < kTerms; ++i) {
        for (size_t j = 0; j < kTerms; ++j) {
          good = good && std::fabs(map.spread[i * kTerms + j]) <= 1;
        }
        good = good && map.spread[i * kTerms + i] >= 0;
      }
    }
    if (in.ok() && !good) in.Fail("the state of a calibration does not fit");
    if (!in.ok()) return in.status();
    LEAT_RETURN_IF_ERROR(model_->Load(in));
    maps_ = std::move(maps);
    return Status::Ok();
  }

  std::unique_ptr<Model> Fresh() const override {
    return std::make_unique<Calibrated>(model_->Fresh(), options_);
  }
  size_t MemoryBytes() const override {
    return sizeof *this + sizeof(Map) * maps_.capacity() + model_->MemoryBytes();
  }
  std::vector<std::pair<std::string, std::string>> Summary() const override {
    auto facts = Wrapped::Summary();
    if (maps_.size() == 2) {
      const Map& map = maps_[1];
      facts.emplace_back("calibration", std::to_string(map.value[0]) + " " +
                                            std::to_string(map.value[1]) + " " +
                                            std::to_string(map.value[2]));
    }
    return facts;
  }

 private:
  static Terms TermsOf(double p) {
    p = std::clamp(p, kLeastProbability, 1 - kLeastProbability);
    return {Ln(p), -Ln(1 - p), 1};
  }
  double Mapped(size_t c, double p) const {
    const Terms x = TermsOf(p);
    return c < maps_.size() ? LogisticShare(LogisticSum(maps_[c].value, x))
                            : LogisticShare(x[0] + x[1]);
  }

  /// What the coefficients may be away from those that change nothing.
  std::array<double, kTerms> Doubt() const {
    switch (options_.calibrate) {
      case Calibrate::kBeta:
        return {0.1, 0.1, 1};
      case Calibrate::kTemperature:
        return {0.1, 0, 0};
      default:
        return {0.1, 0, 1};
    }
  }
  void Grow(size_t classes) {
    const auto doubt = Doubt();
    std::vector<Map> maps(classes);
    std::copy(maps_.begin(), maps_.end(), maps.begin());
    for (size_t c = maps_.size(); c < classes; ++c) {
      for (size_t i = 0; i < kTerms; ++i) maps[c].spread[i * kTerms + i] = doubt[i];
    }
    maps_ = std::move(maps);
  }

  void Correct(Map& map, Terms x, bool happened, double weight) const {
    const double q = LogisticShare(LogisticSum(map.value, x));
    if (options_.calibrate != Calibrate::kBeta) x[0] += x[1], x[1] = 0;
    LogisticStep(map.value, map.spread, Doubt(), x, q, happened, weight, keep_);
    if (options_.calibrate != Calibrate::kBeta) map.value[1] = map.value[0];
    for (const size_t i : {0u, 1u}) map.value[i] = std::clamp(map.value[i], 0.0, kSteepest);
    map.value[2] = std::clamp(map.value[2], -kFarthest, kFarthest);
  }

  CalibrationOptions options_;
  double keep_;            ///< Share of the evidence that is left after a label.
  std::vector<Map> maps_;  ///< By class; of two classes the first is not used.
};

}  // namespace

void Describe(Params& params, CalibrationOptions& options) {
  if (!params.Wants(options.calibrate != Calibrate::kNone)) return;
  params.Enumeration("calibrate", options.calibrate, kMethods,
                     "Probabilities are corrected by the labels that come: by slope and offset of "
                     "the log-odds, by two slopes, by a slope only.");
  params.Number("calibration_half_life", options.half_life,
                {10, std::numeric_limits<double>::infinity(), false, true},
                "Labels until an old one counts half in the correction.");
  params.Number("calibration_floor", options.floor, {0, 0.1},
                "Least probability of a class after the correction.");
}

Result<std::unique_ptr<Model>> MakeCalibrated(std::unique_ptr<Model> model,
                                              const CalibrationOptions& options) {
  if (options.calibrate == Calibrate::kNone) return model;
  LEAT_RETURN_IF_ERROR(trees::CheckRanges(options));
  if (model->task() != Task::kClassification) {
    return Status::Invalid("only classifiers can be calibrated");
  }
  return std::unique_ptr<Model>(std::make_unique<Calibrated>(std::move(model), options));
}

}  // namespace leat
