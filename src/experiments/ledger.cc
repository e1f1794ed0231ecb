#include "experiments/ledger.h"

#include <algorithm>
#include <functional>

namespace leat::experiments {
namespace {

int64_t DayOf(int64_t micros) { return WholeOf(micros, kDay); }

int64_t Plus(int64_t a, int64_t b) {
  int64_t sum = 0;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return b > 0 ? std::numeric_limits<int64_t>::max() : std::numeric_limits<int64_t>::min();
}

constexpr size_t kMostSegments = 100;
/// How far ahead units that are due are fetched.
constexpr std::pair<FetchStage, size_t> kFetchAhead[] = {
    {FetchStage::kStore, 32}, {FetchStage::kIndex, 16}, {FetchStage::kBlock, 8}};

}  // namespace

Ledger::Ledger(LedgerOptions options)
    : options_(std::move(options)),
      places_(PlacesOf(options_)),
      units_(places_.empty() ? 0 : places_.back().end(), !options_.segments.empty(),
             options_.variants, options_.metrics.size()),
      exposed_(options_.variants),
      lost_(options_.variants) {
  totals_.resize(options_.metrics.size() * options_.variants);
  histograms_.resize(totals_.size());
  segment_names_.resize(std::min(options_.segments.size(), kSegmentDimensions));
}

std::vector<Ledger::Place> Ledger::PlacesOf(const LedgerOptions& options) {
  std::vector<Place> places;
  for (const MetricOptions& metric : options.metrics) {
    places.push_back({places.empty() ? 0 : places.back().end(), metric.kind == MetricKind::kRatio,
                      metric.cuped});
  }
  return places;
}

bool Ledger::Refuse(uint64_t event, EventTime time) {
  if (time < watermark_) {
    ++account_.late;
    return true;
  }
  if (event == 0) return false;
  const int64_t width = std::max<int64_t>(kSecond, options_.lateness / 4 + 1);
  // An id may come again with another time: it is looked for among all that may still come.
  const int64_t bucket = time.micros / width;
  for (const auto& [at, seen] : seen_) {
    if (seen.set.contains(event)) {
      ++account_.duplicate;
      return true;
    }
  }
  Seen& seen = seen_[bucket];
  seen.set.insert(event);
  seen.order.push_back(event);
  return false;
}

Unit* Ledger::Find(uint64_t key, EventTime time) {
  if (Unit* const unit = units_.Find(key, time.micros)) return unit;
  if (units() >= options_.max_units) {
    ++account_.refused;
    return nullptr;
  }
  Unit* const unit = units_.Add(key);
  units_.WillChange(unit);
  unit->order = came_++ & Unit::kMostOrder;
  return unit;
}

bool Ledger::Settled(const Unit& unit) const {
  return (unit.flags & kExposed) != 0 && unit.first < watermark_.micros;
}

Ledger::When Ledger::WhenOf(const Unit& unit, size_t metric, int64_t time) const {
  const MetricOptions& m = options_.metrics[metric];
  if (time >= unit.first) {
    if (time - unit.first < m.from) return When::kEarly;
    if (m.window > 0 && time - unit.first - m.from >= m.window) return When::kOver;
    return When::kIn;
  }
  if (!m.cuped) return When::kNever;
  const int64_t days = DayOf(unit.first) - DayOf(time);
  return days >= 1 && days <= options_.days_before ? When::kBefore : When::kNever;
}

Contribution Ledger::Raw(Unit* unit, size_t metric) const {
  const Place& place = places_[metric];
  const int64_t* v = units_.ValuesOf(unit) + place.at;
  Contribution c;
  c.y = *v++;
  if (place.ratio) c.d = *v++;
  if (place.cuped) c.x = *v++;
  if (place.ratio && place.cuped) c.w = *v;
  return c;
}

void Ledger::Write(Unit* unit, size_t metric, const Contribution& raw) {
  const Place& place = places_[metric];
  int64_t* v = units_.ValuesOf(unit) + place.at;
  *v++ = raw.y;
  if (place.ratio) *v++ = raw.d;
  if (place.cuped) *v++ = raw.x;
  if (place.ratio && place.cuped) *v = raw.w;
}

/// What of a unit's totals counts.
Contribution Ledger::Read(Unit* unit, size_t metric) const {
  Contribution c = Raw(unit, metric);
  const MetricOptions& m = options_.metrics[metric];
  if (m.kind == MetricKind::kProportion) {
    c.y = c.y > 0 ? kFixedOne : 0;
    c.x = c.x > 0 ? kFixedOne : 0;
    return c;
  }
  const int64_t cap = m.cap > 0 ? ToFixed(m.cap) : kFixedMost;
  for (int64_t* v : {&c.y, &c.x}) *v = std::clamp(*v, -kFixedMost, cap);
  for (int64_t* v : {&c.d, &c.w}) *v = std::clamp(*v, -kFixedMost, kFixedMost);
  return c;
}

void Ledger::Count(Unit* unit, size_t metric, int sign) {
  const Unit& u = *unit;
  const std::span<const uint16_t> segments = units_.SegmentsOf(unit);
  const Contribution c = Read(unit, metric);
  Cell(totals_, metric, u.variant).Add(c, sign);
  if (options_.metrics[metric].histogram) {
    histograms_[metric * options_.variants + u.variant].Add(c.y, sign);
  }
  for (size_t s = 0; s < segment_names_.size(); ++s) {
    if (segments[s] == 0) continue;
    auto& cells = by_segment_[{static_cast<uint32_t>(s), segments[s]}];
    if (cells.empty()) cells.resize(totals_.size());
    Cell(cells, metric, u.variant).Add(c, sign);
  }
}

void Ledger::Change(Unit* unit, size_t metric, const Contribution& by) {
  units_.WillChange(unit);
  const bool counted = (unit->included >> metric & 1) != 0;
  if (counted) Count(unit, metric, -1);
  Contribution raw = Raw(unit, metric);
  raw = {Plus(raw.y, by.y), Plus(raw.d, by.d), Plus(raw.x, by.x), Plus(raw.w, by.w)};
  Write(unit, metric, raw);
  if (counted) Count(unit, metric, 1);
}

void Ledger::TakeOut(Unit* unit) {
  for (size_t m = 0; m < places_.size(); ++m) {
    if ((unit->included >> m & 1) != 0) Count(unit, m, -1);
  }
  unit->included = 0;
}

/// All of the unit's totals, from the events that are kept. REQUIRES nothing counted.
void Ledger::Recompute(Unit* unit) {
  for (size_t m = 0; m < places_.size(); ++m) Write(unit, m, {});
  for (uint32_t e = unit->entries; e != Units::kNone; e = units_.Entry(e).next) {
    const UnitEntry& entry = units_.Entry(e);
    switch (WhenOf(*unit, entry.metric, entry.time)) {
      case When::kIn:
        Change(unit, entry.metric, {entry.num, entry.den, 0, 0});
        break;
      case When::kBefore:
        Change(unit, entry.metric, {0, 0, entry.num, entry.den});
        break;
      default:
        break;
    }
  }
}

/// Behind the watermark only the day of an event still matters, and only to covariates.
void Ledger::Trim(Unit* unit) {
  const int64_t oldest = DayOf(watermark_.micros) - options_.days_before;
  uint32_t* link = &unit->entries;
  while (*link != Units::kNone) {
    UnitEntry& entry = units_.Entry(*link);
    if (entry.time >= watermark_.micros) {
      link = &entry.next;
      continue;
    }
    const int64_t day = DayOf(entry.time);
    bool drop = !places_[entry.metric].cuped || day < oldest;
    for (uint32_t other = entry.next; !drop && other != Units::kNone;
         other = units_.Entry(other).next) {
      UnitEntry& to = units_.Entry(other);
      if (to.metric != entry.metric || to.time >= watermark_.micros || DayOf(to.time) != day) {
        continue;
      }
      to.num = Plus(to.num, entry.num);
      to.den = Plus(to.den, entry.den);
      to.time = day * kDay;
      drop = true;
    }
    if (drop) {
      units_.DropEntry(link);
    } else {
      link = &entry.next;
    }
  }
}

/// How long an event of a unit that is not exposed yet may matter: to a covariate for some days, to
/// others until the watermark has passed it. A day of that saves a look at each event of those who
/// come again.
int64_t Ledger::KeptFor(size_t metric) const {
  return (places_[metric].cuped ? options_.days_before + 1 : 1) * kDay;
}

void Ledger::Keep(Unit* unit, size_t metric, int64_t num, int64_t den, int64_t time) {
  units_.WillChange(unit);
  const bool first = unit->entries == Units::kNone;
  if (!first) Trim(unit);
  if (first && (unit->flags & kExposed) == 0) {
    unit->first = Plus(time, KeptFor(metric));
  }
  units_.AddEntry(unit, {time, num, den, Units::kNone, static_cast<uint32_t>(metric)});
  if (first) Schedule(unit);
}

/// Nothing but what is saved of a unit decides, so that moments need not be saved.
int64_t Ledger::DueOf(const Unit& unit, bool has_entries) const {
  if ((unit.flags & (kBot | kLost)) != 0) return DueQueue::kNever;
  if ((unit.flags & kExposed) == 0) return unit.first;
  // Entries are dropped once nobody can come before the exposure.
  int64_t due = has_entries ? unit.first + 1 : DueQueue::kNever;
  for (size_t m = 0; m < places_.size(); ++m) {
    const MetricOptions& metric = options_.metrics[m];
    if (metric.window == 0 || (unit.included >> m & 1) != 0) continue;
    due = std::min(due, Plus(unit.first, metric.from + metric.window));
  }
  return due;
}

void Ledger::Schedule(const Unit* unit) {
  due_.Add({DueOf(*unit, unit->entries != Units::kNone), unit->order, units_.KeyOf(unit)});
}

/// The unit's first exposure is where it is now: totals are made, windows are set.
void Ledger::Start(Unit* unit) {
  Recompute(unit);
  for (size_t m = 0; m < places_.size(); ++m) {
    if (options_.metrics[m].window > 0) continue;
    unit->included |= uint32_t{1} << m;
    Count(unit, m, 1);
  }
  Schedule(unit);
}

void Ledger::Exposure(uint64_t key, size_t variant, EventTime time, uint64_t event,
                      std::span<const uint32_t> segments) {
  ++account_.exposures;
  if (Refuse(event, time)) return;
  Unit* const unit = Find(key, time);
  if (unit == nullptr) return;
  Unit& u = *unit;
  if ((u.flags & kBot) != 0) {
    ++account_.of_bots;
    return;
  }
  const auto arm = static_cast<uint8_t>(variant);
  const bool exposed = (u.flags & kExposed) != 0;
  const bool earlier =
      !exposed || time.micros < u.first || (time.micros == u.first && arm < u.variant);
  const auto move = [&] {
    u.first = time.micros;
    u.variant = arm;
    const std::span<uint16_t> own = units_.SegmentsOf(unit);
    for (size_t s = 0; s < std::min(own.size(), segment_names_.size()); ++s) {
      own[s] = static_cast<uint16_t>(s < segments.size() ? segments[s] : 0);
    }
  };
  if (!exposed) {
    ++account_.first;
    units_.WillChange(unit);
    u.flags |= kExposed;
    move();
    ++exposed_[variant];
    return Start(unit);
  }
  if ((u.flags & kLost) != 0) {
    ++account_.of_lost;
    if (!earlier) return;
    units_.WillChange(unit);
    --lost_[u.variant];
    move();
    ++lost_[u.variant];
    return;
  }
  if (arm != u.variant) {
    ++account_.second_variant;
    units_.WillChange(unit);
    TakeOut(unit);
    --exposed_[u.variant];
    u.flags |= kLost;
    if (earlier) move();
    ++lost_[u.variant];
    return units_.DropEntries(unit);
  }
  if (time.micros >= u.first) {
    ++account_.repeated;
    return;
  }
  ++account_.earlier;
  units_.WillChange(unit);
  TakeOut(unit);
  move();
  Start(unit);
}

void Ledger::Outcome(uint64_t key, size_t metric, double value, double denominator, EventTime time,
                     uint64_t event) {
  ++account_.outcomes;
  if (Refuse(event, time)) return;
  Unit* const unit = Find(key, time);
  if (unit == nullptr) return;
  const Unit& u = *unit;
  if ((u.flags & kBot) != 0) {
    ++account_.of_bots;
    return;
  }
  if ((u.flags & kLost) != 0) {
    ++account_.of_lost;
    return;
  }
  const int64_t num = ToFixed(value), den = ToFixed(denominator);
  if (!Settled(u)) Keep(unit, metric, num, den, time.micros);
  if ((u.flags & kExposed) == 0) {
    ++account_.waiting;
    return;
  }
  switch (WhenOf(u, metric, time.micros)) {
    case When::kIn:
      ++account_.counted;
      return Change(unit, metric, {num, den, 0, 0});
    case When::kBefore:
      ++account_.before_window;
      return Change(unit, metric, {0, 0, num, den});
    case When::kOver:
      ++account_.after_window;
      return;
    default:
      ++account_.before_window;
      return;
  }
}

void Ledger::FlagBot(uint64_t key) {
  ++account_.flags;
  Unit* const unit = Find(key, watermark_);
  if (unit == nullptr) return;
  Unit& u = *unit;
  if ((u.flags & kBot) != 0) return;
  units_.WillChange(unit);
  TakeOut(unit);
  units_.DropEntries(unit);
  if ((u.flags & kLost) != 0) {
    --lost_[u.variant];
  } else if ((u.flags & kExposed) != 0) {
    --exposed_[u.variant];
  }
  u.flags = kBot;
  ++bots_;
}

void Ledger::Fire(Unit* unit, int64_t time, std::vector<Entered>* entered) {
  units_.WillChange(unit);
  if ((unit->flags & kExposed) == 0) {
    Trim(unit);
    if (unit->entries == Units::kNone) return units_.Remove(unit);
    int64_t next = std::numeric_limits<int64_t>::max();
    for (uint32_t e = unit->entries; e != Units::kNone; e = units_.Entry(e).next) {
      const UnitEntry& entry = units_.Entry(e);
      next = std::min(next, Plus(entry.time, KeptFor(entry.metric)));
    }
    unit->first = std::max(watermark_.micros + 1, next);
    return Schedule(unit);
  }
  if (time > unit->first) units_.DropEntries(unit);
  for (size_t m = 0; m < places_.size(); ++m) {
    const MetricOptions& metric = options_.metrics[m];
    const uint32_t bit = uint32_t{1} << m;
    if (metric.window == 0 || (unit->included & bit) != 0) continue;
    if (Plus(unit->first, metric.from + metric.window) != time) continue;
    unit->included |= bit;
    Count(unit, m, 1);
    if (entered != nullptr) {
      entered->push_back({m, unit->variant, static_cast<double>(Read(unit, m).y) * 1e-6});
    }
  }
  Schedule(unit);
}

void Ledger::Advance(EventTime now, std::vector<Entered>* entered) {
  const EventTime mark = now - options_.lateness;
  if (now == EventTime{} || mark <= watermark_) return;
  watermark_ = mark;
  const int64_t width = std::max<int64_t>(kSecond, options_.lateness / 4 + 1);
  while (!seen_.empty() && (seen_.begin()->first + 1) * width <= mark.micros) {
    seen_.erase(seen_.begin());
  }
  // What is due says nothing about whether more will come of a unit: it counts as no event.
  constexpr int64_t kNoEvent = std::numeric_limits<int64_t>::min();
  const auto due_of = [&](const Unit& unit) { return DueOf(unit, unit.entries != Units::kNone); };
  const auto find = [&](const std::vector<uint64_t>& keys, auto&& visit) {
    for (size_t i = 0; i < keys.size(); ++i) {
      for (const auto& [stage, ahead] : kFetchAhead) {
        if (i + ahead < keys.size()) units_.Prefetch(stage, keys[i + ahead]);
      }
      const Unit* const unit = units_.Find(keys[i], kNoEvent);
      if (unit != nullptr) visit({due_of(*unit), unit->order, keys[i]});
    }
  };
  for (DueQueue::Due due; due_.Take(mark.micros, due, find);) {
    Unit* const unit = units_.Find(due.key, kNoEvent);
    // One whose moment has changed has another entry.
    if (unit == nullptr || unit->order != due.order || due_of(*unit) != due.time) continue;
    Fire(unit, due.time, entered);
  }
}

bool Ledger::IsExposed(uint64_t key) {
  const Unit* const unit = units_.Find(key, watermark_.micros);
  return unit != nullptr && (unit->flags & (kExposed | kLost)) == kExposed;
}

uint32_t Ledger::SegmentCode(size_t dimension, std::string_view value) {
  if (dimension >= segment_names_.size() || value.empty()) return 0;
  std::vector<std::string>& names = segment_names_[dimension];
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i] == value) return static_cast<uint32_t>(i + 1);
  }
  if (names.size() + 1 < kMostSegments) {
    names.emplace_back(value);
  } else if (names.size() < kMostSegments) {
    names.emplace_back("(other)");
  }
  return static_cast<uint32_t>(names.size());
}

