#include <cmath>
#include <numbers>

#include "leat/bayes.h"
#include "models/bayes/classes.h"
#include "models/softmax.h"

namespace leat {
namespace {

/// Running weight, mean and sum of squared deviations.
struct Moments {
  double weight = 0, mean = 0, squares = 0;

  void Add(double x, double w) {
    weight += w;
    const double before = x - mean;
    mean += w * before / weight;
    squares += w * before * (x - mean);
  }
  double variance() const { return weight > 0 ? squares / weight : 0; }
};

class GaussianNb final : public Model {
 public:
  GaussianNb(const GaussianNbOptions& options, const InputSpec& inputs)
      : options_(options),
        inputs_(inputs),
        size_(inputs.dense.size()),
        classes_(options.max_classes, options.uniform_prior) {}

  Task task() const override { return Task::kClassification; }

  void Predict(const Input& input, std::vector<double>& out) const override {
    out.resize(classes_.size());
    if (out.empty()) return;
    for (size_t c = 0; c < out.size(); ++c) out[c] = classes_.seen(c) ? Score(input, c) : 0.0;
    Softmax(out, classes_.weights());
  }

  void Learn(const Input& input, double target, double weight) override {
    if (!classes_.Accepts(target, weight)) return;
    const size_t c = static_cast<size_t>(target);
    if (classes_.Add(c, weight)) moments_.resize(classes_.size() * size_);
    Moments* own = &moments_[c * size_];
    for (size_t i = 0; i < size_; ++i) {
      if (bayes::Usable(input.dense[i])) own[i].Add(input.dense[i], weight);
    }
  }

  void Save(StateWriter& out) const override {
    out.Section("gaussian_nb", 1);
    classes_.Save(out);
    out.Array(moments_);
  }
  Status Load(StateReader& in) override {
    in.Section("gaussian_nb", 1);
    bayes::ClassWeights classes(options_.max_classes, options_.uniform_prior);
    classes.Load(in);
    std::vector<Moments> moments;
    in.Array(moments);
    bool good = moments.size() == classes.size() * size_;
    for (const Moments& m : moments) {
      good = good && std::isfinite(m.weight) && std::isfinite(m.mean) && std::isfinite(m.squares) &&
             m.weight >= 0;
    }
    if (in.ok() && !good) in.Fail("the moments of the state do not fit");
    if (!in.ok()) return in.status();
    classes_ = std::move(classes);
    moments_ = std::move(moments);
    return Status::Ok();
  }

  std::unique_ptr<Model> Fresh() const override {
    return std::make_unique<GaussianNb>(options_, inputs_);
  }
  size_t MemoryBytes() const override {
    return sizeof *this + HeapBytesOf(inputs_) + classes_.MemoryBytes() +
           sizeof(Moments) * moments_.capacity() + kAllocation;
  }
  std::vector<std::pair<std::string, std::string>> Summary() const override {
    return classes_.Summary();
  }

 private:
  /// Log prior plus the sum of log(floor + density). Densities are multiplied and the product's
  /// logarithm is taken before it can leave the range of a double: one logarithm for many factors.
  double Score(const Input& input, size_t c) const {
    double sum = classes_.LogPrior(c);
    double product = 1;
    const Moments* own = &moments_[c * size_];
    for (size_t i = 0; i < size_; ++i) {
      const double x = input.dense[i];
      if (!bayes::Usable(x)) continue;
      const double variance = own[i].variance();
      double density = 0;
      if (variance > 0) {
        const double distance = x - own[i].mean;
        density = std::exp(-(distance * distance) / (2 * variance)) /
                  std::sqrt(2 * std::numbers::pi * variance);
      }
      product *= options_.floor + density;
      if (product < 1e-100 || product > 1e100) {
        sum += std::log(product);
        product = 1;
      }
    }
    return sum + std::log(product);
  }

  GaussianNbOptions options_;
  InputSpec inputs_;
  size_t size_;
  bayes::ClassWeights classes_;
  std::vector<Moments> moments_;  // by class, then attribute
};

}  // namespace

void Describe(Params& params, GaussianNbOptions& options) {
  params.Number("floor", options.floor, {1e-100, 1},
                "Added to every density, so that one unlikely value cannot rule a class out.");
  params.Boolean("uniform_prior", options.uniform_prior,
                 "Treat all classes as equally likely beforehand.");
  params.Integer("max_classes", options.max_classes, {2, 65536},
                 "Labels at or beyond this index are ignored and counted.");
}

Result<std::unique_ptr<Model>> MakeGaussianNb(const GaussianNbOptions& options,
                                              const InputSpec& inputs) {
  LEAT_RETURN_IF_ERROR(bayes::RefuseNominal(inputs, "gaussian_nb"));
  if (inputs.sparse_size > 0) {
    return Status::Invalid("gaussian_nb reads no sparse features: use multinomial_nb for those");
  }
  if (!(options.floor >= 1e-100 && options.floor <= 1) || options.max_classes < 2 ||
      options.max_classes > 65536) {
    return Status::Invalid("an option of gaussian_nb is out of its range");
  }
  return std::unique_ptr<Model>(std::make_unique<GaussianNb>(options, inputs));
}

}  // namespace leat
