#include "models/ensembles/mondrian_tree.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>

#include "base/exp.h"
#include "models/ensembles/fast_math.h"

namespace leat::ensembles {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kLn2 = 0.69314718055994531;
constexpr double kFarthest = 1e100;  // Deviations outside a node.
constexpr uint64_t kComponent = 0x6d6f6e647269616e;

double Ln(double x) { return Log2(x) * kLn2; }

/// ln((e^a + e^b) / 2).
double LogMean(double a, double b) {
  const double high = std::max(a, b), low = std::min(a, b);
  return high + Ln((1 + Exp(low - high)) / 2);
}

/// How far a value lies outside a range; 0 where either is missing.
double Outside(double v, double low, double high) {
  return v < low ? low - v : v > high ? v - high : 0;
}

}  // namespace

MondrianTree::MondrianTree(const MondrianForestOptions& options, size_t inputs, uint64_t key)
    : options_(&options),
      inputs_(inputs),
      random_(static_cast<uint64_t>(options.seed), kComponent + key) {}

double MondrianTree::Share(uint32_t node, uint32_t label) const {
  const double prior = options_->prior;
  return (Counts(node)[label] + prior) / (At(node).total + prior * static_cast<double>(classes_));
}

uint32_t MondrianTree::Child(const Node& node, const double* x) const {
  const double v = x[node.input];
  if (v != v) return At(node.right).total > At(node.left).total ? node.right : node.left;
  return v > node.value ? node.right : node.left;
}

void MondrianTree::Predict(const double* x, double scale, double* out) const {
  uint32_t id = 0;
  while (At(id).left != 0) id = Child(At(id), x);
  // From the leaf up, each node's own prediction has half the weight that it has earned. What a
  // node adds at last is that times what all above it leave.
  thread_local std::vector<double> mixed;
  mixed.resize(classes_);
  for (uint32_t c = 0; c < classes_; ++c) mixed[c] = Share(id, c);
  while (id != 0) {
    id = At(id).parent;
    const Node& node = At(id);
    const double own = std::min(1.0, 0.5 * Exp(node.log_node - node.log_tree));
    for (uint32_t c = 0; c < classes_; ++c) {
      mixed[c] = own * Share(id, c) + (1 - own) * mixed[c];
    }
  }
  for (uint32_t c = 0; c < classes_; ++c) out[c] += scale * mixed[c];
}

uint32_t MondrianTree::AddNode() {
  const auto id = static_cast<uint32_t>(count_++);
  if (id % kBlock == 0) {
    Reserve(blocks_, blocks_.size() + 1);
    blocks_.push_back(std::make_unique<Block>());
    blocks_.back()->numbers = std::make_unique<double[]>(kBlock * Stride());
  }
  std::fill_n(Low(id), 2 * inputs_, kNaN);
  return id;
}

double MondrianTree::SplitTime(uint32_t id, const double* x, const double* inverse, uint32_t label,
                               double& spread) {
  const Node& node = At(id);
  if (!options_->split_pure && Counts(id)[label] == node.total) return kInfinity;
  const double *low = Low(id), *high = High(id);
  spread = 0;
  for (size_t i = 0; i < inputs_; ++i) {
    spread += std::min(kFarthest, Outside(x[i], low[i], high[i]) * inverse[i]);
  }
  if (!(spread > 0)) return kInfinity;
  const double time = node.time - Ln(1 - random_.Uniform()) / spread;
  return node.left == 0 || time < At(node.left).time ? time : kInfinity;
}

/// The node becomes a test between what it was and a new leaf for the row, which is returned.
uint32_t MondrianTree::Split(uint32_t id, double time, const double* x, const double* inverse,
                             double spread) {
  const uint32_t same = AddNode();
  const uint32_t leaf = AddNode();
  const double *low = Low(id), *high = High(id);
  double left_over = random_.Uniform() * spread;
  uint32_t input = 0;
  bool found = false;
  for (uint32_t i = 0; i < inputs_ && !(found && left_over < 0); ++i) {
    const double out = std::min(kFarthest, Outside(x[i], low[i], high[i]) * inverse[i]);
    if (!(out > 0)) continue;
    input = i;
    found = true;
    left_over -= out;
  }
  const bool above = x[input] > high[input];
  const double from = above ? high[input] : x[input], to = above ? x[input] : low[input];
  double value = from + (to - from) * random_.Uniform();
  if (!(value < to)) value = from;
  std::copy_n(Low(id), Stride(), Low(same));
  At(same) = At(id);
  At(same).parent = id;
  At(same).time = At(leaf).time = time;
  At(leaf).parent = id;
  if (At(same).left != 0) {
    At(At(same).left).parent = same;
    At(At(same).right).parent = same;
  }
  Node& node = At(id);
  node.input = input;
  node.value = value;
  node.left = above ? same : leaf;
  node.right = above ? leaf : same;
  return leaf;
}

