#include "models/ensembles/regression_tree.h"

#include <algorithm>
#include <cmath>

#include "models/ensembles/fast_math.h"
#include "models/heap_bytes.h"

namespace leat::ensembles {
namespace {

constexpr uint64_t kSubsetComponent = 0x726567737562;
constexpr std::string_view kName = "a regression tree";
constexpr double kLn2 = 0.69314718055994531;
constexpr double kFade = 0.995;
/// Weight of what a linear model begins with: the inverse of its normal matrix.
constexpr double kFirstSpread = 10;
constexpr double kInheritedSpread = 0.05;
constexpr double kInheritedWeight = 10;
constexpr double kMostNumber = 1e280;

}  // namespace

RegressionTree::RegressionTree(const RegressionPlan& plan, const AttributeSpace& space,
                               uint64_t key)
    : plan_(&plan), space_(&space), key_(key) {
  Reserve(nodes_, 1);
  Reserve(leaves_, 1);
  nodes_.emplace_back();
  leaves_.emplace_back();
  active_ = 1;
  DrawSubset(0);
  NewLeaf(0, 0, 0, {});
}

size_t RegressionTree::structure_bytes() const {
  return Room(nodes_.size()) * sizeof(Node) + Room(leaves_.size()) * sizeof(Leaf) +
         Room(leaves_.size() * plan_->attributes) * sizeof(uint16_t) + 3 * kAllocation;
}

size_t RegressionTree::BlockBytes(size_t id) const {
  const size_t size = BlockSize(leaves_[id]);
  return size == 0 || leaves_[id].block == nullptr ? 0 : size * sizeof(double) + kAllocation;
}

void RegressionTree::DrawSubset(size_t leaf) {
  const size_t m = plan_->attributes, all = space_->size();
  Reserve(subsets_, leaves_.size() * m);
  subsets_.resize(leaves_.size() * m);
  const std::vector<uint16_t>& deck = DrawAttributes(*space_, m, SeedOf(plan_->seed, key_),
                                                     kSubsetComponent, m < all ? draws_++ : 0);
  std::copy_n(deck.begin(), m, subsets_.begin() + static_cast<int64_t>(leaf * m));
}

/// `coefficients`: of the leaf that this one comes from, or none.
void RegressionTree::NewLeaf(size_t id, double weight, double mean,
                             std::span<const double> coefficients) {
  Leaf& leaf = leaves_[id];
  leaf = Leaf();
  leaf.weight = leaf.last_attempt = weight;
  leaf.mean = leaf.origin = mean;
  leaf.block = std::make_unique<double[]>(BlockSize(leaf));
  if (plan_->inputs > 0) {
    const size_t n = plan_->inputs + 1;
    double* const w = Linear(leaf);
    std::copy(coefficients.begin(), coefficients.end(), w);
    const double spread = coefficients.empty() ? kFirstSpread : kInheritedSpread;
    for (size_t i = 0; i < n; ++i) w[n + i * n + i] = spread;
  }
  block_bytes_ += BlockBytes(id);
}

bool RegressionTree::UsesLinear(const Leaf& leaf) const {
  if (plan_->inputs == 0) return false;
  switch (plan_->options.leaf_prediction) {
    case RegressionLeaf::kMean:
      return false;
    case RegressionLeaf::kLinear:
      return true;
    case RegressionLeaf::kAdaptive:
      return leaf.linear_error < leaf.mean_error;
  }
  return false;
}

double RegressionTree::LinearAt(const Leaf& leaf, const double* z) const {
  const double* const w = Linear(leaf);
  double sum = 0;
  for (size_t i = 0; i <= plan_->inputs; ++i) sum += w[i] * z[i];
  return sum;
}

double RegressionTree::PredictAt(uint32_t node, const RegressionRow& row) const {
  const Leaf& leaf = leaves_[nodes_[node].first];
  return UsesLinear(leaf) ? LinearAt(leaf, row.z) : leaf.mean;
}

/// A step of recursive least squares. A model that has run away begins anew.
void RegressionTree::LearnLinear(Leaf& leaf, const double* z, double target, double weight) {
  const size_t n = plan_->inputs + 1;
  double* const w = Linear(leaf);
  double* const p = w + n;
  thread_local std::vector<double> gain;
  if (gain.size() < n) gain.resize(n);
  double spread = 1 / weight;
  for (size_t i = 0; i < n; ++i) {
    double sum = 0;
    for (size_t j = 0; j < n; ++j) sum += p[i * n + j] * z[j];
    gain[i] = sum;
    spread += sum * z[i];
  }
  const double error = target - LinearAt(leaf, z);
  const double step = error / spread;
  bool good = spread > 0 && std::fabs(step) < kMostNumber;
  for (size_t i = 0; i < n && good; ++i) {
    const double each = gain[i] / spread;
    for (size_t j = 0; j < n; ++j) p[i * n + j] -= each * gain[j];
    w[i] += step * gain[i];
    good = std::fabs(w[i]) < kMostNumber && p[i * n + i] > 0 && p[i * n + i] < 1e6;
  }
  if (good) return;
  std::fill_n(w, n + n * n, 0.0);
  w[plan_->inputs] = leaf.mean;
  for (size_t i = 0; i < n; ++i) p[i * n + i] = kFirstSpread;
}

/// Adds a target to the bin of a value. The range of a number's bins doubles until it holds it.
void RegressionTree::Bin(double* attribute, bool nominal, double value, double target,
                         double weight) {
  double* const n = attribute + kHead;
  double* const s = n + kBins;
  double* const q = s + kBins;
  size_t bin = 0;
  if (nominal) {
    bin = std::min(static_cast<size_t>(value), kBins - 1);
  } else if (attribute[1] == 0) {
    // All values so far are the same, and in bin 0.
    if (n[0] == 0) {
      attribute[0] = value;
    } else if (value != attribute[0]) {
      const double first = attribute[0];
      const double low = std::min(first, value), high = std::max(first, value);
      // The two values stand at a third and at two thirds of the range.
      attribute[1] = (high - low) * 3 / kBins;
      attribute[0] = low - (high - low);
      if (!(attribute[1] > 0) || !(std::fabs(attribute[0]) < kMostNumber)) {
        attribute[0] = first;
        attribute[1] = 0;
      } else {
        const auto place = static_cast<size_t>((first - attribute[0]) / attribute[1]);
        const size_t to = std::min(place, kBins - 1);
        for (double* field : {n, s, q}) {
          const double all = field[0];
          field[0] = 0;
          field[to] = all;
        }
      }
    }
  }
  if (!nominal && attribute[1] > 0) {
    for (int doublings = 0; doublings < 2100; ++doublings) {
      const double width = attribute[1] * kBins;
      const bool below = value < attribute[0];
      if (!below && value < attribute[0] + width) break;
      // Pairs of bins become one; the other half of the new range is empty.
      for (double* field : {n, s, q}) {
        for (size_t i = 0; i < kBins / 2; ++i) field[i] = field[2 * i] + field[2 * i + 1];
        if (below) std::copy_n(field, kBins / 2, field + kBins / 2);
        std::fill_n(below ? field : field + kBins / 2, kBins / 2, 0.0);
      }
      if (below) attribute[0] -= width;
      attribute[1] *= 2;
    }
    const double place = (value - attribute[0]) / attribute[1];
    bin = place > 0 ? std::min(static_cast<size_t>(place), kBins - 1) : 0;
  }
  n[bin] += weight;
  s[bin] += weight * target;
  q[bin] += weight * target * target;
}

void RegressionTree::Learn(uint32_t node, const RegressionRow& row, double target, double weight,
                           bool may_grow) {
  const size_t id = nodes_[node].first;
  Leaf& leaf = leaves_[id];
  if (plan_->inputs > 0 && plan_->options.leaf_prediction != RegressionLeaf::kMean) {
    const double by_mean = target - leaf.mean, by_line = target - LinearAt(leaf, row.z);
    leaf.mean_error = kFade * leaf.mean_error + by_mean * by_mean;
    leaf.linear_error = kFade * leaf.linear_error + std::min(by_line * by_line, kMostNumber);
    LearnLinear(leaf, row.z, target, weight);
  }
  if (leaf.weight == 0) leaf.origin = target;
  leaf.weight += weight;
  const double step = weight * (target - leaf.mean);
  const double next = leaf.mean + step / leaf.weight;
  leaf.squares += step * (target - next);
  leaf.mean = next;
  if (!leaf.active) return;
  const uint16_t* const subset = Subset(id);
  const double shifted = target - leaf.origin;
  for (size_t i = 0; i < plan_->attributes; ++i) {
    const double v = row.x[subset[i]];
    if (v != v) continue;
    Bin(leaf.block.get() + i * kAttribute, space_->nominal(subset[i]), v, shifted, weight);
  }
  if (leaf.weight - leaf.last_attempt >= static_cast<double>(plan_->options.grace_period)) {
    TrySplit(node, may_grow);
  }
}

/// The border between bins (or the value) that lowers the variance most. Merit: variance before
/// less the weighted one after.
RegressionTree::Candidate RegressionTree::BestOf(const Leaf& leaf, uint32_t place,
                                                 bool nominal) const {
  const double* const attribute = leaf.block.get() + place * kAttribute;
  const double* const n = attribute + kHead;
  const double* const s = n + kBins;
  const double* const q = s + kBins;
  Candidate best;
  best.place = place;
  if (!nominal && attribute[1] == 0) return best;
  double weight = 0, sum = 0, squares = 0;
  for (size_t i = 0; i < kBins; ++i) weight += n[i], sum += s[i], squares += q[i];
  if (!(weight > 0)) return best;
  // sum^2 / weight of both sides, less that of the whole, is what splitting takes off.
  const double whole = sum * sum / weight;
  const double least = 0.01 * weight;
  double left_weight = 0, left_sum = 0;
  for (size_t i = 0; i + 1 < kBins; ++i) {
    left_weight = nominal ? n[i] : left_weight + n[i];
    left_sum = nominal ? s[i] : left_sum + s[i];
    const double right_weight = weight - left_weight, right_sum = sum - left_sum;
    if (!(left_weight > least && right_weight > least)) continue;
    const double merit =
        (left_sum * left_sum / left_weight + right_sum * right_sum / right_weight - whole) / weight;
    if (!(merit > best.merit)) continue;
    best.merit = merit;
    best.value =
        nominal ? static_cast<double>(i) : attribute[0] + attribute[1] * static_cast<double>(i + 1);
    best.left_weight = left_weight;
    best.right_weight = right_weight;
    best.left_mean = leaf.origin + left_sum / left_weight;
    best.right_mean = leaf.origin + right_sum / right_weight;
    best.found = std::isfinite(best.value);
  }
  return best;
}

void RegressionTree::TrySplit(uint32_t node, bool may_grow) {
  const size_t id = nodes_[node].first;
  Leaf& leaf = leaves_[id];
  leaf.last_attempt = leaf.weight;
  if (!(leaf.squares > 0)) return;
  const uint16_t* const subset = Subset(id);
  Candidate best;
  double second = 0;
  for (uint32_t i = 0; i < plan_->attributes; ++i) {
    const Candidate candidate = BestOf(leaf, i, space_->nominal(subset[i]));
    if (!candidate.found) continue;
    if (candidate.merit > best.merit) {
      second = best.merit;
      best = candidate;
    } else {
      second = std::max(second, candidate.merit);
    }
  }
  if (!best.found) return;
  const HoeffdingRegressionTreeOptions& options = plan_->options;
  const double bound = std::sqrt(-Log2(options.delta) * kLn2 / (2 * leaf.weight));
  if (!(second / best.merit < 1 - bound) && !(bound < options.tie_threshold)) return;
  // A tie is no reason to split for next to nothing.
  if (best.merit * leaf.weight < 1e-3 * leaf.squares) return;
  if (!may_grow) {
    ++refused_;
    return;
  }
  Split(node, best);
}

void RegressionTree::Split(uint32_t node, const Candidate& best) {
  const size_t id = nodes_[node].first;
  const uint16_t attribute = Subset(id)[best.place];
  std::vector<double> coefficients;
  if (plan_->inputs > 0) {
    const double* const w = Linear(leaves_[id]);
    coefficients.assign(w, w + plan_->inputs + 1);
  }
  const double mean_error = leaves_[id].mean_error, linear_error = leaves_[id].linear_error;
  block_bytes_ -= BlockBytes(id);
  const auto other = static_cast<uint32_t>(leaves_.size());
  SplitNode(nodes_, node,
            {best.value, 0, attribute,
             static_cast<uint8_t>(space_->nominal(attribute) ? kEquals : kNumeric),
             static_cast<uint8_t>(best.right_weight > best.left_weight ? 1 : 0)},
            other);
  Reserve(leaves_, leaves_.size() + 1);
  leaves_.emplace_back();
  ++active_;
  DrawSubset(id);
  DrawSubset(other);
  // The estimated mean is kept with little weight, so that it soon gives way.
  NewLeaf(id, std::min(best.left_weight, kInheritedWeight), best.left_mean, coefficients);
  NewLeaf(other, std::min(best.right_weight, kInheritedWeight), best.right_mean, coefficients);
  for (const size_t child : {id, size_t{other}}) {
    leaves_[child].mean_error = mean_error;
    leaves_[child].linear_error = linear_error;
  }
}

void RegressionTree::Deactivate(size_t id) {
  Leaf& leaf = leaves_[id];
  if (!leaf.active) return;
  block_bytes_ -= BlockBytes(id);
  const double* const linear = Linear(leaf);
  auto block = std::make_unique<double[]>(LinearSize());
  std::copy_n(linear, LinearSize(), block.get());
  leaf.block = std::move(block);
  leaf.active = false;
  block_bytes_ += BlockBytes(id);
  --active_;
}

void RegressionTree::Activate(size_t id) {
  const Leaf& leaf = leaves_[id];
  if (leaf.active) return;
  std::vector<double> coefficients;
  if (plan_->inputs > 0) coefficients.assign(Linear(leaf), Linear(leaf) + plan_->inputs + 1);
  block_bytes_ -= BlockBytes(id);
  ++active_;
  NewLeaf(id, std::min(leaf.weight, kInheritedWeight), leaf.mean, coefficients);
}

void RegressionTree::Save(StateWriter& out) const {
  out.Section("regression_tree", 1);
  out.U64(key_);
  out.U64(draws_);
  out.U64(refused_);
  SaveNodes(out, nodes_);
  SaveSubsets(out, subsets_);
  out.U64(leaves_.size());
  for (const Leaf& leaf : leaves_) {
    out.Bool(leaf.active);
    for (const double v : {leaf.weight, leaf.mean, leaf.squares, leaf.origin, leaf.last_attempt,
                           leaf.mean_error, leaf.linear_error}) {
      out.F64(v);
    }
    out.Array(std::span<const double>(leaf.block.get(), BlockSize(leaf)));
  }
}

void RegressionTree::Load(StateReader& in) {
  in.Section("regression_tree", 1);
  key_ = in.U64();
  draws_ = in.U64();
  refused_ = in.U64();
  leaves_.clear();
  LoadNodes(in, *space_, kName, nodes_);
  const uint64_t leaves =
      LoadSubsets(in, *space_, kName, nodes_.size(), plan_->attributes, false, subsets_);
  if (!in.ok()) return;
  Reserve(leaves_, leaves);
  block_bytes_ = active_ = 0;
  for (uint64_t l = 0; l < leaves && in.ok(); ++l) {
    leaves_.emplace_back();
    Leaf& leaf = leaves_.back();
    leaf.active = in.Bool();
    bool good = true;
    for (double* v : {&leaf.weight, &leaf.mean, &leaf.squares, &leaf.origin, &leaf.last_attempt,
                      &leaf.mean_error, &leaf.linear_error}) {
      *v = in.F64();
      good = good && std::isfinite(*v);
    }
    const uint64_t size = in.Count(sizeof(double));
    if (!good || size != BlockSize(leaf) || !(leaf.weight >= 0)) {
      return in.Fail("an impossible leaf of a regression tree");
    }
    leaf.block = std::make_unique<double[]>(size);
    in.Items(std::span<double>(leaf.block.get(), size));
    for (size_t i = 0; i < size && good; ++i) good = std::isfinite(leaf.block[i]);
    for (size_t a = 0; leaf.active && a < plan_->attributes; ++a) {
      const double* const attribute = leaf.block.get() + a * kAttribute;
      good = good && attribute[1] >= 0;
      for (size_t b = 0; b < kBins; ++b) good = good && attribute[kHead + b] >= 0;
    }
    if (!good) return in.Fail("a number of a leaf cannot be");
    block_bytes_ += BlockBytes(l);
    active_ += leaf.active ? 1 : 0;
  }
  CheckLinks(in, kName, nodes_, leaves_.size());
}

}  // namespace leat::ensembles
