/// Ids that are remembered until a time, each with a flag.
///
/// Used for duplicate records and for settled predictions. Ids lie in a queue in the order in which
/// they came, which is that of their times but for a few late ones; an index says where each is.
/// Saved as a log of runs in the family ids: the key is a letter and the run's number, the value
/// what was remembered since the run before; a run goes when none of its ids is remembered any
/// more. Cost: O(1) per operation, O(log late) for a late one. Memory: about 24 bytes an id, and
/// 16 for each since the last snapshot; at most 2^32 ids. Thread safety: none.
#pragma once

#include <boost/container/deque.hpp>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/time.h"
#include "leat/state.h"
#include "pipeline/id_index.h"
#include "state/store.h"

namespace leat {

class IdMemory final : public ItemState {
 public:
  /// `letter` tells the items of several memories apart.
  explicit IdMemory(char letter) : letter_(letter) {}

  /// The flag of an id, if it is remembered.
  std::optional<bool> Find(uint64_t id) const {
    const Entry* const known = Known(id);
    return known == nullptr ? std::nullopt : std::optional<bool>(known->until.flag());
  }
  /// Fetches where an id is, or would be.
  void Prefetch(uint64_t id) const { index_.Prefetch(id); }
  /// Remembers an id; what was remembered of it before is replaced. REQUIRES that it is not
  /// remembered until a later time.
  void Remember(uint64_t id, bool flag, EventTime until);
  /// Forgets every id with until <= now.
  void Forget(EventTime now);
  size_t size() const { return index_.size(); }

  void Save(StateWriter& out) const;
  Status Load(StateReader& in);
  size_t MemoryBytes() const;

  void Track();
  bool Owns(std::string_view key) const { return !key.empty() && key[0] == letter_; }
  /// REQUIRES Owns(key). Items come in the order of their keys.
  Status LoadItem(std::string_view key, std::string_view value);
  size_t ChangedBytes() const override { return added_.size() * sizeof(Entry); }
  void BeginSave(StateBatch& batch) override;
  bool SaveMore(size_t items) override;
  void EndSave() override {}

 private:
  /// A time and a flag in one number, by the time first.
  struct Until {
    int64_t packed = 0;

    static Until Of(EventTime time, bool flag) { return {time.micros * 2 + (flag ? 1 : 0)}; }
    EventTime time() const { return {packed >> 1}; }
    bool flag() const { return (packed & 1) != 0; }
  };
  struct Entry {
    Until until;
    uint64_t id;
  };
  struct Run {
    uint64_t number;
    EventTime latest;  // Of its entries.
  };
  /// Large blocks: a queue's end moves on without the allocator, mostly, and no doubling.
  using Queue = boost::container::deque<
      Entry, void, boost::container::deque_options<boost::container::block_bytes<32768>>::type>;
  /// An entry that came after one with a later time.
  struct Late {
    EventTime until;
    uint32_t position;
    bool operator<(const Late& other) const { return until > other.until; }  // Earliest on top.
  };

  /// Positions go on from the front's; modulo 2^32.
  Entry& At(uint32_t position) { return queue_[position - front_]; }
  const Entry& At(uint32_t position) const { return queue_[position - front_]; }
  auto IdAt() const {
    return [this](uint32_t position) { return At(position).id; };
  }
  const Entry* Known(uint64_t id) const {
    const uint32_t* const position = index_.Find(id, IdAt());
    return position == nullptr ? nullptr : &At(*position);
  }
  /// False for an entry whose id was remembered again since, or forgotten.
  bool IsAlive(uint32_t position) const {
    const uint32_t* const known = index_.Find(At(position).id, IdAt());
    return known != nullptr && *known == position;
  }
  /// The same of a copy.
  bool Alive(const Entry& entry) const {
    const Entry* const known = Known(entry.id);
    return known != nullptr && known->until.time() == entry.until.time();
  }
  void ForgetOne(uint32_t position);
  void Grow();
  std::string RunKey(uint64_t number) const;

  const char letter_;
  Queue queue_;             // Entries that are not alive stay until they are in front.
  uint32_t front_ = 0;      // The position of the first.
  IdIndex index_;           // Of those that are alive.
  EventTime latest_;        // The latest time of the queue, or one before it.
  std::vector<Late> late_;  // A heap.

  bool tracked_ = false;
  bool one_by_one_ = false;  // The store has each id by itself, as format 1 did.
  Queue added_, saving_;
  std::vector<Run> runs_;  // In the store.
  size_t saved_ = 0;
  uint64_t next_run_ = 1;
  std::optional<EventTime> forgotten_;  // The latest time forgotten since the last BeginSave,
  std::optional<EventTime> saving_forgotten_;  // and up to then, until a run has told it.
  StateBatch* batch_ = nullptr;
  StateWriter writer_;
};

}  // namespace leat
