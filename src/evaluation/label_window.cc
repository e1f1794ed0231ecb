#include "evaluation/label_window.h"

#include <cmath>

namespace leat {

void LabelWindow::DropOldest() {
  truth_before_ = slots_[first_].truth();
  --size_;
  positives_ -= truth_before_;
  const size_t second = At(1);
  if (used_ > 1 && slots_[second].packed == kRepeat) {
    slots_[second].loss -= 1;
    if (slots_[second].loss > 0) return;
    slots_[second] = slots_[first_];  // The last of its run stands alone.
  }
  first_ = second;
  --used_;
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
