#include "state/rocksdb/rocksdb_store.h"

#include <fmt/format.h>
#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/options.h>
#include <rocksdb/sst_file_writer.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cstdarg>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

#include "state/rocksdb/read_ahead.h"

namespace leat {
namespace {

/// From here on a batch is written as files; and from here on what it holds of a family that comes
/// in order already while it is filled.
constexpr size_t kLargeBatch = size_t{4} << 20, kLargePart = size_t{8} << 20;
constexpr std::string_view kIngested = "incoming-";

/// Families whose keys come in order, nearly: their files do not overlap, and so cost nothing
/// later. Of windows, each file more would be one more to be looked into, and to be merged.
constexpr bool InOrder(Family family) {
  return family == Family::kPending || family == Family::kIds;
}

rocksdb::Slice AsSlice(std::string_view text) { return {text.data(), text.size()}; }
std::string_view AsView(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

Status FromRocks(const rocksdb::Status& status, const std::string& folder) {
  if (status.ok()) return Status::Ok();
  std::string message = fmt::format("{}: {}", folder, status.ToString());
  if (status.IsCorruption() || status.IsInvalidArgument() || status.IsPathNotFound()) {
    return Status::Corrupt(message +
                           "; start afresh with --fresh, take the log again with --rebuild, or "
                           "restore the folder from a copy");
  }
  return Status::Io(std::move(message));
}

/// Memory from the system, so that it goes back there.
struct Block {
  explicit Block(size_t bytes)
      : at(static_cast<char*>(
            ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))),
        size(bytes) {
    if (at == MAP_FAILED) throw std::bad_alloc();
  }
  Block(Block&& other) noexcept : at(std::exchange(other.at, nullptr)), size(other.size) {}
  Block& operator=(Block&&) = delete;
  ~Block() {
    if (at != nullptr) ::munmap(at, size);
  }
  char* at;
  size_t size;
};

/// Blocks that the next batch takes from the one before: memory that is new to the process costs
/// more than what is copied into it. Thread-safe.
class BlockPool {
 public:
  static constexpr size_t kBlock = size_t{1} << 20;
  explicit BlockPool(size_t most_bytes) : most_(most_bytes / kBlock) {}

  Block Take() {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) return Block(kBlock);
    Block block = std::move(free_.back());
    free_.pop_back();
    return block;
  }
  void Return(std::vector<Block>& blocks) {
    const std::lock_guard lock(mutex_);
    for (Block& block : blocks) {
      if (block.size == kBlock && free_.size() < most_) free_.push_back(std::move(block));
    }
  }

 private:
  const size_t most_;
  std::mutex mutex_;
  std::vector<Block> free_;
};

/// Bytes that stay where they are, in large blocks.
class Arena {
 public:
  explicit Arena(std::shared_ptr<BlockPool> pool) : pool_(std::move(pool)) {}
  ~Arena() { pool_->Return(blocks_); }
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  std::string_view Copy(std::string_view text) {
    if (text.size() > left_) {
      blocks_.push_back(text.size() > BlockPool::kBlock ? Block(text.size()) : pool_->Take());
      left_ = blocks_.back().size;
      next_ = blocks_.back().at;
    }
    char* const at = std::copy(text.begin(), text.end(), next_) - text.size();
    next_ += text.size();
    left_ -= text.size();
    return {at, text.size()};
  }

 private:
  const std::shared_ptr<BlockPool> pool_;
  std::vector<Block> blocks_;
  char* next_ = nullptr;
  size_t left_ = 0;
};

/// Waiting predictions are many: what is held of them becomes files while the batch is filled, on a
/// thread of its own, so that the memory that a batch takes does not grow with their number.
class RocksBatch final : public StateBatch {
 public:
  enum class Kind : uint8_t { kDeleteRange, kDelete, kPut };
  struct Change {
    Kind kind;
    std::string_view key, value;  ///< Of a range: where it ends.
    /// The key's first bytes as numbers, so that sorting seldom looks at the key.
    std::array<uint64_t, 2> order{};

    bool operator<(const Change& other) const {
      return order != other.order ? order < other.order : key < other.key;
    }
  };

  /// Changes of one family.
  struct Part {
    std::unique_ptr<Arena> arena;  ///< What they lie in.
    std::vector<Change> changes;
    size_t bytes = 0;
  };
  /// Writes a file of changes; may be called on any thread while the batch lives.
  using WriteFile =
      std::function<rocksdb::Status(size_t family, const std::string& path, Part& part)>;

