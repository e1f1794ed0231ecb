/// Naive Bayes for numbers and nominal values together; see include/leat/hoeffding_tree.h.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "leat/hoeffding_tree.h"
#include "models/trees/observers.h"

namespace leat::trees {

class NaiveBayesMixed final : public Model {
 public:
  NaiveBayesMixed(const NaiveBayesOptions& options, const InputSpec& spec);

  Task task() const override { return Task::kClassification; }
  void Predict(const Input& input, std::vector<double>& out) const override;
  void Learn(const Input& input, double target, double weight) override;
  void Save(StateWriter& out) const override;
  Status Load(StateReader& in) override;
  std::unique_ptr<Model> Fresh() const override;
  size_t MemoryBytes() const override { return bytes_; }
  std::vector<std::pair<std::string, std::string>> Summary() const override;

  /// The votes as they are: products of densities, not normalised.
  void Votes(const Input& input, std::vector<double>& out) const;
  /// The class of the highest vote: the first maximum, 0 without a vote.
  size_t Classify(const Input& input) const;

  /// The least max_bytes with which the layout can learn.
  static size_t MinimumBytes(const NaiveBayesOptions& options, const InputSpec& spec);

  uint64_t ignored() const { return ignored_; }

 private:
  size_t BaseBytes() const;

  NaiveBayesOptions options_;
  InputSpec spec_;
  AttributeLayout layout_;
  std::vector<double> counts_;
  Observers observers_;
  uint64_t ignored_ = 0;
  size_t bytes_ = 0;
};

}  // namespace leat::trees
