#include <algorithm>
#include <bit>
#include <cmath>

#include "features/features.h"
#include "features/functions.h"
#include "features/graph_program.h"

namespace leat {

using features::Program;

namespace {

void SaveNames(const std::vector<std::string>& names, StateWriter& out) {
  out.U64(names.size());
  for (const std::string& name : names) out.Text(name);
}

std::vector<std::string> LoadNames(StateReader& in) {
  std::vector<std::string> names(in.Count(8));
  for (std::string& name : names) name = in.Text();
  return names;
}

}  // namespace

struct FeatureGraph::Impl {
  Program program;
  std::vector<double> column_values;  // Of one labelled event in one group.
};

FeatureGraph::FeatureGraph(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
FeatureGraph::~FeatureGraph() = default;

Result<std::unique_ptr<FeatureGraph>> FeatureGraph::Create(const Schema& schema,
                                                           const std::vector<FeatureSpec>& features,
                                                           const FeatureOptions& options,
                                                           std::vector<FeatureError>* errors) {
  std::vector<FeatureError> found;
  auto impl = std::make_unique<Impl>();
  impl->program = features::CompileProgram(schema, features, options, found);
  if (errors != nullptr) *errors = found;
  if (!found.empty()) {
    const FeatureError& first = found.front();
    return Status::Invalid(first.feature.empty()
                               ? first.message
                               : "feature '" + first.feature + "': " + first.message);
  }
  size_t columns = 0;
  for (const auto& group : impl->program.groups) {
    columns = std::max<size_t>(columns, group.windows->columns());
  }
  impl->column_values.resize(columns);
  return std::unique_ptr<FeatureGraph>(new FeatureGraph(std::move(impl)));
}

size_t FeatureGraph::slot_count() const { return impl_->program.slot_names.size(); }
const std::vector<std::string>& FeatureGraph::slot_names() const {
  return impl_->program.slot_names;
}
std::optional<size_t> FeatureGraph::SlotOf(std::string_view name) const {
  const auto found = impl_->program.slot_of.find(std::string(name));
  if (found == impl_->program.slot_of.end()) return std::nullopt;
  return found->second;
}
bool FeatureGraph::IsCategory(size_t slot) const {
  return slot < slot_count() && impl_->program.dictionary_of[slot] >= 0;
}
size_t FeatureGraph::field_count() const { return impl_->program.fields.size(); }
bool FeatureGraph::IsId(size_t slot) const {
  return slot < field_count() && impl_->program.fields[slot] == FieldType::kId;
}
std::string FeatureGraph::CategoryName(size_t slot, uint32_t code) const {
  if (!IsCategory(slot)) return {};
  const auto dictionary = static_cast<size_t>(impl_->program.dictionary_of[slot]);
  return std::string(impl_->program.dictionaries[dictionary].Text(code));
}

void FeatureGraph::Prefetch(const Record& record, FetchStage stage) const {
  for (const auto& group : impl_->program.groups) {
    group.windows->Prefetch(stage, features::GroupKey(group.by, record), record.time, false);
  }
}

void FeatureGraph::PrefetchLabel(EventTime event_time, std::span<const double> payload,
                                 FetchStage stage) const {
  for (const auto& group : impl_->program.groups) {
    if (!group.windows->has_labelled()) continue;
    group.windows->Prefetch(stage, std::bit_cast<uint64_t>(payload[group.key_in_payload]),
                            event_time, true);
  }
}

void FeatureGraph::Step(const Record& record, std::span<double> slots) {
  Program& program = impl_->program;
  for (auto& group : program.groups) group.windows->Find(features::GroupKey(group.by, record));
  const size_t fields = program.fields.size();
  for (size_t f = 0; f < fields; ++f) {
    switch (program.fields[f]) {
      case FieldType::kId:
        slots[f] = features::kMissing;
        break;
      case FieldType::kCategory:
        slots[f] =
            record.keys[f] == 0
                ? features::kMissing
                : program.dictionaries[static_cast<size_t>(program.field_dictionary[f])].CodeOf(
                      record.keys[f], record.texts[f]);
        break;
      default:
        slots[f] = features::Finite(record.values[f]);
    }
  }
  slots[fields] = record.time.Seconds();
  const auto evaluate = [&](const features::Operation& operation) {
    slots[operation.slot] = operation.expression->Evaluate(slots.data(), features::kMissing);
  };
  for (const features::Operation& operation : program.early) evaluate(operation);
  for (auto& group : program.groups) group.windows->Touch(record.time, slots.data());
  for (const features::Operation& operation : program.operations) {
    if (operation.kind == features::Operation::Kind::kExpression) {
      evaluate(operation);
      continue;
    }
    const features::ColumnSource& source = *operation.source;
    const double id = source.id_field ? features::IdValue(record.keys[*source.id_field]) : 0;
    const double value = source.Evaluate(slots.data(), features::kMissing, &id);
    program.groups[operation.group].windows->Enter(source.column, value, slots.data());
  }
}

size_t FeatureGraph::label_payload_size() const { return impl_->program.payload_size; }

void FeatureGraph::Keep(const Record& record, std::span<const double> slots,
                        std::span<double> payload) const {
  const Program& program = impl_->program;
  if (program.payload_size == 0) return;
  size_t at = 0;
  for (uint32_t slot : program.payload_slots) payload[at++] = slots[slot];
  for (uint32_t field : program.payload_ids) payload[at++] = features::IdValue(record.keys[field]);
  for (const auto& group : program.groups) {
    if (!group.windows->has_labelled()) continue;
    payload[group.key_in_payload] = std::bit_cast<double>(features::GroupKey(group.by, record));
  }
}

void FeatureGraph::OnLabel(EventTime event_time, double label, std::span<const double> payload) {
  Program& program = impl_->program;
  if (program.payload_size == 0) return;
  for (auto& group : program.groups) {
    if (!group.windows->has_labelled()) continue;
    group.windows->Find(std::bit_cast<uint64_t>(payload[group.key_in_payload]));
  }
  for (auto& group : program.groups) {
    if (!group.windows->has_labelled()) continue;
    for (const features::ColumnSource& source : group.labelled) {
      const double* id = source.id_field ? &payload[*source.id_field] : nullptr;
      impl_->column_values[source.column] = source.Evaluate(payload.data(), label, id);
    }
    group.windows->EnterLabelled(event_time, impl_->column_values);
  }
}

void FeatureGraph::Expire(EventTime watermark) {
  for (auto& group : impl_->program.groups) group.windows->Expire(watermark);
}

void FeatureGraph::Save(StateWriter& out) const {
  SaveHead(out);
  for (const auto& group : impl_->program.groups) group.windows->Save(out);
}

Status FeatureGraph::Load(StateReader& in) {
  LEAT_RETURN_IF_ERROR(LoadHead(in));
  for (auto& group : impl_->program.groups) group.windows->Load(in);
  return in.status();
}

void FeatureGraph::Track(const StateStore& store) {
  uint64_t index = 0;
  for (auto& group : impl_->program.groups) {
    std::string prefix;
    AppendOrdered(prefix, index++);
    group.windows->Track(store, std::move(prefix));
  }
}

void FeatureGraph::SaveHead(StateWriter& out) const {
  const Program& program = impl_->program;
  out.Section("features", 3);
  out.U64(program.layout_hash);
  SaveNames(program.slot_names, out);
  out.U64(program.dictionaries.size());
  for (const features::Dictionary& dictionary : program.dictionaries) dictionary.Save(out);
  out.U64(program.groups.size());
  for (const auto& group : program.groups) {
    out.Array(group.by);
    group.windows->SaveHead(out);
  }
}

Status FeatureGraph::LoadHead(StateReader& in) {
  Program& program = impl_->program;
  const auto others = [&](bool are) {
    if (are && in.ok()) in.Fail("the stored features are others");
  };
  in.Section("features", 3);
  others(in.U64() != program.layout_hash);
  others(LoadNames(in) != program.slot_names);
  others(in.U64() != program.dictionaries.size());
  for (features::Dictionary& dictionary : program.dictionaries) dictionary.Load(in);
  others(in.U64() != program.groups.size());
  std::vector<uint32_t> by;
  for (auto& group : program.groups) {
    in.Array(by);
    others(by != group.by);
    group.windows->LoadHead(in);
  }
  return in.status();
}

Status FeatureGraph::LoadItem(std::string_view key, std::string_view value, bool in_memory) {
  Program& program = impl_->program;
  if (key.size() != 16 || OrderedU64(key) >= program.groups.size()) {
    return Status::Corrupt("the state holds windows of a key group that there is not");
  }
  return program.groups[OrderedU64(key)].windows->LoadItem(OrderedU64(key.substr(8)), value,
                                                           in_memory);
}

std::vector<ItemState*> FeatureGraph::Items() {
  std::vector<ItemState*> items;
  for (auto& group : impl_->program.groups) items.push_back(group.windows.get());
  return items;
}

size_t FeatureGraph::WindowBytes() const {
  size_t bytes = 0;
  for (const auto& group : impl_->program.groups) bytes += group.windows->BlockBytes();
  return bytes;
}

size_t FeatureGraph::ReservedWindowBytes() const {
  size_t bytes = 0;
  for (const auto& group : impl_->program.groups) bytes += group.windows->ReservedBytes();
  return bytes;
}

void FeatureGraph::Evict(size_t target) {
  const size_t bytes = WindowBytes();
  if (bytes == 0) return;
  // Each group gives up the same share.
  const double share = static_cast<double>(target) / static_cast<double>(bytes);
  for (auto& group : impl_->program.groups) {
    const auto own = static_cast<double>(group.windows->BlockBytes());
    group.windows->Evict(static_cast<size_t>(share * own));
  }
}

bool FeatureGraph::has_cold_keys() const {
  const auto& groups = impl_->program.groups;
  return std::any_of(groups.begin(), groups.end(),
                     [](const auto& group) { return group.windows->cold_keys() > 0; });
}

Status FeatureGraph::status() const {
  for (const auto& group : impl_->program.groups) {
    LEAT_RETURN_IF_ERROR(group.windows->status());
  }
  return Status::Ok();
}

std::vector<FeatureGraph::GroupFacts> FeatureGraph::Groups() const {
  const Program& program = impl_->program;
  std::vector<GroupFacts> groups;
  for (const auto& group : program.groups) {
    GroupFacts facts;
    for (const uint32_t field : group.by) facts.by.push_back(program.slot_names[field]);
    for (const uint32_t slot : group.windows->Slots()) {
      facts.features.push_back(program.slot_names[slot]);
    }
    facts.keys = group.windows->keys();
    facts.cold = group.windows->cold_keys();
    facts.bytes = group.windows->MemoryBytes();
    groups.push_back(std::move(facts));
  }
  return groups;
}

Result<std::vector<FeatureGraph::KeyFacts>> FeatureGraph::Describe(
    std::span<const std::pair<std::string, std::string>> key) const {
  const Program& program = impl_->program;
  Record record;
  record.keys.resize(program.fields.size());
  for (const auto& [field, text] : key) {
    const auto slot = SlotOf(field);
    if (slot && *slot < record.keys.size()) record.keys[*slot] = KeyOf(text);
  }
  std::vector<KeyFacts> out;
  std::vector<std::string> keys;  // That there are.
  for (size_t g = 0; g < program.groups.size(); ++g) {
    const features::GroupProgram& group = program.groups[g];
    KeyFacts facts;
    facts.group = g;
    facts.labelled = group.windows->has_labelled();
    std::string joined;
    for (const uint32_t field : group.by) {
      facts.by.push_back(program.slot_names[field]);
      joined += (joined.empty() ? "" : ",") + facts.by.back();
    }
    if (!joined.empty() && std::find(keys.begin(), keys.end(), joined) == keys.end()) {
      keys.push_back(joined);
    }
    const bool same =
        facts.by.size() == key.size() && std::all_of(key.begin(), key.end(), [&](const auto& part) {
          return std::find(facts.by.begin(), facts.by.end(), part.first) != facts.by.end();
        });
    if (!same || key.empty()) continue;
    facts.key = features::GroupKey(group.by, record);
    LEAT_ASSIGN_OR_RETURN(const auto found, group.windows->Describe(facts.key));
    if (found) {
      facts.known = true;
      facts.cold = found->cold;
      facts.last = found->last;
      facts.events = found->events;
      facts.labelled_events = found->labelled_events;
      for (const auto& [slot, value] : found->windows) {
        facts.features.push_back({program.slot_names[slot], value,
                                  IsCategory(slot) && value >= 0
                                      ? CategoryName(slot, static_cast<uint32_t>(value))
                                      : std::string()});
      }
    }
    out.push_back(std::move(facts));
  }
  if (!out.empty()) return out;
  std::string asked, there;
  for (const auto& [field, text] : key) asked += (asked.empty() ? "" : ",") + field;
  for (const std::string& name : keys) there += (there.empty() ? "" : "; ") + name;
  return Status::Invalid("no windows are kept by '" + asked +
                         "'; the keys are: " + (there.empty() ? "none" : there));
}

bool FeatureGraph::Concerns(const KeyFacts& key, std::span<const double> payload) const {
  const features::GroupProgram& group = impl_->program.groups[key.group];
  return group.windows->has_labelled() &&
         std::bit_cast<uint64_t>(payload[group.key_in_payload]) == key.key;
}

std::vector<std::string> FeatureGraph::Categories(size_t slot) const {
  std::vector<std::string> values;
  if (!IsCategory(slot)) return values;
  const features::Dictionary& dictionary =
      impl_->program.dictionaries[static_cast<size_t>(impl_->program.dictionary_of[slot])];
  for (uint32_t code = 0; code < dictionary.size(); ++code) {
    values.emplace_back(dictionary.Text(code));
  }
  return values;
}

size_t FeatureGraph::MemoryBytes() const {
  const Program& program = impl_->program;
  size_t bytes = sizeof(Impl) + 512 * (program.operations.size() + program.slot_names.size());
  for (const features::Dictionary& dictionary : program.dictionaries) {
    bytes += dictionary.MemoryBytes();
  }
  for (const auto& group : program.groups) bytes += group.windows->MemoryBytes();
  return bytes;
}

}  // namespace leat
