/// What a run with a state folder holds open: its lock, its store, its shard.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "leat/status.h"
#include "pipeline/config.h"
#include "pipeline/pipeline.h"
#include "runtime/folder_lock.h"
#include "runtime/shard.h"
#include "state/rocksdb/rocksdb_store.h"

namespace leat {

/// Destroyed in reverse: the shard first.
struct RunState {
  std::unique_ptr<FolderLock> lock;
  std::unique_ptr<RocksStorage> storage;
  std::unique_ptr<Shard> shard;

  /// Makes the folder if need be. `options.folder` and `options.memory` are filled in here. All but
  /// the options outlive it. `give_up`: see FolderLock::Take.
  static Result<RunState> Open(const std::string& folder, ShardOptions options,
                               const Config& config, Pipeline& pipeline,
                               const std::function<bool()>& give_up = {});
};

}  // namespace leat
