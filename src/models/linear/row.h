/// One row of weights of a linear model, with the optimizer's state.
///
/// Layout: the dense part keeps a plane per number of a coordinate (all weights, then all sums...),
/// which the kernels read four at a time; the sparse part keeps the numbers of a coordinate
/// side by side, so that a feature costs one cache line.
///
/// Why no weight can overflow: learnt inputs are at most 1e50 in size, derivatives 1e50, rates and
/// penalties 1e6, and steps fewer than 2^63. So a step of SGD is at most 1e106 and its sum 1e125
/// (shrinking only lowers it, as rate * l2 <= 1); AdaGrad's steps are at most the rate, its sums of
/// squares below 1e290; FTRL's n is below 1e220 and its weights are means of earlier ones plus at
/// most alpha times the root of the count. Dots of 1e125 with 1e50 stay finite.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <new>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/processor.h"
#include "leat/linear.h"
#include "leat/model.h"
#include "models/heap_bytes.h"
#include "models/linear/kernels.h"

namespace leat::linear {

inline constexpr double kLargestInput = 1e50;

/// From this dense length on a call of the wide kernels (avx2::) pays.
inline constexpr size_t kWideFrom = 16;

/// Numbers that start at a cache line, so that neither a slot nor a load of four straddles two more
/// often than it must.
template <typename T>
struct LineAllocator {
  using value_type = T;
  static constexpr std::align_val_t kLine{64};
  LineAllocator() = default;
  template <typename U>
  LineAllocator(const LineAllocator<U>&) {}  // NOLINT(google-explicit-constructor): rebinding.
  T* allocate(size_t n) { return static_cast<T*>(::operator new(n * sizeof(T), kLine)); }
  void deallocate(T* p, size_t) { ::operator delete(p, kLine); }
  bool operator==(const LineAllocator&) const { return true; }
};
using Numbers = std::vector<double, LineAllocator<double>>;
/// Lines are taken as a whole.
inline size_t HeapBytes(const Numbers& numbers) {
  constexpr auto kLine = static_cast<size_t>(LineAllocator<double>::kLine);
  if (numbers.capacity() == 0) return 0;
  return (numbers.capacity() * sizeof(double) + kLine - 1) / kLine * kLine + kAllocation;
}

template <typename Rule>
class Row {
 public:
  static constexpr size_t kWidth = 1 + Rule::kState;

  Row(size_t dense, size_t sparse, bool penalised)
      : size_(dense), dense_(kWidth * dense), sparse_(kWidth * sparse) {
    if (penalised && !Rule::kOwnPenalty) {
      dense_received_.resize(dense);
      sparse_received_.resize(sparse);
    }
  }

  /// The margin, always finite: NaN and infinities among the inputs count as 0.
  double Margin(const Input& input) const {
    const double* x = input.dense.data();
    const double margin = Dot(x, Offset<false>(input));
    constexpr double kMax = std::numeric_limits<double>::max();
    if (std::fabs(margin) <= kMax) [[likely]]
      return margin;
    // The same sums in the same order, so that a missing value gives the very bits that a 0 gives.
    const double cleaned =
        DotWith<PairedQuad, Probe::kClean>(dense_.data(), x, size_, Offset<true>(input), nullptr);
    return std::isnan(cleaned) ? 0.0 : std::clamp(cleaned, -kMax, kMax);
  }

  /// The margin, and the largest dense input in size; both need checking by the caller.
  double Probe(const Input& input, double& largest) const {
    return DotAndLargest(input.dense.data(), Offset<false>(input), largest);
  }

  /// The margin where the last step would lead again, `margin` being the one at the weights.
  /// REQUIRES the inputs of Step.
  double MarginAhead(const Input& input, double margin, const Pace& pace) const {
    static_assert(Rule::kState > 0);
    // The intercept's step is 0 with Nesterov, whose intercept takes plain ones.
    double led = DotWith<PairedQuad, Probe::kNone>(dense_.data() + size_, input.dense.data(), size_,
                                                   bias_[1], nullptr);
    for (const SparseEntry& entry : input.sparse) {
      if (entry.index >= sparse_.size() / kWidth) continue;
      led += sparse_[entry.index * kWidth + 1] * CleanSparse(entry.value);
    }
    return margin - pace.keep * led;
  }

