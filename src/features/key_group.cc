#include "features/key_group.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <memory>
#include <new>

#include "features/functions.h"

namespace leat::features {
namespace {

constexpr int64_t kBeforeAll = std::numeric_limits<int64_t>::min();
constexpr double kMicro = 1e-6;

int64_t TimeIn(double cell) { return std::bit_cast<int64_t>(cell); }
double TimeCell(int64_t time) { return std::bit_cast<double>(time); }

bool NeedsAccumulator(Aggregate a) {
  switch (a) {
    case Aggregate::kCount:
    case Aggregate::kSum:
    case Aggregate::kMean:
    case Aggregate::kStd:
    case Aggregate::kMin:
    case Aggregate::kMax:
      return true;
    default:
      return false;
  }
}

uint8_t Keeps(Aggregate a) {
  switch (a) {
    case Aggregate::kSum:
    case Aggregate::kMean:
      return kKeepSum;
    case Aggregate::kStd:
      return kKeepSquares;
    case Aggregate::kMin:
      return kKeepMin;
    case Aggregate::kMax:
      return kKeepMax;
    default:
      return 0;
  }
}

/// Unbounded squares have no shift but a running mean (Welford), as nothing is ever taken out.
void AddUnbounded(const Accumulator& a, double* cells, double value) {
  Accumulator rest = a;
  rest.keeps = static_cast<uint8_t>(a.keeps & ~kKeepSquares);
  AddToAccumulator(rest, cells, value);
  if (a.keeps & kKeepSquares) {
    double* s = cells + a.squares;
    const double d = value - s[0];
    s[0] += d / cells[a.count];
    s[2] += d * (value - s[0]);
  }
}

}  // namespace

KeyGroup::KeyGroup(int64_t max_keys, int64_t max_events)
    : max_keys_(std::max<int64_t>(1, max_keys)), max_events_(std::max<int64_t>(2, max_events)) {}

KeyGroup::~KeyGroup() { ReleaseAll(); }

uint32_t KeyGroup::AddColumn(bool labelled, bool constant) {
  Column column;
  column.labelled = labelled;
  column.constant = constant;
  has_labelled_ |= labelled;
  columns_.push_back(std::move(column));
  return static_cast<uint32_t>(columns_.size() - 1);
}

void KeyGroup::AddWindow(uint32_t column, const WindowSpec& window) {
  columns_[column].windows.push_back(window);
}

void KeyGroup::Finish() {
  for (int labelled = 0; labelled < 2; ++labelled) {
    // The horizons of a log are all lengths that an accumulator of it needs, ascending.
    LogLayout& layout = layouts_[labelled];
    layout.max_rows = static_cast<uint32_t>(std::min<int64_t>(max_events_, 1 << 24));
    std::map<Micros, bool> lengths;
    for (const Column& column : columns_) {
      if (column.labelled != (labelled == 1)) continue;
      for (const WindowSpec& w : column.windows) {
        const bool run = w.aggregate == Aggregate::kRun;
        if (w.over > 0 && (NeedsAccumulator(w.aggregate) || run)) lengths[w.over] = true;
      }
    }
    for (const auto& [over, unused] : lengths) layout.horizons.push_back({over, {}});
  }
  uint32_t cells = 0;
  StateWriter columns;
  for (Column& column : columns_) LayOutColumn(column, cells, columns);
  for (Column& column : columns_) BuildAnswers(column);
  for (LogLayout& layout : layouts_) {
    layout.pool = &pool_;
    for (Horizon& horizon : layout.horizons) {
      std::stable_sort(
          horizon.accumulators.begin(), horizon.accumulators.end(),
          [](const Accumulator& a, const Accumulator& b) { return a.column < b.column; });
      horizon.counts = static_cast<uint32_t>(
          std::count_if(horizon.accumulators.begin(), horizon.accumulators.end(),
                        [](const Accumulator& a) { return a.column < 0; }));
    }
  }
  cells_ = cells;
  StateWriter layout;
  for (const LogLayout& log : layouts_) {
    layout.U32(log.columns);
    layout.U64(log.horizons.size());
    for (const Horizon& horizon : log.horizons) layout.I64(horizon.over);
  }
  layout.U32(cells_);
  layout.U32(sets_);
  layout.U64(columns_.size());
  layout_ = layout.Take() + columns.bytes();

  size_t at = sizeof(Header);
  labelled_log_at_ = at;
  if (!layouts_[1].horizons.empty()) at += sizeof(EventLog);
  labelled_live_at_ = at;
  at += layouts_[1].horizons.size() * sizeof(Coverage);
  cells_at_ = at;
  at += cells_ * sizeof(double);
  labelled_end_ = at;
  live_at_ = at;
  at += layouts_[0].horizons.size() * sizeof(Coverage);
  log_at_ = at;
  if (!layouts_[0].horizons.empty()) at += sizeof(EventLog);
  sets_at_ = at;
  at += sets_ * sizeof(DistinctSet);
  stride_ = (at + 63) / 64 * 64;
  SetStride(stride_);
}

std::vector<uint32_t> KeyGroup::Slots() const {
  std::vector<uint32_t> slots;
  for (const Column& column : columns_) {
    for (const WindowSpec& window : column.windows) slots.push_back(window.slot);
  }
  return slots;
}

void KeyGroup::LayOutColumn(Column& column, uint32_t& cells, StateWriter& state) {
  LogLayout& layout = layouts_[column.labelled ? 1 : 0];
  std::map<Micros, uint8_t> keeps;  // By length; 0 is unbounded.
  bool last = false, since = false, run = false;
  for (const WindowSpec& w : column.windows) {
    if (w.over == 0) expirable_ = false;
    longest_ = std::max(longest_, w.over);
    if (NeedsAccumulator(w.aggregate)) keeps[w.over] |= Keeps(w.aggregate);
    if (w.aggregate == Aggregate::kRun && w.over > 0) keeps[w.over] |= 0;
    last |= w.aggregate == Aggregate::kLast;
    since |= w.aggregate == Aggregate::kSince;
    run |= w.aggregate == Aggregate::kRun;
    if (w.aggregate == Aggregate::kDistinct) {
      if (column.distinct < 0) column.distinct = static_cast<int32_t>(sets_++);
      column.distinct_over = std::max(column.distinct_over, w.over);
    }
  }
  StateWriter accumulators;
  for (const auto& [over, kept] : keeps) {
    Accumulator a;
    a.keeps = kept;
    a.Place(cells);
    accumulators.I64(over);
    accumulators.U8(kept);
    accumulators.U32(a.count);
    if (over == 0) {
      column.unbounded = a;
      continue;
    }
    if (!column.constant || kept != 0) {
      if (column.row < 0) column.row = static_cast<int32_t>(layout.columns++);
      a.column = column.row;
    }
    for (uint32_t h = 0; h < layout.horizons.size(); ++h) {
      if (layout.horizons[h].over != over) continue;
      layout.horizons[h].accumulators.push_back(a);
      column.accumulators.push_back({h, a});
    }
  }
  const auto take = [&](uint32_t count) {
    const uint32_t at = cells;
    cells += count;
    return static_cast<int32_t>(at);
  };
  if (last) {
    column.last_cell = take(2);
    time_cells_.push_back(static_cast<uint32_t>(column.last_cell) + 1);
  }
  if (since) {
    column.since_cell = take(1);
    time_cells_.push_back(static_cast<uint32_t>(column.since_cell));
  }
  if (run) {
    column.run_cell = take(4);
    for (uint32_t i = 1; i < 4; ++i) {
      time_cells_.push_back(static_cast<uint32_t>(column.run_cell) + i);
    }
  }

  column.own = last || since || run;

  state.Bool(column.labelled);
  state.U64(column.windows.size());
  for (const WindowSpec& w : column.windows) {
    state.U32(w.slot);
    state.U8(static_cast<uint8_t>(w.aggregate));
    state.I64(w.over);
  }
  state.I32(column.row);
  state.U64(keeps.size());
  state.Items(std::span<const char>(accumulators.bytes()));
  for (const int32_t at : {column.last_cell, column.since_cell, column.run_cell, column.distinct}) {
    state.I32(at);
  }
}

void KeyGroup::BuildAnswers(Column& column) {
  for (const WindowSpec& w : column.windows) {
    Answer answer{w.aggregate, column.labelled, w.over, w.slot, 0, 0, {}};
    if (w.over == 0 && column.unbounded) answer.accumulator = *column.unbounded;
    for (const ColumnAccumulator& c : column.accumulators) {
      if (layouts_[column.labelled ? 1 : 0].horizons[c.horizon].over != w.over) continue;
      answer.horizon = c.horizon;
      answer.accumulator = c.accumulator;
    }
    if (w.aggregate == Aggregate::kLast) answer.own = static_cast<uint32_t>(column.last_cell);
    if (w.aggregate == Aggregate::kSince) answer.own = static_cast<uint32_t>(column.since_cell);
    if (w.aggregate == Aggregate::kRun) answer.own = static_cast<uint32_t>(column.run_cell);
    if (w.aggregate == Aggregate::kDistinct) answer.own = static_cast<uint32_t>(column.distinct);
    const bool early = column.labelled || w.before || w.aggregate == Aggregate::kSince;
    (early ? early_ : column.late).push_back(answer);
  }
  // What enters without column is counted by the log itself.
  std::erase_if(column.accumulators,
                [](const ColumnAccumulator& c) { return c.accumulator.column < 0; });
}

void KeyGroup::InitBlock(std::byte* block) {
  for (const bool labelled : {false, true}) {
    const size_t horizons = layouts_[labelled ? 1 : 0].horizons.size();
    if (horizons > 0) new (&LogOf(block, labelled)) EventLog();
    std::uninitialized_fill_n(LiveOf(block, labelled), horizons, Coverage{});
  }
  std::fill_n(CellsOf(block), cells_, 0.0);
  for (uint32_t cell : time_cells_) CellsOf(block)[cell] = TimeCell(kBeforeAll);
  for (uint32_t i = 0; i < sets_; ++i) new (&SetOf(block, static_cast<int32_t>(i))) DistinctSet();
}

void KeyGroup::ReleaseBlock(std::byte* block) {
  if (block_ == block) block_ = nullptr;
  for (const bool labelled : {false, true}) {
    const LogLayout& layout = layouts_[labelled ? 1 : 0];
    if (layout.horizons.empty()) continue;
    LogOf(block, labelled).Release(layout);
    LogOf(block, labelled).~EventLog();
  }
  for (uint32_t i = 0; i < sets_; ++i) SetOf(block, static_cast<int32_t>(i)).~DistinctSet();
}

std::byte* KeyGroup::FindOrCreate(uint64_t key) {
  if (std::byte* block = FindBlock(key)) return block;
  if (index_.size() >= static_cast<size_t>(max_keys_)) DropOldest();
  return Create(key);
}

void KeyGroup::DropOldest() {
  std::vector<std::pair<int64_t, uint64_t>> ages;
  ages.reserve(index_.size());
  ForEachLatest([&](uint64_t key, int64_t latest) { ages.emplace_back(latest, key); });
  const size_t drop = std::max<size_t>(1, ages.size() / 16);
  std::nth_element(ages.begin(), ages.begin() + static_cast<ptrdiff_t>(drop - 1), ages.end());
  std::vector<uint64_t> oldest(drop);
  for (size_t i = 0; i < drop; ++i) oldest[i] = ages[i].second;
  DropAll(oldest);
}

void KeyGroup::Prefetch(FetchStage stage, uint64_t key, EventTime time, bool labelled) const {
  if (key == 0) return;
  if (stage == FetchStage::kIndex) return index_.Prefetch(key);
  if (stage == FetchStage::kStore) return Expect(key);
  std::byte* const block = Lookup(key);
  if (block == nullptr) return;
  if (stage == FetchStage::kEvents) return PrefetchEvents(block, time, labelled);
  PrefetchBytes(block, std::min<size_t>(labelled ? labelled_end_ : stride_, 1024));
}

void KeyGroup::PrefetchEvents(std::byte* block, EventTime time, bool labelled) const {
  for (const bool kind : {false, true}) {
    const LogLayout& layout = layouts_[kind];
    if (layout.horizons.empty() || (labelled && !kind)) continue;
    LogOf(block, kind)
        .Prefetch(layout, LiveOf(block, kind), std::max(time.micros, HeaderOf(block).latest));
  }
  for (uint32_t i = 0; i < sets_; ++i) {
    const DistinctSet& set = SetOf(block, static_cast<int32_t>(i));
    for (size_t at = 0; at < set.values.size() && at < 64; at += 8) {
      PrefetchLine(set.values.data() + at);
      PrefetchLine(set.times.data() + at);
    }
  }
}

void KeyGroup::Find(uint64_t key) {
  block_ = key == 0 ? nullptr : FindOrCreate(key);
  if (block_ != nullptr) Change(block_);
}

void KeyGroup::Touch(EventTime time, double* slots) {
  if (block_ == nullptr) {
    for (const Answer& a : early_) slots[a.slot] = kMissing;
    return;
  }
  Header& header = HeaderOf(block_);
  time_ = time.micros;
  now_ = std::max(header.latest, time_);
  header.latest = now_;
  double* cells = CellsOf(block_);
  for (int labelled = 0; labelled < 2; ++labelled) {
    if (layouts_[labelled].horizons.empty()) continue;
    LogOf(block_, labelled == 1)
        .Advance(layouts_[labelled], LiveOf(block_, labelled == 1), cells, now_);
  }
  for (const Answer& a : early_) slots[a.slot] = Value(a, block_, now_);
  row_ = nullptr;
  if (!layouts_[0].horizons.empty()) {
    row_ = LogOf(block_, false)
               .Insert(layouts_[0], LiveOf(block_, false), cells, time_, now_, first_live_);
  }
}

void KeyGroup::Enter(uint32_t index, double value, double* slots) {
  const Column& column = columns_[index];
  if (block_ == nullptr) {
    for (const Answer& a : column.late) slots[a.slot] = kMissing;
    return;
  }
  if (value == value) {
    double* cells = CellsOf(block_);
    if (column.row >= 0 && row_ != nullptr) {
      row_[column.row] = value;
      for (const ColumnAccumulator& c : column.accumulators) {
        if (c.horizon >= first_live_) AddToAccumulator(c.accumulator, cells, value);
      }
    }
    if (column.unbounded) AddUnbounded(*column.unbounded, cells, value);
    if (column.own) UpdateOwnState(column, block_, value, time_);
    if (column.distinct >= 0) {
      AddDistinct(column, SetOf(block_, column.distinct), value, time_, now_);
    }
  }
  for (const Answer& a : column.late) slots[a.slot] = Value(a, block_, now_);
}

void KeyGroup::EnterLabelled(EventTime time, std::span<const double> values) {
  if (block_ == nullptr) return;
  std::byte* block = block_;
  Header& header = HeaderOf(block);
  header.latest = std::max(header.latest, time.micros);
  const int64_t now = header.latest;
  double* cells = CellsOf(block);
  double* row = nullptr;
  uint32_t first_live = 0;
  const LogLayout& layout = layouts_[1];
  if (!layout.horizons.empty()) {
    EventLog& log = LogOf(block, true);
    Coverage* live = LiveOf(block, true);
    log.Advance(layout, live, cells, now);
    row = log.Insert(layout, live, cells, time.micros, now, first_live);
  }
  for (size_t i = 0; i < columns_.size(); ++i) {
    const Column& column = columns_[i];
    const double value = values[i];
    if (!column.labelled || value != value) continue;
    if (column.row >= 0 && row != nullptr) {
      row[column.row] = value;
      for (const ColumnAccumulator& c : column.accumulators) {
        if (c.horizon >= first_live) AddToAccumulator(c.accumulator, cells, value);
      }
    }
    if (column.unbounded) AddUnbounded(*column.unbounded, cells, value);
    if (column.own) UpdateOwnState(column, block, value, time.micros);
    if (column.distinct >= 0) {
      AddDistinct(column, SetOf(block, column.distinct), value, time.micros, now);
    }
  }
}

void KeyGroup::UpdateOwnState(const Column& column, std::byte* block, double value, int64_t time) {
  double* cells = CellsOf(block);
  if (column.last_cell >= 0) {
    double* c = cells + column.last_cell;
    if (time >= TimeIn(c[1])) {
      c[0] = value;
      c[1] = TimeCell(time);
    }
  }
  if (column.since_cell >= 0 && value != 0) {
    double& c = cells[column.since_cell];
    c = TimeCell(std::max(TimeIn(c), time));
  }
  if (column.run_cell < 0) return;
  double* c = cells + column.run_cell;
  double& run = c[0];
  double &start = c[1], &newest = c[2], &broken = c[3];
  const bool in_order = time >= TimeIn(newest);
  if (value != 0) {
    if (!in_order && (run == 0 || time <= TimeIn(broken))) return;
    start = run == 0 ? TimeCell(time) : TimeCell(std::min(TimeIn(start), time));
    run += 1;
    if (in_order) newest = TimeCell(time);
  } else if (in_order) {
    run = 0;
    newest = broken = TimeCell(time);
  } else if (run > 0 && time > TimeIn(broken)) {
    broken = TimeCell(time);
    if (time >= TimeIn(start)) {
      run = 1;
      start = newest;
    }
  }
}

void KeyGroup::AddDistinct(const Column& column, DistinctSet& set, double value, int64_t time,
                           int64_t now) {
  value += 0.0;  // -0 and 0 are one value.
  const int64_t cutoff = Cutoff(now, column.distinct_over);
  if (time <= cutoff) return;
  auto& times = set.times;
  auto& values = set.values;
  size_t at = values.size();
  while (at > 0 && values[at - 1] != value) --at;
  if (at > 0) {
    --at;
    if (times[at] >= time) return;
  } else {
    const size_t dead =
        static_cast<size_t>(std::upper_bound(times.begin(), times.end(), cutoff) - times.begin());
    size_t drop = dead > times.size() / 4 ? dead : 0;
    if (times.size() - drop >= static_cast<size_t>(max_events_)) drop = std::max<size_t>(dead, 1);
    times.erase(times.begin(), times.begin() + static_cast<ptrdiff_t>(drop));
    values.erase(values.begin(), values.begin() + static_cast<ptrdiff_t>(drop));
    at = values.size();
    times.push_back(time);
    values.push_back(value);
    while (at > 0 && times[at - 1] > time) {
      times[at] = times[at - 1];
      values[at] = values[at - 1];
      --at;
    }
    times[at] = time;
    values[at] = value;
    return;
  }
  // A known value moves towards the end, to its new time.
  while (at + 1 < times.size() && times[at + 1] <= time) {
    times[at] = times[at + 1];
    values[at] = values[at + 1];
    ++at;
  }
  times[at] = time;
  values[at] = value;
}

double KeyGroup::Value(const Answer& answer, std::byte* block, int64_t now) const {
  const double* cells = CellsOf(block);
  const Accumulator& a = answer.accumulator;
  switch (answer.aggregate) {
    case Aggregate::kCount:
      return cells[a.count];
    case Aggregate::kSum:
      return Finite(cells[a.sum]);
    case Aggregate::kMean: {
      const double n = cells[a.count];
      return n > 0 ? Finite(cells[a.sum] / n) : kMissing;
    }
    case Aggregate::kStd: {
      const double n = cells[a.count];
      if (n < 2) return kMissing;
      const double* s = cells + a.squares;
      const double variance = (s[2] - s[1] * s[1] / n) / (n - 1);
      return variance <= 0 ? 0 : Finite(std::sqrt(variance));  // Squares may have no number.
    }
    case Aggregate::kMin:
    case Aggregate::kMax: {
      if (!(cells[a.count] > 0)) return kMissing;
      const bool smallest = answer.aggregate == Aggregate::kMin;
      double& extreme = CellsOf(block)[smallest ? a.min : a.max];
      if (extreme != extreme) {
        extreme = LogOf(block, answer.labelled)
                      .Scan(layouts_[answer.labelled ? 1 : 0], LiveOf(block, answer.labelled),
                            answer.horizon, a.column, smallest);
      }
      return extreme;
    }
    case Aggregate::kLast: {
      const double* c = cells + answer.own;
      const int64_t time = TimeIn(c[1]);
      if (time == kBeforeAll) return kMissing;
      return answer.over == 0 || time > Cutoff(now, answer.over) ? c[0] : kMissing;
    }
    case Aggregate::kSince: {
      const int64_t time = TimeIn(cells[answer.own]);
      if (time == kBeforeAll) return kMissing;
      if (answer.over > 0 && time <= Cutoff(now, answer.over)) return kMissing;
      return (static_cast<double>(now) - static_cast<double>(time)) * kMicro;
    }
    case Aggregate::kRun: {
      const double run = cells[answer.own];
      return answer.over == 0 ? run : std::min(run, cells[a.count]);
    }
    case Aggregate::kDistinct: {
      const auto& times = SetOf(block, static_cast<int32_t>(answer.own)).times;
      const auto first = std::upper_bound(times.begin(), times.end(), Cutoff(now, answer.over));
      return static_cast<double>(times.end() - first);
    }
  }
  return kMissing;
}

void KeyGroup::Expire(EventTime watermark) {
  if (!expirable_ || watermark.micros == kBeforeAll) return;
  // A pass looks at every key: not before a sixteenth of the longest window has gone by.
  const int64_t step = longest_ / 16;
  // One that is ahead of all events was saved by a version that could take it for one.
  const bool known = expired_at_ != kBeforeAll && expired_at_ <= watermark.micros;
  if (known && watermark.micros < expired_at_ + step) return;
  expired_at_ = watermark.micros;
  const int64_t cutoff = Cutoff(watermark.micros, longest_);
  std::vector<uint64_t> dead;
  ForEachLatest([&](uint64_t key, int64_t latest) {
    if (latest <= cutoff) dead.push_back(key);
  });
  DropAll(dead);
}

}  // namespace leat::features
