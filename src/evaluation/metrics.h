/// The arithmetic of the metrics: accumulators of weighted sums, and the formulas over them.
///
/// Sources: Cohen 1960 (kappa); Zliobaite, Bifet, Read, Pfahringer and Holmes 2015, sections 3.3
/// and 3.4 (kappa-T, kappa-M); Gorodkin 2004, equation 8 (the multiclass correlation R_K, which is
/// Matthews' for two classes); Naeini, Cooper and Hauskrecht 2015 (expected calibration error);
/// West 1979 (weighted moments). Deviation from the second: the baselines of kappa-T and kappa-M
/// see earlier labels only, where MOA's majority has already counted the present one. Shapes:
/// classes are 0 .. K-1, cells are [true][predicted]. A metric that is undefined (division by
/// nothing, a single class seen) is NaN except where its comment says otherwise. Cost: one update
/// is O(1); a formula is O(K) or O(K^2). Thread safety: const methods may run concurrently.
/// Determinism: depends on the sequence of calls only. Errors: none; callers pass finite numbers
/// and weights of at least 0.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "leat/state.h"
#include "leat/status.h"

namespace leat {

/// Adds a value so many times, each with its own rounding.
void AddTimes(double& sum, double value, size_t times);

/// Cross-entropy of one label: -ln of the probability given to the true class, which is taken to be
/// at least 1e-15 (so a certain error costs 34.54).
double ClippedLogLoss(double probability_of_truth);

/// (p0 - p) / (1 - p): how much better than a baseline of accuracy `p`; NaN when p is 1.
double KappaAgainst(double accuracy, double baseline_accuracy);

enum class Average { kMacro, kMicro, kWeighted };

/// Weighted counts by true and predicted class; grows to the highest class added.
class ConfusionMatrix {
 public:
  /// Classes beyond this are ignored by Add (a schema never has so many).
  static constexpr int kMaxClasses = 4096;

  explicit ConfusionMatrix(int classes = 0) { Grow(classes); }

  void Add(int truth, int predicted, double weight) {
    const int needed = (truth > predicted ? truth : predicted) + 1;
    if (truth < 0 || predicted < 0 || needed > kMaxClasses) return;
    if (needed > classes_) Grow(needed);
    cells_[static_cast<size_t>(truth) * static_cast<size_t>(classes_) +
           static_cast<size_t>(predicted)] += weight;
  }
  void Scale(double factor);

  int classes() const { return classes_; }
  double Cell(int truth, int predicted) const {
    return truth < classes_ && predicted < classes_
               ? cells_[static_cast<size_t>(truth * classes_ + predicted)]
               : 0;
  }
  double Total() const;
  double Correct() const;
  double TruthTotal(int c) const;
  double PredictedTotal(int c) const;

  double Accuracy() const;
  /// Mean recall of the classes that occur; NaN while only one does.
  double BalancedAccuracy() const;
  double Precision(
      int c) const;            ///< NaN if c was neither true nor predicted; 0 if never predicted.
  double Recall(int c) const;  ///< NaN if c never was true.
  double FBeta(int c, double beta) const;
  /// Averages over the classes seen in truth or prediction; a class with a zero division counts 0.
  double Precision(Average average) const;
  double Recall(Average average) const;
  double FBeta(Average average, double beta) const;
  /// Geometric mean of the recalls of the classes that occur; NaN while only one does.
  double GMean() const;
  double Kappa() const;  ///< Cohen's; 0 when chance agreement is certain.
  double Mcc() const;    ///< 0 when truth or prediction is constant.

  /// [true][predicted], of at least `classes` classes.
  std::vector<std::vector<double>> Rows(int classes = 0) const;
  void Save(StateWriter& out) const;
  void Load(StateReader& in);
  size_t MemoryBytes() const { return cells_.capacity() * sizeof(double); }

 private:
  template <typename OfClass>
  double AverageOf(Average average, OfClass&& value) const;
  void Grow(int classes);

  int classes_ = 0;
  std::vector<double> cells_;  ///< classes_ x classes_, by rows of the true class.
};

/// Equal-width bins of a probability against what happened: bin floor(s * bins), the last closed.
class CalibrationBins {
 public:
  explicit CalibrationBins(int bins) : bins_(static_cast<size_t>(bins)) {}
  void Add(double score, bool positive, double weight) {
    Bin& bin = BinOf(score);
    bin.weight += weight;
    bin.score += weight * score;
    if (positive) bin.positive += weight;
  }
  /// As Add so many times with a weight of 1, where all weights were 1.
  void AddAgain(double score, bool positive, size_t times);
  void Scale(double factor);
  /// The mean gap between score and share of positives, bins weighted by what they hold.
  double ExpectedError() const;
  void Save(StateWriter& out) const;
  void Load(StateReader& in);

 private:
  struct Bin {
    double weight = 0;
    double score = 0;
    double positive = 0;
  };
  Bin& BinOf(double score) {
    const auto i = static_cast<size_t>(score * static_cast<double>(bins_.size()));
    return bins_[std::min(i, bins_.size() - 1)];
  }
  std::vector<Bin> bins_;
};

/// Errors of numeric predictions. Errors are truth - prediction, so a positive bias is a prediction
/// that is too low.
class RegressionSums {
 public:
  void Add(double truth, double prediction, double weight);
  /// Multiplies all weights; the largest error, which has none, is forgotten (NaN from then on).
  void Scale(double factor);

  double weight() const { return weight_; }
  double Mae() const { return Mean(absolute_); }
  double Mse() const { return Mean(squared_); }
  double Rmse() const;
  double Bias() const { return Mean(error_); }
  double Mape() const;   ///< Percent; targets of 0 are left out.
  double Smape() const;  ///< Percent, 0 to 200; 0 where target and prediction are both 0.
  double MaxError() const;
  /// 1 - squared error / squared deviation of the targets; NaN before the second label, 0 when the
  /// targets do not vary.
  double R2() const;

  void Save(StateWriter& out) const;
  void Load(StateReader& in);

 private:
  double Mean(double sum) const;

  double count_ = 0;  ///< Labels, whatever their weight.
  double weight_ = 0;
  double error_ = 0;
  double absolute_ = 0;
  double squared_ = 0;
  double relative_ = 0;
  double relative_weight_ = 0;
  double symmetric_ = 0;
  double mean_ = 0;  ///< Of the targets.
  double m2_ = 0;    ///< Squared deviations of the targets.
  double max_ = 0;
  bool scaled_ = false;
};

/// Weights that fade: instead of shrinking every sum at each label, each label counts for more than
/// the one before, and all sums are divided by the common factor before it can overflow. Ratios of
/// sums are those of the recurrence S = fading * S + x.
class FadingWeight {
 public:
  explicit FadingWeight(double fading) : step_(1 / fading) {}
  double current() const { return current_; }  ///< Of the next label.
  double last() const { return current_ / step_; }
  /// Goes to the next label; true when the owner must multiply all faded sums by *factor.
  bool Step(double* factor) {
    current_ *= step_;
    if (current_ < kLimit) return false;
    *factor = 1 / current_;
    current_ = 1;
    return true;
  }
  void Save(StateWriter& out) const { out.F64(current_); }
  void Load(StateReader& in) { current_ = in.F64(); }

 private:
  static constexpr double kLimit = 1e60;
  double step_;
  double current_ = 1;
};

}  // namespace leat
