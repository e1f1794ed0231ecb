/// The extremely fast decision tree.
#include <algorithm>
#include <cmath>

#include "models/trees/revising_tree.h"

namespace leat::trees {

ExtremelyFastTree::ExtremelyFastTree(const ExtremelyFastTreeOptions& options, const InputSpec& spec)
    : RevisingTree("extremely_fast_tree", options, spec), fast_(options) {
  root_ = NewLeaf({});
}

std::unique_ptr<Model> ExtremelyFastTree::Fresh() const {
  return std::make_unique<ExtremelyFastTree>(fast_, spec_);
}

void ExtremelyFastTree::LearnRow(const Row& row, size_t label, double weight) {
  const Place place = Descend(root_, row);
  if (place.absent_branch >= 0 && MayGrow()) {
    PutAt(place.node, static_cast<size_t>(place.absent_branch), NewLeaf({}));
  }
  const bool review = learnt_ % static_cast<uint64_t>(fast_.reevaluate_every) == 0;
  uint32_t id = root_, parent = kNoChild;
  size_t branch = 0;
  for (;;) {
    RevisingNode& at = node(id);
    ++at.items;
    if (at.kind == TestKind::kLeaf) {
      if (options_.leaf_prediction == LeafPrediction::kNaiveBayesAdaptive && at.observing) {
        const size_t bayes = BayesAt(at, row);
        if (!at.counts.empty() && FirstMaximum(at.counts) == label) at.majority_right += weight;
        if (bayes == label) at.bayes_right += weight;
      }
      LearnStatistics(at, row, label, weight, true);
      if (at.observing && at.items % options_.grace_period == 0) TrySplit(id, parent, branch);
      return;
    }
    LearnStatistics(at, row, label, weight, false);
    // A split that is replaced still passes this row on to what was below it.
    if (review && at.observing) Reevaluate(id, parent, branch);
    const int64_t next = BranchOf(at, row);
    if (next < 0) return;
    const auto b = static_cast<size_t>(next);
    if (b >= at.children.size() || at.children[b] == kNoChild) return;
    parent = id;
    branch = b;
    id = at.children[b];
  }
}

void ExtremelyFastTree::AddMerits(RevisingNode& at, const std::vector<Suggestion>& ranked) const {
  for (const Suggestion& s : ranked) {
    if (s.kind != TestKind::kLeaf) at.merits[s.attribute] += s.merit;
  }
}

void ExtremelyFastTree::TrySplit(uint32_t id, uint32_t parent, size_t branch) {
  RevisingNode& leaf = node(id);
  const auto present =
      std::count_if(leaf.counts.begin(), leaf.counts.end(), [](double c) { return c != 0; });
  if (present < 2) return;
  ++leaf.attempts;
  if (leaf.merits.empty()) {
    node_bytes_ -= NodeBytes(leaf);
    leaf.merits.assign(layout_.size(), 0);
    node_bytes_ += NodeBytes(leaf);
  }
  const std::vector<Suggestion>& ranked = Rank(leaf);
  if (ranked.empty()) return;
  AddMerits(leaf, ranked);
  const Suggestion best = ranked.back();
  if (ranked.size() >= 2) {
    if (!(best.merit >= 1e-10) || best.kind == TestKind::kLeaf) return;
    const double bound = HoeffdingBound(MeritRange(options_.split_criterion, leaf.counts.size()),
                                        options_.delta, Sum(leaf.counts));
    const double average = leaf.merits[best.attribute] / static_cast<double>(leaf.attempts);
    if (!(average > bound || bound < options_.tie_threshold)) return;
    // A nominal attribute is split on once on a path.
    if (!leaf.used_nominal.empty() && leaf.used_nominal[best.attribute] != 0) return;
  }
  if (best.kind == TestKind::kLeaf) return BeginAnew(leaf);
  if (!MayGrow()) {
    ++refused_;
    return;
  }
  PutAt(parent, branch, SplitOn(id, best));
}

/// A split with what the node has observed, over new leaves. The node keeps nothing of it.
uint32_t ExtremelyFastTree::SplitOn(uint32_t id, const Suggestion& best) {
  RevisingNode& from = node(id);
  const uint32_t made = NewSplit(from, best);
  RevisingNode& split = node(made);
  node_bytes_ -= NodeBytes(split) + NodeBytes(from);
  split.observers = std::move(from.observers);
  from.observers = Observers();
  split.merits = from.merits;
  node_bytes_ += NodeBytes(split) + NodeBytes(from);
  if (layout_.is_nominal[best.attribute] == 0) return made;
  for (const uint32_t child : split.children) {
    RevisingNode& leaf = node(child);
    node_bytes_ -= NodeBytes(leaf);
    leaf.used_nominal = from.used_nominal;
    if (leaf.used_nominal.empty()) leaf.used_nominal.assign(layout_.size(), 0);
    leaf.used_nominal[best.attribute] = 1;
    node_bytes_ += NodeBytes(leaf);
  }
  return made;
}

void ExtremelyFastTree::Reevaluate(uint32_t id, uint32_t parent, size_t branch) {
  RevisingNode& split = node(id);
  ++split.attempts;
  const double bound = HoeffdingBound(MeritRange(options_.split_criterion, split.classes_at_split),
                                      options_.delta, Sum(split.counts));
  const std::vector<Suggestion>& ranked = Rank(split);
  if (ranked.empty()) return;
  AddMerits(split, ranked);
  const Suggestion best = ranked.back();
  if (best.kind == TestKind::kLeaf) return;
  const double gain = (split.merits[best.attribute] - split.merits[split.attribute]) /
                      static_cast<double>(split.attempts);
  const double tie = options_.tie_threshold;
  if (!(gain > bound || (bound < tie && gain > tie / 2))) return;
  if (!MayGrow()) {
    ++refused_;
    return;
  }
  ++replaced_;
  PutAt(parent, branch, SplitOn(id, best));
}

void ExtremelyFastTree::SaveExtras(const RevisingNode& at, StateWriter& out) const {
  out.I64(at.items);
  out.I64(at.attempts);
  out.U64(at.classes_at_split);
  out.Array(at.merits);
  out.Array(at.used_nominal);
}

void ExtremelyFastTree::LoadExtras(RevisingNode& at, StateReader& in) const {
  at.items = in.I64();
  at.attempts = in.I64();
  at.classes_at_split = in.U64();
  in.Array(at.merits);
  in.Array(at.used_nominal);
  const size_t all = layout_.size();
  bool good = at.items >= 0 && at.attempts >= 0 && at.classes_at_split <= kMaxClasses &&
              (at.merits.empty() || at.merits.size() == all) &&
              (at.used_nominal.empty() || at.used_nominal.size() == all) &&
              (at.kind == TestKind::kLeaf || !at.merits.empty());
  for (const double merit : at.merits) good = good && !std::isnan(merit);
  if (!good) in.Fail("what a node knows of its merits cannot be");
}

}  // namespace leat::trees