  /// Files are `prefix`, the family's name and a number.
  RocksBatch(std::shared_ptr<BlockPool> pool, WriteFile write, std::string prefix)
      : pool_(std::move(pool)), write_(std::move(write)), prefix_(std::move(prefix)) {}
  ~RocksBatch() override { Wait(); }

  void Put(Family family, std::string_view key, std::string_view value) override {
    Add(family, Kind::kPut, key, value);
  }
  void Delete(Family family, std::string_view key) override { Add(family, Kind::kDelete, key, {}); }
  void DeleteRange(Family family, std::string_view from, std::string_view to) override {
    Add(family, Kind::kDeleteRange, from, to);
  }
  size_t bytes() const override { return bytes_; }

  /// What is in no file yet.
  std::vector<Change>& changes(size_t family) { return parts_[family].changes; }
  bool has_files() const {
    return std::any_of(files_.begin(), files_.end(),
                       [](const auto& some) { return !some.empty(); });
  }
  /// Of a family, later changes in later ones.
  const std::vector<std::string>& files(size_t family) const { return files_[family]; }
  /// Makes files of all that is in none yet.
  rocksdb::Status WriteRest() {
    Wait();
    for (size_t family = 0; family < kFamilies && status_.ok(); ++family) {
      Part& part = parts_[family];
      if (!part.changes.empty()) status_ = write_(family, NextFile(family), part);
    }
    return status_;
  }

 private:
  void Add(Family family, Kind kind, std::string_view key, std::string_view value) {
    Part& part = parts_[static_cast<size_t>(family)];
    if (!part.arena) part.arena = std::make_unique<Arena>(pool_);
    Change change{kind, part.arena->Copy(key), part.arena->Copy(value)};
    for (size_t i = 0; i < change.order.size(); ++i) {
      std::array<char, 8> bytes{};
      key.substr(std::min(8 * i, key.size())).copy(bytes.data(), bytes.size());
      change.order[i] = OrderedU64({bytes.data(), bytes.size()});
    }
    part.changes.push_back(change);
    bytes_ += key.size() + value.size();
    part.bytes += key.size() + value.size() + sizeof(Change);
    if (InOrder(family) && part.bytes >= kLargePart) WriteMeanwhile(static_cast<size_t>(family));
  }
  /// One file at a time: whoever fills the batch faster than it is written waits.
  void WriteMeanwhile(size_t family) {
    Wait();
    Part part = std::exchange(parts_[family], {});
    if (!status_.ok()) return;
    writing_ = std::async(std::launch::async, [this, family, path = NextFile(family),
                                               part = std::move(part)]() mutable {
      return write_(family, path, part);
    });
  }
  void Wait() {
    if (writing_.valid()) status_ = writing_.get();
  }
  const std::string& NextFile(size_t family) {
    std::vector<std::string>& files = files_[family];
    return files.emplace_back(fmt::format("{}{}-{}", prefix_, kFamilyNames[family], files.size()));
  }

  const std::shared_ptr<BlockPool> pool_;
  const WriteFile write_;
  const std::string prefix_;
  std::array<Part, kFamilies> parts_;
  std::array<std::vector<std::string>, kFamilies> files_;
  size_t bytes_ = 0;
  std::future<rocksdb::Status> writing_;
  rocksdb::Status status_;  ///< Of the files so far.
};

/// A store that is only read leaves no log of what it did either.
class NoLog final : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
};

/// The file LOG, made when there is a first warning. RocksDB's own begins with some 500 lines about
/// options, each written by itself, which is half of what opening a store takes.
class Warnings final : public rocksdb::Logger {
 public:
  Warnings(rocksdb::Env* env, std::string path)
      : rocksdb::Logger(rocksdb::InfoLogLevel::WARN_LEVEL), env_(env), path_(std::move(path)) {}
  using rocksdb::Logger::Logv;
  void Logv(const char* format, va_list arguments) override {
    const std::lock_guard lock(mutex_);
    if (lines_++ == 0) static_cast<void>(env_->NewLogger(path_, &file_));
    if (file_ && lines_ < kMostLines) file_->Logv(format, arguments);
  }

 private:
  static constexpr size_t kMostLines = 10'000;
  rocksdb::Env* const env_;
  const std::string path_;
  std::mutex mutex_;
  std::shared_ptr<rocksdb::Logger> file_;
  size_t lines_ = 0;
};

rocksdb::Env* EnvOf(const RocksStoreOptions& options) {
  return options.env != nullptr ? options.env : rocksdb::Env::Default();
}

