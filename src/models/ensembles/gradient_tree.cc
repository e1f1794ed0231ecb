#include "models/ensembles/gradient_tree.h"

#include <algorithm>
#include <cmath>

#include "models/ensembles/fast_math.h"
#include "models/pair.h"

namespace leat::ensembles {
namespace {

constexpr uint64_t kSubsetComponent = 0x6772616473756273;
constexpr std::string_view kName = "a boosted tree";
constexpr double kLn2 = 0.69314718055994531;
constexpr double kMinBranch = 0.01;  // Of the hessians, on either side of a test.
/// A new leaf starts with what its side of the test had, but with little weight.
constexpr double kInherited = 10;

}  // namespace

GradientTree::GradientTree(const GradientPlan& plan, const AttributeSpace& space, uint64_t key)
    : plan_(&plan), space_(&space), key_(key) {
  const std::vector<uint16_t>& drawn =
      DrawAttributes(space, plan.attributes, SeedOf(plan.seed, key), kSubsetComponent, 0);
  subset_.assign(drawn.begin(), drawn.begin() + static_cast<int64_t>(plan.attributes));
  Reserve(nodes_, 1);
  Reserve(leaves_, 1);
  nodes_.emplace_back();
  leaves_.emplace_back();
  NewLeaf(0, 0, 0, 0, 0, 0);
}

void GradientTree::FindInEach(const GradientTree* trees, size_t count, const double* x,
                              uint32_t* nodes) {
  const Node* roots[kAtOnce];
  for (size_t t = 0; t < kAtOnce; ++t) roots[t] = trees[std::min(t, count - 1)].nodes_.data();
  uint32_t at[kAtOnce] = {};
  for (bool moved = true; moved;) {
    moved = false;
    for (size_t t = 0; t < kAtOnce; ++t) {
      const uint32_t next = NextNode(roots[t][at[t]], at[t], x);
      moved |= next != at[t];
      at[t] = next;
    }
  }
  std::copy_n(at, count, nodes);
}

void GradientTree::NewLeaf(uint32_t node, size_t id, uint32_t depth, double gradient,
                           double hessian, double start) {
  Leaf& leaf = leaves_[id];
  leaf = Leaf();
  leaf.depth = depth;
  nodes_[node].value = start + gradient / (hessian + plan_->options.ridge);
  if (!plan_->alone) {
    const double share = hessian > kInherited ? kInherited / hessian : 1;
    leaf.gradient = gradient * share;
    leaf.hessian = hessian * share;
  }
  Activate(id);
}

bool GradientTree::Learn(uint32_t node, const uint8_t* codes, const RowBins& bins, double gradient,
                         double hessian, double weight, bool may_grow) {
  Leaf& leaf = leaves_[nodes_[node].first];
  const double g = gradient * weight, h = hessian * weight;
  leaf.gradient = leaf.gradient * plan_->keep + g;
  leaf.hessian = leaf.hessian * plan_->keep + h;
  if (!plan_->alone) nodes_[node].value = leaf.gradient / (leaf.hessian + plan_->options.ridge);
  leaf.weight += weight;
  leaf.squares += g * gradient / hessian;
  if (leaf.block != nullptr) {
    Observe(leaf, codes, g, h);
  } else if (!plan_->alone) {
    return false;
  }
  if (leaf.weight - leaf.last_attempt < static_cast<double>(plan_->options.grace_period)) {
    return false;
  }
  leaf.last_attempt = leaf.weight;
  if (leaf.block != nullptr && TrySplit(node, bins, may_grow)) return true;
  if (plan_->alone) TryStep(node);
  return false;
}

double GradientTree::Needed(double candidates) const {
  return 2 * kLn2 * Log2(candidates / plan_->options.delta);
}

void GradientTree::TryStep(uint32_t node) {
  Leaf& leaf = leaves_[nodes_[node].first];
  if (!(Score(leaf.gradient, leaf.hessian) * leaf.weight > Needed(1) * leaf.squares)) return;
  nodes_[node].value += leaf.gradient / (leaf.hessian + plan_->options.ridge);
  leaf.gradient = leaf.hessian = leaf.squares = leaf.weight = leaf.last_attempt = 0;
  leaf.waiting = 0;
  if (leaf.block != nullptr) std::fill_n(leaf.block.get(), CellsSize(), 0.0);
}

void GradientTree::Observe(Leaf& leaf, const uint8_t* codes, double gradient,
                           double hessian) const {
  if (MostWaiting() == 0) {
    double* cells = leaf.block.get();
    const Pair both = {gradient, hessian};
    for (size_t i = 0; i < subset_.size(); ++i, cells += 2 * kBins) {
      const uint8_t code = codes[subset_[i]];
      if (code == kNoBin) continue;
      double* const cell = cells + 2 * size_t{code};
      StorePair(cell, LoadPair(cell) + both);
    }
    return;
  }
  if (leaf.waiting == MostWaiting()) Flush(leaf);
  double* const sums = leaf.block.get() + CellsSize();
  sums[2 * leaf.waiting] = gradient;
  sums[2 * leaf.waiting + 1] = hessian;
  auto* const bins = reinterpret_cast<uint8_t*>(sums + 2 * MostWaiting());
  uint8_t* const own = bins + leaf.waiting * subset_.size();
  for (size_t i = 0; i < subset_.size(); ++i) own[i] = codes[subset_[i]];
  ++leaf.waiting;
}

void GradientTree::AddWaiting(const Leaf& leaf, size_t place, double* cells) const {
  const double* const sums = leaf.block.get() + CellsSize();
  const auto* bin = reinterpret_cast<const uint8_t*>(sums + 2 * MostWaiting()) + place;
  for (uint32_t row = 0; row < leaf.waiting; ++row, bin += subset_.size()) {
    if (*bin == kNoBin) continue;
    double* const cell = cells + 2 * size_t{*bin};
    StorePair(cell, LoadPair(cell) + LoadPair(sums + 2 * row));
  }
}

void GradientTree::Flush(Leaf& leaf) const {
  for (size_t i = 0; i < subset_.size(); ++i) {
    AddWaiting(leaf, i, leaf.block.get() + i * 2 * kBins);
  }
  leaf.waiting = 0;
}

void GradientTree::PrefetchBlock(uint32_t node) const {
  const Leaf& leaf = leaves_[nodes_[node].first];
  if (leaf.block == nullptr || MostWaiting() == 0) return;
  const double* const sums = leaf.block.get() + CellsSize();
  const auto* const bins = reinterpret_cast<const uint8_t*>(sums + 2 * MostWaiting());
  PrefetchLine(sums + 2 * leaf.waiting);
  PrefetchLine(bins + leaf.waiting * subset_.size());
  PrefetchLine(bins + (leaf.waiting + 1) * subset_.size() - 1);
}

double GradientTree::Score(double gradient, double hessian) const {
  return gradient * gradient / (hessian + plan_->options.ridge);
}

/// Whether any split may gain more than `needed` less the score of the whole. That takes no
/// division: gains times both sides' hessians, two bins at once. Products are rounded, so what is
/// close is promising all the same, as is what overflows.
bool GradientTree::IsPromising(const double* left, double gradient, double hessian,
                               double needed) const {
  using Mask = int64_t __attribute__((vector_size(16)));
  constexpr Mask kFirsts = {0, 2}, kSeconds = {1, 3};
  const double ridge = plan_->options.ridge;
  needed *= 1 - 1e-9;
  Mask below = {-1, -1};
  for (size_t b = 0; b < kBins; b += 2) {
    const Pair one = LoadPair(left + 2 * b), two = LoadPair(left + 2 * b + 2);
    const Pair left_gradients = __builtin_shuffle(one, two, kFirsts);
    const Pair left_hessians = __builtin_shuffle(one, two, kSeconds);
    const Pair right_gradients = gradient - left_gradients;
    const Pair left_sizes = left_hessians + ridge, right_sizes = hessian - left_hessians + ridge;
    const Pair gains = left_gradients * left_gradients * right_sizes +
                       right_gradients * right_gradients * left_sizes;
    const Pair products = needed * left_sizes * right_sizes;
    below &= (gains < products) & (products < 1e300);
  }
  return (below[0] & below[1]) == 0;
}

void GradientTree::Weigh(const double* cells, uint32_t place, bool nominal, double least,
                         Candidate& best) const {
  // Of a split after, or on, each bin the left side: sums up to it, or its own.
  double left[2 * kBins];
  Pair both = {0, 0};
  for (size_t b = 0; b < kBins; ++b) {
    both += LoadPair(cells + 2 * b);
    StorePair(left + 2 * b, nominal ? LoadPair(cells + 2 * b) : both);
  }
  const double gradient = both[0], hessian = both[1];
  const double whole = Score(gradient, hessian);
  const double fewest = kMinBranch * hessian;
  // The last bin leaves nothing on the right: no split. Here it stands for the one before it.
  StorePair(left + 2 * (kBins - 1), LoadPair(left + 2 * (kBins - 2)));
  if (!IsPromising(left, gradient, hessian, std::max(least, best.gain) + whole)) return;
  // Of nominal values the last bin holds all that have no bin of their own.
  for (uint32_t b = 0; b + 1 < kBins; ++b) {
    const double left_gradient = left[2 * b], left_hessian = left[2 * b + 1];
    const double right_gradient = gradient - left_gradient;
    const double right_hessian = hessian - left_hessian;
    if (!(left_hessian > fewest && right_hessian > fewest)) continue;
    const double gain =
        Score(left_gradient, left_hessian) + Score(right_gradient, right_hessian) - whole;
    if (!(gain > best.gain)) continue;
    best = {gain, place, b, left_gradient, left_hessian, right_gradient, right_hessian, true};
  }
}

bool GradientTree::TrySplit(uint32_t node, const RowBins& bins, bool may_grow) {
  const size_t id = nodes_[node].first;
  Leaf& leaf = leaves_[id];
  const double needed = Needed(static_cast<double>(subset_.size() * kBins));
  const double least = needed * leaf.squares / leaf.weight * (1 - 1e-9);
  Candidate best;
  // What waits is added attribute by attribute, while its cells are at hand.
  for (uint32_t i = 0; i < subset_.size(); ++i) {
    double* const cells = leaf.block.get() + size_t{i} * kBins * 2;
    AddWaiting(leaf, i, cells);
    Weigh(cells, i, space_->nominal(subset_[i]), least, best);
  }
  leaf.waiting = 0;
  if (!best.found || !(best.gain * leaf.weight > needed * leaf.squares)) return false;
  const uint16_t attribute = subset_[best.place];
  const double edge = bins.Edge(attribute, best.bin);
  if (!std::isfinite(edge)) return false;
  if (!may_grow) {
    ++refused_;
    return false;
  }
  const uint32_t depth = leaf.depth + 1;
  const double start = plan_->alone ? nodes_[node].value : 0;
  block_bytes_ -= BlockBytes(id);
  --active_;
  const auto other = static_cast<uint32_t>(leaves_.size());
  SplitNode(
      nodes_, node,
      {edge, 0, attribute, static_cast<uint8_t>(space_->nominal(attribute) ? kEquals : kNumeric),
       static_cast<uint8_t>(best.right_hessian > best.left_hessian ? 1 : 0)},
      other);
  Reserve(leaves_, leaves_.size() + 1);
  leaves_.emplace_back();
  const uint32_t first = nodes_[node].first;
  NewLeaf(first, id, depth, best.left_gradient, best.left_hessian, start);
  NewLeaf(first + 1, other, depth, best.right_gradient, best.right_hessian, start);
  return true;
}

void GradientTree::Move(const std::vector<const Rebinning*>& changes) {
  double moved[2 * kBins];
  for (Leaf& leaf : leaves_) {
    if (leaf.block == nullptr) continue;
    Flush(leaf);
    for (size_t i = 0; i < subset_.size(); ++i) {
      const Rebinning* const change = changes[subset_[i]];
      if (change == nullptr) continue;
      double* const cells = leaf.block.get() + i * kBins * 2;
      std::fill_n(moved, 2 * kBins, 0.0);
      for (size_t b = 0; b < 2 * kBins; ++b) {
        if (change->to[b / 2] != kNoBin) moved[2 * change->to[b / 2] + b % 2] += cells[b];
      }
      std::copy_n(moved, 2 * kBins, cells);
    }
  }
}

void GradientTree::Deactivate(size_t id) {
  if (!IsActive(id)) return;
  block_bytes_ -= BlockBytes(id);
  leaves_[id].block.reset();
  leaves_[id].waiting = 0;
  --active_;
}

void GradientTree::Activate(size_t id) {
  Leaf& leaf = leaves_[id];
  if (IsActive(id) || leaf.depth >= static_cast<uint32_t>(plan_->options.max_depth)) return;
  leaf.block = NewBlock();
  leaf.last_attempt = leaf.weight;
  block_bytes_ += BlockBytes(id);
  ++active_;
}

void GradientTree::Save(StateWriter& out) const {
  out.Section("gradient_tree", 1);
  out.U64(key_);
  out.U64(refused_);
  SaveNodes(out, nodes_);
  SaveSubsets(out, subset_);
  out.U64(leaves_.size());
  std::vector<double> cells(CellsSize());
  for (const Leaf& leaf : leaves_) {
    for (const double v :
         {leaf.gradient, leaf.hessian, leaf.weight, leaf.last_attempt, leaf.squares}) {
      out.F64(v);
    }
    out.U32(leaf.depth);
    out.Bool(leaf.block != nullptr);
    if (leaf.block == nullptr) continue;
    std::copy_n(leaf.block.get(), CellsSize(), cells.begin());
    for (size_t i = 0; i < subset_.size(); ++i) AddWaiting(leaf, i, cells.data() + i * 2 * kBins);
    out.Items(std::span<const double>(cells));
  }
  // The value of a new leaf does not follow from its fading sums.
  for (const Node& node : nodes_) {
    if (node.kind == kLeaf) out.F64(node.value);
  }
}

void GradientTree::Load(StateReader& in) {
  in.Section("gradient_tree", 1);
  key_ = in.U64();
  refused_ = in.U64();
  leaves_.clear();
  LoadNodes(in, *space_, kName, nodes_);
  const uint64_t leaves =
      LoadSubsets(in, *space_, kName, nodes_.size(), plan_->attributes, true, subset_);
  if (!in.ok()) return;
  Reserve(leaves_, leaves);
  block_bytes_ = active_ = 0;
  for (uint64_t l = 0; l < leaves && in.ok(); ++l) {
    leaves_.emplace_back();
    Leaf& leaf = leaves_.back();
    bool good = true;
    for (double* v :
         {&leaf.gradient, &leaf.hessian, &leaf.weight, &leaf.last_attempt, &leaf.squares}) {
      *v = in.F64();
      good = good && std::isfinite(*v);
    }
    leaf.depth = in.U32();
    good = good && leaf.hessian >= 0 && leaf.weight >= 0 && leaf.squares >= 0 &&
           leaf.depth <= static_cast<uint32_t>(plan_->options.max_depth);
    if (!good) return in.Fail("an impossible leaf of a boosted tree");
    if (!in.Bool()) continue;
    leaf.block = NewBlock();
    in.Items(std::span<double>(leaf.block.get(), CellsSize()));
    for (size_t i = 0; i < CellsSize() && good; ++i) {
      good = std::isfinite(leaf.block[i]) && (i % 2 == 0 || leaf.block[i] >= 0);
    }
    if (!good) return in.Fail("a number of a leaf cannot be");
    block_bytes_ += BlockBytes(l);
    ++active_;
  }
  for (Node& node : nodes_) {
    if (node.kind != kLeaf) continue;
    node.value = in.F64();
    if (!std::isfinite(node.value)) return in.Fail("an impossible leaf of a boosted tree");
  }
  CheckLinks(in, kName, nodes_, leaves_.size());
}

}  // namespace leat::ensembles
