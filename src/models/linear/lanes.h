/// Two doubles at a time, on any processor: the kernels of the linear models are written once over
/// double and Lanes. Sums are split over the lanes in one fixed way, so that results have the same
/// bits whatever instruction set the compiler uses; that is why they are not left to a library
/// whose order of summation follows the width of the machine.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace leat::linear {

using Lanes = double __attribute__((vector_size(16)));
inline constexpr size_t kLanes = 2;

inline Lanes LoadLanes(const double* p) {
  Lanes v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
inline void StoreLanes(double* p, Lanes v) { std::memcpy(p, &v, sizeof v); }

inline double Sqrt(double v) { return std::sqrt(v); }
inline double Abs(double v) { return std::fabs(v); }
/// The larger of two numbers; `b` when either is NaN.
inline double Max(double a, double b) { return a > b ? a : b; }
inline double CopySign(double size, double sign) { return std::copysign(size, sign); }

#ifdef __SSE2__
inline Lanes Sqrt(Lanes v) { return _mm_sqrt_pd(v); }
inline Lanes Abs(Lanes v) { return _mm_andnot_pd(_mm_set1_pd(-0.0), v); }
inline Lanes Max(Lanes a, Lanes b) { return _mm_max_pd(a, b); }
inline Lanes CopySign(Lanes size, Lanes sign) {
  const Lanes mask = _mm_set1_pd(-0.0);
  return _mm_or_pd(_mm_andnot_pd(mask, size), _mm_and_pd(mask, sign));
}
inline bool AllZero(Lanes v) { return _mm_movemask_pd(_mm_cmpneq_pd(v, _mm_setzero_pd())) == 0; }
#else
inline Lanes Sqrt(Lanes v) { return Lanes{std::sqrt(v[0]), std::sqrt(v[1])}; }
inline Lanes Abs(Lanes v) { return Lanes{std::fabs(v[0]), std::fabs(v[1])}; }
inline Lanes Max(Lanes a, Lanes b) { return Lanes{Max(a[0], b[0]), Max(a[1], b[1])}; }
inline Lanes CopySign(Lanes size, Lanes sign) {
  return Lanes{std::copysign(size[0], sign[0]), std::copysign(size[1], sign[1])};
}
inline bool AllZero(Lanes v) { return v[0] == 0 && v[1] == 0; }
#endif
inline bool AllZero(double v) { return v == 0; }

inline Lanes Zero(Lanes) { return Lanes{0, 0}; }
inline double Zero(double) { return 0; }

/// NaN and infinities as 0.
inline double Finite(double v) {
  return std::fabs(v) <= std::numeric_limits<double>::max() ? v : 0.0;
}
inline Lanes Finite(Lanes v) { return Lanes{Finite(v[0]), Finite(v[1])}; }

/// w . x. With kClean, NaN and infinite x count as 0; without, they make the sum NaN or infinite.
template <bool kClean>
inline double Dot(const double* w, const double* x, size_t n) {
  const auto load = [x](size_t i) { return kClean ? Finite(LoadLanes(x + i)) : LoadLanes(x + i); };
  Lanes a{0, 0}, b{0, 0}, c{0, 0}, d{0, 0};
  size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    a += LoadLanes(w + i) * load(i);
    b += LoadLanes(w + i + 2) * load(i + 2);
    c += LoadLanes(w + i + 4) * load(i + 4);
    d += LoadLanes(w + i + 6) * load(i + 6);
  }
  for (; i + 2 <= n; i += 2) a += LoadLanes(w + i) * load(i);
  const Lanes sum = (a + b) + (c + d);
  double total = sum[0] + sum[1];
  if (i < n) total += w[i] * (kClean ? Finite(x[i]) : x[i]);
  return total;
}

/// The same sum, and the largest |x| in `largest` (NaN is passed over: the sum shows it).
inline double DotAndLargest(const double* w, const double* x, size_t n, double& largest) {
  Lanes a{0, 0}, b{0, 0}, c{0, 0}, d{0, 0};
  Lanes top{0, 0}, top2{0, 0};
  size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    const Lanes x0 = LoadLanes(x + i), x1 = LoadLanes(x + i + 2);
    const Lanes x2 = LoadLanes(x + i + 4), x3 = LoadLanes(x + i + 6);
    a += LoadLanes(w + i) * x0;
    b += LoadLanes(w + i + 2) * x1;
    c += LoadLanes(w + i + 4) * x2;
    d += LoadLanes(w + i + 6) * x3;
    top = Max(Abs(x1), Max(Abs(x0), top));
    top2 = Max(Abs(x3), Max(Abs(x2), top2));
  }
  for (; i + 2 <= n; i += 2) {
    const Lanes x0 = LoadLanes(x + i);
    a += LoadLanes(w + i) * x0;
    top = Max(Abs(x0), top);
  }
  const Lanes sum = (a + b) + (c + d);
  double total = sum[0] + sum[1];
  top = Max(top2, top);
  largest = Max(top[0], top[1]);
  if (i < n) {
    total += w[i] * x[i];
    largest = Max(std::fabs(x[i]), largest);
  }
  return total;
}

}  // namespace leat::linear
