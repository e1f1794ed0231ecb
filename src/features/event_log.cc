#include "features/event_log.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

namespace leat::features {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// Offsets inside a pane's column.
enum : uint32_t { kCount, kSum, kSquares, kMin, kMax };

void ClearAccumulator(const Accumulator& a, double* cells) {
  cells[a.count] = 0;
  if (a.keeps & kKeepSum) cells[a.sum] = 0;
  if (a.keeps & kKeepSquares) std::fill_n(cells + a.squares, 3, 0.0);
  if (a.keeps & kKeepMin) cells[a.min] = 0;
  if (a.keeps & kKeepMax) cells[a.max] = 0;
}

/// Whether the squared deviations s (shift, sum, sum of squares) of n values, of which `removed`
/// was just taken out, have lost their digits: what remains about the mean is under a millionth of
/// what it is the difference of, or has no number. Deviations that are themselves only rounding do
/// not count.
bool HasLostPrecision(const double* s, double n, double removed) {
  const double about_mean = s[2] * n - s[1] * s[1];  // Times n.
  if (!std::isfinite(about_mean)) return true;
  const double largest = std::max(removed, s[2]);
  return largest * n > 1e6 * about_mean && largest > 1e-28 * s[0] * s[0] * n;
}

/// Takes `n` values with the given sum, squared deviations and extremes out. Returns whether the
/// accumulator has lost its precision.
bool Remove(const Accumulator& a, double* cells, double n, double sum, double squares, double min,
            double max) {
  double& count = cells[a.count];
  bool lost = false;
  count -= n;
  if (!(count > 0)) {
    ClearAccumulator(a, cells);
    return false;
  }
  if (a.keeps & kKeepSum) cells[a.sum] -= sum;
  if (a.keeps & kKeepSquares) {
    double* s = cells + a.squares;
    const double mean = sum / n;
    const double d = mean - s[0];
    const double removed = squares + n * d * d;
    s[1] -= n * d;
    s[2] -= removed;
    lost = HasLostPrecision(s, count, removed);
  }
  // An extreme that leaves is looked for again when somebody asks.
  if ((a.keeps & kKeepMin) && min <= cells[a.min]) cells[a.min] = kNan;
  if ((a.keeps & kKeepMax) && max >= cells[a.max]) cells[a.max] = kNan;
  return lost;
}

/// Takes a value out of what else an accumulator keeps; `count` is what is left.
bool RemoveFromRest(const Accumulator& a, double* cells, double value, double count) {
  bool lost = false;
  if (a.keeps & kKeepSquares) {
    double* s = cells + a.squares;
    const double d = value - s[0];
    s[1] -= d;
    s[2] -= d * d;
    lost = HasLostPrecision(s, count, d * d);
  }
  if ((a.keeps & kKeepMin) && value <= cells[a.min]) cells[a.min] = kNan;
  if ((a.keeps & kKeepMax) && value >= cells[a.max]) cells[a.max] = kNan;
  return lost;
}

bool RemoveValue(const Accumulator& a, double* cells, double value) {
  const double count = cells[a.count] - 1;
  if (!(count > 0)) {
    ClearAccumulator(a, cells);
    return false;
  }
  cells[a.count] = count;
  if (a.keeps & kKeepSum) cells[a.sum] -= value;
  return (a.keeps & ~kKeepSum) != 0 && RemoveFromRest(a, cells, value, count);
}

}  // namespace

void AddToRest(const Accumulator& a, double* cells, double value, bool first) {
  if (a.keeps & kKeepSquares) {
    double* s = cells + a.squares;
    if (first) s[0] = value;
    const double d = value - s[0];
    s[1] += d;
    s[2] += d * d;
  }
  // Comparisons with an extreme that is to be looked for again (NaN) leave it so.
  if ((a.keeps & kKeepMin) && (first || value < cells[a.min])) cells[a.min] = value;
  if ((a.keeps & kKeepMax) && (first || value > cells[a.max])) cells[a.max] = value;
}

