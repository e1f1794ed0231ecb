/// The models of a pipeline, beside each other on one stream, with the inputs that each of them
/// sees.
///
/// Models that want the same inputs share one input set. A record's inputs are written into its
/// block of doubles once, when it is predicted, and learnt from there when its label comes.
/// Clustering models and anomaly detectors need no label: they learn from each record right after
/// it was predicted.
#pragma once

#include <cmath>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "evaluation/cluster_quality.h"
#include "evaluation/evaluation.h"
#include "features/features.h"
#include "leat/model.h"
#include "models/active/label_requests.h"
#include "pipeline/config.h"
#include "pipeline/model_state.h"
#include "pipeline/part.h"

namespace leat {

class Roster {
 public:
  /// `texts`: canonical text of each model by name, from which its parts are named. `window`:
  /// records over which the quality of clusters is measured.
  static Result<std::unique_ptr<Roster>> Create(const FeatureGraph& graph,
                                                const std::vector<ModelConfig>& models,
                                                EvaluationTask task,
                                                const std::map<std::string, std::string>& texts,
                                                int64_t window);

  /// Supervised models, in the order of the configuration; the first serves.
  size_t size() const { return scored_.size(); }
  const std::string& name(size_t model) const { return scored_[model].config.name; }
  /// Clustering models and anomaly detectors.
  size_t cluster_count() const { return clusters_.size(); }
  const std::string& cluster_name(size_t i) const { return clusters_[i].config.name; }

  /// Doubles that a record's inputs take.
  size_t block_size() const { return block_size_; }
  /// Writes the inputs of every set into `block` and updates the fitted statistics; then clustering
  /// models and anomaly detectors predict and learn. `anomaly` gets, for each of them, the distance
  /// to the nearest centre or the score (NaN while there is none).
  void Build(const Record& record, std::span<const double> slots, std::span<double> block,
             std::span<double> anomaly);

  /// Writes `width` numbers per model: class probabilities padded with zeros, or the one number.
  /// A model that is not warm gives `prior` instead.
  void Predict(std::span<const double> block, size_t width, std::span<const double> prior,
               std::span<double> predictions);
  /// Whether the model's predictions have regions, and Model::Radius for what Predict wrote last.
  bool has_region(size_t model) const { return !std::isnan(scored_[model].model->Radius()); }
  std::span<const double> radii() const { return radii_; }
  /// True when the model has seen the labels that it needs before its predictions count.
  bool warm(size_t model) const { return scored_[model].learnt >= scored_[model].config.warm_up; }

  /// Whether a model asks for labels. What they ask for is noted in the block, and `request(model,
  /// confidence)` is called for each. After Predict; a model that is not warm is sure of nothing.
  bool asks() const { return asks_; }
  template <typename Request>
  void Ask(std::span<double> block, size_t width, std::span<const double> predictions,
           const Request& request) {
    for (size_t m = 0; m < scored_.size(); ++m) {
      Entry& entry = scored_[m];
      if (!entry.requests) continue;
      const double confidence = warm(m) ? Confidence(predictions.subspan(m * width, width)) : 0;
      if (!entry.requests->Decide(confidence)) continue;
      block[entry.asked] = 1;
      request(m, confidence);
    }
  }

  /// Models whose inputs the block has not got, and those that did not ask for it, are passed over.
  void Learn(std::span<const double> block, double target);

  /// Answers to drift.
  void Reset(size_t model);
  void StartBackground(size_t model);
  void DropBackground(size_t model) { scored_[model].background.reset(); }
  /// The background learner takes over; without one this is Reset.
  void Swap(size_t model);

  std::vector<std::pair<std::string, std::string>> Summary(size_t model) const;

  /// How good the clusters of each clustering model are.
  std::vector<Report::ClusterRow> Clusters() const;

  // ---- One by one, clustering models too, by name ----
  std::vector<ModelFacts> Facts() const;
  /// What learns; it lives as long as the model is not replaced. Invalid for an unknown name.
  Result<const Model*> Learner(std::string_view name) const;
  /// The weights of a linear model (see WeightsOf), by the names of classes and inputs. Invalid for
  /// an unknown name.
  Result<std::vector<NamedWeights>> Weights(std::string_view name,
                                            std::span<const std::string> classes) const;
  /// All of it but the classes and categories. Invalid for an unknown name.
  Result<ModelState> Take(std::string_view name) const;
  /// Replaces a model, and the statistics of its inputs; those of other models too only if
  /// `shared_inputs`. REQUIRES no Differences. After an error other than Invalid the roster must
  /// not be used.
  Status Put(std::string_view name, const ModelState& state, bool shared_inputs);

  void Save(StateWriter& out) const;
  Status Load(StateReader& in);
  size_t MemoryBytes() const;

  /// The same in parts, one a model and one a set of inputs.
  std::vector<PartAccess> Parts();
  /// Where things are in a block: what they are called in any roster, offset and length in doubles.
  struct Place {
    std::string name;
    size_t at, size;
    size_t marker;  ///< Offset of a number that is NaN where the block has not got this.
  };
  std::vector<Place> Places() const;

 private:
  struct InputSet {
    std::vector<InputFeatureSpec> spec;
    std::string name;  ///< Of its part.
    std::unique_ptr<InputBuilder> builder;
    size_t dense = 0, sparse = 0, payload = 0;  ///< Offsets in the block, in doubles.
    size_t sparse_count = 0;                    ///< Offset of the number of sparse entries.
  };
  struct Entry {
    ModelConfig config;
    size_t set = 0;
    std::unique_ptr<Model> model;
    std::unique_ptr<Model> background;
    int64_t learnt = 0;  ///< Labels since the start or the last reset.
    int64_t background_learnt = 0;
    int cluster = -1;        ///< Index of the clustering model whose distances it takes.
    size_t distances = 0;    ///< Offset of its dense inputs with those distances.
    size_t dense_total = 0;  ///< 0: the set's dense inputs as they are.
    std::vector<std::string> dense_names;
    std::optional<LabelRequests> requests;  ///< None: it learns from every label.
    std::optional<ClusterSample> sample;    ///< Of clustering models.
    size_t asked = 0;                       ///< Offset of a 1 if the label was asked for, else 0.

    /// Offset of a distance or score: unlike its own inputs, these are never missing.
    size_t distances_marker() const { return distances + dense_total - 1; }
  };
  static double Confidence(std::span<const double> probabilities);
  void SaveEntry(const Entry& entry, StateWriter& out) const;
  static Status LoadEntry(Entry& entry, StateReader& in);
  Input View(const Entry& entry, std::span<const double> block) const;
  const Entry* Find(std::string_view name) const;
  Status Unknown(std::string_view name) const;
  std::vector<std::string> Names() const;
  std::vector<std::string> Sharing(const Entry& entry) const;

  std::vector<InputSet> sets_;
  std::vector<Entry> scored_, clusters_;
  size_t block_size_ = 0;
  bool asks_ = false;
  std::vector<double> scratch_, radii_;
  std::vector<std::vector<double>> cluster_out_;
};

}  // namespace leat
