/// A classifier that learns the records of some classes with a higher weight.
#include <algorithm>
#include <cmath>
#include <utility>

#include "leat/composition.h"
#include "models/composition/class_weights.h"
#include "models/heap_bytes.h"
#include "models/wrapped.h"

namespace leat {
namespace {

constexpr double kMostBalanced = 1000;  // Of what `balanced` gives: one record must not be all.
constexpr double kLargestCount = 1e15;

class Weighted final : public Wrapped {
 public:
  Weighted(std::unique_ptr<Model> model, ClassWeight rule, std::vector<double> weights)
      : Wrapped(std::move(model)), rule_(rule), weights_(std::move(weights)) {}

  void Learn(const Input& input, double target, double weight) override {
    if (IsClass(target) && weight > 0 && weight <= kLargestCount) {
      weight *= WeightOf(static_cast<size_t>(target), weight);
    }
    model_->Learn(input, target, weight);
  }

  void Save(StateWriter& out) const override {
    out.Section("weighted_classes", 1);
    out.Array(counts_);
    model_->Save(out);
  }
  Status Load(StateReader& in) override {
    in.Section("weighted_classes", 1);
    std::vector<double> counts;
    in.Array(counts);
    bool good = counts.size() <= (rule_ == ClassWeight::kBalanced ? kMostWrappedClasses : 0);
    for (const double count : counts) good = good && count >= 0 && std::isfinite(count);
    if (in.ok() && !good) in.Fail("the counts of class weights do not fit");
    if (!in.ok()) return in.status();
    LEAT_RETURN_IF_ERROR(model_->Load(in));
    counts_ = std::move(counts);
    return Status::Ok();
  }

  std::unique_ptr<Model> Fresh() const override {
    return std::make_unique<Weighted>(model_->Fresh(), rule_, weights_);
  }
  size_t MemoryBytes() const override {
    return sizeof *this + sizeof(double) * (counts_.capacity() + weights_.capacity()) +
           model_->MemoryBytes();
  }

 private:
  /// Counts a record, with its weight, and says what its class is worth.
  double WeightOf(size_t c, double weight) {
    const double fixed = c < weights_.size() ? weights_[c] : 1;
    if (rule_ != ClassWeight::kBalanced) return fixed;
    Lengthen(counts_, c + 1);
    counts_[c] += weight;
    return fixed * std::min(BalancedWeight(counts_, c), kMostBalanced);
  }

  ClassWeight rule_;
  std::vector<double> weights_;  ///< By class; 1 beyond the end.
  std::vector<double> counts_;   ///< Weight learnt, by class; of `balanced` alone.
};

}  // namespace

void Describe(Params& params, ClassWeightOptions& options) {
  const bool any = options.class_weight != ClassWeight::kNone || !options.class_weights.empty();
  if (!params.Wants(any)) return;
  DescribeClassWeights(params, options.class_weight, options.class_weights);
}

Result<std::unique_ptr<Model>> MakeWeighted(std::unique_ptr<Model> model,
                                            const ClassWeightOptions& options) {
  if (options.class_weight == ClassWeight::kNone && options.class_weights.empty()) return model;
  if (model->task() != Task::kClassification) {
    return Status::Invalid("only classifiers have class weights");
  }
  LEAT_ASSIGN_OR_RETURN(std::vector<double> weights,
                        ParseClassWeights(options.class_weights, kMostWrappedClasses));
  return std::unique_ptr<Model>(
      std::make_unique<Weighted>(std::move(model), options.class_weight, std::move(weights)));
}

}  // namespace leat
