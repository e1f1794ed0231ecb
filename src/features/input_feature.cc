#include "features/input_feature.h"

#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <limits>

#include "features/functions.h"
#include "features/names.h"

namespace leat::features {

Result<std::unique_ptr<InputFeature>> InputFeature::Create(const FeatureGraph& graph,
                                                           const InputFeatureSpec& spec) {
  std::unique_ptr<InputFeature> feature(new InputFeature());
  feature->spec_ = spec;
  LEAT_RETURN_IF_ERROR(feature->Check(graph));
  return feature;
}

Status InputFeature::Check(const FeatureGraph& graph) {
  const auto refuse = [&](std::string_view what) {
    return Status::Invalid(fmt::format("input '{}': {}", spec_.name, what));
  };
  const std::optional<size_t> slot = graph.SlotOf(spec_.name);
  if (!slot)
    return refuse("there is no such field or feature" + Suggestion(spec_.name, graph.slot_names()));
  slot_ = static_cast<uint32_t>(*slot);
  const bool id = graph.IsId(slot_);
  const bool category = graph.IsCategory(slot_);
  identity_ = (id || category) && slot_ < graph.field_count() ? Identity::kField
              : category                                      ? Identity::kCode
                                                              : Identity::kNumber;
  const Encode encode = spec_.encode;
  if (id && encode != Encode::kHash && encode != Encode::kTarget && encode != Encode::kFrequency) {
    return refuse("an id needs the encoder hash, target or frequency");
  }
  nominal_ = category && encode == Encode::kNumber;
  if (category && encode == Encode::kBins) return refuse("a category cannot be cut into bins");
  if (spec_.scale != Scale::kNone && (nominal_ || !has_dense_value())) {
    return refuse("only numbers (encoders none, frequency and target) can be scaled");
  }
  if (spec_.impute != Impute::kNone && encode != Encode::kNumber) {
    return refuse("this encoder has a place for missing values; impute does not apply");
  }
  if (nominal_ && spec_.impute != Impute::kNone && spec_.impute != Impute::kConstant) {
    return refuse("a category code can only be imputed by a constant");
  }
  if (!std::isfinite(spec_.impute_constant)) return refuse("impute_constant must be finite");
  if (spec_.impute == Impute::kLast) {
    const std::optional<size_t> key = graph.SlotOf(spec_.impute_key);
    if (!key || *key >= graph.field_count() || !(graph.IsId(*key) || graph.IsCategory(*key))) {
      return refuse(
          fmt::format("impute_key '{}' is not an id or category field", spec_.impute_key));
    }
    impute_field_ = static_cast<uint32_t>(*key);
  }
  switch (encode) {
    case Encode::kNumber:
      break;
    case Encode::kOneHot:
      if (spec_.max_values < 1 || spec_.max_values > (int64_t{1} << 24)) {
        return refuse("max_values must be from 1 to 2^24");
      }
      one_hot_.emplace(spec_.max_values);
      break;
    case Encode::kBins:
      if (spec_.bins < 2 || spec_.bins > 1024) return refuse("bins must be from 2 to 1024");
      if (spec_.tail_bins < 0 || spec_.tail_bins > 64) {
        return refuse("tail_bins must be from 0 to 64");
      }
      if (spec_.warmup < 1 || spec_.warmup > 10'000'000) {
        return refuse("warmup must be from 1 to 10000000");
      }
      bins_.emplace(spec_.bins, spec_.tail_bins, spec_.warmup);
      break;
    case Encode::kHash:
      if (spec_.hash_bits < 1 || spec_.hash_bits > 28)
        return refuse("hash_bits must be from 1 to 28");
      hash_seed_ = Hash64(spec_.name);
      break;
    case Encode::kFrequency:
      frequency_.emplace();
      break;
    case Encode::kTarget:
      if (!(spec_.smoothing >= 0) || !std::isfinite(spec_.smoothing)) {
        return refuse("smoothing must not be negative");
      }
      target_.emplace(spec_.smoothing);
      break;
  }
  return {};
}

uint32_t InputFeature::sparse_count() const {
  switch (spec_.encode) {
    case Encode::kOneHot:
      return static_cast<uint32_t>(spec_.max_values) + 2;
    case Encode::kBins:
      return bins_->count() + 1;
    case Encode::kHash:
      return uint32_t{1} << spec_.hash_bits;
    default:
      return 0;
  }
}

uint64_t InputFeature::KeyOf(const Record& record, const double* slots) const {
  if (identity_ == Identity::kField) return record.keys[slot_];
  const double x = slots[slot_];
  if (x != x) return 0;
  if (identity_ == Identity::kCode) return static_cast<uint64_t>(x) + 1;
  const uint64_t key = Mix64(std::bit_cast<uint64_t>(x + 0.0));  // -0 and 0 are one value.
  return key == 0 ? 1 : key;
}

void InputFeature::Apply(const Record& record, const double* slots, uint32_t offset, double*& dense,
                         SparseEntry*& sparse) {
  const double x = slots[slot_];
  switch (spec_.encode) {
    case Encode::kBins:
      *sparse++ = {offset + (x == x ? bins_->Find(x) : bins_->count()), 1.0f};
      if (x == x) bins_->Learn(x);
      break;
    case Encode::kNumber:
      ApplyNumber(record, x, dense);
      break;
    case Encode::kOneHot:
    case Encode::kHash: {
      SparseEntry entry = Sparse(record, slots, x);
      entry.index += offset;
      *sparse++ = entry;
      break;
    }
    case Encode::kFrequency: {
      const uint64_t key = KeyOf(record, slots);
      const double share = frequency_->ShareOf(key);
      *dense++ = Scaled(share);
      LearnScale(share);
      frequency_->Learn(key);
      break;
    }
    case Encode::kTarget: {
      const double mean = target_->MeanOf(KeyOf(record, slots));
      *dense++ = Scaled(mean);
      LearnScale(mean);
      break;
    }
  }
  if (spec_.missing_indicator) {
    const bool missing = identity_ == Identity::kField ? record.keys[slot_] == 0 : x != x;
    *dense++ = missing ? 1 : 0;
  }
}

void InputFeature::ApplyNumber(const Record& record, double x, double*& dense) {
  if (x != x) {
    *dense++ = spec_.impute == Impute::kNone ? kMissing : Scaled(Imputed(record));
    return;
  }
  *dense++ = Scaled(x);
  LearnScale(x);
  switch (spec_.impute) {
    case Impute::kMean:
      moments_.Learn(x);
      break;
    case Impute::kMedian:
      median_.Learn(x);
      break;
    case Impute::kLast: {
      moments_.Learn(x);
      const uint64_t key = record.keys[impute_field_];
      if (key == 0) break;
      const auto found = last_.find(key);
      if (found != last_.end()) {
        found->second = x;
      } else if (last_.size() < kMaxTrackedValues) {
        last_.emplace(key, x);
      }
      break;
    }
    default:
      break;
  }
}

double InputFeature::Imputed(const Record& record) const {
  switch (spec_.impute) {
    case Impute::kConstant:
      return spec_.impute_constant;
    case Impute::kMean:
      return moments_.mean();
    case Impute::kMedian:
      return median_.Get();
    case Impute::kLast: {
      const auto found = last_.find(record.keys[impute_field_]);
      return found == last_.end() ? moments_.mean() : found->second;
    }
    default:
      return 0;
  }
}

double InputFeature::Scaled(double x) const {
  switch (spec_.scale) {
    case Scale::kNone:
      return x;
    case Scale::kStandard:
      return Finite(standard_.Transform(x));
    case Scale::kMinMax:
      return Finite(min_max_.Transform(x));
    case Scale::kRobust:
      return Finite(robust_.Transform(x));
  }
  return x;
}

void InputFeature::LearnScale(double x) {
  switch (spec_.scale) {
    case Scale::kNone:
      break;
    case Scale::kStandard:
      standard_.Learn(x);
      break;
    case Scale::kMinMax:
      min_max_.Learn(x);
      break;
    case Scale::kRobust:
      robust_.Learn(x);
      break;
  }
}

SparseEntry InputFeature::Sparse(const Record& record, const double* slots, double x) {
  const uint64_t key = KeyOf(record, slots);
  if (spec_.encode == Encode::kHash) {
    const uint64_t hash = Mix64(key ^ hash_seed_);
    // The sign comes from a bit that does not choose the bucket.
    return {static_cast<uint32_t>(hash >> (64 - spec_.hash_bits)), (hash & 1) != 0 ? 1.0f : -1.0f};
  }
  const uint32_t max = static_cast<uint32_t>(spec_.max_values);
  if (key == 0) return {max + 1, 1.0f};
  if (identity_ == Identity::kField) return {one_hot_->PositionOf(key, record.texts[slot_]), 1.0f};
  char text[32];
  const char* end = fmt::format_to_n(text, sizeof(text), "{}", x).out;
  return {one_hot_->PositionOf(key, {text, static_cast<size_t>(end - text)}), 1.0f};
}

std::string InputFeature::SparseName(uint32_t index) const {
  switch (spec_.encode) {
    case Encode::kOneHot: {
      const uint32_t max = static_cast<uint32_t>(spec_.max_values);
      if (index == max + 1) return spec_.name + " is missing";
      const std::string value = one_hot_->Name(index);
      return index == max || value.empty() ? spec_.name + " is another value"
                                           : spec_.name + " = " + value;
    }
    case Encode::kBins: {
      if (index >= bins_->count()) return spec_.name + " is missing";
      const double low = bins_->Low(index), high = bins_->High(index);
      if (std::isinf(low) && std::isinf(high)) return spec_.name + " (any value)";
      if (std::isinf(low)) return fmt::format("{} <= {:.6g}", spec_.name, high);
      if (std::isinf(high)) return fmt::format("{} > {:.6g}", spec_.name, low);
      return fmt::format("{} in ({:.6g}, {:.6g}]", spec_.name, low, high);
    }
    case Encode::kHash:
      return fmt::format("{} bucket {}", spec_.name, index);
    default:
      return spec_.name;
  }
}

void InputFeature::SaveKind(StateWriter& out) const {
  out.Text(spec_.name);
  out.U8(static_cast<uint8_t>(spec_.encode));
  out.U8(static_cast<uint8_t>(spec_.scale));
  out.U8(static_cast<uint8_t>(spec_.impute));
  out.Bool(spec_.missing_indicator);
  out.U32(sparse_count());
}

/// What it keeps; nothing of what it does not use.
void InputFeature::Save(StateWriter& out) const {
  SaveKind(out);
  if (spec_.scale == Scale::kStandard) standard_.Save(out);
  if (spec_.scale == Scale::kMinMax) min_max_.Save(out);
  if (spec_.scale == Scale::kRobust) robust_.Save(out);
  if (keeps_mean()) moments_.Save(out);
  if (spec_.impute == Impute::kMedian) median_.Save(out);
  if (spec_.impute == Impute::kLast) SaveMap(last_, out, [&](double x) { out.F64(x); });
  if (bins_) bins_->Save(out);
  if (one_hot_) one_hot_->Save(out);
  if (frequency_) frequency_->Save(out);
  if (target_) target_->Save(out);
}

void InputFeature::Load(StateReader& in) {
  StateWriter own;
  SaveKind(own);
  std::string kind(own.bytes().size(), '\0');
  in.Items(std::span<char>(kind));
  if (kind != own.bytes()) in.Fail("the stored inputs are others");
  if (spec_.scale == Scale::kStandard) standard_.Load(in);
  if (spec_.scale == Scale::kMinMax) min_max_.Load(in);
  if (spec_.scale == Scale::kRobust) robust_.Load(in);
  if (keeps_mean()) moments_.Load(in);
  if (spec_.impute == Impute::kMedian) median_.Load(in);
  if (spec_.impute == Impute::kLast) {
    LoadMap(last_, kMaxTrackedValues, in, [&] { return in.F64(); });
  }
  if (bins_) bins_->Load(in);
  if (one_hot_) one_hot_->Load(in);
  if (frequency_) frequency_->Load(in);
  if (target_) target_->Load(in);
}

size_t InputFeature::MemoryBytes() const {
  size_t bytes = sizeof(*this) + MapBytes(last_);
  if (bins_) bytes += bins_->MemoryBytes();
  if (one_hot_) bytes += one_hot_->MemoryBytes();
  if (frequency_) bytes += frequency_->MemoryBytes();
  if (target_) bytes += target_->MemoryBytes();
  return bytes;
}

}  // namespace leat::features
