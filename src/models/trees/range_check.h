/// What makes the options of a tree or an ensemble refusable, and the names of their choices.
#pragma once

#include <array>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/quiet_params.h"
#include "leat/model.h"
#include "leat/params.h"
#include "leat/status.h"

namespace leat::trees {

inline constexpr std::array<std::string_view, 3> kLeafPredictions = {
    "majority_class", "naive_bayes", "naive_bayes_adaptive"};
inline constexpr std::array<std::string_view, 3> kCriteria = {"info_gain", "gini", "hellinger"};

/// `threads` of what is made of trees. What comes out does not depend on it, so it is no part of
/// the configuration's text.
inline void DescribeThreads(Params& params, int64_t& threads) {
  if (!params.Wants(false)) return;
  params.Integer("threads", threads, {1, 64},
                 "that share the trees of a record, the calling one included; the results are the "
                 "same for any number");
}

/// Checks the ranges that Describe states, for programs that fill the struct themselves.
class RangeCheck : public QuietParams {
 public:
  Status status() const { return status_; }

  void Number(std::string_view name, double& value, Range range, std::string_view) override {
    Check(name, value, range);
  }
  void Integer(std::string_view name, int64_t& value, Range range, std::string_view) override {
    Check(name, static_cast<double>(value), range);
  }
  void Bytes(std::string_view name, int64_t& value, Range range, std::string_view) override {
    Check(name, static_cast<double>(value), range);
  }
  void Choice(std::string_view name, int& value, std::span<const std::string_view> choices,
              std::string_view) override {
    Check(name, value, Range{0, static_cast<double>(choices.size()), false, true});
  }

 private:
  void Check(std::string_view name, double value, const Range& range) {
    const bool above = range.open_min ? value > range.min : value >= range.min;
    const bool below = range.open_max ? value < range.max : value <= range.max;
    if (status_.ok() && !(above && below)) {
      status_ = Status::Invalid(std::string(name) + " is out of range: " + std::to_string(value));
    }
  }

  Status status_;
};

template <typename Options>
Status CheckRanges(Options options) {
  RangeCheck check;
  Describe(check, options);
  return check.status();
}

/// The same, with the type in the message.
template <typename Options>
Status CheckRangesOf(std::string_view type, const Options& options) {
  const Status ranges = CheckRanges(options);
  if (ranges.ok()) return ranges;
  return Status::Invalid(std::string(type) + ": " + std::string(ranges.message()));
}

template <typename Options>
Status CheckMake(std::string_view type, const Options& options, const InputSpec& inputs) {
  if (const Status ranges = CheckRangesOf(type, options); !ranges.ok()) return ranges;
  if (inputs.dense.empty()) {
    return Status::Invalid(std::string(type) +
                           " reads dense inputs only, and this layout has none; encode at least "
                           "one input as a number");
  }
  return Status::Ok();
}

/// Of learners that number attributes with 16 bits.
inline Status CheckWidth(std::string_view type, const InputSpec& inputs) {
  if (inputs.dense.size() <= 65'535) return Status::Ok();
  return Status::Invalid(std::string(type) + " reads at most 65,535 dense inputs");
}

inline Status CheckBytes(std::string_view type, int64_t max_bytes, size_t needed) {
  if (static_cast<size_t>(max_bytes) >= needed) return Status::Ok();
  return Status::Invalid(std::string(type) + ": max_bytes is " + std::to_string(max_bytes) +
                         ", these inputs need at least " + std::to_string(needed));
}

}  // namespace leat::trees
