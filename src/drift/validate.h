/// Checks an options struct against the ranges that its Describe states.
#pragma once

#include <string>
#include <string_view>

#include "leat/params.h"
#include "leat/status.h"

namespace leat {

/// Visits numbers and remembers the first one out of its range.
class RangeChecker final : public Params {
 public:
  explicit RangeChecker(std::string_view owner) : owner_(owner) {}
  const Status& status() const { return status_; }

  void Number(std::string_view name, double& value, Range range, std::string_view help) override;
  void Integer(std::string_view name, int64_t& value, Range range, std::string_view help) override;
  void Boolean(std::string_view, bool&, std::string_view) override {}
  void Text(std::string_view, std::string&, std::string_view) override {}
  void Choice(std::string_view name, int& value, std::span<const std::string_view> choices,
              std::string_view help) override;
  void Duration(std::string_view name, int64_t& micros, Range range,
                std::string_view help) override;
  void Bytes(std::string_view name, int64_t& bytes, Range range, std::string_view help) override;
  void TextList(std::string_view, std::vector<std::string>&, std::string_view) override {}
  void NumberMap(std::string_view, std::map<std::string, double>&, Range,
                 std::string_view) override {}

 private:
  std::string owner_;
  Status status_;
};

template <typename Options>
Status ValidateOptions(std::string_view owner, Options options) {
  RangeChecker checker(owner);
  Describe(checker, options);
  return checker.status();
}

}  // namespace leat
