/// Multinomial and Bernoulli naive Bayes: both keep tables of counts.
#include <cmath>

#include "leat/bayes.h"
#include "models/bayes/classes.h"
#include "models/softmax.h"

namespace leat {
namespace {

class MultinomialNb final : public Model {
 public:
  MultinomialNb(const MultinomialNbOptions& options, const InputSpec& inputs)
      : options_(options),
        inputs_(inputs),
        classes_(options.max_classes, options.uniform_prior),
        counts_(inputs.dense.size() + inputs.sparse_size, options.alpha) {}

  Task task() const override { return Task::kClassification; }

  void Predict(const Input& input, std::vector<double>& out) const override {
    out.assign(classes_.size(), 0.0);
    if (out.empty()) return;
    double amount = 0;
    ForEach(input, [&](size_t feature, double x) {
      amount += x;
      const double* logs = counts_.Logs(feature);
      for (size_t c = 0; c < out.size(); ++c) out[c] += x * logs[c];
    });
    for (size_t c = 0; c < out.size(); ++c) {
      out[c] += classes_.LogPrior(c) - amount * log_totals_[c];
    }
    Softmax(out, classes_.weights());
  }

  void Learn(const Input& input, double target, double weight) override {
    if (!classes_.Accepts(target, weight)) return;
    const size_t c = static_cast<size_t>(target);
    if (classes_.Add(c, weight)) Grow();
    ForEach(input, [&](size_t feature, double x) {
      counts_.Add(feature, c, x * weight);
      totals_[c] += x * weight;
    });
    log_totals_[c] = LogTotal(c);
  }

  void Save(StateWriter& out) const override {
    out.Section("multinomial_nb", 1);
    classes_.Save(out);
    counts_.Save(out);
    out.Array(totals_);
  }
  Status Load(StateReader& in) override {
    in.Section("multinomial_nb", 1);
    MultinomialNb loaded(options_, inputs_);
    loaded.classes_.Load(in);
    if (in.ok()) loaded.counts_.Load(in, loaded.classes_.size());
    in.Array(loaded.totals_);
    bool good = loaded.totals_.size() == loaded.classes_.size();
    for (const double t : loaded.totals_) good = good && t >= 0 && std::isfinite(t);
    if (in.ok() && !good) in.Fail("the totals of the state do not fit");
    if (!in.ok()) return in.status();
    for (size_t c = 0; c < loaded.totals_.size(); ++c) {
      loaded.log_totals_.push_back(loaded.LogTotal(c));
    }
    *this = std::move(loaded);
    return Status::Ok();
  }

  std::unique_ptr<Model> Fresh() const override {
    return std::make_unique<MultinomialNb>(options_, inputs_);
  }
  size_t MemoryBytes() const override {
    return sizeof *this + HeapBytesOf(inputs_) + classes_.MemoryBytes() + counts_.MemoryBytes() +
           sizeof(double) * (totals_.capacity() + log_totals_.capacity()) + 2 * kAllocation;
  }
  std::vector<std::pair<std::string, std::string>> Summary() const override {
    return classes_.Summary();
  }

 private:
  void Grow() {
    counts_.Grow(classes_.size());
    totals_.resize(classes_.size(), 0.0);
    for (size_t c = log_totals_.size(); c < totals_.size(); ++c) {
      log_totals_.push_back(LogTotal(c));
    }
  }
  double LogTotal(size_t c) const {
    return std::log(totals_[c] + options_.alpha * static_cast<double>(counts_.features()));
  }
  template <typename Visit>
  void ForEach(const Input& input, const Visit& visit) const {
    const size_t dense = inputs_.dense.size();
    for (size_t i = 0; i < dense; ++i) {
      const double x = input.dense[i];
      if (x > 0 && bayes::Usable(x)) visit(i, x);
    }
    for (const SparseEntry& entry : input.sparse) {
      const double x = static_cast<double>(entry.value);
      if (x > 0 && bayes::Usable(x) && entry.index < inputs_.sparse_size) {
        visit(dense + entry.index, x);
      }
    }
  }

  MultinomialNbOptions options_;
  InputSpec inputs_;
  bayes::ClassWeights classes_;
  bayes::CountTable counts_;
  std::vector<double> totals_, log_totals_;  // by class: all counts; log of them plus alpha each
};

class BernoulliNb final : public Model {
 public:
  BernoulliNb(const BernoulliNbOptions& options, const InputSpec& inputs)
      : options_(options),
        inputs_(inputs),
        classes_(options.max_classes, options.uniform_prior),
        present_(inputs.dense.size() + inputs.sparse_size, options.alpha),
        absent_(inputs.dense.size(), options.alpha),
        // log(present + absent + 2 alpha): a table whose counts are the records with the attribute.
        known_(inputs.dense.size(), 2 * options.alpha) {}

  Task task() const override { return Task::kClassification; }

