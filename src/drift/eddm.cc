#include "drift/simple.h"
#include "drift/validate.h"
#include "leat/detectors.h"

namespace leat {
namespace {

constexpr std::string_view kVariants[] = {"river", "moa"};

class Eddm {
 public:
  static constexpr std::string_view kName = "eddm";
  static constexpr bool kRestarts = false;

  explicit Eddm(const EddmOptions& options)
      : options_(options), moa_(options.variant == EddmVariant::kMoa) {}

  static bool Takes(double x) { return drift::IsShare(x); }

  DriftState Step(double x) {
    if (again_) Clear();
    ++count_;
    if (x != 1) return warning_ ? DriftState::kWarning : DriftState::kStable;
    if (moa_) warning_ = false;
    ++errors_;
    const double distance = static_cast<double>(count_ - last_);
    last_ = count_;
    const double errors = static_cast<double>(errors_);
    const double step = distance - mean_;
    mean_ += step / errors;
    squares_ += step * (distance - mean_);
    const double divisor = moa_ ? errors : errors - 1;
    level_ = mean_ + 2 * std::sqrt(divisor > 0 ? std::max(0.0, squares_) / divisor : 0);
    // MOA's counter starts at 1 and is one ahead.
    const bool warm = count_ + (moa_ ? 1 : 0) > options_.warm_start;
    if (!warm) return DriftState::kStable;
    if (level_ > highest_) {
      highest_ = level_;
    } else if (errors_ > options_.warm_start) {
      const double ratio = level_ / highest_;
      if (ratio < options_.beta) {
        again_ = true;
        return DriftState::kDrift;
      }
      warning_ = ratio < options_.alpha;
    }
    return warning_ ? DriftState::kWarning : DriftState::kStable;
  }

  DriftDetector::Evidence evidence() const {
    if (!(highest_ > 0)) return {drift::kNone, options_.beta, drift::kNone, mean_};
    return {level_ / highest_, options_.beta, highest_, level_};
  }

  void Visit(auto& v) {
    v(count_), v(errors_), v(last_), v(mean_), v(squares_), v(level_), v(highest_);
    v(warning_), v(again_);
  }
  bool Sound() const {
    return errors_ >= 0 && errors_ <= count_ && last_ >= 0 && last_ <= count_ &&
           std::isfinite(mean_ + squares_ + level_ + highest_);
  }
  size_t Bytes() const { return 0; }

 private:
  /// MOA's warning outlives the new start.
  void Clear() {
    const bool warning = moa_ && warning_;
    *this = Eddm(options_);
    warning_ = warning;
  }

  EddmOptions options_;
  bool moa_;
  int64_t count_ = 0;
  int64_t errors_ = 0;
  int64_t last_ = 0;     ///< The item of the last error.
  double mean_ = 0;      ///< Of the distances between errors.
  double squares_ = 0;   ///< Of their deviations.
  double level_ = 0;     ///< Mean and two deviations.
  double highest_ = -1;  ///< Of the levels.
  bool warning_ = false;
  bool again_ = false;  ///< The next value starts from scratch.
};

}  // namespace

void Describe(Params& params, EddmOptions& options) {
  params.Integer("warm_start", options.warm_start, {1, 1e9}, "values and errors before a test");
  params.Number("alpha", options.alpha, {0, 1, true, false},
                "share of the longest distance between errors below which it warns");
  params.Number("beta", options.beta, {0, 1, true, false},
                "share of the longest distance between errors below which it reports");
  params.Enumeration("variant", options.variant, kVariants,
                     "which published implementation is followed in the details");
}

Result<std::unique_ptr<DriftDetector>> MakeEddm(const EddmOptions& options) {
  LEAT_RETURN_IF_ERROR(ValidateOptions("eddm", options));
  return std::unique_ptr<DriftDetector>(
      std::make_unique<drift::SimpleDetector<Eddm, EddmOptions>>(options));
}

}  // namespace leat
