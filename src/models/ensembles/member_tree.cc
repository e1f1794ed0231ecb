#include "models/ensembles/member_tree.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/exp.h"
#include "models/ensembles/fast_math.h"
#include "models/pair.h"

namespace leat::ensembles {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kLog2E = 1.4426950408889634;
constexpr double kLn2 = 0.69314718055994531;
constexpr double kHalfLog2Pi = 0.82574806473616182;  // log2(pi) / 2.
constexpr double kMostInverse = 1e300;
constexpr int kCandidates = 10;  // Thresholds tried for a number.
constexpr int kFours = 3;        // Vectors of four that hold them.
constexpr double kMinBranch = 0.01;
constexpr uint64_t kSubsetComponent = 0x737562736574;
constexpr std::string_view kName = "a tree of an ensemble";

/// Of a nominal attribute and class: the weight seen and, for Laplace's rule, the number of values
/// up to the highest that the class has shown; 1 before the first.
double Smoothed(const double* nominal) { return nominal[0] + std::max(1.0, nominal[1]); }

std::vector<double>& Buffer(size_t size) {
  thread_local std::vector<double> buffer;
  if (buffer.size() < size) buffer.resize(size);
  return buffer;
}

}  // namespace

// ---- The tree ----

MemberTree::MemberTree(const TreePlan& plan, const AttributeSpace& space, uint64_t key)
    : plan_(&plan), space_(&space), key_(key) {
  Reserve(nodes_, 1);
  Reserve(leaves_, 1);
  nodes_.emplace_back();
  leaves_.emplace_back();
  active_ = 1;
  DrawSubset(0);
  NewBlock(0, {});
}

size_t MemberTree::StructureBytes(size_t leaves) const {
  return Room(2 * leaves - 1) * sizeof(Node) + Room(leaves) * sizeof(Leaf) +
         (plan_->leaf_subsets ? Room(leaves * plan_->attributes) : plan_->attributes) *
             sizeof(uint16_t) +
         3 * kAllocation;
}

void MemberTree::DrawSubset(size_t leaf) {
  const size_t m = plan_->attributes, all = space_->size();
  if (leaf > 0 && !plan_->leaf_subsets) {
    leaves_[leaf].numbers = leaves_[0].numbers;
    return;
  }
  if (plan_->leaf_subsets) {
    Reserve(subsets_, leaves_.size() * m);
    subsets_.resize(leaves_.size() * m);
  } else {
    subsets_.reserve(m);
    subsets_.resize(m);
  }
  std::vector<uint16_t>& deck = DrawAttributes(*space_, m, SeedOf(plan_->seed, key_),
                                               kSubsetComponent, m < all ? draws_++ : 0);
  std::stable_partition(deck.begin(), deck.end(), [&](uint16_t a) { return !space_->nominal(a); });
  uint16_t* const subset = subsets_.data() + (plan_->leaf_subsets ? leaf * m : 0);
  uint32_t numbers = 0;
  for (size_t i = 0; i < m; ++i) {
    subset[i] = deck[i];
    numbers += space_->nominal(deck[i]) ? 0 : 1;
  }
  leaves_[leaf].numbers = numbers;
}

size_t MemberTree::SlotSize(const Leaf& leaf, const uint16_t* subset) const {
  size_t size = kHead + kFields * Stride(leaf.numbers);
  for (size_t i = leaf.numbers; i < plan_->attributes; ++i) {
    size += kValues + space_->room(leaf.version, subset[i]);
  }
  return size;
}

size_t MemberTree::NominalAt(const Leaf& leaf, const uint16_t* subset, uint32_t place) const {
  size_t at = kHead + kFields * Stride(leaf.numbers);
  for (size_t i = leaf.numbers; i < place; ++i)
    at += kValues + space_->room(leaf.version, subset[i]);
  return at;
}

size_t MemberTree::BlockBytes(size_t id) const {
  const Leaf& leaf = leaves_[id];
  return leaf.capacity == 0 ? 0
                            : size_t{leaf.capacity} * leaf.slot_size * sizeof(double) + kAllocation;
}

/// An empty block, but for the weights of some classes.
void MemberTree::NewBlock(size_t id, std::span<const std::pair<uint32_t, double>> classes) {
  Leaf& leaf = leaves_[id];
  leaf.version = space_->version();
  leaf.slot_size = static_cast<uint32_t>(leaf.active ? SlotSize(leaf, Subset(id)) : kBareSlot);
  slots_ -= leaf.slots;
  leaf.slots = leaf.capacity = static_cast<uint32_t>(classes.size());
  slots_ += leaf.slots;
  leaf.block.reset();
  leaf.total = 0;
  if (!classes.empty()) {
    leaf.block = std::make_unique<double[]>(size_t{leaf.capacity} * leaf.slot_size);
    for (size_t s = 0; s < classes.size(); ++s) {
      double* const slot = leaf.block.get() + s * leaf.slot_size;
      slot[kLabel] = classes[s].first;
      slot[kWeight] = classes[s].second;
      leaf.total += classes[s].second;
    }
  }
  leaf.last_attempt = leaf.total;
  leaf.majority_right = leaf.bayes_right = 0;
  leaf.observed = false;
  block_bytes_ += BlockBytes(id);
}

