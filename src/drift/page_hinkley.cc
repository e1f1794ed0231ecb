/// Page and Hinkley's test, the cumulative sum, and the chart of the exponentially weighted mean.
#include <algorithm>

#include "drift/simple.h"
#include "drift/validate.h"
#include "leat/detectors.h"

namespace leat {
namespace {

constexpr std::string_view kModes[] = {"both", "up", "down"};
constexpr std::string_view kVariants[] = {"river", "moa"};

class PageHinkley {
 public:
  static constexpr std::string_view kName = "page_hinkley";
  static constexpr bool kRestarts = true;

  explicit PageHinkley(const PageHinkleyOptions& options) : options_(options) {}

  static bool Takes(double x) { return drift::IsModerate(x); }

  DriftState Step(double x) {
    ++count_;
    mean_ += (x - mean_) / static_cast<double>(count_);
    const double deviation = x - mean_;
    up_ = options_.alpha * up_ + deviation - options_.delta;
    down_ = options_.alpha * down_ + deviation + options_.delta;
    const bool moa = options_.variant == PageHinkleyVariant::kMoa;
    if (moa) {
      // One-sided, against 0, with a counter that is one ahead.
      excess_ = up_;
      if (count_ + 1 < options_.warm_start) return DriftState::kStable;
    } else {
      lowest_ = std::min(lowest_, up_);
      highest_ = std::max(highest_, down_);
      const double rise = up_ - lowest_, fall = highest_ - down_;
      const PageHinkleyMode mode = options_.mode;
      excess_ = mode == PageHinkleyMode::kUp     ? rise
                : mode == PageHinkleyMode::kDown ? fall
                                                 : std::max(rise, fall);
      if (count_ < options_.warm_start) return DriftState::kStable;
    }
    return excess_ > options_.threshold ? DriftState::kDrift : DriftState::kStable;
  }

  DriftDetector::Evidence evidence() const {
    return {excess_, options_.threshold, drift::kNone, count_ > 0 ? mean_ : drift::kNone};
  }

  void Visit(auto& v) {
    v(count_), v(mean_), v(up_), v(down_), v(lowest_), v(highest_), v(excess_);
  }
  bool Sound() const { return count_ >= 0 && std::isfinite(mean_ + up_ + down_ + excess_); }
  size_t Bytes() const { return 0; }

 private:
  PageHinkleyOptions options_;
  int64_t count_ = 0;
  double mean_ = 0;
  double up_ = 0;
  double down_ = 0;
  double lowest_ = drift::kInfinity;  ///< Of up_.
  double highest_ = -1;               ///< Of down_.
  double excess_ = 0;                 ///< What is compared with the threshold.
};

class Cusum {
 public:
  static constexpr std::string_view kName = "cusum";
  static constexpr bool kRestarts = true;

  explicit Cusum(const CusumOptions& options) : options_(options) {}

  static bool Takes(double x) { return drift::IsModerate(x); }

  DriftState Step(double x) {
    ++count_;
    mean_ += (x - mean_) / static_cast<double>(count_);
    sum_ = std::max(0.0, sum_ + x - mean_ - options_.delta);
    // The counter of the published implementation is one ahead.
    if (count_ + 1 < options_.warm_start) return DriftState::kStable;
    return sum_ > options_.threshold ? DriftState::kDrift : DriftState::kStable;
  }
  DriftDetector::Evidence evidence() const {
    return {sum_, options_.threshold, drift::kNone, count_ > 0 ? mean_ : drift::kNone};
  }
  void Visit(auto& v) { v(count_), v(mean_), v(sum_); }
  bool Sound() const { return count_ >= 0 && std::isfinite(mean_ + sum_) && sum_ >= 0; }
  size_t Bytes() const { return 0; }

 private:
  CusumOptions options_;
  int64_t count_ = 0;
  double mean_ = 0;
  double sum_ = 0;
};

class EwmaChart {
 public:
  static constexpr std::string_view kName = "ewma_chart";
  static constexpr bool kRestarts = true;

  explicit EwmaChart(const EwmaChartOptions& options) : options_(options) {}

  static bool Takes(double x) { return drift::IsShare(x); }

