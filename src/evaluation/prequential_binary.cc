#include <array>
#include <limits>

#include "evaluation/label_window.h"
#include "evaluation/metrics.h"
#include "evaluation/metrics_ranking.h"
#include "evaluation/prequential.h"

namespace leat {
namespace {

constexpr int kCurvePoints = 200;
constexpr int kCalibrationGroups = 20;

/// One label with its prediction.
struct Label {
  double score;  ///< Of class 1, in [0, 1].
  double weight;
  double loss;
  bool truth;
  bool predicted;
  bool no_change;  ///< Whether this baseline was right.
  bool majority;
};

/// What a metric needs, as bits.
enum Needs : unsigned { kCount = 0, kLoss = 1, kRanking = 2, kTop = 4, kSums = 8, kAll = 15 };

unsigned NeedsOf(std::string_view metric) {
  if (metric == "count") return kCount;
  if (metric == "log_loss") return kLoss;
  if (metric == "roc_auc" || metric == "average_precision") return kRanking;
  if (metric == "precision_at_k") return kTop;
  return kSums;
}

unsigned NeedsOf(std::span<const std::string> metrics) {
  unsigned needs = metrics.empty() ? kAll : kCount;
  for (const std::string& metric : metrics) needs |= NeedsOf(metric);
  return needs;
}

/// The sums behind every metric but those of order.
struct Sums {
  std::array<double, 4> cells{};  ///< [2 * truth + predicted].
  double weight = 0;
  double loss = 0;
  double squared = 0;
  double no_change = 0;
  double majority = 0;
  CalibrationBins bins{kCalibrationBins};

  void Add(const Label& l, double w) {
    cells[size_t{2} * l.truth + l.predicted] += w;
    weight += w;
    loss += w * l.loss;
    const double error = l.score - (l.truth ? 1 : 0);
    squared += w * error * error;
    no_change += l.no_change ? w : 0;
    majority += l.majority ? w : 0;
    bins.Add(l.score, l.truth, w);
  }
  /// As Add so many times with a weight of 1, where all weights were 1.
  void AddAgain(const Label& l, size_t times) {
    const auto n = static_cast<double>(times);
    cells[size_t{2} * l.truth + l.predicted] += n;
    weight += n;
    AddTimes(loss, l.loss, times);
    const double error = l.score - (l.truth ? 1 : 0);
    AddTimes(squared, error * error, times);
    no_change += l.no_change ? n : 0;
    majority += l.majority ? n : 0;
    bins.AddAgain(l.score, l.truth, times);
  }
  void AddLossOnly(const Label& l, double w) {
    weight += w;
    loss += w * l.loss;
  }
  /// These, with what AddLossOnly passes over undefined.
  Sums LossOnly() const {
    Sums sums;
    sums.weight = weight;
    sums.loss = loss;
    sums.squared = sums.no_change = sums.majority = std::numeric_limits<double>::quiet_NaN();
    return sums;
  }
  void Scale(double factor) {
    for (double* sum : {&weight, &loss, &squared, &no_change, &majority}) *sum *= factor;
    for (double& cell : cells) cell *= factor;
    bins.Scale(factor);
  }
  ConfusionMatrix Confusion() const {
    ConfusionMatrix matrix(2);
    for (int i = 0; i < 4; ++i) matrix.Add(i / 2, i % 2, cells[static_cast<size_t>(i)]);
    return matrix;
  }
  void Save(StateWriter& out) const {
    for (const double v : {weight, loss, squared, no_change, majority}) out.F64(v);
    for (const double v : cells) out.F64(v);
    bins.Save(out);
  }
  void Load(StateReader& in) {
    for (double* v : {&weight, &loss, &squared, &no_change, &majority}) *v = in.F64();
    for (double& v : cells) v = in.F64();
    bins.Load(in);
  }
};

class BinaryEvaluator final : public PrequentialEvaluator {
 public:
  explicit BinaryEvaluator(const EvaluationOptions& options)
      : options_(options),
        chosen_(NeedsOf(options.metrics)),
        latest_(options.window),
        weights_(options.window),
        top_(options.top, options.period),
        fade_(options.fading) {}

