#include "connectors/kafka/group.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>

#include "connectors/kafka/producer.h"

namespace leat::kafka {
namespace {

/// The number that `digits` digits (0: however many) and then `end` hold, taken off `text`.
std::optional<uint64_t> TakeNumber(std::string_view& text, int base, size_t digits,
                                   std::string_view end) {
  uint64_t value = 0;
  const char* const last = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), last, value, base);
  const auto length = static_cast<size_t>(stop - text.data());
  if (error != std::errc() || (digits != 0 && length != digits)) return std::nullopt;
  text.remove_prefix(length);
  if (!text.starts_with(end)) return std::nullopt;
  text.remove_prefix(end.size());
  return value;
}

}  // namespace

std::string MarkText(const CommitMark& mark) {
  return fmt::format("v1 {:016x} {:016x} {} {:016x}", mark.state_id, mark.owner, mark.epoch,
                     mark.chain);
}

std::optional<CommitMark> ParseMark(std::string_view text) {
  constexpr std::string_view kVersion = "v1 ";
  if (!text.starts_with(kVersion)) return std::nullopt;
  text.remove_prefix(kVersion.size());
  const auto state = TakeNumber(text, 16, 16, " ");
  const auto owner = state ? TakeNumber(text, 16, 16, " ") : std::nullopt;
  const auto epoch = owner ? TakeNumber(text, 10, 0, " ") : std::nullopt;
  const auto chain = epoch ? TakeNumber(text, 16, 16, "") : std::nullopt;
  if (!chain || !text.empty()) return std::nullopt;
  return CommitMark{*state, *owner, *epoch, *chain};
}

Handle<rd_kafka_topic_partition_list_t> MarkedOffsets(const SinkOptions& options,
                                                      const CommitMark& mark,
                                                      const Position& position) {
  const std::string text = MarkText(mark);
  Handle<rd_kafka_topic_partition_list_t> list(
      rd_kafka_topic_partition_list_new(static_cast<int>(options.inputs.size())));
  for (size_t i = 0; i < options.inputs.size(); ++i) {
    const InputPartition& input = options.inputs[i];
    rd_kafka_topic_partition_t* const one =
        rd_kafka_topic_partition_list_add(list.get(), input.topic.c_str(), input.number);
    one->offset = position.inputs[i].next;
    // The list frees it.
    one->metadata = strdup(text.c_str());
    one->metadata_size = text.size();
  }
  return list;
}

Result<std::unique_ptr<Group>> Group::Open(const SinkOptions& options, bool settled) {
  LEAT_ASSIGN_OR_RETURN(Handle<rd_kafka_conf_t> conf,
                        MakeConf(options.cluster, RD_KAFKA_CONSUMER, {}));
  LEAT_RETURN_IF_ERROR(
      Insist(*conf, {{"group.id", options.group},
                     {"enable.auto.commit", "false"},
                     // Only this asks the broker for offsets that no open transaction can change.
                     {"isolation.level", settled ? "read_committed" : "read_uncommitted"}}));
  LEAT_ASSIGN_OR_RETURN(Handle<rd_kafka_t> client, MakeClient(RD_KAFKA_CONSUMER, std::move(conf)));
  return std::unique_ptr<Group>(new Group(options, std::move(client)));
}

