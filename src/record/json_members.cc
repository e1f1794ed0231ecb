#include "record/json_members.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>

#include "record/input_buffer.h"
#include "record/reject_codes.h"

namespace leat {
namespace {

namespace ondemand = simdjson::ondemand;
using simdjson::error_code;

constexpr int kMaxDepth = 256;
constexpr int kNoColumn = -1;

/// A member name that leads to a column, to deeper names, or both.
struct Node {
  std::string name;
  int column = kNoColumn;
  bool literal = false;  ///< The column's whole name, dots included.
  bool plain = false;    ///< The name can be compared with text as it stands.
  std::vector<Node> children;
};

/// Nothing in it would be escaped in a text.
bool IsPlain(std::string_view name) {
  return std::none_of(name.begin(), name.end(), [](char c) {
    return c == '"' || c == '\\' || static_cast<unsigned char>(c) < ' ';
  });
}

Node& ChildOf(Node& node, std::string_view name) {
  for (Node& child : node.children) {
    if (child.name == name) return child;
  }
  node.children.push_back({std::string(name), kNoColumn, false, IsPlain(name), {}});
  return node.children.back();
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

/// The grammar of JSON numbers, which is narrower than that of ParseNumber.
bool IsJsonNumber(std::string_view text) {
  const char* p = text.data();
  const char* const end = p + text.size();
  const auto digits = [&] {
    const char* const first = p;
    while (p != end && IsDigit(*p)) ++p;
    return p != first;
  };
  if (p != end && *p == '-') ++p;
  if (p != end && *p == '0') {
    ++p;
  } else if (!digits()) {
    return false;
  }
  if (p != end && *p == '.') {
    ++p;
    if (!digits()) return false;
  }
  if (p != end && (*p == 'e' || *p == 'E')) {
    ++p;
    if (p != end && (*p == '+' || *p == '-')) ++p;
    if (!digits()) return false;
  }
  return p == end;
}

}  // namespace

struct JsonMembers::Impl {
  Node root;
  std::vector<std::string> columns;
  std::vector<std::string_view> texts;
  std::vector<bool> literal_seen;
  ondemand::parser parser;
  int nested_column = kNoColumn;
  bool too_deep = false;

  void Set(const Node& node, std::string_view text, bool nested) {
    const auto column = static_cast<size_t>(node.column);
    if (literal_seen[column] && !node.literal) return;
    if (node.literal) literal_seen[column] = true;
    texts[column] = text;
    if (nested) {
      nested_column = node.column;
    } else if (nested_column == node.column) {
      nested_column = kNoColumn;
    }
  }

  error_code ReadValue(ondemand::value value, const Node* node, int depth) {
    ondemand::json_type type;
    if (const error_code error = value.type().get(type)) return error;
    const bool wanted = node != nullptr && node->column != kNoColumn;
    switch (type) {
      case ondemand::json_type::object: {
        if (wanted) Set(*node, {}, true);
        ondemand::object object;
        if (const error_code error = value.get_object().get(object)) return error;
        return ReadObject(object, node, depth + 1);
      }
      case ondemand::json_type::array: {
        if (wanted) Set(*node, {}, true);
        if (depth >= kMaxDepth) return TooDeep();
        ondemand::array array;
        if (const error_code error = value.get_array().get(array)) return error;
        for (auto element : array) {
          ondemand::value item;
          if (const error_code error = element.get(item)) return error;
          if (const error_code error = ReadValue(item, nullptr, depth + 1)) return error;
        }
        return simdjson::SUCCESS;
      }
      case ondemand::json_type::string: {
        std::string_view text;
        if (const error_code error = value.get_string().get(text)) return error;
        if (wanted) Set(*node, text, false);
        return simdjson::SUCCESS;
      }
      default:
        break;
    }
    std::string_view token = value.raw_json_token();
    while (!token.empty() &&
           (token.back() == ' ' || token.back() == '\t' || token.back() == '\r')) {
      token.remove_suffix(1);
    }
    if (token == "null") {
      if (wanted) Set(*node, {}, false);
    } else if (token == "true" || token == "false" || IsJsonNumber(token)) {
      if (wanted) Set(*node, token, false);
    } else {
      return simdjson::TAPE_ERROR;
    }
    return simdjson::SUCCESS;
  }

