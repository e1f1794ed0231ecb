/// One running experiment: assignment, units, and what may be said about it at each look.
///
/// A look computes, for each metric and each variant against the control (the first variant):
///   - the effect (relative to the size of the control's mean unless that is 0), with CUPED where
///   the metric asks for it;
///   - by the metric's method (method.h), its anytime-valid confidence sequence and p-value, where
///     the metric may be watched (a window, and not a quantile), and the smallest p so far; methods
///     for one look have the asymptotic sequence beside them, and their own p as of the first look
///     at which the planned units are in (group sequential: as of the planned looks);
///   - the interval at a fixed horizon, and the posterior: right at one look only;
///   - over all comparisons that are not guardrails (nor posteriors), also those that are withheld:
///     Holm's and Benjamini-Hochberg's adjusted p, and e-BH; `multiple` says which of them decides;
///   - guardrails: one-sided tests for "worse by more than the margin", and for "not as bad as it".
/// Results are withheld, with the reason, while the ratio of units is wrong (sequential multinomial
/// test, on units exposed and on units lost), or fewer than `minimum` units an arm are in.
/// Decisions are made once each and reported as events: sample_ratio_mismatch, guardrail_breach,
/// ship, stop_for_futility. With `rollback`, a breach ends the exposure of new units. With a ramp
/// of steps, a step is left for the next one (ramp_advance) only once every guardrail is known to
/// be within its margin, and a breach takes the ramp back (ramp_rollback); units that are in stay
/// in the arm that they are in. Methods for bounded outcomes bet on units one by one, in the order
/// in which their windows end (those of one moment: in the order in which the units came); a unit
/// that is taken out later stays in the bets. Cost: an event O(1); a look O(metrics * variants *
/// segments). Memory: the ledger's, and at most 256 points of history (32 bytes) for each
/// comparison. Thread safety: none. Determinism: no clock, no random numbers. Errors: bad options
/// are an Invalid.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/assignment.h"
#include "experiments/decisions.h"
#include "experiments/history.h"
#include "experiments/ledger.h"
#include "experiments/method.h"
#include "experiments/sequential.h"

namespace leat::experiments {

enum class Role { kSecondary, kPrimary, kGuardrail };

/// How the decisions of several comparisons share the level.
enum class Multiple {
  kHolm,               ///< The chance of any wrong one is at most alpha.
  kBenjaminiHochberg,  ///< Of those made, at most alpha are wrong on average (positive dependence).
  kEBh,  ///< The same under any dependence, from e-values: methods that may be watched.
};
std::span<const std::string_view> MultipleNames();

struct AnalysedMetric {
  MetricOptions data;
  Role role = Role::kSecondary;
  bool up_is_good = true;
  double margin = 0;             ///< Guardrails: a loss up to this share is borne.
  double quantile = 0;           ///< Above 0: the quantile of units instead of their mean.
  double cap_percentile = 0;     ///< Above 0: totals above this quantile count as it.
  std::optional<Method> method;  ///< Nothing: the experiment's.
};

/// A ramp whose steps are left for the next one when that is known to be safe.
struct RampSteps {
  std::vector<double> traffic;  ///< Ascending shares, above 0; empty: there is no such ramp.
  int64_t units = 0;       ///< That have entered each arm of each guardrail since the step began.
  Micros after = 0;        ///< Since the step began.
  bool step_back = false;  ///< At a breach: to the step before, instead of to nobody.
};

struct ExperimentOptions {
  std::string name;
  AssignmentOptions assignment;
  LedgerOptions ledger;  ///< Its metrics and variants are filled in from the rest.
  std::vector<AnalysedMetric> metrics;
  Method method = Method::kSequence;
  Multiple multiple = Multiple::kHolm;
  double alpha = 0.05;
  double planned = 20'000;     ///< Units of two arms at which sequences are narrowest.
  int64_t minimum = 100;       ///< Units an arm before anything is said.
  double smallest_effect = 0;  ///< Relative; above 0: futile once the sequence excludes it.
  int64_t looks = 5;           ///< Group sequential.
  double mismatch_alpha = 0.01;
  double effect_sd = 0;  ///< mSPRT: standard deviation of the effects that are expected.
  RampSteps ramp;
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
  Effect null;       ///< The same with the error that it has if there is no effect: what p is of.
  double theta = 0;  ///< CUPED; 0: not used.
  double variance_reduction = 0;  ///< Share of the variance that CUPED took away.
  bool watchable = false;
  std::string withheld;  ///< Why nothing is said; empty otherwise.
  Inference sequence, fixed;
  RunningInference running;
  bool fieller = false;       ///< `fixed` is Fieller's: the control's mean is uncertain.
  Posterior posterior;        ///< Winning and losing are by what the metric calls better.
  bool beta = false;          ///< `posterior` is of shares; its losses are too.
  double decision_p = 1;      ///< What a decision stands on (of a posterior: the chance to lose).
  double p_adjusted = 1;      ///< Holm's, of all decision_p.
  double p_discovery = 1;     ///< Benjamini-Hochberg's.
  bool e_rejected = false;    ///< By e-BH.
  bool significant = false;   ///< By the experiment's way to share the level.
  double decided_effect = 0;  ///< The effect of the look that what is decided on comes from.
  double boundary_z = 0;      ///< Group sequential: the last look's; 0 before the first.
  double guard_p = 1;         ///< Guardrails: "worse by more than the margin", smallest so far.
  double safe_p = 1;          ///< Guardrails: "not worse by as much as the margin", of this look.
};

struct Decision {
  std::string kind;  ///< As in the list above.
  size_t metric = 0, variant = 0;
  std::string because;  ///< The numbers, in words.
  EventTime time;
  double traffic = -1;  ///< What a ramp's decision makes of the share; below 0: nothing.
};

/// What a comparison said at an earlier look.
struct PastLook {
  int64_t time = 0;  ///< Microseconds.
  double estimate = 0, lo = 0, hi = 0;
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
  /// A log says that the unit was exposed to a variant, by name. Its index; below 0: not so.
  int32_t ExposeTo(std::string_view unit, uint64_t key, std::string_view variant, EventTime time,
                   uint64_t event, std::span<const uint32_t> segments);
  void Outcome(uint64_t key, size_t metric, double value, double denominator, EventTime time,
               uint64_t event);
  void FlagBot(uint64_t key) { ledger_.FlagBot(key); }
  void Advance(EventTime now);

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
  /// Exposures before it starts, after it ends, or once it was rolled back.
  int64_t outside() const { return outside_; }
  const std::vector<Decision>& decided() const { return decided_; }
  Method MethodOf(size_t metric) const {
    return options_.metrics[metric].method.value_or(options_.method);
  }
  /// What a watched comparison said at its looks so far, evenly thinned.
  const std::vector<PastLook>& Past(size_t metric, size_t variant) const {
    return running_[metric * options_.ledger.variants + variant].past.points();
  }
  /// The step of the ramp, and the share of units that it lets in. REQUIRES a ramp of steps.
  size_t step() const { return step_; }
  double traffic() const { return rolled_back_ ? 0 : options_.ramp.traffic[step_]; }

