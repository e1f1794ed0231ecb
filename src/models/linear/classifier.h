/// Logistic regression and its hinge-loss sibling, with the rule as a parameter; see leat/linear.h.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "models/composition/class_weights.h"
#include "models/linear/schedule.h"
#include "models/softmax.h"

namespace leat::linear {

template <typename Rule>
class Classifier final : public LinearModel {
 public:
  Classifier(const LinearOptions& options, const InputSpec& inputs, std::vector<double> weights)
      : options_(options),
        inputs_(inputs),
        base_(BasePace(options)),
        fixed_weights_(std::move(weights)) {
    // Without log loss there is no softmax: margins are not log-odds.
    if (options_.loss != LinearLoss::kLog) options_.multiclass = LinearMulticlass::kOneVsRest;
    if (!full()) rows_.push_back(NewRow());
  }

  Task task() const override { return Task::kClassification; }

  void Predict(const Input& input, std::vector<double>& out) const override {
    if (out.size() != seen_.size()) out.resize(seen_.size());
    if (binary()) {
      if (seen_.empty()) return;
      BinaryProbabilities(Odds(rows_[0].Margin(input)), out);
      return;
    }
    for (size_t c = 0; c < rows_.size(); ++c) out[c] = seen_[c] ? rows_[c].Margin(input) : 0.0;
    MarginsToProbabilities(out);
  }

  void Learn(const Input& input, double target, double weight) override {
    Update(input, target, weight, nullptr);
  }

  void PredictAndLearn(const Input& input, double target, double weight,
                       std::vector<double>& out) override {
    Update(input, target, weight, &out);
  }

  void Save(StateWriter& out) const override {
    out.Section("logistic_regression", 1);
    out.U8(static_cast<uint8_t>(Rule::kName));
    out.U64(steps_);
    out.U64(skipped_);
    out.Array(seen_);
    out.Array(counts_);
    out.U64(rows_.size());
    for (const Row<Rule>& row : rows_) row.Save(out);
  }

  Status Load(StateReader& in) override {
    in.Section("logistic_regression", 1);
    if (in.U8() != static_cast<uint8_t>(Rule::kName) && in.ok()) {
      in.Fail("the state is of a linear model with another optimizer");
    }
    const uint64_t steps = in.U64(), skipped = in.U64();
    std::vector<uint8_t> seen;
    std::vector<double> counts;
    in.Array(seen);
    in.Array(counts);
    const uint64_t size = in.Count();
    const size_t expected = full() || seen.size() > 2 ? seen.size() : 1;
    if (in.ok() && (size != expected || counts.size() != seen.size() ||
                    seen.size() > static_cast<size_t>(options_.max_classes))) {
      in.Fail("the state is of a linear model with other classes");
    }
    for (const double count : counts) {
      if (!(count >= 0) || !std::isfinite(count)) in.Fail("a class count of the state is no count");
    }
    std::vector<Row<Rule>> rows;
    for (size_t c = 0; c < size && in.ok(); ++c) {
      rows.push_back(NewRow());
      rows.back().Load(in);
    }
    if (!in.ok()) return in.status();
    rows_ = std::move(rows);
    seen_ = std::move(seen);
    counts_ = std::move(counts);
    steps_ = steps;
    skipped_ = skipped;
    return Status::Ok();
  }

  std::unique_ptr<Model> Fresh() const override {
    return std::make_unique<Classifier>(options_, inputs_, fixed_weights_);
  }

  size_t MemoryBytes() const override {
    size_t bytes = sizeof *this + HeapBytesOf(inputs_) + seen_.capacity() +
                   sizeof(double) * counts_.capacity() + 3 * kAllocation;
    for (const Row<Rule>& row : rows_) bytes += row.MemoryBytes();
    return bytes;
  }

  std::vector<std::pair<std::string, std::string>> Summary() const override {
    size_t non_zero = 0;
    for (const Row<Rule>& row : rows_) non_zero += row.NonZero();
    return {{"records", std::to_string(steps_)},
            {"skipped", std::to_string(skipped_)},
            {"classes", std::to_string(seen_.size())},
            {"non_zero_weights", std::to_string(non_zero)}};
  }

