#include "experiments/method.h"

#include <array>

namespace leat::experiments {
namespace {

constexpr std::array<MethodFacts, 9> kMethods = {{
    {"sequence", "asymptotic confidence sequence", Watching::kAlways},
    {"group_sequential", "group sequential (O'Brien-Fleming spending)", Watching::kPlannedLooks},
    {"fixed", "Welch at a fixed horizon", Watching::kOneLook},
    {"msprt", "mSPRT (normal mixture of effects)", Watching::kAlways},
    {"anytime_t", "anytime-valid t", Watching::kAlways},
    {"betting", "betting confidence sequences of both arms", Watching::kAlways, true, false, true},
    {"empirical_bernstein", "empirical-Bernstein confidence sequence of the difference",
     Watching::kAlways, true, false, true},
    {"pooled_z", "pooled z of two shares at a fixed horizon", Watching::kOneLook, false, true,
     true},
    {"bayes", "Bayesian posterior at a fixed horizon", Watching::kOneLook},
}};

constexpr auto kNames = [] {
  std::array<std::string_view, kMethods.size()> names;
  for (size_t i = 0; i < kMethods.size(); ++i) names[i] = kMethods[i].name;
  return names;
}();

}  // namespace

const MethodFacts& FactsOf(Method method) { return kMethods[static_cast<size_t>(method)]; }
std::span<const std::string_view> MethodNames() { return kNames; }

}  // namespace leat::experiments
