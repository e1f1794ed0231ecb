/// All keyed windows that share their key fields, for all keys.
///
/// Per key there is one block of memory: its header, the log of its events, the log of its labelled
/// events, accumulators, and what needs no history (last value, time of the last event that
/// satisfies, run, distinct values). One hash lookup finds it.
///
/// A column is an (expression, where) pair; each aggregate over it is a window. An event enters a
/// column with the expression's value, or not at all (NaN). Windows are (now - over, now] where now
/// is the later of the current event's time and the latest time of the key: a late event sees the
/// windows as they are, and enters at its own place.
///
/// Columns without label: Find, Touch (answers the windows that do not depend on the current
/// event), then Enter for each column in order (answers the others). Labelled columns:
/// EnterLabelled.
///
/// Distinct values: per column the last time of each value, at most `max_events` values; beyond,
/// the longest unseen are forgotten (a lower bound). Runs: events out of time order are placed
/// exactly, except that a breaking event inside the span of a run leaves a run of 1 (a lower
/// bound).
///
/// Bound: at `max_keys` keys the sixteenth whose last event is oldest is dropped.
/// Cold keys, and errors when one cannot be read back: see KeyedBlocks; dropping needs no disk.
/// Cost: see EventLog; finding what to drop is O(keys) once per max_keys / 16 new keys.
/// Determinism: state depends on the sequence of calls only; Save is in key order.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/hash.h"
#include "features/event_log.h"
#include "features/features.h"
#include "features/keyed_blocks.h"

namespace leat::features {

struct KeyHash {
  using is_avalanching = void;
  size_t operator()(uint64_t key) const { return Mix64(key); }
};
template <typename Value>
using KeyMap = boost::unordered_flat_map<uint64_t, Value, KeyHash>;

struct WindowSpec {
  Aggregate aggregate = Aggregate::kCount;
  Micros over = 0;
  bool before = false;
  uint32_t slot = 0;
};

class KeyGroup final : public KeyedBlocks {
 public:
  KeyGroup(int64_t max_keys, int64_t max_events);
  ~KeyGroup() override;

  // ---- Compiling ----
  /// `constant`: every event enters with 1.
  uint32_t AddColumn(bool labelled, bool constant);
  void AddWindow(uint32_t column, const WindowSpec& window);
  /// Lays out the blocks; nothing may be added afterwards.
  void Finish();
  bool has_labelled() const { return has_labelled_; }
  /// The slots that its windows fill.
  std::vector<uint32_t> Slots() const;
  uint32_t columns() const { return static_cast<uint32_t>(columns_.size()); }

  // ---- Running ----
  /// Fetches what Find, then Touch (or EnterLabelled, if `labelled`) will look at. Each stage uses
  /// what the one before has fetched.
  void Prefetch(FetchStage stage, uint64_t key, EventTime time, bool labelled) const;
  /// Selects the key of the current event; 0 is no key: every window is missing, nothing enters.
  void Find(uint64_t key);
  void Touch(EventTime time, double* slots);
  void Enter(uint32_t column, double value, double* slots);
  /// Enters a labelled event of the key that Find selected. `values`: one per column; those of
  /// columns without label are ignored.
  void EnterLabelled(EventTime time, std::span<const double> values);

  /// Drops keys whose windows are all empty at `watermark` for good. Groups with an unbounded
  /// window keep their keys (up to max_keys).
  void Expire(EventTime watermark);

  size_t MemoryBytes() const;
  /// All keys at once; the head is saved apart.
  void Save(StateWriter& out) const { SaveAll(out); }
  void Load(StateReader& in) { LoadAll(in, 24, static_cast<uint64_t>(max_keys_)); }
  /// What belongs to no key, and what is where in the state of a key.
  void SaveHead(StateWriter& out) const;
  void LoadHead(StateReader& in);

  /// Takes a saved key; only its slot in the index unless `in_memory`.
  Status LoadItem(uint64_t key, std::string_view value, bool in_memory);

  /// What is known of a key, as of its last event; none if there is no such key. Changes nothing.
  struct KeyFacts {
    bool cold = false;
    EventTime last;
    uint64_t events = 0, labelled_events = 0;          ///< In the logs.
    std::vector<std::pair<uint32_t, double>> windows;  ///< Slot, value.
  };
  Result<std::optional<KeyFacts>> Describe(uint64_t key) const;

