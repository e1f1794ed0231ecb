/// The recent events of one key, and running aggregates over several horizons of them.
///
/// Rows (event time and one value per column, NaN where the event does not enter the column) lie in
/// a ring ordered by time. For each horizon the log knows how many of the newest rows it covers;
/// moving forward in time takes the rows that leave a horizon out of its accumulators. Several
/// columns and horizons share the rows.
///
/// Bound: at most `max_rows` rows; then the two oldest are folded into a pane (count, sum, squared
/// deviations, minimum, maximum per column). At most kMaxPanes panes; then neighbours are merged,
/// such that a pane holds at most a share e of the events after it (or two events). A pane leaves a
/// horizon when its newest event does, so a window that reaches past the exact rows holds at most
/// one pane too much: its count is too high by at most the share e. e is the smallest of
/// 1/256, 1.5/256, 2.25/256, ... with which three quarters of kMaxPanes suffice: about
/// ln(events / max_rows) / 400, so 1 % for 50 times as many events as rows. (A geometric rather
/// than an even division keeps the error of short windows in proportion to them; Datar, Gionis,
/// Indyk and Motwani 2002, SIAM J. Comput. 31(6), use powers of two for the same reason.)
///
/// Rounding: sums are updated by adding and subtracting. All accumulators of a log are recomputed
/// from rows and panes after 256 + 16 * rows evictions, and are exactly zero when nothing is left;
/// so a sum errs by at most about 16 (rows + 16) eps times the largest |partial sum| since then.
/// Squared deviations are taken from a shift near the mean (the mean itself after a recomputation),
/// and an accumulator is recomputed when one is taken out and the rest about the mean is less than
/// a millionth of what it was computed from, so that a standard deviation keeps about eight digits.
///
/// Cost: amortised O(horizons + columns) per event, O(rows) for a minimum or maximum whose event
/// has just left, and O(rows before or behind, whichever are fewer) for an event out of time order.
/// Thread safety: none.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "base/prefetch.h"
#include "base/time.h"
#include "features/slab_pool.h"
#include "leat/state.h"

namespace leat::features {

inline constexpr uint32_t kMaxPanes = 1024;

/// What an accumulator keeps, beside the count; bits.
enum : uint8_t { kKeepSum = 1, kKeepSquares = 2, kKeepMin = 4, kKeepMax = 8 };

/// Where an accumulator's numbers are in the cells of a key: the count, and what it keeps besides.
struct Accumulator {
  int32_t column = -1;  ///< Index among the row's columns; -1 counts every row.
  uint8_t keeps = 0;
  uint32_t count = 0;
  uint32_t sum = 0;
  uint32_t squares = 0;  ///< Shift, deviations from it, squared deviations.
  uint32_t min = 0;
  uint32_t max = 0;

  /// Takes cells from `next` on.
  void Place(uint32_t& next) {
    count = next++;
    if (keeps & kKeepSum) sum = next++;
    if (keeps & kKeepSquares) squares = (next += 3) - 3;
    if (keeps & kKeepMin) min = next++;
    if (keeps & kKeepMax) max = next++;
  }
};

struct Horizon {
  Micros over = 0;
  std::vector<Accumulator> accumulators;  ///< Those without column come first:
  uint32_t counts = 0;                    ///< so many.
};

/// The common shape of the logs of all keys of a group.
struct LogLayout {
  uint32_t columns = 0;
  std::vector<Horizon> horizons;  ///< By `over`, ascending; none means no log.
  uint32_t max_rows = 4096;
  SlabPool* pool = nullptr;  ///< Where the rows are; outlives the logs.

  uint32_t stride() const { return columns + 1; }
};

/// What a horizon covers: the newest `rows` rows and `panes` panes.
struct Coverage {
  int64_t oldest = std::numeric_limits<int64_t>::max();  ///< Time of its oldest row, if any.
  uint32_t rows = 0;
  uint32_t panes = 0;
};

/// `time - over`, saturating.
inline int64_t Cutoff(int64_t time, Micros over) {
  int64_t out = 0;
  return __builtin_sub_overflow(time, over, &out) ? std::numeric_limits<int64_t>::min() : out;
}

/// Adds a value to what an accumulator keeps beside count and sum; `first`: it held none.
void AddToRest(const Accumulator& a, double* cells, double value, bool first);

inline void AddToAccumulator(const Accumulator& a, double* cells, double value) {
  const double count = cells[a.count];
  cells[a.count] = count + 1;
  if (a.keeps & kKeepSum) cells[a.sum] += value;
  if ((a.keeps & ~kKeepSum) != 0) AddToRest(a, cells, value, count == 0);
}

class EventLog {
 public:
  EventLog() = default;
  /// Release() first.
  ~EventLog() = default;
  void Release(const LogLayout& layout);
  EventLog(const EventLog&) = delete;
  EventLog& operator=(const EventLog&) = delete;

