/// Metrics of order: ROC AUC and average precision, exact or over buckets, and precision at k.
///
/// Sources: Hanley and McNeil 1982 (the area as the share of correctly ordered pairs, ties half);
/// average precision as the sum of precision over steps of recall, scores that tie being one step
/// (no trapezoids: Davis and Goadrich 2006, section 4); McSherry and Najork 2008 (ties in precision
/// at k by their expectation). Shapes: scores are probabilities in [0, 1].
/// Thread safety: const methods may run concurrently. Determinism: the sequence of calls only.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/prefetch.h"
#include "base/time.h"
#include "evaluation/evaluation.h"
#include "leat/state.h"

namespace leat {

/// The bucket of a score: monotone, and fine where probabilities live. Below one half it is the
/// exponent and the first ten bits of the mantissa (1024 buckets an octave, 31 octaves), above it
/// the mirror image of 1 - s. Two scores of one bucket therefore differ by less than one part in
/// 1024 of min(s, 1 - s), or both lie within 2^-32 of the same end.
inline constexpr uint32_t kScoreBuckets = 1u << 16;
inline uint32_t ScoreBucket(double score) {
  constexpr int kShift = 52 - 10;
  constexpr uint64_t kBase = uint64_t{1023 - 32} << 10;
  const bool upper = score > 0.5;
  const double side = upper ? 1 - score : score;
  const uint64_t top = std::bit_cast<uint64_t>(side) >> kShift;
  const auto index = static_cast<uint32_t>(top > kBase ? top - kBase : 0);
  return upper ? kScoreBuckets - 1 - index : index;
}
/// A score in the middle of a bucket.
double BucketScore(uint32_t bucket);

struct RankedLabel {
  double score;
  double weight;
  bool positive;
};

struct RankingMetrics {
  double roc_auc;            ///< NaN unless both classes are present.
  double average_precision;  ///< NaN without a positive; also NaN without a negative.
};

/// Exact metrics of a batch; reorders `labels`, whose scores lie in [0, 1] (never -0). Cost: with
/// unit weights that of UnitRanking, else a sort of all.
RankingMetrics RankExactly(std::span<RankedLabel> labels);

/// Exact metrics of labels of weight 1. Only the positives are sorted; a negative looks up how many
/// positive scores lie below its own. Scores are given as bits, which order as scores do.
/// Cost: a sort of the positives; O(1) a negative unless the positive scores crowd in a small part
/// of their range, then O(log positives). Memory: 24 bytes a positive score, 128 KiB at most
/// besides.
class UnitRanking {
 public:
  /// `negatives`: how many will be added.
  UnitRanking(std::vector<uint64_t> positives, size_t negatives);

  /// Labels of this score, so many.
  void AddNegatives(uint64_t score, size_t number = 1) {
    // Those above every positive are the rest: a count of them would wait for itself at each label.
    if (score > scores_.back()) return;
    const size_t slot = score >= scores_.front() ? 1 + ((score - scores_.front()) >> shift_) : 0;
    size_t i = slots_[slot];  // The first positive score that is not below, if its slot has none.
    const size_t end = slots_[slot + 1];
    if (i == end) {
      beside_[slot] += static_cast<uint32_t>(number);
      return;
    }
    if (end - i > 8) {
      i = static_cast<size_t>(std::lower_bound(&scores_[i], &scores_[end], score) - &scores_[0]);
    }
    while (scores_[i] < score) ++i;
    negatives_[2 * i + (scores_[i] == score)] += static_cast<uint32_t>(number);
  }
  RankingMetrics Metrics() const;

 private:
  std::vector<uint64_t> scores_;  ///< Of the positives, rising, each once; never empty.
  std::vector<uint32_t> counts_;  ///< Positives of each score.
  std::vector<uint32_t> slots_;   ///< [1 + ((score - lowest) >> shift_)]: first place in scores_;
                                  ///< [0]: of those below.
  std::vector<uint32_t> beside_;  ///< Negatives in slots without a positive, by slot: few at a
                                  ///< place, so that none waits for the one before.
  std::vector<uint32_t> negatives_;  ///< [2 * i]: below scores_[i], above the one before;
                                     ///< [2 * i + 1]: equal to it.
  size_t all_negatives_;
  int shift_ = 0;
};

/// Weights by score bucket and class, cumulative and fading. Memory: 8 KiB for each of 256 runs of
/// scores that occurs, so at most 2 MiB.
class ScoreHistogram {
 public:
  struct Cell {
    double weight[2] = {0, 0};  ///< By class.
    double fading[2] = {0, 0};
  };
  Cell& At(uint32_t bucket) {
    std::unique_ptr<Block>& block = blocks_[bucket >> 8];
    if (!block) block = std::make_unique<Block>();
    return (*block)[bucket & 255];
  }
  void Add(uint32_t bucket, bool positive, double weight, double fading_weight) {
    Cell& cell = At(bucket);
    cell.weight[positive] += weight;
    cell.fading[positive] += fading_weight;
  }
  /// Fetches the cell of a score (any number) into the cache.
  void Prefetch(double score) const {
    const uint32_t bucket = ScoreBucket(score) & (kScoreBuckets - 1);
    if (const Block* block = blocks_[bucket >> 8].get()) {
      PrefetchLine(&(*block)[bucket & 255]);
    }
  }
  void ScaleFading(double factor);