void EventLog::Advance(const LogLayout& layout, Coverage* live, double* cells, int64_t now) {
  if (size_ == 0 && !panes_) return;
  const Rows ring = RowsOf(layout);
  Coverage* of = live;
  for (const Horizon& horizon : layout.horizons) {
    const int64_t cutoff = Cutoff(now, horizon.over);
    // A bit for each accumulator that is to be computed again; the last one stands for the rest.
    uint64_t lost = 0;
    if (panes_) lost = AdvancePanes(layout, horizon, *of, cells, cutoff);
    if (of->oldest <= cutoff) {  // Else the rows need not even be looked at.
      const uint32_t before = of->rows;
      lost |= AdvanceRows(ring, size_, horizon, *of, cells, cutoff);
      evictions_ += before - of->rows;
    }
    if (lost != 0) RecomputeLost(layout, horizon, *of, lost, cells);
    ++of;
  }
  // The longest horizon is last: what it does not cover, nothing does.
  const uint32_t dead = size_ - of[-1].rows;
  if (dead > 0) {
    head_ = (head_ + dead) & ring.mask;
    size_ -= dead;
  }
  if (panes_) DropDeadPanes(layout, of[-1]);
  if (evictions_ > 256 + 16 * size_) RecomputeAll(layout, live, cells);
}

/// Takes the rows up to `cutoff` out of a horizon. REQUIRES that it covers one.
inline uint64_t EventLog::AdvanceRows(const Rows& ring, uint32_t size, const Horizon& horizon,
                                      Coverage& live, double* cells, int64_t cutoff) {
  const Accumulator* const all = horizon.accumulators.data();
  const Accumulator* const valued = all + horizon.counts;
  const Accumulator* const end = all + horizon.accumulators.size();
  uint64_t lost = 0;
  uint32_t rows = live.rows;
  live.oldest = std::numeric_limits<int64_t>::max();
  do {
    const double* row = ring[size - rows];
    if (const auto time = std::bit_cast<int64_t>(row[0]); time > cutoff) {
      live.oldest = time;
      break;
    }
    for (const Accumulator* a = valued; a != end; ++a) {
      const double value = row[1 + a->column];
      if (value == value && RemoveValue(*a, cells, value)) {
        lost |= uint64_t{1} << std::min<ptrdiff_t>(a - all, 63);
      }
    }
  } while (--rows > 0);
  for (const Accumulator* a = all; a != valued; ++a) cells[a->count] -= live.rows - rows;
  live.rows = rows;
  return lost;
}

void EventLog::RecomputeLost(const LogLayout& layout, const Horizon& horizon, const Coverage& live,
                             uint64_t lost, double* cells) const {
  for (size_t i = 0; i < horizon.accumulators.size(); ++i) {
    if ((lost >> std::min<size_t>(i, 63)) & 1) {
      Recompute(layout, live, horizon.accumulators[i], cells);
    }
  }
}

void EventLog::RecomputeAll(const LogLayout& layout, const Coverage* live, double* cells) {
  evictions_ = 0;
  for (const Horizon& horizon : layout.horizons) {
    for (const Accumulator& a : horizon.accumulators) Recompute(layout, *live, a, cells);
    ++live;
  }
}

uint64_t EventLog::AdvancePanes(const LogLayout& layout, const Horizon& horizon, Coverage& live,
                                double* cells, int64_t cutoff) {
  uint64_t lost = 0;
  while (live.panes > 0) {
    const double* pane = Pane(layout, panes_->size - live.panes);
    if (std::bit_cast<int64_t>(pane[0]) > cutoff) break;
    for (size_t i = 0; i < horizon.accumulators.size(); ++i) {
      const Accumulator& a = horizon.accumulators[i];
      if (i < horizon.counts) {
        cells[a.count] -= pane[1];
        continue;
      }
      const double* c = pane + kPaneHead + kPaneColumn * static_cast<uint32_t>(a.column);
      if (c[kCount] > 0 && Remove(a, cells, c[kCount], c[kSum], c[kSquares], c[kMin], c[kMax])) {
        lost |= uint64_t{1} << std::min<size_t>(i, 63);
      }
    }
    --live.panes;
    ++evictions_;
  }
  return lost;
}

