#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "base/processor.h"
#include "features/features.h"
#include "features/input_feature.h"

namespace leat {

using features::InputFeature;

namespace {

/// An input as the hot loop sees it.
struct Step {
  features::QuantileBins::Table table;  // Of `bins`.
  features::QuantileBins* bins;         // Null: the general way.
  InputFeature* input;
  uint32_t slot;
  uint32_t offset;   // Of its sparse indices.
  uint32_t missing;  // The bin of a missing value; it is found in bin 0.
};

SparseEntry Entry(const Step& step, uint32_t bin, double x) {
  // A sum rather than a choice: a branch would be mispredicted where missing values are common.
  return {step.offset + bin + static_cast<uint32_t>(x != x) * step.missing, 1.0f};
}

/// The entries of inputs that all are bins.
void PutInBins(std::span<const Step> steps, const double* slots, SparseEntry* out) {
  for (const Step& step : steps) {
    const double x = slots[step.slot];
    *out++ = Entry(step, features::QuantileBins::Find(step.table, x), x);
  }
}
LEAT_WIDE void PutInBinsWide(std::span<const Step> steps, const double* slots, SparseEntry* out) {
  for (const Step& step : steps) {
    const double x = slots[step.slot];
    *out++ = Entry(step, features::QuantileBins::FindWide(step.table, x), x);
  }
}

}  // namespace

struct InputBuilder::Impl {
  void AddStep(InputFeature& feature, uint32_t offset) {
    Step step{{}, feature.plain_bins(), &feature, feature.slot(), offset, 0};
    if (step.bins != nullptr) {
      step.table = step.bins->table();
      step.missing = step.bins->count();
    }
    if (steps.empty() || step.bins == nullptr || steps.back().bins == nullptr) runs.push_back(0);
    ++runs.back();
    steps.push_back(step);
  }
  SparseEntry* Build(const Record& record, const double* slots, double* dense, SparseEntry* sparse);

