/// What the processor can do. Decides speed only, never bits.
#pragma once

namespace leat {

/// Whether four doubles fit one register (AVX2).
#if defined(__x86_64__)
inline const bool kWideRegisters = __builtin_cpu_supports("avx2") != 0;
#define LEAT_WIDE [[gnu::target("avx2")]]
#else
inline constexpr bool kWideRegisters = false;
#define LEAT_WIDE
#endif

}  // namespace leat