  /// The squared length of the inputs, without the intercept. REQUIRES the inputs of Step.
  double Norm(const Input& input) const {
    double norm = 0;
    for (const double x : input.dense) norm += x * x;
    for (const SparseEntry& entry : input.sparse) {
      if (entry.index >= sparse_.size() / kWidth) continue;
      norm += CleanSparse(entry.value) * CleanSparse(entry.value);
    }
    return norm;
  }

  /// The variance of the margin: squared inputs, each times the variance of its weight, and that of
  /// the intercept. REQUIRES the inputs of Step and a rule that is kConfident.
  double Spread(const Input& input, bool intercept) const {
    static_assert(Rule::kConfident);
    double spread = intercept ? 1 / (1 + bias_[1]) : 0;
    for (size_t i = 0; i < size_; ++i) {
      spread += input.dense[i] * input.dense[i] / (1 + dense_[size_ + i]);
    }
    for (const SparseEntry& entry : input.sparse) {
      if (entry.index >= sparse_.size() / kWidth) continue;
      const double x = CleanSparse(entry.value);
      spread += x * x / (1 + sparse_[entry.index * kWidth + 1]);
    }
    return spread;
  }

  /// REQUIRES finite inputs of at most kLargestInput in size.
  void Step(const Input& input, const Pace& pace, bool intercept) {
    StepDense(input.dense.data(), pace);
    if (!input.sparse.empty()) StepSparse(input.sparse, pace);
    if (intercept) Rule::UpdateIntercept(pace, bias_);
    if (!Rule::kOwnPenalty && pace.l1 > 0) Penalise(input.sparse, pace);
  }

  /// Makes this row +w/2 and `other` -w/2: softmax of the two is the logistic of w.
  void HalveInto(Row& other, const Pace& pace) {
    Convert(other, [&pace](const double* c, double* mine, double* theirs) {
      Rule::Halve(pace, c, mine, theirs);
    });
  }
  /// Makes `other` the mirror image of this row.
  void NegateInto(Row& other) {
    Convert(other, [](const double* c, double* mine, double* theirs) {
      for (size_t k = 0; k < kWidth; ++k) mine[k] = theirs[k] = c[k];
      theirs[0] = -c[0];
      for (size_t k = 1; k <= Rule::kSigned; ++k) theirs[k] = -c[k];
    });
  }

  double intercept() const { return bias_[0]; }
  double DenseWeight(size_t i) const { return dense_[i]; }
  double SparseWeight(uint32_t index) const { return sparse_[index * kWidth]; }
  double State(size_t i, size_t which) const {
    if (which >= Rule::kState) return 0;
    return i < size_ ? dense_[(1 + which) * size_ + i] : bias_[1 + which];
  }
  LinearWeights Weights(int64_t of_class) const {
    LinearWeights weights;
    weights.of_class = of_class;
    weights.intercept = bias_[0];
    weights.dense.assign(dense_.begin(), dense_.begin() + static_cast<ptrdiff_t>(size_));
    for (size_t i = 0; i < sparse_.size(); i += kWidth) {
      if (sparse_[i] != 0) {
        weights.sparse.emplace_back(static_cast<uint32_t>(i / kWidth), sparse_[i]);
      }
    }
    return weights;
  }
  size_t NonZero() const {
    size_t n = 0;
    for (size_t i = 0; i < size_; ++i) n += dense_[i] != 0;
    for (size_t i = 0; i < sparse_.size(); i += kWidth) n += sparse_[i] != 0;
    return n;
  }
  size_t MemoryBytes() const {
    return sizeof *this + HeapBytes(dense_) + HeapBytes(sparse_) +
           sizeof(double) * (dense_received_.capacity() + sparse_received_.capacity());
  }

