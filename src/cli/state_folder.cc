#include "cli/state_folder.h"

#include <fmt/format.h>

#include <chrono>
#include <filesystem>

#include "base/file_system.h"
#include "runtime/journal.h"
#include "state/rocksdb/rocksdb_store.h"

namespace leat {

Result<StateFolder> StateFolder::Open(const std::string& path, Access access) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (!fs::is_directory(path, error)) {
    return Status::Invalid(fmt::format("{}: {}, expected a state folder (see `leat run --state`)",
                                       path, fs::exists(path, error) ? "is a file" : "not found"));
  }
  RocksStoreOptions options;
  options.folder = (fs::path(path) / "store").string();
  options.read_only = access == Access::kRead;
  RocksStorage storage(options);
  const Status none = Status::Corrupt(fmt::format("{}: holds no state that `leat run` made", path));
  LEAT_ASSIGN_OR_RETURN(const bool exists, storage.Exists());
  if (!exists) return none;

  StateFolder folder;
  folder.path = path;
  LEAT_ASSIGN_OR_RETURN(folder.lock, FolderLock::Take(path));
  LEAT_ASSIGN_OR_RETURN(folder.store, storage.Open());
  folder.snapshots = std::make_unique<Snapshots>(*folder.store);
  LEAT_ASSIGN_OR_RETURN(const std::optional<SnapshotInfo> info, folder.snapshots->Read());
  if (!info) return none;
  folder.info = *info;

  const auto prefixed = [&](const Status& status, std::string_view what) {
    return Status(StatusCode::kCorrupt, fmt::format("{}: {}: {}", path, what, status.message()));
  };
  Result<Config> config = ParseConfig(info->configuration, info->pipeline + ".yaml", nullptr,
                                      UnsetVariable::kItsReference);
  if (!config.ok()) {
    return prefixed(config.status(),
                    "the configuration that it keeps is not valid in this build and environment");
  }
  folder.config = std::move(config).value();
  folder.same_shape = folder.config.fingerprint == info->fingerprint;
  LEAT_ASSIGN_OR_RETURN(folder.pipeline, Pipeline::Create(folder.config));
  const Status loaded =
      folder.snapshots->Load(*folder.pipeline, static_cast<size_t>(folder.config.state_memory) / 2);
  if (!loaded.ok()) {
    if (loaded.code() != StatusCode::kCorrupt) return loaded;
    return prefixed(loaded, folder.same_shape
                                ? "it cannot be loaded"
                                : "the configuration that it keeps gives another pipeline in this "
                                  "build and environment, and it cannot be loaded");
  }
  folder.pipeline->Track(*folder.store);
  LEAT_ASSIGN_OR_RETURN(folder.journalled,
                        Journal(path, PosixFiles()).Read(info->state_id, info->epoch.number));
  return folder;
}

}  // namespace leat
