#include "models/trees/revising_tree.h"

#include <algorithm>
#include <cmath>

#include "base/java_random.h"

namespace leat::trees {
namespace {

/// Up to this share of the budget splits are made and trees begun.
constexpr double kGrowShare = 0.8;
/// At the limit, what observes least promisingly goes down to this share.
constexpr double kEasedShare = 0.7;

size_t VectorBytes(size_t size, size_t each) { return size == 0 ? 0 : size * each + kAllocation; }

size_t ErrorBytes(const RevisingNode& node) {
  return node.error == nullptr ? 0 : node.error->MemoryBytes() + 3 * kAllocation;
}

}  // namespace

RevisingTree::RevisingTree(std::string_view name, const HoeffdingTreeOptions& options,
                           const InputSpec& spec)
    : name_(name),
      options_(options),
      spec_(spec),
      layout_(LayoutOf(options, spec_)),
      finder_(options_, layout_) {
  base_bytes_ = BaseBytes();
}

size_t RevisingTree::BaseBytes() const {
  return sizeof(ExtremelyFastTree) + layout_.MemoryBytes() + HeapBytesOf(spec_) +
         (spec_.dense.size() + 1) * sizeof(Suggestion) + 3 * kAllocation;
}

size_t RevisingTree::NodeBytes(const RevisingNode& node) const {
  return sizeof(RevisingNode) + sizeof(void*) + kAllocation +
         VectorBytes(node.children.size(), sizeof(uint32_t)) +
         VectorBytes(node.counts.size(), sizeof(double)) +
         VectorBytes(node.merits.size(), sizeof(double)) +
         VectorBytes(node.used_nominal.size(), 1) + node.observers.MemoryBytes(layout_) +
         ErrorBytes(node);
}

void RevisingTree::Recount() {
  node_bytes_ = 0;
  for (const auto& each : nodes_) node_bytes_ += NodeBytes(*each);
}

size_t RevisingTree::MinimumBytes(const HoeffdingTreeOptions& options, const InputSpec& spec) {
  const AttributeLayout layout = LayoutOf(options, spec);
  const ClassStats one(layout);
  // Three nodes that observe four classes, with their detectors.
  const size_t node = sizeof(RevisingNode) + sizeof(Adwin) + 4 * one.MemoryBytes(layout) + 2048 +
                      spec.dense.size() * sizeof(double) + Observers::LeastCellBytes(layout, 4);
  const size_t base = sizeof(ExtremelyFastTree) + layout.MemoryBytes() +
                      spec.dense.size() * (sizeof(DenseAttribute) + sizeof(Suggestion) + 64);
  return static_cast<size_t>(static_cast<double>(base + 3 * node) / kEasedShare) + 1;
}

bool RevisingTree::MayGrow() const {
  return static_cast<double>(MemoryBytes()) < kGrowShare * static_cast<double>(options_.max_bytes);
}

// ---- Descent and votes ----

int64_t RevisingTree::BranchOf(const RevisingNode& split, const Row& row) const {
  const size_t slot = layout_.slot[split.attribute];
  if (split.kind == TestKind::kNumeric) {
    const double v = row.numeric()[slot];
    if (v != v) return -1;
    return v > split.value ? 1 : 0;
  }
  const int32_t code = row.codes()[slot];
  if (code < 0) return -1;
  return split.kind == TestKind::kMultiway ? code : code != static_cast<int32_t>(split.value);
}

RevisingTree::Place RevisingTree::Descend(uint32_t from, const Row& row) const {
  Place place{from, kNoChild, -1};
  for (;;) {
    const RevisingNode& at = node(place.node);
    if (at.kind == TestKind::kLeaf) return place;
    const int64_t branch = BranchOf(at, row);
    if (branch < 0) return place;
    const auto b = static_cast<size_t>(branch);
    if (b >= at.children.size() || at.children[b] == kNoChild) {
      place.absent_branch = branch;
      return place;
    }
    place.parent = place.node;
    place.node = at.children[b];
  }
}

bool RevisingTree::VotesByBayes(const RevisingNode& leaf) const {
  if (leaf.kind != TestKind::kLeaf || !leaf.observing) return false;
  switch (options_.leaf_prediction) {
    case LeafPrediction::kMajorityClass:
      return false;
    case LeafPrediction::kNaiveBayes:
      return options_.naive_bayes_threshold <= 0 ||
             Sum(leaf.counts) >= options_.naive_bayes_threshold;
    case LeafPrediction::kNaiveBayesAdaptive:
      return !(leaf.majority_right > leaf.bayes_right);
  }
  return false;
}

size_t RevisingTree::BayesAt(const RevisingNode& at, const Row& row) const {
  return at.observers.BestClass(layout_, at.counts, row);
}

size_t RevisingTree::DecideAt(const RevisingNode& at, const Row& row) const {
  return VotesByBayes(at) ? BayesAt(at, row) : FirstMaximum(at.counts);
}

void RevisingTree::VotesAt(const RevisingNode& at, const Row& row, std::vector<double>& out) const {
  out.assign(at.counts.begin(), at.counts.end());
  if (VotesByBayes(at)) at.observers.ExactVotes(layout_, at.counts, row, out.data());
}

void RevisingTree::Votes(const Input& input, std::vector<double>& out) const {
  out.clear();
  if (input.dense.size() != layout_.size()) return;
  const Row row(layout_, input.dense);
  const RevisingNode& at = node(Descend(root_, row).node);
  VotesAt(at, row, out);
  if (at.kind == TestKind::kLeaf) Weigh(at, out);
}

size_t RevisingTree::Classify(const Input& input) const {
  if (input.dense.size() != layout_.size()) return 0;
  const Row row(layout_, input.dense);
  return DecideAt(node(Descend(root_, row).node), row);
}

void RevisingTree::Predict(const Input& input, std::vector<double>& out) const {
  out.assign(classes_, 0);
  if (classes_ == 0) return;
  if (input.dense.size() == layout_.size()) {
    const Row row(layout_, input.dense);
    const RevisingNode& at = node(Descend(root_, row).node);
    if (VotesByBayes(at)) {
      size_t best = 0;
      if (at.observers.FastScores(layout_, at.counts, row, out.data(), &best)) {
        return Softmax({out.data(), at.counts.size()}, out[best]);
      }
      at.observers.ExactVotes(layout_, at.counts, row, out.data());
    } else {
      std::copy(at.counts.begin(), at.counts.end(), out.begin());
    }
  }
  Normalise(out);
}

// ---- Learning ----

void RevisingTree::Learn(const Input& input, double target, double weight) {
  if (input.dense.size() != layout_.size() || !IsLesson(target, weight)) {
    ++ignored_;
    return;
  }
  const auto label = static_cast<size_t>(target);
  classes_ = std::max(classes_, label + 1);
  {
    const Row row(layout_, input.dense);
    LearnRow(row, label, weight);
  }
  ++learnt_;
  if (replaced_now_) {
    Sweep();
    replaced_now_ = false;
  }
  if (MemoryBytes() > static_cast<size_t>(options_.max_bytes)) Shed();
}

size_t RevisingTree::ClassifyAndLearn(const Input& input, double target, double weight) {
  const size_t decision = Classify(input);
  Learn(input, target, weight);
  return decision;
}

void RevisingTree::LearnStatistics(RevisingNode& at, const Row& row, size_t label, double weight,
                                   bool leaf) {
  if (label >= at.counts.size()) {
    node_bytes_ -= VectorBytes(at.counts.size(), sizeof(double));
    at.counts.reserve(label + 1);
    at.counts.resize(label + 1);
    node_bytes_ += VectorBytes(at.counts.size(), sizeof(double));
  }
  at.counts[label] += weight;
  if (!at.observing) return;
  const bool score = leaf && options_.leaf_prediction != LeafPrediction::kMajorityClass;
  node_bytes_ += at.observers.Learn(layout_, row, label, weight, score);
}

const std::vector<Suggestion>& RevisingTree::Rank(const RevisingNode& at) {
  static const std::vector<uint8_t> kAllEnabled;
  return finder_.Rank(at.observers, at.counts, kAllEnabled);
}

uint32_t RevisingTree::NewLeaf(std::vector<double> counts) {
  auto leaf = std::make_unique<RevisingNode>();
  counts.shrink_to_fit();
  leaf->counts = std::move(counts);
  leaf->last_attempt = Sum(leaf->counts);
  leaf->random = JavaRandom(1).state();
  node_bytes_ += NodeBytes(*leaf);
  nodes_.push_back(std::move(leaf));
  return static_cast<uint32_t>(nodes_.size() - 1);
}

uint32_t RevisingTree::NewSplit(const RevisingNode& from, const Suggestion& suggestion) {
  std::vector<std::vector<double>> branches = finder_.Branches(from.observers, suggestion);
  const uint32_t id = NewLeaf(from.counts);
  node_bytes_ -= NodeBytes(node(id));
  std::vector<uint32_t> children;
  children.reserve(branches.size());
  for (std::vector<double>& counts : branches) children.push_back(NewLeaf(std::move(counts)));
  RevisingNode& split = node(id);
  split.kind = suggestion.kind;
  split.value = suggestion.value;
  split.attribute = suggestion.attribute;
  split.children = std::move(children);
  split.classes_at_split = split.counts.size();
  node_bytes_ += NodeBytes(split);
  return id;
}

void RevisingTree::PutAt(uint32_t parent, size_t branch, uint32_t child) {
  if (parent == kNoChild) {
    root_ = child;
  } else {
    std::vector<uint32_t>& children = node(parent).children;
    if (branch >= children.size()) {
      node_bytes_ -= VectorBytes(children.size(), sizeof(uint32_t));
      std::vector<uint32_t> more(branch + 1, kNoChild);
      std::copy(children.begin(), children.end(), more.begin());
      children = std::move(more);
      node_bytes_ += VectorBytes(children.size(), sizeof(uint32_t));
    }
    children[branch] = child;
  }
  replaced_now_ = true;
}

/// Not splitting has won: what the observers hold will not make a split.
void RevisingTree::BeginAnew(RevisingNode& leaf) {
  node_bytes_ -= leaf.observers.MemoryBytes(layout_);
  leaf.observers = Observers();
  leaf.majority_right = leaf.bayes_right = 0;
  leaf.last_attempt = Sum(leaf.counts);
}

void RevisingTree::Sweep() {
  std::vector<uint32_t> order, stack = {root_};
  std::vector<uint32_t> number(nodes_.size(), kNoChild);
  while (!stack.empty()) {
    const uint32_t id = stack.back();
    stack.pop_back();
    number[id] = static_cast<uint32_t>(order.size());
    order.push_back(id);
    const RevisingNode& at = node(id);
    if (at.alternate != kNoChild) stack.push_back(at.alternate);
    for (size_t b = at.children.size(); b-- > 0;) {
      if (at.children[b] != kNoChild) stack.push_back(at.children[b]);
    }
  }
  std::vector<std::unique_ptr<RevisingNode>> kept;
  kept.reserve(order.size());
  for (const uint32_t id : order) {
    RevisingNode& at = node(id);
    if (at.alternate != kNoChild) at.alternate = number[at.alternate];
    for (uint32_t& child : at.children) {
      if (child != kNoChild) child = number[child];
    }
    kept.push_back(std::move(nodes_[id]));
  }
  nodes_ = std::move(kept);
  root_ = 0;
  Recount();
}

/// At the limit: first trees in waiting go, then observers, those of the least promising first.
void RevisingTree::Shed() {
  const auto eased = static_cast<size_t>(kEasedShare * static_cast<double>(options_.max_bytes));
  for (auto& each : nodes_) each->alternate = kNoChild;
  Sweep();
  struct Entry {
    bool leaf;
    double promise;
    uint32_t id;
  };
  std::vector<Entry> order;
  for (uint32_t id = 0; id < nodes_.size(); ++id) {
    const RevisingNode& at = node(id);
    if (!at.observing) continue;
    const double most = at.counts.empty() ? 0 : at.counts[FirstMaximum(at.counts)];
    order.push_back({at.kind == TestKind::kLeaf, Sum(at.counts) - most, id});
  }
  // Splits lose theirs before leaves do: a leaf without them does not vote as well.
  std::sort(order.begin(), order.end(), [](const Entry& a, const Entry& b) {
    if (a.leaf != b.leaf) return b.leaf;
    return a.promise != b.promise ? a.promise < b.promise : a.id < b.id;
  });
  for (const Entry& entry : order) {
    if (MemoryBytes() <= eased) return;
    RevisingNode& at = node(entry.id);
    node_bytes_ -= NodeBytes(at);
    at.observers = Observers();
    at.observing = false;
    node_bytes_ += NodeBytes(at);
  }
  if (MemoryBytes() <= static_cast<size_t>(options_.max_bytes)) return;
  // Class counts and detectors alone are too much: the tree starts again.
  nodes_.clear();
  node_bytes_ = 0;
  root_ = NewLeaf({});
}

// ---- State ----

void RevisingTree::Save(StateWriter& out) const {
  out.Section(SectionName(), 1);
  out.Array(layout_.is_nominal);
  out.U64(classes_);
  out.U64(learnt_);
  out.U64(ignored_);
  out.U64(replaced_);
  out.U64(refused_);
  out.U32(root_);
  out.U64(nodes_.size());
  for (const auto& each : nodes_) SaveNode(*each, out);
}

void RevisingTree::SaveNode(const RevisingNode& at, StateWriter& out) const {
  out.U8(static_cast<uint8_t>(at.kind));
  if (at.kind != TestKind::kLeaf) {
    out.U32(at.attribute);
    out.F64(at.value);
    out.Array(at.children);
  }
  out.Array(at.counts);
  out.F64(at.last_attempt);
  out.F64(at.majority_right);
  out.F64(at.bayes_right);
  out.Bool(at.observing);
  if (at.observing) at.observers.Save(layout_, out);
  SaveExtras(at, out);
}

std::unique_ptr<RevisingNode> RevisingTree::LoadNode(StateReader& in) const {
  auto at = std::make_unique<RevisingNode>();
  const uint8_t kind = in.U8();
  if (kind > static_cast<uint8_t>(TestKind::kMultiway)) in.Fail("unknown kind of node");
  at->kind = static_cast<TestKind>(kind);
  if (in.ok() && at->kind != TestKind::kLeaf) {
    at->attribute = in.U32();
    at->value = in.F64();
    in.Array(at->children);
    const bool numeric = at->kind == TestKind::kNumeric;
    const bool good =
        at->attribute < layout_.size() && std::isfinite(at->value) &&
        numeric == (layout_.is_nominal[at->attribute] == 0) &&
        (at->kind == TestKind::kMultiway || at->children.size() == 2) &&
        static_cast<double>(at->children.size()) <= std::max(2.0, layout_.code_limit) &&
        (at->kind != TestKind::kEquals || (at->value >= 0 && at->value < layout_.code_limit));
    if (!good) in.Fail("a test of the tree does not fit its attributes");
  }
  in.Array(at->counts);
  at->classes_at_split = at->counts.size();
  if (at->counts.size() > classes_) in.Fail("more classes at a node than in the tree");
  for (const double count : at->counts) {
    if (!std::isfinite(count) || count < 0) in.Fail("class counts are not weights");
  }
  at->last_attempt = in.F64();
  at->majority_right = in.F64();
  at->bayes_right = in.F64();
  if (!std::isfinite(at->last_attempt + at->majority_right + at->bayes_right)) {
    in.Fail("a number of a node is not finite");
  }
  at->observing = in.Bool();
  if (at->observing && in.ok()) at->observers.Load(layout_, in);
  if (in.ok() && at->observers.classes() > at->counts.size()) {
    in.Fail("a node observes classes that it has no weight of");
  }
  if (in.ok()) LoadExtras(*at, in);
  return at;
}

Status RevisingTree::Load(StateReader& in) {
  std::unique_ptr<Model> fresh = Fresh();
  auto& other = static_cast<RevisingTree&>(*fresh);
  in.Section(SectionName(), 1);
  std::vector<uint8_t> is_nominal;
  in.Array(is_nominal);
  if (in.ok() && is_nominal != layout_.is_nominal) {
    in.Fail("the " + std::string(name_) + " was saved with other attributes");
  }
  other.classes_ = in.U64();
  if (other.classes_ > kMaxClasses) in.Fail("impossible number of classes");
  other.learnt_ = in.U64();
  other.ignored_ = in.U64();
  other.replaced_ = in.U64();
  other.refused_ = in.U64();
  other.root_ = in.U32();
  const uint64_t count = in.Count(1 + sizeof(uint64_t));
  other.nodes_.clear();
  for (uint64_t n = 0; n < count && in.ok(); ++n) other.nodes_.push_back(other.LoadNode(in));
  if (in.ok() && !other.CheckLinks()) in.Fail("the nodes do not make a tree");
  if (!in.ok()) return in.status();
  nodes_ = std::move(other.nodes_);
  root_ = other.root_;
  classes_ = other.classes_;
  learnt_ = other.learnt_;
  ignored_ = other.ignored_;
  replaced_ = other.replaced_;
  refused_ = other.refused_;
  Recount();
  return Status::Ok();
}

/// Every node but the root is named once, and all are reached from the root.
bool RevisingTree::CheckLinks() const {
  if (root_ >= nodes_.size()) return false;
  std::vector<uint8_t> seen(nodes_.size());
  std::vector<uint32_t> stack = {root_};
  size_t reached = 0;
  while (!stack.empty()) {
    const uint32_t id = stack.back();
    stack.pop_back();
    if (id >= nodes_.size() || seen[id]++ != 0) return false;
    ++reached;
    if (node(id).alternate != kNoChild) stack.push_back(node(id).alternate);
    for (const uint32_t child : node(id).children) {
      if (child != kNoChild) stack.push_back(child);
    }
  }
  return reached == nodes_.size();
}

// ---- For people ----

RevisingTree::Shape RevisingTree::shape() const {
  Shape shape;
  std::vector<std::pair<uint32_t, size_t>> stack = {{root_, 0}};
  while (!stack.empty()) {
    const auto [id, depth] = stack.back();
    stack.pop_back();
    ++shape.nodes;
    shape.depth = std::max(shape.depth, depth);
    if (IsLeaf(id)) ++shape.leaves;
    for (const uint32_t child : node(id).children) {
      if (child != kNoChild) stack.push_back({child, depth + 1});
    }
  }
  return shape;
}

std::vector<std::pair<std::string, std::string>> RevisingTree::Summary() const {
  const Shape s = shape();
  return {{"rows learnt", std::to_string(learnt_)},
          {"classes", std::to_string(classes_)},
          {"nodes", std::to_string(s.nodes)},
          {"leaves", std::to_string(s.leaves)},
          {"depth", std::to_string(s.depth)},
          {"nodes in waiting", std::to_string(nodes_.size() - s.nodes)},
          {"subtrees replaced", std::to_string(replaced_)},
          {"splits refused by max_bytes", std::to_string(refused_)},
          {"rows ignored", std::to_string(ignored_)}};
}

std::vector<DumpedTree> RevisingTree::Shown() const {
  struct Item {
    uint32_t id;
    size_t depth;
    std::string condition;
  };
  DumpedTree shown;
  std::vector<Item> stack = {{root_, 0, "all"}};
  while (!stack.empty()) {
    const Item item = std::move(stack.back());
    stack.pop_back();
    const RevisingNode& at = node(item.id);
    const bool leaf = at.kind == TestKind::kLeaf;
    shown.push_back({item.depth,
                     item.condition,
                     leaf,
                     at.observing,
                     leaf ? at.counts : std::vector<double>(),
                     {}});
    for (size_t side = at.children.size(); side-- > 0;) {
      if (at.children[side] == kNoChild) continue;
      stack.push_back({at.children[side], item.depth + 1,
                       Condition(spec_, at.attribute, at.kind == TestKind::kNumeric,
                                 at.kind == TestKind::kMultiway, at.value, side)});
    }
  }
  return {shown};
}

std::vector<DecisionPath> RevisingTree::PathsOf(const Input& input) const {
  if (input.dense.size() != layout_.size()) return {};
  DecisionPath path;
  const Row row(layout_, input.dense);
  uint32_t id = root_;
  while (!IsLeaf(id)) {
    const RevisingNode& at = node(id);
    const int64_t branch = BranchOf(at, row);
    const auto side = static_cast<size_t>(branch);
    path.stopped = branch < 0 || side >= at.children.size() || at.children[side] == kNoChild;
    if (path.stopped) break;
    path.tests.push_back(Condition(spec_, at.attribute, at.kind == TestKind::kNumeric,
                                   at.kind == TestKind::kMultiway, at.value, side));
    id = at.children[side];
  }
  path.weights = node(id).counts;
  return {path};
}

}  // namespace leat::trees