void EventLog::DropDeadPanes(const LogLayout& layout, const Coverage& longest) {
  const size_t dead = panes_->size - longest.panes;
  if (dead == 0) return;
  panes_->data.erase(panes_->data.begin(),
                     panes_->data.begin() + static_cast<ptrdiff_t>(dead * PaneStride(layout)));
  panes_->size -= dead;
  if (panes_->size == 0) panes_.reset();
}

double* EventLog::Insert(const LogLayout& layout, Coverage* live, double* cells, int64_t time,
                         int64_t now, uint32_t& first_live) {
  const uint32_t horizons = static_cast<uint32_t>(layout.horizons.size());
  if (size_ >= layout.max_rows) Fold(layout, live);
  // Panes cannot be opened again: an event older than the newest pane counts at the pane's end.
  if (panes_) {
    time = std::max(time, std::bit_cast<int64_t>(*Pane(layout, panes_->size - 1)));
  }
  first_live = 0;
  while (first_live < horizons && time <= Cutoff(now, layout.horizons[first_live].over)) {
    ++first_live;
  }
  if (first_live == horizons) return nullptr;
  if (size_ == capacity_) Grow(layout);
  uint32_t at = size_++;
  if (at == 0 || time >= newest_) {
    newest_ = time;
  } else {
    at = MakeRoom(layout, time);
  }
  double* row = Row(layout, at);
  row[0] = std::bit_cast<double>(time);
  for (uint32_t c = 1; c <= layout.columns; ++c) row[c] = kNan;
  for (uint32_t h = first_live; h < horizons; ++h) {
    ++live[h].rows;
    live[h].oldest = std::min(live[h].oldest, time);
    const Horizon& horizon = layout.horizons[h];
    for (uint32_t i = 0; i < horizon.counts; ++i) cells[horizon.accumulators[i].count] += 1;
  }
  return row + 1;
}

/// The place of a row that is not the newest, behind those of its time: the rows on the shorter
/// side have moved away. `size_` counts it already.
uint32_t EventLog::MakeRoom(const LogLayout& layout, int64_t time) {
  const size_t stride = layout.stride();
  const uint32_t rows = size_ - 1;
  uint32_t at = 0;
  for (uint32_t end = rows; at < end;) {
    const uint32_t middle = at + (end - at) / 2;
    if (Time(layout, middle) > time) {
      end = middle;
    } else {
      at = middle + 1;
    }
  }
  if (at >= rows / 2) {
    for (uint32_t i = rows; i > at; --i) {
      std::copy_n(Row(layout, i - 1), stride, Row(layout, i));
    }
  } else {
    head_ = (head_ + capacity_ - 1) & (capacity_ - 1);
    for (uint32_t i = 0; i < at; ++i) std::copy_n(Row(layout, i + 1), stride, Row(layout, i));
  }
  return at;
}

void EventLog::Grow(const LogLayout& layout) {
  const uint32_t capacity = capacity_ == 0 ? 4 : capacity_ * 2;
  const size_t stride = layout.stride();
  auto* data = static_cast<double*>(layout.pool->Allocate(capacity * stride * sizeof(double)));
  for (uint32_t i = 0; i < size_; ++i) std::copy_n(Row(layout, i), stride, data + i * stride);
  if (capacity_ > 0) layout.pool->Free(data_, RingBytes(layout));
  data_ = data;
  head_ = 0;
  capacity_ = capacity;
}

void EventLog::Release(const LogLayout& layout) {
  if (capacity_ > 0) layout.pool->Free(data_, RingBytes(layout));
  data_ = nullptr;
  head_ = size_ = capacity_ = 0;
  panes_.reset();
}

