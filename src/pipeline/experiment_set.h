/// The experiments of a pipeline: from records to exposures, outcomes, looks and decisions.
///
/// A record may expose its unit, add to metrics of it and flag it as a bot, in this order: what a
/// record brings counts after the exposure that it makes. Looks happen when event time passes a
/// multiple of `every`; each is a row of the metrics sink, its decisions are events. Part of the
/// pipeline's state, so its numbers are committed with everything else. Cost: O(1) a record and
/// experiment, but at looks. Thread safety: none. Determinism: as the pipeline.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "features/features.h"
#include "pipeline/config_experiments.h"
#include "pipeline/part.h"
#include "pipeline/prediction_writer.h"
#include "record/record.h"

namespace leat {

class ExperimentSet {
 public:
  static Result<std::unique_ptr<ExperimentSet>> Create(const std::vector<ExperimentConfig>& configs,
                                                       const Schema& schema,
                                                       const FeatureGraph& graph,
                                                       std::span<const std::string> models);

  /// `serving` becomes what the record's variant says, if it says something.
  void OnRecord(const Record& record, std::span<const double> slots, std::string& events,
                Serving& serving);
  /// Time has come to `now`: looks that are due are written.
  void Advance(EventTime now, std::string& metrics, std::string& events);
  /// A last row of each, at the end of a bounded input.
  void Finish(EventTime now, std::string& metrics, std::string& events);

  std::vector<const experiments::Experiment*> All() const;

  void Save(StateWriter& out) const;
  Status Load(StateReader& in);
  size_t MemoryBytes() const;
  /// One an experiment: all but its units.
  std::vector<PartAccess> Parts();

  // ---- Units, item by item: in the family windows, behind a number that names the experiment ----
  /// Whether an item of the family windows is a unit of some experiment.
  static bool IsUnit(std::string_view key);
  /// Fetches memory that the record's units will need, as FeatureGraph::Prefetch does.
  void Prefetch(const Record& record, FetchStage stage) const;
  void Track(const StateStore& store);
  /// Whether it is of one that there is.
  bool Owns(std::string_view key) const { return Find(OrderedU64(key)) != running_.end(); }
  /// REQUIRES Owns(key).
  Status LoadItem(std::string_view key, std::string_view value, bool in_memory);
  std::vector<ItemState*> Items();
  size_t UnitBytes() const;
  size_t ReservedUnitBytes() const;  ///< With what is set aside for more.
  void Evict(size_t target);
  bool has_cold_units() const;
  Status status() const;

 private:
  struct Running {
    ExperimentConfig config;
    std::unique_ptr<experiments::Experiment> experiment;
    size_t unit = 0;        ///< A field.
    int64_t assigned = -1;  ///< A field; -1: none.
    std::vector<size_t> segments;
    int64_t expose = -1, where = -1, bot = -1;  ///< Slots; -1: none.
    std::vector<size_t> of, per;
    std::vector<Serving> routes;  ///< By variant; empty: variants are labels.
    int64_t next_look = 0;        ///< 0: time has not begun.
    uint64_t number = 0;          ///< Before the keys of its units.

    void Save(StateWriter& out) const;
    Status Load(StateReader& in);
  };
  void Look(Running& running, EventTime now, std::string& metrics, std::string& events);
  /// The experiment that the first number of an item's key names.
  std::vector<Running>::const_iterator Find(uint64_t number) const;

  std::vector<Running> running_;
  bool has_ids_ = false;
};

}  // namespace leat
