/// The latest labels of a two-class stream with their scores, as the binary evaluator keeps them.
///
/// A label takes 16 bytes; equal labels in a row (a baseline's mostly are) take 32 together, so
/// that neither adding nor walking them reaches for memory. Memory: 16 bytes * capacity at most,
/// allocated as needed. Cost: Push is O(1), ForEach O(runs). Thread safety: none.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

#include "leat/state.h"

namespace leat {

/// One label; its loss follows from the rest. Saved as bytes: no padding.
struct WindowLabel {
  uint64_t packed = 0;  ///< The bits of the score, whose two highest are 0; predicted; truth.
  double loss = 0;

  WindowLabel() = default;
  WindowLabel(double score, bool truth, bool predicted, double its_loss)
      : packed(std::bit_cast<uint64_t>(score) << 2 | (predicted ? 2 : 0) | (truth ? 1 : 0)),
        loss(its_loss) {}
  bool truth() const { return (packed & 1) != 0; }
  bool predicted() const { return (packed & 2) != 0; }
  uint64_t score_bits() const { return packed >> 2; }
  double score() const { return std::bit_cast<double>(score_bits()); }
};

class LabelWindow {
 public:
  explicit LabelWindow(int64_t capacity)
      : capacity_(static_cast<size_t>(std::max<int64_t>(capacity, 1))) {}

  void Push(const WindowLabel& label) {
    if (size_ == capacity_) DropOldest(1);
    ++size_;
    positives_ += label.truth();
    if (used_ == 0 || label.packed != newest_) {
      newest_ = label.packed;
      PushSlot(label);
    } else if (WindowLabel& last = slots_[At(used_ - 1)]; last.packed == kRepeat) {
      last.loss += 1;
    } else {
      PushSlot(Repeat(1));
    }
  }

  /// As Push so many times. REQUIRES that the newest label is the same.
  void PushAgain(const WindowLabel& label, size_t times);

  size_t size() const { return size_; }
  size_t positives() const { return positives_; }
  /// The class of the label that left last; false before.
  bool truth_before() const { return truth_before_; }

  /// Oldest first, equal neighbours at once: visit(label, how_many).
  template <typename Visit>
  void ForEach(Visit&& visit) const {
    const WindowLabel* label = nullptr;
    const auto walk = [&](size_t from, size_t to) {
      for (size_t i = from; i < to; ++i) {
        if (slots_[i].packed == kRepeat) {
          visit(*label, static_cast<size_t>(slots_[i].loss));
        } else {
          label = &slots_[i];
          visit(*label, size_t{1});
        }
      }
    };
    const size_t to_end = std::min(used_, slots_.size() - first_);
    walk(first_, first_ + to_end);
    walk(0, used_ - to_end);
  }

  /// The losses, summed in order, and the score bits of the positives, in one pass. (A function of
  /// its own: among other code the sum would wait on the stack, twice as long for each label.)
  double SumLosses(std::vector<uint64_t>& positives) const;

  void Save(StateWriter& out) const;
  void Load(StateReader& in);
  size_t MemoryBytes() const { return slots_.capacity() * sizeof(WindowLabel); }

 private:
  /// `packed` of a slot that says how often (its `loss`) the label before it is repeated.
  static constexpr uint64_t kRepeat = ~uint64_t{0};
  static WindowLabel Repeat(size_t times) {
    WindowLabel slot;
    slot.packed = kRepeat;
    slot.loss = static_cast<double>(times);
    return slot;
  }

  size_t At(size_t i) const {
    i += first_;
    return i < slots_.size() ? i : i - slots_.size();
  }
  void PushSlot(const WindowLabel& slot) {
    if (used_ == slots_.size()) Grow();
    slots_[At(used_++)] = slot;
  }
  void DropOldest(size_t labels);
  void Grow();

  size_t capacity_;
  size_t size_ = 0;       ///< Labels,
  size_t positives_ = 0;  ///< and those of class 1.
  bool truth_before_ = false;
  uint64_t newest_ = 0;
  std::vector<WindowLabel> slots_;  ///< A ring.
  size_t first_ = 0, used_ = 0;
};

}  // namespace leat