std::vector<Ledger::Segment> Ledger::Segments() const {
  std::vector<Segment> out;
  for (size_t s = 0; s < segment_names_.size(); ++s) {
    const size_t from = out.size();
    for (size_t i = 0; i < segment_names_[s].size(); ++i) {
      out.push_back({s, segment_names_[s][i], static_cast<uint32_t>(i + 1)});
    }
    std::sort(out.begin() + static_cast<ptrdiff_t>(from), out.end(),
              [](const Segment& a, const Segment& b) { return a.value < b.value; });
  }
  return out;
}

const Aggregate& Ledger::Total(size_t metric, size_t variant) const {
  return totals_[metric * options_.variants + variant];
}

Aggregate Ledger::Of(size_t dimension, uint32_t code, size_t metric, size_t variant) const {
  const auto found = by_segment_.find({static_cast<uint32_t>(dimension), code});
  if (found == by_segment_.end()) return {};
  return found->second[metric * options_.variants + variant];
}

const UnitHistogram& Ledger::Histogram(size_t metric, size_t variant) const {
  return histograms_[metric * options_.variants + variant];
}

void Ledger::SaveHead(StateWriter& out) const {
  out.Section("ledger", 3);
  out.U64(options_.variants);
  out.U64(options_.metrics.size());
  out.U64(units_.values());
  out.I64(watermark_.micros);
  out.Bool(!options_.segments.empty());
  out.U64(came_);
  out.U64(seen_.size());
  for (const auto& [bucket, seen] : seen_) {
    out.I64(bucket);
    out.Array(seen.order);
  }
  for (const Aggregate& cell : totals_) cell.Save(out);
  for (const UnitHistogram& histogram : histograms_) histogram.Save(out);
  out.U64(by_segment_.size());
  for (const auto& [segment, cells] : by_segment_) {
    out.U32(segment.first);
    out.U32(segment.second);
    for (const Aggregate& cell : cells) cell.Save(out);
  }
  out.U64(segment_names_.size());
  for (const auto& names : segment_names_) {
    out.U64(names.size());
    for (const std::string& name : names) out.Text(name);
  }
  out.Array(exposed_);
  out.Array(lost_);
  out.I64(bots_);
  out.Items(std::span<const LedgerAccount>(&account_, 1));
}

