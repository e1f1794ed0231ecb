/// What both kinds of sinks have in common: files beside the topics, notes, figures, a look at the
/// group.
#pragma once

#include <atomic>
#include <deque>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "connectors/kafka/kafka_sinks.h"
#include "connectors/kafka/producer.h"

namespace leat::kafka {

class SinkBase : public KafkaSinks {
 public:
  explicit SinkBase(const SinkOptions& options) : options_(options) {}

  bool keeps_marks() const override { return true; }
  void TakeAnyOffsets() override { options_.any_offsets = true; }
  void LookAhead() override;
  void UseFiles(SinkSet* files) override { files_ = files; }
  Result<std::optional<CommitMark>> Look() override;
  Status WriteFiles(const Outputs& outputs) override;
  Status Sync() override;
  std::array<bool, 4> in_files() const override;
  SinkLengths lengths() const override;
  SinkFigures figures() const override;
  void Note(size_t sink, std::string payload) override;

 protected:
  /// Invalid if a position is not one of our inputs.
  Status CheckPosition(const Position& position) const;
  /// A new producer, ready to send.
  Result<std::unique_ptr<Producer>> MakeProducer(bool transactional);
  std::vector<Loose> TakeNotes();
  /// Another process has committed `found` where we would commit `mark`.
  Status FencedBy(const CommitMark& found, const CommitMark& mark) const;
  void AddTime(double seconds);

  SinkOptions options_;
  SinkSet* files_ = nullptr;
  std::atomic<uint64_t> transactions_ = 0, aborted_ = 0, unknown_committed_ = 0, unknown_lost_ = 0,
                        producers_ = 0;

 private:
  Result<std::optional<CommitMark>> ReadMark();

  std::future<Result<std::optional<CommitMark>>> look_;  ///< What was begun ahead.
  mutable std::mutex mutex_;                             ///< Over what follows.
  std::vector<Loose> notes_;
  std::vector<double> times_;  ///< Of the last commits, as a ring.
  size_t next_time_ = 0;
};

std::unique_ptr<KafkaSinks> MakeExactlyOnce(const SinkOptions& options);
std::unique_ptr<KafkaSinks> MakeAtLeastOnce(const SinkOptions& options);

}  // namespace leat::kafka
