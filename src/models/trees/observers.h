/// What a leaf (or a naive Bayes model) knows of its inputs: per class a Gaussian for each numeric
/// attribute and value weights for each nominal one, and the naive Bayes vote made of them; where
/// it is asked for the values of each number themselves (value_cells.h), for choosing thresholds.
///
/// Layout: per class one block of numbers, attribute after attribute, statistic after statistic, so
/// that a row updates and scores them two at a time. Beside the statistics the block caches
/// 1/(2 variance), refreshed when the class learns, and the class keeps the product of the
/// normalisers: a score in log space then costs one logarithm a class and no exponential.
///
/// The vote is defined as a product (class share times the likelihoods in attribute order), and so
/// is its argmax, underflow included. FastScores works in log space and claims a result only when
/// it must agree with the product: the best class is clear by more than rounding, and neither its
/// partial products nor a rival's can leave the range of doubles. Otherwise the product decides.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "leat/model.h"
#include "leat/state.h"
#include "models/heap_bytes.h"
#include "models/trees/value_cells.h"

namespace leat::trees {

/// Classes a model can tell apart; a guard against a label that is not an index.
inline constexpr size_t kMaxClasses = 65'536;
/// Larger numbers count as missing, and larger weights are ignored: squares, times weights, summed
/// over any number of rows stay finite, so no NaN can come about.
inline constexpr double kLargestNumber = 1e140;
inline constexpr double kLargestWeight = 1e12;

/// Which positions of the dense part are numbers and which nominal.
struct AttributeLayout {
  AttributeLayout(const InputSpec& spec, int64_t max_nominal_values);

  size_t size() const { return slot.size(); }
  size_t MemoryBytes() const;

  std::vector<uint32_t> numeric;    ///< Positions of the numeric attributes.
  std::vector<uint32_t> nominal;    ///< Positions of the nominal attributes.
  std::vector<uint32_t> slot;       ///< Per position its index among its kind.
  std::vector<uint8_t> is_nominal;  ///< Per position.
  size_t stride = 0;                ///< numeric.size() rounded up to even.
  double code_limit = 0;            ///< Nominal codes are in [0, code_limit).
  size_t most_cells = 0;            ///< Of a number's values; 0: Gaussians alone are kept.
};

/// One input taken apart: numbers packed (NaN is missing) and codes (-1 is missing). Lives on the
/// stack; wide layouts borrow a buffer of the thread, so at most one Row a thread may be alive.
class Row {
 public:
  Row(const AttributeLayout& layout, std::span<const double> dense);
  Row(const Row&) = delete;
  Row& operator=(const Row&) = delete;

  const double* numeric() const { return numeric_; }
  const int32_t* codes() const { return codes_; }
  bool missing() const { return missing_; }          ///< Something is missing.
  bool all_missing() const { return all_missing_; }  ///< Everything is missing.

 private:
  static constexpr size_t kInline = 64;
  double* numeric_ = inline_numeric_;
  int32_t* codes_ = inline_codes_;
  bool missing_ = false;
  bool all_missing_ = false;
  double inline_numeric_[kInline];
  int32_t inline_codes_[kInline];
};

/// Weights of the values of one nominal attribute for one class; as long as the highest code seen.
struct NominalStats {
  std::vector<double> weights;
  double total = 0;
};

/// The Gaussian of one attribute and class, read out of a block.
struct GaussianStats {
  double weight, mean, squares, min, max;

  double Variance() const { return weight > 1 ? squares / (weight - 1) : 0; }
};

/// The normal density; a point mass of 1 when the deviation is not positive.
double Density(double value, double mean, double deviation);

class ClassStats {
 public:
  explicit ClassStats(const AttributeLayout& layout);

  GaussianStats Gaussian(const AttributeLayout& layout, size_t slot) const;
  const NominalStats& Nominal(size_t slot) const { return nominal_[slot]; }

  /// Adds a row; returns the bytes gained.
  size_t Learn(const AttributeLayout& layout, const Row& row, double weight);
  /// Recomputes what FastScores reads.
  void Refresh(const AttributeLayout& layout);

