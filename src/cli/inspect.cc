#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/state_folder.h"
#include "evaluation/report_text.h"

namespace leat {
namespace {

namespace json = boost::json;

constexpr size_t kDriftRows = 20;
constexpr std::string_view kSinks[] = {"predictions", "events", "metrics", "rejects"};

using Key = std::vector<std::pair<std::string, std::string>>;

struct Arguments {
  std::string state, key;
  bool json = false, digest = false;
};

/// `a=1,b=2` as pairs. A part without = belongs to the value before it.
Result<Key> ParseKey(std::string_view text) {
  Key key;
  while (!text.empty()) {
    const size_t end = std::min(text.find(','), text.size());
    const std::string_view part = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const size_t equals = part.find('=');
    if (equals == std::string_view::npos && !key.empty()) {
      key.back().second += "," + std::string(part);
      continue;
    }
    if (equals == std::string_view::npos || equals == 0) {
      return Status::Invalid(
          fmt::format("--key: found '{}', expected FIELD=VALUE, or several with commas", part));
    }
    key.emplace_back(part.substr(0, equals), part.substr(equals + 1));
  }
  if (key.empty()) return Status::Invalid("--key: expected FIELD=VALUE");
  return key;
}

/// Bytes of the files in the folder.
uint64_t DiskBytes(const std::string& folder) {
  namespace fs = std::filesystem;
  uint64_t bytes = 0;
  std::error_code error;
  for (fs::recursive_directory_iterator at(folder, error), end; !error && at != end;
       at.increment(error)) {
    std::error_code ignored;
    if (at->is_regular_file(ignored)) bytes += at->file_size(ignored);
  }
  return bytes;
}

std::string Age(int64_t micros) {
  const int64_t seconds = std::max<int64_t>(0, micros / kSecond);
  if (seconds < 120) return fmt::format("{} s", seconds);
  if (seconds < 2 * 3600) return fmt::format("{} min", seconds / 60);
  if (seconds < 2 * 86'400) return fmt::format("{} h", seconds / 3600);
  return fmt::format("{} days", seconds / 86'400);
}

/// Control characters would break the lines (and the terminal).
std::string Plain(std::string_view text) {
  std::string plain = ValidUtf8(text);
  for (char& c : plain) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return plain;
}

std::string Joined(const std::vector<std::string>& items) {
  std::string out;
  for (const std::string& item : items) out += (out.empty() ? "" : ", ") + item;
  return out;
}

std::string Number(double value) {
  if (!std::isfinite(value)) return "-";
  std::string out;
  AppendNumber(out, value);
  return out;
}

json::value JsonNumber(double value) {
  if (!std::isfinite(value)) return nullptr;
  return value;
}

json::value JsonTime(EventTime time) {
  const std::string text = FormatTime(time);
  if (text == "-") return nullptr;
  return json::value(text);
}

json::array JsonTexts(const std::vector<std::string>& items) {
  json::array out;
  for (const std::string& item : items) out.emplace_back(ValidUtf8(item));
  return out;
}

std::string Describe(const Key& key) {
  std::string out;
  for (const auto& [field, value] : key) {
    out += (out.empty() ? "" : ", ") + field + "=" + Plain(value);
  }
  return out;
}

// ---- All of a state ----

void AppendHead(const StateFolder& folder, std::string& out) {
  const SnapshotInfo& info = folder.info;
  const auto at = std::back_inserter(out);
  fmt::format_to(at, "pipeline  {}, written by leat {}\n", Plain(info.pipeline), info.program);
  fmt::format_to(at, "shape     fingerprint {}\n", info.fingerprint);
  fmt::format_to(at, "id        {:016x}, incarnation {}\n", info.state_id, info.incarnation);
  fmt::format_to(at, "epoch     {}: {} records and {} labels taken{}\n",
                 FormatCount(static_cast<int64_t>(info.epoch.number)),
                 FormatCount(static_cast<int64_t>(info.epoch.position.records)),
                 FormatCount(static_cast<int64_t>(info.epoch.position.labels)),
                 info.epoch.finished ? "; the input had ended" : "");
  std::string_view title = "sinks     ";
  for (size_t i = 0; i < info.epoch.lengths.size(); ++i) {
    if (info.sinks[i].empty()) continue;
    fmt::format_to(at, "{}{}: {}, {}\n", std::exchange(title, "          "), kSinks[i],
                   FormatBytes(static_cast<int64_t>(info.epoch.lengths[i])), Plain(info.sinks[i]));
  }
  fmt::format_to(at, "snapshot  {}, {} ago; {} in the journal after it\n",
                 FormatTime(EventTime{info.written_at / kSecond * kSecond}),
                 Age(WallTime().micros - info.written_at),
                 folder.journalled.empty() ? std::string("nothing")
                 : folder.journalled.size() == 1
                     ? std::string("one epoch")
                     : fmt::format("{} epochs", folder.journalled.size()));
  fmt::format_to(at, "size      {} on disk\n\n",
                 FormatBytes(static_cast<int64_t>(DiskBytes(folder.path))));
}

void AppendModels(const Pipeline& pipeline, std::string& out) {
  out += "\nmodels\n";
  bool first = true;
  for (const ModelFacts& model : pipeline.Models()) {
    fmt::format_to(std::back_inserter(out), "{} {}: {}, {} {} learnt, {}\n",
                   first && !model.clustering ? '*' : ' ', Plain(model.name), model.type,
                   FormatCount(model.labels), model.clustering ? "records" : "labels",
                   FormatBytes(static_cast<int64_t>(model.memory)));
    first = false;
    size_t width = 0;
    for (const auto& fact : model.summary) width = std::max(width, fact.first.size());
    for (const auto& [name, value] : model.summary) {
      fmt::format_to(std::back_inserter(out), "    {:<{}}  {}\n", Plain(name), width, Plain(value));
    }
  }
}

void AppendWindows(const std::vector<FeatureGraph::GroupFacts>& groups, std::string& out) {
  if (groups.empty()) return;
  out += "\nwindows\n";
  for (const auto& group : groups) {
    fmt::format_to(std::back_inserter(out), "  by {}: {} {}, {} of them on disk only, {}\n    {}\n",
                   group.by.empty() ? "nothing" : Joined(group.by),
                   FormatCount(static_cast<int64_t>(group.keys)), group.keys == 1 ? "key" : "keys",
                   FormatCount(static_cast<int64_t>(group.cold)),
                   FormatBytes(static_cast<int64_t>(group.bytes)), Joined(group.features));
  }
}

/// The newest last.
void AppendDrift(const std::vector<Report::DriftMark>& marks, std::string& out) {
  if (marks.empty()) return;
  const size_t shown = std::min(marks.size(), kDriftRows);
  out += marks.size() > shown ? fmt::format("\ndrift, the last {} of {}\n", shown, marks.size())
                              : std::string("\ndrift\n");
  for (size_t i = marks.size() - shown; i < marks.size(); ++i) {
    const Report::DriftMark& mark = marks[i];
    fmt::format_to(std::back_inserter(out), "  {} {:<7} {} of {}: mean {} -> {}, {}\n",
                   FormatTime(mark.time), mark.warning ? "warning" : "drift", Plain(mark.detector),
                   Plain(mark.on), FormatMetric(mark.mean_before, "-"),
                   FormatMetric(mark.mean_after, "-"), Plain(mark.action));
  }
}

std::string AsText(const StateFolder& folder) {
  Report report = folder.pipeline->MakeReport();
  const std::vector<Report::DriftMark> drift = std::exchange(report.drift, {});
  std::string out;
  AppendHead(folder, out);
  out += RenderTable(report);
  AppendModels(*folder.pipeline, out);
  AppendWindows(folder.pipeline->Windows(), out);
  AppendDrift(drift, out);
  return out;
}

/// What of an experiment is state; what it says of its metrics is in the report.
json::object FactsOf(const experiments::Experiment& e) {
  const experiments::Ledger& ledger = e.ledger();
  json::object variants;
  for (size_t v = 0; v < e.options().assignment.variants.size(); ++v) {
    variants[ValidUtf8(e.options().assignment.variants[v].name)] = {{"units", ledger.exposed(v)},
                                                                    {"lost", ledger.lost(v)}};
  }
  json::array decisions;
  for (const experiments::Decision& d : e.decided()) {
    decisions.emplace_back(
        json::object{{"kind", d.kind},
                     {"time", JsonTime(d.time)},
                     {"metric", ValidUtf8(e.options().metrics[d.metric].data.name)},
                     {"variant", ValidUtf8(e.options().assignment.variants[d.variant].name)},
                     {"because", ValidUtf8(d.because)}});
  }
  json::object out = {{"name", ValidUtf8(e.options().name)},
                      {"looks", e.looked()},
                      {"watermark", JsonTime(ledger.watermark())},
                      {"units_kept", ledger.units()},
                      {"bots", ledger.bots()},
                      {"variants", std::move(variants)},
                      {"rolled_back", e.rolled_back()},
                      {"decisions", std::move(decisions)},
                      {"memory_bytes", e.MemoryBytes()}};
  if (!e.options().ramp.traffic.empty()) {
    out["ramp"] = {{"step", e.step() + 1}, {"traffic", e.traffic()}};
  }
  return out;
}

json::object FactsOf(const experiments::Bandit& b) {
  json::object chosen;
  for (size_t a = 0; a < b.chosen().size(); ++a) {
    chosen[ValidUtf8(b.options().actions[a])] = b.chosen()[a];
  }
  return {{"name", ValidUtf8(b.options().name)},
          {"decisions", b.account().decisions},
          {"waiting", b.waiting()},
          {"trained", b.account().trained},
          {"version", b.version()},
          {"mean_reward", b.mean_reward()},
          {"chosen", std::move(chosen)}};
}

std::string AsJson(const StateFolder& folder) {
  const SnapshotInfo& info = folder.info;
  const Report report = folder.pipeline->MakeReport();
  json::object sinks;
  for (size_t i = 0; i < info.epoch.lengths.size(); ++i) {
    sinks[kSinks[i]] = {{"path", ValidUtf8(info.sinks[i])}, {"bytes", info.epoch.lengths[i]}};
  }
  json::array models, windows;
  for (const ModelFacts& model : folder.pipeline->Models()) {
    json::object summary;
    for (const auto& [name, value] : model.summary) summary[ValidUtf8(name)] = ValidUtf8(value);
    models.emplace_back(json::object{{"name", ValidUtf8(model.name)},
                                     {"type", model.type},
                                     {"clustering", model.clustering},
                                     {"learnt", model.labels},
                                     {"memory_bytes", model.memory},
                                     {"shares_inputs_with", JsonTexts(model.shares_inputs_with)},
                                     {"summary", std::move(summary)}});
  }
  for (const auto& group : folder.pipeline->Windows()) {
    windows.emplace_back(json::object{{"by", JsonTexts(group.by)},
                                      {"features", JsonTexts(group.features)},
                                      {"keys", group.keys},
                                      {"cold", group.cold},
                                      {"bytes", group.bytes}});
  }
  json::array experiments, bandits;
  for (const auto* e : folder.pipeline->Experiments()) experiments.emplace_back(FactsOf(*e));
  for (const auto* b : folder.pipeline->Bandits()) bandits.emplace_back(FactsOf(*b));
  json::object out = {{"format", "leat-inspect/1"},
                      {"pipeline", ValidUtf8(info.pipeline)},
                      {"program", info.program},
                      {"fingerprint", info.fingerprint},
                      {"state_id", fmt::format("{:016x}", info.state_id)},
                      {"incarnation", info.incarnation},
                      {"epoch", info.epoch.number},
                      {"records", info.epoch.position.records},
                      {"labels", info.epoch.position.labels},
                      {"finished", info.epoch.finished},
                      {"sinks", std::move(sinks)},
                      {"written_at", JsonTime(EventTime{info.written_at})},
                      {"journal_epochs", folder.journalled.size()},
                      {"disk_bytes", DiskBytes(folder.path)},
                      {"memory_bytes", report.memory_bytes},
                      {"digest", report.digest},
                      {"models", std::move(models)},
                      {"windows", std::move(windows)},
                      {"report", json::parse(RenderJson(report))}};
  if (!experiments.empty()) out["experiments"] = std::move(experiments);
  if (!bandits.empty()) out["bandits"] = std::move(bandits);
  return json::serialize(out) + "\n";
}

// ---- One key ----

std::string KeyAsText(const Key& key, const std::vector<Pipeline::KeyFacts>& groups) {
  std::string out;
  for (const Pipeline::KeyFacts& group : groups) {
    const FeatureGraph::KeyFacts& facts = group.windows;
    if (!facts.known) continue;
    fmt::format_to(std::back_inserter(out), "{}\n  last event {}", Describe(key),
                   FormatTime(facts.last));
    if (facts.events > 0) fmt::format_to(std::back_inserter(out), "; {} events held", facts.events);
    if (facts.labelled) {
      fmt::format_to(std::back_inserter(out), "; {} labelled events held; {} waiting for a label",
                     facts.labelled_events, group.waiting);
    }
    out += facts.cold ? "; on disk only\n" : "\n";
    size_t width = 0;
    for (const auto& value : facts.features) width = std::max(width, value.feature.size());
    for (const auto& value : facts.features) {
      fmt::format_to(std::back_inserter(out), "  {:<{}}  {}\n", value.feature, width,
                     value.category.empty() ? Number(value.value) : Plain(value.category));
    }
  }
  return out.empty() ? "no such key: " + Describe(key) + "\n" : out;
}

std::string KeyAsJson(const Key& key, const std::vector<Pipeline::KeyFacts>& groups) {
  json::object asked;
  for (const auto& [field, value] : key) asked[field] = ValidUtf8(value);
  json::array known;
  for (const Pipeline::KeyFacts& group : groups) {
    const FeatureGraph::KeyFacts& facts = group.windows;
    if (!facts.known) continue;
    json::object features;
    for (const auto& value : facts.features) {
      features[value.feature] =
          value.category.empty() ? JsonNumber(value.value) : json::value(ValidUtf8(value.category));
    }
    json::object one = {{"by", JsonTexts(facts.by)},
                        {"last", JsonTime(facts.last)},
                        {"cold", facts.cold},
                        {"events", facts.events},
                        {"features", std::move(features)}};
    if (facts.labelled) {
      one["labelled_events"] = facts.labelled_events;
      one["waiting"] = group.waiting;
    }
    known.emplace_back(std::move(one));
  }
  const json::object out = {{"format", "leat-inspect-key/1"},
                            {"key", std::move(asked)},
                            {"known", !known.empty()},
                            {"groups", std::move(known)}};
  return json::serialize(out) + "\n";
}

Status Inspect(const Arguments& arguments) {
  Key key;
  if (!arguments.key.empty()) {
    LEAT_ASSIGN_OR_RETURN(key, ParseKey(arguments.key));
  }
  LEAT_ASSIGN_OR_RETURN(const StateFolder folder,
                        StateFolder::Open(arguments.state, StateFolder::Access::kRead));
  if (!folder.same_shape) {
    std::cerr
        << "leat: environment variables that the configuration refers to are not as they were "
           "when the state was made: some names may be others\n";
  }
  std::string out;
  if (!key.empty()) {
    LEAT_ASSIGN_OR_RETURN(const auto groups, folder.pipeline->DescribeKey(key));
    out = arguments.json ? KeyAsJson(key, groups) : KeyAsText(key, groups);
  } else if (arguments.digest) {
    out = folder.pipeline->Digest() + "\n";
  } else {
    out = arguments.json ? AsJson(folder) : AsText(folder);
  }
  LEAT_RETURN_IF_ERROR(folder.pipeline->status());
  if (!folder.journalled.empty()) {
    std::cerr << fmt::format(
        "leat: shown as of epoch {}; the run was not stopped cleanly, and the next one takes what "
        "follows in the journal again, up to epoch {}\n",
        folder.info.epoch.number, folder.journalled.back().number);
  }
  std::cout << out;
  std::cout.flush();
  return std::cout ? Status::Ok() : Status::Io("standard output: cannot write");
}

}  // namespace

void AddInspect(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* verb = app.add_subcommand(
      "inspect",
      "Show what a state folder holds: progress, models, windows, labels, drift, experiments");
  verb->add_option("state", arguments->state, "A state folder, as of `leat run --state`")
      ->required();
  auto* digest = verb->add_flag("--digest", arguments->digest,
                                "Print only the digest of the state, 32 hexadecimal digits");
  verb->add_flag("--json", arguments->json, "Print one JSON document")->excludes(digest);
  verb->add_option("--key", arguments->key,
                   "Show what is known of one key instead: FIELD=VALUE, or several with commas")
      ->excludes(digest);
  verb->footer(
      "Example:\n  leat inspect state/fraud\n  leat inspect state/fraud --key customer_id=17");
  verb->callback([arguments, &exit_code] { exit_code = ReportStatus(Inspect(*arguments)); });
}

}  // namespace leat