Status Ledger::LoadHead(StateReader& in) {
  const uint32_t version = in.Section("ledger", 3);
  const uint64_t variants = in.U64();
  // Version 1 left the number of metrics out.
  const uint64_t metrics = version >= 2 ? in.U64() : options_.metrics.size();
  const uint64_t values = in.U64();
  if (in.ok() && (variants != options_.variants || metrics != options_.metrics.size() ||
                  values != units_.values())) {
    return Status::Corrupt("the experiment's variants or metrics differ");
  }
  watermark_.micros = in.I64();
  due_.Clear();
  units_.Clear();
  if (version >= 3) {
    if (in.Bool() != !options_.segments.empty()) in.Fail("the experiment's segments differ");
    came_ = in.U64();
  } else {
    LEAT_RETURN_IF_ERROR(LoadOldUnits(in));
  }
  seen_.clear();
  for (uint64_t left = in.Count(16); left > 0 && in.ok(); --left) {
    Seen& seen = seen_[in.I64()];
    in.Array(seen.order);
    seen.set.insert(seen.order.begin(), seen.order.end());
  }
  for (Aggregate& cell : totals_) cell.Load(in);
  for (UnitHistogram& histogram : histograms_) histogram.Load(in);
  by_segment_.clear();
  for (uint64_t left = in.Count(8); left > 0 && in.ok(); --left) {
    const uint32_t dimension = in.U32(), code = in.U32();
    auto& cells = by_segment_[{dimension, code}];
    cells.resize(totals_.size());
    for (Aggregate& cell : cells) cell.Load(in);
  }
  if (in.U64() != segment_names_.size() && in.ok()) in.Fail("the experiment's segments differ");
  for (auto& names : segment_names_) {
    names.resize(in.Count(8));
    for (std::string& name : names) name = in.Text();
  }
  in.Array(exposed_);
  in.Array(lost_);
  bots_ = in.I64();
  in.Items(std::span<LedgerAccount>(&account_, 1));
  if (in.ok() && (exposed_.size() != options_.variants || lost_.size() != options_.variants)) {
    in.Fail("the experiment's arms differ");
  }
  return in.status();
}

