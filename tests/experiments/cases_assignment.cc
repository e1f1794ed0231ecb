// Hashes that other systems assign by.
#include <fmt/format.h>

#include "experiments/cases.h"
#include "experiments/sdk_hashes.h"

namespace leat::experiments {

void AddAssignmentRunners(std::map<std::string, Runner>& runners) {
  runners["hash_growthbook"] = [](const Case& c, CaseCheck& out) {
    const auto hash = GrowthBookHash(Str(c.input.at("seed")), Str(c.input.at("value")),
                                     static_cast<int>(Num(c.input.at("version"))));
    if (c.expected.is_null()) return out.Text("hash", hash ? "a number" : "none", "none");
    if (!hash) return out.Text("hash", "none", "a number");
    out.Number("hash", *hash, Num(c.expected));
  };
  runners["hash_growthbook_v2_units"] = [](const Case& c, CaseCheck& out) {
    const std::string seed = Str(c.input.at("seed")), value = Str(c.input.at("value"));
    const int version = static_cast<int>(Num(c.input.at("version")));
    out.Member(c.expected, "utf16_units",
               GrowthBookHash(seed, value, version, TextUnits::kUtf16).value_or(-1));
    out.Member(c.expected, "utf8_bytes",
               GrowthBookHash(seed, value, version, TextUnits::kBytes).value_or(-1));
  };
  runners["hash_planout"] = [](const Case& c, CaseCheck& out) {
    const uint64_t hash = PlanOutHash(Str(c.input.at("salt")), Str(c.input.at("unit")));
    const boost::json::object& expected = c.expected.as_object();
    if (const auto* value = expected.if_contains("hash")) {
      out.Text("hash", std::to_string(hash), std::to_string(value->to_number<uint64_t>()));
    }
    out.Member(c.expected, "random_integer_0_100000",
               static_cast<double>(PlanOutInteger(hash, 0, 100000)));
  };
  runners["hash_murmur3_x86_32_mod"] = [](const Case& c, CaseCheck& out) {
    out.Number("hash",
               UnleashHash(Str(c.input.at("group")), Str(c.input.at("id")),
                           c.input.at("mod").to_number<uint32_t>(),
                           c.input.at("seed").to_number<uint32_t>()),
               Num(c.expected));
  };
  runners["hash_sha256_u64be"] = [](const Case& c, CaseCheck& out) {
    out.Text("hash", fmt::format("0x{:016X}", StatsigHash(Str(c.input.at("s")))), Str(c.expected));
  };
}

}  // namespace leat::experiments