/// Lays the block out anew, for more classes or a newer version.
void MemberTree::Resize(size_t id, uint32_t capacity, uint32_t version) {
  Leaf& leaf = leaves_[id];
  const uint16_t* const subset = Subset(id);
  block_bytes_ -= BlockBytes(id);
  const uint32_t old_version = leaf.version;
  const size_t old_size = leaf.slot_size;
  leaf.version = version;
  leaf.slot_size = static_cast<uint32_t>(leaf.active ? SlotSize(leaf, subset) : kBareSlot);
  leaf.capacity = capacity;
  auto block = std::make_unique<double[]>(size_t{capacity} * leaf.slot_size);
  for (size_t s = 0; s < leaf.slots; ++s) {
    const double* from = leaf.block.get() + s * old_size;
    double* to = block.get() + s * leaf.slot_size;
    if (!leaf.active) {
      std::copy_n(from, kBareSlot, to);
      continue;
    }
    const size_t numbers = kHead + kFields * Stride(leaf.numbers);
    std::copy_n(from, numbers, to);
    from += numbers;
    to += numbers;
    for (size_t i = leaf.numbers; i < plan_->attributes; ++i) {
      std::copy_n(from, kValues + space_->room(old_version, subset[i]), to);
      from += kValues + space_->room(old_version, subset[i]);
      to += kValues + space_->room(version, subset[i]);
    }
  }
  leaf.block = std::move(block);
  block_bytes_ += BlockBytes(id);
}

double* MemberTree::SlotOf(size_t id, uint32_t label) {
  Leaf& leaf = leaves_[id];
  for (size_t s = 0; s < leaf.slots; ++s) {
    double* const slot = leaf.block.get() + s * leaf.slot_size;
    if (slot[kLabel] == label) return slot;
  }
  if (leaf.slots == leaf.capacity) {
    Resize(id, leaf.capacity < 4 ? leaf.capacity + 1 : leaf.capacity + leaf.capacity / 2,
           leaf.version);
  }
  double* const slot = leaf.block.get() + size_t{leaf.slots++} * leaf.slot_size;
  ++slots_;
  slot[kLabel] = label;
  return slot;
}

bool MemberTree::VotesByBayes(const Leaf& leaf) const {
  if (!leaf.active) return false;
  switch (plan_->options.leaf_prediction) {
    case LeafPrediction::kMajorityClass:
      return false;
    case LeafPrediction::kNaiveBayes:
      return true;
    case LeafPrediction::kNaiveBayesAdaptive:
      return !(leaf.majority_right > leaf.bayes_right);
  }
  return false;
}

const double* MemberTree::Gather(const SharedRow& row, size_t id) const {
  const Leaf& leaf = leaves_[id];
  const size_t stride = Stride(leaf.numbers);
  double* const v = Buffer(stride + 2).data();
  const uint16_t* const subset = Subset(id);
  for (size_t i = 0; i < leaf.numbers; ++i) v[i] = row.x[subset[i]];
  if (leaf.numbers < stride) v[leaf.numbers] = 0;
  return v;
}

double MemberTree::Score(const Leaf& leaf, const uint16_t* subset, const double* slot,
                         const double* numbers, const SharedRow& row) const {
  if (!(slot[kSeen] > 0) || !(slot[kWeight] > 0)) return -kInfinity;
  if (!row.complete) return ScoreGaps(leaf, subset, slot, row);
  const size_t stride = Stride(leaf.numbers);
  const double* const mean = slot + kHead + kMean * stride;
  const double* const inverse = slot + kHead + kInverse * stride;
  if (slot[kPoint] != 0) {
    // Some attribute has had one value only, and says no to any other.
    const double* const w = slot + kHead + kW * stride;
    for (size_t i = 0; i < leaf.numbers; ++i) {
      if (inverse[i] == 0 && w[i] > 0 && numbers[i] != mean[i]) return -kInfinity;
    }
  }
  Pair sum = {0, 0};
  for (size_t i = 0; i < stride; i += 2) {
    const Pair d = LoadPair(numbers + i) - LoadPair(mean + i);
    sum += d * d * LoadPair(inverse + i);
  }
  double score = Log2(slot[kWeight]) + slot[kNorm] - (sum[0] + sum[1]) * kLog2E;
  const double* at = slot + kHead + kFields * stride;
  double product = 1;
  for (size_t i = leaf.numbers; i < plan_->attributes; ++i) {
    const uint32_t room = space_->room(leaf.version, subset[i]);
    const auto code = static_cast<uint32_t>(row.x[subset[i]]);
    product *= (code < room ? at[kValues + code] : 0) + 1;
    if (product > 1e200) {
      score += Log2(product);
      product = 1;
    }
    at += kValues + room;
  }
  return leaf.numbers < plan_->attributes ? score + Log2(product) : score;
}

