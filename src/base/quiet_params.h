/// A visitor of parameters that looks at none: those that look for one kind override that.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "leat/params.h"

namespace leat {

class QuietParams : public Params {
 public:
  void Number(std::string_view, double&, Range, std::string_view) override {}
  void Integer(std::string_view, int64_t&, Range, std::string_view) override {}
  void Boolean(std::string_view, bool&, std::string_view) override {}
  void Text(std::string_view, std::string&, std::string_view) override {}
  void Choice(std::string_view, int&, std::span<const std::string_view>,
              std::string_view) override {}
  void Duration(std::string_view, int64_t&, Range, std::string_view) override {}
  void Bytes(std::string_view, int64_t&, Range, std::string_view) override {}
  void TextList(std::string_view, std::vector<std::string>&, std::string_view) override {}
  void NumberMap(std::string_view, std::map<std::string, double>&, Range,
                 std::string_view) override {}
};

}  // namespace leat
