// What durability costs at least: a sync of the journal against a bare one, and a key read back
// from the store against RocksDB as it comes. In the folder that TMPDIR names.
#include <benchmark/benchmark.h>
#include <rocksdb/db.h>
#include <rocksdb/options.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <random>
#include <string>

#include "base/file_system.h"
#include "base/hash.h"
#include "runtime/journal.h"
#include "state/rocksdb/rocksdb_store.h"

namespace leat {
namespace {

constexpr uint64_t kKeys = 1'000'000;
constexpr size_t kValueBytes = 250;  // About the windows of a key of bench/state/keyed.yaml.

/// A folder that goes when it is needed no more.
class Folder {
 public:
  explicit Folder(const char* name)
      : path_(std::filesystem::temp_directory_path() / (std::string("leat-bench-") + name)) {
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

std::string KeyAt(uint64_t index) {
  std::string key;
  AppendOrdered(key, uint64_t{0});
  AppendOrdered(key, Mix64(index + 1));
  return key;
}

std::string ValueAt(uint64_t index) {
  std::string value(kValueBytes, '\0');
  std::mt19937_64 random(index);
  for (size_t at = 0; at < kValueBytes / 2; ++at) value[at] = static_cast<char>(random());
  return value;
}

void BareSync(benchmark::State& state) {
  const Folder folder("sync");
  auto file = PosixFiles().Create(folder.path() + "/file");
  const std::string entry(100, 'x');
  for (auto _ : state) {
    if (!(*file)->Append(entry).ok() || !(*file)->Sync().ok()) state.SkipWithError("the disk");
  }
}
BENCHMARK(BareSync)->UseRealTime();

void JournalAppend(benchmark::State& state) {
  const Folder folder("journal");
  Journal journal(folder.path(), PosixFiles());
  if (!journal.Begin(1, 0).ok()) state.SkipWithError("the disk");
  Epoch epoch;
  for (auto _ : state) {
    ++epoch.number;
    if (!journal.Append(std::span(&epoch, 1)).ok()) state.SkipWithError("the disk");
  }
}
BENCHMARK(JournalAppend)->UseRealTime();

void StoreGet(benchmark::State& state) {
  const Folder folder("store");
  RocksStorage storage({.folder = folder.path() + "/store"});
  auto store = std::move(storage.Open()).value();
  for (uint64_t index = 0; index < kKeys;) {
    const auto batch = store->NewBatch();
    for (const uint64_t end = index + kKeys / 8; index < end; ++index) {
      batch->Put(Family::kWindows, KeyAt(index), ValueAt(index));
    }
    if (!store->Write(*batch).ok()) return state.SkipWithError("the disk");
  }
  std::mt19937_64 random(1);
  std::string value;
  for (auto _ : state) {
    const auto found = store->Get(Family::kWindows, KeyAt(random() % kKeys), value);
    if (!found.ok() || !*found) state.SkipWithError("a key is missing");
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(StoreGet)->Iterations(300'000);

void RocksAsItComes(benchmark::State& state) {
  const Folder folder("rocks");
  rocksdb::Options options;
  options.create_if_missing = true;
  rocksdb::DB* opened = nullptr;
  if (!rocksdb::DB::Open(options, folder.path() + "/db", &opened).ok()) {
    return state.SkipWithError("the disk");
  }
  const std::unique_ptr<rocksdb::DB> db(opened);
  for (uint64_t index = 0; index < kKeys; ++index) {
    if (!db->Put({}, KeyAt(index), ValueAt(index)).ok()) return state.SkipWithError("the disk");
  }
  if (!db->Flush({}).ok()) return state.SkipWithError("the disk");
  std::mt19937_64 random(1);
  std::string value;
  for (auto _ : state) {
    if (!db->Get({}, KeyAt(random() % kKeys), &value).ok()) state.SkipWithError("a key is missing");
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(RocksAsItComes)->Iterations(300'000);

}  // namespace
}  // namespace leat
