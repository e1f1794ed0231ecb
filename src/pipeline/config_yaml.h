/// A YAML document as a tree of our own, with the place of every node, and the list of problems.
///
/// Bounds: 1 MiB of text, 32 levels, 100,000 nodes after aliases are filled in, so that no document
/// can cost much more than its own size. Duplicate keys are problems; `<<: *base` merges a map into
/// another (keys already present win). Errors: everything becomes a problem; nothing throws.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/config.h"

namespace leat::config {

inline constexpr size_t kMaxYamlBytes = size_t{1} << 20;
inline constexpr size_t kMaxYamlDepth = 32;
inline constexpr size_t kMaxYamlNodes = 100'000;

struct YamlNode {
  enum class Kind { kNull, kScalar, kList, kMap };
  Kind kind = Kind::kNull;
  std::string scalar;
  bool quoted = false;  ///< Written in quotes or as a block, so always text.
  int line = 1;         ///< Of the value, 1-based.
  int column = 1;
  std::string key;  ///< Inside a map.
  int key_line = 0;
  int key_column = 0;
  std::vector<YamlNode> items;
  size_t size = 1;  ///< Nodes in this tree.

  bool IsMap() const { return kind == Kind::kMap; }
  bool IsList() const { return kind == Kind::kList; }
  bool IsScalar() const { return kind == Kind::kScalar; }
  bool IsNull() const { return kind == Kind::kNull; }
  const YamlNode* Find(std::string_view name) const;
};

/// What a message says was found: `the text 'abc'`, `a list`, `nothing`.
std::string Found(const YamlNode& node);

class Problems {
 public:
  void Add(int line, int column, std::string where, std::string message) {
    items_.push_back({line, column, std::move(where), std::move(message)});
  }
  void Add(const YamlNode& at, std::string where, std::string message) {
    Add(at.line, at.column, std::move(where), std::move(message));
  }
  /// At the key of a map's entry instead of its value.
  void AddKey(const YamlNode& at, std::string where, std::string message) {
    Add(at.key_line > 0 ? at.key_line : at.line, at.key_line > 0 ? at.key_column : at.column,
        std::move(where), std::move(message));
  }
  size_t size() const { return items_.size(); }
  bool empty() const { return items_.empty(); }
  /// In the order of the file; equal problems once.
  std::vector<ConfigProblem> Sorted() const;
  /// Of what is on a command line: Ok if there are none, else Invalid with a line each,
  /// `name(where): message`.
  Status AsStatus(const std::function<std::string(const std::string& where)>& name) const;

 private:
  std::vector<ConfigProblem> items_;
};

/// The document as a tree; false when there is none to look at (the problems say why).
bool ParseYaml(std::string_view text, YamlNode& root, Problems& problems);

}  // namespace leat::config
