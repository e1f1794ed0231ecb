/// Saving, loading and showing a Hoeffding tree.

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "models/trees/hoeffding_tree.h"

namespace leat::trees {
namespace {

std::string Text(double value) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.6g", value);
  return buffer;
}

}  // namespace

void HoeffdingTree::Save(StateWriter& out) const {
  out.Section(SectionName(), 1);
  out.Array(layout_.is_nominal);
  out.U64(classes_);
  out.F64(weight_);
  out.U64(learnt_);
  out.U64(ignored_);
  out.U64(stopped_);
  out.U64(refused_splits_);
  out.U64(since_limit_);
  out.U64(branches_.size());
  for (const std::vector<uint32_t>& children : branches_) out.Array(children);
  out.U64(nodes_.size());
  for (uint32_t id = 0; id < nodes_.size(); ++id) SaveNode(id, out);
}

void HoeffdingTree::SaveNode(uint32_t id, StateWriter& out) const {
  const Node& node = nodes_[id];
  const Content& content = contents_[id];
  out.U8(static_cast<uint8_t>(node.kind));
  if (node.kind != TestKind::kLeaf) {
    out.U32(node.attribute);
    out.F64(node.value);
    out.U32(node.first);
  }
  out.Array(content.counts);
  out.Bool(content.leaf != nullptr);
  if (content.leaf == nullptr) return;
  const Leaf& leaf = *content.leaf;
  out.F64(leaf.last_attempt);
  out.F64(leaf.majority_right);
  out.F64(leaf.bayes_right);
  out.Array(leaf.disabled);
  leaf.observers.Save(layout_, out);
}

Status HoeffdingTree::Load(StateReader& in) {
  HoeffdingTree other(options_, spec_);
  in.Section(SectionName(), 1);
  std::vector<uint8_t> is_nominal;
  in.Array(is_nominal);
  if (in.ok() && is_nominal != layout_.is_nominal) {
    in.Fail("the hoeffding_tree was saved with other attributes");
  }
  other.classes_ = in.U64();
  if (other.classes_ > kMaxClasses) in.Fail("impossible number of classes");
  other.weight_ = in.F64();
  other.learnt_ = in.U64();
  other.ignored_ = in.U64();
  other.stopped_ = in.U64();
  other.refused_splits_ = in.U64();
  other.since_limit_ = in.U64();
  other.nodes_.clear();
  other.contents_.clear();
  const uint64_t lists = in.Count(sizeof(uint64_t));
  for (uint64_t i = 0; i < lists && in.ok(); ++i) {
    other.branches_.emplace_back();
    in.Array(other.branches_.back());
  }
  const uint64_t nodes = in.Count(1 + sizeof(uint64_t) + 1);
  if (in.ok() && (nodes == 0 || nodes >= kNoNode)) in.Fail("impossible number of nodes");
  for (uint64_t id = 0; id < nodes && in.ok(); ++id) {
    other.LoadNode(in);
  }
  if (in.ok()) other.CheckLinks(in);
  if (!in.ok()) return in.status();
  other.Recount();
  std::swap(nodes_, other.nodes_);
  std::swap(contents_, other.contents_);
  std::swap(branches_, other.branches_);
  classes_ = other.classes_;
  weight_ = other.weight_;
  learnt_ = other.learnt_;
  ignored_ = other.ignored_;
  stopped_ = other.stopped_;
  refused_splits_ = other.refused_splits_;
  since_limit_ = other.since_limit_;
  fixed_ = other.fixed_;
  active_ = other.active_;
  active_leaves_ = other.active_leaves_;
  inactive_leaves_ = other.inactive_leaves_;
  return Status::Ok();
}

void HoeffdingTree::LoadNode(StateReader& in) {
  Node node;
  const uint8_t kind = in.U8();
  if (kind > static_cast<uint8_t>(TestKind::kMultiway)) return in.Fail("unknown kind of node");
  node.kind = static_cast<TestKind>(kind);
  if (node.kind != TestKind::kLeaf) {
    node.attribute = in.U32();
    node.value = in.F64();
    node.first = in.U32();
    if (node.attribute >= layout_.size() || !std::isfinite(node.value) ||
        (node.kind == TestKind::kNumeric) == (layout_.is_nominal[node.attribute] != 0)) {
      return in.Fail("a test of the tree does not fit its attributes");
    }
    if (node.kind == TestKind::kEquals && !(node.value >= 0 && node.value < layout_.code_limit)) {
      return in.Fail("a test of the tree names an impossible value");
    }
    node.slot = layout_.slot[node.attribute];
  }
  Content content;
  in.Array(content.counts);
  if (content.counts.size() > classes_) in.Fail("more classes at a node than in the tree");
  for (const double count : content.counts) {
    if (!std::isfinite(count) || count < 0) return in.Fail("class counts are not weights");
  }
  if (in.Bool()) {
    if (node.kind != TestKind::kLeaf) return in.Fail("a split node holds observers");
    content.leaf = std::make_unique<Leaf>();
    Leaf& leaf = *content.leaf;
    leaf.last_attempt = in.F64();
    leaf.majority_right = in.F64();
    leaf.bayes_right = in.F64();
    in.Array(leaf.disabled);
    if (!leaf.disabled.empty() && leaf.disabled.size() != layout_.size()) {
      return in.Fail("a leaf has other attributes than the tree");
    }
    leaf.observers.Load(layout_, in);
  }
  if (!in.ok()) return;
  nodes_.push_back(node);
  contents_.push_back(std::move(content));
}

