/// State kept in RocksDB: a column family per kind of state, batches written atomically and synced.
///
/// Errors: Corrupt when the folder holds something else, or something damaged; Io when the disk
/// fails, after which nothing more is written (RocksDB's own attempts to resume are turned off: a
/// sync that failed once may have lost what it was to keep).
#pragma once

#include <memory>
#include <string>

#include "state/store.h"

namespace rocksdb {
class Env;
}

namespace leat {

struct RocksStoreOptions {
  std::string folder;
  /// Bytes for RocksDB's own use: blocks read lately, and changes not yet in sorted files.
  uint64_t memory = uint64_t{128} << 20;
  /// Changes nothing in the folder; Write fails. There must be a store.
  bool read_only = false;
  rocksdb::Env* env = nullptr;  ///< Instead of the system's files; outlives the store.
};

class RocksStorage final : public StateStorage {
 public:
  explicit RocksStorage(RocksStoreOptions options) : options_(std::move(options)) {}
  Result<bool> Exists() override;
  Result<std::unique_ptr<StateStore>> Open() override;
  Status Remove() override;

 private:
  Status CheckCurrent() const;
  RocksStoreOptions options_;
};

}  // namespace leat