  void Add(const Scored& scored) override {
    if (!std::isfinite(scored.target)) return;
    const Label l = Judged(scored);
    const double faded = l.weight * fade_.current();
    cumulative_.Add(l, l.weight);
    AddFading(l, faded);
    histogram_.Add(ScoreBucket(l.score), l.truth, l.weight, faded);
    top_.Add(scored.time, l.score, l.truth, count_, fade_.current());
    Keep(l);
    ++count_;
    seen_[l.truth] += 1;
    previous_ = l.truth;
    if (double factor = 1; fade_.Step(&factor)) ScaleFading(factor);
  }

  void AddAll(std::span<const Scored> labels) override {
    double before = -1;
    for (const Scored& scored : labels) {
      if (scored.probabilities.size() < 2 || scored.probabilities[1] == before) continue;
      before = scored.probabilities[1];
      histogram_.Prefetch(before);
    }
    while (!labels.empty()) {
      Add(labels.front());
      const size_t again = Repeats(labels);
      if (again > 0) AddAgain(Judged(labels.front()), again);
      labels = labels.subspan(1 + again);
    }
  }

  int64_t count() const override { return count_; }

  MetricValues Values(View view) const override { return Values(view, kAll); }
  MetricValues ChosenValues(View view) const override { return Values(view, chosen_); }

  std::vector<CurvePoint> PrecisionRecall() const override {
    return histogram_.PrecisionRecall(kCurvePoints);
  }
  std::vector<CurvePoint> Calibration() const override {
    return histogram_.Calibration(kCalibrationGroups);
  }
  std::vector<std::vector<double>> Confusion() const override {
    return cumulative_.Confusion().Rows();
  }

  void Save(StateWriter& out) const override {
    out.Section("evaluation.binary", 1);
    out.I64(count_);
    for (const double v : seen_) out.F64(v);
    out.Bool(previous_);
    fade_.Save(out);
    cumulative_.Save(out);
    fading_.Save(out);
    histogram_.Save(out);
    top_.Save(out);
    latest_.Save(out);
    weights_.Save(out);
  }

  Status Load(StateReader& in) override {
    in.Section("evaluation.binary", 1);
    count_ = in.I64();
    ranked_at_ = -1;
    for (double& v : seen_) v = in.F64();
    previous_ = in.Bool();
    fade_.Load(in);
    cumulative_.Load(in);
    fading_.Load(in);
    histogram_.Load(in);
    top_.Load(in);
    latest_.Load(in);
    weights_.Load(in);
    if (weights_.size() > 0 && weights_.size() != latest_.size()) {
      in.Fail("the evaluation window has labels without a weight");
    }
    return in.status();
  }

  size_t MemoryBytes() const override {
    return sizeof(*this) + latest_.MemoryBytes() + weights_.MemoryBytes() +
           histogram_.MemoryBytes() + top_.MemoryBytes();
  }

 private:
  Label Judged(const Scored& scored) {
    Label l{};
    l.truth = scored.target >= 0.5;
    const double positive = scored.probabilities.size() > 1
                                ? scored.probabilities[1]
                                : std::numeric_limits<double>::quiet_NaN();
    if (std::isfinite(positive)) {
      l.score =
          positive > 0 ? std::min(positive, 1.0) : 0;  // Never -0: scores are compared as bits.
      l.predicted = l.score >= (scored.threshold < 0 ? options_.threshold : scored.threshold);
    } else {  // No prediction: class 0, with the share of positives so far (one more of each
              // class).
      l.score = (seen_[1] + 1) / (seen_[0] + seen_[1] + 2);
    }
    l.weight = UsableWeight(scored.weight);
    l.loss = Loss(l.truth ? l.score : 1 - l.score);
    l.no_change = l.truth == previous_;
    l.majority = l.truth == (seen_[1] > seen_[0]);
    return l;
  }

