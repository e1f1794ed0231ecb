/// A RocksDB file system on real files that fails by plan and can forget what was not synced.
///
/// It hands everything to RocksDB's default file system and keeps book: of each file how many bytes
/// were synced, of each folder which names were. LosePower then makes the folder what a disk would
/// hold: files are cut back, names made, moved or removed since their folder was synced are undone.
/// Nothing is really synced, which also makes it fast. The plan (faulty_files.h) is asked before
/// each create, reopening, append, sync, truncation, rename, removal and folder sync.
///
///   FaultPlan plan;
///   auto files = std::make_shared<RocksdbFiles>(plan, side);
///   std::unique_ptr<rocksdb::Env> env = rocksdb::NewCompositeEnv(files);
///   ... open and use a database with options.env = env.get() ...
///   files->Crash();    // From here on the database can write nothing more.
///   delete db;
///   files->LosePower(seed);
///
/// Limits: folders are durable once made; a file that is cut below what was synced stays cut;
/// RocksDB's text log and its lock are left alone; files are not written in place (no memory maps,
/// no NewRandomRWFile). Thread safety: as RocksDB asks; LosePower and Kill want no other call then.
#pragma once

#include <rocksdb/file_system.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "leat/status.h"
#include "support/faulty_files.h"
#include "support/power_loss.h"

namespace leat {

class RocksdbFiles final : public rocksdb::FileSystemWrapper {
 public:
  /// `side` is a folder of its own that it makes and removes, on the disk of the databases and in
  /// none of them: there each file has a second name, by which it can be had back. `plan` outlives
  /// it.
  RocksdbFiles(FaultPlan& plan, std::string side);
  ~RocksdbFiles() override;
  const char* Name() const override { return "RocksdbFiles"; }

  /// Until LosePower or Kill everything that would change the disk fails.
  void Crash();
  /// The machine starts again with what the disk has kept. Files that are still open are dead. Io
  /// if the real files cannot be changed.
  Status LosePower(const PowerLoss& loss);
  Status LosePower(uint64_t seed) { return LosePower(PowerLoss{.seed = seed}); }
  /// The process was killed, and the machine went on: what was written is there, though no more
  /// durable than it was. Files that are still open are dead.
  void Kill();

  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus ReopenWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                       std::unique_ptr<rocksdb::FSWritableFile>* file,
                                       rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus ReuseWritableFile(const std::string& path, const std::string& old_path,
                                      const rocksdb::FileOptions& options,
                                      std::unique_ptr<rocksdb::FSWritableFile>* file,
                                      rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus NewRandomRWFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSRandomRWFile>* file,
                                    rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus NewMemoryMappedFileBuffer(
      const std::string& path, std::unique_ptr<rocksdb::MemoryMappedFileBuffer>* buffer) override;
  rocksdb::IOStatus NewDirectory(const std::string& path, const rocksdb::IOOptions& options,
                                 std::unique_ptr<rocksdb::FSDirectory>* folder,
                                 rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus DeleteFile(const std::string& path, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus Truncate(const std::string& path, size_t size,
                             const rocksdb::IOOptions& options,
                             rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus CreateDir(const std::string& path, const rocksdb::IOOptions& options,
                              rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus CreateDirIfMissing(const std::string& path, const rocksdb::IOOptions& options,
                                       rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus DeleteDir(const std::string& path, const rocksdb::IOOptions& options,
                              rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to,
                               const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus LinkFile(const std::string& from, const std::string& to,
                             const rocksdb::IOOptions& options,
                             rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus NumFileLinks(const std::string& path, const rocksdb::IOOptions& options,
                                 uint64_t* count, rocksdb::IODebugContext* debug) override;

 private:
  class File;
  class Folder;
  struct Node;
  struct Place;
  /// What the plan or a crash says about an operation; `failure` is set if the plan said it.
  rocksdb::IOStatus Check(FileOp op, const std::string& path, const std::string& other,
                          std::optional<FaultPlan::Failure>* failure = nullptr);
  rocksdb::IOStatus Check(FileOp op, const std::string& path) { return Check(op, path, {}); }
  /// The node of a file that is there, which is taken for synced if it was never seen before; null
  /// if there is none, or it is left alone. REQUIRES the lock.
  std::shared_ptr<Node> Known(const Place& place);
  /// A node for a file that was just made. REQUIRES the lock.
  Result<std::shared_ptr<Node>> MakeNode(const std::string& path);

  FaultPlan& plan_;
  const std::string side_;
  std::mutex mutex_;
  NameTable<Node> names_;
  uint64_t nodes_ = 0;
  uint64_t life_ = 0;  ///< Files opened in earlier ones are dead.
  bool crashed_ = false;
};

}  // namespace leat
