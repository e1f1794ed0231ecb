#include "models/composition/race.h"

#include <algorithm>
#include <cmath>

#include "models/heap_bytes.h"

namespace leat {

Race::Race(size_t members, int64_t round)
    : members_(members),
      round_(static_cast<uint64_t>(round)),
      losses_(members),
      gaps_(members * members),
      last_(members),
      rounds_lost_(members),
      leader_(members) {}

bool Race::Judge(std::span<const double> losses, const std::vector<uint8_t>& here, size_t label,
                 size_t classes) {
  Lengthen(counts_, classes);
  counts_[label] += 1;
  for (size_t i = 0; i < members_; ++i) {
    if (here[i] == 0) continue;
    losses_[i] += losses[i];
    for (size_t j = i + 1; j < members_; ++j) {
      if (here[j] == 0) continue;
      const double gap = losses[i] - losses[j];
      Gap(i, j) += gap;
      Squares(i, j) += gap * gap;
    }
  }
  ++labels_;
  weight_ += 1;
  if (labels_ < round_) return false;
  const double rare =
      static_cast<double>(labels_) - *std::max_element(counts_.begin(), counts_.end());
  if (classes > 1 && rare < kFewestRare && labels_ < kLongestRound * round_) return false;
  EndRound(here);
  return true;
}

void Race::EndRound(const std::vector<uint8_t>& here) {
  leader_ = members_;
  for (size_t i = 0; i < members_; ++i) {
    if (here[i] != 0 && (leader_ == members_ || losses_[i] < losses_[leader_])) leader_ = i;
  }
  const double n = weight_;
  const double same = kSame * losses_[leader_] / n;
  lost_.clear();
  for (size_t i = 0; i < members_; ++i) {
    if (here[i] == 0 || i == leader_) continue;
    const size_t low = std::min(i, leader_), high = std::max(i, leader_);
    const double gap = std::fabs(Gap(low, high)) / n;  // The leader's loss is not the higher one.
    const double variance = std::max(0.0, Squares(low, high) / n - gap * gap);
    const double error = std::sqrt(variance / n);
    const double doubt = kSure * error;
    const bool worse = gap > doubt && gap + error >= last_[i];
    const bool alike = gap + doubt <= same && i > leader_;
    last_[i] = gap;
    rounds_lost_[i] = worse || alike ? rounds_lost_[i] + 1 : 0;
    if (rounds_lost_[i] >= kRounds) lost_.push_back(i);
  }
  last_[leader_] = 0;
  rounds_lost_[leader_] = 0;
  labels_ = 0;
  std::fill(counts_.begin(), counts_.end(), 0.0);
  weight_ *= kKept;
  for (double& loss : losses_) loss *= kKept;
  for (double& gap : gaps_) gap *= kKept;
}

size_t Race::HeapBytes() const {
  return (counts_.capacity() + losses_.capacity() + gaps_.capacity() + last_.capacity()) *
             sizeof(double) +
         rounds_lost_.capacity() * sizeof(uint32_t) + lost_.capacity() * sizeof(size_t) +
         6 * kAllocation;
}

void Race::Save(StateWriter& out) const {
  out.U64(labels_);
  out.F64(weight_);
  out.Array(counts_);
  out.Array(losses_);
  out.Array(gaps_);
  out.Array(last_);
  out.Array(rounds_lost_);
  out.U64(leader_);
}

void Race::Load(StateReader& in) {
  labels_ = in.U64();
  weight_ = in.F64();
  in.Array(counts_);
  in.Array(losses_);
  in.Array(gaps_);
  in.Array(last_);
  in.Array(rounds_lost_);
  leader_ = in.U64();
  bool good = losses_.size() == members_ && gaps_.size() == members_ * members_ &&
              last_.size() == members_ && rounds_lost_.size() == members_ && leader_ <= members_ &&
              (labels_ == 0 || !counts_.empty()) && weight_ >= 0 && weight_ <= 1e15;
  for (const auto* numbers : {&counts_, &losses_, &gaps_, &last_}) {
    for (const double v : *numbers) good = good && std::fabs(v) <= 1e15;
  }
  if (in.ok() && !good) in.Fail("the state of a race does not fit");
}

}  // namespace leat
