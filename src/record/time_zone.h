/// Offsets from UTC: fixed ones, and the rules of IANA zones as the system's zone files hold them.
///
/// Source: RFC 8536 (TZif, versions 2 and later) and the POSIX TZ rule in its footer, which carries
/// the zone beyond the last listed change. Read once, from /usr/share/zoneinfo. Local times that a
/// change makes ambiguous mean the first of the two instants; local times that a change skips are
/// read with the offset before the change (the convention of Python's fold=0 and of java.time).
/// Cost: one binary search a conversion. Thread safety: const methods are free.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "leat/status.h"

namespace leat {

class TimeZone {
 public:
  TimeZone() = default;  ///< UTC.
  /// `UTC`, `Z`, `+HH:MM`, `+HHMM`, `+HH` (or with a minus), or an IANA name such as
  /// Europe/Zurich. Invalid if there is no such zone.
  static Result<TimeZone> Find(const std::string& name);
  /// The zone in the bytes of a TZif file; Invalid if they are not one.
  static Result<TimeZone> FromTzif(std::string_view bytes);

  bool fixed() const { return changes_.empty(); }
  /// Seconds to subtract from a local time (seconds since 1970-01-01T00:00:00 local) to get UTC.
  int64_t OffsetOfLocal(int64_t local_seconds) const {
    return fixed() ? first_offset_ : SearchLocal(local_seconds);
  }

 private:
  /// From local time `from` on, the offset is `offset`.
  struct Change {
    int64_t from;
    int64_t offset;
  };
  int64_t SearchLocal(int64_t local_seconds) const;
  void AddChange(int64_t utc, int64_t offset);

  int64_t first_offset_ = 0;
  std::vector<Change> changes_;
  /// Local times from here on repeat every 400 years; 0 if they do not.
  int64_t cycle_from_ = 0;
};

/// Parses `+HH`, `+HHMM` or `+HH:MM` (up to 23:59) at the start of `text` into seconds and returns
/// the number of characters taken, 0 if there is no offset.
size_t ParseOffset(std::string_view text, int64_t& seconds);

}  // namespace leat
