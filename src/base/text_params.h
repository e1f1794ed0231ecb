/// Options from text: `hoeffding_tree grace_period=100 delta=0.01`, for members of a committee and
/// for programs that take options from a command line.
///
/// Reads numbers, integers, booleans (true, false, 1, 0), choices, texts and lists of them; checks
/// types and ranges as the configuration does. Errors: the first problem, unknown names among them,
/// from status().
#pragma once

#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "leat/params.h"
#include "leat/status.h"

namespace leat {

/// A name and what follows it.
struct TextSpec {
  std::string name;
  std::map<std::string, std::string> options;
};
/// Words parted by blanks; all but the first are `name=value`, each once.
Result<TextSpec> ParseTextSpec(std::string_view text);

class TextParams final : public Params {
 public:
  explicit TextParams(std::map<std::string, std::string> texts) : texts_(std::move(texts)) {}

  void Number(std::string_view name, double& value, Range range, std::string_view help) override;
  void Integer(std::string_view name, int64_t& value, Range range, std::string_view help) override;
  void Bytes(std::string_view name, int64_t& value, Range range, std::string_view help) override {
    Integer(name, value, range, help);
  }
  void Boolean(std::string_view name, bool& value, std::string_view help) override;
  void Choice(std::string_view name, int& value, std::span<const std::string_view> choices,
              std::string_view help) override;
  void Text(std::string_view name, std::string& value, std::string_view help) override;
  void Duration(std::string_view, int64_t&, Range, std::string_view) override {}
  /// Parted by commas.
  void TextList(std::string_view name, std::vector<std::string>& values,
                std::string_view help) override;
  /// `name:number`, parted by commas.
  void NumberMap(std::string_view name, std::map<std::string, double>& values, Range range,
                 std::string_view help) override;

  /// After Describe: OK, or what was wrong first.
  Status status() const;

 private:
  const std::string* Take(std::string_view name);
  void Refuse(std::string_view name, const std::string& expected);
  void ReadNumber(std::string_view name, const std::string& text, double& value,
                  const Range& range);

  std::map<std::string, std::string> texts_;
  std::set<std::string> taken_;
  Status status_;
};

}  // namespace leat
