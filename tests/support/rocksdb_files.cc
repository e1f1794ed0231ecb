#include "support/rocksdb_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

namespace leat {

using rocksdb::FileOptions;
using rocksdb::FSDirectory;
using rocksdb::FSWritableFile;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

namespace {

/// As RocksDB's own files report an error.
IOStatus Failed(const std::string& path, int error) {
  const std::string words = std::generic_category().message(error);
  if (error == ENOSPC) return IOStatus::NoSpace(path, words);
  if (error == ENOENT) return IOStatus::PathNotFound(path, words);
  return IOStatus::IOError(path, words);
}

}  // namespace

/// A file, which lives as long as a name may lead to it.
struct RocksdbFiles::Node {
  explicit Node(std::string second_name) : anchor(std::move(second_name)) {}
  ~Node() { ::unlink(anchor.c_str()); }
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  std::string anchor;  ///< The name of its own in the side folder.
  uint64_t synced = 0;
};

struct RocksdbFiles::Place {
  explicit Place(const std::string& path) {
    const std::filesystem::path normal = std::filesystem::path(path).lexically_normal();
    folder = FolderOf(normal.string());
    name = normal.filename().string();
  }
  std::string Path() const { return folder + "/" + name; }
  /// LOG, LOG.old.NNN and LOCK are nothing that a database relies on.
  bool LeftAlone() const { return name.starts_with("LOG") || name == "LOCK"; }
  std::string folder, name;
};

class RocksdbFiles::File final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  File(RocksdbFiles& files, std::string path, std::shared_ptr<Node> node,
       std::unique_ptr<FSWritableFile> target)
      : FSWritableFileOwnerWrapper(std::move(target)),
        files_(files),
        life_(files.life_),
        path_(std::move(path)),
        node_(std::move(node)) {}

  IOStatus Append(const Slice& data, const IOOptions& options, IODebugContext* debug) override {
    std::optional<FaultPlan::Failure> failure;
    const IOStatus may = Check(FileOp::kAppend, &failure);
    if (may.ok()) return FSWritableFileOwnerWrapper::Append(data, options, debug);
    if (failure && failure->written > 0) {
      const Slice part(data.data(), std::min<uint64_t>(failure->written, data.size()));
      const IOStatus written = FSWritableFileOwnerWrapper::Append(part, options, debug);
      if (!written.ok()) return written;
    }
    return may;
  }
  IOStatus Append(const Slice& data, const IOOptions& options, const rocksdb::DataVerificationInfo&,
                  IODebugContext* debug) override {
    return Append(data, options, debug);
  }
  IOStatus PositionedAppend(const Slice& data, uint64_t offset, const IOOptions& options,
                            IODebugContext* debug) override {
    const IOStatus may = Check(FileOp::kAppend);
    if (!may.ok()) return may;
    return FSWritableFileOwnerWrapper::PositionedAppend(data, offset, options, debug);
  }
  IOStatus PositionedAppend(const Slice& data, uint64_t offset, const IOOptions& options,
                            const rocksdb::DataVerificationInfo&, IODebugContext* debug) override {
    return PositionedAppend(data, offset, options, debug);
  }
  IOStatus Truncate(uint64_t size, const IOOptions& options, IODebugContext* debug) override {
    const IOStatus may = Check(FileOp::kTruncate);
    if (!may.ok()) return may;
    return FSWritableFileOwnerWrapper::Truncate(size, options, debug);
  }
  /// Bytes that come while it runs (see IsSyncThreadSafe) are not of those that it syncs.
  IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
    const uint64_t size = GetFileSize(options, debug);
    const IOStatus may = Check(FileOp::kSync);
    if (!may.ok()) return may;
    const std::lock_guard lock(files_.mutex_);
    node_->synced = std::max(node_->synced, size);
    return IOStatus::OK();
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    return Sync(options, debug);
  }
  /// Only a hint to begin with writing: nothing is durable then.
  IOStatus RangeSync(uint64_t, uint64_t, const IOOptions&, IODebugContext*) override {
    return IOStatus::OK();
  }

  /// No space ahead: closing a file that is dead would make it that long again.
  void PrepareWrite(size_t, size_t, const IOOptions&, IODebugContext*) override {}
  IOStatus Allocate(uint64_t, uint64_t, const IOOptions&, IODebugContext*) override {
    return IOStatus::OK();
  }

 private:
  IOStatus Check(FileOp op, std::optional<FaultPlan::Failure>* failure = nullptr) {
    {
      const std::lock_guard lock(files_.mutex_);
      if (life_ != files_.life_) return IOStatus::IOError(path_, "the machine has stopped");
    }
    return files_.Check(op, path_, {}, failure);
  }

  RocksdbFiles& files_;
  const uint64_t life_;
  const std::string path_;
  const std::shared_ptr<Node> node_;
};

