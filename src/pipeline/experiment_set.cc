#include "pipeline/experiment_set.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "record/time_format.h"

namespace leat {
namespace {

size_t FieldOf(const Schema& schema, const std::string& name) {
  const auto found = std::find_if(schema.fields.begin(), schema.fields.end(),
                                  [&](const FieldSpec& f) { return f.name == name; });
  return static_cast<size_t>(found - schema.fields.begin());
}

/// True where the condition holds: there, a number, and not 0.
bool Holds(std::span<const double> slots, int64_t slot) {
  if (slot < 0) return true;
  const double v = slots[static_cast<size_t>(slot)];
  return std::isfinite(v) && v != 0;
}

double Finite(double v) { return std::isfinite(v) ? v : 0; }

}  // namespace

Result<std::unique_ptr<ExperimentSet>> ExperimentSet::Create(
    const std::vector<ExperimentConfig>& configs, const Schema& schema, const FeatureGraph& graph) {
  auto set = std::make_unique<ExperimentSet>();
  set->has_ids_ = !schema.id_column.empty();
  for (const ExperimentConfig& config : configs) {
    Running running;
    running.config = config;
    LEAT_ASSIGN_OR_RETURN(running.experiment, experiments::Experiment::Create(config.options));
    std::string missing;
    const auto slot = [&](const std::string& name) -> int64_t {
      if (name.empty()) return -1;
      const auto found = graph.SlotOf(name);
      if (!found) missing = name;
      return found ? static_cast<int64_t>(*found) : -1;
    };
    const auto field = [&](const std::string& name) {
      const size_t found = FieldOf(schema, name);
      if (found == schema.fields.size()) missing = name;
      return found;
    };
    running.unit = field(config.unit);
    if (!config.assigned.empty()) running.assigned = field(config.assigned);
    for (const std::string& name : config.segments) running.segments.push_back(field(name));
    running.expose = slot(config.expose);
    running.where = slot(config.where);
    running.bot = slot(config.bot);
    for (size_t m = 0; m < config.of.size(); ++m) {
      running.of.push_back(static_cast<size_t>(std::max<int64_t>(0, slot(config.of[m]))));
      running.per.push_back(static_cast<size_t>(std::max<int64_t>(0, slot(config.per[m]))));
    }
    if (!missing.empty()) {
      return Status::Invalid("experiments." + config.options.name + ": nothing is called '" +
                             missing + "'");
    }
    set->running_.push_back(std::move(running));
  }
  return set;
}

void ExperimentSet::OnRecord(const Record& record, std::span<const double> slots,
                             std::string& events) {
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
      if (!r.config.assigned.empty()) {
        variant = record.texts[r.assigned];
        if (!variant.empty()) e.ExposeTo(unit, key, variant, record.time, event, segments);
      } else {
        const auto exposed = e.Expose(unit, key, record.time, event, segments);
        if (exposed.counted) {
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
    const int64_t every = r.config.every;
    int64_t start = now.micros - now.micros % every;
    if (start > now.micros) start -= every;  // Before 1970.
    if (r.next_look == 0) r.next_look = start + every;
    if (now.micros < r.next_look) continue;
    r.next_look = start + every;
    Look(r, now, metrics, events);
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
  experiment->Save(out);
}

Status ExperimentSet::Running::Load(StateReader& in) {
  next_look = in.I64();
  return experiment->Load(in);
}

void ExperimentSet::Save(StateWriter& out) const {
  for (const Running& r : running_) r.Save(out);
}

Status ExperimentSet::Load(StateReader& in) {
  for (Running& r : running_) LEAT_RETURN_IF_ERROR(r.Load(in));
  return in.status();
}

size_t ExperimentSet::MemoryBytes() const {
  size_t bytes = 0;
  for (const Running& r : running_) bytes += r.experiment->MemoryBytes();
  return bytes;
}

std::vector<PartAccess> ExperimentSet::Parts() {
  std::vector<PartAccess> parts;
  for (Running& r : running_) {
    PartAccess part;
    part.name = "experiment/" + r.config.options.name;
    part.save = [&r](StateWriter& out) { r.Save(out); };
    part.load = [&r](StateReader& in) { return r.Load(in); };
    part.optional = true;  // One that is new starts with nothing.
    parts.push_back(std::move(part));
  }
  return parts;
}

}  // namespace leat
