#include "cli/file_sinks.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>

namespace leat {

Result<std::unique_ptr<FileSinks>> FileSinks::Open(const SinkNames& paths,
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

Status FileSinks::WriteFiles(const Outputs& outputs) {
  const auto parts = outputs.parts();
  for (size_t i = 0; i < files_.size(); ++i) {
    if (files_[i] && !parts[i].empty()) LEAT_RETURN_IF_ERROR(files_[i]->Append(parts[i]));
  }
  return Status::Ok();
}

Status FileSinks::WriteHeader(std::string_view bytes) {
  return files_[0] ? files_[0]->Append(bytes) : Status::Ok();
}

Status FileSinks::Sync() {
  for (const auto& file : files_) {
    if (file) LEAT_RETURN_IF_ERROR(file->Sync());
  }
  return Status::Ok();
}

Status FileSinks::Close() {
  for (const auto& file : files_) {
    if (file) LEAT_RETURN_IF_ERROR(file->Close());
  }
  return Status::Ok();
}

SinkLengths FileSinks::lengths() const {
  SinkLengths lengths{};
  for (size_t i = 0; i < files_.size(); ++i) lengths[i] = files_[i] ? files_[i]->length() : 0;
  return lengths;
}

SinkNames SinkPaths(const SinkConfig& sinks, const std::string& folder, TopicSinks topics) {
  SinkNames paths = {sinks.predictions, sinks.events, sinks.metrics, sinks.rejects};
  if (folder.empty()) return paths;
  static constexpr std::array<const char*, 4> kNames = {"predictions.jsonl", "events.jsonl",
                                                        "metrics.jsonl", "rejects.jsonl"};
  for (size_t i = 0; i < paths.size(); ++i) {
    std::string& path = paths[i];
    if (!sinks.topics[i].empty() && topics == TopicSinks::kFiles) path = kNames[i];
    if (path.empty() || path == "-") continue;
    path = (std::filesystem::path(folder) / std::filesystem::path(path).filename()).string();
  }
  return paths;
}

Status CheckApart(const SinkNames& sinks, std::span<const std::string> inputs) {
  for (const std::string& sink : sinks) {
    for (const std::string& input : inputs) {
      if (sink.empty() || input.empty() || input == "-") continue;
      std::error_code error;  // A file that is not there is no input.
      if (!std::filesystem::equivalent(sink, input, error)) continue;
      return Status::Invalid(fmt::format(
          "{}: a sink would overwrite this input; give the sinks other names, or --output a folder",
          sink));
    }
  }
  return Status::Ok();
}

std::string ShardPath(const std::string& path, int64_t number) {
  std::filesystem::path own(path);
  own.replace_filename(
      fmt::format("{}-{}{}", own.stem().string(), number, own.extension().string()));
  return own.string();
}

SinkLengths LengthsNow(const SinkNames& paths) {
  SinkLengths lengths{};
  for (size_t i = 0; i < paths.size(); ++i) {
    std::error_code error;
    const auto size = std::filesystem::file_size(paths[i], error);
    if (!error) lengths[i] = size;
  }
  return lengths;
}

bool HaveWritten(const SinkNames& paths, const SinkLengths& lengths) {
  for (size_t i = 0; i < paths.size(); ++i) {
    std::error_code error;
    if (!paths[i].empty() && std::filesystem::file_size(paths[i], error) < lengths[i]) return false;
    if (error && lengths[i] > 0) return false;
  }
  return true;
}

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

}  // namespace leat