  /// Sparse coordinates that were never touched are left out.
  void Save(StateWriter& out) const {
    out.Section("linear_row", 1);
    out.Array(std::span<const double>(dense_));
    out.Array(std::span<const double>(bias_));
    out.F64(penalty_);
    out.Array(dense_received_);
    std::vector<uint32_t> indices;
    std::vector<double> values;
    const size_t sparse_size = sparse_.size() / kWidth;
    const bool received = !sparse_received_.empty();
    for (size_t j = 0; j < sparse_size; ++j) {
      bool touched = received && sparse_received_[j] != 0;
      for (size_t k = 0; k < kWidth; ++k) touched = touched || sparse_[j * kWidth + k] != 0;
      if (!touched) continue;
      indices.push_back(static_cast<uint32_t>(j));
      for (size_t k = 0; k < kWidth; ++k) values.push_back(sparse_[j * kWidth + k]);
      if (received) values.push_back(sparse_received_[j]);
    }
    out.Array(indices);
    out.Array(values);
  }

  void Load(StateReader& in) {
    in.Section("linear_row", 1);
    std::vector<double> dense, bias, received, values;
    std::vector<uint32_t> indices;
    in.Array(dense);
    in.Array(bias);
    const double penalty = in.F64();
    in.Array(received);
    in.Array(indices);
    in.Array(values);
    if (!in.ok()) return;
    const size_t sparse_size = sparse_.size() / kWidth;
    const bool keeps = !sparse_received_.empty();
    const size_t width = kWidth + keeps;
    if (dense.size() != dense_.size() || bias.size() != kWidth ||
        received.size() != dense_received_.size() || values.size() != indices.size() * width) {
      return in.Fail("the state is of a linear model of another layout");
    }
    for (const auto* part : {&dense, &bias, &received, &values}) {
      for (const double v : *part) {
        if (!std::isfinite(v)) return in.Fail("the state of a linear model is not finite");
      }
    }
    if (!std::isfinite(penalty)) return in.Fail("the state of a linear model is not finite");
    std::fill(sparse_.begin(), sparse_.end(), 0.0);
    std::fill(sparse_received_.begin(), sparse_received_.end(), 0.0);
    for (size_t e = 0; e < indices.size(); ++e) {
      if (indices[e] >= sparse_size) return in.Fail("a sparse index of the state is out of range");
      for (size_t k = 0; k < kWidth; ++k) sparse_[indices[e] * kWidth + k] = values[e * width + k];
      if (keeps) sparse_received_[indices[e]] = values[e * width + kWidth];
    }
    std::copy(dense.begin(), dense.end(), dense_.begin());
    dense_received_ = std::move(received);
    std::copy(bias.begin(), bias.end(), bias_);
    penalty_ = penalty;
  }

 private:
  /// The part of the margin that is not dense.
  template <bool kClean>
  double Offset(const Input& input) const {
    return input.sparse.empty() ? bias_[0] : SparseMargin<kClean>(input.sparse) + bias_[0];
  }

  template <bool kClean>
  double SparseMargin(std::span<const SparseEntry> entries) const {
    // Four sums hide the latency of an addition behind the loads.
    double sums[4] = {0, 0, 0, 0};
    const double* slots = sparse_.data();
    const size_t sparse_size = sparse_.size() / kWidth;
    const auto term = [slots, sparse_size](const SparseEntry& entry) {
      if (entry.index >= sparse_size) [[unlikely]]
        return 0.0;
      return slots[entry.index * kWidth] *
             (kClean ? CleanSparse(entry.value) : static_cast<double>(entry.value));
    };
    size_t e = 0;
    for (; e + 4 <= entries.size(); e += 4) {
      sums[0] += term(entries[e]);
      sums[1] += term(entries[e + 1]);
      sums[2] += term(entries[e + 2]);
      sums[3] += term(entries[e + 3]);
    }
    for (; e < entries.size(); ++e) sums[0] += term(entries[e]);
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
  }

