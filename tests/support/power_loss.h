/// What a disk remembers when power is lost: shared by PowerFiles and RocksdbFiles.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "base/random.h"

namespace leat {

/// How power is lost. What was synced stays; the rest is as unkind as the flags allow, chosen by
/// the seed for each file and folder by its path.
struct PowerLoss {
  uint64_t seed = 0;
  bool torn = true;         ///< Of unsynced bytes the first so-many may stay; otherwise none does.
  bool holes = false;       ///< And a stretch of those may be zeros: blocks that came too late.
  bool late_names = false;  ///< Of unsynced name changes a folder's first so-many may have come.
};

/// What is left of `tail` unsynced bytes: the first `kept`, of which [hole_from, hole_to) are
/// zeros.
struct TailLeft {
  uint64_t kept = 0, hole_from = 0, hole_to = 0;

  static TailLeft Draw(const PowerLoss& loss, std::string_view path, uint64_t tail) {
    TailLeft left;
    if (!loss.torn || tail == 0) return left;
    CounterRandom random(loss.seed, Hash64(path));
    // All or none is as likely as a part.
    const uint64_t shape = random.Below(4);
    left.kept = shape == 0 ? 0 : shape == 1 ? tail : random.Below(tail + 1);
    if (loss.holes && random.Below(2) == 0) {
      left.hole_from = random.Below(left.kept + 1);
      left.hole_to = left.hole_from + random.Below(left.kept - left.hole_from + 1);
    }
    return left;
  }
};

/// The files of each folder by name: as they are, and as they would be found after power was lost.
template <typename Node>
class NameTable {
 public:
  using Nodes = std::map<std::string, std::shared_ptr<Node>, std::less<>>;

  /// Null if there is none.
  std::shared_ptr<Node> Find(std::string_view folder, std::string_view name) const {
    const auto found = folders_.find(folder);
    if (found == folders_.end()) return nullptr;
    const auto node = found->second.now.find(name);
    return node == found->second.now.end() ? nullptr : node->second;
  }
  void Put(const std::string& folder, const std::string& name, std::shared_ptr<Node> node) {
    Change(folder, {{name, std::move(node)}});
  }
  void Erase(const std::string& folder, const std::string& name) {
    Change(folder, {{name, nullptr}});
  }
  /// One step within a folder, two (the new name first) between folders.
  void Move(const std::string& folder, const std::string& name, const std::string& to_folder,
            const std::string& to_name) {
    std::shared_ptr<Node> node = Find(folder, name);
    if (folder == to_folder && name == to_name) return;
    if (folder == to_folder) {
      Change(folder, {{to_name, std::move(node)}, {name, nullptr}});
    } else {
      Put(to_folder, to_name, std::move(node));
      Erase(folder, name);
    }
  }
  /// A name that was there before anybody looked, and is on disk.
  void Adopt(const std::string& folder, const std::string& name, std::shared_ptr<Node> node) {
    folders_[folder].synced[name] = node;
    folders_[folder].now[name] = std::move(node);
  }
  void Sync(const std::string& folder) {
    const auto found = folders_.find(folder);
    if (found == folders_.end()) return;
    for (Edits& edits : found->second.unsynced) Apply(edits, found->second.synced);
    found->second.unsynced.clear();
  }
  void DropFolder(const std::string& folder) { folders_.erase(folder); }

  void LosePower(const PowerLoss& loss) {
    for (auto& [path, folder] : folders_) {
      size_t came = 0;
      if (loss.late_names) {
        came = CounterRandom(loss.seed, Hash64(path)).Below(folder.unsynced.size() + 1);
      }
      for (size_t i = 0; i < came; ++i) Apply(folder.unsynced[i], folder.synced);
      folder.unsynced.clear();
      folder.now = folder.synced;
    }
  }
  /// Everything is on disk.
  void SyncAll() {
    for (const auto& [path, folder] : folders_) Sync(path);
  }

  /// The names of a folder; null if it never had one.
  const Nodes* In(std::string_view folder) const {
    const auto found = folders_.find(folder);
    return found == folders_.end() ? nullptr : &found->second.now;
  }
  /// Calls `visit(folder, name, node)` in the order of paths.
  template <typename Visit>
  void ForEach(Visit visit) const {
    for (const auto& [path, folder] : folders_) {
      for (const auto& [name, node] : folder.now) visit(path, name, *node);
    }
  }

 private:
  /// New nodes of names, or null for those that are gone; they come together.
  using Edits = std::vector<std::pair<std::string, std::shared_ptr<Node>>>;
  struct Folder {
    Nodes now, synced;
    std::vector<Edits> unsynced;
  };

  static void Apply(const Edits& edits, Nodes& nodes) {
    for (const auto& [name, node] : edits) {
      if (node) {
        nodes[name] = node;
      } else {
        nodes.erase(name);
      }
    }
  }
  void Change(const std::string& path, Edits edits) {
    Folder& folder = folders_[path];
    Apply(edits, folder.now);
    folder.unsynced.push_back(std::move(edits));
  }

  std::map<std::string, Folder, std::less<>> folders_;
};

}  // namespace leat