  InputSpec spec;
  std::vector<std::unique_ptr<InputFeature>> inputs;
  std::vector<Step> steps;
  std::vector<size_t> runs;        // How many steps belong together: neighbours that all are bins.
  bool learning = true;            // Some bins may not be fitted yet.
  std::vector<uint32_t> offsets;   // Of each input's sparse indices.
  std::vector<uint32_t> labelled;  // Inputs with target encoding.
  size_t sparse_entries = 0;
  uint64_t layout_hash = 0;
};

InputBuilder::InputBuilder(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
InputBuilder::~InputBuilder() = default;

Result<std::unique_ptr<InputBuilder>> InputBuilder::Create(
    const FeatureGraph& graph, const std::vector<InputFeatureSpec>& inputs) {
  auto impl = std::make_unique<Impl>();
  std::string layout;
  uint64_t sparse = 0;
  for (const InputFeatureSpec& spec : inputs) {
    LEAT_ASSIGN_OR_RETURN(auto feature, InputFeature::Create(graph, spec));
    if (feature->has_dense_value()) {
      DenseAttribute attribute;
      attribute.name = spec.name;
      attribute.nominal = feature->nominal();
      impl->spec.dense.push_back(std::move(attribute));
    }
    if (spec.missing_indicator) {
      impl->spec.dense.push_back({spec.name + " is missing", false, 0});
    }
    impl->offsets.push_back(static_cast<uint32_t>(sparse));
    impl->AddStep(*feature, static_cast<uint32_t>(sparse));
    sparse += feature->sparse_count();
    impl->sparse_entries += feature->sparse_count() > 0 ? 1 : 0;
    if (sparse > std::numeric_limits<uint32_t>::max()) {
      return Status::Invalid(fmt::format("input '{}': more than 2^32 sparse indices", spec.name));
    }
    if (feature->labelled()) impl->labelled.push_back(static_cast<uint32_t>(impl->inputs.size()));
    layout += fmt::format("{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{};", spec.name,
                          static_cast<int>(spec.encode), static_cast<int>(spec.scale),
                          static_cast<int>(spec.impute), spec.impute_constant, spec.impute_key,
                          spec.missing_indicator, spec.max_values, spec.bins, spec.tail_bins,
                          spec.warmup, spec.hash_bits, spec.smoothing);
    impl->inputs.push_back(std::move(feature));
  }
  impl->spec.sparse_size = static_cast<uint32_t>(sparse);
  impl->layout_hash = Hash64(layout);
  return std::unique_ptr<InputBuilder>(new InputBuilder(std::move(impl)));
}

const InputSpec& InputBuilder::spec() const { return impl_->spec; }
size_t InputBuilder::dense_size() const { return impl_->spec.dense.size(); }
size_t InputBuilder::max_sparse() const { return impl_->sparse_entries; }

std::string InputBuilder::SparseName(uint32_t index) const {
  const auto& offsets = impl_->offsets;
  if (index >= impl_->spec.sparse_size) return "index " + std::to_string(index);
  // Inputs without sparse indices share their offset with the next: the last one not above it.
  const auto after = std::upper_bound(offsets.begin(), offsets.end(), index);
  size_t i = static_cast<size_t>(after - offsets.begin()) - 1;
  while (impl_->inputs[i]->sparse_count() == 0) --i;
  return impl_->inputs[i]->SparseName(index - offsets[i]);
}

/// Returns the end of the sparse entries.
SparseEntry* InputBuilder::Impl::Build(const Record& record, const double* slots, double* dense,
                                       SparseEntry* sparse) {
  const Step* step = steps.data();
  for (const size_t length : runs) {
    const std::span<const Step> run(step, length);
    step += length;
    if (run.front().bins == nullptr) {
      run.front().input->Apply(record, slots, run.front().offset, dense, sparse);
      continue;
    }
    (kWideRegisters ? PutInBinsWide : PutInBins)(run, slots, sparse);
    sparse += length;
  }
  if (!learning) return sparse;
  learning = false;
  for (const Step& each : steps) {
    if (each.bins == nullptr || each.bins->fitted()) continue;
    learning = true;
    if (const double x = slots[each.slot]; x == x) each.bins->Learn(x);
  }
  return sparse;
}

size_t InputBuilder::BuildAndUpdate(const Record& record, std::span<const double> slots,
                                    std::span<double> dense, std::span<SparseEntry> sparse) {
  const SparseEntry* const end = impl_->Build(record, slots.data(), dense.data(), sparse.data());
  return static_cast<size_t>(end - sparse.data());
}

size_t InputBuilder::label_payload_size() const { return impl_->labelled.size(); }

void InputBuilder::Keep(const Record& record, std::span<const double> slots,
                        std::span<double> payload) const {
  for (size_t i = 0; i < impl_->labelled.size(); ++i) {
    payload[i] =
        std::bit_cast<double>(impl_->inputs[impl_->labelled[i]]->KeyOf(record, slots.data()));
  }
}

void InputBuilder::OnLabel(double label, std::span<const double> payload) {
  if (!std::isfinite(label)) return;
  for (size_t i = 0; i < impl_->labelled.size(); ++i) {
    impl_->inputs[impl_->labelled[i]]->OnLabel(std::bit_cast<uint64_t>(payload[i]), label);
  }
}

void InputBuilder::Save(StateWriter& out) const {
  out.Section("inputs", 2);
  out.U64(impl_->layout_hash);
  out.U64(impl_->inputs.size());
  for (const auto& input : impl_->inputs) input->Save(out);
}

Status InputBuilder::Load(StateReader& in) {
  in.Section("inputs", 2);
  in.U64();  // Over settings without effect too, which may change; each input tells what it is.
  if (in.U64() != impl_->inputs.size() && in.ok()) in.Fail("the stored inputs are others");
  for (const auto& input : impl_->inputs) input->Load(in);
  impl_->learning = true;  // Put right by the next record.
  return in.status();
}

size_t InputBuilder::MemoryBytes() const {
  size_t bytes = sizeof(Impl);
  for (const auto& input : impl_->inputs) bytes += input->MemoryBytes();
  return bytes;
}

}  // namespace leat
