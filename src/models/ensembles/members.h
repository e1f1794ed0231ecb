/// What ensembles of trees do with their members alike, whatever the trees predict: counting bytes,
/// holding the budget, moving after a load, adding up for the summary.
///
/// A member is a struct with `tree`, `background` (a unique_ptr to a tree, or null) and the
/// optional detectors `drift` and `warning`.
///
/// The budget is for everything. When nodes and what is kept for predictions take
/// kStructureShare of it no tree grows any more; when all takes more than it, the least promising
/// leaves of all trees give up observing, down to kEasedShare.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "drift/adwin.h"
#include "models/heap_bytes.h"

namespace leat::ensembles {

inline constexpr double kStructureShare = 0.5;
inline constexpr double kEasedShare = 0.9;

/// Share of a budget, in whole bytes.
inline size_t EasedBytes(int64_t max_bytes) {
  return static_cast<size_t>(kEasedShare * static_cast<double>(max_bytes));
}

/// A buffer of the calling thread, for the row at hand.
inline double* RowBuffer(size_t size) {
  thread_local std::vector<double> buffer;
  if (buffer.size() < size) buffer.resize(size);
  return buffer.data();
}

/// Heap bytes of a member.
template <typename Member>
size_t MemberBytes(const Member& member) {
  size_t bytes = member.tree.MemoryBytes() - sizeof(member.tree);
  if (member.background != nullptr) bytes += member.background->MemoryBytes() + kAllocation;
  for (const auto* detector : {&member.drift, &member.warning}) {
    if (detector->has_value()) {
      bytes += (*detector)->MemoryBytes() - sizeof(Adwin) + 2 * kAllocation;
    }
  }
  return bytes;
}

template <typename Member>
size_t MembersBytes(const std::vector<Member>& members) {
  size_t bytes = 0;
  for (const Member& member : members) bytes += MemberBytes(member);
  return bytes;
}

/// Whether trees may grow when nodes and what does not grow take so many bytes.
inline bool LeavesRoom(size_t bytes, int64_t max_bytes) {
  return static_cast<double>(bytes) < kStructureShare * static_cast<double>(max_bytes);
}

/// The same of members and `base` bytes beside them.
template <typename Member>
bool MayGrow(const std::vector<Member>& members, size_t base, int64_t max_bytes) {
  size_t bytes = base;
  for (const Member& member : members) {
    bytes += member.tree.structure_bytes();
    if (member.background != nullptr) bytes += member.background->structure_bytes();
  }
  return LeavesRoom(bytes, max_bytes);
}

/// Leaves stop observing until `used` bytes have become at most `eased`, the least promising of all
/// trees first, equals in the order of trees and leaves. Returns what is used then.
template <typename Tree>
size_t EaseLeaves(const std::vector<Tree*>& trees, size_t used, size_t eased) {
  struct Entry {
    double promise;
    Tree* tree;
    uint32_t leaf;
  };
  std::vector<Entry> order;
  for (Tree* tree : trees) {
    for (uint32_t leaf = 0; leaf < tree->leaves(); ++leaf) {
      if (tree->IsActive(leaf)) order.push_back({tree->Promise(leaf), tree, leaf});
    }
  }
  std::stable_sort(order.begin(), order.end(),
                   [](const Entry& a, const Entry& b) { return a.promise < b.promise; });
  for (const Entry& entry : order) {
    if (used <= eased) break;
    const size_t before = entry.tree->BlockBytes(entry.leaf);
    entry.tree->Deactivate(entry.leaf);
    used -= before - entry.tree->BlockBytes(entry.leaf);
  }
  return used;
}

/// Down to the eased budget: leaves stop observing; where that is not enough, trees in the
/// background go, then `reset(i)` begins the largest tree anew.
template <typename Member, typename Reset>
void EnforceLimit(std::vector<Member>& members, size_t base, int64_t max_bytes,
                  const Reset& reset) {
  std::vector<decltype(Member::tree)*> trees;
  for (Member& member : members) {
    trees.push_back(&member.tree);
    if (member.background != nullptr) trees.push_back(member.background.get());
  }
  const size_t eased = EasedBytes(max_bytes);
  if (EaseLeaves(trees, base + MembersBytes(members), eased) <= eased) return;
  for (Member& member : members) {
    if (base + MembersBytes(members) <= eased) return;
    member.background.reset();
  }
  for (size_t n = 0; n < members.size() && base + MembersBytes(members) > eased; ++n) {
    size_t largest = 0;
    for (size_t i = 1; i < members.size(); ++i) {
      if (MemberBytes(members[i]) > MemberBytes(members[largest])) largest = i;
    }
    reset(largest);
  }
}

/// Trees point to the plan and the attributes of the ensemble they were made in; now to these.
template <typename Member, typename Plan, typename Space>
void AdoptAll(std::vector<Member>& members, const Plan& plan, const Space& space) {
  for (Member& member : members) {
    member.tree.Adopt(plan, space);
    if (member.background != nullptr) member.background->Adopt(plan, space);
  }
}

/// Of the trees that vote.
struct TreeCounts {
  size_t nodes = 0, leaves = 0, active = 0, background = 0;
  uint64_t refused = 0;
};
template <typename Member>
TreeCounts Counted(const std::vector<Member>& members) {
  TreeCounts counts;
  for (const Member& member : members) {
    counts.nodes += member.tree.nodes();
    counts.leaves += member.tree.leaves();
    counts.active += member.tree.active_leaves();
    counts.refused += member.tree.refused_splits();
    counts.background += member.background != nullptr ? 1 : 0;
  }
  return counts;
}

}  // namespace leat::ensembles
