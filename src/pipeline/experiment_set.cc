#include "pipeline/experiment_set.h"

#include <algorithm>
#include <cmath>

#include "base/hash.h"
#include "base/text.h"
#include "pipeline/trials.h"
#include "record/time_format.h"

namespace leat {
namespace {

/// Numbers of key groups are below.
constexpr uint64_t kUnits = uint64_t{1} << 63;
uint64_t NumberOf(std::string_view name) { return Hash64(name) >> 1 | kUnits; }

double Finite(double v) { return std::isfinite(v) ? v : 0; }

}  // namespace

Result<std::unique_ptr<ExperimentSet>> ExperimentSet::Create(
    const std::vector<ExperimentConfig>& configs, const Schema& schema, const FeatureGraph& graph,
    std::span<const std::string> models) {
  auto set = std::make_unique<ExperimentSet>();
  set->has_ids_ = !schema.id_column.empty();
  for (const ExperimentConfig& config : configs) {
    Running running;
    running.config = config;
    running.number = NumberOf(config.options.name);
    LEAT_ASSIGN_OR_RETURN(running.experiment, experiments::Experiment::Create(config.options));
    NamedInputs names(schema, graph);
    running.unit = static_cast<size_t>(std::max<int64_t>(0, names.Field(config.unit)));
    running.assigned = names.Field(config.assigned);
    for (const std::string& name : config.segments) {
      running.segments.push_back(static_cast<size_t>(std::max<int64_t>(0, names.Field(name))));
    }
    running.expose = names.Slot(config.expose);
    running.where = names.Slot(config.where);
    running.bot = names.Slot(config.bot);
    for (size_t m = 0; m < config.of.size(); ++m) {
      running.of.push_back(names.SlotOf(config.of[m]));
      running.per.push_back(names.SlotOf(config.per[m]));
    }
    for (const VariantRoute& route : config.routes) {
      running.routes.push_back({ModelOf(models, route.model), route.threshold});
    }
    LEAT_RETURN_IF_ERROR(names.status("experiments." + config.options.name));
    set->running_.push_back(std::move(running));
  }
  return set;
}

void ExperimentSet::OnRecord(const Record& record, std::span<const double> slots,
                             std::string& events, Serving& serving) {
  const uint64_t event = has_ids_ ? record.id : 0;
  for (Running& r : running_) {
    const uint64_t key = record.keys[r.unit];
    if (key == 0) continue;  // No unit: the record says nothing to this experiment.
    experiments::Experiment& e = *r.experiment;
    const std::string_view unit = record.texts[r.unit];
    if (r.bot >= 0 && Holds(slots, r.bot)) e.FlagBot(key);
    if (Holds(slots, r.expose) && Holds(slots, r.where)) {
      uint32_t codes[4] = {};
      for (size_t s = 0; s < r.segments.size(); ++s) {
        codes[s] = e.ledger().SegmentCode(s, record.texts[r.segments[s]]);
      }
      const std::span<const uint32_t> segments(codes, r.segments.size());
      const int64_t before = e.ledger().account().first;
      std::string_view variant;
      if (r.assigned >= 0) {
        variant = record.texts[static_cast<size_t>(r.assigned)];
        int32_t to = -1;
        if (!variant.empty()) to = e.ExposeTo(unit, key, variant, record.time, event, segments);
        if (to >= 0 && !r.routes.empty()) serving = r.routes[static_cast<size_t>(to)];
      } else {
        const auto exposed = e.Expose(unit, key, record.time, event, segments);
        if (exposed.counted) {
          if (!r.routes.empty()) {
            serving = r.routes[static_cast<size_t>(exposed.assignment.variant)];
          }
          variant = e.options().assignment.variants[exposed.assignment.variant].name;
        }
      }
      if (r.config.log_exposures && e.ledger().account().first > before) {
        events += "{\"event\":\"exposure\",\"experiment\":";
        AppendJsonString(events, e.options().name);
        events += ",\"unit\":";
        AppendJsonString(events, unit);
        events += ",\"variant\":";
        AppendJsonString(events, variant);
        events += ",\"time\":";
        AppendJsonString(events, FormatIso(record.time));
        events += "}\n";
      }
    }
    for (size_t m = 0; m < r.of.size(); ++m) {
      const double value = Finite(slots[r.of[m]]);
      const bool ratio = e.options().metrics[m].data.kind == experiments::MetricKind::kRatio;
      const double per = ratio ? Finite(slots[r.per[m]]) : 0;
      if (value != 0 || per != 0) e.Outcome(key, m, value, per, record.time, event);
    }
  }
}

void ExperimentSet::Look(Running& r, EventTime now, std::string& metrics, std::string& events) {
  const experiments::LookResult look = r.experiment->Look(now);
  AppendJson(*r.experiment, look, metrics);
  metrics += '\n';
  for (const experiments::Decision& decision : look.decisions) {
    AppendJson(*r.experiment, decision, now, events);
    events += '\n';
  }
}

void ExperimentSet::Advance(EventTime now, std::string& metrics, std::string& events) {
  if (now == EventTime{}) return;
  for (Running& r : running_) {
    r.experiment->Advance(now);
    if (TakeDue(now, r.config.every, r.next_look)) Look(r, now, metrics, events);
  }
}

void ExperimentSet::Finish(EventTime now, std::string& metrics, std::string& events) {
  if (now == EventTime{}) return;
  for (Running& r : running_) Look(r, now, metrics, events);
}

std::vector<const experiments::Experiment*> ExperimentSet::All() const {
  std::vector<const experiments::Experiment*> out;
  for (const Running& r : running_) out.push_back(r.experiment.get());
  return out;
}

void ExperimentSet::Running::Save(StateWriter& out) const {
  out.I64(next_look);
  experiment->SaveHead(out);
}

Status ExperimentSet::Running::Load(StateReader& in) {
  next_look = in.I64();
  return experiment->LoadHead(in);
}

void ExperimentSet::Save(StateWriter& out) const {
  SaveTrials(running_, out);
  for (const Running& r : running_) r.experiment->ledger().SaveUnits(out);
}

Status ExperimentSet::Load(StateReader& in) {
  LEAT_RETURN_IF_ERROR(LoadTrials(running_, in));
  for (Running& r : running_) LEAT_RETURN_IF_ERROR(r.experiment->ledger().LoadUnits(in));
  return Status::Ok();
}

size_t ExperimentSet::MemoryBytes() const {
  size_t bytes = 0;
  for (const Running& r : running_) bytes += r.experiment->MemoryBytes();
  return bytes;
}

std::vector<PartAccess> ExperimentSet::Parts() { return TrialParts("experiment", running_); }

// ---- Units, item by item ----

bool ExperimentSet::IsUnit(std::string_view key) {
  return key.size() == 16 && OrderedU64(key) >= kUnits;
}

std::vector<ExperimentSet::Running>::const_iterator ExperimentSet::Find(uint64_t number) const {
  return std::find_if(running_.begin(), running_.end(),
                      [&](const Running& r) { return r.number == number; });
}

void ExperimentSet::Prefetch(const Record& record, FetchStage stage) const {
  for (const Running& r : running_) {
    if (const uint64_t key = record.keys[r.unit]; key != 0) {
      r.experiment->ledger().Prefetch(stage, key);
    }
  }
}

void ExperimentSet::Track(const StateStore& store) {
  for (Running& r : running_) {
    std::string prefix;
    AppendOrdered(prefix, r.number);
    r.experiment->ledger().blocks().Track(store, std::move(prefix));
  }
}

Status ExperimentSet::LoadItem(std::string_view key, std::string_view value, bool in_memory) {
  return Find(OrderedU64(key))
      ->experiment->ledger()
      .LoadItem(OrderedU64(key.substr(8)), value, in_memory);
}

std::vector<ItemState*> ExperimentSet::Items() {
  std::vector<ItemState*> items;
  for (Running& r : running_) items.push_back(&r.experiment->ledger().blocks());
  return items;
}

size_t ExperimentSet::UnitBytes() const {
  size_t bytes = 0;
  for (const Running& r : running_) bytes += r.experiment->ledger().blocks().BlockBytes();
  return bytes;
}

size_t ExperimentSet::ReservedUnitBytes() const {
  size_t bytes = 0;
  for (const Running& r : running_) bytes += r.experiment->ledger().blocks().ReservedBytes();
  return bytes;
}

void ExperimentSet::Evict(size_t target) {
  const size_t bytes = UnitBytes();
  if (bytes == 0) return;
  const double share = static_cast<double>(target) / static_cast<double>(bytes);
  for (Running& r : running_) {
    experiments::Units& units = r.experiment->ledger().blocks();
    units.Evict(static_cast<size_t>(share * static_cast<double>(units.BlockBytes())));
  }
}

bool ExperimentSet::has_cold_units() const {
  return std::any_of(running_.begin(), running_.end(), [](const Running& r) {
    return r.experiment->ledger().blocks().cold_keys() > 0;
  });
}

Status ExperimentSet::status() const {
  for (const Running& r : running_) {
    LEAT_RETURN_IF_ERROR(r.experiment->ledger().blocks().status());
  }
  return Status::Ok();
}

}  // namespace leat
