#include "runtime/live_driver.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <thread>
#include <utility>

#include "base/hash.h"
#include "base/prefetch.h"
#include "base/text.h"
#include "record/input_buffer.h"
#include "record/readers.h"
#include "record/reject_codes.h"

namespace leat {
namespace {

/// Messages of one input that are looked at together when the order of several is to be found.
constexpr size_t kRetakeBatch = 256;

/// When brokers that did not answer are asked again.
constexpr std::chrono::seconds kAskAgain(1);

/// Without a message for so long, it is asked whether the inputs have been read to their ends.
constexpr std::chrono::milliseconds kSilence(300);

/// How long nothing is looked after at the most while nothing comes.
constexpr std::chrono::milliseconds kLook(1'000);

/// How far before it is decoded the text of a message is fetched, and how much of it: what follows
/// comes by itself.
constexpr size_t kPayloads = 6, kPayloadBytes = 256;

/// False if it is not within the years 1 to 9999. A message without a time is of 1970.
bool TimeOf(const Message& message, EventTime& time) {
  if (message.timestamp > kMaxMicros / kMillisecond) return false;
  time = {std::max<int64_t>(message.timestamp, 0) * kMillisecond};
  return true;
}

}  // namespace

Result<std::unique_ptr<LiveDriver>> LiveDriver::Create(const Config& config, Pipeline& pipeline,
                                                       MessageSource& source, Position start,
                                                       const LiveOptions& options) {
  std::unique_ptr<LiveDriver> driver(
      new LiveDriver(config, pipeline, source, std::move(start), options));
  LEAT_RETURN_IF_ERROR(driver->Init());
  return driver;
}

Status LiveDriver::Init() {
  LEAT_ASSIGN_OR_RETURN(RecordDecoder records, RecordDecoder::Compile(config_.schema, false));
  records_.emplace(std::move(records), !config_.schema.time_column.empty());
  if (!config_.label.topic.empty()) {
    LEAT_ASSIGN_OR_RETURN(RecordDecoder labels,
                          RecordDecoder::Compile(LabelSchema(config_), false));
    labels_.emplace(std::move(labels), !config_.label.time.empty());
  }
  for (Slot& slot : slots_) AddMembers(slot);
  for (const InputPartition& input : source_.inputs()) {
    labels_of_.push_back(input.labels);
    std::string origin = "\"topic\":";
    AppendJsonString(origin, input.topic);
    origin += fmt::format(",\"partition\":{}", input.number);
    origins_.push_back(std::move(origin));
  }
  number_is_id_ = config_.schema.id_column.empty();
  position_.inputs.resize(source_.inputs().size());
  return Status::Ok();
}

void LiveDriver::AddMembers(Slot& slot) const {
  slot.members = std::make_unique<JsonMembers>(records_->decoder.columns());
  if (labels_) slot.label_members = std::make_unique<JsonMembers>(labels_->decoder.columns());
}

// ---- One message ----

bool LiveDriver::DecodeInto(const Message& message, Slot& slot) {
  Record& record = slot.record;
  const bool is_label = IsLabel(message);
  if (message.tombstone || message.payload.empty()) {
    slot.reject = {message.tombstone ? reject::kTombstone : reject::kEmpty,
                   "the message has no content"};
    return false;
  }
  const auto most = static_cast<size_t>(config_.source.max_record_bytes);
  if (message.payload.size() > most) {
    record.raw = message.payload.substr(0, std::min(most, InputBuffer::kPrefix));
    slot.reject = {reject::kTooLarge, "the message is larger than max_record_bytes"};
    return false;
  }
  slot.json.resize(message.payload.size() + InputBuffer::kPadding);
  std::memcpy(slot.json.data(), message.payload.data(), message.payload.size());
  JsonMembers& members = is_label ? *slot.label_members : *slot.members;
  const Decoder& decoder = is_label ? *labels_ : *records_;
  if (!members.Read({slot.json.data(), message.payload.size()}, slot.reject)) return false;
  if (!decoder.decoder.Decode(members.texts(), record, slot.reject)) return false;
  if (decoder.has_time || TimeOf(message, record.time)) return true;
  slot.reject = {reject::kBadTime,
                 fmt::format("the message's time, {}, is no number of milliseconds since 1970 that "
                             "is before the year 10000",
                             message.timestamp)};
  return false;
}

/// `number` is the record's among all that were taken, from 1.
void LiveDriver::Decode(const Message& message, uint64_t number, Slot& slot) {
  Record& record = slot.record;
  record.number = number;
  record.line = static_cast<uint64_t>(message.offset);
  record.origin = origins_[message.input];
  record.raw = message.payload;
  if (number_is_id_) LendNumber(record);
  slot.taken = DecodeInto(message, slot);
}

void LiveDriver::NoteRun(const Message& message) {
  if (runs_.empty() || runs_.back().input != message.input) {
    runs_.push_back({message.input, message.offset, message.offset, 1});
    return;
  }
  runs_.back().last = message.offset;
  ++runs_.back().count;
}

void LiveDriver::NoteMark(const Message& message) {
  position_.inputs[message.input] = {message.offset + 1, message.offset, message.timestamp,
                                     Hash64(message.payload)};
}

void LiveDriver::Step(const Message& message, Slot& slot) {
  NoteRun(message);
  ++in_epoch_;
  if (IsLabel(message)) {
    ++position_.labels;
    if (slot.taken) {
      pipeline_.StepLabel(slot.record, out_);
    } else {
      pipeline_.StepLabelReject(slot.record, slot.reject, out_);
    }
    return;
  }
  ++position_.records;
  if (!slot.taken) return pipeline_.StepReject(slot.record, slot.reject, out_);
  const size_t before = out_.predictions.size();
  pipeline_.Step(slot.record, out_);
  if (!options_.envelopes || out_.predictions.size() == before) return;
  out_.frames.push_back(
      {static_cast<uint32_t>(out_.predictions.size() - before),
       static_cast<uint32_t>(message.key.size()), static_cast<uint32_t>(slot.record.id_text.size()),
       static_cast<uint32_t>(message.traceparent.size()), message.key.data() != nullptr});
  out_.envelopes += message.key;
  out_.envelopes += slot.record.id_text;
  out_.envelopes += message.traceparent;
}

/// Takes messages in order; some are decoded ahead, so that the memory that they will need can be
/// fetched.
void LiveDriver::Take(std::span<const Message> messages) {
  // Labels have numbers of their own; only those of records can be ids.
  uint64_t number = position_.records;
  Take(messages, [&, decoded = size_t{0}](size_t i) mutable -> Slot& {
    Slot& slot = slots_[i % slots_.size()];
    if (i == decoded) {
      if (i + kPayloads < messages.size()) {
        const std::string_view text = messages[i + kPayloads].payload;
        PrefetchBytes(text.data(), std::min(text.size(), kPayloadBytes));
      }
      Decode(messages[i], IsLabel(messages[i]) ? 0 : ++number, slot);
      ++decoded;
    }
    return slot;
  });
}

/// `slot_of` is asked for each message first in their order, and then again while it is among the
/// last kFar + kId.
template <typename SlotOf>
void LiveDriver::Take(std::span<const Message> messages, SlotOf slot_of) {
  const auto prefetch = [&](size_t i, FetchStage stage) {
    if (i >= messages.size()) return;
    const Slot& slot = slot_of(i);
    if (!slot.taken) return;
    if (!IsLabel(messages[i])) {
      pipeline_.Prefetch(slot.record, stage);
    } else if (stage != FetchStage::kStore) {
      pipeline_.PrefetchLabel(slot.record, stage);
    }
  };
  const bool far = pipeline_.has_cold_keys();
  const size_t ahead = far ? Ahead::kFar : Ahead::kNear;
  size_t decoded = 0, come = 0, expected = 0;
  for (size_t i = 0; i < messages.size(); ++i) {
    for (; decoded < messages.size() && decoded < i + ahead + Ahead::kId; ++decoded) {
      if (const Slot& slot = slot_of(decoded); slot.taken) pipeline_.PrefetchId(slot.record.id);
    }
    for (; come < messages.size() && come < i + ahead; ++come) prefetch(come, FetchStage::kIndex);
    for (expected = std::max(expected, i); far && expected + Ahead::kIndexed < come; ++expected) {
      prefetch(expected, FetchStage::kStore);
    }
    prefetch(i + Ahead::kBlock, FetchStage::kBlock);
    prefetch(i + Ahead::kEvents, FetchStage::kEvents);
    Step(messages[i], slot_of(i));
  }
  // The last message of an input says where that stands.
  for (size_t i = messages.size(), left = position_.inputs.size(); i > 0 && left > 0; --i) {
    const Message& message = messages[i - 1];
    if (message.offset < position_.inputs[message.input].next) continue;
    NoteMark(message);
    --left;
  }
}

// ---- Epochs ----

Status LiveDriver::EndEpoch(EpochSink& sink) {
  // What was computed without state that could not be read back must not leave the process.
  LEAT_RETURN_IF_ERROR(pipeline_.status());
  EpochEnd end{position_, false, tick_, std::exchange(runs_, {})};
  const Status committed = sink.Commit(end, out_);
  runs_ = std::move(end.runs);  // Their memory.
  runs_.clear();
  in_epoch_ = 0;
  tick_.reset();
  out_.clear();
  return committed;
}

void LiveDriver::Tick(EventTime time) {
  tick_ = time;
  pipeline_.Tick(time, out_);
}

// ---- What was taken before ----

/// The messages of an epoch. Runs are short where several inputs were merged, so what an input has
/// in the epoch is read as one.
Status LiveDriver::ReadEpoch(const Epoch& epoch, Lot& whole) {
  std::vector<std::span<const Message>> read(source_.inputs().size());
  std::vector<uint64_t> counts(read.size());
  for (const InputRun& run : epoch.runs) {
    if (run.input >= counts.size()) {
      return Status::Corrupt("the journal names a partition that the state has not got");
    }
    counts[run.input] += run.count;
  }
  for (uint32_t i = 0; i < read.size(); ++i) {
    if (counts[i] == 0) continue;
    LEAT_ASSIGN_OR_RETURN(MessageBatch batch, source_.Read(i, counts[i], counts[i]));
    read[i] = batch.messages;
    whole.held.push_back(std::move(batch.held));
  }
  for (const InputRun& run : epoch.runs) {
    const auto messages = read[run.input].first(run.count);
    read[run.input] = read[run.input].subspan(run.count);
    if (messages.empty() || messages.front().offset != run.first ||
        messages.back().offset != run.last) {
      const InputPartition& input = source_.inputs()[run.input];
      return Status::Corrupt(fmt::format(
          "{} partition {} gave offsets {} to {} where {} to {} had been read: messages "
          "were deleted, or the topic is another one; --rebuild or --fresh",
          input.topic, input.number, messages.empty() ? -1 : messages.front().offset,
          messages.empty() ? -1 : messages.back().offset, run.first, run.last));
    }
    whole.messages.insert(whole.messages.end(), messages.begin(), messages.end());
  }
  return Status::Ok();
}

/// Reads epochs again and decodes their messages, on a thread of its own: a few lots ahead.
class LiveDriver::Rereading {
 public:
  Rereading(LiveDriver& driver, std::vector<Epoch> epochs)
      : driver_(driver), left_(epochs.size()), number_(driver.position_.records) {
    for (size_t i = 0; i < kLots; ++i) free_.push_back(std::make_unique<Lot>());
    thread_ = std::thread([this, epochs = std::move(epochs)] { Run(epochs); });
  }
  ~Rereading() {
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
      changed_.notify_all();
    }
    thread_.join();
  }

