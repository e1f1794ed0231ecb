/// One input of a model: how a slot becomes dense numbers and sparse entries.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "features/bins.h"
#include "features/encoders.h"
#include "features/features.h"
#include "features/scalers.h"

namespace leat::features {

class InputFeature {
 public:
  /// How the values of the slot are told apart.
  enum class Identity { kField, kCode, kNumber };

  /// Checks and compiles. Positions are set by the builder.
  static Result<std::unique_ptr<InputFeature>> Create(const FeatureGraph& graph,
                                                      const InputFeatureSpec& spec);

  const InputFeatureSpec& spec() const { return spec_; }
  bool nominal() const { return nominal_; }
  bool has_dense_value() const {
    return spec_.encode == Encode::kNumber || spec_.encode == Encode::kFrequency ||
           spec_.encode == Encode::kTarget;
  }
  uint32_t dense_count() const {
    return (has_dense_value() ? 1u : 0u) + (spec_.missing_indicator ? 1u : 0u);
  }
  /// Number of sparse indices; 0 for dense encodings, else exactly one entry per record.
  uint32_t sparse_count() const;
  bool labelled() const { return target_.has_value(); }
  /// The bins, if they are all there is to this input: the builder's fast path.
  QuantileBins* plain_bins() { return bins_ && !spec_.missing_indicator ? &*bins_ : nullptr; }
  uint32_t slot() const { return slot_; }
  /// A name of a sparse index relative to this input.
  std::string SparseName(uint32_t index) const;

  /// Writes dense_count() numbers and advances `dense`; writes the sparse entry, if any, with
  /// `offset` added, and advances `sparse`. Then learns.
  void Apply(const Record& record, const double* slots, uint32_t offset, double*& dense,
             SparseEntry*& sparse);

  /// The identity of the record's value: 0 when missing.
  uint64_t KeyOf(const Record& record, const double* slots) const;
  void OnLabel(uint64_t key, double label) { target_->Learn(key, label); }

  void Save(StateWriter& out) const;
  void Load(StateReader& in);
  size_t MemoryBytes() const;

 private:
  InputFeature() = default;
  Status Check(const FeatureGraph& graph);
  bool keeps_mean() const { return spec_.impute == Impute::kMean || spec_.impute == Impute::kLast; }
  void SaveKind(StateWriter& out) const;
  double Imputed(const Record& record) const;
  double Scaled(double x) const;
  void LearnScale(double x);
  void ApplyNumber(const Record& record, double x, double*& dense);
  SparseEntry Sparse(const Record& record, const double* slots, double x);

  InputFeatureSpec spec_;
  uint32_t slot_ = 0;
  Identity identity_ = Identity::kNumber;
  bool nominal_ = false;
  uint64_t hash_seed_ = 0;
  uint32_t impute_field_ = 0;

  StandardScaler standard_;
  MinMaxScaler min_max_;
  RobustScaler robust_;
  RunningMoments moments_;  // Of observed values, for imputing.
  P2Quantile median_;
  KeyMap<double> last_;
  std::optional<QuantileBins> bins_;
  std::optional<OneHotValues> one_hot_;
  std::optional<FrequencyCounts> frequency_;
  std::optional<TargetMeans> target_;
};

}  // namespace leat::features