rocksdb::DBOptions DatabaseOptions(const RocksStoreOptions& options) {
  rocksdb::DBOptions db;
  if (options.env != nullptr) db.env = options.env;
  db.create_if_missing = !options.read_only;
  db.create_missing_column_families = !options.read_only;
  if (options.read_only) {
    db.info_log = std::make_shared<NoLog>();
  } else {
    db.info_log = std::make_shared<Warnings>(EnvOf(options), options.folder + "/LOG");
  }
  db.paranoid_checks = true;
  db.max_background_jobs = 2;
  db.max_file_opening_threads = 1;  // To start a thread takes longer than to open a file.
  db.skip_stats_update_on_db_open = true;
  db.max_bgerror_resume_count = 0;
  db.db_write_buffer_size = options.memory / 4;
  db.max_total_wal_size = uint64_t{32} << 20;  // A start reads it all.
  db.bytes_per_sync = uint64_t{1} << 20;
  db.db_host_id = "";  // A state may be handed on; where it was made is nobody's business.
  // A torn tail is what a crash leaves; anything else in the log is damage.
  db.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  return db;
}

rocksdb::ColumnFamilyOptions FamilyOptions(const RocksStoreOptions& options,
                                           const std::shared_ptr<rocksdb::Cache>& cache,
                                           bool windows) {
  rocksdb::ColumnFamilyOptions family;
  family.write_buffer_size =
      std::clamp<size_t>(options.memory / 4, size_t{1} << 20, size_t{64} << 20);
  family.level_compaction_dynamic_level_bytes = true;
  if (windows) {
    // Every snapshot holds keys from everywhere, and level by level each of them would be rewritten
    // some ten times; like this four times. Filters say which of the files has a key.
    family.compaction_style = rocksdb::kCompactionStyleUniversal;
    family.compaction_options_universal.max_size_amplification_percent = 100;
    family.level0_file_num_compaction_trigger = 6;
  }
  // Windows are read and rewritten all the time, and mostly do not get much smaller.
  family.compression = windows ? rocksdb::kNoCompression : rocksdb::kLZ4Compression;
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  family.optimize_filters_for_hits = true;  // Only keys that are there are asked for.
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.format_version = 5;
  family.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return family;
}

class RocksStore final : public StateStore {
 public:
  explicit RocksStore(const RocksStoreOptions& options)
      : folder_(options.folder), blocks_(std::make_shared<BlockPool>(options.memory / 2)) {}
  ~RocksStore() override {
    ahead_.reset();
    if (!db_) return;
    for (rocksdb::ColumnFamilyHandle* handle : all_) db_->DestroyColumnFamilyHandle(handle);
    static_cast<void>(db_->Close());
  }

  Status Open(const RocksStoreOptions& options) {
    const auto cache = rocksdb::NewLRUCache(options.memory / 4);
    for (size_t i = 0; i < kFamilies; ++i) {
      family_options_[i] =
          FamilyOptions(options, cache, static_cast<Family>(i) == Family::kWindows);
    }
    std::vector<rocksdb::ColumnFamilyDescriptor> descriptors = {
        {rocksdb::kDefaultColumnFamilyName, {}}};
    for (const std::string_view name : kFamilyNames) {
      descriptors.emplace_back(std::string(name), family_options_[descriptors.size() - 1]);
    }
    rocksdb::DB* db = nullptr;
    const rocksdb::DBOptions database = DatabaseOptions(options);
    LEAT_RETURN_IF_ERROR(FromRocks(
        options.read_only ? rocksdb::DB::OpenForReadOnly(database, folder_, descriptors, &all_, &db)
                          : rocksdb::DB::Open(database, folder_, descriptors, &all_, &db),
        folder_));
    db_.reset(db);
    if (!options.read_only) LEAT_RETURN_IF_ERROR(RemoveFiles());
    std::copy(all_.begin() + 1, all_.end(), families_.begin());
    ahead_ = std::make_unique<ReadAhead>([this](std::string_view key, std::string& value) {
      const Result<bool> found = Read(Family::kWindows, key, value);
      return found.ok() && *found;
    });
    return Status::Ok();
  }

  std::unique_ptr<StateBatch> NewBatch() const override {
    return std::make_unique<RocksBatch>(
        blocks_,
        [this](size_t family, const std::string& path, RocksBatch::Part& part) {
          return WriteFile(family, path, part);
        },
        fmt::format("{}/{}", folder_, kIngested));
  }