  /// Takes the next epoch; false once it was the last one.
  Result<bool> TakeNext() {
    for (bool last = false; !last;) {
      std::unique_ptr<Lot> lot;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return !ready_.empty(); });
        lot = std::move(ready_.front());
        ready_.pop_front();
      }
      LEAT_RETURN_IF_ERROR(lot->status);
      driver_.Take(lot->messages, [&](size_t i) -> Slot& { return lot->slots[i]; });
      last = lot->last;
      const std::lock_guard lock(mutex_);
      free_.push_back(std::move(lot));
      changed_.notify_all();
    }
    return --left_ > 0;
  }

 private:
  static constexpr size_t kLots = 4, kMessages = 256;

  void Run(const std::vector<Epoch>& epochs) {
    for (const Epoch& epoch : epochs) {
      Lot whole;
      whole.status = driver_.ReadEpoch(epoch, whole);
      const std::span<const Message> messages = whole.messages;
      size_t at = 0;
      do {
        std::unique_ptr<Lot> lot = Free();
        if (!lot) return;
        const auto part = messages.subspan(at, std::min(kMessages, messages.size() - at));
        at += part.size();
        lot->messages.assign(part.begin(), part.end());
        lot->held = whole.held;
        lot->status = whole.status;
        lot->last = at == messages.size();
        while (lot->slots.size() < part.size()) driver_.AddMembers(lot->slots.emplace_back());
        for (size_t i = 0; i < part.size(); ++i) {
          driver_.Decode(part[i], driver_.IsLabel(part[i]) ? 0 : ++number_, lot->slots[i]);
        }
        const std::lock_guard lock(mutex_);
        ready_.push_back(std::move(lot));
        changed_.notify_all();
      } while (at < messages.size());
      if (!whole.status.ok()) return;
    }
  }
  /// None once nobody asks any more.
  std::unique_ptr<Lot> Free() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !free_.empty() || ended_; });
    if (ended_) return nullptr;
    std::unique_ptr<Lot> lot = std::move(free_.back());
    free_.pop_back();
    return lot;
  }

  LiveDriver& driver_;
  size_t left_;      ///< Epochs.
  uint64_t number_;  ///< Of the last record.
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::unique_ptr<Lot>> free_;
  std::deque<std::unique_ptr<Lot>> ready_;
  bool ended_ = false;
  std::thread thread_;
};

