/// A classifier that learns rare classes as if they were less rare, and says what they are.
#include <array>
#include <cmath>
#include <utility>

#include "base/random.h"
#include "leat/composition.h"
#include "models/calibration/logistic_filter.h"
#include "models/heap_bytes.h"
#include "models/trees/range_check.h"
#include "models/wrapped.h"

namespace leat {
namespace {

constexpr std::array<std::string_view, 3> kBalances = {"none", "weights", "sampling"};
constexpr uint64_t kSamplingDraws = 0x62616c616e6365;  // Names this component's random numbers.
constexpr uint64_t kManyDraws = kSamplingDraws + 1;    // Those of rates that take two draws.
constexpr double kHighestRate = 1000;
static_assert(kHighestRate <= 2 * CounterRandom::kMostInverted);

class Balanced final : public Wrapped {
 public:
  Balanced(std::unique_ptr<Model> model, const BalanceOptions& options)
      : Wrapped(std::move(model)),
        options_(options),
        keep_(Exp(-0.6931471805599453 / options.half_life)) {}

  void Predict(const Input& input, std::vector<double>& out) const override {
    model_->Predict(input, out);
    if (out.size() < 2) return;
    double sum = 0;
    for (size_t c = 0; c < out.size(); ++c) sum += out[c] /= Rate(c);
    for (double& p : out) p /= sum;
  }

  void Learn(const Input& input, double target, double weight) override {
    const bool usable = IsClass(target) && weight > 0 && weight <= 1e50;
    if (!usable) return model_->Learn(input, target, weight);
    const auto label = static_cast<size_t>(target);
    Lengthen(counts_, label + 1);
    for (double& count : counts_) count *= keep_;
    counts_[label] += 1;
    Normalise();
    double times = Rate(label);
    if (options_.balance == Balance::kSampling) {
      CounterRandom random = times > CounterRandom::kMostInverted
                                 ? CounterRandom(0, kManyDraws, 2 * labels_)
                                 : CounterRandom(0, kSamplingDraws, labels_);
      times = static_cast<double>(random.Poisson(times));
    }
    ++labels_;
    if (times > 0) model_->Learn(input, target, weight * times);
  }

  void Save(StateWriter& out) const override {
    out.Section("balance", 1);
    out.U64(labels_);
    out.Array(counts_);
    model_->Save(out);
  }
  Status Load(StateReader& in) override {
    in.Section("balance", 1);
    const uint64_t labels = in.U64();
    std::vector<double> counts;
    in.Array(counts);
    bool good = counts.size() <= kMostWrappedClasses;
    for (const double count : counts) good = good && count >= 0 && count <= 1e15;
    if (in.ok() && !good) in.Fail("the counts of a balance do not fit");
    if (!in.ok()) return in.status();
    LEAT_RETURN_IF_ERROR(model_->Load(in));
    labels_ = labels;
    counts_ = std::move(counts);
    Normalise();
    return Status::Ok();
  }

  std::unique_ptr<Model> Fresh() const override {
    return std::make_unique<Balanced>(model_->Fresh(), options_);
  }
  size_t MemoryBytes() const override {
    return sizeof *this + sizeof(double) * counts_.capacity() + model_->MemoryBytes();
  }

 private:
  /// What makes the mean rate 1: the sum of pi^(1 - strength).
  void Normalise() {
    total_ = scale_ = 0;
    for (const double count : counts_) total_ += count;
    for (const double count : counts_) {
      if (count > kLeastCount) scale_ += Exp((1 - options_.strength) * Ln(count / total_));
    }
  }
  /// How often a record of a class counts; 1 for one that has not come yet.
  double Rate(size_t c) const {
    if (c >= counts_.size() || !(counts_[c] > kLeastCount) || !(scale_ > 0)) return 1;
    const double rate = Exp(-options_.strength * Ln(counts_[c] / total_)) / scale_;
    return std::min(rate, kHighestRate);
  }

  static constexpr double kLeastCount = 1e-12;  // Long forgotten.

  BalanceOptions options_;
  double keep_;
  uint64_t labels_ = 0;
  std::vector<double> counts_;    ///< By class.
  double total_ = 0, scale_ = 0;  ///< Follow from the counts.
};

}  // namespace

void Describe(Params& params, BalanceOptions& options) {
  if (!params.Wants(options.balance != Balance::kNone)) return;
  params.Enumeration(
      "balance", options.balance, kBalances,
      "Rare classes are learnt with a higher weight, or more often and frequent ones "
      "less; the probabilities are corrected for it.");
  params.Number("balance_strength", options.strength, {0, 1, true, false},
                "1 makes all classes alike, less keeps a part of their sizes.");
  params.Number("balance_half_life", options.half_life,
                {10, std::numeric_limits<double>::infinity(), false, true},
                "Labels until an old one counts half in the shares of the classes.");
}

Result<std::unique_ptr<Model>> MakeBalanced(std::unique_ptr<Model> model,
                                            const BalanceOptions& options) {
  if (options.balance == Balance::kNone) return model;
  LEAT_RETURN_IF_ERROR(trees::CheckRanges(options));
  if (model->task() != Task::kClassification) {
    return Status::Invalid("only classifiers can be balanced");
  }
  return std::unique_ptr<Model>(std::make_unique<Balanced>(std::move(model), options));
}

}  // namespace leat
