#include "models/ensembles/tree_nodes.h"

#include <cmath>
#include <numeric>
#include <string>

#include "base/random.h"

namespace leat::ensembles {

void SplitNode(std::vector<Node>& nodes, uint32_t node, Node test, uint32_t other) {
  const uint32_t leaf = nodes[node].first;
  const auto first = static_cast<uint32_t>(nodes.size());
  Reserve(nodes, nodes.size() + 2);
  nodes.resize(nodes.size() + 2);
  nodes[first].first = leaf;
  nodes[first + 1].first = other;
  test.first = first;
  nodes[node] = test;
}

std::vector<uint16_t>& DrawAttributes(const AttributeSpace& space, size_t size, uint64_t seed,
                                      uint64_t component, uint64_t draw) {
  const size_t all = space.size();
  thread_local std::vector<uint16_t> deck;
  deck.resize(all);
  std::iota(deck.begin(), deck.end(), uint16_t{0});
  if (size < all) {
    CounterRandom random(seed, component, draw * all);
    for (size_t i = 0; i < size; ++i) std::swap(deck[i], deck[i + random.Below(all - i)]);
    deck.resize(size);
    std::sort(deck.begin(), deck.end());
  }
  return deck;
}

void SaveNodes(StateWriter& out, const std::vector<Node>& nodes) {
  out.U64(nodes.size());
  for (const Node& node : nodes) {
    out.U8(node.kind);
    out.U32(node.first);
    if (node.kind == kLeaf) continue;
    out.U32(node.attribute);
    out.F64(node.value);
    out.Bool(node.missing_right != 0);
  }
}

void LoadNodes(StateReader& in, const AttributeSpace& space, std::string_view test,
               std::vector<Node>& nodes) {
  nodes.clear();
  const uint64_t count = in.Count(5);
  Reserve(nodes, count);
  for (uint64_t n = 0; n < count && in.ok(); ++n) {
    Node node;
    node.kind = in.U8();
    node.first = in.U32();
    if (node.kind != kLeaf) {
      const uint32_t attribute = in.U32();
      node.value = in.F64();
      node.missing_right = in.Bool() ? 1 : 0;
      const bool good = node.kind <= kEquals && attribute < space.size() &&
                        std::isfinite(node.value) &&
                        space.nominal(attribute) == (node.kind == kEquals);
      if (!good) return in.Fail("a test of " + std::string(test) + " does not fit its attributes");
      node.attribute = static_cast<uint16_t>(attribute);
    }
    nodes.push_back(node);
  }
}

void SaveSubsets(StateWriter& out, const std::vector<uint16_t>& subsets) {
  out.Array(std::vector<uint32_t>(subsets.begin(), subsets.end()));
}

namespace {

void NoTree(StateReader& in, std::string_view tree) {
  in.Fail("the nodes of " + std::string(tree) + " do not make a tree");
}

}  // namespace

uint64_t LoadSubsets(StateReader& in, const AttributeSpace& space, std::string_view tree,
                     size_t nodes, size_t size, bool shared, std::vector<uint16_t>& subsets) {
  std::vector<uint32_t> saved;
  in.Array(saved);
  const uint64_t leaves = in.Count(8);
  if (!in.ok() || nodes != 2 * leaves - 1 || saved.size() != (shared ? 1 : leaves) * size) {
    NoTree(in, tree);
    return 0;
  }
  subsets = {};
  if (shared) {
    subsets.reserve(size);
  } else {
    Reserve(subsets, saved.size());
  }
  for (const uint32_t attribute : saved) {
    if (attribute >= space.size()) {
      in.Fail(std::string(tree) + " has other attributes");
      return 0;
    }
    subsets.push_back(static_cast<uint16_t>(attribute));
  }
  return leaves;
}

void CheckLinks(StateReader& in, std::string_view tree, const std::vector<Node>& nodes,
                size_t leaves) {
  std::vector<uint8_t> has_parent(nodes.size()), has_node(leaves);
  for (size_t n = 0; n < nodes.size() && in.ok(); ++n) {
    const Node& node = nodes[n];
    if (node.kind == kLeaf) {
      if (node.first >= leaves || has_node[node.first]++ != 0) NoTree(in, tree);
      continue;
    }
    for (size_t child = node.first; child < size_t{node.first} + 2 && in.ok(); ++child) {
      if (child <= n || child >= nodes.size() || has_parent[child]++ != 0) NoTree(in, tree);
    }
  }
}

}  // namespace leat::ensembles
