#include "simulation/simulated_store.h"

#include <array>
#include <map>
#include <utility>

#include "base/hash.h"
#include "leat/state.h"

namespace leat {
namespace {

enum class Kind : uint32_t { kPut, kDelete, kDeleteRange };

/// Changes as they are written to the log.
class SimulatedBatch final : public StateBatch {
 public:
  void Put(Family family, std::string_view key, std::string_view value) override {
    Add(Kind::kPut, family, key, value);
  }
  void Delete(Family family, std::string_view key) override { Add(Kind::kDelete, family, key, {}); }
  void DeleteRange(Family family, std::string_view from, std::string_view to) override {
    Add(Kind::kDeleteRange, family, from, to);
  }
  size_t bytes() const override { return changes_.bytes().size(); }
  std::string_view changes() const { return changes_.bytes(); }

 private:
  void Add(Kind kind, Family family, std::string_view key, std::string_view value) {
    changes_.U32(static_cast<uint32_t>(kind));
    changes_.U32(static_cast<uint32_t>(family));
    changes_.Text(key);
    changes_.Text(value);
  }
  StateWriter changes_;
};

std::string Sealed(std::string_view changes) {
  StateWriter out;
  out.U64(changes.size());
  out.U64(Hash64(changes, changes.size()));
  out.Items(std::span<const char>(changes));
  return out.Take();
}

class SimulatedStore final : public StateStore {
 public:
  SimulatedStore(FileSystem& files, std::string path) : files_(files), path_(std::move(path)) {}

  Status Open() {
    LEAT_ASSIGN_OR_RETURN(const bool found, files_.Exists(path_));
    if (found) {
      LEAT_ASSIGN_OR_RETURN(const std::string log, files_.Read(path_));
      LEAT_RETURN_IF_ERROR(ApplyLog(log));
    }
    SimulatedBatch all;
    for (size_t f = 0; f < kFamilies; ++f) {
      for (const auto& [key, value] : families_[f]) all.Put(static_cast<Family>(f), key, value);
    }
    LEAT_RETURN_IF_ERROR(files_.Replace(path_, {Sealed(all.changes())}));
    LEAT_ASSIGN_OR_RETURN(log_, files_.OpenForAppend(path_, std::nullopt));
    return Status::Ok();
  }

  std::unique_ptr<StateBatch> NewBatch() const override {
    return std::make_unique<SimulatedBatch>();
  }
  Status Write(StateBatch& batch) override {
    const std::string_view changes = static_cast<SimulatedBatch&>(batch).changes();
    LEAT_RETURN_IF_ERROR(log_->Append(Sealed(changes)));
    LEAT_RETURN_IF_ERROR(log_->Sync());
    return Apply(changes);
  }
  Result<bool> Get(Family family, std::string_view key, std::string& value) const override {
    LEAT_RETURN_IF_ERROR(files_.Exists(path_).status());
    const auto& items = families_[static_cast<size_t>(family)];
    const auto it = items.find(key);
    if (it == items.end()) return false;
    value = it->second;
    return true;
  }
  Status Scan(
      Family family, std::string_view prefix,
      const std::function<Status(std::string_view, std::string_view)>& visit) const override {
    LEAT_RETURN_IF_ERROR(files_.Exists(path_).status());
    const auto& items = families_[static_cast<size_t>(family)];
    for (auto it = items.lower_bound(prefix); it != items.end(); ++it) {
      if (!it->first.starts_with(prefix)) break;
      LEAT_RETURN_IF_ERROR(visit(it->first, it->second));
    }
    return Status::Ok();
  }
  uint64_t DiskBytes() const override { return log_->size(); }

 private:
  /// All batches that are whole; a torn one is the last.
  Status ApplyLog(std::string_view log) {
    while (!log.empty()) {
      StateReader head(log);
      const uint64_t size = head.U64(), hash = head.U64();
      constexpr size_t kHead = 16;
      if (!head.ok() || size > log.size() - kHead) break;
      const std::string_view changes = log.substr(kHead, size);
      if (Hash64(changes, size) != hash) break;
      LEAT_RETURN_IF_ERROR(Apply(changes));
      log.remove_prefix(kHead + size);
    }
    return Status::Ok();
  }
  Status Apply(std::string_view changes) {
    StateReader in(changes);
    while (in.ok() && !in.AtEnd()) {
      const auto kind = static_cast<Kind>(in.U32());
      const uint32_t number = in.U32();
      std::string key = in.Text(), value = in.Text();
      if (!in.ok() || number >= kFamilies) return Status::Corrupt("the simulated store is broken");
      auto& family = families_[number];
      if (kind == Kind::kPut) {
        family[std::move(key)] = std::move(value);
      } else if (kind == Kind::kDelete) {
        family.erase(key);
      } else if (key < value) {
        family.erase(family.lower_bound(key), family.lower_bound(value));
      }
    }
    return Status::Ok();
  }

  FileSystem& files_;
  const std::string path_;
  std::unique_ptr<OutputFile> log_;
  std::array<std::map<std::string, std::string, std::less<>>, kFamilies> families_;
};

}  // namespace

Result<std::unique_ptr<StateStore>> SimulatedStorage::Open() {
  auto store = std::make_unique<SimulatedStore>(files_, path_);
  LEAT_RETURN_IF_ERROR(store->Open());
  return std::unique_ptr<StateStore>(std::move(store));
}

Status SimulatedStorage::Remove() {
  LEAT_RETURN_IF_ERROR(files_.Remove(path_));
  return files_.SyncFolder(FolderOf(path_));
}

}  // namespace leat