/// Until version 2 the head held all units, their events and their timers, by index.
Status Ledger::LoadOldUnits(StateReader& in) {
  struct OldUnit {
    uint64_t key;
    int64_t first;
    uint32_t entries, included;
    uint8_t variant, flags;
    uint16_t unused, segments[6];
  };
  struct OldTimer {
    int64_t time;
    uint32_t unit, what;
  };
  constexpr uint8_t kUsed = 8;
  constexpr uint32_t kSettle = ~uint32_t{0};
  std::vector<OldUnit> units;
  std::vector<int64_t> values;
  std::vector<UnitEntry> entries;
  std::vector<uint32_t> ignored;
  std::vector<OldTimer> timers;
  in.Array(units);
  in.Array(values);
  in.Array(ignored);
  in.Array(entries);
  in.Array(ignored);
  // Of what they said only the next look at a unit that was not exposed does not follow from it.
  const auto take = [&] {
    in.Array(timers);
    for (const OldTimer& timer : timers) {
      if (timer.unit >= units.size()) return in.Fail("a timer of an experiment is of no unit");
      OldUnit& unit = units[timer.unit];
      if (timer.what == kSettle && (unit.flags & kExposed) == 0) unit.first = timer.time;
    }
  };
  take();
  in.I64();
  for (uint64_t left = in.Count(16); left > 0 && in.ok(); --left) {
    in.I64();
    take();
  }
  if (in.ok() && values.size() != units.size() * units_.values()) {
    in.Fail("the units of an experiment do not fit together");
  }
  LEAT_RETURN_IF_ERROR(in.status());
  came_ = units.size();
  std::vector<uint32_t> chain;
  for (size_t i = 0; i < units.size(); ++i) {
    const OldUnit& old = units[i];
    if ((old.flags & kUsed) == 0) continue;
    chain.clear();
    for (uint32_t e = old.entries; e != Units::kNone; e = entries[e].next) {
      if (e >= entries.size() || entries[e].metric >= places_.size() ||
          chain.size() > entries.size()) {
        return Status::Corrupt("the units of an experiment do not fit together");
      }
      chain.push_back(e);
    }
    Unit* const unit = units_.AddUnsaved(old.key);
    if (unit == nullptr || old.variant >= options_.variants) {
      return Status::Corrupt("the units of an experiment do not fit together");
    }
    unit->first = old.first;
    unit->order = i & Unit::kMostOrder;
    unit->included = old.included;
    unit->variant = old.variant;
    unit->flags = old.flags & (kExposed | kLost | kBot);
    std::copy_n(values.begin() + static_cast<ptrdiff_t>(i * units_.values()), units_.values(),
                units_.ValuesOf(unit));
    std::ranges::copy_n(old.segments, units_.SegmentsOf(unit).size(),
                        units_.SegmentsOf(unit).begin());
    for (size_t e = chain.size(); e-- > 0;) units_.AddEntry(unit, entries[chain[e]]);
    Schedule(unit);
  }
  return Status::Ok();
}

