#include "evaluation/quantiles.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace leat::statistics {

double SortedQuantile(std::span<const double> ascending, double q) {
  if (ascending.empty()) return std::numeric_limits<double>::quiet_NaN();
  const double place = q * static_cast<double>(ascending.size() - 1);
  const size_t below = std::min(static_cast<size_t>(place), ascending.size() - 1);
  const double part = place - static_cast<double>(below);
  if (part == 0 || below + 1 == ascending.size()) return ascending[below];
  return ascending[below] + part * (ascending[below + 1] - ascending[below]);
}

void P2Range::Save(StateWriter& out) const {
  lower_.Save(out);
  upper_.Save(out);
}

Status P2Range::Load(StateReader& in) {
  lower_.Load(in);
  upper_.Load(in);
  return in.status();
}

void MedianAbsoluteDeviation::Add(double x) {
  if (!std::isfinite(x)) return;
  median_.Learn(x);
  deviation_.Learn(std::abs(x - median_.Get()));
}

void MedianAbsoluteDeviation::Save(StateWriter& out) const {
  median_.Save(out);
  deviation_.Save(out);
}

Status MedianAbsoluteDeviation::Load(StateReader& in) {
  median_.Load(in);
  deviation_.Load(in);
  return in.status();
}

}  // namespace leat::statistics