  /// How many of the labels behind the first, which was just added, are the same again in all that
  /// is counted: a baseline's mostly are. All weights were and are 1, so counts are whole numbers.
  size_t Repeats(std::span<const Scored> labels) const {
    const Scored& first = labels.front();
    if (weights_.size() > 0 || first.probabilities.size() < 2 ||
        !std::isfinite(first.probabilities[1]) || !std::isfinite(first.target) ||
        !top_.InLatestPeriod(first.time)) {
      return 0;
    }
    // From here on the majority stays right.
    if ((first.target >= 0.5) != (seen_[1] > seen_[0])) return 0;
    const auto same = [&](const Scored& other) {
      return other.probabilities.size() > 1 && other.probabilities[1] == first.probabilities[1] &&
             other.target == first.target && other.weight == 1 &&
             other.threshold == first.threshold && top_.InLatestPeriod(other.time);
    };
    size_t end = 1;
    while (end < labels.size() && same(labels[end])) ++end;
    return end - 1;
  }

  /// Add of a label that repeats the one before, so many times.
  void AddAgain(const Label& l, size_t times) {
    ScoreHistogram::Cell& cell = histogram_.At(ScoreBucket(l.score));
    while (times > 0) {  // Stops where what fades is to be scaled.
      double faded = 0, factor = 1;
      bool scale = false;
      size_t n = 0;
      for (; n < times && !scale; ++n) {
        faded = fade_.current();
        AddFading(l, faded);
        cell.fading[l.truth] += faded;
        scale = fade_.Step(&factor);
      }
      cumulative_.AddAgain(l, n);
      cell.weight[l.truth] += static_cast<double>(n);
      top_.AddAgain(l.score, l.truth, n, faded);
      latest_.PushAgain(Kept(l), n);
      count_ += static_cast<int64_t>(n);
      seen_[l.truth] += static_cast<double>(n);
      if (scale) ScaleFading(factor);
      times -= n;
    }
  }

  void AddFading(const Label& l, double faded) {
    if (chosen_ & kSums) {
      fading_.Add(l, faded);
    } else {
      fading_.AddLossOnly(l, faded);
    }
  }

  void ScaleFading(double factor) {
    fading_.Scale(factor);
    histogram_.ScaleFading(factor);
    top_.ScaleFading(factor);
  }

  /// Many scores repeat the one before, a baseline's above all.
  double Loss(double probability_of_truth) {
    if (probability_of_truth != loss_of_) {
      loss_of_ = probability_of_truth;
      loss_ = ClippedLogLoss(probability_of_truth);
    }
    return loss_;
  }

  void Keep(const Label& l) {
    if (weights_.size() > 0 || l.weight != 1) {
      while (weights_.size() < latest_.size()) weights_.Push(1);
      weights_.Push(l.weight);
    }
    latest_.Push(Kept(l));
  }
  static WindowLabel Kept(const Label& l) { return {l.score, l.truth, l.predicted, l.loss}; }

  /// The histogram's metrics after the latest label, kept for the view that is asked for next.
  const ScoreHistogram::BothMetrics& Ranked() const {
    if (ranked_at_ != count_) ranked_ = histogram_.Metrics();
    ranked_at_ = count_;
    return ranked_;
  }

  MetricValues Values(View view, unsigned needs) const {
    constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
    RankingMetrics ranking{kNan, kNan};
    double at_k = kNan;
    if (view == View::kCumulative) {
      if (needs & kRanking) ranking = Ranked().cumulative;
      if (needs & kTop) at_k = top_.Cumulative();
      return Named(cumulative_, ranking, at_k, 1);
    }
    if (view == View::kFading) {
      if (needs & kRanking) ranking = Ranked().fading;
      if (needs & kTop) at_k = top_.Fading();
      const Sums& sums = (chosen_ & kSums) ? fading_ : fading_.LossOnly();
      return Named(sums, ranking, at_k, 1 / fade_.last());
    }
    std::vector<uint64_t> positives;
    Sums sums;
    sums.loss = latest_.SumLosses(positives);
    sums.weight = static_cast<double>(latest_.size());
    const bool weighted = weights_.size() > 0;
    sums = weighted || (needs & kSums) ? WindowSums() : sums.LossOnly();
    if (needs & kRanking) {
      ranking = weighted ? RankWeighted() : RankUnitWeights(std::move(positives));
    }
    if (needs & kTop) at_k = top_.Since(count_ - options_.window);
    return Named(sums, ranking, at_k, 1);
  }

