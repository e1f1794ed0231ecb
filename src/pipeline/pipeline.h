/// The pipeline: a deterministic state machine from records and labels to outputs.
///
/// Step takes one record: labels that have become available by its event time are scored, then
/// learnt; then features are computed, every model predicts, the prediction is written and waits
/// for its label. It reads no clock, no random device and no environment, so the same calls give
/// the same bytes and the same digest. Save and Load carry everything that later outputs depend on.
/// Cost: no allocation per record in steady state. Thread safety: none. Errors: a record never
/// fails a step; only Create and Load can fail.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "evaluation/evaluation.h"
#include "experiments/bandit.h"
#include "experiments/experiment.h"
#include "features/features.h"
#include "leat/model.h"
#include "leat/state.h"
#include "leat/status.h"
#include "pipeline/config.h"
#include "pipeline/model_state.h"
#include "record/record.h"
#include "state/store.h"

namespace leat {

/// Bytes for the sinks, appended in order; the driver writes them out and clears them.
struct Outputs {
  std::string predictions, events, metrics, rejects;
  /// For sinks that send each prediction as a message: of each, in order, its bytes in
  /// `predictions` and in `envelopes`, where key, id and traceparent of its record follow each
  /// other. The driver adds them where they are wanted.
  struct Frame {
    uint32_t bytes = 0, key = 0, id = 0, trace = 0;
    bool has_key = false;
  };
  std::vector<Frame> frames;
  std::string envelopes;
  /// All four, in that order.
  std::array<std::string_view, 4> parts() const { return {predictions, events, metrics, rejects}; }
  size_t size() const {
    return predictions.size() + events.size() + metrics.size() + rejects.size() + envelopes.size() +
           frames.size() * sizeof(Frame);
  }
  void clear() {
    predictions.clear();
    events.clear();
    metrics.clear();
    rejects.clear();
    frames.clear();
    envelopes.clear();
  }
};

/// A part of the state that is saved as a whole.
struct StatePart {
  std::string name;
  std::string bytes;
};

class Pipeline {
 public:
  static Result<std::unique_ptr<Pipeline>> Create(const Config& config);
  ~Pipeline();

  /// What a new predictions file starts with (a CSV header, or nothing).
  std::string PredictionsHeader() const;

  /// Fetches where the prediction that belongs to an id is found, for a record or a label to come.
  void PrefetchId(uint64_t id) const;
  /// Fetches memory that Step will need for a record to come: call it for each stage in turn, some
  /// records apart. Changes no output.
  void Prefetch(const Record& record, FetchStage stage) const;
  /// The same for StepLabel, with the stages kIndex, kBlock and kEvents.
  void PrefetchLabel(const Record& label, FetchStage stage) const;
  void Step(const Record& record, Outputs& out);
  /// A label from a separate source: `label.id_text` names the prediction, `label.time` is when it
  /// became known.
  void StepLabel(const Record& label, Outputs& out);
  /// A record or label that could not be decoded: written to the rejects sink and counted.
  void StepReject(const Record& record, const Reject& reject, Outputs& out);
  void StepLabelReject(const Record& label, const Reject& reject, Outputs& out);
  /// Time goes on without a record: labels and expiries that are due at `time` are dealt with.
  void Tick(EventTime time, Outputs& out);
  /// The highest event time so far; EventTime{} before the first.
  EventTime now() const;
  /// Ends a bounded input: the last metrics row is written; what waits stays pending.
  void Finish(Outputs& out);

  Report MakeReport() const;
  /// What a status line shows; cheap.
  struct Counts {
    int64_t read = 0, rejected = 0, pending = 0;
  };
  Counts GetCounts() const;

  /// A hash over every label learnt so far and the predictions it was scored against, in order: two
  /// pipelines that learnt alike have the same.
  uint64_t Chain() const;
  void Save(StateWriter& out) const;
  Status Load(StateReader& in);
  /// 32 hexadecimal digits over everything that Save writes.
  std::string Digest() const;
  size_t MemoryBytes() const;

  // ---- Saved in part: small parts as a whole, and large ones item by item ----
  /// From now on changes are known, and windows may be read back from `store`, which outlives this.
  void Track(const StateStore& store);
  std::vector<StatePart> SaveParts() const;
  /// REQUIRES a pipeline that has taken nothing yet; items follow, each family in order.
  Status LoadParts(std::span<const StatePart> parts);
  /// Windows stay in the store unless `in_memory`.
  Status LoadItem(Family family, std::string_view key, std::string_view value, bool in_memory);
  void EndLoad();  ///< All items have come.
  /// What saves the items.
  std::vector<ItemState*> Items();
  /// Bytes of windows in memory, and giving up those that have long not been used: a share of the
  /// work towards `target` bytes. Outputs do not change.
  size_t WindowBytes() const;
  size_t ReservedWindowBytes() const;  ///< With what is set aside for more.
  void EvictWindows(size_t target);
  /// Whether there are keys whose windows are not in memory.
  bool has_cold_keys() const;
  /// Not Ok once state could not be read back: what was put out since must not be used.
  Status status() const;
  std::vector<FeatureGraph::GroupFacts> Windows() const;

  // ---- A look at what there is, and moving models ----
  /// See FeatureGraph::Describe.
  struct KeyFacts {
    FeatureGraph::KeyFacts windows;
    int64_t waiting = 0;  ///< Predictions whose labels will enter these windows.
  };
  Result<std::vector<KeyFacts>> DescribeKey(
      std::span<const std::pair<std::string, std::string>> key) const;
  /// The scored models, the serving one first, then the clustering ones.
  std::vector<ModelFacts> Models() const;
  /// In the order of the configuration; they live as long as the pipeline.
  std::vector<const experiments::Experiment*> Experiments() const;
  std::vector<const experiments::Bandit*> Bandits() const;
  /// See Roster::Learner.
  Result<const Model*> Learner(std::string_view name) const;
  /// See Roster::Weights.
  Result<std::vector<NamedWeights>> Weights(std::string_view name) const;
  /// See Roster::Take and Put. What differs is an Invalid with a line each.
  Result<ModelState> TakeModel(std::string_view name) const;
  Status PutModel(std::string_view name, const ModelState& model, bool shared_inputs);

 private:
  struct Impl;
  explicit Pipeline(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace leat
