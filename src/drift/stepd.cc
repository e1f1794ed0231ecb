#include "base/normal.h"
#include "drift/simple.h"
#include "drift/validate.h"
#include "leat/detectors.h"

namespace leat {
namespace {

class Stepd {
 public:
  static constexpr std::string_view kName = "stepd";
  static constexpr bool kRestarts = true;

  explicit Stepd(const StepdOptions& options) : options_(options) {}

  static bool Takes(double x) { return x == 0 || x == 1; }

  DriftState Step(double x) {
    const auto window = static_cast<size_t>(options_.window);
    const bool right = x == 0;
    if (recent_.size() < window) {
      recent_.reserve(window);
      recent_.push_back(right);
    } else {
      older_ += 1;
      older_right_ += recent_[static_cast<size_t>(oldest_)];
      recent_right_ -= recent_[static_cast<size_t>(oldest_)];
      recent_[static_cast<size_t>(oldest_)] = right;
      oldest_ = (oldest_ + 1) % options_.window;
    }
    recent_right_ += right;
    if (older_ < options_.window) return DriftState::kStable;
    const double no = static_cast<double>(older_), nr = static_cast<double>(recent_.size());
    const double ro = static_cast<double>(older_right_), rr = static_cast<double>(recent_right_);
    const double inverse = 1 / no + 1 / nr;
    const double pooled = (ro + rr) / (no + nr);
    const double z =
        (std::fabs(ro / no - rr / nr) - inverse / 2) / std::sqrt(pooled * (1 - pooled) * inverse);
    // Nothing but errors, or none at all: z is infinite and p is 0.
    p_value_ = 2 * (1 - NormalCdf(std::fabs(z)));
    if (p_value_ < options_.drift_level) return DriftState::kDrift;
    return p_value_ < options_.warning_level ? DriftState::kWarning : DriftState::kStable;
  }

  /// The p-value against its level, and the error rates before and within the window.
  DriftDetector::Evidence evidence() const {
    const auto rate = [](int64_t n, int64_t right) {
      return n > 0 ? 1 - static_cast<double>(right) / static_cast<double>(n) : drift::kNone;
    };
    return {p_value_, options_.drift_level, rate(older_, older_right_),
            rate(static_cast<int64_t>(recent_.size()), recent_right_)};
  }

  void Visit(auto& v) {
    v(recent_), v(oldest_), v(older_), v(older_right_), v(recent_right_), v(p_value_);
  }
  bool Sound() const {
    int64_t right = 0;
    for (const uint8_t bit : recent_) right += bit;
    return static_cast<int64_t>(recent_.size()) <= options_.window && oldest_ >= 0 &&
           oldest_ < options_.window && older_ >= 0 && older_right_ >= 0 &&
           older_right_ <= older_ && right == recent_right_;
  }
  size_t Bytes() const { return recent_.capacity(); }

 private:
  StepdOptions options_;
  std::vector<uint8_t> recent_;  ///< A ring of bits: 1 for right.
  int64_t oldest_ = 0;           ///< Where the ring's oldest is, once it is full.
  int64_t older_ = 0;            ///< Values before the ring's, and how many were right.
  int64_t older_right_ = 0;
  int64_t recent_right_ = 0;
  double p_value_ = 1;
};

}  // namespace

void Describe(Params& params, StepdOptions& options) {
  params.Integer("window", options.window, {2, 1e6}, "values that make up the present");
  params.Number("drift_level", options.drift_level, kOpenFraction,
                "p-value below which it reports");
  params.Number("warning_level", options.warning_level, kOpenFraction,
                "p-value below which it warns");
}

Result<std::unique_ptr<DriftDetector>> MakeStepd(const StepdOptions& options) {
  LEAT_RETURN_IF_ERROR(ValidateOptions("stepd", options));
  return std::unique_ptr<DriftDetector>(
      std::make_unique<drift::SimpleDetector<Stepd, StepdOptions>>(options));
}

}  // namespace leat
