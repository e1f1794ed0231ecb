/// Snapshots: all state of a pipeline as of the end of an epoch, in a store.
///
/// A snapshot is one batch: the manifest, the pieces of the small parts that have changed, and the
/// items that have changed (see state/FORMAT.md). It is filled while the pipeline goes on: Begin
/// fixes what is saved, More fills in a share, Write makes it durable. One at a time. Threads:
/// Begin, More and End belong to the pipeline's thread; Write may run on another one.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "leat/status.h"
#include "pipeline/pipeline.h"
#include "runtime/epoch.h"
#include "runtime/message_source.h"
#include "state/store.h"

namespace leat {

/// The newest layout of a store that this build reads, and the one it writes; and the oldest.
inline constexpr uint32_t kStateFormat = 2;
inline constexpr uint32_t kOldestStateFormat = 1;

/// What a snapshot says of itself; the message state::Manifest without its parts.
struct SnapshotInfo {
  std::string program;        ///< Version of leat that wrote it.
  std::string pipeline;       ///< Its name.
  std::string fingerprint;    ///< Of `shape`.
  std::string shape;          ///< The configuration as far as it shapes the state.
  std::string configuration;  ///< The YAML file.
  uint64_t state_id = 0;
  uint64_t incarnation = 0;
  Epoch epoch;
  int64_t written_at = 0;  ///< Wall time, microseconds since 1970.
  SinkNames sinks;
  std::vector<InputPartition> partitions;  ///< Of the inputs; none for a log.
  std::string group;                       ///< Whose offsets say what is committed; or empty.
  std::string instance;                    ///< The share of the partitions, such as `2/3`.
};

class Snapshots {
 public:
  /// More fills in `items` items between two questions.
  explicit Snapshots(StateStore& store, size_t items = 64) : store_(store), items_at_once_(items) {}

  /// What the store's snapshot says of itself; empty if there is none. Corrupt if it is damaged or
  /// of a newer format.
  Result<std::optional<SnapshotInfo>> Read();
  /// Loads the snapshot that Read found. Windows stay in the store beyond `memory` bytes.
  Status Load(Pipeline& pipeline, size_t memory);

  /// Begins to save the pipeline as it is. REQUIRES Pipeline::Track.
  void Begin(Pipeline& pipeline, const SnapshotInfo& info);
  /// Fills in items until `enough` says so. True when all is in the batch.
  bool More(const std::function<bool()>& enough);
  Status Write();
  /// After Write, on the pipeline's thread.
  void End();
  /// Bytes that a snapshot would hold of what has changed, about.
  static size_t ChangedBytes(Pipeline& pipeline);

 private:
  struct SavedPart {
    std::string name;
    uint64_t bytes = 0;
    uint64_t hash = 0;
    std::vector<uint64_t> pieces;  ///< Hash of each.
  };
  Result<std::string> ReadPart(SavedPart& part, uint32_t piece_bytes) const;

  StateStore& store_;
  const size_t items_at_once_;
  std::map<std::string, SavedPart> parts_;  ///< As they are in the store.
  std::unique_ptr<StateBatch> batch_;
  std::vector<ItemState*> items_;
  size_t filled_ = 0;  ///< Of items_.
};

}  // namespace leat
