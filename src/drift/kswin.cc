#include <algorithm>

#include "base/random.h"
#include "drift/simple.h"
#include "drift/validate.h"
#include "leat/detectors.h"

namespace leat {
namespace {

constexpr uint64_t kComponent = 0x4b5357;  // Of the random numbers.

/// The two-sided p-value of the Kolmogorov-Smirnov statistic k/n for two samples of n values:
/// 2 sum (-1)^(j+1) C(2n, n-jk) / C(2n, n) (Gnedenko and Korolyuk 1951), without ties.
double ExactTail(int64_t n, int64_t k) {
  if (k <= 0) return 1;
  double sum = 0, sign = 1;
  for (int64_t shift = k; shift <= n; shift += k, sign = -sign) {
    double ratio = 1;  // C(2n, n - shift) / C(2n, n).
    for (int64_t i = 0; i < shift; ++i) {
      ratio *= static_cast<double>(n - i) / static_cast<double>(n + shift - i);
    }
    sum += sign * ratio;
  }
  return std::clamp(2 * sum, 0.0, 1.0);
}

class Kswin {
 public:
  static constexpr std::string_view kName = "kswin";
  static constexpr bool kRestarts = false;

  explicit Kswin(const KswinOptions& options) : options_(options), needed_(Needed(options)) {}

  /// The least difference that is a drift, in values; above `recent` if there is none.
  static int64_t Needed(const KswinOptions& options) {
    int64_t needed = 1;
    while (needed <= options.recent && ExactTail(options.recent, needed) > options.alpha) ++needed;
    // The published test asks for a difference of more than a tenth besides.
    while (static_cast<double>(needed) <= 0.1 * static_cast<double>(options.recent)) ++needed;
    return needed;
  }

  static bool Takes(double x) { return drift::IsModerate(x); }

  DriftState Step(double x) {
    const auto window = static_cast<size_t>(options_.window);
    window_.reserve(window);
    if (window_.size() == window) window_.erase(window_.begin());
    window_.push_back(x);
    if (window_.size() < window) return DriftState::kStable;
    const auto recent = static_cast<size_t>(options_.recent);
    const size_t older = window - recent;
    scratch_.assign(window_.begin(), window_.end());
    // A partial shuffle draws from the older part without replacement. Each test has numbers of
    // its own.
    CounterRandom random(static_cast<uint64_t>(options_.seed), kComponent,
                         static_cast<uint64_t>(tests_++) * recent);
    for (size_t i = 0; i < recent; ++i) {
      std::swap(scratch_[i], scratch_[i + random.Below(older - i)]);
    }
    std::sort(scratch_.begin(), scratch_.begin() + static_cast<int64_t>(recent));
    std::sort(scratch_.begin() + static_cast<int64_t>(older), scratch_.end());
    statistic_ = Difference(scratch_.data(), scratch_.data() + older, recent);
    if (statistic_ < needed_) return DriftState::kStable;
    double sum = 0;
    for (size_t i = 0; i < older; ++i) sum += window_[i];
    before_ = sum / static_cast<double>(older);
    window_.erase(window_.begin(), window_.begin() + static_cast<int64_t>(older));
    return DriftState::kDrift;
  }

  DriftDetector::Evidence evidence() const {
    const double n = static_cast<double>(options_.recent);
    double sum = 0;
    const size_t recent = std::min(window_.size(), static_cast<size_t>(options_.recent));
    for (size_t i = window_.size() - recent; i < window_.size(); ++i) sum += window_[i];
    return {static_cast<double>(statistic_) / n, static_cast<double>(needed_) / n, before_,
            recent == 0 ? drift::kNone : sum / static_cast<double>(recent)};
  }

  void Visit(auto& v) { v(window_), v(tests_), v(statistic_), v(before_); }
  bool Sound() const {
    return static_cast<int64_t>(window_.size()) <= options_.window && tests_ >= 0 &&
           std::isfinite(before_);
  }
  size_t Bytes() const { return (window_.capacity() + scratch_.capacity()) * sizeof(double); }

 private:
  /// n times the largest difference of the two distribution functions.
  static int64_t Difference(const double* a, const double* b, size_t n) {
    int64_t largest = 0;
    size_t i = 0, j = 0;
    while (i < n && j < n) {
      const double at = std::min(a[i], b[j]);
      while (i < n && a[i] <= at) ++i;
      while (j < n && b[j] <= at) ++j;
      const auto gap = static_cast<int64_t>(i) - static_cast<int64_t>(j);
      largest = std::max(largest, gap < 0 ? -gap : gap);
    }
    return largest;
  }

  KswinOptions options_;
  int64_t needed_;
  std::vector<double> window_;
  std::vector<double> scratch_;  ///< No state.
  int64_t tests_ = 0;
  int64_t statistic_ = 0;
  double before_ = 0;
};

}  // namespace

void Describe(Params& params, KswinOptions& options) {
  params.Number("alpha", options.alpha, kOpenFraction, "p-value at which a test reports");
  params.Integer("window", options.window, {4, 1e5}, "values that are kept");
  params.Integer("recent", options.recent, {2, 1e4},
                 "latest of them, which are compared with as many drawn from the rest");
  params.Integer("seed", options.seed, {0, 1e15}, "of the draws");
}

Result<std::unique_ptr<DriftDetector>> MakeKswin(const KswinOptions& options) {
  LEAT_RETURN_IF_ERROR(ValidateOptions("kswin", options));
  if (2 * options.recent > options.window) {
    return Status::Invalid("kswin: window must be at least twice as long as recent");
  }
  if (Kswin::Needed(options) > options.recent) {
    return Status::Invalid(
        "kswin: no difference of so few recent values has a p-value as small as alpha; with alpha "
        "0.005 it takes 6");
  }
  return std::unique_ptr<DriftDetector>(
      std::make_unique<drift::SimpleDetector<Kswin, KswinOptions>>(options));
}

}  // namespace leat
