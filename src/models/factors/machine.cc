#include "models/factors/machine.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/random.h"
#include "models/heap_bytes.h"

namespace leat::factors {
namespace {

constexpr uint64_t kStartDraws = 0x666163746f7273;
constexpr double kLargestInput = 1e50;
constexpr double kMostDerivative = 1e6;
constexpr double kMostNumber = 1e9;  // Of a weight or factor.

/// What is missing, infinite or beyond what can be squared says nothing.
double Clean(double x) { return std::fabs(x) <= kLargestInput ? x : 0; }

}  // namespace

Machine::Machine(const FactorizationMachineOptions& options, const InputSpec& inputs,
                 uint64_t number)
    : options_(options),
      dense_(inputs.dense.size()),
      sparse_size_(inputs.sparse_size),
      number_(number) {
  numbers_.reserve(std::bit_ceil(dense_) * width());
  for (size_t i = 0; i < dense_; ++i) Open(i);
}

void Machine::Open(uint64_t position) {
  const size_t slots = numbers_.size() / width();
  if (numbers_.capacity() < numbers_.size() + width()) {
    // Room is a function of the number of slots, so that a loaded machine holds what the saved did.
    numbers_.reserve(std::bit_ceil(slots + 1) * width());
  }
  CounterRandom random(static_cast<uint64_t>(options_.seed), kStartDraws,
                       (number_ << 48) + position * numbers());
  numbers_.push_back(0);
  for (size_t f = 1; f < numbers(); ++f) {
    numbers_.push_back(random.Uniform(-options_.spread, options_.spread));
  }
  numbers_.resize((slots + 1) * width());
}

const std::vector<Machine::Term>& Machine::Terms(const Input& input) const {
  thread_local std::vector<Term> terms;
  terms.clear();
  for (size_t i = 0; i < std::min(dense_, input.dense.size()); ++i) {
    const double x = Clean(input.dense[i]);
    if (x != 0) terms.push_back({i * width(), x});
  }
  for (const SparseEntry& entry : input.sparse) {
    const double x = Clean(static_cast<double>(entry.value));
    const auto found = slot_of_.find(entry.index);
    if (x != 0 && found != slot_of_.end()) terms.push_back({found->second * width(), x});
  }
  return terms;
}

const std::vector<double>& Machine::Sums(const std::vector<Term>& terms) const {
  thread_local std::vector<double> sums;
  sums.assign(numbers(), 0);
  for (const Term& term : terms) {
    const double* const slot = numbers_.data() + term.at;
    for (size_t f = 0; f < numbers(); ++f) sums[f] += slot[f] * term.x;
  }
  return sums;
}

double Machine::Score(const Input& input) const {
  const std::vector<Term>& terms = Terms(input);
  const std::vector<double>& sums = Sums(terms);
  // Twice the sum over pairs is the square of the sum less the sum of squares.
  double pairs = 0;
  for (size_t f = 1; f < numbers(); ++f) pairs += sums[f] * sums[f];
  for (const Term& term : terms) {
    const double* const slot = numbers_.data() + term.at;
    for (size_t f = 1; f < numbers(); ++f) pairs -= slot[f] * term.x * (slot[f] * term.x);
  }
  return intercept_[0] + sums[0] + 0.5 * pairs;
}

void Machine::Move(double* number, double gradient) const {
  double step = options_.learning_rate * gradient;
  if (adaptive()) {
    double& squares = number[numbers()];
    squares += gradient * gradient;
    step = squares > 0 ? step / std::sqrt(squares) : 0;
  }
  *number = std::clamp(*number - step, -kMostNumber, kMostNumber);
}

void Machine::Step(const Input& input, double derivative) {
  derivative = std::clamp(derivative, -kMostDerivative, kMostDerivative);
  for (const SparseEntry& entry : input.sparse) {
    if (entry.index >= sparse_size_ || Clean(static_cast<double>(entry.value)) == 0) continue;
    const auto [at, fresh] =
        slot_of_.try_emplace(entry.index, static_cast<uint32_t>(numbers_.size() / width()));
    if (!fresh) continue;
    if (sparse_.size() == sparse_.capacity()) sparse_.reserve(std::bit_ceil(sparse_.size() + 1));
    sparse_.push_back(entry.index);
    Open(dense_ + entry.index);
  }
  const std::vector<Term>& terms = Terms(input);
  const std::vector<double>& sums = Sums(terms);
  for (const Term& term : terms) {
    double* const slot = numbers_.data() + term.at;
    const double slope = derivative * term.x;
    Move(slot, slope + options_.l2 * slot[0]);
    for (size_t f = 1; f < numbers(); ++f) {
      Move(slot + f, slope * (sums[f] - slot[f] * term.x) + options_.factor_l2 * slot[f]);
    }
  }
  // The intercept is a weight of an input that is always 1.
  intercept_[1] += adaptive() ? derivative * derivative : 0;
  const double rate = adaptive() && intercept_[1] > 0 ? 1 / std::sqrt(intercept_[1])
                      : adaptive()                    ? 0
                                                      : 1;
  intercept_[0] = std::clamp(intercept_[0] - options_.learning_rate * rate * derivative,
                             -kMostNumber, kMostNumber);
}

size_t Machine::HeapBytes() const {
  // The table of slots keeps a byte a place beside the pair.
  return numbers_.capacity() * sizeof(double) + sparse_.capacity() * sizeof(uint32_t) +
         slot_of_.bucket_count() * (2 * sizeof(uint32_t) + 1) + 3 * kAllocation;
}

void Machine::Save(StateWriter& out) const {
  out.Section("factorization_machine", 1);
  for (const double v : intercept_) out.F64(v);
  out.Array(sparse_);
  out.Array(numbers_);
}

void Machine::Load(StateReader& in) {
  in.Section("factorization_machine", 1);
  for (double& v : intercept_) v = in.F64();
  std::vector<uint32_t> sparse;
  std::vector<double> numbers;
  in.Array(sparse);
  in.Array(numbers);
  if (!in.ok()) return;
  bool good = numbers.size() == (dense_ + sparse.size()) * width() &&
              std::fabs(intercept_[0]) <= kMostNumber && intercept_[1] >= 0 &&
              std::isfinite(intercept_[1]);
  for (size_t i = 0; i < numbers.size() && good; ++i) {
    const bool squares = i % width() >= this->numbers();
    good = squares ? numbers[i] >= 0 && std::isfinite(numbers[i])
                   : std::fabs(numbers[i]) <= kMostNumber;
  }
  for (const uint32_t position : sparse) good = good && position < sparse_size_;
  if (!good) return in.Fail("the state of a factorization machine does not fit");
  for (const uint32_t position : sparse) {
    const auto slot = static_cast<uint32_t>(numbers_.size() / width());
    if (!slot_of_.try_emplace(position, slot).second) {
      return in.Fail("a position of a factorization machine is there twice");
    }
    if (sparse_.size() == sparse_.capacity()) sparse_.reserve(std::bit_ceil(sparse_.size() + 1));
    sparse_.push_back(position);
    Open(dense_ + position);
  }
  std::copy(numbers.begin(), numbers.end(), numbers_.begin());
}

}  // namespace leat::factors
