/// Generated rows as messages of two topics: records, and their labels when they become known.
///
/// A generated row begins with its id and its event time and ends with its label; MakeGenerator's
/// streams all do. A record's message is the row, without the label if labels go elsewhere, with
/// another event time if it is to look live. A label's message is
///   {"transaction_id":17,"tx_fraud":0,"known_at":"2018-04-08T00:00:31Z"}
/// with the names of the row's columns, and the key of its record. Labels come in the order of the
/// time at which they become known. Memory: the labels that are
/// not known yet, some 100 bytes each. Thread safety: none.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "base/time.h"
#include "leat/status.h"

namespace leat {

struct GeneratedMessage {
  std::string_view key, payload;
  EventTime time;  ///< The record's event time; when the label is known.
};

class GeneratedMessages {
 public:
  struct Options {
    std::string key;  ///< A column; empty: messages have no key.
    bool separate_labels = false;
    Micros labels_after = 0;  ///< Of event time.
  };
  explicit GeneratedMessages(Options options) : options_(std::move(options)) {}

  /// The message of the next row, in JSON; `now` replaces its event time unless it is the default.
  /// Invalid if the row has no such key. The views live until the next call.
  Result<GeneratedMessage> Record(std::string_view row, EventTime now = {});
  /// Whether a label is known at that time; gives the first. The views live until the next call.
  bool Label(EventTime time, GeneratedMessage& message);
  /// When the next label will be known; REQUIRES waiting().
  EventTime next_label() const { return labels_.front().known; }
  size_t waiting() const { return labels_.size(); }

 private:
  struct Waiting {
    EventTime known;
    std::string key, payload;
  };
  Options options_;
  std::string key_, payload_;
  Waiting label_;
  std::deque<Waiting> labels_;
};

/// Event time of a generated row in JSON; the default if there is none.
EventTime GeneratedTime(std::string_view row);

}  // namespace leat
