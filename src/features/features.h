/// From records to numbers: the feature graph of a pipeline.
///
/// Slots: one double per schema field (category fields hold a code in order of first appearance,
/// id fields NaN), then the event time in seconds (slot name `time`), then one per feature, in the
/// order of the configuration. A missing or non-finite value is NaN. An expression sees the slots
/// before its own. Windows are event-time windows (t - over, t] that include the current event; see
/// docs/features.md for every kind. Aggregates that mention the label advance only in OnLabel, with
/// the slots as they were when the event was first seen.
///
/// Cost: no allocation per record in steady state, one hash lookup per distinct key of an event.
/// Determinism: state depends on the sequence of calls only. Thread safety: none.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"
#include "leat/model.h"
#include "leat/state.h"
#include "leat/status.h"
#include "record/record.h"
#include "state/store.h"

namespace leat {

enum class Aggregate { kCount, kSum, kMean, kStd, kMin, kMax, kLast, kDistinct, kSince, kRun };

/// One feature: an expression (`aggregate` empty) or a keyed window.
struct FeatureSpec {
  std::string name;
  std::optional<Aggregate> aggregate;
  std::string expression;       ///< The expression, or what is aggregated (empty for count).
  Micros over = 0;              ///< Window length; 0 is unbounded (only since, run, last, count,
                                ///< sum, mean, std, min, max).
  std::vector<std::string> by;  ///< Key fields (id or category); empty is one global key.
  std::string where;            ///< Only events for which this is true (non-zero) enter.
  bool before = false;          ///< The window as it was before the current event entered it.
};

struct FeatureOptions {
  int64_t max_keys = 10'000'000;  ///< Per key group; those with the oldest last events are dropped.
  int64_t max_events_per_window = 4096;  ///< Exact up to here; older events are merged into panes.
  int64_t max_categories = 65'536;  ///< Codes per category field; further values share one code.
};

/// A problem found while compiling features: which feature and what is wrong.
struct FeatureError {
  std::string feature;
  std::string message;
};

/// Keyed state is far larger than caches, and each part of it says where the next one is: the index
/// of keys, the block of the key, its events. A key that is not in memory is read from the store,
/// which takes as long as some ten records: kStore comes early, or not at all.
enum class FetchStage { kIndex, kStore, kBlock, kEvents };

class FeatureGraph {
 public:
  /// Compiles; on failure every problem is in `errors` and the result is the first of them.
  static Result<std::unique_ptr<FeatureGraph>> Create(const Schema& schema,
                                                      const std::vector<FeatureSpec>& features,
                                                      const FeatureOptions& options,
                                                      std::vector<FeatureError>* errors = nullptr);
  ~FeatureGraph();

  size_t slot_count() const;
  const std::vector<std::string>& slot_names() const;
  /// The slot of a name, if there is one.
  std::optional<size_t> SlotOf(std::string_view name) const;
  /// True for slots that hold category codes.
  bool IsCategory(size_t slot) const;
  /// Slots below this hold the fields of the schema, in its order.
  size_t field_count() const;
  /// True for slots of id fields (always NaN: an id has a key, not a number).
  bool IsId(size_t slot) const;
  /// The text of a category code; empty for codes that were never given out.
  std::string CategoryName(size_t slot, uint32_t code) const;

  /// Fetches memory that Step will need for this record: call it for each stage in turn, some
  /// records apart and before Step. Changes nothing that anybody could see.
  void Prefetch(const Record& record, FetchStage stage) const;
  /// Takes one event: fills `slots` (slot_count() long) and enters it into the unlabelled windows.
  void Step(const Record& record, std::span<double> slots);

  /// What must be kept of an event until its label comes, in doubles (0: nothing).
  size_t label_payload_size() const;
  void Keep(const Record& record, std::span<const double> slots, std::span<double> payload) const;
  /// Fetches memory that OnLabel will need, as Prefetch does for Step.
  void PrefetchLabel(EventTime event_time, std::span<const double> payload, FetchStage stage) const;
  /// Enters a labelled event (label: 0/1, class index or number) at its own event time.
  void OnLabel(EventTime event_time, double label, std::span<const double> payload);

  /// Drops what can no longer matter at `watermark`; called now and then.
  void Expire(EventTime watermark);

  void Save(StateWriter& out) const;
  Status Load(StateReader& in);
  size_t MemoryBytes() const;

  // ---- Saved in part: a head, and the windows item by item, a key each ----
  /// From now on changes are known, and windows may be read back from `store`.
  void Track(const StateStore& store);
  void SaveHead(StateWriter& out) const;
  Status LoadHead(StateReader& in);
  /// Takes an item of the family windows; it stays in the store unless `in_memory`.
  Status LoadItem(std::string_view key, std::string_view value, bool in_memory);
  /// What saves the items; they live as long as the graph.
  std::vector<ItemState*> Items();
  /// Bytes of the windows in memory, and with what is set aside for more of them.
  size_t WindowBytes() const;
  size_t ReservedWindowBytes() const;
  /// Goes on giving up windows that have long not been used, until WindowBytes() is at most
  /// `target`; does a share of the work. Outputs do not change.
  void Evict(size_t target);
  /// Whether there are keys whose windows are not in memory.
  bool has_cold_keys() const;
  /// Not Ok once windows could not be read back: what was computed since must not be used.
  Status status() const;