  // Short rows stay inline; where the loops are long, the wide kernels do the same four at a time.
  double Dot(const double* x, double offset) const {
#if defined(__x86_64__)
    if (size_ >= kWideFrom && kWideRegisters) return avx2::Dot(dense_.data(), x, size_, offset);
#endif
    return DotWith<PairedQuad, Probe::kNone>(dense_.data(), x, size_, offset, nullptr);
  }
  double DotAndLargest(const double* x, double offset, double& largest) const {
#if defined(__x86_64__)
    if (size_ >= kWideFrom && kWideRegisters) {
      return avx2::DotAndLargest(dense_.data(), x, size_, offset, &largest);
    }
#endif
    return DotWith<PairedQuad, Probe::kLargest>(dense_.data(), x, size_, offset, &largest);
  }
  void StepDense(const double* x, const Pace& pace) {
#if defined(__x86_64__)
    if (size_ >= kWideFrom && kWideRegisters) {
      return avx2::StepDense<Rule>(x, dense_.data(), size_, pace);
    }
#endif
    StepDenseWith<Rule, PairedQuad>(x, dense_.data(), size_, pace);
  }
  void StepSparse(std::span<const SparseEntry> entries, const Pace& pace) {
    const size_t sparse_size = sparse_.size() / kWidth;
#if defined(__x86_64__)
    if constexpr (Rule::kCostly) {
      if (kWideRegisters) {
        return avx2::StepSparse<Rule>(entries, sparse_.data(), sparse_size, pace);
      }
    }
#endif
    StepSparseWith<Rule, PairedQuad>(entries, sparse_.data(), sparse_size, pace);
  }

  /// Tsuruoka et al., section 3.1: `received` (their q) is what a weight has had of the penalty_
  /// (their u) that it should have had by now; a weight stops at zero.
  static void Penalise(double total, double& weight, double& received) {
    const double before = weight;
    if (before > 0) {
      weight = std::max(0.0, before - (total + received));
    } else if (before < 0) {
      weight = std::min(0.0, before + (total - received));
    }
    received += weight - before;
  }
  void Penalise(std::span<const SparseEntry> entries, const Pace& pace) {
    penalty_ += pace.l1 * pace.rate;
    for (size_t i = 0; i < size_; ++i) Penalise(penalty_, dense_[i], dense_received_[i]);
    for (const SparseEntry& entry : entries) {
      if (entry.index >= sparse_received_.size()) continue;
      Penalise(penalty_, sparse_[entry.index * kWidth], sparse_received_[entry.index]);
    }
  }

  template <typename Split>
  void Convert(Row& other, const Split& split) {
    double c[kWidth], mine[kWidth], theirs[kWidth];
    for (size_t i = 0; i < size_; ++i) {
      for (size_t k = 0; k < kWidth; ++k) c[k] = dense_[k * size_ + i];
      split(c, mine, theirs);
      for (size_t k = 0; k < kWidth; ++k) {
        dense_[k * size_ + i] = mine[k];
        other.dense_[k * size_ + i] = theirs[k];
      }
    }
    for (size_t j = 0; j < sparse_.size(); j += kWidth) {
      std::copy_n(&sparse_[j], kWidth, c);
      split(c, &sparse_[j], &other.sparse_[j]);
    }
    std::copy_n(bias_, kWidth, c);
    split(c, bias_, other.bias_);
    // What is still owed stays owed: owed is u + q for a positive weight, u - q for a negative one.
    other.penalty_ = penalty_;
    for (size_t i = 0; i < dense_received_.size(); ++i) {
      other.dense_received_[i] = -dense_received_[i];
    }
    for (size_t j = 0; j < sparse_received_.size(); ++j) {
      other.sparse_received_[j] = -sparse_received_[j];
    }
  }

  size_t size_;
  Numbers dense_;   // kWidth planes of size_ numbers
  Numbers sparse_;  // slots of kWidth numbers
  double bias_[kWidth] = {};
  double penalty_ = 0;                  // L1 that every weight should have had
  std::vector<double> dense_received_;  // L1 that each has had, signed; empty without L1
  std::vector<double> sparse_received_;
};

}  // namespace leat::linear
