#include "cli/run_state.h"

#include <filesystem>
#include <utility>

namespace leat {

Result<RunState> RunState::Open(const std::string& folder, ShardOptions options,
                                const Config& config, Pipeline& pipeline,
                                const std::function<bool()>& give_up) {
  RunState state;
  LEAT_RETURN_IF_ERROR(PosixFiles().MakeFolders(folder));
  LEAT_ASSIGN_OR_RETURN(state.lock, FolderLock::Take(folder, give_up));
  RocksStoreOptions store;
  store.folder = (std::filesystem::path(folder) / "store").string();
  store.memory = static_cast<uint64_t>(config.state_memory) / 8;
  state.storage = std::make_unique<RocksStorage>(store);
  options.folder = folder;
  options.memory = static_cast<uint64_t>(config.state_memory);
  LEAT_ASSIGN_OR_RETURN(state.shard, Shard::Open(options, config, pipeline, *state.storage));
  return state;
}

}  // namespace leat