 private:
  /// Values of a column with their last times, by time.
  struct DistinctSet {
    std::vector<int64_t> times;
    std::vector<double> values;
  };
  /// A window as it is answered: everything at hand, no way over its column.
  struct Answer {
    Aggregate aggregate;
    bool labelled;
    Micros over;
    uint32_t slot;
    uint32_t own;      // The first cell of the column's own state (last, since, run), or its set.
    uint32_t horizon;  // Into the log's layout, if the accumulator has one.
    Accumulator accumulator;
  };
  struct ColumnAccumulator {
    uint32_t horizon;
    Accumulator accumulator;
  };
  struct Column {
    bool labelled = false;
    bool constant = false;
    int32_t row = -1;  // Index among the row's columns; -1: no history.
    std::vector<WindowSpec> windows;
    std::vector<ColumnAccumulator> accumulators;  // With horizon; not the constant ones.
    std::optional<Accumulator> unbounded;         // Squares as count, mean, squared deviations.
    int32_t last_cell = -1;                       // Value, time of the newest event that entered.
    int32_t since_cell = -1;  // Time of the newest event that entered with non-zero.
    int32_t run_cell = -1;    // Length, start, newest, last break.
    bool own = false;         // Whether it has any of these three.
    int32_t distinct = -1;    // Index of its DistinctSet.
    Micros distinct_over = 0;
    std::vector<Answer> late;  // Answered by Enter.
  };
  EventLog& LogOf(std::byte* block, bool labelled) const {
    return *reinterpret_cast<EventLog*>(block + (labelled ? labelled_log_at_ : log_at_));
  }
  Coverage* LiveOf(std::byte* block, bool labelled) const {
    return reinterpret_cast<Coverage*>(block + (labelled ? labelled_live_at_ : live_at_));
  }
  double* CellsOf(std::byte* block) const { return reinterpret_cast<double*>(block + cells_at_); }
  DistinctSet& SetOf(std::byte* block, int32_t index) const {
    return reinterpret_cast<DistinctSet*>(block + sets_at_)[index];
  }

  void LayOutColumn(Column& column, uint32_t& cells, StateWriter& state);
  void BuildAnswers(Column& column);
  void SaveBlock(std::byte* block, StateWriter& out) const override;
  std::byte* LoadBlock(uint64_t key, StateReader& in) override;
  void InitBlock(std::byte* block) override;
  void ReleaseBlock(std::byte* block) override;
  size_t BytesOf(std::byte* block) const override;
  size_t HeapBytesOf(std::byte* block) const override;
  std::byte* FindOrCreate(uint64_t key);
  void DropOldest();
  void PrefetchEvents(std::byte* block, EventTime time, bool labelled) const;
  void UpdateOwnState(const Column& column, std::byte* block, double value, int64_t time);
  void AddDistinct(const Column& column, DistinctSet& set, double value, int64_t time, int64_t now);
  double Value(const Answer& answer, std::byte* block, int64_t now) const;

  const int64_t max_keys_;
  const int64_t max_events_;
  std::vector<Column> columns_;
  std::vector<Answer> early_;  // Answered by Touch.
  LogLayout layouts_[2];       // Unlabelled, labelled.
  bool has_labelled_ = false;
  bool expirable_ = true;
  Micros longest_ = 0;
  uint32_t sets_ = 0;
  uint32_t cells_ = 0;
  std::vector<uint32_t> time_cells_;  // Cells that start as "before every time".
  std::string layout_;                // What is where in the state of a key, as it is saved.
  // What labelled events need comes first, up to labelled_end_.
  size_t log_at_ = 0, labelled_log_at_ = 0, live_at_ = 0, labelled_live_at_ = 0, cells_at_ = 0,
         labelled_end_ = 0, sets_at_ = 0, stride_ = 0;

  int64_t expired_at_ = std::numeric_limits<int64_t>::min();

  // The current event.
  std::byte* block_ = nullptr;
  double* row_ = nullptr;
  uint32_t first_live_ = 0;
  int64_t time_ = 0;
  int64_t now_ = 0;
};

}  // namespace leat::features
