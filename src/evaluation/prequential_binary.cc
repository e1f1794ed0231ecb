#include <array>
#include <limits>

#include "evaluation/metrics.h"
#include "evaluation/metrics_ranking.h"
#include "evaluation/prequential.h"

namespace leat {
namespace {

constexpr int kCurvePoints = 200;
constexpr int kCalibrationGroups = 20;

/// One label with its prediction, as the window keeps it. Saved as bytes: no padding.
struct Entry {
  double score;  ///< Of class 1, in [0, 1].
  double weight;
  double loss;
  uint32_t bucket;
  uint8_t truth;
  uint8_t predicted;
  uint8_t no_change;  ///< Whether this baseline was right.
  uint8_t majority;
};
static_assert(sizeof(Entry) == 32);

/// The sums behind every metric but those of order.
struct Sums {
  std::array<double, 4> cells{};  ///< [2 * truth + predicted].
  double weight = 0;
  double loss = 0;
  double squared = 0;
  double no_change = 0;
  double majority = 0;
  CalibrationBins bins{kCalibrationBins};

  void Add(const Entry& e, double w) {
    cells[2 * e.truth + e.predicted] += w;
    weight += w;
    loss += w * e.loss;
    const double error = e.score - e.truth;
    squared += w * error * error;
    no_change += e.no_change ? w : 0;
    majority += e.majority ? w : 0;
    bins.Add(e.score, e.truth != 0, w);
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
        latest_(options.window),
        top_(options.top, options.period),
        fade_(options.fading) {}

  void Add(const Scored& scored) override {
    if (!std::isfinite(scored.target)) return;
    Entry e{};
    e.truth = scored.target >= 0.5;
    const double positive = scored.probabilities.size() > 1
                                ? scored.probabilities[1]
                                : std::numeric_limits<double>::quiet_NaN();
    if (std::isfinite(positive)) {
      e.score =
          positive > 0 ? std::min(positive, 1.0) : 0;  // Never -0: scores are compared as bits.
      e.predicted = e.score >= options_.threshold;
    } else {  // No prediction: class 0, with the share of positives so far (one more of each
              // class).
      e.score = (seen_[1] + 1) / (seen_[0] + seen_[1] + 2);
    }
    e.weight = UsableWeight(scored.weight);
    e.loss = ClippedLogLoss(e.truth ? e.score : 1 - e.score);
    e.bucket = ScoreBucket(e.score);
    e.no_change = e.truth == previous_;
    e.majority = e.truth == (seen_[1] > seen_[0]);

    const double faded = e.weight * fade_.current();
    cumulative_.Add(e, e.weight);
    fading_.Add(e, faded);
    histogram_.Add(e.bucket, e.truth, e.weight, faded);
    top_.Add(scored.time, e.score, e.truth, count_, fade_.current());
    latest_.Push(e);
    ++count_;
    seen_[e.truth] += 1;
    previous_ = e.truth;
    if (double factor = 1; fade_.Step(&factor)) {
      fading_.Scale(factor);
      histogram_.ScaleFading(factor);
      top_.ScaleFading(factor);
    }
  }

  int64_t count() const override { return count_; }

  MetricValues Values(View view) const override {
    if (view == View::kCumulative) {
      return Named(cumulative_, histogram_.Cumulative(), top_.Cumulative(), 1);
    }
    if (view == View::kFading) {
      return Named(fading_, histogram_.Fading(), top_.Fading(), 1 / fade_.last());
    }
    Sums sums;
    std::vector<RankedLabel> ranked;
    ranked.reserve(latest_.size());
    latest_.ForEach([&](const Entry& e) {
      sums.Add(e, e.weight);
      ranked.push_back({e.score, e.weight, e.truth != 0});
    });
    return Named(sums, RankExactly(ranked), top_.Since(count_ - options_.window), 1);
  }

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
    out.U8(previous_);
    fade_.Save(out);
    cumulative_.Save(out);
    fading_.Save(out);
    histogram_.Save(out);
    top_.Save(out);
    latest_.Save(out);
  }

  Status Load(StateReader& in) override {
    in.Section("evaluation.binary", 1);
    count_ = in.I64();
    for (double& v : seen_) v = in.F64();
    previous_ = in.U8();
    fade_.Load(in);
    cumulative_.Load(in);
    fading_.Load(in);
    histogram_.Load(in);
    top_.Load(in);
    latest_.Load(in);
    bool sound = true;
    latest_.ForEach([&](const Entry& e) { sound &= (e.truth | e.predicted) < 2; });
    if (!sound) in.Fail("the evaluation window holds a class that is not 0 or 1");
    return in.status();
  }

  size_t MemoryBytes() const override {
    return sizeof(*this) + latest_.MemoryBytes() + histogram_.MemoryBytes() + top_.MemoryBytes();
  }

 private:
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
  int64_t count_ = 0;
  std::array<double, 2> seen_{};  ///< Labels so far, by class.
  uint8_t previous_ = 0;
  Sums cumulative_;
  Sums fading_;
  ScoreHistogram histogram_;
  LatestItems<Entry> latest_;
  PrecisionAtK top_;
  FadingWeight fade_;
};

}  // namespace

std::unique_ptr<PrequentialEvaluator> MakeBinaryEvaluator(const EvaluationOptions& options) {
  return std::make_unique<BinaryEvaluator>(options);
}

}  // namespace leat
