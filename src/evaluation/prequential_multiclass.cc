#include <limits>

#include "evaluation/metrics.h"
#include "evaluation/prequential.h"

namespace leat {
namespace {

/// One label with its prediction, as the window keeps it. Saved as bytes: no padding.
struct Entry {
  double weight;
  double loss;
  double squared;     ///< Brier score: squared error summed over the classes.
  double confidence;  ///< Probability of the predicted class.
  uint16_t truth;
  uint16_t predicted;
  uint16_t no_change;  ///< Whether this baseline was right.
  uint16_t majority;
};
static_assert(sizeof(Entry) == 40);

struct Sums {
  ConfusionMatrix matrix;
  double weight = 0;
  double loss = 0;
  double squared = 0;
  double no_change = 0;
  double majority = 0;
  CalibrationBins bins{kCalibrationBins};

  void Add(const Entry& e, double w) {
    matrix.Add(e.truth, e.predicted, w);
    weight += w;
    loss += w * e.loss;
    squared += w * e.squared;
    no_change += e.no_change ? w : 0;
    majority += e.majority ? w : 0;
    bins.Add(e.confidence, e.truth == e.predicted, w);
  }
  void Scale(double factor) {
    for (double* sum : {&weight, &loss, &squared, &no_change, &majority}) *sum *= factor;
    matrix.Scale(factor);
    bins.Scale(factor);
  }
  void Save(StateWriter& out) const {
    for (const double v : {weight, loss, squared, no_change, majority}) out.F64(v);
    matrix.Save(out);
    bins.Save(out);
  }
  void Load(StateReader& in) {
    for (double* v : {&weight, &loss, &squared, &no_change, &majority}) *v = in.F64();
    matrix.Load(in);
    bins.Load(in);
  }
};

class MulticlassEvaluator final : public PrequentialEvaluator {
 public:
  explicit MulticlassEvaluator(const EvaluationOptions& options)
      : options_(options), latest_(options.window), fade_(options.fading) {}

  void Add(const Scored& scored) override {
    if (!(scored.target >= 0) || scored.target >= ConfusionMatrix::kMaxClasses) return;
    std::span<const double> p = scored.probabilities;
    const bool predicted = !p.empty() && p.size() <= ConfusionMatrix::kMaxClasses && AllFinite(p);
    Entry e{};
    e.truth = static_cast<uint16_t>(scored.target);
    if (predicted) {
      if (seen_.size() < p.size()) seen_.resize(p.size());
    } else {  // Class 0, with the class shares so far (one more of each class known by now).
      prior_.assign(std::max<size_t>(seen_.size(), 2), 0);
      const double total = static_cast<double>(count_) + static_cast<double>(prior_.size());
      for (size_t c = 0; c < prior_.size(); ++c) {
        prior_[c] = ((c < seen_.size() ? seen_[c] : 0) + 1) / total;
      }
      p = prior_;
    }
    size_t best = 0;
    for (size_t c = 0; c < p.size(); ++c) {
      const double error = p[c] - (c == e.truth ? 1 : 0);
      e.squared += error * error;
      if (p[c] > p[best]) best = c;
    }
    if (e.truth >= p.size()) e.squared += 1;  // A class the model has never heard of.
    if (!predicted) best = 0;
    e.predicted = static_cast<uint16_t>(best);
    e.confidence = std::min(std::max(p[best], 0.0), 1.0);
    e.loss = ClippedLogLoss(e.truth < p.size() ? p[e.truth] : 0);
    e.weight = UsableWeight(scored.weight);
    e.no_change = e.truth == previous_;
    e.majority = e.truth == majority_;

    cumulative_.Add(e, e.weight);
    fading_.Add(e, e.weight * fade_.current());
    latest_.Push(e);
    ++count_;
    Learn(e.truth);
    if (double factor = 1; fade_.Step(&factor)) fading_.Scale(factor);
  }

  int64_t count() const override { return count_; }

  MetricValues Values(View view) const override {
    if (view == View::kCumulative) return Named(cumulative_, 1);
    if (view == View::kFading) return Named(fading_, 1 / fade_.last());
    Sums sums;
    latest_.ForEach([&](const Entry& e) { sums.Add(e, e.weight); });
    return Named(sums, 1);
  }

