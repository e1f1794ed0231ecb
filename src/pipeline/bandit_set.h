/// The bandits of a pipeline: from records to decisions, rewards and rows.
///
/// A record may ask for a decision (its id names it) and may reward an earlier one. Decisions are
/// events, with the full probability vector; scores are rows of the metrics sink. Part of the
/// pipeline's state. Cost: see experiments/bandit.h. Thread safety: none. Determinism: as the
/// pipeline.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "features/features.h"
#include "pipeline/config_bandits.h"
#include "pipeline/part.h"
#include "pipeline/prediction_writer.h"
#include "record/record.h"

namespace leat {

class BanditSet {
 public:
  static Result<std::unique_ptr<BanditSet>> Create(const std::vector<BanditConfig>& configs,
                                                   const Schema& schema, const FeatureGraph& graph,
                                                   std::span<const std::string> models);

  /// `serving` becomes the model that was chosen, if actions are models.
  void OnRecord(const Record& record, std::span<const double> slots, std::string& events,
                Serving& serving);
  /// The label of the record `id` is known: `reward` says what each model has earned.
  void OnLabel(uint64_t id, EventTime now, const std::function<double(size_t model)>& reward);
  /// Decisions whose rewards can no longer come by `watermark` are learnt from; rows that are due
  /// at `now` are written.
  void Advance(EventTime now, EventTime watermark, std::string& metrics);
  void Finish(EventTime now, std::string& metrics);

  std::vector<const experiments::Bandit*> All() const;

  void Save(StateWriter& out) const;
  Status Load(StateReader& in);
  /// One a bandit.
  std::vector<PartAccess> Parts();

 private:
  struct Running {
    BanditConfig config;
    std::unique_ptr<experiments::Bandit> bandit;
    std::vector<size_t> context;
    int64_t decide = -1, reward = -1, propensity = -1;  ///< Slots; -1: none.
    int64_t decision = -1, taken = -1;                  ///< Fields; -1: none.
    std::vector<size_t> rewards, models;                ///< By action: slots, models; empty: none.
    int64_t next_row = 0;                               ///< 0: time has not begun.

    void Save(StateWriter& out) const;
    Status Load(StateReader& in);
  };

  std::vector<Running> running_;
  std::vector<double> context_;
};

}  // namespace leat