  struct BothMetrics {
    RankingMetrics cumulative, fading;
  };
  /// What costs is to read the cells, so one sweep serves both.
  BothMetrics Metrics() const;
  RankingMetrics Cumulative() const { return Metrics().cumulative; }
  RankingMetrics Fading() const { return Metrics().fading; }
  /// At most `points` points of the cumulative curve, by falling score.
  std::vector<PrequentialEvaluator::CurvePoint> PrecisionRecall(int points) const;
  /// Groups of neighbouring scores, each with about the same share of both classes together.
  std::vector<PrequentialEvaluator::CurvePoint> Calibration(int groups) const;

  void Save(StateWriter& out) const;
  void Load(StateReader& in);
  size_t MemoryBytes() const;

 private:
  using Block = std::array<Cell, 256>;

  /// Calls visit(bucket, cell) for the buckets in use, from the highest score down.
  template <typename Visit>
  void Descend(Visit&& visit) const;

  std::array<std::unique_ptr<Block>, kScoreBuckets / 256> blocks_;
};

/// Precision among the k highest scores of each period of event time, averaged over periods.
///
/// A period is floor(time / length). The latest kOpen periods are open: labels may arrive in any
/// order for them. A label for an older one is too late to rank and is counted, not used. A period
/// with fewer than k labels is judged on those it has. Scores that tie at the k-th place count by
/// their share of positives, so a constant score is worth the share of positives, whatever the
/// order. The newest period is still filling and counts only while it is alone. Cost: O(1) for a
/// score below the k-th, else O(log k). Memory: kOpen * k * 16 bytes at most.
class PrecisionAtK {
 public:
  static constexpr int kOpen = 32;

  PrecisionAtK(int64_t k, Micros length);
  /// `order` numbers the labels (it tells the periods of a window); `fading_weight` as
  /// FadingWeight.
  void Add(EventTime time, double score, bool positive, int64_t order, double fading_weight);
  /// Whether a label of this time is of the period that the last Add found.
  bool InLatestPeriod(EventTime time) const {
    return time.micros >= cached_from_ && time.micros < cached_to_;
  }
  /// As Add so many times for labels of that period; the last one's fading weight.
  void AddAgain(double score, bool positive, size_t times, double fading_weight);
  void ScaleFading(double factor);

  double Cumulative() const;
  /// Over the open periods whose first label has `order` of at least `from`; if there is none, the
  /// newest complete one.
  double Since(int64_t from) const;
  double Fading() const;
  int64_t too_late() const { return too_late_; }

  void Save(StateWriter& out) const;
  void Load(StateReader& in);
  size_t MemoryBytes() const;

 private:
  struct Item {
    double score;
    uint64_t positive;  ///< 64 bits wide, so that saved items have no padding.
  };
  struct Period {
    int64_t index = 0;
    int64_t first_order = 0;
    double fading_weight = 0;  ///< Of its latest label.
    std::vector<Item> top;     ///< A heap with its lowest score in front.
    double tied_score = -1;    ///< Labels that lost their place at this score:
    double tied = 0;
    double tied_positive = 0;
  };

  static double Precision(const Period& period);
  void Rank(Period& period, double score, bool positive);
  static void Lose(Period& period, const Item& lost, double times);
  void Close(size_t slot);
  Period* Find(int64_t index);

  size_t k_;
  Micros length_;
  std::vector<Period> open_;  ///< By index, oldest first.
  int64_t lowest_open_ = 0;   ///< Periods below are closed.
  int64_t too_late_ = 0;
  double closed_ = 0;  ///< Number and sum of precisions of closed periods,
  double closed_sum_ = 0;
  double closed_fading_ = 0;  ///< and the same with fading weights.
  double closed_fading_sum_ = 0;
  // The span of the period last used, so that the usual label needs neither division nor search.
  int64_t cached_from_ = 1;
  int64_t cached_to_ = 0;
  size_t cached_slot_ = 0;
};

}  // namespace leat
