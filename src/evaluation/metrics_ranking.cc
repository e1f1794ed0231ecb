#include "evaluation/metrics_ranking.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace leat {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// Groups of equal scores come in from the highest down.
struct Sweep {
  double positives = 0;
  double negatives = 0;
  double pairs = 0;  ///< Weight of pairs in the right order, ties half.
  double steps = 0;  ///< Precision after each group times the positives it adds.

  void Group(double positive, double negative) {
    pairs += negative * (positives + 0.5 * positive);
    positives += positive;
    negatives += negative;
    if (positive > 0) steps += positive * (positives / (positives + negatives));
  }
  RankingMetrics Done() const {
    if (!(positives > 0) || !(negatives > 0)) return {kNan, kNan};
    return {pairs / (positives * negatives), steps / positives};
  }
};

uint64_t Bits(const RankedLabel& l) { return std::bit_cast<uint64_t>(l.score); }
uint64_t Bits(uint64_t key) { return key; }

/// Rising by score. Large runs use a radix sort over the bits (scores are not negative, so their
/// bits rise with them) that skips bytes in which all agree: a baseline's scores agree in most.
template <typename Item>
void SortByScore(std::span<Item> labels, std::vector<Item>& scratch) {
  uint64_t differing = 0;
  for (const Item& l : labels) differing |= Bits(l) ^ Bits(labels.front());
  if (differing == 0) return;
  if (labels.size() < 512) {
    std::sort(labels.begin(), labels.end(),
              [](const Item& a, const Item& b) { return Bits(a) < Bits(b); });
    return;
  }
  scratch.resize(labels.size());
  std::span<Item> from = labels, to = scratch;
  for (int shift = 0; shift < 64; shift += 8) {
    if ((differing >> shift & 255) == 0) continue;
    std::array<size_t, 256> place{};
    for (const Item& l : from) ++place[Bits(l) >> shift & 255];
    size_t sum = 0;
    for (size_t& p : place) sum += std::exchange(p, sum);
    for (const Item& l : from) to[place[Bits(l) >> shift & 255]++] = l;
    std::swap(from, to);
  }
  if (from.data() != labels.data()) std::copy(from.begin(), from.end(), labels.begin());
}

void SweepSorted(std::span<const RankedLabel> rising, Sweep& sweep) {
  for (size_t i = rising.size(); i > 0;) {
    const double score = rising[i - 1].score;
    double sums[2] = {0, 0};
    for (; i > 0 && rising[i - 1].score == score; --i) {
      sums[rising[i - 1].positive] += rising[i - 1].weight;
    }
    sweep.Group(sums[1], sums[0]);
  }
}

int64_t FloorDivide(int64_t a, int64_t b) { return a / b - (a % b != 0 && (a < 0) != (b < 0)); }

}  // namespace

double BucketScore(uint32_t bucket) {
  constexpr int kShift = 52 - 10;
  constexpr uint64_t kBase = uint64_t{1023 - 32} << 10;
  const bool upper = bucket >= kScoreBuckets / 2;
  const uint64_t index = upper ? kScoreBuckets - 1 - bucket : bucket;
  double side = 0;
  if (index > 0) {
    side = std::bit_cast<double>(((index + kBase) << kShift) + (uint64_t{1} << (kShift - 1)));
    side = std::min(side, 0.5);
  }
  return upper ? 1 - side : side;
}

RankingMetrics RankExactly(std::span<RankedLabel> labels) {
  if (std::all_of(labels.begin(), labels.end(), [](const auto& l) { return l.weight == 1; })) {
    std::vector<uint64_t> positives;
    for (const RankedLabel& l : labels) {
      if (l.positive) positives.push_back(Bits(l));
    }
    const size_t negatives = labels.size() - positives.size();
    UnitRanking ranking(std::move(positives), negatives);
    for (const RankedLabel& l : labels) {
      if (!l.positive) ranking.AddNegatives(Bits(l));
    }
    return ranking.Metrics();
  }
  Sweep sweep;
  std::vector<RankedLabel> scratch;
  SortByScore(labels, scratch);
  SweepSorted(labels, sweep);
  return sweep.Done();
}

