#include "models/trees/split.h"

#include <algorithm>
#include <cmath>

#include "base/normal.h"

namespace leat::trees {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kLn2 = 0.693147180559945309417;

double Log2(double x) { return std::log(x) / kLn2; }

double Gini(std::span<const double> weights, double sum) {
  double impurity = 1;
  for (const double w : weights) {
    const double share = w / sum;
    impurity -= share * share;
  }
  return impurity;
}

/// Weight of one class at or below and above a threshold.
struct Cut {
  double left, right;
};

Cut CutGaussian(double threshold, double weight, double mean, double deviation) {
  const double equal = Density(threshold, mean, deviation) * weight;
  double less = 0;
  if (deviation > 0) {
    less = NormalCdf((threshold - mean) / deviation) * weight - equal;
  } else if (threshold < mean) {
    less = weight - equal;
  }
  const double right = std::max(0.0, weight - equal - less);
  return {less + equal, right};
}

void AddTo(std::vector<double>& weights, size_t label, double weight) {
  if (weights.size() <= label) weights.resize(label + 1);
  weights[label] += weight;
}

}  // namespace

double Entropy(std::span<const double> weights) {
  double sum = 0, inner = 0;
  for (const double w : weights) {
    if (!(w > 0)) continue;
    inner -= w * Log2(w);
    sum += w;
  }
  return sum > 0 ? (inner + sum * Log2(sum)) / sum : 0;
}

double HoeffdingBound(double range, double delta, double n) {
  return std::sqrt(range * range * std::log(1 / delta) / (2 * n));
}

double MeritRange(SplitCriterion criterion, size_t classes) {
  if (criterion == SplitCriterion::kGini) return 1;
  return Log2(static_cast<double>(std::max<size_t>(2, classes)));
}

double Merit(const HoeffdingTreeOptions& options, double before, std::span<const double> branches,
             size_t classes) {
  const size_t count = classes == 0 ? 0 : branches.size() / classes;
  double total = 0;
  for (size_t b = 0; b < count; ++b) total += Sum(branches.subspan(b * classes, classes));
  if (options.split_criterion == SplitCriterion::kGini) {
    double impurity = 0;
    for (size_t b = 0; b < count; ++b) {
      const auto branch = branches.subspan(b * classes, classes);
      const double sum = Sum(branch);
      if (sum > 0) impurity += sum / total * Gini(branch, sum);
    }
    return 1 - impurity;
  }
  size_t heavy = 0;
  for (size_t b = 0; b < count; ++b) {
    const double share = Sum(branches.subspan(b * classes, classes)) / total;
    if (share > options.min_branch_fraction) ++heavy;
  }
  if (heavy < 2) return -kInfinity;
  double after = 0;
  for (size_t b = 0; b < count; ++b) {
    const auto branch = branches.subspan(b * classes, classes);
    after += Sum(branch) * Entropy(branch);
  }
  return before - after / total;
}

void SplitFinder::LoadSides(const Observers& observers, size_t slot) {
  sides_.clear();
  for (size_t c = 0; c < observers.classes(); ++c) {
    const ClassStats* stats = observers.of(c);
    if (stats == nullptr) continue;
    const GaussianStats g = stats->Gaussian(layout_, slot);
    if (!(g.weight > 0)) continue;
    sides_.push_back({c, g.weight, g.mean, std::sqrt(std::max(0.0, g.Variance())), g.min, g.max});
  }
}

bool SplitFinder::BestNumeric(const Observers& observers, uint32_t attribute, double before,
                              Suggestion* best) {
  LoadSides(observers, layout_.slot[attribute]);
  double low = kInfinity, high = -kInfinity;
  for (const Side& side : sides_) {
    low = std::min(low, side.min);
    high = std::max(high, side.max);
  }
  if (!(low < high)) return false;
  const size_t classes = observers.classes();
  const double step = (high - low) / (static_cast<double>(options_.numeric_candidates) + 1);
  bool found = false;
  for (int64_t i = 1; i <= options_.numeric_candidates; ++i) {
    const double threshold = step * static_cast<double>(i) + low;
    if (!(threshold > low && threshold < high)) continue;
    branches_.assign(2 * classes, 0);
    for (const Side& side : sides_) {
      Cut cut{side.weight, 0};
      if (threshold < side.min) {
        cut = {0, side.weight};
      } else if (threshold < side.max) {
        cut = CutGaussian(threshold, side.weight, side.mean, side.deviation);
      }
      branches_[side.label] = cut.left;
      branches_[classes + side.label] = cut.right;
    }
    const double merit = Merit(options_, before, branches_, classes);
    if (!found || merit > best->merit) {
      *best = {merit, TestKind::kNumeric, attribute, threshold};
      found = true;
    }
  }
  return found;
}

