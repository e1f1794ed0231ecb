/// Linear regression with the rule as a parameter; see leat/linear.h.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "models/linear/schedule.h"

namespace leat::linear {

template <typename Rule>
class Regressor final : public LinearModel {
 public:
  Regressor(const LinearOptions& options, const InputSpec& inputs)
      : options_(options),
        inputs_(inputs),
        base_(BasePace(options)),
        row_(inputs.dense.size(), inputs.sparse_size, options.l1 > 0) {}

  Task task() const override { return Task::kRegression; }

  void Predict(const Input& input, std::vector<double>& out) const override {
    out.resize(1);
    out[0] = Link(options_.loss, row_.Margin(input));
  }

  void Learn(const Input& input, double target, double weight) override {
    double margin = 0;
    Update(input, target, weight, margin);
  }

  void PredictAndLearn(const Input& input, double target, double weight,
                       std::vector<double>& out) override {
    out.resize(1);
    if (!Update(input, target, weight, out[0])) out[0] = row_.Margin(input);
    out[0] = Link(options_.loss, out[0]);
  }

  void Save(StateWriter& out) const override {
    out.Section("linear_regression", 1);
    out.U8(static_cast<uint8_t>(Rule::kName));
    out.U64(steps_);
    out.U64(skipped_);
    row_.Save(out);
  }

  Status Load(StateReader& in) override {
    in.Section("linear_regression", 1);
    if (in.U8() != static_cast<uint8_t>(Rule::kName) && in.ok()) {
      in.Fail("the state is of a linear model with another optimizer");
    }
    const uint64_t steps = in.U64(), skipped = in.U64();
    Row<Rule> row(inputs_.dense.size(), inputs_.sparse_size, options_.l1 > 0);
    row.Load(in);
    if (!in.ok()) return in.status();
    row_ = std::move(row);
    steps_ = steps;
    skipped_ = skipped;
    return Status::Ok();
  }

  std::unique_ptr<Model> Fresh() const override {
    return std::make_unique<Regressor>(options_, inputs_);
  }
  size_t MemoryBytes() const override {
    return sizeof *this + HeapBytesOf(inputs_) + row_.MemoryBytes() - sizeof row_;
  }
  std::vector<std::pair<std::string, std::string>> Summary() const override {
    return {{"records", std::to_string(steps_)},
            {"skipped", std::to_string(skipped_)},
            {"non_zero_weights", std::to_string(row_.NonZero())}};
  }

  size_t rows() const override { return 1; }
  double Intercept(size_t) const override { return row_.intercept(); }
  double DenseWeight(size_t, size_t i) const override { return row_.DenseWeight(i); }
  double SparseWeight(size_t, uint32_t index) const override { return row_.SparseWeight(index); }
  std::vector<LinearWeights> Weights() const override { return {row_.Weights(-1)}; }
  double OptimizerState(size_t, size_t i, size_t which) const override {
    return row_.State(i, which);
  }
  uint64_t skipped() const override { return skipped_; }

 private:
  /// False when the record was skipped; otherwise `margin` is that before the step.
  bool Update(const Input& input, double target, double weight, double& margin) {
    const bool fits =
        std::isfinite(target) && !(options_.loss == LinearLoss::kPoisson && target < 0);
    if (!fits || !(weight > 0 && weight <= kLargestWeight)) {
      ++skipped_;
      return false;
    }
    double largest = 0;
    margin = row_.Probe(input, largest);
    if (LooksClean(margin, largest)) [[likely]] {
      LearnClean(input, target, weight, margin);
      return true;
    }
    Input cleaned = input;
    if (!CleanInput(cleaned, cleaned_)) {
      ++skipped_;
      return false;
    }
    margin = row_.Margin(cleaned);
    LearnClean(cleaned, target, weight, margin);
    return true;
  }

  void LearnClean(const Input& input, double target, double weight, double margin) {
    Pace pace = PaceAt<Rule>(options_, base_, steps_++);
    if constexpr (Rule::kOwnStep) {
      const double error = target - margin;
      SetOwnStep(options_, row_, input, error > 0 ? 1 : -1,
                 std::fabs(error) - options_.insensitivity, weight, pace);
    } else {
      if constexpr (Rule::kLooksAhead) margin = row_.MarginAhead(input, margin, pace);
      SetGradient(pace, TargetGradient(options_, margin, target) * weight, options_.clip_gradient);
    }
    if (!Idle<Rule>(pace)) row_.Step(input, pace, options_.intercept);
  }

  LinearOptions options_;
  InputSpec inputs_;
  Pace base_;
  Row<Rule> row_;
  uint64_t steps_ = 0;
  uint64_t skipped_ = 0;
  std::vector<double> cleaned_;  // scratch
};

}  // namespace leat::linear
