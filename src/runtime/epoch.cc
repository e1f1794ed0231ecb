#include "runtime/epoch.h"

#include <algorithm>

namespace leat {

state::Epoch ToMessage(const Epoch& epoch) {
  state::Epoch message;
  message.set_number(epoch.number);
  message.set_records(epoch.position.records);
  message.set_labels(epoch.position.labels);
  for (const uint64_t length : epoch.lengths) message.add_lengths(length);
  message.set_chain(epoch.chain);
  message.set_finished(epoch.finished);
  if (epoch.tick) message.set_tick(epoch.tick->micros);
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
  return epoch;
}

}  // namespace leat