UnitRanking::UnitRanking(std::vector<uint64_t> positives, size_t negatives)
    : scores_(std::move(positives)), all_negatives_(negatives) {
  constexpr int kMostBits = 14;
  const bool any = !scores_.empty();
  if (!any) scores_.push_back(0);  // Counted 0 times.
  std::vector<uint64_t> scratch;
  SortByScore(std::span<uint64_t>(scores_), scratch);
  size_t distinct = 0;
  for (size_t i = 0; i < scores_.size(); ++i) {
    if (i == 0 || scores_[i] != scores_[i - 1]) {
      scores_[distinct++] = scores_[i];
      counts_.push_back(0);
    }
    counts_.back() += any;
  }
  scores_.resize(distinct);
  negatives_.resize(2 * distinct);
  const uint64_t range = scores_.back() - scores_.front();
  shift_ = std::max(0, static_cast<int>(std::bit_width(range)) -
                           std::min(kMostBits, static_cast<int>(std::bit_width(16 * distinct))));
  slots_.resize((range >> shift_) + 3);
  beside_.resize(slots_.size());
  size_t place = 0;
  for (size_t slot = 1; slot < slots_.size(); ++slot) {
    while (place < distinct && (scores_[place] - scores_.front()) >> shift_ < slot - 1) ++place;
    slots_[slot] = static_cast<uint32_t>(place);
  }
}

RankingMetrics UnitRanking::Metrics() const {
  std::vector<size_t> below(negatives_.size() / 2);  // scores_[i], above the one before.
  size_t placed = 0;
  for (size_t i = 0; i < below.size(); ++i) {
    below[i] = negatives_[2 * i];
    placed += negatives_[2 * i] + negatives_[2 * i + 1];
  }
  for (size_t slot = 0; slot < beside_.size(); ++slot) {
    if (beside_[slot] == 0) continue;
    below[slots_[slot]] += beside_[slot];
    placed += beside_[slot];
  }
  Sweep sweep;
  sweep.Group(0, static_cast<double>(all_negatives_ - placed));
  for (size_t i = scores_.size(); i-- > 0;) {
    sweep.Group(counts_[i], negatives_[2 * i + 1]);
    sweep.Group(0, static_cast<double>(below[i]));
  }
  return sweep.Done();
}

template <typename Visit>
void ScoreHistogram::Descend(Visit&& visit) const {
  for (size_t b = blocks_.size(); b-- > 0;) {
    if (!blocks_[b]) continue;
    for (size_t i = 256; i-- > 0;) {
      const Cell& cell = (*blocks_[b])[i];
      if (cell.weight[0] + cell.weight[1] > 0) visit(static_cast<uint32_t>(b * 256 + i), cell);
    }
  }
}

void ScoreHistogram::ScaleFading(double factor) {
  for (std::unique_ptr<Block>& block : blocks_) {
    if (!block) continue;
    for (Cell& cell : *block) {
      for (double& w : cell.fading) {
        w *= factor;
        if (w < 1e-200) w = 0;  // Before it turns denormal, which is slow.
      }
    }
  }
}

ScoreHistogram::BothMetrics ScoreHistogram::Metrics() const {
  Sweep cumulative, fading;
  for (size_t b = blocks_.size(); b-- > 0;) {
    if (!blocks_[b]) continue;
    // Empty cells add nothing, which costs less than to tell them apart.
    for (size_t i = 256; i-- > 0;) {
      const Cell& cell = (*blocks_[b])[i];
      cumulative.Group(cell.weight[1], cell.weight[0]);
      fading.Group(cell.fading[1], cell.fading[0]);
    }
  }
  return {cumulative.Done(), fading.Done()};
}

std::vector<PrequentialEvaluator::CurvePoint> ScoreHistogram::PrecisionRecall(int points) const {
  std::vector<PrequentialEvaluator::CurvePoint> curve;
  double all = 0;
  Descend([&](uint32_t, const Cell& cell) { all += cell.weight[1]; });
  if (!(all > 0)) return curve;
  double positives = 0, total = 0, shown = 0;
  Descend([&](uint32_t, const Cell& cell) {
    positives += cell.weight[1];
    total += cell.weight[0] + cell.weight[1];
    if (cell.weight[1] <= 0) return;
    const bool last = positives >= all;
    if (curve.empty() || last || positives - shown >= all / points) {
      curve.push_back({positives / all, positives / total, total});
      shown = positives;
    }
  });
  return curve;
}

std::vector<PrequentialEvaluator::CurvePoint> ScoreHistogram::Calibration(int groups) const {
  std::vector<PrequentialEvaluator::CurvePoint> curve;
  double all[2] = {0, 0};
  Descend([&](uint32_t, const Cell& cell) {
    for (int c = 0; c < 2; ++c) all[c] += cell.weight[c];
  });
  const int classes = (all[0] > 0) + (all[1] > 0);
  if (classes == 0) return curve;
  double score = 0, positive = 0, weight = 0, mass = 0, next = 1;
  const auto close = [&] {
    if (weight > 0) curve.push_back({score / weight, positive / weight, weight});
    score = positive = weight = 0;
  };
  Descend([&](uint32_t bucket, const Cell& cell) {
    const double w = cell.weight[0] + cell.weight[1];
    score += w * BucketScore(bucket);
    positive += cell.weight[1];
    weight += w;
    for (int c = 0; c < 2; ++c) mass += all[c] > 0 ? cell.weight[c] / all[c] / classes : 0;
    if (mass * groups < next) return;
    close();
    next = std::floor(mass * groups) + 1;
  });
  close();
  std::reverse(curve.begin(), curve.end());
  return curve;
}