/// Every node but the root is the child of exactly one earlier node.
void HoeffdingTree::CheckLinks(StateReader& in) const {
  std::vector<uint8_t> has_parent(nodes_.size());
  std::vector<uint8_t> list_used(branches_.size());
  bool good = true;
  const auto adopt = [&](uint32_t parent, uint64_t child) {
    good = good && child > parent && child < nodes_.size() && has_parent[child] == 0;
    if (good) has_parent[child] = 1;
  };
  for (uint32_t id = 0; id < nodes_.size() && good; ++id) {
    const Node& node = nodes_[id];
    if (node.kind == TestKind::kNumeric || node.kind == TestKind::kEquals) {
      adopt(id, node.first);
      adopt(id, uint64_t{node.first} + 1);
    } else if (node.kind == TestKind::kMultiway) {
      good = node.first < branches_.size() && list_used[node.first] == 0;
      if (!good) break;
      list_used[node.first] = 1;
      for (const uint32_t child : branches_[node.first]) {
        if (child != kNoNode) adopt(id, child);
      }
    }
  }
  good = good && std::count(has_parent.begin(), has_parent.end(), 0) == 1;
  good = good && std::count(list_used.begin(), list_used.end(), 0) == 0;
  if (!good) in.Fail("the nodes do not make a tree");
}

std::unique_ptr<Model> HoeffdingTree::Fresh() const {
  return std::make_unique<HoeffdingTree>(options_, spec_);
}

HoeffdingTree::Shape HoeffdingTree::shape() const {
  Shape shape;
  shape.nodes = nodes_.size();
  shape.leaves = active_leaves_ + inactive_leaves_;
  shape.active_leaves = active_leaves_;
  std::vector<uint32_t> depth(nodes_.size());
  for (uint32_t id = 0; id < nodes_.size(); ++id) {  // Parents come first.
    const Node& node = nodes_[id];
    shape.depth = std::max<size_t>(shape.depth, depth[id]);
    if (node.kind == TestKind::kMultiway) {
      for (const uint32_t child : branches_[node.first]) {
        if (child != kNoNode) depth[child] = depth[id] + 1;
      }
    } else if (node.kind != TestKind::kLeaf) {
      depth[node.first] = depth[node.first + 1] = depth[id] + 1;
    }
  }
  return shape;
}

std::vector<std::pair<std::string, std::string>> HoeffdingTree::Summary() const {
  const Shape shape = this->shape();
  return {{"weight seen", Text(weight_)},
          {"classes", std::to_string(classes_)},
          {"nodes", std::to_string(shape.nodes)},
          {"leaves", std::to_string(shape.leaves)},
          {"active leaves", std::to_string(shape.active_leaves)},
          {"depth", std::to_string(shape.depth)},
          {"rows stopped at a missing value", std::to_string(stopped_)},
          {"splits refused by max_bytes", std::to_string(refused_splits_)},
          {"rows ignored", std::to_string(ignored_)}};
}

std::vector<DumpedTree> HoeffdingTree::Shown() const {
  struct Item {
    uint32_t id;
    size_t depth;
    std::string condition;
  };
  DumpedTree shown;
  std::vector<Item> stack = {{0, 0, "all"}};
  while (!stack.empty()) {
    const Item item = std::move(stack.back());
    stack.pop_back();
    const Node& node = nodes_[item.id];
    const Content& content = contents_[item.id];
    const bool leaf = node.kind == TestKind::kLeaf;
    shown.push_back({item.depth,
                     item.condition,
                     leaf,
                     content.leaf != nullptr,
                     leaf ? content.counts : std::vector<double>(),
                     {}});
    if (leaf) continue;
    const bool multiway = node.kind == TestKind::kMultiway;
    const size_t children = multiway ? branches_[node.first].size() : 2;
    for (size_t side = children; side-- > 0;) {
      const uint32_t child =
          multiway ? branches_[node.first][side] : node.first + static_cast<uint32_t>(side);
      if (child == kNoNode) continue;
      stack.push_back({child, item.depth + 1,
                       Condition(spec_, node.attribute, node.kind == TestKind::kNumeric, multiway,
                                 node.value, side)});
    }
  }
  return {shown};
}

std::vector<DecisionPath> HoeffdingTree::PathsOf(const Input& input) const {
  if (input.dense.size() != layout_.size()) return {};
  DecisionPath path;
  const Row row(layout_, input.dense);
  const Place end = Descend(row, [&](const Node& node, size_t side) {
    path.tests.push_back(Condition(spec_, node.attribute, node.kind == TestKind::kNumeric,
                                   node.kind == TestKind::kMultiway, node.value, side));
  });
  path.stopped = nodes_[end.node].kind != TestKind::kLeaf;
  path.weights = contents_[end.node].counts;
  return {path};
}

}  // namespace leat::trees