bool SplitFinder::BestNominal(const Observers& observers, uint32_t attribute, double before,
                              Suggestion* best) {
  const size_t slot = layout_.slot[attribute];
  const size_t classes = observers.classes();
  size_t values = 0;
  for (size_t c = 0; c < classes; ++c) {
    const ClassStats* stats = observers.of(c);
    if (stats != nullptr) values = std::max(values, stats->Nominal(slot).weights.size());
  }
  if (values == 0) return false;
  branches_.assign(values * classes, 0);
  std::vector<double> totals(classes);
  for (size_t c = 0; c < classes; ++c) {
    const ClassStats* stats = observers.of(c);
    if (stats == nullptr) continue;
    const std::vector<double>& weights = stats->Nominal(slot).weights;
    for (size_t v = 0; v < weights.size(); ++v) branches_[v * classes + c] = weights[v];
    totals[c] = Sum(weights);
  }
  bool found = false;
  if (!options_.binary_splits) {
    *best = {Merit(options_, before, branches_, classes), TestKind::kMultiway, attribute, 0};
    found = true;
  }
  std::vector<double> two(2 * classes);
  for (size_t v = 0; v < values; ++v) {
    for (size_t c = 0; c < classes; ++c) {
      two[c] = branches_[v * classes + c];
      two[classes + c] = std::max(0.0, totals[c] - two[c]);
    }
    const double merit = Merit(options_, before, two, classes);
    if (!found || merit > best->merit) {
      *best = {merit, TestKind::kEquals, attribute, static_cast<double>(v)};
      found = true;
    }
  }
  return found;
}

const std::vector<Suggestion>& SplitFinder::Rank(const Observers& observers,
                                                 std::span<const double> counts,
                                                 const std::vector<uint8_t>& disabled) {
  ranked_.clear();
  const double before = Entropy(counts);
  if (options_.pre_prune) {
    // One branch that holds everything: minus infinity for info gain, 1 - Gini(counts) for Gini.
    Suggestion stay;
    stay.merit = Merit(options_, before, counts, counts.size());
    ranked_.push_back(stay);
  }
  for (uint32_t a = 0; a < layout_.size(); ++a) {
    if (!disabled.empty() && disabled[a] != 0) continue;
    Suggestion best;
    const bool found = layout_.is_nominal[a] != 0 ? BestNominal(observers, a, before, &best)
                                                  : BestNumeric(observers, a, before, &best);
    if (found) ranked_.push_back(best);
  }
  std::stable_sort(ranked_.begin(), ranked_.end(),
                   [](const Suggestion& a, const Suggestion& b) { return a.merit < b.merit; });
  return ranked_;
}

std::vector<std::vector<double>> SplitFinder::Branches(const Observers& observers,
                                                       const Suggestion& suggestion) {
  std::vector<std::vector<double>> branches(suggestion.kind == TestKind::kMultiway ? 0 : 2);
  const size_t slot = layout_.slot[suggestion.attribute];
  if (suggestion.kind == TestKind::kNumeric) {
    LoadSides(observers, slot);
    for (const Side& side : sides_) {
      if (suggestion.value < side.min) {
        AddTo(branches[1], side.label, side.weight);
      } else if (suggestion.value >= side.max) {
        AddTo(branches[0], side.label, side.weight);
      } else {
        const Cut cut = CutGaussian(suggestion.value, side.weight, side.mean, side.deviation);
        AddTo(branches[0], side.label, cut.left);
        AddTo(branches[1], side.label, cut.right);
      }
    }
    return branches;
  }
  const auto equal = static_cast<size_t>(suggestion.value);
  for (size_t c = 0; c < observers.classes(); ++c) {
    const ClassStats* stats = observers.of(c);
    if (stats == nullptr) continue;
    const std::vector<double>& weights = stats->Nominal(slot).weights;
    if (suggestion.kind == TestKind::kMultiway && branches.size() < weights.size()) {
      branches.resize(weights.size());
    }
    for (size_t v = 0; v < weights.size(); ++v) {
      const size_t branch =
          suggestion.kind == TestKind::kMultiway ? v : static_cast<size_t>(v != equal);
      AddTo(branches[branch], c, weights[v]);
    }
  }
  return branches;
}

size_t SplitFinder::MemoryBytes() const {
  return ranked_.capacity() * sizeof(Suggestion) + sides_.capacity() * sizeof(Side) +
         branches_.capacity() * sizeof(double) + 3 * kAllocation;
}

}  // namespace leat::trees
