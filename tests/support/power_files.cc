#include "support/power_files.h"

#include <fmt/format.h>

#include <cerrno>
#include <filesystem>
#include <utility>

namespace leat {

/// The bytes of a file, of which the first `synced` are on disk. Where a file was cut below what is
/// on disk and not synced since, the disk still has `cut` behind them.
struct PowerFiles::Node {
  std::string bytes;
  uint64_t synced = 0;
  std::string cut;

  void Truncate(uint64_t length) {
    if (length < synced) {
      cut.insert(0, bytes, length, synced - length);
      synced = length;
    }
    bytes.resize(length);
  }
  void Sync() {
    synced = bytes.size();
    cut.clear();
  }
  void LosePower(const PowerLoss& loss, std::string_view path) {
    if (!cut.empty() && CounterRandom(loss.seed, Hash64(path), 1000).Below(2) == 0) {
      bytes.resize(synced);
      bytes += cut;  // Nothing since the cut has come to the disk.
    } else {
      const TailLeft left = TailLeft::Draw(loss, path, bytes.size() - synced);
      bytes.resize(synced + left.kept);
      for (uint64_t i = left.hole_from; i < left.hole_to; ++i) bytes[synced + i] = '\0';
    }
    Sync();
  }
};

/// A path as the tables have it.
struct PowerFiles::Place {
  explicit Place(const std::string& path) {
    const std::filesystem::path normal = std::filesystem::path(path).lexically_normal();
    whole = normal.string();
    if (whole.size() > 1 && whole.back() == '/') whole.pop_back();
    folder = FolderOf(whole);
    name = std::filesystem::path(whole).filename().string();
  }
  std::string whole, folder, name;
};

class PowerFiles::File final : public OutputFile {
 public:
  File(PowerFiles& disk, std::shared_ptr<Node> node, std::string path)
      : OutputFile(std::move(path), node->bytes.size()),
        disk_(disk),
        life_(disk.life_),
        node_(std::move(node)) {}

 private:
  Status DoAppend(std::string_view bytes) override {
    const std::lock_guard lock(disk_.mutex_);
    const bool running = !disk_.crashed_;
    const Status entered = Enter("write");
    if (!entered.ok()) {
      // The operation at which the machine stops may be half done.
      const uint64_t part = Mix64(disk_.operations_) % (bytes.size() + 1);
      if (running && life_ == disk_.life_) node_->bytes += bytes.substr(0, part);
      return entered;
    }
    node_->bytes += bytes;
    return Status::Ok();
  }
  Status DoSync() override {
    const std::lock_guard lock(disk_.mutex_);
    LEAT_RETURN_IF_ERROR(Enter("sync"));
    node_->Sync();
    return Status::Ok();
  }
  Status DoTruncate(uint64_t length) override {
    const std::lock_guard lock(disk_.mutex_);
    LEAT_RETURN_IF_ERROR(Enter("cut back"));
    node_->Truncate(length);
    return Status::Ok();
  }
  Status DoClose() override {
    const std::lock_guard lock(disk_.mutex_);
    return Enter("close");
  }
  Status Enter(std::string_view what) const {
    LEAT_RETURN_IF_ERROR(disk_.Enter(what, path()));
    return life_ == disk_.life_ ? Status::Ok() : disk_.Stopped(what, path());
  }

