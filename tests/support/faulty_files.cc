#include "support/faulty_files.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace leat {
namespace {

class FaultyFile final : public OutputFile {
 public:
  FaultyFile(std::unique_ptr<OutputFile> target, FaultPlan& plan)
      : OutputFile(target->path(), target->size()), target_(std::move(target)), plan_(plan) {}

 private:
  Status DoAppend(std::string_view bytes) override {
    const auto failure = plan_.Next(FileOp::kAppend, path());
    if (!failure) return target_->Append(bytes);
    const std::string_view part =
        bytes.substr(0, std::min<uint64_t>(failure->written, bytes.size()));
    if (!part.empty()) LEAT_RETURN_IF_ERROR(target_->Append(part));
    return FileError("write", path(), failure->error);
  }
  Status DoSync() override {
    const auto failure = plan_.Next(FileOp::kSync, path());
    return failure ? FileError("sync", path(), failure->error) : target_->Sync();
  }
  Status DoTruncate(uint64_t length) override {
    const auto failure = plan_.Next(FileOp::kTruncate, path());
    return failure ? FileError("cut back", path(), failure->error) : target_->Truncate(length);
  }
  Status DoClose() override { return target_->Close(); }

  std::unique_ptr<OutputFile> target_;
  FaultPlan& plan_;
};

}  // namespace

void FaultPlan::Add(Fault fault) {
  const std::lock_guard lock(mutex_);
  planned_.push_back({std::move(fault), 0});
}

void FaultPlan::Heal() {
  const std::lock_guard lock(mutex_);
  planned_.clear();
}

std::optional<FaultPlan::Failure> FaultPlan::Next(FileOp op, std::string_view path,
                                                  std::string_view other) {
  const std::lock_guard lock(mutex_);
  ++counts_[static_cast<size_t>(op)];
  std::optional<Failure> failure;
  for (Planned& planned : planned_) {
    const Fault& fault = planned.fault;
    if (fault.op && *fault.op != op) continue;
    const auto in = [&](std::string_view name) { return name.find(fault.path) != name.npos; };
    if (!in(path) && !in(other)) continue;
    const uint64_t seen = ++planned.seen;
    // One that comes due while another fails has had its turn.
    if (seen >= fault.at && seen - fault.at < fault.times && !failure) {
      failure = Failure{fault.error, fault.written};
    }
  }
  if (failure) ++faults_;
  return failure;
}

uint64_t FaultPlan::operations() const {
  const std::lock_guard lock(mutex_);
  return std::accumulate(counts_.begin(), counts_.end(), uint64_t{0});
}

uint64_t FaultPlan::operations(FileOp op) const {
  const std::lock_guard lock(mutex_);
  return counts_[static_cast<size_t>(op)];
}

uint64_t FaultPlan::faults() const {
  const std::lock_guard lock(mutex_);
  return faults_;
}

Result<std::unique_ptr<OutputFile>> FaultyFiles::Create(const std::string& path) {
  if (const auto failure = plan_.Next(FileOp::kCreate, path)) {
    return FileError("create", path, failure->error);
  }
  LEAT_ASSIGN_OR_RETURN(auto file, target_.Create(path));
  return std::unique_ptr<OutputFile>(new FaultyFile(std::move(file), plan_));
}

Result<std::unique_ptr<OutputFile>> FaultyFiles::OpenForAppend(const std::string& path,
                                                               std::optional<uint64_t> keep) {
  if (const auto failure = plan_.Next(FileOp::kOpen, path)) {
    return FileError("open", path, failure->error);
  }
  if (keep) {
    if (const auto failure = plan_.Next(FileOp::kTruncate, path)) {
      return FileError("cut back", path, failure->error);
    }
  }
  LEAT_ASSIGN_OR_RETURN(auto file, target_.OpenForAppend(path, keep));
  return std::unique_ptr<OutputFile>(new FaultyFile(std::move(file), plan_));
}

Result<std::string> FaultyFiles::Read(const std::string& path) {
  if (const auto failure = plan_.Next(FileOp::kRead, path)) {
    return FileError("read", path, failure->error);
  }
  return target_.Read(path);
}

Status FaultyFiles::Rename(const std::string& from, const std::string& to) {
  if (const auto failure = plan_.Next(FileOp::kRename, from, to)) {
    return FileError("rename", from, failure->error);
  }
  return target_.Rename(from, to);
}

Status FaultyFiles::Remove(const std::string& path) {
  if (const auto failure = plan_.Next(FileOp::kRemove, path)) {
    return FileError("remove", path, failure->error);
  }
  return target_.Remove(path);
}

Result<bool> FaultyFiles::Exists(const std::string& path) {
  if (const auto failure = plan_.Next(FileOp::kLook, path)) {
    return FileError("look at", path, failure->error);
  }
  return target_.Exists(path);
}

Result<std::vector<std::string>> FaultyFiles::List(const std::string& folder) {
  if (const auto failure = plan_.Next(FileOp::kLook, folder)) {
    return FileError("list", folder, failure->error);
  }
  return target_.List(folder);
}

Status FaultyFiles::MakeFolders(const std::string& folder) {
  if (const auto failure = plan_.Next(FileOp::kMakeFolders, folder)) {
    return FileError("make the folder", folder, failure->error);
  }
  return target_.MakeFolders(folder);
}

Status FaultyFiles::SyncFolder(const std::string& folder) {
  if (const auto failure = plan_.Next(FileOp::kSyncFolder, folder)) {
    return FileError("sync", folder, failure->error);
  }
  return target_.SyncFolder(folder);
}

}  // namespace leat
