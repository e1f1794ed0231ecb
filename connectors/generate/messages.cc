#include "connectors/generate/messages.h"

#include <algorithm>
#include <vector>

#include "base/text.h"
#include "record/time_format.h"

namespace leat {
namespace {

struct Cell {
  std::string_view name;   ///< Without quotes.
  std::string_view value;  ///< As it is written.
};

/// Reads what Row writes: one flat object without white space.
class Cells {
 public:
  explicit Cells(std::string_view row) : row_(row), at_(row.empty() ? 0 : 1) {}

  bool Next(Cell& cell) {
    if (at_ + 1 >= row_.size()) return false;
    const size_t name = at_;
    SkipText();
    cell.name = row_.substr(name + 1, at_ - name - 2);
    const size_t value = ++at_;  // Past the colon.
    if (at_ < row_.size() && row_[at_] == '"') SkipText();
    while (at_ < row_.size() && row_[at_] != ',' && row_[at_] != '}') ++at_;
    cell.value = row_.substr(value, at_ - value);
    ++at_;
    return true;
  }

 private:
  void SkipText() {
    for (++at_; at_ < row_.size() && row_[at_] != '"'; ++at_) {
      if (row_[at_] == '\\') ++at_;
    }
    ++at_;
  }

  std::string_view row_;
  size_t at_;
};

std::string_view Unquoted(std::string_view value) {
  if (value.size() >= 2 && value.front() == '"') value = value.substr(1, value.size() - 2);
  return value;
}

void AppendMember(std::string& out, const Cell& cell) {
  out += out.empty() ? "{\"" : ",\"";
  out += cell.name;
  out += "\":";
  out += cell.value;
}

}  // namespace

EventTime GeneratedTime(std::string_view row) {
  Cells cells(row);
  Cell cell;
  EventTime time;
  if (cells.Next(cell) && cells.Next(cell)) TimeParser().Parse(Unquoted(cell.value), time);
  return time;
}

Result<GeneratedMessage> GeneratedMessages::Record(std::string_view row, EventTime now) {
  Cells cells(row);
  Cell cell, id, last;
  EventTime time = now;
  const std::string shifted = now == EventTime() ? "" : '"' + FormatIso(now) + '"';
  bool key_found = options_.key.empty();
  key_.clear();
  payload_.clear();
  for (size_t i = 0; cells.Next(cell); ++i) {
    // The last column is the label, so each waits until there is another.
    if (i > 0) AppendMember(payload_, last);
    if (i == 0) id = cell;
    if (i == 1) {
      if (shifted.empty()) {
        TimeParser().Parse(Unquoted(cell.value), time);
      } else {
        cell.value = shifted;
      }
    }
    if (cell.name == options_.key) {
      key_found = true;
      key_ = Unquoted(cell.value);
    }
    last = cell;
  }
  if (!key_found) return Status::Invalid("--key: no column " + options_.key);
  if (!options_.separate_labels) AppendMember(payload_, last);
  payload_ += '}';
  if (options_.separate_labels) {
    Waiting& label = labels_.emplace_back();
    label.known = time + options_.labels_after;
    label.key = key_;
    AppendMember(label.payload, id);
    AppendMember(label.payload, last);
    label.payload += ",\"known_at\":\"" + FormatIso(label.known) + "\"}";
  }
  return GeneratedMessage{key_, payload_, time};
}

bool GeneratedMessages::Label(EventTime time, GeneratedMessage& message) {
  if (labels_.empty() || labels_.front().known > time) return false;
  label_ = std::move(labels_.front());
  labels_.pop_front();
  message = {label_.key, label_.payload, label_.known};
  return true;
}

}  // namespace leat
