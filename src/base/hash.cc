#include "base/hash.h"

#include <fmt/format.h>
#include <xxhash.h>

namespace leat {

uint64_t Hash64(std::string_view bytes, uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

std::string DigestHex(std::string_view bytes) {
  Digester digester;
  digester.Add(bytes);
  return digester.Hex();
}

struct Digester::State {
  XXH3_state_t* xxh = XXH3_createState();
};

Digester::Digester() : state_(std::make_unique<State>()) { XXH3_128bits_reset(state_->xxh); }
Digester::~Digester() { XXH3_freeState(state_->xxh); }
void Digester::Add(std::string_view bytes) {
  XXH3_128bits_update(state_->xxh, bytes.data(), bytes.size());
}
std::string Digester::Hex() const {
  const XXH128_hash_t hash = XXH3_128bits_digest(state_->xxh);
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

}  // namespace leat
