#include "models/ensembles/row_bins.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/random.h"
#include "models/heap_bytes.h"

namespace leat::ensembles {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr uint64_t kSampleComponent = 0x726f7762696e73;
constexpr uint32_t kNominal = 0xffffffff;
constexpr double kMuchMore = 0.4;  // Of the rows of a block, beyond the share expected.

/// How many edges lie below a value, which is its bin.
size_t BinOf(const double* edges, double value) {
  size_t bin = 0;
  for (size_t step = kBins / 2; step > 0; step /= 2) {
    bin += edges[bin + step - 1] < value ? step : 0;
  }
  return bin;
}

/// A number that tells `low` from `high`, which is larger: not below the one, below the other.
double Between(double low, double high) {
  const double middle = low + (high - low) / 2;
  return middle < high ? middle : low;
}

}  // namespace

RowBins::RowBins(const AttributeSpace& space, uint64_t seed)
    : seed_(seed), number_of_(space.size(), kNominal) {
  for (uint32_t a = 0; a < space.size(); ++a) {
    if (space.nominal(a)) continue;
    number_of_[a] = static_cast<uint32_t>(numbers_.size());
    numbers_.push_back({a});
  }
  numbers_.shrink_to_fit();
  edges_.assign(numbers_.size() * kBins, kInfinity);
  sample_.assign(numbers_.size() * kSample, kNaN);
  changes_.reserve(numbers_.size());
}

void RowBins::Codes(const double* x, uint8_t* codes) const {
  for (size_t a = 0; a < number_of_.size(); ++a) {
    const double v = x[a];
    const uint32_t n = number_of_[a];
    if (v != v || (n != kNominal && numbers_[n].edges == 0)) {
      codes[a] = kNoBin;
    } else if (n == kNominal) {
      codes[a] = static_cast<uint8_t>(std::min(v, kBins - 1.0));
    } else {
      codes[a] = static_cast<uint8_t>(BinOf(edges_.data() + n * kBins, v));
    }
  }
}

double RowBins::Edge(size_t attribute, size_t bin) const {
  const uint32_t n = number_of_[attribute];
  return n == kNominal ? static_cast<double>(bin) : edges_[n * kBins + bin];
}

bool RowBins::Meet(const double* x, const uint8_t* codes) {
  changes_.clear();
  // The slot that this row takes in the sample, if any.
  uint64_t slot = rows_++;
  if (rows_ > kSample) {
    slot = CounterRandom(seed_, kSampleComponent, rows_).Below(std::min(rows_, kHorizon));
  }
  for (size_t n = 0; n < numbers_.size(); ++n) {
    Number& number = numbers_[n];
    if (slot < kSample) sample_[n * kSample + slot] = x[number.attribute];
    const uint8_t code = codes[number.attribute];
    number.low += code == 0 ? 1 : 0;
    number.high += code == number.edges ? 1 : 0;
  }
  const bool all = rows_ == next_fit_;
  if (all) next_fit_ *= 2;
  if (!all && rows_ % kBlock != 0) return false;
  for (size_t n = 0; n < numbers_.size(); ++n) {
    Number& number = numbers_[n];
    const double low = static_cast<double>(number.low) / kBlock,
                 high = static_cast<double>(number.high) / kBlock;
    if (all || number.each_value || low > number.low_share + kMuchMore ||
        high > number.high_share + kMuchMore) {
      Fit(n);
    }
    if (rows_ % kBlock == 0) number.low = number.high = 0;
  }
  return !changes_.empty();
}