  /// Takes what is at or before now - over out of each horizon. `live` has an entry per horizon,
  /// kept by the caller beside the cells.
  void Advance(const LogLayout& layout, Coverage* live, double* cells, int64_t now);

  /// Makes a row for an event and adds it to the accumulators without column. Returns its values,
  /// all NaN, to be filled by the caller (who also adds them to accumulators of the horizons from
  /// `first_live` on), or nullptr if the event is older than every horizon. REQUIRES Advance(now).
  double* Insert(const LogLayout& layout, Coverage* live, double* cells, int64_t time, int64_t now,
                 uint32_t& first_live);

  /// The smallest (largest) value of a column in a horizon; NaN if there is none.
  double Scan(const LogLayout& layout, const Coverage* live, uint32_t horizon, int32_t column,
              bool smallest) const;

  /// Fetches the rows that Advance and Insert will look at.
  void Prefetch(const LogLayout& layout, const Coverage* live, int64_t time) const {
    if (capacity_ == 0) return;
    const Rows rows = RowsOf(layout);
    PrefetchLine(rows[size_]);
    for (const Horizon& horizon : layout.horizons) {
      if (live->oldest <= Cutoff(time, horizon.over)) {
        // Seldom more than two rows leave; the one after them is looked at as well.
        const double* row = rows[size_ - live->rows];
        PrefetchLine(row);
        PrefetchLine(row + 3 * rows.stride - 1);
      }
      ++live;
    }
  }

  uint32_t rows() const { return size_; }
  /// In rows and panes.
  uint64_t events(const LogLayout& layout) const;
  uint32_t panes() const { return panes_ ? static_cast<uint32_t>(panes_->size) : 0; }
  /// Bytes beside the pool's.
  size_t HeapBytes() const;

  void Save(const LogLayout& layout, StateWriter& out) const;
  void Load(const LogLayout& layout, Coverage* live, StateReader& in);

 private:
  /// Panes as an array of doubles: newest time (bits), events, then per column count, sum, squared
  /// deviations from its mean, minimum, maximum. The oldest is first.
  struct Panes {
    std::vector<double> data;
    size_t size = 0;
  };
  static constexpr uint32_t kPaneHead = 2;
  static constexpr uint32_t kPaneColumn = 5;
  static uint32_t PaneStride(const LogLayout& layout) {
    return kPaneHead + kPaneColumn * layout.columns;
  }

  /// The ring, for those who look at several rows; as it is now.
  struct Rows {
    double* data;
    uint32_t head, mask;
    size_t stride;
    double* operator[](uint32_t index) const {
      return data + size_t{(head + index) & mask} * stride;
    }
  };
  Rows RowsOf(const LogLayout& layout) const {
    return {data_, head_, capacity_ - 1, layout.stride()};
  }
  double* Row(const LogLayout& layout, uint32_t index) const { return RowsOf(layout)[index]; }
  int64_t Time(const LogLayout& layout, uint32_t index) const {
    return std::bit_cast<int64_t>(*Row(layout, index));
  }
  double* Pane(const LogLayout& layout, size_t index) const {
    return panes_->data.data() + index * PaneStride(layout);
  }

  void UpdateOldest(const LogLayout& layout, Coverage& live) const {
    live.oldest =
        live.rows > 0 ? Time(layout, size_ - live.rows) : std::numeric_limits<int64_t>::max();
  }
  size_t RingBytes(const LogLayout& layout) const {
    return size_t{capacity_} * layout.stride() * sizeof(double);
  }
  uint32_t MakeRoom(const LogLayout& layout, int64_t time);
  void Grow(const LogLayout& layout);
  void Fold(const LogLayout& layout, Coverage* live);
  void CompactPanes(const LogLayout& layout, Coverage* live);
  static void MergePane(const LogLayout& layout, double* into, const double* newer);
  static uint64_t AdvanceRows(const Rows& ring, uint32_t size, const Horizon& horizon,
                              Coverage& live, double* cells, int64_t cutoff);
  uint64_t AdvancePanes(const LogLayout& layout, const Horizon& horizon, Coverage& live,
                        double* cells, int64_t cutoff);
  void DropDeadPanes(const LogLayout& layout, const Coverage& longest);
  void Recompute(const LogLayout& layout, const Coverage& live, const Accumulator& a,
                 double* cells) const;
  void RecomputeLost(const LogLayout& layout, const Horizon& horizon, const Coverage& live,
                     uint64_t lost, double* cells) const;
  void RecomputeAll(const LogLayout& layout, const Coverage* live, double* cells);

  double* data_ = nullptr;
  uint32_t head_ = 0;
  uint32_t size_ = 0;
  uint32_t capacity_ = 0;  // A power of two, or 0.
  uint32_t evictions_ = 0;
  int64_t newest_ = 0;  // Time of the last row, if any: spares most events a look at it.
  std::unique_ptr<Panes> panes_;
};

}  // namespace leat::features
