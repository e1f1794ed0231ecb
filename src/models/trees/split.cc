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

/// Of class c against the rest. `totals` are the classes' weights, which sum up to `all`.
double HellingerOf(size_t c, std::span<const double> branches, std::span<const double> totals,
                   double all) {
  const size_t classes = totals.size();
  if (!(totals[c] > 0) || !(all > totals[c])) return 0;
  double squares = 0;
  for (size_t b = 0; b * classes < branches.size(); ++b) {
    const auto branch = branches.subspan(b * classes, classes);
    const double rest = std::max(0.0, Sum(branch) - branch[c]);
    const double gap = std::sqrt(branch[c] / totals[c]) - std::sqrt(rest / (all - totals[c]));
    squares += gap * gap;
  }
  return std::sqrt(squares);
}

/// The largest distance of a class from the rest.
double Hellinger(std::span<const double> branches, size_t classes, double all) {
  thread_local std::vector<double> totals;
  totals.assign(classes, 0);
  for (size_t i = 0; i < branches.size(); ++i) totals[i % classes] += branches[i];
  size_t present = 0;
  for (const double total : totals) present += total > 0 ? 1 : 0;
  double largest = 0;
  for (size_t c = 0; c < classes; ++c) {
    largest = std::max(largest, HellingerOf(c, branches, totals, all));
    if (present == 2 && largest > 0) break;  // Of two classes either is the other's rest.
  }
  return largest;
}

/// Halfway between two values, below the higher one.
double Between(double low, double high) {
  const double middle = low / 2 + high / 2;
  return middle >= low && middle < high ? middle : low;
}

void AddTo(std::vector<double>& weights, size_t label, double weight) {
  if (weights.size() <= label) weights.resize(label + 1);
  weights[label] += weight;
}

}  // namespace

AttributeLayout LayoutOf(const HoeffdingTreeOptions& options, const InputSpec& spec) {
  AttributeLayout layout(spec, options.max_nominal_values);
  if (options.numeric_observer == NumericObserver::kHistogram) {
    layout.most_cells = static_cast<size_t>(options.histogram_bins);
  } else if (options.numeric_observer == NumericObserver::kExhaustive) {
    layout.most_cells = ValueCells::kUnbounded;
  }
  return layout;
}

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
  if (criterion == SplitCriterion::kHellinger) return std::sqrt(2.0);
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
  if (options.split_criterion == SplitCriterion::kHellinger) {
    // Not splitting is one branch, and worth nothing.
    if (count == 1) return 0;
    return heavy < 2 ? -kInfinity : Hellinger(branches, classes, total);
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
  if (layout_.most_cells > 0) {
    return observers.started() &&
           BestBorder(observers.cells(layout_.slot[attribute]), attribute, before, best);
  }
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

bool SplitFinder::BestBorder(const ValueCells& cells, uint32_t attribute, double before,
                             Suggestion* best) {
  const size_t classes = cells.classes();
  branches_.assign(2 * classes, 0);
  for (size_t i = 0; i < cells.size(); ++i) {
    for (size_t c = 0; c < classes; ++c) branches_[classes + c] += cells.weights(i)[c];
  }
  bool found = false;
  for (size_t i = 0; i + 1 < cells.size(); ++i) {
    for (size_t c = 0; c < classes; ++c) {
      branches_[c] += cells.weights(i)[c];
      branches_[classes + c] = std::max(0.0, branches_[classes + c] - cells.weights(i)[c]);
    }
    const double merit = Merit(options_, before, branches_, classes);
    if (!found || merit > best->merit) {
      *best = {merit, TestKind::kNumeric, attribute, Between(cells.high(i), cells.low(i + 1))};
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
  if (suggestion.kind == TestKind::kNumeric && layout_.most_cells > 0) {
    const ValueCells& cells = observers.cells(slot);
    for (size_t i = 0; i < cells.size(); ++i) {
      std::vector<double>& side = branches[cells.high(i) <= suggestion.value ? 0 : 1];
      for (size_t c = 0; c < cells.classes(); ++c) {
        if (cells.weights(i)[c] > 0) AddTo(side, c, cells.weights(i)[c]);
      }
    }
    return branches;
  }
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
