/// Times from text and back.
///
/// A TimeParser is a TimeFormat compiled once. Formats:
///  * empty: ISO 8601, `YYYY-MM-DD` with an optional `T` or space and `HH:MM[:SS[.fraction]]`, then
///    an optional `Z`, `+HH:MM`, `+HHMM` or `+HH`; a date alone is its midnight;
///  * `epoch_s`, `epoch_ms`: a decimal number of seconds or milliseconds since 1970, with fraction;
///  * a pattern of literals, white space (any run of it, also none) and `%Y %y %m %b %B %d %j %H %I
///    %p %M %S %f %z %T %F %%`. Names of months are English, case ignored. `%y` is 1969 to 2068.
/// The zone applies to text without an offset. Days are checked against month and leap year; second
/// 60 and hour 24 are refused, since event time has no place for them. Fractions finer than a
/// microsecond are cut off. Range: years 1 to 9999.
///
/// Cost: ISO 8601 in UTC takes some ten nanoseconds; nothing allocates after Compile. Thread
/// safety: const methods are free. Determinism: no locale, no environment; a named zone follows the
/// machine's zone data.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "leat/status.h"
#include "record/record.h"
#include "record/time_zone.h"

namespace leat {

class TimeParser {
 public:
  TimeParser() = default;  ///< ISO 8601, UTC.
  /// Invalid if the pattern or the zone is not one, naming the part.
  static Result<TimeParser> Compile(const TimeFormat& format);

  /// False if `text` is not a time of this format; `time` is then unchanged.
  bool Parse(std::string_view text, EventTime& time) const;
  /// What is expected, for messages.
  std::string Expected() const;

 private:
  enum class Kind : uint8_t { kIso, kEpochSeconds, kEpochMillis, kPattern };
  struct Op {
    char directive;  ///< A letter of the pattern; 0 a literal; ' ' white space.
    char literal;
  };
  bool ParseIso(std::string_view text, EventTime& time) const;
  bool ParsePattern(std::string_view text, EventTime& time) const;

  Kind kind_ = Kind::kIso;
  std::string format_;
  std::vector<Op> ops_;
  TimeZone zone_;
};

/// `2018-04-01T00:00:31Z`, with 3 or 6 digits of fraction when there is one; empty outside years 1
/// to 9999. A TimeParser reads it back to the same time.
std::string FormatIso(EventTime time);

}  // namespace leat