Status Ledger::LoadItem(uint64_t key, std::string_view item, bool in_memory) {
  Unit unit;
  bool has_entries = false;
  LEAT_RETURN_IF_ERROR(units_.LoadItem(key, item, in_memory, unit, has_entries));
  due_.Add({DueOf(unit, has_entries), unit.order, key});
  return Status::Ok();
}

void Ledger::SaveUnits(StateWriter& out) const { units_.Save(out); }

Status Ledger::LoadUnits(StateReader& in) {
  units_.Load(in, static_cast<uint64_t>(options_.max_units));
  LEAT_RETURN_IF_ERROR(in.status());
  units_.ForEach([&](const Unit* unit) { Schedule(unit); });
  return Status::Ok();
}

void Ledger::Save(StateWriter& out) const {
  SaveHead(out);
  SaveUnits(out);
}

Status Ledger::Load(StateReader& in) {
  LEAT_RETURN_IF_ERROR(LoadHead(in));
  return LoadUnits(in);
}

size_t Ledger::MemoryBytes() const {
  size_t bytes = units_.MemoryBytes() + due_.MemoryBytes() + totals_.size() * sizeof(Aggregate);
  for (const auto& [bucket, seen] : seen_) {
    bytes += seen.order.capacity() * 8 + seen.set.bucket_count() * 9;
  }
  for (const auto& [segment, cells] : by_segment_) bytes += cells.size() * sizeof(Aggregate);
  return bytes;
}

}  // namespace leat::experiments
