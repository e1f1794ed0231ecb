/// Four doubles at a time, on any processor: the kernels of the linear models are written once over
/// double, Pair and Quad. A Quad is two Pairs, except in kernels_avx2.cc, where it is one register;
/// either way it is four numbers, each rounded by IEEE arithmetic. Sums are split over the lanes in
/// one fixed way, so that results have the same bits whatever instructions are used; that is why
/// they are not left to a library whose order of summation follows the width of the machine.
///
/// All functions are forced inline: the file is compiled for two instruction sets, and no shared
/// copy of a function may come from the wider one.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>

#ifdef __SSE2__
#include <immintrin.h>
#endif

#define LEAT_LANES [[gnu::always_inline]] inline

namespace leat::linear {

using Pair = double __attribute__((vector_size(16)));

LEAT_LANES double Sqrt(double v) { return __builtin_sqrt(v); }
LEAT_LANES double Abs(double v) { return __builtin_fabs(v); }
/// The larger of two numbers; `b` when either is NaN.
LEAT_LANES double Max(double a, double b) { return a > b ? a : b; }
LEAT_LANES double CopySign(double size, double sign) { return __builtin_copysign(size, sign); }
/// `a` where `test` is above 0, else `b`.
LEAT_LANES double Choose(double test, double a, double b) { return test > 0 ? a : b; }
LEAT_LANES Pair Choose(Pair test, Pair a, Pair b) { return test > Pair{} ? a : b; }
LEAT_LANES bool AllZero(double v) { return v == 0; }

#ifdef __SSE2__
LEAT_LANES Pair Sqrt(Pair v) { return _mm_sqrt_pd(v); }
LEAT_LANES Pair Abs(Pair v) { return _mm_andnot_pd(_mm_set1_pd(-0.0), v); }
LEAT_LANES Pair Max(Pair a, Pair b) { return _mm_max_pd(a, b); }
LEAT_LANES Pair CopySign(Pair size, Pair sign) {
  const Pair mask = _mm_set1_pd(-0.0);
  return _mm_or_pd(_mm_andnot_pd(mask, size), _mm_and_pd(mask, sign));
}
LEAT_LANES bool AllZero(Pair v) { return _mm_movemask_pd(_mm_cmpneq_pd(v, _mm_setzero_pd())) == 0; }
#else
LEAT_LANES Pair Sqrt(Pair v) { return Pair{Sqrt(v[0]), Sqrt(v[1])}; }
LEAT_LANES Pair Abs(Pair v) { return Pair{Abs(v[0]), Abs(v[1])}; }
LEAT_LANES Pair Max(Pair a, Pair b) { return Pair{Max(a[0], b[0]), Max(a[1], b[1])}; }
LEAT_LANES Pair CopySign(Pair size, Pair sign) {
  return Pair{CopySign(size[0], sign[0]), CopySign(size[1], sign[1])};
}
LEAT_LANES bool AllZero(Pair v) { return v[0] == 0 && v[1] == 0; }
#endif

/// Four numbers as two Pairs.
struct PairedQuad {
  Pair low, high;
};

LEAT_LANES PairedQuad operator+(PairedQuad a, PairedQuad b) {
  return {a.low + b.low, a.high + b.high};
}
LEAT_LANES PairedQuad operator-(PairedQuad a, PairedQuad b) {
  return {a.low - b.low, a.high - b.high};
}
LEAT_LANES PairedQuad operator*(PairedQuad a, PairedQuad b) {
  return {a.low * b.low, a.high * b.high};
}
LEAT_LANES PairedQuad operator/(PairedQuad a, PairedQuad b) {
  return {a.low / b.low, a.high / b.high};
}
LEAT_LANES PairedQuad operator+(PairedQuad a, double b) { return {a.low + b, a.high + b}; }
LEAT_LANES PairedQuad operator-(PairedQuad a, double b) { return {a.low - b, a.high - b}; }
LEAT_LANES PairedQuad operator*(PairedQuad a, double b) { return {a.low * b, a.high * b}; }
LEAT_LANES PairedQuad operator-(PairedQuad a) { return {-a.low, -a.high}; }

LEAT_LANES PairedQuad Sqrt(PairedQuad v) { return {Sqrt(v.low), Sqrt(v.high)}; }
LEAT_LANES PairedQuad Abs(PairedQuad v) { return {Abs(v.low), Abs(v.high)}; }
LEAT_LANES PairedQuad Max(PairedQuad a, PairedQuad b) {
  return {Max(a.low, b.low), Max(a.high, b.high)};
}
LEAT_LANES PairedQuad CopySign(PairedQuad size, PairedQuad sign) {
  return {CopySign(size.low, sign.low), CopySign(size.high, sign.high)};
}
LEAT_LANES PairedQuad Choose(PairedQuad test, PairedQuad a, PairedQuad b) {
  return {Choose(test.low, a.low, b.low), Choose(test.high, a.high, b.high)};
}
LEAT_LANES bool AllZero(PairedQuad v) { return AllZero(v.low) && AllZero(v.high); }
LEAT_LANES Pair Low(PairedQuad v) { return v.low; }
LEAT_LANES Pair High(PairedQuad v) { return v.high; }
LEAT_LANES PairedQuad Join(Pair low, Pair high, PairedQuad) { return {low, high}; }

#ifdef __AVX2__
/// Four numbers in one register; arithmetic is the compiler's.
using WideQuad = double __attribute__((vector_size(32)));

LEAT_LANES WideQuad Sqrt(WideQuad v) { return _mm256_sqrt_pd(v); }
LEAT_LANES WideQuad Abs(WideQuad v) { return _mm256_andnot_pd(_mm256_set1_pd(-0.0), v); }
LEAT_LANES WideQuad Max(WideQuad a, WideQuad b) { return _mm256_max_pd(a, b); }
LEAT_LANES WideQuad CopySign(WideQuad size, WideQuad sign) {
  const WideQuad mask = _mm256_set1_pd(-0.0);
  return _mm256_or_pd(_mm256_andnot_pd(mask, size), _mm256_and_pd(mask, sign));
}
LEAT_LANES WideQuad Choose(WideQuad test, WideQuad a, WideQuad b) {
  return test > WideQuad{} ? a : b;
}
LEAT_LANES bool AllZero(WideQuad v) {
  return _mm256_movemask_pd(_mm256_cmp_pd(v, _mm256_setzero_pd(), _CMP_NEQ_UQ)) == 0;
}
LEAT_LANES Pair Low(WideQuad v) { return _mm256_castpd256_pd128(v); }
LEAT_LANES Pair High(WideQuad v) { return _mm256_extractf128_pd(v, 1); }
LEAT_LANES WideQuad Join(Pair low, Pair high, WideQuad) { return _mm256_set_m128d(high, low); }
#endif

/// NaN and infinities as 0.
LEAT_LANES double Finite(double v) {
  return Abs(v) <= std::numeric_limits<double>::max() ? v : 0.0;
}
LEAT_LANES Pair Finite(Pair v) {
  return Abs(v) <= Pair{} + std::numeric_limits<double>::max() ? v : Pair{};
}
LEAT_LANES PairedQuad Finite(PairedQuad v) { return {Finite(v.low), Finite(v.high)}; }

template <typename T>
LEAT_LANES T Load(const double* p) {
  T v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
template <>
LEAT_LANES PairedQuad Load<PairedQuad>(const double* p) {
  return {Load<Pair>(p), Load<Pair>(p + 2)};
}
template <typename T>
LEAT_LANES void Store(double* p, T v) {
  std::memcpy(p, &v, sizeof v);
}
LEAT_LANES void Store(double* p, PairedQuad v) {
  Store(p, v.low);
  Store(p + 2, v.high);
}

}  // namespace leat::linear