  PowerFiles& disk_;
  const uint64_t life_;
  std::shared_ptr<Node> node_;
};

PowerFiles::PowerFiles() : folders_{".", "/"} {}
PowerFiles::~PowerFiles() = default;

Status PowerFiles::Stopped(std::string_view what, const std::string& path) const {
  return Status::Io(fmt::format("{}: cannot {}: the machine has stopped", path, what));
}

Status PowerFiles::Enter(std::string_view what, const std::string& path) {
  if (++operations_ == crash_at_) crashed_ = true;
  return crashed_ ? Stopped(what, path) : Status::Ok();
}

Result<std::unique_ptr<OutputFile>> PowerFiles::Create(const std::string& path) {
  const std::lock_guard lock(mutex_);
  LEAT_RETURN_IF_ERROR(Enter("create", path));
  const Place place(path);
  if (!folders_.contains(place.folder)) return FileError("create", path, ENOENT);
  if (folders_.contains(place.whole)) return FileError("create", path, EISDIR);
  std::shared_ptr<Node> node = names_.Find(place.folder, place.name);
  if (node) {
    node->Truncate(0);
  } else {
    node = std::make_shared<Node>();
    names_.Put(place.folder, place.name, node);
  }
  return std::unique_ptr<OutputFile>(new File(*this, std::move(node), path));
}

Result<std::unique_ptr<OutputFile>> PowerFiles::OpenForAppend(const std::string& path,
                                                              std::optional<uint64_t> keep) {
  const std::lock_guard lock(mutex_);
  LEAT_RETURN_IF_ERROR(Enter("open", path));
  const Place place(path);
  if (!folders_.contains(place.folder)) return FileError("open", path, ENOENT);
  if (folders_.contains(place.whole)) return FileError("open", path, EISDIR);
  std::shared_ptr<Node> node = names_.Find(place.folder, place.name);
  if (!node) {
    node = std::make_shared<Node>();
    names_.Put(place.folder, place.name, node);
  }
  if (keep && node->bytes.size() < *keep) {
    return Status::Corrupt(
        fmt::format("{} holds {} bytes, but {} had been written to it: it was cut or replaced",
                    path, node->bytes.size(), *keep));
  }
  if (keep) node->Truncate(*keep);
  return std::unique_ptr<OutputFile>(new File(*this, std::move(node), path));
}

Result<std::string> PowerFiles::Read(const std::string& path) {
  const std::lock_guard lock(mutex_);
  LEAT_RETURN_IF_ERROR(Enter("read", path));
  const Place place(path);
  if (folders_.contains(place.whole)) return FileError("read", path, EISDIR);
  const std::shared_ptr<Node> node = names_.Find(place.folder, place.name);
  if (!node) return FileError("open", path, ENOENT);
  return node->bytes;
}

Status PowerFiles::Rename(const std::string& from, const std::string& to) {
  const std::lock_guard lock(mutex_);
  LEAT_RETURN_IF_ERROR(Enter("rename", from));
  const Place source(from), target(to);
  if (folders_.contains(source.whole) || folders_.contains(target.whole)) {
    return FileError("rename", from, EISDIR);
  }
  if (!names_.Find(source.folder, source.name) || !folders_.contains(target.folder)) {
    return FileError("rename", from, ENOENT);
  }
  names_.Move(source.folder, source.name, target.folder, target.name);
  return Status::Ok();
}

Status PowerFiles::Remove(const std::string& path) {
  const std::lock_guard lock(mutex_);
  LEAT_RETURN_IF_ERROR(Enter("remove", path));
  const Place place(path);
  if (folders_.contains(place.whole)) return FileError("remove", path, EISDIR);
  if (names_.Find(place.folder, place.name)) names_.Erase(place.folder, place.name);
  return Status::Ok();
}

Result<bool> PowerFiles::Exists(const std::string& path) {
  const std::lock_guard lock(mutex_);
  LEAT_RETURN_IF_ERROR(Enter("look at", path));
  const Place place(path);
  return folders_.contains(place.whole) || names_.Find(place.folder, place.name) != nullptr;
}

Result<std::vector<std::string>> PowerFiles::List(const std::string& folder) {
  const std::lock_guard lock(mutex_);
  LEAT_RETURN_IF_ERROR(Enter("list", folder));
  const Place place(folder);
  if (!folders_.contains(place.whole)) return FileError("list", folder, ENOENT);
  std::set<std::string> names;
  if (const auto* nodes = names_.In(place.whole)) {
    for (const auto& [name, node] : *nodes) names.insert(name);
  }
  for (const std::string& other : folders_) {
    const Place below(other);
    if (below.folder == place.whole && below.whole != place.whole) names.insert(below.name);
  }
  return std::vector<std::string>(names.begin(), names.end());
}

Status PowerFiles::MakeFolders(const std::string& folder) {
  const std::lock_guard lock(mutex_);
  LEAT_RETURN_IF_ERROR(Enter("make the folder", folder));
  std::vector<std::string> missing;
  Place place(folder);
  for (; !folders_.contains(place.whole); place = Place(place.folder)) {
    if (names_.Find(place.folder, place.name)) {
      return FileError("make the folder", folder, ENOTDIR);
    }
    missing.push_back(place.whole);
  }
  folders_.insert(missing.begin(), missing.end());
  return Status::Ok();
}

Status PowerFiles::SyncFolder(const std::string& folder) {
  const std::lock_guard lock(mutex_);
  LEAT_RETURN_IF_ERROR(Enter("sync", folder));
  const Place place(folder);
  if (!folders_.contains(place.whole)) return FileError("open", folder, ENOENT);
  names_.Sync(place.whole);
  return Status::Ok();
}

void PowerFiles::Crash() {
  const std::lock_guard lock(mutex_);
  crashed_ = true;
}

void PowerFiles::CrashAt(uint64_t operation) {
  const std::lock_guard lock(mutex_);
  crash_at_ = operation == 0 ? 0 : operations_ + operation;
}

bool PowerFiles::crashed() const {
  const std::lock_guard lock(mutex_);
  return crashed_;
}

void PowerFiles::Restart() {
  ++life_;
  crashed_ = false;
  crash_at_ = 0;
}

void PowerFiles::LosePower(const PowerLoss& loss) {
  const std::lock_guard lock(mutex_);
  names_.LosePower(loss);
  names_.ForEach([&](const std::string& folder, const std::string& name, Node& node) {
    node.LosePower(loss, folder + "/" + name);
  });
  Restart();
}

void PowerFiles::Kill() {
  const std::lock_guard lock(mutex_);
  Restart();
}

uint64_t PowerFiles::operations() const {
  const std::lock_guard lock(mutex_);
  return operations_;
}

}  // namespace leat
