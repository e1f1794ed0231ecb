/// What ensembles of trees do with their members alike, whatever the trees predict: counting bytes,
/// holding the budget, moving after a load, adding up for the summary.
///
/// A member is a struct with `tree`, `background` (a unique_ptr to a tree, or null) and the
/// optional detectors `drift` and `warning`.
///
/// The budget is for everything. A tree splits only where what lasts (nodes, and what leaves keep
/// that have given up observing) stays within kStructureShare of it; when all takes more than it,
/// the least promising leaves of all trees give up observing, down to kEasedShare. When a drift has
/// made room again, the most promising of those that gave up observe anew.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/workers.h"
#include "drift/adwin.h"
#include "models/heap_bytes.h"

namespace leat::ensembles {

inline constexpr double kStructureShare = 0.5;
inline constexpr double kEasedShare = 0.9;
/// Where there is less than this, sleeping leaves wake, up to kWokenShare.
inline constexpr double kRoomyShare = 0.75;
inline constexpr double kWokenShare = 0.85;
inline constexpr uint64_t kWakeRows = 1000;  ///< Between two looks for leaves to wake.

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

/// Calls ask(i, sums) for each of `n` members, which adds to `width` sums, and leaves in `out` what
/// one thread would: members count in their order. Without `out` they are asked without sums.
template <typename Ask>
void SumInOrder(Workers& workers, size_t n, size_t width, double* out, const Ask& ask) {
  if (workers.threads() <= 1 || out == nullptr) {
    return workers.ForEach(n, [&](size_t i) { ask(i, out); });
  }
  thread_local std::vector<double> buffer;
  buffer.assign(n * width, 0);
  double* const said = buffer.data();
  workers.ForEach(n, [&](size_t i) { ask(i, said + i * width); });
  for (size_t i = 0; i < n; ++i) {
    for (size_t c = 0; c < width; ++c) out[c] += said[i * width + c];
  }
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

/// Bytes by which what lasts of members, with `base` bytes beside them, may grow; 0: trees stay as
/// they are. Each tree that splits at a record has all of it, as though it were alone: the tree
/// that a thread comes to first must not matter, and few split at the same one.
template <typename Member>
size_t RoomToGrow(const std::vector<Member>& members, size_t base, int64_t max_bytes) {
  size_t bytes = base;
  for (const Member& member : members) {
    bytes += member.tree.LastingBytes();
    if (member.background != nullptr) bytes += member.background->LastingBytes();
  }
  if (!LeavesRoom(bytes, max_bytes)) return 0;
  return static_cast<size_t>(kStructureShare * static_cast<double>(max_bytes)) - bytes;
}

/// A leaf of one of several trees.
template <typename Tree>
struct RankedLeaf {
  double promise;
  Tree* tree;
  uint32_t leaf;
};
/// Those that observe, or those that do not, the least promising first; equals in the order of
/// trees and leaves.
template <typename Tree>
std::vector<RankedLeaf<Tree>> RankLeaves(const std::vector<Tree*>& trees, bool active) {
  std::vector<RankedLeaf<Tree>> order;
  for (Tree* tree : trees) {
    if (!active && tree->active_leaves() == tree->leaves()) continue;
    for (uint32_t leaf = 0; leaf < tree->leaves(); ++leaf) {
      if (tree->IsActive(leaf) == active) order.push_back({tree->Promise(leaf), tree, leaf});
    }
  }
  std::stable_sort(order.begin(), order.end(),
                   [](const auto& a, const auto& b) { return a.promise < b.promise; });
  return order;
}

/// Leaves stop observing until `used` bytes have become at most `eased`, the least promising of all
/// trees first. Returns what is used then.
template <typename Tree>
size_t EaseLeaves(const std::vector<Tree*>& trees, size_t used, size_t eased) {
  for (const auto& [promise, tree, leaf] : RankLeaves(trees, true)) {
    if (used <= eased) break;
    const size_t before = tree->BlockBytes(leaf);
    tree->Deactivate(leaf);
    used -= before - tree->BlockBytes(leaf);
  }
  return used;
}

/// Where trees that began anew have left room, leaves that sleep observe again, the most promising
/// of all trees first.
template <typename Tree>
void WakeLeaves(const std::vector<Tree*>& trees, size_t used, int64_t max_bytes) {
  const auto budget = static_cast<double>(max_bytes);
  if (static_cast<double>(used) >= kRoomyShare * budget) return;
  const auto order = RankLeaves(trees, false);
  for (auto at = order.rbegin(); at != order.rend(); ++at) {
    if (static_cast<double>(used) >= kWokenShare * budget) break;
    const size_t before = at->tree->BlockBytes(at->leaf);
    at->tree->Activate(at->leaf);
    used += at->tree->BlockBytes(at->leaf) - before;
  }
}

/// The trees of all members, those in the background behind the ones they may replace.
template <typename Member>
auto TreesOf(std::vector<Member>& members) {
  std::vector<decltype(Member::tree)*> trees;
  for (Member& member : members) {
    trees.push_back(&member.tree);
    if (member.background != nullptr) trees.push_back(member.background.get());
  }
  return trees;
}

/// Down to the eased budget: leaves stop observing; where that is not enough, trees in the
/// background go, then `reset(i)` begins the largest tree anew.
template <typename Member, typename Reset>
void EnforceLimit(std::vector<Member>& members, size_t base, int64_t max_bytes,
                  const Reset& reset) {
  const size_t eased = EasedBytes(max_bytes);
  if (EaseLeaves(TreesOf(members), base + MembersBytes(members), eased) <= eased) return;
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