/// The same with missing values, whose attributes say nothing.
double MemberTree::ScoreGaps(const Leaf& leaf, const uint16_t* subset, const double* slot,
                             const SharedRow& row) const {
  const size_t stride = Stride(leaf.numbers);
  const double* const field = slot + kHead;
  double score = Log2(slot[kWeight]);
  for (size_t i = 0; i < leaf.numbers; ++i) {
    const double v = row.x[subset[i]], inverse = field[kInverse * stride + i];
    if (v != v || !(field[kW * stride + i] > 0)) continue;
    const double d = v - field[kMean * stride + i];
    if (inverse == 0) {
      if (d != 0) return -kInfinity;
      continue;
    }
    score += 0.5 * Log2(std::clamp(inverse, 1e-70, 1e70)) - kHalfLog2Pi - d * d * inverse * kLog2E;
  }
  const double* at = slot + kHead + kFields * stride;
  for (size_t i = leaf.numbers; i < plan_->attributes; ++i) {
    const uint32_t room = space_->room(leaf.version, subset[i]);
    const double v = row.x[subset[i]];
    if (v == v) {
      const auto code = static_cast<uint32_t>(v);
      score += Log2(((code < room ? at[kValues + code] : 0) + 1) / Smoothed(at));
    }
    at += kValues + room;
  }
  return score;
}

void MemberTree::Ask(const SharedRow& row, bool learning, Opinion& opinion, double scale,
                     double* votes) const {
  opinion = {};
  opinion.node = FindLeaf(nodes_, row.x);
  const size_t id = nodes_[opinion.node].first;
  const Leaf& leaf = leaves_[id];
  if (leaf.slots == 0) return;
  const auto label = [&](int32_t s) {
    return leaf.block[static_cast<size_t>(s) * leaf.slot_size + kLabel];
  };
  double most = -1;
  for (int32_t s = 0; s < static_cast<int32_t>(leaf.slots); ++s) {
    const double weight = leaf.block[static_cast<size_t>(s) * leaf.slot_size + kWeight];
    if (weight > most || (weight == most && label(s) < label(opinion.majority))) {
      most = weight;
      opinion.majority = s;
    }
  }
  const bool by_bayes = VotesByBayes(leaf);
  const bool adaptive =
      plan_->options.leaf_prediction == LeafPrediction::kNaiveBayesAdaptive && leaf.active;
  constexpr size_t kOnStack = 32;
  double on_stack[kOnStack];
  double* scores = on_stack;
  if (leaf.slots > kOnStack) {
    thread_local std::vector<double> many;
    if (many.size() < leaf.slots) many.resize(leaf.slots);
    scores = many.data();
  }
  double best = -kInfinity;
  if (leaf.observed && (by_bayes || (learning && adaptive))) {
    const uint16_t* const subset = Subset(id);
    const double* const numbers = Gather(row, id);
    for (int32_t s = 0; s < static_cast<int32_t>(leaf.slots); ++s) {
      const double* const slot = leaf.block.get() + static_cast<size_t>(s) * leaf.slot_size;
      const double score = Score(leaf, subset, slot, numbers, row);
      scores[s] = score;
      if (score > best ||
          (score == best && score > -kInfinity && label(s) < label(opinion.bayes))) {
        best = score;
        opinion.bayes = s;
      }
    }
  }
  // Where naive Bayes finds no class possible, the counts are asked.
  if (opinion.bayes < 0) opinion.bayes = opinion.majority;
  const bool scored = by_bayes && best > -kInfinity;
  opinion.decision = by_bayes ? opinion.bayes : opinion.majority;
  opinion.label = static_cast<int64_t>(label(opinion.decision));
  if (votes == nullptr) return;
  if (!plan_->soft_vote) {
    votes[static_cast<size_t>(opinion.label)] += scale;
    return;
  }
  double sum = 0;
  for (size_t s = 0; s < leaf.slots; ++s) {
    if (scored) {
      const double below = scores[s] - best;
      scores[s] = below > -60 ? Exp(below * kLn2) : 0;
    } else {
      scores[s] = leaf.block[s * leaf.slot_size + kWeight];
    }
    sum += scores[s];
  }
  if (!(sum > 0)) return;
  const double share = scale / sum;
  for (size_t s = 0; s < leaf.slots; ++s) {
    votes[static_cast<size_t>(label(static_cast<int32_t>(s)))] += scores[s] * share;
  }
}