/// `judged`: what the node would have predicted counts.
void MondrianTree::Update(uint32_t id, const double* x, uint32_t label, double weight,
                          bool judged) {
  Node& node = At(id);
  if (judged) node.log_node += options_->step * weight * Ln(Share(id, label));
  double *low = Low(id), *high = High(id);
  for (size_t i = 0; i < inputs_; ++i) {
    const double v = x[i];
    if (v != v) continue;
    low[i] = low[i] < v ? low[i] : v;
    high[i] = high[i] > v ? high[i] : v;
  }
  Counts(id)[label] += weight;
  node.total += weight;
}

bool MondrianTree::Learn(const double* x, const double* inverse, uint32_t label, double weight,
                         bool may_grow) {
  const size_t blocks = blocks_.size();
  uint32_t id = 0;
  if (count_ == 0) {
    Update(AddNode(), x, label, weight, false);
    return true;
  }
  for (;;) {
    double spread = 0;
    const double time = SplitTime(id, x, inverse, label, spread);
    if (time < kInfinity) {
      if (may_grow || count_ + 2 <= blocks_.size() * kBlock) {
        const uint32_t leaf = Split(id, time, x, inverse, spread);
        Update(id, x, label, weight, true);
        Update(leaf, x, label, weight, false);
        id = leaf;
        break;
      }
      ++refused_;
    }
    Update(id, x, label, weight, true);
    if (At(id).left == 0) break;
    id = Child(At(id), x);
  }
  for (;; id = At(id).parent) {
    Node& node = At(id);
    node.log_tree = node.left == 0
                        ? node.log_node
                        : LogMean(node.log_node, At(node.left).log_tree + At(node.right).log_tree);
    if (id == 0) break;
  }
  return blocks_.size() != blocks;
}

void MondrianTree::Widen(size_t classes) {
  const size_t old_stride = Stride();
  classes_ = classes;
  for (auto& block : blocks_) {
    auto wider = std::make_unique<double[]>(kBlock * Stride());
    for (size_t n = 0; n < kBlock; ++n) {
      std::copy_n(block->numbers.get() + n * old_stride, old_stride, wider.get() + n * Stride());
    }
    block->numbers = std::move(wider);
  }
}

void MondrianTree::Save(StateWriter& out) const {
  out.Section("mondrian_tree", 1);
  out.U64(random_.counter());
  out.U64(refused_);
  out.U64(count_);
  for (uint32_t id = 0; id < count_; ++id) {
    const Node& node = At(id);
    for (const double v : {node.time, node.value, node.log_node, node.log_tree, node.total}) {
      out.F64(v);
    }
    for (const uint32_t v : {node.parent, node.left, node.right, node.input}) out.U32(v);
    out.Items(std::span<const double>(Low(id), Stride()));
  }
}

void MondrianTree::Load(StateReader& in, size_t classes) {
  in.Section("mondrian_tree", 1);
  random_.set_counter(in.U64());
  refused_ = in.U64();
  classes_ = classes;
  Clear();
  const uint64_t nodes = in.Count(5 * sizeof(double));
  for (uint64_t n = 0; n < nodes && in.ok(); ++n) {
    const uint32_t id = AddNode();
    Node& node = At(id);
    bool good = true;
    for (double* v : {&node.time, &node.value, &node.log_node, &node.log_tree, &node.total}) {
      *v = in.F64();
      good = good && std::isfinite(*v);
    }
    for (uint32_t* v : {&node.parent, &node.left, &node.right, &node.input}) *v = in.U32();
    in.Items(std::span<double>(Low(id), Stride()));
    for (size_t i = 0; i < Stride() && good; ++i) {
      const double v = Low(id)[i];
      good = i < 2 * inputs_ ? v != v || std::isfinite(v) : v >= 0 && std::isfinite(v);
    }
    good = good && node.total > 0 && node.parent < nodes && node.left < nodes &&
           node.right < nodes && node.input < inputs_ && (node.left == 0) == (node.right == 0);
    if (!good) return in.Fail("an impossible node of a Mondrian tree");
  }
  if (!in.ok()) return;
  // Every node but the root is one child of its parent. Parents may come after their children, so
  // that ways down must also be shown to end: all nodes hang on the root.
  size_t reached = 0;
  std::vector<uint32_t> open;
  if (count_ != 0) open.push_back(0);
  while (!open.empty() && reached <= count_) {
    const uint32_t id = open.back();
    open.pop_back();
    ++reached;
    const Node& node = At(id);
    if (node.left == 0) continue;
    if (At(node.left).parent != id || At(node.right).parent != id || node.left == node.right) {
      break;
    }
    open.push_back(node.left);
    open.push_back(node.right);
  }
  if (!open.empty() || reached != count_) {
    in.Fail("the nodes of a Mondrian tree do not make a tree");
  }
}

}  // namespace leat::ensembles
