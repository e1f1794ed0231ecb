#include "models/trees/observers.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "models/pair.h"

namespace leat::trees {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kPi = 3.14159265358979323846;
// The root of the double nearest to 2 pi, one unit below the double nearest to the true root: the
// published figures were made with it, and a fractional leaf weight can hang on the last bit.
constexpr double kSqrtTwoPi = 2.5066282746310002;

// The bounds of FastScores. A partial product of the best class is at least 1e-150 * e^-300, about
// 1e-280; a rival whose product underflows on the way ends below 1e-322 * 1e150.
constexpr double kFarUp = 1e150;
constexpr double kFarDown = 1e-150;
constexpr double kMaxExponent = 300;
constexpr double kMinBest = -345;  // ln(1e-150)
constexpr double kClear = 1e-9;    // Rounding of either form is below 1e-12 of the exponent.

}  // namespace

AttributeLayout::AttributeLayout(const InputSpec& spec, int64_t max_nominal_values)
    : code_limit(static_cast<double>(max_nominal_values)) {
  for (size_t i = 0; i < spec.dense.size(); ++i) {
    std::vector<uint32_t>& kind = spec.dense[i].nominal ? nominal : numeric;
    slot.push_back(static_cast<uint32_t>(kind.size()));
    is_nominal.push_back(spec.dense[i].nominal ? 1 : 0);
    kind.push_back(static_cast<uint32_t>(i));
  }
  stride = (numeric.size() + 1) / 2 * 2;
}

size_t AttributeLayout::MemoryBytes() const {
  return size() * (2 * sizeof(uint32_t) + 1) + 4 * kAllocation;
}

Row::Row(const AttributeLayout& layout, std::span<const double> dense) {
  const size_t n = layout.numeric.size();
  const size_t m = layout.nominal.size();
  if (layout.stride > kInline) {
    thread_local std::vector<double> wide;
    if (wide.size() < layout.stride) wide.resize(layout.stride);
    numeric_ = wide.data();
  }
  if (m > kInline) {
    thread_local std::vector<int32_t> wide_codes;
    if (wide_codes.size() < m) wide_codes.resize(m);
    codes_ = wide_codes.data();
  }
  bool complete = true;
  const uint32_t* positions = layout.numeric.data();
  for (size_t i = 0; i < n; ++i) {
    const double v = dense[positions[i]];
    const bool known = std::fabs(v) <= kLargestNumber;  // False for NaN too.
    complete &= known;
    numeric_[i] = known ? v : kNaN;
  }
  if (n != layout.stride) numeric_[n] = 0;
  missing_ = !complete;
  for (size_t j = 0; j < m; ++j) {
    const double v = dense[layout.nominal[j]];
    const bool known = v >= 0 && v < layout.code_limit;
    codes_[j] = known ? static_cast<int32_t>(v) : -1;
    missing_ |= !known;
  }
  if (missing_) {
    all_missing_ = std::all_of(numeric_, numeric_ + n, [](double v) { return v != v; }) &&
                   std::all_of(codes_, codes_ + m, [](int32_t code) { return code < 0; });
  }
}

double Density(double value, double mean, double deviation) {
  const double distance = value - mean;
  if (!(deviation > 0)) return distance == 0 ? 1 : 0;
  return 1 / (kSqrtTwoPi * deviation) *
         std::exp(-(distance * distance / (2 * deviation * deviation)));
}

ClassStats::ClassStats(const AttributeLayout& layout)
    : block_(std::make_unique<double[]>(kFields * layout.stride)), nominal_(layout.nominal.size()) {
  degenerate_ = !layout.numeric.empty();
  all_seen_ = layout.numeric.empty();
}

GaussianStats ClassStats::Gaussian(const AttributeLayout& layout, size_t slot) const {
  return {At(layout, kWeight)[slot], At(layout, kMean)[slot], At(layout, kSquares)[slot],
          At(layout, kMin)[slot], At(layout, kMax)[slot]};
}