class RocksdbFiles::Folder final : public rocksdb::FSDirectoryWrapper {
 public:
  Folder(RocksdbFiles& files, const std::string& path, std::unique_ptr<FSDirectory> target)
      : FSDirectoryWrapper(std::move(target)),
        files_(files),
        life_(files.life_),
        path_(Place(path + "/x").folder) {}

  IOStatus Fsync(const IOOptions&, IODebugContext*) override {
    const IOStatus may = files_.Check(FileOp::kSyncFolder, path_);
    if (!may.ok()) return may;
    const std::lock_guard lock(files_.mutex_);
    if (life_ != files_.life_) return IOStatus::IOError(path_, "the machine has stopped");
    files_.names_.Sync(path_);
    return IOStatus::OK();
  }
  IOStatus FsyncWithDirOptions(const IOOptions& options, IODebugContext* debug,
                               const rocksdb::DirFsyncOptions&) override {
    return Fsync(options, debug);
  }

 private:
  RocksdbFiles& files_;
  const uint64_t life_;
  const std::string path_;
};

RocksdbFiles::RocksdbFiles(FaultPlan& plan, std::string side)
    : FileSystemWrapper(rocksdb::FileSystem::Default()), plan_(plan), side_(std::move(side)) {
  std::filesystem::create_directories(side_);
}

RocksdbFiles::~RocksdbFiles() {
  std::error_code ignored;
  std::filesystem::remove_all(side_, ignored);
}

IOStatus RocksdbFiles::Check(FileOp op, const std::string& path, const std::string& other,
                             std::optional<FaultPlan::Failure>* failure) {
  {
    const std::lock_guard lock(mutex_);
    if (crashed_) return IOStatus::IOError(path, "the machine has stopped");
  }
  const auto planned = plan_.Next(op, path, other);
  if (!planned) return IOStatus::OK();
  if (failure) *failure = planned;
  return Failed(path, planned->error);
}

Result<std::shared_ptr<RocksdbFiles::Node>> RocksdbFiles::MakeNode(const std::string& path) {
  auto node = std::make_shared<Node>(side_ + "/" + std::to_string(nodes_++));
  if (::link(path.c_str(), node->anchor.c_str()) != 0) return FileError("link", path);
  return node;
}

std::shared_ptr<RocksdbFiles::Node> RocksdbFiles::Known(const Place& place) {
  if (place.LeftAlone()) return nullptr;
  if (auto node = names_.Find(place.folder, place.name)) return node;
  std::error_code error;
  const uint64_t size = std::filesystem::file_size(place.Path(), error);
  if (error) return nullptr;
  Result<std::shared_ptr<Node>> made = MakeNode(place.Path());
  if (!made.ok()) return nullptr;
  (*made)->synced = size;
  names_.Adopt(place.folder, place.name, *made);
  return *made;
}

IOStatus RocksdbFiles::NewWritableFile(const std::string& path, const FileOptions& options,
                                       std::unique_ptr<FSWritableFile>* file,
                                       IODebugContext* debug) {
  const Place place(path);
  if (place.LeftAlone()) return FileSystemWrapper::NewWritableFile(path, options, file, debug);
  const IOStatus may = Check(FileOp::kCreate, path);
  if (!may.ok()) return may;
  const std::lock_guard lock(mutex_);
  // What was there keeps its bytes under its second name.
  if (Known(place)) {
    if (::unlink(path.c_str()) != 0) return Failed(path, errno);
    names_.Erase(place.folder, place.name);
  }
  FileOptions plain = options;
  plain.use_mmap_writes = false;
  std::unique_ptr<FSWritableFile> target;
  const IOStatus opened = FileSystemWrapper::NewWritableFile(path, plain, &target, debug);
  if (!opened.ok()) return opened;
  Result<std::shared_ptr<Node>> node = MakeNode(path);
  if (!node.ok()) return IOStatus::IOError(std::string(node.status().message()));
  names_.Put(place.folder, place.name, *node);
  file->reset(new File(*this, path, *node, std::move(target)));
  return IOStatus::OK();
}

