#include "evaluation/label_window.h"

#include <cmath>

namespace leat {

void LabelWindow::DropOldest(size_t labels) {
  while (labels > 0) {
    truth_before_ = slots_[first_].truth();
    const size_t second = At(1);
    size_t gone = 1;
    bool whole = true;  // Whether the first slot is done with.
    if (used_ > 1 && slots_[second].packed == kRepeat) {
      gone = std::min(labels, static_cast<size_t>(slots_[second].loss));
      slots_[second].loss -= static_cast<double>(gone);
      whole = !(slots_[second].loss > 0);
      if (whole) slots_[second] = slots_[first_];  // The last of its run stands alone.
    }
    if (whole) {
      first_ = second;
      --used_;
    }
    size_ -= gone;
    positives_ -= truth_before_ ? gone : 0;
    labels -= gone;
  }
}

void LabelWindow::PushAgain(const WindowLabel& label, size_t times) {
  for (; times > 0 && (times >= capacity_ || slots_[At(used_ - 1)].packed != kRepeat); --times) {
    Push(label);
  }
  if (times == 0) return;
  if (size_ + times > capacity_) DropOldest(size_ + times - capacity_);
  size_ += times;
  positives_ += label.truth() ? times : 0;
  if (WindowLabel& last = slots_[At(used_ - 1)]; last.packed == kRepeat) {
    last.loss += static_cast<double>(times);
  } else {  // All but one of its run were dropped.
    PushSlot(Repeat(times));
  }
}

void LabelWindow::Grow() {
  std::rotate(slots_.begin(), slots_.begin() + static_cast<std::ptrdiff_t>(first_), slots_.end());
  first_ = 0;
  const size_t slots = std::min(capacity_, std::max<size_t>(2 * slots_.size(), 64));
  slots_.reserve(slots);
  slots_.resize(slots);
}

double LabelWindow::SumLosses(std::vector<uint64_t>& positives) const {
  positives.resize(positives_);
  size_t found = 0;
  double loss = 0;
  ForEach([&](const WindowLabel& l, size_t n) {
    if (l.loss != 0) {
      for (size_t i = 0; i < n; ++i) loss += l.loss;
    }
    if (l.truth()) {
      for (size_t i = 0; i < n; ++i) positives[found++] = l.score_bits();
    }
  });
  return loss;
}

void LabelWindow::Save(StateWriter& out) const {
  std::vector<WindowLabel> ordered;
  ordered.reserve(used_);
  for (size_t i = 0; i < used_; ++i) ordered.push_back(slots_[At(i)]);
  out.U64(capacity_);
  out.Bool(truth_before_);
  out.Array(ordered);
}

void LabelWindow::Load(StateReader& in) {
  const uint64_t capacity = in.U64();
  truth_before_ = in.Bool();
  in.Array(slots_);
  first_ = size_ = positives_ = 0;
  used_ = slots_.size();
  bool sound = capacity == capacity_, repeatable = false;
  for (const WindowLabel& slot : slots_) {
    const bool repeat = slot.packed == kRepeat;
    const double count = repeat ? slot.loss : 1;
    sound &= (repeatable || !repeat) && count >= 1 && count == std::floor(count) &&
             count <= static_cast<double>(capacity_ - size_);
    if (!sound) break;
    size_ += static_cast<size_t>(count);
    if (!repeat) newest_ = slot.packed;
    positives_ += static_cast<size_t>(count) * (newest_ & 1);
    repeatable = !repeat;
  }
  if (sound) return;
  if (in.ok()) in.Fail("the evaluation window differs in length from the configured one");
  slots_.clear();
  size_ = positives_ = used_ = 0;
}

}  // namespace leat
