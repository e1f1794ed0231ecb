#include "pipeline/monitor.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/hash.h"
#include "base/text.h"
#include "record/time_format.h"

namespace leat {
namespace {

constexpr size_t kMaxMarks = 1000;

std::string_view ActionName(DriftAction action) {
  switch (action) {
    case DriftAction::kAlert:
      return "alert";
    case DriftAction::kReset:
      return "reset";
    case DriftAction::kSwap:
      return "swap";
  }
  return "alert";
}

}  // namespace

Result<std::unique_ptr<Monitor>> Monitor::Create(const std::vector<DriftConfig>& configs,
                                                 const FeatureGraph& graph, const Roster& roster,
                                                 const std::vector<std::string>& texts) {
  auto monitor = std::make_unique<Monitor>();
  for (const DriftConfig& config : configs) {
    Watch watch;
    watch.config = config;
    const size_t index = monitor->watches_.size();
    watch.name = "drift/" + DigestHex(index < texts.size() ? texts[index] : std::string());
    for (const Watch& other : monitor->watches_) {
      if (other.name == watch.name) watch.name += "+";
    }
    if (config.on == "error") {
      watch.on = On::kError;
    } else if (config.on == "loss") {
      watch.on = On::kLoss;
    } else {
      watch.on = On::kFeature;
      const auto slot = graph.SlotOf(config.on);
      if (!slot) return Status::Invalid(fmt::format("drift: no feature is called '{}'", config.on));
      watch.slot = *slot;
    }
    (watch.on == On::kFeature ? monitor->watches_features_ : monitor->watches_models_) = true;
    if (!config.model.empty()) {
      while (watch.model < roster.size() && roster.name(watch.model) != config.model) ++watch.model;
      if (watch.model == roster.size()) {
        return Status::Invalid(fmt::format("drift: no model is called '{}'", config.model));
      }
    } else if (roster.size() == 0) {
      return Status::Invalid("drift: there is no model to watch");
    }
    LEAT_ASSIGN_OR_RETURN(watch.detector, config.factory->Make());
    monitor->watches_.push_back(std::move(watch));
  }
  return monitor;
}

void Monitor::Feed(Watch& watch, double value, const Where& where, Roster& roster,
                   std::string& events) {
  if (!std::isfinite(value)) return;
  const DriftState state = watch.detector->Update(value);
  if (state == DriftState::kStable) {
    // A warning that passed: what started at it learnt nothing worth keeping.
    if (watch.warned && watch.config.then == DriftAction::kSwap) roster.DropBackground(watch.model);
    watch.warned = false;
    return;
  }
  const bool drift = state == DriftState::kDrift;
  if (!drift && watch.warned) return;
  watch.warned = !drift;
  if (watch.config.then == DriftAction::kSwap) {
    drift ? roster.Swap(watch.model) : roster.StartBackground(watch.model);
  } else if (drift && watch.config.then == DriftAction::kReset) {
    roster.Reset(watch.model);
  }
  const DriftDetector::Evidence evidence = watch.detector->evidence();
  Report::DriftMark mark;
  mark.time = where.time;
  mark.labels = where.labels;
  mark.detector = watch.config.detector;
  mark.on = watch.config.on;
  mark.action = drift ? ActionName(watch.config.then) : "";
  mark.record_id = where.record_id;
  mark.mean_before = evidence.mean_before;
  mark.mean_after = evidence.mean_after;
  mark.statistic = evidence.statistic;
  mark.warning = !drift;
  events += drift ? "{\"event\":\"drift\",\"time\":" : "{\"event\":\"warning\",\"time\":";
  AppendJsonString(events, FormatIso(where.time));
  events += ",\"record\":";
  AppendJsonString(events, where.record_id);
  events += ",\"detector\":";
  AppendJsonString(events, mark.detector);
  events += ",\"on\":";
  AppendJsonString(events, mark.on);
  events += ",\"model\":";
  AppendJsonString(events, roster.name(watch.model));
  events += ",\"action\":";
  AppendJsonString(events, mark.action);
  for (const auto& [name, number] :
       {std::pair<std::string_view, double>{"statistic", evidence.statistic},
        {"threshold", evidence.threshold},
        {"mean_before", evidence.mean_before},
        {"mean_after", evidence.mean_after}}) {
    events += ',';
    AppendJsonString(events, name);
    events += ':';
    AppendJsonNumber(events, number);
  }
  events += ",\"labels\":";
  AppendNumber(events, where.labels);
  events += "}\n";
  if (drift) ++drifts_;
  if (marks_.size() == kMaxMarks) marks_.erase(marks_.begin());
  marks_.push_back(std::move(mark));
}

void Monitor::OnRecord(std::span<const double> slots, const Where& where, Roster& roster,
                       std::string& events) {
  for (Watch& watch : watches_) {
    if (watch.on == On::kFeature) Feed(watch, slots[watch.slot], where, roster, events);
  }
}

void Monitor::OnLabel(std::span<const double> errors, std::span<const double> losses,
                      const Where& where, Roster& roster, std::string& events) {
  for (Watch& watch : watches_) {
    if (watch.on == On::kFeature) continue;
    Feed(watch, (watch.on == On::kError ? errors : losses)[watch.model], where, roster, events);
  }
}

void Monitor::DropIdleBackgrounds(Roster& roster) const {
  for (size_t model = 0; model < roster.size(); ++model) {
    if (std::none_of(watches_.begin(), watches_.end(), [&](const Watch& watch) {
          return watch.model == model && watch.config.then == DriftAction::kSwap;
        })) {
      roster.DropBackground(model);
    }
  }
}

void Monitor::SaveHistory(StateWriter& out) const {
  out.Section("monitor", 2);
  out.I64(drifts_);
  out.U64(marks_.size());
  for (const Report::DriftMark& m : marks_) {
    out.I64(m.time.micros);
    out.I64(m.labels);
    for (const std::string* text : {&m.detector, &m.on, &m.action, &m.record_id}) out.Text(*text);
    for (const double v : {m.mean_before, m.mean_after, m.statistic}) out.F64(v);
    out.Bool(m.warning);
  }
}

Status Monitor::LoadHistory(StateReader& in) {
  in.Section("monitor", 2);
  drifts_ = in.I64();
  marks_.resize(in.Count(16));
  for (Report::DriftMark& m : marks_) {
    m.time.micros = in.I64();
    m.labels = in.I64();
    for (std::string* text : {&m.detector, &m.on, &m.action, &m.record_id}) *text = in.Text();
    for (double* v : {&m.mean_before, &m.mean_after, &m.statistic}) *v = in.F64();
    m.warning = in.Bool();
  }
  return in.status();
}

std::vector<PartAccess> Monitor::Parts() {
  std::vector<PartAccess> parts = {{"drift", [this](StateWriter& out) { SaveHistory(out); },
                                    [this](StateReader& in) { return LoadHistory(in); }}};
  for (Watch& watch : watches_) {
    parts.push_back({watch.name, [&watch](StateWriter& out) { watch.Save(out); },
                     [&watch](StateReader& in) {
                       watch.warned = in.Bool();
                       return watch.detector->Load(in);
                     },
                     true});
  }
  return parts;
}

void Monitor::Save(StateWriter& out) const {
  SaveHistory(out);
  for (const Watch& watch : watches_) watch.Save(out);
}

Status Monitor::Load(StateReader& in) {
  for (const PartAccess& part : Parts()) LEAT_RETURN_IF_ERROR(part.load(in));
  return in.status();
}

size_t Monitor::MemoryBytes() const {
  size_t bytes = marks_.capacity() * sizeof(Report::DriftMark);
  for (const Watch& watch : watches_) bytes += watch.detector->MemoryBytes();
  return bytes;
}

}  // namespace leat