void ScoreHistogram::Save(StateWriter& out) const {
  uint64_t used = 0;
  Descend([&](uint32_t, const Cell&) { ++used; });
  out.U64(used);
  Descend([&](uint32_t bucket, const Cell& cell) {
    out.U32(bucket);
    for (const double w : cell.weight) out.F64(w);
    for (const double w : cell.fading) out.F64(w);
  });
}

void ScoreHistogram::Load(StateReader& in) {
  for (std::unique_ptr<Block>& block : blocks_) block.reset();
  const uint64_t used = in.Count(36);
  for (uint64_t i = 0; i < used; ++i) {
    const uint32_t bucket = in.U32();
    if (bucket >= kScoreBuckets) return in.Fail("a score bucket is out of range");
    Add(bucket, false, 0, 0);
    Cell& cell = (*blocks_[bucket >> 8])[bucket & 255];
    for (double& w : cell.weight) w = in.F64();
    for (double& w : cell.fading) w = in.F64();
  }
}

size_t ScoreHistogram::MemoryBytes() const {
  size_t blocks = 0;
  for (const std::unique_ptr<Block>& block : blocks_) blocks += block != nullptr;
  return sizeof(*this) + blocks * sizeof(Block);
}

PrecisionAtK::PrecisionAtK(int64_t k, Micros length)
    : k_(static_cast<size_t>(std::max<int64_t>(k, 1))),
      length_(std::max<Micros>(length, 1)),
      lowest_open_(std::numeric_limits<int64_t>::min()) {
  open_.reserve(kOpen + 1);
}

PrecisionAtK::Period* PrecisionAtK::Find(int64_t index) {
  if (index < lowest_open_) return nullptr;
  auto at = std::lower_bound(open_.begin(), open_.end(), index,
                             [](const Period& p, int64_t i) { return p.index < i; });
  if (at == open_.end() || at->index != index) {
    const bool newest = at == open_.end();
    Period period;
    period.index = index;
    period.top.reserve(std::min<size_t>(k_, 4096));
    at = open_.insert(at, std::move(period));
    if (newest) {
      lowest_open_ = std::max(lowest_open_, index - kOpen + 1);
      while (open_.front().index < lowest_open_) Close(0);
      at = open_.end() - 1;
    }
    at->first_order = -1;
  }
  cached_slot_ = static_cast<size_t>(at - open_.begin());
  cached_from_ = index * length_;
  cached_to_ = cached_from_ + length_;
  return &*at;
}

void PrecisionAtK::Close(size_t slot) {
  const double precision = Precision(open_[slot]);
  closed_ += 1;
  closed_sum_ += precision;
  closed_fading_ += open_[slot].fading_weight;
  closed_fading_sum_ += open_[slot].fading_weight * precision;
  open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(slot));
}

void PrecisionAtK::Add(EventTime time, double score, bool positive, int64_t order,
                       double fading_weight) {
  // Far outside the years 1 to 9999, and far from overflow below.
  constexpr int64_t kFar = int64_t{1} << 60;
  const int64_t t = std::clamp(time.micros, -kFar, kFar);
  Period* period = InLatestPeriod({t}) ? &open_[cached_slot_] : Find(FloorDivide(t, length_));
  if (period == nullptr) {
    ++too_late_;
    return;
  }
  if (period->first_order < 0) period->first_order = order;
  period->fading_weight = fading_weight;
  Rank(*period, score, positive);
}

void PrecisionAtK::AddAgain(double score, bool positive, size_t times, double fading_weight) {
  Period& period = open_[cached_slot_];
  period.fading_weight = fading_weight;
  // Until a label takes no place any more: the same ones after it take none either.
  for (; times > 0 && (period.top.size() < k_ || score > period.top.front().score); --times) {
    Rank(period, score, positive);
  }
  if (times > 0) Lose(period, {score, positive}, static_cast<double>(times));
}

