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

// Of FIMT-DD: rows before a test counts, between two comparisons, and until a tree that grows
// beside a split is given up.
constexpr double kFirstTest = 150;
constexpr uint64_t kCompareRows = 150;
constexpr uint64_t kPatience = 1500;
constexpr double kMostError = 5;  // In deviations of the target: one row is no drift.

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

size_t RegressionTree::StructureBytes(size_t leaves, size_t watches) const {
  return Room(2 * leaves - 1) * sizeof(Node) + Room(leaves) * sizeof(Leaf) +
         Room(leaves * plan_->attributes) * sizeof(uint16_t) + 3 * kAllocation +
         (watches == 0 ? 0 : Room(watches) * sizeof(NodeWatch) + kAllocation);
}

size_t RegressionTree::LastingBytes(size_t leaves) const {
  const size_t linear = LinearSize() == 0 ? 0 : LinearSize() * sizeof(double) + kAllocation;
  return StructureBytes(leaves, watches() ? 2 * leaves - 1 : 0) + leaves * linear;
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
                           size_t room) {
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
    TrySplit(node, room);
  }
}

/// The border between bins (or the value) that lowers the variance, or the deviation, most. Merit:
/// what there was before less the weighted one after.
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
  const bool by_deviation = plan_->options.split_criterion == RegressionCriterion::kDeviation;
  const auto deviations = [](double count, double total, double total_squares) {
    return std::sqrt(std::max(0.0, total_squares * count - total * total));  // Times the count.
  };
  const double before = by_deviation ? deviations(weight, sum, squares) : 0;
  const double least = 0.01 * weight;
  double left_weight = 0, left_sum = 0, left_squares = 0;
  for (size_t i = 0; i + 1 < kBins; ++i) {
    left_weight = nominal ? n[i] : left_weight + n[i];
    left_sum = nominal ? s[i] : left_sum + s[i];
    left_squares = nominal ? q[i] : left_squares + q[i];
    const double right_weight = weight - left_weight, right_sum = sum - left_sum;
    if (!(left_weight > least && right_weight > least)) continue;
    const double lowered =
        by_deviation
            ? before - deviations(left_weight, left_sum, left_squares) -
                  deviations(right_weight, right_sum, squares - left_squares)
            : left_sum * left_sum / left_weight + right_sum * right_sum / right_weight - whole;
    const double merit = lowered / weight;
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

void RegressionTree::TrySplit(uint32_t node, size_t room) {
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
  const double variance = leaf.squares / leaf.weight;
  const bool by_deviation = options.split_criterion == RegressionCriterion::kDeviation;
  if (best.merit < (by_deviation ? 5e-4 * std::sqrt(variance) : 1e-3 * variance)) return;
  if (room == 0 || LastingBytes(leaves_.size() + 1) - LastingBytes() > room) {
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

// ---- Drift ----

/// True if the error has risen.
bool RegressionTree::Errs(NodeWatch& watch, double error) const {
  watch.seen += 1;
  watch.mean += (error - watch.mean) / watch.seen;
  watch.sum += error - watch.mean - plan_->options.drift_tolerance;
  watch.least = std::min(watch.least, watch.sum);
  return watch.seen >= kFirstTest && watch.sum - watch.least > plan_->options.drift_threshold;
}

void RegressionTree::Drop(NodeWatch& watch) {
  if (watch.other != nullptr) alternate_bytes_ -= watch.other->MemoryBytes() + kAllocation;
  watch = NodeWatch();
}

void RegressionTree::DropAlternates() {
  for (NodeWatch& watch : watches_) {
    if (watch.other != nullptr) Drop(watch);
  }
}

bool RegressionTree::Compare(NodeWatch& watch, const RegressionRow& row, double target,
                             double prediction, double weight, size_t room) {
  RegressionTree& other = *watch.other;
  const uint32_t leaf = other.Find(row.x);
  const double error = target - prediction, other_error = target - other.PredictAt(leaf, row);
  watch.loss = kFade * watch.loss + std::min(error * error, kMostNumber);
  watch.other_loss = kFade * watch.other_loss + std::min(other_error * other_error, kMostNumber);
  alternate_bytes_ -= other.MemoryBytes();
  other.Learn(leaf, row, target, weight, room);
  alternate_bytes_ += other.MemoryBytes();
  ++watch.rows;
  if (watch.rows % kCompareRows != 0) return false;
  if (watch.other_loss < watch.loss) return true;
  if (watch.rows >= kPatience) Drop(watch);
  return false;
}

void RegressionTree::Watch(const RegressionRow& row, double target, double prediction,
                           double weight, size_t room, double deviation) {
  if (watches_.size() < nodes_.size()) {
    Reserve(watches_, nodes_.size());
    watches_.resize(nodes_.size());
  }
  const double error = std::min(kMostError, std::fabs(target - prediction) / deviation);
  bool beside = false;  // A tree grows beside a split above.
  for (uint32_t id = 0; nodes_[id].kind != kLeaf; id = NextNode(nodes_[id], id, row.x)) {
    NodeWatch& watch = watches_[id];
    if (watch.other != nullptr) {
      if (!beside && Compare(watch, row, target, prediction, weight, room)) return Graft(id);
      beside = true;
      continue;
    }
    if (!Errs(watch, error)) continue;
    watch = NodeWatch();
    if (beside || room == 0) continue;
    watch.other = std::make_unique<RegressionTree>(*plan_, *space_, key_);
    alternate_bytes_ += watch.other->MemoryBytes() + kAllocation;
    ++begun_;
    beside = true;
  }
}

/// Puts the tree that has grown beside a split in its place. What was below is gone, so nodes and
/// leaves are numbered anew.
void RegressionTree::Graft(uint32_t at) {
  const std::unique_ptr<RegressionTree> other = std::move(watches_[at].other);
  struct Item {
    RegressionTree* from;
    uint32_t id, to;
  };
  std::vector<Node> nodes;
  std::vector<Leaf> leaves;
  std::vector<uint16_t> subsets;
  std::vector<NodeWatch> watches;
  Reserve(nodes, 1);
  nodes.emplace_back();
  std::vector<Item> stack = {{this, 0, 0}};
  while (!stack.empty()) {
    Item item = stack.back();
    stack.pop_back();
    if (item.from == this && item.id == at) item = {other.get(), 0, item.to};
    Node node = item.from->nodes_[item.id];
    if (node.kind == kLeaf) {
      const auto leaf = static_cast<uint32_t>(leaves.size());
      const uint16_t* const subset = item.from->Subset(node.first);
      Reserve(subsets, subsets.size() + plan_->attributes);
      subsets.insert(subsets.end(), subset, subset + plan_->attributes);
      Reserve(leaves, leaves.size() + 1);
      leaves.push_back(std::move(item.from->leaves_[node.first]));
      node.first = leaf;
    } else {
      const auto first = static_cast<uint32_t>(nodes.size());
      Reserve(nodes, nodes.size() + 2);
      nodes.resize(nodes.size() + 2);
      stack.push_back({item.from, node.first + 1, first + 1});
      stack.push_back({item.from, node.first, first});
      node.first = first;
    }
    nodes[item.to] = node;
    if (item.from != this || node.kind == kLeaf) continue;
    Reserve(watches, nodes.size());
    if (watches.size() < nodes.size()) watches.resize(nodes.size());
    watches[item.to] = std::move(watches_[item.id]);
  }
  Reserve(watches, nodes.size());
  watches.resize(nodes.size());
  nodes_ = std::move(nodes);
  leaves_ = std::move(leaves);
  subsets_ = std::move(subsets);
  watches_ = std::move(watches);
  refused_ += other->refused_;
  ++replaced_;
  Recount();
}

void RegressionTree::Recount() {
  block_bytes_ = active_ = alternate_bytes_ = 0;
  for (size_t l = 0; l < leaves_.size(); ++l) {
    block_bytes_ += BlockBytes(l);
    active_ += leaves_[l].active ? 1 : 0;
  }
  for (const NodeWatch& watch : watches_) {
    if (watch.other != nullptr) alternate_bytes_ += watch.other->MemoryBytes() + kAllocation;
  }
}

void RegressionTree::Adopt(const RegressionPlan& plan, const AttributeSpace& space) {
  plan_ = &plan;
  space_ = &space;
  for (NodeWatch& watch : watches_) {
    if (watch.other != nullptr) watch.other->Adopt(plan, space);
  }
}

// ---- For people ----

/// Leaves by their means.
trees::DumpedTree RegressionTree::Shown(const InputSpec& spec) const {
  return ShowNodes(spec, nodes_, [this](uint32_t id, trees::DumpNode& shown) {
    const Leaf& leaf = leaves_[nodes_[id].first];
    shown.active = leaf.active;
    shown.value = leaf.mean;
  });
}

DecisionPath RegressionTree::PathOf(const InputSpec& spec, const RegressionRow& row) const {
  return PathThrough(spec, nodes_, row.x,
                     [&](uint32_t id, DecisionPath& path) { path.value = PredictAt(id, row); });
}

// ---- Memory and state ----

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
  out.Section(SectionName(), 1);
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
  if (watches()) SaveWatches(out);
}

void RegressionTree::SaveWatches(StateWriter& out) const {
  out.U64(begun_);
  out.U64(replaced_);
  out.U64(watches_.size());
  for (const NodeWatch& watch : watches_) {
    for (const double v :
         {watch.seen, watch.mean, watch.sum, watch.least, watch.loss, watch.other_loss}) {
      out.F64(v);
    }
    out.U64(watch.rows);
    out.Bool(watch.other != nullptr);
    if (watch.other != nullptr) watch.other->Save(out);
  }
}

void RegressionTree::LoadWatches(StateReader& in) {
  begun_ = in.U64();
  replaced_ = in.U64();
  const uint64_t count = in.Count(6 * sizeof(double));
  if (count > nodes_.size()) return in.Fail("a regression tree watches nodes that it has not");
  watches_ = std::vector<NodeWatch>();
  if (count > 0) Reserve(watches_, count);
  for (uint64_t n = 0; n < count && in.ok(); ++n) {
    watches_.emplace_back();
    NodeWatch& watch = watches_.back();
    bool good = true;
    for (double* v :
         {&watch.seen, &watch.mean, &watch.sum, &watch.least, &watch.loss, &watch.other_loss}) {
      *v = in.F64();
      good = good && std::isfinite(*v);
    }
    watch.rows = in.U64();
    const bool beside = in.Bool();
    if (!good || (beside && nodes_[n].kind == kLeaf))
      return in.Fail("an impossible watch of a split");
    if (!beside) continue;
    watch.other = std::make_unique<RegressionTree>(*plan_, *space_, key_);
    watch.other->Load(in);
    // Trees beside splits have none themselves.
    if (in.ok() && !watch.other->watches_.empty()) in.Fail("an impossible watch of a split");
  }
}

void RegressionTree::Load(StateReader& in) {
  in.Section(SectionName(), 1);
  key_ = in.U64();
  draws_ = in.U64();
  refused_ = in.U64();
  leaves_.clear();
  LoadNodes(in, *space_, kName, nodes_);
  const uint64_t leaves =
      LoadSubsets(in, *space_, kName, nodes_.size(), plan_->attributes, false, subsets_);
  if (!in.ok()) return;
  Reserve(leaves_, leaves);
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
  }
  CheckLinks(in, kName, nodes_, leaves_.size());
  if (in.ok() && watches()) LoadWatches(in);
  Recount();
}

}  // namespace leat::ensembles
