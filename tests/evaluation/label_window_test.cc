#include "evaluation/label_window.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <random>

namespace leat {
namespace {

/// Scores in runs of mean length 3, of both classes.
std::vector<WindowLabel> Runs(int n) {
  std::mt19937_64 random(5);
  std::vector<WindowLabel> labels;
  WindowLabel label(0.5, false, true, 0.7);
  for (int i = 0; i < n; ++i) {
    if (random() % 3 == 0) {
      const double score = static_cast<double>(random() % 5) / 4;
      label = WindowLabel(score, random() % 2 == 0, score >= 0.5, score + 1);
    }
    labels.push_back(label);
  }
  return labels;
}

std::vector<uint64_t> Unfolded(const LabelWindow& window) {
  std::vector<uint64_t> packed;
  window.ForEach([&](const WindowLabel& l, size_t n) {
    EXPECT_GT(n, 0u);
    packed.insert(packed.end(), n, l.packed);
  });
  return packed;
}

std::string Bytes(const LabelWindow& window) {
  StateWriter out;
  window.Save(out);
  return out.Take();
}

TEST(LabelWindowTest, KeepsTheLatestLabelsInOrder) {
  for (const size_t capacity : {1, 2, 3, 7, 100, 200}) {
    LabelWindow window(static_cast<int64_t>(capacity));
    std::deque<WindowLabel> expected;
    bool before = false;
    for (const WindowLabel& label : Runs(1500)) {
      window.Push(label);
      expected.push_back(label);
      if (expected.size() > capacity) {
        before = expected.front().truth();
        expected.pop_front();
      }
      std::vector<uint64_t> packed;
      for (const WindowLabel& l : expected) packed.push_back(l.packed);
      ASSERT_EQ(Unfolded(window), packed) << capacity;
      ASSERT_EQ(window.size(), expected.size());
      ASSERT_EQ(window.positives(),
                static_cast<size_t>(std::count_if(expected.begin(), expected.end(),
                                                  [](const auto& l) { return l.truth(); })));
      ASSERT_EQ(window.truth_before(), before);
    }
    EXPECT_LE(window.MemoryBytes(), capacity * sizeof(WindowLabel));
  }
}

TEST(LabelWindowTest, UnpacksWhatItPacked) {
  const WindowLabel label(0.3, true, false, 1.2);
  EXPECT_EQ(label.score(), 0.3);
  EXPECT_TRUE(label.truth());
  EXPECT_FALSE(label.predicted());
  EXPECT_EQ(WindowLabel(1, false, true, 0).score(), 1);
}

TEST(LabelWindowTest, SaveLoadContinueIsBitEqual) {
  const std::vector<WindowLabel> labels = Runs(400);
  for (const size_t cut : {0, 1, 50, 99, 100, 101, 250}) {
    LabelWindow straight(100), loaded(100);
    for (size_t i = 0; i < cut; ++i) straight.Push(labels[i]);
    loaded.Push(labels[7]);  // Load must forget this one.
    const std::string saved = Bytes(straight);
    StateReader in(saved);
    loaded.Load(in);
    ASSERT_TRUE(in.ok() && in.AtEnd());
    for (size_t i = cut; i < labels.size(); ++i) {
      straight.Push(labels[i]);
      loaded.Push(labels[i]);
      ASSERT_EQ(Unfolded(loaded), Unfolded(straight));
      ASSERT_EQ(loaded.positives(), straight.positives());
    }
    EXPECT_EQ(Bytes(loaded), Bytes(straight));
  }
}

TEST(LabelWindowTest, RefusesRunsThatCannotBe) {
  WindowLabel repeat;
  repeat.packed = ~uint64_t{0};
  const WindowLabel label(0.5, true, true, 0.7);
  const auto load = [&](double count, std::vector<WindowLabel> slots) {
    for (WindowLabel& slot : slots) {
      if (slot.packed == repeat.packed) slot.loss = count;
    }
    StateWriter out;
    out.U64(10);
    out.Bool(false);
    out.Array(slots);
    const std::string saved = out.Take();
    StateReader in(saved);
    LabelWindow window(10);
    window.Load(in);
    if (!in.ok()) {
      EXPECT_EQ(window.size(), 0u);
    }
    return in.ok();
  };
  EXPECT_TRUE(load(9, {label, repeat}));
  EXPECT_FALSE(load(10, {label, repeat}));
  EXPECT_FALSE(load(0, {label, repeat}));
  EXPECT_FALSE(load(1.5, {label, repeat}));
  EXPECT_FALSE(load(std::nan(""), {label, repeat}));
  EXPECT_FALSE(load(1, {repeat, label}));
  EXPECT_FALSE(load(1, {label, repeat, repeat}));
}

}  // namespace
}  // namespace leat
