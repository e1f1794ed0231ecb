#include "pipeline/pipeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "base/hash.h"
#include "base/text.h"
#include "experiments/charts.h"
#include "pipeline/bandit_set.h"
#include "pipeline/experiment_set.h"
#include "pipeline/label_join.h"
#include "pipeline/monitor.h"
#include "pipeline/prediction_writer.h"
#include "pipeline/roster.h"
#include "pipeline/scoreboard.h"
#include "pipeline/shape.h"
#include "pipeline/targets.h"
#include "record/log_name.h"
#include "record/time_format.h"

namespace leat {
namespace {

/// Record ids kept beside a waiting prediction, for events: a length and up to 31 bytes.
constexpr size_t kIdDoubles = 4;
constexpr size_t kIdBytes = kIdDoubles * sizeof(double);
/// Who served it: the model's index and the threshold.
constexpr size_t kServedDoubles = 2;
/// How many labels before it is due a waiting prediction is fetched, and then each stage of what
/// its label enters.
constexpr size_t kPendingAhead = 8;
constexpr std::pair<FetchStage, size_t> kLabelStages[] = {{FetchStage::kStore, 24},
                                                          {FetchStage::kIndex, 6},
                                                          {FetchStage::kBlock, 3},
                                                          {FetchStage::kEvents, 1}};
constexpr double kLogLossFloor = 1e-15;
constexpr std::string_view kTooManyClasses = "too_many_classes",
                           kTooManyText = "the label would be a new class, and there are 4096";

/// Whether an experiment or a bandit chooses who serves.
bool Routes(const Config& config) {
  return (config.experiments != nullptr &&
          std::any_of(config.experiments->begin(), config.experiments->end(),
                      [](const ExperimentConfig& e) { return !e.routes.empty(); })) ||
         (config.bandits != nullptr && std::any_of(config.bandits->begin(), config.bandits->end(),
                                                   [](const BanditConfig& b) { return b.serve; }));
}

/// Into a block of zeroes. (In place: a copy would wait until its bytes can be read as words.)
void PutId(std::string_view id, std::span<double> block) {
  char* const raw = reinterpret_cast<char*>(block.data());
  const size_t length = std::min(id.size(), kIdBytes - 1);
  raw[0] = static_cast<char>(length);
  std::copy_n(id.data(), length, raw + 1);
}

std::string GetId(std::span<const double> block) {
  char raw[kIdBytes];
  std::memcpy(raw, block.data(), kIdBytes);
  return {raw + 1, static_cast<size_t>(raw[0])};
}

/// Items that were loaded but belong to nothing any more: the next snapshot is without them.
class GoneItems final : public ItemState {
 public:
  /// All whose keys begin with `prefix`, a number.
  void Note(std::string_view prefix) { prefixes_.insert(std::string(prefix)); }
  size_t ChangedBytes() const override { return 0; }
  void BeginSave(StateBatch& batch) override {
    for (const std::string& prefix : prefixes_) {
      std::string end;
      AppendOrdered(end, OrderedU64(prefix) + 1);
      batch.DeleteRange(Family::kWindows, prefix, end);
    }
    prefixes_.clear();
  }
  bool SaveMore(size_t /*items*/) override { return true; }
  void EndSave() override {}

 private:
  std::set<std::string, std::less<>> prefixes_;
};

}  // namespace

struct Pipeline::Impl {
  explicit Impl(const Config& c) : config(c), targets(c.label), join(OptionsOf(c)) {}

  static JoinOptions OptionsOf(const Config& c) {
    JoinOptions options;
    options.by_id = c.has_label && c.label.separate();
    options.expires_after = c.label.expires_after;
    options.memory = std::max(c.label.remember, c.label.expires_after);
    return options;
  }

  Status Init();
  size_t Width() const;
  /// Who served a waiting prediction, where that differs and is known.
  std::optional<Serving> ServedOf(std::span<const double> block) const {
    if (inputs_at == served_at || std::isnan(block[served_at])) return std::nullopt;
    return Serving{static_cast<size_t>(block[served_at]), block[served_at + 1]};
  }
  size_t Decided(std::span<const double> p) const;
  void Advance(EventTime time);
  void Drain(Outputs& out);
  /// What experiments and bandits do because time has come to `now`.
  void AdvanceTrials(Outputs& out);
  void PrefetchLabels() const;
  void RequestLabels(const Record& record, std::span<double> inputs, size_t width,
                     std::span<const double> predictions, std::string& events);
  void Settle(LabelJoin::Handle handle, double target, Outputs& out);
  void WriteReject(std::string_view code, std::string_view detail, const Record& record,
                   std::string_view kind, Outputs& out);
  void ForgetEarly(Outputs& out);
  void Tidy();
  void OrphanLetter(uint64_t id, Outputs& out);
  void SaveHead(StateWriter& out) const;
  Status LoadHead(StateReader& in);
  std::vector<PartAccess> Parts();
  struct BlockLayout {
    std::vector<Roster::Place> places;  ///< From inputs_at on.
    std::vector<std::string> models;
    size_t inputs_at = 0, predictions_at = 0;
  };
  BlockLayout Layout() const;
  static void SaveLayout(const BlockLayout& layout, StateWriter& out);
  static BlockLayout LoadLayout(StateReader& in);
  Status FollowLayout(const BlockLayout& old, StateReader& in);

