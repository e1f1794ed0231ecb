/// What every learner is: predict a record, later learn from its target.
///
/// Shapes: an Input has a dense part of fixed length (numbers as they are, nominal values as codes
/// 0, 1, ...; NaN is missing) and a sparse part of (index, value) pairs, index < sparse_size.
/// Targets: a classifier is told the index of the class (0, 1, ...; classes may appear at any
/// time, so indices grow), a regressor the number. Determinism: the same sequence of calls gives
/// the same bytes from Save. Thread safety: const methods may run concurrently; others need outside
/// locking. Errors: only Load can fail; Learn ignores (and counts) targets that are not finite.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "leat/state.h"
#include "leat/status.h"

namespace leat {

struct SparseEntry {
  uint32_t index = 0;
  float value = 1;
};

/// A record as a model sees it; views into somebody else's memory.
struct Input {
  std::span<const double> dense;
  std::span<const SparseEntry> sparse;
};

/// What one position of the dense part holds.
struct DenseAttribute {
  std::string name;
  bool nominal = false;  ///< Codes 0..values-1 instead of a quantity.
  uint32_t values = 0;   ///< Number of nominal values known at the start; 0 is "it grows".
};

/// The fixed layout of a model's inputs.
struct InputSpec {
  std::vector<DenseAttribute> dense;
  uint32_t sparse_size = 0;  ///< Sparse indices are below this.
};

enum class Task { kClassification, kRegression, kClustering, kAnomaly };
/// Learns from every record, whether it has a label or not.
inline bool NeedsNoLabel(Task task) { return task == Task::kClustering || task == Task::kAnomaly; }

class Model {
 public:
  virtual ~Model() = default;
  virtual Task task() const = 0;

  /// Writes the prediction into `out`, which it resizes (its capacity is kept, so steady state
  /// allocates nothing). Classification: a probability per class seen so far, summing to 1; empty
  /// while nothing was learnt. Regression: one number. Clustering: the squared distance to each
  /// centre; empty while there is none. Anomaly detection: one number, higher is odder; empty while
  /// there is nothing to compare with.
  virtual void Predict(const Input& input, std::vector<double>& out) const = 0;

  /// Of a model whose predictions have regions (leat/conformal.h): a target is in the region of a
  /// prediction made now if |target - prediction|, or 1 - the probability of the class, is at most
  /// this; infinite while too few targets were seen. NaN: there are no regions.
  virtual double Radius() const { return std::numeric_limits<double>::quiet_NaN(); }

  /// Learns one labelled record with a weight > 0 (clustering and anomaly detection ignore the
  /// target).
  virtual void Learn(const Input& input, double target, double weight) = 0;

  /// Predict followed by Learn, at less cost where a type can: same results, bit for bit. What
  /// loops use whose labels come at once.
  virtual void PredictAndLearn(const Input& input, double target, double weight,
                               std::vector<double>& out) {
    Predict(input, out);
    Learn(input, target, weight);
  }

  virtual void Save(StateWriter& out) const = 0;
  /// Replaces the state by one that Save of a model with the same options and InputSpec wrote.
  virtual Status Load(StateReader& in) = 0;

  /// A new model with the same options and layout that has learnt nothing.
  virtual std::unique_ptr<Model> Fresh() const = 0;

  /// Bytes held, within a few percent; cheap enough to ask every thousand records.
  virtual size_t MemoryBytes() const = 0;

  /// Facts for people: weights seen, nodes, depth, non-zero weights.
  virtual std::vector<std::pair<std::string, std::string>> Summary() const { return {}; }
};

}  // namespace leat
