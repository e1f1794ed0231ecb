/// Prequential evaluation: every prediction is scored once, when its label becomes available, and
/// before anything learns from it.
///
/// Three views of each metric: cumulative, over a sliding window of the last `window` labels, and
/// fading (weights decay by `fading` a label). Beside every model stand the baselines on the same
/// records: no-change (the previous label), majority class (or running mean), and prior (class
/// frequencies so far as probabilities, each class counted once more); all three look at earlier
/// labels only.
/// Cost: O(classes) a label; the window's metrics are computed when asked, in O(window). Ranking
/// metrics (ROC AUC, average precision) are exact over the window and, cumulatively, over 2^16
/// score buckets, monotone in the score, with ties inside a bucket counted half (error stated in
/// docs/evaluation.md). Memory is bounded by `window`.
/// Determinism: depends on the sequence of Add calls only. Thread safety: none.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/time.h"
#include "leat/params.h"
#include "leat/state.h"
#include "leat/status.h"

namespace leat {

struct EvaluationOptions {
  int64_t every = 10'000;   ///< Labels between two rows of the metrics sink.
  int64_t window = 50'000;  ///< Labels in the sliding window.
  double fading = 0.9999;   ///< Decay per label.
  double threshold = 0.5;   ///< Binary decisions: positive at or above.
  double beta = 1;          ///< Of F-beta.
  int64_t top = 100;        ///< k of precision at k per period.
  int64_t period = kDay;    ///< Event time over which precision at k ranks, in microseconds.
  std::vector<std::string> metrics;  ///< Names for the metrics sink; empty: a default by task.
};
void Describe(Params& params, EvaluationOptions& options);

/// All names that `metrics` may hold.
std::span<const std::string_view> MetricNames();

enum class EvaluationTask { kBinary, kMulticlass, kRegression };

/// What is scored: one prediction with its label.
struct Scored {
  EventTime time;                         ///< Event time of the record.
  std::span<const double> probabilities;  ///< Per class; empty: no prediction (counted as class 0
                                          ///< with the prior's probability). Regression: one value.
  double target = 0;                      ///< Class index, or number.
  double weight = 1;
  double threshold = -1;  ///< Binary: of this decision; below 0: that of the options.
};

/// Metric name -> value; undefined metrics (a single class seen) are NaN.
using MetricValues = std::vector<std::pair<std::string, double>>;

/// The fading view follows the metrics that `options.metrics` names; binary ones beyond them may be
/// NaN.
enum class View { kCumulative, kWindow, kFading };

class PrequentialEvaluator {
 public:
  virtual ~PrequentialEvaluator() = default;
  virtual void Add(const Scored& scored) = 0;
  /// The same as Add for each, in order; faster.
  virtual void AddAll(std::span<const Scored> labels) {
    for (const Scored& scored : labels) Add(scored);
  }
  virtual int64_t count() const = 0;
  virtual MetricValues Values(View view) const = 0;
  /// As Values, but what `options.metrics` leaves out may be NaN: it need not be computed.
  virtual MetricValues ChosenValues(View view) const { return Values(view); }

  /// Points of the precision-recall curve (recall, precision) and of the calibration curve (mean
  /// score, share of positives, count) over everything seen; binary only.
  struct CurvePoint {
    double x;
    double y;
    double weight;
  };
  virtual std::vector<CurvePoint> PrecisionRecall() const = 0;
  virtual std::vector<CurvePoint> Calibration() const = 0;
  /// Confusion counts [true class][predicted class]; classification only.
  virtual std::vector<std::vector<double>> Confusion() const = 0;

