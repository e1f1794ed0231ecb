/// The Hoeffding adaptive tree.
#include <algorithm>
#include <cmath>

#include "base/java_random.h"
#include "models/trees/revising_tree.h"

namespace leat::trees {
namespace {

/// The next number of a leaf's generator; only its state is kept, as there are many leaves.
int64_t PoissonOne(uint64_t& state) {
  JavaRandom random = JavaRandom::From(state);
  const int64_t k = random.Poisson(1);
  state = random.state();
  return k;
}

}  // namespace

AdaptiveTree::AdaptiveTree(const HoeffdingAdaptiveTreeOptions& options, const InputSpec& spec)
    : RevisingTree("hoeffding_adaptive_tree", options, spec), adaptive_(options) {
  root_ = NewLeaf({});
}

std::unique_ptr<Model> AdaptiveTree::Fresh() const {
  return std::make_unique<AdaptiveTree>(adaptive_, spec_);
}

void AdaptiveTree::LearnRow(const Row& row, size_t label, double weight) {
  LearnNode(root_, kNoChild, 0, row, label, weight, -1);
}

/// Leaves that err little count more: votes are divided by their sum times the squared error.
void AdaptiveTree::Weigh(const RevisingNode& leaf, std::vector<double>& votes) const {
  const double error = leaf.error == nullptr ? 0 : leaf.error->mean();
  const double divisor = Sum(votes) * error * error;
  if (!(divisor > 0)) return;
  for (double& vote : votes) vote /= divisor;
}

/// Feeds a node's detector; true if its error has changed and not fallen.
bool AdaptiveTree::Err(RevisingNode& at, bool wrong) {
  if (at.error == nullptr) {
    AdwinOptions options;
    options.delta = adaptive_.drift_delta;
    node_bytes_ -= NodeBytes(at);
    at.error = std::make_unique<Adwin>(options);
    node_bytes_ += NodeBytes(at);
  }
  const double before = at.error->mean();
  const size_t bytes = at.error->MemoryBytes();
  const bool changed = at.error->Update(wrong ? 1 : 0);
  node_bytes_ += at.error->MemoryBytes() - bytes;
  return changed && !(before > at.error->mean());
}

int64_t AdaptiveTree::PredictionBelow(uint32_t id, const Row& row) const {
  const Place place = Descend(id, row);
  if (place.absent_branch >= 0) return 0;  // Published: nobody there, class 0.
  return static_cast<int64_t>(DecideAt(node(place.node), row));
}

void AdaptiveTree::LearnNode(uint32_t id, uint32_t parent, size_t branch, const Row& row,
                             size_t label, double weight, int64_t prediction) {
  if (IsLeaf(id)) return LearnLeaf(id, parent, branch, row, label, weight, prediction);
  RevisingNode& split = node(id);
  if (prediction < 0) prediction = PredictionBelow(id, row);
  if (Err(split, prediction != static_cast<int64_t>(label))) {
    if (MayGrow()) {
      replaced_now_ |= split.alternate != kNoChild;
      split.alternate = NewLeaf({});
    }
  } else if (split.alternate != kNoChild && MayReplace(split)) {
    ++replaced_;
    PutAt(parent, branch, split.alternate);
  }
  if (split.alternate != kNoChild) {
    // Its first split takes the place of this node, as published.
    LearnNode(split.alternate, parent, branch, row, label, weight, -1);
  }
  const uint32_t present = parent == kNoChild ? root_ : node(parent).children[branch];
  if (present != id) {
    split.alternate = kNoChild;  // It lives on in this node's place, or has been split.
    return;
  }
  const int64_t next = BranchOf(split, row);
  if (next < 0) return;
  const auto b = static_cast<size_t>(next);
  if (b >= split.children.size() || split.children[b] == kNoChild) return;
  LearnNode(split.children[b], id, b, row, label, weight, prediction);
}

/// Compares a split with the tree beside it; true if that is better. Drops it if it is worse.
bool AdaptiveTree::MayReplace(RevisingNode& split) {
  const RevisingNode& other = node(split.alternate);
  if (other.error == nullptr || split.error->width() <= adaptive_.switch_width ||
      other.error->width() <= adaptive_.switch_width) {
    return false;
  }
  const double error = split.error->mean(), other_error = other.error->mean();
  const double inverse = 1.0 / static_cast<double>(other.error->width()) +
                         1.0 / static_cast<double>(split.error->width());
  const double bound =
      std::sqrt(2.0 * error * (1.0 - error) * std::log(2.0 / adaptive_.switch_delta) * inverse);
  if (bound < error - other_error) return true;
  if (bound < other_error - error && other.kind == TestKind::kLeaf) {
    split.alternate = kNoChild;
    replaced_now_ = true;
  }
  return false;
}

void AdaptiveTree::LearnLeaf(uint32_t id, uint32_t parent, size_t branch, const Row& row,
                             size_t label, double weight, int64_t prediction) {
  RevisingNode& leaf = node(id);
  const int64_t k = PoissonOne(leaf.random);
  const bool by_bayes = VotesByBayes(leaf);
  if (prediction < 0) prediction = static_cast<int64_t>(DecideAt(leaf, row));
  Err(leaf, prediction != static_cast<int64_t>(label));
  const double w = k > 1 ? weight * static_cast<double>(k) : weight;
  if (options_.leaf_prediction == LeafPrediction::kNaiveBayesAdaptive && leaf.observing) {
    const size_t bayes = by_bayes ? static_cast<size_t>(prediction) : BayesAt(leaf, row);
    if (!leaf.counts.empty() && FirstMaximum(leaf.counts) == label) leaf.majority_right += w;
    if (bayes == label) leaf.bayes_right += w;
  }
  LearnStatistics(leaf, row, label, w, true);
  const double seen = Sum(leaf.counts);
  if (!leaf.observing || seen - leaf.last_attempt < static_cast<double>(options_.grace_period)) {
    return;
  }
  leaf.last_attempt = seen;
  const auto present =
      std::count_if(leaf.counts.begin(), leaf.counts.end(), [](double c) { return c != 0; });
  if (present < 2) return;
  const std::vector<Suggestion>& ranked = Rank(leaf);
  if (ranked.empty()) return;
  const Suggestion best = ranked.back();
  if (ranked.size() >= 2) {
    const double second = ranked[ranked.size() - 2].merit;
    const double bound = HoeffdingBound(MeritRange(options_.split_criterion, leaf.counts.size()),
                                        options_.delta, seen);
    if (!(best.merit - second > bound || bound < options_.tie_threshold)) return;
  }
  if (best.kind == TestKind::kLeaf) return BeginAnew(leaf);
  if (!MayGrow()) {
    ++refused_;
    return;
  }
  PutAt(parent, branch, NewSplit(leaf, best));
}

void AdaptiveTree::SaveExtras(const RevisingNode& at, StateWriter& out) const {
  out.U32(at.alternate);
  out.U64(at.random);
  out.Bool(at.error != nullptr);
  if (at.error != nullptr) at.error->Save(out);
}

void AdaptiveTree::LoadExtras(RevisingNode& at, StateReader& in) const {
  at.alternate = in.U32();
  at.random = in.U64();
  if (at.random >> 48 != 0) in.Fail("an impossible state of a generator");
  if (at.kind == TestKind::kLeaf && at.alternate != kNoChild) {
    in.Fail("a leaf has a tree beside it");
  }
  if (!in.Bool()) {
    // Only a split has none while it is new.
    return;
  }
  AdwinOptions options;
  options.delta = adaptive_.drift_delta;
  at.error = std::make_unique<Adwin>(options);
  if (const Status status = at.error->Load(in); !status.ok()) in.Fail("a detector of a node");
}

}  // namespace leat::trees
