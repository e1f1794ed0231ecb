/// The units of one experiment: who was exposed to what, what they did, and the sums of each arm.
///
/// Events may come in any order within the allowed lateness; what comes behind the watermark (the
/// highest time less the lateness) is counted and left out. Under that rule the aggregates are
/// those of a batch over the accepted events, bit for bit, whatever the order:
///   - the first exposure is the earliest; one that comes late and is earlier takes the unit's
///     contribution out and puts it back in as it is now;
///   - an outcome counts when it is at or after the first exposure (from + window bound it);
///   - a unit that saw two variants is taken out and counted as lost by the arm of its earliest
///     exposure; so is a unit that is flagged as a bot;
///   - events with an id count once;
///   - a windowed metric takes a unit in once, when the watermark passes its window's end; such
///   units
///     may be watched. A metric without a window is open-ended: totals keep growing, and what is
///     right when watched does not apply to it;
///   - the covariate of CUPED is what the unit did on the `days_before` whole days (UTC) before the
///     day of its first exposure. It is fixed once the watermark passes that exposure.
/// Cost: O(1) an event (and the unit's few kept events). Memory: 40 bytes a unit and its place in a
/// hash map, 8 to 32 a metric, 16 for each open window, 32 for each event or day still needed.
/// Beyond max_units new units are refused and counted. Thread safety: none. Determinism: no clock,
/// no random numbers; Save after the same calls gives the same bytes.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>
#include <cstdint>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "experiments/aggregate.h"
#include "leat/state.h"
#include "leat/status.h"

namespace leat::experiments {

enum class MetricKind {
  kProportion,  ///< Whether the unit did it at all.
  kSum,         ///< The unit's total: counts and revenue.
  kRatio,       ///< Sum of numerators over sum of denominators.
};

struct MetricOptions {
  std::string name;
  MetricKind kind = MetricKind::kSum;
  Micros from = 0;    ///< After the first exposure.
  Micros window = 0;  ///< From there; 0: open-ended.
  double cap = 0;     ///< A unit's total counts up to this; 0: no cap.
  bool cuped = false;
  bool histogram = false;  ///< For quantiles and caps by percentile.
};

struct LedgerOptions {
  size_t variants = 2;
  std::vector<MetricOptions> metrics;  ///< At most 30.
  std::vector<std::string> segments;   ///< Names of the dimensions, at most 4.
  Micros lateness = 0;
  int64_t days_before = 14;
  int64_t max_units = 10'000'000;
};

/// Where each event went when it came.
struct LedgerAccount {
  // Exposures.
  int64_t exposures = 0, first = 0, repeated = 0, earlier = 0, second_variant = 0;
  // Outcomes.
  int64_t outcomes = 0, counted = 0, before_window = 0, after_window = 0, waiting = 0;
  // Either.
  int64_t late = 0, duplicate = 0, of_bots = 0, of_lost = 0, refused = 0;
  int64_t flags = 0;
};

class Ledger {
 public:
  explicit Ledger(LedgerOptions options);

  /// `unit` and `event` are hashes of ids; `event` 0: none. `segments`: a code for each dimension,
  /// from SegmentCode; may be empty.
  void Exposure(uint64_t unit, size_t variant, EventTime time, uint64_t event = 0,
                std::span<const uint32_t> segments = {});
  void Outcome(uint64_t unit, size_t metric, double value, double denominator, EventTime time,
               uint64_t event = 0);
  void FlagBot(uint64_t unit);
  /// A unit that has entered a windowed metric, with its total.
  struct Entered {
    size_t metric, variant;
    double total;
  };
  /// Time has come to `now`: windows that are over are closed, what is no longer needed is dropped.
  /// `entered`, if any, gets who has entered by that, in the order of the windows' ends.
  void Advance(EventTime now, std::vector<Entered>* entered = nullptr);
  /// Whether the unit is in an arm, alone.
  bool IsExposed(uint64_t unit) const;

  /// A code for a value of a segment, the same for the same text. After 100 values: `(other)`.
  uint32_t SegmentCode(size_t dimension, std::string_view value);
  struct Segment {
    size_t dimension;
    std::string value;
    uint32_t code;
  };
  std::vector<Segment> Segments() const;  ///< By dimension, then value.

  const Aggregate& Total(size_t metric, size_t variant) const;
  /// Of one segment; empty aggregates when nothing was there.
  Aggregate Of(size_t dimension, uint32_t code, size_t metric, size_t variant) const;
  /// REQUIRES a metric with a histogram.
  const UnitHistogram& Histogram(size_t metric, size_t variant) const;
  /// Units exposed to this variant alone, bots left out; those lost to two variants; and bots.
  int64_t exposed(size_t variant) const { return exposed_[variant]; }
  int64_t lost(size_t variant) const { return lost_[variant]; }
  int64_t bots() const { return bots_; }
  int64_t units() const { return static_cast<int64_t>(index_.size()); }
  const LedgerAccount& account() const { return account_; }
  const LedgerOptions& options() const { return options_; }
  EventTime watermark() const { return watermark_; }