void MemberTree::LearnSlot(const Leaf& leaf, const uint16_t* subset, double* slot,
                           const SharedRow& row, double weight) {
  const size_t stride = Stride(leaf.numbers);
  double* const field = slot + kHead;
  double* const w = field + kW * stride;
  double* const mean = field + kMean * stride;
  double* const squares = field + kSquares * stride;
  double* const low = field + kLow * stride;
  double* const high = field + kHigh * stride;
  const double* const v = Gather(row, static_cast<size_t>(&leaf - leaves_.data()));
  bool all = row.complete;
  for (size_t i = 0; i < leaf.numbers && all; ++i) all = w[i] > 0;
  if (all) {
    const Pair wt = {weight, weight};
    for (size_t i = 0; i < stride; i += 2) {
      const Pair x = LoadPair(v + i), m = LoadPair(mean + i), total = LoadPair(w + i) + wt;
      const Pair step = wt * (x - m);
      const Pair next = m + step / total;
      StorePair(w + i, total);
      StorePair(mean + i, next);
      StorePair(squares + i, LoadPair(squares + i) + step * (x - next));
      const Pair lo = LoadPair(low + i), hi = LoadPair(high + i);
      StorePair(low + i, x < lo ? x : lo);
      StorePair(high + i, x > hi ? x : hi);
    }
  } else {
    for (size_t i = 0; i < leaf.numbers; ++i) {
      const double x = v[i];
      if (x != x) continue;
      if (w[i] > 0) {
        w[i] += weight;
        const double step = weight * (x - mean[i]);
        const double next = mean[i] + step / w[i];
        mean[i] = next;
        squares[i] += step * (x - next);
        low[i] = std::min(low[i], x);
        high[i] = std::max(high[i], x);
      } else {
        w[i] = weight;
        mean[i] = low[i] = high[i] = x;
      }
    }
  }
  double* at = field + kFields * stride;
  for (size_t i = leaf.numbers; i < plan_->attributes; ++i) {
    const uint32_t room = space_->room(leaf.version, subset[i]);
    const double code = row.x[subset[i]];
    if (code == code) {
      at[0] += weight;
      at[1] = std::max(at[1], code + 1);
      at[kValues + static_cast<size_t>(code)] += weight;
    }
    at += kValues + room;
  }
  slot[kSeen] += weight;
}

/// What Score reads besides: the normalisers of the densities and of the nominal shares.
void MemberTree::Refresh(const Leaf& leaf, const uint16_t* subset, double* slot) const {
  const size_t stride = Stride(leaf.numbers);
  double* const field = slot + kHead;
  const double* const w = field + kW * stride;
  const double* const squares = field + kSquares * stride;
  double* const inverse = field + kInverse * stride;
  const Pair one = {1, 1}, zero = {0, 0};
  const Pair most = {kMostInverse, kMostInverse};
  const Pair high = {1e70, 1e70}, low = {1e-70, 1e-70};
  double norm = 0;
  int64_t proper = 0;
  Pair product = one;
  for (size_t i = 0; i < stride; i += 2) {
    const Pair weight = LoadPair(w + i), s = LoadPair(squares + i);
    const auto positive = (s > zero) & (weight > one);
    Pair value = positive ? (weight - one) / (s + s) : zero;
    value = value > most ? most : value;
    StorePair(inverse + i, value);
    value = value > high ? high : value;
    value = value < low ? low : value;
    product *= positive ? value : one;
    proper -= positive[0] + positive[1];
    if (i % 8 == 6) {
      norm += Log2(product[0]) + Log2(product[1]);
      product = one;
    }
  }
  if (stride % 8 != 0) norm += Log2(product[0]) + Log2(product[1]);
  slot[kNorm] = 0.5 * norm - static_cast<double>(proper) * kHalfLog2Pi;
  slot[kPoint] = proper == static_cast<int64_t>(leaf.numbers) ? 0 : 1;
  const double* at = field + kFields * stride;
  double shares = 1;
  for (size_t i = leaf.numbers; i < plan_->attributes; ++i) {
    shares *= Smoothed(at);
    if (shares > 1e200) {
      slot[kNorm] -= Log2(shares);
      shares = 1;
    }
    at += kValues + space_->room(leaf.version, subset[i]);
  }
  if (leaf.numbers < plan_->attributes) slot[kNorm] -= Log2(shares);
}

void MemberTree::Learn(const SharedRow& row, const Opinion& opinion, uint32_t label, double weight,
                       size_t room) {
  const size_t id = nodes_[opinion.node].first;
  if (leaves_[id].active && leaves_[id].version != space_->version()) {
    // A value for which this block may have no room.
    const uint16_t* const subset = Subset(id);
    bool fits = true;
    for (size_t i = leaves_[id].numbers; i < plan_->attributes && fits; ++i) {
      const double code = row.x[subset[i]];
      fits = !(code >= space_->room(leaves_[id].version, subset[i]));
    }
    if (!fits) Resize(id, leaves_[id].capacity, space_->version());
  }
  Leaf& leaf = leaves_[id];
  if (leaf.active && plan_->options.leaf_prediction == LeafPrediction::kNaiveBayesAdaptive &&
      leaf.slots > 0) {
    const auto right = [&](int32_t s) {
      return leaf.block[static_cast<size_t>(s) * leaf.slot_size + kLabel] == label;
    };
    if (right(opinion.majority)) leaf.majority_right += weight;
    if (right(opinion.bayes)) leaf.bayes_right += weight;
  }
  double* const slot = SlotOf(id, label);
  slot[kWeight] += weight;
  leaf.total += weight;
  if (!leaf.active) return;
  LearnSlot(leaf, Subset(id), slot, row, weight);
  if (plan_->options.leaf_prediction != LeafPrediction::kMajorityClass) {
    Refresh(leaf, Subset(id), slot);
  }
  leaf.observed = true;
  if (leaf.total - leaf.last_attempt >= static_cast<double>(plan_->options.grace_period)) {
    TrySplit(opinion.node, room);
  }
}

