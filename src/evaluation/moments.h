/// Running moments of a stream: one value in, the statistic of everything so far out.
///
/// Sources: Welford (1962) and West (1979) for weights, Pebay (2008) for third and fourth moments;
/// exponentially weighted variance in the stable form of Finch (2009). Definitions of the unbiased
/// forms are those of scipy.stats. Every update is O(1) time and memory. Values (or weights) that
/// are not finite, and weights that are not positive, are ignored. A statistic that needs more
/// values than were seen is 0, unless its comment says otherwise. Thread safety: const methods may
/// run concurrently. Determinism: depends on the sequence of Add calls only. Library only: no
/// setting asks for them.
#pragma once

#include <cstdint>
#include <vector>

#include "leat/state.h"
#include "leat/status.h"

namespace leat::statistics {

/// Mean, variance, skewness, kurtosis, range; weights count as repetitions.
class Moments {
 public:
  void Add(double x, double weight = 1);

  double weight() const { return weight_; }  ///< Sum of weights; the count if all were 1.
  double mean() const { return mean_; }
  /// Sum of squared deviations over weight - ddof; 0 while weight <= ddof.
  double variance(double ddof = 1) const;
  /// Standard error of the mean.
  double sem(double ddof = 1) const;
  /// Third standardised moment, by default with the correction for bias (from 3 values on).
  double skewness(bool bias = false) const;
  /// Fourth standardised moment less 3, by default corrected for bias (from 4 values on). A stream
  /// without variation gives -3.
  double kurtosis(bool bias = false) const;
  double min() const { return min_; }
  double max() const { return max_; }
  double range() const { return max_ - min_; }  ///< Peak to peak.

  void Save(StateWriter& out) const;
  Status Load(StateReader& in);

 private:
  double weight_ = 0;
  double mean_ = 0;
  double m2_ = 0;
  double m3_ = 0;
  double m4_ = 0;
  double min_ = 0;
  double max_ = 0;
};

/// Exponentially weighted mean and variance: the newest value has weight `fading`, the first value
/// starts the mean. The variance equals the weighted mean of squares less the squared mean, without
/// subtracting the two.
class EwMoments {
 public:
  /// REQUIRES 0 < fading <= 1.
  explicit EwMoments(double fading) : fading_(fading) {}
  void Add(double x);
  double mean() const { return mean_; }
  double variance() const { return variance_; }
  void Save(StateWriter& out) const;
  Status Load(StateReader& in);

 private:
  double fading_;
  bool started_ = false;
  double mean_ = 0;
  double variance_ = 0;
};

/// Covariance and Pearson's correlation of pairs.
class Comoments {
 public:
  void Add(double x, double y);
  double count() const { return count_; }
  double covariance(double ddof = 1) const;
  /// 0 while either side does not vary.
  double correlation() const;
  void Save(StateWriter& out) const;
  Status Load(StateReader& in);

 private:
  double count_ = 0;
  double mean_x_ = 0, mean_y_ = 0;
  double m2_x_ = 0, m2_y_ = 0, c_ = 0;
};

/// Exponentially weighted covariance, in the form of EwMoments.
class EwCovariance {
 public:
  /// REQUIRES 0 < fading <= 1.
  explicit EwCovariance(double fading) : fading_(fading) {}
  void Add(double x, double y);
  double covariance() const { return covariance_; }
  void Save(StateWriter& out) const;
  Status Load(StateReader& in);

 private:
  double fading_;
  bool started_ = false;
  double mean_x_ = 0, mean_y_ = 0;
  double covariance_ = 0;
};

/// Correlation of a stream with itself `lag` values earlier; memory for `lag` values.
class Autocorrelation {
 public:
  /// REQUIRES lag >= 1.
  explicit Autocorrelation(int64_t lag) : past_(static_cast<size_t>(lag)) {}
  void Add(double x);
  double value() const { return pairs_.correlation(); }
  void Save(StateWriter& out) const;
  Status Load(StateReader& in);

 private:
  std::vector<double> past_;  ///< A ring: the value `lag` back is where the next one goes.
  uint64_t seen_ = 0;
  Comoments pairs_;
};

}  // namespace leat::statistics
