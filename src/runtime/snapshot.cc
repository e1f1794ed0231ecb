#include "runtime/snapshot.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <span>
#include <thread>
#include <utility>

#include "base/hash.h"
#include "pipeline/config.h"

namespace leat {
namespace {

constexpr std::string_view kManifestKey = "manifest";
constexpr uint32_t kPieceBytes = uint32_t{1} << 16;

std::string PieceKey(std::string_view part, uint64_t index) {
  std::string key(part);
  key.push_back('\0');
  AppendOrdered(key, index);
  return key;
}

/// Items that are read together, and lots of them that may wait.
constexpr size_t kLotBytes = size_t{1} << 18, kMostLots = 8;

/// Reads items of a store on a thread of its own, and hands them out in order on the caller's.
class ItemReader {
 public:
  ItemReader(const StateStore& store, std::span<const Family> families)
      : thread_([this, &store, families] { Read(store, families); }) {}
  ~ItemReader() {
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
      changed_.notify_all();
    }
    thread_.join();
  }

  Status Visit(const std::function<Status(Family, std::string_view, std::string_view)>& visit) {
    for (;;) {
      Lot lot;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return !lots_.empty() || done_; });
        if (lots_.empty()) return status_;
        lot = std::move(lots_.front());
        lots_.pop_front();
        changed_.notify_all();
      }
      std::string_view rest = lot.bytes;
      const auto take = [&](size_t size) {
        const std::string_view taken = rest.substr(0, size);
        rest.remove_prefix(size);
        return taken;
      };
      for (const Item& item : lot.items) {
        const std::string_view key = take(item.key), value = take(item.value);
        LEAT_RETURN_IF_ERROR(visit(item.family, key, value));
      }
    }
  }

 private:
  struct Item {
    Family family;
    size_t key, value;  ///< Bytes of each.
  };
  struct Lot {
    std::string bytes;
    std::vector<Item> items;
  };

  void Read(const StateStore& store, std::span<const Family> families) {
    Lot lot;
    Status status;
    for (size_t i = 0; i < families.size() && status.ok(); ++i) {
      status = store.Scan(families[i], {}, [&](std::string_view key, std::string_view value) {
        lot.items.push_back({families[i], key.size(), value.size()});
        lot.bytes += key;
        lot.bytes += value;
        return lot.bytes.size() < kLotBytes ? Status::Ok() : Put(lot);
      });
    }
    if (status.ok() && !lot.items.empty()) status = Put(lot);
    const std::lock_guard lock(mutex_);
    status_ = status;
    done_ = true;
    changed_.notify_all();
  }
  Status Put(Lot& lot) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return lots_.size() < kMostLots || ended_; });
    if (ended_) return Status::Io("nobody asks any more");
    lots_.push_back(std::exchange(lot, {}));
    changed_.notify_all();
    return Status::Ok();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Lot> lots_;
  bool done_ = false;   ///< All has been read, or could not be.
  bool ended_ = false;  ///< Nobody asks any more.
  Status status_;
  std::thread thread_;
};

Status Damaged(std::string_view what) {
  return Status::Corrupt(
      fmt::format("the saved state is damaged: {}; start afresh with --fresh, take the log again "
                  "with --rebuild, or restore the folder from a copy",
                  what));
}

/// Earlier versions did not say how many logs were merged; the configuration that they kept does.
void TellLogs(SnapshotInfo& info) {
  if (info.configuration.find("also") == std::string::npos || !info.shape.starts_with(kShapeHead) ||
      info.shape.find("\n  logs: ") != std::string::npos) {
    return;
  }
  const Result<Config> config =
      ParseConfig(info.configuration, info.pipeline, nullptr, UnsetVariable::kItsReference);
  if (!config.ok() || config->source.also.empty()) return;
  info.shape.insert(kShapeHead.size(), LogsText(config->source));
  info.fingerprint = DigestHex(info.shape);
}

}  // namespace