// ---- Splits ----

namespace {

/// Sums over classes, for several candidates at once, and the merit they make.
struct Sums {
  Four left{}, right{}, inner{};

  void Add(Four l, Four r, bool gini) {
    left += l;
    right += r;
    inner += gini ? l * l : EntropyTerm(l) + EntropyTerm(r);
    if (gini) squares += r * r;
  }
  /// Impurity before less that after, times the whole weight.
  Four Gain(float before, bool gini) const {
    const Four least = {1e-30F, 1e-30F, 1e-30F, 1e-30F};
    const Four l = left > least ? left : least, r = right > least ? right : least;
    if (gini) return before - (left + right - inner / l - squares / r);
    return before - (EntropyTerm(left) + EntropyTerm(right) - inner);
  }

  Four squares{};
};

/// What candidates leave on the left of each class, for a criterion that needs the sums over the
/// classes first: Hellinger's distance.
class Distances {
 public:
  /// In the thread's buffers, so that one is in use at a time.
  explicit Distances(bool used) : used_(used) {
    Weights().clear();
    Lefts().clear();
  }
  void Add(float weight) {
    if (used_) Weights().push_back(weight);
  }
  void Add(Four left) {
    if (used_) Lefts().push_back(left);
  }
  /// The largest distance of a class from the rest, for four candidates: group `f` of `groups` that
  /// were added class after class; `left` is their sum over the classes.
  Four Largest(size_t f, size_t groups, Four left, float whole) const {
    const std::vector<float>& weights = Weights();
    Four largest{};
    for (size_t c = 0; c < weights.size(); ++c) {
      const float weight = weights[c], rest = whole - weight;
      if (!(weight > 0) || !(rest > 0)) continue;
      const Four own = Lefts()[c * groups + f];
      for (int i = 0; i < 4; ++i) {
        const float other = std::max(0.0F, left[i] - own[i]);
        const float right = std::max(0.0F, weight - own[i]);
        const float other_right = std::max(0.0F, rest - other);
        const float l = std::sqrt(own[i] / weight) - std::sqrt(other / rest);
        const float r = std::sqrt(right / weight) - std::sqrt(other_right / rest);
        largest[i] = std::max(largest[i], std::sqrt(l * l + r * r));
      }
    }
    return largest;
  }

 private:
  static std::vector<float>& Weights() {
    thread_local std::vector<float> weights;
    return weights;
  }
  static std::vector<Four>& Lefts() {
    thread_local std::vector<Four> lefts;
    return lefts;
  }
  bool used_;
};

/// Whether both sides hold enough.
bool Balanced(float left, float right) {
  const float least = static_cast<float>(kMinBranch) * (left + right);
  return left > least && right > least;
}

}  // namespace

MemberTree::Candidate MemberTree::BestNumeric(const Leaf& leaf, uint32_t place) const {
  const size_t stride = Stride(leaf.numbers);
  const bool gini = plan_->options.split_criterion == SplitCriterion::kGini;
  const bool hellinger = plan_->options.split_criterion == SplitCriterion::kHellinger;
  Distances distances(hellinger);
  Candidate best;
  best.place = place;
  double lo = kInfinity, hi = -kInfinity;
  for (size_t s = 0; s < leaf.slots; ++s) {
    const double* const field = leaf.block.get() + s * leaf.slot_size + kHead + place;
    if (!(field[kW * stride] > 0)) continue;
    lo = std::min(lo, field[kLow * stride]);
    hi = std::max(hi, field[kHigh * stride]);
  }
  if (!(lo < hi)) return best;
  const double step = (hi - lo) / (kCandidates + 1);
  if (!(step > 0)) return best;
  const NormalTable& normal = Normal();
  Sums sums[kFours];
  float whole = 0, before = 0, squares = 0;
  for (size_t s = 0; s < leaf.slots; ++s) {
    const double* const field = leaf.block.get() + s * leaf.slot_size + kHead + place;
    const double w = field[kW * stride];
    if (!(w > 0)) continue;
    const double mean = field[kMean * stride], low = field[kLow * stride],
                 high = field[kHigh * stride];
    const double variance = w > 1 ? field[kSquares * stride] / (w - 1) : 0;
    const double scale = variance > 0 ? 1 / std::sqrt(variance) : 0;
    const auto weight = static_cast<float>(w);
    // Shares at or below each threshold; the last two lanes stay empty.
    float shares[4 * kFours] = {};
    const auto z0 = static_cast<float>((lo - mean) * scale), dz = static_cast<float>(step * scale);
    for (int i = 0; i < kCandidates; ++i) {
      const double threshold = lo + step * (i + 1);
      if (threshold < low) continue;
      shares[i] = threshold >= high ? weight : weight * normal(z0 + dz * static_cast<float>(i + 1));
    }
    for (int f = 0; f < kFours; ++f) {
      const Four left = {shares[4 * f], shares[4 * f + 1], shares[4 * f + 2], shares[4 * f + 3]};
      sums[f].Add(left, weight - left, gini);
      distances.Add(left);
    }
    distances.Add(weight);
    whole += weight;
    before += gini ? 0 : -weight * static_cast<float>(Log2(std::max(w, 1e-30)));
    squares += weight * weight;
  }
  before = gini ? whole - squares / whole
                : before + whole * static_cast<float>(Log2(std::max<double>(whole, 1e-30)));
  for (int f = 0; f < kFours; ++f) {
    const Four gain =
        hellinger ? distances.Largest(static_cast<size_t>(f), kFours, sums[f].left, whole) * whole
                  : sums[f].Gain(before, gini);
    for (int i = 0; i < 4 && 4 * f + i < kCandidates; ++i) {
      const double merit = static_cast<double>(gain[i] / whole);
      if (!(merit > best.merit) || !Balanced(sums[f].left[i], sums[f].right[i])) continue;
      const double threshold = lo + step * (4 * f + i + 1);
      if (!(threshold > lo && threshold < hi)) continue;
      best.merit = merit;
      best.value = threshold;
      best.found = true;
    }
  }
  return best;
}

