#include <cmath>
#include <limits>

#include "drift/validate.h"
#include "leat/detectors.h"

namespace leat {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr std::string_view kVariants[] = {"river", "moa"};

class DdmDetector final : public DriftDetector {
 public:
  explicit DdmDetector(const DdmOptions& options) : options_(options) {}

  DriftState Update(double value) override {
    if (!(value >= 0 && value <= 1)) return DriftState::kStable;  // Refuses NaN as well.
    if (restart_) Reset();
    ++count_;
    rate_ += (value - rate_) / static_cast<double>(count_);
    // Rounding may carry the rate of a long run of ones a hair above 1.
    const double variance = std::max(0.0, rate_ * (1 - rate_));
    deviation_ = std::sqrt(variance / static_cast<double>(count_));
    // MOA's own counter starts at 1 and is raised before the tests, so it is one ahead.
    const bool moa = options_.variant == DdmVariant::kMoa;
    const int64_t n = moa ? count_ + 1 : count_;
    if (n < options_.warm_start || (!moa && n == options_.warm_start)) return DriftState::kStable;
    const double level = rate_ + deviation_;
    if (level <= lowest_level_) {
      lowest_level_ = level;
      lowest_rate_ = rate_;
      lowest_deviation_ = deviation_;
    }
    if (n > options_.warm_start && level > Threshold(options_.drift_threshold)) {
      restart_ = true;
      return DriftState::kDrift;
    }
    return level > Threshold(options_.warning_threshold) ? DriftState::kWarning
                                                         : DriftState::kStable;
  }

  /// The level p + s against its bound, and the rates at the minimum and now.
  Evidence evidence() const override {
    if (lowest_level_ == kInfinity) return {kNone, kNone, kNone, count_ > 0 ? rate_ : kNone};
    return {rate_ + deviation_, Threshold(options_.drift_threshold), lowest_rate_, rate_};
  }

  void Reset() override {
    count_ = 0;
    rate_ = deviation_ = lowest_rate_ = lowest_deviation_ = 0;
    lowest_level_ = kInfinity;
    restart_ = false;
  }

  void Save(StateWriter& out) const override {
    out.Section("ddm", 1);
    out.I64(count_);
    for (const double v : {rate_, deviation_, lowest_level_, lowest_rate_, lowest_deviation_}) {
      out.F64(v);
    }
    out.Bool(restart_);
  }

  Status Load(StateReader& in) override {
    DdmDetector loaded(options_);
    in.Section("ddm", 1);
    loaded.count_ = in.I64();
    loaded.rate_ = in.F64();
    loaded.deviation_ = in.F64();
    loaded.lowest_level_ = in.F64();
    loaded.lowest_rate_ = in.F64();
    loaded.lowest_deviation_ = in.F64();
    loaded.restart_ = in.Bool();
    const bool finite = std::isfinite(loaded.rate_) && std::isfinite(loaded.deviation_) &&
                        std::isfinite(loaded.lowest_rate_) &&
                        std::isfinite(loaded.lowest_deviation_) &&
                        !std::isnan(loaded.lowest_level_);
    if (in.ok() && (loaded.count_ < 0 || !finite)) in.Fail("a DDM state that contradicts itself");
    if (in.ok()) *this = loaded;
    return in.status();
  }

  std::unique_ptr<DriftDetector> Fresh() const override {
    return std::make_unique<DdmDetector>(options_);
  }
  size_t MemoryBytes() const override { return sizeof(*this); }

 private:
  double Threshold(double deviations) const {
    return lowest_rate_ + deviations * lowest_deviation_;
  }

  DdmOptions options_;
  int64_t count_ = 0;
  double rate_ = 0;
  double deviation_ = 0;
  double lowest_level_ = kInfinity;  ///< Least rate + deviation since the tests began.
  double lowest_rate_ = 0;
  double lowest_deviation_ = 0;
  bool restart_ = false;  ///< The next value starts from scratch.
};

}  // namespace

void Describe(Params& params, DdmOptions& options) {
  params.Integer("warm_start", options.warm_start, {1, 1e9}, "values before the first test");
  params.Number("warning_threshold", options.warning_threshold, kPositive,
                "standard deviations above the lowest error rate that make a warning");
  params.Number("drift_threshold", options.drift_threshold, kPositive,
                "standard deviations above the lowest error rate that make a drift");
  params.Enumeration("variant", options.variant, kVariants,
                     "which published implementation the start of the statistics follows");
}

Result<std::unique_ptr<DriftDetector>> MakeDdm(const DdmOptions& options) {
  LEAT_RETURN_IF_ERROR(ValidateOptions("ddm", options));
  return std::unique_ptr<DriftDetector>(std::make_unique<DdmDetector>(options));
}

}  // namespace leat
