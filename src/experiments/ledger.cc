#include "experiments/ledger.h"

#include <algorithm>
#include <functional>

namespace leat::experiments {
namespace {

int64_t FloorOf(int64_t micros, int64_t unit) {
  const int64_t whole = micros / unit;
  return whole * unit > micros ? whole - 1 : whole;
}
int64_t DayOf(int64_t micros) { return FloorOf(micros, kDay); }

int64_t Plus(int64_t a, int64_t b) {
  int64_t sum = 0;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return b > 0 ? std::numeric_limits<int64_t>::max() : std::numeric_limits<int64_t>::min();
}

constexpr size_t kMostSegments = 100;

}  // namespace

Ledger::Ledger(LedgerOptions options)
    : options_(std::move(options)), exposed_(options_.variants), lost_(options_.variants) {
  uint32_t at = 0;
  for (const MetricOptions& metric : options_.metrics) {
    const bool ratio = metric.kind == MetricKind::kRatio;
    places_.push_back({at, ratio, metric.cuped});
    at += (ratio ? 2u : 1u) * (metric.cuped ? 2u : 1u);
  }
  stride_ = at;
  totals_.resize(options_.metrics.size() * options_.variants);
  histograms_.resize(totals_.size());
  segment_names_.resize(std::min(options_.segments.size(), kDimensions));
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

uint32_t Ledger::Find(uint64_t key) {
  const auto found = index_.find(key);
  if (found != index_.end()) return found->second;
  if (static_cast<int64_t>(index_.size()) >= options_.max_units) {
    ++account_.refused;
    return kNone;
  }
  uint32_t unit = 0;
  if (!free_units_.empty()) {
    unit = free_units_.back();
    free_units_.pop_back();
    units_[unit] = Unit{};
    std::fill_n(values_.begin() + static_cast<ptrdiff_t>(unit * stride_), stride_, 0);
  } else {
    unit = static_cast<uint32_t>(units_.size());
    units_.emplace_back();
    values_.resize(values_.size() + stride_, 0);
  }
  units_[unit].key = key;
  units_[unit].flags = kUsed;
  index_.emplace(key, unit);
  return unit;
}

void Ledger::Free(uint32_t unit) {
  DropEntries(unit);
  index_.erase(units_[unit].key);
  units_[unit] = Unit{};
  free_units_.push_back(unit);
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

Contribution Ledger::Raw(uint32_t unit, size_t metric) const {
  const Place& place = places_[metric];
  const int64_t* v = values_.data() + unit * stride_ + place.at;
  Contribution c;
  c.y = *v++;
  if (place.ratio) c.d = *v++;
  if (place.cuped) c.x = *v++;
  if (place.ratio && place.cuped) c.w = *v;
  return c;
}

void Ledger::Write(uint32_t unit, size_t metric, const Contribution& raw) {
  const Place& place = places_[metric];
  int64_t* v = values_.data() + unit * stride_ + place.at;
  *v++ = raw.y;
  if (place.ratio) *v++ = raw.d;
  if (place.cuped) *v++ = raw.x;
  if (place.ratio && place.cuped) *v = raw.w;
}

/// What of a unit's totals counts.
Contribution Ledger::Read(uint32_t unit, size_t metric) const {
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

void Ledger::Count(uint32_t unit, size_t metric, int sign) {
  const Unit& u = units_[unit];
  const Contribution c = Read(unit, metric);
  Cell(totals_, metric, u.variant).Add(c, sign);
  if (options_.metrics[metric].histogram) {
    histograms_[metric * options_.variants + u.variant].Add(c.y, sign);
  }
  for (size_t s = 0; s < segment_names_.size(); ++s) {
    if (u.segments[s] == 0) continue;
    auto& cells = by_segment_[{static_cast<uint32_t>(s), u.segments[s]}];
    if (cells.empty()) cells.resize(totals_.size());
    Cell(cells, metric, u.variant).Add(c, sign);
  }
}

void Ledger::Change(uint32_t unit, size_t metric, const Contribution& by) {
  const bool counted = (units_[unit].included >> metric & 1) != 0;
  if (counted) Count(unit, metric, -1);
  Contribution raw = Raw(unit, metric);
  raw = {Plus(raw.y, by.y), Plus(raw.d, by.d), Plus(raw.x, by.x), Plus(raw.w, by.w)};
  Write(unit, metric, raw);
  if (counted) Count(unit, metric, 1);
}

void Ledger::TakeOut(uint32_t unit) {
  for (size_t m = 0; m < places_.size(); ++m) {
    if ((units_[unit].included >> m & 1) != 0) Count(unit, m, -1);
  }
  units_[unit].included = 0;
}

/// All of the unit's totals, from the events that are kept. REQUIRES nothing counted.
void Ledger::Recompute(uint32_t unit) {
  for (size_t m = 0; m < places_.size(); ++m) Write(unit, m, {});
  for (uint32_t e = units_[unit].entries; e != kNone; e = entries_[e].next) {
    const Entry& entry = entries_[e];
    switch (WhenOf(units_[unit], entry.metric, entry.time)) {
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

void Ledger::DropEntries(uint32_t unit) {
  uint32_t e = units_[unit].entries;
  while (e != kNone) {
    const uint32_t next = entries_[e].next;
    free_entries_.push_back(e);
    e = next;
  }
  units_[unit].entries = kNone;
}

/// Behind the watermark only the day of an event still matters, and only to covariates.
void Ledger::Trim(uint32_t unit) {
  const int64_t oldest = DayOf(watermark_.micros) - options_.days_before;
  uint32_t* link = &units_[unit].entries;
  while (*link != kNone) {
    const uint32_t e = *link;
    Entry& entry = entries_[e];
    if (entry.time >= watermark_.micros) {
      link = &entry.next;
      continue;
    }
    const int64_t day = DayOf(entry.time);
    bool drop = !places_[entry.metric].cuped || day < oldest;
    for (uint32_t other = entry.next; !drop && other != kNone; other = entries_[other].next) {
      Entry& to = entries_[other];
      if (to.metric != entry.metric || to.time >= watermark_.micros || DayOf(to.time) != day) {
        continue;
      }
      to.num = Plus(to.num, entry.num);
      to.den = Plus(to.den, entry.den);
      to.time = day * kDay;
      drop = true;
    }
    if (drop) {
      *link = entry.next;
      free_entries_.push_back(e);
    } else {
      link = &entry.next;
    }
  }
}

void Ledger::Keep(uint32_t unit, size_t metric, int64_t num, int64_t den, int64_t time) {
  if (units_[unit].entries != kNone) {
    Trim(unit);
  } else if ((units_[unit].flags & kExposed) == 0) {
    Push(Plus(time, (options_.days_before + 1) * kDay), unit, kSettle);
  }
  uint32_t e = 0;
  if (!free_entries_.empty()) {
    e = free_entries_.back();
    free_entries_.pop_back();
  } else {
    e = static_cast<uint32_t>(entries_.size());
    entries_.emplace_back();
  }
  entries_[e] = {time, num, den, units_[unit].entries, static_cast<uint32_t>(metric)};
  units_[unit].entries = e;
}

void Ledger::Push(int64_t time, uint32_t unit, uint32_t what) {
  const int64_t minute = FloorOf(time, kMinute);
  if (minute >= soon_until_) {
    later_[minute].push_back({time, unit, what});
    return;
  }
  soon_.push_back({time, unit, what});
  std::push_heap(soon_.begin(), soon_.end(), std::greater<>());
}

bool Ledger::Pop(int64_t mark, Timer& timer) {
  while (soon_.empty() && !later_.empty() && later_.begin()->first * kMinute <= mark) {
    soon_until_ = later_.begin()->first + 1;
    soon_ = std::move(later_.begin()->second);
    later_.erase(later_.begin());
    std::make_heap(soon_.begin(), soon_.end(), std::greater<>());
  }
  if (soon_.empty() || soon_.front().time > mark) return false;
  timer = soon_.front();
  std::pop_heap(soon_.begin(), soon_.end(), std::greater<>());
  soon_.pop_back();
  return true;
}

bool Ledger::SharesEnd(size_t metric) const {
  const MetricOptions& m = options_.metrics[metric];
  for (size_t other = 0; other < metric; ++other) {
    const MetricOptions& o = options_.metrics[other];
    if (o.window > 0 && o.from + o.window == m.from + m.window) return true;
  }
  return false;
}

/// The unit's first exposure is where it is now: totals are made, windows are set.
void Ledger::Start(uint32_t unit) {
  Recompute(unit);
  const int64_t first = units_[unit].first;
  Push(first + 1, unit, kSettle);
  for (size_t m = 0; m < places_.size(); ++m) {
    const MetricOptions& metric = options_.metrics[m];
    if (metric.window > 0) {
      if (SharesEnd(m)) continue;
      Push(first + metric.from + metric.window, unit, static_cast<uint32_t>(m));
    } else {
      units_[unit].included |= uint32_t{1} << m;
      Count(unit, m, 1);
    }
  }
}

void Ledger::Exposure(uint64_t key, size_t variant, EventTime time, uint64_t event,
                      std::span<const uint32_t> segments) {
  ++account_.exposures;
  if (Refuse(event, time)) return;
  const uint32_t unit = Find(key);
  if (unit == kNone) return;
  Unit& u = units_[unit];
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
    for (size_t s = 0; s < segment_names_.size(); ++s) {
      u.segments[s] = static_cast<uint16_t>(s < segments.size() ? segments[s] : 0);
    }
  };
  if (!exposed) {
    ++account_.first;
    u.flags |= kExposed;
    move();
    ++exposed_[variant];
    return Start(unit);
  }
  if ((u.flags & kLost) != 0) {
    ++account_.of_lost;
    if (!earlier) return;
    --lost_[u.variant];
    move();
    ++lost_[u.variant];
    return;
  }
  if (arm != u.variant) {
    ++account_.second_variant;
    TakeOut(unit);
    --exposed_[u.variant];
    u.flags |= kLost;
    if (earlier) move();
    ++lost_[u.variant];
    return DropEntries(unit);
  }
  if (time.micros >= u.first) {
    ++account_.repeated;
    return;
  }
  ++account_.earlier;
  TakeOut(unit);
  move();
  Start(unit);
}

void Ledger::Outcome(uint64_t key, size_t metric, double value, double denominator, EventTime time,
                     uint64_t event) {
  ++account_.outcomes;
  if (Refuse(event, time)) return;
  const uint32_t unit = Find(key);
  if (unit == kNone) return;
  const Unit& u = units_[unit];
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
  const uint32_t unit = Find(key);
  if (unit == kNone) return;
  Unit& u = units_[unit];
  if ((u.flags & kBot) != 0) return;
  TakeOut(unit);
  DropEntries(unit);
  if ((u.flags & kLost) != 0) {
    --lost_[u.variant];
  } else if ((u.flags & kExposed) != 0) {
    --exposed_[u.variant];
  }
  u.flags = kUsed | kBot;
  ++bots_;
}

void Ledger::Advance(EventTime now, std::vector<Entered>* entered) {
  const EventTime mark = now - options_.lateness;
  if (now == EventTime{} || mark <= watermark_) return;
  watermark_ = mark;
  const int64_t width = std::max<int64_t>(kSecond, options_.lateness / 4 + 1);
  while (!seen_.empty() && (seen_.begin()->first + 1) * width <= mark.micros) {
    seen_.erase(seen_.begin());
  }
  for (Timer timer; Pop(mark.micros, timer);) {
    Unit& u = units_[timer.unit];
    if ((u.flags & kUsed) == 0 || (u.flags & (kBot | kLost)) != 0) continue;
    const bool exposed = (u.flags & kExposed) != 0;
    if (timer.what == kSettle) {
      if (exposed) {
        if (u.first < mark.micros) DropEntries(timer.unit);
        continue;
      }
      Trim(timer.unit);
      if (u.entries == kNone) {
        Free(timer.unit);
        continue;
      }
      int64_t oldest = std::numeric_limits<int64_t>::max();
      for (uint32_t e = u.entries; e != kNone; e = entries_[e].next) {
        oldest = std::min(oldest, entries_[e].time);
      }
      Push(std::max(mark.micros + 1, Plus(oldest, (options_.days_before + 1) * kDay)), timer.unit,
           kSettle);
      continue;
    }
    if (!exposed) continue;
    const Micros length = options_.metrics[timer.what].from + options_.metrics[timer.what].window;
    // An exposure that moved has another timer.
    if (u.first + length != timer.time) continue;
    for (size_t m = timer.what; m < places_.size(); ++m) {
      const MetricOptions& metric = options_.metrics[m];
      const uint32_t bit = uint32_t{1} << m;
      if (metric.window == 0 || metric.from + metric.window != length) continue;
      if ((u.included & bit) != 0) continue;
      u.included |= bit;
      Count(timer.unit, m, 1);
      if (entered != nullptr) {
        entered->push_back({m, u.variant, static_cast<double>(Read(timer.unit, m).y) * 1e-6});
      }
    }
  }
}

bool Ledger::IsExposed(uint64_t unit) const {
  const auto found = index_.find(unit);
  return found != index_.end() && (units_[found->second].flags & (kExposed | kLost)) == kExposed;
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

void Ledger::Save(StateWriter& out) const {
  out.Section("ledger", 2);
  out.U64(options_.variants);
  out.U64(options_.metrics.size());
  out.U64(stride_);
  out.I64(watermark_.micros);
  out.Array(units_);
  out.Array(values_);
  out.Array(free_units_);
  out.Array(entries_);
  out.Array(free_entries_);
  out.Array(soon_);
  out.I64(soon_until_);
  out.U64(later_.size());
  for (const auto& [minute, timers] : later_) {
    out.I64(minute);
    out.Array(timers);
  }
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

Status Ledger::Load(StateReader& in) {
  const uint32_t version = in.Section("ledger", 2);
  const uint64_t variants = in.U64();
  // Version 1 left the number of metrics out.
  const uint64_t metrics = version >= 2 ? in.U64() : options_.metrics.size();
  const uint64_t stride = in.U64();
  if (in.ok() &&
      (variants != options_.variants || metrics != options_.metrics.size() || stride != stride_)) {
    return Status::Corrupt("the experiment's variants or metrics differ");
  }
  watermark_.micros = in.I64();
  in.Array(units_);
  in.Array(values_);
  in.Array(free_units_);
  in.Array(entries_);
  in.Array(free_entries_);
  in.Array(soon_);
  soon_until_ = in.I64();
  later_.clear();
  for (uint64_t left = in.Count(16); left > 0 && in.ok(); --left) {
    const int64_t minute = in.I64();
    in.Array(later_[minute]);
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
  LEAT_RETURN_IF_ERROR(in.status());
  // Whatever indexes is checked once, so that bytes that were damaged cannot reach elsewhere.
  bool good = values_.size() == units_.size() * stride_ && exposed_.size() == options_.variants &&
              lost_.size() == options_.variants;
  const auto within = [](uint32_t i, size_t n) { return i == kNone || i < n; };
  for (const Unit& u : units_) {
    good = good && within(u.entries, entries_.size()) && u.variant < options_.variants;
  }
  for (const Entry& e : entries_) {
    good = good && within(e.next, entries_.size()) && e.metric < places_.size();
  }
  for (const uint32_t i : free_units_) good = good && i < units_.size();
  for (const uint32_t i : free_entries_) good = good && i < entries_.size();
  const auto check = [&](const std::vector<Timer>& timers) {
    for (const Timer& t : timers) {
      good = good && t.unit < units_.size() && (t.what == kSettle || t.what < places_.size());
    }
  };
  check(soon_);
  for (const auto& [minute, timers] : later_) check(timers);
  if (!good) return Status::Corrupt("the units of an experiment do not fit together");
  index_.clear();
  index_.reserve(units_.size());
  for (size_t i = 0; i < units_.size(); ++i) {
    if ((units_[i].flags & kUsed) != 0) index_.emplace(units_[i].key, static_cast<uint32_t>(i));
  }
  return Status::Ok();
}

size_t Ledger::MemoryBytes() const {
  size_t bytes = units_.capacity() * sizeof(Unit) + values_.capacity() * 8 +
                 entries_.capacity() * sizeof(Entry) + soon_.capacity() * sizeof(Timer) +
                 (free_units_.capacity() + free_entries_.capacity()) * 4 +
                 index_.bucket_count() * (sizeof(uint64_t) * 2 + 1) +
                 totals_.size() * sizeof(Aggregate);
  for (const auto& [minute, timers] : later_) bytes += timers.capacity() * sizeof(Timer);
  for (const auto& [bucket, seen] : seen_) {
    bytes += seen.order.capacity() * 8 + seen.set.bucket_count() * 9;
  }
  for (const auto& [segment, cells] : by_segment_) bytes += cells.size() * sizeof(Aggregate);
  return bytes;
}

}  // namespace leat::experiments
