#include "experiments/sdk_hashes.h"

#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <vector>

namespace leat::experiments {
namespace {

uint32_t BigEndian32(const uint8_t* p) {
  return static_cast<uint32_t>(p[0]) << 24 | static_cast<uint32_t>(p[1]) << 16 |
         static_cast<uint32_t>(p[2]) << 8 | p[3];
}

uint32_t LittleEndian32(const uint8_t* p) {
  return static_cast<uint32_t>(p[3]) << 24 | static_cast<uint32_t>(p[2]) << 16 |
         static_cast<uint32_t>(p[1]) << 8 | p[0];
}

/// Calls `block` on each 64 bytes of the message with its padding: a one bit, zeros, its length in
/// bits in the last eight bytes.
template <typename Block>
void ForEachBlock(std::string_view bytes, bool big_endian_length, Block&& block) {
  const auto* const data = reinterpret_cast<const uint8_t*>(bytes.data());
  size_t at = 0;
  for (; at + 64 <= bytes.size(); at += 64) block(data + at);
  uint8_t last[128] = {};
  const size_t rest = bytes.size() - at;
  if (rest > 0) std::memcpy(last, data + at, rest);
  last[rest] = 0x80;
  const size_t size = rest + 9 <= 64 ? 64 : 128;
  const uint64_t bits = static_cast<uint64_t>(bytes.size()) * 8;
  for (size_t i = 0; i < 8; ++i) {
    const size_t shift = big_endian_length ? 56 - 8 * i : 8 * i;
    last[size - 8 + i] = static_cast<uint8_t>(bits >> shift);
  }
  for (size_t i = 0; i < size; i += 64) block(last + i);
}

template <size_t Words>
std::array<uint8_t, Words * 4> BigEndianBytes(const std::array<uint32_t, Words>& words) {
  std::array<uint8_t, Words * 4> out{};
  for (size_t i = 0; i < out.size(); ++i) {
    out[i] = static_cast<uint8_t>(words[i / 4] >> (24 - 8 * (i % 4)));
  }
  return out;
}

/// The primes whose roots are the constants of SHA-256.
constexpr std::array<uint32_t, 64> Primes() {
  std::array<uint32_t, 64> primes{};
  size_t count = 0;
  for (uint32_t n = 2; count < primes.size(); ++n) {
    bool prime = true;
    for (uint32_t d = 2; d * d <= n; ++d) prime = prime && n % d != 0;
    if (prime) primes[count++] = n;
  }
  return primes;
}

/// The first 32 bits of the fraction of n^(1/root), root 2 or 3: found bit by bit in whole numbers.
constexpr uint32_t RootFraction(uint32_t n, int root) {
  __extension__ using Wide = unsigned __int128;
  // The largest x with x^root <= n * 2^(32 root); its low 32 bits are the fraction.
  Wide x = 0;
  for (int bit = 40; bit >= 0; --bit) {
    const Wide y = x | (Wide{1} << bit);
    // y < 2^41: y^3 fits in 123 bits.
    const Wide power = root == 2 ? y * y : y * y * y;
    if (power <= Wide{n} << (32 * root)) x = y;
  }
  return static_cast<uint32_t>(x);
}

constexpr std::array<uint32_t, 64> Sha256Constants() {
  std::array<uint32_t, 64> k{};
  for (size_t i = 0; i < 64; ++i) k[i] = RootFraction(Primes()[i], 3);
  return k;
}

constexpr std::array<uint32_t, 8> Sha256Start() {
  std::array<uint32_t, 8> h{};
  for (size_t i = 0; i < 8; ++i) h[i] = RootFraction(Primes()[i], 2);
  return h;
}

/// floor(2^32 |sin(i + 1)|), the constants of MD5.
std::array<uint32_t, 64> Md5Constants() {
  std::array<uint32_t, 64> k{};
  for (size_t i = 0; i < 64; ++i) {
    k[i] = static_cast<uint32_t>(
        std::floor(0x1.0p32 * std::abs(std::sin(static_cast<double>(i + 1)))));
  }
  return k;
}

/// The units of UTF-16 of text in UTF-8; nothing when it is not UTF-8.
std::optional<std::vector<uint16_t>> Utf16(std::string_view text) {
  std::vector<uint16_t> units;
  units.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<uint8_t>(text[i]);
    const size_t length = lead < 0x80 ? 1 : lead < 0xc0 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (length == 0 || i + length > text.size()) return std::nullopt;
    uint32_t code = length == 1 ? lead : lead & (0xffu >> (length + 1));
    for (size_t k = 1; k < length; ++k) {
      const auto byte = static_cast<uint8_t>(text[i + k]);
      if ((byte & 0xc0) != 0x80) return std::nullopt;
      code = code << 6 | (byte & 0x3f);
    }
    i += length;
    if (code < 0x10000) {
      units.push_back(static_cast<uint16_t>(code));
    } else {
      code -= 0x10000;
      units.push_back(static_cast<uint16_t>(0xd800 | (code >> 10)));
      units.push_back(static_cast<uint16_t>(0xdc00 | (code & 0x3ff)));
    }
  }
  return units;
}

}  // namespace

