/// The ways to say whether a variant differs from the control, and what each of them asks for.
///
/// Thread safety and determinism: constants.
#pragma once

#include <span>
#include <string_view>

namespace leat::experiments {

enum class Method {
  kSequence,            ///< Asymptotic confidence sequence.
  kGroupSequential,     ///< Lan-DeMets.
  kFixed,               ///< Welch's t, delta method.
  kMsprt,               ///< Normal mixture with a variance of effects that is fixed in advance.
  kAnytimeT,            ///< The same with Student's tails.
  kBetting,             ///< A betting sequence of each arm's mean: bounded outcomes.
  kEmpiricalBernstein,  ///< Gamma-exponential sequence of the difference: bounded outcomes.
  kPooledZ,             ///< z of two shares.
  kBayes,               ///< Beta posteriors of shares, a normal one otherwise.
};

enum class Watching { kAlways, kPlannedLooks, kOneLook };

struct MethodFacts {
  std::string_view name;   ///< In the configuration.
  std::string_view title;  ///< In reports.
  Watching watching;
  bool bounded = false;  ///< Needs outcomes in a range that is known in advance.
  bool shares = false;   ///< Is for proportions.
  bool plain = false;    ///< Does not go with CUPED, quantiles or caps by percentile.
};

const MethodFacts& FactsOf(Method method);
/// In the order of Method.
std::span<const std::string_view> MethodNames();

}  // namespace leat::experiments
