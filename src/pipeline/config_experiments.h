/// The section `experiments` of the configuration.
#pragma once

#include <string>
#include <vector>

#include "base/time.h"
#include "experiments/experiment.h"
#include "pipeline/config_sections.h"

namespace leat {

/// What a variant makes of the predictions of the records that expose its units.
struct VariantRoute {
  std::string model;      ///< Serves; empty: the first one.
  double threshold = -1;  ///< Of the positive class; below 0: that of the evaluation.
};

/// What of a record an experiment reads, and what it does with it.
struct ExperimentConfig {
  experiments::ExperimentOptions options;
  std::string unit;                   ///< An id or category field.
  std::string expose;                 ///< A number that is not 0 exposes; empty: every record.
  std::string where;                  ///< A number that is not 0 lets the exposure happen.
  std::string assigned;               ///< A field with the variant's name: from another system.
  std::string bot;                    ///< A number that is not 0 says that the unit is a bot.
  std::vector<std::string> segments;  ///< Fields, id or category.
  Micros every = kHour;               ///< Event time between two looks.
  bool log_exposures = false;         ///< First exposures go to the events sink.
  std::vector<std::string> of, per;   ///< Of each metric: the numerator, the denominator.
  std::string starts, ends;           ///< As written.
  std::vector<VariantRoute> routes;   ///< Of each variant; empty: variants are labels.
};

namespace config {

/// Said when two experiments or bandits would choose who serves.
inline constexpr std::string_view kOneRouter =
    "only one experiment or bandit may choose the model or threshold that serves a record";

struct Build;
void DescribeExperiment(SectionParams& p, ExperimentConfig& experiment);
void DescribeExperimentMetric(SectionParams& p, experiments::AnalysedMetric& metric,
                              std::string& of, std::string& per);
/// A variant that is more than a weight.
void DescribeVariant(SectionParams& p, double& weight, VariantRoute& route);
void DescribeRamp(SectionParams& p, experiments::RampSteps& ramp);
void ReadExperiments(Build& b, const YamlNode& node);
/// A line a setting, an `experiment NAME:` before each: the canonical text.
std::string ExperimentsText(const std::vector<ExperimentConfig>& experiments);

}  // namespace config
}  // namespace leat