size_t ClassStats::Learn(const AttributeLayout& layout, const Row& row, double weight) {
  LearnNumbers(layout, row.numeric(), weight);
  size_t grown = 0;
  for (size_t j = 0; j < nominal_.size(); ++j) {
    const int32_t code = row.codes()[j];
    if (code < 0) continue;
    NominalStats& stats = nominal_[j];
    const size_t size = static_cast<size_t>(code) + 1;
    if (size > stats.weights.size()) {
      grown += (size - stats.weights.size()) * sizeof(double) +
               (stats.weights.empty() ? kAllocation : 0);
      std::vector<double> longer(size);
      std::copy(stats.weights.begin(), stats.weights.end(), longer.begin());
      stats.weights = std::move(longer);
    }
    stats.weights[static_cast<size_t>(code)] += weight;
    stats.total += weight;
  }
  return grown;
}

void ClassStats::LearnNumbers(const AttributeLayout& layout, const double* x, double weight) {
  double* const w = At(layout, kWeight);
  double* const mean = At(layout, kMean);
  double* const squares = At(layout, kSquares);
  double* const low = At(layout, kMin);
  double* const high = At(layout, kMax);
  const size_t n = layout.numeric.size();
  bool complete = all_seen_;
  for (size_t i = 0; i < n && complete; ++i) complete = x[i] == x[i];
  if (complete) {
    const Pair wt = {weight, weight};
    for (size_t i = 0; i < layout.stride; i += 2) {
      const Pair v = LoadPair(x + i);
      const Pair m = LoadPair(mean + i);
      const Pair total = LoadPair(w + i) + wt;
      const Pair step = wt * (v - m);
      const Pair next = m + step / total;
      StorePair(w + i, total);
      StorePair(mean + i, next);
      StorePair(squares + i, LoadPair(squares + i) + step * (v - next));
      const Pair lo = LoadPair(low + i), hi = LoadPair(high + i);
      StorePair(low + i, v < lo ? v : lo);
      StorePair(high + i, v > hi ? v : hi);
    }
    return;
  }
  all_seen_ = true;
  for (size_t i = 0; i < n; ++i) {
    const double v = x[i];
    if (v == v) {
      if (w[i] > 0) {
        w[i] += weight;
        const double step = weight * (v - mean[i]);
        const double next = mean[i] + step / w[i];
        mean[i] = next;
        squares[i] += step * (v - next);
        low[i] = std::min(low[i], v);
        high[i] = std::max(high[i], v);
      } else {
        w[i] = weight;
        mean[i] = low[i] = high[i] = v;
      }
    }
    all_seen_ &= w[i] > 0;
  }
}

void ClassStats::Refresh(const AttributeLayout& layout) {
  const double* const w = At(layout, kWeight);
  const double* const squares = At(layout, kSquares);
  double* const inverse = At(layout, kInverse);
  const Pair one = {1, 1}, zero = {0, 0};
  Pair up = one, down = one;
  size_t proper = 0;
  for (size_t i = 0; i < layout.stride; i += 2) {
    const Pair weight = LoadPair(w + i), s = LoadPair(squares + i);
    const auto positive = (s > zero) & (weight > one);
    const Pair half_precision = positive ? (weight - one) / (s + s) : zero;
    StorePair(inverse + i, half_precision);
    const Pair norm = positive ? half_precision * (1 / kPi) : one;  // normaliser squared
    up *= norm > one ? norm : one;
    down *= norm < one ? norm : one;
    proper += static_cast<size_t>(-(positive[0] + positive[1]));
  }
  const double norm_up = std::sqrt(up[0] * up[1]);
  norm_down_ = std::sqrt(down[0] * down[1]);
  norm_ = norm_up * norm_down_;
  usable_ = norm_up < kFarUp && norm_down_ > kFarDown;
  degenerate_ = proper != layout.numeric.size();
}

double ClassStats::Likelihood(const AttributeLayout& layout, const Row& row,
                              size_t position) const {
  const size_t slot = layout.slot[position];
  if (layout.is_nominal[position] == 0) {
    const GaussianStats g = Gaussian(layout, slot);
    if (!(g.weight > 0)) return 0;
    return Density(row.numeric()[slot], g.mean, std::sqrt(g.Variance()));
  }
  const NominalStats& stats = nominal_[slot];
  if (stats.weights.empty()) return 0;
  const auto code = static_cast<size_t>(row.codes()[slot]);
  const double weight = code < stats.weights.size() ? stats.weights[code] : 0;
  return (weight + 1) / (stats.total + static_cast<double>(stats.weights.size()));
}