void PrecisionAtK::Rank(Period& period, double score, bool positive) {
  const auto higher = [](const Item& a, const Item& b) { return a.score > b.score; };
  std::vector<Item>& top = period.top;
  Item lost{score, positive};
  if (top.size() < k_) {
    top.push_back(lost);
    std::push_heap(top.begin(), top.end(), higher);
    return;
  }
  if (score > top.front().score) {
    std::pop_heap(top.begin(), top.end(), higher);
    std::swap(top.back(), lost);
    std::push_heap(top.begin(), top.end(), higher);
  }
  Lose(period, lost, 1);
}

void PrecisionAtK::Lose(Period& period, const Item& lost, double times) {
  // What is lost never scores above the k-th place, and that place only rises: once it lies above
  // tied_score these counts are void.
  if (lost.score > period.tied_score) {
    period.tied_score = lost.score;
    period.tied = period.tied_positive = 0;
  }
  if (lost.score == period.tied_score) {
    period.tied += times;
    period.tied_positive += times * static_cast<double>(lost.positive);
  }
}

double PrecisionAtK::Precision(const Period& period) {
  const double kth = period.top.front().score;
  double above = 0, places = 0, tied = 0, tied_positive = 0;
  for (const Item& item : period.top) {
    const auto positive = static_cast<double>(item.positive);
    if (item.score > kth) {
      above += positive;
    } else {
      places += 1;
      tied_positive += positive;
    }
  }
  tied = places;
  if (period.tied_score == kth) {
    tied += period.tied;
    tied_positive += period.tied_positive;
  }
  return (above + places * (tied_positive / tied)) / static_cast<double>(period.top.size());
}

void PrecisionAtK::ScaleFading(double factor) {
  closed_fading_ *= factor;
  closed_fading_sum_ *= factor;
  for (Period& period : open_) period.fading_weight *= factor;
}

double PrecisionAtK::Cumulative() const {
  if (open_.empty()) return kNan;
  double number = closed_, sum = closed_sum_;
  for (size_t i = 0; i + 1 < open_.size(); ++i) {
    number += 1;
    sum += Precision(open_[i]);
  }
  return number > 0 ? sum / number : Precision(open_.back());
}

double PrecisionAtK::Since(int64_t from) const {
  if (open_.empty()) return kNan;
  double number = 0, sum = 0;
  for (size_t i = 0; i + 1 < open_.size(); ++i) {
    if (open_[i].first_order < from) continue;
    number += 1;
    sum += Precision(open_[i]);
  }
  if (number > 0) return sum / number;
  return Precision(open_[open_.size() > 1 ? open_.size() - 2 : 0]);
}

double PrecisionAtK::Fading() const {
  if (open_.empty()) return kNan;
  double weight = closed_fading_, sum = closed_fading_sum_;
  for (size_t i = 0; i + 1 < open_.size(); ++i) {
    weight += open_[i].fading_weight;
    sum += open_[i].fading_weight * Precision(open_[i]);
  }
  return weight > 0 ? sum / weight : Precision(open_.back());
}

void PrecisionAtK::Save(StateWriter& out) const {
  out.U64(open_.size());
  for (const Period& p : open_) {
    out.I64(p.index);
    out.I64(p.first_order);
    out.F64(p.fading_weight);
    out.Array(p.top);
    out.F64(p.tied_score);
    out.F64(p.tied);
    out.F64(p.tied_positive);
  }
  out.I64(lowest_open_);
  out.I64(too_late_);
  for (const double v : {closed_, closed_sum_, closed_fading_, closed_fading_sum_}) out.F64(v);
}

void PrecisionAtK::Load(StateReader& in) {
  open_.clear();
  cached_from_ = 1;
  cached_to_ = 0;
  const uint64_t periods = in.Count(56);
  if (periods > kOpen) return in.Fail("too many open periods");
  for (uint64_t i = 0; i < periods; ++i) {
    Period& p = open_.emplace_back();
    p.index = in.I64();
    p.first_order = in.I64();
    p.fading_weight = in.F64();
    p.top.reserve(std::min<size_t>(k_, 4096));
    in.Array(p.top);
    p.tied_score = in.F64();
    p.tied = in.F64();
    p.tied_positive = in.F64();
    if (p.top.empty() || p.top.size() > k_) {
      open_.clear();
      return in.Fail("a period of precision at k has the wrong size");
    }
  }
  lowest_open_ = in.I64();
  too_late_ = in.I64();
  for (double* v : {&closed_, &closed_sum_, &closed_fading_, &closed_fading_sum_}) *v = in.F64();
}

size_t PrecisionAtK::MemoryBytes() const {
  size_t bytes = sizeof(*this) + open_.capacity() * sizeof(Period);
  for (const Period& p : open_) bytes += p.top.capacity() * sizeof(Item);
  return bytes;
}

}  // namespace leat
