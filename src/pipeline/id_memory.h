/// Ids that are remembered until a time, each with a flag.
///
/// Used for duplicate records and for settled predictions. Saved as a log of runs in the family
/// ids: the key is a letter and the run's number, the value what was remembered since the run
/// before; a run goes when none of its ids is remembered any more. Cost: O(1) per operation when
/// times come nearly in order. Memory: about 45 bytes an id. Thread safety: none.
#pragma once

#include <boost/container/deque.hpp>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/huge_pages.h"
#include "base/time.h"
#include "leat/state.h"
#include "state/store.h"

namespace leat {

class IdMemory final : public ItemState {
 public:
  /// `letter` tells the items of several memories apart.
  explicit IdMemory(char letter) : letter_(letter) {}

  /// The flag of an id, if it is remembered.
  std::optional<bool> Find(uint64_t id) const {
    const auto it = known_.find(id);
    return it == known_.end() ? std::nullopt : std::optional<bool>(it->second.flag());
  }
  /// Remembers an id; what was remembered of it before is replaced. REQUIRES that it is not
  /// remembered until a later time.
  void Remember(uint64_t id, bool flag, EventTime until);
  /// Forgets every id with until <= now.
  void Forget(EventTime now);
  size_t size() const { return known_.size(); }

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
  using Known =
      boost::unordered_flat_map<uint64_t, Until, boost::hash<uint64_t>, std::equal_to<uint64_t>,
                                HugePages<std::pair<const uint64_t, Until>>>;
  using Order = boost::container::deque<
      Entry, void, boost::container::deque_options<boost::container::block_bytes<32768>>::type>;

  /// False for an entry whose id was remembered again since.
  bool Alive(const Entry& entry) const {
    const auto it = known_.find(entry.id);
    return it != known_.end() && it->second.time() == entry.until.time();
  }
  std::string RunKey(uint64_t number) const;

  const char letter_;
  Known known_;
  Order order_;  // By time.

  bool tracked_ = false;
  bool one_by_one_ = false;  // The store has each id by itself, as format 1 did.
  std::vector<Entry> added_, saving_;
  std::vector<Run> runs_;  // In the store.
  size_t saved_ = 0;
  uint64_t next_run_ = 1;
  std::optional<EventTime> forgotten_;  // The latest time forgotten since the last BeginSave,
  std::optional<EventTime> saving_forgotten_;  // and up to then, until a run has told it.
  StateBatch* batch_ = nullptr;
  StateWriter writer_;
};

}  // namespace leat