MemberTree::Candidate MemberTree::BestNominal(const Leaf& leaf, uint32_t place, size_t offset,
                                              uint32_t room) const {
  const bool gini = plan_->options.split_criterion == SplitCriterion::kGini;
  const bool hellinger = plan_->options.split_criterion == SplitCriterion::kHellinger;
  Candidate best;
  best.place = place;
  float whole = 0, before = 0, squares = 0;
  for (size_t s = 0; s < leaf.slots; ++s) {
    const auto w = static_cast<float>(leaf.block[s * leaf.slot_size + offset]);
    whole += w;
    squares += w * w;
    if (!gini) before -= w * static_cast<float>(Log2(std::max<double>(w, 1e-30)));
  }
  if (!(whole > 0)) return best;
  before = gini ? whole - squares / whole
                : before + whole * static_cast<float>(Log2(static_cast<double>(whole)));
  // Of two values, either is the other's rest.
  const uint32_t codes = room == 2 ? 1 : room;
  for (uint32_t first = 0; first < codes; first += 4) {
    Sums sums;
    Distances distances(hellinger);
    for (size_t s = 0; s < leaf.slots; ++s) {
      const double* const at = leaf.block.get() + s * leaf.slot_size + offset;
      Four left{};
      for (uint32_t i = 0; i < 4 && first + i < codes; ++i) {
        left[i] = static_cast<float>(at[kValues + first + i]);
      }
      const auto w = static_cast<float>(at[0]);
      Four right = w - left;
      const Four zero = {0, 0, 0, 0};
      right = right > zero ? right : zero;
      sums.Add(left, right, gini);
      distances.Add(left);
      distances.Add(w);
    }
    const Four gain =
        hellinger ? distances.Largest(0, 1, sums.left, whole) * whole : sums.Gain(before, gini);
    for (uint32_t i = 0; i < 4 && first + i < codes; ++i) {
      const double merit = static_cast<double>(gain[i] / whole);
      if (!(merit > best.merit) || !Balanced(sums.left[i], sums.right[i])) continue;
      best.merit = merit;
      best.value = first + i;
      best.found = true;
    }
  }
  return best;
}

void MemberTree::TrySplit(uint32_t node, size_t room) {
  const size_t id = nodes_[node].first;
  Leaf& leaf = leaves_[id];
  leaf.last_attempt = leaf.total;
  size_t present = 0;
  double highest = 0;
  for (size_t s = 0; s < leaf.slots; ++s) {
    const double* const slot = leaf.block.get() + s * leaf.slot_size;
    present += slot[kWeight] > 0 ? 1 : 0;
    highest = std::max(highest, slot[kLabel]);
  }
  if (present < 2) return;
  const MemberTreeOptions& options = plan_->options;
  double range = 1;
  if (options.split_criterion == SplitCriterion::kInfoGain)
    range = Log2(std::max(2.0, highest + 1));
  if (options.split_criterion == SplitCriterion::kHellinger) range = std::sqrt(2.0);
  const double bound = std::sqrt(range * range * -Log2(options.delta) * kLn2 / (2 * leaf.total));
  const uint16_t* const subset = Subset(id);
  // Not splitting has merit 0.
  Candidate best;
  double second = 0;
  const auto rank = [&](const Candidate& candidate) {
    if (!candidate.found) return;
    if (candidate.merit > best.merit) {
      second = best.merit;
      best = candidate;
    } else {
      second = std::max(second, candidate.merit);
    }
  };
  for (uint32_t i = 0; i < leaf.numbers; ++i) rank(BestNumeric(leaf, i));
  size_t offset = kHead + kFields * Stride(leaf.numbers);
  for (uint32_t i = leaf.numbers; i < plan_->attributes; ++i) {
    const uint32_t values = space_->room(leaf.version, subset[i]);
    rank(BestNominal(leaf, i, offset, values));
    offset += kValues + values;
  }
  if (!best.found) return;
  if (!(best.merit - second > bound) && !(bound < options.tie_threshold)) return;
  // Both sides may have all classes.
  const size_t grown = LastingBytes(leaves_.size() + 1, slots_ + leaf.slots);
  if (room == 0 || grown - LastingBytes() > room) {
    ++refused_;
    return;
  }
  Split(node, best);
}

