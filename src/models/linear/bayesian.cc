#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "leat/bayesian_linear.h"
#include "models/heap_bytes.h"

namespace leat {
namespace {

constexpr double kLargest = 1e50;       // of an input, a target or a weight that is learnt
constexpr double kLargestMean = 1e100;  // of a mean: dots with inputs stay finite
constexpr size_t kMostInputs = 4096;

class BayesianLinearModel final : public BayesianLinear {
 public:
  BayesianLinearModel(const BayesianLinearOptions& options, size_t inputs)
      : options_(options), inputs_(inputs), size_(inputs + (options.intercept ? 1 : 0)) {
    mean_.resize(size_);
    next_.resize(size_);
    gain_.resize(size_);
    x_.resize(size_);
    covariance_.resize(size_ * size_);
    for (size_t i = 0; i < size_; ++i) covariance_[i * size_ + i] = 1 / options_.alpha;
  }

  Task task() const override { return Task::kRegression; }

  void Predict(const Input& input, std::vector<double>& out) const override {
    out.resize(1);
    double sum = 0;
    for (size_t i = 0; i < inputs_; ++i) sum += mean_[i] * Clean(input.dense[i]);
    if (options_.intercept) sum += mean_[inputs_];
    out[0] = sum;
  }

  double Variance(const Input& input) const override {
    double spread = 0;
    for (size_t i = 0; i < size_; ++i) {
      double row = 0;
      for (size_t j = 0; j < size_; ++j) row += covariance_[i * size_ + j] * At(input, j);
      spread += row * At(input, i);
    }
    return 1 / options_.beta + std::max(spread, 0.0);
  }

  LinearWeights Weights() const override {
    LinearWeights weights;
    if (options_.intercept) weights.intercept = mean_[inputs_];
    weights.dense.assign(mean_.begin(), mean_.begin() + static_cast<ptrdiff_t>(inputs_));
    return weights;
  }

  void Learn(const Input& input, double target, double weight) override {
    if (!TryLearn(input, target, weight)) ++skipped_;
  }

  void Save(StateWriter& out) const override {
    out.Section("bayesian_linear", 1);
    out.U64(records_);
    out.U64(skipped_);
    out.Array(mean_);
    out.Array(covariance_);
  }

  Status Load(StateReader& in) override {
    in.Section("bayesian_linear", 1);
    const uint64_t records = in.U64(), skipped = in.U64();
    std::vector<double> mean, covariance;
    in.Array(mean);
    in.Array(covariance);
    if (in.ok() && (mean.size() != size_ || covariance.size() != size_ * size_)) {
      in.Fail("the state is of a Bayesian linear model of another layout");
    }
    for (const auto* part : {&mean, &covariance}) {
      for (const double v : *part) {
        if (!(std::fabs(v) <= kLargestMean)) {
          in.Fail("the state of a Bayesian linear model is out of range");
        }
      }
    }
    if (!in.ok()) return in.status();
    mean_ = std::move(mean);
    covariance_ = std::move(covariance);
    records_ = records;
    skipped_ = skipped;
    return Status::Ok();
  }

  std::unique_ptr<Model> Fresh() const override {
    return std::make_unique<BayesianLinearModel>(options_, inputs_);
  }
  size_t MemoryBytes() const override {
    return sizeof *this + 5 * kAllocation +
           sizeof(double) * (mean_.capacity() + next_.capacity() + gain_.capacity() +
                             x_.capacity() + covariance_.capacity());
  }
  std::vector<std::pair<std::string, std::string>> Summary() const override {
    return {{"records", std::to_string(records_)}, {"skipped", std::to_string(skipped_)}};
  }

 private:
  /// Far inputs are cut, so that a prediction stays finite.
  static double Clean(double x) {
    return std::isfinite(x) ? std::clamp(x, -kLargestMean, kLargestMean) : 0.0;
  }
  double At(const Input& input, size_t i) const { return i < inputs_ ? Clean(input.dense[i]) : 1; }

  bool TryLearn(const Input& input, double target, double weight) {
    if (!(std::fabs(target) <= kLargest) || !(weight > 0 && weight <= kLargest)) return false;
    for (size_t i = 0; i < size_; ++i) {
      x_[i] = At(input, i);
      if (std::fabs(x_[i]) > kLargest) return false;
    }
    double spread = 0, error = target;
    for (size_t i = 0; i < size_; ++i) {
      const double* const row = &covariance_[i * size_];
      double sum = 0;
      for (size_t j = 0; j < size_; ++j) sum += row[j] * x_[j];
      gain_[i] = sum;
      spread += sum * x_[i];
      error -= mean_[i] * x_[i];
    }
    if (!(spread >= 0)) return false;
    const double denominator = 1 / (options_.beta * weight) + spread;
    for (size_t i = 0; i < size_; ++i) {
      next_[i] = mean_[i] + gain_[i] * (error / denominator);
      if (!(std::fabs(next_[i]) <= kLargestMean)) return false;
      // A variance can only fall; one that rounding made negative would be the end of all.
      if (covariance_[i * size_ + i] < gain_[i] * (gain_[i] / denominator)) return false;
    }
    mean_.swap(next_);
    for (size_t i = 0; i < size_; ++i) {
      const double pull = gain_[i] / denominator;
      double* const row = &covariance_[i * size_];
      for (size_t j = i; j < size_; ++j) row[j] -= pull * gain_[j];
      for (size_t j = i + 1; j < size_; ++j) covariance_[j * size_ + i] = row[j];
    }
    ++records_;
    return true;
  }

  BayesianLinearOptions options_;
  size_t inputs_;
  size_t size_;  // with the intercept, which comes last
  std::vector<double> mean_;
  std::vector<double> covariance_;  // rows, symmetric
  uint64_t records_ = 0;
  uint64_t skipped_ = 0;
  std::vector<double> next_, gain_, x_;  // scratch
};

}  // namespace

void Describe(Params& params, BayesianLinearOptions& options) {
  params.Number("alpha", options.alpha, {1e-9, 1e9},
                "Precision (1 / variance) of the prior of a weight: larger keeps weights smaller.");
  params.Number("beta", options.beta, {1e-9, 1e9},
                "Precision of the noise: 1 / variance of the target about the true sum.");
  params.Boolean("intercept", options.intercept, "Whether the sum has a constant term.");
}

Result<std::unique_ptr<Model>> MakeBayesianLinear(const BayesianLinearOptions& options,
                                                  const InputSpec& inputs) {
  const auto within = [](double v) { return v >= 1e-9 && v <= 1e9; };
  if (!within(options.alpha) || !within(options.beta)) {
    return Status::Invalid("alpha and beta must be between 1e-9 and 1e9");
  }
  if (inputs.sparse_size > 0 || inputs.dense.size() > kMostInputs) {
    return Status::Invalid(
        "bayesian_linear_regression takes at most 4096 dense features, and no sparse ones");
  }
  for (const DenseAttribute& attribute : inputs.dense) {
    if (attribute.nominal) {
      return Status::Invalid("a linear model cannot read the nominal feature '" + attribute.name +
                             "' as a number: encode it one-hot");
    }
  }
  return std::unique_ptr<Model>(
      std::make_unique<BayesianLinearModel>(options, inputs.dense.size()));
}

}  // namespace leat
