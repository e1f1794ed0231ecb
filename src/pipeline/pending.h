/// Predictions that wait for their label, with the inputs as they were when they were made.
///
/// Each waiting prediction has a header and, right behind it, a block of doubles (inputs, kept
/// label payloads, predictions): one run of cache lines, in large slabs. Free ones are kept in a
/// pool for each size, so steady state allocates nothing, and are used again in the order in which
/// they became free: labels mostly come in the order of their predictions, so that memory is read
/// and written from one end to the other. Handles stay valid until Remove;
/// `sequence` can still be read afterwards. Saved in order of arrival, as a whole or item by item
/// (family pending, the sequence number is the key); handles change over saving and loading. Cost:
/// O(1) per operation. Thread safety: none.
#pragma once

#include <boost/container/deque.hpp>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/block_deque.h"
#include "base/prefetch.h"
#include "base/time.h"
#include "features/slab_pool.h"
#include "leat/state.h"
#include "leat/status.h"
#include "state/store.h"

namespace leat {

struct Pending {
  uint64_t sequence = 0;  ///< Order of arrival, from 1; 0 marks a free header.
  uint64_t id = 0;
  EventTime time;
  bool held = false;  ///< The label is here already and becomes known at `release`.
  EventTime release;
  double label = 0;      ///< Held: the number, or the code of the label's text.
  uint32_t classes = 0;  ///< Numbers kept per model; 0: there was no prior to give yet.
  uint32_t warm = 0;     ///< Bit m: model m answered itself (models from 32 on share the last bit).
  uint32_t pool = 0;
  uint32_t doubles = 0;  ///< Length of the block.
};
static_assert(sizeof(Pending) % alignof(double) == 0);

class PendingStore final : public ItemState {
 public:
  using Handle = Pending*;

  /// Adds a header with a block of `doubles` uninitialised numbers.
  Handle Add(const Pending& header, size_t doubles);
  void Remove(Handle handle);

  const Pending& operator[](Handle handle) const { return *handle; }
  std::span<double> Block(Handle handle) const {
    return {reinterpret_cast<double*>(handle + 1), handle->doubles};
  }
  /// Fetches header and block, as long as the last one added.
  void Prefetch(Handle handle) const { PrefetchBytes(handle, last_bytes_); }
  size_t size() const { return size_; }

  /// Handles in order of arrival.
  std::vector<Handle> InOrder() const;
  void Save(StateWriter& out) const;
  Status Load(StateReader& in);
  size_t MemoryBytes() const;

  void Track();
  /// Items come in the order of their keys. `convert` may change what was kept, to what this
  /// pipeline keeps (false: it cannot); then all is saved anew.
  using Convert = std::function<bool(Pending&, std::vector<double>&)>;
  Result<Handle> LoadItem(std::string_view key, std::string_view value, const Convert& convert);
  size_t ChangedBytes() const override {
    return added_bytes_ + added_.size() * sizeof(Added) + removed_.size() * sizeof(uint64_t);
  }
  void BeginSave(StateBatch& batch) override;
  bool SaveMore(size_t items) override;
  void EndSave() override {}

 private:
  struct Added {
    uint64_t sequence;
    Handle handle;
  };
  void SaveFields(const Pending& pending, StateWriter& out) const;
  Handle LoadFields(uint64_t sequence, StateReader& in, const Convert& convert);
  void SaveItem(Handle handle);
  static bool Waits(const Added& added) { return added.handle->sequence == added.sequence; }
  struct Pool {
    size_t bytes = 0;
    std::vector<Handle> all;
    boost::container::deque<Handle> free;
  };

  features::SlabPool slabs_;
  std::vector<Pool> pools_;
  size_t size_ = 0;
  size_t last_bytes_ = 0;

  // Saving. Waiting predictions do not change: they are added, and removed.
  bool tracked_ = false;
  bool converted_ = false;     // Since the store holds something else.
  uint64_t newest_ = 0;        // The highest sequence number so far,
  uint64_t newest_saved_ = 0;  // and at the last BeginSave.
  // Those that may still wait: what comes and goes between two snapshots is never saved.
  BlockDeque<Added> added_, saving_;
  std::vector<uint64_t> removed_, saving_removed_;  // Those that a batch has held.
  size_t added_bytes_ = 0;                          // Of those of added_ that wait.
  size_t saved_ = 0, saved_removed_ = 0;
  StateBatch* batch_ = nullptr;  // While items of saving_ wait.
  StateWriter writer_;
  std::vector<double> block_;
};

}  // namespace leat
