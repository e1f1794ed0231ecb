#include "pipeline/config_yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <map>
#include <sstream>
#include <tuple>
#include <utility>

#include "pipeline/config_text.h"

namespace leat::config {
namespace {

/// Ends the parse from inside an event; never leaves this file.
struct Refused {
  int line;
  int column;
  std::string message;
};

class TreeBuilder : public YAML::EventHandler {
 public:
  explicit TreeBuilder(Problems& problems) : problems_(problems) {}

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Place(NewNode(YamlNode::Kind::kNull, mark), anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) {
      throw Refused{mark.line + 1, mark.column + 1, "an alias may not stand inside its own anchor"};
    }
    if (nodes_ + found->second.size > kMaxYamlNodes) {
      throw Refused{mark.line + 1, mark.column + 1,
                    "aliases fill in more than " + std::to_string(kMaxYamlNodes) + " values"};
    }
    nodes_ += found->second.size;
    Place(found->second, 0);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    YamlNode node = NewNode(YamlNode::Kind::kScalar, mark);
    node.scalar = value;
    node.quoted = tag != "?";
    Place(std::move(node), anchor);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(YamlNode::Kind::kList, mark, anchor);
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Open(YamlNode::Kind::kMap, mark, anchor);
  }
  void OnMapEnd() override {
    Merge(stack_.back().node);
    Close();
  }

  YamlNode Take() { return std::move(root_); }

 private:
  struct Frame {
    YamlNode node;
    YAML::anchor_t anchor = 0;
    bool has_key = false;
    YamlNode key;
    std::map<std::string, int, std::less<>> lines;  ///< Of the keys so far.
  };

  YamlNode NewNode(YamlNode::Kind kind, const YAML::Mark& mark) {
    if (++nodes_ > kMaxYamlNodes) {
      throw Refused{mark.line + 1, mark.column + 1,
                    "more than " + std::to_string(kMaxYamlNodes) + " values"};
    }
    YamlNode node;
    node.kind = kind;
    node.line = mark.line + 1;
    node.column = mark.column + 1;
    return node;
  }

  void Open(YamlNode::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (stack_.size() >= kMaxYamlDepth) {
      throw Refused{mark.line + 1, mark.column + 1,
                    "nested deeper than " + std::to_string(kMaxYamlDepth) + " levels"};
    }
    stack_.push_back({NewNode(kind, mark), anchor, false, {}, {}});
  }

  void Close() {
    Frame frame = std::move(stack_.back());
    stack_.pop_back();
    Place(std::move(frame.node), frame.anchor);
  }

  void Place(YamlNode node, YAML::anchor_t anchor) {
    if (anchor != 0) anchors_[anchor] = node;
    if (stack_.empty()) {
      root_ = std::move(node);
      return;
    }
    Frame& frame = stack_.back();
    if (frame.node.IsList()) {
      frame.node.size += node.size;
      node.key.clear();
      node.key_line = node.key_column = 0;
      frame.node.items.push_back(std::move(node));
    } else if (!frame.has_key) {
      if (!node.IsScalar()) {
        throw Refused{node.line, node.column,
                      "found " + Found(node) + ", expected a name as the key"};
      }
      frame.key = std::move(node);
      frame.has_key = true;
    } else {
      frame.has_key = false;
      node.key = frame.key.scalar;
      node.key_line = frame.key.line;
      node.key_column = frame.key.column;
      const auto [first, is_new] = frame.lines.emplace(node.key, node.key_line);
      if (!is_new) {
        problems_.AddKey(node, node.key,
                         "the key " + Quote(node.key) + " was already given on line " +
                             std::to_string(first->second));
        return;
      }
      frame.node.size += node.size;
      frame.node.items.push_back(std::move(node));
    }
  }

  /// Fills `<<: *base` in: keys that the map has itself win over those of the base.
  void Merge(YamlNode& map) {
    const auto at = std::find_if(map.items.begin(), map.items.end(),
                                 [](const YamlNode& n) { return n.key == "<<"; });
    if (at == map.items.end()) return;
    const YamlNode merge = std::move(*at);
    map.items.erase(at);
    std::vector<YamlNode> bases;
    if (merge.IsList()) {
      bases = merge.items;
    } else {
      bases.push_back(merge);
    }
    for (const YamlNode& base : bases) {
      if (!base.IsMap()) {
        problems_.Add(base, "<<", "found " + Found(base) + ", expected a map to merge");
        continue;
      }
      for (const YamlNode& item : base.items) {
        if (map.Find(item.key) == nullptr) map.items.push_back(item);
      }
    }
  }

  Problems& problems_;
  std::vector<Frame> stack_;
  std::map<YAML::anchor_t, YamlNode> anchors_;
  YamlNode root_;
  size_t nodes_ = 0;
};

}  // namespace

const YamlNode* YamlNode::Find(std::string_view name) const {
  if (kind != Kind::kMap) return nullptr;
  for (const YamlNode& item : items) {
    if (item.key == name) return &item;
  }
  return nullptr;
}

std::string Found(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::kNull:
      return "nothing";
    case YamlNode::Kind::kList:
      return "a list";
    case YamlNode::Kind::kMap:
      return "a map";
    case YamlNode::Kind::kScalar:
      break;
  }
  if (node.quoted) return "the text " + Quote(node.scalar);
  if (node.scalar.empty()) return "nothing";
  return Quote(node.scalar);
}

Status Problems::AsStatus(const std::function<std::string(const std::string& where)>& name) const {
  std::string message;
  for (const ConfigProblem& problem : Sorted()) {
    message += (message.empty() ? "" : "\n") + name(problem.where) + ": " + problem.message;
  }
  return message.empty() ? Status::Ok() : Status::Invalid(std::move(message));
}

std::vector<ConfigProblem> Problems::Sorted() const {
  std::vector<ConfigProblem> out = items_;
  const auto key = [](const ConfigProblem& p) {
    return std::tie(p.line, p.column, p.where, p.message);
  };
  std::stable_sort(out.begin(), out.end(),
                   [&](const auto& a, const auto& b) { return key(a) < key(b); });
  out.erase(std::unique(out.begin(), out.end(),
                        [&](const auto& a, const auto& b) { return key(a) == key(b); }),
            out.end());
  return out;
}

bool ParseYaml(std::string_view text, YamlNode& root, Problems& problems) {
  if (text.size() > kMaxYamlBytes) {
    problems.Add(0, 0, "",
                 "the file has " + std::to_string(text.size()) + " bytes, expected at most 1MiB");
    return false;
  }
  TreeBuilder builder(problems);
  try {
    std::istringstream in{std::string(text)};
    YAML::Parser parser(in);
    if (!parser.HandleNextDocument(builder)) {
      problems.Add(1, 1, "", "found an empty file, expected a configuration");
      return false;
    }
    root = builder.Take();
    Problems ignored;
    TreeBuilder second(ignored);
    if (parser.HandleNextDocument(second)) {
      const YamlNode extra = second.Take();
      problems.Add(extra, "", "found a second document, expected one");
    }
  } catch (const Refused& refused) {
    problems.Add(refused.line, refused.column, "", refused.message);
    return false;
  } catch (const YAML::Exception& error) {
    problems.Add(error.mark.is_null() ? 0 : error.mark.line + 1,
                 error.mark.is_null() ? 0 : error.mark.column + 1, "", "not YAML: " + error.msg);
    return false;
  } catch (const std::exception& error) {
    problems.Add(0, 0, "", std::string("not YAML: ") + error.what());
    return false;
  }
  return true;
}

}  // namespace leat::config
