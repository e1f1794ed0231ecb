// What the reader fuzzers share: whatever the bytes, every outcome is sane, is the same however the
// source cuts them, and is the same after a skip.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "record/reader.h"

namespace leat {

inline void Require(bool condition, const char* what) {
  if (condition) return;
  fmt::print(stderr, "broken: {}\n", what);
  std::abort();
}

class CutSource final : public ByteSource {
 public:
  CutSource(std::string_view bytes, size_t chunk) : bytes_(bytes), chunk_(chunk) {}
  Result<size_t> Read(char* buffer, size_t size) override {
    const size_t count = std::min({size, chunk_, bytes_.size()});
    if (count > 0) std::memcpy(buffer, bytes_.data(), count);
    bytes_.remove_prefix(count);
    return count;
  }

 private:
  std::string_view bytes_;
  size_t chunk_;
};

inline Schema FuzzSchema() {
  Schema schema;
  schema.id_column = "i";
  schema.time_column = "t";
  const std::pair<const char*, FieldType> fields[] = {
      {"n", FieldType::kNumber},   {"k", FieldType::kInteger}, {"b", FieldType::kBoolean},
      {"c", FieldType::kCategory}, {"d", FieldType::kId},      {"u", FieldType::kTime}};
  for (const auto& [name, type] : fields) {
    FieldSpec field;
    field.name = name;
    field.type = type;
    schema.fields.push_back(field);
  }
  schema.fields[4].from = "p.d";
  schema.fields[0].min = -1e6;
  schema.label_column = "y";
  schema.label_type = LabelType::kNumber;
  return schema;
}

/// Each outcome as text, or the error.
inline std::vector<std::string> Outcomes(std::string_view bytes, const ReaderOptions& options,
                                         size_t chunk, uint64_t skip) {
  CutSource source(bytes, chunk);
  static const Schema schema = FuzzSchema();
  std::vector<std::string> all;
  auto reader = OpenReader(source, schema, options);
  if (!reader.ok()) return {std::string(reader.status().message())};
  Require((*reader)->Skip(skip).ok(), "a skip of records that are there fails");
  Record record;
  Reject reject;
  for (;;) {
    const auto outcome = (*reader)->Next(record, reject);
    Require(outcome.ok(), "an intact source fails");
    if (*outcome == ReadOutcome::kEnd) return all;
    std::string text = fmt::format("{} {} <{}>", record.number, record.line, record.raw);
    Require(record.raw.size() <= std::max<size_t>(options.max_record_bytes, 1024), "raw too large");
    if (*outcome == ReadOutcome::kReject) {
      Require(!reject.code.empty() && !reject.detail.empty(), "a reject without a reason");
      text += fmt::format(" {} {}", reject.code, reject.detail);
    } else {
      Require(record.id != 0 && record.id == KeyOf(record.id_text), "an id without its key");
      text += fmt::format(" {} {} {} {:a}", record.id_text, record.time.micros, record.has_label,
                          record.label);
      Require(record.has_label == std::isfinite(record.label), "a label that is not finite");
      for (size_t i = 0; i < record.values.size(); ++i) {
        Require(!std::isinf(record.values[i]), "an infinity");
        Require((record.keys[i] == 0) == record.texts[i].empty(), "a text without its key");
        text += fmt::format(" {:a} {} {}", record.values[i], record.keys[i], record.texts[i]);
      }
    }
    all.push_back(std::move(text));
  }
}

inline void CheckReader(std::string_view bytes, const ReaderOptions& options, size_t chunk) {
  const auto whole = Outcomes(bytes, options, SIZE_MAX, 0);
  Require(Outcomes(bytes, options, chunk, 0) == whole, "outcomes depend on how reads cut");
  const bool numbered = !whole.empty() && whole[0].starts_with("1 ");
  if (!numbered) return;
  const size_t skip = whole.size() / 2;
  const auto rest = Outcomes(bytes, options, chunk + 1, skip);
  Require(rest.size() == whole.size() - skip &&
              std::equal(rest.begin(), rest.end(), whole.begin() + static_cast<ptrdiff_t>(skip)),
          "a skip differs from reading on");
}

}  // namespace leat