IOStatus RocksdbFiles::ReopenWritableFile(const std::string& path, const FileOptions& options,
                                          std::unique_ptr<FSWritableFile>* file,
                                          IODebugContext* debug) {
  const Place place(path);
  if (place.LeftAlone()) return FileSystemWrapper::ReopenWritableFile(path, options, file, debug);
  const IOStatus may = Check(FileOp::kOpen, path);
  if (!may.ok()) return may;
  const std::lock_guard lock(mutex_);
  std::shared_ptr<Node> node = Known(place);
  FileOptions plain = options;
  plain.use_mmap_writes = false;
  std::unique_ptr<FSWritableFile> target;
  const IOStatus opened = FileSystemWrapper::ReopenWritableFile(path, plain, &target, debug);
  if (!opened.ok()) return opened;
  if (!node) {
    Result<std::shared_ptr<Node>> made = MakeNode(path);
    if (!made.ok()) return IOStatus::IOError(std::string(made.status().message()));
    node = *made;
    names_.Put(place.folder, place.name, node);
  }
  file->reset(new File(*this, path, node, std::move(target)));
  return IOStatus::OK();
}

/// Without reuse: the old file goes, and a new one comes in its place.
IOStatus RocksdbFiles::ReuseWritableFile(const std::string& path, const std::string& old_path,
                                         const FileOptions& options,
                                         std::unique_ptr<FSWritableFile>* file,
                                         IODebugContext* debug) {
  const IOStatus renamed = RenameFile(old_path, path, options.io_options, debug);
  return renamed.ok() ? NewWritableFile(path, options, file, debug) : renamed;
}

IOStatus RocksdbFiles::NewRandomRWFile(const std::string& path, const FileOptions&,
                                       std::unique_ptr<rocksdb::FSRandomRWFile>*, IODebugContext*) {
  return IOStatus::NotSupported(path, "files are not written in place");
}

IOStatus RocksdbFiles::NewMemoryMappedFileBuffer(
    const std::string& path, std::unique_ptr<rocksdb::MemoryMappedFileBuffer>*) {
  return IOStatus::NotSupported(path, "files are not written in place");
}

IOStatus RocksdbFiles::NewDirectory(const std::string& path, const IOOptions& options,
                                    std::unique_ptr<FSDirectory>* folder, IODebugContext* debug) {
  std::unique_ptr<FSDirectory> target;
  const IOStatus opened = FileSystemWrapper::NewDirectory(path, options, &target, debug);
  if (!opened.ok()) return opened;
  const std::lock_guard lock(mutex_);
  folder->reset(new Folder(*this, path, std::move(target)));
  return IOStatus::OK();
}

IOStatus RocksdbFiles::DeleteFile(const std::string& path, const IOOptions& options,
                                  IODebugContext* debug) {
  const Place place(path);
  if (place.LeftAlone()) return FileSystemWrapper::DeleteFile(path, options, debug);
  const IOStatus may = Check(FileOp::kRemove, path);
  if (!may.ok()) return may;
  const std::lock_guard lock(mutex_);
  const bool known = Known(place) != nullptr;
  const IOStatus deleted = FileSystemWrapper::DeleteFile(path, options, debug);
  if (deleted.ok() && known) names_.Erase(place.folder, place.name);
  return deleted;
}

IOStatus RocksdbFiles::Truncate(const std::string& path, size_t size, const IOOptions& options,
                                IODebugContext* debug) {
  const IOStatus may = Check(FileOp::kTruncate, path);
  if (!may.ok()) return may;
  const std::lock_guard lock(mutex_);
  const std::shared_ptr<Node> node = Known(Place(path));
  const IOStatus cut = FileSystemWrapper::Truncate(path, size, options, debug);
  if (cut.ok() && node) node->synced = std::min<uint64_t>(node->synced, size);
  return cut;
}

IOStatus RocksdbFiles::CreateDir(const std::string& path, const IOOptions& options,
                                 IODebugContext* debug) {
  const IOStatus may = Check(FileOp::kMakeFolders, path);
  return may.ok() ? FileSystemWrapper::CreateDir(path, options, debug) : may;
}