  /// The likelihood of the attribute at `position`, which the row must have.
  double Likelihood(const AttributeLayout& layout, const Row& row, size_t position) const;

  void Save(const AttributeLayout& layout, StateWriter& out) const;
  void Load(const AttributeLayout& layout, StateReader& in);
  size_t MemoryBytes(const AttributeLayout& layout) const;

 private:
  friend class Observers;
  enum Field : size_t { kWeight, kMean, kSquares, kMin, kMax, kInverse, kFields };

  double* At(const AttributeLayout& layout, Field field) {
    return block_.get() + field * layout.stride;
  }
  const double* At(const AttributeLayout& layout, Field field) const {
    return block_.get() + field * layout.stride;
  }
  void LearnNumbers(const AttributeLayout& layout, const double* x, double weight);

  std::unique_ptr<double[]> block_;
  std::vector<NominalStats> nominal_;
  double norm_ = 1;         ///< Product of the densities' normalisers.
  double norm_down_ = 1;    ///< Product of those below 1.
  bool usable_ = true;      ///< The normalisers' partial products stay far inside the range.
  bool degenerate_ = true;  ///< Some attribute is a point mass, or was never seen.
  bool all_seen_ = false;   ///< Every numeric attribute has a weight.
};

class Observers {
 public:
  /// Adds a row of a class; `score` says whether naive Bayes will be asked. Returns bytes gained.
  size_t Learn(const AttributeLayout& layout, const Row& row, size_t label, double weight,
               bool score);
  /// The bytes Learn would gain.
  size_t GrowthOf(const AttributeLayout& layout, const Row& row, size_t label) const;

  /// Bytes of the values of each number when so many classes have given a histogram all its cells,
  /// or 256 of them.
  static size_t LeastCellBytes(const AttributeLayout& layout, size_t classes);

  /// False until the first row: then the class shares alone are the vote.
  bool started() const { return started_; }
  size_t classes() const { return classes_.size(); }
  const ClassStats* of(size_t label) const { return classes_[label].get(); }
  /// The values of a number. REQUIRES a layout with cells, and a row learnt.
  const ValueCells& cells(size_t slot) const { return cells_[slot]; }

  /// The naive Bayes votes by their definition; may hold zeros, infinities or (0/0) NaN.
  /// `votes` is counts.size() long.
  void ExactVotes(const AttributeLayout& layout, std::span<const double> counts, const Row& row,
                  double* votes) const;
  /// Votes in log space. True: `best` is the argmax of ExactVotes and scores holds the logarithms.
  bool FastScores(const AttributeLayout& layout, std::span<const double> counts, const Row& row,
                  double* scores, size_t* best) const;
  /// The argmax of ExactVotes: the first maximum; 0 for an empty vote.
  size_t BestClass(const AttributeLayout& layout, std::span<const double> counts,
                   const Row& row) const;

  void Save(const AttributeLayout& layout, StateWriter& out) const;
  void Load(const AttributeLayout& layout, StateReader& in);
  /// Heap bytes below this object.
  size_t MemoryBytes(const AttributeLayout& layout) const;

 private:
  size_t LearnCells(const AttributeLayout& layout, const Row& row, size_t label, double weight);
  size_t CellsBytes() const;

  std::vector<std::unique_ptr<ClassStats>> classes_;  ///< Null for a class never seen here.
  std::vector<ValueCells> cells_;                     ///< By slot; empty without cells.
  bool started_ = false;
};

/// The first maximum; a NaN never beats, and one in first place is never beaten. 0 when empty.
size_t FirstMaximum(std::span<const double> values);

double Sum(std::span<const double> values);

/// True for a class index and a weight that a model learns; false for what is to be ignored.
bool IsLesson(double target, double weight);

/// Turns votes into probabilities in place: NaN counts as 0, infinities share, zeros are uniform.
void Normalise(std::span<double> votes);

/// Turns log scores (at least one finite) into probabilities in place.
void Softmax(std::span<double> scores, double best);

}  // namespace leat::trees
