/// Scalers of one number: Learn and Transform are separate, so that a caller may scale before
/// learning (Leat's own order) or after (the recipe of River's pipelines).
///
/// Semantics are those of River 0.26 (the reference of the tests); formulas below. Numbers that are
/// not finite are passed through and never learnt. Until a scale is known (nothing learnt, or no
/// spread) the result is 0, except MaxAbs and Robust, see there. Cost: O(1). Thread safety: none.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "base/p2_quantile.h"
#include "leat/state.h"

namespace leat {

/// Running mean and population variance (Welford 1962): mean += d / n, m2 += d (x - mean).
class RunningMoments {
 public:
  void Learn(double x) {
    if (!std::isfinite(x)) return;
    n_ += 1;
    const double d = x - mean_;
    mean_ += d / n_;
    m2_ += d * (x - mean_);
  }
  double count() const { return n_; }
  double mean() const { return mean_; }
  double variance() const { return n_ > 0 ? m2_ / n_ : 0; }

  void Save(StateWriter& out) const {
    out.F64(n_);
    out.F64(mean_);
    out.F64(m2_);
  }
  void Load(StateReader& in) {
    n_ = in.F64();
    mean_ = in.F64();
    m2_ = in.F64();
  }

 private:
  double n_ = 0;
  double mean_ = 0;
  double m2_ = 0;
};

/// z = (x - mean) / sqrt(variance), 0 when the variance is 0.
class StandardScaler {
 public:
  void Learn(double x) { moments_.Learn(x); }
  double Transform(double x) const {
    if (!std::isfinite(x)) return x;
    const double variance = moments_.variance();
    return variance > 0 ? (x - moments_.mean()) / std::sqrt(variance) : 0;
  }
  const RunningMoments& moments() const { return moments_; }
  void Save(StateWriter& out) const { moments_.Save(out); }
  void Load(StateReader& in) { moments_.Load(in); }

 private:
  RunningMoments moments_;
};

/// z = (x - min) / (max - min), 0 when they are equal. May leave [0, 1] for a new extreme.
class MinMaxScaler {
 public:
  void Learn(double x) {
    if (!std::isfinite(x)) return;
    min_ = seen_ ? std::min(min_, x) : x;
    max_ = seen_ ? std::max(max_, x) : x;
    seen_ = true;
  }
  double Transform(double x) const {
    if (!std::isfinite(x)) return x;
    return max_ > min_ ? (x - min_) / (max_ - min_) : 0;
  }
  void Save(StateWriter& out) const {
    out.Bool(seen_);
    out.F64(min_);
    out.F64(max_);
  }
  void Load(StateReader& in) {
    seen_ = in.Bool();
    min_ = in.F64();
    max_ = in.F64();
  }

 private:
  bool seen_ = false;
  double min_ = 0;
  double max_ = 0;
};

/// z = x / max |x|, 0 when that is 0.
class MaxAbsScaler {
 public:
  void Learn(double x) {
    if (std::isfinite(x)) max_ = std::max(max_, std::fabs(x));
  }
  double Transform(double x) const {
    if (!std::isfinite(x)) return x;
    return max_ > 0 ? x / max_ : 0;
  }
  void Save(StateWriter& out) const { out.F64(max_); }
  void Load(StateReader& in) { max_ = in.F64(); }

 private:
  double max_ = 0;
};

/// z = (x - median) / (q75 - q25), all three by P-square; only centred while the range is 0.
class RobustScaler {
 public:
  void Learn(double x) {
    median_.Learn(x);
    low_.Learn(x);
    high_.Learn(x);
  }
  double Transform(double x) const {
    if (!std::isfinite(x)) return x;
    const double range = high_.Get() - low_.Get();
    const double centred = x - median_.Get();
    return range != 0 ? centred / range : centred;
  }
  void Save(StateWriter& out) const {
    median_.Save(out);
    low_.Save(out);
    high_.Save(out);
  }
  void Load(StateReader& in) {
    median_.Load(in);
    low_.Load(in);
    high_.Load(in);
  }

 private:
  P2Quantile median_{0.5};
  P2Quantile low_{0.25};
  P2Quantile high_{0.75};
};

/// Standard scaling by exponentially weighted moments: mean += f (x - mean), starting at the first
/// value; variance v = (1 - f) (v + f d^2), the stable form of River's E[x^2] - E[x]^2.
class AdaptiveStandardScaler {
 public:
  /// `fading`: weight of the newest value, in (0, 1]; default 0.3.
  explicit AdaptiveStandardScaler(double fading = 0.3) : fading_(fading) {}
  void Learn(double x) {
    if (!std::isfinite(x)) return;
    if (!seen_) {
      seen_ = true;
      mean_ = x;
      return;
    }
    const double d = x - mean_;
    mean_ += fading_ * d;
    variance_ = (1 - fading_) * (variance_ + fading_ * d * d);
  }
  double Transform(double x) const {
    if (!std::isfinite(x)) return x;
    return variance_ > 0 ? (x - mean_) / std::sqrt(variance_) : 0;
  }
  void Save(StateWriter& out) const {
    out.Bool(seen_);
    out.F64(mean_);
    out.F64(variance_);
  }
  void Load(StateReader& in) {
    seen_ = in.Bool();
    mean_ = in.F64();
    variance_ = in.F64();
  }

 private:
  double fading_;
  bool seen_ = false;
  double mean_ = 0;
  double variance_ = 0;
};

}  // namespace leat