LiveDriver::LiveDriver(const Config& config, Pipeline& pipeline, MessageSource& source,
                       Position start, const LiveOptions& options)
    : config_(config),
      pipeline_(pipeline),
      source_(source),
      options_(options),
      position_(std::move(start)) {}

LiveDriver::~LiveDriver() { source_.OnReady({}); }

void LiveDriver::Expect(std::vector<Epoch> epochs) {
  rereading_.reset();
  if (!epochs.empty()) rereading_ = std::make_unique<Rereading>(*this, std::move(epochs));
}

Status LiveDriver::Replay(const Epoch& epoch, EpochSink& sink) {
  if (!rereading_) Expect({epoch});
  if (epoch.tick) Tick(*epoch.tick);
  LEAT_ASSIGN_OR_RETURN(const bool more, rereading_->TakeNext());
  if (!more) rereading_.reset();
  return EndEpoch(sink);
}

Status LiveDriver::Retake(const Epoch& until, EpochSink& sink) {
  const std::vector<InputMark>& ends = until.position.inputs;
  struct Held {
    MessageBatch batch;
    std::vector<Message> held;
    size_t next = 0;
    bool done = false;
  };
  std::vector<Held> inputs(source_.inputs().size());
  for (;;) {
    size_t earliest = inputs.size();
    for (uint32_t i = 0; i < inputs.size(); ++i) {
      Held& input = inputs[i];
      const int64_t end = i < ends.size() ? ends[i].next : 0;
      if (!input.done && input.next == input.held.size()) {
        input.held.clear();
        input.next = 0;
        if (position_.inputs[i].next < end) {
          LEAT_ASSIGN_OR_RETURN(input.batch, source_.Read(i, 1, kRetakeBatch));
          for (const Message& message : input.batch.messages) {
            if (message.offset < end) input.held.push_back(message);
          }
        }
        input.done = input.held.empty();
      }
      if (input.done) continue;
      if (earliest == inputs.size() || input.held[input.next].timestamp <
                                           inputs[earliest].held[inputs[earliest].next].timestamp) {
        earliest = i;
      }
    }
    if (earliest == inputs.size()) break;
    Held& input = inputs[earliest];
    Take(std::span(input.held).subspan(input.next++, 1));
    if (in_epoch_ >= options_.epoch_records || out_.size() >= options_.epoch_bytes) {
      LEAT_RETURN_IF_ERROR(EndEpoch(sink));
      if (stopped()) {
        return Status::Io(
            "stopped while taking the topics again, of which nothing is kept: --rebuild once more");
      }
      if (options_.on_second) options_.on_second();
    }
  }
  for (size_t i = 0; i < ends.size() && i < position_.inputs.size(); ++i) {
    // Markers of transactions may follow the last message.
    position_.inputs[i].next = std::max(position_.inputs[i].next, ends[i].next);
  }
  return EndEpoch(sink);
}