  size_t rows() const override { return rows_.size(); }
  double Intercept(size_t row) const override { return rows_[row].intercept(); }
  double DenseWeight(size_t row, size_t i) const override { return rows_[row].DenseWeight(i); }
  double SparseWeight(size_t row, uint32_t index) const override {
    return rows_[row].SparseWeight(index);
  }
  std::vector<LinearWeights> Weights() const override {
    std::vector<LinearWeights> weights;
    for (size_t k = 0; k < rows_.size(); ++k) {
      weights.push_back(rows_[k].Weights(binary() ? 1 : static_cast<int64_t>(k)));
    }
    return weights;
  }
  double OptimizerState(size_t row, size_t i, size_t which) const override {
    return rows_[row].State(i, which);
  }
  uint64_t skipped() const override { return skipped_; }

 private:
  bool full() const { return options_.multiclass == LinearMulticlass::kSoftmaxFull; }
  bool one_vs_rest() const { return options_.multiclass == LinearMulticlass::kOneVsRest; }
  bool binary() const { return !full() && seen_.size() <= 2; }

  Row<Rule> NewRow() const {
    return Row<Rule>(inputs_.dense.size(), inputs_.sparse_size, options_.l1 > 0);
  }

  /// REQUIRES one or two classes.
  static void BinaryProbabilities(double odds, std::vector<double>& out) {
    out[0] = 1;
    if (out.size() < 2) return;
    out[1] = Probability(odds);
    out[0] = 1 - out[1];
  }

  void MarginsToProbabilities(std::vector<double>& margins) const {
    if (margins.empty()) return;
    if (!one_vs_rest()) return Softmax(margins, seen_);
    double sum = 0;
    for (size_t c = 0; c < margins.size(); ++c) {
      margins[c] = seen_[c] ? Probability(Odds(margins[c])) : 0.0;
      sum += margins[c];
    }
    // All of them may round to 0: then the classes seen share alike.
    const bool none = !(sum > 0);
    if (none) sum = static_cast<double>(std::count(seen_.begin(), seen_.end(), 1));
    for (size_t c = 0; c < margins.size(); ++c) {
      margins[c] = (none ? static_cast<double>(seen_[c]) : margins[c]) / sum;
    }
  }

  /// Opens what class `c`, never seen before, needs.
  void Grow(size_t c) {
    const bool was_binary = binary();
    if (c >= seen_.size()) {
      seen_.resize(c + 1, 0);
      counts_.resize(c + 1, 0);
    }
    seen_[c] = 1;
    if (binary()) return;
    if (was_binary) {
      rows_.insert(rows_.begin(), NewRow());  // class 0; the old row becomes that of class 1
      if (one_vs_rest()) {
        rows_[1].NegateInto(rows_[0]);
      } else {
        rows_[1].HalveInto(rows_[0], base_);
      }
    }
    while (rows_.size() < seen_.size()) rows_.push_back(NewRow());
  }

  double ClassWeight(size_t c) const {
    double weight = c < fixed_weights_.size() ? fixed_weights_[c] : 1.0;
    if (options_.class_weight == LinearClassWeight::kBalanced) {
      weight *= BalancedWeight(counts_, c);
    }
    return weight;
  }

  void Update(const Input& input, double target, double weight, std::vector<double>* out) {
    const bool valid = target >= 0 && target < static_cast<double>(options_.max_classes) &&
                       target == std::floor(target) && weight > 0 && weight <= kLargestWeight;
    if (!valid) return Skip(input, out);
    double largest = 0;
    const double margin = rows_.empty() ? Largest(input, largest) : rows_[0].Probe(input, largest);
    if (LooksClean(margin, largest)) [[likely]] {
      return LearnClean(input, margin, static_cast<size_t>(target), weight, out);
    }
    Input cleaned = input;
    if (!CleanInput(cleaned, cleaned_)) return Skip(input, out);
    const double clean_margin = rows_.empty() ? 0.0 : rows_[0].Margin(cleaned);
    LearnClean(cleaned, clean_margin, static_cast<size_t>(target), weight, out);
  }

  void Skip(const Input& input, std::vector<double>* out) {
    ++skipped_;
    if (out != nullptr) Predict(input, *out);
  }

