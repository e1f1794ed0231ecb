#include <algorithm>

#include "drift/simple.h"
#include "drift/validate.h"
#include "leat/detectors.h"

namespace leat {
namespace {

class Fhddm {
 public:
  static constexpr std::string_view kName = "fhddm";
  static constexpr bool kRestarts = true;

  explicit Fhddm(const FhddmOptions& options) : options_(options) {}

  static bool Takes(double x) { return drift::IsShare(x); }

  DriftState Step(double x) {
    const auto window = static_cast<size_t>(options_.window);
    const double value = options_.falls ? x : 1 - x;
    if (ring_.size() < window) {
      ring_.reserve(window);
      ring_.push_back(value);
    } else {
      ring_[static_cast<size_t>(next_)] = value;
    }
    next_ = (next_ + 1) % options_.window;
    if (ring_.size() < window) return DriftState::kStable;
    bool drift = Below(options_.window, &highest_, &mean_);
    if (options_.short_window > 0) {
      double mean = 0;
      drift |= Below(options_.short_window, &highest_short_, &mean);
    }
    return drift ? DriftState::kDrift : DriftState::kStable;
  }

  /// The fall of the window's mean against its bound; the means are those of what was fed.
  DriftDetector::Evidence evidence() const {
    if (highest_ < 0) return {drift::kNone, Bound(options_.window), drift::kNone, drift::kNone};
    const auto fed = [&](double mean) { return options_.falls ? mean : 1 - mean; };
    return {highest_ - mean_, Bound(options_.window), fed(highest_), fed(mean_)};
  }

  void Visit(auto& v) { v(ring_), v(next_), v(highest_), v(highest_short_), v(mean_); }
  bool Sound() const {
    return static_cast<int64_t>(ring_.size()) <= options_.window && next_ >= 0 &&
           next_ < options_.window && std::isfinite(highest_ + highest_short_ + mean_);
  }
  size_t Bytes() const { return ring_.capacity() * sizeof(double); }

 private:
  double Bound(int64_t n) const {
    return std::sqrt(std::log(1 / options_.confidence) / (2 * static_cast<double>(n)));
  }
  bool Below(int64_t n, double* highest, double* mean) const {
    double sum = 0;
    const int64_t size = options_.window;
    for (int64_t i = 0, at = (next_ - n + size) % size; i < n; ++i) {
      sum += ring_[static_cast<size_t>(at)];
      at = at + 1 == size ? 0 : at + 1;
    }
    *mean = sum / static_cast<double>(n);
    *highest = std::max(*highest, *mean);
    return *highest - *mean > Bound(n);
  }

  FhddmOptions options_;
  std::vector<double> ring_;
  int64_t next_ = 0;  ///< Where the next value goes; once full, where the oldest is.
  double highest_ = -1;
  double highest_short_ = -1;
  double mean_ = 0;
};

}  // namespace

void Describe(Params& params, FhddmOptions& options) {
  params.Integer("window", options.window, {2, 1e5}, "values whose mean is followed");
  params.Integer("short_window", options.short_window, {0, 1e5},
                 "a second, shorter window beside it; 0: none");
  params.Number("confidence", options.confidence, kOpenFraction,
                "chance of a false alarm that one test may have");
  params.Boolean(
      "falls", options.falls,
      "report falls of what is fed, as the paper does with 1 for right, instead of rises");
}

Result<std::unique_ptr<DriftDetector>> MakeFhddm(const FhddmOptions& options) {
  LEAT_RETURN_IF_ERROR(ValidateOptions("fhddm", options));
  if (options.short_window > options.window) {
    return Status::Invalid("fhddm: short_window is longer than window");
  }
  return std::unique_ptr<DriftDetector>(
      std::make_unique<drift::SimpleDetector<Fhddm, FhddmOptions>>(options));
}

}  // namespace leat