  /// One `by:` and its windows, for people.
  struct GroupFacts {
    std::vector<std::string> by;
    std::vector<std::string> features;
    size_t keys = 0, cold = 0, bytes = 0;
  };
  std::vector<GroupFacts> Groups() const;

  /// What a group holds of one key, for people.
  struct KeyFacts {
    size_t group = 0;             ///< Index into Groups().
    std::vector<std::string> by;  ///< In the group's order.
    uint64_t key = 0;
    bool known = false;  ///< The rest says nothing otherwise.
    bool cold = false;
    EventTime last;  ///< Of the key's events.
    /// Events that its windows of a length hold, and labelled ones.
    uint64_t events = 0, labelled_events = 0;
    bool labelled = false;  ///< Whether labels enter the group's windows.
    struct Value {
      std::string feature;
      double value = 0;      ///< NaN is missing.
      std::string category;  ///< What the value is the code of, if it is one.
    };
    std::vector<Value> features;
  };
  /// What is known of a key, given as (field, text), in every group that is kept by just these
  /// fields: its windows as of its last event, that event included. Changes nothing. Invalid if no
  /// group is kept by these fields; otherwise fails if windows cannot be read back.
  Result<std::vector<KeyFacts>> Describe(
      std::span<const std::pair<std::string, std::string>> key) const;
  /// Whether what was kept of an event says that its label enters the windows of a key.
  bool Concerns(const KeyFacts& key, std::span<const double> payload) const;
  /// The values of a category slot that have a code, by code.
  std::vector<std::string> Categories(size_t slot) const;

 private:
  struct Impl;
  explicit FeatureGraph(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// ---- Inputs of models ----

enum class Scale { kNone, kStandard, kMinMax, kRobust };
enum class Impute { kNone, kZero, kMean, kMedian, kConstant, kLast };
enum class Encode { kNumber, kOneHot, kBins, kHash, kFrequency, kTarget };

/// How one slot enters a model.
struct InputFeatureSpec {
  std::string name;  ///< A slot name.
  Encode encode = Encode::kNumber;
  Scale scale = Scale::kNone;     ///< kNumber, kFrequency and kTarget only.
  Impute impute = Impute::kNone;  ///< NaN stays NaN with kNone.
  double impute_constant = 0;
  std::string impute_key;          ///< kLast: the id or category field whose last value is taken.
  bool missing_indicator = false;  ///< A further dense 0/1 input.
  int64_t max_values = 64;         ///< kOneHot: distinct values; the rest share `unknown`.
  int64_t bins = 32;               ///< kBins: equal-frequency bins over the bulk.
  int64_t tail_bins = 6;           ///< kBins: further bins inside the top bin, halving its mass.
  int64_t warmup = 10'000;         ///< kBins: records from which the edges are taken, then fixed.
  int64_t hash_bits = 18;          ///< kHash: 2^bits signed buckets.
  double smoothing = 20;           ///< kTarget: prior weight in records.

  bool operator==(const InputFeatureSpec&) const = default;
};

/// Builds a model's Input from slots. Fitted statistics (scalers, imputers, bins, frequencies) are
/// updated after the record they transform; target encodings only by OnLabel.
class InputBuilder {
 public:
  static Result<std::unique_ptr<InputBuilder>> Create(const FeatureGraph& graph,
                                                      const std::vector<InputFeatureSpec>& inputs);
  ~InputBuilder();

  /// The layout of what Build gives: dense first, sparse indices offset per encoded feature.
  const InputSpec& spec() const;
  size_t dense_size() const;
  /// The largest number of sparse entries that Build can give (always the same count per record).
  size_t max_sparse() const;
  /// A readable name of a sparse index, for weights and reason codes.
  std::string SparseName(uint32_t index) const;

  /// Transforms with the statistics as they are (writes dense_size() doubles, returns the number of
  /// sparse entries written), then updates the statistics with this record.
  size_t BuildAndUpdate(const Record& record, std::span<const double> slots,
                        std::span<double> dense, std::span<SparseEntry> sparse);

  /// Doubles to keep until the label comes (target encoding: its key per feature).
  size_t label_payload_size() const;
  void Keep(const Record& record, std::span<const double> slots, std::span<double> payload) const;
  void OnLabel(double label, std::span<const double> payload);

  void Save(StateWriter& out) const;
  Status Load(StateReader& in);
  size_t MemoryBytes() const;

 private:
  struct Impl;
  explicit InputBuilder(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace leat
