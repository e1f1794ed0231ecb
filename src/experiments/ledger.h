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
/// Cost: O(1) an event (and the unit's few kept events). Memory: see Units, and 8 bytes for the
/// unit's next moment. With a store, units that have long not been seen may be given up and are
/// read back when they are needed. Beyond max_units new units are refused and counted. Thread
/// safety: none. Determinism: no clock, no random numbers; Save after the same calls gives the same
/// bytes, whatever is in memory. REQUIRES that no unit is 0.
#pragma once

#include <boost/unordered/unordered_flat_set.hpp>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "experiments/aggregate.h"
#include "experiments/due_queue.h"
#include "experiments/units.h"
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
  bool IsExposed(uint64_t unit);
  /// Fetches memory that the unit's events will need: each stage in turn, some events apart.
  void Prefetch(FetchStage stage, uint64_t unit) const { units_.Prefetch(stage, unit); }

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
  int64_t units() const { return static_cast<int64_t>(units_.keys()); }
  const LedgerAccount& account() const { return account_; }
  const LedgerOptions& options() const { return options_; }
  EventTime watermark() const { return watermark_; }

  void Save(StateWriter& out) const;
  Status Load(StateReader& in);
  size_t MemoryBytes() const;
  // ---- In part: a head, and the units item by item (see KeyedBlocks) ----
  void SaveHead(StateWriter& out) const;
  /// What was saved by a version that kept units in the head has them now.
  Status LoadHead(StateReader& in);
  void SaveUnits(StateWriter& out) const;
  Status LoadUnits(StateReader& in);
  Status LoadItem(uint64_t unit, std::string_view item, bool in_memory);
  /// The units; Track, Evict and what saves items belong to them.
  Units& blocks() { return units_; }
  const Units& blocks() const { return units_; }

 private:
  struct Place {
    uint32_t at = 0;
    bool ratio = false, cuped = false;
    uint32_t end() const { return at + (ratio ? 2u : 1u) * (cuped ? 2u : 1u); }
  };

  static std::vector<Place> PlacesOf(const LedgerOptions& options);
  bool Refuse(uint64_t event, EventTime time);
  /// The unit, which may be new; null when no more are allowed.
  Unit* Find(uint64_t key, EventTime time);
  bool Settled(const Unit& unit) const;
  /// What an event at `time` is to a metric of an exposed unit.
  enum class When { kNever, kBefore, kEarly, kIn, kOver };
  When WhenOf(const Unit& unit, size_t metric, int64_t time) const;
  Contribution Read(Unit* unit, size_t metric) const;
  Contribution Raw(Unit* unit, size_t metric) const;
  void Write(Unit* unit, size_t metric, const Contribution& raw);
  void Change(Unit* unit, size_t metric, const Contribution& by);
  void Count(Unit* unit, size_t metric, int sign);
  void TakeOut(Unit* unit);
  void Recompute(Unit* unit);
  int64_t KeptFor(size_t metric) const;
  void Keep(Unit* unit, size_t metric, int64_t num, int64_t den, int64_t time);
  void Trim(Unit* unit);
  /// When something happens to a unit next; DueQueue::kNever.
  int64_t DueOf(const Unit& unit, bool has_entries) const;
  void Schedule(const Unit* unit);
  /// What is due of a unit at `time`.
  void Fire(Unit* unit, int64_t time, std::vector<Entered>* entered);
  Status LoadOldUnits(StateReader& in);
  void Start(Unit* unit);
  Aggregate& Cell(std::vector<Aggregate>& cells, size_t metric, size_t variant) const {
    return cells[metric * options_.variants + variant];
  }

  LedgerOptions options_;
  std::vector<Place> places_;
  EventTime watermark_;

  Units units_;
  uint64_t came_ = 0;  ///< Units so far, those forgotten included.
  DueQueue due_;

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
