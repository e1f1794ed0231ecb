#include "models/factors/id_table.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/hash.h"
#include "base/random.h"
#include "models/heap_bytes.h"

namespace leat::factors {
namespace {

constexpr uint64_t kStartDraws = 0x6d6174726978;

}  // namespace

IdTable::IdTable(const MatrixFactorizationOptions& options, uint64_t side)
    : options_(options), side_(side) {}

const double* IdTable::Find(uint64_t id) const {
  const auto found = slot_of_.find(id);
  return found == slot_of_.end() ? nullptr : numbers_.data() + found->second * width();
}

void IdTable::Unlink(uint32_t slot) {
  const Link& link = links_[slot];
  (link.newer == kNone ? newest_ : links_[link.newer].older) = link.older;
  (link.older == kNone ? oldest_ : links_[link.older].newer) = link.newer;
}

void IdTable::LinkNewest(uint32_t slot) {
  links_[slot].newer = kNone;
  links_[slot].older = newest_;
  (newest_ == kNone ? oldest_ : links_[newest_].newer) = slot;
  newest_ = slot;
}

uint32_t IdTable::Add(uint64_t id) {
  uint32_t slot = static_cast<uint32_t>(links_.size());
  if (slot == static_cast<uint64_t>(options_.max_ids)) {
    slot = oldest_;
    Unlink(slot);
    slot_of_.erase(links_[slot].id);
    ++forgotten_;
  } else {
    if (links_.size() == links_.capacity()) {
      const size_t room = std::bit_ceil(links_.size() + 1);
      links_.reserve(room);
      numbers_.reserve(room * width());
    }
    links_.emplace_back();
    numbers_.resize(links_.size() * width());
  }
  links_[slot].id = id;
  slot_of_[id] = slot;
  double* const numbers = Slot(slot);
  numbers[0] = 0;
  // What an id starts with is its own, so that it does not matter which slot it gets.
  CounterRandom random(static_cast<uint64_t>(options_.seed) + side_, kStartDraws ^ Mix64(id));
  for (size_t f = 1; f < width(); ++f) {
    numbers[f] = random.Uniform(-options_.spread, options_.spread);
  }
  LinkNewest(slot);
  return slot;
}

double* IdTable::Touch(uint64_t id) {
  const auto found = slot_of_.find(id);
  if (found == slot_of_.end()) return Slot(Add(id));
  const uint32_t slot = found->second;
  if (slot != newest_) {
    Unlink(slot);
    LinkNewest(slot);
  }
  return Slot(slot);
}

size_t IdTable::HeapBytes() const {
  // The table of slots keeps a byte a place beside the pair.
  return links_.capacity() * sizeof(Link) + numbers_.capacity() * sizeof(double) +
         slot_of_.bucket_count() * (sizeof(decltype(slot_of_)::value_type) + 1) + 3 * kAllocation;
}

void IdTable::Save(StateWriter& out) const {
  out.Section("id_table", 1);
  out.U64(forgotten_);
  std::vector<uint64_t> ids;
  std::vector<double> numbers;
  for (uint32_t slot = oldest_; slot != kNone; slot = links_[slot].newer) {
    ids.push_back(links_[slot].id);
    const double* const own = numbers_.data() + slot * width();
    numbers.insert(numbers.end(), own, own + width());
  }
  out.Array(ids);
  out.Array(numbers);
}

void IdTable::Load(StateReader& in) {
  in.Section("id_table", 1);
  forgotten_ = in.U64();
  std::vector<uint64_t> ids;
  std::vector<double> numbers;
  in.Array(ids);
  in.Array(numbers);
  if (!in.ok()) return;
  bool good = ids.size() <= static_cast<uint64_t>(options_.max_ids) &&
              numbers.size() == ids.size() * width();
  for (const double v : numbers) good = good && std::fabs(v) <= kMostFactor;
  if (!good) return in.Fail("the ids of a matrix factorization do not fit");
  for (size_t i = 0; i < ids.size(); ++i) {
    if (slot_of_.contains(ids[i])) return in.Fail("an id is there twice");
    std::copy_n(numbers.begin() + static_cast<int64_t>(i * width()), width(), Slot(Add(ids[i])));
  }
}

}  // namespace leat::factors