size_t ClassStats::MemoryBytes(const AttributeLayout& layout) const {
  size_t bytes = sizeof(ClassStats) + kAllocation;
  bytes += kFields * layout.stride * sizeof(double) + kAllocation;
  if (!nominal_.empty()) bytes += nominal_.size() * sizeof(NominalStats) + kAllocation;
  for (const NominalStats& stats : nominal_) {
    if (!stats.weights.empty()) bytes += stats.weights.size() * sizeof(double) + kAllocation;
  }
  return bytes;
}

void ClassStats::Save(const AttributeLayout& layout, StateWriter& out) const {
  for (size_t field = 0; field < kInverse; ++field) {
    for (size_t i = 0; i < layout.numeric.size(); ++i) {
      out.F64(At(layout, static_cast<Field>(field))[i]);
    }
  }
  for (const NominalStats& stats : nominal_) {
    out.Array(stats.weights);
    out.F64(stats.total);
  }
}

void ClassStats::Load(const AttributeLayout& layout, StateReader& in) {
  bool finite = true;
  for (size_t field = 0; field < kInverse; ++field) {
    for (size_t i = 0; i < layout.numeric.size(); ++i) {
      const double v = in.F64();
      At(layout, static_cast<Field>(field))[i] = v;
      finite &= std::isfinite(v);
    }
  }
  all_seen_ = true;
  for (size_t i = 0; i < layout.numeric.size(); ++i) all_seen_ &= At(layout, kWeight)[i] > 0;
  for (NominalStats& stats : nominal_) {
    in.Array(stats.weights);
    stats.total = in.F64();
    finite &= std::isfinite(stats.total) && stats.total >= 0;
    for (const double w : stats.weights) finite &= std::isfinite(w) && w >= 0;
    if (static_cast<double>(stats.weights.size()) > layout.code_limit) {
      in.Fail("more nominal values than max_nominal_values");
    }
  }
  if (!finite) in.Fail("attribute statistics are not finite");
  Refresh(layout);
}

size_t Observers::Learn(const AttributeLayout& layout, const Row& row, size_t label, double weight,
                        bool score) {
  size_t grown = 0;
  if (label >= classes_.size()) {
    grown += (label + 1 - classes_.size()) * sizeof(classes_[0]);
    if (classes_.empty()) grown += kAllocation;
    classes_.reserve(label + 1);
    classes_.resize(label + 1);
  }
  std::unique_ptr<ClassStats>& stats = classes_[label];
  if (stats == nullptr) {
    stats = std::make_unique<ClassStats>(layout);
    grown += stats->MemoryBytes(layout);
  }
  started_ = true;
  grown += stats->Learn(layout, row, weight);
  if (layout.most_cells > 0) grown += LearnCells(layout, row, label, weight);
  if (score) stats->Refresh(layout);
  return grown;
}

size_t Observers::LearnCells(const AttributeLayout& layout, const Row& row, size_t label,
                             double weight) {
  size_t grown = 0;
  if (cells_.empty() && !layout.numeric.empty()) {
    cells_ = std::vector<ValueCells>(layout.numeric.size());
    grown += CellsBytes();
  }
  for (size_t slot = 0; slot < cells_.size(); ++slot) {
    const double v = row.numeric()[slot];
    if (v == v) grown += cells_[slot].Learn(v, label, weight, layout.most_cells);
  }
  return grown;
}

size_t Observers::LeastCellBytes(const AttributeLayout& layout, size_t classes) {
  if (layout.most_cells == 0) return 0;
  const size_t cells = std::min<size_t>(layout.most_cells, 256);
  return layout.numeric.size() *
             (sizeof(ValueCells) + kAllocation + ValueCells::Bytes(cells, classes)) +
         kAllocation;
}

size_t Observers::CellsBytes() const {
  return cells_.empty() ? 0 : cells_.size() * sizeof(ValueCells) + kAllocation;
}

size_t Observers::GrowthOf(const AttributeLayout& layout, const Row& row, size_t label) const {
  size_t grown = 0;
  if (label >= classes_.size()) {
    grown += (label + 1 - classes_.size()) * sizeof(classes_[0]);
    if (classes_.empty()) grown += kAllocation;
  }
  const ClassStats* stats = label < classes_.size() ? classes_[label].get() : nullptr;
  if (stats == nullptr) grown += ClassStats(layout).MemoryBytes(layout);
  for (size_t j = 0; j < layout.nominal.size(); ++j) {
    const auto size = static_cast<size_t>(row.codes()[j] + 1);
    const size_t present = stats == nullptr ? 0 : stats->nominal_[j].weights.size();
    if (size > present) grown += (size - present) * sizeof(double) + (present ? 0 : kAllocation);
  }
  return grown;
}