void EventLog::Fold(const LogLayout& layout, Coverage* live) {
  const size_t horizons = layout.horizons.size();
  uint32_t take = std::min<uint32_t>(2, size_);
  for (size_t h = 0; h < horizons; ++h) {
    // A horizon that ends between the two rows keeps them apart.
    if (live[h].rows == size_ - 1) take = 1;
  }
  if (!panes_) panes_ = std::make_unique<Panes>();
  const uint32_t stride = PaneStride(layout);
  panes_->data.resize((panes_->size + 1) * stride, 0.0);
  double* pane = Pane(layout, panes_->size++);
  pane[0] = *Row(layout, take - 1);
  pane[1] = take;
  for (uint32_t c = 0; c < layout.columns; ++c) {
    double* out = pane + kPaneHead + kPaneColumn * c;
    for (uint32_t i = 0; i < take; ++i) {
      const double value = Row(layout, i)[1 + c];
      if (value != value) continue;
      if (out[kCount] == 0) {
        out[kMin] = out[kMax] = value;
      } else {
        const double d = value - out[kSum];  // Two values: squared deviations are half of d^2.
        out[kSquares] = d * d / 2;
        out[kMin] = std::min(out[kMin], value);
        out[kMax] = std::max(out[kMax], value);
      }
      out[kCount] += 1;
      out[kSum] += value;
    }
  }
  for (size_t h = 0; h < horizons; ++h) {
    if (live[h].rows == size_) {
      live[h].rows -= take;
      ++live[h].panes;
    }
  }
  head_ = (head_ + take) & (capacity_ - 1);
  size_ -= take;
  for (size_t h = 0; h < horizons; ++h) UpdateOldest(layout, live[h]);
  if (panes_->size > kMaxPanes) CompactPanes(layout, live);
}

void EventLog::CompactPanes(const LogLayout& layout, Coverage* live) {
  const size_t n = panes_->size;
  const size_t horizons = layout.horizons.size();
  // joins[i]: panes i and i - 1 are to be one. Chosen from the newest to the oldest, as the size
  // that a pane may have depends on the number of events after it.
  std::vector<uint8_t> joins(n, 0);
  double share = 1.0 / 256;
  for (size_t left = n; left > kMaxPanes * 3 / 4 && share < 1; share *= 1.5) {
    left = n;
    double newer = size_;
    double group = Pane(layout, n - 1)[1];
    for (size_t i = n - 1; i > 0; --i) {
      const double events = Pane(layout, i - 1)[1];
      bool boundary = false;
      for (size_t h = 0; h < horizons; ++h) boundary |= n - live[h].panes == i;
      joins[i] = !boundary && group + events <= std::max(2.0, share * newer) ? 1 : 0;
      if (joins[i] != 0) {
        group += events;
        --left;
      } else {
        newer += group;
        group = events;
      }
    }
  }
  std::vector<uint32_t> kept(horizons, 0);
  size_t out = 0;
  for (size_t i = 0; i < n; ++i) {
    const double* pane = Pane(layout, i);
    if (joins[i] != 0) {
      MergePane(layout, Pane(layout, out - 1), pane);
      continue;
    }
    for (size_t h = 0; h < horizons; ++h) kept[h] += i >= n - live[h].panes ? 1 : 0;
    std::copy_n(pane, PaneStride(layout), Pane(layout, out++));
  }
  panes_->size = out;
  panes_->data.resize(out * PaneStride(layout));
  for (size_t h = 0; h < horizons; ++h) live[h].panes = kept[h];
}

void EventLog::MergePane(const LogLayout& layout, double* into, const double* newer) {
  into[0] = newer[0];
  into[1] += newer[1];
  for (uint32_t c = 0; c < layout.columns; ++c) {
    double* a = into + kPaneHead + kPaneColumn * c;
    const double* b = newer + kPaneHead + kPaneColumn * c;
    if (b[kCount] == 0) continue;
    if (a[kCount] == 0) {
      std::copy_n(b, kPaneColumn, a);
      continue;
    }
    const double d = b[kSum] / b[kCount] - a[kSum] / a[kCount];
    a[kSquares] += b[kSquares] + d * d * a[kCount] * b[kCount] / (a[kCount] + b[kCount]);
    a[kCount] += b[kCount];
    a[kSum] += b[kSum];
    a[kMin] = std::min(a[kMin], b[kMin]);
    a[kMax] = std::max(a[kMax], b[kMax]);
  }
}

