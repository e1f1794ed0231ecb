#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <optional>
#include <string>

#include "cli/cli.h"
#include "cli/file_sinks.h"
#include "cli/live.h"
#include "cli/session.h"
#include "connectors/file/file_sink.h"
#include "record/time_format.h"

namespace leat {
namespace {

struct Arguments {
  std::string config, input, labels, output, from, to, html, state, instance;
  uint64_t max_records = 0;
  bool json = false, quiet = false, fresh = false, rebuild = false, accept_divergence = false;
  bool to_end = false;
};

Result<std::optional<EventTime>> ParseTime(const std::string& flag, const std::string& text) {
  if (text.empty()) return std::optional<EventTime>();
  EventTime time;
  if (!TimeParser().Parse(text, time)) {
    return Status::Invalid(fmt::format(
        "{}: '{}' is not a time; expected 2018-05-01 or 2018-05-01T12:00:00Z", flag, text));
  }
  return std::optional<EventTime>(time);
}

Status WriteFile(const std::string& path, std::string_view bytes) {
  std::error_code error;
  const auto folder = std::filesystem::path(path).parent_path();
  if (!folder.empty()) std::filesystem::create_directories(folder, error);
  LEAT_ASSIGN_OR_RETURN(const auto file, FileSink::Open(path));
  LEAT_RETURN_IF_ERROR(file->Append(bytes));
  return file->Close();
}

Status Show(const Arguments& arguments, const SessionOptions& options,
            const SessionResult& result) {
  const std::string html = arguments.html.empty() || result.shard == 0
                               ? arguments.html
                               : ShardPath(arguments.html, result.shard);
  if (!html.empty()) LEAT_RETURN_IF_ERROR(WriteFile(html, RenderHtml(result.report)));
  std::cout << (arguments.json ? RenderJson(result.report) : RenderTable(result.report));
  std::cout.flush();
  if (!arguments.quiet && result.durable) {
    const Shard::Figures& f = *result.durable;
    std::cerr << fmt::format(
        "ready after {:.2f} s; {} epochs committed, journal p50 {:.1f} ms, p99 {:.1f} ms; {} "
        "snapshots, longest stop {:.1f} ms\n",
        result.ready, f.epochs, f.journal_p50 * 1e3, f.journal_p99 * 1e3, f.snapshots,
        f.longest_pause * 1e3);
  }
  if (!arguments.quiet) {
    std::cerr << fmt::format(
        "{} records in {:.2f} s ({:.0f} a second){}{}{}\n", result.records, result.report.seconds,
        static_cast<double>(result.records) / std::max(1e-9, result.report.seconds),
        options.state.empty() ? "" : "; state: " + options.state,
        options.output.empty() ? "" : "; outputs: " + options.output,
        html.empty() ? "" : "; report: " + html);
  }
  if (!std::cout) return Status::Io("standard output: cannot write");
  return Status::Ok();
}

Status RunAndReport(const Arguments& arguments, bool keep_state) {
  LEAT_ASSIGN_OR_RETURN(Config config, LoadConfig(arguments.config));
  if (!arguments.instance.empty()) {
    const auto instance = config::ParseInstance(arguments.instance);
    if (!instance) {
      return Status::Invalid(fmt::format("--instance: found '{}', expected such as 1/3, or any/3",
                                         arguments.instance));
    }
    std::tie(config.kafka.instance, config.kafka.instances) = *instance;
  }
  SessionOptions options;
  options.input = arguments.input;
  options.labels = arguments.labels;
  options.output = arguments.output;
  options.progress = !arguments.quiet;
  options.fresh = arguments.fresh;
  options.rebuild = arguments.rebuild;
  options.accept_divergence = arguments.accept_divergence;
  options.to_end = arguments.to_end;
  if (arguments.max_records > 0) options.max_records = arguments.max_records;
  LEAT_ASSIGN_OR_RETURN(options.from, ParseTime("--from", arguments.from));
  LEAT_ASSIGN_OR_RETURN(options.to, ParseTime("--to", arguments.to));
  if (keep_state) {
    options.state = !arguments.state.empty() ? arguments.state
                    : !config.state_path.empty()
                        ? config.state_path
                        : (std::filesystem::path("state") / config.name).string();
  }
  const bool live = keep_state && options.input.empty() && !config.source.kafka.topics.empty();
  // Over a log, outputs that would go to topics have no names of their own.
  const bool unnamed =
      !live && std::any_of(config.sinks.topics.begin(), config.sinks.topics.end(),
                           [](const std::string& topic) { return !topic.empty(); });
  if (options.output.empty() && (!keep_state || unnamed)) {
    options.output = (std::filesystem::path("out") / config.name).string();
  }
  if (live && arguments.max_records > 0) {
    return Status::Invalid(
        "--max-records: a log is read so far (--input); over topics `leat run` goes on until "
        "SIGINT or SIGTERM, or with --to-end to the end of what is in them");
  }
  if (live && !arguments.labels.empty()) {
    return Status::Invalid(
        "--labels: goes with a log (--input); over topics labels come in the records or from "
        "`label.kafka`");
  }
  if (!live && !arguments.instance.empty()) {
    return Status::Invalid("--instance: shares are of topics; a log is taken as a whole");
  }
  std::vector<SessionResult> results;
  if (live) {
    LEAT_ASSIGN_OR_RETURN(results, RunLive(config, options));
  } else {
    LEAT_ASSIGN_OR_RETURN(SessionResult result, RunSession(config, options));
    results.push_back(std::move(result));
  }
  for (const SessionResult& result : results) {
    LEAT_RETURN_IF_ERROR(Show(arguments, options, result));
  }
  return Status::Ok();
}

void AddShared(CLI::App* verb, Arguments* a) {
  verb->add_option("config", a->config, "The pipeline's YAML file")->required();
  verb->add_option("--input", a->input, "Read this log instead of source.file (- is stdin)");
  verb->add_option("--labels", a->labels, "Logs: read labels from this file instead of label.file");
  verb->add_option("--output", a->output,
                   "Folder for the sinks' files; over a log, for what would go to topics, too "
                   "(then out/NAME unless said)");
  verb->add_option("--max-records", a->max_records, "Logs: stop after so many records");
  verb->add_option("--report", a->html,
                   "Write the report as one HTML page; r.html of several shards is r-1.html, ...");
  verb->add_flag("--json", a->json,
                 "Print the report as JSON instead of a table: one line, a line each of several "
                 "shards");
  verb->add_flag("--quiet,-q", a->quiet, "No progress and no closing line on stderr");
}

}  // namespace

void AddReplay(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* verb = app.add_subcommand(
      "replay",
      "Backtest: a bounded log through a pipeline, throw-away state, a report at the end");
  AddShared(verb, arguments.get());
  verb->add_option("--from", arguments->from, "Pass over records before this time");
  verb->add_option("--to", arguments->to, "Pass over records at or after this time");
  verb->footer(
      "Example:\n  leat replay examples/fraud/fraud.yaml --input transactions.csv.zst "
      "--output out/fraud --report out/fraud/report.html");
  verb->callback(
      [arguments, &exit_code] { exit_code = ReportStatus(RunAndReport(*arguments, false)); });
}

void AddRun(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* verb = app.add_subcommand(
      "run",
      "Run a pipeline, live over topics or to the end of a file, and go on from its saved state "
      "next time");
  AddShared(verb, arguments.get());
  verb->add_option("--state", arguments->state, "Folder of the state instead of state.path");
  verb->add_flag("--fresh", arguments->fresh, "Start from nothing and replace the saved state");
  verb->add_flag("--rebuild", arguments->rebuild,
                 "Take the log again from its start: after a change of the configuration, or when "
                 "the state is lost; what was put out stays");
  verb->add_flag(
      "--accept-divergence", arguments->accept_divergence,
      "Go on from the last snapshot although the input gives something else than it did");
  verb->add_option("--instance", arguments->instance,
                   "Topics: which process of how many this is, such as 2/3, or any/3");
  verb->add_flag(
      "--to-end", arguments->to_end,
      "Topics: stop when all that is in them has been taken, instead of waiting for more");
  verb->footer(
      "Examples:\n  leat run examples/fraud/fraud.yaml --input transactions.csv.zst\n"
      "  leat run examples/kafka/card-fraud.yaml     until Ctrl-C or SIGTERM\n"
      "  leat run examples/kafka/card-fraud.yaml --to-end --report out/report.html");
  verb->callback(
      [arguments, &exit_code] { exit_code = ReportStatus(RunAndReport(*arguments, true)); });
}

}  // namespace leat