void Observers::ExactVotes(const AttributeLayout& layout, std::span<const double> counts,
                           const Row& row, double* votes) const {
  const double total = Sum(counts);
  for (size_t c = 0; c < counts.size(); ++c) {
    double vote = counts[c] / total;
    if (started_ && !row.all_missing()) {
      const ClassStats* stats = c < classes_.size() ? classes_[c].get() : nullptr;
      if (stats == nullptr) {
        vote *= 0;
      } else {
        for (size_t i = 0; i < layout.size(); ++i) {
          const size_t slot = layout.slot[i];
          const bool missing = layout.is_nominal[i] != 0
                                   ? row.codes()[slot] < 0
                                   : row.numeric()[slot] != row.numeric()[slot];
          if (!missing) vote *= stats->Likelihood(layout, row, i);
        }
      }
    }
    votes[c] = vote;
  }
}

bool Observers::FastScores(const AttributeLayout& layout, std::span<const double> counts,
                           const Row& row, double* scores, size_t* best) const {
  if (!started_ || row.missing()) return false;
  const double total = Sum(counts);
  if (!(total > 0)) return false;
  const size_t n = layout.numeric.size();
  const double* const x = row.numeric();
  size_t top = 0;
  bool top_safe = false;
  for (size_t c = 0; c < counts.size(); ++c) {
    scores[c] = -kInfinity;
    const ClassStats* stats = c < classes_.size() ? classes_[c].get() : nullptr;
    if (stats == nullptr || !(counts[c] > 0)) continue;
    if (!stats->usable_) return false;
    const double* const mean = stats->At(layout, ClassStats::kMean);
    const double* const inverse = stats->At(layout, ClassStats::kInverse);
    double share = counts[c] / total;
    if (stats->degenerate_) {
      const double* const w = stats->At(layout, ClassStats::kWeight);
      bool possible = true;
      for (size_t i = 0; i < n; ++i) {
        possible &= inverse[i] != 0 || (w[i] > 0 && x[i] == mean[i]);
      }
      if (!possible) continue;
    }
    for (size_t j = 0; j < stats->nominal_.size(); ++j) {
      const NominalStats& nominal = stats->nominal_[j];
      if (nominal.weights.empty()) {
        share = 0;
        break;
      }
      const auto code = static_cast<size_t>(row.codes()[j]);
      const double weight = code < nominal.weights.size() ? nominal.weights[code] : 0;
      share *= (weight + 1) / (nominal.total + static_cast<double>(nominal.weights.size()));
    }
    if (share == 0) {
      if (stats->nominal_.empty()) return false;
      // Either a value never seen (0 by definition) or an underflow, which the product decides.
      const bool unseen =
          std::any_of(stats->nominal_.begin(), stats->nominal_.end(),
                      [](const NominalStats& nominal) { return nominal.weights.empty(); });
      if (!unseen) return false;
      continue;
    }
    Pair even = {0, 0}, odd = {0, 0};
    size_t i = 0;
    for (; i + 4 <= layout.stride; i += 4) {
      const Pair d0 = LoadPair(x + i) - LoadPair(mean + i);
      const Pair d1 = LoadPair(x + i + 2) - LoadPair(mean + i + 2);
      even += d0 * d0 * LoadPair(inverse + i);
      odd += d1 * d1 * LoadPair(inverse + i + 2);
    }
    for (; i < layout.stride; i += 2) {
      const Pair d = LoadPair(x + i) - LoadPair(mean + i);
      even += d * d * LoadPair(inverse + i);
    }
    even += odd;
    const double exponent = even[0] + even[1];
    scores[c] = std::log(share * stats->norm_) - exponent;
    if (scores[c] > scores[top] || c == top) {
      top = c;
      top_safe = share * stats->norm_down_ > kFarDown && exponent < kMaxExponent;
    }
  }
  const double highest = scores[top];
  *best = top;
  if (highest == -kInfinity) {
    // Nobody has a density: all votes are exactly 0 and class 0 is the first of them.
    *best = 0;
    return false;
  }
  if (!top_safe || highest < kMinBest) return false;
  for (size_t c = 0; c < counts.size(); ++c) {
    if (c != top && !(scores[c] < highest - kClear * (1 + std::fabs(highest)))) return false;
  }
  return true;
}