  std::vector<CurvePoint> PrecisionRecall() const override { return {}; }
  std::vector<CurvePoint> Calibration() const override { return {}; }
  std::vector<std::vector<double>> Confusion() const override {
    return cumulative_.matrix.Rows(static_cast<int>(seen_.size()));
  }

  void Save(StateWriter& out) const override {
    out.Section("evaluation.multiclass", 1);
    out.I64(count_);
    out.Array(seen_);
    out.U32(previous_);
    out.U32(majority_);
    fade_.Save(out);
    cumulative_.Save(out);
    fading_.Save(out);
    latest_.Save(out);
  }

  Status Load(StateReader& in) override {
    in.Section("evaluation.multiclass", 1);
    count_ = in.I64();
    in.Array(seen_);
    previous_ = in.U32();
    majority_ = in.U32();
    fade_.Load(in);
    cumulative_.Load(in);
    fading_.Load(in);
    latest_.Load(in);
    if (seen_.size() > ConfusionMatrix::kMaxClasses || (count_ > 0 && majority_ >= seen_.size())) {
      in.Fail("the evaluation has seen more classes than there can be");
    }
    return in.status();
  }

  size_t MemoryBytes() const override {
    return sizeof(*this) + latest_.MemoryBytes() + (seen_.capacity() + prior_.capacity()) * 8 +
           cumulative_.matrix.MemoryBytes() + fading_.matrix.MemoryBytes();
  }

 private:
  void Learn(uint32_t truth) {
    if (seen_.size() <= truth) seen_.resize(truth + 1u);
    previous_ = truth;
    seen_[truth] += 1;
    // Ties go to the lowest class, as an argmax over the counts would have it.
    if (seen_[truth] > seen_[majority_] ||
        (seen_[truth] == seen_[majority_] && truth < majority_)) {
      majority_ = truth;
    }
  }

  MetricValues Named(const Sums& s, double count_factor) const {
    const double w = s.weight > 0 ? s.weight : std::numeric_limits<double>::quiet_NaN();
    const ConfusionMatrix& m = s.matrix;
    const double accuracy = m.Accuracy();
    return {{"count", s.weight * count_factor},
            {"accuracy", accuracy},
            {"balanced_accuracy", m.BalancedAccuracy()},
            {"precision_macro", m.Precision(Average::kMacro)},
            {"recall_macro", m.Recall(Average::kMacro)},
            {"f1_macro", m.FBeta(Average::kMacro, 1)},
            {"f_beta_macro", m.FBeta(Average::kMacro, options_.beta)},
            {"precision_weighted", m.Precision(Average::kWeighted)},
            {"recall_weighted", m.Recall(Average::kWeighted)},
            {"f1_weighted", m.FBeta(Average::kWeighted, 1)},
            {"f_beta_weighted", m.FBeta(Average::kWeighted, options_.beta)},
            {"precision_micro", m.Precision(Average::kMicro)},
            {"recall_micro", m.Recall(Average::kMicro)},
            {"f1_micro", m.FBeta(Average::kMicro, 1)},
            {"g_mean", m.GMean()},
            {"kappa", m.Kappa()},
            {"kappa_t", KappaAgainst(accuracy, s.no_change / w)},
            {"kappa_m", KappaAgainst(accuracy, s.majority / w)},
            {"mcc", m.Mcc()},
            {"log_loss", s.loss / w},
            {"brier", s.squared / w},
            {"ece", s.bins.ExpectedError()},
            {"no_change_accuracy", s.no_change / w},
            {"majority_accuracy", s.majority / w}};
  }

  const EvaluationOptions options_;
  int64_t count_ = 0;
  std::vector<double> seen_;  ///< Labels so far, by class.
  uint32_t previous_ = 0;
  uint32_t majority_ = 0;
  Sums cumulative_;
  Sums fading_;
  LatestItems<Entry> latest_;
  FadingWeight fade_;
  std::vector<double> prior_;  ///< Scratch.
};

}  // namespace

std::unique_ptr<PrequentialEvaluator> MakeMulticlassEvaluator(const EvaluationOptions& options) {
  return std::make_unique<MulticlassEvaluator>(options);
}

}  // namespace leat
