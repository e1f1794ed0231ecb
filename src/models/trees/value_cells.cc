#include "models/trees/value_cells.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "models/heap_bytes.h"
#include "models/trees/observers.h"

namespace leat::trees {
namespace {

size_t Room(size_t cells) { return std::max<size_t>(8, std::bit_ceil(cells)); }

}  // namespace

size_t ValueCells::Bytes(size_t cells, size_t classes) {
  return Room(cells) * (kHead + classes) * sizeof(double) + kAllocation;
}

size_t ValueCells::Find(double value) const {
  size_t first = 0, count = size();
  while (count > 0) {
    const size_t half = count / 2;
    if (high(first + half) < value) {
      first += half + 1;
      count -= half + 1;
    } else {
      count = half;
    }
  }
  return first;
}

size_t ValueCells::Learn(double value, size_t label, double weight, size_t most) {
  const size_t before = HeapBytes();
  if (label >= classes_) Widen(label + 1);
  size_t at = Find(value);
  if (at == size() || value < low(at)) at = Place(at, value, most);
  numbers_[at * stride() + kHead + label] += weight;
  return HeapBytes() - before;
}

void ValueCells::Widen(size_t classes) {
  const size_t cells = size(), old = stride();
  std::vector<double> wider;
  wider.reserve(Room(std::max<size_t>(cells, 1)) * (kHead + classes));
  wider.resize(cells * (kHead + classes));
  for (size_t i = 0; i < cells; ++i) {
    std::copy_n(numbers_.begin() + static_cast<int64_t>(i * old), old,
                wider.begin() + static_cast<int64_t>(i * (kHead + classes)));
  }
  numbers_ = std::move(wider);
  classes_ = classes;
}

void ValueCells::Insert(size_t at, double value) {
  const size_t needed = Room(size() + 1) * stride();
  if (numbers_.capacity() < needed) numbers_.reserve(needed);
  numbers_.insert(numbers_.begin() + static_cast<int64_t>(at * stride()), stride(), 0.0);
  numbers_[at * stride()] = numbers_[at * stride() + 1] = value;
}

void ValueCells::MergeWithNext(size_t at) {
  double* const to = &numbers_[at * stride()];
  const double* const from = to + stride();
  to[1] = from[1];
  for (size_t c = kHead; c < stride(); ++c) to[c] += from[c];
  const auto next = numbers_.begin() + static_cast<int64_t>((at + 1) * stride());
  numbers_.erase(next, next + static_cast<int64_t>(stride()));
}

size_t ValueCells::Place(size_t at, double value, size_t most) {
  if (size() < most) {
    Insert(at, value);
    return at;
  }
  // Of all neighbours, the value among them, the two nearest.
  double least = std::numeric_limits<double>::infinity();
  size_t pair = size();
  for (size_t i = 0; i + 1 < size(); ++i) {
    if (i + 1 == at) continue;  // The value stands between these.
    const double gap = Middle(i + 1) - Middle(i);
    if (gap < least) {
      least = gap;
      pair = i;
    }
  }
  const double below = at > 0 ? value - Middle(at - 1) : std::numeric_limits<double>::infinity();
  const double above = at < size() ? Middle(at) - value : std::numeric_limits<double>::infinity();
  if (std::min(below, above) <= least) {
    if (below <= above) {
      numbers_[(at - 1) * stride() + 1] = value;
      return at - 1;
    }
    numbers_[at * stride()] = value;
    return at;
  }
  MergeWithNext(pair);
  if (pair < at) --at;
  Insert(at, value);
  return at;
}

void ValueCells::Save(StateWriter& out) const {
  out.U64(classes_);
  out.Array(numbers_);
}

void ValueCells::Load(StateReader& in, size_t most) {
  const uint64_t classes = in.U64();
  std::vector<double> numbers;
  in.Array(numbers);
  bool good = classes <= kMaxClasses && numbers.size() % (kHead + classes) == 0 &&
              (classes > 0 || numbers.empty());
  if (in.ok() && good) {
    classes_ = classes;
    good = numbers.size() / stride() <= most;
    if (!numbers.empty()) numbers_.reserve(Room(numbers.size() / stride()) * stride());
    numbers_.assign(numbers.begin(), numbers.end());
    for (size_t i = 0; i < size() && good; ++i) {
      good = std::fabs(low(i)) <= kLargestNumber && std::fabs(high(i)) <= kLargestNumber &&
             low(i) <= high(i) && (i == 0 || high(i - 1) < low(i));
      for (size_t c = 0; c < classes_; ++c) {
        good = good && weights(i)[c] >= 0 && std::isfinite(weights(i)[c]);
      }
    }
  }
  if (in.ok() && !good) in.Fail("the values of an attribute cannot be");
}

}  // namespace leat::trees
