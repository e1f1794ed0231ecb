/// Weights of classes: their names in a configuration, their text, and what `balanced` makes of the
/// classes seen. Shared by the linear models, which have them built in, and by Weighted, which puts
/// them in front of any other classifier (leat/composition.h).
#pragma once

#include <array>
#include <charconv>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "leat/params.h"
#include "leat/status.h"

namespace leat {

inline constexpr std::array<std::string_view, 2> kClassWeightChoices{"none", "balanced"};
inline constexpr std::string_view kClassWeightsName = "class_weights";
inline constexpr double kLargestClassWeight = 1e9;

template <typename Choice>
void DescribeClassWeights(Params& params, Choice& class_weight,
                          std::map<std::string, double>& class_weights) {
  params.Enumeration("class_weight", class_weight, kClassWeightChoices,
                     "balanced: a class counts in inverse proportion to its share so far.");
  params.NumberMap(
      kClassWeightsName, class_weights, {0, kLargestClassWeight, true, false},
      "Weight by class, such as {1: 20}; 1 for the others. By name where the label is "
      "boolean or has `positive`; else, and in the text of a member, by index in order "
      "of appearance.");
}

/// By class, 1 beyond the end. Invalid for what is not an index below `classes`, and for weights
/// out of range.
inline Result<std::vector<double>> ParseClassWeights(const std::map<std::string, double>& texts,
                                                     size_t classes) {
  std::vector<double> weights;
  for (const auto& [text, weight] : texts) {
    size_t c = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), c);
    if (error != std::errc() || end != text.data() + text.size() || c >= classes) {
      return Status::Invalid("class_weights: '" + text + "' is not the index of a class");
    }
    if (!(weight > 0) || weight > kLargestClassWeight) {
      return Status::Invalid("class_weights: the weight of class " + text +
                             " must be above 0 and at most 1e9");
    }
    if (c >= weights.size()) weights.resize(c + 1, 1.0);
    weights[c] = weight;
  }
  return weights;
}

/// What `balanced` gives to a class that has come: the mean count of those seen, by its own.
inline double BalancedWeight(std::span<const double> counts, size_t c) {
  double total = 0;
  size_t classes = 0;
  for (const double count : counts) {
    total += count;
    classes += count > 0;
  }
  return total / (static_cast<double>(classes) * counts[c]);
}

}  // namespace leat
