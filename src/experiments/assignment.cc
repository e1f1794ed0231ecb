#include "experiments/assignment.h"

#include <algorithm>
#include <cmath>

#include "base/hash.h"

namespace leat::experiments {
namespace {

constexpr std::string_view kNames[] = {"leat",    "growthbook1", "growthbook2", "planout",
                                       "statsig", "eppo",        "unleash"};

/// p as a part of 2^64: a hash is in it when it is below. 1 has no such number and is asked apart.
uint64_t Part(double p) {
  return p <= 0 ? 0 : p >= 1 ? ~uint64_t{0} : static_cast<uint64_t>(std::ldexp(p, 64));
}
bool Below(uint64_t hash, double p) { return p >= 1 || hash < Part(p); }

std::string Dotted(std::string_view salt, std::string_view unit) {
  std::string text(salt);
  text.append(".").append(unit);
  return text;
}

}  // namespace

std::span<const std::string_view> HashSchemeNames() { return kNames; }

Assigner::Assigner(AssignmentOptions options)
    : options_(std::move(options)),
      traffic_seed_(Hash64(options_.salt, 1)),
      variant_seed_(Hash64(options_.salt, 2)),
      layer_seed_(Hash64(options_.layer, 3)),
      holdout_seed_(Hash64(options_.holdout_salt, 4)) {
  double total = 0, sum = 0;
  for (const Variant& v : options_.variants) total += v.weight;
  for (const Variant& v : options_.variants) {
    sum += v.weight;
    shares_.push_back(sum / total);
    ends_.push_back(Part(sum / total));
  }
}

Result<Assigner> Assigner::Create(AssignmentOptions options) {
  if (options.variants.size() < 2) return Status::Invalid("needs at least two variants");
  if (options.variants.size() > 250) return Status::Invalid("has more than 250 variants");
  for (size_t i = 0; i < options.variants.size(); ++i) {
    const Variant& v = options.variants[i];
    if (v.name.empty()) return Status::Invalid("a variant has no name");
    if (!(v.weight > 0) || !std::isfinite(v.weight)) {
      return Status::Invalid("the weight of variant '" + v.name + "' is not above 0");
    }
    for (size_t k = 0; k < i; ++k) {
      if (options.variants[k].name == v.name) {
        return Status::Invalid("two variants are called '" + v.name + "'");
      }
    }
  }
  const auto share = [](double p) { return p >= 0 && p <= 1; };
  if (!share(options.traffic)) return Status::Invalid("traffic is not from 0 to 1");
  double before = options.traffic;
  EventTime last;
  for (const RampStage& stage : options.ramp) {
    if (!share(stage.traffic)) return Status::Invalid("traffic of a ramp is not from 0 to 1");
    if (&stage != &options.ramp.front() && stage.from <= last) {
      return Status::Invalid("the stages of a ramp are not in the order of time");
    }
    if (stage.traffic < before) {
      return Status::Invalid("a ramp that shrinks would move units out of the experiment");
    }
    before = stage.traffic;
    last = stage.from;
  }
  if (!share(options.holdout)) return Status::Invalid("a holdout is not from 0 to 1");
  if (!share(options.layer_from) || !share(options.layer_to) ||
      !(options.layer_from < options.layer_to)) {
    return Status::Invalid("the part of a layer is not a range within 0 to 1");
  }
  return Assigner(std::move(options));
}

double Assigner::TrafficAt(EventTime time) const {
  double traffic = options_.traffic;
  for (const RampStage& stage : options_.ramp) {
    if (time >= stage.from) traffic = stage.traffic;
  }
  return traffic;
}

bool Assigner::InTraffic(std::string_view unit, double traffic) const {
  switch (options_.scheme) {
    case HashScheme::kLeat:
      return Below(Hash64(unit, traffic_seed_), traffic);
    case HashScheme::kGrowthBook1:
    case HashScheme::kGrowthBook2: {
      const int version = options_.scheme == HashScheme::kGrowthBook1 ? 1 : 2;
      const double n = *GrowthBookHash(options_.salt, unit, version, options_.units);
      // Within the first `traffic` of its variant's part.
      const auto v = static_cast<size_t>(VariantOf(unit));
      const double start = v == 0 ? 0 : shares_[v - 1];
      return n < start + traffic * (shares_[v] - start);
    }
    case HashScheme::kPlanOut:
      return PlanOutUniform(PlanOutHash(options_.salt + ".traffic.", unit)) < traffic;
    case HashScheme::kStatsig:
      return static_cast<double>(StatsigHash(Dotted(options_.salt, unit)) % 10000) <
             traffic * 10000;
    case HashScheme::kEppo:
      return EppoShard(options_.salt + "-traffic", unit, 10000) < traffic * 10000;
    case HashScheme::kUnleash:
      return UnleashHash(options_.salt, unit, 100) <= traffic * 100;
  }
  return false;
}

int32_t Assigner::VariantOf(std::string_view unit) const {
  const auto last = static_cast<int32_t>(shares_.size()) - 1;
  if (options_.scheme == HashScheme::kLeat) {
    const uint64_t hash = Hash64(unit, variant_seed_);
    int32_t v = 0;
    while (v < last && hash >= ends_[v]) ++v;
    return v;
  }
  double place = 0;
  switch (options_.scheme) {
    case HashScheme::kLeat:
      break;
    case HashScheme::kGrowthBook1:
    case HashScheme::kGrowthBook2:
      place = *GrowthBookHash(options_.salt, unit,
                              options_.scheme == HashScheme::kGrowthBook1 ? 1 : 2, options_.units);
      break;
    case HashScheme::kPlanOut:
      place = PlanOutUniform(PlanOutHash(options_.salt + ".", unit));
      break;
    case HashScheme::kStatsig:
      place = static_cast<double>(StatsigHash(Dotted(options_.salt, unit)) % 1000) / 1000;
      break;
    case HashScheme::kEppo:
      place = EppoShard(options_.salt + "-split", unit, 10000) / 10000.0;
      break;
    case HashScheme::kUnleash:
      place = (UnleashHash(options_.salt, unit, 1000, kUnleashVariantSeed) - 1) / 1000.0;
      break;
  }
  int32_t v = 0;
  while (v < last && place >= shares_[v]) ++v;
  return v;
}

Assignment Assigner::Assign(std::string_view unit, EventTime time) const {
  return Within(unit, options_.ramp.empty() ? options_.traffic : TrafficAt(time));
}

Assignment Assigner::Within(std::string_view unit, double traffic) const {
  if (options_.holdout > 0 && Below(Hash64(unit, holdout_seed_), options_.holdout)) {
    return {AssignedBy::kHoldout, -1};
  }
  if (!options_.layer.empty()) {
    const uint64_t place = Hash64(unit, layer_seed_);
    if (!Below(place, options_.layer_to) ||
        (options_.layer_from > 0 && Below(place, options_.layer_from))) {
      return {AssignedBy::kOtherInLayer, -1};
    }
  }
  if (!InTraffic(unit, traffic)) return {AssignedBy::kOutOfTraffic, -1};
  return {AssignedBy::kVariant, VariantOf(unit)};
}

}  // namespace leat::experiments