  virtual void Save(StateWriter& out) const = 0;
  virtual Status Load(StateReader& in) = 0;
  virtual size_t MemoryBytes() const = 0;
};

std::unique_ptr<PrequentialEvaluator> MakeEvaluator(EvaluationTask task,
                                                    const EvaluationOptions& options);

/// The baselines as predictors: they see labels in order and predict before they see.
class Baselines {
 public:
  static constexpr int kCount = 3;
  /// "no-change", "majority" ("mean" for regression), "prior" (regression has the first two only).
  static std::span<const std::string_view> Names(EvaluationTask task);
  explicit Baselines(EvaluationTask task) : task_(task) {}
  /// The prediction of baseline `which` (index into Names) from the labels so far.
  void Predict(int which, std::vector<double>& out) const {
    out.resize(width());
    Write(which, out.data());
  }
  /// How many numbers a prediction is, and the same written to `out`, which has room for them.
  size_t width() const {
    return task_ == EvaluationTask::kRegression ? 1 : std::max<size_t>(counts_.size(), 2);
  }
  void Write(int which, double* out) const;
  void Learn(double target);
  void Save(StateWriter& out) const;
  Status Load(StateReader& in);

 private:
  EvaluationTask task_;
  double last_ = 0;
  double mean_ = 0;
  std::vector<double> counts_;
  size_t most_ = 0;  ///< The class with the highest count.
  double count_ = 0;
};

/// What the final report shows; filled by the pipeline, rendered as a table, JSON or HTML.
struct Report {
  struct Row {
    std::string name;  ///< A model or baseline.
    bool baseline = false;
    bool serves = false;
    MetricValues cumulative;
    MetricValues window;
    std::vector<PrequentialEvaluator::CurvePoint> precision_recall;
    std::vector<PrequentialEvaluator::CurvePoint> calibration;
    std::vector<std::pair<std::string, std::string>> summary;  ///< Facts about the model.
  };
  /// A clustering model: figures by the names of ClusterMetrics, over that many records.
  struct ClusterRow {
    std::string name;
    int64_t sampled = 0;
    MetricValues values;
    std::vector<std::pair<std::string, std::string>> summary;
  };
  struct CurveSample {  ///< One row of the metrics sink: windowed values by name.
    int64_t labels;
    EventTime time;
    std::vector<MetricValues> rows;  ///< In the order of `rows` above.
  };
  struct DriftMark {
    EventTime time;
    int64_t labels;
    std::string detector, on, action, record_id;
    double mean_before, mean_after, statistic;
    bool warning;
  };
  std::string pipeline;
  EvaluationTask task = EvaluationTask::kBinary;
  std::vector<std::string> class_names;
  std::vector<Row> rows;
  std::vector<ClusterRow> clusters;
  std::vector<CurveSample> curve;
  std::vector<DriftMark> drift;
  std::vector<std::pair<std::string, int64_t>> records;  ///< read, taken, rejected, late, ...
  std::vector<std::pair<std::string, int64_t>> rejects;  ///< By reason.
  std::vector<std::pair<std::string, int64_t>> labels;   ///< The account: predicted, matched, ...
  /// Lines over event time, for the page.
  struct TimeChart {
    struct Line {
      std::string name;
      int hue = 0;  ///< Below 0: a grey one, for what is compared with.
      std::vector<std::pair<EventTime, double>> points;
    };
    struct Reach {
      EventTime time;
      double lo, hi;
    };
    struct Mark {
      EventTime time;
      std::string title;
      bool bad;
    };
    std::string title, description, y_label;
    std::vector<Line> lines;   ///< The first is drawn on top.
    std::vector<Reach> reach;  ///< Of the first line: an interval at each time; may be empty.
    std::vector<Mark> marks;
  };
  /// Of each experiment and bandit, what it says: for people, as JSON, and drawn.
  struct Trial {
    std::string table, json;
    std::vector<TimeChart> charts;
  };
  std::vector<Trial> experiments;
  EventTime first, last;
  double seconds = 0;  ///< Wall time, shown on stderr and in HTML only.
  std::string digest;  ///< Of the final state.
  int64_t memory_bytes = 0;
};

std::string RenderTable(const Report& report);
std::string RenderJson(const Report& report);
/// One self-contained page: no script or style from elsewhere.
std::string RenderHtml(const Report& report);

}  // namespace leat
