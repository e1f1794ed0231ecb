#include "record/record_decoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "record/number.h"
#include "record/reject_codes.h"

namespace leat {
namespace {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();
/// Integers up to here are exact as doubles.
constexpr double kLargestInteger = 9007199254740992.0;

bool IsBlank(char c) { return c == ' ' || c == '\t'; }

inline std::string_view Trim(std::string_view text) {
  while (!text.empty() && IsBlank(text.front())) [[unlikely]] text.remove_prefix(1);
  while (!text.empty() && IsBlank(text.back())) [[unlikely]] text.remove_suffix(1);
  return text;
}

inline bool ParseBoolean(std::string_view text, double& value) {
  if (text.size() == 1) {
    switch (text[0]) {
      case '1':
      case 't':
      case 'T':
        value = 1;
        return true;
      case '0':
      case 'f':
      case 'F':
        value = 0;
        return true;
      default:
        return false;
    }
  }
  const auto is = [&](std::string_view word) {
    return text.size() == word.size() && std::equal(text.begin(), text.end(), word.begin(),
                                                    [](char a, char b) { return (a | 0x20) == b; });
  };
  if (is("true") || is("yes")) {
    value = 1;
    return true;
  }
  if (is("false") || is("no")) {
    value = 0;
    return true;
  }
  return false;
}

/// The text for a message: short, and cut between characters.
std::string_view Shorten(std::string_view text) {
  constexpr size_t kLongest = 60;
  if (text.size() <= kLongest) return text;
  size_t size = kLongest;
  while (size > 0 && (static_cast<uint8_t>(text[size]) & 0xC0) == 0x80) --size;
  return text.substr(0, size);
}

}  // namespace

uint32_t RecordDecoder::ColumnOf(const std::string& name) {
  const auto found = std::find(columns_.begin(), columns_.end(), name);
  const auto index = static_cast<uint32_t>(found - columns_.begin());
  if (found == columns_.end()) columns_.push_back(name);
  return index;
}

Status RecordDecoder::AddTime(const TimeFormat& format, const std::string& column, Step& step) {
  auto parser = TimeParser::Compile(format);
  if (!parser.ok()) {
    return Status::Invalid(fmt::format("{}: {}", column, parser.status().message()));
  }
  step.extra = static_cast<uint32_t>(times_.size());
  times_.push_back(std::move(parser).value());
  return Status::Ok();
}

Status RecordDecoder::AddField(const FieldSpec& field, uint32_t slot) {
  if (field.name.empty()) return Status::Invalid("a field has no name");
  const bool numeric = field.type == FieldType::kNumber || field.type == FieldType::kInteger;
  if (!numeric && (field.min || field.max)) {
    return Status::Invalid(fmt::format("{}: only numbers have a min or a max", field.name));
  }
  if (field.type != FieldType::kCategory && !field.allowed.empty()) {
    return Status::Invalid(fmt::format("{}: only categories list allowed values", field.name));
  }
  Step step;
  step.is_field = true;
  step.required = field.required;
  step.column = ColumnOf(field.from.empty() ? field.name : field.from);
  step.slot = slot;
  step.min = field.min.value_or(-std::numeric_limits<double>::infinity());
  step.max = field.max.value_or(std::numeric_limits<double>::infinity());
  step.limited = field.min || field.max;
  if (!(step.min <= step.max)) {
    return Status::Invalid(
        fmt::format("{}: min {} is not at most max {}", field.name, step.min, step.max));
  }
  switch (field.type) {
    case FieldType::kNumber:
      step.kind = Kind::kNumberField;
      break;
    case FieldType::kInteger:
      step.kind = Kind::kIntegerField;
      break;
    case FieldType::kBoolean:
      step.kind = Kind::kBooleanField;
      break;
    case FieldType::kCategory:
    case FieldType::kId: {
      step.kind = Kind::kTextField;
      std::vector<uint64_t> keys;
      for (const std::string& text : field.allowed) keys.push_back(KeyOf(text));
      std::sort(keys.begin(), keys.end());
      step.extra = static_cast<uint32_t>(allowed_.size());
      allowed_.push_back(std::move(keys));
      break;
    }
    case FieldType::kTime:
      step.kind = Kind::kTimeField;
      LEAT_RETURN_IF_ERROR(AddTime(field.time, field.name, step));
      break;
  }
  steps_.push_back(step);
  return Status::Ok();
}

Result<RecordDecoder> RecordDecoder::Compile(const Schema& schema, bool question_is_missing) {
  RecordDecoder decoder;
  decoder.question_is_missing_ = question_is_missing;
  decoder.field_count_ = schema.fields.size();
  if (!schema.id_column.empty()) {
    Step step;
    step.kind = Kind::kId;
    step.column = decoder.ColumnOf(schema.id_column);
    decoder.steps_.push_back(step);
  }
  if (!schema.time_column.empty()) {
    decoder.has_time_ = true;
    Step step;
    step.kind = Kind::kTime;
    step.column = decoder.ColumnOf(schema.time_column);
    LEAT_RETURN_IF_ERROR(decoder.AddTime(schema.time, schema.time_column, step));
    decoder.steps_.push_back(step);
  }
  for (size_t i = 0; i < schema.fields.size(); ++i) {
    LEAT_RETURN_IF_ERROR(decoder.AddField(schema.fields[i], static_cast<uint32_t>(i)));
  }
  if (!schema.label_column.empty()) {
    Step step;
    switch (schema.label_type) {
      case LabelType::kBoolean:
        step.kind = Kind::kBooleanLabel;
        break;
      case LabelType::kCategory:
        step.kind = Kind::kTextLabel;
        break;
      case LabelType::kNumber:
        step.kind = Kind::kNumberLabel;
        break;
    }
    step.column = decoder.ColumnOf(schema.label_column);
    decoder.steps_.push_back(step);
  }
  for (Step& step : decoder.steps_) {
    step.position = step.column;
    step.is_text =
        step.kind == Kind::kId || step.kind == Kind::kTextField || step.kind == Kind::kTextLabel;
  }
  return decoder;
}

void RecordDecoder::Bind(std::span<const uint32_t> positions) {
  for (Step& step : steps_) step.position = positions[step.column];
}

std::string RecordDecoder::Explain(const Step& step, std::string_view code) const {
  if (code == reject::kOutOfRange && std::isfinite(step.min) && std::isfinite(step.max)) {
    return fmt::format("is not within {} and {}", step.min, step.max);
  }
  if (code == reject::kOutOfRange && std::isfinite(step.min)) {
    return fmt::format("is below {}", step.min);
  }
  if (code == reject::kOutOfRange && std::isfinite(step.max)) {
    return fmt::format("is above {}", step.max);
  }
  if (code == reject::kOutOfRange) return "is beyond 2^53, where integers stop being exact";
  if (code == reject::kBadNumber) return "is not a number";
  if (code == reject::kNotFinite) return "is not a finite number";
  if (code == reject::kBadInteger) return "is not an integer";
  if (code == reject::kBadBoolean) return "is not a boolean";
  if (code == reject::kNotAllowed) return "is not one of the allowed values";
  if (code == reject::kBadTime) return fmt::format("is not {}", times_[step.extra].Expected());
  if (step.kind == Kind::kBooleanLabel) return "is not a boolean label";
  return "is not a finite number as a label";
}

bool RecordDecoder::Fail(const Step& step, std::string_view code, std::string_view text,
                         Reject& reject) const {
  reject.code = code;
  const std::string& column = columns_[step.column];
  if (text.empty() || (text == "?" && question_is_missing_)) {
    reject.detail = fmt::format("{} is missing", column);
  } else {
    reject.detail = fmt::format("{}: '{}' {}", column, Shorten(text), Explain(step, code));
  }
  return false;
}

inline bool RecordDecoder::IsMissing(std::string_view text) const {
  return text.empty() || (text.size() == 1 && text[0] == '?' && question_is_missing_);
}

bool RecordDecoder::FailNumber(const Step& step, NumberText outcome, std::string_view text,
                               Reject& reject) const {
  if (outcome == NumberText::kNotFinite) return Fail(step, reject::kNotFinite, text, reject);
  const bool integer = step.kind == Kind::kIntegerField;
  return Fail(step, integer ? reject::kBadInteger : reject::kBadNumber, text, reject);
}

bool RecordDecoder::DecodeInteger(const Step& step, std::string_view text, double& slot,
                                  Reject& reject) const {
  double value = 0;
  const NumberText outcome = ParseNumber(text, value);
  if (outcome != NumberText::kOk) return FailNumber(step, outcome, text, reject);
  if (!(std::fabs(value) <= kLargestInteger)) {
    Step unlimited = step;
    unlimited.min = -std::numeric_limits<double>::infinity();
    unlimited.max = std::numeric_limits<double>::infinity();
    return Fail(unlimited, reject::kOutOfRange, text, reject);
  }
  if (value != static_cast<double>(static_cast<int64_t>(value))) {
    return Fail(step, reject::kBadInteger, text, reject);
  }
  if (value < step.min || value > step.max) return Fail(step, reject::kOutOfRange, text, reject);
  slot = value;
  return true;
}

bool RecordDecoder::DecodeText(const Step& step, std::string_view text, uint64_t& key,
                               Reject& reject) const {
  key = KeyOf(text);
  const auto& allowed = allowed_[step.extra];
  if (allowed.empty() || std::binary_search(allowed.begin(), allowed.end(), key)) return true;
  return Fail(step, reject::kNotAllowed, text, reject);
}

bool RecordDecoder::DecodeLabel(const Step& step, std::string_view text, Record& record,
                                Reject& reject) const {
  if (step.kind == Kind::kTextLabel) {
    record.label_text = text;
  } else if (step.kind == Kind::kBooleanLabel
                 ? !ParseBoolean(text, record.label)
                 : ParseNumber(text, record.label) != NumberText::kOk) {
    return Fail(step, reject::kBadLabel, text, reject);
  }
  record.has_label = true;
  return true;
}

bool RecordDecoder::Decode(std::span<const std::string_view> cells, Record& record,
                           Reject& reject) const {
  if (record.values.size() != field_count_ || record.keys.size() != field_count_ ||
      record.texts.size() != field_count_) [[unlikely]] {
    record.values.resize(field_count_);
    record.keys.resize(field_count_);
    record.texts.resize(field_count_);
  }
  double* const values = record.values.data();
  uint64_t* const keys = record.keys.data();
  std::string_view* const texts = record.texts.data();
  if (!has_time_) record.time = {static_cast<int64_t>(record.number) * kSecond};
  record.has_label = false;
  record.label = kMissing;
  record.label_text = {};

  for (const Step& step : steps_) {
    std::string_view text = cells[step.position];
    const size_t slot = step.slot;
    if (step.kind == Kind::kNumberField) [[likely]] {
      keys[slot] = 0;
      texts[slot] = {};
      double value = 0;
      if (!ParseNumberFast(text, value)) [[unlikely]] {
        text = Trim(text);
        if (IsMissing(text)) {
          if (step.required) return Fail(step, reject::kMissingRequired, text, reject);
          values[slot] = kMissing;
          continue;
        }
        const NumberText outcome = ParseNumber(text, value);
        if (outcome != NumberText::kOk) return FailNumber(step, outcome, text, reject);
      }
      if (step.limited && (value < step.min || value > step.max)) [[unlikely]] {
        return Fail(step, reject::kOutOfRange, text, reject);
      }
      values[slot] = value;
      continue;
    }
    if (step.is_field) {
      // Every slot is written, as the caller may hand over another record each time.
      values[slot] = kMissing;
      keys[slot] = 0;
      texts[slot] = {};
    }
    if (!step.is_text) text = Trim(text);
    if (IsMissing(text)) [[unlikely]] {
      if (step.kind == Kind::kId) return Fail(step, reject::kMissingId, text, reject);
      if (step.kind == Kind::kTime) return Fail(step, reject::kMissingTime, text, reject);
      if (step.required) return Fail(step, reject::kMissingRequired, text, reject);
      continue;
    }
    switch (step.kind) {
      case Kind::kId:
        record.id_text = text;
        record.id = KeyOf(text);
        break;
      case Kind::kTime:
        if (!times_[step.extra].Parse(text, record.time)) {
          return Fail(step, reject::kBadTime, text, reject);
        }
        break;
      case Kind::kTextLabel:
      case Kind::kBooleanLabel:
      case Kind::kNumberLabel:
        if (!DecodeLabel(step, text, record, reject)) return false;
        break;
      case Kind::kNumberField:
        break;  // Above.
      case Kind::kIntegerField:
        if (!DecodeInteger(step, text, values[slot], reject)) return false;
        break;
      case Kind::kBooleanField:
        if (!ParseBoolean(text, values[slot])) {
          return Fail(step, reject::kBadBoolean, text, reject);
        }
        break;
      case Kind::kTextField:
        if (!DecodeText(step, text, keys[slot], reject)) return false;
        texts[slot] = text;
        break;
      case Kind::kTimeField: {
        EventTime time;
        if (!times_[step.extra].Parse(text, time)) {
          return Fail(step, reject::kBadTime, text, reject);
        }
        values[slot] = time.Seconds();
        break;
      }
    }
  }
  return true;
}

}  // namespace leat
