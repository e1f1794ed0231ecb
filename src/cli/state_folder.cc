#include "cli/state_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <string_view>
#include <utility>

#include "base/file_system.h"
#include "runtime/journal.h"
#include "state/rocksdb/rocksdb_store.h"

namespace leat {
namespace {

constexpr size_t kMostNamed = 12;

/// The folders in which the shards of a run have their states, by number; empty: none.
std::string ShardsIn(const std::string& path) {
  namespace fs = std::filesystem;
  std::vector<std::string> shards;
  std::error_code error;
  for (fs::directory_iterator entry(path, error), end; !error && entry != end;
       entry.increment(error)) {
    if (entry->path().filename().string().starts_with("shard-")) {
      shards.push_back(entry->path().string());
    }
  }
  std::sort(shards.begin(), shards.end(), [](const std::string& a, const std::string& b) {
    return std::pair(a.size(), std::string_view(a)) < std::pair(b.size(), std::string_view(b));
  });
  std::string names;
  for (size_t i = 0; i < shards.size() && i < kMostNamed; ++i) {
    names += (i == 0 ? "" : ", ") + shards[i];
  }
  return shards.size() > kMostNamed ? names + ", ..." : names;
}

}  // namespace

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
  if (!exists) {
    const std::string shards = ShardsIn(path);
    if (shards.empty()) return none;
    return Status::Invalid(
        fmt::format("{}: each shard has a state of its own in there; name one: {}", path, shards));
  }

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