IOStatus RocksdbFiles::CreateDirIfMissing(const std::string& path, const IOOptions& options,
                                          IODebugContext* debug) {
  const IOStatus may = Check(FileOp::kMakeFolders, path);
  return may.ok() ? FileSystemWrapper::CreateDirIfMissing(path, options, debug) : may;
}

IOStatus RocksdbFiles::DeleteDir(const std::string& path, const IOOptions& options,
                                 IODebugContext* debug) {
  const IOStatus may = Check(FileOp::kRemove, path);
  if (!may.ok()) return may;
  const std::lock_guard lock(mutex_);
  const IOStatus deleted = FileSystemWrapper::DeleteDir(path, options, debug);
  if (deleted.ok()) names_.DropFolder(Place(path + "/x").folder);
  return deleted;
}

IOStatus RocksdbFiles::RenameFile(const std::string& from, const std::string& to,
                                  const IOOptions& options, IODebugContext* debug) {
  const Place source(from), target(to);
  if (source.LeftAlone()) return FileSystemWrapper::RenameFile(from, to, options, debug);
  const IOStatus may = Check(FileOp::kRename, from, to);
  if (!may.ok()) return may;
  const std::lock_guard lock(mutex_);
  const bool known = Known(source) != nullptr;
  Known(target);  // It may have to come back.
  const IOStatus renamed = FileSystemWrapper::RenameFile(from, to, options, debug);
  if (renamed.ok() && known) names_.Move(source.folder, source.name, target.folder, target.name);
  return renamed;
}

IOStatus RocksdbFiles::LinkFile(const std::string& from, const std::string& to,
                                const IOOptions& options, IODebugContext* debug) {
  const IOStatus may = Check(FileOp::kCreate, to);
  if (!may.ok()) return may;
  const std::lock_guard lock(mutex_);
  const std::shared_ptr<Node> node = Known(Place(from));
  const IOStatus linked = FileSystemWrapper::LinkFile(from, to, options, debug);
  const Place place(to);
  if (linked.ok() && node) names_.Put(place.folder, place.name, node);
  return linked;
}

IOStatus RocksdbFiles::NumFileLinks(const std::string& path, const IOOptions& options,
                                    uint64_t* count, IODebugContext* debug) {
  const IOStatus counted = FileSystemWrapper::NumFileLinks(path, options, count, debug);
  const std::lock_guard lock(mutex_);
  const Place place(path);
  if (counted.ok() && names_.Find(place.folder, place.name)) --*count;  // Its second name.
  return counted;
}

void RocksdbFiles::Crash() {
  const std::lock_guard lock(mutex_);
  crashed_ = true;
}

void RocksdbFiles::Kill() {
  const std::lock_guard lock(mutex_);
  ++life_;
  crashed_ = false;
}

Status RocksdbFiles::LosePower(const PowerLoss& loss) {
  const std::lock_guard lock(mutex_);
  ++life_;
  crashed_ = false;
  names_.ForEach([&](const std::string& folder, const std::string& name, Node&) {
    ::unlink((folder + "/" + name).c_str());
  });
  names_.LosePower(loss);
  Status status;
  names_.ForEach([&](const std::string& folder, const std::string& name, Node& node) {
    if (!status.ok()) return;
    const std::string path = folder + "/" + name;
    std::error_code error;
    const uint64_t size = std::filesystem::file_size(node.anchor, error);
    if (error) {
      status = FileError("look at", node.anchor, error.value());
      return;
    }
    const uint64_t synced = std::min(node.synced, size);
    const TailLeft left = TailLeft::Draw(loss, name, size - synced);
    const int fd = ::open(node.anchor.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
      status = FileError("open", node.anchor);
      return;
    }
    node.synced = synced + left.kept;
    if (::ftruncate(fd, static_cast<off_t>(node.synced)) != 0) status = FileError("cut back", path);
    const std::string zeros(left.hole_to - left.hole_from, '\0');
    const ssize_t filled =
        ::pwrite(fd, zeros.data(), zeros.size(), static_cast<off_t>(synced + left.hole_from));
    if (filled != static_cast<ssize_t>(zeros.size())) status = FileError("write", path);
    ::close(fd);
    ::unlink(path.c_str());
    if (::link(node.anchor.c_str(), path.c_str()) != 0) status = FileError("link", path);
  });
  return status;
}

}  // namespace leat
