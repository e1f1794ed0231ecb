#include "evaluation/metrics.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace leat {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

double Share(double part, double whole) { return whole > 0 ? part / whole : kNan; }

double FromPrecisionAndRecall(double precision, double recall, double beta) {
  const double b2 = beta * beta;
  const double below = b2 * precision + recall;
  return below > 0 ? (1 + b2) * precision * recall / below : 0;
}

}  // namespace

void AddTimes(double& sum, double value, size_t times) {
  if (value == 0) return;
  for (; times > 0; --times) sum += value;
}

double ClippedLogLoss(double probability_of_truth) {
  return -std::log(std::max(probability_of_truth, 1e-15));
}

double KappaAgainst(double accuracy, double baseline_accuracy) {
  const double room = 1 - baseline_accuracy;
  return room > 0 ? (accuracy - baseline_accuracy) / room : kNan;
}

void ConfusionMatrix::Grow(int classes) {
  std::vector<double> cells(static_cast<size_t>(classes) * static_cast<size_t>(classes));
  for (int t = 0; t < classes_; ++t) {
    for (int p = 0; p < classes_; ++p) {
      cells[static_cast<size_t>(t) * static_cast<size_t>(classes) + static_cast<size_t>(p)] =
          Cell(t, p);
    }
  }
  cells_ = std::move(cells);
  classes_ = classes;
}

void ConfusionMatrix::Scale(double factor) {
  for (double& cell : cells_) cell *= factor;
}

double ConfusionMatrix::Total() const {
  double total = 0;
  for (const double cell : cells_) total += cell;
  return total;
}

double ConfusionMatrix::Correct() const {
  double correct = 0;
  for (int c = 0; c < classes_; ++c) correct += Cell(c, c);
  return correct;
}

double ConfusionMatrix::TruthTotal(int c) const {
  double total = 0;
  for (int p = 0; p < classes_; ++p) total += Cell(c, p);
  return total;
}

double ConfusionMatrix::PredictedTotal(int c) const {
  double total = 0;
  for (int t = 0; t < classes_; ++t) total += Cell(t, c);
  return total;
}

double ConfusionMatrix::Accuracy() const { return Share(Correct(), Total()); }

double ConfusionMatrix::BalancedAccuracy() const {
  double sum = 0;
  int seen = 0;
  for (int c = 0; c < classes_; ++c) {
    const double recall = Recall(c);
    if (std::isnan(recall)) continue;
    sum += recall;
    ++seen;
  }
  return seen > 1 ? sum / seen : kNan;
}

double ConfusionMatrix::GMean() const {
  double product = 1;
  int seen = 0;
  for (int c = 0; c < classes_; ++c) {
    const double recall = Recall(c);
    if (std::isnan(recall)) continue;
    product *= recall;
    ++seen;
  }
  return seen > 1 ? std::pow(product, 1.0 / seen) : kNan;
}

double ConfusionMatrix::Precision(int c) const {
  const double predicted = PredictedTotal(c);
  if (predicted > 0) return Cell(c, c) / predicted;
  return TruthTotal(c) > 0 ? 0 : kNan;
}

double ConfusionMatrix::Recall(int c) const { return Share(Cell(c, c), TruthTotal(c)); }

double ConfusionMatrix::FBeta(int c, double beta) const {
  const double precision = Precision(c);
  if (std::isnan(precision)) return kNan;
  const double recall = Recall(c);
  return FromPrecisionAndRecall(precision, std::isnan(recall) ? 0 : recall, beta);
}

template <typename OfClass>
double ConfusionMatrix::AverageOf(Average average, OfClass&& value) const {
  // Each label has one true and one predicted class, so the pooled precision and recall, and any
  // F of them, are the accuracy.
  if (average == Average::kMicro) return Accuracy();
  double sum = 0;
  double weights = 0;
  for (int c = 0; c < classes_; ++c) {
    const double truth = TruthTotal(c);
    if (truth <= 0 && PredictedTotal(c) <= 0) continue;
    const double weight = average == Average::kMacro ? 1 : truth;
    const double v = value(c);
    sum += weight * (std::isnan(v) ? 0 : v);
    weights += weight;
  }
  return Share(sum, weights);
}

double ConfusionMatrix::Precision(Average average) const {
  return AverageOf(average, [this](int c) { return Precision(c); });
}
double ConfusionMatrix::Recall(Average average) const {
  return AverageOf(average, [this](int c) { return Recall(c); });
}
double ConfusionMatrix::FBeta(Average average, double beta) const {
  return AverageOf(average, [this, beta](int c) { return FBeta(c, beta); });
}

double ConfusionMatrix::Kappa() const {
  const double total = Total();
  if (!(total > 0)) return kNan;
  double chance = 0;
  for (int c = 0; c < classes_; ++c) {
    chance += (TruthTotal(c) / total) * (PredictedTotal(c) / total);
  }
  const double room = 1 - chance;
  return room > 0 ? (Accuracy() - chance) / room : 0;
}

