/// Which variant a unit gets: a pure function of the experiment's salt and the unit's id.
///
/// Leat's own scheme hashes the unit with XXH3 (64 bits) under three seeds drawn from the salt: one
/// says whether the unit is in traffic, one which variant it gets, one its place in the layer; so a
/// ramp never moves a unit that is in already. Shares are compared as whole numbers, p * 2^64, and
/// so are exact to 2^-64. Other schemes give the assignments of other systems (sdk_hashes.h), to
/// check logs that they wrote. Cost: about 10 ns a unit in the own scheme. Thread safety: const
/// methods may run concurrently. Determinism: the same on every machine and at every time.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "experiments/sdk_hashes.h"
#include "leat/status.h"

namespace leat::experiments {

enum class HashScheme {
  kLeat,
  kGrowthBook1,  ///< Weights cut [0, 1); the coverage keeps the start of each part.
  kGrowthBook2,
  kPlanOut,  ///< A weighted choice; the salt ends with the variable's name.
  kStatsig,  ///< Ten thousand buckets for traffic, a thousand for variants.
  kEppo,     ///< Ten thousand shards, one salt for traffic and one for the split.
  kUnleash,  ///< A percentage for traffic; weights in thousandths for variants.
};
/// In the order of HashScheme.
std::span<const std::string_view> HashSchemeNames();

struct Variant {
  std::string name;
  double weight = 1;  ///< Above 0, relative to the others.
};

struct RampStage {
  EventTime from;
  double traffic = 1;
};

struct AssignmentOptions {
  std::string salt;
  HashScheme scheme = HashScheme::kLeat;
  TextUnits units = TextUnits::kBytes;  ///< GrowthBook: kUtf16 as in JavaScript.
  std::vector<Variant> variants;        ///< The first is the control.
  double traffic = 1;                   ///< Share of units, before the first stage of the ramp.
  std::vector<RampStage> ramp;          ///< Ascending in time.
  std::string layer;                    ///< Experiments of a layer share its units without overlap:
  double layer_from = 0, layer_to = 1;  ///< this part of them is ours.
  std::string holdout_salt;  ///< Units of this holdout are in no experiment that names it.
  double holdout = 0;        ///< Its share.
};

enum class AssignedBy { kVariant, kHoldout, kOtherInLayer, kOutOfTraffic };
struct Assignment {
  AssignedBy by = AssignedBy::kOutOfTraffic;
  int32_t variant = -1;  ///< An index when by is kVariant.
};

class Assigner {
 public:
  static Result<Assigner> Create(AssignmentOptions options);
  /// `time` says which stage of the ramp holds.
  Assignment Assign(std::string_view unit, EventTime time = {}) const;
  /// The same with this share of units in traffic.
  Assignment Within(std::string_view unit, double traffic) const;
  /// As if all traffic were in: the variant that the unit has or would have.
  int32_t VariantOf(std::string_view unit) const;
  double TrafficAt(EventTime time) const;
  const AssignmentOptions& options() const { return options_; }

 private:
  explicit Assigner(AssignmentOptions options);
  bool InTraffic(std::string_view unit, double traffic) const;

  AssignmentOptions options_;
  uint64_t traffic_seed_, variant_seed_, layer_seed_, holdout_seed_;
  std::vector<uint64_t> ends_;  ///< Of variants, in 2^64; the last is open.
  std::vector<double> shares_;  ///< Cumulative.
};

}  // namespace leat::experiments