void MemberTree::Split(uint32_t node, const Candidate& best) {
  const size_t id = nodes_[node].first;
  const uint16_t attribute = Subset(id)[best.place];
  const bool nominal = space_->nominal(attribute);
  std::vector<std::pair<uint32_t, double>> sides[2];
  double sums[2] = {0, 0};
  {
    const Leaf& leaf = leaves_[id];
    const size_t stride = Stride(leaf.numbers);
    for (size_t s = 0; s < leaf.slots; ++s) {
      const double* const slot = leaf.block.get() + s * leaf.slot_size;
      double w = 0, left = 0;
      if (nominal) {
        const double* const at = slot + NominalAt(leaf, Subset(id), best.place);
        w = at[0];
        left = at[kValues + static_cast<size_t>(best.value)];
      } else {
        const double* const field = slot + kHead + best.place;
        w = field[kW * stride];
        if (!(w > 0) || best.value < field[kLow * stride]) {
          left = 0;
        } else if (best.value >= field[kHigh * stride]) {
          left = w;
        } else {
          const double variance = w > 1 ? field[kSquares * stride] / (w - 1) : 0;
          const double z = variance > 0 ? (best.value - field[kMean * stride]) / std::sqrt(variance)
                                        : (best.value < field[kMean * stride] ? -9 : 9);
          left = w * static_cast<double>(Normal()(static_cast<float>(std::clamp(z, -9.0, 9.0))));
        }
      }
      const auto label = static_cast<uint32_t>(slot[kLabel]);
      const double right = std::max(0.0, w - left);
      if (left > 0) sides[0].emplace_back(label, left);
      if (right > 0) sides[1].emplace_back(label, right);
      sums[0] += left;
      sums[1] += right;
    }
  }
  block_bytes_ -= BlockBytes(id);
  const auto other = static_cast<uint32_t>(leaves_.size());
  SplitNode(nodes_, node,
            {best.value, 0, attribute, static_cast<uint8_t>(nominal ? kEquals : kNumeric),
             static_cast<uint8_t>(sums[1] > sums[0] ? 1 : 0)},
            other);
  Reserve(leaves_, leaves_.size() + 1);
  leaves_.emplace_back();
  leaves_[id].capacity = 0;
  ++active_;
  if (plan_->leaf_subsets) DrawSubset(id);
  DrawSubset(other);
  NewBlock(id, sides[0]);
  NewBlock(other, sides[1]);
}

// ---- For people ----

std::vector<double> MemberTree::WeightsOf(const Leaf& leaf) const {
  std::vector<double> weights;
  for (size_t s = 0; s < leaf.slots; ++s) {
    const double* const slot = leaf.block.get() + s * leaf.slot_size;
    const auto label = static_cast<size_t>(slot[kLabel]);
    if (weights.size() <= label) weights.resize(label + 1);
    weights[label] = slot[kWeight];
  }
  return weights;
}

trees::DumpedTree MemberTree::Shown(const InputSpec& spec) const {
  return ShowNodes(spec, nodes_, [this](uint32_t id, trees::DumpNode& shown) {
    const Leaf& leaf = leaves_[nodes_[id].first];
    shown.active = leaf.active;
    shown.counts = WeightsOf(leaf);
  });
}

DecisionPath MemberTree::PathOf(const InputSpec& spec, const double* x) const {
  return PathThrough(spec, nodes_, x, [this](uint32_t id, DecisionPath& path) {
    path.weights = WeightsOf(leaves_[nodes_[id].first]);
  });
}

// ---- Memory ----

double MemberTree::Promise(size_t id) const {
  const Leaf& leaf = leaves_[id];
  double most = 0;
  for (size_t s = 0; s < leaf.slots; ++s) {
    most = std::max(most, leaf.block[s * leaf.slot_size + kWeight]);
  }
  return leaf.total - most;
}

void MemberTree::Deactivate(size_t id) {
  Leaf& leaf = leaves_[id];
  if (!leaf.active) return;
  block_bytes_ -= BlockBytes(id);
  auto block = std::make_unique<double[]>(size_t{leaf.slots} * kBareSlot);
  for (size_t s = 0; s < leaf.slots; ++s) {
    std::copy_n(leaf.block.get() + s * leaf.slot_size, kBareSlot, block.get() + s * kBareSlot);
  }
  leaf.block = std::move(block);
  leaf.active = leaf.observed = false;
  leaf.capacity = leaf.slots;
  leaf.slot_size = kBareSlot;
  block_bytes_ += BlockBytes(id);
  --active_;
}

