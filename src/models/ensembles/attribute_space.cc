#include "models/ensembles/attribute_space.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "models/heap_bytes.h"
#include "models/trees/observers.h"

namespace leat::ensembles {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

}  // namespace

AttributeSpace::AttributeSpace(const InputSpec& spec, int64_t max_nominal_values)
    : code_limit_(static_cast<double>(max_nominal_values)) {
  room_.emplace_back();
  for (const DenseAttribute& a : spec.dense) {
    if (a.nominal) nominals_.push_back(static_cast<uint32_t>(nominal_.size()));
    nominal_.push_back(a.nominal ? 1 : 0);
    const auto most = static_cast<uint32_t>(max_nominal_values);
    const uint32_t values = std::clamp<uint32_t>(a.values, 2, std::max(most, 2U));
    known_.push_back(a.nominal ? values : 0);
    room_[0].push_back(a.nominal ? values : 0);
  }
}

bool AttributeSpace::Decode(std::span<const double> dense, double* x) const {
  bool complete = true;
  for (size_t i = 0; i < dense.size(); ++i) {
    const double v = dense[i];
    const bool good = std::fabs(v) <= trees::kLargestNumber;  // Refuses NaN as well.
    x[i] = good ? v : kNaN;
    complete &= good;
  }
  for (const uint32_t i : nominals_) {
    const double v = x[i];
    if (v >= 0 && v < code_limit_ && v == std::floor(v)) continue;
    x[i] = kNaN;
    complete = false;
  }
  return complete;
}

bool AttributeSpace::Meet(const double* x) {
  bool grown = false;
  for (const uint32_t i : nominals_) {
    if (!(x[i] >= known_[i])) continue;
    known_[i] = x[i] + 1;
    uint32_t room = room_.back()[i];
    if (known_[i] <= room) continue;
    while (room < known_[i]) room *= 2;
    std::vector<uint32_t> next = room_.back();
    next[i] = std::min(room, static_cast<uint32_t>(code_limit_));
    room_.push_back(std::move(next));
    grown = true;
  }
  return grown;
}

void AttributeSpace::Save(StateWriter& out) const {
  out.Array(nominal_);
  out.Array(known_);
  out.U64(room_.size());
  for (const auto& version : room_) out.Array(version);
}

void AttributeSpace::Load(StateReader& in) {
  std::vector<uint8_t> nominal;
  in.Array(nominal);
  if (in.ok() && nominal != nominal_) in.Fail("the ensemble was saved with other attributes");
  in.Array(known_);
  const uint64_t versions = in.Count(sizeof(uint64_t));
  room_.clear();
  for (uint64_t v = 0; v < versions && in.ok(); ++v) {
    room_.emplace_back();
    in.Array(room_.back());
    if (room_.back().size() != nominal_.size()) in.Fail("an impossible layout of an ensemble");
  }
  if (in.ok() && (versions == 0 || known_.size() != nominal_.size())) {
    in.Fail("an impossible layout of an ensemble");
  }
  for (size_t i = 0; i < nominal_.size() && in.ok(); ++i) {
    const double most = nominal_[i] != 0 ? code_limit_ : 0;
    bool good = known_[i] >= 0 && known_[i] <= room_.back()[i] && known_[i] <= most + 2;
    for (size_t v = 0; v < room_.size(); ++v) {
      good = good && room_[v][i] <= most + 2 && (v == 0 || room_[v][i] >= room_[v - 1][i]) &&
             (nominal_[i] == 0 || room_[v][i] >= 2);
    }
    if (!good) in.Fail("an impossible layout of an ensemble");
  }
}

size_t AttributeSpace::MemoryBytes() const {
  const size_t n = nominal_.size();
  return n * (1 + sizeof(double)) + nominals_.size() * sizeof(uint32_t) + 3 * kAllocation +
         room_.size() * (sizeof(room_[0]) + n * sizeof(uint32_t) + kAllocation);
}

}  // namespace leat::ensembles
