/// Ids that are remembered until a time, each with a flag, and with what to tell a value by.
///
/// Used for duplicate records and for settled predictions. Ids lie in a queue in the order in which
/// they came, which is that of their times but for a few late ones; an index says where each is. It
/// grows without a stop: a larger one stands beside it, and each id that comes moves a few over.
/// Saved as a log of runs in the family ids: the key is a letter and the run's number, the value
/// what was remembered since the run before; a run goes when none of its ids is remembered any
/// more. Cost: O(1) per operation, O(log late) for a late one. Memory: about 24 bytes an id, 26
/// with values; at most 2^32 ids. Thread safety: none.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/block_deque.h"
#include "base/time.h"
#include "leat/state.h"
#include "pipeline/id_index.h"
#include "state/store.h"

namespace leat {

class IdMemory final : public ItemState {
 public:
  /// What tells a value from others: whole numbers from 0 to 32,766 from all, any two others but
  /// with a chance of one in 32,768. 0: no value.
  using Mark = uint16_t;
  static Mark MarkOf(double value);

  struct Note {
    bool flag = false;
    Mark mark = 0;

    bool operator==(const Note&) const = default;
  };

  /// `letter` tells the items of several memories apart. Marks are kept if there is a `former`
  /// letter, which is that of items without any.
  explicit IdMemory(char letter, char former = 0) : letter_(letter), former_(former) {}

  /// What is remembered of an id, if anything is.
  std::optional<Note> Find(uint64_t id) const;
  /// Fetches where an id is, or would be.
  void Prefetch(uint64_t id) const {
    index_.Prefetch(id);
    old_.Prefetch(id);
  }
  /// Remembers an id; what was remembered of it before is replaced. REQUIRES that it is not
  /// remembered until a later time.
  void Remember(uint64_t id, Note note, EventTime until);
  /// Forgets every id with until <= now.
  void Forget(EventTime now);
  size_t size() const { return index_.size() + old_.size(); }

  void Save(StateWriter& out) const;
  Status Load(StateReader& in);
  size_t MemoryBytes() const;

  void Track();
  bool Owns(std::string_view key) const {
    return !key.empty() && (key[0] == letter_ || (has_marks() && key[0] == former_));
  }
  /// REQUIRES Owns(key). Items come in the order of their keys, and EndLoad before anything else.
  Status LoadItem(std::string_view key, std::string_view value);
  void EndLoad();
  size_t ChangedBytes() const override {
    return tracked_ ? (front_ + queue_.size() - std::max(unsaved_, saving_)) * sizeof(Entry) : 0;
  }
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
  /// An entry that came after one with a later time.
  struct Late {
    EventTime until;
    uint32_t position;
    bool operator<(const Late& other) const { return until > other.until; }  // Earliest on top.
  };

  /// Entries are numbered as they come; an index's position is such a number modulo 2^32.
  const Entry& At(uint32_t position) const {
    return queue_[position - static_cast<uint32_t>(front_)];
  }
  Mark MarkAt(uint32_t position) const {
    return has_marks() ? marks_[position - static_cast<uint32_t>(front_)] : Mark{0};
  }
  bool has_marks() const { return former_ != 0; }
  /// Fetches where the id of an entry of the queue is, if there are so many.
  void PrefetchAt(size_t i) const {
    if (i < queue_.size()) Prefetch(queue_[i].id);
  }
  auto IdAt() const {
    return [this](uint32_t position) { return At(position).id; };
  }
  /// Where an id is, or null.
  const uint32_t* Position(uint64_t id) const {
    if (const uint32_t* const known = index_.Find(id, IdAt())) return known;
    return old_.Find(id, IdAt());
  }
  /// False for an entry whose id was remembered again since, or forgotten.
  bool IsAlive(uint32_t position) const {
    const uint32_t* const known = Position(At(position).id);
    return known != nullptr && *known == position;
  }
  void ForgetOne(uint32_t position);
  void Drop();
  void MoveIndex(size_t entries);
  std::string RunKey(uint64_t number) const;

  const char letter_, former_;
  BlockDeque<Entry> queue_;  // Entries that are not alive stay until they are in front.
  BlockDeque<Mark> marks_;   // One an entry, if marks are kept.
  uint64_t front_ = 0;       // The number of the first.
  uint64_t over_ = 0;        // All before it are forgotten; they stay while a snapshot needs them.
  IdIndex index_;            // Of those that are alive, but,
  IdIndex old_;              // while it grows, for some, which are still here,
  uint64_t moved_ = 0;       // and none of them before this entry.
  EventTime latest_;         // The latest time of the queue, or one before it.
  std::vector<Late> late_;   // A heap.

  bool loading_ = false;  // The index is empty; what a late entry was is gone.
  bool tracked_ = false;
  bool former_items_ = false;  // The store has what an earlier version wrote.
  std::vector<Run> runs_;      // In the store.
  uint64_t next_run_ = 1;
  uint64_t unsaved_ = 0;                // The first entry that no batch has held.
  uint64_t saving_ = 0;                 // Those before it are for the batch that is being filled,
  std::vector<uint64_t> left_out_;      // but these, in order.
  size_t passed_ = 0;                   // Of left_out_.
  std::optional<EventTime> forgotten_;  // The latest time forgotten since the last BeginSave,
  std::optional<EventTime> saving_forgotten_;  // and up to then, until a run has told it.
  StateBatch* batch_ = nullptr;
  StateWriter writer_;
  std::vector<Entry> run_;  // That is being written.
  std::vector<Mark> run_marks_;
};

inline std::optional<IdMemory::Note> IdMemory::Find(uint64_t id) const {
  const uint32_t* const position = Position(id);
  if (position == nullptr) return std::nullopt;
  return Note{At(*position).until.flag(), MarkAt(*position)};
}

}  // namespace leat