  DriftState Step(double x) {
    ++count_;
    rate_ += (x - rate_) / static_cast<double>(count_);
    const double rest = 1 - options_.lambda;
    chart_ = count_ == 1 ? x : rest * chart_ + options_.lambda * x;
    decay_ *= rest * rest;
    const double p = std::clamp(rate_, 0.0, 1.0);
    const double deviation =
        std::sqrt(p * (1 - p) * options_.lambda / (2 - options_.lambda) * (1 - decay_));
    const double limit = options_.limit > 0 ? options_.limit : Limit(p);
    bound_ = rate_ + limit * deviation;
    if (count_ < options_.warm_start) return DriftState::kStable;
    if (chart_ > bound_) return DriftState::kDrift;
    return chart_ > rate_ + options_.warning * limit * deviation ? DriftState::kWarning
                                                                 : DriftState::kStable;
  }
  DriftDetector::Evidence evidence() const {
    if (count_ == 0) return {drift::kNone, drift::kNone, drift::kNone, drift::kNone};
    return {chart_, bound_, rate_, chart_};
  }
  void Visit(auto& v) { v(count_), v(rate_), v(chart_), v(decay_), v(bound_); }
  bool Sound() const { return count_ >= 0 && std::isfinite(rate_ + chart_ + decay_ + bound_); }
  size_t Bytes() const { return 0; }

 private:
  /// Table 1 of the paper: one false alarm in 400 values at lambda 0.2, for rates up to 0.5; the
  /// polynomial falls below 2 beyond, where a limit of 2 is kept.
  static double Limit(double p) {
    const double p3 = p * p * p;
    return std::max(2.0, 3.97 - 6.56 * p + 48.73 * p3 - 330.13 * p3 * p * p + 848.18 * p3 * p3 * p);
  }

  EwmaChartOptions options_;
  int64_t count_ = 0;
  double rate_ = 0;   ///< Of all values.
  double chart_ = 0;  ///< The weighted mean.
  double decay_ = 1;  ///< (1 - lambda)^(2 count).
  double bound_ = 0;
};

}  // namespace

void Describe(Params& params, PageHinkleyOptions& options) {
  params.Integer("warm_start", options.warm_start, {1, 1e9}, "values before the first test");
  params.Number("delta", options.delta, kNotNegative, "size of deviations that are tolerated");
  params.Number("threshold", options.threshold, kPositive, "sum of deviations that is a drift");
  params.Number("alpha", options.alpha, {0, 1, true, false},
                "share of the sums kept at each value");
  params.Enumeration("mode", options.mode, kModes, "which changes of the mean count");
  params.Enumeration("variant", options.variant, kVariants,
                     "which published implementation is followed; moa reports rises only");
}

void Describe(Params& params, CusumOptions& options) {
  params.Integer("warm_start", options.warm_start, {1, 1e9}, "values before the first test");
  params.Number("delta", options.delta, kNotNegative, "size of deviations that are tolerated");
  params.Number("threshold", options.threshold, kPositive, "sum of deviations that is a drift");
}

void Describe(Params& params, EwmaChartOptions& options) {
  params.Integer("warm_start", options.warm_start, {1, 1e9}, "values before the first test");
  params.Number("lambda", options.lambda, kOpenFraction, "weight of the newest value in the mean");
  params.Number("limit", options.limit, kNotNegative,
                "deviations above the rate that are a drift; 0: as the rate asks for, one false "
                "alarm in 400 values");
  params.Number("warning", options.warning, kFraction, "share of the limit that is a warning");
}

Result<std::unique_ptr<DriftDetector>> MakePageHinkley(const PageHinkleyOptions& options) {
  LEAT_RETURN_IF_ERROR(ValidateOptions("page_hinkley", options));
  return std::unique_ptr<DriftDetector>(
      std::make_unique<drift::SimpleDetector<PageHinkley, PageHinkleyOptions>>(options));
}

Result<std::unique_ptr<DriftDetector>> MakeCusum(const CusumOptions& options) {
  LEAT_RETURN_IF_ERROR(ValidateOptions("cusum", options));
  return std::unique_ptr<DriftDetector>(
      std::make_unique<drift::SimpleDetector<Cusum, CusumOptions>>(options));
}

Result<std::unique_ptr<DriftDetector>> MakeEwmaChart(const EwmaChartOptions& options) {
  LEAT_RETURN_IF_ERROR(ValidateOptions("ewma_chart", options));
  return std::unique_ptr<DriftDetector>(
      std::make_unique<drift::SimpleDetector<EwmaChart, EwmaChartOptions>>(options));
}

}  // namespace leat