  Status Write(StateBatch& batch) override {
    LEAT_RETURN_IF_ERROR(status_);
    auto& own = static_cast<RocksBatch&>(batch);
    const bool large = own.has_files() || own.bytes() >= kLargeBatch;
    ahead_->Written();
    status_ = FromRocks(large ? WriteAsFiles(own) : WriteThroughLog(own), folder_);
    ahead_->Written();
    return status_;
  }

  void Expect(Family family, std::string_view key) const override {
    if (family == Family::kWindows) ahead_->Expect(key);
  }

  Result<bool> Get(Family family, std::string_view key, std::string& value) const override {
    if (family == Family::kWindows && ahead_->Take(key, value)) return true;
    return Read(family, key, value);
  }

  Status Scan(
      Family family, std::string_view prefix,
      const std::function<Status(std::string_view, std::string_view)>& visit) const override {
    rocksdb::ReadOptions read;
    read.fill_cache = false;
    read.readahead_size = size_t{2} << 20;
    const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(read, At(family)));
    for (it->Seek(AsSlice(prefix)); it->Valid(); it->Next()) {
      if (!AsView(it->key()).starts_with(prefix)) break;
      LEAT_RETURN_IF_ERROR(visit(AsView(it->key()), AsView(it->value())));
    }
    return FromRocks(it->status(), folder_);
  }

  uint64_t DiskBytes() const override {
    std::vector<rocksdb::LiveFileStorageInfo> files;
    uint64_t bytes = 0;
    if (db_->GetLiveFilesStorageInfo({}, &files).ok()) {
      for (const auto& file : files) bytes += file.size;
    }
    return bytes;
  }

 private:
  using Kind = RocksBatch::Kind;
  static bool IsPoint(const RocksBatch::Change& change) {
    return change.kind != Kind::kDeleteRange;
  }

  static void RangesFirst(std::vector<RocksBatch::Change>& changes) {
    std::stable_partition(changes.begin(), changes.end(),
                          [](const RocksBatch::Change& change) { return !IsPoint(change); });
  }

  /// Those of a write that a crash cut short.
  Status RemoveFiles() const {
    rocksdb::Env* const env = db_->GetEnv();
    std::vector<std::string> names;
    LEAT_RETURN_IF_ERROR(FromRocks(env->GetChildren(folder_, &names), folder_));
    for (const std::string& name : names) {
      if (!name.starts_with(kIngested)) continue;
      LEAT_RETURN_IF_ERROR(FromRocks(env->DeleteFile(folder_ + "/" + name), folder_));
    }
    return Status::Ok();
  }

  rocksdb::ColumnFamilyHandle* At(Family family) const {
    return families_[static_cast<size_t>(family)];
  }

  Result<bool> Read(Family family, std::string_view key, std::string& value) const {
    rocksdb::PinnableSlice slice(&value);
    rocksdb::ReadOptions read;
    read.fill_cache = family != Family::kWindows;  // Whoever asks keeps what is read.
    const rocksdb::Status done = db_->Get(read, At(family), AsSlice(key), &slice);
    if (done.IsNotFound()) return false;
    LEAT_RETURN_IF_ERROR(FromRocks(done, folder_));
    if (slice.IsPinned()) value.assign(slice.data(), slice.size());
    return true;
  }

  rocksdb::Status WriteThroughLog(RocksBatch& own) {
    rocksdb::WriteBatch batch;
    for (size_t family = 0; family < kFamilies; ++family) {
      RangesFirst(own.changes(family));
      for (const RocksBatch::Change& change : own.changes(family)) {
        rocksdb::Status added;
        switch (change.kind) {
          case Kind::kPut:
            added = batch.Put(families_[family], AsSlice(change.key), AsSlice(change.value));
            break;
          case Kind::kDelete:
            added = batch.Delete(families_[family], AsSlice(change.key));
            break;
          case Kind::kDeleteRange:
            added =
                batch.DeleteRange(families_[family], AsSlice(change.key), AsSlice(change.value));
            break;
        }
        if (!added.ok()) return added;
      }
    }
    rocksdb::WriteOptions write;
    write.sync = true;
    return db_->Write(write, &batch);
  }

  /// A large batch becomes sorted files that are taken in together: the log and the table in memory
  /// would write and sort everything once more.
  rocksdb::Status WriteAsFiles(RocksBatch& own) {
    const rocksdb::Status written = own.WriteRest();
    if (!written.ok()) return written;
    std::vector<rocksdb::IngestExternalFileArg> files;
    for (size_t family = 0; family < kFamilies; ++family) {
      if (own.files(family).empty()) continue;
      rocksdb::IngestExternalFileArg& some = files.emplace_back();
      some.column_family = families_[family];
      some.external_files = own.files(family);
      some.options.move_files = true;
      some.options.write_global_seqno = false;
    }
    return db_->IngestExternalFiles(files);
  }

  rocksdb::Status WriteFile(size_t family, const std::string& path, RocksBatch::Part& part) const {
    // Of one key the last change stands; ranges do not touch what the same batch holds.
    std::vector<RocksBatch::Change>& changes = part.changes;
    RangesFirst(changes);
    const auto points = std::find_if(changes.begin(), changes.end(), IsPoint);
    if (!std::is_sorted(points, changes.end())) std::stable_sort(points, changes.end());
    // The files stay in the system's cache: they are soon read again.
    rocksdb::SstFileWriter writer(rocksdb::EnvOptions(),
                                  rocksdb::Options(db_->GetDBOptions(), family_options_[family]),
                                  nullptr, false);
    rocksdb::Status done = writer.Open(path);
    for (auto it = changes.begin(); it != points && done.ok(); ++it) {
      done = writer.DeleteRange(AsSlice(it->key), AsSlice(it->value));
    }
    for (auto it = points; it != changes.end() && done.ok(); ++it) {
      if (it + 1 != changes.end() && (it + 1)->key == it->key) continue;
      done = it->kind == Kind::kPut ? writer.Put(AsSlice(it->key), AsSlice(it->value))
                                    : writer.Delete(AsSlice(it->key));
    }
    return done.ok() ? writer.Finish() : done;
  }

  const std::string folder_;
  const std::shared_ptr<BlockPool> blocks_;  ///< Which batches share.
  std::array<rocksdb::ColumnFamilyOptions, kFamilies> family_options_;
  std::unique_ptr<rocksdb::DB> db_;
  std::vector<rocksdb::ColumnFamilyHandle*> all_;
  std::array<rocksdb::ColumnFamilyHandle*, kFamilies> families_{};
  Status status_;
  /// Of windows; while the database is open.
  std::unique_ptr<ReadAhead> ahead_;
};

}  // namespace

