/// The loops of the linear models, for a Quad of either kind (see lanes.h): margins, and steps.
#pragma once

#include <algorithm>
#include <span>
#include <utility>

#include "leat/model.h"
#include "models/linear/rules.h"

namespace leat::linear {

LEAT_LANES double CleanSparse(float value) {
  return __builtin_fabsf(value) <= std::numeric_limits<float>::max() ? static_cast<double>(value)
                                                                     : 0.0;
}

/// What a pass over the dense inputs does besides w . x.
enum class Probe {
  kNone,     ///< NaN and infinite x make the sum NaN or infinite.
  kClean,    ///< NaN and infinite x count as 0.
  kLargest,  ///< As kNone; also finds the largest |x| (NaN is passed over: the sum shows it).
};

/// w . x + offset. Order of summation: lane j of eight sums the positions j, j + 8, ... of the
/// whole blocks of eight, and a block of four after them goes to the first four lanes. The last
/// three positions or fewer are summed from the front, then the offset is added. The lanes fold in
/// half three times (j with j + 4, j with j + 2, 0 with 1); last the two sums are added.
template <typename Quad, Probe kProbe>
LEAT_LANES double DotWith(const double* w, const double* x, size_t n, double offset,
                          double* largest) {
  Quad a{}, b{}, top{}, top2{};
  const auto load = [x](size_t i) {
    if constexpr (kProbe == Probe::kClean) {
      return Finite(Load<Quad>(x + i));
    } else {
      return Load<Quad>(x + i);
    }
  };
  size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    const Quad x0 = load(i), x1 = load(i + 4);
    a = a + Load<Quad>(w + i) * x0;
    b = b + Load<Quad>(w + i + 4) * x1;
    if constexpr (kProbe == Probe::kLargest) {
      top = Max(Abs(x0), top);
      top2 = Max(Abs(x1), top2);
    }
  }
  if (i + 4 <= n) {
    const Quad x0 = load(i);
    a = a + Load<Quad>(w + i) * x0;
    if constexpr (kProbe == Probe::kLargest) top = Max(Abs(x0), top);
    i += 4;
  }
  double rest = 0, rest_top = 0;
  for (; i < n; ++i) {
    const double value = kProbe == Probe::kClean ? Finite(x[i]) : x[i];
    rest += w[i] * value;
    if constexpr (kProbe == Probe::kLargest) rest_top = Max(Abs(value), rest_top);
  }
  const Quad sums = a + b;
  const Pair halves = Low(sums) + High(sums);
  if constexpr (kProbe == Probe::kLargest) {
    top = Max(top2, top);
    const Pair tops = Max(Low(top), High(top));
    *largest = Max(Max(tops[0], tops[1]), rest_top);
  }
  return (halves[0] + halves[1]) + (rest + offset);
}

template <typename Rule, typename T, size_t... kAt>
LEAT_LANES void StepAt(const double* x, double* planes, size_t size, size_t i, const Pace& pace,
                       bool skip_zero, std::index_sequence<kAt...>) {
  const T value = Load<T>(x + i);
  if (skip_zero && AllZero(value)) return;
  // The numbers of a coordinate are spelt out by the index sequence, so that they live in registers
  // whatever the compiler thinks of unrolling.
  T c[] = {Load<T>(planes + kAt * size + i)...};
  Rule::Update(pace, value, c);
  (Store(planes + kAt * size + i, c[kAt]), ...);
}

/// One step of the dense part: four coordinates at a time, then two, then one.
template <typename Rule, typename Quad>
LEAT_LANES void StepDenseWith(const double* x, double* planes, size_t size, const Pace& given) {
  constexpr auto kNumbers = std::make_index_sequence<1 + Rule::kState>();
  const Pace pace = given;  // a copy: stores to the weights cannot alias it
  const bool skip_zero = Rule::kCostly && (Rule::kOwnPenalty || pace.l2 == 0);
  size_t i = 0;
  for (; i + 4 <= size; i += 4) StepAt<Rule, Quad>(x, planes, size, i, pace, skip_zero, kNumbers);
  if (i + 2 <= size) {
    StepAt<Rule, Pair>(x, planes, size, i, pace, skip_zero, kNumbers);
    i += 2;
  }
  if (i < size) StepAt<Rule, double>(x, planes, size, i, pace, skip_zero, kNumbers);
}

