/// The delayed-label join: which prediction a label belongs to, and the account of both.
///
/// Always true: predicted = matched + expired + pending, and
/// labels = matched + late + duplicate + corrected + orphan + waiting. A label that comes before
/// its prediction waits (`early` counts those that ever did); one that comes for an expired
/// prediction is late. The first label of an id counts, whether it or its prediction came first:
/// another one is a duplicate, or, with another value, a correction, which is counted and not
/// learnt. One that waited for `expires_after` in vain, or whose id is not known any more, is an
/// orphan. Of several predictions with one id that wait, the newest is matched first. Ids of
/// settled predictions are remembered for `memory` of event time after they were settled, with what
/// their label's value is told by (IdMemory::MarkOf); that bounds the join's memory. Cost: O(1) per
/// operation for input in time order. Thread safety: none.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/block_deque.h"
#include "base/pointer_index.h"
#include "base/time.h"
#include "pipeline/id_memory.h"
#include "pipeline/pending.h"

namespace leat {

struct LabelAccount {
  int64_t predicted = 0, matched = 0, expired = 0;  ///< Of predictions; the rest is pending.
  int64_t labels = 0, early = 0, late = 0, duplicate = 0, corrected = 0,
          orphan = 0;  ///< Of labels.
};

struct JoinOptions {
  bool by_id = false;         ///< Labels come from elsewhere and are joined by id.
  Micros expires_after = 0;   ///< 0: never.
  Micros memory = 30 * kDay;  ///< How long settled ids are remembered.
};

class LabelJoin {
 public:
  using Handle = PendingStore::Handle;
  enum class Arrival { kMatched, kWaits, kLate, kDuplicate, kCorrected };

  explicit LabelJoin(const JoinOptions& options) : options_(options) {}

  /// Adds a prediction; `header.sequence` is assigned here. Fill Block(handle) afterwards.
  Handle Predict(Pending header, size_t doubles);
  std::span<double> Block(Handle handle) const { return store_.Block(handle); }
  const Pending& operator[](Handle handle) const { return store_[handle]; }

  /// A label that waited for the prediction just made for `id`, if any; it is taken out.
  std::optional<double> TakeEarly(uint64_t id);

  /// The prediction that a label for `id` would be given to, or null.
  Handle Find(uint64_t id) const { return by_id_.Find(id); }
  /// Fetches where that is looked up.
  void PrefetchId(uint64_t id) const { by_id_.Prefetch(id); }
  /// Fetches it, and where it will be remembered that it was settled.
  void Prefetch(Handle handle, uint64_t id) const {
    store_.Prefetch(handle);
    settled_.Prefetch(id);
  }

  /// A label from elsewhere. kMatched: `*handle` is the prediction; call Settle with it.
  Arrival Label(uint64_t id, double label, EventTime now, Handle* handle);

  /// What is due at `now`, oldest first: a held label (`expired` false) or an expiry.
  struct Due {
    Handle handle;
    bool expired;
  };
  std::optional<Due> NextDue(EventTime now);

  /// The prediction whose held label comes `ahead` after the next one, if there are so many.
  std::optional<Handle> Upcoming(size_t ahead) const {
    if (held_.size() <= ahead) return std::nullopt;
    const Queued& queued = held_[ahead];
    return Alive(queued) ? std::optional(queued.handle) : std::nullopt;
  }
  /// Fetches a prediction whose label comes soon.
  void PrefetchUpcoming(size_t ahead) const {
    if (held_.size() <= 2 * ahead) return;
    PrefetchLine(&held_[2 * ahead]);
    store_.Prefetch(held_[ahead].handle);
  }

  /// Removes a prediction that was matched with `label`, or has expired, and remembers its id.
  void Settle(Handle handle, std::optional<double> label, EventTime now);

  /// Drops early labels that waited too long; each is reported to `orphan(id)`. Before TakeEarly,
  /// which gives whatever is there.
  template <typename Orphan>
  void ForgetEarly(EventTime now, Orphan orphan);
  /// Drops settled ids that need not be remembered.
  void ForgetSettled(EventTime now) { settled_.Forget(now); }

  /// Every prediction that waits, oldest first.
  std::vector<Handle> Waiting() const { return store_.InOrder(); }

  const LabelAccount& account() const { return account_; }
  int64_t pending() const { return static_cast<int64_t>(store_.size()); }
  int64_t waiting() const { return static_cast<int64_t>(early_.size()); }

  void Save(StateWriter& out) const;
  Status Load(StateReader& in);
  size_t MemoryBytes() const;

  // ---- Saved in part: a head, and items of the families pending and ids ----
  void Track();
  void SaveHead(StateWriter& out) const;
  Status LoadHead(StateReader& in);
  /// Items come after the head, in the order of their keys, and EndLoad after them; `key` is of the
  /// family pending, or one of ids that Owns says is.
  Status LoadPending(std::string_view key, std::string_view value,
                     const PendingStore::Convert& convert);
  bool Owns(std::string_view key) const { return settled_.Owns(key); }
  Status LoadId(std::string_view key, std::string_view value) {
    return settled_.LoadItem(key, value);
  }
  void EndLoad() { settled_.EndLoad(); }
  std::vector<ItemState*> Items() { return {&store_, &settled_}; }

 private:
  struct Queued {
    EventTime due;
    uint64_t sequence;  ///< Of the prediction, to notice that it is gone.
    Handle handle;
  };
  struct Early {
    double label;
    EventTime arrived;
  };
  struct EarlyId {
    EventTime until;  ///< When the early label becomes an orphan.
    uint64_t id;
  };
  /// How long an early label waits for its prediction.
  Micros EarlyPatience() const {
    return options_.expires_after > 0 ? options_.expires_after : options_.memory;
  }
  static void Push(BlockDeque<Queued>& queue, Queued item);
  Arrival Another(bool same);
  void Enqueue(Handle handle);
  /// By id: takes a waiting prediction out.
  void Dequeue(Handle handle);
  bool Alive(const Queued& q) const { return store_[q.handle].sequence == q.sequence; }

  JoinOptions options_;
  LabelAccount account_;
  uint64_t sequence_ = 0;
  PendingStore store_;
  BlockDeque<Queued> held_, expiring_;
  PointerIndex<Pending> by_id_;                                       ///< The newest of each id,
  boost::unordered_flat_map<uint64_t, std::vector<Handle>> same_id_;  ///< and older ones.
  boost::unordered_flat_map<uint64_t, Early> early_;
  BlockDeque<EarlyId> early_order_;
  IdMemory settled_{'v', 't'};  ///< Flag: matched (else expired).
};

template <typename Orphan>
void LabelJoin::ForgetEarly(EventTime now, Orphan orphan) {
  while (!early_order_.empty() && early_order_.front().until <= now) {
    const EarlyId front = early_order_.front();
    early_order_.pop_front();
    const auto it = early_.find(front.id);
    // The id may have been matched and have come again since; then a later entry stands for it.
    if (it == early_.end() || it->second.arrived + EarlyPatience() != front.until) continue;
    early_.erase(it);
    ++account_.orphan;
    orphan(front.id);
  }
}

}  // namespace leat
