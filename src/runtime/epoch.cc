#include "runtime/epoch.h"

#include <algorithm>
#include <map>

namespace leat {

state::Epoch ToMessage(const Epoch& epoch, EpochForm form) {
  state::Epoch message;
  message.set_number(epoch.number);
  message.set_records(epoch.position.records);
  message.set_labels(epoch.position.labels);
  for (const uint64_t length : epoch.lengths) message.add_lengths(length);
  message.set_chain(epoch.chain);
  message.set_finished(epoch.finished);
  if (epoch.tick) message.set_tick(epoch.tick->micros);
  if (form == EpochForm::kJournal) {
    std::vector<int64_t> expected;  // Of each input, after its last run in this epoch.
    message.mutable_runs()->Reserve(static_cast<int>(4 * epoch.runs.size()));
    for (const InputRun& run : epoch.runs) {
      if (run.input >= expected.size()) expected.resize(run.input + size_t{1});
      message.add_runs(run.input);
      message.add_runs(static_cast<uint64_t>(run.first - expected[run.input]));
      expected[run.input] = run.last + 1;
      message.add_runs(static_cast<uint64_t>(run.last - run.first));
      message.add_runs(run.count);
    }
    return message;
  }
  for (const InputMark& mark : epoch.position.inputs) {
    state::Input& input = *message.add_inputs();
    input.set_next(mark.next);
    input.set_last(mark.last);
    input.set_timestamp(mark.timestamp);
    input.set_hash(mark.hash);
  }
  return message;
}

Epoch FromMessage(const state::Epoch& message) {
  Epoch epoch;
  epoch.number = message.number();
  epoch.position = {message.records(), message.labels(), {}};
  const int lengths = std::min(message.lengths_size(), static_cast<int>(epoch.lengths.size()));
  for (int i = 0; i < lengths; ++i) epoch.lengths[static_cast<size_t>(i)] = message.lengths(i);
  epoch.chain = message.chain();
  epoch.finished = message.finished();
  if (message.has_tick()) epoch.tick = EventTime{message.tick()};
  std::map<uint32_t, int64_t> expected;
  for (int i = 0; i + 3 < message.runs_size(); i += 4) {
    const auto input = static_cast<uint32_t>(message.runs(i));
    const int64_t first = expected[input] + static_cast<int64_t>(message.runs(i + 1));
    const int64_t last = first + static_cast<int64_t>(message.runs(i + 2));
    epoch.runs.push_back({input, first, last, message.runs(i + 3)});
    expected[input] = last + 1;
  }
  for (const state::Input& input : message.inputs()) {
    epoch.position.inputs.push_back({input.next(), input.last(), input.timestamp(), input.hash()});
  }
  return epoch;
}

}  // namespace leat