  RankingMetrics RankUnitWeights(std::vector<uint64_t> positives) const {
    UnitRanking ranking(std::move(positives), latest_.size() - latest_.positives());
    latest_.ForEach([&](const WindowLabel& l, size_t n) {
      if (!l.truth()) ranking.AddNegatives(l.score_bits(), n);
    });
    return ranking.Metrics();
  }

  RankingMetrics RankWeighted() const {
    std::vector<RankedLabel> labels;
    labels.reserve(latest_.size());
    latest_.ForEach([&](const WindowLabel& l, size_t n) {
      for (; n > 0; --n) labels.push_back({l.score(), weights_[labels.size()], l.truth()});
    });
    return RankExactly(labels);
  }

  Sums WindowSums() const {
    Sums sums;
    const auto positives = static_cast<double>(latest_.positives());
    // Before the window, then before each label.
    std::array<double, 2> seen = {seen_[0] - (static_cast<double>(latest_.size()) - positives),
                                  seen_[1] - positives};
    bool previous = latest_.truth_before();
    size_t i = 0;
    latest_.ForEach([&](const WindowLabel& kept, size_t n) {
      Label l{};
      l.score = kept.score();
      l.loss = kept.loss;
      l.truth = kept.truth();
      l.predicted = kept.predicted();
      for (; n > 0; --n) {
        l.weight = weights_.size() > 0 ? weights_[i++] : 1;
        l.no_change = l.truth == previous;
        l.majority = l.truth == (seen[1] > seen[0]);
        sums.Add(l, l.weight);
        seen[l.truth] += 1;
        previous = l.truth;
      }
    });
    return sums;
  }

  MetricValues Named(const Sums& s, const RankingMetrics& ranking, double at_k,
                     double count_factor) const {
    const double nothing = std::numeric_limits<double>::quiet_NaN();
    const double w = s.weight > 0 ? s.weight : nothing;
    const ConfusionMatrix matrix = s.Confusion();
    const double accuracy = matrix.Accuracy();
    return {{"count", s.weight * count_factor},
            {"accuracy", accuracy},
            {"balanced_accuracy", matrix.BalancedAccuracy()},
            {"precision", matrix.Precision(1)},
            {"recall", matrix.Recall(1)},
            {"specificity", matrix.Recall(0)},
            {"f1", matrix.FBeta(1, 1)},
            {"f_beta", matrix.FBeta(1, options_.beta)},
            {"g_mean", matrix.GMean()},
            {"kappa", matrix.Kappa()},
            {"kappa_t", KappaAgainst(accuracy, s.no_change / w)},
            {"kappa_m", KappaAgainst(accuracy, s.majority / w)},
            {"mcc", matrix.Mcc()},
            {"log_loss", s.loss / w},
            {"brier", s.squared / w},
            {"ece", s.bins.ExpectedError()},
            {"roc_auc", ranking.roc_auc},
            {"average_precision", ranking.average_precision},
            {"precision_at_k", at_k},
            {"positive_share", matrix.TruthTotal(1) / w},
            {"no_change_accuracy", s.no_change / w},
            {"majority_accuracy", s.majority / w}};
  }

  const EvaluationOptions options_;
  const unsigned chosen_;
  int64_t count_ = 0;
  std::array<double, 2> seen_{};  ///< Labels so far, by class.
  bool previous_ = false;
  Sums cumulative_;
  Sums fading_;
  ScoreHistogram histogram_;
  mutable int64_t ranked_at_ = -1;
  mutable ScoreHistogram::BothMetrics ranked_{};
  LabelWindow latest_;
  LatestItems<double> weights_;  ///< Of latest_; empty while all have been 1.
  PrecisionAtK top_;
  FadingWeight fade_;
  double loss_of_ = -1, loss_ = 0;  ///< The probability last seen by Loss.
};

}  // namespace

std::unique_ptr<PrequentialEvaluator> MakeBinaryEvaluator(const EvaluationOptions& options) {
  return std::make_unique<BinaryEvaluator>(options);
}

}  // namespace leat
