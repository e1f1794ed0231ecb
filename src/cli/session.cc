#include "cli/session.h"

#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "cli/progress.h"
#include "connectors/file/file_sink.h"
#include "connectors/file/file_source.h"
#include "runtime/event_loop.h"
#include "runtime/folder_lock.h"
#include "runtime/shard.h"
#include "state/rocksdb/rocksdb_store.h"

namespace leat {
namespace {

/// The four sinks as files.
class FileSinks final : public SinkSet {
 public:
  static Result<std::unique_ptr<FileSinks>> Open(const SinkNames& paths,
                                                 const std::optional<SinkLengths>& keep) {
    auto sinks = std::make_unique<FileSinks>();
    for (size_t i = 0; i < paths.size(); ++i) {
      if (paths[i].empty()) continue;
      const std::filesystem::path folder = std::filesystem::path(paths[i]).parent_path();
      std::error_code error;
      if (!folder.empty()) std::filesystem::create_directories(folder, error);
      if (error) {
        return Status::Io(fmt::format("{}: {}", folder.string(), error.message()));
      }
      LEAT_ASSIGN_OR_RETURN(
          sinks->files_[i],
          FileSink::Open(paths[i], keep ? std::optional<uint64_t>((*keep)[i]) : std::nullopt));
    }
    return sinks;
  }

  Status WriteFiles(const Outputs& outputs) override {
    const auto parts = outputs.parts();
    for (size_t i = 0; i < files_.size(); ++i) {
      if (files_[i] && !parts[i].empty()) LEAT_RETURN_IF_ERROR(files_[i]->Append(parts[i]));
    }
    return Status::Ok();
  }
  Status WritePredictions(std::string_view bytes) {
    return files_[0] ? files_[0]->Append(bytes) : Status::Ok();
  }
  Status Sync() override {
    for (const auto& file : files_) {
      if (file) LEAT_RETURN_IF_ERROR(file->Sync());
    }
    return Status::Ok();
  }
  Status Close() {
    for (const auto& file : files_) {
      if (file) LEAT_RETURN_IF_ERROR(file->Close());
    }
    return Status::Ok();
  }
  SinkLengths lengths() const override {
    SinkLengths lengths{};
    for (size_t i = 0; i < files_.size(); ++i) lengths[i] = files_[i] ? files_[i]->length() : 0;
    return lengths;
  }

