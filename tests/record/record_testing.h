// Helpers of the record tests: sources over text, and records flattened so that they can be
// compared.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "record/reader.h"
#include "record/time_format.h"

namespace leat {

/// A text, handed out at most `chunk` bytes at a time; fails once `fail_after` bytes were read.
class TextSource final : public ByteSource {
 public:
  explicit TextSource(std::string text, size_t chunk = SIZE_MAX, size_t fail_after = SIZE_MAX)
      : text_(std::move(text)), chunk_(chunk), fail_after_(fail_after) {}
  Result<size_t> Read(char* buffer, size_t size) override {
    if (at_ >= fail_after_) return Status::Io("the source broke");
    const size_t count = std::min({size, chunk_, text_.size() - at_, fail_after_ - at_});
    std::memcpy(buffer, text_.data() + at_, count);
    at_ += count;
    return count;
  }

 private:
  std::string text_;
  size_t chunk_;
  size_t fail_after_;
  size_t at_ = 0;
};

/// One outcome of a reader with its views copied.
struct Taken {
  ReadOutcome outcome = ReadOutcome::kEnd;
  std::string code, detail, raw, id_text, label_text;
  uint64_t number = 0, line = 0, id = 0;
  EventTime time;
  std::vector<double> values;
  std::vector<uint64_t> keys;
  std::vector<std::string> texts;
  bool has_label = false;
  double label = 0;

  /// Everything, bit for bit.
  std::string Flat() const {
    std::string flat = fmt::format("#{} line {} raw <{}> ", number, line, raw);
    if (outcome == ReadOutcome::kReject) return flat + fmt::format("reject {}: {}", code, detail);
    flat += fmt::format("id {} <{}> time {} label {} {:a} <{}>", id, id_text, time.micros,
                        has_label, label, label_text);
    for (size_t i = 0; i < values.size(); ++i) {
      flat += fmt::format(" [{:a} {} <{}>]", values[i], keys[i], texts[i]);
    }
    return flat;
  }
};

inline Taken Take(ReadOutcome outcome, const Record& record, const Reject& reject) {
  Taken taken;
  taken.outcome = outcome;
  taken.number = record.number;
  taken.line = record.line;
  taken.raw = record.raw;
  if (outcome == ReadOutcome::kReject) {
    taken.code = reject.code;
    taken.detail = reject.detail;
    return taken;
  }
  taken.id = record.id;
  taken.id_text = record.id_text;
  taken.time = record.time;
  taken.values = record.values;
  taken.keys = record.keys;
  taken.texts.assign(record.texts.begin(), record.texts.end());
  taken.has_label = record.has_label;
  taken.label = record.label;
  taken.label_text = record.label_text;
  return taken;
}

/// Reads everything; a failure of the reader becomes `error`.
inline std::vector<Taken> ReadAll(ByteSource& source, const Schema& schema,
                                  const ReaderOptions& options, std::string* error = nullptr,
                                  uint64_t skip = 0) {
  std::vector<Taken> all;
  const auto failed = [&](const Status& status) {
    if (error == nullptr) ADD_FAILURE() << status.message();
    if (error != nullptr) *error = status.message();
    return all;
  };
  auto reader = OpenReader(source, schema, options);
  if (!reader.ok()) return failed(reader.status());
  if (const Status status = (*reader)->Skip(skip); !status.ok()) return failed(status);
  Record record;
  Reject reject;
  for (;;) {
    const auto outcome = (*reader)->Next(record, reject);
    if (!outcome.ok()) return failed(outcome.status());
    if (*outcome == ReadOutcome::kEnd) return all;
    all.push_back(Take(*outcome, record, reject));
  }
}

inline std::vector<Taken> ReadText(std::string text, const Schema& schema,
                                   const ReaderOptions& options = {}, size_t chunk = SIZE_MAX) {
  TextSource source(std::move(text), chunk);
  return ReadAll(source, schema, options);
}

inline std::string ErrorOf(std::string text, const Schema& schema,
                           const ReaderOptions& options = {}) {
  TextSource source(std::move(text));
  std::string error;
  ReadAll(source, schema, options, &error);
  return error;
}

/// `ok` or the reject code of each record, joined by commas.
inline std::string Codes(const std::vector<Taken>& all) {
  std::string codes;
  for (const Taken& taken : all) {
    if (!codes.empty()) codes += ',';
    codes += taken.outcome == ReadOutcome::kRecord ? "ok" : taken.code;
  }
  return codes;
}

inline FieldSpec Field(std::string name, FieldType type, bool required = false) {
  FieldSpec field;
  field.name = std::move(name);
  field.type = type;
  field.required = required;
  return field;
}

inline ReaderOptions Json() {
  ReaderOptions options;
  options.format = RecordFormat::kJsonLines;
  return options;
}

}  // namespace leat
