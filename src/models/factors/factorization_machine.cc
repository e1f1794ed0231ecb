/// Factorization machines for classes and for numbers; see leat/factors.h.
#include <array>
#include <cmath>
#include <string>
#include <utility>

#include "leat/factors.h"
#include "models/bayes/classes.h"
#include "models/ensembles/target_range.h"
#include "models/factors/machine.h"
#include "models/heap_bytes.h"
#include "models/softmax.h"
#include "models/trees/range_check.h"

namespace leat {
namespace {

using ensembles::TargetRange;
using factors::Machine;

constexpr std::array<std::string_view, 2> kOptimizers = {"sgd", "adagrad"};

/// A machine for each class but the first seen, whose score is 0.
class FactorClassifier final : public Model {
 public:
  FactorClassifier(const FactorizationMachineOptions& options, const InputSpec& inputs)
      : options_(options), inputs_(inputs), classes_(options.max_classes, false) {}

  Task task() const override { return Task::kClassification; }

  void Predict(const Input& input, std::vector<double>& out) const override {
    out.assign(classes_.size(), 0);
    if (out.empty()) return;
    for (size_t m = 0; m < machines_.size(); ++m) out[class_of_[m]] = machines_[m].Score(input);
    Softmax(out, Seen{classes_});
  }

  void Learn(const Input& input, double target, double weight) override {
    if (input.dense.size() != inputs_.dense.size() || !classes_.Accepts(target, weight)) return;
    const auto label = static_cast<size_t>(target);
    const bool known = label < classes_.size() && classes_.seen(label);
    const bool first = classes_.size() == 0;
    classes_.Add(label, weight);
    if (!known && !first) {
      Lengthen(class_of_, machines_.size() + 1);
      class_of_.back() = static_cast<uint32_t>(label);
      machines_.emplace_back(options_, inputs_, machines_.size());
    }
    thread_local std::vector<double> shares;
    Predict(input, shares);
    for (size_t m = 0; m < machines_.size(); ++m) {
      const double wanted = class_of_[m] == label ? 1 : 0;
      machines_[m].Step(input, weight * (shares[class_of_[m]] - wanted));
    }
  }

  void Save(StateWriter& out) const override {
    out.Section("factor_classifier", 1);
    classes_.Save(out);
    out.Array(class_of_);
    for (const Machine& machine : machines_) machine.Save(out);
  }

  Status Load(StateReader& in) override {
    FactorClassifier other(options_, inputs_);
    in.Section("factor_classifier", 1);
    other.classes_.Load(in);
    in.Array(other.class_of_);
    size_t seen = 0;
    for (size_t c = 0; c < other.classes_.size(); ++c) seen += other.classes_.seen(c) ? 1 : 0;
    bool good = other.class_of_.size() + 1 == std::max<size_t>(seen, 1);
    std::vector<uint8_t> taken(other.classes_.size());
    for (const uint32_t c : other.class_of_) {
      good = good && c < other.classes_.size() && other.classes_.seen(c) && taken[c]++ == 0;
    }
    if (in.ok() && !good) in.Fail("the classes of a factorization machine do not fit");
    for (size_t m = 0; m < other.class_of_.size() && in.ok(); ++m) {
      other.machines_.emplace_back(options_, inputs_, m);
      other.machines_.back().Load(in);
    }
    if (!in.ok()) return in.status();
    *this = std::move(other);
    return Status::Ok();
  }

  std::unique_ptr<Model> Fresh() const override {
    return std::make_unique<FactorClassifier>(options_, inputs_);
  }
  size_t MemoryBytes() const override {
    size_t bytes = sizeof *this + HeapBytesOf(inputs_) + classes_.MemoryBytes() +
                   class_of_.capacity() * sizeof(uint32_t) + machines_.capacity() * sizeof(Machine);
    for (const Machine& machine : machines_) bytes += machine.HeapBytes();
    return bytes;
  }
  std::vector<std::pair<std::string, std::string>> Summary() const override {
    auto facts = classes_.Summary();
    size_t positions = 0;
    for (const Machine& machine : machines_) positions += machine.positions();
    facts.emplace_back("positions", std::to_string(positions));
    return facts;
  }

 private:
  /// For Softmax.
  struct Seen {
    const bayes::ClassWeights& classes;
    int operator[](size_t c) const { return classes.seen(c) ? 1 : 0; }
  };