uint32_t Murmur3(std::string_view bytes, uint32_t seed) {
  constexpr uint32_t kFirst = 0xcc9e2d51, kSecond = 0x1b873593;
  const auto* const data = reinterpret_cast<const uint8_t*>(bytes.data());
  const auto scramble = [](uint32_t k) { return std::rotl(k * kFirst, 15) * kSecond; };
  uint32_t h = seed;
  size_t at = 0;
  for (; at + 4 <= bytes.size(); at += 4) {
    h = std::rotl(h ^ scramble(LittleEndian32(data + at)), 13) * 5 + 0xe6546b64;
  }
  uint32_t tail = 0;
  for (size_t i = bytes.size(); i > at; --i) tail = tail << 8 | data[i - 1];
  if (at < bytes.size()) h ^= scramble(tail);
  h ^= static_cast<uint32_t>(bytes.size());
  h = (h ^ (h >> 16)) * 0x85ebca6b;
  h = (h ^ (h >> 13)) * 0xc2b2ae35;
  return h ^ (h >> 16);
}

std::array<uint8_t, 16> Md5(std::string_view bytes) {
  static const std::array<uint32_t, 64> kConstants = Md5Constants();
  constexpr int kShifts[4][4] = {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};
  std::array<uint32_t, 4> state = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
  ForEachBlock(bytes, false, [&](const uint8_t* block) {
    auto [a, b, c, d] = state;
    for (uint32_t i = 0; i < 64; ++i) {
      uint32_t f = 0, word = 0;
      switch (i / 16) {
        case 0:
          f = (b & c) | (~b & d), word = i;
          break;
        case 1:
          f = (d & b) | (~d & c), word = (5 * i + 1) % 16;
          break;
        case 2:
          f = b ^ c ^ d, word = (3 * i + 5) % 16;
          break;
        default:
          f = c ^ (b | ~d), word = (7 * i) % 16;
          break;
      }
      const uint32_t sum = a + f + kConstants[i] + LittleEndian32(block + 4 * word);
      a = d, d = c, c = b;
      b += std::rotl(sum, kShifts[i / 16][i % 4]);
    }
    state = {state[0] + a, state[1] + b, state[2] + c, state[3] + d};
  });
  std::array<uint8_t, 16> out{};
  for (size_t i = 0; i < 16; ++i) out[i] = static_cast<uint8_t>(state[i / 4] >> (8 * (i % 4)));
  return out;
}

