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
  NewLeaf(0, 0, 0, 0, 0);
}

void GradientTree::NewLeaf(uint32_t node, size_t id, uint32_t depth, double gradient,
                           double hessian) {
  Leaf& leaf = leaves_[id];
  leaf = Leaf();
  leaf.depth = depth;
  const double share = hessian > kInherited ? kInherited / hessian : 1;
  leaf.gradient = gradient * share;
  leaf.hessian = hessian * share;
  nodes_[node].value = gradient / (hessian + plan_->options.ridge);
  if (depth < static_cast<uint32_t>(plan_->options.max_depth)) {
    leaf.block = std::make_unique<double[]>(BlockSize());
    block_bytes_ += BlockBytes(id);
    ++active_;
  }
}

bool GradientTree::Learn(uint32_t node, const uint8_t* codes, const RowBins& bins, double gradient,
                         double hessian, double weight, bool may_grow) {
  Leaf& leaf = leaves_[nodes_[node].first];
  const double g = gradient * weight, h = hessian * weight;
  leaf.gradient = leaf.gradient * plan_->keep + g;
  leaf.hessian = leaf.hessian * plan_->keep + h;
  nodes_[node].value = leaf.gradient / (leaf.hessian + plan_->options.ridge);
  leaf.weight += weight;
  leaf.squares += g * gradient / hessian;
  if (leaf.block == nullptr) return false;
  double* cells = leaf.block.get();
  const Pair both = {g, h};
  for (const uint16_t attribute : subset_) {
    const uint8_t code = codes[attribute];
    if (code != kNoBin) {
      double* const cell = cells + 2 * size_t{code};
      StorePair(cell, LoadPair(cell) + both);
    }
    cells += 2 * kBins;
  }
  return leaf.weight - leaf.last_attempt >= static_cast<double>(plan_->options.grace_period) &&
         TrySplit(node, bins, may_grow);
}

double GradientTree::Score(double gradient, double hessian) const {
  return gradient * gradient / (hessian + plan_->options.ridge);
}

void GradientTree::Weigh(const double* cells, uint32_t place, bool nominal, Candidate& best) const {
  double gradient = 0, hessian = 0;
  for (size_t b = 0; b < kBins; ++b) gradient += cells[2 * b], hessian += cells[2 * b + 1];
  const double whole = Score(gradient, hessian);
  const double least = kMinBranch * hessian;
  double left_gradient = 0, left_hessian = 0;
  // Of nominal values the last bin holds all that have no bin of their own.
  for (uint32_t b = 0; b + 1 < kBins; ++b) {
    left_gradient = cells[2 * b] + (nominal ? 0 : left_gradient);
    left_hessian = cells[2 * b + 1] + (nominal ? 0 : left_hessian);
    const double right_gradient = gradient - left_gradient;
    const double right_hessian = hessian - left_hessian;
    if (!(left_hessian > least && right_hessian > least)) continue;
    const double gain =
        Score(left_gradient, left_hessian) + Score(right_gradient, right_hessian) - whole;
    if (!(gain > best.gain)) continue;
    best = {gain, place, b, left_gradient, left_hessian, right_gradient, right_hessian, true};
  }
}

bool GradientTree::TrySplit(uint32_t node, const RowBins& bins, bool may_grow) {
  const size_t id = nodes_[node].first;
  Leaf& leaf = leaves_[id];
  leaf.last_attempt = leaf.weight;
  Candidate best;
  for (uint32_t i = 0; i < subset_.size(); ++i) {
    Weigh(leaf.block.get() + size_t{i} * kBins * 2, i, space_->nominal(subset_[i]), best);
  }
  const auto looked_at = static_cast<double>(subset_.size() * kBins);
  const double needed = 2 * kLn2 * Log2(looked_at / plan_->options.delta);
  if (!best.found || !(best.gain * leaf.weight > needed * leaf.squares)) return false;
  const uint16_t attribute = subset_[best.place];
  const double edge = bins.Edge(attribute, best.bin);
  if (!std::isfinite(edge)) return false;
  if (!may_grow) {
    ++refused_;
    return false;
  }
  const uint32_t depth = leaf.depth + 1;
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
  NewLeaf(first, id, depth, best.left_gradient, best.left_hessian);
  NewLeaf(first + 1, other, depth, best.right_gradient, best.right_hessian);
  return true;
}

void GradientTree::Move(const std::vector<const Rebinning*>& changes) {
  double moved[2 * kBins];
  for (Leaf& leaf : leaves_) {
    if (leaf.block == nullptr) continue;
    for (size_t i = 0; i < subset_.size(); ++i) {
      const Rebinning* const change = changes[subset_[i]];
      if (change == nullptr) continue;
      double* const cells = leaf.block.get() + i * kBins * 2;
      std::fill_n(moved, 2 * kBins, 0.0);
      for (size_t b = 0; b < 2 * kBins; ++b) moved[2 * change->to[b / 2] + b % 2] += cells[b];
      std::copy_n(moved, 2 * kBins, cells);
    }
  }
}

void GradientTree::Deactivate(size_t id) {
  if (!IsActive(id)) return;
  block_bytes_ -= BlockBytes(id);
  leaves_[id].block.reset();
  --active_;
}

void GradientTree::Save(StateWriter& out) const {
  out.Section("gradient_tree", 1);
  out.U64(key_);
  out.U64(refused_);
  SaveNodes(out, nodes_);
  SaveSubsets(out, subset_);
  out.U64(leaves_.size());
  for (const Leaf& leaf : leaves_) {
    for (const double v :
         {leaf.gradient, leaf.hessian, leaf.weight, leaf.last_attempt, leaf.squares}) {
      out.F64(v);
    }
    out.U32(leaf.depth);
    out.Bool(leaf.block != nullptr);
    if (leaf.block != nullptr) out.Items(std::span<const double>(leaf.block.get(), BlockSize()));
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
    leaf.block = std::make_unique<double[]>(BlockSize());
    in.Items(std::span<double>(leaf.block.get(), BlockSize()));
    for (size_t i = 0; i < BlockSize() && good; ++i) {
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