Result<std::optional<SnapshotInfo>> Snapshots::Read() {
  std::string bytes;
  LEAT_ASSIGN_OR_RETURN(const bool found, store_.Get(Family::kManifest, kManifestKey, bytes));
  if (!found) return std::optional<SnapshotInfo>();
  state::Sealed sealed;
  if (!sealed.ParseFromString(bytes) || Hash64(sealed.manifest()) != sealed.hash()) {
    return Damaged("the manifest");
  }
  state::Manifest manifest;
  if (!manifest.ParseFromString(sealed.manifest())) return Damaged("the manifest");
  if (manifest.format() < kOldestStateFormat || manifest.format() > kStateFormat) {
    return Status::Corrupt(fmt::format(
        "the saved state has format {}, written by leat {}; this build reads up to format {}: use "
        "a newer build, or start afresh with --fresh",
        manifest.format(), manifest.program(), kStateFormat));
  }
  parts_.clear();
  if (manifest.piece_bytes() != kPieceBytes) return Damaged("the size of pieces");
  for (const state::Part& part : manifest.parts()) {
    parts_[part.name()] = {part.name(), part.bytes(), part.hash(), {}};
  }
  SnapshotInfo info;
  info.program = manifest.program();
  info.pipeline = manifest.pipeline();
  info.fingerprint = manifest.fingerprint();
  info.shape = manifest.shape();
  info.configuration = manifest.configuration();
  info.state_id = manifest.state_id();
  info.incarnation = manifest.incarnation();
  info.epoch = FromMessage(manifest.epoch());
  info.written_at = manifest.written_at();
  const int sinks = std::min(manifest.sinks_size(), static_cast<int>(info.sinks.size()));
  for (int i = 0; i < sinks; ++i) info.sinks[static_cast<size_t>(i)] = manifest.sinks(i);
  for (const state::Partition& partition : manifest.partitions()) {
    info.partitions.push_back(
        {partition.topic(), static_cast<int32_t>(partition.number()), partition.labels()});
  }
  info.group = manifest.group();
  info.instance = manifest.instance();
  TellLogs(info);
  return std::optional<SnapshotInfo>(std::move(info));
}

Result<std::string> Snapshots::ReadPart(SavedPart& part, uint32_t piece_bytes) const {
  std::string bytes, piece;
  part.pieces.clear();
  for (uint64_t index = 0; bytes.size() < part.bytes; ++index) {
    LEAT_ASSIGN_OR_RETURN(const bool found,
                          store_.Get(Family::kParts, PieceKey(part.name, index), piece));
    if (!found || piece.size() != std::min<uint64_t>(piece_bytes, part.bytes - bytes.size())) {
      return Damaged(fmt::format("piece {} of '{}'", index, part.name));
    }
    part.pieces.push_back(Hash64(piece));
    bytes += piece;
  }
  if (Hash64(bytes) != part.hash) return Damaged(fmt::format("'{}'", part.name));
  return bytes;
}

Status Snapshots::Load(Pipeline& pipeline, size_t memory) {
  std::vector<StatePart> parts;
  for (auto& [name, part] : parts_) {
    LEAT_ASSIGN_OR_RETURN(std::string bytes, ReadPart(part, kPieceBytes));
    parts.push_back({name, std::move(bytes)});
  }
  LEAT_RETURN_IF_ERROR(pipeline.LoadParts(parts));
  static constexpr std::array kItems = {Family::kWindows, Family::kPending, Family::kIds};
  uint64_t taken = 0;
  bool in_memory = true;
  LEAT_RETURN_IF_ERROR(ItemReader(store_, kItems)
                           .Visit([&](Family family, std::string_view key, std::string_view value) {
                             // How full it is, is asked now and then.
                             if (in_memory && taken++ % 64 == 0) {
                               in_memory = pipeline.WindowBytes() < memory;
                             }
                             return pipeline.LoadItem(family, key, value, in_memory);
                           }));
  pipeline.EndLoad();
  return Status::Ok();
}

