#include "record/csv_index.h"

#include <bit>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace leat {
namespace {

/// Bit i of `structure`: data[i] is structural; of `high`: data[i] is above 127.
struct Masks {
  uint64_t structure = 0;
  uint64_t high = 0;
};

/// std::popcount is a call into a library where the instruction may not be assumed.
inline int CountBits(uint64_t bits) {
  bits -= (bits >> 1) & 0x5555555555555555;
  bits = (bits & 0x3333333333333333) + ((bits >> 2) & 0x3333333333333333);
  bits = (bits + (bits >> 4)) & 0x0f0f0f0f0f0f0f0f;
  return static_cast<int>((bits * 0x0101010101010101) >> 56);
}

#if defined(__SSE2__)

inline Masks Block(const char* data, char delimiter) {
  const __m128i delimiters = _mm_set1_epi8(delimiter);
  const __m128i quotes = _mm_set1_epi8('"');
  const __m128i feeds = _mm_set1_epi8('\n');
  Masks masks;
  for (int i = 0; i < 4; ++i) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(data + 16 * i));
    const __m128i found =
        _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(bytes, delimiters), _mm_cmpeq_epi8(bytes, quotes)),
                     _mm_cmpeq_epi8(bytes, feeds));
    const auto bits = static_cast<uint32_t>(_mm_movemask_epi8(found));
    const auto high = static_cast<uint32_t>(_mm_movemask_epi8(bytes));
    masks.structure |= uint64_t{bits} << (16 * i);
    masks.high |= uint64_t{high} << (16 * i);
  }
  return masks;
}

#else

inline Masks Block(const char* data, char delimiter) {
  Masks masks;
  for (int i = 0; i < 64; ++i) {
    const char c = data[i];
    masks.structure |= static_cast<uint64_t>(c == delimiter || c == '"' || c == '\n') << i;
    masks.high |= static_cast<uint64_t>(static_cast<uint8_t>(c) >> 7) << i;
  }
  return masks;
}

#endif

}  // namespace

size_t IndexCsv(const char* data, size_t from, size_t to, char delimiter, uint32_t* out,
                size_t& last_high) {
  uint32_t* write = out;
  for (size_t at = from; at < to; at += 64) {
    Masks masks = Block(data + at, delimiter);
    if (const size_t left = to - at; left < 64) {
      const uint64_t inside = (uint64_t{1} << left) - 1;
      masks.structure &= inside;
      masks.high &= inside;
    }
    if (masks.high != 0) last_high = at + 64;
    const int count = CountBits(masks.structure);
    uint64_t bits = masks.structure;
    // Eight at a time without a branch each: what is written beyond `count` is overwritten later.
    for (int done = 0; done < count; done += 8) {
      for (int i = 0; i < 8; ++i) {
        write[done + i] = static_cast<uint32_t>(at) + static_cast<uint32_t>(std::countr_zero(bits));
        bits &= bits - 1;
      }
    }
    write += count;
  }
  return static_cast<size_t>(write - out);
}

}  // namespace leat
