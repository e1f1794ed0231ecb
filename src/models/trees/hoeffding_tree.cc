#include "models/trees/hoeffding_tree.h"

#include <algorithm>
#include <cmath>

namespace leat::trees {
namespace {

/// Splits may bring the structure (nodes and class counts) up to this share of the budget; the rest
/// is for observers, without which leaves neither vote well nor split.
constexpr double kStructureShare = 0.5;
/// New classes and new values of nominal attributes may bring it up to here.
constexpr double kGrownShare = 0.75;
/// After the limit was hit, observers are dropped down to this share, so that it is not hit at once
/// again.
constexpr double kEasedShare = 0.9;
/// With sleeping leaves, the ranking is looked at again after so many rows.
constexpr uint64_t kReviewEvery = 100'000;

/// Capacities are a function of the size alone, so that a loaded tree holds what a saved one did:
/// the next of 4, 5, 6, 7 times a power of two.
size_t Capacity(size_t size) {
  size_t step = 4;
  while (step * 8 < size) step *= 2;
  size_t capacity = std::max<size_t>(16, step * 4);
  while (capacity < size) capacity += step;
  return capacity;
}

void Grow(auto& items, size_t size) {
  if (items.capacity() < size) items.reserve(Capacity(size));
}

size_t MajorityOf(std::span<const double> counts) { return FirstMaximum(counts); }

}  // namespace

HoeffdingTree::HoeffdingTree(const HoeffdingTreeOptions& options, const InputSpec& spec)
    : options_(options),
      spec_(spec),
      layout_(LayoutOf(options, spec_)),
      finder_(options_, layout_),
      scores_(options.leaf_prediction != LeafPrediction::kMajorityClass) {
  fixed_ = BaseBytes() + NodeVectorBytes(0);
  AddLeaf({});
}

size_t HoeffdingTree::BaseBytes() const {
  // The split finder's scratch: one suggestion an attribute; the class-sized parts are small.
  return sizeof(HoeffdingTree) + layout_.MemoryBytes() + HeapBytesOf(spec_) +
         (spec_.dense.size() + 1) * sizeof(Suggestion) + 3 * kAllocation;
}

size_t HoeffdingTree::CountsBytes(size_t classes) {
  return classes == 0 ? 0 : classes * sizeof(double) + kAllocation;
}

size_t HoeffdingTree::NodeVectorBytes(size_t nodes) {
  return Capacity(nodes) * (sizeof(Node) + sizeof(Content)) + 2 * kAllocation;
}

size_t HoeffdingTree::LeafBytes(const Leaf& leaf) const {
  size_t bytes = sizeof(Leaf) + kAllocation + leaf.observers.MemoryBytes(layout_);
  if (!leaf.disabled.empty()) bytes += leaf.disabled.size() + kAllocation;
  return bytes;
}

size_t HoeffdingTree::MinimumBytes(const HoeffdingTreeOptions& options, const InputSpec& spec) {
  const HoeffdingTree tree(options, spec);
  const ClassStats one(tree.layout_);
  // A root that observes four classes below the eased share.
  const size_t room = tree.MemoryBytes() + CountsBytes(4) +
                      4 * (one.MemoryBytes(tree.layout_) + sizeof(void*)) + kAllocation +
                      Observers::LeastCellBytes(tree.layout_, 4);
  const double fixed = static_cast<double>(tree.fixed_ + CountsBytes(4));
  return static_cast<size_t>(
             std::max(static_cast<double>(room) / kEasedShare, fixed / kStructureShare)) +
         1;
}

bool HoeffdingTree::VotesByBayes(const Content& content) const {
  if (content.leaf == nullptr) return false;
  switch (options_.leaf_prediction) {
    case LeafPrediction::kMajorityClass:
      return false;
    case LeafPrediction::kNaiveBayes:
      return options_.naive_bayes_threshold <= 0 ||
             Sum(content.counts) >= options_.naive_bayes_threshold;
    case LeafPrediction::kNaiveBayesAdaptive:
      return !(content.leaf->majority_right > content.leaf->bayes_right);
  }
  return false;
}

size_t HoeffdingTree::Decide(const Content& content, const Row& row) const {
  if (VotesByBayes(content)) {
    return content.leaf->observers.BestClass(layout_, content.counts, row);
  }
  return MajorityOf(content.counts);
}

void HoeffdingTree::Votes(const Input& input, std::vector<double>& out) const {
  out.clear();
  if (input.dense.size() != layout_.size()) return;
  const Row row(layout_, input.dense);
  const Content& content = contents_[Descend(row).node];
  out.assign(content.counts.begin(), content.counts.end());
  if (VotesByBayes(content)) {
    content.leaf->observers.ExactVotes(layout_, content.counts, row, out.data());
  }
}

size_t HoeffdingTree::Classify(const Input& input) const {
  if (input.dense.size() != layout_.size()) return 0;
  const Row row(layout_, input.dense);
  return Decide(contents_[Descend(row).node], row);
}

size_t HoeffdingTree::Answer(const Content& content, const Row& row,
                             std::vector<double>& out) const {
  out.assign(classes_, 0);
  const std::vector<double>& counts = content.counts;
  size_t bayes = 0;
  if (VotesByBayes(content)) {
    const Observers& observers = content.leaf->observers;
    if (observers.FastScores(layout_, counts, row, out.data(), &bayes)) {
      Softmax({out.data(), counts.size()}, out[bayes]);
      return bayes;
    }
    observers.ExactVotes(layout_, counts, row, out.data());
    bayes = FirstMaximum({out.data(), counts.size()});
  } else {
    std::copy(counts.begin(), counts.end(), out.begin());
  }
  Normalise(out);
  return bayes;
}

void HoeffdingTree::Predict(const Input& input, std::vector<double>& out) const {
  if (classes_ == 0) return out.clear();
  if (input.dense.size() != layout_.size()) {
    out.assign(classes_, 0);
    return Normalise(out);
  }
  const Row row(layout_, input.dense);
  Answer(contents_[Descend(row).node], row, out);
}

void HoeffdingTree::PredictAndLearn(const Input& input, double target, double weight,
                                    std::vector<double>& out) {
  if (input.dense.size() != layout_.size() || !IsLesson(target, weight) || classes_ == 0) {
    return Model::PredictAndLearn(input, target, weight, out);
  }
  const Row row(layout_, input.dense);
  Step(row, static_cast<size_t>(target), weight, false, &out);
}

void HoeffdingTree::Learn(const Input& input, double target, double weight) {
  if (input.dense.size() != layout_.size() || !IsLesson(target, weight)) {
    ++ignored_;
    return;
  }
  const Row row(layout_, input.dense);
  Step(row, static_cast<size_t>(target), weight, false);
}

size_t HoeffdingTree::ClassifyAndLearn(const Input& input, double target, double weight) {
  if (input.dense.size() != layout_.size() || !IsLesson(target, weight)) {
    ++ignored_;
    return Classify(input);
  }
  const Row row(layout_, input.dense);
  return Step(row, static_cast<size_t>(target), weight, true);
}

size_t HoeffdingTree::Step(const Row& row, size_t label, double weight, bool decide,
                           std::vector<double>* out) {
  const Place place = Descend(row);
  uint32_t id = place.node;
  const bool at_leaf = nodes_[id].kind == TestKind::kLeaf;
  size_t decision = 0;
  size_t bayes = 0;
  if (out != nullptr) bayes = Answer(contents_[id], row, *out);
  if (at_leaf) {
    const Content& content = contents_[id];
    const bool adaptive = options_.leaf_prediction == LeafPrediction::kNaiveBayesAdaptive;
    const bool by_bayes = (decide || out != nullptr) && VotesByBayes(content);
    const bool answered = out != nullptr && by_bayes;
    if (content.leaf != nullptr && (adaptive || by_bayes) && !answered) {
      bayes = content.leaf->observers.BestClass(layout_, content.counts, row);
    }
    if (decide) decision = by_bayes ? bayes : MajorityOf(content.counts);
  } else if (decide) {
    decision = MajorityOf(contents_[id].counts);
  }

  if (!at_leaf && place.absent_branch < 0) {
    ++stopped_;
    classes_ = std::max(classes_, label + 1);
    return decision;
  }
  if (!at_leaf && !AddBranch(id, static_cast<size_t>(place.absent_branch), &id)) {
    ++ignored_;
    return decision;
  }
  const size_t classes = contents_[id].counts.size();
  if (label >= classes && !MakeRoom(CountsBytes(label + 1) - CountsBytes(classes))) {
    ++ignored_;
    return decision;
  }
  classes_ = std::max(classes_, label + 1);
  weight_ += weight;
  ++learnt_;
  LearnAt(id, row, label, weight, bayes);
  ++since_limit_;
  if (MemoryBytes() > static_cast<size_t>(options_.max_bytes) ||
      (inactive_leaves_ > 0 && since_limit_ >= kReviewEvery)) {
    EnforceLimit();
  }
  return decision;
}

void HoeffdingTree::LearnAt(uint32_t id, const Row& row, size_t label, double weight,
                            size_t bayes) {
  Content& content = contents_[id];
  std::vector<double>& counts = content.counts;
  Leaf* const leaf = content.leaf.get();
  if (leaf != nullptr && options_.leaf_prediction == LeafPrediction::kNaiveBayesAdaptive) {
    if (!counts.empty() && MajorityOf(counts) == label) leaf->majority_right += weight;
    if (bayes == label) leaf->bayes_right += weight;
  }
  if (label >= counts.size()) {
    fixed_ += CountsBytes(label + 1) - CountsBytes(counts.size());
    counts.reserve(label + 1);
    counts.resize(label + 1);
  }
  counts[label] += weight;
  if (leaf == nullptr) return;
  active_ += leaf->observers.Learn(layout_, row, label, weight, scores_);
  const double seen = Sum(counts);
  if (seen - leaf->last_attempt >= static_cast<double>(options_.grace_period)) TrySplit(id);
}

/// True when the structure may grow by so many bytes; puts observers aside for it if need be.
bool HoeffdingTree::MakeRoom(size_t growth) {
  const auto limit = static_cast<double>(options_.max_bytes);
  if (static_cast<double>(fixed_ + growth) > kGrownShare * limit) return false;
  if (MemoryBytes() + growth > static_cast<size_t>(options_.max_bytes)) EnforceLimit();
  return true;
}

bool HoeffdingTree::AddBranch(uint32_t split, size_t branch, uint32_t* id) {
  const size_t list = nodes_[split].first;
  const size_t old_size = branches_[list].size();
  const size_t more = branch < old_size ? 0 : branch + 1 - old_size;
  const size_t growth = more * sizeof(uint32_t) + NodeVectorBytes(nodes_.size() + 1) -
                        NodeVectorBytes(nodes_.size()) + sizeof(Leaf) + kAllocation;
  if (!MakeRoom(growth)) return false;
  *id = AddLeaf({});
  std::vector<uint32_t>& children = branches_[list];
  if (more > 0) {
    children.reserve(branch + 1);
    children.resize(branch + 1, kNoNode);
    fixed_ += more * sizeof(uint32_t);
  }
  children[branch] = *id;
  return true;
}

void HoeffdingTree::TrySplit(uint32_t id) {
  Content& content = contents_[id];
  Leaf& leaf = *content.leaf;
  const double seen = Sum(content.counts);
  leaf.last_attempt = seen;
  const auto present = std::count_if(content.counts.begin(), content.counts.end(),
                                     [](double count) { return count != 0; });
  if (present < 2) return;
  if (static_cast<double>(fixed_) > kStructureShare * static_cast<double>(options_.max_bytes)) {
    ++refused_splits_;
    return;
  }
  const std::vector<Suggestion>& ranked =
      finder_.Rank(leaf.observers, content.counts, leaf.disabled);
  if (ranked.empty()) return;
  const Suggestion best = ranked.back();
  if (ranked.size() >= 2) {
    const double second = ranked[ranked.size() - 2].merit;
    const double bound = HoeffdingBound(MeritRange(options_.split_criterion, content.counts.size()),
                                        options_.delta, seen);
    const bool split = best.merit - second > bound || bound < options_.tie_threshold;
    if (options_.remove_poor_attributes && !scores_) {
      for (const Suggestion& suggestion : ranked) {
        if (suggestion.kind == TestKind::kLeaf || !(best.merit - suggestion.merit > bound)) {
          continue;
        }
        if (leaf.disabled.empty()) {
          leaf.disabled.resize(layout_.size());
          active_ += leaf.disabled.size() + kAllocation;
        }
        leaf.disabled[suggestion.attribute] = 1;
      }
    }
    if (!split) return;
  }
  if (best.kind == TestKind::kLeaf) {
    // Not splitting has won: what the observers hold will not make a split, so begin them anew.
    Deactivate(id);
    Activate(id);
    return;
  }
  if (!Split(id, best)) ++refused_splits_;
}

bool HoeffdingTree::Split(uint32_t id, const Suggestion& suggestion) {
  std::vector<std::vector<double>> branches =
      finder_.Branches(contents_[id].leaf->observers, suggestion);
  const size_t nodes = nodes_.size() + branches.size();
  const bool multiway = suggestion.kind == TestKind::kMultiway;
  size_t growth = NodeVectorBytes(nodes) - NodeVectorBytes(nodes_.size());
  for (const std::vector<double>& counts : branches) growth += CountsBytes(counts.size());
  if (multiway) {
    growth += branches.size() * sizeof(uint32_t) + kAllocation;
    growth += (Capacity(branches_.size() + 1) - Capacity(branches_.size())) * sizeof(branches_[0]);
  }
  if (static_cast<double>(fixed_ + growth) >
      kStructureShare * static_cast<double>(options_.max_bytes)) {
    return false;
  }
  Deactivate(id);
  --inactive_leaves_;
  const auto first = static_cast<uint32_t>(nodes_.size());
  std::vector<uint32_t> children;
  children.reserve(branches.size());
  for (std::vector<double>& counts : branches) {
    counts.shrink_to_fit();
    children.push_back(AddLeaf(std::move(counts)));
  }
  Node& node = nodes_[id];
  node = {suggestion.value, first, suggestion.attribute, layout_.slot[suggestion.attribute],
          suggestion.kind};
  if (multiway) {
    node.first = static_cast<uint32_t>(branches_.size());
    fixed_ += children.size() * sizeof(uint32_t) + kAllocation +
              (Capacity(branches_.size() + 1) - Capacity(branches_.size())) * sizeof(branches_[0]);
    Grow(branches_, branches_.size() + 1);
    branches_.push_back(std::move(children));
  }
  return true;
}

uint32_t HoeffdingTree::AddLeaf(std::vector<double> counts) {
  const auto id = static_cast<uint32_t>(nodes_.size());
  fixed_ += NodeVectorBytes(id + 1) - NodeVectorBytes(id) + CountsBytes(counts.size());
  Grow(nodes_, id + 1);
  Grow(contents_, id + 1);
  nodes_.emplace_back();
  contents_.emplace_back();
  contents_[id].counts = std::move(counts);
  ++inactive_leaves_;
  Activate(id);
  return id;
}

void HoeffdingTree::Activate(uint32_t id) {
  Content& content = contents_[id];
  content.leaf = std::make_unique<Leaf>();
  content.leaf->last_attempt = Sum(content.counts);
  active_ += LeafBytes(*content.leaf);
  ++active_leaves_;
  --inactive_leaves_;
}

void HoeffdingTree::Deactivate(uint32_t id) {
  Content& content = contents_[id];
  active_ -= LeafBytes(*content.leaf);
  content.leaf.reset();
  --active_leaves_;
  ++inactive_leaves_;
}

/// Brings what is derived from the nodes up to date after loading.
void HoeffdingTree::Recount() {
  std::vector<Node> nodes;
  std::vector<Content> contents;
  std::vector<std::vector<uint32_t>> branches;
  Grow(nodes, nodes_.size());
  Grow(contents, contents_.size());
  if (!branches_.empty()) Grow(branches, branches_.size());
  fixed_ = BaseBytes() + NodeVectorBytes(nodes_.size());
  active_ = active_leaves_ = inactive_leaves_ = 0;
  for (size_t id = 0; id < nodes_.size(); ++id) {
    Content& content = contents_[id];
    fixed_ += CountsBytes(content.counts.size());
    if (content.leaf != nullptr) {
      active_ += LeafBytes(*content.leaf);
      ++active_leaves_;
    } else if (nodes_[id].kind == TestKind::kLeaf) {
      ++inactive_leaves_;
    }
    nodes.push_back(nodes_[id]);
    contents.push_back(std::move(content));
  }
  for (std::vector<uint32_t>& children : branches_) {
    fixed_ += children.size() * sizeof(uint32_t) + kAllocation;
    branches.push_back(std::move(children));
  }
  fixed_ += (Capacity(branches.size()) - Capacity(0)) * sizeof(branches_[0]);
  nodes_ = std::move(nodes);
  contents_ = std::move(contents);
  branches_ = std::move(branches);
}

/// Gives observers to the most promising leaves, as many as the eased budget holds. Promise: the
/// weight that the majority class of a leaf has wrong. A sleeping leaf is reckoned at the average
/// of the learning ones.
void HoeffdingTree::EnforceLimit() {
  since_limit_ = 0;
  struct Entry {
    double promise;
    uint32_t id;
  };
  std::vector<Entry> order;
  order.reserve(active_leaves_ + inactive_leaves_);
  for (uint32_t id = 0; id < nodes_.size(); ++id) {
    if (nodes_[id].kind != TestKind::kLeaf) continue;
    const std::vector<double>& counts = contents_[id].counts;
    const double most = counts.empty() ? 0 : counts[MajorityOf(counts)];
    order.push_back({Sum(counts) - most, id});
  }
  std::sort(order.begin(), order.end(), [](const Entry& a, const Entry& b) {
    return a.promise != b.promise ? a.promise > b.promise : a.id < b.id;
  });
  const size_t average = active_leaves_ == 0
                             ? ClassStats(layout_).MemoryBytes(layout_) * classes_ + sizeof(Leaf)
                             : active_ / active_leaves_;
  const auto eased = static_cast<size_t>(kEasedShare * static_cast<double>(options_.max_bytes));
  const size_t budget = eased > fixed_ ? eased - fixed_ : 0;
  size_t used = 0;
  for (const Entry& entry : order) {
    const Leaf* leaf = contents_[entry.id].leaf.get();
    const size_t bytes = leaf == nullptr ? average : LeafBytes(*leaf);
    const bool fits = used + bytes <= budget;
    if (fits) used += bytes;
    if (leaf != nullptr && !fits) Deactivate(entry.id);
  }
  // Only now, so that the two never stand beside each other.
  used = 0;
  for (const Entry& entry : order) {
    const Leaf* leaf = contents_[entry.id].leaf.get();
    used += leaf == nullptr ? average : LeafBytes(*leaf);
    if (used > budget) break;
    if (leaf == nullptr) Activate(entry.id);
  }
}

}  // namespace leat::trees