// ---- Live ----

/// Where there has been nothing to take for a while, event time goes on as the clock does. While
/// nobody says that there is nothing, it stands still.
Status LiveDriver::IdleTick(EpochSink& sink) {
  if (!config_.has_label || time_then_ == EventTime{}) return Status::Ok();
  const auto idle = Clock::now() - last_record_;
  if (idle < options_.idle) return Status::Ok();
  if (!source_.AtEnds()) {
    time_then_ = pipeline_.now();
    last_record_ = Clock::now();
    return Status::Ok();
  }
  Tick(time_then_ + std::chrono::duration_cast<std::chrono::microseconds>(idle).count());
  return EndLiveEpoch(sink);
}

void LiveDriver::Wait(Clock::time_point until) {
  std::unique_lock lock(mutex_);
  wake_.wait_until(lock, until, [&] { return ready_ || stop_; });
  ready_ = false;
}

void LiveDriver::Stop() {
  const std::lock_guard lock(mutex_);
  stop_ = true;
  wake_.notify_all();
}

bool LiveDriver::stopped() const {
  const std::lock_guard lock(mutex_);
  return stop_;
}

std::vector<int64_t> LiveDriver::Nexts() const {
  std::vector<int64_t> next;
  for (const InputMark& mark : position_.inputs) next.push_back(mark.next);
  return next;
}

