/// Picks the members that a schema names out of one JSON object.
///
/// Source: RFC 8259, through simdjson's on-demand parser. The whole object is checked, also what is
/// not read: a line is taken or rejected whole. A name finds a top-level member, or a nested one by
/// a dotted path (`card.country`); a member whose own name holds the dots wins over the path. Of
/// members of the same name the last counts. Cost: one pass; no allocation once the longest record
/// has been seen. Thread safety: none.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "record/record.h"

namespace leat {

class JsonMembers {
 public:
  explicit JsonMembers(const std::vector<std::string>& columns);
  ~JsonMembers();
  JsonMembers(const JsonMembers&) = delete;
  JsonMembers& operator=(const JsonMembers&) = delete;

  /// Reads one object. REQUIRES InputBuffer::kPadding readable bytes beyond it. False, with the
  /// reason, if it is not an object or a member that the schema names is one or an array.
  bool Read(std::string_view json, Reject& reject);
  /// The text of each column after Read: strings without escapes, numbers as written, true and
  /// false; empty for null and absent members. Views live until the next Read.
  std::span<const std::string_view> texts() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace leat
