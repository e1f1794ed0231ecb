/// Reads parameters from a map of the configuration: the visitor that checks.
///
/// One YamlParams stands for one map. Each Describe function that visits it makes its names known
/// and fills its struct from the values that are there; Finish then refuses every other key.
/// A value of the wrong type or out of range becomes a problem and leaves the default.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "leat/params.h"
#include "pipeline/config_text.h"
#include "pipeline/config_yaml.h"

namespace leat::config {

/// Parameters of a section of the configuration file, some of which are not plain values.
class SectionParams : public Params {
 public:
  /// A setting with a shape of its own (a map, a list of maps, either of two types); `type` and
  /// `fallback` (the default) are what the reference page says. The caller reads it.
  virtual void Shape(std::string_view name, std::string_view type, std::string_view fallback,
                     std::string_view help) = 0;
};

/// Environment variables that the configuration refers to as `${NAME}`.
struct Environment {
  std::map<std::string, std::string> values;  ///< By name.
  UnsetVariable unset = UnsetVariable::kProblem;
};

class YamlParams final : public SectionParams {
 public:
  /// `where` is the dotted path of the map. REQUIRES node, problems and environment outlive it.
  YamlParams(const YamlNode& node, std::string where, Problems& problems, Environment& environment);

  void Number(std::string_view name, double& value, Range range, std::string_view help) override;
  void Integer(std::string_view name, int64_t& value, Range range, std::string_view help) override;
  void Boolean(std::string_view name, bool& value, std::string_view help) override;
  void Text(std::string_view name, std::string& value, std::string_view help) override;
  void Choice(std::string_view name, int& value, std::span<const std::string_view> choices,
              std::string_view help) override;
  void Duration(std::string_view name, int64_t& micros, Range range_micros,
                std::string_view help) override;
  void Bytes(std::string_view name, int64_t& bytes, Range range, std::string_view help) override;
  void TextList(std::string_view name, std::vector<std::string>& values,
                std::string_view help) override;
  void NumberMap(std::string_view name, std::map<std::string, double>& values, Range range,
                 std::string_view help) override;
  void Shape(std::string_view name, std::string_view type, std::string_view fallback,
             std::string_view help) override;

  bool Has(std::string_view name) const { return node_.Find(name) != nullptr; }
  /// The value of a name, which becomes known; nullptr when absent.
  const YamlNode* Get(std::string_view name);
  std::string Path(std::string_view name) const;
  const YamlNode& node() const { return node_; }
  const std::string& where() const { return where_; }

  void Problem(const YamlNode& at, std::string_view name, std::string message);
  /// At the key of the setting `name`, which REQUIRES Has(name), or at the map itself.
  void Refuse(std::string_view name, std::string message);
  /// Refuses all keys that nothing made known.
  void Finish();

 private:
  void Expected(const YamlNode& at, std::string_view name, const std::string& expected);

  const YamlNode& node_;
  std::string where_;
  Problems& problems_;
  Environment& environment_;
  std::vector<std::string> known_;
};

/// `text` with each `${NAME}` replaced; every variable that is not set is a problem at `at`.
std::string ExpandEnvironment(const std::string& text, const YamlNode& at, const std::string& where,
                              Problems& problems, Environment& environment);

}  // namespace leat::config