 private:
  std::array<std::unique_ptr<FileSink>, 4> files_;
};

SinkNames SinkPaths(const SinkConfig& sinks, const std::string& folder) {
  SinkNames paths = {sinks.predictions, sinks.events, sinks.metrics, sinks.rejects};
  if (folder.empty()) return paths;
  for (std::string& path : paths) {
    if (path.empty() || path == "-") continue;
    path = (std::filesystem::path(folder) / std::filesystem::path(path).filename()).string();
  }
  return paths;
}

RecordFormat FormatOf(const std::string& path, RecordFormat configured) {
  const auto has = [&](std::string_view part) { return path.find(part) != std::string::npos; };
  if (has(".jsonl") || has(".ndjson") || has(".json")) return RecordFormat::kJsonLines;
  if (has(".csv") || has(".tsv")) return RecordFormat::kCsv;
  return configured;
}

/// A file with its reader.
struct OpenedInput {
  std::unique_ptr<ByteSource> bytes;
  std::unique_ptr<RecordReader> reader;
};

Result<OpenedInput> OpenInput(const std::string& path, const Schema& schema,
                              const SourceConfig& source) {
  OpenedInput input;
  LEAT_ASSIGN_OR_RETURN(input.bytes, OpenFile(path));
  ReaderOptions options;
  options.format = FormatOf(path, source.format);
  options.delimiter = source.delimiter;
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

/// What a run with a state folder holds open; destroyed in reverse.
struct OpenedState {
  std::unique_ptr<FolderLock> lock;
  std::unique_ptr<RocksStorage> storage;
  std::unique_ptr<Shard> shard;
};

/// Whether the files are as long as `lengths` says.
bool HaveWritten(const SinkNames& paths, const SinkLengths& lengths) {
  for (size_t i = 0; i < paths.size(); ++i) {
    std::error_code error;
    if (!paths[i].empty() && std::filesystem::file_size(paths[i], error) < lengths[i]) return false;
    if (error && lengths[i] > 0) return false;
  }
  return true;
}

/// How much of each file stays. One under another name that is not there yet is new. Predictions
/// go on only under the same columns.
Result<std::optional<SinkLengths>> KeptLengths(const Shard& shard, const SinkNames& paths,
                                               const std::string& header) {
  std::optional<SinkLengths> kept = shard.kept();
  if (!kept) return kept;
  for (size_t i = 0; i < paths.size(); ++i) {
    std::error_code error;
    if (paths[i] != shard.sinks()[i] && !std::filesystem::exists(paths[i], error)) (*kept)[i] = 0;
  }
  if ((*kept)[0] > 0 && !header.empty()) {
    std::ifstream file(paths[0], std::ios::binary);
    std::string found(header.size(), '\0');
    file.read(found.data(), static_cast<std::streamsize>(found.size()));
    if (file && found != header) {
      return Status::Corrupt(fmt::format(
          "{}: it has other columns than the predictions have now; name another file in "
          "sinks.predictions, such as one that ends in .jsonl",
          paths[0]));
    }
  }
  return kept;
}

Result<OpenedState> OpenState(const Config& config, const SessionOptions& options,
                              const SinkNames& sinks, Pipeline& pipeline,
                              std::atomic<bool>& snapshot_due) {
  OpenedState state;
  LEAT_RETURN_IF_ERROR(PosixFiles().MakeFolders(options.state));
  LEAT_ASSIGN_OR_RETURN(state.lock, FolderLock::Take(options.state));
  RocksStoreOptions store;
  store.folder = (std::filesystem::path(options.state) / "store").string();
  store.memory = static_cast<uint64_t>(config.state_memory) / 8;
  state.storage = std::make_unique<RocksStorage>(store);
  ShardOptions shard;
  shard.folder = options.state;
  shard.fresh = options.fresh;
  shard.rebuild = options.rebuild;
  shard.accept_divergence = options.accept_divergence;
  shard.memory = static_cast<uint64_t>(config.state_memory);
  shard.snapshot_due = [&] { return snapshot_due.exchange(false); };
  shard.sinks = sinks;
  shard.written = [sinks](const SinkLengths& lengths) { return HaveWritten(sinks, lengths); };
  LEAT_ASSIGN_OR_RETURN(state.shard, Shard::Open(shard, config, pipeline, *state.storage));
  return state;
}

}  // namespace

Result<SessionResult> RunSession(const Config& config, const SessionOptions& options) {
  const auto started = std::chrono::steady_clock::now();
  EventLoop loop;
  LEAT_ASSIGN_OR_RETURN(std::unique_ptr<Pipeline> pipeline, Pipeline::Create(config));

  const SinkNames paths = SinkPaths(config.sinks, options.output);
  std::atomic<bool> snapshot_due = false;
  std::unique_ptr<FileSinks> sinks;
  OpenedState state;  // Ends before what it uses.
  if (!options.state.empty()) {
    LEAT_ASSIGN_OR_RETURN(state, OpenState(config, options, paths, *pipeline, snapshot_due));
    loop.Every(std::chrono::milliseconds(config.snapshot_every / kMillisecond),
               [&] { snapshot_due = true; });
  }
  Shard* const shard = state.shard.get();

  const std::string path = options.input.empty() ? config.source.file : options.input;
  if (path.empty()) return Status::Invalid("source.file: no input is named; add it or --input");
  LEAT_ASSIGN_OR_RETURN(OpenedInput input, OpenInput(path, config.schema, config.source));
  OpenedInput labels;
  const std::string label_path = options.labels.empty() ? config.label.file : options.labels;
  if (config.has_label && !config.label.file.empty()) {
    LEAT_ASSIGN_OR_RETURN(labels, OpenInput(label_path, LabelSchema(config), config.source));
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
    LEAT_RETURN_IF_ERROR(sinks->WritePredictions(pipeline->PredictionsHeader()));
  }
  Driver driver(*pipeline, *input.reader, labels.reader.get(), start);
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
  if (*at_end) LEAT_RETURN_IF_ERROR(driver.Finish(epochs));
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
