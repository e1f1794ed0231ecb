#include <limits>

#include "evaluation/metrics.h"
#include "evaluation/prequential.h"

namespace leat {
namespace {

struct Entry {
  double truth;
  double prediction;
  double weight;
};

class RegressionEvaluator final : public PrequentialEvaluator {
 public:
  explicit RegressionEvaluator(const EvaluationOptions& options)
      : latest_(options.window), fade_(options.fading) {}

  void Add(const Scored& scored) override {
    if (!std::isfinite(scored.target)) return;
    const bool predicted =
        !scored.probabilities.empty() && std::isfinite(scored.probabilities.front());
    const Entry e{scored.target, predicted ? scored.probabilities.front() : mean_,
                  UsableWeight(scored.weight)};
    cumulative_.Add(e.truth, e.prediction, e.weight);
    fading_.Add(e.truth, e.prediction, e.weight * fade_.current());
    latest_.Push(e);
    ++count_;
    mean_ += (e.truth - mean_) / static_cast<double>(count_);
    if (double factor = 1; fade_.Step(&factor)) fading_.Scale(factor);
  }

  int64_t count() const override { return count_; }

  MetricValues Values(View view) const override {
    if (view == View::kCumulative) return Named(cumulative_, 1, true);
    if (view == View::kFading) return Named(fading_, 1 / fade_.last(), false);
    RegressionSums sums;
    latest_.ForEach([&](const Entry& e) { sums.Add(e.truth, e.prediction, e.weight); });
    return Named(sums, 1, true);
  }

  std::vector<CurvePoint> PrecisionRecall() const override { return {}; }
  std::vector<CurvePoint> Calibration() const override { return {}; }
  std::vector<std::vector<double>> Confusion() const override { return {}; }

  void Save(StateWriter& out) const override {
    out.Section("evaluation.regression", 1);
    out.I64(count_);
    out.F64(mean_);
    fade_.Save(out);
    cumulative_.Save(out);
    fading_.Save(out);
    latest_.Save(out);
  }

  Status Load(StateReader& in) override {
    in.Section("evaluation.regression", 1);
    count_ = in.I64();
    mean_ = in.F64();
    fade_.Load(in);
    cumulative_.Load(in);
    fading_.Load(in);
    latest_.Load(in);
    return in.status();
  }

  size_t MemoryBytes() const override { return sizeof(*this) + latest_.MemoryBytes(); }

 private:
  static MetricValues Named(const RegressionSums& s, double count_factor, bool with_maximum) {
    // A maximum does not fade: that view has none.
    const double maximum = with_maximum ? s.MaxError() : std::numeric_limits<double>::quiet_NaN();
    return {{"count", s.weight() * count_factor},
            {"mae", s.Mae()},
            {"mse", s.Mse()},
            {"rmse", s.Rmse()},
            {"r2", s.R2()},
            {"bias", s.Bias()},
            {"mape", s.Mape()},
            {"smape", s.Smape()},
            {"max_error", maximum}};
  }

  int64_t count_ = 0;
  double mean_ = 0;  ///< Of all labels so far.
  RegressionSums cumulative_;
  RegressionSums fading_;
  LatestItems<Entry> latest_;
  FadingWeight fade_;
};

}  // namespace

std::unique_ptr<PrequentialEvaluator> MakeRegressionEvaluator(const EvaluationOptions& options) {
  return std::make_unique<RegressionEvaluator>(options);
}

}  // namespace leat