void EventLog::Recompute(const LogLayout& layout, const Coverage& live, const Accumulator& a,
                         double* cells) const {
  if (!(a.keeps & (kKeepSum | kKeepSquares))) return;  // Counts and extremes are exact.
  const double n = cells[a.count];
  if (n == 0) return;
  double sum = 0, shift = 0, deviations = 0, squares = 0;
  for (int pass = 0; pass < 2; ++pass) {
    for (uint32_t p = live.panes; p > 0; --p) {
      const double* c = Pane(layout, panes_->size - p) + kPaneHead +
                        kPaneColumn * static_cast<uint32_t>(a.column);
      if (c[kCount] == 0) continue;
      if (pass == 0) {
        sum += c[kSum];
      } else {
        const double d = c[kSum] / c[kCount] - shift;
        deviations += c[kCount] * d;
        squares += c[kSquares] + c[kCount] * d * d;
      }
    }
    for (uint32_t r = live.rows; r > 0; --r) {
      const double value = Row(layout, size_ - r)[1 + a.column];
      if (value != value) continue;
      if (pass == 0) {
        sum += value;
      } else {
        const double d = value - shift;
        deviations += d;
        squares += d * d;
      }
    }
    if (!(a.keeps & kKeepSquares)) break;
    shift = sum / n;
  }
  if (a.keeps & kKeepSum) cells[a.sum] = sum;
  if (a.keeps & kKeepSquares) {
    double* s = cells + a.squares;
    s[0] = shift;
    s[1] = deviations;
    s[2] = squares;
  }
}

double EventLog::Scan(const LogLayout& layout, const Coverage* live, uint32_t horizon,
                      int32_t column, bool smallest) const {
  double best = kNan;
  const auto take = [&](double value) {
    if (value == value && (best != best || (smallest ? value < best : value > best))) best = value;
  };
  for (uint32_t p = live[horizon].panes; p > 0; --p) {
    const double* c =
        Pane(layout, panes_->size - p) + kPaneHead + kPaneColumn * static_cast<uint32_t>(column);
    if (c[kCount] > 0) take(c[smallest ? kMin : kMax]);
  }
  for (uint32_t r = live[horizon].rows; r > 0; --r) take(Row(layout, size_ - r)[1 + column]);
  return best;
}

size_t EventLog::HeapBytes() const {
  return panes_ ? sizeof(Panes) + 32 + panes_->data.capacity() * sizeof(double) : 0;
}

uint64_t EventLog::events(const LogLayout& layout) const {
  double events = size_;
  for (size_t i = 0; i < panes(); ++i) events += Pane(layout, i)[1];
  return static_cast<uint64_t>(events);
}

void EventLog::Save(const LogLayout& layout, StateWriter& out) const {
  out.U32(size_);
  out.U32(evictions_);
  if (size_ > 0) {
    const uint32_t stride = layout.stride();
    const uint32_t before_end = std::min(size_, capacity_ - head_);
    out.Items(std::span<const double>(Row(layout, 0), size_t{before_end} * stride));
    out.Items(std::span<const double>(data_, size_t{size_ - before_end} * stride));
  }
  out.U64(panes_ ? panes_->size : 0);
  if (panes_) out.Array(panes_->data);
}

void EventLog::Load(const LogLayout& layout, Coverage* live, StateReader& in) {
  const uint32_t size = in.U32();
  evictions_ = in.U32();
  if (size > layout.max_rows) return in.Fail("a window holds more events than it may");
  int64_t before = std::numeric_limits<int64_t>::min();
  for (uint32_t i = 0; i < size && in.ok(); ++i) {
    if (size_ == capacity_) Grow(layout);
    double* row = Row(layout, size_++);
    in.Items(std::span<double>(row, layout.stride()));
    if (std::bit_cast<int64_t>(row[0]) < before) in.Fail("the events of a window are out of order");
    newest_ = before = std::bit_cast<int64_t>(row[0]);
  }
  const uint64_t panes = in.U64();
  if (panes > kMaxPanes) return in.Fail("a window holds more panes than it may");
  if (panes > 0) {
    panes_ = std::make_unique<Panes>();
    in.Array(panes_->data);
    panes_->size = panes;
    if (panes_->data.size() != panes * PaneStride(layout))
      return in.Fail("a window's panes are cut");
  }
  for (size_t h = 0; h < layout.horizons.size(); ++h) {
    if (live[h].rows > size_ || live[h].panes > panes) {
      return in.Fail("a window covers too many events");
    }
    UpdateOldest(layout, live[h]);
  }
}

}  // namespace leat::features
