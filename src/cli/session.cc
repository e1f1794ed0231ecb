#include "cli/session.h"

#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <iostream>

#include "cli/file_sinks.h"
#include "cli/progress.h"
#include "cli/run_state.h"
#include "connectors/file/file_source.h"
#include "record/log_name.h"
#include "record/merged_reader.h"
#include "runtime/event_loop.h"
#include "runtime/log_driver.h"

namespace leat {
namespace {

/// A file with its reader.
struct OpenedInput {
  std::unique_ptr<ByteSource> bytes;
  std::unique_ptr<RecordReader> reader;
};

Result<OpenedInput> OpenInput(const std::string& path, const Schema& schema,
                              const SourceConfig& source, bool of_several = false) {
  OpenedInput input;
  LEAT_ASSIGN_OR_RETURN(input.bytes, OpenFile(path));
  ReaderOptions options;
  options.format = source.format_said ? source.format : FormatOfName(path).value_or(source.format);
  options.delimiter = source.delimiter;
  options.absent_is_missing = of_several;
  options.max_record_bytes = static_cast<size_t>(source.max_record_bytes);
  LEAT_ASSIGN_OR_RETURN(input.reader, OpenReader(*input.bytes, schema, options));
  return input;
}

/// Writes each epoch at once: for runs whose state is thrown away.
class DirectSink final : public EpochSink {
 public:
  explicit DirectSink(SinkSet& sinks) : sinks_(sinks) {}
  Status Commit(const EpochEnd&, Outputs& outputs) override { return sinks_.WriteFiles(outputs); }

 private:
  SinkSet& sinks_;
};

}  // namespace

Result<SessionResult> RunSession(const Config& config, const SessionOptions& options) {
  const auto started = std::chrono::steady_clock::now();
  std::atomic<bool> snapshot_due = false;
  EventLoop loop;  // Ends before what its timers use.
  LEAT_ASSIGN_OR_RETURN(std::unique_ptr<Pipeline> pipeline, Pipeline::Create(config));

  const SinkNames paths = SinkPaths(config.sinks, options.output, TopicSinks::kFiles);
  const std::string path = options.input.empty() ? config.source.file : options.input;
  const std::string label_path = options.labels.empty() ? config.label.file : options.labels;
  std::vector<std::string> inputs = config.source.also;
  inputs.insert(inputs.end(), {path, label_path});
  LEAT_RETURN_IF_ERROR(CheckApart(paths, inputs));

  std::unique_ptr<FileSinks> sinks;
  RunState state;  // Ends before what it uses.
  if (!options.state.empty()) {
    ShardOptions shard;
    shard.fresh = options.fresh;
    shard.rebuild = options.rebuild;
    shard.accept_divergence = options.accept_divergence;
    shard.sinks = paths;
    shard.written = [paths](const SinkLengths& lengths) { return HaveWritten(paths, lengths); };
    shard.snapshot_due = [&] { return snapshot_due.exchange(false); };
    LEAT_ASSIGN_OR_RETURN(state,
                          RunState::Open(options.state, std::move(shard), config, *pipeline));
    loop.Every(std::chrono::milliseconds(config.snapshot_every / kMillisecond),
               [&] { snapshot_due = true; });
  }
  Shard* const shard = state.shard.get();

  if (path.empty()) {
    return Status::Invalid(config.source.kafka.topics.empty()
                               ? "source.file: no input is named; add it or --input"
                               : "source.kafka: `replay` takes a log: name one with --input");
  }
  LEAT_ASSIGN_OR_RETURN(OpenedInput input,
                        OpenInput(path, config.schema, config.source, !config.source.also.empty()));
  std::vector<OpenedInput> further;
  if (!config.source.also.empty()) {
    std::vector<std::unique_ptr<RecordReader>> readers;
    readers.push_back(std::move(input.reader));
    for (const std::string& also : config.source.also) {
      LEAT_ASSIGN_OR_RETURN(OpenedInput one, OpenInput(also, config.schema, config.source, true));
      readers.push_back(std::move(one.reader));
      further.push_back(std::move(one));
    }
    input.reader = MergeReaders(std::move(readers));
  }
  OpenedInput labels;
  if (config.has_label && config.label.separate()) {
    if (label_path.empty() || config.label.time.empty()) {
      return Status::Invalid(
          "label.kafka: labels come from a topic; to take a log, name that of the labels with "
          "--labels, and the column that says when each became known with label.time");
    }
    SourceConfig source = config.source;
    source.format_said = false;  // Of the records.
    LEAT_ASSIGN_OR_RETURN(labels, OpenInput(label_path, LabelSchema(config), source));
  }
  const Position start = shard != nullptr ? shard->start() : Position{};
  LEAT_RETURN_IF_ERROR(input.reader->Skip(start.records));
  if (labels.reader) LEAT_RETURN_IF_ERROR(labels.reader->Skip(start.labels));

  std::optional<SinkLengths> kept;
  if (shard != nullptr) {
    LEAT_ASSIGN_OR_RETURN(kept, KeptLengths(*shard, paths, pipeline->PredictionsHeader()));
    for (const std::string& change : shard->changes()) std::cerr << "leat: " << change << '\n';
  }
  LEAT_ASSIGN_OR_RETURN(sinks, FileSinks::Open(paths, kept));
  if (sinks->lengths()[0] == 0) {
    LEAT_RETURN_IF_ERROR(sinks->WriteHeader(pipeline->PredictionsHeader()));
  }
  LogDriver driver(*pipeline, *input.reader, labels.reader.get(), start);
  DirectSink direct(*sinks);
  EpochSink& epochs = shard != nullptr ? static_cast<EpochSink&>(*shard) : direct;
  if (shard != nullptr) LEAT_RETURN_IF_ERROR(shard->Recover(driver, *sinks));

  const uint64_t recovered = driver.position().records;
  const double ready =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  Progress progress(config.name, options.progress);
  DriveOptions drive;
  drive.max_records = options.max_records;
  drive.from = options.from;
  drive.to = options.to;
  drive.on_batch = [&](uint64_t records) {
    progress.Update(records - recovered, input.bytes->consumed(), input.bytes->total());
    return !loop.stop_requested();
  };
  const Result<bool> at_end = driver.Run(epochs, drive);
  progress.Finish();
  if (!at_end.ok()) return at_end.status();
  if (*at_end) {
    LEAT_RETURN_IF_ERROR(driver.Finish(epochs, shard != nullptr ? &shard->last() : nullptr));
  }
  if (shard != nullptr) LEAT_RETURN_IF_ERROR(shard->Close());

  SessionResult result;
  LEAT_RETURN_IF_ERROR(sinks->Close());
  result.report = pipeline->MakeReport();
  result.report.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  result.records = driver.position().records - recovered;
  result.at_end = *at_end;
  result.ready = ready;
  if (shard != nullptr) result.durable = shard->figures();
  return result;
}

}  // namespace leat
