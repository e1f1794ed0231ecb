/// Hashes: 64 bits for keys and 128 for digests, both XXH3; independent of machine and run.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace leat {

uint64_t Hash64(std::string_view bytes, uint64_t seed = 0);

/// A well-mixed function of a 64-bit number (SplitMix64's finaliser); a bijection.
constexpr uint64_t Mix64(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

/// The 128-bit digest of bytes, as 32 hexadecimal digits.
std::string DigestHex(std::string_view bytes);

/// The same of bytes that come piece by piece.
class Digester {
 public:
  Digester();
  ~Digester();
  void Add(std::string_view bytes);
  std::string Hex() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace leat