void Snapshots::Begin(Pipeline& pipeline, const SnapshotInfo& info) {
  batch_ = store_.NewBatch();
  state::Manifest manifest;
  manifest.set_format(kStateFormat);
  manifest.set_program(info.program);
  manifest.set_pipeline(info.pipeline);
  manifest.set_fingerprint(info.fingerprint);
  manifest.set_shape(info.shape);
  manifest.set_configuration(info.configuration);
  manifest.set_state_id(info.state_id);
  manifest.set_incarnation(info.incarnation);
  *manifest.mutable_epoch() = ToMessage(info.epoch, EpochForm::kManifest);
  for (const InputPartition& partition : info.partitions) {
    state::Partition& message = *manifest.add_partitions();
    message.set_topic(partition.topic);
    message.set_number(static_cast<uint32_t>(partition.number));
    message.set_labels(partition.labels);
  }
  manifest.set_group(info.group);
  manifest.set_instance(info.instance);
  manifest.set_piece_bytes(kPieceBytes);
  manifest.set_written_at(info.written_at);
  for (const std::string& sink : info.sinks) manifest.add_sinks(sink);

  std::map<std::string, SavedPart> before;
  before.swap(parts_);
  for (const StatePart& part : pipeline.SaveParts()) {
    SavedPart saved{part.name, part.bytes.size(), Hash64(part.bytes), {}};
    const auto found = before.find(part.name);
    const std::vector<uint64_t> old =
        found == before.end() ? std::vector<uint64_t>() : std::move(found->second.pieces);
    const std::string_view bytes = part.bytes;
    for (size_t at = 0; at < bytes.size(); at += kPieceBytes) {
      const std::string_view piece = bytes.substr(at, kPieceBytes);
      const size_t index = saved.pieces.size();
      saved.pieces.push_back(Hash64(piece));
      if (index >= old.size() || old[index] != saved.pieces[index]) {
        batch_->Put(Family::kParts, PieceKey(part.name, index), piece);
      }
    }
    for (size_t index = saved.pieces.size(); index < old.size(); ++index) {
      batch_->Delete(Family::kParts, PieceKey(part.name, index));
    }
    if (found != before.end()) before.erase(found);
    state::Part& message = *manifest.add_parts();
    message.set_name(saved.name);
    message.set_bytes(saved.bytes);
    message.set_hash(saved.hash);
    parts_[part.name] = std::move(saved);
  }
  for (const auto& [name, part] : before) {  // Parts that there are no more.
    for (size_t index = 0; index < part.pieces.size(); ++index) {
      batch_->Delete(Family::kParts, PieceKey(name, index));
    }
  }
  state::Sealed sealed;
  sealed.set_manifest(manifest.SerializeAsString());
  sealed.set_hash(Hash64(sealed.manifest()));
  batch_->Put(Family::kManifest, kManifestKey, sealed.SerializeAsString());

  items_ = pipeline.Items();
  filled_ = 0;
  for (ItemState* item : items_) item->BeginSave(*batch_);
}

bool Snapshots::More(const std::function<bool()>& enough) {
  while (filled_ < items_.size()) {
    if (items_[filled_]->SaveMore(items_at_once_)) {
      ++filled_;
      continue;
    }
    if (enough()) return false;
  }
  return true;
}

Status Snapshots::Write() {
  const Status written = store_.Write(*batch_);
  batch_.reset();
  return written;
}

void Snapshots::End() {
  for (ItemState* item : items_) item->EndSave();
}

size_t Snapshots::ChangedBytes(Pipeline& pipeline) {
  size_t bytes = 0;
  for (const ItemState* item : pipeline.Items()) bytes += item->ChangedBytes();
  return bytes;
}

}  // namespace leat
