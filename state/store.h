/// Where state is kept between runs: families of (key, value), changed together or not at all.
///
/// What each family holds is described in state/FORMAT.md. Keys are ordered by their bytes.
/// Thread safety: one thread may write while others read; a reader sees all of a batch or nothing
/// of it. Errors: Io when the disk fails (after a failed write nothing more is written), Corrupt
/// when what is read is damaged.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "leat/status.h"

namespace leat {

/// Kinds of state.
enum class Family : uint8_t { kManifest, kParts, kWindows, kPending, kIds };
inline constexpr std::string_view kFamilyNames[] = {"manifest", "parts", "windows", "pending",
                                                    "ids"};
inline constexpr size_t kFamilies = std::size(kFamilyNames);

/// Changes that become visible together, later ones over earlier ones; but a range that is deleted
/// never touches what the same batch puts.
class StateBatch {
 public:
  virtual ~StateBatch() = default;
  virtual void Put(Family family, std::string_view key, std::string_view value) = 0;
  virtual void Delete(Family family, std::string_view key) = 0;
  /// Deletes every key in [from, to).
  virtual void DeleteRange(Family family, std::string_view from, std::string_view to) = 0;
  virtual size_t bytes() const = 0;
};

class StateStore {
 public:
  virtual ~StateStore() = default;
  virtual std::unique_ptr<StateBatch> NewBatch() const = 0;
  /// Makes a batch of this store durable: it is there after a crash at any later moment.
  virtual Status Write(StateBatch& batch) = 0;
  /// False when there is no such key.
  virtual Result<bool> Get(Family family, std::string_view key, std::string& value) const = 0;
  /// Get will soon be called for this key, and for windows by the same thread: it may be read
  /// meanwhile. Changes nothing but how long that takes.
  virtual void Expect(Family /*family*/, std::string_view /*key*/) const {}
  /// visit(key, value) for every key that starts with `prefix`, in order, until it fails.
  virtual Status Scan(
      Family family, std::string_view prefix,
      const std::function<Status(std::string_view, std::string_view)>& visit) const = 0;
  /// Bytes that it takes on disk.
  virtual uint64_t DiskBytes() const = 0;
};

/// Where a store is, before it is opened.
class StateStorage {
 public:
  virtual ~StateStorage() = default;
  /// Whether there is a store, whole or not.
  virtual Result<bool> Exists() = 0;
  /// Opens the store; makes an empty one if there is none.
  virtual Result<std::unique_ptr<StateStore>> Open() = 0;
  virtual Status Remove() = 0;
};

/// A part of the state that is saved item by item, without stopping for longer than a few items
/// take: what is saved is how things stood at BeginSave, though changes go on meanwhile (an item
/// that is about to change is saved just before).
class ItemState {
 public:
  virtual ~ItemState() = default;
  /// Bytes that have changed since the last BeginSave, about.
  virtual size_t ChangedBytes() const = 0;
  /// `batch` lives until SaveMore has said that all is saved.
  virtual void BeginSave(StateBatch& batch) = 0;
  /// Saves up to `items` items. True when all are in the batch.
  virtual bool SaveMore(size_t items) = 0;
  /// The batch is durable.
  virtual void EndSave() = 0;
};

/// A number as bytes whose order is the number's, for keys.
inline void AppendOrdered(std::string& key, uint64_t number) {
  for (int shift = 56; shift >= 0; shift -= 8) key.push_back(static_cast<char>(number >> shift));
}
inline void AppendOrdered(std::string& key, int64_t number) {
  AppendOrdered(key, static_cast<uint64_t>(number) ^ (uint64_t{1} << 63));
}
/// REQUIRES at least 8 bytes.
inline uint64_t OrderedU64(std::string_view key) {
  uint64_t number = 0;
  for (size_t i = 0; i < 8; ++i) number = number << 8 | static_cast<unsigned char>(key[i]);
  return number;
}
inline int64_t OrderedI64(std::string_view key) {
  return static_cast<int64_t>(OrderedU64(key) ^ (uint64_t{1} << 63));
}

}  // namespace leat
