/// One factorization machine: a score of a record; see leat/factors.h.
///
/// Layout: a slot of numbers a position, weight then factors, and with AdaGrad the sums of squared
/// gradients of each. Slots of dense positions come first; those of sparse ones are made when they
/// are first learnt, in that order. Why nothing overflows: inputs are at most 1e50 in size, weights
/// and factors 1e9, derivatives 1e6; so with fewer than 1e10 inputs a sum is below 1e70, a score
/// 1e142, the square of a gradient 1e254.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <vector>

#include "leat/factors.h"
#include "leat/state.h"

namespace leat::factors {

class Machine {
 public:
  /// `number` tells the machines of a model apart.
  Machine(const FactorizationMachineOptions& options, const InputSpec& inputs, uint64_t number);

  double Score(const Input& input) const;
  /// Moves against the derivative of the loss by the score, which is cut off at 1e6 in size.
  void Step(const Input& input, double derivative);

  size_t positions() const { return dense_ + sparse_.size(); }
  size_t HeapBytes() const;
  void Save(StateWriter& out) const;
  void Load(StateReader& in);

 private:
  struct Term {
    size_t at;  ///< Of the slot in numbers_.
    double x;
  };

  size_t numbers() const { return 1 + static_cast<size_t>(options_.factors); }
  bool adaptive() const { return options_.optimizer == FactorOptimizer::kAdaGrad; }
  size_t width() const { return numbers() * (adaptive() ? 2 : 1); }
  /// Adds a slot; `position` counts dense ones, then sparse ones.
  void Open(uint64_t position);
  /// What a record has, in the thread's buffer: inputs that are not 0 and have a slot.
  const std::vector<Term>& Terms(const Input& input) const;
  /// Sums over the terms of factor times input, in the thread's buffer.
  const std::vector<double>& Sums(const std::vector<Term>& terms) const;
  void Move(double* number, double gradient) const;

  FactorizationMachineOptions options_;
  size_t dense_;
  uint32_t sparse_size_;
  uint64_t number_;
  double intercept_[2] = {};  ///< And its squared gradients.
  std::vector<double> numbers_;
  std::vector<uint32_t> sparse_;  ///< Positions in the order of their slots.
  boost::unordered_flat_map<uint32_t, uint32_t> slot_of_;
};

}  // namespace leat::factors
