/// From the texts of one record to its values, as a schema says: the part that all formats share.
///
/// Compiled once into a list of steps, so that a record costs one predictable branch a column and
/// no virtual call. Numbers, booleans and times may be padded with spaces or tabs; ids and
/// categories are taken as they are. An empty text is missing. Steps run in the order id, time,
/// fields, label, and the first that fails names the reject. Memory: none per record. Thread
/// safety: const methods are free.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "leat/status.h"
#include "record/number.h"
#include "record/record.h"
#include "record/time_format.h"

namespace leat {

class RecordDecoder {
 public:
  /// Invalid if a time format or zone is not one, a name is empty, or a limit is on a wrong type.
  /// `question_is_missing`: the text `?` is missing too (CSV).
  static Result<RecordDecoder> Compile(const Schema& schema, bool question_is_missing);

  /// The distinct columns that the schema reads; Decode expects their texts at the positions that
  /// Bind gave them, or in this order.
  const std::vector<std::string>& columns() const { return columns_; }
  /// Says where in the span given to Decode the text of columns()[i] is.
  void Bind(std::span<const uint32_t> positions);

  /// Fills the id, time, values and label of `record` (`number` must be set); views point into
  /// `cells`' texts. False, with the reason, if the record is to be rejected.
  bool Decode(std::span<const std::string_view> cells, Record& record, Reject& reject) const;

 private:
  enum class Kind : uint8_t {
    kId,
    kTime,
    kNumberField,
    kIntegerField,
    kBooleanField,
    kTextField,
    kTimeField,
    kBooleanLabel,
    kTextLabel,
    kNumberLabel,
  };
  struct Step {
    Kind kind;
    bool required = false;
    bool is_field = false;  ///< Writes a slot.
    bool is_text = false;   ///< Taken as it is, with its spaces.
    bool limited = false;   ///< Has a min or a max.
    uint32_t column = 0;    ///< Index into columns_.
    uint32_t position = 0;  ///< Index into the cells.
    uint32_t slot = 0;
    uint32_t extra = 0;  ///< Index into times_ or allowed_.
    double min = 0;
    double max = 0;
  };
  uint32_t ColumnOf(const std::string& name);
  Status AddField(const FieldSpec& field, uint32_t slot);
  Status AddTime(const TimeFormat& format, const std::string& column, Step& step);
  bool Fail(const Step& step, std::string_view code, std::string_view text, Reject& reject) const;
  bool FailNumber(const Step& step, NumberText outcome, std::string_view text,
                  Reject& reject) const;
  bool IsMissing(std::string_view text) const;
  bool DecodeInteger(const Step& step, std::string_view text, double& slot, Reject& reject) const;
  bool DecodeText(const Step& step, std::string_view text, uint64_t& key, Reject& reject) const;
  bool DecodeLabel(const Step& step, std::string_view text, Record& record, Reject& reject) const;
  std::string Explain(const Step& step, std::string_view code) const;

  bool question_is_missing_ = false;
  size_t field_count_ = 0;
  bool has_time_ = false;
  std::vector<std::string> columns_;
  std::vector<Step> steps_;
  std::vector<TimeParser> times_;
  std::vector<std::vector<uint64_t>> allowed_;  ///< Sorted keys; an empty list allows everything.
};

}  // namespace leat
