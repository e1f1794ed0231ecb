#include "experiments/aggregate.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace leat::experiments {
namespace {

constexpr int kSteps = 64;  ///< Buckets of a power of two.

/// Ascending with the value; 0 has bucket 0, negative values negative buckets.
int32_t BucketOf(int64_t y) {
  if (y == 0) return 0;
  const auto size = static_cast<uint64_t>(y < 0 ? -y : y);
  const auto bits = static_cast<int>(std::bit_width(size));
  const int step = bits > 7 ? static_cast<int>(size >> (bits - 7)) - kSteps
                            : static_cast<int>(size << (7 - bits)) - kSteps;
  const int32_t bucket = 1 + (bits - 1) * kSteps + step;
  return y < 0 ? -bucket : bucket;
}

/// The values of a bucket: from `lo` up to but not including `hi`, in size.
std::pair<double, double> EdgesOf(int32_t bucket) {
  if (bucket == 0) return {0, 0};
  const int32_t place = std::abs(bucket) - 1;
  const int power = place / kSteps, step = place % kSteps;
  const double unit = std::ldexp(1.0, power) / kSteps * 1e-6;
  return {unit * (kSteps + step), unit * (kSteps + step + 1)};
}

double Middle(int32_t bucket) {
  const auto [lo, hi] = EdgesOf(bucket);
  return bucket < 0 ? -(lo + hi) / 2 : (lo + hi) / 2;
}

void SaveWide(StateWriter& out, Int128 v) {
  out.U64(static_cast<uint64_t>(v));
  out.I64(static_cast<int64_t>(v >> 64));
}

Int128 LoadWide(StateReader& in) {
  const uint64_t low = in.U64();
  const int64_t high = in.I64();
  return static_cast<Int128>(high) * (static_cast<Int128>(1) << 64) + low;
}

}  // namespace

int64_t ToFixed(double value) {
  if (std::isnan(value)) return 0;
  const double most = static_cast<double>(kFixedMost);
  return static_cast<int64_t>(std::llround(std::clamp(value * kFixedOne, -most, most)));
}

void Aggregate::Add(const Contribution& c, int sign) {
  n_ += sign;
  const auto add = [&](Sum sum, Int128 v) { sums_[sum] += sign * v; };
  const Int128 y = c.y, d = c.d, x = c.x, w = c.w;
  add(kY, y);
  add(kYY, y * y);
  if (c.d != 0) add(kD, d), add(kDD, d * d), add(kYD, y * d);
  if (c.x != 0) add(kX, x), add(kXX, x * x), add(kYX, y * x), add(kDX, d * x);
  if (c.w != 0) add(kW, w), add(kWW, w * w), add(kYW, y * w), add(kDW, d * w), add(kXW, x * w);
}

void Aggregate::Merge(const Aggregate& other) {
  n_ += other.n_;
  for (size_t i = 0; i < kSums; ++i) sums_[i] += other.sums_[i];
}

MeanSums Aggregate::Mean() const { return {static_cast<double>(n_), One(kY), Two(kYY)}; }

CupedSums Aggregate::CupedMean() const {
  return {static_cast<double>(n_), One(kY), Two(kYY), One(kX), Two(kXX), Two(kYX), false};
}

RatioSums Aggregate::Ratio() const {
  return {static_cast<double>(n_), One(kY), Two(kYY), One(kD), Two(kDD), Two(kYD)};
}

CupedRatioSums Aggregate::CupedOfRatio() const {
  CupedRatioSums out;
  out.after = Ratio();
  out.before = {static_cast<double>(n_), One(kX), Two(kXX), One(kW), Two(kWW), Two(kXW)};
  out.num_num = Two(kYX);
  out.den_den = Two(kDW);
  out.num_after_den_before = Two(kYW);
  out.num_before_den_after = Two(kDX);
  return out;
}

void Aggregate::Save(StateWriter& out) const {
  out.I64(n_);
  for (const Int128 v : sums_) SaveWide(out, v);
}

void Aggregate::Load(StateReader& in) {
  n_ = in.I64();
  for (Int128& v : sums_) v = LoadWide(in);
}

void UnitHistogram::Add(int64_t y, int sign) {
  const auto at = buckets_.try_emplace(BucketOf(y)).first;
  n_ += sign;
  at->second.n += sign;
  at->second.sum += sign * static_cast<Int128>(y);
  at->second.squares += sign * static_cast<Int128>(y) * y;
  if (at->second.n == 0) buckets_.erase(at);
}

std::map<int32_t, UnitHistogram::Bucket>::const_iterator UnitHistogram::At(double q) const {
  const double rank = q * static_cast<double>(n_);
  double sum = 0;
  for (auto at = buckets_.begin(); at != buckets_.end(); ++at) {
    sum += static_cast<double>(at->second.n);
    if (sum >= rank) return at;
  }
  return buckets_.empty() ? buckets_.end() : std::prev(buckets_.end());
}

double UnitHistogram::Quantile(double q) const {
  const auto at = At(std::clamp(q, 0.0, 1.0));
  return at == buckets_.end() ? 0 : Middle(at->first);
}

double UnitHistogram::UpperEdge(double q) const {
  const auto at = At(std::clamp(q, 0.0, 1.0));
  if (at == buckets_.end() || at->first == 0) return 0;
  const auto [lo, hi] = EdgesOf(at->first);
  return at->first < 0 ? -lo : hi;
}

QuantileArm UnitHistogram::QuantileWithInterval(double q) const {
  const double n = static_cast<double>(n_);
  if (n_ == 0) return {};
  const double reach = 1.959963984540054 * std::sqrt(q * (1 - q) / n);
  return {n, Quantile(q), Quantile(q - reach), Quantile(q + reach)};
}

MeanSums UnitHistogram::CappedAt(double cap) const {
  Int128 sum = 0, squares = 0;
  int64_t above = 0;
  for (const auto& [index, bucket] : buckets_) {
    if (Middle(index) <= cap) {
      sum += bucket.sum;
      squares += bucket.squares;
    } else {
      above += bucket.n;
    }
  }
  const double more = static_cast<double>(above);
  return {static_cast<double>(n_), static_cast<double>(sum) * 1e-6 + more * cap,
          static_cast<double>(squares) * 1e-12 + more * cap * cap};
}

void UnitHistogram::Merge(const UnitHistogram& other) {
  n_ += other.n_;
  for (const auto& [index, bucket] : other.buckets_) {
    Bucket& to = buckets_[index];
    to.n += bucket.n;
    to.sum += bucket.sum;
    to.squares += bucket.squares;
  }
}

void UnitHistogram::Save(StateWriter& out) const {
  out.I64(n_);
  out.U64(buckets_.size());
  for (const auto& [index, bucket] : buckets_) {
    out.I32(index);
    out.I64(bucket.n);
    SaveWide(out, bucket.sum);
    SaveWide(out, bucket.squares);
  }
}

void UnitHistogram::Load(StateReader& in) {
  n_ = in.I64();
  buckets_.clear();
  for (uint64_t left = in.Count(44); left > 0 && in.ok(); --left) {
    Bucket& bucket = buckets_[static_cast<int32_t>(in.U32())];
    bucket.n = in.I64();
    bucket.sum = LoadWide(in);
    bucket.squares = LoadWide(in);
  }
}

}  // namespace leat::experiments