size_t Observers::BestClass(const AttributeLayout& layout, std::span<const double> counts,
                            const Row& row) const {
  constexpr size_t kOnStack = 32;
  double on_stack[kOnStack];
  double* votes = on_stack;
  if (counts.size() > kOnStack) {
    thread_local std::vector<double> many;
    if (many.size() < counts.size()) many.resize(counts.size());
    votes = many.data();
  }
  size_t best = 0;
  if (FastScores(layout, counts, row, votes, &best)) return best;
  ExactVotes(layout, counts, row, votes);
  return FirstMaximum({votes, counts.size()});
}

size_t Observers::MemoryBytes(const AttributeLayout& layout) const {
  size_t bytes = classes_.empty() ? 0 : classes_.size() * sizeof(classes_[0]) + kAllocation;
  for (const auto& stats : classes_) {
    if (stats != nullptr) bytes += stats->MemoryBytes(layout);
  }
  bytes += CellsBytes();
  for (const ValueCells& cells : cells_) bytes += cells.HeapBytes();
  return bytes;
}

void Observers::Save(const AttributeLayout& layout, StateWriter& out) const {
  out.Bool(started_);
  out.U64(classes_.size());
  for (const auto& stats : classes_) {
    out.Bool(stats != nullptr);
    if (stats != nullptr) stats->Save(layout, out);
  }
  if (layout.most_cells == 0) return;
  out.U64(cells_.size());
  for (const ValueCells& cells : cells_) cells.Save(out);
}

void Observers::Load(const AttributeLayout& layout, StateReader& in) {
  started_ = in.Bool();
  classes_.clear();
  const uint64_t count = in.Count();
  if (count > kMaxClasses) return in.Fail("impossible number of classes");
  classes_.reserve(count);
  classes_.resize(count);
  for (auto& stats : classes_) {
    if (!in.Bool()) continue;
    stats = std::make_unique<ClassStats>(layout);
    stats->Load(layout, in);
    if (!in.ok()) return;
  }
  cells_.clear();
  if (layout.most_cells == 0) return;
  const uint64_t numbers = in.Count();
  if (numbers != (started_ ? layout.numeric.size() : 0)) {
    return in.Fail("values of other attributes than the tree's");
  }
  cells_ = std::vector<ValueCells>(numbers);
  for (ValueCells& cells : cells_) {
    cells.Load(in, layout.most_cells);
    if (in.ok() && cells.classes() > classes_.size()) in.Fail("values of a class never seen");
    if (!in.ok()) return;
  }
}

size_t FirstMaximum(std::span<const double> values) {
  size_t best = 0;
  for (size_t i = 1; i < values.size(); ++i) {
    if (values[i] > values[best]) best = i;
  }
  return best;
}

double Sum(std::span<const double> values) {
  double sum = 0;
  for (const double v : values) sum += v;
  return sum;
}

bool IsLesson(double target, double weight) {
  return target >= 0 && target < static_cast<double>(kMaxClasses) && target == std::floor(target) &&
         weight > 0 && weight <= kLargestWeight;
}

void Normalise(std::span<double> votes) {
  bool infinite = false;
  double highest = 0;
  for (double& vote : votes) {
    if (!(vote >= 0)) vote = 0;
    infinite |= vote == kInfinity;
    highest = std::max(highest, vote);
  }
  double sum = 0;
  for (double& vote : votes) {
    // Scaled by the largest first, so that neither the sum nor a denormal quotient goes astray.
    if (infinite) {
      vote = vote == kInfinity ? 1 : 0;
    } else {
      vote = highest > 0 ? vote / highest : 1;
    }
    sum += vote;
  }
  for (double& vote : votes) vote /= sum;
}

void Softmax(std::span<double> scores, double best) {
  double sum = 0;
  for (double& score : scores) {
    score = score == best ? 1 : std::exp(score - best);
    sum += score;
  }
  const double scale = 1 / sum;
  for (double& score : scores) score *= scale;
}

}  // namespace leat::trees