  FactorizationMachineOptions options_;
  InputSpec inputs_;
  bayes::ClassWeights classes_;
  std::vector<uint32_t> class_of_;  ///< By machine.
  std::vector<Machine> machines_;
};

/// Its machine predicts how many deviations the target lies from the mean of those so far.
class FactorRegressor final : public Model {
 public:
  FactorRegressor(const FactorizationMachineOptions& options, const InputSpec& inputs)
      : options_(options), inputs_(inputs), machine_(options, inputs, 0) {}

  Task task() const override { return Task::kRegression; }

  void Predict(const Input& input, std::vector<double>& out) const override {
    out.assign(1, 0);
    if (learnt_ == 0) return;
    out[0] = targets_.Bounded(targets_.mean + targets_.Deviation(learnt_) * machine_.Score(input));
  }

  void Learn(const Input& input, double target, double weight) override {
    if (input.dense.size() != inputs_.dense.size() || !TargetRange::IsLesson(target, weight)) {
      ++ignored_;
      return;
    }
    targets_.Meet(target, learnt_++);
    const double deviation = targets_.Deviation(learnt_);
    if (!(deviation > 0)) return;
    const double wanted = (target - targets_.mean) / deviation;
    machine_.Step(input, weight * (machine_.Score(input) - wanted));
  }

  void Save(StateWriter& out) const override {
    out.Section("factor_regressor", 1);
    out.U64(learnt_);
    out.U64(ignored_);
    targets_.Save(out);
    machine_.Save(out);
  }

  Status Load(StateReader& in) override {
    FactorRegressor other(options_, inputs_);
    in.Section("factor_regressor", 1);
    other.learnt_ = in.U64();
    other.ignored_ = in.U64();
    if (!other.targets_.Load(in)) in.Fail("the targets of a factorization machine cannot be");
    if (in.ok()) other.machine_.Load(in);
    if (!in.ok()) return in.status();
    *this = std::move(other);
    return Status::Ok();
  }

  std::unique_ptr<Model> Fresh() const override {
    return std::make_unique<FactorRegressor>(options_, inputs_);
  }
  size_t MemoryBytes() const override {
    return sizeof *this + HeapBytesOf(inputs_) + machine_.HeapBytes();
  }
  std::vector<std::pair<std::string, std::string>> Summary() const override {
    return {{"records", std::to_string(learnt_)},
            {"skipped", std::to_string(ignored_)},
            {"positions", std::to_string(machine_.positions())}};
  }

 private:
  FactorizationMachineOptions options_;
  InputSpec inputs_;
  TargetRange targets_;
  uint64_t learnt_ = 0;
  uint64_t ignored_ = 0;
  Machine machine_;
};

Status Check(const FactorizationMachineOptions& options, const InputSpec& inputs) {
  LEAT_RETURN_IF_ERROR(trees::CheckRanges(options));
  return bayes::RefuseNominal(inputs, "a factorization machine");
}

}  // namespace

void Describe(Params& params, FactorizationMachineOptions& options) {
  params.Integer("factors", options.factors, {0, 256},
                 "Hidden numbers of each input, whose products are what pairs say; 0: none.");
  params.Enumeration("optimizer", options.optimizer, kOptimizers,
                     "Plain gradient steps, or steps that shrink by number (adagrad).");
  params.Number("learning_rate", options.learning_rate, {1e-9, 10}, "Size of a step.");
  params.Number("l2", options.l2, {0, 1e3}, "Penalty on the square of weights.");
  params.Number("factor_l2", options.factor_l2, {0, 1e3}, "Penalty on the square of factors.");
  params.Number("spread", options.spread, {0, 1, true, false},
                "Factors start at random between minus and plus this.");
  params.Integer("seed", options.seed, {0, 1e15}, "Of the factors at the start.");
  params.Integer("max_classes", options.max_classes, {2, 65536},
                 "Labels at or beyond this index are ignored and counted.");
}

Result<std::unique_ptr<Model>> MakeFactorizationMachine(const FactorizationMachineOptions& options,
                                                        const InputSpec& inputs) {
  LEAT_RETURN_IF_ERROR(Check(options, inputs));
  return std::unique_ptr<Model>(std::make_unique<FactorClassifier>(options, inputs));
}

Result<std::unique_ptr<Model>> MakeFactorizationMachineRegressor(
    const FactorizationMachineOptions& options, const InputSpec& inputs) {
  LEAT_RETURN_IF_ERROR(Check(options, inputs));
  return std::unique_ptr<Model>(std::make_unique<FactorRegressor>(options, inputs));
}

}  // namespace leat
