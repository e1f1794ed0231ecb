/// One line per prediction, as CSV or JSON lines by the name of the sink (docs/outputs.md).
///
/// CSV columns: id, score, class (not for regression), warm, then a score per further model, the
/// region of each model that has one, an anomaly distance per clustering model, and the chosen
/// features. A region is an interval, `lower` and `upper` (nothing where there is no bound), or a
/// `set` of classes: in CSV with | between them, in JSON an array. The score of a binary task is
/// the probability of the positive class, of a multiclass task the largest probability, of a
/// regression the prediction. `warm` is 0 while the serving model gives the prior. Where an
/// experiment or a bandit chooses who serves, a column `model` after `warm` names that model, and
/// every model has its score.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "evaluation/evaluation.h"

namespace leat {

/// Who serves a record, and by which threshold a class is decided for.
struct Serving {
  size_t model = 0;
  double threshold = -1;  ///< Below 0: that of the evaluation.
};

class PredictionWriter {
 public:
  struct Line {
    std::string_view id;
    std::span<const double> predictions;  ///< `width` per model.
    size_t width;
    bool warm;
    Serving serving;
    std::span<const double> radii;  ///< By model; see Model::Radius.
    std::span<const double> anomaly;
    std::span<const double> slots;
  };

  PredictionWriter() = default;
  /// `routed`: who serves differs from record to record. `regions`: the models that have them.
  PredictionWriter(bool json, bool routed, EvaluationTask task, double threshold,
                   std::string id_name, std::vector<std::string> models,
                   std::vector<size_t> regions, std::vector<std::string> clusters,
                   std::vector<std::pair<std::string, size_t>> features)
      : json_(json),
        routed_(routed),
        task_(task),
        threshold_(threshold),
        id_name_(std::move(id_name)),
        models_(std::move(models)),
        regions_(std::move(regions)),
        clusters_(std::move(clusters)),
        features_(std::move(features)) {}

  std::string Header() const;
  void Write(const Line& line, const std::vector<std::string>& classes, std::string& out) const;

 private:
  /// The score and the index of the class decided for.
  std::pair<double, size_t> Decide(std::span<const double> p, double threshold) const;
  void AppendSet(std::span<const double> p, double radius, const std::vector<std::string>& classes,
                 std::string& out) const;

  bool json_ = false, routed_ = false;
  EvaluationTask task_ = EvaluationTask::kBinary;
  double threshold_ = 0.5;
  std::string id_name_;
  std::vector<std::string> models_;
  std::vector<size_t> regions_;
  std::vector<std::string> clusters_;
  std::vector<std::pair<std::string, size_t>> features_;
};

}  // namespace leat
