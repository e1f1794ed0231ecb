/// Scores of every model and baseline on the same records, and their history for the report.
///
/// Cost per label: one evaluator update per model and baseline. Labels are collected and scored row
/// by row, kBatch at a time: an evaluator's sums then stay in the nearest cache while it works, and
/// what it must fetch from memory is fetched for several labels at once. Nothing that can be asked
/// of a scoreboard shows where a batch ends. Where who serves differs from record to record, a row
/// `as served` scores what was served: the prediction of the model that served, with its threshold.
/// The history keeps at most 2,000 samples; beyond, every other one is dropped, so memory does not
/// grow with the stream. Thread safety: none, not even for const methods, which score what waits.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "evaluation/evaluation.h"
#include "leat/state.h"
#include "pipeline/part.h"
#include "pipeline/prediction_writer.h"

namespace leat {

class Scoreboard {
 public:
  /// `routed`: who serves differs from record to record.
  Scoreboard(EvaluationTask task, const EvaluationOptions& options,
             std::vector<std::string> model_names, bool routed);

  /// Scores one labelled record: `predictions` holds `width` numbers per model. Then the baselines
  /// learn the label. `served`: who served it; nothing where that is not known.
  void Add(EventTime time, std::span<const double> predictions, size_t width, double target,
           const std::optional<Serving>& served = std::nullopt);

  /// The prior so far: class probabilities, or the mean; empty before the first label.
  const std::vector<double>& prior() const { return prior_; }
  int64_t labels() const { return labels_; }
  /// True when a metrics row is due after the last Add.
  bool RowDue() const { return options_.every > 0 && labels_ % options_.every == 0; }
  /// Appends one line of JSON with all views of all rows, and keeps a sample for the report.
  void WriteRow(EventTime time, std::string& out);

  void FillReport(Report& report) const;

  void Save(StateWriter& out) const;
  Status Load(StateReader& in);
  size_t MemoryBytes() const;
  /// The same in parts: one a model, and the rest.
  std::vector<PartAccess> Parts();

 private:
  struct Row {
    std::string name;
    bool baseline, served;
    std::unique_ptr<PrequentialEvaluator> evaluator;
  };
  /// A label that waits to be scored; its predictions lie in waiting_predictions_ from `at`: the
  /// models' (each `width` long), then the baselines' (each `baseline_width` long).
  struct Waiting {
    EventTime time;
    double target;
    size_t at, width, baseline_width;
    std::optional<Serving> served;
  };
  static constexpr size_t kBatch = 128;             ///< Labels,
  static constexpr size_t kBatchDoubles = 1 << 13;  ///< or predictions.

  void ScoreWaiting() const;
  void SaveRest(StateWriter& out) const;
  Status LoadRest(StateReader& in);
  MetricValues Chosen(const MetricValues& all) const;

  EvaluationTask task_;
  EvaluationOptions options_;
  size_t models_ = 0;
  std::vector<Row> rows_;  ///< Models, what was served if that is a row, baselines.
  Baselines baselines_;
  int prior_index_;  ///< Of the baseline whose prediction prior_ is.
  std::vector<double> prior_;
  mutable std::vector<Waiting> waiting_;
  mutable std::vector<double> waiting_predictions_;
  mutable std::vector<Scored> scored_;  ///< Those of one row.
  int64_t labels_ = 0;
  int64_t last_row_ = 0;
  int64_t samples_seen_ = 0, sample_stride_ = 1;
  std::vector<Report::CurveSample> curve_;
};

}  // namespace leat