  void Save(StateWriter& out) const;
  Status Load(StateReader& in);
  size_t MemoryBytes() const;

 private:
  static constexpr uint32_t kNone = ~uint32_t{0};
  static constexpr size_t kDimensions = 4;
  enum Flag : uint8_t { kExposed = 1, kLost = 2, kBot = 4, kUsed = 8 };
  struct Unit {
    uint64_t key = 0;
    int64_t first = 0;
    uint32_t entries = kNone;
    uint32_t included = 0;  ///< Metrics, a bit each.
    uint8_t variant = 0;
    uint8_t flags = 0;
    uint16_t unused = 0;
    uint16_t segments[6] = {};  ///< The first kDimensions are used; no padding follows.
  };
  struct Entry {
    int64_t time = 0;
    int64_t num = 0, den = 0;
    uint32_t next = kNone;
    uint32_t metric = 0;
  };
  struct Timer {
    int64_t time = 0;
    uint32_t unit = 0;
    uint32_t what = 0;  ///< The first metric whose window ends with this, or kSettle.
    friend bool operator>(const Timer& a, const Timer& b) {
      return a.time != b.time   ? a.time > b.time
             : a.unit != b.unit ? a.unit > b.unit
                                : a.what > b.what;
    }
  };
  static constexpr uint32_t kSettle = ~uint32_t{0};
  struct Place {
    uint32_t at = 0;
    bool ratio = false, cuped = false;
  };

  bool Refuse(uint64_t event, EventTime time);
  uint32_t Find(uint64_t key);
  void Free(uint32_t unit);
  bool Settled(const Unit& unit) const;
  /// What an event at `time` is to a metric of an exposed unit.
  enum class When { kNever, kBefore, kEarly, kIn, kOver };
  When WhenOf(const Unit& unit, size_t metric, int64_t time) const;
  Contribution Read(uint32_t unit, size_t metric) const;
  Contribution Raw(uint32_t unit, size_t metric) const;
  void Write(uint32_t unit, size_t metric, const Contribution& raw);
  void Change(uint32_t unit, size_t metric, const Contribution& by);
  void Count(uint32_t unit, size_t metric, int sign);
  void TakeOut(uint32_t unit);
  void Recompute(uint32_t unit);
  void Keep(uint32_t unit, size_t metric, int64_t num, int64_t den, int64_t time);
  void DropEntries(uint32_t unit);
  void Trim(uint32_t unit);
  void Push(int64_t time, uint32_t unit, uint32_t what);
  /// Takes what is due first and at most at `mark`.
  bool Pop(int64_t mark, Timer& timer);
  /// Whether an earlier metric has the same end of its window.
  bool SharesEnd(size_t metric) const;
  void Start(uint32_t unit);
  Aggregate& Cell(std::vector<Aggregate>& cells, size_t metric, size_t variant) const {
    return cells[metric * options_.variants + variant];
  }

  LedgerOptions options_;
  std::vector<Place> places_;
  size_t stride_ = 0;
  EventTime watermark_;

  boost::unordered_flat_map<uint64_t, uint32_t> index_;
  std::vector<Unit> units_;
  std::vector<int64_t> values_;  ///< stride_ a unit.
  std::vector<uint32_t> free_units_;
  std::vector<Entry> entries_;
  std::vector<uint32_t> free_entries_;
  /// What is due soon, a heap with the earliest first; and the rest by minutes, in no order. A heap
  /// of all would be far larger than the processor's caches.
  std::vector<Timer> soon_;
  std::map<int64_t, std::vector<Timer>> later_;
  int64_t soon_until_ = std::numeric_limits<int64_t>::min();  ///< The first minute of later_.

  struct Seen {
    boost::unordered_flat_set<uint64_t> set;
    std::vector<uint64_t> order;
  };
  std::map<int64_t, Seen> seen_;  ///< Ids by time.

  std::vector<Aggregate> totals_;
  std::vector<UnitHistogram> histograms_;
  std::map<std::pair<uint32_t, uint32_t>, std::vector<Aggregate>> by_segment_;
  std::vector<std::vector<std::string>> segment_names_;
  std::vector<int64_t> exposed_, lost_;
  int64_t bots_ = 0;
  LedgerAccount account_;
};

}  // namespace leat::experiments
