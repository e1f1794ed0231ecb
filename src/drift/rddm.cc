#include <algorithm>

#include "drift/simple.h"
#include "drift/validate.h"
#include "leat/detectors.h"

namespace leat {
namespace {

class Rddm {
 public:
  static constexpr std::string_view kName = "rddm";
  static constexpr bool kRestarts = false;

  explicit Rddm(const RddmOptions& options) : options_(options) {}

  static bool Takes(double x) { return x == 0 || x == 1; }

  DriftState Step(double x) {
    if (drift_ || soft_reset_) Replay();
    Push(static_cast<uint8_t>(x));
    Count(x);
    if (count_ <= options_.warm_start) return DriftState::kStable;
    const double level = rate_ + deviation_;
    if (level < lowest_level_) KeepLowest();
    if (level > lowest_rate_ + options_.drift_level * lowest_deviation_) {
      if (warning_at_ < 0) KeepOnlyLast();
      drift_ = true;
      return DriftState::kDrift;
    }
    if (level > lowest_rate_ + options_.warning_level * lowest_deviation_) {
      if (in_warning_ >= options_.warning_limit) {
        drift_ = true;
        KeepOnlyLast();
        return DriftState::kDrift;
      }
      if (warning_at_ < 0) warning_at_ = Last();
      ++in_warning_;
      return DriftState::kWarning;
    }
    warning_at_ = -1;
    in_warning_ = 0;
    if (count_ > options_.max_values) soft_reset_ = true;
    return DriftState::kStable;
  }

  DriftDetector::Evidence evidence() const {
    if (lowest_level_ == drift::kInfinity) {
      return {drift::kNone, drift::kNone, drift::kNone, count_ > 1 ? rate_ : drift::kNone};
    }
    return {rate_ + deviation_, lowest_rate_ + options_.drift_level * lowest_deviation_,
            lowest_rate_, rate_};
  }

  void Visit(auto& v) {
    v(count_), v(rate_), v(deviation_), v(lowest_level_), v(lowest_rate_), v(lowest_deviation_);
    v(ring_), v(first_), v(size_), v(warning_at_), v(in_warning_), v(drift_), v(soft_reset_);
  }
  bool Sound() const {
    const auto stored = static_cast<int64_t>(ring_.size());
    return count_ >= 1 && (stored == 0 || stored == options_.stable_values) && first_ >= 0 &&
           first_ < options_.stable_values && size_ >= 0 && size_ <= stored && warning_at_ >= -1 &&
           warning_at_ < options_.stable_values &&
           (warning_at_ < 0 || Before(warning_at_) < size_) &&
           std::isfinite(rate_ + deviation_ + lowest_rate_ + lowest_deviation_);
  }
  size_t Bytes() const { return ring_.capacity(); }

 private:
  /// How many of those kept came before the one there.
  int64_t Before(int64_t at) const {
    return (at - first_ + options_.stable_values) % options_.stable_values;
  }
  int64_t Last() const { return (first_ + size_ - 1) % options_.stable_values; }
  void Push(uint8_t bit) {
    if (ring_.empty()) ring_.resize(static_cast<size_t>(options_.stable_values));
    if (size_ == options_.stable_values) {
      // What began a long warning may be forgotten; the warning then begins at the oldest.
      if (warning_at_ == first_) warning_at_ = (first_ + 1) % options_.stable_values;
      first_ = (first_ + 1) % options_.stable_values;
    } else {
      ++size_;
    }
    ring_[static_cast<size_t>(Last())] = bit;
  }
  void KeepOnlyLast() {
    first_ = Last();
    size_ = 1;
    warning_at_ = -1;
  }
  void Count(double x) {
    rate_ += (x - rate_) / static_cast<double>(count_);
    deviation_ = std::sqrt(std::max(0.0, rate_ * (1 - rate_)) / static_cast<double>(count_));
    ++count_;
  }
  void KeepLowest() {
    lowest_rate_ = rate_;
    lowest_deviation_ = deviation_;
    lowest_level_ = rate_ + deviation_;
  }
  /// Starts again with what has been kept since the warning began, or with all that is kept.
  void Replay() {
    count_ = 1;
    rate_ = 1;
    deviation_ = 0;
    if (drift_) {
      lowest_rate_ = lowest_deviation_ = 0;
      lowest_level_ = drift::kInfinity;
    }
    if (warning_at_ >= 0) {
      size_ -= Before(warning_at_);
      first_ = warning_at_;
    }
    for (int64_t i = 0; i < size_; ++i) {
      const bool warm = count_ > options_.warm_start;
      Count(ring_[static_cast<size_t>((first_ + i) % options_.stable_values)]);
      if (drift_ && warm && rate_ + deviation_ < lowest_level_) KeepLowest();
    }
    warning_at_ = -1;
    in_warning_ = 0;
    drift_ = soft_reset_ = false;
  }

  RddmOptions options_;
  int64_t count_ = 1;  ///< Values and one, as published.
  double rate_ = 1;
  double deviation_ = 0;
  double lowest_level_ = drift::kInfinity;
  double lowest_rate_ = 0;
  double lowest_deviation_ = 0;
  std::vector<uint8_t> ring_;  ///< The latest bits.
  int64_t first_ = 0;          ///< Where the ring's oldest is, and how many there are.
  int64_t size_ = 0;
  int64_t warning_at_ = -1;  ///< Where in the ring the present warning began; -1: there is none.
  int64_t in_warning_ = 0;   ///< Values of the present warning.
  bool drift_ = false;       ///< The next value begins with a replay.
  bool soft_reset_ = false;  ///< The same, without a drift.
};

}  // namespace

void Describe(Params& params, RddmOptions& options) {
  params.Integer("warm_start", options.warm_start, {1, 1e9}, "values before the first test");
  params.Number("warning_level", options.warning_level, kPositive,
                "deviations above the minimum that make a warning");
  params.Number("drift_level", options.drift_level, kPositive,
                "deviations above the minimum that make a drift");
  params.Integer("max_values", options.max_values, {1, 1e12},
                 "values after which the statistics are made anew from the latest");
  params.Integer("stable_values", options.stable_values, {2, 1e6}, "latest values that are kept");
  params.Integer("warning_limit", options.warning_limit, {1, 1e9},
                 "values of one warning after which it becomes a drift");
}

Result<std::unique_ptr<DriftDetector>> MakeRddm(const RddmOptions& options) {
  LEAT_RETURN_IF_ERROR(ValidateOptions("rddm", options));
  return std::unique_ptr<DriftDetector>(
      std::make_unique<drift::SimpleDetector<Rddm, RddmOptions>>(options));
}

}  // namespace leat