/// Inputs that have been read to their ends stand there, and not at the message after the last one:
/// the markers of transactions that are in between expire as messages do.
Status LiveDriver::EndLiveEpoch(EpochSink& sink) {
  for (uint32_t i = 0; i < position_.inputs.size(); ++i) {
    position_.inputs[i].next = std::max(position_.inputs[i].next, source_.ReadTo(i));
  }
  committed_ = Clock::now();
  return EndEpoch(sink);
}

Status LiveDriver::Run(EpochSink& sink) {
  LEAT_RETURN_IF_ERROR(source_.Live(Nexts()));
  source_.OnReady([this] {
    const std::lock_guard lock(mutex_);
    ready_ = true;
    wake_.notify_all();
  });
  last_record_ = Clock::now();
  time_then_ = pipeline_.now();
  size_t flowed = 0;  // Of the outputs of this epoch, how much was handed on.
  bool first = true;  // What has waited for this run is not to wait for more.
  auto epoch_began = last_record_, second = last_record_, ticked = last_record_,
       flowed_at = last_record_;
  committed_ = last_record_;
  while (!stopped()) {
    if (source_.returned()) {
      const Status same = source_.Start(position_.inputs);
      // Brokers that do not answer now are asked again.
      if (!same.ok() && same.code() != StatusCode::kIo) return same;
      if (!same.ok()) {
        Wait(Clock::now() + kAskAgain);
        continue;
      }
      LEAT_RETURN_IF_ERROR(source_.Live(Nexts()));
    }
    const size_t most = std::min<size_t>(options_.batch, options_.epoch_records - in_epoch_);
    LEAT_ASSIGN_OR_RETURN(const std::span<const Message> messages, source_.Poll(most));
    if (!messages.empty()) {
      if (in_epoch_ == 0) epoch_began = Clock::now();
      Take(messages);
      last_record_ = Clock::now();
      time_then_ = pipeline_.now();
    }
    const auto now = messages.empty() ? Clock::now() : last_record_;
    if (in_epoch_ > 0 &&
        (first || now - epoch_began >= options_.epoch_time || in_epoch_ >= options_.epoch_records ||
         out_.size() >= options_.epoch_bytes)) {
      first = false;
      LEAT_RETURN_IF_ERROR(EndLiveEpoch(sink));
    }
    if (options_.on_second && now - second >= std::chrono::seconds(1)) {
      options_.on_second();
      second = now;
    }
    const auto epoch_ends = epoch_began + options_.epoch_time, flows = epoch_ends - options_.flow;
    flowed = std::min(flowed, out_.size());  // An epoch may have ended.
    // A full batch says that more is waiting.
    const bool due = now >= flows && now - flowed_at >= options_.flow_every;
    const bool much = out_.size() - flowed >= options_.flow_bytes &&
                      now >= epoch_ends - options_.flow_bytes_within;
    if (in_epoch_ > 0 && ((due && messages.size() < most) || much)) {
      flowed_at = now;
      LEAT_RETURN_IF_ERROR(pipeline_.status());  // As for EndEpoch.
      LEAT_RETURN_IF_ERROR(sink.Flow(out_));
      flowed = out_.size();
    }
    if (!messages.empty()) continue;
    LEAT_RETURN_IF_ERROR(sink.status());
    if (options_.to_end && now - last_record_ >= kSilence && source_.AtEnds()) break;
    if (in_epoch_ == 0 && options_.idle.count() > 0 && now - ticked >= options_.idle) {
      ticked = now;
      LEAT_RETURN_IF_ERROR(IdleTick(sink));
    }
    if (in_epoch_ == 0 && now - committed_ >= options_.heartbeat) {
      LEAT_RETURN_IF_ERROR(EndLiveEpoch(sink));
    }
    if (in_epoch_ > 0) {
      Wait(now < flows ? flows : epoch_ends);
    } else {
      const auto look = options_.idle.count() > 0 ? std::min(options_.idle, kLook) : kLook;
      Wait(now + (options_.to_end ? kSilence : look));
    }
  }
  return in_epoch_ > 0 ? EndLiveEpoch(sink) : Status::Ok();
}

}  // namespace leat
