/// Hashes that assign units in other systems, so that their assignments can be checked here.
///
/// Sources: FNV-1a (Fowler, Noll, Vo); MurmurHash3 x86 32 (Appleby); SHA-1 and SHA-256 (FIPS
/// 180-4); MD5 (RFC 1321). How each system uses them is beside its function. None of this is for
/// secrets. Cost: linear in the text. Thread safety and determinism: pure functions, the same on
/// every machine. Errors: none, except where a Result is returned.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace leat::experiments {

uint32_t Murmur3(std::string_view bytes, uint32_t seed);
std::array<uint8_t, 16> Md5(std::string_view bytes);
std::array<uint8_t, 20> Sha1(std::string_view bytes);
std::array<uint8_t, 32> Sha256(std::string_view bytes);

/// What a character is to a hash that was written for another language.
enum class TextUnits {
  kBytes,  ///< Of UTF-8.
  kUtf16,  ///< Units of UTF-16, as JavaScript has them.
};

/// FNV-1a with 32 bits. Text that is not UTF-8 is taken byte by byte.
uint32_t Fnv1a32(std::string_view text, TextUnits units = TextUnits::kBytes);

/// GrowthBook: a number in [0, 1] in steps of 1/1000 (version 1) or 1/10000 (version 2); nothing
/// for other versions.
std::optional<double> GrowthBookHash(std::string_view seed, std::string_view unit, int version,
                                     TextUnits units = TextUnits::kUtf16);
/// PlanOut: the first 15 hexadecimal digits of SHA-1 of salt and unit. `salt` ends with its dot.
uint64_t PlanOutHash(std::string_view salt, std::string_view unit);
/// The hash as a number in [0, 1].
double PlanOutUniform(uint64_t hash);
/// The hash as a whole number from `min` to `max`. REQUIRES min <= max.
int64_t PlanOutInteger(uint64_t hash, int64_t min, int64_t max);
/// Unleash: a whole number from 1 to `modulus` of "group:unit". REQUIRES modulus > 0.
uint32_t UnleashHash(std::string_view group, std::string_view unit, uint32_t modulus,
                     uint32_t seed = 0);
/// The seed with which Unleash chooses variants.
inline constexpr uint32_t kUnleashVariantSeed = 86028157;
/// Statsig: the first 8 bytes of SHA-256, the highest first; of "salt.unit" to choose.
uint64_t StatsigHash(std::string_view text);
/// Eppo: the first 4 bytes of MD5 of "salt-unit", the highest first, modulo `shards`. REQUIRES
/// shards > 0.
uint32_t EppoShard(std::string_view salt, std::string_view unit, uint32_t shards);

}  // namespace leat::experiments
