/// The section `bandits` of the configuration.
#pragma once

#include <string>
#include <vector>

#include "base/time.h"
#include "experiments/bandit.h"
#include "pipeline/config_sections.h"

namespace leat {

/// What of a record a bandit reads, and what it does with it.
struct BanditConfig {
  experiments::BanditOptions options;
  std::vector<std::string> context;     ///< Numbers: fields or features.
  std::string decide;                   ///< A number that is not 0 asks for a decision; empty: all.
  std::string decision;                 ///< Field with the id of the decision that is rewarded.
  std::string reward;                   ///< A number; missing: no reward.
  std::vector<std::string> rewards;     ///< Instead: of each action, what it would have earned.
  bool serve = false;                   ///< Actions are models, and the chosen one serves.
  std::string taken;                    ///< Field with the action that another system took,
  std::string propensity;               ///< and its probability.
  std::vector<std::string> candidates;  ///< Names of policies,
  bool candidates_have_settings = false;  ///< or, instead, policies with settings of their own.
  Micros every = kHour;                   ///< Event time between two rows of the metrics sink.
  bool log_decisions = true;
};

namespace config {

struct Build;
void DescribeBandit(SectionParams& p, BanditConfig& bandit);
/// What a policy has besides its kind.
void DescribePolicy(SectionParams& p, experiments::PolicyOptions& policy);
/// A candidate with settings of its own.
void DescribeCandidate(SectionParams& p, experiments::PolicyOptions& policy);
void ReadBandits(Build& b, const YamlNode& node);
/// A line a setting, a `bandit NAME:` before each: the canonical text.
std::string BanditsText(const std::vector<BanditConfig>& bandits);

}  // namespace config
}  // namespace leat