  error_code TooDeep() {
    too_deep = true;
    return simdjson::DEPTH_ERROR;
  }

  error_code ReadObject(ondemand::object& object, const Node* node, int depth) {
    if (depth >= kMaxDepth) return TooDeep();
    size_t next = 0;  // Members mostly come in the order of the record before.
    for (auto entry : object) {
      ondemand::field field;
      if (const error_code error = std::move(entry).get(field)) return error;
      const Node* child = nullptr;
      // What needs no unescaping is compared as it stands.
      if (node != nullptr && next < node->children.size()) {
        const Node& likely = node->children[next];
        if (likely.plain && field.key().unsafe_is_equal(likely.name)) {
          child = &likely;
          ++next;
        }
      }
      std::string_view key;
      if (child == nullptr) {
        if (const error_code error = field.unescaped_key().get(key)) return error;
      }
      if (child == nullptr && node != nullptr) {
        const size_t count = node->children.size();
        for (size_t i = 0; i < count; ++i) {
          const Node& candidate = node->children[next < count ? next : next - count];
          ++next;
          if (next >= 2 * count) next -= count;
          if (candidate.name == key) {
            child = &candidate;
            break;
          }
        }
        if (next >= count) next -= count;
      }
      if (const error_code error = ReadValue(field.value(), child, depth)) return error;
    }
    return simdjson::SUCCESS;
  }

  error_code ReadDocument(std::string_view json) {
    ondemand::document document;
    const simdjson::padded_string_view padded(json, json.size() + InputBuffer::kPadding);
    if (const error_code error = parser.iterate(padded).get(document)) return error;
    ondemand::object object;
    if (const error_code error = document.get_object().get(object)) return error;
    if (const error_code error = ReadObject(object, &root, 0)) return error;
    // Anything after the object would be a second document.
    const bool done = document.current_location().error() == simdjson::OUT_OF_BOUNDS;
    return done ? simdjson::SUCCESS : simdjson::TAPE_ERROR;
  }
};

JsonMembers::JsonMembers(const std::vector<std::string>& columns)
    : impl_(std::make_unique<Impl>()) {
  impl_->columns = columns;
  impl_->texts.resize(columns.size());
  impl_->literal_seen.resize(columns.size());
  for (size_t i = 0; i < columns.size(); ++i) {
    const std::string_view name = columns[i];
    Node& literal = ChildOf(impl_->root, name);
    literal.column = static_cast<int>(i);
    literal.literal = true;
    if (name.find('.') == std::string_view::npos) continue;
    Node* node = &impl_->root;
    for (size_t at = 0; at <= name.size();) {
      const size_t dot = std::min(name.find('.', at), name.size());
      node = &ChildOf(*node, name.substr(at, dot - at));
      at = dot + 1;
    }
    node->column = static_cast<int>(i);
  }
}

JsonMembers::~JsonMembers() = default;

std::span<const std::string_view> JsonMembers::texts() const { return impl_->texts; }

bool JsonMembers::Read(std::string_view json, Reject& reject) {
  std::fill(impl_->texts.begin(), impl_->texts.end(), std::string_view());
  std::fill(impl_->literal_seen.begin(), impl_->literal_seen.end(), false);
  impl_->nested_column = kNoColumn;
  impl_->too_deep = false;
  const error_code error = impl_->ReadDocument(json);
  if (error == simdjson::SUCCESS && impl_->nested_column == kNoColumn) return true;
  reject.code = error == simdjson::UTF8_ERROR ? reject::kBadUtf8 : reject::kMalformedJson;
  if (error == simdjson::SUCCESS) {
    reject.detail = fmt::format("{} holds an object or an array",
                                impl_->columns[static_cast<size_t>(impl_->nested_column)]);
  } else if (error == simdjson::UTF8_ERROR) {
    reject.detail = "the record is not UTF-8";
  } else if (impl_->too_deep) {
    reject.detail = fmt::format("nested deeper than {}", kMaxDepth);
  } else if (error == simdjson::INCORRECT_TYPE) {
    reject.detail = "the line is not a JSON object";
  } else {
    reject.detail = "the line is not valid JSON";
  }
  return false;
}

}  // namespace leat