void RowBins::Fit(size_t n) {
  Number& number = numbers_[n];
  double sorted[kSample], values[kSample];
  size_t size = 0;
  for (size_t s = 0; s < kSample; ++s) {
    const double v = sample_[n * kSample + s];
    if (v == v) sorted[size++] = v;
  }
  std::sort(sorted, sorted + size);
  const auto distinct =
      static_cast<size_t>(std::unique_copy(sorted, sorted + size, values) - values);
  number.each_value = distinct <= kBins;
  double edges[kBins];
  std::fill_n(edges, kBins, kInfinity);
  uint32_t count = 0;
  if (number.each_value) {
    for (size_t i = 1; i < distinct; ++i) edges[count++] = Between(values[i - 1], values[i]);
  } else {
    for (size_t b = 1; b < kBins; ++b) {
      const size_t at = b * size / kBins;
      if (!(sorted[at] > sorted[at - 1])) continue;
      edges[count++] = Between(sorted[at - 1], sorted[at]);
    }
  }
  double* const old = edges_.data() + n * kBins;
  if (std::equal(edges, edges + kBins, old)) return;
  Rebinning change;
  change.attribute = number.attribute;
  change.to.fill(kNoBin);
  // What a bin holds is taken to be as large as its upper edge; in the last, just above the rest.
  for (size_t b = 0; b < kBins && number.edges > 0; ++b) {
    const double stands_for =
        b < number.edges ? old[b] : std::nextafter(old[number.edges - 1], kInfinity);
    change.to[b] = static_cast<uint8_t>(BinOf(edges, stands_for));
  }
  changes_.push_back(change);
  std::copy_n(edges, kBins, old);
  number.edges = count;
  size_t low = 0, high = 0;
  for (size_t i = 0; i < size; ++i) {
    const size_t bin = BinOf(old, sorted[i]);
    low += bin == 0 ? 1 : 0;
    high += bin == count ? 1 : 0;
  }
  number.low = number.high = 0;
  number.low_share = size > 0 ? static_cast<double>(low) / static_cast<double>(size) : 1;
  number.high_share = size > 0 ? static_cast<double>(high) / static_cast<double>(size) : 1;
}

size_t RowBins::HeapBytes() const {
  const size_t n = numbers_.size();
  size_t bytes = number_of_.size() * sizeof(uint32_t) + kAllocation;
  if (n > 0) {
    bytes += n * (sizeof(Number) + (kBins + kSample) * sizeof(double) + sizeof(Rebinning)) +
             4 * kAllocation;
  }
  return bytes;
}

void RowBins::Save(StateWriter& out) const {
  out.Section("row_bins", 1);
  out.U64(rows_);
  out.U64(next_fit_);
  out.Array(edges_);
  out.Array(sample_);
  for (const Number& number : numbers_) {
    out.U32(number.low);
    out.U32(number.high);
    out.Bool(number.each_value);
    out.F64(number.low_share);
    out.F64(number.high_share);
  }
}

void RowBins::Load(StateReader& in) {
  in.Section("row_bins", 1);
  rows_ = in.U64();
  next_fit_ = in.U64();
  // Into place, whose size must fit.
  for (std::vector<double>* values : {&edges_, &sample_}) {
    const uint64_t size = in.Count(sizeof(double));
    if (!in.ok() || size != values->size()) return in.Fail("bins of other attributes");
    in.Items(std::span<double>(*values));
  }
  for (const double v : sample_) {
    if (!(v != v || std::isfinite(v))) return in.Fail("a value of the bins' sample is not finite");
  }
  for (size_t n = 0; n < numbers_.size() && in.ok(); ++n) {
    Number& number = numbers_[n];
    number.low = in.U32();
    number.high = in.U32();
    number.each_value = in.Bool();
    number.low_share = in.F64();
    number.high_share = in.F64();
    const double* const edges = edges_.data() + n * kBins;
    number.edges = 0;
    while (number.edges < kBins && std::isfinite(edges[number.edges])) ++number.edges;
    bool good =
        number.edges < kBins && std::isfinite(number.low_share) && std::isfinite(number.high_share);
    for (size_t b = 0; b < kBins && good; ++b) {
      good = b < number.edges ? b == 0 || edges[b] > edges[b - 1] : edges[b] == kInfinity;
    }
    if (!good) in.Fail("impossible bins");
  }
}

}  // namespace leat::ensembles
