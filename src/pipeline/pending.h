/// Predictions that wait for their label, with the inputs as they were when they were made.
///
/// Each waiting prediction has a header and a block of doubles (inputs, kept label payloads,
/// predictions). Blocks come from pools of equal size, so steady state allocates nothing. Handles
/// stay valid until Remove. Saved in order of arrival; handles change over Save and Load.
/// Cost: O(1) per operation. Thread safety: none.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/prefetch.h"
#include "base/time.h"
#include "leat/state.h"
#include "leat/status.h"

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
  uint32_t block = 0;
};

class PendingStore {
 public:
  using Handle = uint32_t;

  /// Adds a header with a block of `doubles` uninitialised numbers.
  Handle Add(const Pending& header, size_t doubles);
  void Remove(Handle handle);

  const Pending& operator[](Handle handle) const { return headers_[handle]; }
  std::span<double> Block(Handle handle);
  std::span<const double> Block(Handle handle) const;
  /// Fetches the memory of a header; of a block, once its header is here.
  void PrefetchHeader(Handle handle) const { PrefetchLine(&headers_[handle]); }
  void PrefetchBlock(Handle handle) const {
    const std::span<const double> block = Block(handle);
    for (size_t i = 0; i < block.size(); i += 8) PrefetchLine(&block[i]);
  }
  size_t size() const { return headers_.size() - free_.size(); }

  /// Handles in order of arrival.
  std::vector<Handle> InOrder() const;
  void Save(StateWriter& out) const;
  Status Load(StateReader& in);
  size_t MemoryBytes() const;

 private:
  static constexpr size_t kBlocksPerChunk = 256;
  struct Pool {
    size_t doubles = 0;
    std::vector<std::unique_ptr<double[]>> chunks;
    std::vector<uint32_t> free;
    uint32_t used = 0;  ///< Blocks ever handed out.
  };

  std::vector<Pending> headers_;
  std::vector<Handle> free_;
  std::vector<Pool> pools_;
};

}  // namespace leat
