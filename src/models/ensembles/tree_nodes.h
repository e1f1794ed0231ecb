/// The nodes of the trees of ensembles: finding a leaf, growing, drawing what a leaf sees, saving.
///
/// Nodes of 16 bytes stand in one vector, the two children of a split side by side, so that a step
/// down is one load. Leaves are numbered; what a tree keeps for them is its own matter. Room for
/// nodes, leaves and subsets is a function of their number alone, so that a loaded tree holds what
/// the saved one did. Errors: loading fails the reader with `tree`, the tree's name, in the
/// message.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "leat/state.h"
#include "models/ensembles/attribute_space.h"
#include "models/trees/dump.h"

namespace leat::ensembles {

enum NodeKind : uint8_t { kLeaf, kNumeric, kEquals };

struct Node {
  double value = 0;    ///< Numbers up to it, or the code, go left.
  uint32_t first = 0;  ///< The left child; of a leaf, its index among the leaves.
  uint16_t attribute = 0;
  uint8_t kind = kLeaf;
  uint8_t missing_right = 0;  ///< Where rows without the value go.
};
static_assert(sizeof(Node) == 16);

/// Items that a vector of `size` has room for.
inline size_t Room(size_t size) { return std::max<size_t>(8, std::bit_ceil(size)); }
void Reserve(auto& items, size_t size) {
  if (items.capacity() >= size) return;
  std::decay_t<decltype(items)> more;
  more.reserve(Room(size));
  for (auto& item : items) more.push_back(std::move(item));
  items = std::move(more);
}

/// The child of `node`, whose number is `id`, that a row goes to; `id` if it is a leaf. Without
/// branches, for going down several trees at once.
inline uint32_t NextNode(const Node& node, uint32_t id, const double* x) {
  const double v = x[node.attribute];
  const auto above = static_cast<uint32_t>(v > node.value);
  const auto other = static_cast<uint32_t>(v != node.value);
  const uint32_t right = node.kind == kNumeric ? above : other;
  const uint32_t next = node.first + (v != v ? node.missing_right : right);
  return node.kind == kLeaf ? id : next;
}

/// The node of the leaf that a row falls into.
inline uint32_t FindLeaf(const std::vector<Node>& tree, const double* x) {
  const Node* const nodes = tree.data();
  uint32_t id = 0;
  for (;;) {
    const Node node = nodes[id];
    if (node.kind == kLeaf) return id;
    const double v = x[node.attribute];
    uint32_t right = node.kind == kNumeric ? v > node.value : v != node.value;
    if (v != v) [[unlikely]]
      right = node.missing_right;
    id = node.first + right;
  }
}

/// Turns the node of a leaf into a test (a Node without children) over that leaf and leaf `other`.
void SplitNode(std::vector<Node>& nodes, uint32_t node, Node test, uint32_t other);

/// `size` attributes out of all, drawn from (seed, component, draw); those of a tree come one draw
/// after the other. In the thread's buffer, ascending.
std::vector<uint16_t>& DrawAttributes(const AttributeSpace& space, size_t size, uint64_t seed,
                                      uint64_t component, uint64_t draw);

/// Seed of the draws of a tree that `key` tells apart.
inline uint64_t SeedOf(uint64_t seed, uint64_t key) { return seed ^ (key * 0x9e3779b97f4a7c15); }

void SaveNodes(StateWriter& out, const std::vector<Node>& nodes);
/// `test`: what the message calls the tree of a test that cannot be.
void LoadNodes(StateReader& in, const AttributeSpace& space, std::string_view test,
               std::vector<Node>& nodes);

/// What leaves see, `size` attributes each; `shared`: one set for all leaves of the tree.
void SaveSubsets(StateWriter& out, const std::vector<uint16_t>& subsets);
/// Also reads the number of leaves, which it returns and holds against the nodes.
uint64_t LoadSubsets(StateReader& in, const AttributeSpace& space, std::string_view tree,
                     size_t nodes, size_t size, bool shared, std::vector<uint16_t>& subsets);

/// The nodes for people, and the way of a decoded row through them. `fill(leaf's node, X)` says in
/// a DumpNode or a DecisionPath what a leaf says.
template <typename Fill>
trees::DumpedTree ShowNodes(const InputSpec& spec, const std::vector<Node>& nodes,
                            const Fill& fill) {
  struct Item {
    uint32_t id;
    size_t depth;
    std::string condition;
  };
  trees::DumpedTree shown;
  std::vector<Item> stack = {{0, 0, "all"}};
  while (!stack.empty()) {
    const Item item = std::move(stack.back());
    stack.pop_back();
    const Node& node = nodes[item.id];
    shown.push_back({item.depth, item.condition, node.kind == kLeaf, true, {}, {}});
    if (node.kind == kLeaf) {
      fill(item.id, shown.back());
      continue;
    }
    for (const uint32_t side : {1u, 0u}) {
      stack.push_back(
          {node.first + side, item.depth + 1,
           trees::Condition(spec, node.attribute, node.kind == kNumeric, false, node.value, side)});
    }
  }
  return shown;
}
template <typename Fill>
DecisionPath PathThrough(const InputSpec& spec, const std::vector<Node>& nodes, const double* x,
                         const Fill& fill) {
  DecisionPath path;
  uint32_t id = 0;
  while (nodes[id].kind != kLeaf) {
    const Node& node = nodes[id];
    const uint32_t next = NextNode(node, id, x);
    path.tests.push_back(trees::Condition(spec, node.attribute, node.kind == kNumeric, false,
                                          node.value, next - node.first));
    const double v = x[node.attribute];
    if (v != v) path.tests.back() += " (missing)";
    id = next;
  }
  fill(id, path);
  return path;
}

/// Every node but the root has one earlier parent, and every leaf one node; else the reader fails.
void CheckLinks(StateReader& in, std::string_view tree, const std::vector<Node>& nodes,
                size_t leaves);

}  // namespace leat::ensembles
