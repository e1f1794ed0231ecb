/// HDDM with averages (A) and with weights (W).
#include "drift/simple.h"
#include "drift/validate.h"
#include "leat/detectors.h"

namespace leat {
namespace {

constexpr std::string_view kVariants[] = {"river", "moa"};

/// A prefix of the items: how many, and their sum.
struct Prefix {
  double n = 0;
  double sum = 0;
  double mean() const { return sum / n; }
};

/// Whether what was reported last is a fall, where `moved(sign, confidence)` says whether there is
/// a rise (1) or a fall (-1) now.
template <typename Options, typename Moved>
bool WasFall(const Options& options, const Moved& moved) {
  if (!options.two_sided || options.variant == HddmVariant::kMoa) return false;
  for (const double confidence : {options.drift_confidence, options.warning_confidence}) {
    if (moved(1, confidence)) return false;
    if (moved(-1, confidence)) return true;
  }
  return false;
}

class HddmA {
 public:
  static constexpr std::string_view kName = "hddm_a";
  static constexpr bool kRestarts = true;

  explicit HddmA(const HddmAOptions& options)
      : options_(options), inner_(std::log(1 / options.drift_confidence)) {}

  static bool Takes(double x) { return drift::IsShare(x); }

  DriftState Step(double x) {
    all_.n += 1;
    all_.sum += x;
    if (low_.n == 0) low_ = all_;
    if (high_.n == 0) high_ = all_;
    const double bound = Half(all_.n);
    if (low_.mean() + Half(low_.n) >= all_.mean() + bound) low_ = all_;
    if (high_.mean() - Half(high_.n) <= all_.mean() - bound) high_ = all_;
    const bool moa = options_.variant == HddmVariant::kMoa;
    bool drift = Moved(low_, 1, options_.drift_confidence);
    bool warning = !drift && Moved(low_, 1, options_.warning_confidence);
    if (options_.two_sided && moa) {
      // A fall makes MOA's forget everything, in silence.
      if (!drift && Moved(high_, -1, options_.drift_confidence)) all_ = low_ = high_ = {};
    } else if (options_.two_sided) {
      if (Moved(high_, -1, options_.drift_confidence)) {
        drift = true;
      } else if (Moved(high_, -1, options_.warning_confidence)) {
        warning = true;
      }
    }
    if (drift) return DriftState::kDrift;
    return warning ? DriftState::kWarning : DriftState::kStable;
  }

  /// How far the mean of all is above that of the prefix (of a fall: below); the means of the
  /// prefix and of the rest.
  DriftDetector::Evidence evidence() const {
    const bool fell = Fell();
    const Prefix& first = fell ? high_ : low_;
    if (!(all_.n > first.n) || first.n == 0) {
      return {drift::kNone, drift::kNone, drift::kNone, all_.n > 0 ? all_.mean() : drift::kNone};
    }
    const Prefix rest{all_.n - first.n, all_.sum - first.sum};
    return {(fell ? -1 : 1) * (all_.mean() - first.mean()), Bound(first, options_.drift_confidence),
            first.mean(), rest.mean()};
  }

  void Visit(auto& v) {
    for (Prefix* p : {&all_, &low_, &high_}) v(p->n), v(p->sum);
  }
  bool Sound() const {
    const auto good = [](const Prefix& p) {
      return p.n >= 0 && std::isfinite(p.n) && p.sum >= 0 && std::isfinite(p.sum);
    };
    return good(all_) && good(low_) && good(high_) && low_.n <= all_.n && high_.n <= all_.n;
  }
  size_t Bytes() const { return 0; }

 private:
  double Half(double n) const { return std::sqrt(inner_ / (2 * n)); }
  double Bound(const Prefix& p, double confidence) const {
    return std::sqrt((all_.n - p.n) / (p.n * all_.n) / 2 * std::log(2 / confidence));
  }
  bool Moved(const Prefix& p, double sign, double confidence) const {
    return p.n != all_.n && sign * (all_.mean() - p.mean()) >= Bound(p, confidence);
  }
  bool Fell() const {
    return WasFall(options_, [&](double sign, double confidence) {
      return Moved(sign > 0 ? low_ : high_, sign, confidence);
    });
  }