  void Save(StateWriter& out) const;
  Status Load(StateReader& in);
  /// All but the ledger's units.
  void SaveHead(StateWriter& out) const;
  Status LoadHead(StateReader& in);
  size_t MemoryBytes() const;

 private:
  struct Running {
    RunningInference inference;
    double guard_p = 1;
    // Methods that look when it was planned.
    int64_t looks_done = 0;
    std::vector<double> information;  ///< Of the looks done.
    double boundary_z = 0;            ///< Follows from `information`.
    /// What a decision stands on: the smallest p so far, of planned looks that of these, and the
    /// effect as it was then; not a number: not known.
    double found_p = 1, found_effect = 0;
    void Find(double p, double effect);
    History<PastLook> past;
    std::optional<BettingMean> bets;  ///< Of this variant's units.
    std::optional<BoundedEffect> bounded;
  };
  Experiment(ExperimentOptions options, Assigner assigner);
  Comparison Compare(size_t metric, size_t variant, bool withheld, std::string_view why,
                     std::vector<Running>& running) const;
  void Watch(Comparison& comparison, const Arm& control, const Arm& treatment,
             std::vector<Running>& running) const;
  /// A look of a method that looks when it was planned, if it is time for one.
  void PlannedLook(const Comparison& comparison, Running& running) const;
  double BoundaryOf(const Running& running) const;
  void Adjust(LookResult& look) const;
  /// The one-sided test that a guardrail is past (`harm`) or short of its margin; `effect` has the
  /// error that it has at the margin.
  double GuardP(const Comparison& comparison, const Effect& effect,
                const std::vector<Running>& running, bool harm) const;
  LookResult Analyse(EventTime now, std::vector<Running>& running, double& mismatch_log_e) const;
  void Decide(LookResult& look);
  void AdvanceRamp(LookResult& look);
  void RollBack(LookResult& look, size_t metric, size_t variant, const std::string& because);
  /// Units that have entered each arm of each guardrail, at least.
  int64_t GuardUnits() const;
  bool Decided(std::string_view kind, size_t metric, size_t variant) const;

  ExperimentOptions options_;
  Assigner assigner_;
  Ledger ledger_;
  std::vector<Running> running_;  ///< By metric, then variant.
  double mismatch_log_e_ = 0;
  bool rolled_back_ = false;
  size_t step_ = 0;       ///< Of the ramp.
  bool held_ = false;     ///< A breach has taken the ramp back: it goes no further.
  EventTime step_since_;  ///< EventTime{}: nobody was exposed yet.
  int64_t step_units_ = 0;
  std::vector<Ledger::Entered> entered_;  ///< Scratch.
  bool in_order_ = false;                 ///< A method asks for units one by one.
  int64_t looked_ = 0, mismatches_ = 0, unknown_ = 0, not_assigned_ = 0, outside_ = 0;
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