double ConfusionMatrix::Mcc() const {
  const double total = Total();
  if (!(total > 0)) return kNan;
  double both = 0, truth2 = 0, predicted2 = 0;
  for (int c = 0; c < classes_; ++c) {
    const double t = TruthTotal(c) / total, p = PredictedTotal(c) / total;
    both += t * p;
    truth2 += t * t;
    predicted2 += p * p;
  }
  const double below = (1 - truth2) * (1 - predicted2);
  return below > 0 ? (Correct() / total - both) / std::sqrt(below) : 0;
}

std::vector<std::vector<double>> ConfusionMatrix::Rows(int classes) const {
  const int n = std::max(classes, classes_);
  std::vector<std::vector<double>> rows(static_cast<size_t>(n));
  for (int t = 0; t < n; ++t) {
    for (int p = 0; p < n; ++p) rows[static_cast<size_t>(t)].push_back(Cell(t, p));
  }
  return rows;
}

void ConfusionMatrix::Save(StateWriter& out) const {
  out.U32(static_cast<uint32_t>(classes_));
  out.Array(cells_);
}

void ConfusionMatrix::Load(StateReader& in) {
  const uint32_t classes = in.U32();
  in.Array(cells_);
  if (classes > kMaxClasses || cells_.size() != size_t{classes} * classes) {
    in.Fail("a confusion matrix has the wrong shape");
    classes_ = 0;
    cells_.clear();
    return;
  }
  classes_ = static_cast<int>(classes);
}

void CalibrationBins::AddAgain(double score, bool positive, size_t times) {
  Bin& bin = BinOf(score);
  bin.weight += static_cast<double>(times);
  if (positive) bin.positive += static_cast<double>(times);
  AddTimes(bin.score, score, times);
}

void CalibrationBins::Scale(double factor) {
  for (Bin& bin : bins_) {
    bin.weight *= factor;
    bin.score *= factor;
    bin.positive *= factor;
  }
}

double CalibrationBins::ExpectedError() const {
  double gap = 0, total = 0;
  for (const Bin& bin : bins_) {
    gap += std::abs(bin.score - bin.positive);
    total += bin.weight;
  }
  return Share(gap, total);
}

void CalibrationBins::Save(StateWriter& out) const { out.Array(bins_); }

void CalibrationBins::Load(StateReader& in) {
  const size_t expected = bins_.size();
  in.Array(bins_);
  if (bins_.size() != expected) {
    in.Fail("calibration bins differ in number");
    bins_.assign(expected, {});
  }
}

void RegressionSums::Add(double truth, double prediction, double weight) {
  const double error = truth - prediction;
  const double absolute = std::abs(error);
  count_ += 1;
  max_ = std::max(max_, absolute);
  if (!(weight > 0)) return;
  weight_ += weight;
  error_ += weight * error;
  absolute_ += weight * absolute;
  squared_ += weight * error * error;
  if (truth != 0) {
    relative_ += weight * absolute / std::abs(truth);
    relative_weight_ += weight;
  }
  if (absolute > 0) symmetric_ += weight * absolute / (std::abs(truth) + std::abs(prediction));
  const double deviation = truth - mean_;
  mean_ += deviation * (weight / weight_);
  m2_ += weight * deviation * (truth - mean_);
}

void RegressionSums::Scale(double factor) {
  for (double* sum : {&weight_, &error_, &absolute_, &squared_, &relative_, &relative_weight_,
                      &symmetric_, &m2_}) {
    *sum *= factor;
  }
  scaled_ = true;
}

double RegressionSums::Mean(double sum) const { return Share(sum, weight_); }
double RegressionSums::Rmse() const { return std::sqrt(Mse()); }
double RegressionSums::Mape() const { return 100 * Share(relative_, relative_weight_); }
double RegressionSums::Smape() const { return 200 * Mean(symmetric_); }
double RegressionSums::MaxError() const { return count_ > 0 && !scaled_ ? max_ : kNan; }

double RegressionSums::R2() const {
  if (count_ < 2 || !(weight_ > 0)) return kNan;
  return m2_ > 0 ? 1 - squared_ / m2_ : 0;
}

void RegressionSums::Save(StateWriter& out) const {
  for (const double v : {count_, weight_, error_, absolute_, squared_, relative_, relative_weight_,
                         symmetric_, mean_, m2_, max_}) {
    out.F64(v);
  }
  out.Bool(scaled_);
}

void RegressionSums::Load(StateReader& in) {
  for (double* v : {&count_, &weight_, &error_, &absolute_, &squared_, &relative_,
                    &relative_weight_, &symmetric_, &mean_, &m2_, &max_}) {
    *v = in.F64();
  }
  scaled_ = in.Bool();
}

}  // namespace leat