  HddmAOptions options_;
  double inner_;
  Prefix all_, low_, high_;  ///< All items; the prefixes with the lowest and the highest bound.
};

/// An exponentially weighted mean, and the sum of its squared weights.
struct Weighted {
  double mean = 0;
  double bound = 1;
  bool any = false;
};

class HddmW {
 public:
  static constexpr std::string_view kName = "hddm_w";
  static constexpr bool kRestarts = false;

  explicit HddmW(const HddmWOptions& options)
      : options_(options), moa_(options.variant == HddmVariant::kMoa) {
    Clear();
  }

  static bool Takes(double x) { return drift::IsShare(x); }

  DriftState Step(double x) {
    if (again_) Clear();
    Add(total_, x);
    bool drift = false, warning = false;
    if (total_.mean + Bound(total_.bound, options_.drift_confidence) < rise_cut_) {
      rise_cut_ = total_.mean + Bound(total_.bound, options_.drift_confidence);
      rise_before_ = total_;
      rise_after_ = {};
    } else {
      Add(rise_after_, x);
    }
    last_ = rise_after_.any && rise_before_.any ? rise_after_.mean - rise_before_.mean : 0;
    last_bound_ = Bound(rise_before_.bound + rise_after_.bound, options_.drift_confidence);
    drift = Moved(rise_before_, rise_after_, 1, options_.drift_confidence);
    warning = !drift && Moved(rise_before_, rise_after_, 1, options_.warning_confidence);
    if (drift && moa_) {
      const DriftDetector::Evidence found = evidence();
      Clear();
      found_ = found;
    }
    if (total_.any && total_.mean - Bound(total_.bound, options_.drift_confidence) > fall_cut_) {
      fall_cut_ = total_.mean - Bound(total_.bound, options_.drift_confidence);
      fall_before_ = total_;
      fall_after_ = {};
    } else {
      Add(fall_after_, x);
    }
    if (options_.two_sided) {
      const bool fell = Moved(fall_before_, fall_after_, -1, options_.drift_confidence);
      if (moa_ && fell) Clear();
      if (!moa_ && fell) drift = true;
      if (!moa_ && !fell && Moved(fall_before_, fall_after_, -1, options_.warning_confidence)) {
        warning = true;
      }
    }
    again_ = drift && !moa_;
    if (drift) return DriftState::kDrift;
    return warning ? DriftState::kWarning : DriftState::kStable;
  }

  /// Of the rising side unless it was a fall; the present mean is the weighted one of all.
  DriftDetector::Evidence evidence() const {
    if (!total_.any) return found_;
    if (Fell()) {
      return {fall_before_.mean - fall_after_.mean,
              Bound(fall_before_.bound + fall_after_.bound, options_.drift_confidence),
              fall_before_.mean, total_.mean};
    }
    return {last_, last_bound_, rise_before_.any ? rise_before_.mean : drift::kNone, total_.mean};
  }

  void Visit(auto& v) {
    for (Weighted* w : {&total_, &rise_before_, &rise_after_, &fall_before_, &fall_after_}) {
      v(w->mean), v(w->bound), v(w->any);
    }
    v(rise_cut_), v(fall_cut_), v(last_), v(last_bound_), v(again_);
  }
  bool Sound() const {
    bool good = std::isfinite(last_ + last_bound_);
    for (const Weighted* w : {&total_, &rise_before_, &rise_after_, &fall_before_, &fall_after_}) {
      good = good && w->mean >= 0 && w->mean <= 1.001 && w->bound >= 0 && w->bound <= 1;
    }
    return good;
  }
  size_t Bytes() const { return 0; }

