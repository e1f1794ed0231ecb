/// Two doubles at any address of doubles; SSE2 on x86-64. Each lane is rounded by IEEE arithmetic,
/// so results have the same bits on every processor.
#pragma once

namespace leat {

using Pair = double __attribute__((vector_size(16), aligned(8), may_alias));

inline const Pair& LoadPair(const double* p) { return *reinterpret_cast<const Pair*>(p); }
inline void StorePair(double* p, Pair v) { *reinterpret_cast<Pair*>(p) = v; }

}  // namespace leat
