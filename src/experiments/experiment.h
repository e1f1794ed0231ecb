/// One running experiment: assignment, units, and what may be said about it at each look.
///
/// A look computes, for each metric and each variant against the control (the first variant):
///   - the effect (relative unless the control's mean is 0), with CUPED where the metric asks for
///   it;
///   - its anytime-valid confidence sequence and p-value, where the metric may be watched (a
///   window,
///     and not a quantile), and the smallest p so far;
///   - the interval at a fixed horizon, and the Gaussian posterior: right at one look only;
///   - Holm's adjusted p over all comparisons that are not guardrails, and e-BH;
///   - guardrails: one-sided sequences for "worse by more than the margin".
/// Results are withheld, with the reason, while the ratio of units is wrong (sequential multinomial
/// test, on units exposed and on units lost), or fewer than `minimum` units an arm are in.
/// Decisions are made once each and reported as events: sample_ratio_mismatch, guardrail_breach,
/// ship, stop_for_futility. With `rollback`, a breach ends the exposure of new units.
/// Cost: an event O(1); a look O(metrics * variants * segments). Thread safety: none. Determinism:
/// no clock, no random numbers. Errors: bad options are an Invalid.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/assignment.h"
#include "experiments/decisions.h"
#include "experiments/ledger.h"
#include "experiments/sequential.h"

namespace leat::experiments {

enum class Role { kSecondary, kPrimary, kGuardrail };
enum class Method { kSequence, kGroupSequential, kFixed };

struct AnalysedMetric {
  MetricOptions data;
  Role role = Role::kSecondary;
  bool up_is_good = true;
  double margin = 0;          ///< Guardrails: a loss up to this share is borne.
  double quantile = 0;        ///< Above 0: the quantile of units instead of their mean.
  double cap_percentile = 0;  ///< Above 0: totals above this quantile count as it.
};

struct ExperimentOptions {
  std::string name;
  AssignmentOptions assignment;
  LedgerOptions ledger;  ///< Its metrics and variants are filled in from the rest.
  std::vector<AnalysedMetric> metrics;
  Method method = Method::kSequence;
  double alpha = 0.05;
  double planned = 20'000;     ///< Units of two arms at which sequences are narrowest.
  int64_t minimum = 100;       ///< Units an arm before anything is said.
  double smallest_effect = 0;  ///< Relative; above 0: futile once the sequence excludes it.
  int64_t looks = 5;           ///< Group sequential.
  double mismatch_alpha = 0.01;
  bool rollback = false;
  bool verify = false;  ///< Exposures come from a log: compare with what the hash says.
  EventTime starts, ends{std::numeric_limits<int64_t>::max()};
};

/// One metric of one variant against the control.
struct Comparison {
  size_t metric = 0, variant = 0;
  double control_mean = 0, mean = 0;
  double control_units = 0, units = 0;
  bool relative = true;
  Effect effect;
  double theta = 0;               ///< CUPED; 0: not used.
  double variance_reduction = 0;  ///< Share of the variance that CUPED took away.
  bool watchable = false;
  std::string withheld;  ///< Why nothing is said; empty otherwise.
  Inference sequence, fixed;
  RunningInference running;
  bool fieller = false;  ///< `fixed` is Fieller's: the control's mean is uncertain.
  Posterior posterior;
  double p_adjusted = 1;
  bool e_rejected = false;
  double boundary_z = 0;  ///< Group sequential: the last look's; 0 before the first.
  double guard_p = 1;     ///< Guardrails: "worse by more than the margin", smallest so far.
};

struct Decision {
  std::string kind;  ///< As in the list above.
  size_t metric = 0, variant = 0;
  std::string because;  ///< The numbers, in words.
};

struct SegmentResult {
  std::string dimension, value;
  size_t metric = 0, variant = 0;
  Effect effect;
  Inference fixed;
  double control_units = 0, units = 0;
};

struct LookResult {
  EventTime time;
  std::vector<Comparison> comparisons;
  std::vector<SegmentResult> segments;  ///< Fixed horizon, for exploration.
  double mismatch_log_e = 0;            ///< The largest so far.
  double mismatch_p = 1;                ///< Chi-squared, of this moment alone.
  bool mismatch = false;
  std::vector<Decision> decisions;  ///< New at this look.
};

class Experiment {
 public:
  static Result<std::unique_ptr<Experiment>> Create(ExperimentOptions options);

  struct Exposed {
    Assignment assignment;
    bool counted = false;  ///< An exposure went to the ledger.
  };
  /// The engine assigns, and the unit is exposed to what it was assigned.
  Exposed Expose(std::string_view unit, uint64_t key, EventTime time, uint64_t event,
                 std::span<const uint32_t> segments);
  /// A log says that the unit was exposed to a variant, by name.
  void ExposeTo(std::string_view unit, uint64_t key, std::string_view variant, EventTime time,
                uint64_t event, std::span<const uint32_t> segments);
  void Outcome(uint64_t key, size_t metric, double value, double denominator, EventTime time,
               uint64_t event);
  void FlagBot(uint64_t key) { ledger_.FlagBot(key); }
  void Advance(EventTime now) { ledger_.Advance(now); }

  /// Looks, and remembers that it has.
  LookResult Look(EventTime now);
  /// What a look would give, without one.
  LookResult Peek(EventTime now) const;

  Ledger& ledger() { return ledger_; }
  const Ledger& ledger() const { return ledger_; }
  const Assigner& assigner() const { return assigner_; }
  const ExperimentOptions& options() const { return options_; }
  bool rolled_back() const { return rolled_back_; }
  int64_t looked() const { return looked_; }
  int64_t mismatches() const { return mismatches_; }
  int64_t unknown_variants() const { return unknown_; }
  int64_t not_assigned() const { return not_assigned_; }
  const std::vector<Decision>& decided() const { return decided_; }

  void Save(StateWriter& out) const;
  Status Load(StateReader& in);
  size_t MemoryBytes() const { return ledger_.MemoryBytes(); }

 private:
  struct Running {
    RunningInference inference;
    double guard_p = 1;
    int64_t looks_done = 0;
    std::vector<double> information;  ///< Of the looks done.
    bool crossed = false;
  };
  Experiment(ExperimentOptions options, Assigner assigner);
  Comparison Compare(size_t metric, size_t variant, bool withheld, std::string_view why,
                     Running& running) const;
  LookResult Analyse(EventTime now, std::vector<Running>& running, double& mismatch_log_e) const;
  void Decide(LookResult& look);
  bool Decided(std::string_view kind, size_t metric, size_t variant) const;

  ExperimentOptions options_;
  Assigner assigner_;
  Ledger ledger_;
  std::vector<Running> running_;  ///< By metric, then variant.
  double mismatch_log_e_ = 0;
  bool rolled_back_ = false;
  int64_t looked_ = 0, mismatches_ = 0, unknown_ = 0, not_assigned_ = 0;
  std::vector<Decision> decided_;
};

/// A look as one line of JSON (without a line break), for the metrics sink and `--json`.
void AppendJson(const Experiment& experiment, const LookResult& look, std::string& out);
/// A decision as one line of JSON, for the events sink.
void AppendJson(const Experiment& experiment, const Decision& decision, EventTime time,
                std::string& out);
/// A look as a table for people.
std::string Table(const Experiment& experiment, const LookResult& look);

}  // namespace leat::experiments
