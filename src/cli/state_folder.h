/// A state folder outside a run: locked, with its pipeline loaded as of the snapshot.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "leat/status.h"
#include "pipeline/config.h"
#include "pipeline/pipeline.h"
#include "runtime/folder_lock.h"
#include "runtime/snapshot.h"
#include "state/store.h"

namespace leat {

struct StateFolder {
  enum class Access { kRead, kWrite };
  /// Takes the folder's lock and loads what it holds; with kRead nothing in it changes. Invalid if
  /// there is no such folder, or shards have theirs inside it; Corrupt if it holds no state, a
  /// damaged one, or one in use.
  static Result<StateFolder> Open(const std::string& path, Access access);

  std::string path;
  std::unique_ptr<FolderLock> lock;
  std::unique_ptr<StateStore> store;
  std::unique_ptr<Snapshots> snapshots;
  SnapshotInfo info;
  Config config;  ///< As kept in the state.
  /// The environment gives the configuration the shape that the state has.
  bool same_shape = true;
  std::unique_ptr<Pipeline> pipeline;
  std::vector<Epoch> journalled;  ///< Committed after the snapshot.
};

}  // namespace leat