Group::~Group() {
  if (client_) rd_kafka_destroy_flags(client_.release(), RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

/// Ok if trying again may help.
Status Group::Check(const rd_kafka_topic_partition_t& input, rd_kafka_resp_err_t error,
                    Patience& patience) const {
  if (error == RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE || !patience.Bears(error)) {
    return Status::Io(
        fmt::format("group {}, topic {}: {}; nothing is lost: run again after this is put right",
                    options_.group, input.topic, rd_kafka_err2str(error)));
  }
  return Status::Ok();
}

Result<std::optional<CommitMark>> Group::ReadMark(Patience& patience) {
  for (;;) {
    Handle<rd_kafka_topic_partition_list_t> list(
        rd_kafka_topic_partition_list_new(static_cast<int>(options_.inputs.size())));
    for (const InputPartition& input : options_.inputs) {
      rd_kafka_topic_partition_list_add(list.get(), input.topic.c_str(), input.number);
    }
    rd_kafka_resp_err_t error = rd_kafka_committed(client_.get(), list.get(), kSliceMs);
    for (int i = 0; i < list->cnt; ++i) {
      if (list->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR) error = list->elems[i].err;
      LEAT_RETURN_IF_ERROR(Check(list->elems[i], error, patience));
    }
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
      patience.Progress();
      return MarkOf(*list);
    }
    LEAT_RETURN_IF_ERROR(error == RD_KAFKA_RESP_ERR__TIMED_OUT
                             ? patience.Check(rd_kafka_err2str(error))
                             : patience.Pause(rd_kafka_err2str(error)));
  }
}

Result<std::optional<CommitMark>> Group::MarkOf(
    const rd_kafka_topic_partition_list_t& offsets) const {
  const auto refused = [&](const rd_kafka_topic_partition_t& one, std::string_view what) {
    return Status::Corrupt(fmt::format(
        "group {}: {} [{}] stands at offset {} {}: --fresh starts again, kafka.group names another "
        "group, and once the group has been deleted --accept-divergence goes on from the snapshot",
        options_.group, one.topic, one.partition, one.offset, what));
  };
  std::optional<CommitMark> found;
  for (int i = 0; i < offsets.cnt; ++i) {
    const rd_kafka_topic_partition_t& one = offsets.elems[i];
    if (one.offset == RD_KAFKA_OFFSET_INVALID) continue;
    const std::string_view text(static_cast<const char*>(one.metadata), one.metadata_size);
    const std::optional<CommitMark> mark = ParseMark(text);
    if (!mark && options_.any_offsets) continue;
    if (!mark) {
      return refused(one, text.empty() ? std::string("without a mark: the group is somebody else's "
                                                     "or its offsets were reset")
                                       : fmt::format("with \"{}\", which is no mark of ours",
                                                     text.substr(0, 100)));
    }
    if (found && *found != *mark) {
      return refused(one, fmt::format("with the mark \"{}\", but others have \"{}\": somebody has "
                                      "changed some of the offsets",
                                      text, MarkText(*found)));
    }
    found = mark;
  }
  return found;
}

Status Group::Commit(rd_kafka_topic_partition_list_t* offsets, Patience& patience) {
  const Handle<rd_kafka_queue_t> queue(rd_kafka_queue_new(client_.get()));
  for (;;) {
    rd_kafka_resp_err_t error =
        rd_kafka_commit_queue(client_.get(), offsets, queue.get(), nullptr, nullptr);
    while (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
      const Handle<rd_kafka_event_t> event(rd_kafka_queue_poll(queue.get(), kSliceMs));
      if (!event) {
        LEAT_RETURN_IF_ERROR(patience.Check("no answer"));
        continue;
      }
      if (rd_kafka_event_type(event.get()) != RD_KAFKA_EVENT_OFFSET_COMMIT) continue;
      error = rd_kafka_event_error(event.get());
      const rd_kafka_topic_partition_list_t* const done =
          rd_kafka_event_topic_partition_list(event.get());
      for (int i = 0; done != nullptr && i < done->cnt; ++i) {
        if (done->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR) error = done->elems[i].err;
        LEAT_RETURN_IF_ERROR(Check(done->elems[i], error, patience));
      }
      if (error != RD_KAFKA_RESP_ERR_NO_ERROR) break;
      patience.Progress();
      return Status::Ok();
    }
    LEAT_RETURN_IF_ERROR(Check(offsets->elems[0], error, patience));
    LEAT_RETURN_IF_ERROR(patience.Pause(rd_kafka_err2str(error)));
  }
}

}  // namespace leat::kafka
