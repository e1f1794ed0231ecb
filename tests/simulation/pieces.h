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
#include <vector>

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

/// The four sinks of a process.
class Sinks : public SinkSet {
 public:
  virtual Status Open(FileSystem& files, const std::optional<SinkLengths>& keep) = 0;
  virtual Status WriteHeader(std::string_view header) = 0;
  virtual Status Close() = 0;
};

/// As files of the simulated disk.
class DiskSinks final : public Sinks {
 public:
  /// `flush`: whether what was written goes to the disk now.
  explicit DiskSinks(std::function<bool()> flush) : flush_(std::move(flush)) {}
  Status Open(FileSystem& files, const std::optional<SinkLengths>& keep) override {
    for (size_t i = 0; i < kSinks.size(); ++i) {
      LEAT_ASSIGN_OR_RETURN(
          files_[i],
          FileSink::Open(kSinks[i], keep ? std::optional<uint64_t>((*keep)[i]) : std::nullopt,
                         files));
    }
    return Status::Ok();
  }
  Status WriteHeader(std::string_view header) override { return files_[0]->Append(header); }
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
  Status Close() override {
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

/// What brokers keep, whatever becomes of a process and its machine.
struct Topics {
  std::array<std::string, 4> bytes;  ///< That are committed.
  std::optional<CommitMark> mark;
  std::optional<CommitMark> before;  ///< The mark before it.
};

/// As topics, with a group that keeps marks. A commit is one step of the brokers': whoever asks for
/// it may end before it, or after it without having been told.
class TopicSinks final : public Sinks {
 public:
  /// `chance`: whether a mark is not seen yet, and whether what was sent last arrives after all.
  TopicSinks(Topics& topics, std::function<bool()> chance)
      : topics_(topics), chance_(std::move(chance)) {}
  Status Open(FileSystem& files, const std::optional<SinkLengths>& keep) override {
    static_cast<void>(keep);
    files_ = &files;
    return Status::Ok();
  }
  Status WriteHeader(std::string_view header) override {
    static_cast<void>(header);
    return Status::Ok();
  }
  Status Close() override { return Status::Ok(); }

  bool keeps_marks() const override { return true; }
  Result<std::optional<CommitMark>> Look() override {
    LEAT_RETURN_IF_ERROR(Reach());
    return chance_() ? topics_.before : topics_.mark;
  }
  Result<std::optional<CommitMark>> Take() override {
    LEAT_RETURN_IF_ERROR(Reach());
    return topics_.mark;
  }
  Status Claim(const CommitMark& mark, const Position& position) override {
    return Commit({}, mark, position);
  }
  /// What is not committed yet is seen by nobody, and lost with the process.
  bool sends_ahead() const override { return true; }
  Status Send(const Outputs& outputs) override {
    ahead_.push_back(outputs.parts()[0].size());
    return Reach();
  }
  Status Commit(std::span<const Outputs* const> outputs, const CommitMark& mark,
                const Position& position) override {
    static_cast<void>(position);
    for (size_t i = 0; i < ahead_.size(); ++i) {
      if (i == outputs.size() || outputs[i]->parts()[0].size() != ahead_[i]) {
        return Status::Corrupt("what was sent ahead is not what is committed");
      }
    }
    ahead_.clear();
    const Status sent = Reach();
    if (sent.ok() || chance_()) {
      for (const Outputs* const epoch : outputs) {
        const auto parts = epoch->parts();
        for (size_t i = 0; i < parts.size(); ++i) topics_.bytes[i] += parts[i];
      }
      topics_.before = std::exchange(topics_.mark, mark);
    }
    LEAT_RETURN_IF_ERROR(sent);
    return Reach();
  }
  Status WriteFiles(const Outputs& outputs) override {
    static_cast<void>(outputs);
    return Status::Ok();
  }
  Status Sync() override { return Status::Ok(); }
  std::array<bool, 4> in_files() const override { return {}; }
  SinkLengths lengths() const override { return {}; }

 private:
  /// An operation as any other: the process may end here, or be told that the brokers are gone.
  Status Reach() { return files_->Exists("brokers").status(); }

  Topics& topics_;
  std::function<bool()> chance_;
  FileSystem* files_ = nullptr;
  std::vector<size_t> ahead_;  ///< Bytes of predictions in what was sent since the last commit.
};

}  // namespace leat
