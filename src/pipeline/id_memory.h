/// Ids that are remembered until a time, each with a flag.
///
/// Used for duplicate records and for settled predictions. Saved item by item in the family ids:
/// the key is a letter, the time until which the id is remembered, and the id; the value is the
/// flag. Cost: O(1) per operation when times come nearly in order. Thread safety: none.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

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
    return it == known_.end() ? std::nullopt : std::optional<bool>(it->second.flag);
  }
  /// Remembers an id; what was remembered of it before is replaced.
  void Remember(uint64_t id, bool flag, EventTime until);
  /// Forgets every id with until <= now.
  void Forget(EventTime now);
  size_t size() const { return known_.size(); }

  void Save(StateWriter& out) const;
  Status Load(StateReader& in);
  size_t MemoryBytes() const;

  void Track() { tracked_ = true; }
  bool Owns(std::string_view key) const { return !key.empty() && key[0] == letter_; }
  /// REQUIRES Owns(key). Items come in the order of their keys.
  Status LoadItem(std::string_view key, std::string_view value);
  size_t ChangedBytes() const override { return added_.size() * sizeof(Entry); }
  void BeginSave(StateBatch& batch) override;
  bool SaveMore(size_t items) override;
  void EndSave() override {}

 private:
  struct Known {
    EventTime until;
    bool flag;
  };
  struct Entry {
    EventTime until;
    uint64_t id;
    bool flag;
  };
  /// False for an entry whose id was remembered again since.
  bool Alive(const Entry& entry) const {
    const auto it = known_.find(entry.id);
    return it != known_.end() && it->second.until == entry.until;
  }
  std::string ItemKey(EventTime until, uint64_t id) const;

  const char letter_;
  boost::unordered_flat_map<uint64_t, Known> known_;
  std::deque<Entry> order_;  // By `until`.

  bool tracked_ = false;
  std::vector<Entry> added_, saving_;
  size_t saved_ = 0;
  std::optional<EventTime> forgotten_;  // The latest time forgotten since the last BeginSave.
  StateBatch* batch_ = nullptr;
};

}  // namespace leat