std::array<uint8_t, 20> Sha1(std::string_view bytes) {
  std::array<uint32_t, 5> state = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
  ForEachBlock(bytes, true, [&](const uint8_t* block) {
    uint32_t w[80];
    for (size_t i = 0; i < 16; ++i) w[i] = BigEndian32(block + 4 * i);
    for (size_t i = 16; i < 80; ++i) {
      w[i] = std::rotl(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    }
    auto [a, b, c, d, e] = state;
    for (size_t i = 0; i < 80; ++i) {
      uint32_t f = b ^ c ^ d, k = 0xca62c1d6;
      if (i < 20) {
        f = (b & c) | (~b & d), k = 0x5a827999;
      } else if (i < 40) {
        k = 0x6ed9eba1;
      } else if (i < 60) {
        f = (b & c) | (b & d) | (c & d), k = 0x8f1bbcdc;
      }
      const uint32_t sum = std::rotl(a, 5) + f + e + k + w[i];
      e = d, d = c, c = std::rotl(b, 30), b = a, a = sum;
    }
    state = {state[0] + a, state[1] + b, state[2] + c, state[3] + d, state[4] + e};
  });
  return BigEndianBytes(state);
}

std::array<uint8_t, 32> Sha256(std::string_view bytes) {
  static constexpr std::array<uint32_t, 64> kConstants = Sha256Constants();
  static constexpr std::array<uint32_t, 8> kStart = Sha256Start();
  std::array<uint32_t, 8> state = kStart;
  ForEachBlock(bytes, true, [&](const uint8_t* block) {
    uint32_t w[64];
    for (size_t i = 0; i < 16; ++i) w[i] = BigEndian32(block + 4 * i);
    for (size_t i = 16; i < 64; ++i) {
      const uint32_t s0 = std::rotr(w[i - 15], 7) ^ std::rotr(w[i - 15], 18) ^ (w[i - 15] >> 3);
      const uint32_t s1 = std::rotr(w[i - 2], 17) ^ std::rotr(w[i - 2], 19) ^ (w[i - 2] >> 10);
      w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    std::array<uint32_t, 8> v = state;
    for (size_t i = 0; i < 64; ++i) {
      const uint32_t s1 = std::rotr(v[4], 6) ^ std::rotr(v[4], 11) ^ std::rotr(v[4], 25);
      const uint32_t choice = (v[4] & v[5]) ^ (~v[4] & v[6]);
      const uint32_t first = v[7] + s1 + choice + kConstants[i] + w[i];
      const uint32_t s0 = std::rotr(v[0], 2) ^ std::rotr(v[0], 13) ^ std::rotr(v[0], 22);
      const uint32_t majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
      v = {first + s0 + majority, v[0], v[1], v[2], v[3] + first, v[4], v[5], v[6]};
    }
    for (size_t i = 0; i < 8; ++i) state[i] += v[i];
  });
  return BigEndianBytes(state);
}

uint32_t Fnv1a32(std::string_view text, TextUnits units) {
  constexpr uint32_t kPrime = 16777619;
  uint32_t h = 2166136261;
  if (units == TextUnits::kUtf16) {
    if (const auto wide = Utf16(text)) {
      for (const uint16_t unit : *wide) h = (h ^ unit) * kPrime;
      return h;
    }
  }
  for (const char c : text) h = (h ^ static_cast<uint8_t>(c)) * kPrime;
  return h;
}

std::optional<double> GrowthBookHash(std::string_view seed, std::string_view unit, int version,
                                     TextUnits units) {
  std::string text;
  if (version == 1) {
    text.append(unit).append(seed);
    return static_cast<double>(Fnv1a32(text, units) % 1000) / 1000;
  }
  if (version != 2) return std::nullopt;
  text.append(seed).append(unit);
  return static_cast<double>(Fnv1a32(std::to_string(Fnv1a32(text, units))) % 10000) / 10000;
}

uint64_t PlanOutHash(std::string_view salt, std::string_view unit) {
  std::string text(salt);
  text.append(unit);
  const auto digest = Sha1(text);
  uint64_t head = 0;
  for (size_t i = 0; i < 8; ++i) head = head << 8 | digest[i];
  return head >> 4;
}

double PlanOutUniform(uint64_t hash) {
  return static_cast<double>(hash) / static_cast<double>(0xfffffffffffffff);
}

int64_t PlanOutInteger(uint64_t hash, int64_t min, int64_t max) {
  return static_cast<int64_t>(hash % static_cast<uint64_t>(max - min + 1)) + min;
}

uint32_t UnleashHash(std::string_view group, std::string_view unit, uint32_t modulus,
                     uint32_t seed) {
  std::string text(group);
  text.append(":").append(unit);
  return Murmur3(text, seed) % modulus + 1;
}

uint64_t StatsigHash(std::string_view text) {
  const auto digest = Sha256(text);
  uint64_t head = 0;
  for (size_t i = 0; i < 8; ++i) head = head << 8 | digest[i];
  return head;
}

uint32_t EppoShard(std::string_view salt, std::string_view unit, uint32_t shards) {
  std::string text(salt);
  text.append("-").append(unit);
  return BigEndian32(Md5(text).data()) % shards;
}

}  // namespace leat::experiments