  /// `margin` is that of the first row.
  void LearnClean(const Input& input, double margin, size_t c, double weight,
                  std::vector<double>* out) {
    if (!binary()) return LearnMulticlass(input, c, weight, out);
    const double odds = Odds(margin);
    if (out != nullptr) {
      if (out->size() != seen_.size()) out->resize(seen_.size());
      if (!seen_.empty()) BinaryProbabilities(odds, *out);
    }
    if (c >= 2) return LearnMulticlass(input, c, weight, nullptr);
    if (c >= seen_.size() || seen_[c] == 0) [[unlikely]]
      Grow(c);
    counts_[c] += weight;
    Pace pace = PaceAt<Rule>(options_, base_, steps_++);
    StepRow(0, input, pace, margin, static_cast<double>(c), odds, weight * ClassWeight(c));
  }

  void LearnMulticlass(const Input& input, size_t c, double weight, std::vector<double>* out) {
    // The prediction as it was before a new class was known; one-vs-rest steps on margins instead.
    if (out != nullptr) Predict(input, *out);
    if (one_vs_rest()) {
      if (c >= seen_.size() || seen_[c] == 0) Grow(c);
    } else {
      if constexpr (Rule::kLooksAhead) {
        scores_.resize(seen_.size());
        for (size_t k = 0; k < seen_.size(); ++k) {
          const Row<Rule>& row = rows_[binary() ? 0 : k];
          scores_[k] = binary() && k == 0 ? 0 : row.MarginAhead(input, row.Margin(input), base_);
        }
        if (std::count(seen_.begin(), seen_.end(), 1) > 0) Softmax(scores_, seen_);
      } else if (out != nullptr) {
        scores_ = *out;
      } else {
        Predict(input, scores_);
      }
      if (c >= seen_.size() || seen_[c] == 0) Grow(c);
      scores_.resize(rows_.size(), 0.0);
    }
    counts_[c] += weight;
    Pace pace = PaceAt<Rule>(options_, base_, steps_++);
    const double scale = weight * ClassWeight(c);
    for (size_t k = 0; k < rows_.size(); ++k) {
      if (seen_[k] == 0) continue;
      const double positive = k == c ? 1 : 0;
      if (one_vs_rest()) {
        const double margin = rows_[k].Margin(input);
        StepRow(k, input, pace, margin, positive, Odds(margin), scale);
      } else {
        SetGradient(pace, (scores_[k] - positive) * scale, options_.clip_gradient);
        if (!Idle<Rule>(pace)) rows_[k].Step(input, pace, options_.intercept);
      }
    }
  }

  /// Steps row `k` as a binary learner; `margin` and `odds` are its own.
  void StepRow(size_t k, const Input& input, Pace& pace, double margin, double positive,
               double odds, double scale) {
    if constexpr (Rule::kOwnStep) {
      const double sign = 2 * positive - 1;
      SetOwnStep(options_, rows_[k], input, sign, 1 - sign * margin, scale, pace);
    } else {
      if constexpr (Rule::kLooksAhead) {
        margin = rows_[k].MarginAhead(input, margin, pace);
        odds = Odds(margin);
      }
      if constexpr (Rule::kRestless) odds = Saturated(margin, positive, odds);
      SetGradient(pace, ClassGradient(options_.loss, margin, positive, odds, scale),
                  options_.clip_gradient);
    }
    if (!Idle<Rule>(pace)) rows_[k].Step(input, pace, options_.intercept);
  }

  /// A probe without weights: the largest input; the result is NaN if there is a NaN.
  static double Largest(const Input& input, double& largest) {
    double sum = 0;
    for (const double x : input.dense) {
      sum += 0 * x;
      largest = Max(std::fabs(x), largest);
    }
    return sum;
  }

  LinearOptions options_;
  InputSpec inputs_;
  Pace base_;
  std::vector<double> fixed_weights_;  // by class; 1 beyond the end
  std::vector<Row<Rule>> rows_;
  std::vector<uint8_t> seen_;   // by class
  std::vector<double> counts_;  // weight learnt, by class
  uint64_t steps_ = 0;
  uint64_t skipped_ = 0;
  std::vector<double> cleaned_, scores_;  // scratch
};

}  // namespace leat::linear
