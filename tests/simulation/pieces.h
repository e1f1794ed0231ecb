/// What a run of a shard is made of, over simulated files.
#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "connectors/file/file_sink.h"
#include "record/memory_source.h"
#include "record/reader.h"
#include "runtime/shard.h"
#include "simulation/scenario.h"

namespace leat {

inline constexpr std::array<const char*, 4> kSinks = {"out/predictions", "out/events",
                                                      "out/metrics", "out/rejects"};

/// The inputs of a scenario, read from a position on.
class Inputs {
 public:
  explicit Inputs(const Scenario& scenario)
      : records_bytes_(scenario.records), labels_bytes_(scenario.labels) {}
  Status Open(const Scenario& scenario, const Position& start) {
    const Config& config = *scenario.config;
    LEAT_ASSIGN_OR_RETURN(records_, OpenReader(records_bytes_, config.schema, {}));
    LEAT_RETURN_IF_ERROR(records_->Skip(start.records));
    if (scenario.labels.empty()) return Status::Ok();
    LEAT_ASSIGN_OR_RETURN(labels_, OpenReader(labels_bytes_, LabelSchema(config), {}));
    return labels_->Skip(start.labels);
  }
  RecordReader& records() const { return *records_; }
  RecordReader* labels() const { return labels_.get(); }

 private:
  MemorySource records_bytes_, labels_bytes_;
  std::unique_ptr<RecordReader> records_, labels_;
};

/// The four sinks as files of the simulated disk.
class Sinks final : public SinkSet {
 public:
  /// `flush`: whether what was written goes to the disk now.
  explicit Sinks(std::function<bool()> flush) : flush_(std::move(flush)) {}
  Status Open(FileSystem& files, const std::optional<SinkLengths>& keep) {
    for (size_t i = 0; i < kSinks.size(); ++i) {
      LEAT_ASSIGN_OR_RETURN(
          files_[i],
          FileSink::Open(kSinks[i], keep ? std::optional<uint64_t>((*keep)[i]) : std::nullopt,
                         files));
    }
    return Status::Ok();
  }
  Status WriteHeader(std::string_view header) { return files_[0]->Append(header); }
  Status WriteFiles(const Outputs& outputs) override {
    const auto parts = outputs.parts();
    for (size_t i = 0; i < files_.size(); ++i) {
      if (!parts[i].empty()) LEAT_RETURN_IF_ERROR(files_[i]->Append(parts[i]));
    }
    if (!flush_()) return Status::Ok();
    for (const auto& file : files_) LEAT_RETURN_IF_ERROR(file->Flush());
    return Status::Ok();
  }
  Status Sync() override {
    for (const auto& file : files_) LEAT_RETURN_IF_ERROR(file->Sync());
    return Status::Ok();
  }
  Status Close() {
    for (const auto& file : files_) LEAT_RETURN_IF_ERROR(file->Close());
    return Status::Ok();
  }
  SinkLengths lengths() const override {
    SinkLengths lengths{};
    for (size_t i = 0; i < files_.size(); ++i) lengths[i] = files_[i]->length();
    return lengths;
  }

 private:
  std::function<bool()> flush_;
  std::array<std::unique_ptr<FileSink>, 4> files_;
};

}  // namespace leat