/// One step of four different features. Their numbers come side by side (see row.h), and are turned
/// two columns at a time.
template <typename Rule, typename Quad>
LEAT_LANES void StepFour(const SparseEntry* e, double* slots, const Pace& pace) {
  constexpr size_t kWidth = 1 + Rule::kState;
  static_assert(kWidth % 2 == 0);
  double* const p0 = slots + e[0].index * kWidth;
  double* const p1 = slots + e[1].index * kWidth;
  double* const p2 = slots + e[2].index * kWidth;
  double* const p3 = slots + e[3].index * kWidth;
  Quad c[kWidth];
  for (size_t k = 0; k < kWidth; k += 2) {
    const Pair r0 = Load<Pair>(p0 + k), r1 = Load<Pair>(p1 + k);
    const Pair r2 = Load<Pair>(p2 + k), r3 = Load<Pair>(p3 + k);
    c[k] = Join(Pair{r0[0], r1[0]}, Pair{r2[0], r3[0]}, Quad{});
    c[k + 1] = Join(Pair{r0[1], r1[1]}, Pair{r2[1], r3[1]}, Quad{});
  }
  const auto v = [e](size_t j) { return static_cast<double>(e[j].value); };
  const Quad value = Join(Finite(Pair{v(0), v(1)}), Finite(Pair{v(2), v(3)}), Quad{});
  Rule::Update(pace, value, c);
  for (size_t k = 0; k < kWidth; k += 2) {
    const Pair low = Low(c[k]), high = High(c[k]);
    const Pair low1 = Low(c[k + 1]), high1 = High(c[k + 1]);
    Store(p0 + k, Pair{low[0], low1[0]});
    Store(p1 + k, Pair{low[1], low1[1]});
    Store(p2 + k, Pair{high[0], high1[0]});
    Store(p3 + k, Pair{high[1], high1[1]});
  }
}

/// One step of the sparse part. Under a costly rule four features share a root and a division,
/// unless two of them are the same feature.
template <typename Rule, typename Quad>
LEAT_LANES void StepSparseWith(std::span<const SparseEntry> entries, double* slots,
                               size_t sparse_size, const Pace& given) {
  constexpr size_t kWidth = 1 + Rule::kState;
  const Pace pace = given;
  const auto one = [&](const SparseEntry& entry) {
    if (entry.index >= sparse_size) return;
    Rule::Update(pace, CleanSparse(entry.value), slots + entry.index * kWidth);
  };
  size_t e = 0;
  if constexpr (Rule::kCostly) {
    for (; e + 4 <= entries.size(); e += 4) {
      const SparseEntry* const four = entries.data() + e;
      const uint32_t a = four[0].index, b = four[1].index, c = four[2].index, d = four[3].index;
      const bool same = (a == b) | (a == c) | (a == d) | (b == c) | (b == d) | (c == d);
      if (same || std::max(std::max(a, b), std::max(c, d)) >= sparse_size) [[unlikely]] {
        for (size_t j = 0; j < 4; ++j) one(four[j]);
      } else {
        StepFour<Rule, Quad>(four, slots, pace);
      }
    }
  }
  for (; e < entries.size(); ++e) one(entries[e]);
}

#if defined(__x86_64__)
/// The same with AVX2. REQUIRES a processor that has it.
namespace avx2 {
double Dot(const double* w, const double* x, size_t n, double offset);
double DotAndLargest(const double* w, const double* x, size_t n, double offset, double* largest);
template <typename Rule>
void StepDense(const double* x, double* planes, size_t size, const Pace& pace);
template <typename Rule>
void StepSparse(std::span<const SparseEntry> entries, double* slots, size_t sparse_size,
                const Pace& pace);
}  // namespace avx2
#endif

}  // namespace leat::linear