Result<bool> RocksStorage::Exists() {
  std::vector<std::string> names;
  const rocksdb::Status looked = EnvOf(options_)->GetChildren(options_.folder, &names);
  if (looked.IsNotFound()) return false;
  LEAT_RETURN_IF_ERROR(FromRocks(looked, options_.folder));
  return std::any_of(names.begin(), names.end(),
                     [](const std::string& name) { return name != "." && name != ".."; });
}

/// A database without its file CURRENT is damaged; unless there is nothing but what comes before it
/// when one is made: then that was cut short, and it is made anew.
Status RocksStorage::CheckCurrent() const {
  rocksdb::Env* const env = EnvOf(options_);
  const rocksdb::Status current = env->FileExists(options_.folder + "/CURRENT");
  if (current.ok()) return Status::Ok();
  if (!current.IsNotFound()) return FromRocks(current, options_.folder);
  std::vector<std::string> names;
  const rocksdb::Status looked = env->GetChildren(options_.folder, &names);
  if (looked.IsNotFound()) return Status::Ok();
  LEAT_RETURN_IF_ERROR(FromRocks(looked, options_.folder));
  const bool cut_short = std::all_of(names.begin(), names.end(), [](const std::string& name) {
    return name == "." || name == ".." || name == "LOCK" || name == "IDENTITY" ||
           name == "MANIFEST-000001" || name.ends_with(".dbtmp") || name.starts_with("LOG");
  });
  if (cut_short) return Status::Ok();
  return FromRocks(rocksdb::Status::Corruption("its file CURRENT is missing"), options_.folder);
}

Result<std::unique_ptr<StateStore>> RocksStorage::Open() {
  LEAT_RETURN_IF_ERROR(CheckCurrent());
  auto store = std::make_unique<RocksStore>(options_);
  LEAT_RETURN_IF_ERROR(store->Open(options_));
  return std::unique_ptr<StateStore>(std::move(store));
}

Status RocksStorage::Remove() {
  LEAT_ASSIGN_OR_RETURN(const bool exists, Exists());
  if (!exists) return Status::Ok();
  rocksdb::Options all;
  all.env = EnvOf(options_);
  std::vector<rocksdb::ColumnFamilyDescriptor> families = {{rocksdb::kDefaultColumnFamilyName, {}}};
  for (const std::string_view name : kFamilyNames) families.emplace_back().name = name;
  return FromRocks(rocksdb::DestroyDB(options_.folder, all, families), options_.folder);
}

}  // namespace leat