 private:
  void Clear() {
    total_ = rise_before_ = rise_after_ = fall_before_ = fall_after_ = {};
    rise_cut_ = drift::kInfinity;
    // The smallest positive number is MOA's.
    fall_cut_ = moa_ ? std::numeric_limits<double>::denorm_min() : -drift::kInfinity;
    last_ = last_bound_ = 0;
    again_ = false;
    found_ = {0, 0, drift::kNone, drift::kNone};
  }
  bool Fell() const {
    return WasFall(options_, [&](double sign, double confidence) {
      return sign > 0 ? Moved(rise_before_, rise_after_, sign, confidence)
                      : Moved(fall_before_, fall_after_, sign, confidence);
    });
  }
  void Add(Weighted& w, double x) const {
    const double lambda = options_.lambda, rest = 1 - lambda;
    // River's first item decays the sum of squared weights already; MOA's does not.
    if (w.any || !moa_) w.bound = lambda * lambda + rest * rest * w.bound;
    w.mean = w.any ? lambda * x + rest * w.mean : x;
    w.any = true;
  }
  static double Bound(double sum, double confidence) {
    return std::sqrt(sum * std::log(1 / confidence) / 2);
  }
  static bool Moved(const Weighted& before, const Weighted& after, double sign, double confidence) {
    return before.any && after.any &&
           sign * (after.mean - before.mean) > Bound(before.bound + after.bound, confidence);
  }

  HddmWOptions options_;
  bool moa_;
  Weighted total_, rise_before_, rise_after_, fall_before_, fall_after_;
  double rise_cut_ = 0;
  double fall_cut_ = 0;
  double last_ = 0;  ///< What was compared last on the rising side, and with what.
  double last_bound_ = 0;
  bool again_ = false;  ///< The next value starts from scratch.
  /// What a drift stood on of which nothing is left. Not saved: it is asked for at once.
  DriftDetector::Evidence found_{};
};

constexpr std::string_view kDriftHelp = "chance of a false alarm that a drift may have";
constexpr std::string_view kWarningHelp = "chance of a false alarm that a warning may have";
constexpr std::string_view kTwoSidedHelp =
    "falls count too; the moa variant then starts again without reporting them";
constexpr std::string_view kVariantHelp =
    "which published implementation is followed in the details";

}  // namespace

void Describe(Params& params, HddmAOptions& options) {
  params.Number("drift_confidence", options.drift_confidence, kOpenFraction, kDriftHelp);
  params.Number("warning_confidence", options.warning_confidence, kOpenFraction, kWarningHelp);
  params.Boolean("two_sided", options.two_sided, kTwoSidedHelp);
  params.Enumeration("variant", options.variant, kVariants, kVariantHelp);
}

void Describe(Params& params, HddmWOptions& options) {
  params.Number("drift_confidence", options.drift_confidence, kOpenFraction, kDriftHelp);
  params.Number("warning_confidence", options.warning_confidence, kOpenFraction, kWarningHelp);
  params.Number("lambda", options.lambda, kOpenFraction, "weight of the newest value in the means");
  params.Boolean("two_sided", options.two_sided, kTwoSidedHelp);
  params.Enumeration("variant", options.variant, kVariants, kVariantHelp);
}

Result<std::unique_ptr<DriftDetector>> MakeHddmA(const HddmAOptions& options) {
  LEAT_RETURN_IF_ERROR(ValidateOptions("hddm_a", options));
  return std::unique_ptr<DriftDetector>(
      std::make_unique<drift::SimpleDetector<HddmA, HddmAOptions>>(options));
}

Result<std::unique_ptr<DriftDetector>> MakeHddmW(const HddmWOptions& options) {
  LEAT_RETURN_IF_ERROR(ValidateOptions("hddm_w", options));
  return std::unique_ptr<DriftDetector>(
      std::make_unique<drift::SimpleDetector<HddmW, HddmWOptions>>(options));
}

}  // namespace leat
