#include "state/rocksdb/rocksdb_store.h"

#include <fmt/format.h>
#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <array>
#include <vector>

namespace leat {
namespace {

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

class RocksBatch final : public StateBatch {
 public:
  using Handles = std::array<rocksdb::ColumnFamilyHandle*, kFamilies>;
  explicit RocksBatch(const Handles& handles) : handles_(handles) {}

  void Put(Family family, std::string_view key, std::string_view value) override {
    Note(batch.Put(At(family), AsSlice(key), AsSlice(value)));
  }
  void Delete(Family family, std::string_view key) override {
    Note(batch.Delete(At(family), AsSlice(key)));
  }
  void DeleteRange(Family family, std::string_view from, std::string_view to) override {
    Note(batch.DeleteRange(At(family), AsSlice(from), AsSlice(to)));
  }
  size_t bytes() const override { return batch.GetDataSize(); }

  rocksdb::WriteBatch batch;
  rocksdb::Status status;

 private:
  rocksdb::ColumnFamilyHandle* At(Family family) const {
    return handles_[static_cast<size_t>(family)];
  }
  void Note(const rocksdb::Status& done) {
    if (!done.ok() && status.ok()) status = done;
  }
  const Handles& handles_;
};

rocksdb::DBOptions DatabaseOptions(const RocksStoreOptions& options) {
  rocksdb::DBOptions db;
  if (options.env != nullptr) db.env = options.env;
  db.create_if_missing = true;
  db.create_missing_column_families = true;
  db.paranoid_checks = true;
  db.max_background_jobs = 2;
  db.max_bgerror_resume_count = 0;
  db.db_write_buffer_size = options.memory / 2;
  db.max_total_wal_size = options.memory;
  db.bytes_per_sync = uint64_t{1} << 20;
  db.info_log_level = rocksdb::WARN_LEVEL;
  db.max_log_file_size = size_t{1} << 20;
  db.keep_log_file_num = 2;
  // A torn tail is what a crash leaves; anything else in the log is damage.
  db.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  return db;
}

rocksdb::ColumnFamilyOptions FamilyOptions(const RocksStoreOptions& options,
                                           const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::ColumnFamilyOptions family;
  family.write_buffer_size =
      std::clamp<size_t>(options.memory / 4, size_t{1} << 20, size_t{64} << 20);
  family.level_compaction_dynamic_level_bytes = true;
  family.compression = rocksdb::kLZ4Compression;
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.cache_index_and_filter_blocks = true;
  table.format_version = 5;
  family.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return family;
}

class RocksStore final : public StateStore {
 public:
  explicit RocksStore(std::string folder) : folder_(std::move(folder)) {}
  ~RocksStore() override {
    if (!db_) return;
    for (rocksdb::ColumnFamilyHandle* handle : all_) db_->DestroyColumnFamilyHandle(handle);
    static_cast<void>(db_->Close());
  }

  Status Open(const RocksStoreOptions& options) {
    const auto cache = rocksdb::NewLRUCache(options.memory / 2);
    const rocksdb::ColumnFamilyOptions family = FamilyOptions(options, cache);
    std::vector<rocksdb::ColumnFamilyDescriptor> descriptors = {
        {rocksdb::kDefaultColumnFamilyName, family}};
    for (const std::string_view name : kFamilyNames) {
      descriptors.emplace_back(std::string(name), family);
    }
    rocksdb::DB* db = nullptr;
    LEAT_RETURN_IF_ERROR(FromRocks(
        rocksdb::DB::Open(DatabaseOptions(options), folder_, descriptors, &all_, &db), folder_));
    db_.reset(db);
    std::copy(all_.begin() + 1, all_.end(), families_.begin());
    return Status::Ok();
  }

  std::unique_ptr<StateBatch> NewBatch() const override {
    return std::make_unique<RocksBatch>(families_);
  }

  Status Write(StateBatch& batch) override {
    LEAT_RETURN_IF_ERROR(status_);
    auto& own = static_cast<RocksBatch&>(batch);
    rocksdb::WriteOptions write;
    write.sync = true;
    rocksdb::Status done = own.status;
    if (done.ok()) done = db_->Write(write, &own.batch);
    return status_ = FromRocks(done, folder_);
  }

  Result<bool> Get(Family family, std::string_view key, std::string& value) const override {
    rocksdb::PinnableSlice slice(&value);
    const rocksdb::Status done = db_->Get(rocksdb::ReadOptions(), At(family), AsSlice(key), &slice);
    if (done.IsNotFound()) return false;
    LEAT_RETURN_IF_ERROR(FromRocks(done, folder_));
    if (slice.IsPinned()) value.assign(slice.data(), slice.size());
    return true;
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
  rocksdb::ColumnFamilyHandle* At(Family family) const {
    return families_[static_cast<size_t>(family)];
  }

  const std::string folder_;
  std::unique_ptr<rocksdb::DB> db_;
  std::vector<rocksdb::ColumnFamilyHandle*> all_;
  RocksBatch::Handles families_{};
  Status status_;
};

rocksdb::Env* EnvOf(const RocksStoreOptions& options) {
  return options.env != nullptr ? options.env : rocksdb::Env::Default();
}

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
  auto store = std::make_unique<RocksStore>(options_.folder);
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
