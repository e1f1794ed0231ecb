/// Drives a pipeline over a MessageSource: messages as they come, until it is told to stop.
///
/// Messages are taken in the order in which they come; the journal keeps that order as runs, so a
/// replay takes them in the same one. An epoch ends when its time is over, or with so many records
/// or so much output. While nothing comes because there is nothing, event time goes on by the time
/// that has passed since the last message (a tick, journalled as well), so that labels are waited
/// for no longer than they should; while the brokers do not answer it stands still. A message is a
/// JSON object; one that is not, or is empty, or too large, is a reject. Threads: one that runs it;
/// Stop is for any. What is expected to be taken again is read and decoded by one of its own.
#pragma once

#include <array>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "leat/status.h"
#include "pipeline/config.h"
#include "pipeline/pipeline.h"
#include "record/json_members.h"
#include "record/record_decoder.h"
#include "runtime/driver.h"
#include "runtime/message_source.h"

namespace leat {

struct LiveOptions {
  std::chrono::microseconds epoch_time{100'000};
  uint64_t epoch_records = 50'000;
  size_t epoch_bytes = size_t{8} << 20;
  size_t batch = 512;  ///< Messages between two looks at the clock.
  /// How long before its time is over the outputs of an epoch begin to be handed on (Flow).
  std::chrono::microseconds flow = std::chrono::milliseconds(15);
  /// How long apart at least.
  std::chrono::microseconds flow_every = std::chrono::milliseconds(4);
  /// So many bytes of outputs are handed on earlier: what is sent soon is in the caches still, and
  /// so is the memory that it leaves. But no earlier than so long before the end, either: brokers
  /// give up a transaction that stays open for long.
  size_t flow_bytes = size_t{256} << 10;
  std::chrono::microseconds flow_bytes_within = std::chrono::seconds(1);
  /// Without a message for so long, though the brokers say that there is none, time goes on by
  /// ticks; 0: never.
  std::chrono::milliseconds idle{1'000};
  /// An epoch even if there is nothing in it: a group forgets offsets that are not committed.
  std::chrono::milliseconds heartbeat = std::chrono::hours(1);
  bool to_end = false;              ///< Stop when all that is in the inputs has been taken.
  bool envelopes = false;           ///< Predictions go out as messages (see Outputs::frames).
  std::function<void()> on_second;  ///< Called on the driver's thread about once a second.
};

class LiveDriver final : public Driver {
 public:
  /// `start` is where the pipeline stands. All outlive it.
  static Result<std::unique_ptr<LiveDriver>> Create(const Config& config, Pipeline& pipeline,
                                                    MessageSource& source, Position start,
                                                    const LiveOptions& options);

  /// The source wakes nobody any more.
  ~LiveDriver() override;

  const Position& position() const override { return position_; }
  void Expect(std::vector<Epoch> epochs) override;
  Status Replay(const Epoch& epoch, EpochSink& sink) override;
  /// By the messages' times over all inputs.
  Status Retake(const Epoch& until, EpochSink& sink) override;
  /// Takes what comes until Stop; then the epoch that was begun has ended.
  Status Run(EpochSink& sink);
  /// Ends Run soon.
  void Stop();

 private:
  using Clock = std::chrono::steady_clock;

  /// What messages of one kind are decoded with.
  struct Decoder {
    Decoder(RecordDecoder d, bool times) : decoder(std::move(d)), has_time(times) {}
    RecordDecoder decoder;
    bool has_time;  ///< Else the message's own counts.
  };
  struct Slot {
    std::unique_ptr<JsonMembers> members;  ///< What the texts of `record` belong to.
    std::unique_ptr<JsonMembers> label_members;
    std::string json;  ///< The payload with room behind it.
    Record record;
    Reject reject;
    bool taken = false;  ///< Whether `record` is one; else `reject`.
  };

  /// Messages of an epoch, decoded.
  struct Lot {
    std::vector<Message> messages;
    std::vector<std::shared_ptr<const void>> held;  ///< What the messages lie in.
    std::vector<Slot> slots;                        ///< One a message, or more.
    bool last = false;                              ///< Of its epoch.
    Status status;
  };
  class Rereading;

  LiveDriver(const Config& config, Pipeline& pipeline, MessageSource& source, Position start,
             const LiveOptions& options);
  Status Init();
  void Decode(const Message& message, uint64_t number, Slot& slot);
  bool DecodeInto(const Message& message, Slot& slot);
  bool IsLabel(const Message& message) const { return labels_of_[message.input]; }
  void AddMembers(Slot& slot) const;
  void Take(std::span<const Message> messages);
  template <typename SlotOf>
  void Take(std::span<const Message> messages, SlotOf slot_of);
  Status ReadEpoch(const Epoch& epoch, Lot& whole);
  void Step(const Message& message, Slot& slot);
  void NoteRun(const Message& message);
  void NoteMark(const Message& message);
  Status EndEpoch(EpochSink& sink);
  void Tick(EventTime time);
  Status IdleTick(EpochSink& sink);
  Status EndLiveEpoch(EpochSink& sink);
  void Wait(Clock::time_point until);
  std::vector<int64_t> Nexts() const;
  bool stopped() const;

  const Config& config_;
  Pipeline& pipeline_;
  MessageSource& source_;
  const LiveOptions options_;
  Position position_;
  std::optional<Decoder> records_, labels_;
  std::vector<std::string> origins_;  ///< Of each input,
  std::vector<char> labels_of_;       ///< and whether it has labels.
  bool number_is_id_ = false;
  std::array<Slot, Ahead::kFar + Ahead::kId> slots_;

  Outputs out_;
  std::vector<InputRun> runs_;  ///< Of this epoch.
  std::optional<EventTime> tick_;
  uint64_t in_epoch_ = 0;

  Clock::time_point last_record_;  ///< When the last message was taken,
  EventTime time_then_;            ///< and the pipeline's time after it.
  Clock::time_point committed_;    ///< When the last epoch ended.

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool ready_ = false, stop_ = false;
  std::unique_ptr<Rereading> rereading_;  ///< What is expected, as long as there is any.
};

}  // namespace leat