  void Predict(const Input& input, std::vector<double>& out) const override {
    out.assign(classes_.size(), 0.0);
    if (out.empty()) return;
    const size_t dense = inputs_.dense.size();
    for (size_t i = 0; i < dense; ++i) {
      if (!bayes::Usable(input.dense[i])) continue;
      const double* logs = input.dense[i] > options_.threshold ? present_.Logs(i) : absent_.Logs(i);
      const double* known = known_.Logs(i);
      for (size_t c = 0; c < out.size(); ++c) out[c] += logs[c] - known[c];
    }
    double found = 0;
    for (const SparseEntry& entry : input.sparse) {
      if (!Present(entry)) continue;
      found += 1;
      const double* logs = present_.Logs(dense + entry.index);
      for (size_t c = 0; c < out.size(); ++c) out[c] += logs[c];
    }
    for (size_t c = 0; c < out.size(); ++c) {
      if (!classes_.seen(c)) continue;
      out[c] += classes_.LogPrior(c);
      if (found > 0) out[c] -= found * std::log(classes_.weight(c) + 2 * options_.alpha);
    }
    Softmax(out, classes_.weights());
  }

  void Learn(const Input& input, double target, double weight) override {
    if (!classes_.Accepts(target, weight)) return;
    const size_t c = static_cast<size_t>(target);
    if (classes_.Add(c, weight)) {
      for (bayes::CountTable* table : {&present_, &absent_, &known_}) table->Grow(classes_.size());
    }
    const size_t dense = inputs_.dense.size();
    for (size_t i = 0; i < dense; ++i) {
      if (!bayes::Usable(input.dense[i])) continue;
      (input.dense[i] > options_.threshold ? present_ : absent_).Add(i, c, weight);
      known_.Add(i, c, weight);
    }
    for (const SparseEntry& entry : input.sparse) {
      if (Present(entry)) present_.Add(dense + entry.index, c, weight);
    }
  }

  void Save(StateWriter& out) const override {
    out.Section("bernoulli_nb", 1);
    classes_.Save(out);
    present_.Save(out);
    absent_.Save(out);
    known_.Save(out);
  }
  Status Load(StateReader& in) override {
    in.Section("bernoulli_nb", 1);
    BernoulliNb loaded(options_, inputs_);
    loaded.classes_.Load(in);
    for (bayes::CountTable* table : {&loaded.present_, &loaded.absent_, &loaded.known_}) {
      if (in.ok()) table->Load(in, loaded.classes_.size());
    }
    if (!in.ok()) return in.status();
    *this = std::move(loaded);
    return Status::Ok();
  }

  std::unique_ptr<Model> Fresh() const override {
    return std::make_unique<BernoulliNb>(options_, inputs_);
  }
  size_t MemoryBytes() const override {
    return sizeof *this + HeapBytesOf(inputs_) + classes_.MemoryBytes() + present_.MemoryBytes() +
           absent_.MemoryBytes() + known_.MemoryBytes();
  }
  std::vector<std::pair<std::string, std::string>> Summary() const override {
    return classes_.Summary();
  }

 private:
  bool Present(const SparseEntry& entry) const {
    return static_cast<double>(entry.value) > options_.threshold &&
           entry.index < inputs_.sparse_size;
  }

  BernoulliNbOptions options_;
  InputSpec inputs_;
  bayes::ClassWeights classes_;
  bayes::CountTable present_, absent_, known_;
};

Status CheckCounts(const InputSpec& inputs, std::string_view type, double alpha,
                   int64_t max_classes) {
  LEAT_RETURN_IF_ERROR(bayes::RefuseNominal(inputs, type));
  if (!(alpha >= 1e-10 && alpha <= 1e6) || max_classes < 2 || max_classes > 65536) {
    return Status::Invalid("an option of " + std::string(type) + " is out of its range");
  }
  return Status::Ok();
}

void DescribeShared(Params& params, bool& uniform_prior, int64_t& max_classes) {
  params.Boolean("uniform_prior", uniform_prior, "Treat all classes as equally likely beforehand.");
  params.Integer("max_classes", max_classes, {2, 65536},
                 "Labels at or beyond this index are ignored and counted.");
}

}  // namespace

void Describe(Params& params, MultinomialNbOptions& options) {
  params.Number("alpha", options.alpha, {1e-10, 1e6},
                "Count that every feature has in every class beforehand.");
  DescribeShared(params, options.uniform_prior, options.max_classes);
}

void Describe(Params& params, BernoulliNbOptions& options) {
  params.Number("alpha", options.alpha, {1e-10, 1e6},
                "Records with, and records without, that every feature has beforehand.");
  params.Number("threshold", options.threshold, {}, "A value above it means the feature is there.");
  DescribeShared(params, options.uniform_prior, options.max_classes);
}

Result<std::unique_ptr<Model>> MakeMultinomialNb(const MultinomialNbOptions& options,
                                                 const InputSpec& inputs) {
  LEAT_RETURN_IF_ERROR(CheckCounts(inputs, "multinomial_nb", options.alpha, options.max_classes));
  return std::unique_ptr<Model>(std::make_unique<MultinomialNb>(options, inputs));
}

Result<std::unique_ptr<Model>> MakeBernoulliNb(const BernoulliNbOptions& options,
                                               const InputSpec& inputs) {
  LEAT_RETURN_IF_ERROR(CheckCounts(inputs, "bernoulli_nb", options.alpha, options.max_classes));
  if (!std::isfinite(options.threshold)) {
    return Status::Invalid("the threshold of bernoulli_nb must be a finite number");
  }
  return std::unique_ptr<Model>(std::make_unique<BernoulliNb>(options, inputs));
}

}  // namespace leat
