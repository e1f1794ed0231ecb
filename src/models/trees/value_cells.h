/// The values of one number at a leaf, in order, with the weight of every class: what thresholds
/// are chosen from where a normal distribution would not do.
///
/// A cell is a range of values, most often a single one, and the weights of the classes in it.
/// Cells do not overlap, so what lies on either side of a border between two is known exactly. With
/// a bound on their number this is the histogram of Ben-Haim and Tom-Tov, "A Streaming Parallel
/// Decision Tree Algorithm" (JMLR 11, 2010, section 2.1): a new value is a cell of its own, and
/// then the two nearest ones become one. Deviations: cells keep their range instead of their mean,
/// and distances are between the middles of ranges; a value within a cell's range counts there.
/// Without a bound every value is a cell (exhaustive search, as Domingos and Hulten 2000 have it).
///
/// Cost: log(cells) to find a value; one that is new moves what is above it, and with a bound looks
/// at all distances. Bytes: 8 (2 + classes) a cell, room for a power of two of them.
#pragma once

#include <cstddef>
#include <vector>

#include "leat/state.h"

namespace leat::trees {

class ValueCells {
 public:
  static constexpr size_t kUnbounded = static_cast<size_t>(-1);

  /// Adds a finite value; at most `most` (2 or more) cells. Returns the bytes gained.
  size_t Learn(double value, size_t label, double weight, size_t most);

  size_t size() const { return classes_ == 0 ? 0 : numbers_.size() / stride(); }
  size_t classes() const { return classes_; }  ///< Highest class seen, and one.
  /// Of cell i, in order of values. REQUIRES i < size().
  double low(size_t i) const { return numbers_[i * stride()]; }
  double high(size_t i) const { return numbers_[i * stride() + 1]; }
  const double* weights(size_t i) const { return &numbers_[i * stride() + kHead]; }

  /// Heap bytes: a function of what is held alone.
  size_t HeapBytes() const { return numbers_.empty() ? 0 : Bytes(size(), classes_); }
  static size_t Bytes(size_t cells, size_t classes);
  void Save(StateWriter& out) const;
  /// Fails the reader for what cannot be.
  void Load(StateReader& in, size_t most);

 private:
  static constexpr size_t kHead = 2;  ///< Low and high stand before the weights.

  size_t stride() const { return kHead + classes_; }
  double Middle(size_t i) const { return low(i) / 2 + high(i) / 2; }
  /// The first cell that ends at or above a value; size() if there is none.
  size_t Find(double value) const;
  void Widen(size_t classes);
  void Insert(size_t at, double value);
  void MergeWithNext(size_t at);
  /// Makes a place for a value that is in no cell, which would be cell `at`; returns its cell.
  size_t Place(size_t at, double value, size_t most);

  size_t classes_ = 0;
  std::vector<double> numbers_;  ///< Cell after cell: low, high, the weight of each class.
};

}  // namespace leat::trees
