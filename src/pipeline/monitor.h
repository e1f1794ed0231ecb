/// Drift detection on a model's errors, on its losses or on a feature, and the answers to it.
///
/// Errors and losses reach a detector when the label becomes available (the prediction is the one
/// that was made then); features when the record arrives, missing values passed over. Each change
/// and each start of a warning is an event; the report keeps the last 1,000.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "features/features.h"
#include "leat/drift.h"
#include "pipeline/config.h"
#include "pipeline/part.h"
#include "pipeline/roster.h"

namespace leat {

class Monitor {
 public:
  /// `texts`: canonical text of each detector, from which its part is named.
  static Result<std::unique_ptr<Monitor>> Create(const std::vector<DriftConfig>& configs,
                                                 const FeatureGraph& graph, const Roster& roster,
                                                 const std::vector<std::string>& texts);

  /// Where something happened: for the event.
  struct Where {
    EventTime time;
    std::string_view record_id;
    int64_t labels;
  };
  void OnRecord(std::span<const double> slots, const Where& where, Roster& roster,
                std::string& events);
  /// `errors[m]` and `losses[m]` of each model on the record whose label came.
  void OnLabel(std::span<const double> errors, std::span<const double> losses, const Where& where,
               Roster& roster, std::string& events);

  /// After loading: a background learner that no detector can let take over any more goes.
  void DropIdleBackgrounds(Roster& roster) const;

  bool watches_features() const { return watches_features_; }
  bool watches_models() const { return watches_models_; }
  const std::vector<Report::DriftMark>& marks() const { return marks_; }
  int64_t drifts() const { return drifts_; }

  void Save(StateWriter& out) const;
  Status Load(StateReader& in);
  size_t MemoryBytes() const;
  /// The same in parts: one a detector, and the history.
  std::vector<PartAccess> Parts();

 private:
  enum class On { kError, kLoss, kFeature };
  struct Watch {
    DriftConfig config;
    std::string name;  ///< Of its part.
    On on;
    size_t slot = 0;
    size_t model = 0;
    std::unique_ptr<DriftDetector> detector;
    bool warned = false;

    void Save(StateWriter& out) const {
      out.Bool(warned);
      detector->Save(out);
    }
  };
  void SaveHistory(StateWriter& out) const;
  Status LoadHistory(StateReader& in);
  void Feed(Watch& watch, double value, const Where& where, Roster& roster, std::string& events);

  std::vector<Watch> watches_;
  std::vector<Report::DriftMark> marks_;
  int64_t drifts_ = 0;
  bool watches_features_ = false;
  bool watches_models_ = false;
};

}  // namespace leat
