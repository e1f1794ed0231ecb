#include "models/trees/naive_bayes_mixed.h"

#include <cmath>
#include <cstdio>

namespace leat::trees {
namespace {

size_t CountsBytes(size_t classes) {
  return classes == 0 ? 0 : classes * sizeof(double) + kAllocation;
}

}  // namespace

NaiveBayesMixed::NaiveBayesMixed(const NaiveBayesOptions& options, const InputSpec& spec)
    : options_(options), spec_(spec), layout_(spec_, options.max_nominal_values) {
  bytes_ = BaseBytes();
}

size_t NaiveBayesMixed::BaseBytes() const {
  return sizeof(NaiveBayesMixed) + layout_.MemoryBytes() + HeapBytesOf(spec_);
}

size_t NaiveBayesMixed::MinimumBytes(const NaiveBayesOptions& options, const InputSpec& spec) {
  const NaiveBayesMixed model(options, spec);
  return model.bytes_ + CountsBytes(2) + kAllocation +
         2 * (ClassStats(model.layout_).MemoryBytes(model.layout_) + sizeof(void*) +
              model.layout_.nominal.size() * (kAllocation + 2 * sizeof(double)));
}

void NaiveBayesMixed::Votes(const Input& input, std::vector<double>& out) const {
  out.clear();
  if (input.dense.size() != layout_.size()) return;
  const Row row(layout_, input.dense);
  out.resize(counts_.size());
  observers_.ExactVotes(layout_, counts_, row, out.data());
}

size_t NaiveBayesMixed::Classify(const Input& input) const {
  if (input.dense.size() != layout_.size()) return 0;
  return observers_.BestClass(layout_, counts_, Row(layout_, input.dense));
}

void NaiveBayesMixed::Predict(const Input& input, std::vector<double>& out) const {
  out.assign(counts_.size(), 0);
  if (counts_.empty()) return;
  if (input.dense.size() == layout_.size()) {
    const Row row(layout_, input.dense);
    size_t best = 0;
    if (observers_.FastScores(layout_, counts_, row, out.data(), &best)) {
      return Softmax(out, out[best]);
    }
    observers_.ExactVotes(layout_, counts_, row, out.data());
  }
  Normalise(out);
}

void NaiveBayesMixed::Learn(const Input& input, double target, double weight) {
  if (input.dense.size() != layout_.size() || !IsLesson(target, weight)) {
    ++ignored_;
    return;
  }
  const auto label = static_cast<size_t>(target);
  const Row row(layout_, input.dense);
  size_t growth = observers_.GrowthOf(layout_, row, label);
  if (label >= counts_.size()) growth += CountsBytes(label + 1) - CountsBytes(counts_.size());
  if (growth > 0 && bytes_ + growth > static_cast<size_t>(options_.max_bytes)) {
    ++ignored_;
    return;
  }
  if (label >= counts_.size()) {
    counts_.reserve(label + 1);
    counts_.resize(label + 1);
  }
  counts_[label] += weight;
  observers_.Learn(layout_, row, label, weight, true);
  bytes_ += growth;
}

void NaiveBayesMixed::Save(StateWriter& out) const {
  out.Section("naive_bayes", 1);
  out.Array(layout_.is_nominal);
  out.U64(ignored_);
  out.Array(counts_);
  observers_.Save(layout_, out);
}

Status NaiveBayesMixed::Load(StateReader& in) {
  in.Section("naive_bayes", 1);
  std::vector<uint8_t> is_nominal;
  in.Array(is_nominal);
  if (in.ok() && is_nominal != layout_.is_nominal) {
    in.Fail("the naive_bayes was saved with other attributes");
  }
  const uint64_t ignored = in.U64();
  std::vector<double> counts;
  in.Array(counts);
  if (counts.size() > kMaxClasses) in.Fail("impossible number of classes");
  for (const double count : counts) {
    if (!std::isfinite(count) || count < 0) in.Fail("class counts are not weights");
  }
  Observers observers;
  observers.Load(layout_, in);
  if (!in.ok()) return in.status();
  ignored_ = ignored;
  counts_ = std::move(counts);
  observers_ = std::move(observers);
  bytes_ = BaseBytes() + CountsBytes(counts_.size()) + observers_.MemoryBytes(layout_);
  return Status::Ok();
}

std::unique_ptr<Model> NaiveBayesMixed::Fresh() const {
  return std::make_unique<NaiveBayesMixed>(options_, spec_);
}

std::vector<std::pair<std::string, std::string>> NaiveBayesMixed::Summary() const {
  char weight[32];
  std::snprintf(weight, sizeof weight, "%.6g", Sum(counts_));
  return {{"weight seen", weight},
          {"classes", std::to_string(counts_.size())},
          {"rows ignored", std::to_string(ignored_)}};
}

}  // namespace leat::trees