  Config config;
  std::unique_ptr<FeatureGraph> graph;
  std::unique_ptr<Roster> roster;
  std::unique_ptr<Monitor> monitor;
  std::unique_ptr<Scoreboard> scoreboard;
  std::unique_ptr<ExperimentSet> experiments;  ///< Null: none.
  std::unique_ptr<BanditSet> bandits;          ///< Null: none.
  PredictionWriter writer;
  Targets targets;
  LabelJoin join;
  IdMemory seen{'s'};  ///< Ids of records, for duplicates.
  GoneItems gone;      ///< Of experiments that there are no more.

  EventTime first, now;  ///< The first and the highest event time seen.
  int64_t read = 0, taken = 0, rejected = 0, late = 0, label_rejects = 0;
  uint64_t steps = 0;
  uint64_t chain = 0;
  std::map<std::string, int64_t, std::less<>> reject_reasons;

  // Layout of a block: id, label payload of the feature graph, who served (where that differs),
  // inputs, predictions.
  size_t payload_at = 0, served_at = 0, inputs_at = 0, predictions_at = 0;
  std::vector<double> slots, scratch, anomaly, errors, losses;
  PendingStore::Convert convert;  ///< Of waiting predictions as they are loaded; mostly none.
};

Status Pipeline::Impl::Init() {
  LEAT_ASSIGN_OR_RETURN(
      graph, FeatureGraph::Create(config.schema, config.features, config.feature_options));
  const Shape shape = ParseShape(config.shape);
  LEAT_ASSIGN_OR_RETURN(roster, Roster::Create(*graph, config.models, targets.task(), shape.models,
                                               config.evaluation.window));
  LEAT_ASSIGN_OR_RETURN(monitor, Monitor::Create(config.drift, *graph, *roster, shape.drift));
  if (config.has_label && !config.label.file.empty() && config.label.time.empty()) {
    return Status::Invalid(
        "label.time: labels in a separate file need the column that says when each became known");
  }
  std::vector<std::string> models, clusters;
  for (size_t m = 0; m < roster->size(); ++m) models.push_back(roster->name(m));
  for (size_t i = 0; i < roster->cluster_count(); ++i) clusters.push_back(roster->cluster_name(i));
  const bool routed = Routes(config);
  scoreboard = std::make_unique<Scoreboard>(targets.task(), config.evaluation, models, routed);
  if (config.experiments != nullptr) {
    LEAT_ASSIGN_OR_RETURN(
        experiments, ExperimentSet::Create(*config.experiments, config.schema, *graph, models));
  }
  if (config.bandits != nullptr) {
    LEAT_ASSIGN_OR_RETURN(bandits,
                          BanditSet::Create(*config.bandits, config.schema, *graph, models));
  }
  std::vector<std::pair<std::string, size_t>> features;
  for (const std::string& name : config.sinks.prediction_features) {
    const auto slot = graph->SlotOf(name);
    if (!slot) {
      return Status::Invalid(
          fmt::format("sinks.predictions.features: no feature is called '{}'", name));
    }
    features.emplace_back(name, *slot);
  }
  const bool json = !config.sinks.topics[0].empty() ||
                    FormatOfName(config.sinks.predictions) == RecordFormat::kJsonLines;
  std::vector<size_t> regions;
  for (size_t m = 0; m < roster->size(); ++m) {
    if (roster->has_region(m)) regions.push_back(m);
  }
  writer = PredictionWriter(json, routed, targets.task(), config.evaluation.threshold,
                            config.schema.id_column.empty() ? "record" : config.schema.id_column,
                            std::move(models), std::move(regions), std::move(clusters),
                            std::move(features));
  payload_at = kIdDoubles;
  served_at = payload_at + graph->label_payload_size();
  inputs_at = served_at + (routed ? kServedDoubles : 0);
  predictions_at = inputs_at + roster->block_size();
  slots.resize(graph->slot_count());
  anomaly.resize(roster->cluster_count());
  errors.resize(roster->size());
  losses.resize(roster->size());
  return Status::Ok();
}

size_t Pipeline::Impl::Width() const {
  if (scoreboard->prior().empty()) return 0;  // No label yet: there is nothing to say.
  switch (targets.task()) {
    case EvaluationTask::kBinary:
      return 2;
    case EvaluationTask::kRegression:
      return 1;
    case EvaluationTask::kMulticlass:
      return targets.classes().size();
  }
  return 1;
}

void Pipeline::Impl::Advance(EventTime time) {
  if (now == EventTime{}) first = time;
  now = std::max(now, time);
}

void Pipeline::Impl::AdvanceTrials(Outputs& out) {
  if (experiments != nullptr) experiments->Advance(now, out.metrics, out.events);
  if (bandits != nullptr) {
    bandits->Advance(now, now - config.time.allowed_lateness, out.metrics);
  }
}

/// The class that the predictions of one model decide for.
size_t Pipeline::Impl::Decided(std::span<const double> p) const {
  if (targets.task() == EvaluationTask::kBinary) {
    return p[1] >= config.evaluation.threshold ? 1 : 0;
  }
  return static_cast<size_t>(std::max_element(p.begin(), p.end()) - p.begin());
}

void Pipeline::Impl::Settle(LabelJoin::Handle handle, double target, Outputs& out) {
  const Pending& header = join[handle];
  const std::span<const double> block = join.Block(handle);
  const size_t width = header.classes;
  const std::span<const double> predictions = block.subspan(predictions_at);

  chain = Mix64(chain ^ header.sequence ^ std::bit_cast<uint64_t>(target));
  for (const double p : predictions.first(width * roster->size())) {
    chain = Mix64(chain ^ std::bit_cast<uint64_t>(p));
  }
  // Scored first: nothing that follows can reach this prediction any more.
  scoreboard->Add(header.time, predictions, width, target, ServedOf(block));
  if (monitor->watches_models()) {
    for (size_t m = 0; m < roster->size(); ++m) {
      const auto p = predictions.subspan(m * width, width);
      if ((header.warm >> std::min<size_t>(m, 31) & 1) == 0) {
        // The prior's errors say nothing about the model; not a number is passed over.
        errors[m] = losses[m] = std::numeric_limits<double>::quiet_NaN();
        continue;
      }
      if (targets.task() == EvaluationTask::kRegression) {
        errors[m] = std::abs(p[0] - target);
        losses[m] = (p[0] - target) * (p[0] - target);
        continue;
      }
      const auto true_class = static_cast<size_t>(target);
      errors[m] = Decided(p) == true_class ? 0 : 1;
      losses[m] = -std::log(std::max(kLogLossFloor, true_class < width ? p[true_class] : 0.0));
    }
    monitor->OnLabel(errors, losses, {header.time, GetId(block), scoreboard->labels()}, *roster,
                     out.events);
  }
  if (bandits != nullptr && width > 0) {
    bandits->OnLabel(header.id, now, [&](size_t model) {
      const auto p = predictions.subspan(model * width, width);
      if (targets.task() == EvaluationTask::kRegression) return -std::abs(p[0] - target);
      return Decided(p) == static_cast<size_t>(target) ? 1.0 : 0.0;
    });
  }
  roster->Learn(block.subspan(inputs_at, roster->block_size()), target);
  if (const size_t size = graph->label_payload_size(); size > 0) {
    graph->OnLabel(header.time, target, block.subspan(payload_at, size));
  }
  if (scoreboard->RowDue()) scoreboard->WriteRow(header.time, out.metrics);
}

void Pipeline::Impl::RequestLabels(const Record& record, std::span<double> inputs, size_t width,
                                   std::span<const double> predictions, std::string& events) {
  roster->Ask(inputs, width, predictions, [&](size_t model, double confidence) {
    events += "{\"event\":\"label_request\",\"time\":";
    AppendJsonString(events, FormatIso(record.time));
    events += ",\"record\":";
    AppendJsonString(events, record.id_text);
    events += ",\"model\":";
    AppendJsonString(events, roster->name(model));
    events += ",\"confidence\":";
    AppendJsonNumber(events, confidence);
    events += "}\n";
  });
}

/// Fetches, step by step, what the labels that are due next will need.
void Pipeline::Impl::PrefetchLabels() const {
  join.PrefetchUpcoming(kPendingAhead);
  const size_t size = graph->label_payload_size();
  if (size == 0) return;
  for (const auto& [stage, ahead] : kLabelStages) {
    if (stage == FetchStage::kStore && !graph->has_cold_keys()) continue;
    const auto handle = join.Upcoming(ahead);
    if (!handle) continue;
    graph->PrefetchLabel(join[*handle].time, join.Block(*handle).subspan(payload_at, size), stage);
  }
}

/// What has come to its end by `now`.
void Pipeline::Impl::Drain(Outputs& out) {
  ForgetEarly(out);
  while (const auto due = join.NextDue(now)) {
    PrefetchLabels();
    const Pending& header = join[due->handle];
    if (!due->expired) {
      Settle(due->handle, targets.Release(header.label), out);
      join.Settle(due->handle, header.label, now);
      continue;
    }
    if (config.label.expired_as == ExpiredAs::kClass) {
      Settle(due->handle, targets.OfText(config.label.expired_class), out);
    }
    join.Settle(due->handle, std::nullopt, now);
  }
}

void Pipeline::Impl::WriteReject(std::string_view code, std::string_view detail,
                                 const Record& record, std::string_view kind, Outputs& out) {
  std::string& line = out.rejects;
  if (record.origin.empty()) {
    line += "{\"line\":";
  } else {
    line += '{';
    line += record.origin;
    line += ",\"offset\":";
  }
  AppendNumber(line, static_cast<int64_t>(record.line));
  line += ",\"of\":";
  AppendJsonString(line, kind);
  line += ",\"reason\":";
  AppendJsonString(line, code);
  line += ",\"detail\":";
  AppendJsonString(line, detail);
  line += ",\"raw\":";
  AppendJsonString(line, record.raw);
  line += "}\n";
  const auto it = reject_reasons.find(code);
  if (it == reject_reasons.end()) {
    reject_reasons.emplace(code, 1);
  } else {
    ++it->second;
  }
}

void Pipeline::Impl::OrphanLetter(uint64_t id, Outputs& out) {
  // The text of an early label is not kept; numeric ids read back from their key.
  out.rejects += "{\"of\":\"label\",\"reason\":\"orphan_label\",\"detail\":";
  AppendJsonString(out.rejects, fmt::format("no prediction came for the label with key {}", id));
  out.rejects += "}\n";
  const auto [it, fresh] = reject_reasons.try_emplace("orphan_label", 0);
  ++it->second;
}

void Pipeline::Impl::ForgetEarly(Outputs& out) {
  join.ForgetEarly(now, [&](uint64_t id) { OrphanLetter(id, out); });
}

void Pipeline::Impl::Tidy() {
  if (now == EventTime{}) return;  // Nothing has come; there is no time before this one.
  join.ForgetSettled(now);
  graph->Expire(now - config.time.allowed_lateness);
}

Pipeline::Pipeline(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Pipeline::~Pipeline() = default;

Result<std::unique_ptr<Pipeline>> Pipeline::Create(const Config& config) {
  auto impl = std::make_unique<Impl>(config);
  LEAT_RETURN_IF_ERROR(impl->Init());
  return std::unique_ptr<Pipeline>(new Pipeline(std::move(impl)));
}

std::string Pipeline::PredictionsHeader() const { return impl_->writer.Header(); }

void Pipeline::PrefetchId(uint64_t id) const { impl_->join.PrefetchId(id); }

void Pipeline::Prefetch(const Record& record, FetchStage stage) const {
  impl_->graph->Prefetch(record, stage);
  if (impl_->experiments != nullptr) impl_->experiments->Prefetch(record, stage);
}

void Pipeline::PrefetchLabel(const Record& label, FetchStage stage) const {
  const Impl& s = *impl_;
  const LabelJoin::Handle handle = s.join.Find(label.id);
  if (handle == nullptr) return;
  if (stage == FetchStage::kIndex) return s.join.Prefetch(handle, label.id);
  const size_t size = s.graph->label_payload_size();
  if (size == 0) return;
  const auto fetch = [&](FetchStage part) {
    s.graph->PrefetchLabel(s.join[handle].time, s.join.Block(handle).subspan(s.payload_at, size),
                           part);
  };
  // The first stage only fetched what says which keys these are.
  if (stage == FetchStage::kBlock) fetch(FetchStage::kIndex);
  fetch(stage);
}

void Pipeline::Step(const Record& record, Outputs& out) {
  Impl& s = *impl_;
  ++s.read;
  const bool is_late = s.now != EventTime{} && record.time < s.now - s.config.time.allowed_lateness;
  if (is_late) {
    ++s.late;
    if (s.config.time.late == LatePolicy::kReject) {
      ++s.rejected;
      s.WriteReject("late", "behind the watermark", record, "record", out);
      return;
    }
  }
  if (!s.config.label.separate() && record.has_label && !s.targets.Takes(record)) {
    ++s.rejected;
    s.WriteReject(kTooManyClasses, kTooManyText, record, "record", out);
    return;
  }
  if (const Micros window = s.config.time.duplicate_window; window > 0) {
    s.seen.Forget(std::max(s.now, record.time));
    if (s.seen.Find(record.id)) {
      ++s.rejected;
      s.WriteReject("duplicate_id", "this id came before within the duplicate window", record,
                    "record", out);
      return;
    }
    s.seen.Remember(record.id, {true}, record.time + window);
  }
  s.Advance(record.time);
  if (++s.steps % static_cast<uint64_t>(s.config.tidy_every) == 0) s.Tidy();
  s.Drain(out);
  ++s.taken;

  s.graph->Step(record, s.slots);
  s.AdvanceTrials(out);
  Serving serving;
  if (s.experiments != nullptr) s.experiments->OnRecord(record, s.slots, out.events, serving);
  if (s.bandits != nullptr) s.bandits->OnRecord(record, s.slots, out.events, serving);
  if (s.monitor->watches_features()) {
    s.monitor->OnRecord(s.slots, {record.time, record.id_text, s.scoreboard->labels()}, *s.roster,
                        out.events);
  }

  const size_t width = s.Width();
  const size_t doubles = s.predictions_at + width * s.roster->size();
  LabelJoin::Handle handle = nullptr;
  std::span<double> block;
  if (s.config.has_label) {
    Pending header;
    header.id = record.id;
    header.time = record.time;
    header.classes = static_cast<uint32_t>(width);
    for (size_t m = 0; m < s.roster->size() && width > 0; ++m) {
      if (s.roster->warm(m)) header.warm |= uint32_t{1} << std::min<size_t>(m, 31);
    }
    if (!s.config.label.separate() && record.has_label) {
      header.held = true;
      header.label = s.targets.Hold(record);
      header.release = record.time + s.config.label.available_after;
    }
    handle = s.join.Predict(header, doubles);
    block = s.join.Block(handle);
  } else {
    s.scratch.resize(doubles);
    block = s.scratch;
  }
  std::fill(block.begin(), block.end(), 0.0);
  PutId(record.id_text, block);
  s.graph->Keep(record, s.slots, block.subspan(s.payload_at, s.graph->label_payload_size()));
  if (s.inputs_at > s.served_at) {
    block[s.served_at] = static_cast<double>(serving.model);
    block[s.served_at + 1] = serving.threshold;
  }
  const auto inputs = block.subspan(s.inputs_at, s.roster->block_size());
  const auto predictions = block.subspan(s.predictions_at);
  s.roster->Build(record, s.slots, inputs, s.anomaly);
  s.roster->Predict(inputs, width, s.scoreboard->prior(), predictions);
  if (s.roster->asks()) s.RequestLabels(record, inputs, width, predictions, out.events);
  if (!s.config.sinks.predictions.empty() || !s.config.sinks.topics[0].empty()) {
    s.writer.Write(
        {record.id_text, predictions, width, s.roster->size() > 0 && s.roster->warm(serving.model),
         serving, s.roster->radii(), s.anomaly, s.slots},
        s.targets.classes(), out.predictions);
  }

  if (!s.config.has_label) return;
  if (s.config.label.separate()) {
    if (const auto label = s.join.TakeEarly(record.id)) {
      s.Settle(handle, s.targets.Release(*label), out);
      s.join.Settle(handle, *label, s.now);
    }
  } else if (s.config.label.available_after == 0) {
    s.Drain(out);
  }
}

void Pipeline::StepLabel(const Record& label, Outputs& out) {
  Impl& s = *impl_;
  s.Advance(label.time);
  s.Drain(out);
  if (!label.has_label) {
    ++s.label_rejects;
    s.WriteReject("missing_label", "the label is empty", label, "label", out);
    return;
  }
  if (!s.targets.Takes(label)) {
    ++s.label_rejects;
    s.WriteReject(kTooManyClasses, kTooManyText, label, "label", out);
    return;
  }
  LabelJoin::Handle handle = nullptr;
  const double held = s.targets.Hold(label);
  switch (s.join.Label(label.id, held, s.now, &handle)) {
    case LabelJoin::Arrival::kMatched:
      s.Settle(handle, s.targets.Release(held), out);
      s.join.Settle(handle, held, s.now);
      break;
    case LabelJoin::Arrival::kWaits:
      break;
    case LabelJoin::Arrival::kLate:
      s.WriteReject("late_label", "its prediction had expired", label, "label", out);
      break;
    case LabelJoin::Arrival::kDuplicate:
      s.WriteReject("duplicate_label", "this prediction has its label already", label, "label",
                    out);
      break;
    case LabelJoin::Arrival::kCorrected:
      s.WriteReject("corrected_label", "this prediction has another label already", label, "label",
                    out);
      break;
  }
}

EventTime Pipeline::now() const { return impl_->now; }

void Pipeline::Tick(EventTime time, Outputs& out) {
  impl_->Advance(time);
  impl_->Drain(out);
  impl_->AdvanceTrials(out);
}

void Pipeline::StepReject(const Record& record, const Reject& reject, Outputs& out) {
  ++impl_->read;
  ++impl_->rejected;
  impl_->WriteReject(reject.code, reject.detail, record, "record", out);
}

void Pipeline::StepLabelReject(const Record& label, const Reject& reject, Outputs& out) {
  ++impl_->label_rejects;
  impl_->WriteReject(reject.code, reject.detail, label, "label", out);
}

void Pipeline::Finish(Outputs& out) {
  Impl& s = *impl_;
  s.ForgetEarly(out);
  s.Tidy();
  if (s.scoreboard->labels() > 0) s.scoreboard->WriteRow(s.now, out.metrics);
  if (s.experiments != nullptr) s.experiments->Finish(s.now, out.metrics, out.events);
  if (s.bandits != nullptr) s.bandits->Finish(s.now, out.metrics);
}

Pipeline::Counts Pipeline::GetCounts() const {
  return {impl_->read, impl_->rejected, impl_->join.pending()};
}

Report Pipeline::MakeReport() const {
  const Impl& s = *impl_;
  Report report;
  report.pipeline = s.config.name;
  s.scoreboard->FillReport(report);
  for (size_t m = 0; m < s.roster->size(); ++m) report.rows[m].summary = s.roster->Summary(m);
  report.clusters = s.roster->Clusters();
  report.class_names = s.targets.classes();
  report.drift = s.monitor->marks();
  report.records = {
      {"read", s.read}, {"scored", s.taken}, {"rejected", s.rejected}, {"late", s.late}};
  for (const auto& [reason, count] : s.reject_reasons) report.rejects.emplace_back(reason, count);
  if (s.config.has_label) {
    const LabelAccount& a = s.join.account();
    report.labels = {
        {"predicted", a.predicted},    {"matched", a.matched}, {"expired", a.expired},
        {"pending", s.join.pending()}, {"labels", a.labels},   {"early", a.early},
        {"waiting", s.join.waiting()}, {"late", a.late},       {"duplicate", a.duplicate},
        {"corrected", a.corrected},    {"orphan", a.orphan}};
  }
  if (s.experiments != nullptr) {
    for (const experiments::Experiment* e : s.experiments->All()) {
      const experiments::LookResult look = e->Peek(s.now);
      std::string json;
      AppendJson(*e, look, json);
      report.experiments.push_back(
          {experiments::Table(*e, look), std::move(json), experiments::Charts(*e, look)});
    }
  }
  if (s.bandits != nullptr) {
    for (const experiments::Bandit* b : s.bandits->All()) {
      std::string json;
      AppendJson(*b, s.now, json);
      report.experiments.push_back(
          {experiments::Table(*b), std::move(json), experiments::Charts(*b, s.now)});
    }
  }
  if (!report.experiments.empty() && !s.config.has_label) {
    report.rows.clear();  // There is nothing to score.
  }
  report.first = s.first;
  report.last = s.now;
  report.digest = Digest();
  report.memory_bytes = static_cast<int64_t>(MemoryBytes());
  return report;
}

void Pipeline::Impl::SaveHead(StateWriter& out) const {
  out.Section("pipeline", 2);
  out.I64(first.micros);
  out.I64(now.micros);
  for (const int64_t v : {read, taken, rejected, late, label_rejects}) out.I64(v);
  out.U64(steps);
  out.U64(chain);
  out.U64(reject_reasons.size());
  for (const auto& [reason, count] : reject_reasons) {
    out.Text(reason);
    out.I64(count);
  }
}

Status Pipeline::Impl::LoadHead(StateReader& in) {
  in.Section("pipeline", 2);
  first.micros = in.I64();
  now.micros = in.I64();
  for (int64_t* v : {&read, &taken, &rejected, &late, &label_rejects}) *v = in.I64();
  steps = in.U64();
  chain = in.U64();
  reject_reasons.clear();
  for (uint64_t n = in.Count(16); n > 0 && in.ok(); --n) {
    std::string reason = in.Text();
    reject_reasons[std::move(reason)] = in.I64();
  }
  return in.status();
}

void Pipeline::Save(StateWriter& out) const {
  const Impl& s = *impl_;
  s.SaveHead(out);
  s.graph->Save(out);
  s.roster->Save(out);
  s.monitor->Save(out);
  s.scoreboard->Save(out);
  s.targets.Save(out);
  s.join.Save(out);
  s.seen.Save(out);
  if (s.experiments != nullptr) s.experiments->Save(out);
  if (s.bandits != nullptr) s.bandits->Save(out);
}

Status Pipeline::Load(StateReader& in) {
  Impl& s = *impl_;
  LEAT_RETURN_IF_ERROR(s.LoadHead(in));
  LEAT_RETURN_IF_ERROR(s.graph->Load(in));
  LEAT_RETURN_IF_ERROR(s.roster->Load(in));
  LEAT_RETURN_IF_ERROR(s.monitor->Load(in));
  LEAT_RETURN_IF_ERROR(s.scoreboard->Load(in));
  s.targets.Load(in);
  LEAT_RETURN_IF_ERROR(s.join.Load(in));
  LEAT_RETURN_IF_ERROR(s.seen.Load(in));
  if (s.experiments != nullptr) LEAT_RETURN_IF_ERROR(s.experiments->Load(in));
  return s.bandits != nullptr ? s.bandits->Load(in) : Status::Ok();
}

void Pipeline::Track(const StateStore& store) {
  impl_->graph->Track(store);
  if (impl_->experiments != nullptr) impl_->experiments->Track(store);
  impl_->join.Track();
  impl_->seen.Track();
}

/// The parts, in the order in which they are saved and loaded.
std::vector<PartAccess> Pipeline::Impl::Parts() {
  std::vector<PartAccess> parts = {
      {"pipeline", [this](StateWriter& out) { SaveHead(out); },
       [this](StateReader& in) { return LoadHead(in); }},
      {"features", [this](StateWriter& out) { graph->SaveHead(out); },
       [this](StateReader& in) { return graph->LoadHead(in); }},
      {"targets", [this](StateWriter& out) { targets.Save(out); },
       [this](StateReader& in) {
         targets.Load(in);
         return in.status();
       }},
      {"labels", [this](StateWriter& out) { join.SaveHead(out); },
       [this](StateReader& in) { return join.LoadHead(in); }},
      {"layout", [this](StateWriter& out) { SaveLayout(Layout(), out); },
       [this](StateReader& in) { return FollowLayout(LoadLayout(in), in); }},
  };
  for (auto more : {roster->Parts(), monitor->Parts(), scoreboard->Parts()}) {
    for (PartAccess& part : more) parts.push_back(std::move(part));
  }
  if (experiments != nullptr) {
    for (PartAccess& part : experiments->Parts()) parts.push_back(std::move(part));
  }
  if (bandits != nullptr) {
    for (PartAccess& part : bandits->Parts()) parts.push_back(std::move(part));
  }
  return parts;
}

/// What is where in the blocks of waiting predictions.
Pipeline::Impl::BlockLayout Pipeline::Impl::Layout() const {
  BlockLayout layout{roster->Places(), {}, inputs_at, predictions_at};
  for (size_t m = 0; m < roster->size(); ++m) layout.models.push_back(roster->name(m));
  return layout;
}

void Pipeline::Impl::SaveLayout(const BlockLayout& layout, StateWriter& out) {
  out.Section("layout", 1);
  out.U64(layout.inputs_at);
  out.U64(layout.predictions_at);
  out.U64(layout.places.size());
  for (const Roster::Place& place : layout.places) {
    out.Text(place.name);
    for (const size_t v : {place.at, place.size, place.marker}) out.U64(v);
  }
  out.U64(layout.models.size());
  for (const std::string& model : layout.models) out.Text(model);
}

Pipeline::Impl::BlockLayout Pipeline::Impl::LoadLayout(StateReader& in) {
  BlockLayout layout;
  in.Section("layout", 1);
  layout.inputs_at = in.U64();
  layout.predictions_at = in.U64();
  layout.places.resize(in.Count(32));
  for (Roster::Place& place : layout.places) {
    place.name = in.Text();
    for (size_t* v : {&place.at, &place.size, &place.marker}) *v = in.U64();
  }
  layout.models.resize(in.Count(8));
  for (std::string& model : layout.models) model = in.Text();
  return layout;
}

/// Models have come or gone: what waiting predictions keep is moved to where it is looked for now.
/// A model that is new gave the prior, as one that is not warm does, and has no inputs to learn
/// from unless it shares those of another.
Status Pipeline::Impl::FollowLayout(const BlockLayout& old, StateReader& in) {
  LEAT_RETURN_IF_ERROR(in.status());
  const BlockLayout now_is = Layout();
  StateWriter a, b;
  SaveLayout(old, a);
  SaveLayout(now_is, b);
  if (a.bytes() == b.bytes()) return Status::Ok();
  // Who served is kept since a router came, and until it goes; states of earlier versions lack it.
  const bool had_served = old.inputs_at == served_at + kServedDoubles;
  if (!had_served && old.inputs_at != served_at) {
    return Status::Corrupt("the kept labels' features differ");
  }
  convert = [this, old, now_is, had_served](Pending& pending, std::vector<double>& block) {
    const size_t width = pending.classes;
    std::vector<double> moved(now_is.predictions_at + width * now_is.models.size(), 0.0);
    if (block.size() < old.predictions_at + width * old.models.size()) return false;
    std::copy_n(block.begin(), served_at, moved.begin());
    if (now_is.inputs_at > served_at) {
      double* const served = moved.data() + served_at;
      served[0] = std::numeric_limits<double>::quiet_NaN();
      if (had_served && block[served_at] < static_cast<double>(old.models.size())) {
        const std::string& name = old.models[static_cast<size_t>(block[served_at])];
        const auto at = std::find(now_is.models.begin(), now_is.models.end(), name);
        if (at != now_is.models.end()) {
          served[0] = static_cast<double>(at - now_is.models.begin());
          served[1] = block[served_at + 1];
        }
      }
    }
    for (const Roster::Place& place : now_is.places) {
      const auto from =
          std::find_if(old.places.begin(), old.places.end(), [&](const Roster::Place& other) {
            return other.name == place.name && other.size == place.size;
          });
      if (from == old.places.end()) {
        moved[now_is.inputs_at + place.marker] = std::numeric_limits<double>::quiet_NaN();
        continue;
      }
      std::copy_n(block.begin() + static_cast<ptrdiff_t>(old.inputs_at + from->at), place.size,
                  moved.begin() + static_cast<ptrdiff_t>(now_is.inputs_at + place.at));
    }
    uint32_t warm = 0;
    for (size_t m = 0; m < now_is.models.size(); ++m) {
      double* const to = moved.data() + now_is.predictions_at + m * width;
      const auto was = std::find(old.models.begin(), old.models.end(), now_is.models[m]);
      if (was == old.models.end()) {
        const std::vector<double>& prior = scoreboard->prior();
        std::copy_n(prior.begin(), std::min(prior.size(), width), to);
        continue;
      }
      const auto index = static_cast<size_t>(was - old.models.begin());
      std::copy_n(block.data() + old.predictions_at + index * width, width, to);
      if ((pending.warm >> std::min<size_t>(index, 31) & 1) != 0) {
        warm |= uint32_t{1} << std::min<size_t>(m, 31);
      }
    }
    pending.warm = warm;
    block = std::move(moved);
    return true;
  };
  return Status::Ok();
}

std::vector<StatePart> Pipeline::SaveParts() const {
  std::vector<StatePart> parts;
  for (const PartAccess& part : impl_->Parts()) {
    StateWriter out;
    part.save(out);
    parts.push_back({part.name, out.Take()});
  }
  return parts;
}

Status Pipeline::LoadParts(std::span<const StatePart> parts) {
  for (const PartAccess& part : impl_->Parts()) {
    const auto found = std::find_if(parts.begin(), parts.end(),
                                    [&](const StatePart& p) { return p.name == part.name; });
    if (found == parts.end() && part.optional) continue;
    if (found == parts.end()) {
      return Status::Corrupt(fmt::format("the state of '{}' is missing", part.name));
    }
    StateReader in(found->bytes);
    Status loaded = part.load(in);
    if (loaded.ok() && !in.AtEnd()) loaded = Status::Corrupt("bytes follow it");
    if (!loaded.ok()) {
      return Status(loaded.code(),
                    fmt::format("the state of '{}': {}", part.name, loaded.message()));
    }
  }
  impl_->monitor->DropIdleBackgrounds(*impl_->roster);
  return Status::Ok();
}

Status Pipeline::LoadItem(Family family, std::string_view key, std::string_view value,
                          bool in_memory) {
  Impl& s = *impl_;
  switch (family) {
    case Family::kWindows:
      if (!ExperimentSet::IsUnit(key)) return s.graph->LoadItem(key, value, in_memory);
      if (s.experiments != nullptr && s.experiments->Owns(key)) {
        return s.experiments->LoadItem(key, value, in_memory);
      }
      s.gone.Note(key.substr(0, 8));
      return Status::Ok();
    case Family::kPending:
      return s.join.LoadPending(key, value, s.convert);
    case Family::kIds:
      if (s.join.Owns(key)) return s.join.LoadId(key, value);
      if (s.seen.Owns(key)) return s.seen.LoadItem(key, value);
      [[fallthrough]];
    default:
      return Status::Corrupt("the state holds an item that belongs to nothing");
  }
}

void Pipeline::EndLoad() {
  impl_->join.EndLoad();
  impl_->seen.EndLoad();
}

std::vector<ItemState*> Pipeline::Items() {
  std::vector<ItemState*> items = impl_->graph->Items();
  for (ItemState* item : impl_->join.Items()) items.push_back(item);
  items.push_back(&impl_->seen);
  if (impl_->experiments != nullptr) {
    for (ItemState* item : impl_->experiments->Items()) items.push_back(item);
  }
  items.push_back(&impl_->gone);
  return items;
}

size_t Pipeline::WindowBytes() const {
  return impl_->graph->WindowBytes() +
         (impl_->experiments != nullptr ? impl_->experiments->UnitBytes() : 0);
}

size_t Pipeline::ReservedWindowBytes() const {
  return impl_->graph->ReservedWindowBytes() +
         (impl_->experiments != nullptr ? impl_->experiments->ReservedUnitBytes() : 0);
}

void Pipeline::EvictWindows(size_t target) {
  if (impl_->experiments == nullptr) return impl_->graph->Evict(target);
  // Windows and units give up the same share.
  const double all = static_cast<double>(std::max<size_t>(1, WindowBytes()));
  const double share = static_cast<double>(target) / all;
  const auto of = [&](size_t bytes) {
    return static_cast<size_t>(share * static_cast<double>(bytes));
  };
  impl_->graph->Evict(of(impl_->graph->WindowBytes()));
  impl_->experiments->Evict(of(impl_->experiments->UnitBytes()));
}

bool Pipeline::has_cold_keys() const {
  return impl_->graph->has_cold_keys() ||
         (impl_->experiments != nullptr && impl_->experiments->has_cold_units());
}

Status Pipeline::status() const {
  if (impl_->experiments != nullptr) LEAT_RETURN_IF_ERROR(impl_->experiments->status());
  return impl_->graph->status();
}
std::vector<FeatureGraph::GroupFacts> Pipeline::Windows() const { return impl_->graph->Groups(); }

Result<std::vector<Pipeline::KeyFacts>> Pipeline::DescribeKey(
    std::span<const std::pair<std::string, std::string>> key) const {
  const Impl& s = *impl_;
  LEAT_ASSIGN_OR_RETURN(auto groups, s.graph->Describe(key));
  std::vector<KeyFacts> facts;
  for (auto& group : groups) facts.push_back({std::move(group), 0});
  const size_t size = s.graph->label_payload_size();
  if (size == 0) return facts;
  for (const LabelJoin::Handle handle : s.join.Waiting()) {
    const std::span<const double> payload = s.join.Block(handle).subspan(s.payload_at, size);
    for (KeyFacts& f : facts) f.waiting += s.graph->Concerns(f.windows, payload) ? 1 : 0;
  }
  return facts;
}

std::vector<const experiments::Experiment*> Pipeline::Experiments() const {
  return impl_->experiments != nullptr ? impl_->experiments->All()
                                       : std::vector<const experiments::Experiment*>();
}

std::vector<const experiments::Bandit*> Pipeline::Bandits() const {
  return impl_->bandits != nullptr ? impl_->bandits->All()
                                   : std::vector<const experiments::Bandit*>();
}

std::vector<ModelFacts> Pipeline::Models() const { return impl_->roster->Facts(); }

Result<const Model*> Pipeline::Learner(std::string_view name) const {
  return impl_->roster->Learner(name);
}

Result<std::vector<NamedWeights>> Pipeline::Weights(std::string_view name) const {
  return impl_->roster->Weights(name, impl_->targets.classes());
}

Result<ModelState> Pipeline::TakeModel(std::string_view name) const {
  LEAT_ASSIGN_OR_RETURN(ModelState model, impl_->roster->Take(name));
  model.classes = impl_->targets.classes();
  for (const ModelConfig& config : impl_->config.models) {
    if (config.name != name) continue;
    for (const InputFeatureSpec& input : config.inputs) {
      // What is told apart by its text needs no code.
      const auto slot = impl_->graph->SlotOf(input.name);
      if (!slot || !impl_->graph->IsCategory(*slot)) continue;
      if (*slot < impl_->graph->field_count() && input.encode != Encode::kNumber) continue;
      model.categories.push_back({input.name, impl_->graph->Categories(*slot)});
    }
  }
  return model;
}

Status Pipeline::PutModel(std::string_view name, const ModelState& model, bool shared_inputs) {
  LEAT_ASSIGN_OR_RETURN(const ModelState own, TakeModel(name));
  std::string message;
  for (const std::string& line : Differences(model, own)) message += "\n  " + line;
  if (!message.empty()) {
    return Status::Invalid(
        fmt::format("models.{}: the model in the file does not fit:{}", name, message));
  }
  return impl_->roster->Put(name, model, shared_inputs);
}

uint64_t Pipeline::Chain() const { return impl_->chain; }

std::string Pipeline::Digest() const {
  Digester digester;
  StateWriter state([&](std::string_view bytes) { digester.Add(bytes); });
  Save(state);
  state.Flush();
  return digester.Hex();
}

size_t Pipeline::MemoryBytes() const {
  const Impl& s = *impl_;
  return s.graph->MemoryBytes() + s.roster->MemoryBytes() + s.monitor->MemoryBytes() +
         s.scoreboard->MemoryBytes() + s.join.MemoryBytes() + s.seen.MemoryBytes() +
         (s.experiments != nullptr ? s.experiments->MemoryBytes() : 0);
}

}  // namespace leat