void MemberTree::Activate(size_t id) {
  Leaf& leaf = leaves_[id];
  if (leaf.active) return;
  std::vector<std::pair<uint32_t, double>> classes;
  for (size_t s = 0; s < leaf.slots; ++s) {
    const double* const slot = leaf.block.get() + s * leaf.slot_size;
    classes.emplace_back(static_cast<uint32_t>(slot[kLabel]), slot[kWeight]);
  }
  block_bytes_ -= BlockBytes(id);
  leaf.active = true;
  ++active_;
  NewBlock(id, classes);
}

// ---- State ----

void MemberTree::Save(StateWriter& out) const {
  out.Section("member_tree", 1);
  out.U64(key_);
  out.U64(draws_);
  out.U64(refused_);
  SaveNodes(out, nodes_);
  SaveSubsets(out, subsets_);
  out.U64(leaves_.size());
  for (const Leaf& leaf : leaves_) {
    out.Bool(leaf.active);
    out.Bool(leaf.observed);
    out.F64(leaf.total);
    out.F64(leaf.last_attempt);
    out.F64(leaf.majority_right);
    out.F64(leaf.bayes_right);
    out.U32(leaf.version);
    out.U32(leaf.capacity);
    out.U64(size_t{leaf.slots} * leaf.slot_size);
    out.Items(std::span<const double>(leaf.block.get(), size_t{leaf.slots} * leaf.slot_size));
  }
}

void MemberTree::Load(StateReader& in, size_t classes) {
  in.Section("member_tree", 1);
  key_ = in.U64();
  draws_ = in.U64();
  refused_ = in.U64();
  leaves_.clear();
  LoadNodes(in, *space_, "a tree", nodes_);
  const size_t m = plan_->attributes;
  const uint64_t leaves =
      LoadSubsets(in, *space_, kName, nodes_.size(), m, !plan_->leaf_subsets, subsets_);
  if (!in.ok()) return;
  Reserve(leaves_, leaves);
  block_bytes_ = slots_ = active_ = 0;
  for (uint64_t l = 0; l < leaves && in.ok(); ++l) {
    leaves_.emplace_back();
    Leaf& leaf = leaves_.back();
    const uint16_t* const subset = Subset(l);
    bool good = true, numeric = true;
    for (size_t i = 0; i < m && good; ++i) {
      good = numeric || space_->nominal(subset[i]);
      numeric = !space_->nominal(subset[i]);
      leaf.numbers += numeric ? 1 : 0;
    }
    leaf.active = in.Bool();
    leaf.observed = in.Bool();
    leaf.total = in.F64();
    leaf.last_attempt = in.F64();
    leaf.majority_right = in.F64();
    leaf.bayes_right = in.F64();
    leaf.version = in.U32();
    leaf.capacity = in.U32();
    const uint64_t numbers = in.Count(sizeof(double));
    good = good && leaf.version <= space_->version() && std::isfinite(leaf.total) &&
           std::isfinite(leaf.last_attempt) && std::isfinite(leaf.majority_right) &&
           std::isfinite(leaf.bayes_right) && (leaf.active || !leaf.observed);
    if (!in.ok() || !good) return in.Fail("an impossible leaf of an ensemble");
    leaf.slot_size = static_cast<uint32_t>(leaf.active ? SlotSize(leaf, subset) : kBareSlot);
    leaf.slots = static_cast<uint32_t>(numbers / leaf.slot_size);
    if (numbers % leaf.slot_size != 0 || leaf.slots > leaf.capacity ||
        leaf.capacity > 2 * leaf.slots + 2 || leaf.slots > classes) {
      return in.Fail("an impossible leaf of an ensemble");
    }
    if (leaf.capacity > 0) {
      leaf.block = std::make_unique<double[]>(size_t{leaf.capacity} * leaf.slot_size);
    }
    in.Items(std::span<double>(leaf.block.get(), numbers));
    for (size_t i = 0; i < numbers; ++i) {
      if (!std::isfinite(leaf.block[i])) in.Fail("a number of a leaf is not finite");
    }
    for (size_t s = 0; s < leaf.slots && in.ok(); ++s) {
      const double* const slot = leaf.block.get() + s * leaf.slot_size;
      const double label = slot[kLabel];
      if (!(label >= 0 && label < static_cast<double>(classes) && label == std::floor(label)) ||
          !(slot[kWeight] >= 0) || (leaf.active && !(slot[kSeen] >= 0))) {
        in.Fail("an impossible class of a leaf");
      }
      if (!leaf.active) continue;
      bool counts = true;
      for (size_t i = 0; i < Stride(leaf.numbers); ++i) {
        counts = counts && slot[kHead + i] >= 0 &&
                 slot[kHead + kInverse * Stride(leaf.numbers) + i] >= 0;
      }
      for (size_t i = kHead + kFields * Stride(leaf.numbers); i < leaf.slot_size; ++i) {
        counts = counts && slot[i] >= 0;
      }
      if (!counts) in.Fail("a weight of a leaf is below 0");
    }
    block_bytes_ += BlockBytes(l);
    slots_ += leaf.slots;
    active_ += leaf.active ? 1 : 0;
  }
  CheckLinks(in, kName, nodes_, leaves_.size());
}

}  // namespace leat::ensembles
